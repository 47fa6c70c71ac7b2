"""What the test Hub does with writes: repositories made, files uploaded, commits, and who may make them.

The routes are those that huggingface_hub 2.4.0 asks without Xet: `create_repo`, `create_branch`, `validate-yaml`,
`preupload`, the LFS batch with uploads in one piece or in parts, and `commit`.
"""

from __future__ import annotations

import base64
import fnmatch
import hashlib
import json
import tempfile
import threading
from collections import Counter
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from tests.servers.hub.answers import Answer, Call, Refusal, error_answer, json_answer, xml_error
from tests.servers.hub.repositories import Access, Commit, PublishedFile, Repository, sha1

Role = Literal["read", "write"]
CHANGED = "A commit has happened since. Please refresh and try again."


class Writes:
    """The part of the test Hub that takes writes.

    Attributes:
        lfs_bytes: Bytes from which on a file is an LFS file.
        part_bytes: Bytes from which on an LFS file is to be uploaded in parts of so many; None: never.
    """

    endpoint: str
    cdn: str

    def __init__(self, *, lfs_bytes: int, part_bytes: int | None) -> None:
        self.lfs_bytes = lfs_bytes
        self.part_bytes = part_bytes
        self._writing = threading.RLock()
        self._repositories: dict[str, Repository] = {}
        self._access: dict[str, Access] = {}
        self._tokens: dict[str, Role] = {}
        self._others = set[str]()
        self._parts: dict[tuple[str, int], bytes] = {}
        self.uploads: Counter[str] = Counter()
        """How often each LFS file was uploaded whole, by its SHA-256."""
        self._folder = tempfile.TemporaryDirectory(prefix="test-hub-")

    def token(self, token: str, role: Role) -> None:
        """Issues a token. One that was never issued is refused wherever something is written."""
        self._tokens[token] = role

    def other(self, repo_id: str, kind: Literal["model", "space"]) -> None:
        """Makes a repository of another kind."""
        self._others.add(f"{kind}s/{repo_id}")

    def files(self, repo_id: str, revision: str = "main") -> dict[str, bytes]:
        """Returns what is published on a branch: the content of each file by its path."""
        repository = self._repositories[repo_id]
        commit = repository.commits[repository.branches[revision]]
        return {path: file.path.read_bytes() for path, file in commit.files.items()}

    def commits(self, repo_id: str) -> int:
        """Returns how many commits a repository has, the first one included."""
        return len(self._repositories[repo_id].commits)

    def commit_by_somebody_else(self, repo_id: str, revision: str = "main") -> None:
        """Adds a file to a branch, as somebody does who knows of nobody else."""
        self._add_commit(repo_id, revision, {f"note-{self.commits(repo_id)}.txt": self._stored(b"hello\n")}, ())

    def writing_answer(self, call: Call) -> Answer | None:
        """Returns the answer to a request that is part of a write; None if it is none."""
        match call.server, call.method, call.parts:
            case "hub", "GET", ["api", "whoami-v2"]:
                role = self._role(call)
                return json_answer({"name": "someone", "type": "user", "auth": {"accessToken": {"role": role}}})
            case "hub", "GET", ["api", "models" | "spaces" as kind, owner, name]:
                if f"{kind}/{owner}/{name}" in self._others:
                    return json_answer({"id": f"{owner}/{name}"})
                return error_answer(404, "RepoNotFound", "Repository not found")
            case "hub", "POST", ["api", "validate-yaml"]:
                return json_answer({"errors": [], "warnings": []})
            case "hub", "POST", ["api", "repos", "create"]:
                return self._create(call)
            case "hub", "POST", ["api", "datasets", owner, name, "preupload", revision]:
                self._check_may_write(call, f"{owner}/{name}")
                return self._preupload(call, f"{owner}/{name}", revision)
            case "hub", "POST", ["datasets", owner, name, "info", "lfs", "objects", "batch"]:
                self._check_may_write(call, f"{owner}/{name.removesuffix('.git')}")
                return self._batch(call)
            case "hub", "POST", ["lfs", "verify", oid]:
                return json_answer({}) if self._blob(oid).exists() else error_answer(404)
            case "hub", "POST", ["lfs", "complete", oid]:
                return self._complete(call, oid)
            case "hub", "POST", ["api", "datasets", owner, name, "branch", branch]:
                self._check_may_write(call, f"{owner}/{name}")
                return self._branch(call, f"{owner}/{name}", branch)
            case "hub", "POST", ["api", "datasets", owner, name, "commit", revision]:
                self._check_may_write(call, f"{owner}/{name}")
                return self._commit_answer(call, f"{owner}/{name}", revision)
            case "cdn", "PUT", ["lfs", oid]:
                return self._upload(call, oid)
            case "cdn", "PUT", ["lfs", oid, number]:
                self._parts[oid, int(number)] = call.body
                return Answer(200, {"ETag": f'"part-{number}"'})
            case _:
                return None

    def _role(self, call: Call) -> Role:
        if call.authorization is None:
            raise Refusal(error_answer(401, message="Invalid username or password."))
        role = self._tokens.get(call.authorization.removeprefix("Bearer "))
        if role is None:
            raise Refusal(error_answer(401, message="Invalid credentials in Authorization header"))
        return role

    def _check_may_write(self, call: Call, repo_id: str) -> None:
        role = self._role(call)
        access = self._access.get(repo_id)
        if repo_id not in self._repositories or (access and call.authorization != f"Bearer {access.token}"):
            raise Refusal(error_answer(404, "RepoNotFound", "Repository not found"))
        if role != "write":
            raise Refusal(error_answer(403, message="Forbidden: pass a token with the right to write"))

    def _create(self, call: Call) -> Answer:
        if self._role(call) != "write":
            message = "You don't have the rights to create a dataset under this namespace"
            return error_answer(403, message=message)
        asked = json.loads(call.body)
        repo_id = f"{asked['organization']}/{asked['name']}"
        with self._writing:
            if repo_id in self._repositories:
                answer = error_answer(409, message="You already created this dataset repo")
                url = f"{self.endpoint}/datasets/{repo_id}"
                answer.body = json.dumps({"error": "You already created this dataset repo", "url": url}).encode()
                return answer
            self._repositories[repo_id] = Repository()
            if asked.get("visibility") == "private":
                token = str(call.authorization).removeprefix("Bearer ")
                self._access[repo_id] = Access(token, gated=False, listed=False)
            attributes = self._stored(b"*.parquet filter=lfs diff=lfs merge=lfs -text\n")
            self._add_commit(repo_id, "main", {".gitattributes": attributes}, ())
        return json_answer({"url": f"{self.endpoint}/datasets/{repo_id}"})

    def _preupload(self, call: Call, repo_id: str, revision: str) -> Answer:
        asked = json.loads(call.body)
        there = self._on_branch(repo_id, revision)
        ignored = asked.get("gitIgnore")
        if ignored is None and ".gitignore" in there:
            ignored = there[".gitignore"].path.read_text()
        answers: list[dict[str, Any]] = []
        for file in asked["files"]:
            path = file["path"]
            is_lfs = file["size"] >= self.lfs_bytes
            is_ignored = any(fnmatch.fnmatch(path, line) for line in (ignored or "").split())
            mode = "lfs" if is_lfs else "regular"
            oid = None
            if (known := there.get(path)) is not None:
                oid = _oid(known.path.read_bytes(), is_lfs=known.size >= self.lfs_bytes)
            answers.append({"path": path, "uploadMode": mode, "shouldIgnore": is_ignored, "oid": oid})
        return json_answer({"files": answers})

    def _batch(self, call: Call) -> Answer:
        asked = json.loads(call.body)
        answers: list[dict[str, Any]] = []
        for thing in asked["objects"]:
            oid, size = thing["oid"], thing["size"]
            if self._blob(oid).exists():
                answers.append(thing)
                continue
            upload: dict[str, Any] = {"href": f"{self.cdn}/lfs/{oid}"}
            if self.part_bytes is not None and size > self.part_bytes and "multipart" in asked["transfers"]:
                count = -(-size // self.part_bytes)
                parts = {str(number): f"{self.cdn}/lfs/{oid}/{number}" for number in range(1, count + 1)}
                header = {"chunk_size": str(self.part_bytes), **parts}
                upload = {"href": f"{self.endpoint}/lfs/complete/{oid}", "header": header}
            verify = {"href": f"{self.endpoint}/lfs/verify/{oid}"}
            answers.append({**thing, "actions": {"upload": upload, "verify": verify}})
        return json_answer({"transfer": "basic", "objects": answers})

    def _upload(self, call: Call, oid: str) -> Answer:
        if hashlib.sha256(call.body).hexdigest() != oid:
            return xml_error(400)
        self._store(self._blob(oid), call.body)
        return Answer(200, {"ETag": f'"{oid}"'})

    def _complete(self, call: Call, oid: str) -> Answer:
        numbers = [part["partNumber"] for part in json.loads(call.body)["parts"]]
        content = b"".join(self._parts.pop((oid, number)) for number in numbers)
        if hashlib.sha256(content).hexdigest() != oid:
            return error_answer(400, message="the parts do not make the file")
        self._store(self._blob(oid), content)
        return json_answer({})

    def _branch(self, call: Call, repo_id: str, branch: str) -> Answer:
        repository = self._repositories[repo_id]
        with self._writing:
            if branch in repository.branches:
                return error_answer(409, message="Reference already exists")
            start = json.loads(call.body or b"{}").get("startingPoint", "main")
            repository.branches[branch] = str(repository.branches.get(start, start))
        return json_answer({})

    def _commit_answer(self, call: Call, repo_id: str, revision: str) -> Answer:
        lines = [json.loads(line) for line in call.body.splitlines()]
        header = lines[0]["value"]
        repository = self._repositories[repo_id]
        with self._writing:
            if revision not in repository.branches:
                return error_answer(404, "RevisionNotFound", f"Invalid rev id: {revision}")
            if header.get("parentCommit", repository.branches[revision]) != repository.branches[revision]:
                return error_answer(412, message=CHANGED)
            added: dict[str, PublishedFile] = {}
            removed: list[str] = []
            there = self._on_branch(repo_id, revision)
            for line in lines[1:]:
                value = line["value"]
                match line["key"]:
                    case "file":
                        added[value["path"]] = self._stored(base64.b64decode(value["content"]))
                    case "lfsFile":
                        blob = self._blob(value["oid"])
                        if not blob.exists():
                            return error_answer(400, message="the LFS file is not there")
                        added[value["path"]] = _published(blob)
                    case "deletedFile":
                        if value["path"] not in there:
                            return error_answer(404, "EntryNotFound", "A file with this name doesn't exist")
                        removed.append(value["path"])
                    case key:
                        raise ValueError(f"the test Hub knows no {key}")
            commit = self._add_commit(repo_id, revision, added, removed)
        url = f"{self.endpoint}/datasets/{quote(repo_id)}/commit/{commit}"
        return json_answer({"commitUrl": url, "commitOid": commit, "success": True})

    def _on_branch(self, repo_id: str, revision: str) -> dict[str, PublishedFile]:
        repository = self._repositories[repo_id]
        name = repository.branches.get(revision, revision)
        if name not in repository.commits:
            raise Refusal(error_answer(404, "RevisionNotFound", f"Invalid rev id: {revision}"))
        return repository.commits[name].files

    def _add_commit(
        self, repo_id: str, revision: str, added: dict[str, PublishedFile], removed: list[str] | tuple[()]
    ) -> str:
        repository = self._repositories[repo_id]
        before = self._on_branch(repo_id, revision) if revision in repository.branches else {}
        files = {**{path: file for path, file in before.items() if path not in removed}, **added}
        number = len(repository.commits)
        commit = Commit(sha1(f"{repo_id}\0{number}\0written"), number, dict(sorted(files.items())))
        repository.commits[commit.id] = commit
        repository.branches[revision] = commit.id
        return commit.id

    def _blob(self, oid: str) -> Path:
        return Path(self._folder.name, oid)

    def _stored(self, content: bytes) -> PublishedFile:
        blob = self._blob("git-" + hashlib.sha1(content).hexdigest())
        self._store(blob, content)
        return _published(blob)

    def _store(self, blob: Path, content: bytes) -> None:
        with self._writing:
            if not blob.name.startswith("git-"):
                self.uploads[blob.name] += 1
            if not blob.exists():  # the same content a second time must not touch what is served
                blob.write_bytes(content)


def _published(path: Path) -> PublishedFile:
    stat = path.stat()
    return PublishedFile(path, stat.st_size, stat.st_mtime_ns)


def _oid(content: bytes, *, is_lfs: bool) -> str:
    """Returns what the Hub compares a file by: SHA-256 of an LFS file, else git's hash."""
    if is_lfs:
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def is_write(call: Call) -> bool:
    """Tells whether a request changes something, so that a fault has to come before that."""
    if call.method == "PUT":
        return True
    return call.method == "POST" and "paths-info" not in call.parts
