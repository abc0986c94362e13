"""The settings, read from environment variables or a file ``.env``.

Only entry points construct them. There is one group for each concern, and each part of the program
receives its own group only. The docstring below a field documents its variable.
"""

import re
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import unquote, urlsplit

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

SERVICE_PATTERN = r"https://[^\s,]+"
#: names of backends; an https address is a service on a GPU machine of your own
BACKEND_PATTERN = rf"modal|local-gpu|local-cpu|{SERVICE_PATTERN}"

#: what Telegram accepts, and sends in a header with each update
WEBHOOK_SECRET_PATTERN = re.compile(r"[A-Za-z0-9_-]{16,256}")
#: from @BotFather: the bot's id and a secret
BOT_TOKEN_PATTERN = re.compile(r"[0-9]+:[A-Za-z0-9_-]+")
MIN_OPS_TOKEN_LENGTH = 24  #: characters, which nobody tries out
#: the schemes that hosting platforms use for Postgres
POSTGRES_SCHEME = re.compile(r"postgres(ql(\+psycopg)?)?://")


#: a service elsewhere must have TLS: requests contain secrets and clips
SECURE_PATTERN = r"https://[^\s,]+|http://(127\.0\.0\.1|\[::1\]|localhost)(:\d+)?(/[^\s,]*)?"


def _split_commas(value: object) -> object:
    if not isinstance(value, str):
        return value
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _split_outside_brackets(value: object) -> object:
    if not isinstance(value, str):
        return value
    parts, depth = [""], 0
    for letter in value:
        depth += (letter == "[") - (letter == "]")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return tuple(part.strip() for part in parts if part.strip())


def split_group(name: str) -> tuple[str, ...]:
    """Return the services of a group in brackets; a single backend is a group of its own."""
    if not name.startswith("["):
        return (name,)
    return tuple(part.strip() for part in name[1:-1].split(","))


def _validate_backend(name: str) -> str:
    members = split_group(name)
    if name.startswith("["):
        is_group = name.endswith("]") and len(members) > 1
        if not is_group or not all(re.fullmatch(SERVICE_PATTERN, member) for member in members):
            raise ValueError("a group has two https addresses or more: [https://a,https://b]")
    elif not re.fullmatch(BACKEND_PATTERN, name):
        raise ValueError("must be modal, local-gpu, local-cpu or an https address")
    for member in members:
        _require_host(member)
    return name


def _require_host(name: str) -> None:
    try:
        has_host = "://" not in name or bool(urlsplit(name).hostname)
    except ValueError:  # brackets that are not those of an IPv6 address
        has_host = False
    if not has_host:
        raise ValueError("has an address that cannot be read")


class SettingsGroup(BaseSettings):
    """Settings of one concern; each field has the name of its variable as its alias."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,  # which may be a secret
        populate_by_name=True,
        use_attribute_docstrings=True,
    )


class BackendSettings(SettingsGroup):
    """The backends, and when a job falls back from one to the next."""

    names: Annotated[tuple[Annotated[str, AfterValidator(_validate_backend)], ...], NoDecode] = (
        Field(default=("modal", "local-gpu", "local-cpu"), validation_alias="OVERLAY_BACKENDS")
    )
    """The backends, best first, separated by commas; those that are not configured or not available
    are left out. Equal services in brackets, as [https://a,https://b], share the jobs."""

    deadline: float = Field(default=600, gt=0, validation_alias="OVERLAY_DEADLINE")
    """Seconds in which the mattes of a job must be ready; a slow engine gives way to a fast one."""

    time_factor: float = Field(default=3, gt=0, validation_alias="OVERLAY_TIME_FACTOR")
    """How many times the clip's length the mattes of the best engine may take; where a backend is
    slower, the fast engine makes them."""

    attempts: int = Field(default=2, ge=1, validation_alias="OVERLAY_ATTEMPTS")
    """Attempts of a job at one backend."""

    retry_seconds: float = Field(default=60, ge=0, validation_alias="OVERLAY_RETRY_SECONDS")
    """Seconds from the first attempt at a backend after which there is no further one; waits
    included."""

    failure_threshold: int = Field(default=1, ge=1, validation_alias="OVERLAY_FAILURES")
    """Failed jobs in a row after which a backend is not used for a while."""

    cooldown: float = Field(default=60, gt=0, validation_alias="OVERLAY_COOLDOWN")
    """Seconds for which it is not used, before one job tries it again."""

    _split_names = field_validator("names", mode="before")(_split_outside_brackets)

    @field_validator("names")
    @classmethod
    def _require_distinct_hosts(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        members = [member for name in names for member in split_group(name)]
        hosts = [urlsplit(member).netloc for member in members if "://" in member]
        if len(members) > len(names) and len(set(hosts)) < len(hosts):
            raise ValueError("names a host twice")
        return names

    @property
    def members(self) -> tuple[str, ...]:
        """The backends, best first, without the brackets of groups."""
        return tuple(member for name in self.names for member in split_group(name))

    @property
    def groups(self) -> list[tuple[str, ...]]:
        """The groups of equal services."""
        return [group for name in self.names if len(group := split_group(name)) > 1]


class LocalSettings(SettingsGroup):
    """The limits of a child process on this machine, and the prices of its devices."""

    max_seconds: float = Field(default=1800, gt=0, validation_alias="LOCAL_SECONDS")
    """Seconds for the mattes of one clip, after which the child is killed."""

    stall_seconds: float = Field(default=25, gt=0, validation_alias="LOCAL_PATIENCE")
    """Seconds without progress and without CPU use after which the child is killed."""

    rembg_model: str = Field(default="u2net_human_seg", validation_alias="OVERLAY_MODEL")
    """The rembg network that the GPU check at the start runs."""

    rvm_weights: Path | None = Field(default=None, validation_alias="OVERLAY_RVM_WEIGHTS")
    """An ONNX file of RobustVideoMatting for the best engine; unset: the installed one."""

    memory_mb: int = Field(default=4000, gt=0, validation_alias="LOCAL_MEMORY_MB")
    """Megabytes (10^6 bytes) of main memory that the child may use."""

    cpu_price: float = Field(default=0, ge=0, validation_alias="LOCAL_CPU_PRICE")
    """Price of local-cpu in dollars a second."""

    gpu_price: float = Field(default=0, ge=0, validation_alias="LOCAL_GPU_PRICE")
    """Price of local-gpu in dollars a second."""


class RemoteSettings(SettingsGroup):
    """The client of a service that makes mattes, at Modal or on a GPU machine of your own."""

    endpoint: str = Field(
        default="", pattern=rf"^({SECURE_PATTERN})?$", validation_alias="MODAL_OVERLAY_ENDPOINT"
    )
    """Address of the service at Modal, with https; without one, the backend modal is left out."""

    key: SecretStr = Field(default=SecretStr(""), validation_alias="MODAL_KEY")
    """Modal's proxy token: the id."""

    secret: SecretStr = Field(default=SecretStr(""), validation_alias="MODAL_SECRET")
    """Modal's proxy token: the secret."""

    token: SecretStr = Field(default=SecretStr(""), validation_alias="OVERLAY_TOKEN")
    """Bearer token of the service; its clients send it and the service requires it."""

    price: float = Field(default=0.000306, ge=0, validation_alias="MODAL_PRICE")
    """Price of its GPU in dollars a second; the default is that of an A10 at Modal."""

    start_seconds: float = Field(default=300, gt=0, validation_alias="MODAL_START_SECONDS")
    """Seconds in which a cold GPU of it must start, or the next backend is asked."""


class ServiceSettings(SettingsGroup):
    """The HTTP service that makes mattes, on a machine with a GPU or at Modal."""

    token: SecretStr = Field(default=SecretStr(""), validation_alias="OVERLAY_TOKEN")
    """Bearer token that clients send; this or both of Modal's keys must be set."""

    key: SecretStr = Field(default=SecretStr(""), validation_alias="MODAL_KEY")
    """What clients may send as Modal-Key instead,"""

    secret: SecretStr = Field(default=SecretStr(""), validation_alias="MODAL_SECRET")
    """together with this as Modal-Secret."""

    folder: Path = Field(default=Path("data/service"), validation_alias="SERVICE_DIR")
    """Folder for clips, mattes and overlays, until they expire."""

    backend: Literal["local-gpu", "local-cpu"] = Field(
        default="local-gpu", validation_alias="SERVICE_PLACE"
    )
    """The backend that makes the mattes on the service's machine."""

    workers: int = Field(default=1, ge=1, validation_alias="SERVICE_WORKERS")
    """Child processes that share the segments of one job."""

    parallel_jobs: int = Field(default=1, ge=1, validation_alias="SERVICE_AT_ONCE")
    """Jobs that run at the same time."""

    max_jobs: int = Field(default=100, ge=1, validation_alias="SERVICE_WAITING")
    """Jobs that run or wait; more are refused."""

    max_clip_mb: int = Field(default=2000, ge=1, validation_alias="SERVICE_CLIP_MB")
    """Megabytes (10^6 bytes) of the largest clip."""

    max_job_seconds: float = Field(default=3600, gt=0, validation_alias="SERVICE_JOB_SECONDS")
    """Seconds that one job may run."""

    retention_seconds: float = Field(default=3600, gt=0, validation_alias="SERVICE_KEEP_SECONDS")
    """Seconds without use after which clips, jobs and overlays are deleted."""

    link_seconds: float = Field(default=3600, gt=0, validation_alias="SERVICE_LINK_SECONDS")
    """Seconds for which the link to an overlay is valid."""

    sync_seconds: float = Field(default=140, gt=0, lt=150, validation_alias="SERVICE_SYNC_SECONDS")
    """Seconds that process_overlay_sync waits; Modal ends each request after 150."""


class ModalSettings(SettingsGroup):
    """The containers of the service at Modal."""

    gpus: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("A10", "L4", "T4"), validation_alias="MODAL_GPUS"
    )
    """Kinds of GPU, best first, separated by commas."""

    min_containers: int = Field(default=0, ge=0, validation_alias="MODAL_MIN_CONTAINERS")
    """GPUs that stay warm without work, and are paid for."""

    max_containers: int = Field(default=10, ge=1, validation_alias="MODAL_MAX_CONTAINERS")
    """Most GPUs at the same time."""

    scaledown_window: int = Field(
        default=120, ge=2, le=1200, validation_alias="MODAL_SCALEDOWN_WINDOW"
    )
    """Seconds that an idle GPU waits for more work."""

    _split_gpus = field_validator("gpus", mode="before")(_split_commas)


class RenderingSettings(SettingsGroup):
    """The renderer of results, its account and its budget."""

    renderer: Literal["local", "service", "shotstack", "auto"] = Field(
        default="local", validation_alias="RENDERER"
    )
    """This machine; the services of OVERLAY_BACKENDS; Shotstack; or auto, whichever of them will
    finish first. This machine is the fallback of all."""

    api_key: SecretStr = Field(default=SecretStr(""), validation_alias="SHOTSTACK_API_KEY")
    """API key of Shotstack's environment; without one, this machine renders."""

    stage: Literal["stage", "v1"] = Field(default="stage", validation_alias="SHOTSTACK_STAGE")
    """Shotstack's environment: stage, the free sandbox with a watermark, or v1, production."""

    sandbox_key: SecretStr = Field(default=SecretStr(""), validation_alias="SHOTSTACK_SANDBOX_KEY")
    """API key of Shotstack's sandbox, in which production is checked before its first render;
    without one, a second of production is rendered for it."""

    alpha_format: Literal["luma", "luma-inverted", "mov"] = Field(
        default="luma", validation_alias="SHOTSTACK_ALPHA"
    )
    """How overlays are uploaded: luma is an mp4 with a luma matte, white where the overlay is seen,
    luma-inverted one that is black there, mov is ProRes with alpha. A check of one frame corrects
    luma and luma-inverted."""

    price: float = Field(default=0.3, ge=0, validation_alias="SHOTSTACK_PRICE")
    """Price of its results in dollars a minute; the sandbox is free."""

    monthly_budget: float | None = Field(default=None, ge=0, validation_alias="BUDGET_USD")
    """Dollars a month (UTC) for its results, after which this machine renders; unset: no limit."""

    api_url: str = Field(
        default="https://api.shotstack.io",
        pattern=f"^({SECURE_PATTERN})$",
        validation_alias="SHOTSTACK_ADDRESS",
    )
    """Address of its API; without TLS only for a test server on this machine."""


class BotSettings(SettingsGroup):
    """The bot's connection to Telegram, its admins and its limits."""

    token: SecretStr = Field(default=SecretStr(""), validation_alias="BOT_TOKEN")
    """The bot's token, from @BotFather."""

    admin_ids: Annotated[frozenset[int], NoDecode] = Field(
        default=frozenset(), validation_alias="ADMIN_IDS"
    )
    """Telegram user ids of the admins, who may see and switch the backends; separated by commas."""

    api_server: str = Field(
        default="", pattern=r"^(https?://[^\s,]+)?$", validation_alias="TELEGRAM_API_SERVER"
    )
    """Address of a Bot API server of your own."""

    is_local_server: bool = Field(default=False, validation_alias="TELEGRAM_API_LOCAL")
    """It runs with --local on a disk that the bot can read: files of any size, results of 2 GB."""

    shared_folder: Path = Field(
        default=Path("/var/lib/telegram-bot-api"), validation_alias="TELEGRAM_API_DIR"
    )
    """The folder of its files with --local; the bot reads no other files of that disk."""

    webhook_url: str = Field(
        default="", pattern=r"^(https://[^\s,]+)?$", validation_alias="WEBHOOK_URL"
    )
    """The bot's own address, to which Telegram sends updates; without one, the bot polls."""

    webhook_secret: SecretStr = Field(default=SecretStr(""), validation_alias="WEBHOOK_SECRET")
    """The secret in Telegram's requests: 16 to 256 letters, digits, _ and -."""

    public_url: str = Field(
        default="",
        validation_alias=AliasChoices("PUBLIC_URL", "RAILWAY_PUBLIC_DOMAIN"),
    )
    """The https address at which people reach PORT, for the editor and the dashboard; without one,
    that of WEBHOOK_URL; without both, there are buttons to neither."""

    ops_token: SecretStr = Field(default=SecretStr(""), validation_alias="OPS_TOKEN")
    """Token of 24 characters or more that opens the dashboard /ops in any browser; without one,
    only admins open it, from Telegram."""

    port: int = Field(default=8080, ge=1, le=65535, validation_alias="PORT")
    """Port of /healthz, /readyz, /metrics, the dashboard, the editor and the webhook."""

    metrics_token: SecretStr = Field(default=SecretStr(""), validation_alias="METRICS_TOKEN")
    """Bearer token for /metrics; without one, it is open and shows neither dollars nor hosts."""

    parallel_jobs: int = Field(default=2, ge=1, validation_alias="JOBS_AT_ONCE")
    """Jobs that run at the same time."""

    max_waiting_jobs: int = Field(default=500, ge=1, validation_alias="JOBS_WAITING")
    """Jobs that may wait, of all users together; more are refused."""

    parallel_cards: int = Field(default=2, ge=1, validation_alias="CARDS_AT_ONCE")
    """Preview cards that are drawn at the same time."""

    max_clip_seconds: float = Field(default=600, gt=0, validation_alias="CLIP_SECONDS")
    """Longest clip, in seconds."""

    max_clip_mb: int = Field(default=500, ge=1, validation_alias="CLIP_MB")
    """Megabytes (10^6 bytes) of the largest clip behind a link."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", validation_alias="LOG_LEVEL"
    )
    """Lowest level that is logged."""

    @field_validator("admin_ids", mode="before")
    @classmethod
    def _split_admin_ids(cls, value: object) -> object:
        """Accept ``1,2``, ``1;2``, ``1 2`` and ``[1, 2]``, with quotes or without."""
        if not isinstance(value, str):
            return value
        words = re.split(r"[\s,;]+", value.strip("[](){}\"' \t\n"))
        try:
            return frozenset(int(word.strip("\"'")) for word in words if word)
        except ValueError:
            raise ValueError("must be numeric ids of users, as in 12345,67890") from None

    @field_validator("token", mode="before")
    @classmethod
    def _strip_token(cls, value: object) -> object:
        return value.strip("\"' \t\r\n") if isinstance(value, str) else value

    @field_validator("token")
    @classmethod
    def _validate_token(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and not BOT_TOKEN_PATTERN.fullmatch(value.get_secret_value()):
            raise ValueError("is not a token of @BotFather, which looks like 123456:ABC-DEF")
        return value

    @field_validator("public_url")
    @classmethod
    def _validate_public_url(cls, value: str) -> str:
        """Return the origin; Railway states its name alone."""
        if not value:
            return ""
        address = urlsplit(value if "://" in value else f"https://{value}")
        if address.scheme != "https" or not address.hostname or not address.netloc.isascii():
            raise ValueError("must be an https address")
        return f"https://{address.netloc}"

    @field_validator("ops_token")
    @classmethod
    def _validate_ops_token(cls, value: SecretStr) -> SecretStr:
        if 0 < len(value.get_secret_value()) < MIN_OPS_TOKEN_LENGTH:
            raise ValueError(f"must have {MIN_OPS_TOKEN_LENGTH} characters or more")
        return value

    @field_validator("webhook_secret")
    @classmethod
    def _validate_webhook_secret(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and not WEBHOOK_SECRET_PATTERN.fullmatch(
            value.get_secret_value()
        ):
            raise ValueError("must be 16 to 256 of A-Z, a-z, 0-9, _ and -")
        return value

    @property
    def site(self) -> str:
        """The public https origin of this process; "" without one."""
        if self.public_url or not self.webhook_url:
            return self.public_url
        return f"https://{urlsplit(self.webhook_url).netloc}"

    @model_validator(mode="after")
    def _require_webhook_secret(self) -> Self:
        if self.webhook_url and not self.webhook_secret.get_secret_value():
            raise ValueError("WEBHOOK_SECRET must be set with WEBHOOK_URL, or anybody could write")
        return self


class StorageSettings(SettingsGroup):
    """The files and the database of the bot."""

    folder: Path = Field(
        default=Path("data"),
        validation_alias=AliasChoices("DATA_DIR", "RAILWAY_VOLUME_MOUNT_PATH"),
    )
    """Folder of jobs, mattes, the database and the state of the backends."""

    database_url: SecretStr = Field(default=SecretStr(""), validation_alias="DATABASE_URL")
    """A Postgres, as postgresql://…; without one, an SQLite file in the folder."""

    mattes_hours: float = Field(default=24, ge=0, validation_alias="MATTES_HOURS")
    """Hours for which the mattes of a result are stored, for its other formats."""

    mattes_mb: int = Field(default=5000, ge=0, validation_alias="MATTES_MB")
    """Megabytes (10^6 bytes) that they may use together; the oldest are removed first."""

    job_days: int = Field(default=90, ge=30, validation_alias="KEEP_JOBS_DAYS")
    """Days for which jobs that are over are recorded; /stats looks back 30 days."""

    @field_validator("database_url")
    @classmethod
    def _normalize_database_url(cls, value: SecretStr) -> SecretStr:
        address = value.get_secret_value()
        if address and not POSTGRES_SCHEME.match(address):
            raise ValueError("must begin with postgresql://")
        try:
            urlsplit(address).port  # noqa: B018 - the property raises for an invalid port
        except ValueError:
            raise ValueError("is not the address of a database") from None
        return SecretStr(POSTGRES_SCHEME.sub("postgresql+psycopg://", address, count=1))


class Settings(BaseModel):
    """All settings."""

    backends: BackendSettings = Field(default_factory=BackendSettings)
    local: LocalSettings = Field(default_factory=LocalSettings)
    remote: RemoteSettings = Field(default_factory=RemoteSettings)
    service: ServiceSettings = Field(default_factory=ServiceSettings)
    modal: ModalSettings = Field(default_factory=ModalSettings)
    rendering: RenderingSettings = Field(default_factory=RenderingSettings)
    bot: BotSettings = Field(default_factory=BotSettings)
    storage: StorageSettings = Field(default_factory=StorageSettings)

    def collect_secrets(self) -> list[str]:
        """Return all secrets and secret parts of values, which logs must not contain."""
        groups = (getattr(self, name) for name in type(self).model_fields)
        values = (getattr(group, name) for group in groups for name in type(group).model_fields)
        secrets = {value.get_secret_value() for value in values if isinstance(value, SecretStr)}
        address = self.storage.database_url.get_secret_value()
        password = urlsplit(address).password or ""
        token = self.bot.token.get_secret_value()
        return sorted((secrets | {password, unquote(password), token.partition(":")[2]}) - {""})
