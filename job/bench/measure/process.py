"""One run, watched from outside: how long, how much CPU, how much memory, and who else was at work meanwhile.

Time is from starting the process to its end. Every half second the process and all below it are looked at
(twice as often took 6% of a core, with the 13 processes that Ray has on two):

- Memory is the sum of their PSS on Linux, where a page that n processes share counts as 1/n in each of them, so that
  Ray's object store counts once; and the sum of their USS, which leaves shared pages out, elsewhere. The peak is the
  largest sum seen. Processes are looked at one after the other, so a page that gets another sharer meanwhile may count
  for more than 1: where processes start or end, the sum can be too large, never lastingly.
- CPU time is the larger of two numbers that each may be too small: what the operating system counts for the process
  and those below it that it has waited for, and the sum of what each process had when it was last seen.
- What the machine's cores did beside that, in whole cores on average, is the load of others. Above
  `DISTURBED_CORES` a run counts as disturbed; so does one in whose time anything was swapped.
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
DISTURBED_CORES = 0.15
MEMORY_KIND = "PSS" if psutil.LINUX else "USS"
_GRACE_S = 15.0
_POLL_S = 0.01
_LAST_LINES = 15
_PACKAGE_PARENT = Path(__file__).parents[3]


@dataclass(frozen=True, kw_only=True, slots=True)
class Watched:
    """What was seen of a run."""

    began: float
    """When it was started, in seconds since the epoch."""
    wall_s: float
    cpu_s: float
    peak_bytes: int
    """Of memory, all processes together."""
    others_cores: float
    """How many cores were busy with something else, on average."""
    swapped_bytes: int
    """Read from and written to swap, by whomever."""
    out: str
    """What it wrote to standard output."""


@dataclass(kw_only=True, slots=True)
class _Tree:
    """A process and all below it, dead ones included."""

    root: psutil.Process
    cpu_s: dict[psutil.Process, float] = field(default_factory=dict[psutil.Process, float])
    peak_bytes: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        """Looks at the tree until told to stop."""
        while True:
            self.look()
            if self.stop.wait(SAMPLE_S):
                return

    def look(self) -> None:
        """Looks at the tree once."""
        try:
            processes = [self.root, *self.root.children(recursive=True)]
        except psutil.Error:
            return
        for process in processes:
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                self.cpu_s[process] = times.user + times.system
        self.peak_bytes = max(self.peak_bytes, memory_bytes(processes))

    def end(self) -> None:
        """Ends whatever of the tree is still there, and waits until it is gone."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.root.pid, signal.SIGKILL)  # those of its group that started since it was last looked at
        for process in self.cpu_s:
            with contextlib.suppress(psutil.Error):
                process.kill()  # psutil knows a process from a later one with its number
        until = time.monotonic() + _GRACE_S
        while any(map(_is_at_work, self.cpu_s)) and time.monotonic() < until:
            time.sleep(_POLL_S)


def watch(command: Sequence[str], scratch: Path, environment: Mapping[str, str]) -> Watched:
    """Runs a command to its end, and leaves no process of it behind.

    Args:
        command: its words.
        scratch: a folder for what it prints.
        environment: set for it beside what is set already.

    Returns:
        What was seen of it.

    Raises:
        CurateError: when it fails.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    inherited = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}  # this machine alone
    with (scratch / "out").open("wb") as out, (scratch / "err").open("wb") as err:
        machine = _Machine()
        began, from_s = time.time(), time.perf_counter()
        process = subprocess.Popen(  # noqa: S603  # the bench's own words
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env={**inherited, **environment},
            cwd=_PACKAGE_PARENT,  # so that `-m job` is this package, wherever the bench was called
            start_new_session=True,  # so that Ctrl-C reaches the bench alone, which ends the run
        )
        tree = _Tree(root=psutil.Process(process.pid))
        thread = threading.Thread(target=tree.watch, daemon=True)
        thread.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
            wall_s = time.perf_counter() - from_s
            process.returncode = os.waitstatus_to_exitcode(status)
        except BaseException:
            tree.look()
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_GRACE_S)
            raise
        finally:
            tree.stop.set()
            thread.join()
            tree.end()
            process.wait()
    cpu_s = max(usage.ru_utime + usage.ru_stime, sum(tree.cpu_s.values()))
    others_cores, swapped_bytes = machine.since(cpu_s, wall_s)
    if process.returncode != 0:
        said = (scratch / "err").read_text(encoding="utf-8", errors="replace").strip().splitlines()
        raise CurateError(
            f"a run ended with exit code {process.returncode}: {' '.join(command)}\n" + "\n".join(said[-_LAST_LINES:])
        )
    return Watched(
        began=began,
        wall_s=wall_s,
        cpu_s=cpu_s,
        peak_bytes=tree.peak_bytes,
        others_cores=others_cores,
        swapped_bytes=swapped_bytes,
        out=(scratch / "out").read_text(encoding="utf-8"),
    )


def memory_bytes(processes: Iterable[psutil.Process]) -> int:
    """Returns what processes hold together; see the top of this file. Those that have ended hold nothing."""
    total = 0
    for process in processes:
        with contextlib.suppress(psutil.Error):
            memory = process.memory_full_info()
            total += memory.pss if psutil.LINUX else memory.uss
    return total


def _is_at_work(process: psutil.Process) -> bool:
    """Tells whether a process is still there, and not just waiting for somebody to read how it ended."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


class _Machine:
    """What the whole machine does, from now on."""

    def __init__(self) -> None:
        self._busy_s = _busy_s()
        self._own_s = _own_s()
        self._swapped = _swapped_bytes()

    def since(self, cpu_s: float, wall_s: float) -> tuple[float, int]:
        """Returns what others did meanwhile, in cores, and how many bytes were swapped.

        Args:
            cpu_s: CPU seconds of the run.
            wall_s: its length.
        """
        others_s = _busy_s() - self._busy_s - cpu_s - (_own_s() - self._own_s)
        return max(0.0, others_s / wall_s), _swapped_bytes() - self._swapped


def _busy_s() -> float:
    """Returns the seconds that the cores were not idle, those included that a virtual machine did not get."""
    times = psutil.cpu_times()._asdict()
    return sum(times.get(name, 0.0) for name in ("user", "nice", "system", "irq", "softirq", "steal"))


def _own_s() -> float:
    return time.process_time()


def _swapped_bytes() -> int:
    swap = psutil.swap_memory()
    return swap.sin + swap.sout
