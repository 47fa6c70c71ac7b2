"""What the Hub's answers to a write mean: which pass when one asks again, and what to tell of the others.

The client repeats most requests itself for 23 seconds, but not all: making a repository, asking for its state and the
commit are sent once. Here whole steps are repeated while the network is away. Each step may be: an upload that is there
is not sent again, and a commit names the one that it follows.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from job.errors import CurateError, RefusedError, UsageError, causes
from job.source.hub_errors import hub_error, invalid_token

_T = TypeVar("_T")

PATIENCE_S = 90.0
"""Seconds that the Hub may be away in the middle of a push, so that a router has time to start again."""
_FIRST_PATIENCE_S = 10.0
"""Seconds for a Hub that has never answered: its address may be wrong, or there is no network at all."""
_LONGEST_WAIT_S = 8.0
_TEMPORARY = {408, 429, 500, 502, 503, 504}
"""Status codes of answers that pass."""
CHANGED_STATUSES = {409, 412}
"""Status codes with which the Hub refuses a commit that does not follow the last one."""
LOG_IN = "log in with a token that may write: hf auth login (or set HF_TOKEN)"
_AGAIN = "nothing was published; run the same command again to go on: what the Hub has is not sent again"


class Patience:
    """Repeats steps while the Hub does not answer.

    Args:
        name: the data set's name, for messages.
        say: called with a line when there is a wait.
    """

    def __init__(self, name: str, say: Callable[[str], None]):
        self._name = name
        self._say = say
        self._has_answered = False

    def __call__(self, step: Callable[[], _T], *, passes: Callable[[Exception], bool] | None = None) -> _T:
        """Takes a step, again and again while it fails in a way that passes.

        Args:
            step: what to do; it may be done twice.
            passes: tells which errors pass; by default broken connections and errors on the Hub's side.

        Raises:
            CurateError: when the Hub refuses it, or does not answer for too long.
        """
        began: float | None = None
        wait_s = 1.0
        while True:
            try:
                found = step()
            except Exception as error:
                if isinstance(error, CurateError) and not is_temporary(error):
                    raise
                now = time.monotonic()
                began = now if began is None else began
                self._has_answered |= status_of(error) is not None
                longest_s = PATIENCE_S if self._has_answered else _FIRST_PATIENCE_S
                if not (passes or is_temporary)(error):
                    raise refusal(error, self._name) from None
                if now - began + wait_s > longest_s:
                    raise refusal(error, self._name) from None
                if began == now:
                    self._say(f"the Hub does not answer as it should: trying again for {longest_s:.0f} s")
            else:
                self._has_answered = True
                return found
            time.sleep(wait_s)
            wait_s = min(wait_s * 2, _LONGEST_WAIT_S)


def status_of(error: BaseException) -> int | None:
    """Returns the status code of the answer that an error is about; None without one."""
    from huggingface_hub.errors import HfHubHTTPError

    found = next((cause for cause in causes(error) if isinstance(cause, HfHubHTTPError)), None)
    return None if found is None else found.response.status_code


def is_temporary(error: BaseException) -> bool:
    """Tells whether an error is of the connection, or passes on the Hub's side."""
    import httpx2

    status = status_of(error)
    if status is not None:
        return status in _TEMPORARY
    return any(isinstance(cause, httpx2.TransportError) for cause in causes(error))


def refusal(error: Exception, name: str) -> Exception:
    """Returns what to raise for an error of the client: in words where it is known, else itself."""
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError, OfflineModeIsEnabled

    if any(isinstance(cause, UnicodeEncodeError) for cause in causes(error)):
        return invalid_token()
    if isinstance(error, OfflineModeIsEnabled):
        return UsageError("HF_HUB_OFFLINE is set, and a push needs the network\nunset it: unset HF_HUB_OFFLINE")
    if isinstance(error, LocalTokenNotFoundError):
        return no_token()
    status = status_of(error)
    if status == 401:
        return UsageError(f"the Hub refuses the token; nothing was published\n{LOG_IN}")
    if status == 403:
        return UsageError(
            f"the token may not write to {name}: it may only read, or {name.partition('/')[0]} is not yours; "
            f"nothing was published\n{LOG_IN}"
        )
    if status in CHANGED_STATUSES:
        return somebody_else(name)
    if status in _TEMPORARY or (status is None and is_temporary(error)):
        known = next(cause for cause in causes(error) if isinstance(cause, HfHubHTTPError | httpx2.TransportError))
        return CurateError(f"{hub_error(_as_exception(known), name).message.splitlines()[0]}\n{_AGAIN}")
    if status is not None:
        words = next(cause for cause in causes(error) if isinstance(cause, HfHubHTTPError)).server_message
        return CurateError(f"{name}: the Hub refuses with status {status}: {words or 'without a reason'}\n{_AGAIN}")
    if isinstance(error, ValueError):  # an answer that the client cannot read, or a card that the Hub does not take
        return CurateError(f"{name}: the Hub's answer is not as expected: {error}\n{_AGAIN}")
    return error


def _as_exception(error: BaseException) -> Exception | str:
    return error if isinstance(error, Exception) else str(error)


def somebody_else(name: str) -> RefusedError:
    """Returns the error for a repository that has changed since it was looked at."""
    return RefusedError(
        f"somebody else has committed to {name} meanwhile; nothing was published\n"
        "look at what they did, then run the same command again: what the Hub has is not sent again"
    )


def no_token() -> UsageError:
    """Returns the error for a user who is not logged in."""
    return UsageError(f"there is no token for the Hub, and a push needs one\n{LOG_IN}")
