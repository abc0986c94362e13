"""What people read."""

import logging
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser

import pytest
from fluent.syntax import FluentParser, ast
from fluent.syntax.visitor import Visitor

from backends.errors import FailureKind
from backends.links.download import LinkError
from bot.domain.draft import Draft
from bot.domain.job_request import (
    PALETTE,
    Appearance,
    BackgroundChoice,
    Language,
    MediaSource,
    PaletteColour,
    SourceKind,
    detect_language,
)
from bot.domain.outcomes import FailureCode
from bot.telegram.limits import check_source, create_telegram_limits
from bot.ui.texts import (
    DEFAULT_DETAILS,
    FILE_KINDS,
    LOCALES_FOLDER,
    Texts,
    build_card_caption,
    describe_appearance,
)
from video_editing.compositing.matte_report import ClipWarning
from video_editing.contract.errors import RejectReason

TEXT, CAPTION, ALERT, LABEL = 4096, 1024, 200, 24
#: texts with a limit or a form of their own, by how their keys begin
SHORT = {"card": CAPTION, "look": CAPTION, "result-caption": CAPTION, "command-": 256}
ALERTS = {
    *("not-yours", "too-old", "made-already", "accepted", "cancelling", "cancel-over"),
    *(
        "style-gone",
        "accepted-note",
        "accepted-sticker",
        "fault-too-many",
        "fault-queue-full",
        "fault-paused",
    ),
}
NUMBERS = (0, 1, 2, 5, 21)
FRAGMENTS = {"place-where", "used-part"}  #: parts of other texts, and sometimes empty
#: variables that are neither selected on nor numbers
WORDS = {
    **FILE_KINDS,
    "name": "A & B",
    "names": "a, b",
    "others": "a",
    "reasons": "r",
    "reason": "r",
}


class Variables(Visitor):
    """The variables of a message, with the words on which is selected, and what it refers to."""

    def __init__(self) -> None:
        self.found: dict[str, set[str]] = defaultdict(set)
        self.messages: set[str] = set()

    def visit_VariableReference(self, node: ast.VariableReference) -> None:  # noqa: N802
        """Note it."""
        self.found[node.id.name] |= set()

    def visit_MessageReference(self, node: ast.MessageReference) -> None:  # noqa: N802
        """Note it."""
        self.messages.add(node.id.name)

    def visit_SelectExpression(self, node: ast.SelectExpression) -> None:  # noqa: N802
        """Note its words."""
        if isinstance(node.selector, ast.VariableReference):
            keys = {v.key.name for v in node.variants if isinstance(v.key, ast.Identifier)}
            self.found[node.selector.id.name] |= keys - {"one", "few", "many", "other"}
        self.generic_visit(node)


@cache
def messages(language: Language) -> dict[str, ast.Message]:
    """All texts of a language, by their keys."""
    entries = []
    for path in sorted(LOCALES_FOLDER.glob(f"*{language}.ftl")):
        entries += FluentParser().parse(path.read_text()).body
    assert not [entry for entry in entries if isinstance(entry, ast.Junk)]
    texts = [entry for entry in entries if isinstance(entry, ast.Message)]
    assert len({text.id.name for text in texts}) == len(texts), "a key has two texts"
    return {text.id.name: text for text in texts}


def variables(key: str, texts: dict[str, ast.Message]) -> dict[str, set[str]]:
    """What the text *key* takes, by itself or by those that it mentions."""
    visitor = Variables()
    visitor.visit(texts[key])
    for other in visitor.messages:
        for name, words in variables(other, texts).items():
            visitor.found[name] |= words
    return visitor.found


def renderings(key: str, language: Language) -> Iterator[str]:
    """The text *key* with each value in turn."""
    takes = variables(key, messages(language))
    values: dict[str, list[float | str]] = {}
    for name, words in takes.items():
        is_word = words or name in WORDS
        values[name] = [*sorted(words), WORDS.get(name, "x")] if is_word else [*NUMBERS]
        if name in {"speed", "dollars", "free", "total", "spent", "budget"}:
            values[name] = [1234.5]
    for i in range(max(map(len, values.values()), default=1)):
        yield Texts()(language, key, **{n: v[min(i, len(v) - 1)] for n, v in values.items()})


KEYS = sorted(messages(Language.EN))


def test_both_languages_have_the_same_texts() -> None:
    """With the same variables, on whose same words they select."""
    english, russian = messages(Language.EN), messages(Language.RU)
    assert set(english) == set(russian)
    for key in english:
        assert variables(key, english) == variables(key, russian), key


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("key", KEYS)
def test_each_text_can_be_said(
    key: str, language: Language, caplog: pytest.LogCaptureFixture
) -> None:
    """With any value, within Telegram's limits, in sound HTML, and without a slip of the pen."""
    limit = next((most for start, most in SHORT.items() if key.startswith(start)), TEXT)
    for text in renderings(key, language):
        assert not caplog.records, caplog.text
        assert text.strip() or key in FRAGMENTS
        assert len(text) <= limit
        assert not re.search(r"[{}]|\$(?!\d)| {2,}| [,.;:]|None|\?\?\?", text), text
        Sound().check(text)


class Sound(HTMLParser):
    """Return tags that Telegram does not accept, or that do not match."""

    def check(self, text: str) -> None:
        """See whether *text* is well-formed."""
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002 - as asked for
        """Open it."""
        assert tag in {"b", "i", "code", "pre"}
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close it."""
        assert self.open.pop() == tag


@pytest.mark.parametrize("language", Language)
def test_what_is_no_html_has_no_markup(language: Language) -> None:
    """Labels, alerts and the menu are shown as they are, and are short."""
    for key in KEYS:
        if key.startswith(("button-", "command-")) or key in ALERTS:
            limit = ALERT if key in ALERTS else LABEL if key.startswith("button-") else 256
            for text in renderings(key, language):
                assert not re.search("[<>&]", text)
                assert len(text) <= limit, text


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("fault", [*FailureCode, *RejectReason, *LinkError])
def test_each_fault_has_its_sentence(
    fault: FailureCode | RejectReason | LinkError,
    language: Language,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whether details are known or not; nothing of our insides is in it."""
    known = dict.fromkeys(DEFAULT_DETAILS, 61.5)
    for details in ({}, known, {"path": "/data/x", "why": "y"}):
        text = Texts().describe_failure(language, fault, details)
        assert len(text) > 20
        assert "/data" not in text
        assert fault.value not in re.findall(r"\w+_\w+", text)
    assert not caplog.records


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize(
    ("fault", "details", "words"),
    [
        (RejectReason.NOT_A_VIDEO, {"what": "picture"}, ("photo", "фотография")),
        (RejectReason.NOT_A_VIDEO, {}, ("Matroska", "Matroska")),
        (RejectReason.UNSUPPORTED_CODEC, {"stream": "audio"}, ("the sound", "звук")),
        (RejectReason.BAD_BACKGROUND, {"why": "too_large", "megapixels": 50.0}, ("50 ", "50 ")),
        (RejectReason.BAD_BACKGROUND, {"why": "unsupported_format"}, ("HEIC", "HEIC")),
        (RejectReason.BAD_BACKGROUND, {"why": "not_a_video"}, ("HEIC", "HEIC")),
        (RejectReason.BAD_BACKGROUND, {"why": "corrupt"}, ("damaged", "повреждён")),
    ],
)
def test_a_rejected_file_is_told_what_is_wrong_with_it(
    language: Language, fault: RejectReason, details: dict[str, float | str], words: tuple[str, str]
) -> None:
    """In both languages, with the limit or the kinds that are taken."""
    text = Texts().describe_failure(language, fault, details)
    assert words[language is Language.RU] in text


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("why", FailureKind)
def test_each_fault_of_a_place_has_its_words(why: FailureKind, language: Language) -> None:
    """In the message that another backend continues."""
    texts = Texts()
    words = texts(language, f"why-{why.replace('_', '-')}")
    news = texts(language, "status-fell-back", place="local-gpu", why=why.value)
    assert f"GPU {words}." in news


def test_values_are_escaped() -> None:
    """Names from users are never markup."""
    text = Texts()(Language.EN, "admin-first", name="<b>&", there="yes", others="")
    assert text.startswith("&lt;b&gt;&amp; is")


def test_an_unknown_text_is_a_bug() -> None:
    """It surfaces."""
    with pytest.raises(LookupError):
        Texts()(Language.EN, "nothing-like-it")


def test_a_forgotten_value_leaves_the_rest(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, and people still read something."""
    assert "videos come before yours" in Texts()(Language.EN, "status-waiting")
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


@pytest.mark.parametrize(
    ("seconds", "english", "russian"),
    [
        (1, "1 second", "1 секунда"),
        (2, "2 seconds", "2 секунды"),
        (12.4, "13 seconds", "13 секунд"),
        (60, "1 minute", "1 минута"),
        (120, "2 minutes", "2 минуты"),
        (300, "5 minutes", "5 минут"),
        (1260, "21 minutes", "21 минута"),
        (600.4, "10:01", "10:01"),
        (36001, "10:00:01", "10:00:01"),
    ],
)
def test_times_are_said_as_people_say_them(seconds: float, english: str, russian: str) -> None:
    """Russian has three plurals; what is over a limit never reads like it."""
    said = [Texts()(language, "result-caption", seconds=seconds) for language in Language]
    assert said[0].startswith(f"{english},")
    assert said[1].startswith(f"{russian},")


def test_a_refusal_says_both_numbers() -> None:
    """What was sent, and what is taken."""
    source = MediaSource(kind=SourceKind.VIDEO, file_id="x", size=20_000_001, seconds=10)
    refused = check_source(source, create_telegram_limits(is_local=False))
    assert refused
    text = Texts().describe_failure(Language.EN, refused.fault, refused.details)
    assert "20.1 MB" in text
    assert "up to 20 MB" in text
    assert "link" in text


@pytest.mark.parametrize("ahead", [0, 1, 2, 5, 100])
@pytest.mark.parametrize("language", Language)
def test_the_place_in_the_queue_is_a_number(ahead: int, language: Language) -> None:
    """Of those who come before, or one's own."""
    assert re.search(r"\d", Texts()(language, "status-waiting", ahead=ahead))


def test_a_card_says_what_is_chosen() -> None:
    """Shape, corner, size, background and engine, and how long the clip is."""
    clip = MediaSource(kind=SourceKind.VIDEO, file_id="x", seconds=12)
    draft = Draft(
        *("d", 1, 1, 1, None, Language.EN, clip, (), Appearance(), None, None, None),
        used=False,
        created=0,
    )
    text = build_card_caption(Texts(), draft)
    assert "Circle</b>, bottom right, medium\nBackground: navy blue. Quality: best." in text
    assert "Your video: 12 seconds." in text
    assert "takes" not in text


def test_a_card_says_how_long_each_engine_takes_where_that_was_measured() -> None:
    """12 s at 30 frames a second are 360 frames; a guess is not shown."""
    clip = MediaSource(kind=SourceKind.VIDEO, file_id="x", seconds=12)
    draft = Draft(
        *("d", 1, 1, 1, None, Language.EN, clip, (), Appearance(), None, None, None),
        used=False,
        created=0,
    )
    text = build_card_caption(Texts(), draft, speeds={"rvm": 3.0, "mediapipe": 36.0})
    assert "Best takes about 2 minutes, Fast about 10 seconds." in text
    assert "takes" not in build_card_caption(Texts(), draft, speeds={"mediapipe": 36.0})


@pytest.mark.parametrize("warning", ClipWarning)
@pytest.mark.parametrize("language", Language)
def test_each_warning_of_a_clip_has_a_sentence_of_its_own(
    language: Language, warning: ClipWarning
) -> None:
    """Which says what helps."""
    sentences = {Texts()(language, "card-warning", warning=each) for each in ClipWarning}
    assert len(sentences) == len(ClipWarning)
    assert Texts()(language, "card-warning", warning=warning).startswith("💡")


def test_each_colour_has_a_name() -> None:
    """And a colour that is none of ours is called one."""
    names = {
        Texts()(
            Language.EN,
            "look",
            **describe_appearance(Appearance(backdrop=BackgroundChoice(colour=colour))),
        )
        for colour, _ in PALETTE.values()
    }
    assert len(names) == len(PaletteColour) == len(PALETTE)
    other = Appearance(backdrop=BackgroundChoice(colour="#123456"))
    assert "Background: a colour." in Texts()(Language.EN, "look", **describe_appearance(other))


def test_languages_of_telegram() -> None:
    """Whatever its values are."""
    assert detect_language("ru") is detect_language("uk-UA") is Language.RU
    assert detect_language("pt-BR") is detect_language(None) is detect_language("") is Language.EN


def test_texts_use_one_kind_of_dash_and_people_are_not_cut_out_in_russian() -> None:
    texts = {path.name: path.read_text() for path in LOCALES_FOLDER.glob("*.ftl")}
    assert texts
    assert [name for name, text in texts.items() if "\N{EM DASH}" in text] == []
    assert [name for name, text in texts.items() if re.search("выреж|вырез", text.lower())] == []
