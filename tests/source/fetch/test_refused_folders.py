"""Folders of the user that cannot be used: a read-only cache, a cache without a home, a folder to unpack into."""

from __future__ import annotations

import errno
import gzip
import os
from pathlib import Path

import pytest

from job.config.load import load_config
from job.errors import CurateError, UsageError
from job.source.fetch.cache import cached_commit, check_cache_writable, remember_revision
from job.source.fetch.unpack import unpack
from job.source.find.load_dataset import loaded_category
from job.source.hub_errors import request_headers
from job.source.location import LocalFile
from job.storage.bucket import ObjectStore

CACHE = "huggingface_hub.constants.HF_HUB_CACHE"


def said(needed_bytes: int = 1) -> str:
    with pytest.raises(UsageError) as raised:
        check_cache_writable(needed_bytes)
    return raised.value.message


@pytest.fixture
def read_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Makes everything look read-only: the tests may run as root, whom no permission stops."""
    real = os.statvfs(tmp_path)
    flags = type("Flags", (), {"f_flag": real.f_flag | os.ST_RDONLY})
    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setattr(os, "statvfs", lambda _: flags)
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_DATASETS_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(CACHE, str(tmp_path / "hf/hub"))
    return tmp_path


def test_a_read_only_cache_is_said_before_work_with_the_variable_that_names_it(
    read_only: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert said() == (
        f"the Hugging Face cache cannot be used: {read_only}: the file system is read-only\n"
        "name a folder that can be written, and run the same command again: "
        "export HF_HOME=/FOLDER; or, for data on the Hub, keep nothing on disk: --set source.stream=true"
    )
    monkeypatch.setenv("HF_HUB_CACHE", "/some")
    assert "export HF_HUB_CACHE=/FOLDER" in said()
    check_cache_writable(0)  # all is there already


def test_a_cache_below_a_file_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(CACHE, str(tmp_path / "file/hub"))
    assert f"{tmp_path / 'file'}: a part of the path is a file, not a folder" in said()


def test_a_cache_that_may_not_be_looked_into_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bool:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(CACHE, str(tmp_path))
    monkeypatch.setattr(Path, "is_file", refuse)
    with pytest.raises(UsageError, match=r"cannot be used: .*/refs/main: permission denied\n.*HF_HOME"):
        cached_commit("owner/name", "main")


def test_without_a_home_no_folder_named_tilde_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CACHE, "~/.cache/huggingface/hub")
    monkeypatch.chdir(tmp_path)
    remember_revision("owner/name", "main", "a" * 40)
    assert said().splitlines()[1] == "name one that can be written: export HF_HOME=/FOLDER, or HOME=/FOLDER"
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", "~/.cache/huggingface/datasets")
    with pytest.raises(UsageError, match="HOME is not set"):
        loaded_category({"path": "json"}, ["Toys"])
    assert list(tmp_path.iterdir()) == []


def test_without_a_home_other_paths_say_so_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", nobody)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    with pytest.raises(UsageError, match="export XDG_CACHE_HOME=/FOLDER, or HOME=/FOLDER"):
        assert ObjectStore("s3://bucket/a").scratch
    with pytest.raises(UsageError, match="output: ~ is the home folder, and this user has none"):
        load_config(None, {"output": "~/items"})
    with pytest.raises(UsageError, match="there is no such user"):
        load_config(None, {"output": "~somebody/items"})
    del tmp_path


def test_a_token_that_cannot_be_read_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "file/token"))
    with pytest.raises(
        UsageError, match=r"the Hub's token cannot be read: .*/file/token: a part of the path is a file"
    ):
        request_headers()


def test_a_read_only_cache_of_load_dataset_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.jsonl").write_text('{"title": "a"}\n')
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path / "file/datasets"))
    monkeypatch.delenv("HF_DATASETS_CACHE", raising=False)
    arguments = {"path": "json", "data_files": str(tmp_path / "a.jsonl"), "split": "train"}
    with pytest.raises(UsageError, match=r"the Hugging Face cache cannot be used: .*/file.*\n.*export HF_HOME="):
        loaded_category(arguments, ["Toys"])


def test_a_folder_that_nothing_can_be_unpacked_into_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b"{}\n"))
    (tmp_path / "file").write_text("")
    with pytest.raises(CurateError) as raised:
        unpack(LocalFile(tmp_path / "a.jsonl.gz"), tmp_path / "file/scratch", lambda _: None)
    assert raised.value.message.startswith(
        f"a.jsonl.gz cannot be unpacked into {tmp_path}/file/scratch: a part of the path is a file, not a folder\n"
    )
    assert "export XDG_CACHE_HOME=/FOLDER" in raised.value.message
