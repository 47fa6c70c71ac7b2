"""What lies between here and a dashboard, all of it on loopback: headers for a login, a proxy, a page in its place."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.conftest import Curate
from tests.servers.dashboard import versions

PAGE = b"<!DOCTYPE html>\n<html><head><title>Sign&nbsp;in\n to ACME</title></head><body>...</body></html>"
Respond = Callable[[BaseHTTPRequestHandler], None]


@pytest.fixture
def server() -> Generator[Callable[[Respond], str]]:
    """Starts web servers that answer as a function says, and returns their addresses."""
    started: list[ThreadingHTTPServer] = []

    def start(respond: Respond) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                respond(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        started.append(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=started[-1].serve_forever, args=[0.01], daemon=True).start()
        return f"http://127.0.0.1:{started[-1].server_port}"

    yield start
    for each in started:
        each.shutdown()
        each.server_close()


def send(handler: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def cluster(handler: BaseHTTPRequestHandler) -> None:
    """Answers as the dashboard of a cluster that has no jobs."""
    answers = {f"/api/{path}": answer for path, answer in {**versions("2.60.0", "3.12.3"), "jobs/": []}.items()}
    path = handler.path.removeprefix("http://").partition("/")[2]  # a proxy gets the whole address
    found = answers[handler.path if handler.path.startswith("/") else f"/{path}"]
    send(handler, 200, json.dumps(found).encode())


@pytest.fixture(autouse=True)
def no_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RAY_JOB_HEADERS", "http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def test_the_headers_of_rays_own_variable_open_a_dashboard_behind_a_login(
    server: Callable[[Respond], str], curate: Curate, monkeypatch: pytest.MonkeyPatch
) -> None:
    def behind_a_login(handler: BaseHTTPRequestHandler) -> None:
        if handler.headers["Authorization"] == "Bearer right":
            cluster(handler)
        else:
            send(handler, 401, PAGE, Content_Type="text/html")

    address = server(behind_a_login)
    refused = curate("status", "--address", address)
    assert refused.exit_code == 2
    assert (
        f"{address} is no dashboard of a Ray cluster: a web page titled 'Sign in to ACME' answered with status 401\n"
        in (refused.err)
    )
    assert """send what it asks for: export RAY_JOB_HEADERS='{"Authorization": "Bearer TOKEN"}'""" in refused.err
    monkeypatch.setenv("RAY_JOB_HEADERS", '{"Authorization": "Bearer right"}')
    opened = curate("status", "--address", address)
    assert (opened.exit_code, opened.out) == (0, f"no job was submitted to {address} by curate yet\n")
    monkeypatch.setenv("RAY_JOB_HEADERS", '{"Authorization": "Bearer secret-and-old"}')
    again = curate("status", "--address", address)
    assert again.exit_code == 2
    assert "RAY_JOB_HEADERS was sent (Authorization), and did not help: renew it" in again.err
    assert "secret-and-old" not in again.err


def test_a_login_that_requests_are_led_to_is_said_without_its_secrets(
    server: Callable[[Respond], str], curate: Curate
) -> None:
    login = server(lambda handler: send(handler, 200, PAGE, Content_Type="text/html"))
    address = server(lambda handler: send(handler, 302, b"", Location=f"{login}/login?state=secret"))
    result = curate("status", "--address", address)
    assert result.exit_code == 2
    assert f"a web page titled 'Sign in to ACME' answered, at {login}/login\n" in result.err
    assert "secret" not in result.err


def test_rays_own_refusal_still_asks_for_rays_token(server: Callable[[Respond], str], curate: Curate) -> None:
    address = server(lambda handler: send(handler, 401, b"Unauthorized: Missing authentication token"))
    result = curate("status", "--address", address)
    assert result.exit_code == 2
    assert f"the cluster at {address} asks for a token" in result.err
    assert "RAY_AUTH_TOKEN" in result.err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Bearer secret", "it is not JSON"),
        ('["secret"]', "it is not a JSON object"),
        ('{"X-Number": 7}', "the value of X-Number is not a text in quotes"),
        ('{"X-Line": "a\\nsecret"}', "X-Line or its value has a character that no header may have"),
    ],
)
def test_headers_that_cannot_be_sent_are_said_but_not_shown(
    text: str, words: str, curate: Curate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_JOB_HEADERS", text)
    result = curate("status", "--address", "http://127.0.0.1:9")
    assert result.exit_code == 2
    assert f"RAY_JOB_HEADERS cannot be sent: {words}" in result.err
    assert "secret" not in result.err


def test_a_proxy_that_refuses_is_said_with_how_to_go_past_it(
    server: Callable[[Respond], str], curate: Curate, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = server(cluster)
    proxy = server(lambda handler: send(handler, 403, b"<html><title>Blocked</title>", Content_Type="text/html"))
    monkeypatch.setenv("http_proxy", proxy.replace("://", "://user:secret@"))
    monkeypatch.setenv("no_proxy", "example.com")
    result = curate("status", "--address", address)
    assert result.exit_code == 2
    assert "a web page titled 'Blocked' answered with status 403" in result.err
    assert "http_proxy sends requests for 127.0.0.1 to the proxy http://...127.0.0.1:" in result.err
    assert result.err.endswith("if the cluster is to be reached without it: export no_proxy=example.com,127.0.0.1\n")
    assert "secret" not in result.err
    monkeypatch.setenv("no_proxy", "example.com,127.0.0.1")  # as it says
    assert curate("status", "--address", address).exit_code == 0


def test_a_proxy_that_is_down_is_said_and_not_the_cluster(
    server: Callable[[Respond], str], curate: Curate, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = server(cluster)
    monkeypatch.setenv("ALL_PROXY", "127.0.0.1:9")
    result = curate("status", "--address", address)
    assert result.exit_code == 2
    assert f"the proxy http://127.0.0.1:9 does not answer, which requests to {address} go to" in result.err
    assert "ALL_PROXY sends requests for 127.0.0.1 to the proxy" in result.err
    assert "export no_proxy=127.0.0.1" in result.err


def test_a_cluster_that_only_its_proxy_reaches_is_reached(
    server: Callable[[Respond], str], curate: Curate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server(cluster))
    result = curate("status", "--address", "http://head.invalid:8265")
    assert (result.exit_code, result.out) == (0, "no job was submitted to http://head.invalid:8265 by curate yet\n")
