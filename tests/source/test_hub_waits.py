"""A Hub that is waited for is said in one line of ours, and not in ten of its client's."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub.utils import _http as client  # pyright: ignore[reportPrivateUsage]

from job.config.load import load_config
from job.errors import CurateError
from job.run import prospects, run_job
from job.source import hub_waits
from job.source.find import hub as hub_room
from job.source.hub_waits import hub_waits_said
from tests.servers.hub import Hub
from tests.servers.hub.faults import TooManyRequests

DATASET = "McAuley-Lab/Amazon-Reviews-2023"


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda _: None)


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """What the client's own logger lets pass."""
    lines: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: lines.append(record.getMessage())
    logging.getLogger("huggingface_hub").addHandler(handler)
    yield lines
    logging.getLogger("huggingface_hub").removeHandler(handler)


@pytest.mark.parametrize("look_only", [False, True])
def test_a_hub_that_cannot_be_reached_is_one_line_and_one_error(
    look_only: bool, logged: list[str], tmp_path: Path
) -> None:
    """Nobody answers at the address that the tests have for the Hub."""
    config = load_config(None, {"categories": ["Appliances"], "output": str(tmp_path / "out")})
    said: list[str] = []
    with pytest.raises(CurateError, match="the Hub cannot be reached"):
        prospects(config, say=said.append) if look_only else run_job(config, quiet=False, say=said.append)
    assert said == ["the Hub does not answer as it should: trying again"]
    assert logged == []


def test_a_hub_that_asks_to_wait_is_said_with_how_long(hub: Hub, catalogue: Path, logged: list[str]) -> None:
    hub.put(DATASET, catalogue)
    hub.fail(TooManyRequests(ratelimit=True, retry_after=41), path="/revision/", times=2)
    said: list[str] = []
    with hub_waits_said(said.append):
        assert hub_room.resolve(DATASET, "main").dataset == DATASET
    assert said == ["the Hub has asked to slow down: waiting for 42 s"]
    assert logged == []


def test_what_else_the_client_warns_of_is_shown_and_the_filter_ends_with_the_run(logged: list[str]) -> None:
    logger = logging.getLogger(hub_waits._CLIENT)  # pyright: ignore[reportPrivateUsage]
    with hub_waits_said(lambda _: None):
        logger.warning("this data set moves next week")
        logger.warning("Retrying in 1s [Retry 1/5].")
    logger.warning("Retrying in 2s [Retry 2/5].")
    assert logged == ["this data set moves next week", "Retrying in 2s [Retry 2/5]."]
    assert logger is client.logger
