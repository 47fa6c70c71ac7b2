"""A Hugging Face Hub on loopback for tests, which answers what the client reads, or wrongly when asked to.

It follows huggingface_hub 2.4.0: `dataset_info`, `list_repo_tree`, `list_repo_refs`, `get_paths_info`, `auth_check`,
`resolve_revision`, `hf_hub_download`, `snapshot_download` and `HfFileSystem` work against it unmodified, through
`endpoint=hub.endpoint` or HF_ENDPOINT. A second server, on another port and so of another origin, plays the CDN.

    with Hub() as hub:
        commit = hub.put("someone/catalogue", folder)
        hub.fail(Drop(after_bytes=1000), server="cdn")
        hf_hub_download("someone/catalogue", "a.jsonl", repo_type="dataset", endpoint=hub.endpoint, cache_dir=cache)
        assert hub.applied == [Drop(after_bytes=1000)]

What it does not imitate: TLS and HTTP/2; writing; models and spaces; tags and pull requests; bodies in gzip; the
redirect of small files to `/api/resolve-cache` on the Hub itself; signed links that expire (`Status(403)` on the CDN
stands for that); tokens that nobody issued (a public repository takes any; `Status(401)` stands for that); several
ranges in one request (answered whole, as HTTP allows); Xet itself (`hub.xet` announces it, its routes answer 404). The
hashes of directories and of Xet are made up. What the client asks `/api` about other than repositories, for its own
upkeep and once in a while, is answered 404, not recorded and never failed.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import hashlib
import hmac
import json
import os
import re
import secrets
import socket
import socketserver
import struct
import termios
import threading
from collections import Counter
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, cast
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

PIECE_BYTES = 256 * 1024
"""How much of a file is in memory at a time."""

EXPANDED_PAGE_SIZE = 50
"""The Hub's own limit for `expand=true`."""

REPOSITORY_KINDS = (["datasets"], ["models"], ["spaces"])

ServerName = Literal["hub", "cdn"]


@dataclass(frozen=True, slots=True)
class Request:
    """A request that reached one of the two servers."""

    server: ServerName
    method: str
    path: str
    """Unquoted, without the query."""
    range: str | None
    token: bool
    """Whether an Authorization header came with it."""
    status: int
    """What it was answered with; 0 when it was not answered."""


@dataclass(frozen=True, slots=True)
class TooManyRequests:
    """429 with the RateLimit header (`ratelimit`), with Retry-After alone, or with neither (`retry_after=None`)."""

    ratelimit: bool = False
    retry_after: int | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """An answer with this code, and with X-Error-Code and X-Error-Message if given."""

    code: int
    error_code: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Drop:
    """The right headers, then the connection ends in mid-body: reset, or closed as if all was well (`reset=False`)."""

    after_bytes: int
    reset: bool = True


@dataclass(frozen=True, slots=True)
class Short:
    """Headers and body that agree with each other, but are of fewer bytes than asked for."""

    missing: int


@dataclass(frozen=True, slots=True)
class WrongRange:
    """206 with the bytes next to those asked for, and a Content-Range that admits it."""


@dataclass(frozen=True, slots=True)
class IgnoreRange:
    """200 and the whole file where a range was asked for."""


@dataclass(frozen=True, slots=True)
class WrongBytes:
    """The right length with one bit of the byte in the middle flipped."""


@dataclass(frozen=True, slots=True)
class WrongSize:
    """Another size in the answer to HEAD, in a redirect, or in a listing (there for files whose path has `file`)."""

    by: int = 1
    file: str = ""


@dataclass(frozen=True, slots=True)
class Slow:
    """A body in small pieces with a wait before each."""

    seconds_per_piece: float
    piece_bytes: int


@dataclass(frozen=True, slots=True)
class Stall:
    """Headers that come so late, or never if the server closes before."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Refuse:
    """The connection closed without an answer."""


@dataclass(frozen=True, slots=True)
class Html:
    """200 and a page to log in, as a captive portal sends."""


Fault = (
    TooManyRequests
    | Status
    | Drop
    | Short
    | WrongRange
    | IgnoreRange
    | WrongBytes
    | WrongSize
    | Slow
    | Stall
    | Refuse
    | Html
)


@dataclass(slots=True)
class _Rule:
    """Where a fault applies, and how often still."""

    fault: Fault
    path: str
    method: str | None
    server: ServerName | None
    times: int | None
    after: int


@dataclass(frozen=True, slots=True)
class _File:
    """A published file: where it lies, and how it was when it was published."""

    path: Path
    size: int
    modified_ns: int


@dataclass(frozen=True, slots=True)
class _Commit:
    id: str
    number: int
    files: dict[str, _File]

    @property
    def date(self) -> str:
        return f"2023-09-0{1 + self.number % 9}T00:00:00.000Z"


@dataclass(slots=True)
class _Repository:
    commits: dict[str, _Commit] = field(default_factory=dict[str, _Commit])
    branches: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class _Access:
    """What a repository that is not public asks for."""

    token: str
    gated: bool
    listed: bool


@dataclass(frozen=True, slots=True)
class _Slice:
    """Bytes of a file."""

    file: _File
    start: int
    length: int


@dataclass(slots=True)
class _Answer:
    """An answer, and how it is sent."""

    status: int
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: bytes | _Slice = b""
    document: Any = None
    """What a JSON body is made of, when it is one."""
    stated_bytes: int | None = None
    """Content-Length for a HEAD, when it is not the body's."""
    sizes: bool = False
    """Whether it states the size of files."""
    piece_bytes: int = PIECE_BYTES
    wait_s: float = 0
    flip_at: int | None = None
    drop_after: int | None = None
    reset: bool = False

    @property
    def length(self) -> int:
        return self.body.length if isinstance(self.body, _Slice) else len(self.body)


@dataclass(frozen=True, slots=True)
class _Call:
    """A request as it was understood."""

    server: ServerName
    method: str
    path: str
    parts: list[str]
    query: dict[str, list[str]]
    file_format: dict[str, list[str]]
    range: str | None
    authorization: str | None

    def flag(self, name: str) -> bool:
        return self.query.get(name, self.file_format.get(name, [""]))[-1].lower() in ("true", "1")


class _Refusal(Exception):  # noqa: N818  # an answer, not an error
    """Ends the making of an answer with another one."""

    def __init__(self, answer: _Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class Hub:
    """A Hub and its CDN on 127.0.0.1, both running inside the `with` block.

    Attributes:
        page_size: Most entries of one page of a tree.
        lfs_bytes: Files of at least so many bytes are LFS files, which the CDN serves.
        xet: Whether LFS files are announced as Xet files too.
    """

    def __init__(self, *, page_size: int = 1000, lfs_bytes: int = 1000, xet: bool = False) -> None:
        self.page_size = page_size
        self.lfs_bytes = lfs_bytes
        self.xet = xet
        self._lock = threading.Lock()
        self._hashing = threading.Lock()
        self._closing = threading.Event()
        self._repositories: dict[str, _Repository] = {}
        self._access: dict[str, _Access] = {}
        self._digests: dict[tuple[_File, str], str] = {}
        self._rules: list[_Rule] = []
        self._requests: list[Request] = []
        self._applied: list[Fault] = []
        self._bytes_sent: Counter[str] = Counter()
        self._errors: list[BaseException] = []
        self._secret = secrets.token_bytes(16)
        self._hub_server = _Server(self, "hub")
        self._cdn_server = _Server(self, "cdn")

    def __enter__(self) -> Self:
        for server in (self._hub_server, self._cdn_server):
            server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
        if self._errors and error is None:
            raise RuntimeError("the test hub failed to answer") from self._errors[0]

    def close(self) -> None:
        """Stops both servers: ends every answer that is under way, and every thread."""
        self._closing.set()
        for server in (self._hub_server, self._cdn_server):
            server.stop()

    @property
    def endpoint(self) -> str:
        """The Hub's address, as HF_ENDPOINT takes it."""
        return self._hub_server.address

    @property
    def cdn(self) -> str:
        """The CDN's address."""
        return self._cdn_server.address

    def put(self, repo_id: str, folder: Path, *, revision: str = "main") -> str:
        """Publishes a folder's files, links followed, as a new commit that a branch then names.

        Files are served from where they lie: one that changes afterwards is an error, not another content.

        Args:
            repo_id: The data set's "owner/name".
            folder: The files, nested as they shall be in the repository.
            revision: The branch, made when there is none.

        Returns:
            The commit's hash.
        """
        if repo_id.count("/") != 1:
            raise ValueError(f"a repository is owner/name, not {repo_id!r}")
        if not folder.is_dir():
            raise ValueError(f"no such folder: {folder}")
        files: dict[str, _File] = {}
        for parent, _, names in os.walk(folder, followlinks=True):
            for name in names:
                shown = Path(parent, name)
                path = shown.resolve(strict=True)
                stat = path.stat()
                files[shown.relative_to(folder).as_posix()] = _File(path, stat.st_size, stat.st_mtime_ns)
        with self._lock:
            repository = self._repositories.setdefault(repo_id, _Repository())
            number = len(repository.commits)
            contents = "".join(f"{path}\0{files[path].size}\0" for path in sorted(files))
            commit = _Commit(_sha1(f"{repo_id}\0{number}\0{contents}"), number, dict(sorted(files.items())))
            repository.commits[commit.id] = commit
            repository.branches[revision] = commit.id
        return commit.id

    def private(self, repo_id: str, *, token: str) -> None:
        """Makes a repository look like none to requests without this token."""
        self._access[repo_id] = _Access(token, gated=False, listed=False)

    def gated(self, repo_id: str, *, token: str, listed: bool = True) -> None:
        """Keeps a repository's files from requests without this token: 401 without any, 403 with another.

        Args:
            repo_id: The data set's "owner/name".
            token: What opens it.
            listed: Whether its information and tree are open to everybody, as they are on the real Hub.
        """
        self._access[repo_id] = _Access(token, gated=True, listed=listed)

    def fail(
        self,
        fault: Fault,
        *,
        path: str = "",
        method: Literal["GET", "HEAD", "POST"] | None = None,
        server: ServerName | None = None,
        times: int | None = 1,
        after: int = 0,
    ) -> None:
        """Asks for a fault; of several that fit a request, the one asked for first is applied.

        A fault fits only where it can be seen: those of the body need a successful GET with a body long enough (never
        a redirect), `WrongRange` and `IgnoreRange` a request for a range of a file, `WrongSize` an answer with sizes.

        Args:
            fault: What goes wrong.
            path: Part of the request's path; the CDN's paths end with the path in the repository.
            method: The request's method.
            server: The one of the two servers.
            times: How often, or None for always.
            after: How many requests that fit are answered well before.
        """
        with self._lock:
            self._rules.append(_Rule(fault, path, method, server, times, after))

    def forget(self) -> None:
        """Drops the faults asked for and what was recorded; repositories stay."""
        with self._lock:
            self._rules.clear()
            self._requests.clear()
            self._applied.clear()
            self._bytes_sent.clear()

    @property
    def requests(self) -> list[Request]:
        """Every request so far, in order."""
        with self._lock:
            return list(self._requests)

    @property
    def applied(self) -> list[Fault]:
        """Every fault that was applied so far, in order."""
        with self._lock:
            return list(self._applied)

    @property
    def bytes_sent(self) -> Counter[str]:
        """Count of the body bytes sent, by the request's path."""
        with self._lock:
            return Counter(self._bytes_sent)

    # What the servers' threads call.

    def answer(self, call: _Call) -> _Answer | None:
        """Returns the answer to a request, faults applied; None for none."""
        if call.server == "hub" and call.parts[0] == "api" and call.parts[1:2] not in REPOSITORY_KINDS:
            return _error(404)
        try:
            answer = self._hub_answer(call) if call.server == "hub" else self._cdn_answer(call)
        except _Refusal as refusal:
            answer = refusal.answer
        with self._lock:
            fault = self._fault(call, answer)
            result = answer if fault is None else _with_fault(fault, call, answer)
            status = 0 if result is None else result.status
            token = call.authorization is not None
            self._requests.append(Request(call.server, call.method, call.path, call.range, token, status))
            number = len(self._requests)
        if isinstance(fault, Stall) and self._closing.wait(fault.seconds):
            return None
        if result is not None and result.document is not None:
            result.body = json.dumps(result.document).encode()
        if result is not None:
            result.headers.setdefault("X-Request-Id", f"test-hub-{number}")
        return result

    def pieces(self, call: _Call, answer: _Answer) -> Generator[bytes]:
        """Yields a body's pieces as they are to be sent, and counts them."""
        length = answer.length if answer.drop_after is None else answer.drop_after
        with contextlib.ExitStack() as stack:
            body = answer.body
            file = stack.enter_context(body.file.path.open("rb")) if isinstance(body, _Slice) else None
            if file is not None and isinstance(body, _Slice):
                file.seek(body.start)
            done = 0
            while done < length:
                if self._closing.wait(answer.wait_s) if answer.wait_s else self._closing.is_set():
                    return
                size = min(answer.piece_bytes, length - done)
                piece = file.read(size) if file is not None else cast("bytes", body)[done : done + size]
                if len(piece) != size:
                    raise RuntimeError(f"file became shorter while it was served: {body}")
                if answer.flip_at is not None and done <= answer.flip_at < done + size:
                    changed = bytearray(piece)
                    changed[answer.flip_at - done] ^= 1
                    piece = bytes(changed)
                done += size
                with self._lock:
                    self._bytes_sent[call.path] += size
                yield piece

    def failed(self, error: BaseException) -> None:
        """Keeps an error of the double itself, for the end of the `with` block."""
        with self._lock:
            self._errors.append(error)

    def wait(self, seconds: float) -> bool:
        """Waits so long, or until the servers close; tells whether they do."""
        return self._closing.wait(seconds)

    # Answers.

    def _fault(self, call: _Call, answer: _Answer) -> Fault | None:
        """Returns the fault for a request, and takes note of it. Called with the lock held."""
        for rule in self._rules:
            if rule.times == 0 or rule.path not in call.path:
                continue
            if rule.method not in (None, call.method) or rule.server not in (None, call.server):
                continue
            if not _fits(rule.fault, call, answer):
                continue
            if rule.after:
                rule.after -= 1
                continue
            if rule.times is not None:
                rule.times -= 1
            self._applied.append(rule.fault)
            return rule.fault
        return None

    def _hub_answer(self, call: _Call) -> _Answer:
        match call.parts:
            case ["datasets", owner, name, "resolve", revision, *path] if path and call.method != "POST":
                return self._resolve(call, f"{owner}/{name}", revision, "/".join(path))
            case ["api", "datasets", owner, name, *rest]:
                return self._api(call, f"{owner}/{name}", rest)
            case _:
                return _error(404, message="Sorry, we can't find the page you are looking for.")

    def _api(self, call: _Call, repo_id: str, rest: list[str]) -> _Answer:
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
                return _json({"branches": branches, "converts": [], "tags": [], "pullRequests": []})
            case "GET", ["auth-check"]:
                return _json({})
            case _:
                return _error(404, message="Sorry, we can't find the page you are looking for.")

    def _repository(self, call: _Call, repo_id: str, *, contents: bool) -> _Repository:
        """Returns a repository that the request may see."""
        repository = self._repositories.get(repo_id)
        access = self._access.get(repo_id)
        is_known = access is None or call.authorization == f"Bearer {access.token}"
        if repository is None or (access is not None and not access.gated and not is_known):
            if call.authorization is None:
                raise _Refusal(_error(401, "RepoNotFound", "Invalid username or password."))
            raise _Refusal(_error(404, "RepoNotFound", "Repository not found"))
        if access is not None and not is_known and (contents or not access.listed):
            if call.authorization is None:
                says = "You must have access to it and be authenticated to access it. Please log in."
                raise _Refusal(_error(401, "GatedRepo", f"Access to dataset {repo_id} is restricted. {says}"))
            says = f"Visit https://huggingface.co/datasets/{repo_id} to ask for access."
            restricted = f"Access to dataset {repo_id} is restricted and you are not in the authorized list. {says}"
            raise _Refusal(_error(403, "GatedRepo", restricted))
        return repository

    def _commit(self, repository: _Repository, revision: str) -> _Commit:
        commit = repository.commits.get(repository.branches.get(revision, revision))
        if commit is None:
            raise _Refusal(_error(404, "RevisionNotFound", f"Invalid rev id: {revision}"))
        return commit

    def _information(self, call: _Call, repo_id: str, commit: _Commit) -> _Answer:
        access = self._access.get(repo_id)
        siblings = [{"rfilename": path} for path in commit.files]
        if call.flag("blobs"):
            siblings = [self._sibling(path, file) for path, file in commit.files.items()]
        document: dict[str, Any] = {
            "_id": _sha1(repo_id)[:24],
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
        return _json(document, sizes=call.flag("blobs"))

    def _tree(self, call: _Call, repo_id: str, commit: _Commit, revision: str, folder: str) -> _Answer:
        prefix = f"{folder}/" if folder else ""
        inside = [path for path in commit.files if path.startswith(prefix)]
        if folder and not inside:
            raise _Refusal(_error(404, "EntryNotFound", f'{folder} does not exist on "{revision}"'))
        recursive, expand = call.flag("recursive"), call.flag("expand")
        paths = sorted(_entries(inside, prefix, recursive=recursive))
        page_size = min(self.page_size, EXPANDED_PAGE_SIZE) if expand else self.page_size
        limit = min(int(call.query.get("limit", [page_size])[-1]), page_size)
        cursor = call.query.get("cursor", [""])[-1]
        begin = int(base64.urlsafe_b64decode(cursor)) if cursor else 0
        end = begin + limit
        answer = _json([self._entry(path, commit, expand=expand) for path in paths[begin:end]], sizes=True)
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

    def _paths_information(self, call: _Call, commit: _Commit) -> _Answer:
        known = set(_entries(commit.files, "", recursive=True))
        expand = call.flag("expand")
        paths = [path for path in call.file_format.get("paths", []) if path in known]
        return _json([self._entry(path, commit, expand=expand) for path in paths], sizes=True)

    def _entry(self, path: str, commit: _Commit, *, expand: bool) -> dict[str, Any]:
        """Returns what a tree says of a file or folder."""
        file = commit.files.get(path)
        if file is None:
            entry: dict[str, Any] = {"type": "directory", "oid": _sha1(path), "size": 0, "path": path}
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

    def _sibling(self, path: str, file: _File) -> dict[str, Any]:
        """Returns what the repository's information says of a file."""
        sibling: dict[str, Any] = {"rfilename": path, "blobId": self._git_hash(file), "size": file.size}
        if self._is_lfs(file):
            pointer_size = len(self._pointer(file))
            sibling["lfs"] = {"sha256": self._sha256(file), "size": file.size, "pointerSize": pointer_size}
        return sibling

    def _resolve(self, call: _Call, repo_id: str, revision: str, path: str) -> _Answer:
        commit = self._commit(self._repository(call, repo_id, contents=True), revision)
        file = commit.files.get(path)
        if file is None:
            answer = _error(404, "EntryNotFound", "Entry not found")
            answer.headers["X-Repo-Commit"] = commit.id
            return answer
        if not self._is_lfs(file):
            answer = _contents(call, file, self._git_hash(file))
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
        return _Answer(302, headers, f"Found. Redirecting to {location}".encode(), sizes=True)

    def _cdn_answer(self, call: _Call) -> _Answer:
        match call.parts:
            case ["repos", owner, name, commit_id, *path] if call.method != "POST":
                repository = self._repositories.get(f"{owner}/{name}", _Repository())
                commit = repository.commits.get(commit_id)
                file = None if commit is None else commit.files.get("/".join(path))
            case _:
                file = None
        if file is None:
            return _xml(404)
        if not hmac.compare_digest(call.query.get("X-Amz-Signature", [""])[-1], self._signature(call.path)):
            return _xml(403)
        return _contents(call, file, self._sha256(file))

    def _signature(self, cdn_path: str) -> str:
        return hmac.new(self._secret, cdn_path.encode(), "sha256").hexdigest()

    # Hashes.

    def _is_lfs(self, file: _File) -> bool:
        return file.size >= self.lfs_bytes

    def _sha256(self, file: _File) -> str:
        return self._digest(file, "sha256", b"")

    def _git_hash(self, file: _File) -> str:
        """Returns git's hash of what git stores: the content, or the pointer to it."""
        if self._is_lfs(file):
            pointer = self._pointer(file)
            return hashlib.sha1(b"blob %d\0" % len(pointer) + pointer).hexdigest()
        return self._digest(file, "sha1", b"blob %d\0" % file.size)

    def _pointer(self, file: _File) -> bytes:
        return (
            f"version https://git-lfs.github.com/spec/v1\noid sha256:{self._sha256(file)}\nsize {file.size}\n".encode()
        )

    def _xet_hash(self, file: _File) -> str:
        return hashlib.sha256(f"xet {self._sha256(file)}".encode()).hexdigest()

    def _digest(self, file: _File, kind: str, start: bytes) -> str:
        _check_unchanged(file)
        with self._hashing:
            if (file, kind) not in self._digests:
                digest = hashlib.new(kind, start)
                with file.path.open("rb") as opened:
                    while piece := opened.read(PIECE_BYTES):
                        digest.update(piece)
                self._digests[file, kind] = digest.hexdigest()
            return self._digests[file, kind]


def _sha1(text: str) -> str:
    return hashlib.sha1(text.encode()).hexdigest()


def _check_unchanged(file: _File) -> None:
    stat = file.path.stat()
    if (stat.st_size, stat.st_mtime_ns) != (file.size, file.modified_ns):
        raise RuntimeError(f"file changed after it was published: {file.path}")


def _entries(paths: Iterable[str], prefix: str, *, recursive: bool) -> set[str]:
    """Returns the files and folders below a prefix, or directly below it."""
    entries: set[str] = set()
    for path in paths:
        steps = path[len(prefix) :].split("/")
        depth = len(steps) if recursive else 1
        entries.update(prefix + "/".join(steps[:count]) for count in range(1, depth + 1))
    return entries


def _json(document: Any, *, sizes: bool = False) -> _Answer:
    headers = {"Content-Type": "application/json; charset=utf-8"}
    return _Answer(200, headers, document=document, body=json.dumps(document).encode(), sizes=sizes)


def _error(status: int, error_code: str = "", message: str = "") -> _Answer:
    """Returns an error as the Hub words it."""
    headers = {"Content-Type": "application/json; charset=utf-8"}
    if error_code:
        headers["X-Error-Code"] = error_code
    if message:
        headers["X-Error-Message"] = message
    shown = message or HTTPStatus(status).phrase
    return _Answer(status, headers, json.dumps({"error": shown}).encode())


def _xml(status: int) -> _Answer:
    """Returns an error as the CDN words it."""
    code = HTTPStatus(status).phrase.replace(" ", "")
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code></Error>'
    return _Answer(status, {"Content-Type": "application/xml"}, body.encode())


def _contents(call: _Call, file: _File, etag: str) -> _Answer:
    """Returns a file, or the range of it that was asked for."""
    _check_unchanged(file)
    headers = {"ETag": f'"{etag}"', "Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
    asked = _range(call.range, file.size)
    if asked is None:
        return _Answer(200, headers, _Slice(file, 0, file.size))
    start, end = asked
    if start >= end:
        return _Answer(416, {"Content-Range": f"bytes */{file.size}", "Content-Type": "text/plain"})
    return _part(_Answer(206, headers), file, start, end)


def _part(answer: _Answer, file: _File, start: int, end: int) -> _Answer:
    headers = answer.headers | {"Content-Range": f"bytes {start}-{end - 1}/{file.size}"}
    return replace(answer, status=206, headers=headers, body=_Slice(file, start, end - start))


def _range(header: str | None, size: int) -> tuple[int, int] | None:
    """Returns where a single range begins and ends (an empty one cannot be served); None for the whole file."""
    match = re.fullmatch(r"\s*bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*", header or "", re.IGNORECASE)
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        return max(size - int(last), 0), size
    if last and int(last) < int(first):
        return None
    return int(first), min(int(last) + 1, size) if last else size


def _fits(fault: Fault, call: _Call, answer: _Answer) -> bool:
    """Tells whether a fault would be seen in an answer."""
    has_body = call.method != "HEAD" and answer.status in (200, 206) and answer.length > 0
    match fault:
        case Drop(after_bytes):
            return has_body and after_bytes < answer.length
        case Short(missing):
            return has_body and missing < answer.length
        case WrongBytes() | Slow():
            return has_body
        case WrongRange():
            return has_body and answer.status == 206 and _neighbour(answer) is not None
        case IgnoreRange():
            return has_body and answer.status == 206
        case WrongSize():
            return answer.sizes
        case _:
            return True


def _with_fault(fault: Fault, call: _Call, answer: _Answer) -> _Answer | None:
    """Returns an answer with a fault that fits it; None for none."""
    match fault:
        case TooManyRequests(ratelimit, retry_after):
            answer = _error(429, message="We had to rate limit you")
            if ratelimit:
                kind = "resolvers" if "/resolve/" in call.path else "api"
                answer.headers["RateLimit"] = f'"{kind}";r=0;t={retry_after or 0}'
                answer.headers["RateLimit-Policy"] = f'"fixed window";"{kind}";q=500;w=300'
            elif retry_after is not None:
                answer.headers["Retry-After"] = str(retry_after)
            return answer
        case Status(code, error_code, message):
            return _xml(code) if call.server == "cdn" else _error(code, error_code, message)
        case Drop(after_bytes, reset):
            return replace(answer, drop_after=after_bytes, reset=reset)
        case Short(missing):
            return _shorter(answer, missing)
        case WrongRange():
            neighbour = _neighbour(answer)
            assert isinstance(answer.body, _Slice)
            assert neighbour is not None
            return _part(answer, answer.body.file, *neighbour)
        case IgnoreRange():
            assert isinstance(answer.body, _Slice)
            headers = {name: value for name, value in answer.headers.items() if name != "Content-Range"}
            file = answer.body.file
            return replace(answer, status=200, headers=headers, body=_Slice(file, 0, file.size))
        case WrongBytes():
            return replace(answer, flip_at=answer.length // 2)
        case WrongSize(by, file):
            return _resized(answer, by, file)
        case Slow(seconds_per_piece, piece_bytes):
            return replace(answer, wait_s=seconds_per_piece, piece_bytes=piece_bytes)
        case Stall():
            return answer
        case Refuse():
            return None
        case Html():
            page = b"<!DOCTYPE html><html><head><title>Log in to the network</title></head><body>Log in</body></html>"
            return _Answer(200, {"Content-Type": "text/html; charset=utf-8"}, page)


def _neighbour(answer: _Answer) -> tuple[int, int] | None:
    """Returns a range that is not the one asked for: one byte on, or back, or without its first byte."""
    assert isinstance(answer.body, _Slice)
    start, end, size = answer.body.start, answer.body.start + answer.body.length, answer.body.file.size
    if end < size:
        return start + 1, end + 1
    if start > 0:
        return start - 1, end - 1
    return (1, end) if end > 1 else None


def _shorter(answer: _Answer, missing: int) -> _Answer:
    length = answer.length - missing
    if not isinstance(answer.body, _Slice):
        return replace(answer, document=None, body=answer.body[:length])
    start, file = answer.body.start, answer.body.file
    if answer.status == 206:
        return _part(answer, file, start, start + length)
    return replace(answer, body=_Slice(file, start, length))


def _resized(answer: _Answer, by: int, file: str) -> _Answer:
    if "X-Linked-Size" in answer.headers:
        size = int(answer.headers["X-Linked-Size"]) + by
        return replace(answer, headers=answer.headers | {"X-Linked-Size": str(size)})
    if answer.document is None:
        return replace(answer, stated_bytes=answer.length + by)
    listed: list[dict[str, Any]] = answer.document["siblings"] if isinstance(answer.document, dict) else answer.document
    for entry in listed:
        if entry.get("type") != "directory" and file in (entry.get("path") or entry["rfilename"]):
            entry["size"] += by
            if "lfs" in entry:
                entry["lfs"]["size"] += by
    return answer


class _Server(ThreadingHTTPServer):
    """One of the two servers: a thread that accepts, and one for each connection, all ended by `stop`."""

    request_queue_size = 128
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, hub: Hub, name: ServerName) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.hub = hub
        self.name: ServerName = name
        self.address = f"http://127.0.0.1:{self.server_port}"
        self._accepting = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.01}, name=f"test-{name}", daemon=True
        )
        self._connections: list[tuple[socket.socket, threading.Thread]] = []
        self._to_reset: set[socket.socket] = set()

    def server_bind(self) -> None:
        """Binds without asking the name server for this machine's name."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def start(self) -> None:
        """Begins to accept."""
        self._accepting.start()

    def stop(self) -> None:
        """Ends all threads, whatever they wait for."""
        if self._accepting.is_alive():
            self.shutdown()
            self._accepting.join()
        self.server_close()
        for connection, thread in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            thread.join(timeout=10)
            if thread.is_alive():
                raise RuntimeError(f"a connection of the test {self.name} does not end")
        self._connections.clear()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serves a connection in a thread that `stop` knows."""
        self._connections = [(other, thread) for other, thread in self._connections if thread.is_alive()]
        thread = threading.Thread(
            target=self.process_request_thread,
            args=(request, client_address),
            name=f"test-{self.name}-connection",
            daemon=True,
        )
        self._connections.append((request, thread))
        thread.start()

    def reset(self, connection: socket.socket) -> None:
        """Has a connection end with a reset, after what was sent has arrived."""
        waiting = b"\0" * 4
        while any(fcntl.ioctl(connection, termios.TIOCOUTQ, waiting)) and not self.hub.wait(0.001):
            pass
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._to_reset.add(connection)

    def shutdown_request(self, request: Any) -> None:
        """Closes a connection; one that is to be reset without the farewell."""
        if request in self._to_reset:
            self._to_reset.discard(request)
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Errors are kept by the handler."""


class _Handler(BaseHTTPRequestHandler):
    """Reads requests and writes answers."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name is the base class's
        """Keeps the tests' output clean."""

    def do_GET(self) -> None:
        self._serve()

    def do_HEAD(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        try:
            self._exchange()
        except ConnectionError:  # the client went away
            self.close_connection = True
        except Exception as error:
            self.close_connection = True
            self.server.hub.failed(error)

    def _exchange(self) -> None:
        call = self._call()
        answer = self.server.hub.answer(call)
        if answer is None:
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        length = answer.length if answer.stated_bytes is None else answer.stated_bytes
        self.send_header("Content-Length", str(length))
        self.end_headers()
        if call.method == "HEAD":
            return
        sent = 0
        for piece in self.server.hub.pieces(call, answer):
            self.wfile.write(piece)
            sent += len(piece)
        if sent < answer.length:
            self.close_connection = True
        if answer.reset:
            self.server.reset(self.connection)

    def _call(self) -> _Call:
        address = urlsplit(self.path)
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        return _Call(
            server=self.server.name,
            method=self.command,
            path=unquote(address.path),
            parts=[unquote(part) for part in address.path.split("/")[1:]],
            query=parse_qs(address.query),
            file_format=parse_qs(content.decode()),
            range=self.headers.get("Range"),
            authorization=self.headers.get("Authorization"),
        )
