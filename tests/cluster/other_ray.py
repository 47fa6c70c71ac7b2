"""`python -m tests.cluster.other_ray NAMES ARGUMENTS`: runs `curate ARGUMENTS` on a Ray that lacks some private names.

Ray itself keeps working, as a later version would: what is taken away gets another name wherever Ray's code uses it.

NAMES are the names in `job.cluster.ray_internals`, with commas between them.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Iterator
from types import FunctionType, ModuleType
from typing import Any

from job.cluster import ray_internals

RAYLET, NODE, SERVICES = "ray._raylet", "ray._private.node", "ray._private.services"


def functions_of(holder: Any) -> Iterator[FunctionType]:
    """Yields the functions of a module, and the methods of its classes."""
    for value in vars(holder).copy().values():
        for each in (value, getattr(value, "__func__", None), getattr(value, "fget", None)):
            if inspect.isfunction(unwrapped := inspect.unwrap(each) if callable(each) else each):
                yield unwrapped
        if inspect.isclass(value) and isinstance(holder, ModuleType) and value.__module__ == holder.__name__:
            yield from functions_of(value)


def renamed(name: str, holder: Any, *users: str) -> None:
    """Gives something another name, in the modules that use it as well."""
    setattr(holder, f"other_{name}", getattr(holder, name))
    delattr(holder, name)
    for user in users:
        for function in functions_of(importlib.import_module(user)):
            code = function.__code__
            names = tuple(f"other_{each}" if each == name else each for each in code.co_names)
            if names != code.co_names:
                function.__code__ = code.replace(co_names=names)


def without_stats_actor() -> None:
    stats = "ray.data._internal.stats"
    renamed("get_or_create_stats_actor", importlib.import_module(stats), stats)


def without_cluster_autoscaler() -> None:
    executor = "ray.data._internal.execution.streaming_executor"
    renamed("create_cluster_autoscaler", importlib.import_module(executor), executor)


def without_in_core(*names: str) -> None:
    """Hides names of Ray's core, whose compiled code goes on using them, from whoever imports it from now on."""
    core = importlib.import_module(RAYLET)
    sys.modules[RAYLET] = other = ModuleType(RAYLET)
    vars(other).update({name: value for name, value in vars(core).items() if name not in names})


def without_token() -> None:
    without_in_core("Config", "AuthenticationTokenLoader")


def without_uv_run() -> None:
    renamed(
        "RAY_ENABLE_UV_RUN_RUNTIME_ENV", importlib.import_module("ray._private.ray_constants"), "ray._private.worker"
    )


def without_folder() -> None:
    import ray

    init = inspect.unwrap(ray.init)
    constants = tuple("_other_dir" if each == "_temp_dir" else each for each in init.__code__.co_consts)
    init.__code__ = init.__code__.replace(co_consts=constants)


def without_helpers() -> None:
    for name in ("start_monitor", "start_log_monitor", "start_api_server"):
        renamed(name, importlib.import_module(SERVICES))
        renamed(name, importlib.import_module(NODE).Node, NODE)


def without_agents() -> None:
    renamed("start_ray_process", importlib.import_module(SERVICES), SERVICES)


def without_kill() -> None:
    renamed("kill_all_processes", importlib.import_module(NODE).Node, NODE, "ray._private.worker")


def without_core() -> None:
    ray_internals.CORE_PROCESSES = {"other": "other"}
    setattr(ray_internals, "_CORE_FILES", {"other": "core/other"})  # noqa: B010


def without_titles() -> None:
    ray_internals.WORKER_TITLE = "other::"
    without_in_core("setproctitle")


def without_auto_init() -> None:
    hook = "ray._private.auto_init_hook"
    renamed("auto_init_lock", importlib.import_module(hook), hook)


def without_request() -> None:
    sdk = "ray.dashboard.modules.dashboard_sdk"
    renamed("_do_request", importlib.import_module(sdk).SubmissionClient, sdk, "ray.dashboard.modules.job.sdk")


TAKEN_AWAY: dict[str, Callable[[], None]] = {
    "STATS_ACTOR": without_stats_actor,
    "CLUSTER_AUTOSCALER": without_cluster_autoscaler,
    "TOKEN": without_token,
    "UV_RUN": without_uv_run,
    "FOLDER": without_folder,
    "HELPERS": without_helpers,
    "AGENTS": without_agents,
    "CORE": without_core,
    "TITLES": without_titles,
    "KILL": without_kill,
    "AUTO_INIT": without_auto_init,
    "REQUEST": without_request,
}

if __name__ == "__main__":
    wanted, *arguments = sys.argv[1:]
    for name in wanted.split(","):
        TAKEN_AWAY[name]()
        assert not getattr(ray_internals, name).is_there(), name
    sys.argv = ["curate", *arguments]
    from job.__main__ import main

    main()
