"""Fixtures of the service's tests: the Modal app, without Modal."""

import importlib
from pathlib import Path
from types import ModuleType

import pytest

from tests.backends.support.running_service import TOKEN


@pytest.fixture
def modal_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module of the Modal app, imported with settings for this machine."""
    monkeypatch.setenv("OVERLAY_TOKEN", TOKEN)
    monkeypatch.setenv("SERVICE_PLACE", "local-cpu")
    monkeypatch.setenv("SERVICE_DIR", str(tmp_path / "service"))
    monkeypatch.setenv("MODAL_GPUS", "H100,L4")
    return importlib.reload(importlib.import_module("backends.server.modal_app"))
