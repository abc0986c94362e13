"""The settings from the environment, and their documentation."""

import re
from pathlib import Path

import pytest
from pydantic import AliasChoices, BaseModel, SecretStr, ValidationError

from backends.cli.commands import InvalidSettings, load_settings
from settings import Settings, SettingsGroup
from tests.support.paths import ROOT

EXAMPLE = ROOT / ".env.example"
OPERATING = ROOT / "docs" / "operating.md"
NONE = (None, "", SecretStr(""), frozenset())  #: defaults that the documentation leaves empty
ROW = re.compile(r"^\| `([A-Z_]+)` \| (?:`(.*?)` )?\| (\S.*) \|$", re.MULTILINE)


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Unset all variables, and change to a folder without a file .env."""
    for name in names():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def groups() -> dict[str, type[BaseModel]]:
    """Return the groups by their names."""
    return {
        name: field.annotation
        for name, field in Settings.model_fields.items()
        if field.annotation is not None
    }


def defaults() -> dict[str, object]:
    """Return the default of each variable."""
    return {
        str(alias.choices[0] if isinstance(alias, AliasChoices) else alias): field.default
        for group in groups().values()
        for field in group.model_fields.values()
        for alias in [field.validation_alias]
    }


def names() -> set[str]:
    """Return the names of all variables, without alternative names."""
    return set(defaults())


def test_everything_has_a_default() -> None:
    """The program starts without any variable."""
    assert Settings().backends.names == ("modal", "local-gpu", "local-cpu")


def test_the_example_shows_every_variable_with_its_default() -> None:
    """A copy of the example as .env changes no setting and names each variable."""
    lines = [line for line in EXAMPLE.read_text().splitlines() if line and line[0] != "#"]
    assert {line.partition("=")[0] for line in lines} >= names()
    expected = Settings()
    Path(".env").write_text(EXAMPLE.read_text())
    assert Settings() == expected


def test_the_readme_explains_every_variable_with_its_default() -> None:
    """The table has each variable once; an environment of its defaults changes nothing."""
    table = OPERATING.read_text().partition("## Variables\n")[2].partition("\n## ")[0]
    rows = ROW.findall(table)
    assert sorted(name for name, _, _ in rows) == sorted(names())
    expected = Settings()
    Path(".env").write_text("".join(f"{name}={default}\n" for name, default, _ in rows))
    assert Settings() == expected
    documented = {name for name, default, _ in rows if default}
    assert documented == {name for name, default in defaults().items() if default not in NONE}


def test_an_empty_variable_is_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name without a value, as some hosting platforms set it, means the default."""
    monkeypatch.setenv("OVERLAY_BACKENDS", "")
    monkeypatch.setenv("OVERLAY_COOLDOWN", "")
    assert Settings().backends.cooldown == 60
    assert Settings().backends.names == ("modal", "local-gpu", "local-cpu")


def test_backends_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    """The order is preserved, blanks are removed."""
    monkeypatch.setenv("OVERLAY_BACKENDS", " local-cpu, https://gpu.example.org:8443 ,modal,")
    names = ("local-cpu", "https://gpu.example.org:8443", "modal")
    assert Settings().backends.names == names


def test_equal_services_are_grouped_in_brackets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blanks are removed; the members are backends like others."""
    monkeypatch.setenv(
        "OVERLAY_BACKENDS", "modal, [https://a.example , https://[::1]:8443],local-cpu"
    )
    backends = Settings().backends
    assert backends.members == ("modal", "https://a.example", "https://[::1]:8443", "local-cpu")
    assert backends.groups == [("https://a.example", "https://[::1]:8443")]


@pytest.mark.parametrize(
    ("backends", "why"),
    [
        ("[https://a,https://b", "[https://a,https://b]"),
        ("https://a,https://b]", "cannot be read"),
        ("[https://a],local-cpu", "two https addresses"),
        ("[],local-cpu", "two https addresses"),
        ("[[https://a,https://b]]", "two https addresses"),
        ("[https://a,local-cpu]", "two https addresses"),
        ("[https://a,modal]", "two https addresses"),
        ("[https://a,https://]", "two https addresses"),
        ("[https://a,http://b]", "two https addresses"),
        ("[https://a,https://a]", "twice"),
        ("https://a,[https://a,https://b]", "twice"),
        ("[https://a https://b]", "two https addresses"),
        ("[https://a,https://b]local-cpu", "two https addresses"),
    ],
)
def test_a_malformed_group_is_explained_in_one_line(
    monkeypatch: pytest.MonkeyPatch, backends: str, why: str
) -> None:
    """The start ends with a line that names the variable."""
    monkeypatch.setenv("OVERLAY_BACKENDS", backends)
    with pytest.raises(InvalidSettings) as caught:
        load_settings()
    line = str(caught.value)
    assert line.startswith("OVERLAY_BACKENDS")
    assert why in line
    assert "\n" not in line


@pytest.mark.parametrize(
    "backends", ["modal,gpu", "http://gpu.example.org", "local_cpu", "modal;local-cpu"]
)
def test_an_unknown_backend_is_refused(monkeypatch: pytest.MonkeyPatch, backends: str) -> None:
    """A misspelt backend stops the start; it is not skipped."""
    monkeypatch.setenv("OVERLAY_BACKENDS", backends)
    with pytest.raises(ValidationError, match="OVERLAY_BACKENDS"):
        Settings()


@pytest.mark.parametrize("name", ["MODAL_OVERLAY_ENDPOINT", "SHOTSTACK_ADDRESS"])
def test_a_service_elsewhere_must_have_tls(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Secrets and clips are sent there; this machine needs none."""
    for address in ("https://gpu.example/x", "http://127.0.0.1:8000", "http://localhost/x"):
        monkeypatch.setenv(name, address)
        Settings()
    for address in (
        "http://gpu.example",
        "http://127.0.0.1.example",
        "http://localhost@gpu.example",
    ):
        monkeypatch.setenv(name, address)
        with pytest.raises(ValidationError, match=name):
            Settings()


def test_secrets_are_not_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The representation of the settings contains no secret."""
    for name in (
        *("MODAL_KEY", "MODAL_SECRET", "OVERLAY_TOKEN", "WEBHOOK_SECRET", "SHOTSTACK_API_KEY"),
        "METRICS_TOKEN",
    ):
        monkeypatch.setenv(name, "canary-of-settings")
    monkeypatch.setenv("BOT_TOKEN", "4242:canary")
    monkeypatch.setenv("DATABASE_URL", "postgres://bot:canary@host/db")
    assert "canary" not in repr(Settings())
    assert Settings().remote.key.get_secret_value() == "canary-of-settings"


def test_every_setting_is_explained() -> None:
    """Each field has a docstring."""
    for group in groups().values():
        assert issubclass(group, SettingsGroup)
        for name, field in group.model_fields.items():
            assert field.description, f"{group.__name__}.{name}"


def test_a_webhook_without_a_secret_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it, anybody could send updates to the bot."""
    monkeypatch.setenv("WEBHOOK_URL", "https://bot.example.org/")
    with pytest.raises(ValidationError, match="WEBHOOK_SECRET"):
        Settings()
    monkeypatch.setenv("WEBHOOK_SECRET", "short")
    with pytest.raises(ValidationError, match="WEBHOOK_SECRET"):
        Settings()
    monkeypatch.setenv("WEBHOOK_SECRET", "long-enough_to_be-1")
    assert Settings().bot.webhook_url


def test_a_volume_of_railway_holds_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """The volume is the default; DATA_DIR takes precedence."""
    monkeypatch.setenv("RAILWAY_VOLUME_MOUNT_PATH", "/volume")
    assert Settings().storage.folder == Path("/volume")
    monkeypatch.setenv("DATA_DIR", "/elsewhere")
    assert Settings().storage.folder == Path("/elsewhere")


def test_admins_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    """By number; a name is refused."""
    monkeypatch.setenv("ADMIN_IDS", "12, 345,")
    assert Settings().bot.admin_ids == {12, 345}
    for written in ("[12, 345]", "12;345", "12 345", '"12","345"', "'12,345'"):
        monkeypatch.setenv("ADMIN_IDS", written)
        assert Settings().bot.admin_ids == {12, 345}
    monkeypatch.setenv("BOT_TOKEN", ' "123:abc"\n')
    assert Settings().bot.token.get_secret_value() == "123:abc"
    monkeypatch.setenv("ADMIN_IDS", "@ann")
    with pytest.raises(ValidationError, match="ADMIN_IDS"):
        Settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BOT_TOKEN", "canary"),
        ("WEBHOOK_SECRET", "canary"),
        ("DATABASE_URL", "mysql://bot:canary@host/db"),
    ],
)
def test_an_error_does_not_show_the_secret(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """It names the variable without its value."""
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError, match=name) as caught:
        Settings()
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_a_postgres_may_be_named_in_every_usual_way(
    monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    """Hosting platforms use different schemes."""
    monkeypatch.setenv("DATABASE_URL", f"{scheme}://bot:word@host/db")
    address = Settings().storage.database_url.get_secret_value()
    assert address == "postgresql+psycopg://bot:word@host/db"


def test_all_secrets_are_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    """Logs hide them, also the password of an address, encoded and decoded."""
    monkeypatch.setenv("BOT_TOKEN", "4242:canary")
    monkeypatch.setenv("DATABASE_URL", "postgres://bot:p%40ss@host/db")
    monkeypatch.setenv("SHOTSTACK_API_KEY", "key")
    expected = {
        "4242:canary",
        "canary",
        "postgresql+psycopg://bot:p%40ss@host/db",
        "p@ss",
        "p%40ss",
    }
    assert set(Settings().collect_secrets()) == expected | {"key"}


@pytest.mark.parametrize(
    ("variables", "site"),
    [
        ({}, ""),
        (
            {"WEBHOOK_URL": "https://bot.example/telegram", "WEBHOOK_SECRET": "s" * 16},
            "https://bot.example",
        ),
        ({"RAILWAY_PUBLIC_DOMAIN": "bot.up.railway.app"}, "https://bot.up.railway.app"),
        (
            {"PUBLIC_URL": "https://own.example/x/", "RAILWAY_PUBLIC_DOMAIN": "r.app"},
            "https://own.example",
        ),
    ],
)
def test_the_public_address_is_that_of_the_platform(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], site: str
) -> None:
    """Or of the webhook, unless it is set."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert Settings().bot.site == site


@pytest.mark.parametrize(
    "variables",
    [{"PUBLIC_URL": "http://bot.example"}, {"PUBLIC_URL": "https://"}, {"OPS_TOKEN": "short"}],
)
def test_an_unsafe_page_is_refused(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    """Telegram opens https pages only, and a short token is guessed."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError):
        Settings()
