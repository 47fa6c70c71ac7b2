"""Addresses: what is one, and that none has a secret in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from job.config.addresses import located, without_secrets
from job.config.load import load_config
from job.errors import UsageError


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("s3://bucket/a/b", "s3://bucket/a/b"),
        ("s3://bucket/a/", "s3://bucket/a"),
        ("s3://bucket", "s3://bucket"),
        ("gs://bucket/a b", "gs://bucket/a b"),
        ("abfs://container@account.dfs.core.windows.net/a", "abfs://container@account.dfs.core.windows.net/a"),
        ("hf://datasets/owner/name", "hf://datasets/owner/name"),
        ("memory://a", "memory://a"),
        ("local:///a/b", "local:///a/b"),
        ("file:///a/b/", Path("/a/b")),
        ("a/b", Path("a/b")),
        ("s3:out", Path("s3:out")),
    ],
)
def test_a_place_is_a_path_or_an_address(text: str, place: Path | str) -> None:
    assert located(text) == place


def test_a_path_may_begin_at_home() -> None:
    assert located("~/a") == Path.home() / "a"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("s3://key:hidden@bucket/a", "no names or keys before @"),
        ("s3://hidden@bucket/a", "no names or keys before @"),
        ("abfs://container:hidden@account.dfs.core.windows.net/a", "no names or keys before @"),
        ("s3://bucket/a?access_key=hidden&secret_key=hidden", "come from the environment"),
        ("s3://bucket/a#hidden", "come from the environment"),
        ("s3://bucket//a", "names between its slashes"),
        ("s3://bucket/../a", "names between its slashes"),
        ("s3://", "names between its slashes"),
        ("s3:/bucket/a", "two slashes follow the colon"),
        ("s3:///a", "names no bucket"),
        ("file://a", "file:///FOLDER"),
        ("https://host/a", "not a storage"),
        ("simplecache::s3://bucket/a", "is not an address"),
        ("S3://bucket/a", "is not an address"),
    ],
)
def test_what_is_wrong_with_an_address_is_said_without_its_secrets(text: str, said: str) -> None:
    for key in ("source.path", "output"):
        with pytest.raises(UsageError, match=said) as raised:
            load_config(None, {key: text})
        assert "hidden" not in str(raised.value)


def test_text_loses_what_may_be_a_secret_of_an_address_and_nothing_else() -> None:
    text = "'s3://key:hidden@bucket/a?token=hidden' and a@b, c?d"
    assert without_secrets(text).startswith("'s3://...bucket/a...' and a@b")
    assert without_secrets("a@b?c#d") == "a@b?c#d"
