"""A bucket that does not answer: that is said at once, the bucket is waited for, and after a while it is given up.

The clients' own retries could be neither seen nor stopped, and they added up: of a bucket that had gone away the run
learned after 15 s, and each request that cleaned up after the run took 15 s more. So the clients repeat a request only
once, and the waiting is done here. All requests of a process share one view of a bucket: an outage begins with the
first request that fails, however many fail after it, and ends with the first that succeeds.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import TypeVar

PATIENCE_S = 35.0
"""Seconds that an outage of a bucket may last, so that a server has time to start again."""
_FIRST_PATIENCE_S = 10.0
"""Seconds for a bucket that has never answered this process: its address may be wrong."""
_REPEATS = 5
"""Times that a request is repeated which fails although the bucket answers others."""
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 3.0
"""Seconds between two looks whether a bucket answers again: at first, and at most."""
_ENDING_S = 5.0
"""Seconds that all requests together have once the run is ending, by an error or Ctrl-C."""
_SILENT_S = 60.0
"""Seconds after which an outage is another one, since nobody knows what was in between."""
_LOOK_S = 0.2
"""Seconds between two looks whether the run is ending."""

_T = TypeVar("_T")


class GivenUpError(Exception):
    """A request failed for good. Its cause is the last error of the storage."""


@dataclass(slots=True)
class _Outage:
    since: float
    """When the first request failed, by the monotonic clock."""
    last: float
    """When the last one did."""


class _State:
    """What this process knows of its buckets."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.say: Callable[[str], None] = lambda _: None
        self.outages: dict[str, _Outage] = {}
        self.answered: set[str] = set()
        self.told: dict[str, float] = {}
        """When it was last said of a bucket that it does not answer."""
        self.is_worker = False
        self.runs = 0
        """How many contexts of `outages_said` last."""
        self.ending = threading.Event()
        self.ends = 0.0
        """When the time of a run that is ending is used up, by the monotonic clock."""


_state = _State()


@contextlib.contextmanager
def outages_said(say: Callable[[str], None]) -> Generator[None]:
    """Says while the context lasts that a bucket does not answer, and when it answers again.

    Args:
        say: called with each line, from any thread.
    """
    _state.ending.clear()
    _state.outages.clear()
    _state.runs += 1
    before, _state.say = _state.say, say
    try:
        yield
    finally:
        _state.say = before
        _state.runs -= 1
        _state.ending.clear()


def outlast_outages() -> None:
    """Lets this process wait for a bucket from the first request on: others have found it already."""
    _state.is_worker = True


def end_patience() -> None:
    """Ends all waiting, since the run is ending: what it still has to write or remove has a few seconds in all.

    That holds to the end of the context of `outages_said`; outside of one there is no run that could end.
    """
    if _state.runs and not _state.ending.is_set():
        _state.ends = time.monotonic() + _ENDING_S
        _state.ending.set()


def patiently(
    bucket: str, request: Callable[[], _T], probe: Callable[[], object], passes: Callable[[Exception], bool]
) -> _T:
    """Makes a request, and repeats it if that may help.

    Args:
        bucket: whose outage it would be, for messages.
        request: makes the request. It may run in another thread, which is left alone if the run ends meanwhile.
        probe: makes a small request of the same bucket.
        passes: tells whether an error may be gone after a while.

    Returns:
        What the request returns.

    Raises:
        GivenUpError: if the bucket does not answer for too long.
        Exception: what the request raises, if it would fail again.
    """
    repeats = 0
    while True:
        try:
            result = _interruptible(request)
        except GivenUpError:
            raise
        except Exception as error:
            if not passes(error):
                _answers(bucket)
                raise
            problem = error
        else:
            _answers(bucket)
            return result
        repeats += 1
        if repeats > _REPEATS:
            raise GivenUpError from problem
        _wait_until_it_answers(bucket, probe, passes, problem)


def _wait_until_it_answers(
    bucket: str, probe: Callable[[], object], passes: Callable[[Exception], bool], problem: Exception
) -> None:
    wait_s = _FIRST_WAIT_S
    while True:
        left_s = _failed(bucket)
        if left_s <= 0 or _state.ending.wait(min(wait_s, left_s)):
            _state.ends = 0.0  # nor will it answer what is left to do
            raise GivenUpError from problem
        wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
        try:
            _interruptible(probe)
        except GivenUpError:
            raise
        except Exception as error:
            if not passes(error):
                return
            problem = error
        else:
            return


def _failed(bucket: str) -> float:
    """Notes that a request has failed. Returns for how many seconds the bucket is still waited for."""
    now = time.monotonic()
    with _state.lock:
        outage = _state.outages.get(bucket)
        if outage is None or now - outage.last > _SILENT_S:
            outage = _state.outages[bucket] = _Outage(now, now)
        outage.last = now
        is_known = _state.is_worker or bucket in _state.answered
        left_s = outage.since + (PATIENCE_S if is_known else _FIRST_PATIENCE_S) - now
        tells = left_s > 0 and not _state.ending.is_set() and now - _state.told.get(bucket, -_SILENT_S) >= _SILENT_S
        if tells:
            _state.told[bucket] = now
    if tells:
        _state.say(f"{bucket} does not answer: trying again for {left_s:.0f} s")
    return left_s


def _answers(bucket: str) -> None:
    with _state.lock:
        outage = _state.outages.pop(bucket, None)
        _state.answered.add(bucket)
        tells = outage is not None and outage.last - outage.since > _LONGEST_WAIT_S and not _state.ending.is_set()
        if tells:
            _state.told.pop(bucket, None)
    if tells:
        _state.say(f"{bucket} answers again")


def _interruptible(request: Callable[[], _T]) -> _T:
    """Makes a request so that Ctrl-C ends the wait for it, and so does the end of the run."""
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main and not _state.ending.is_set():
        return request()
    answer: Future[_T] = Future()

    def ask() -> None:
        try:
            answer.set_result(request())
        except BaseException as error:
            answer.set_exception(error)

    if not _is_out_of_time():
        threading.Thread(target=ask, daemon=True).start()
    while not _is_out_of_time():
        if wait([answer], _LOOK_S).done:
            return answer.result()
    raise GivenUpError from TimeoutError("the run is ending, and the bucket does not answer")


def _is_out_of_time() -> bool:
    return _state.ending.is_set() and time.monotonic() > _state.ends
