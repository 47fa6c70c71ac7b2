"""A process that is forked while a thread uses the Hub's client does not wait for that thread."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.paths import ROOT

FORK = """
import subprocess, sys, threading
from huggingface_hub.utils import get_session
if sys.argv[1] == "hidden":
    from job.source.hub_forks import hide_client_from_children
    hide_client_from_children()
    hide_client_from_children()
client = get_session()
is_held, is_forked = threading.Event(), threading.Event()

def hold():
    with client._transport._pool._optional_thread_lock:  # as a thread does that opens a connection
        is_held.set()
        is_forked.wait()

threading.Thread(target=hold).start()
is_held.wait()
subprocess.run(["true"], preexec_fn=lambda: None, check=True)
is_forked.set()
assert get_session() is client
print("ended")
"""


@pytest.mark.parametrize("way", ["hidden", "as it is"])
def test_a_fork_does_not_wait_for_a_connection(way: str) -> None:
    command = [sys.executable, "-c", FORK, way]
    run = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, start_new_session=True)
    try:
        out, _ = run.communicate(timeout=20 if way == "hidden" else 5)
        assert (way, out) == ("hidden", b"ended\n"), "huggingface_hub waits no more: hub_forks.py is not needed"
    except subprocess.TimeoutExpired:
        assert way == "as it is"
    finally:
        if run.poll() is None:
            subprocess.run(["pkill", "-KILL", "-s", str(run.pid)], check=False)
            run.wait()
