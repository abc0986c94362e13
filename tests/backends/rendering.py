"""What the tests of renderers share: Shotstack's, in front of the fake."""

from pathlib import Path

from fake_shotstack import KEY, FakeShotstack

from backends.child import Limits
from backends.money import Money
from backends.shotstack.pace import Pace
from backends.shotstack.renderer import ShotstackRenderer
from settings import Rendering

LIMITS = Limits(120, 60, 2_000_000_000)
#: quick, for the fake is near
QUICK = Pace(
    answer=3,
    gate=20,
    budget=3,
    pause=0.02,
    transfer=5,
    poll=0.1,
    slowest=0.2,
    grace=0.5,
    ingest=10,
    deadline=20,
    adoption=0.5,
)


def shotstack(
    fake: FakeShotstack,
    folder: Path,
    *,
    money: Money | None = None,
    pace: Pace = QUICK,
    **settings: object,
) -> ShotstackRenderer:
    """A renderer whose account is at *fake*."""
    group = Rendering(
        _env_file=None, **{"renderer": "shotstack", "key": KEY, "address": fake.url} | settings
    )
    money = money or Money(folder / "money.json", None, lambda *_: None)
    return ShotstackRenderer(group, folder, LIMITS, money, pace=pace)
