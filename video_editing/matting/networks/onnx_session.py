"""ONNX Runtime: sessions on the processor or a GPU, with threads that suit a shared machine."""

import os
from typing import Any

from video_editing.concurrency import count_cpus
from video_editing.contract.errors import ModelUnavailable

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


def import_onnxruntime(model: str, device: str) -> Any:
    """Import ONNX Runtime, without its telemetry.

    Raises:
        ModelUnavailable: it was built without *device*; *model* is named in the message.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read once, by the import
    import onnxruntime  # noqa: PLC0415 - must follow the line that sets its environment

    if PROVIDERS[device] not in onnxruntime.get_available_providers():
        raise ModelUnavailable(model, f"this onnxruntime has no {PROVIDERS[device]}")
    return onnxruntime


def create_session_options(onnxruntime: Any) -> Any:
    """Return options for at most two threads, which sleep while they have no work.

    By default they spin, which takes the processor from the decoder and the encoder: on two cores
    mattes of 1080p took 1.4 times as long.
    """
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.intra_op_num_threads = min(2, count_cpus())
    options.inter_op_num_threads = 1
    return options


def check_device(session: Any, model: str, device: str) -> None:
    """Check that *session* runs on *device*: ONNX Runtime silently uses the processor instead.

    Raises:
        ModelUnavailable: it does not.
    """
    if PROVIDERS[device] not in session.get_providers():
        raise ModelUnavailable(model, f"{PROVIDERS[device]} does not start here")
