"""Error messages for requests to the Hub that failed for good. None has an address in it, which may be signed."""

from __future__ import annotations

import errno
import os

from job.errors import CurateError, UsageError, plain_reason

REFUSALS = {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST}
"""Numbers of the errors with which the system refuses to use a folder at all, whatever room there is."""
_CACHE_VARIABLES = ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE")
"""Environment variables that name the cache by itself; otherwise it is below `HF_HOME`."""
_LOG_IN = "log in: hf auth login (or set HF_TOKEN)"
_STATUS_REASONS = {429: "the Hub has asked to slow down", 401: "its token was refused", 403: "it refuses access"}


def not_cached(what: str) -> CurateError:
    """Returns the error for something that is not in the cache while HF_HUB_OFFLINE forbids requests."""
    return CurateError(
        f"{what} is not in the Hugging Face cache, and HF_HUB_OFFLINE is set\n"
        "unset it and run once with a network; downloaded files then stay in the cache"
    )


def cache_refused(error: OSError, path: object, variables: tuple[str, ...] = _CACHE_VARIABLES) -> UsageError:
    """Returns the error for a cache that cannot be used.

    Args:
        error: what the operating system raised.
        path: what was to be used, unless the error says so.
        variables: the variables that name the cache, if any of them is set; otherwise HF_HOME does.
    """
    variable = next((name for name in variables if os.environ.get(name)), "HF_HOME")
    return UsageError(
        f"the Hugging Face cache cannot be used: {error.filename or path}: {plain_reason(error)}\n"
        "name a folder that can be written, and run the same command again: "
        f"export {variable}=/FOLDER; or, for data on the Hub, keep nothing on disk: --set source.stream=true"
    )


def without_home() -> UsageError:
    """Returns the error for a cache that would be in the home folder of a user who has none."""
    return UsageError(
        "there is no folder for the Hugging Face cache: HOME is not set, and this user has no home folder\n"
        "name one that can be written: export HF_HOME=/FOLDER, or HOME=/FOLDER"
    )


def request_headers() -> dict[str, str]:
    """Returns the headers of a request to the Hub, with the token if there is one.

    Raises:
        UsageError: if the token cannot be read.
    """
    from huggingface_hub.utils import build_hf_headers

    try:
        return build_hf_headers()
    except OSError as error:
        raise UsageError(
            f"the Hub's token cannot be read: {error.filename}: {plain_reason(error)}\n"
            "name a folder of your own: export HF_HOME=/FOLDER; or the token itself: export HF_TOKEN=..."
        ) from None


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
