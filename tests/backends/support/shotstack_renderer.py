"""A renderer at the fake Shotstack, shared by several tests."""

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
KEPT = Style(keep_background=True)  #: needs no mattes and no engine
KEY = "a-key-of-the-sandbox"  #: of the fake
#: short, since the fake is on this machine
QUICK = ShotstackTimeouts(
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


def shotstack(
    address: str,
    folder: Path,
    *,
    money: MonthlyBudget | None = None,
    pace: ShotstackTimeouts = QUICK,
    **settings: object,
) -> ShotstackRenderer:
    """Return a renderer for the API at *address*; *settings* are of its group."""
    given = {"renderer": "shotstack", "api_key": KEY, "api_url": address} | settings
    money = money or MonthlyBudget(folder / "money.json", None, lambda *_: None)
    return ShotstackRenderer(
        RenderingSettings(_env_file=None, **given),
        folder,
        VideoCli("shotstack", LIMITS),
        money,
        RenderTracking(RenderLog(folder / "renders.json")),
        pace,
    )


def drawn(clip: JsonObject, size: tuple[int, int], canvas: tuple[int, int]) -> tuple[float, ...]:
    """Return where Shotstack draws an asset of *size*: left, top, width and height in pixels.

    ``fit: none`` leaves it as large as it is, ``scale`` multiplies that, ``position: center`` puts
    its middle on the frame's, and the offset moves it by fractions of the frame, upwards in y.
    """
    assert clip["fit"] == "none"
    assert clip["position"] == "center"
    width, height = (side * clip["scale"] for side in size)
    middle_x = canvas[0] * (0.5 + clip["offset"]["x"])
    middle_y = canvas[1] * (0.5 - clip["offset"]["y"])
    return middle_x - width / 2, middle_y - height / 2, width, height
