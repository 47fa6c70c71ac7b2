"""A run that reads a folder asks nobody on the network, and an answer of the Hub is only data."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from job.errors import CurateError
from job.source.files import Repository
from job.source.find import hub
from tests.conftest import Curate
from tests.whole.trust.hostile import (
    refused,
)

WATCH = """
import ipaddress, os, socket, sys

def local(address):
    if not isinstance(address, tuple):
        return True
    try:
        found = ipaddress.ip_address(address[0].partition('%')[0])
    except ValueError:
        return address[0] in {"", "localhost", socket.gethostname()}
    return found.is_loopback or found.is_unspecified or str(found) in os.environ["OWN_ADDRESSES"].split()

def tried(what):
    # Ray's own process asks clouds' metadata services where it runs, which is not in our hands.
    is_rays = sys.argv[0].endswith("ray/dashboard/dashboard.py")
    with open(os.environ["WATCHED"] + ".ray" * is_rays, "a") as stream:
        stream.write(what + "\\n")

def watched(name):
    inner = getattr(socket.socket, name)
    def call(self, *arguments):
        address = arguments[-1] if name.startswith("send") else arguments[0]
        # A datagram socket that is connected sends nothing: it is how a program learns its own address.
        if not local(address) and not (self.type == socket.SOCK_DGRAM and name.startswith("connect")):
            tried(f"{name} {address}")
            raise OSError("no network here")
        return inner(self, *arguments)
    setattr(socket.socket, name, call)

for name in ("connect", "connect_ex", "sendto"):
    watched(name)

look_up = socket.getaddrinfo
def getaddrinfo(host, *arguments, **named):
    name = host.decode() if isinstance(host, bytes) else host
    if name and not local((name,)):
        tried(f"look up {name}")
        raise socket.gaierror("no network here")
    return look_up(host, *arguments, **named)
socket.getaddrinfo = getaddrinfo
with open(os.environ["WATCHED"] + ".processes", "a") as stream:
    stream.write(f"{os.getpid()}\\n")
"""


def watched_process(tmp_path: Path, *arguments: str) -> tuple[subprocess.CompletedProcess[str], list[str], int]:
    """Runs Python and watches its sockets, and those of every Python process that it starts.

    Returns:
        The finished process, the attempts to reach another machine, and the number of processes watched.
    """
    (tmp_path / "site").mkdir()
    (tmp_path / "site/sitecustomize.py").write_text(WATCH)
    own = {address.address.partition("%")[0] for card in psutil.net_if_addrs().values() for address in card}
    environment = {
        **os.environ,
        "PYTHONPATH": str(tmp_path / "site"),
        "WATCHED": str(tmp_path / "tried"),
        "OWN_ADDRESSES": " ".join(own),
        "HF_ENDPOINT": "http://hub.invalid",
    }
    command = [sys.executable, *arguments]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    tried = (tmp_path / "tried").read_text().splitlines() if (tmp_path / "tried").exists() else []
    return ended, tried, len((tmp_path / "tried.processes").read_text().splitlines())


def test_a_run_that_reads_a_folder_tries_nothing_beyond_this_machine(source: Path, tmp_path: Path) -> None:
    given = ("--source", str(source), "--output", str(tmp_path / "out"), "--workers", "1")
    ended, tried, processes = watched_process(tmp_path, "-m", "job", "run", *given)
    assert (ended.returncode, tried) == (0, []), ended.stderr
    assert processes > 2  # the driver and Ray's


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("import socket; socket.create_connection(('203.0.113.1', 80))", "look up 203.0.113.1"),
        ("import socket; socket.socket().connect(('203.0.113.1', 80))", "connect ('203.0.113.1', 80)"),
        ("from job.source.find import hub; hub.resolve('a/b', 'main')", "look up hub.invalid"),
    ],
)
def test_the_watch_on_the_network_sees_what_is_tried(tmp_path: Path, code: str, what: str) -> None:
    fast = "import time; time.sleep = lambda _: None; "  # which the Hub's client does between its tries
    ended, tried, _ = watched_process(tmp_path, "-c", fast + code)
    assert ended.returncode == 1
    assert what in tried


def test_a_run_that_reads_a_folder_does_not_ask_the_hub_s_client(
    source: Path, shared_ray: int, tmp_path: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(*given: object, **named: object) -> None:
        raise AssertionError(f"the Hub was asked: {given} {named}")

    for name in ("_request", "resolve", "find_categories", "_list_files"):
        monkeypatch.setattr(hub, name, asked)
    monkeypatch.setattr("huggingface_hub.utils.http_backoff", asked)
    for more in ([], [], ["--fresh"]):
        assert curate("run", "--source", source, "--output", tmp_path / "out", "--quiet", *more).exit_code == 0


@pytest.mark.parametrize("oid", ["../../../outside", "/etc/passwd", "", "a" * 39, "G" * 40, "a" * 64 + "\n", 7, None])
def test_a_hash_that_is_none_is_not_taken_for_a_file_s_name(monkeypatch: pytest.MonkeyPatch, oid: object) -> None:
    entry = {"type": "file", "path": "Toys.jsonl", "size": 5, "oid": oid}
    for entries in ([entry], [{**entry, "oid": "a" * 40, "lfs": {"oid": oid, "size": 5}}]):
        monkeypatch.setattr(hub, "_request", lambda url, what, entries=entries: (entries, None))
        with pytest.raises(CurateError, match="the answer is not the Hub's"):
            hub.find_categories(Repository("owner/name", "a" * 40), ["Toys"])


@pytest.mark.parametrize("revision", ["../../x", "/etc/passwd", "a/../../b"])
def test_a_revision_that_leads_elsewhere_is_refused(curate: Curate, revision: str) -> None:
    refused(curate("run", "--category", "Toys", "--set", f"source.revision={revision}"), "no branch, tag or commit")
