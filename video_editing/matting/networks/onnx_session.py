"""ONNX Runtime: sessions on the processor or a GPU, with threads that suit a shared machine."""

import ctypes
import os
from pathlib import Path
from typing import Any

from video_editing.concurrency import count_cpus
from video_editing.contract.errors import ModelUnavailable

#: by device: the provider and its options
PROVIDERS: dict[str, tuple[str, dict[str, str]]] = {
    "cpu": ("CPUExecutionProvider", {}),
    "cuda": (
        "CUDAExecutionProvider",
        {
            # By default cuDNN tries every algorithm for each new size of the picture: seconds.
            "cudnn_conv_algo_search": "HEURISTIC",
            # By default each extension doubles the memory that is reserved.
            "arena_extend_strategy": "kSameAsRequested",
            "gpu_mem_limit": str(8 << 30),
        },
    ),
}
CUDA_LIBRARY = "libonnxruntime_providers_cuda.so"  #: loads CUDA and cuDNN
DRIVER_LIBRARY = "libcuda.so.1"  #: comes with NVIDIA's driver, not with a package
MAX_PARALLEL_RUNS = 2  #: three are not faster on an H100
MIN_CUDA_VERSION = 13000  #: of the driver; ONNX Runtime 1.31 is built for CUDA 13.0


def create_session(model: str, weights: Path, device: str) -> Any:
    """Return a session of the network in *weights*; it never falls back to another device.

    Raises:
        ModelUnavailable: the device or the weights are not available; *model* is named in the
            message.
    """
    onnxruntime = import_onnxruntime(model, device)
    provider = PROVIDERS[device]
    try:
        session = onnxruntime.InferenceSession(
            str(weights), _create_session_options(onnxruntime), providers=[provider]
        )
    except Exception as err:  # ONNX Runtime's errors have no other common base
        raise ModelUnavailable(model, f"its weights cannot be loaded: {err}") from err
    if provider[0] not in session.get_providers():  # it silently uses the processor instead
        raise ModelUnavailable(model, f"CUDA does not start: {find_cuda_problem(onnxruntime)}")
    return session


def import_onnxruntime(model: str, device: str) -> Any:
    """Import ONNX Runtime, without its telemetry, and for CUDA the libraries that it needs.

    Raises:
        ModelUnavailable: it was built without *device*; *model* is named in the message.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read once, by the import
    import onnxruntime  # noqa: PLC0415 - must follow the line that sets its environment

    if PROVIDERS[device][0] not in onnxruntime.get_available_providers():
        why = "no CUDA in this ONNX Runtime (uv sync --extra gpu --no-group cpu)"
        raise ModelUnavailable(model, why)
    if device == "cuda":
        onnxruntime.preload_dlls(directory="")
    return onnxruntime


def find_cuda_problem(onnxruntime: Any) -> str:
    """Return what is missing for CUDA: the driver, a library, a newer driver or the GPU."""
    try:
        driver = ctypes.CDLL(DRIVER_LIBRARY)
    except OSError:
        return f"NVIDIA's driver is not installed ({DRIVER_LIBRARY})"
    try:
        ctypes.CDLL(str(Path(onnxruntime.__file__).parent / "capi" / CUDA_LIBRARY))
    except OSError as err:
        return f"a library is missing ({str(err).partition(':')[0]})"
    version, status = ctypes.c_int(), driver.cuInit(0)
    driver.cuDriverGetVersion(ctypes.byref(version))
    if version.value < MIN_CUDA_VERSION:
        return f"NVIDIA's driver is too old (CUDA {version.value // 1000}, 13 is needed)"
    return f"no GPU answers (error {status} of cuInit)" if status else "for a reason in its log"


def count_parallel_runs(device: str) -> int:
    """Return how many parts of a clip are computed at the same time on *device*.

    One part leaves a GPU idle for most of the time; two cores feed it with one.
    """
    return 1 if device == "cpu" else max(1, min(MAX_PARALLEL_RUNS, count_cpus() // 2))


def _create_session_options(onnxruntime: Any) -> Any:
    """Return options for at most two threads, which sleep while they have no work.

    By default they spin, which takes the processor from the decoder and the encoder: on two cores
    mattes of 1080p took 1.4 times as long.
    """
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.intra_op_num_threads = min(2, count_cpus())
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors; it warns of every node that stays on the processor
    return options
