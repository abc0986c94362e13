"""Everything that the environment decides; only the entry points construct it.

One group for each concern; a part of the program receives its group and no other.
"""

import re
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import unquote, urlsplit

from pydantic import AliasChoices, BaseModel, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

#: places by name; an https address is a GPU server of one's own
BACKEND_PATTERN = r"modal|local-gpu|local-cpu|https://[^\s,]+"

#: what Telegram shows in a header
WEBHOOK_SECRET_PATTERN = re.compile(r"[A-Za-z0-9_-]{16,256}")
#: what @BotFather gives: the bot's number and a secret
BOT_TOKEN_PATTERN = re.compile(r"[0-9]+:[A-Za-z0-9_-]+")
#: the ways in which platforms name a Postgres
POSTGRES_SCHEME = re.compile(r"postgres(ql(\+psycopg)?)?://")


def _split_commas(value: object) -> object:
    if not isinstance(value, str):
        return value
    return tuple(part.strip() for part in value.split(",") if part.strip())


class SettingsGroup(BaseSettings):
    """Settings that belong together, by the names that they have in the environment."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,  # it may be a secret
        populate_by_name=True,
        use_attribute_docstrings=True,
    )


class BackendSettings(SettingsGroup):
    """Where mattes are made, and how long the next place waits for the one before."""

    names: Annotated[
        tuple[Annotated[str, Field(pattern=f"^({BACKEND_PATTERN})$")], ...], NoDecode
    ] = Field(default=("modal", "local-gpu", "local-cpu"), validation_alias="OVERLAY_BACKENDS")
    """The places, best first, by commas; what is not configured or not there is left out."""

    deadline: float = Field(default=600, gt=0, validation_alias="OVERLAY_DEADLINE")
    """Seconds after which the mattes of a job are late; a slow engine gives way to a fast one."""

    attempts: int = Field(default=2, ge=1, validation_alias="OVERLAY_ATTEMPTS")
    """How often a job asks one place."""

    retry_seconds: float = Field(default=60, ge=0, validation_alias="OVERLAY_RETRY_SECONDS")
    """Seconds from the first asking after which a place is not asked again; waits included."""

    failure_threshold: int = Field(default=1, ge=1, validation_alias="OVERLAY_FAILURES")
    """After so many jobs in a row that failed there a place is left alone."""

    cooldown: float = Field(default=60, gt=0, validation_alias="OVERLAY_COOLDOWN")
    """Seconds for which it is left alone, before one job tries it again."""

    _split_names = field_validator("names", mode="before")(_split_commas)


class LocalSettings(SettingsGroup):
    """What a child process on this machine may take."""

    max_seconds: float = Field(default=1800, gt=0, validation_alias="LOCAL_SECONDS")
    """Seconds for the mattes of one clip, before the child is killed."""

    stall_seconds: float = Field(default=25, gt=0, validation_alias="LOCAL_PATIENCE")
    """Seconds without a frame and without work, after which a child hangs and is killed."""

    rembg_model: str = Field(default="u2net_human_seg", validation_alias="OVERLAY_MODEL")
    """The rembg network with which a GPU is tried at the start."""

    memory_mb: int = Field(default=4000, gt=0, validation_alias="LOCAL_MEMORY_MB")
    """Megabytes (10^6 bytes) of main memory that a child may hold."""

    cpu_price: float = Field(default=0, ge=0, validation_alias="LOCAL_CPU_PRICE")
    """Dollars a second of local-cpu."""

    gpu_price: float = Field(default=0, ge=0, validation_alias="LOCAL_GPU_PRICE")
    """Dollars a second of local-gpu."""


class RemoteSettings(SettingsGroup):
    """The service that makes mattes at Modal, or on a GPU machine of one's own."""

    endpoint: str = Field(default="", validation_alias="MODAL_OVERLAY_ENDPOINT")
    """Its address at Modal; without one, modal is left out."""

    key: SecretStr = Field(default=SecretStr(""), validation_alias="MODAL_KEY")
    """Modal's proxy token: the id."""

    secret: SecretStr = Field(default=SecretStr(""), validation_alias="MODAL_SECRET")
    """Modal's proxy token: the secret."""

    token: SecretStr = Field(default=SecretStr(""), validation_alias="OVERLAY_TOKEN")
    """The bearer token of the service, for whoever asks it and for itself."""

    price: float = Field(default=0.000306, ge=0, validation_alias="MODAL_PRICE")
    """Dollars a second of its device; an A10 at Modal."""


class ServiceSettings(SettingsGroup):
    """The HTTP service that makes mattes, on a machine with a GPU or at Modal."""

    token: SecretStr = Field(default=SecretStr(""), validation_alias="OVERLAY_TOKEN")
    """What clients show as bearer; this or both of Modal's keys must be set."""

    key: SecretStr = Field(default=SecretStr(""), validation_alias="MODAL_KEY")
    """What clients may show as Modal-Key instead."""

    secret: SecretStr = Field(default=SecretStr(""), validation_alias="MODAL_SECRET")
    """What they then show as Modal-Secret."""

    folder: Path = Field(default=Path("data/service"), validation_alias="SERVICE_DIR")
    """Clips, mattes and overlays, for a while."""

    backend: Literal["local-gpu", "local-cpu"] = Field(
        default="local-gpu", validation_alias="SERVICE_PLACE"
    )
    """Where on its machine the work is done."""

    workers: int = Field(default=1, ge=1, validation_alias="SERVICE_WORKERS")
    """Children that share the segments of one job."""

    parallel_jobs: int = Field(default=1, ge=1, validation_alias="SERVICE_AT_ONCE")
    """Jobs that run side by side."""

    max_jobs: int = Field(default=100, ge=1, validation_alias="SERVICE_WAITING")
    """Jobs that run or wait; more are told to come back."""

    max_clip_mb: int = Field(default=2000, ge=1, validation_alias="SERVICE_CLIP_MB")
    """Megabytes (10^6 bytes) of the largest clip."""

    max_job_seconds: float = Field(default=3600, gt=0, validation_alias="SERVICE_JOB_SECONDS")
    """Seconds that one job may run."""

    retention_seconds: float = Field(default=3600, gt=0, validation_alias="SERVICE_KEEP_SECONDS")
    """Seconds after which what nobody asks about is deleted."""

    link_seconds: float = Field(default=3600, gt=0, validation_alias="SERVICE_LINK_SECONDS")
    """Seconds for which the link to an overlay works."""

    sync_seconds: float = Field(default=140, gt=0, lt=150, validation_alias="SERVICE_SYNC_SECONDS")
    """Seconds that process_overlay_sync waits; Modal ends every request after 150."""


class ModalSettings(SettingsGroup):
    """How the service runs at Modal."""

    gpus: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("A10", "L4", "T4"), validation_alias="MODAL_GPUS"
    )
    """Kinds of GPU, best first, by commas."""

    min_containers: int = Field(default=0, ge=0, validation_alias="MODAL_MIN_CONTAINERS")
    """GPUs kept warm, and paid for, while nobody asks."""

    max_containers: int = Field(default=10, ge=1, validation_alias="MODAL_MAX_CONTAINERS")
    """GPUs at once."""

    scaledown_window: int = Field(
        default=120, ge=2, le=1200, validation_alias="MODAL_SCALEDOWN_WINDOW"
    )
    """Seconds that an idle GPU waits for more work."""

    _split_gpus = field_validator("gpus", mode="before")(_split_commas)


class RenderingSettings(SettingsGroup):
    """Who makes the finished video, and what it may cost."""

    renderer: Literal["local", "shotstack"] = Field(default="local", validation_alias="RENDERER")
    """This machine, or Shotstack with this machine behind it."""

    api_key: SecretStr = Field(default=SecretStr(""), validation_alias="SHOTSTACK_API_KEY")
    """Of Shotstack's environment; without one, this machine does it all."""

    stage: Literal["stage", "v1"] = Field(default="stage", validation_alias="SHOTSTACK_STAGE")
    """Shotstack's environment: the sandbox, free and with a watermark, or production."""

    alpha_format: Literal["luma", "mov"] = Field(default="luma", validation_alias="SHOTSTACK_ALPHA")
    """How Shotstack gets an overlay: as mp4 with a luma matte, small, or as ProRes with alpha."""

    price: float = Field(default=0.3, ge=0, validation_alias="SHOTSTACK_PRICE")
    """Dollars for a minute of its results; the sandbox costs nothing."""

    monthly_budget: float | None = Field(default=None, ge=0, validation_alias="BUDGET_USD")
    """Dollars for its results in a month (UTC), after which this machine makes them; or no end."""

    api_url: str = Field(
        default="https://api.shotstack.io",
        pattern=r"^https?://[^\s,]+$",
        validation_alias="SHOTSTACK_ADDRESS",
    )
    """Where its API is; without TLS only for a stand-in on one's own machine."""


class BotSettings(SettingsGroup):
    """How the bot talks to Telegram, and how much it takes on."""

    token: SecretStr = Field(default=SecretStr(""), validation_alias="BOT_TOKEN")
    """Of the bot, from @BotFather."""

    admin_ids: Annotated[frozenset[int], NoDecode] = Field(
        default=frozenset(), validation_alias="ADMIN_IDS"
    )
    """Telegram's numbers of those who may see and switch the places, by commas."""

    api_server: str = Field(
        default="", pattern=r"^(https?://[^\s,]+)?$", validation_alias="TELEGRAM_API_SERVER"
    )
    """A Bot API server of your own."""

    is_local_server: bool = Field(default=False, validation_alias="TELEGRAM_API_LOCAL")
    """It runs with --local, on a disk that we see too: files of any size, results of 2 GB."""

    shared_folder: Path = Field(
        default=Path("/var/lib/telegram-bot-api"), validation_alias="TELEGRAM_API_DIR"
    )
    """The folder in which it then keeps its files; nothing else of the disk is read."""

    webhook_url: str = Field(
        default="", pattern=r"^(https://[^\s,]+)?$", validation_alias="WEBHOOK_URL"
    )
    """Our address as Telegram sees it; without one, we ask Telegram for updates."""

    webhook_secret: SecretStr = Field(default=SecretStr(""), validation_alias="WEBHOOK_SECRET")
    """What Telegram shows with every update: 16 to 256 letters, digits, _ and -."""

    port: int = Field(default=8080, ge=1, le=65535, validation_alias="PORT")
    """Where /healthz, /readyz, /metrics and the webhook are."""

    parallel_jobs: int = Field(default=2, ge=1, validation_alias="JOBS_AT_ONCE")
    """Jobs that run side by side."""

    max_waiting_jobs: int = Field(default=500, ge=1, validation_alias="JOBS_WAITING")
    """Jobs that may wait; more are told to come back."""

    parallel_cards: int = Field(default=2, ge=1, validation_alias="CARDS_AT_ONCE")
    """Cards that are drawn side by side."""

    max_clip_seconds: float = Field(default=600, gt=0, validation_alias="CLIP_SECONDS")
    """The longest clip."""

    max_clip_mb: int = Field(default=500, ge=1, validation_alias="CLIP_MB")
    """Megabytes (10^6 bytes) of the largest clip behind a link."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", validation_alias="LOG_LEVEL"
    )
    """What is logged, and all that is worse."""

    @field_validator("admin_ids", mode="before")
    @classmethod
    def _split_admin_ids(cls, value: object) -> object:
        return _split_commas(value)

    @field_validator("token")
    @classmethod
    def _validate_token(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and not BOT_TOKEN_PATTERN.fullmatch(value.get_secret_value()):
            raise ValueError("is no token of @BotFather, which is like 123456:ABC-DEF")
        return value

    @field_validator("webhook_secret")
    @classmethod
    def _validate_webhook_secret(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and not WEBHOOK_SECRET_PATTERN.fullmatch(
            value.get_secret_value()
        ):
            raise ValueError("must be 16 to 256 of A-Z, a-z, 0-9, _ and -")
        return value

    @model_validator(mode="after")
    def _require_webhook_secret(self) -> Self:
        if self.webhook_url and not self.webhook_secret.get_secret_value():
            raise ValueError("WEBHOOK_SECRET must be set with WEBHOOK_URL, or anybody could write")
        return self


class StorageSettings(SettingsGroup):
    """Where things are kept."""

    folder: Path = Field(
        default=Path("data"),
        validation_alias=AliasChoices("DATA_DIR", "RAILWAY_VOLUME_MOUNT_PATH"),
    )
    """Jobs, mattes, the database, and what is known about the places."""

    database_url: SecretStr = Field(default=SecretStr(""), validation_alias="DATABASE_URL")
    """A Postgres, as postgresql://…; without one, an SQLite lies in the folder."""

    mattes_hours: float = Field(default=24, ge=0, validation_alias="MATTES_HOURS")
    """Hours for which the mattes of a result are kept, for its other forms."""

    mattes_mb: int = Field(default=5000, ge=0, validation_alias="MATTES_MB")
    """Megabytes (10^6 bytes) that they may take in all."""

    @field_validator("database_url")
    @classmethod
    def _normalize_database_url(cls, value: SecretStr) -> SecretStr:
        address = value.get_secret_value()
        if address and not POSTGRES_SCHEME.match(address):
            raise ValueError("must begin with postgresql://")
        try:
            urlsplit(address).port  # noqa: B018 - it raises, as the rest does
        except ValueError:
            raise ValueError("is no address of a database") from None
        return SecretStr(POSTGRES_SCHEME.sub("postgresql+psycopg://", address, count=1))


class Settings(BaseModel):
    """All groups."""

    backends: BackendSettings = Field(default_factory=BackendSettings)
    local: LocalSettings = Field(default_factory=LocalSettings)
    remote: RemoteSettings = Field(default_factory=RemoteSettings)
    service: ServiceSettings = Field(default_factory=ServiceSettings)
    modal: ModalSettings = Field(default_factory=ModalSettings)
    rendering: RenderingSettings = Field(default_factory=RenderingSettings)
    bot: BotSettings = Field(default_factory=BotSettings)
    storage: StorageSettings = Field(default_factory=StorageSettings)

    def collect_secrets(self) -> list[str]:
        """All that must never be shown, also as parts of what is."""
        groups = (getattr(self, name) for name in type(self).model_fields)
        values = (getattr(group, name) for group in groups for name in type(group).model_fields)
        found = {value.get_secret_value() for value in values if isinstance(value, SecretStr)}
        address = self.storage.database_url.get_secret_value()
        password = urlsplit(address).password or ""
        token = self.bot.token.get_secret_value()
        return sorted((found | {password, unquote(password), token.partition(":")[2]}) - {""})
