"""The Shotstack renderer with short timeouts, for tests with the fake."""

from pathlib import Path

from backends.local.process import ProcessLimits
from backends.local.video_cli import VideoCli
from backends.rendering.budget import MonthlyBudget
from backends.shotstack.rate_limiter import ShotstackTimeouts
from backends.shotstack.render_log import RenderLog, RenderTracking
from backends.shotstack.renderer import ShotstackRenderer
from backends.shotstack.timeline import JsonObject
from settings import RenderingSettings
from video_editing.contract.style import Style

LIMITS = ProcessLimits(120, 60, 2_000_000_000)
KEEP_BACKGROUND = Style(keep_background=True)  #: a style that needs no mattes
KEY = "a-key-of-the-sandbox"  #: the key that the fake accepts
#: for a fake on the same machine
SHORT_TIMEOUTS = ShotstackTimeouts(
    response=3,
    gate=20,
    retry_total=3,
    retry_wait=0.02,
    transfer=5,
    poll=0.1,
    max_poll=0.2,
    grace=0.5,
    ingest=10,
    deadline=20,
    adoption=0.5,
)


def create_shotstack_renderer(
    address: str,
    folder: Path,
    *,
    budget: MonthlyBudget | None = None,
    timeouts: ShotstackTimeouts = SHORT_TIMEOUTS,
    is_checked: bool = True,
    **settings: object,
) -> ShotstackRenderer:
    """Create a renderer with the API at *address*; *settings* replace rendering settings.

    If *is_checked*, its kind of alpha was seen to look right before.
    """
    values = {"renderer": "shotstack", "api_key": KEY, "api_url": address} | settings
    budget = budget or MonthlyBudget(folder / "money.json", None, lambda *_: None)
    renderer = ShotstackRenderer(
        RenderingSettings(_env_file=None, **values),
        folder,
        VideoCli("shotstack", LIMITS),
        budget,
        RenderTracking(RenderLog(folder / "renders.json")),
        timeouts,
    )
    if is_checked:
        renderer.alpha_check.record(renderer.settings.alpha_format)
    return renderer


def locate_asset(
    clip: JsonObject, size: tuple[int, int], canvas: tuple[int, int]
) -> tuple[float, ...]:
    """Return left, top, width and height in pixels of an asset of *size* as Shotstack draws it.

    ``fit: none`` keeps the size of the asset, ``scale`` multiplies it, ``position: center`` aligns
    its centre with that of the frame, and ``offset`` moves it by fractions of the frame, with y
    upwards.
    """
    assert clip["fit"] == "none"
    assert clip["position"] == "center"
    width, height = (side * clip["scale"] for side in size)
    middle_x = canvas[0] * (0.5 + clip["offset"]["x"])
    middle_y = canvas[1] * (0.5 - clip["offset"]["y"])
    return middle_x - width / 2, middle_y - height / 2, width, height
