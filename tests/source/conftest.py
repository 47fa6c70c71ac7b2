"""Fixtures for tests of the Hub's files: a client that may send requests and does not wait."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from huggingface_hub import constants
from huggingface_hub.utils import _http as client_http  # pyright: ignore[reportPrivateUsage]
from huggingface_hub.utils import build_hf_headers

from job.source import hub_file


@pytest.fixture
def online(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the client send requests, whatever the environment says."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    build_hf_headers()  # requests a list once per process, which the test Hub does not have
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds of each wait, in order. Nothing waits for real."""
    asked: list[float] = []
    for module in (client_http, hub_file):
        monkeypatch.setattr(module, "time", SimpleNamespace(sleep=asked.append))
    return asked
