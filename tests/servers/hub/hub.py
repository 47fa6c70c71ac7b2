"""The test Hub itself: it serves, records the requests, and answers wrongly where a test asks for it."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self, cast

from job.bench.measure.pace import Pace
from tests.servers.hub.answers import Answer, Call, ServerName, Slice, error_answer
from tests.servers.hub.content import Content
from tests.servers.hub.faults import CommitBetween, Fault, Lost, Rule, Stall, fits, with_fault
from tests.servers.hub.server import HubServer
from tests.servers.hub.writes import is_write

REPOSITORY_KINDS = (["datasets"], ["models"], ["spaces"], ["repos"], ["whoami-v2"], ["validate-yaml"])


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
    """Status of the answer; 0 if there was none."""
    at_s: float = 0.0
    """When it came, on the clock `time.monotonic`."""


class Hub(Content):
    """A Hub and its CDN on 127.0.0.1, both running inside the `with` block.

    Args:
        page_size: Most entries of one page of a tree.
        lfs_bytes: Bytes from which on a file is an LFS file, which the CDN serves.
        xet: Whether LFS files are announced as Xet files too.
        part_bytes: Bytes from which on an LFS file is to be uploaded in parts of so many; None: never.

    Attributes:
        pace: How fast files are sent.
    """

    def __init__(
        self, *, page_size: int = 1000, lfs_bytes: int = 1000, xet: bool = False, part_bytes: int | None = None
    ) -> None:
        super().__init__(page_size=page_size, lfs_bytes=lfs_bytes, xet=xet, part_bytes=part_bytes)
        self.pace = Pace()
        self._closing = threading.Event()
        self._rules: list[Rule] = []
        self._requests: list[Request] = []
        self._applied: list[Fault] = []
        self._bytes_sent: Counter[str] = Counter()
        self._bodies: list[tuple[str, bytes]] = []
        self._sending = self._most_at_once = 0
        self._errors: list[BaseException] = []
        self._hub_server = HubServer(self, "hub")
        self._cdn_server = HubServer(self, "cdn")
        self.endpoint = self._hub_server.address
        self.cdn = self._cdn_server.address

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
        """Stops both servers, with every thread and every answer under way."""
        self._closing.set()
        for server in (self._hub_server, self._cdn_server):
            server.stop()
        self._folder.cleanup()

    def fail(
        self,
        fault: Fault,
        *,
        path: str = "",
        method: Literal["GET", "HEAD", "POST", "PUT"] | None = None,
        server: ServerName | None = None,
        times: int | None = 1,
        after: int = 0,
    ) -> None:
        """Asks for a fault. Of several that fit a request, the one asked for first applies.

        A fault fits only where it can be seen: those of the body need a successful GET with a body long enough (never
        a redirect), `WrongRange` and `IgnoreRange` a request for a range of a file, `WrongSize` an answer with sizes.

        Args:
            fault: What goes wrong.
            path: Part of the request's path; the CDN's paths end with the path in the repository.
            method: The request's method; None: any.
            server: One of the two servers; None: both.
            times: How often; None: always.
            after: How many requests that fit get the right answer before.
        """
        with self._lock:
            self._rules.append(Rule(fault, path, method, server, times, after))

    def forget(self) -> None:
        """Clears the faults asked for and what was recorded; repositories stay."""
        with self._lock:
            self._rules.clear()
            self._requests.clear()
            self._applied.clear()
            self._bytes_sent.clear()
            self._bodies.clear()
            self._most_at_once = self._sending

    @property
    def bodies(self) -> list[tuple[str, bytes]]:
        """The path and the body of every write so far, in order."""
        with self._lock:
            return list(self._bodies)

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

    @property
    def most_at_once(self) -> int:
        """The most files, or parts of files, that were being sent at the same time."""
        with self._lock:
            return self._most_at_once

    # What the servers' threads call.

    def answer(self, call: Call) -> Answer | None:
        """Returns the answer to a request with its fault, or None for no answer."""
        if call.server == "hub" and call.parts[0] == "api" and call.parts[1:2] not in REPOSITORY_KINDS:
            return error_answer(404)
        fault, answer = None, Answer(200)
        if is_write(call):  # a fault comes before anything is done, but for those that say otherwise
            with self._lock:
                fault = self._fault(call, answer)
                self._bodies.append((call.path, call.body))
            if isinstance(fault, CommitBetween):
                self.commit_by_somebody_else("/".join(call.parts[2:4]), call.parts[-1])
            is_done = isinstance(fault, CommitBetween | Lost) or (isinstance(fault, Stall) and fault.done)
            if fault is None or is_done:
                answer = self.right_answer(call)
        else:
            answer = self.right_answer(call)
        with self._lock:
            if not is_write(call):
                fault = self._fault(call, answer)
            result = answer if fault is None else with_fault(fault, call, answer)
            status = 0 if result is None else result.status
            token = call.authorization is not None
            at_s = time.monotonic()
            self._requests.append(Request(call.server, call.method, call.path, call.range, token, status, at_s))
            number = len(self._requests)
        if isinstance(fault, Stall) and self._closing.wait(fault.seconds):
            return None
        if result is not None and result.document is not None:
            result.body = json.dumps(result.document).encode()
        if result is not None:
            result.headers.setdefault("X-Request-Id", f"test-hub-{number}")
        return result

    def pieces(self, call: Call, answer: Answer) -> Generator[bytes]:
        """Yields the pieces of a body as they are to be sent, and counts their bytes."""
        length = answer.length if answer.drop_after is None else answer.drop_after
        with contextlib.ExitStack() as stack:
            body = answer.body
            file = stack.enter_context(body.file.path.open("rb")) if isinstance(body, Slice) else None
            if file is not None and isinstance(body, Slice):
                file.seek(body.start)
                stack.enter_context(self._counted())
            left = stack.pop_all()  # left before the last piece is sent: who has it may ask for the next range at once
            stack.push(left)
            done = 0
            wait_for = self.pace.of_answer() if file is not None else None
            while done < length:
                if wait_for is not None and self._closing.wait(wait_for(min(answer.piece_bytes, length - done))):
                    return
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
                if done == length:
                    left.close()
                yield piece

    @contextlib.contextmanager
    def _counted(self) -> Generator[None]:
        with self._lock:
            self._sending += 1
            self._most_at_once = max(self._most_at_once, self._sending)
        try:
            yield
        finally:
            with self._lock:
                self._sending -= 1

    def failed(self, error: BaseException) -> None:
        """Keeps an error of the test Hub itself, to raise it at the end of the `with` block."""
        with self._lock:
            self._errors.append(error)

    def wait(self, seconds: float) -> bool:
        """Waits this many seconds, or until the servers close; returns whether they do."""
        return self._closing.wait(seconds)

    def _fault(self, call: Call, answer: Answer) -> Fault | None:
        """Returns the fault for a request and records it. The caller holds the lock."""
        for rule in self._rules:
            if rule.times == 0 or rule.path not in call.path:
                continue
            if rule.method not in (None, call.method) or rule.server not in (None, call.server):
                continue
            if not fits(rule.fault, call, answer):
                continue
            if rule.after:
                rule.after -= 1
                continue
            if rule.times is not None:
                rule.times -= 1
            self._applied.append(rule.fault)
            return rule.fault
        return None
