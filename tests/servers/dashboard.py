"""A stand-in for the dashboard of a Ray cluster: answers what `curate` asks before a job starts, and nothing else."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Turns(list[object]):
    """Answers that are given one after the other."""


class Dashboard:
    """Serves answers by path: an object as JSON, bytes as they are, and 404 for every other path."""

    def __init__(self, answers: dict[str, object]) -> None:
        asked = self.asked = list[str]()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                answer = answers.get(self.path)
                answer = answer.pop(0) if isinstance(answer, Turns) else answer
                self.send_response(404 if answer is None else 200)
                self.end_headers()
                self.wfile.write(answer if isinstance(answer, bytes) else json.dumps(answer).encode())

            do_PUT = do_POST = do_GET  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=[0.01], daemon=True).start()


def versions(ray: str, python: str) -> dict[str, object]:
    """Returns the answers of a cluster with these versions, by the part of the path after `/api/`."""
    return {
        "version": {"version": "4", "ray_version": ray, "ray_commit": "", "session_name": ""},
        "v0/cluster_metadata": {"data": {"rayVersion": ray, "pythonVersion": python}},
    }
