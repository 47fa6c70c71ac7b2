"""Every private name of Ray's that this program uses, and how it works without each of them.

Ray has no public way to do what these names do. They make a Ray of our own start sooner, stop sooner and fail with a
clear message; none of them changes an output. A Ray that was joined needs none of them.

Each name has a check, made once per process, and a way to go on without it. If a new Ray lacks a name, or has it with
another signature, the run says so in one line and goes on. `tests/cluster/test_ray_internals.py` names what a new Ray
lacks, and runs a job with each of the names taken away.

Two public names may go away as well; `job/pipeline.py` uses both and says why: `ray_remote_args` is deprecated and
disappears in Ray 2.64, and `DataContext.op_resource_reservation_enabled` has no replacement.
"""

from __future__ import annotations

import contextlib
import inspect
import os
import subprocess
import sys
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any

from job.cluster import asleep
from job.cluster.internal import Internal, found, replace, replaced, tell_what_is_missing, variable
from job.cluster.stand_ins import FixedSize, Nobody, nothing

_ANSWER_S = 60.0
"""Seconds that a cluster's job API has to answer a request."""

_RAYLET = "raylet"
CORE_PROCESSES = {_RAYLET: "node process (raylet)", "gcs_server": "control service (gcs_server)"}
"""Names of the processes that Ray cannot work without, with the words for them in a message."""
_CORE_FILES = {_RAYLET: "core/src/ray/raylet/raylet", "gcs_server": "core/src/ray/gcs/gcs_server"}

WORKER_TITLE = "ray::"
"""How the titles of Ray's worker processes begin."""
AGENT_TITLE, _AGENT_TITLES = "Agent", "ray._private.ray_constants.AGENT_PROCESS_LIST"
"""A part of the titles of the worker processes that are a node's own agents, and Ray's list of them."""

LAST_WORDS = "core_worker_process.cc"
"""A part of the line with which Ray's core ends the process that it was to make a driver."""

# Ray Data's own actors. One collects figures for the dashboard, the other asks an autoscaler for machines; a Ray of our
# own has neither. Each actor is a process that imports Ray Data at the same time as the workers do. With both of them,
# a run over 94,327 rows with two workers took 8.7 s instead of 7.6 s (medians of eight runs in turns) and 200 MB more
# memory. Ray Data has no setting that turns them off, so two names are replaced in the driver process.

_STATS = "ray.data._internal.stats"
_EXECUTOR = "ray.data._internal.execution.streaming_executor"
_AUTOSCALER_METHODS = {"try_trigger_scaling", "on_executor_shutdown", "get_total_resources"}


def _stats_actor_fits() -> bool:
    return not inspect.signature(found(f"{_STATS}.get_or_create_stats_actor")).parameters


def _autoscaler_fits() -> bool:
    base = found("ray.data._internal.cluster_autoscaler.ClusterAutoscaler")
    return callable(found(f"{_EXECUTOR}.create_cluster_autoscaler")) and base.__abstractmethods__ == _AUTOSCALER_METHODS


STATS_ACTOR = Internal(
    name=f"{_STATS}.get_or_create_stats_actor",
    fits=_stats_actor_fits,
    without="Ray Data runs an actor for figures that nobody looks at, and the work starts later",
)
CLUSTER_AUTOSCALER = Internal(
    name=f"{_EXECUTOR}.create_cluster_autoscaler",
    fits=_autoscaler_fits,
    without="Ray Data runs an actor that looks for more machines, and the work starts later",
)


@contextlib.contextmanager
def without_actors(say: Callable[[str], object]) -> Generator[None]:
    """Keeps Ray Data from starting its own actors while the context lasts; `say` is told which names are missing."""
    tell_what_is_missing(OF_RAY_DATA, say)
    with contextlib.ExitStack() as stack:
        if STATS_ACTOR.is_there():
            stack.enter_context(replaced(STATS_ACTOR.name, Nobody))
        if CLUSTER_AUTOSCALER.is_there():
            stack.enter_context(replaced(CLUSTER_AUTOSCALER.name, FixedSize))
        yield


# The token. Ray reads the environment once per process, when its core is imported, which is before a run can set a
# token there.

_CONFIG = "ray._raylet.Config"
_TOKEN_LOADER = "ray._raylet.AuthenticationTokenLoader"  # noqa: S105


def _token_fits() -> bool:
    return callable(found(_CONFIG).initialize) and callable(found(_TOKEN_LOADER).instance().reset_cache)


TOKEN = Internal(
    name=f"{_CONFIG}.initialize and {_TOKEN_LOADER}.reset_cache",
    fits=_token_fits,
    without="its ports are protected as Ray does it by default, not by a token of this run alone",
)


def reread_token() -> None:
    """Makes Ray read again from the environment whether there is a token, and which one. Needs `TOKEN`."""
    found(_CONFIG).initialize("")
    found(_TOKEN_LOADER).instance().reset_cache()


# `uv run`. If a parent of the driver is one, Ray lets each worker process start with the same `uv run`, which finds or
# makes an environment anew: in a copy of the current folder, without what lies beside it. Our workers start with the
# driver's own Python, which has all they need. Ray has a public variable for this, and reads it once, when it is
# imported: before a run begins, or long before in a notebook.

_UV_SWITCH = "RAY_ENABLE_UV_RUN_RUNTIME_ENV"
_UV_CONSTANT = f"ray._private.ray_constants.{_UV_SWITCH}"

UV_RUN = Internal(
    name=_UV_CONSTANT,
    fits=lambda: isinstance(found(_UV_CONSTANT), bool),
    without=f"under `uv run` each worker looks for an environment of its own, unless {_UV_SWITCH}=0 is set",
)


@contextlib.contextmanager
def without_uv_run() -> Generator[None]:
    """Keeps Ray from starting workers with `uv run` while the context lasts, unless the user has asked for that."""
    with contextlib.ExitStack() as stack:
        if UV_RUN.is_there() and not os.environ.get(_UV_SWITCH):
            stack.enter_context(replaced(_UV_CONSTANT, replacement=False))
        yield


# The folder of Ray's sockets and logs. `ray.init` calls this option hidden and unstable. RAY_TMPDIR does the same, but
# is not documented at all, and Ray makes a folder `ray` in the folder that it names.

_FOLDER_OPTION, _FOLDER_VARIABLE = "_temp_dir", "RAY_TMPDIR"


def _folder_fits() -> bool:
    import ray

    init = inspect.unwrap(ray.init)
    return _FOLDER_OPTION in init.__code__.co_consts or _FOLDER_OPTION in inspect.signature(init).parameters


FOLDER = Internal(
    name=f"ray.init({_FOLDER_OPTION}=...)",
    fits=_folder_fits,
    without=f"the folder of its sockets and logs is named by {_FOLDER_VARIABLE}",
)


@contextlib.contextmanager
def folder_options(folder: str) -> Generator[dict[str, Any]]:
    """Yields the options by which `ray.init`, while the context lasts, puts its sockets and logs below a folder."""
    if FOLDER.is_there():
        yield {_FOLDER_OPTION: folder}
        return
    with variable(_FOLDER_VARIABLE, folder):
        yield {}


# Ray starts by itself when it is used and there is none. A thread that a stopped run left over would so start one.
_AUTO_INIT_LOCK = "ray._private.auto_init_hook.auto_init_lock"

AUTO_INIT = Internal(
    name=_AUTO_INIT_LOCK,
    fits=lambda: callable(found(_AUTO_INIT_LOCK).__enter__),
    without="a thread that is left over from a stopped run may start another Ray",
)


def replace_auto_init_lock(replaced_by: Callable[[Any], Any]) -> None:
    """Replaces the lock that Ray takes before it starts by itself. Needs `AUTO_INIT`.

    Args:
        replaced_by: makes another lock of the present one.
    """
    replace(_AUTO_INIT_LOCK, replaced_by(found(_AUTO_INIT_LOCK)))


# Processes that a run has no use for. Ray starts a dashboard, one that carries logs to it, one that asks a cloud for
# machines, and two agents: one serves the dashboard, the other installs what a job's runtime environment asks for. Each
# is a Python that imports for a second, and the node process (raylet) starts no worker before the agents have written
# down their ports. It ends when an agent does. So one is a shell that waits for the end of its input, which the node
# process holds, and the other sleeps until it is asked. The dashboard would also ask a cloud for metadata.

_HELPERS = [f"ray._private.node.Node.start_{name}" for name in ("monitor", "log_monitor", "api_server")]
_START = "ray._private.services.start_ray_process"
_PERSIST = "ray._raylet.persist_port"
_DEPENDENCIES = "ray._private.utils.get_dashboard_dependency_error"
_PORTS = ("metrics_agent_port", "metrics_export_port", "dashboard_agent_listen_port", "runtime_env_agent_port")
_AGENTS_INPUT = "RAY_enable_pipe_based_agent_to_parent_health_check"
"""Variable by which the node process holds the input of its agents."""
_DASHBOARD, _ENVIRONMENTS = "--dashboard_agent_command", "--runtime_env_agent_command"
_NEEDED = {"--node_ip_address", "--session_dir", "--node_id", _DASHBOARD, _ENVIRONMENTS}


def _agents_fit() -> bool:
    start, persist = (inspect.signature(found(path)).parameters for path in (_START, _PERSIST))
    names = {name for name in vars(found("ray._raylet")) if name.endswith("_PORT_NAME")}
    return (
        list(start)[:2] == ["command", "process_type"]
        and "env_updates" in start
        and list(persist) == ["dir", "node_id", "port_name", "port"]
        and {*_PORTS} <= {found(f"ray._raylet.{name}") for name in names}
        and isinstance(found("ray.dashboard.consts.PARENT_HEALTH_CHECK_BY_PIPE"), bool)
        and not inspect.signature(found(_DEPENDENCIES)).parameters
    )


HELPERS = Internal(
    name=", ".join(_HELPERS),
    fits=lambda: all(callable(found(path)) for path in _HELPERS),
    without="Ray runs helper processes that a run has no use for, and starts later",
)
AGENTS = Internal(
    name=f"{_START}, {_PERSIST} and {_AGENTS_INPUT}",
    fits=_agents_fit,
    without="Ray runs two agents that a run has no use for, and starts later",
)


@contextlib.contextmanager
def without_helpers(then: Callable[[], object]) -> Generator[None]:
    """Keeps Ray from starting processes that a run has no use for while the context lasts, if this Ray allows it.

    Args:
        then: called when the node process has been started, or else at once.
    """
    with contextlib.ExitStack() as stack:
        if HELPERS.is_there():
            for path in _HELPERS:
                stack.enter_context(replaced(path, nothing))
        if AGENTS.is_there():
            start = found(_START)

            def start_alone(command: list[str], process_type: str, **options: Any) -> Any:
                if Path(command[0]).name != _RAYLET or not {word.split("=", 1)[0] for word in command} >= _NEEDED:
                    return start(command, process_type, **options)
                more = {**(options.pop("env_updates", None) or {}), _AGENTS_INPUT: "1"}
                started = start(_without_agents(command), process_type, env_updates=more, **options)
                then()
                return started

            stack.enter_context(replaced(_START, start_alone))
            stack.enter_context(replaced(_DEPENDENCIES, nothing))
        else:
            then()
        yield


def _without_agents(command: list[str]) -> list[str]:
    """Returns the node process's command with other processes for agents, and writes down the ports of these."""
    options = dict(word.split("=", 1) for word in command if "=" in word)
    with asleep.bound(options["--node_ip_address"]) as free:
        host, port = free.getsockname()[:2]
    for name in _PORTS:
        number = port if name == _PORTS[-1] else -1  # not in use
        found(_PERSIST)(options["--session_dir"], options["--node_id"], name, number)
    wait = subprocess.list2cmdline([sys.executable, "-I", "-S", asleep.__file__, host, str(port)])
    options[_ENVIRONMENTS] = " ".join([wait, options[_ENVIRONMENTS], f"--runtime-env-agent-port={port}"])
    options[_DASHBOARD] = f'/bin/sh -c "read _" {options[_DASHBOARD]}'
    return [f"{name}={options[name]}" if (name := word.split("=", 1)[0]) in options else word for word in command]


# Ray's processes. What is not found by these names is left to Ray.


CORE = Internal(
    name=f"the processes {' and '.join(_CORE_FILES)}",
    fits=lambda: all((Path(found("ray.__file__")).parent / _CORE_FILES[name]).is_file() for name in CORE_PROCESSES),
    without="if one of Ray's own processes dies, it takes up to a minute until the run ends, and Ray says why",
)
TITLES = Internal(
    name=f"process titles that begin with {WORKER_TITLE} (ray._raylet.setproctitle)",
    fits=lambda: (
        callable(found("ray._raylet.setproctitle")) and all(AGENT_TITLE in title for title in found(_AGENT_TITLES))
    ),
    without="the workers stop one after the other, and the run ends later",
)


# The end. Ray asks its processes to end, one after the other, and waits up to a second for each. What they would put in
# order is what this Ray alone uses: its folder is removed, and nobody asks its control service any more.

_KILL, _GRACE = "ray._private.node.Node.kill_all_processes", "allow_graceful"

KILL = Internal(
    name=f"{_KILL}({_GRACE}=...)",
    fits=lambda: _GRACE in inspect.signature(found(_KILL)).parameters,
    without="the run ends up to 2 s later",
)


@contextlib.contextmanager
def killed_at_once() -> Generator[None]:
    """Lets `ray.shutdown` kill Ray's processes while the context lasts, as far as this Ray allows."""
    with contextlib.ExitStack() as stack:
        if KILL.is_there():
            kill = found(_KILL)
            stack.enter_context(replaced(_KILL, lambda node, **given: kill(node, **{**given, _GRACE: False})))
        yield


# Ray's client for a cluster's job API waits for an answer without a limit, and cannot ask for a cluster's versions.

_REQUEST = "_do_request"


def _request_fits() -> bool:
    request = inspect.signature(getattr(found("ray.job_submission.JobSubmissionClient"), _REQUEST))
    *_, last = request.parameters.values()
    return list(request.parameters)[:3] == ["self", "method", "endpoint"] and last.kind == last.VAR_KEYWORD


REQUEST = Internal(
    name=f"ray.job_submission.JobSubmissionClient.{_REQUEST}",
    fits=_request_fits,
    without="the cluster's versions are not checked, and its answers are waited for without a limit",
)


class JobRequests:
    """What is added to Ray's client, which has to be the next base class: a time limit, and requests of our own."""

    def _do_request(self, method: str, endpoint: str, **options: Any) -> Any:
        if REQUEST.is_there():
            options.setdefault("timeout", _ANSWER_S)
        return getattr(super(), _REQUEST)(method, endpoint, **options)

    def answer(self, endpoint: str) -> Mapping[str, Any]:
        """Returns the JSON object at an endpoint of the dashboard. Needs `REQUEST`."""
        answer = self._do_request("GET", endpoint)
        answer.raise_for_status()
        return answer.json()


OF_OUR_OWN_RAY = (TOKEN, UV_RUN, FOLDER, AUTO_INIT, HELPERS, AGENTS, CORE, TITLES, KILL)
"""What a Ray of our own uses."""
OF_RAY_DATA = (STATS_ACTOR, CLUSTER_AUTOSCALER)
"""What Ray Data on it uses; to look for them imports Ray Data, which takes 0.8 s."""
OF_A_JOB = (REQUEST,)
"""What submitting a job uses."""
