"""Which Ray does a run use? One of its own, or the one that the job was given.

A run joins a Ray only if `RAY_ADDRESS` names one, as it does in a submitted job, or if this Python process has one
already. Any other Ray on the machine belongs to somebody else.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Generator
from typing import Any, Literal

from job.cluster.allowed import allowed_memory, usable_cores, workers_that_fit
from job.cluster.environment import ask_for_token
from job.cluster.internal import tell_what_is_missing
from job.cluster.join import join
from job.cluster.last import at_work, stop_standing
from job.cluster.own_ray import own_ray
from job.cluster.ray_internals import OF_OUR_OWN_RAY
from job.cluster.stoppable import forbid_other_rays
from job.cluster.surroundings import check_surroundings
from job.cluster.workers import Reserved, Workers

_turn = threading.RLock()
"""Held while this process has a Ray of our own, or joins one: a process has one Ray at a time."""
_joined: set[str] = set()
"""Ray's ids of this process in each Ray that a run has joined. They may grow, unlike one that was there before."""


@contextlib.contextmanager
def started_ray(
    workers: int | Literal["all"],
    say: Callable[[str], None],
    prepare: Callable[[], object] = lambda: None,
    meanwhile: Callable[[], object] = lambda: None,
    *,
    tasks: int | None = None,
    has_exchange: bool = False,
) -> Generator[Workers]:
    """Starts or joins a Ray. A Ray that was started is stopped at the end of the context, or see `ray_stopped_last`.

    Args:
        workers: the number of cores that may work at the same time, or `all`.
        say: receives one line for everything that takes a while or that the user should know.
        prepare: what each worker of a Ray of our own does first.
        meanwhile: what the driver does meanwhile, in a thread. Not sooner: what starts Ray would wait for it.
        tasks: number of tasks there will be, so that no more worker processes start; None if that is not known.
        has_exchange: whether items will travel between tasks, so that a Ray of our own needs a larger object store.

    Yields:
        The workers.

    Raises:
        UsageError: if a Ray of our own does not fit on the machine, or the one to join does not answer.
        CurateError: if a Ray of our own does not start, or dies.
    """
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".")  # else Ray prints to standard output when a worker dies
    stop_standing()
    with contextlib.ExitStack() as turn:
        turn.enter_context(_taken_turn(say))
        on_sigterm = signal.getsignal(signal.SIGTERM)
        address = os.environ.get("RAY_ADDRESS")
        import ray

        forbid_other_rays()
        if ray.is_initialized() or address:
            threading.Thread(target=meanwhile, daemon=True).start()
            has_other_nodes = join_given_ray(say)
            turn.close()  # others may work on this Ray at the same time
            with _joined_workers(workers, say, has_other_nodes=has_other_nodes) as joined:
                yield joined
            return

        cores = usable_cores()
        count = min(cores, workers_that_fit()) if workers == "all" else workers
        check_surroundings(count)
        if workers == "all" and count < cores:
            memory = allowed_memory()
            say(
                f"{count} of {cores} cores work, since memory is {memory.amount / 1e9:.1f} GB ({memory.source}); "
                "to let more of them work: --workers N"
            )
        if count > cores:
            say(f"{count} workers on {cores} cores: some will share a core")
        say(f"starting Ray with {count} {'worker' if count == 1 else 'workers'}")
        cpus = count if tasks is None else min(count, tasks)
        with at_work() as stack:
            stack.enter_context(turn.pop_all())
            watch = stack.enter_context(own_ray(cpus, meanwhile, has_exchange=has_exchange))
            _restore(on_sigterm)
            for _ in range(cpus):
                ray.remote(num_cpus=1)(_call).remote(prepare)
            tell_what_is_missing(OF_OUR_OWN_RAY, say)
            yield Workers(count=count, ray_options={"num_cpus": 1}, has_other_nodes=False, cpus=cpus)
            watch.end()  # the work is done, whatever becomes of a Ray that still stands


def ensure_ray(say: Callable[[str], None]) -> None:
    """Gives this process a Ray that lasts, unless it has one: the one that `RAY_ADDRESS` names, or one of its own.

    Args:
        say: receives a line if another thread's run has to end first.
    """
    with _taken_turn(say):
        import ray

        if not ray.is_initialized():
            address = os.environ.get("RAY_ADDRESS", "local")
            if address == "local":
                ask_for_token()
            ray.init(address=address, include_dashboard=False if address == "local" else None, log_to_driver=False)


@contextlib.contextmanager
def _taken_turn(say: Callable[[str], None]) -> Generator[None]:
    """Waits until no other thread of this process has a Ray of our own, which would go away under it."""
    if not _turn.acquire(blocking=False):
        say("waiting for another run in this Python: each starts a Ray of its own, and a process has one at a time")
        _turn.acquire()
    try:
        yield
    finally:
        _turn.release()


def is_ray_given() -> bool:
    """Tells whether the job was given a Ray to join: by `RAY_ADDRESS`, or since this process has one already."""
    if os.environ.get("RAY_ADDRESS"):
        return True
    return "ray" in sys.modules and sys.modules["ray"].is_initialized()


def join_given_ray(say: Callable[[str], None]) -> bool:
    """Joins the Ray that the job was given, unless this process has joined it already.

    Args:
        say: receives one line, since joining takes a while.

    Returns:
        Whether the job may get other nodes than this one.

    Raises:
        UsageError: if no Ray answers.
    """
    import ray

    if not ray.is_initialized():
        on_sigterm = signal.getsignal(signal.SIGTERM)
        join(os.environ["RAY_ADDRESS"], say)
        _restore(on_sigterm)
        _joined.add(ray.get_runtime_context().get_job_id())
    return ray.get_runtime_context().get_job_id() in _joined or _nodes() > 1


@contextlib.contextmanager
def _joined_workers(
    workers: int | Literal["all"], say: Callable[[str], None], *, has_other_nodes: bool
) -> Generator[Workers]:
    """Yields the workers of a Ray that was joined, which may gain nodes even if it has only one now."""
    import ray

    cores = int(ray.cluster_resources().get("CPU", 1))
    if isinstance(workers, int) and workers > cores:
        say(f"{workers} workers asked for: this Ray has {cores} CPUs, so {cores} will work")
    with Reserved(say) as reserved:
        count = cores if workers == "all" else min(workers, cores)
        ray_options = {"num_cpus": 1} if workers == "all" else reserved.ray_options(count)
        yield Workers(count=count, ray_options=ray_options, has_other_nodes=has_other_nodes, reserved=reserved)


def _call(function: Callable[[], object]) -> None:
    function()


def _restore(on_sigterm: Any) -> None:
    """Restores the handler of SIGTERM: Ray has installed its own, which ends the process without a message."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, on_sigterm)


def _nodes() -> int:
    import ray

    return sum(1 for node in ray.nodes() if node["Alive"])
