"""The test Hub takes writes from the unmodified client, and refuses what the real one refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, constants
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

from tests.servers.hub import CommitBetween, Hub, Lost

REPO = "someone/shelf"
BIG = bytes(range(256)) * 40


@pytest.fixture
def api(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> HfApi:
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    hub.token("hf_writer", "write")
    hub.token("hf_reader", "read")
    made = HfApi(endpoint=hub.endpoint, token="hf_writer")
    made.create_repo(REPO, repo_type="dataset", private=True)
    return made


@pytest.mark.parametrize("part_bytes", [None, 3_000])
def test_a_folder_is_uploaded_changed_and_deleted_from(
    hub: Hub, api: HfApi, tmp_path: Path, part_bytes: int | None
) -> None:
    hub.part_bytes = part_bytes
    (tmp_path / "data").mkdir()
    (tmp_path / "data/big.bin").write_bytes(BIG)
    (tmp_path / "small.txt").write_bytes(b"small\n")
    api.upload_folder(repo_id=REPO, folder_path=tmp_path, repo_type="dataset")
    files = hub.files(REPO)
    assert (files["data/big.bin"], files["small.txt"], hub.commits(REPO)) == (BIG, b"small\n", 2)
    api.upload_folder(repo_id=REPO, folder_path=tmp_path, repo_type="dataset")  # nothing differs
    assert (hub.commits(REPO), [*hub.uploads.values()]) == (2, [1])
    api.delete_file("small.txt", repo_id=REPO, repo_type="dataset")
    assert sorted(hub.files(REPO)) == [".gitattributes", "data/big.bin"]


def test_a_private_repository_is_its_makers_alone(hub: Hub, api: HfApi) -> None:
    assert api.dataset_info(REPO).private
    with pytest.raises(RepositoryNotFoundError):
        HfApi(endpoint=hub.endpoint, token="hf_reader").dataset_info(REPO)


@pytest.mark.parametrize(("token", "status"), [(False, 401), ("hf_unknown", 401), ("hf_reader", 403)])
def test_only_a_token_that_may_write_writes(hub: Hub, api: HfApi, token: str | bool, status: int) -> None:
    del api
    other = HfApi(endpoint=hub.endpoint, token=token)
    with pytest.raises(HfHubHTTPError) as refused:
        other.create_repo("someone/other", repo_type="dataset")
    assert refused.value.response.status_code == status


def test_a_commit_that_does_not_follow_the_last_one_is_refused(hub: Hub, api: HfApi) -> None:
    parent = api.dataset_info(REPO).sha
    operations = [CommitOperationAdd("a.txt", b"a")]
    hub.fail(CommitBetween(), path="/commit/")
    with pytest.raises(HfHubHTTPError) as refused:
        api.create_commit(REPO, operations, commit_message="a", repo_type="dataset", parent_commit=parent)
    assert refused.value.response.status_code == 412
    assert sorted(hub.files(REPO)) == [".gitattributes", "note-1.txt"]
    gone = [CommitOperationDelete("absent.txt")]
    with pytest.raises(HfHubHTTPError, match="A file with this name doesn't exist"):
        api.create_commit(REPO, gone, commit_message="b", repo_type="dataset")


def test_a_write_whose_answer_is_lost_is_done(hub: Hub, api: HfApi) -> None:
    hub.fail(Lost(), path="/commit/")
    with pytest.raises(Exception, match="disconnected"):
        api.create_commit(REPO, [CommitOperationAdd("a.txt", b"a")], commit_message="a", repo_type="dataset")
    assert hub.files(REPO)["a.txt"] == b"a"
