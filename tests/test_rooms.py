"""The rooms: what a file may import, how many stand flat, how long one is, and who knows Ray's private names."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import PACKAGE

ROOMS = (
    {"errors"},
    {"streams"},
    {"signals"},
    {"recipe"},
    {"config"},
    {"selection"},
    {"storage"},
    {"source"},
    {"output"},
    {"plan", "cluster", "sink"},
    {"progress", "pipeline"},
    {"copies"},
    {"gather", "schedule"},
    {"report"},
    {"run", "craft"},
    {"export", "publish"},
    {"notebook"},
    {"show", "loader", "bench"},
    {"cli", "__init__"},
    {"__main__"},
)
"""One line per level. A room imports from the rooms above it, never from one below or beside it."""

LEVELS = {name: level for level, names in enumerate(ROOMS) for name in names}
FILES = sorted(PACKAGE.rglob("*.py"))
MAX_FLAT_FILES = 12
MAX_LINES = 350
RAY_INTERNALS = PACKAGE / "cluster/ray_internals.py"
PRIVATE = re.compile(r"ray\._private|ray\._raylet|ray\._internal|ray\.data\._internal")

each_file = pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(PACKAGE)) for path in FILES])


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def room(module: str) -> str:
    """Returns the room of `job.room` or `job.room.file`."""
    return module.split(".")[1] if "." in module else "__init__"


def imports(path: Path) -> set[str]:
    """Returns the rooms of this package that a file imports from, wherever in it, be it in a string."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "job":
            found |= {room(node.module)} if "." in node.module else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {room(alias.name) for alias in node.names if alias.name.split(".")[0] == "job"}
        elif isinstance(node, ast.Constant) and is_module(str(node.value)):
            found.add(room(str(node.value)))
    return found


def is_module(name: str) -> bool:
    if not re.fullmatch(r"job(\.[a-z_]\w*)+", name):
        return False
    path = PACKAGE.parent / name.replace(".", "/")
    return path.is_dir() or path.with_suffix(".py").is_file()


def test_every_room_has_a_level_and_no_level_has_a_room_that_is_gone() -> None:
    assert {room_of(path) for path in FILES} == set(LEVELS)


@each_file
def test_a_module_imports_only_from_rooms_above_its_own(path: Path) -> None:
    own = room_of(path)
    for other in imports(path) - {own}:
        assert LEVELS[other] < LEVELS[own], f"{own} imports {other}"


def test_few_files_stand_flat() -> None:
    assert len(list(PACKAGE.glob("*.py"))) <= MAX_FLAT_FILES


@each_file
def test_a_file_is_not_long(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES


@pytest.mark.parametrize("path", sorted({*FILES} - {RAY_INTERNALS}), ids=str)
def test_one_file_alone_knows_private_names_of_ray(path: Path) -> None:
    assert PRIVATE.search(path.read_text(encoding="utf-8")) is None


def test_the_recipe_knows_no_ray_and_a_complete_output_starts_none() -> None:
    code = (
        "import sys, job.recipe.course_2024.recipe, job.run, job.craft, job.output.verify, job.cli.app\n"
        "sys.exit(', '.join(sorted(set(sys.modules) & {'ray', 'datasets', 'torch'})) or 0)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


COLUMNS_AND_REASONS = re.compile(
    r"""["'](title|prompt|price_missing|price_out_of_range|title_missing|text_too_short|too_few_tokens)["']"""
)
MAY_NAME_THEM = (
    *("recipe/", "loader.py", "source/sample/", "bench/baselines/"),
    *("config/craft.py", "selection/", "gather/", "output/training_set/", "export/"),  # a set has such columns itself
)


@each_file
def test_only_recipes_and_what_is_made_for_one_name_its_columns_and_reasons(path: Path) -> None:
    if not str(path.relative_to(PACKAGE)).startswith(MAY_NAME_THEM):
        assert COLUMNS_AND_REASONS.search(path.read_text(encoding="utf-8")) is None
