"""What `configs/cluster/rayjob.yaml` makes a cluster do, on real Ray clusters: a new attempt resumes on a new cluster.

The test plays the part of KubeRay: it starts a head that does no work and a worker, submits the entrypoint by `ray job
submit`, and does so again on another cluster when the first is gone.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from job.cluster.local.nodes import Cluster
from job.source.sample.catalogue import make_catalogue
from tests.cluster.test_configs import JOB
from tests.conftest import Curate, shards
from tests.paths import ROOT
from tests.servers.hub import Hub
from tests.servers.s3 import S3

CONFIG = ROOT / "configs/appliances.yaml"
PATIENCE_S = 120.0


@pytest.fixture
def listings(hub: Hub, tmp_path: Path) -> None:
    make_catalogue(tmp_path / "tree", rows=20_000, categories=["Appliances"], file_format="parquet")
    hub.put("McAuley-Lab/Amazon-Reviews-2023", tmp_path / "tree")


@contextmanager
def attempt() -> Generator[subprocess.Popen[str]]:
    """One attempt: a cluster of its own, and the process that submits to it."""
    cluster = Cluster.started(1, cpus=0)
    try:
        cluster.start_node()
        cluster.wait()
        entrypoint = JOB["spec"]["entrypoint"].replace("/etc/curate/job.yaml", str(CONFIG)).replace("BUCKET", "bucket")
        code = json.dumps({"env_vars": {"PYTHONPATH": str(ROOT)}})  # the image has the code installed instead
        ray = Path(sys.executable).with_name("ray")
        command = [ray, "job", "submit", "--address", cluster.dashboard, "--runtime-env-json", code, "--"]
        with subprocess.Popen(
            [*command, *entrypoint.split()],
            env=cluster.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as submitter:
            yield submitter
            submitter.kill()
    finally:
        cluster.stop()


@pytest.mark.slow
@pytest.mark.usefixtures("listings", "shared_ray")
def test_an_attempt_on_a_new_cluster_resumes_where_the_last_one_died(s3: S3, curate: Curate, tmp_path: Path) -> None:
    assert curate("run", CONFIG, "--output", tmp_path / "one", "--quiet").exit_code == 0
    wanted = shards(tmp_path / "one")
    with attempt() as submitter:
        late = time.monotonic() + PATIENCE_S
        while len(done := s3.tree("bucket", "home-store/_partitions/")) < 2:
            assert time.monotonic() < late
            assert submitter.poll() is None, submitter.communicate()
            time.sleep(0.05)
    assert 2 <= len(done) < len(wanted)
    assert "_lock" in s3.tree("bucket", "home-store/")
    with attempt() as submitter:
        out, _ = submitter.communicate(timeout=PATIENCE_S)
    assert submitter.returncode == 0, out
    assert s3.tree("bucket", "home-store/data/") == wanted
    assert done.items() <= s3.tree("bucket", "home-store/_partitions/").items()
    assert curate("verify", "s3://bucket/home-store").exit_code == 0
