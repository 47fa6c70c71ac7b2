"""Names and addresses of data sets on the Hub, as users type them."""

from __future__ import annotations

import re
from urllib.parse import unquote

from job.errors import UsageError

_ON_HUB = "hf://"
_DATASET = re.compile(r"hf://datasets/(?P<name>[^/@]+/[^/@]+?)(?:@(?P<revision>.+?))?/?")
_PAGE = re.compile(r"(?:https?://[^/]+/datasets/|hf://datasets/|datasets/)(?P<name>[^/@?#]+/[^/@?#]+)(?:[@/?#].*)?")


def dataset_name(text: str) -> str:
    """Checks the name of a data set on the Hub.

    Args:
        text: what the user typed.

    Returns:
        The name, as `OWNER/NAME`.

    Raises:
        UsageError: if no repository on the Hub can have that name.
    """
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    problem = "it is not OWNER/NAME"
    owner, _, name = text.partition("/")
    if owner and name and "/" not in name and ":" not in text:
        try:
            validate_repo_id(text)
            for part in (owner, name):  # each of them has to begin and end with a letter or a digit
                validate_repo_id(part)
        except HFValidationError:
            problem = (
                "letters, digits, - _ and . are allowed, no -- or .., none of - and . at an end, "
                "no .git at the end, and 96 characters in all"
            )
        else:
            return text
    page = _PAGE.fullmatch(text)
    hint = f"\ndid you mean {page['name']}?" if page else ""
    raise UsageError(
        f"no data set on the Hub can be called {text!r}: {problem}{hint}\n"
        "write it as OWNER/NAME, where OWNER is you or your organization: curate push OUT OWNER/NAME"
    )


def is_on_hub(text: str) -> bool:
    """Tells whether text is an address on the Hub."""
    return text.startswith(_ON_HUB)


def published_at(text: str) -> tuple[str, str]:
    """Parses the address of a data set on the Hub.

    Args:
        text: such as `hf://datasets/OWNER/NAME@REVISION`.

    Returns:
        The data set's name, and its revision, which is `main` unless the address names one.

    Raises:
        UsageError: if it is the address of something else.
    """
    match = _DATASET.fullmatch(text)
    if match is None:
        raise UsageError(
            f"{text} is not the address of a data set on the Hub\nwrite it as hf://datasets/OWNER/NAME, "
            "or hf://datasets/OWNER/NAME@REVISION"
        )
    return dataset_name(match["name"]), unquote(match["revision"] or "main")
