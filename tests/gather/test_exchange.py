"""An exchange of which a task fails: few others begin, nothing is left behind, and Ray stays."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.exceptions import OutOfMemoryError, RayTaskError

from job.cluster.workers import Reserved, Workers
from job.errors import WorkersDiedError
from job.gather.exchange import Exchange

pytestmark = pytest.mark.seconds

WORKERS = 2
TARGETS = 60


def exchange() -> Exchange[int]:
    reserved = Reserved(print)
    reserved.cpus_now = WORKERS
    return Exchange[int](
        workers=Workers(count=WORKERS, ray_options={"num_cpus": 1}, has_other_nodes=False, reserved=reserved)
    )


def fail_at(moment: float, count: int) -> list[Any]:
    time.sleep(max(0.0, moment - time.time()))
    raise ValueError(f"after {count} targets")


def pack_slowly(begun: Path, ended: Path, number: int) -> list[Any]:
    (begun / str(number)).touch()
    if number == 1:
        raise OutOfMemoryError("no memory") if begun.name == "memory" else ValueError("no parcels")
    time.sleep(0.3)
    (ended / str(number)).touch()
    return [None, number]


def add(*numbers: int) -> int:
    return sum(numbers)


def test_tasks_that_fail_at_the_same_moment(shared_ray: int) -> None:
    """Ray ended the whole process when a task was cancelled whose many results were on their way."""
    for _ in range(20):
        some, moment = exchange(), time.time() + 0.05
        for _ in range(2 * WORKERS):
            some.pack(fail_at, (moment, TARGETS), range(TARGETS), 1)
        with pytest.raises(RayTaskError, match="after 60 targets"):
            some.run(add, dict.fromkeys(range(TARGETS), ()), dict.fromkeys(range(TARGETS), 1))


@pytest.mark.parametrize("name", ["other", "memory"])
def test_no_more_is_handed_out_after_a_failure_and_what_was_is_waited_for(
    name: str, shared_ray: int, tmp_path: Path
) -> None:
    begun, ended, some = tmp_path / name, tmp_path / "ended", exchange()
    begun.mkdir()
    ended.mkdir()
    for number in range(50):
        some.pack(pack_slowly, (begun, ended, number), [0], 1)
    with pytest.raises((RayTaskError, WorkersDiedError), match=r"no parcels|memory ran out"):
        some.run(add, {0: ()}, {0: 50})
    has_begun = len(list(begun.iterdir()))
    assert has_begun <= 2 * WORKERS + 1
    assert len(list(ended.iterdir())) == has_begun - 1
    time.sleep(1)
    assert len(list(begun.iterdir())) == has_begun


def pack_for_long(begun: Path, number: int) -> list[Any]:
    (begun / str(number)).touch()
    if number == 1:
        raise OutOfMemoryError("no memory") if begun.name == "memory" else ValueError("no parcels")
    time.sleep(4)
    return [None, number]


@pytest.mark.parametrize(("name", "least_s", "most_s"), [("other", 0, 3.5), ("memory", 3.5, 20)])
def test_only_for_want_of_memory_are_long_tasks_waited_for_to_their_end(
    name: str, least_s: float, most_s: float, shared_ray: int, tmp_path: Path
) -> None:
    """Else the same work would begin again with fewer at once while the others still take memory."""
    begun, some = tmp_path / name, exchange()
    begun.mkdir()
    for number in range(2):
        some.pack(pack_for_long, (begun, number), [0], 1)
    began = time.monotonic()
    with pytest.raises((RayTaskError, WorkersDiedError)):
        some.run(add, {0: ()}, {0: 2})
    assert least_s <= time.monotonic() - began <= most_s


def test_every_target_gets_its_parcels_in_the_order_in_which_they_were_packed(shared_ray: int) -> None:
    some, sums, shown = exchange(), dict[int, list[int]](), list[tuple[int, int]]()
    for number in range(20):
        some.pack(parcels_for, (number, [1, 2]), [1, 2], 3)
    some.run(digits, {1: (7,), 2: (8,), 3: (9,)}, {1: 10, 2: 10, 3: 10}, sums.__setitem__, lambda *at: shown.append(at))
    assert sums == {1: [7, *(10 * n + 1 for n in range(20))], 2: [8, *(10 * n + 2 for n in range(20))], 3: [9]}
    assert shown == sorted(shown)
    assert shown[-1] == (60, 30)
    assert ray.is_initialized()


def parcels_for(number: int, targets: list[int]) -> list[Any]:
    return [None, *(10 * number + target for target in targets)]


def digits(*given: int) -> list[int]:
    return list(given)
