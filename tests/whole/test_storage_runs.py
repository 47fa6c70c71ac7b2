"""Whole jobs between buckets, over real HTTP: the same bytes as on a disk, whatever happens on the way."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from job.config.load import load_config
from job.loader import ItemLoader
from job.output.folder import OutputFolder
from job.output.lock import owner
from job.output.lock import ownership as lock
from job.run import run_job
from tests.conftest import Curate, tree
from tests.servers.s3 import S3, SECRET, Fault, Request

pytestmark = pytest.mark.usefixtures("shared_ray")

OUT = "s3://bucket/out"
SLOW = pytest.mark.slow


@pytest.fixture(scope="module")
def sources(catalogue: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same rows as JSONL, packed JSONL and Parquet, some of them malformed; a few partitions each."""
    folder = tmp_path_factory.mktemp("sources")
    shutil.copytree(catalogue, folder / "made")
    made = folder / "made/raw/meta_categories/meta_Appliances.jsonl"
    made.write_bytes(b"broken\n" + made.read_bytes())
    (folder / "parquet").mkdir()
    (folder / "made/raw_meta_Appliances").rename(folder / "parquet/raw_meta_Appliances")
    (folder / "jsonl").mkdir()
    (folder / "made/raw").rename(folder / "jsonl/raw")
    (folder / "gz").mkdir()
    plain = folder / "jsonl/raw/meta_categories/meta_Appliances.jsonl"
    packed = folder / "gz/Appliances.jsonl.gz"
    subprocess.run(["gzip", "-1"], input=plain.read_bytes(), stdout=packed.open("wb"), check=True)
    return folder


@pytest.fixture(scope="module")
def on_disk(shared_ray: int, sources: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What the job makes of each form on a disk."""
    outputs: dict[str, dict[str, Any]] = {}
    for file_format in ("parquet", "jsonl", "gz"):
        output = tmp_path_factory.mktemp("expected") / file_format
        run_job(load_config(None, {"source.path": str(sources / file_format), "output": str(output)}), quiet=True)
        outputs[file_format] = steady(tree(output))
    return outputs


@pytest.fixture(scope="module")
def uploaded(server: S3, sources: Path) -> list[str]:
    """The names of the sources in a bucket from which they are copied."""
    server.bucket("sources")
    paths = {path.relative_to(sources).as_posix(): path for path in sources.rglob("*") if path.is_file()}
    for name, path in paths.items():
        server.client.upload_file(str(path), "sources", name)
    return [*paths]


@pytest.fixture
def bucket(s3: S3, uploaded: list[str]) -> S3:
    """A bucket that has the sources."""
    for name in uploaded:
        s3.client.copy_object(Bucket="bucket", Key=name, CopySource={"Bucket": "sources", "Key": name})
    return s3


def steady(files: dict[str, bytes]) -> dict[str, Any]:
    """Returns an output's files, but for how long something took, and where it and its source lie."""
    found: dict[str, Any] = dict(files)
    for name in [name for name in files if name == "plan.json" or name.startswith(("_partitions/", "_run.json"))]:
        values = json.loads(files[name])
        values.get("config", {}).pop("output", None)
        for key in ("source", "workers"):
            values.get("config", {}).pop(key, None)
        for category in values.get("categories", {}).values():
            category.pop("seen")
        for key in ("elapsed_s", "checksum", "began", "ended", "owner", "rows_before"):
            values.pop(key, None)
        if name == "_run.json":
            values.pop("num_rows", None)
        found[name] = values
    return found


def run(curate: Curate, file_format: str, *args: object) -> Any:
    return curate("run", "--source", f"s3://bucket/{file_format}", "--output", OUT, *args)


def is_put_of(part: str) -> Callable[[Request], bool]:
    return lambda request: request.method == "PUT" and part in request.key


@pytest.mark.parametrize("file_format", ["parquet", *(pytest.param(name, marks=SLOW) for name in ("jsonl", "gz"))])
def test_a_bucket_gets_what_a_folder_gets(
    bucket: S3, on_disk: dict[str, dict[str, Any]], curate: Curate, file_format: str
) -> None:
    result = run(curate, file_format)
    assert result.exit_code == 0, result.err
    assert f"items in {OUT}; look at one: curate show {OUT} 0" in result.out
    files = bucket.tree("bucket", "out/")
    assert steady(files) == on_disk[file_format]
    everything = b"".join(files.values()) + result.out.encode() + result.err.encode()
    assert SECRET.encode() not in everything
    assert curate("verify", OUT).out.startswith(f"intact: {len(files)} files")
    assert curate("status", OUT).out.splitlines()[-1] == "complete"
    assert "--- test prompt" in curate("show", OUT, "3").out
    malformed = 0 if file_format == "parquet" else 1
    assert curate("rejects", OUT).out.splitlines()[-1] == f"{malformed} malformed rows"


@pytest.mark.slow
def test_a_bucket_that_is_complete_is_left_alone_and_begun_anew_only_with_fresh(
    bucket: S3, on_disk: dict[str, dict[str, Any]], curate: Curate
) -> None:
    assert run(curate, "parquet", "--limit", "10").exit_code == 0
    before = bucket.tree("bucket")
    bucket.requests.clear()
    assert "complete already" in run(curate, "parquet", "--limit", "10").out
    refused = run(curate, "parquet")
    assert (refused.exit_code, refused.err.splitlines()[0]) == (
        4,
        f"error: {OUT} has Appliances from another job; changed since: limit was 10, is not set",
    )
    assert "4 partitions, 0 done" in run(curate, "parquet", "--fresh", "--dry-run").out
    assert {request.method for request in bucket.requests} == {"GET", "HEAD"}
    assert bucket.tree("bucket") == before
    assert run(curate, "parquet", "--fresh").exit_code == 0
    assert steady(bucket.tree("bucket", "out/")) == on_disk["parquet"]


def test_verify_notices_what_is_wrong_in_a_bucket(bucket: S3, curate: Curate) -> None:
    run(curate, "parquet")
    names = sorted(name for name in bucket.tree("bucket", "out/") if name.startswith("data/"))
    content = bytearray(bucket.tree("bucket", "out/")[names[0]])
    content[100] ^= 1
    bucket.client.put_object(Bucket="bucket", Key=f"out/{names[0]}", Body=bytes(content))
    bucket.client.delete_object(Bucket="bucket", Key=f"out/{names[1]}")
    bucket.client.put_object(Bucket="bucket", Key="out/data/Appliances/mine.parquet", Body=b"")
    result = curate("verify", OUT)
    assert result.exit_code == 1
    assert f"{names[0]}: its bytes are not those that were written" in result.err
    assert f"{names[1]}: missing" in result.err
    assert "data/Appliances/mine.parquet: belongs to nothing" in result.err
    assert len(result.err.splitlines()) == 5


@pytest.mark.parametrize("fault", [403, *[pytest.param(fault, marks=SLOW) for fault in (503, "cut", "lost")]])
def test_an_upload_that_fails_ends_the_job_and_the_same_command_goes_on(
    bucket: S3, on_disk: dict[str, dict[str, Any]], curate: Curate, fault: Fault
) -> None:
    name = "items-00002"
    bucket.fault = lambda request: fault if is_put_of(name)(request) else None
    result = run(curate, "parquet", "--workers", "1")
    assert result.exit_code == 1
    said = "access denied" if fault == 403 else "the storage cannot be used"
    assert f"error: {OUT}/data/Appliances/{name}-of-00004.parquet: {said}: AWS Error " in result.err
    assert "\nwhat was finished is kept" in result.err
    assert "run the same command again" in result.err
    assert "Traceback" not in result.err
    bucket.fault = lambda _: None
    left = steady(bucket.tree("bucket", "out/"))
    assert "manifest.json" not in left
    assert {path: on_disk["parquet"][path] for path in left if path.startswith("data/")} == {
        path: content for path, content in left.items() if path.startswith("data/")
    }
    assert "not complete" in curate("status", OUT).out
    assert run(curate, "parquet").exit_code == 0
    assert steady(bucket.tree("bucket", "out/")) == on_disk["parquet"]


@pytest.mark.slow
@pytest.mark.parametrize("file_format", ["parquet", "jsonl"])
def test_a_source_that_breaks_off_again_and_again_is_an_error_and_no_damage(
    bucket: S3, on_disk: dict[str, dict[str, Any]], curate: Curate, file_format: str
) -> None:
    assert run(curate, file_format, "--dry-run").exit_code == 0
    whole = [None]

    def act(request: Request) -> Fault:
        if "_lock" in request.key:
            whole.clear()  # from here on
        return "half" if not whole and request.method == "GET" and request.key.startswith(file_format) else None

    bucket.fault = act
    result = run(curate, file_format)
    assert result.exit_code == 1
    assert f"error: s3://bucket/{file_format}/raw" in result.err
    assert "the storage cannot be used: AWS Error" in result.err
    bucket.fault = lambda _: None
    assert run(curate, file_format).exit_code == 0
    assert steady(bucket.tree("bucket", "out/")) == on_disk[file_format]


@pytest.mark.slow
def test_faults_that_pass_are_not_noticed(bucket: S3, on_disk: dict[str, dict[str, Any]], curate: Curate) -> None:
    count = 0

    def act(request: Request) -> Fault:
        nonlocal count
        count += 1
        kinds: tuple[Fault, ...] = ("half", 500) if request.method == "GET" else (503, "cut", "lost")
        return kinds[count % len(kinds)] if count % 10 == 0 else None

    bucket.fault = act
    assert run(curate, "jsonl").exit_code == 0
    assert count > 100
    bucket.fault = lambda _: None
    assert steady(bucket.tree("bucket", "out/")) == on_disk["jsonl"]


@pytest.mark.parametrize("change", ["replaced", pytest.param("cut off", marks=SLOW)])
def test_a_source_that_changes_while_the_job_runs(bucket: S3, sources: Path, curate: Curate, change: str) -> None:
    (path,) = (sources / "jsonl").rglob("*.jsonl")
    content = path.read_bytes()
    key = path.relative_to(sources).as_posix()
    changed = content[:-100] if change == "cut off" else content[:-2] + b" }"[-2:]

    def act(request: Request) -> Fault:
        if is_put_of("items-")(request):
            bucket.client.put_object(Bucket="bucket", Key=key, Body=changed)
        return None

    bucket.fault = act
    result = run(curate, "jsonl", "--workers", "1")
    assert result.exit_code == 1
    assert f"changed while the job ran: s3://bucket/{key}" in result.err
    assert "manifest.json" not in bucket.tree("bucket", "out/")


def test_a_second_run_is_refused_unless_it_was_submitted_and_then_waits(
    bucket: S3, on_disk: dict[str, dict[str, Any]], curate: Curate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "BEAT_S", 0.2)
    monkeypatch.setattr(owner, "LEASE_S", 2.0)
    ends = threading.Event()
    first = OutputFolder(OUT)

    def hold() -> None:
        with lock.sole_owner(first):
            ends.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    while lock.live_owner(first) is None:
        time.sleep(0.05)
    refused = run(curate, "parquet")
    assert refused.exit_code == 4
    assert f"another run is working on {OUT}: process {os.getpid()} on " in refused.err
    assert "has a lock of process" in refused.err
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", "{}")
    threading.Timer(2, ends.set).start()
    waited = run(curate, "parquet")
    holder.join()
    assert waited.exit_code == 0
    assert waited.err.count("this is a submitted job, so it waits until that has ended") == 1
    assert steady(bucket.tree("bucket", "out/")) == on_disk["parquet"]


def test_a_run_whose_lease_is_taken_writes_no_more(bucket: S3, curate: Curate) -> None:
    def act(request: Request) -> Fault:
        if is_put_of("00000.json")(request):
            lines = bucket.tree("bucket", "out/")["_lock"].splitlines()
            taken = json.dumps({**json.loads(lines[0]), "run": "another"}).encode() + b"\n" + lines[1]
            bucket.client.put_object(Bucket="bucket", Key="out/_lock", Body=taken)
        return None

    bucket.fault = act
    result = run(curate, "parquet", "--workers", "1")
    assert result.exit_code == 4
    assert f"another run has taken over {OUT}: process" in result.err
    written = bucket.tree("bucket", "out/")
    assert "manifest.json" not in written
    assert json.loads(written["_lock"].splitlines()[0])["run"] == "another"


@SLOW
def test_the_course_s_interface_reads_from_a_bucket_and_writes_to_one(bucket: S3, curate: Curate) -> None:
    loader = ItemLoader("Appliances", source="s3://bucket/parquet", output=OUT)
    items = loader.load(workers=2)
    assert loader.dataset().select_columns(["prompt"]).to_pandas()["prompt"].to_list() == [
        item.prompt for item in items
    ]
    assert f"{len(items):,} items" in curate("verify", OUT).out


def test_a_sample_is_made_in_a_folder(curate: Curate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert curate("sample", "s3://bucket/a").exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_an_fsspec_address_does_as_well(
    sources: Path, on_disk: dict[str, dict[str, Any]], curate: Curate, tmp_path: Path
) -> None:
    output = f"local://{tmp_path}/out"
    result = curate("run", "--source", f"local://{sources}/jsonl", "--output", output)
    assert result.exit_code == 0, result.err
    assert steady(tree(tmp_path / "out")) == on_disk["jsonl"]
    assert curate("verify", output).exit_code == 0


@pytest.mark.slow
def test_a_driver_that_is_killed_is_gone_on_from(
    bucket: S3, on_disk: dict[str, dict[str, Any]], curate: Curate
) -> None:
    begun = threading.Event()

    def act(request: Request) -> Fault:
        if is_put_of("_partitions/")(request):
            begun.set()
        return "late" if is_put_of("items-")(request) else None

    bucket.fault = act
    command = [sys.executable, "-m", "job", "run", "--source", "s3://bucket/jsonl", "--output", OUT, "--workers", "1"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as first:
        assert begun.wait(60)
        first.kill()
    bucket.fault = lambda _: None
    left = bucket.tree("bucket", "out/")
    assert "_lock" in left
    assert "manifest.json" not in left
    bucket.requests.clear()
    result = run(curate, "jsonl")
    assert result.exit_code == 0, result.err
    assert steady(bucket.tree("bucket", "out/")) == on_disk["jsonl"]
    assert 0 < sum(map(is_put_of("items-"), bucket.requests)) < len(list(filter(is_item, on_disk["jsonl"])))


def is_item(name: str) -> bool:
    return name.startswith("data/")
