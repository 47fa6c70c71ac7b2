"""What the test Hub answers when nothing goes wrong: the routes of the real one, and the hashes it states."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from tests.servers.hub.answers import (
    PIECE_BYTES,
    Answer,
    Call,
    Refusal,
    error_answer,
    file_answer,
    json_answer,
    xml_error,
)
from tests.servers.hub.repositories import Access, Commit, PublishedFile, Repository, check_unchanged, sha1
from tests.servers.hub.writes import Writes

EXPANDED_PAGE_SIZE = 50
"""Entries of a page with `expand=true`, at most: the real Hub's limit."""


class Content(Writes):
    """Repositories, and the right answer to each request for them.

    Attributes:
        page_size: Most entries of one page of a tree.
        lfs_bytes: Bytes from which on a file is an LFS file, which the CDN serves.
        xet: Whether LFS files are announced as Xet files too.
        part_bytes: Bytes from which on an LFS file is to be uploaded in parts of so many; None: never.
    """

    endpoint: str
    """The Hub's address, as HF_ENDPOINT takes it."""
    cdn: str
    """The CDN's address."""

    def __init__(self, *, page_size: int, lfs_bytes: int, xet: bool, part_bytes: int | None = None) -> None:
        super().__init__(lfs_bytes=lfs_bytes, part_bytes=part_bytes)
        self.page_size = page_size
        self.xet = xet
        self._lock = threading.Lock()
        self._hashing = threading.Lock()
        self._digests: dict[tuple[PublishedFile, str], str] = {}
        self._secret = secrets.token_bytes(16)

    def put(self, repo_id: str, folder: Path, *, revision: str = "main") -> str:
        """Publishes a folder's files, links followed, as a new commit that a branch then names.

        Files are served from where they are: one that changes afterwards is an error, not new content.

        Args:
            repo_id: The data set's "owner/name".
            folder: The files, nested as in the repository.
            revision: The branch, created if there is none.

        Returns:
            The commit's hash.
        """
        if repo_id.count("/") != 1:
            raise ValueError(f"a repository is owner/name, not {repo_id!r}")
        if not folder.is_dir():
            raise ValueError(f"no such folder: {folder}")
        files: dict[str, PublishedFile] = {}
        for parent, _, names in os.walk(folder, followlinks=True):
            for name in names:
                shown = Path(parent, name)
                path = shown.resolve(strict=True)
                stat = path.stat()
                files[shown.relative_to(folder).as_posix()] = PublishedFile(path, stat.st_size, stat.st_mtime_ns)
        with self._lock:
            repository = self._repositories.setdefault(repo_id, Repository())
            number = len(repository.commits)
            contents = "".join(f"{path}\0{files[path].size}\0" for path in sorted(files))
            commit = Commit(sha1(f"{repo_id}\0{number}\0{contents}"), number, dict(sorted(files.items())))
            repository.commits[commit.id] = commit
            repository.branches[revision] = commit.id
        return commit.id

    def private(self, repo_id: str, *, token: str) -> None:
        """Hides a repository from requests without this token."""
        self._access[repo_id] = Access(token, gated=False, listed=False)

    def gated(self, repo_id: str, *, token: str, listed: bool = True) -> None:
        """Keeps a repository's files from requests without this token: 401 without any, 403 with another.

        Args:
            repo_id: The data set's "owner/name".
            token: What opens it.
            listed: Whether its information and tree are open to everybody, as they are on the real Hub.
        """
        self._access[repo_id] = Access(token, gated=True, listed=listed)

    def right_answer(self, call: Call) -> Answer:
        """Returns the answer to a request, without faults."""
        try:
            if (written := self.writing_answer(call)) is not None:
                return written
            return self._hub_answer(call) if call.server == "hub" else self._cdn_answer(call)
        except Refusal as refusal:
            return refusal.answer

    def _hub_answer(self, call: Call) -> Answer:
        match call.parts:
            case ["datasets", owner, name, "resolve", revision, *path] if path and call.method != "POST":
                return self._resolve(call, f"{owner}/{name}", revision, "/".join(path))
            case ["api", "datasets", owner, name, *rest]:
                return self._api(call, f"{owner}/{name}", rest)
            case _:
                return error_answer(404, message="Sorry, we can't find the page you are looking for.")

    def _api(self, call: Call, repo_id: str, rest: list[str]) -> Answer:
        repository = self._repository(call, repo_id, contents=rest[:1] == ["auth-check"])
        match call.method, rest:
            case "GET", []:
                return self._information(call, repo_id, self._commit(repository, "main"))
            case "GET", ["revision", revision]:
                return self._information(call, repo_id, self._commit(repository, revision))
            case "GET", ["tree", revision, *path]:
                return self._tree(call, repo_id, self._commit(repository, revision), revision, "/".join(path))
            case "POST", ["paths-info", revision]:
                return self._paths_information(call, self._commit(repository, revision))
            case "GET", ["refs"]:
                branches = [
                    {"name": name, "ref": f"refs/heads/{name}", "targetCommit": commit}
                    for name, commit in sorted(repository.branches.items())
                ]
                return json_answer({"branches": branches, "converts": [], "tags": [], "pullRequests": []})
            case "GET", ["auth-check"]:
                return json_answer({})
            case _:
                return error_answer(404, message="Sorry, we can't find the page you are looking for.")

    def _repository(self, call: Call, repo_id: str, *, contents: bool) -> Repository:
        """Returns a repository if the request may see it, and raises Refusal if not."""
        repository = self._repositories.get(repo_id)
        access = self._access.get(repo_id)
        is_known = access is None or call.authorization == f"Bearer {access.token}"
        if repository is None or (access is not None and not access.gated and not is_known):
            if call.authorization is None:
                raise Refusal(error_answer(401, "RepoNotFound", "Invalid username or password."))
            raise Refusal(error_answer(404, "RepoNotFound", "Repository not found"))
        if access is not None and not is_known and (contents or not access.listed):
            if call.authorization is None:
                says = "You must have access to it and be authenticated to access it. Please log in."
                raise Refusal(error_answer(401, "GatedRepo", f"Access to dataset {repo_id} is restricted. {says}"))
            says = f"Visit https://huggingface.co/datasets/{repo_id} to ask for access."
            restricted = f"Access to dataset {repo_id} is restricted and you are not in the authorized list. {says}"
            raise Refusal(error_answer(403, "GatedRepo", restricted))
        return repository

    def _commit(self, repository: Repository, revision: str) -> Commit:
        commit = repository.commits.get(repository.branches.get(revision, revision))
        if commit is None:
            raise Refusal(error_answer(404, "RevisionNotFound", f"Invalid rev id: {revision}"))
        return commit

    def _information(self, call: Call, repo_id: str, commit: Commit) -> Answer:
        access = self._access.get(repo_id)
        siblings = [{"rfilename": path} for path in commit.files]
        if call.flag("blobs"):
            siblings = [self._sibling(path, file) for path, file in commit.files.items()]
        document: dict[str, Any] = {
            "_id": sha1(repo_id)[:24],
            "id": repo_id,
            "author": repo_id.partition("/")[0],
            "sha": commit.id,
            "createdAt": "2023-09-01T00:00:00.000Z",
            "lastModified": commit.date,
            "private": access is not None and not access.gated,
            "gated": "auto" if access is not None and access.gated else False,
            "disabled": False,
            "downloads": 0,
            "likes": 0,
            "tags": ["region:us"],
            "siblings": siblings,
        }
        if wanted := call.query.get("expand"):
            document = {key: value for key, value in document.items() if key in ("_id", "id", *wanted)}
        return json_answer(document, sizes=call.flag("blobs"))

    def _tree(self, call: Call, repo_id: str, commit: Commit, revision: str, folder: str) -> Answer:
        prefix = f"{folder}/" if folder else ""
        inside = [path for path in commit.files if path.startswith(prefix)]
        if folder and not inside:
            raise Refusal(error_answer(404, "EntryNotFound", f'{folder} does not exist on "{revision}"'))
        recursive, expand = call.flag("recursive"), call.flag("expand")
        paths = sorted(_entries(inside, prefix, recursive=recursive))
        page_size = min(self.page_size, EXPANDED_PAGE_SIZE) if expand else self.page_size
        limit = min(int(call.query.get("limit", [page_size])[-1]), page_size)
        cursor = call.query.get("cursor", [""])[-1]
        begin = int(base64.urlsafe_b64decode(cursor)) if cursor else 0
        end = begin + limit
        answer = json_answer([self._entry(path, commit, expand=expand) for path in paths[begin:end]], sizes=True)
        if end < len(paths):
            query = urlencode(
                {
                    "recursive": str(recursive).lower(),
                    "expand": str(expand).lower(),
                    "limit": limit,
                    "cursor": base64.urlsafe_b64encode(str(end).encode()).decode(),
                }
            )
            parts = [revision, folder] if folder else [revision]
            address = f"{self.endpoint}/api/datasets/{repo_id}/tree/" + "/".join(quote(part, safe="") for part in parts)
            answer.headers["Link"] = f'<{address}?{query}>; rel="next"'
        return answer

    def _paths_information(self, call: Call, commit: Commit) -> Answer:
        known = set(_entries(commit.files, "", recursive=True))
        expand = call.flag("expand")
        paths = [path for path in call.form.get("paths", []) if path in known]
        return json_answer([self._entry(path, commit, expand=expand) for path in paths], sizes=True)

    def _entry(self, path: str, commit: Commit, *, expand: bool) -> dict[str, Any]:
        """Returns a tree's entry of a file or folder."""
        file = commit.files.get(path)
        if file is None:
            entry: dict[str, Any] = {"type": "directory", "oid": sha1(path), "size": 0, "path": path}
        else:
            entry = {"type": "file", "oid": self._git_hash(file), "size": file.size, "path": path}
            if self._is_lfs(file):
                entry["lfs"] = {"oid": self._sha256(file), "size": file.size, "pointerSize": len(self._pointer(file))}
                if self.xet:
                    entry["xetHash"] = self._xet_hash(file)
        if expand:
            entry["lastCommit"] = {"id": commit.id, "title": f"Upload {commit.number}", "date": commit.date}
            if file is not None:
                scan = {"status": "safe", "avScan": {"virusFound": False}, "pickleImportScan": None}
                entry["securityFileStatus"] = scan
        return entry

    def _sibling(self, path: str, file: PublishedFile) -> dict[str, Any]:
        """Returns a file's entry in the repository's information."""
        sibling: dict[str, Any] = {"rfilename": path, "blobId": self._git_hash(file), "size": file.size}
        if self._is_lfs(file):
            pointer_size = len(self._pointer(file))
            sibling["lfs"] = {"sha256": self._sha256(file), "size": file.size, "pointerSize": pointer_size}
        return sibling

    def _resolve(self, call: Call, repo_id: str, revision: str, path: str) -> Answer:
        commit = self._commit(self._repository(call, repo_id, contents=True), revision)
        file = commit.files.get(path)
        if file is None:
            answer = error_answer(404, "EntryNotFound", "Entry not found")
            answer.headers["X-Repo-Commit"] = commit.id
            return answer
        if not self._is_lfs(file):
            answer = file_answer(call, file, self._git_hash(file))
            answer.headers["X-Repo-Commit"] = commit.id
            answer.sizes = call.method == "HEAD"
            return answer
        cdn_path = f"/repos/{repo_id}/{commit.id}/{path}"
        location = f"{self.cdn}{quote(cdn_path)}?X-Amz-Expires=3600&X-Amz-Signature={self._signature(cdn_path)}"
        headers = {
            "Location": location,
            "Accept-Ranges": "bytes",
            "Content-Type": "text/plain; charset=utf-8",
            "X-Repo-Commit": commit.id,
            "X-Linked-Size": str(file.size),
            "X-Linked-Etag": f'"{self._sha256(file)}"',
        }
        if self.xet:
            xet_hash = self._xet_hash(file)
            headers["X-Xet-Hash"] = xet_hash
            headers["Link"] = (
                f'<{self.endpoint}/api/datasets/{repo_id}/xet-read-token/{commit.id}>; rel="xet-auth", '
                f'<{self.cdn}/v1/reconstructions/{xet_hash}>; rel="xet-reconstruction-info"'
            )
        return Answer(302, headers, f"Found. Redirecting to {location}".encode(), sizes=True)

    def _cdn_answer(self, call: Call) -> Answer:
        match call.parts:
            case ["repos", owner, name, commit_id, *path] if call.method != "POST":
                repository = self._repositories.get(f"{owner}/{name}", Repository())
                commit = repository.commits.get(commit_id)
                file = None if commit is None else commit.files.get("/".join(path))
            case _:
                file = None
        if file is None:
            return xml_error(404)
        if not hmac.compare_digest(call.query.get("X-Amz-Signature", [""])[-1], self._signature(call.path)):
            return xml_error(403)
        return file_answer(call, file, self._sha256(file))

    def _signature(self, cdn_path: str) -> str:
        return hmac.new(self._secret, cdn_path.encode(), "sha256").hexdigest()

    def _is_lfs(self, file: PublishedFile) -> bool:
        return file.size >= self.lfs_bytes

    def _sha256(self, file: PublishedFile) -> str:
        return self._digest(file, "sha256", b"")

    def _git_hash(self, file: PublishedFile) -> str:
        """Returns git's hash of what git stores: the content, or an LFS pointer to it."""
        if self._is_lfs(file):
            pointer = self._pointer(file)
            return hashlib.sha1(b"blob %d\0" % len(pointer) + pointer).hexdigest()
        return self._digest(file, "sha1", b"blob %d\0" % file.size)

    def _pointer(self, file: PublishedFile) -> bytes:
        return (
            f"version https://git-lfs.github.com/spec/v1\noid sha256:{self._sha256(file)}\nsize {file.size}\n".encode()
        )

    def _xet_hash(self, file: PublishedFile) -> str:
        return hashlib.sha256(f"xet {self._sha256(file)}".encode()).hexdigest()

    def _digest(self, file: PublishedFile, kind: str, start: bytes) -> str:
        check_unchanged(file)
        with self._hashing:
            if (file, kind) not in self._digests:
                digest = hashlib.new(kind, start)
                with file.path.open("rb") as opened:
                    while piece := opened.read(PIECE_BYTES):
                        digest.update(piece)
                self._digests[file, kind] = digest.hexdigest()
            return self._digests[file, kind]


def _entries(paths: Iterable[str], prefix: str, *, recursive: bool) -> set[str]:
    """Returns the files and folders below a prefix, or directly below it."""
    entries: set[str] = set()
    for path in paths:
        steps = path[len(prefix) :].split("/")
        depth = len(steps) if recursive else 1
        entries.update(prefix + "/".join(steps[:count]) for count in range(1, depth + 1))
    return entries
