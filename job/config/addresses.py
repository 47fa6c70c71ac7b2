"""Addresses: places that are no folder of this machine, such as `s3://bucket/folder`. Only text; nothing is opened.

An address has no secrets in it, since it stands in plans and messages: who may read and write is for the environment
to say.
"""

from __future__ import annotations

import re
from pathlib import Path

_ADDRESS = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<rest>.*)", re.DOTALL)
_SECRETS = re.compile(r"(?<=://)[^/\s]*@|[?#][^\s']*")
_ONE_SLASH = re.compile(r"(s3|gs|gcs|abfs|hf|https?):/")
_NO_STORES = {"http", "https", "ftp", "sftp", "ssh"}


def is_address(text: str) -> bool:
    """Tells an address from a path."""
    return "://" in text


def located(text: str) -> Path | str:
    """Returns the place that a user has named.

    Args:
        text: a path or an address; `file://` is a path too.

    Returns:
        A path, `~` in it written out; or the address, without slashes at its end.

    Raises:
        ValueError: when it is no place at all, or has secrets in it.
    """
    if not is_address(text):
        if _ONE_SLASH.match(text):
            raise ValueError(f"{text} is no address: two slashes follow the colon, as in s3://BUCKET/FOLDER")
        return Path(text).expanduser()
    match = _ADDRESS.fullmatch(text)
    if match is None or "::" in text:
        raise ValueError(f"{without_secrets(text)} is no address: write it as s3://BUCKET/FOLDER")
    scheme, rest = match["scheme"], match["rest"].rstrip("/")
    if "?" in rest or "#" in rest:
        raise ValueError(
            f"{without_secrets(text)}: nothing can follow the path: keys, region and endpoint come from the "
            "environment, such as AWS_ACCESS_KEY_ID, AWS_REGION and AWS_ENDPOINT_URL"
        )
    user, at, _ = rest.partition("/")[0].rpartition("@")
    if at and (":" in user or not scheme.startswith("abfs")):  # where it is a container
        raise ValueError(
            f"{without_secrets(text)}: no names or keys before @: they come from the environment, such as "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    if scheme in _NO_STORES:
        raise ValueError(f"{scheme}:// is no storage: fetch the files into a folder, or put them on s3:// or the like")
    if any(part in {"", ".", ".."} for part in rest.lstrip("/").split("/")) or not rest.isprintable():
        raise ValueError(f"{scheme}://{rest!a}: an address has names between its slashes: s3://BUCKET/FOLDER")
    if scheme == "file":
        if not rest.startswith("/"):
            raise ValueError(f"file://{rest}: write it as file:///FOLDER")
        return Path(rest)
    if scheme in {"s3", "gs", "gcs"} and rest.startswith("/"):
        raise ValueError(f"{scheme}://{rest} names no bucket: write it as {scheme}://BUCKET/FOLDER")
    return f"{scheme}://{rest}"


def without_secrets(text: str) -> str:
    """Returns text that may have addresses in it, without what in them may be a secret."""
    return _SECRETS.sub("...", text) if "://" in text else text
