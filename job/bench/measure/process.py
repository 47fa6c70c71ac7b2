"""What does a command cost? Its time, CPU and memory, measured from outside, and the load of other processes.

Time is from the start of the process to its end. Every half second the process and all its descendants are sampled.
(Sampling twice as often took 6% of a core, with the 13 processes that Ray has on two cores.)

- Memory on Linux is the sum of the PSS of all processes. In PSS, a page that n processes share counts 1/n in each of
  them, so Ray's object store counts once. Elsewhere it is the sum of their USS, which leaves out shared pages. The peak
  is the largest sum. Processes are read one after the other, so a page that gets another sharer in between can count
  for more than 1: while processes start or end, the sum can be too large for a moment.
- CPU time is the larger of two numbers, each of which can be too small: what the operating system counts for the
  process and the descendants that were waited for, and the sum of what each process had when it was last sampled.
- The load of others is what the machine's cores did besides, in cores on average. A run counts as disturbed if this
  exceeds `DISTURBED_CORES`, or if anything was swapped while it ran.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from job.errors import CurateError

SAMPLE_S = 0.5
"""Seconds between two samples of the processes."""
DISTURBED_CORES = 0.15
"""Load of other processes, in cores, above which a run counts as disturbed."""
MEMORY_KIND = "PSS" if psutil.LINUX else "USS"
_GRACE_S = 15.0
"""Seconds that a process has to end after a signal."""
_POLL_S = 0.01
_LAST_LINES = 15
"""Number of lines of standard error in the message about a failed run."""
_PACKAGE_PARENT = Path(__file__).parents[3]


@dataclass(frozen=True, kw_only=True, slots=True)
class ProcessFigures:
    """What a command cost."""

    began: float
    """Time of its start, in seconds since the epoch."""
    wall_s: float
    cpu_s: float
    peak_bytes: int
    """Peak memory of all its processes together."""
    others_cores: float
    """Average number of cores that other processes kept busy."""
    swapped_bytes: int
    """Bytes that any process read from swap or wrote to it."""
    stdout: str
    """Text that it wrote to standard output."""


@dataclass(kw_only=True, slots=True)
class _ProcessTree:
    """A process and all its descendants, including those that have ended."""

    root: psutil.Process
    cpu_s: dict[psutil.Process, float] = field(default_factory=dict[psutil.Process, float])
    peak_bytes: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        """Samples the tree until `stop` is set."""
        while True:
            self.sample()
            if self.stop.wait(SAMPLE_S):
                return

    def sample(self) -> None:
        """Reads the CPU time and the memory of all processes once."""
        try:
            processes = [self.root, *self.root.children(recursive=True)]
        except psutil.Error:
            return
        for process in processes:
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                self.cpu_s[process] = times.user + times.system
        self.peak_bytes = max(self.peak_bytes, memory_bytes(processes))

    def kill(self) -> None:
        """Kills the processes of the tree that are still running, and waits until they have ended."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(
                self.root.pid, signal.SIGKILL
            )  # also reaches processes of its group that started after the last sample
        for process in self.cpu_s:
            with contextlib.suppress(psutil.Error):
                process.kill()  # psutil does not confuse it with a later process of the same id
        deadline = time.monotonic() + _GRACE_S
        while any(map(_is_running, self.cpu_s)) and time.monotonic() < deadline:
            time.sleep(_POLL_S)


def watch(command: Sequence[str], scratch: Path, environment: Mapping[str, str]) -> ProcessFigures:
    """Runs a command to its end and measures it. No process of it is left behind.

    Args:
        command: the program and its arguments.
        scratch: a folder for what the command prints.
        environment: variables to set in addition to those of this process.

    Raises:
        CurateError: the command failed.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    inherited = {
        name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"
    }  # so that it joins no cluster
    with (scratch / "out").open("wb") as stdout, (scratch / "err").open("wb") as stderr:
        machine = _MachineLoad()
        began, from_s = time.time(), time.perf_counter()
        process = subprocess.Popen(  # noqa: S603  # the command is the bench's own
            command,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            env={**inherited, **environment},
            cwd=_PACKAGE_PARENT,  # so that `-m job` is this package, whatever the current folder is
            start_new_session=True,  # so that Ctrl-C reaches only the bench, which then ends the run
        )
        tree = _ProcessTree(root=psutil.Process(process.pid))
        thread = threading.Thread(target=tree.watch, daemon=True)
        thread.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
            wall_s = time.perf_counter() - from_s
            process.returncode = os.waitstatus_to_exitcode(status)
        except BaseException:
            tree.sample()
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_GRACE_S)
            raise
        finally:
            tree.stop.set()
            thread.join()
            tree.kill()
            process.wait()
    cpu_s = max(usage.ru_utime + usage.ru_stime, sum(tree.cpu_s.values()))
    others_cores, swapped_bytes = machine.since(cpu_s, wall_s)
    if process.returncode != 0:
        lines = (scratch / "err").read_text(encoding="utf-8", errors="replace").strip().splitlines()
        raise CurateError(
            f"a run ended with exit code {process.returncode}: {' '.join(command)}\n" + "\n".join(lines[-_LAST_LINES:])
        )
    return ProcessFigures(
        began=began,
        wall_s=wall_s,
        cpu_s=cpu_s,
        peak_bytes=tree.peak_bytes,
        others_cores=others_cores,
        swapped_bytes=swapped_bytes,
        stdout=(scratch / "out").read_text(encoding="utf-8"),
    )


def memory_bytes(processes: Iterable[psutil.Process]) -> int:
    """Returns the memory of processes together, as the top of this file defines it; 0 for one that has ended."""
    total = 0
    for process in processes:
        with contextlib.suppress(psutil.Error):
            memory = process.memory_full_info()
            total += memory.pss if psutil.LINUX else memory.uss
    return total


def _is_running(process: psutil.Process) -> bool:
    """Returns whether a process is running. A zombie, which waits only to be reaped, is not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


class _MachineLoad:
    """The work of the whole machine since this object was made."""

    def __init__(self) -> None:
        self._busy_s = _busy_s()
        self._own_s = _own_s()
        self._swapped = _swapped_bytes()

    def since(self, cpu_s: float, wall_s: float) -> tuple[float, int]:
        """Returns the load of other processes, in cores, and the number of bytes swapped.

        Args:
            cpu_s: the CPU seconds of the run.
            wall_s: the wall seconds of the run.
        """
        others_s = _busy_s() - self._busy_s - cpu_s - (_own_s() - self._own_s)
        return max(0.0, others_s / wall_s), _swapped_bytes() - self._swapped


def _busy_s() -> float:
    """Returns the seconds in which cores were not idle, including those that the host took from a virtual machine."""
    times = psutil.cpu_times()._asdict()
    return sum(times.get(name, 0.0) for name in ("user", "nice", "system", "irq", "softirq", "steal"))


def _own_s() -> float:
    return time.process_time()


def _swapped_bytes() -> int:
    swap = psutil.swap_memory()
    return swap.sin + swap.sout
