"""Error messages for requests to the Hub that failed for good. None has an address in it, which may be signed."""

from __future__ import annotations

from job.errors import CurateError, UsageError

_LOG_IN = "log in: hf auth login (or set HF_TOKEN)"
_STATUS_REASONS = {429: "the Hub has asked to slow down", 401: "its token was refused", 403: "it refuses access"}


def not_cached(what: str) -> CurateError:
    """Returns the error for something that is not in the cache while HF_HUB_OFFLINE forbids requests."""
    return CurateError(
        f"{what} is not in the Hugging Face cache, and HF_HUB_OFFLINE is set\n"
        "unset it and run once with a network; downloaded files then stay in the cache"
    )


def invalid_token() -> UsageError:
    """Returns the error for a token that cannot be sent."""
    return UsageError(
        "the Hub's token has a character that no token has\nlog in again: hf auth login (or correct HF_TOKEN)"
    )


def hub_error(problem: Exception | str, what: str) -> CurateError:
    """Returns the error for a request that failed for good.

    Args:
        problem: the client's exception, or a description of what happened.
        what: what was requested.
    """
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError

    if isinstance(problem, GatedRepoError):
        return CurateError(
            f"{what}: its repository is gated\nopen its page on the Hub and accept the terms, then {_LOG_IN}"
        )
    if isinstance(problem, RevisionNotFoundError):
        return CurateError(f"{what}: no such branch, tag or commit")
    if isinstance(problem, RepositoryNotFoundError):
        return CurateError(f"{what}: there is no such data set on the Hub, or it is private\nif it is yours, {_LOG_IN}")
    if isinstance(problem, HfHubHTTPError):
        status = problem.response.status_code
        return CurateError(
            f"{what}: the Hub answered with status {status}: {_STATUS_REASONS.get(status, 'an error on its side')}\n"
            "wait a while, then run the same command again to go on; finished partitions and the cache are kept"
        )
    return CurateError(
        f"{what}: the Hub cannot be reached: {problem}\n"
        "run the same command again to go on; finished partitions and the cache are kept"
    )
