"""`curate bench --hub`: a Hub on loopback answers as the real one does, at its pace, and runs from it are measured."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from urllib.parse import urlsplit

import msgspec
import pytest
from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import EntryNotFoundError, RepositoryNotFoundError

from job.bench.measure.hub import HubBench, HubRun, check_same_items, download_seconds, hub_figures, serving
from job.bench.measure.hub_server import DATASET, Addresses, ServedFile, Traffic, served_file
from job.bench.measure.pace import Pace
from job.bench.report.hub_table import hub_lines
from job.errors import CurateError
from job.source.fetch.cache import fetch_files
from job.source.find.hub import find_categories, resolve
from tests.conftest import Curate

CONTENT = b"".join(b'{"title": "%d"}\n' % number for number in range(20_000))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[ServedFile]:
    root = tmp_path_factory.mktemp("served")
    path = root / "raw" / "meta_categories" / "meta_Appliances.jsonl"
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    return [served_file(path, root)]


@pytest.fixture(scope="module")
def addresses(files: list[ServedFile]) -> Iterator[Addresses]:
    with serving(files, "connection", 1_000) as (addresses, _):
        yield addresses


def get(address: str, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read()
    finally:
        connection.close()


def test_the_hubs_own_client_finds_and_downloads_the_files(addresses: Addresses, tmp_path: Path) -> None:
    api = HfApi(endpoint=addresses.hub, token=False)
    information = api.dataset_info(DATASET)
    assert [sibling.rfilename for sibling in information.siblings or ()] == [
        "raw/meta_categories/meta_Appliances.jsonl"
    ]
    (entry,) = api.list_repo_tree(DATASET, recursive=True, repo_type="dataset")
    assert (entry.path, getattr(entry, "size", 0)) == ("raw/meta_categories/meta_Appliances.jsonl", len(CONTENT))
    (found,) = api.get_paths_info(DATASET, [entry.path], repo_type="dataset")
    assert found.path == entry.path
    path = hf_hub_download(
        DATASET, entry.path, repo_type="dataset", endpoint=addresses.hub, cache_dir=tmp_path, token=False
    )
    assert Path(path).read_bytes() == CONTENT
    assert Path(path).parts[-4] == information.sha
    with pytest.raises(EntryNotFoundError):
        hf_hub_download(DATASET, "x", repo_type="dataset", endpoint=addresses.hub, cache_dir=tmp_path, token=False)
    with pytest.raises(RepositoryNotFoundError):
        api.dataset_info("bench/other")


def test_the_job_finds_and_fetches_a_category_there(
    addresses: Addresses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", addresses.hub)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    repository = resolve(DATASET, "main")
    (source,) = find_categories(repository, ["Appliances"])
    (copy,) = fetch_files(repository, source.files, lambda _: None)
    assert copy.local_path is not None
    assert copy.local_path.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("asked", "status", "content_range", "content"),
    [
        ("bytes=0-9", 206, f"bytes 0-9/{len(CONTENT)}", CONTENT[:10]),
        ("bytes=100-", 206, f"bytes 100-{len(CONTENT) - 1}/{len(CONTENT)}", CONTENT[100:]),
        ("bytes=-7", 206, f"bytes {len(CONTENT) - 7}-{len(CONTENT) - 1}/{len(CONTENT)}", CONTENT[-7:]),
        ("bytes=5-999999999", 206, f"bytes 5-{len(CONTENT) - 1}/{len(CONTENT)}", CONTENT[5:]),
        ("bytes=999999999-", 416, f"bytes */{len(CONTENT)}", b""),
        ("lines=1-2", 200, None, CONTENT),
    ],
)
def test_the_cdn_sends_the_bytes_that_are_asked_for(
    addresses: Addresses, asked: str, status: int, content_range: str | None, content: bytes
) -> None:
    found, headers, body = get(addresses.cdn, "/0/meta.jsonl", Range=asked)
    assert (found, headers.get("Content-Range"), body) == (status, content_range, content)


def test_ranges_on_several_connections_come_at_once_and_are_counted(files: list[ServedFile]) -> None:
    starts = range(0, len(CONTENT), 100_000)
    together = Barrier(len(starts))
    with serving(files, "connection", 0.5) as (addresses, _):  # 100,000 bytes take 0.2 s

        def part(start: int) -> bytes:
            together.wait(60)
            return get(addresses.cdn, "/0/x", Range=f"bytes={start}-{start + 99_999}")[2]

        with ThreadPoolExecutor(len(starts)) as pool:
            assert b"".join(pool.map(part, starts)) == CONTENT
        traffic = msgspec.json.decode(get(addresses.hub, "/served")[2], type=Traffic)
    assert (traffic.bytes_sent, traffic.requests) == (len(CONTENT), len(starts))
    assert traffic.most_at_once > 1


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr("job.bench.measure.pace.time.monotonic", lambda: now[0])
    return now


def test_each_connection_has_a_speed_of_its_own(clock: list[float]) -> None:
    pace = Pace(connection=1000.0, line=None)
    first, second = pace.of_answer(), pace.of_answer()
    assert [first(500), first(500), second(500)] == pytest.approx([0.5, 1.0, 0.5])
    clock[0] += 1.0
    assert first(500) == pytest.approx(0.5)
    clock[0] += 60.0
    assert first(500) == pytest.approx(0.45)  # what a connection did not use is lost, but for its slack


def test_all_connections_share_a_line(clock: list[float]) -> None:
    pace = Pace(connection=None, line=1000.0)
    first, second = pace.of_answer(), pace.of_answer()
    assert [first(500), second(500), first(500)] == pytest.approx([0.45, 0.95, 1.45])


def test_a_download_by_itself_takes_as_long_as_its_speed_says(files: list[ServedFile]) -> None:
    size_mb = len(CONTENT) / 1e6
    with serving(files, "line", size_mb) as (addresses, _):
        assert download_seconds(addresses, files) > 0.9


def run(name: str, limit: str, wall_s: float, **given: object) -> HubRun:
    fields: dict[str, object] = {
        "round": 1,
        "cpu_s": 5.0,
        "peak_bytes": 1,
        "num_rows": 9,
        "num_items": 3,
        "content_digest": "ab" * 32,
        "bytes_sent": 7,
        "requests": 2,
        "most_at_once": 2,
        "others_cores": 0.0,
        "swapped_bytes": 0,
    }
    return msgspec.convert({**fields, "name": name, "limit": limit, "wall_s": wall_s, **given}, HubRun)


RUNS = [
    *[run("first run", "connection", wall_s) for wall_s in (9.0, 8.0, 12.0)],
    *[run("later run", "connection", wall_s) for wall_s in (6.0, 7.0, 5.0)],
    *[run("first run", "line", wall_s) for wall_s in (14.0, 13.0, 15.0)],
]


def test_a_first_run_is_compared_with_a_later_one_and_with_the_download() -> None:
    first, later, ratio, more_s = hub_figures(RUNS, {"connection": 11.0, "line": 11.5})
    assert {limit: seconds.median for limit, seconds in first.items()} == {"connection": 9.0, "line": 14.0}
    assert (later.median, ratio, more_s) == (6.0, 1.5, 2.5)


def test_runs_that_differ_are_an_error() -> None:
    check_same_items(RUNS)
    with pytest.raises(CurateError, match=r"the outputs differ(?s:.*)cdcdcdcdcdcdcdcd, 3 items: later run, connection"):
        check_same_items([*RUNS, run("later run", "connection", 1.0, content_digest="cd" * 32)])


@pytest.mark.slow
def test_first_and_later_runs_are_measured(tmp_path: Path, curate: Curate) -> None:
    words = ["--hub", "--hub-rate", 10, "--rows", 600, "--workers", 1, "--repeat", 1]
    result = curate("bench", *words, "--output", tmp_path)
    assert result.exit_code == 0, result.err
    assert {path.name for path in tmp_path.iterdir()} == {"input", "hub.json"}
    bench = msgspec.json.decode((tmp_path / "hub.json").read_bytes(), type=HubBench)
    (size,) = bench.input.size_bytes.values()
    assert [(one.name, one.limit, one.bytes_sent) for one in bench.runs] == [
        ("first run", "connection", size),
        ("later run", "connection", 0),
        ("first run", "line", size),
    ]
    assert {one.num_rows for one in bench.runs} == {600}
    assert bench.download_s["line"] > 0.9 * size / 10e6
    assert bench.first_over_later == bench.runs[0].wall_s / bench.runs[1].wall_s
    (folder,) = (tmp_path / "input").iterdir()
    wanted = curate("run", "--source", folder, "--category", "Appliances", "--output", tmp_path / "o", "--json")
    assert bench.runs[0].content_digest == json.loads(wanted.out)["content_digest"]
    lines = list(hub_lines(bench))
    assert any(line.startswith("first run, 10 MB/s a connection: ") for line in lines)
    assert result.out.splitlines()[: len(lines)] == lines
