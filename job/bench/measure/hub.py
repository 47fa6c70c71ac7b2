"""What does a first run from the Hub take, and a later one? Both read from a Hub on loopback of a set speed.

In each round come, one after the other:

1. a first run, with an empty cache and a CDN that gives each connection so many bytes per second;
2. a later run into another output, with that cache;
3. a first run, with an empty cache and a line that gives all connections together so many bytes per second.

Once, the files are fetched whole over one connection from each of the two: the download's own time. The server is a
process of its own (`hub_server.py`); its CPU time counts neither for a run nor as the load of others.
"""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlsplit

import msgspec
import psutil

from job.bench.measure.hub_server import DATASET, Addresses, Served, ServedFile, Traffic, served_file
from job.bench.measure.process import ProcessFigures, watch
from job.bench.measure.results import VERSION, Input, Spread, spread
from job.bench.measure.source import BenchSource
from job.errors import CurateError
from job.output.machine import Machine

Limit = Literal["connection", "line"]
LIMITS: tuple[Limit, ...] = ("connection", "line")
RunName = Literal["first run", "later run"]
_ROUND: tuple[tuple[RunName, Limit], ...] = (
    ("first run", "connection"),
    ("later run", "connection"),
    ("first run", "line"),
)

HUB_DEFINITIONS = {
    "first run": "wall_s of curate run from the Hub with an empty cache, from the start of the process to its end",
    "later run": "wall_s of the same command with another output, when the cache has the files",
    "download_s": "seconds that one connection takes for all files, and nothing else",
    "connection": "each connection of the CDN gives mb_per_s",
    "line": "all connections of the CDN together give mb_per_s",
    "most_at_once": "most answers of the CDN that were under way at the same time",
}
"""Meaning of each figure, by its name in the file or in the table."""


class HubRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run as it was measured."""

    name: RunName
    limit: Limit
    round: int
    """Number of the round, from 1."""
    wall_s: float
    cpu_s: float
    peak_bytes: int
    num_rows: int
    num_items: int
    content_digest: str
    bytes_sent: int
    """Bytes of files that the CDN sent."""
    requests: int
    """Number of requests to the CDN."""
    most_at_once: int
    others_cores: float
    """Average number of cores that other processes kept busy, the server left out."""
    swapped_bytes: int


class HubBench(msgspec.Struct, frozen=True, kw_only=True):
    """The contents of `hub.json`."""

    command: str
    finished: str
    """Time of the end, in UTC, in ISO 8601."""
    machine: Machine
    versions: dict[str, str]
    commit: str | None
    input: Input
    mb_per_s: float
    workers: int
    runs: list[HubRun]
    download_s: dict[Limit, float]
    first_run_s: dict[Limit, Spread]
    later_run_s: Spread
    first_over_later: float
    """Median first run, with the connection limited, / median later run."""
    first_less_download_s: float
    """Median first run, with the line limited, - the download's own time."""
    definitions: dict[str, str]
    version: int = VERSION


def measure_hub(
    source: BenchSource, mb_per_s: float, workers: int, repeat: int, scratch: Path, say: Callable[[str], None]
) -> tuple[list[HubRun], dict[Limit, float]]:
    """Runs from a Hub on loopback.

    Args:
        source: the input, in one file format.
        mb_per_s: the speed of the Hub, in 10^6 bytes per second.
        workers: the number of workers.
        repeat: the number of rounds.
        scratch: a folder for outputs and caches, which are removed after each round.
        say: called with a line about each step before it starts.

    Returns:
        The runs in their order, and the seconds of the download by itself.

    Raises:
        CurateError: a run failed, or outputs differ.
    """
    (root,) = source.source_paths.values()
    source.warm()
    files = [served_file(path, root) for paths in source.files.values() for path in paths]
    download_s: dict[Limit, float] = {}
    for limit in LIMITS:
        say(f"the download by itself: {mb_per_s:g} MB/s a {limit}")
        with serving(files, limit, mb_per_s) as (addresses, _):
            download_s[limit] = download_seconds(addresses, files)
    runs: list[HubRun] = []
    for number in range(1, repeat + 1):
        for name, limit in _ROUND:
            say(f"round {number} of {repeat}: {name}, {mb_per_s:g} MB/s a {limit}")
            if name == "first run":
                shutil.rmtree(scratch / "cache", ignore_errors=True)
            with serving(files, limit, mb_per_s) as (addresses, server):
                figures, printed = _run(addresses, server, source.category, workers, scratch)
                traffic = _traffic(addresses)
            runs.append(_hub_run(name, limit, number, figures, printed, traffic))
        shutil.rmtree(scratch / "cache", ignore_errors=True)
    check_same_items(runs)
    return runs, download_s


def check_same_items(runs: Sequence[HubRun]) -> None:
    """Raises CurateError if the runs did not make the same items."""
    if len({(run.content_digest, run.num_items) for run in runs}) > 1:
        lines = [f"{run.content_digest[:16]}, {run.num_items:,} items: {run.name}, {run.limit}" for run in runs]
        raise CurateError("the outputs differ, so no times are reported; by content digest:\n" + "\n".join(lines))


def hub_figures(
    runs: Sequence[HubRun], download_s: dict[Limit, float]
) -> tuple[dict[Limit, Spread], Spread, float, float]:
    """Computes the figures of `HubBench`: first runs by limit, later runs, their ratio, and first run less download."""
    first: dict[Limit, Spread] = {
        limit: spread([run for run in runs if (run.name, run.limit) == ("first run", limit)], lambda run: run.wall_s)
        for limit in LIMITS
    }
    later = spread([run for run in runs if run.name == "later run"], lambda run: run.wall_s)
    ratio = first["connection"].median / later.median
    return first, later, ratio, first["line"].median - download_s["line"]


@contextlib.contextmanager
def serving(files: list[ServedFile], limit: Limit, mb_per_s: float) -> Generator[tuple[Addresses, psutil.Process]]:
    """Runs the server in a process of its own until the context ends."""
    rate = mb_per_s * 1e6
    served = Served(
        files=files,
        connection_bytes_per_s=rate if limit == "connection" else None,
        line_bytes_per_s=rate if limit == "line" else None,
    )
    with subprocess.Popen(
        [sys.executable, "-m", "job.bench.measure.hub_server"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
        start_new_session=True,  # so that Ctrl-C reaches only the bench, which then ends the server
    ) as process:
        try:
            if process.stdin is None or process.stdout is None:
                raise RuntimeError("the pipes of the Hub on loopback are missing")
            process.stdin.write(msgspec.json.encode(served) + b"\n")
            process.stdin.flush()
            answer = process.stdout.readline()
            if not answer:
                raise CurateError("the Hub on loopback did not start")
            yield msgspec.json.decode(answer, type=Addresses), psutil.Process(process.pid)
        finally:
            process.kill()


def _run(
    addresses: Addresses, server: psutil.Process, category: str, workers: int, scratch: Path
) -> tuple[ProcessFigures, dict[str, object]]:
    folder, cache = scratch / "run", scratch / "cache"
    words = {"--category": category, "--output": folder / "output", "--workers": workers}
    options = [str(word) for option in words.items() for word in option]
    command = [sys.executable, "-m", "job", "run", "--set", f"source.dataset={DATASET}", *options, "--json"]
    environment = {
        "HF_ENDPOINT": addresses.hub,
        "HF_HOME": str(cache),
        "HF_HUB_CACHE": str(cache / "hub"),
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
        **dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1"),
    }
    try:
        before_s = _cpu_s(server)
        figures = watch(command, folder, environment)
        others_cores = max(0.0, figures.others_cores - (_cpu_s(server) - before_s) / figures.wall_s)
        return dataclasses.replace(figures, others_cores=others_cores), json.loads(figures.stdout)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _hub_run(
    name: RunName,
    limit: Limit,
    number: int,
    figures: ProcessFigures,
    printed: dict[str, object],
    traffic: Traffic,
) -> HubRun:
    return HubRun(
        name=name,
        limit=limit,
        round=number,
        wall_s=figures.wall_s,
        cpu_s=figures.cpu_s,
        peak_bytes=figures.peak_bytes,
        num_rows=int(str(printed["num_rows"])),
        num_items=int(str(printed["num_items"])),
        content_digest=str(printed["content_digest"]),
        bytes_sent=traffic.bytes_sent,
        requests=traffic.requests,
        most_at_once=traffic.most_at_once,
        others_cores=figures.others_cores,
        swapped_bytes=figures.swapped_bytes,
    )


def _traffic(addresses: Addresses) -> Traffic:
    with contextlib.closing(http.client.HTTPConnection(urlsplit(addresses.hub).netloc)) as connection:
        connection.request("GET", "/served")
        return msgspec.json.decode(connection.getresponse().read(), type=Traffic)


def download_seconds(addresses: Addresses, files: Sequence[ServedFile]) -> float:
    """Returns the seconds that one connection takes for all files."""
    began = time.perf_counter()
    with contextlib.closing(http.client.HTTPConnection(urlsplit(addresses.cdn).netloc)) as connection:
        for number, file in enumerate(files):
            connection.request("GET", f"/{number}/{quote(file.name)}")
            response = connection.getresponse()
            size = 0
            while piece := response.read(1 << 20):
                size += len(piece)
            if size != file.size_bytes:
                raise CurateError(f"the Hub on loopback sent {size:,} bytes of {file.name}, not {file.size_bytes:,}")
    return time.perf_counter() - began
