"""The profile that `AWS_PROFILE` names, and keys that are nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from job.errors import CurateError, UsageError
from job.storage import filesystem
from tests.servers.s3 import S3

CREDENTIALS = "[default]\naws_access_key_id = a\naws_secret_access_key = b%(c\n\n[work]\naws_access_key_id = d\n"
CONFIG = "[default]\nregion = eu-west-1\n\n[profile shop]\nregion = eu-west-3\ns3 =\n  max_concurrent_requests = 3\n"


@pytest.fixture
def home(s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Makes a home folder with profiles, and takes the keys out of the environment."""
    del s3
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws/credentials").write_text(CREDENTIALS)
    (tmp_path / ".aws/config").write_text(CONFIG)
    filesystem._native.cache_clear()  # pyright: ignore[reportPrivateUsage]
    return tmp_path


def test_a_profile_that_is_in_no_file_is_said_with_those_that_are(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "shopp")
    with pytest.raises(UsageError) as raised:
        filesystem.get("s3://bucket/a")
    assert raised.value.message == (
        f"AWS_PROFILE=shopp: no such profile in {home}/.aws/credentials or {home}/.aws/config; "
        "they have default, shop, work; did you mean shop?\n"
        "correct it or unset it, or make the profile: aws configure --profile NAME; on every node of a cluster"
    )


@pytest.mark.parametrize("name", ["work", "shop", "default", ""])
def test_a_profile_that_is_in_one_of_the_files_is_used(name: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    del home
    monkeypatch.setenv("AWS_PROFILE", name)
    assert filesystem.get("s3://bucket/none") is None


def test_files_that_are_not_there_are_said(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "work")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", f"{home}/none")
    (home / ".aws/config").write_text("no section")
    with pytest.raises(UsageError, match=rf"in {home}/none \(no such file\) or .*/config; they have no profile\n"):
        filesystem.get("s3://bucket/a")


def test_keys_in_the_environment_come_before_a_profile(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    del home
    monkeypatch.setenv("AWS_PROFILE", "none")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    assert filesystem.get("s3://bucket/none") is None


def test_a_refusal_without_any_keys_says_where_there_are_none(
    s3: S3, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(home / "none"))
    s3.fault = lambda _: 403
    with pytest.raises(CurateError) as raised:
        filesystem.list_folder("s3://bucket/a")
    assert (
        f"; there are no keys in the environment, nor {home}/none/.aws/credentials (no such file) nor "
        f"{home}/none/.aws/config (no such file)\n"
    ) in raised.value.message
    monkeypatch.setenv("HOME", str(home))
    with pytest.raises(CurateError, match="access denied") as raised:
        filesystem.list_folder("s3://bucket/a")
    assert "no keys" not in raised.value.message
