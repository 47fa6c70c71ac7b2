"""SIGTERM while Ray starts ends a run as at any other time, although Ray has a handler of its own then."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from job.signals import sigterm_interrupts


def test_the_exit_of_ray_s_handler_is_an_interrupt_and_no_other_exit_is() -> None:
    with pytest.raises(KeyboardInterrupt), sigterm_interrupts():
        sys.exit(signal.SIGTERM)
    with pytest.raises(SystemExit, match="3"), sigterm_interrupts():
        sys.exit(3)


@pytest.mark.parametrize("after_s", [0.2, pytest.param(1.0, marks=pytest.mark.slow)])
def test_sigterm_while_ray_starts_is_exit_code_130(catalogue: Path, tmp_path: Path, after_s: float) -> None:
    command = [sys.executable, "-m", "job", "run", "--source", str(catalogue), "--output", str(tmp_path / "out")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as run:
        assert run.stderr is not None
        for line in run.stderr:
            if line.startswith("starting Ray"):
                break
        time.sleep(after_s)  # whatever Ray does by then, the run has to end in the same way
        run.send_signal(signal.SIGTERM)
        said = run.stderr.read()
    assert run.returncode == 130, said
    assert "interrupted; what was finished is kept: run the same command again to go on" in said
    assert "Traceback" not in said
