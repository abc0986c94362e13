"""The extra ``gpu`` brings everything that CUDA needs but the driver, which is the machine's."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SYNC = ("uv", "sync", "--locked", "--extra", "gpu", "--no-group", "cpu", "--no-dev", "--quiet")
LDD = "/usr/bin/ldd"
FIND_PROBLEM = """
from video_editing.matting.networks.onnx_session import find_cuda_problem, import_onnxruntime
print(find_cuda_problem(import_onnxruntime("rvm", "cuda")))
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A new environment with the extra; it takes 3 GB."""
    folder = tmp_path_factory.mktemp("gpu") / "environment"
    variables = os.environ | {"UV_PROJECT_ENVIRONMENT": str(folder)}
    subprocess.run(SYNC, check=True, cwd=ROOT, env=variables, timeout=1800)
    yield folder
    shutil.rmtree(folder)


def test_only_the_driver_is_missing(environment: Path) -> None:
    """Every library that ONNX Runtime's CUDA provider is linked with lies in the environment."""
    (packages,) = environment.glob("lib/python*/site-packages")
    folders = ":".join(map(str, packages.glob("nvidia/*/lib")))
    provider = packages / "onnxruntime/capi/libonnxruntime_providers_cuda.so"
    found = subprocess.run(
        [LDD, provider],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"LD_LIBRARY_PATH": folders},
    )
    missing = {line.split()[0] for line in found.stdout.splitlines() if "not found" in line}
    assert missing <= {"libcuda.so.1"}
    assert "libcublasLt.so.13" in found.stdout


@pytest.mark.skipif(Path("/dev/nvidia0").exists(), reason="this machine has NVIDIA's driver")
def test_the_missing_driver_is_named(environment: Path) -> None:
    """Our own code loads the libraries, and says what is left."""
    command = [environment / "bin/python", "-c", FIND_PROBLEM]
    found = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    assert found.stdout == "NVIDIA's driver is not installed (libcuda.so.1)\n"
