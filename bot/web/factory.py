"""Builds what answers the requests of pages."""

from dataclasses import dataclass
from importlib.metadata import version

from sqlalchemy.ext.asyncio import AsyncEngine

from backends.renderer_factory import create_monthly_budget
from bot.database.audit import AuditLog
from bot.database.drafts import DraftRepository
from bot.database.history import History
from bot.database.jobs import JobRepository
from bot.database.statistics import Statistics
from bot.database.users import UserRepository
from bot.jobs.draft_files import DraftFiles
from bot.jobs.operator_actions import OperatorActions
from bot.jobs.supervisor import JobSupervisor
from bot.operations.backend_pool import BackendPool
from bot.operations.intake import Intake
from bot.operations.logs import RecentLines
from bot.preview_cards import PreviewRenderer
from bot.telegram.messenger import Messenger
from bot.ui.texts import Texts
from bot.web.editor import EditorPages
from bot.web.editor_files import EditorFiles
from bot.web.ops import OpsPages
from bot.web.ops_state import OpsSources, OpsState
from bot.web.orders import DraftOrders
from bot.web.sharing import SharePages
from bot.web.signatures import Signatures
from bot.web.site import Site
from settings import Settings
from video_editing import ffmpeg


@dataclass(frozen=True, slots=True)
class SiteParts:
    """What the pages share with the rest of the bot.

    Attributes:
        engine: of the database.
        jobs: accepts, cancels and repeats jobs.
        backend_pool: the backends in use.
        actions: what operators may do.
        intake: whether new jobs are accepted.
        renderer: draws the layers of cards.
        draft_files: the folders of drafts.
        messenger: edits cards.
        texts: why a job is refused.
        lines: the latest lines of the log.
    """

    engine: AsyncEngine
    jobs: JobSupervisor
    backend_pool: BackendPool
    actions: OperatorActions
    intake: Intake
    renderer: PreviewRenderer
    draft_files: DraftFiles
    messenger: Messenger
    texts: Texts
    lines: RecentLines


def create_site(settings: Settings, parts: SiteParts) -> Site:
    """Create all pages."""
    token, ops_token = (
        secret.get_secret_value() for secret in (settings.bot.token, settings.bot.ops_token)
    )
    signatures = Signatures(token, ops_token, settings.bot.admin_ids)
    sharing = SharePages(signatures, JobRepository(parts.engine), parts.messenger, parts.texts)
    return Site(
        _create_ops(settings, signatures, parts), _create_editor(signatures, parts), sharing
    )


def _create_ops(settings: Settings, signatures: Signatures, parts: SiteParts) -> OpsPages:
    sources = OpsSources(
        parts.jobs,
        parts.backend_pool,
        parts.intake,
        Statistics(parts.engine, settings.storage.folder),
        History(parts.engine),
        AuditLog(parts.engine),
        budget=settings.rendering.monthly_budget,
        get_booked=create_monthly_budget(settings).get_spent,
        versions={"version": version("overlaybot"), "ffmpeg": ffmpeg.get_version()},
    )
    return OpsPages(signatures, OpsState(sources), parts.actions, parts.lines)


def _create_editor(signatures: Signatures, parts: SiteParts) -> EditorPages:
    orders = DraftOrders(
        parts.jobs, DraftRepository(parts.engine), UserRepository(parts.engine), parts.messenger
    )
    files = EditorFiles(parts.renderer, parts.draft_files)
    return EditorPages(signatures, orders, files, parts.texts)
