"""Backends are created from the settings."""

import asyncio
import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from backends.base import OverlayBackend, Report
from backends.errors import BackendUnavailable, FailureKind
from backends.factory import (
    BackendState,
    NoBackendAvailable,
    UnavailableBackend,
    assemble_chain,
    create_backend,
    create_chain,
)
from backends.local.backend import LocalBackend
from backends.resilience.fallback import FallbackChain
from settings import BackendSettings, RemoteSettings, Settings, StorageSettings
from tests.backends.support.event_recorder import Heard
from tests.backends.support.programs import PROGRAMS
from tests.backends.support.scripted_backend import Scripted
from video_editing.contract.plan import Plan

NATIVE = ("ai_edge_litert", "av", "cv2", "mediapipe", "numpy", "onnxruntime", "rembg")
OTHERS = ("aiohttp", "backends.remote.backend", "backends.server", "fastapi", "modal")


def settings(folder: Path, *names: str, endpoint: str = "") -> Settings:
    return Settings(
        backends=BackendSettings(names=names),
        remote=RemoteSettings(endpoint=endpoint),
        storage=StorageSettings(folder=folder),
    )


def names(chain: OverlayBackend) -> list[str]:
    assert isinstance(chain, FallbackChain)
    return [backend.name for backend in chain.backends]


async def test_an_unavailable_backend_is_left_out_with_a_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Places that are not configured or have no device leave one line each, with the reason."""
    with caplog.at_level(logging.WARNING, "backends.factory"):
        chain = await create_chain(settings(tmp_path, "modal", "local-cpu"))
    assert names(chain) == ["local-cpu"]
    (line,) = caplog.messages
    assert line == "left out: modal: not_configured (MODAL_OVERLAY_ENDPOINT is not set)"


async def test_an_empty_chain_stops_the_start(tmp_path: Path) -> None:
    """An empty chain is refused in one line that names the variable."""
    with pytest.raises(NoBackendAvailable, match=r"^OVERLAY_BACKENDS=modal: .*[^\n]$"):
        await create_chain(settings(tmp_path, "modal"))


async def test_a_backend_is_created_by_its_name(tmp_path: Path) -> None:
    """The command line asks for a single backend, or for all of them."""
    have = settings(tmp_path, "local-cpu")
    assert (await create_backend("local-cpu", have)).name == "local-cpu"
    assert (await create_backend("chain", have)).name == "chain"
    with pytest.raises(BackendUnavailable) as caught:
        await create_backend("modal", have)
    assert caught.value.kind is FailureKind.NOT_CONFIGURED


async def test_a_service_that_is_down_at_the_start_is_kept(
    tmp_path: Path, unused_tcp_port: int
) -> None:
    """It may be back for the first job; until then the breaker keeps it cheap."""
    have = settings(tmp_path, "modal", "local-cpu", endpoint=f"http://127.0.0.1:{unused_tcp_port}")
    assert names(await create_chain(have)) == ["modal", "local-cpu"]


def test_nothing_native_comes_into_our_process(tmp_path: Path) -> None:
    """Creating the local backend loads no decoder, no model and no module of other backends."""
    script = PROGRAMS / "build_chain.py"
    result = subprocess.run(
        [sys.executable, script, tmp_path], check=True, capture_output=True, text=True
    )
    loaded = set(result.stdout.split())
    assert "backends.local.backend" in loaded
    assert not loaded & {*NATIVE, *OTHERS}


def cuda() -> bool:
    """Whether a child can run a network on a GPU here."""
    code = "import onnxruntime as o; print('CUDAExecutionProvider' in o.get_available_providers())"
    result = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    return result.stdout.strip() == "True" and Path("/dev/nvidia0").exists()


def test_without_cuda_there_is_no_local_gpu(tmp_path: Path) -> None:
    """A backend that would silently compute on the processor is refused at the start."""
    if cuda():
        pytest.skip("there is a GPU here")
    with pytest.raises(BackendUnavailable) as caught:
        asyncio.run(create_backend("local-gpu", settings(tmp_path, "local-gpu")))
    assert caught.value.kind is FailureKind.NO_MODEL
    assert "CUDA" in caught.value.detail


@pytest.mark.gpu
def test_with_cuda_there_is_a_local_gpu(tmp_path: Path) -> None:
    """A network runs on the GPU once before the backend is offered."""
    if not cuda():
        pytest.skip("needs a GPU and onnxruntime-gpu: the trial runs a network on CUDA")
    assert (
        asyncio.run(create_backend("local-gpu", settings(tmp_path, "local-gpu"))).name
        == "local-gpu"
    )


async def test_this_machine_has_no_breaker(
    clip: Path, plan: Plan, tmp_path: Path, stand_in: Callable[..., LocalBackend]
) -> None:
    """One user's clip that kills its child does not keep the next user from local-cpu."""
    state = BackendState(tmp_path)
    options = settings(tmp_path, "local-cpu").backends
    broken = assemble_chain([stand_in("dies")], state, options)
    for _ in range(2):
        with pytest.raises(BackendUnavailable):
            await broken.make_mattes(clip, plan, tmp_path / "mattes", Heard())
    works = assemble_chain([stand_in("works")], state, options)
    await works.make_mattes(clip, plan, tmp_path / "mattes", Heard())
    assert state.breaker_states.read() == {}


class Wrapper(OverlayBackend):
    """Adds its name to that of the wrapped backend."""

    def __init__(self, inner: OverlayBackend) -> None:
        self.name = inner.name
        self.inner = inner

    async def make_mattes(self, clip: Path, plan: Plan, folder: Path, report: Report) -> None:
        """See :class:`OverlayBackend`."""
        await self.inner.make_mattes(clip, plan, folder, report)


def list_wrappers(backend: OverlayBackend) -> list[str]:
    """List the classes from the outside in."""
    inner = getattr(backend, "inner", None) or getattr(backend, "_inner", None)
    return [type(backend).__name__, *(list_wrappers(inner) if inner else [])]


def test_a_chain_is_wrapped_in_one_order(tmp_path: Path) -> None:
    """Alerts see what is left of the failures; the speed is measured without the waits."""
    failure = BackendUnavailable("local-gpu", FailureKind.NO_MODEL)
    backends = [Scripted("modal"), UnavailableBackend(failure), Scripted("local-cpu")]
    chain = assemble_chain(
        backends, BackendState(tmp_path), settings(tmp_path, "modal").backends, Wrapper
    )
    assert isinstance(chain, Wrapper)
    assert isinstance(chain.inner, FallbackChain)
    resilient = ["RetryingBackend", "MeasuredBackend", "Scripted"]
    assert [list_wrappers(backend) for backend in chain.inner.backends] == [
        ["Wrapper", "CircuitBreaker", *resilient],
        ["Wrapper", "UnavailableBackend"],
        ["Wrapper", *resilient],
    ]
