"""Addresses: what is one, and that none has a secret in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from job.config.addresses import located, on_hub, without_secrets
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


HUB = "is a page of the Hub; to read its data set, write in place of --source: --set source.dataset=owner/na.me-1"


@pytest.mark.parametrize(
    ("page", "revision"),
    [
        ("https://huggingface.co/datasets/owner/na.me-1", ""),
        ("http://www.huggingface.co/datasets/owner/na.me-1/", ""),
        ("huggingface.co/datasets/owner/na.me-1", ""),
        ("https://hf.co/datasets/owner/na.me-1/tree/main/raw", ""),
        ("https://huggingface.co/datasets/owner/na.me-1/viewer/default/train?row=3#x", ""),
        ("https://huggingface.co/datasets/owner/na.me-1/blob/v1.0/a.jsonl", " --set source.revision=v1.0"),
        (
            "https://huggingface.co/datasets/owner/na.me-1/resolve/refs%2Fconvert%2Fparquet/default/0000.parquet",
            " --set source.revision=refs/convert/parquet",
        ),
        (
            "https://huggingface.co/datasets/owner/na.me-1/tree/refs/pr/3/data",
            " --set source.revision=refs/pr/3",
        ),
    ],
)
def test_a_page_of_the_hub_says_what_to_type(page: str, revision: str) -> None:
    with pytest.raises(UsageError) as raised:
        load_config(None, {"source.path": page})
    assert f"{HUB}{revision} --category NAME" in str(raised.value)


def test_a_page_of_the_hub_that_is_no_data_set_s_is_called_so() -> None:
    with pytest.raises(UsageError, match="a page of the Hub, but no data set's"):
        load_config(None, {"source.path": "https://huggingface.co/owner/model"})


def test_a_folder_that_is_called_as_the_hub_is_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "huggingface.co").mkdir()
    assert load_config(None, {"source.path": "huggingface.co/datasets/a/b"}).source.path is not None


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("owner/name", "--set source.dataset=owner/name --category NAME\n"),
        ("datasets/owner/name", "--set source.dataset=owner/name --category NAME\n"),
        ("./owner/name", ""),
        ("/owner/name", ""),
        ("name", ""),
        ("../name", ""),
        ("a/b/c", ""),
    ],
)
def test_a_path_that_may_be_a_data_set_is_called_so(path: str, said: str) -> None:
    assert on_hub(path).removeprefix("for the data set on the Hub: ") == said
