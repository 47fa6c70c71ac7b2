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
import functools
import importlib
import inspect
import os
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_ANSWER_S = 60.0
"""Seconds that a cluster's job API has to answer a request."""

HELPER_SCRIPTS = (
    f"ray{os.sep}dashboard{os.sep}dashboard.py",
    f"ray{os.sep}_private{os.sep}log_monitor.py",
    f"ray{os.sep}autoscaler{os.sep}_private{os.sep}monitor.py",
)
"""Ends of the paths of Ray's dashboard, of what carries logs to it, and of what asks a cloud for machines."""

CORE_PROCESSES = {"raylet": "node process (raylet)", "gcs_server": "control service (gcs_server)"}
"""Names of the processes that Ray cannot work without, with the words for them in a message."""
_CORE_FILES = {"raylet": "core/src/ray/raylet/raylet", "gcs_server": "core/src/ray/gcs/gcs_server"}

WORKER_TITLE = "ray::"
"""How the titles of Ray's worker processes begin."""
AGENT_TITLE = "Agent"
"""A part of the titles of the worker processes that are a node's own agents."""

LAST_WORDS = "core_worker_process.cc"
"""A part of the line with which Ray's core ends the process that it was to make a driver."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Internal:
    """One private name of Ray's."""

    name: str
    """As Ray's code has it."""
    fits: Callable[[], bool]
    """Tells whether this Ray has the name in the form that is needed; may raise an error instead of returning False."""
    without: str
    """What is different without it, in words for the user."""

    def is_there(self) -> bool:
        """Tells whether this Ray has the name in the form that is needed. The check is made once per process."""
        return _is_there(self)


@functools.cache
def _is_there(internal: Internal) -> bool:
    try:
        return internal.fits()
    except (ImportError, AttributeError, TypeError, ValueError):
        return False


def _found(path: str) -> Any:
    """Returns what a dotted path leads to. Raises ImportError or AttributeError if there is nothing."""
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


# Ray Data's own actors. One collects figures for the dashboard, the other asks an autoscaler for machines; a Ray of our
# own has neither. Each actor is a process that imports Ray Data at the same time as the workers do. With both of them,
# a run over 94,327 rows with two workers took 8.7 s instead of 7.6 s (medians of eight runs in turns) and 200 MB more
# memory. Ray Data has no setting that turns them off, so two names are replaced in the driver process.

_STATS = "ray.data._internal.stats"
_EXECUTOR = "ray.data._internal.execution.streaming_executor"
_AUTOSCALER_METHODS = {"try_trigger_scaling", "on_executor_shutdown", "get_total_resources"}


def _stats_actor_fits() -> bool:
    return not inspect.signature(_found(f"{_STATS}.get_or_create_stats_actor")).parameters


def _autoscaler_fits() -> bool:
    base = _found("ray.data._internal.cluster_autoscaler.ClusterAutoscaler")
    return (
        callable(_found(f"{_EXECUTOR}.create_cluster_autoscaler")) and base.__abstractmethods__ == _AUTOSCALER_METHODS
    )


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
def without_actors() -> Generator[None]:
    """Keeps Ray Data from starting its own actors while the context lasts, as far as this Ray allows."""
    with contextlib.ExitStack() as stack:
        if STATS_ACTOR.is_there():
            stack.enter_context(_replaced(STATS_ACTOR.name, _Nobody))
        if CLUSTER_AUTOSCALER.is_there():
            stack.enter_context(_replaced(CLUSTER_AUTOSCALER.name, _FixedSize))
        yield


@contextlib.contextmanager
def _replaced(path: str, replacement: object) -> Generator[None]:
    module_name, _, name = path.rpartition(".")
    module = importlib.import_module(module_name)
    original = getattr(module, name)
    setattr(module, name, replacement)
    try:
        yield
    finally:
        setattr(module, name, original)


class _Nobody:
    """Stands in for the actor that collects figures: accepts every call and does nothing."""

    def __getattr__(self, name: str) -> _Nobody:
        return self

    def __call__(self, *args: object, **options: object) -> None:
        del args, options


class _FixedSize:
    """Stands in for Ray Data's cluster autoscaler: knows what this Ray has, and asks for no more."""

    def __init__(self, *args: object, **options: object) -> None:
        import ray
        from ray.data import ExecutionResources

        del args, options
        self._total = ExecutionResources.from_resource_dict({**ray.cluster_resources()})

    def try_trigger_scaling(self) -> None:
        """Asks for nothing."""

    def on_executor_shutdown(self) -> None:
        """Releases nothing, since nothing was requested."""

    def get_total_resources(self) -> Any:
        """Returns all resources of this Ray."""
        return self._total


# The token. Ray reads the environment once per process, when its core is imported, which is before a run can set a
# token there.

_CONFIG = "ray._raylet.Config"
_TOKEN_LOADER = "ray._raylet.AuthenticationTokenLoader"  # noqa: S105


def _token_fits() -> bool:
    return callable(_found(_CONFIG).initialize) and callable(_found(_TOKEN_LOADER).instance().reset_cache)


TOKEN = Internal(
    name=f"{_CONFIG}.initialize and {_TOKEN_LOADER}.reset_cache",
    fits=_token_fits,
    without="its ports are protected as Ray does it by default, not by a token of this run alone",
)


def reread_token() -> None:
    """Makes Ray read again from the environment whether there is a token, and which one. Needs `TOKEN`."""
    _found(_CONFIG).initialize("")
    _found(_TOKEN_LOADER).instance().reset_cache()


# `uv run`. If a parent of the driver is one, Ray lets each worker process start with the same `uv run`, which finds or
# makes an environment anew: in a copy of the current folder, without what lies beside it. Our workers start with the
# driver's own Python, which has all they need. Ray has a public variable for this, and reads it once, when it is
# imported: before a run begins, or long before in a notebook.

_UV_SWITCH = "RAY_ENABLE_UV_RUN_RUNTIME_ENV"
_UV_CONSTANT = f"ray._private.ray_constants.{_UV_SWITCH}"

UV_RUN = Internal(
    name=_UV_CONSTANT,
    fits=lambda: isinstance(_found(_UV_CONSTANT), bool),
    without=f"under `uv run` each worker looks for an environment of its own, unless {_UV_SWITCH}=0 is set",
)


@contextlib.contextmanager
def without_uv_run() -> Generator[None]:
    """Keeps Ray from starting workers with `uv run` while the context lasts, unless the user has asked for that."""
    with contextlib.ExitStack() as stack:
        if UV_RUN.is_there() and not os.environ.get(_UV_SWITCH):
            stack.enter_context(_replaced(_UV_CONSTANT, replacement=False))
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
    before = os.environ.get(_FOLDER_VARIABLE)
    os.environ[_FOLDER_VARIABLE] = folder
    try:
        yield {}
    finally:
        del os.environ[_FOLDER_VARIABLE]
        if before is not None:
            os.environ[_FOLDER_VARIABLE] = before


# Ray starts by itself when it is used and there is none. A thread that a stopped run left over would so start one.
_AUTO_INIT_LOCK = "ray._private.auto_init_hook.auto_init_lock"

AUTO_INIT = Internal(
    name=_AUTO_INIT_LOCK,
    fits=lambda: callable(_found(_AUTO_INIT_LOCK).__enter__),
    without="a thread that is left over from a stopped run may start another Ray",
)


def replace_auto_init_lock(replaced_by: Callable[[Any], Any]) -> None:
    """Replaces the lock that Ray takes before it starts by itself. Needs `AUTO_INIT`.

    Args:
        replaced_by: makes another lock of the present one.
    """
    module, _, name = _AUTO_INIT_LOCK.rpartition(".")
    setattr(importlib.import_module(module), name, replaced_by(_found(_AUTO_INIT_LOCK)))


# Ray's processes. What is not found by these names is left to Ray.


def _package() -> Path:
    import ray

    return Path(ray.__file__).parent


HELPERS = Internal(
    name=", ".join(HELPER_SCRIPTS),
    fits=lambda: all((_package().parent / script).is_file() for script in HELPER_SCRIPTS),
    without="Ray runs helper processes that a run has no use for, and starts later",
)
CORE = Internal(
    name=f"the processes {' and '.join(_CORE_FILES)}",
    fits=lambda: all((_package() / _CORE_FILES[name]).is_file() for name in CORE_PROCESSES),
    without="if one of Ray's own processes dies, it takes up to a minute until the run ends, and Ray says why",
)
TITLES = Internal(
    name=f"process titles that begin with {WORKER_TITLE} (ray._raylet.setproctitle)",
    fits=lambda: callable(_found("ray._raylet.setproctitle")),
    without="the workers stop one after the other, and the run ends later",
)


# Ray's client for a cluster's job API waits for an answer without a limit, and has no method that returns the versions
# of a cluster.

_REQUEST = "_do_request"


def _request_fits() -> bool:
    request = inspect.signature(getattr(_found("ray.job_submission.JobSubmissionClient"), _REQUEST))
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


OF_OUR_OWN_RAY = (STATS_ACTOR, CLUSTER_AUTOSCALER, TOKEN, UV_RUN, FOLDER, AUTO_INIT, HELPERS, CORE, TITLES)
"""What a Ray of our own uses."""
OF_A_JOB = (REQUEST,)
"""What submitting a job uses."""

_told: set[str] = set()


def tell_what_is_missing(internals: tuple[Internal, ...], say: Callable[[str], object]) -> None:
    """Tells the user, once per process and name, which names this Ray lacks and what is different without them.

    Args:
        internals: the names to check.
        say: receives one line per name that is missing.
    """
    import ray

    for internal in internals:
        if internal.name not in _told and not internal.is_there():
            _told.add(internal.name)
            say(f"Ray {ray.__version__} has no {internal.name}, so {internal.without}")
