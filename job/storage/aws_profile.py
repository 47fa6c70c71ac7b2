"""Which profile do requests to S3 use, and is it there? The client itself sends requests without keys if it is not."""

from __future__ import annotations

import configparser
import os
from pathlib import Path

from job.errors import UsageError, nearest, printable

_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
"""Environment variables that come before any profile."""
_FILES = {"AWS_SHARED_CREDENTIALS_FILE": "~/.aws/credentials", "AWS_CONFIG_FILE": "~/.aws/config"}
"""Environment variables that name the files with profiles, and where they are otherwise."""
_PREFIX = "profile "
"""How the names of sections begin in the second file, except for the one of `default`."""


def check_profile() -> None:
    """Checks that the profile which `AWS_PROFILE` names is in one of the files.

    Raises:
        UsageError: if it is not, and no keys in the environment come before it.
    """
    name = os.environ.get("AWS_PROFILE")
    if not name or all(os.environ.get(key) for key in _KEYS):
        return
    found = {path: _profiles(path) for path in _paths()}
    if any(name in profiles for profiles in found.values()):
        return
    known = sorted(set().union(*found.values()))
    has = f"they have {', '.join(map(printable, known))}{nearest(name, known)}" if known else "they have no profile"
    raise UsageError(
        f"AWS_PROFILE={printable(name)}: no such profile in {' or '.join(_described(path) for path in found)}; {has}\n"
        "correct it or unset it, or make the profile: aws configure --profile NAME; on every node of a cluster"
    )


def about_keys() -> str:
    """Returns where no keys were found, as part of a message; nothing if some were found."""
    if all(os.environ.get(key) for key in _KEYS) or any(path.is_file() for path in _paths()):
        return ""
    return f"; there are no keys in the environment, nor {' nor '.join(_described(path) for path in _paths())}"


def _paths() -> list[Path]:
    return [Path(os.path.expanduser(os.environ.get(name) or path)) for name, path in _FILES.items()]  # noqa: PTH111 (without a home it stays as it is)


def _described(path: Path) -> str:
    return f"{path}{'' if path.is_file() else ' (no such file)'}"


def _profiles(path: Path) -> set[str]:
    """Returns the names of a file's profiles; none if it cannot be read."""
    parser = configparser.RawConfigParser(strict=False, default_section="\0", allow_no_value=True)
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, configparser.Error):
        return set()
    return {section.removeprefix(_PREFIX).strip() for section in parser.sections()}
