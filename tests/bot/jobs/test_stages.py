"""The stages: what is there is not made again, what is missing is."""

import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from backends.base import BackendStarted, Event, OverlayBackend, Report
from backends.local.video_cli import DEFAULT_PROGRAM, VideoCli
from backends.rendering.base import Renderer, RenderRequest, RenderResult
from bot.domain.job_request import Appearance, BackgroundChoice, JobRequest, MediaSource, SourceKind
from bot.domain.outcomes import FailureCode, Rejected, ResultRendered, StepDone
from bot.jobs.stages import JobStages, Stage
from bot.jobs.workspace import CLIP_FILE, MATTES_FOLDER, Workspace, link_file, link_folder
from bot.telegram.errors import DownloadRejected
from bot.telegram.limits import TelegramLimits
from tests.bot.support.job_runtime import CHILD, CLIP, JOB, Files, stand_in
from tests.support.make_clips import drawn, make_clip
from video_editing.contract.errors import InputRejected, RejectReason
from video_editing.contract.formats import OutputFormat
from video_editing.contract.plan import Plan, read_plan, write_plan

HOSTILE = MediaSource(kind=SourceKind.DOCUMENT, file_id="../../etc/passwd")


class Place(OverlayBackend):
    """Makes mattes out of nothing."""

    name = "place"

    def __init__(self) -> None:
        self.asked = 0

    async def make_mattes(self, clip: Path, plan: Plan, folder: Path, report: Report) -> None:
        """See :class:`OverlayBackend`."""
        assert clip.read_bytes()
        self.asked += 1
        report(BackendStarted(self.name))
        for segment in plan.segments:
            (folder / segment.file_name).write_bytes(b"a matte")


class Studio(Renderer):
    """Keeps the scene that it was shown."""

    name = "studio"

    def __init__(self) -> None:
        self.scenes: list[RenderRequest] = []
        self.failure: Exception | None = None

    async def render(self, scene: RenderRequest, result: Path, report: Report) -> RenderResult:
        """See :class:`Renderer`."""
        self.scenes.append(scene)
        report(BackendStarted(self.name))
        if self.failure:
            raise self.failure
        result.write_bytes(b"a result")
        return RenderResult(self.name, 160, 96, 1.5, dollars=0.2)


class Bench:
    """Stages with all that they need."""

    def __init__(self, tmp_path: Path, program: tuple[str, ...]) -> None:
        self.folders, self.files = Workspace(tmp_path / "data"), Files()
        self.place, self.studio = Place(), Studio()
        self.events: list[Event] = []
        command = VideoCli("local", CHILD, program)
        self.stages = JobStages(
            self.folders, self.files, lambda: self.place, self.studio, command, TelegramLimits()
        )

    def hear(self, event: Event) -> None:
        """Report."""
        self.events.append(event)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """With a quick program."""
    return Bench(tmp_path, stand_in(tmp_path / "programs"))


async def test_the_last_stage_makes_all_that_is_missing(bench: Bench) -> None:
    """And a second call makes nothing."""
    made = await bench.stages.require(Stage.COMPOSE, JOB, bench.hear)
    assert isinstance(made, ResultRendered)
    assert (made.renderer, made.dollars) == ("studio", 0.2)
    assert await bench.stages.require(Stage.COMPOSE, JOB, bench.hear) == made
    assert (bench.files.fetched, bench.place.asked, len(bench.studio.scenes)) == (["clip"], 1, 1)


@pytest.mark.parametrize("lost", [CLIP_FILE, MATTES_FOLDER, "result.mp4", "made.json"])
async def test_what_is_lost_is_made_again(bench: Bench, lost: str) -> None:
    """Whichever file it is."""
    await bench.stages.require(Stage.COMPOSE, JOB, bench.hear)
    folder = bench.folders.get_job_folder(JOB.id)
    for path in [folder / lost, *(folder / lost).rglob("*")]:
        if path.is_file():
            path.unlink()
    for path in (folder / "result.mp4", folder / "made.json"):
        path.unlink(missing_ok=True)
    assert isinstance(await bench.stages.require(Stage.COMPOSE, JOB, bench.hear), ResultRendered)
    assert len(bench.studio.scenes) == 2


async def test_what_a_scene_holds(bench: Bench) -> None:
    """The order, in the words of renderers; sizes fit Telegram's limit."""
    photo = MediaSource(kind=SourceKind.PHOTO, file_id="photo")
    bench.files.there["photo"] = b"a photo"
    look = Appearance(backdrop=BackgroundChoice(kind="file", source=photo))
    job = replace(JOB, order=JobRequest(clip=CLIP, look=look, form=OutputFormat.NOTE))
    await bench.stages.require(Stage.COMPOSE, job, bench.hear)
    (scene,) = bench.studio.scenes
    assert (scene.form, scene.style) == (OutputFormat.NOTE, look.to_style(OutputFormat.NOTE))
    assert Path(scene.background).read_bytes() == b"a photo"
    assert scene.max_bytes is not None
    assert scene.max_bytes < TelegramLimits().upload_bytes


@pytest.mark.parametrize(
    ("backdrop", "background"),
    [(BackgroundChoice(kind="blur"), "blur"), (BackgroundChoice(colour="#010203"), "#010203")],
)
async def test_backgrounds(bench: Bench, backdrop: BackgroundChoice, background: str) -> None:
    """Colours and blur are their own names."""
    job = replace(JOB, order=JobRequest(clip=CLIP, look=Appearance(backdrop=backdrop)))
    await bench.stages.require(Stage.COMPOSE, job, bench.hear)
    assert bench.studio.scenes[0].background == background


async def test_names_of_users_are_no_paths(bench: Bench) -> None:
    """Whatever a file is called, it lies in the job's folder, under a name of ours."""
    bench.files.there[HOSTILE.file_id] = b"hostile"
    look = Appearance(backdrop=BackgroundChoice(kind="file", source=HOSTILE))
    job = replace(JOB, order=JobRequest(clip=HOSTILE, look=look))
    assert await bench.stages.require(Stage.FETCH, job, bench.hear) == StepDone()
    names = sorted(path.name for path in bench.folders.get_job_folder(job.id).iterdir())
    assert names[1] == "clip"
    assert names[0].startswith("background-")
    assert names[0].removeprefix("background-").isalnum()


async def test_mattes_that_do_not_fit_are_made_anew(bench: Bench) -> None:
    """Damaged mattes are the fault of a backend, and the user gets no message."""
    bench.studio.failure = InputRejected(RejectReason.BAD_MATTE, why="torn")
    with pytest.raises(Exception, match="garbage"):
        await bench.stages.require(Stage.COMPOSE, JOB, bench.hear)
    bench.studio.failure = None
    assert isinstance(await bench.stages.require(Stage.COMPOSE, JOB, bench.hear), ResultRendered)
    assert bench.place.asked == 2


async def test_mattes_of_another_clip_are_not_used(tmp_path: Path) -> None:
    """A link may lead to another clip the next time; the command line sees that."""
    bench = Bench(tmp_path, DEFAULT_PROGRAM)
    first = make_clip(tmp_path / "first.mp4", drawn(10))
    second = make_clip(tmp_path / "second.mp4", drawn(25, (192, 128)))
    bench.files.there["clip"] = first.read_bytes()
    await bench.stages.require(Stage.MATTES, JOB, bench.hear)
    await bench.stages.keep_mattes(JOB)
    await bench.stages.remove_files(JOB)
    again = replace(JOB, id="again", order=JOB.order.model_copy(update={"mattes": JOB.id}))
    await bench.stages.require(Stage.MATTES, again, bench.hear)
    assert bench.place.asked == 1
    other = replace(again, id="other")
    bench.files.there["clip"] = second.read_bytes()
    await bench.stages.require(Stage.MATTES, other, bench.hear)
    assert bench.place.asked == 2
    assert read_plan(bench.folders.get_job_folder("other") / MATTES_FOLDER).size == (192, 128)


async def test_a_long_clip_is_refused(bench: Bench) -> None:
    """As soon as its length is known."""
    folder = bench.folders.get_job_folder(JOB.id) / MATTES_FOLDER
    bench.files.there["clip"] = b"a clip"
    await bench.stages.require(Stage.PLAN, JOB, bench.hear)
    plan = read_plan(folder)
    last = plan.segments[-1].model_copy(update={"end": plan.segments[-1].start + 700 * 25})
    for path in folder.iterdir():
        path.unlink()
    write_plan(plan.model_copy(update={"segments": (*plan.segments[:-1], last)}), folder)
    refused = await bench.stages.require(Stage.PLAN, JOB, bench.hear)
    assert isinstance(refused, Rejected)
    assert refused.fault == "too_long_clip"


async def test_a_folder_appears_whole(tmp_path: Path) -> None:
    """What died half linked is begun anew."""
    there, here = tmp_path / "there", tmp_path / "here"
    there.mkdir()
    (there / "one").write_text("one")
    (tmp_path / ".here.part").mkdir()
    (tmp_path / ".here.part" / "old").write_text("old")
    assert await link_folder(there, here)
    assert [path.name for path in here.iterdir()] == ["one"]
    assert not await link_folder(tmp_path / "nowhere", tmp_path / "elsewhere")


async def test_a_link_that_was_forgotten_is_too_old(bench: Bench) -> None:
    """As a press long after the result has it."""
    forgotten = JobRequest(clip=MediaSource(kind=SourceKind.LINK), look=Appearance())
    with pytest.raises(DownloadRejected) as raised:
        await bench.stages.require(Stage.FETCH, replace(JOB, order=forgotten), bench.hear)
    assert raised.value.fault == FailureCode.EXPIRED


async def test_where_links_cannot_be_there_are_copies(tmp_path: Path) -> None:
    """From another file system, one file or a folder of them; what is there already stays."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as elsewhere:
        there = Path(elsewhere)
        if there.stat().st_dev == tmp_path.stat().st_dev:
            pytest.skip("all is one file system here")
        (there / "clip").write_bytes(b"a clip")

        assert await link_file(there / "clip", tmp_path / "job" / "clip")
        assert (tmp_path / "job" / "clip").read_bytes() == b"a clip"
        (there / "clip").write_bytes(b"another")
        assert await link_file(there / "clip", tmp_path / "job" / "clip")
        assert (tmp_path / "job" / "clip").read_bytes() == b"a clip"
        assert not await link_file(there / "nothing", tmp_path / "job" / "nothing")
        assert await link_folder(there, tmp_path / "mattes")
        assert [path.name for path in (tmp_path / "mattes").iterdir()] == ["clip"]
