"""The files of `configs/cluster`: do their fields, options and versions fit Ray, KubeRay, the lock and the command?

None of them runs where it is meant to run: there is no Kubernetes, cloud or container here. `test_slurm.py` runs the
script for Slurm.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import typer
import yaml
from packaging.specifiers import SpecifierSet

from job.cli.app import app
from job.cluster.environment import SETTINGS
from job.cluster.own_ray import OBJECT_STORE_BYTES
from job.config.load import load_config, parse_assignment
from tests.paths import README, ROOT
from tests.servers.kuberay import RAY_JOB

FOLDER = ROOT / "configs/cluster"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
RAY = dict(re.findall(r"^(ray)==(\S+)", (ROOT / "scripts/requirements.lock").read_text(), re.MULTILINE))["ray"]
TEXTS = {path.name: path.read_text(encoding="utf-8") for path in sorted(FOLDER.iterdir())}
EVERYWHERE = {**TEXTS, "the first README.md": README}
JOB: Any = yaml.safe_load(TEXTS["rayjob.yaml"])
CLUSTER: Any = JOB["spec"]["rayClusterSpec"]
GROUPS: list[Any] = [CLUSTER["headGroupSpec"], *CLUSTER["workerGroupSpecs"]]
LAUNCHER: Any = yaml.safe_load(TEXTS["launcher.yaml"])


def commands(text: str, program: str) -> list[list[str]]:
    """Returns the arguments of every call of a program in a text, indented or in a comment."""
    lines = re.findall(rf"^(?:# {{5}}|  entrypoint: exec |  - |    )?{program} (.+)$", text, re.MULTILINE)
    lines += re.findall(rf"\| `{program} ([^`]+)` \|", text)
    return [shlex.split(line, comments=True) for line in lines]


def parsed(program: str, arguments: list[str]) -> dict[str, Any]:
    """Parses arguments as the program itself does, and raises what the program would."""
    from ray.scripts.scripts import cli

    subcommands = vars(cli if program == "ray" else typer.main.get_command(app))["commands"]
    name, *rest = arguments
    assert name in subcommands, f"{program} has no command {name}"
    return subcommands[name].make_context(name, rest).params


@pytest.mark.parametrize("where", EVERYWHERE)
def test_every_version_named_is_the_locks(where: str) -> None:
    text = EVERYWHERE[where]
    tags = re.findall(r"rayproject/ray:(\S+?)-py(\d)(\d+)\b", text)
    assert {version for version, *_ in tags} <= {RAY}
    assert all(f"{major}.{minor}" in SpecifierSet(PROJECT["requires-python"]) for _, major, minor in tags)
    assert set(re.findall(r"ray\[default\]==([\d.]+)", text)) <= {RAY}
    assert set(re.findall(r"/curate:([\d.]+)", text)) <= {PROJECT["version"]}
    if where in {"Dockerfile", "launcher.yaml"}:
        assert tags
    if where == "rayjob.yaml":
        assert CLUSTER["rayVersion"] == RAY
        images = {container["image"] for group in GROUPS for container in group["template"]["spec"]["containers"]}
        assert images == {f"REGISTRY/curate:{PROJECT['version']}"}
        assert f"-t {images.pop()} ." in TEXTS["Dockerfile"]


@pytest.mark.parametrize("where", EVERYWHERE)
def test_every_command_in_them_is_one(where: str) -> None:
    text = EVERYWHERE[where]
    found = [*commands(text, "curate")]
    if where.endswith("README.md"):
        found = [each for each in found if not {"|", "[--job-id"} & set(each)]
    for arguments in found:
        parsed("curate", arguments)
    for arguments in commands(text, "ray"):
        parsed("ray", arguments)
    if where == "launcher.yaml":
        assert [arguments[0] for arguments in commands(text, "ray")][:4] == ["up", "dashboard", "attach", "down"]
        assert [arguments[0] for arguments in found] == ["submit"]
    for path in re.findall(r"configs/[\w./-]+\.\w+|scripts/[\w.]+\w", text):
        assert (ROOT / path).exists(), path


def test_the_dockerfile_takes_what_the_program_is_made_of() -> None:
    joined = re.sub(r"\\\n", " ", TEXTS["Dockerfile"])
    steps = [line.split(maxsplit=1) for line in joined.splitlines() if line and not line.startswith("#")]
    assert {word for word, _ in steps} <= {"FROM", "WORKDIR", "COPY", "RUN", "ENV"}
    assert steps[0][0] == "FROM"
    taken = [word for step, rest in steps if step == "COPY" for word in rest.split()[:-1] if not word.startswith("--")]
    hatch = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {*hatch["packages"], *hatch["force-include"], *PROJECT["license-files"], PROJECT["readme"]}
    assert needed | {"pyproject.toml"} == set(taken)
    ignored = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert ignored[0] == "*"
    for path in taken:
        assert (ROOT / path).exists()
        assert f"!{path}" in ignored
    environment = dict(pair.split("=") for step, rest in steps if step == "ENV" for pair in rest.split())
    assert environment.items() <= SETTINGS.items()


def test_kuberay_knows_every_field_of_the_job() -> None:
    jsonschema.Draft202012Validator(RAY_JOB).validate(JOB)
    for group in GROUPS:
        options = [f"--{name}={value}" for name, value in group["rayStartParams"].items()]
        parsed("ray", ["start", *options])


def test_a_jobs_pods_have_what_they_name() -> None:
    created = dict(re.findall(r"kubectl create (secret generic|configmap) (\S+)", TEXTS["rayjob.yaml"]))
    for group in GROUPS:
        spec = group["template"]["spec"]
        volumes = {volume["name"]: volume for volume in spec["volumes"]}
        (container,) = spec["containers"]
        assert container["envFrom"] == [{"secretRef": {"name": created["secret generic"]}}]
        mounts = {mount["mountPath"]: volumes[mount["name"]] for mount in container["volumeMounts"]}
        assert spec["restartPolicy"] == "Never"  # required by Ray's autoscaler
        assert container["resources"]["requests"] == container["resources"]["limits"]
        shared = bytes_of(mounts["/dev/shm"]["emptyDir"]["sizeLimit"])
        store = int(group["rayStartParams"]["object-store-memory"])
        assert OBJECT_STORE_BYTES <= store < shared < bytes_of(container["resources"]["limits"]["memory"])
        if group is CLUSTER["headGroupSpec"]:
            assert mounts["/etc/curate"]["configMap"]["name"] == created["configmap"]
    assert f"job-name={JOB['metadata']['name']} " in TEXTS["rayjob.yaml"]


def bytes_of(quantity: str) -> int:
    return int(quantity.removesuffix("Gi")) << 30


def test_a_job_goes_on_after_a_failure_and_leaves_nothing_running() -> None:
    spec = JOB["spec"]
    assert spec["backoffLimit"] > 0
    assert spec["shutdownAfterJobFinishes"]
    assert CLUSTER["enableInTreeAutoscaling"]
    (workers,) = CLUSTER["workerGroupSpecs"]
    assert 0 < workers["minReplicas"] <= workers["replicas"] < workers["maxReplicas"]
    assert CLUSTER["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    assert CLUSTER["authOptions"] == {"mode": "token"}


@pytest.mark.parametrize("where", ["rayjob.yaml", "launcher.yaml"])
def test_what_a_job_is_told_fits_the_config(where: str) -> None:
    arguments = next(each for each in commands(TEXTS[where], "curate") if "s3://BUCKET/home-store" in each)
    options = parsed("curate", arguments)
    overrides = {"output": options["output"], **dict(parse_assignment(text) for text in options.get("assign") or ())}
    job = load_config(ROOT / "configs/home-store.yaml", overrides)
    assert job.output == "s3://BUCKET/home-store"


def test_ray_takes_the_launchers_file() -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    prepared = prepare_config(LAUNCHER)
    validate_config(prepared)
    assert prepared["available_node_types"]["head"]["max_workers"] == 0
    assert all((ROOT / path).is_dir() for path in LAUNCHER["file_mounts"].values() if not path.startswith("~"))
    for starts in ("head_start_ray_commands", "worker_start_ray_commands"):
        stop, start = LAUNCHER[starts]
        assert stop == "ray stop"
        setup, _, start = start.partition("ray start ")
        assert ". ~/curate/config/cluster.env;" in setup
        assert LAUNCHER["file_mounts"]["/home/ray/curate/config"] == "~/.config/curate"
        parsed("ray", ["start", *shlex.split(start)])
    with pytest.raises(jsonschema.ValidationError):
        validate_config({**prepared, "idle_timeout": 5})


@pytest.mark.slow
def test_a_stand_in_for_the_cloud_takes_the_launchers_machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray sets up network, keys and roles, and starts one machine of each type, at a stand-in for Amazon's API."""
    from moto import mock_aws
    from ray.autoscaler._private.aws.node_provider import AWSNodeProvider
    from ray.autoscaler._private.commands import _bootstrap_config  # pyright: ignore[reportPrivateUsage]

    for name, value in {"HOME": str(tmp_path), "MOTO_IAM_LOAD_MANAGED_POLICIES": "true"}.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("ray.autoscaler._private.aws.config.time.sleep", lambda _: None)
    with mock_aws():
        config: Any = _bootstrap_config(yaml.safe_load(TEXTS["launcher.yaml"]), no_config_cache=True)
        provider = AWSNodeProvider(config["provider"], config["cluster_name"])
        for name, kind in config["available_node_types"].items():
            provider.create_node({**kind["node_config"]}, {"ray-user-node-type": name}, 1)
        assert len(provider.non_terminated_nodes({})) == 2
    assert config["available_node_types"]["worker"]["resources"]["CPU"] == 8
