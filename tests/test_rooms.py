"""The rooms: a module imports only from rooms to the left of its own, so that a row's way is easy to follow."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import PACKAGE

ROOMS = (
    {"errors", "signals"},
    {"recipe"},
    {"config"},
    {"storage"},
    {"source"},
    {"output"},
    {"plan"},
    {"progress"},
    {"cluster"},
    {"sink"},
    {"pipeline"},
    {"schedule"},
    {"run"},
    {"show", "loader"},
    {"bench"},
    {"cli", "__init__"},
    {"__main__"},
)
LEVELS = {name: level for level, names in enumerate(ROOMS) for name in names}


def room(module: str) -> str:
    """Returns the room of `job.room` or `job.room.file`."""
    return module.split(".")[1] if "." in module else "__init__"


def imports(path: Path) -> set[str]:
    """Returns the rooms of this package that a file imports from, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "job":
            found |= {room(node.module)} if "." in node.module else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {room(alias.name) for alias in node.names if alias.name.split(".")[0] == "job"}
    return found


FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(PACKAGE)) for path in FILES])
def test_a_module_imports_only_from_rooms_to_its_left(path: Path) -> None:
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    for other in imports(path) - {own}:
        both_left = LEVELS[own] == 0 == LEVELS[other]
        assert both_left or LEVELS[other] < LEVELS[own], f"{own} imports {other}"


def test_the_recipe_knows_no_ray_and_a_complete_output_starts_none() -> None:
    code = (
        "import sys, job.recipe.course_2024.recipe, job.run, job.output.verify, job.cli.app\n"
        "sys.exit(', '.join(sorted(set(sys.modules) & {'ray', 'datasets', 'torch'})) or 0)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
