"""A recipe's source code as data: it travels to the workers, and its digest is part of the job's identity.

A config names it as `PATH.py:CLASS`, `FOLDER:CLASS` or `package.module:CLASS`. A file or a folder is read whole, so
that no node needs to have it. A package has to be installed on every node.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from job.errors import nearest

_MAX_BYTES = 16 << 20
"""Bytes of a recipe, at most; it is sent with every task."""


@dataclass(frozen=True, slots=True)
class RecipeCode:
    """A recipe's source code."""

    where: str
    """Path of the file or folder on the machine that read it, or the module's name."""
    class_name: str
    files: tuple[tuple[str, bytes], ...]
    """Content by name, relative to the folder; of a package only what its digest needs, which is nothing."""
    digest: str
    """SHA-256 over names and contents, in hexadecimal."""
    is_package: bool
    """Whether it is imported from what is installed."""

    @property
    def name(self) -> str:
        """What the recipe is called in a plan, wherever its file lies."""
        base = self.where if self.is_package else Path(self.where).name
        return f"{base}:{self.class_name}"

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder of several files."""
        return not self.is_package and not self.where.endswith(".py")


def is_custom(name: object) -> bool:
    """Tells whether a config's recipe is one of the user's own."""
    return isinstance(name, str) and ":" in name


def located_from(name: str, folder: Path) -> str:
    """Returns a recipe's name with its path made absolute.

    Args:
        name: such as `my_recipe.py:MyRecipe`.
        folder: what a relative path is relative to.
    """
    where, _, class_name = name.rpartition(":")
    path = folder / Path(where).expanduser()
    return f"{path.absolute()}:{class_name}" if _is_path(where) or path.is_dir() else name


def read_code(name: str) -> RecipeCode:
    """Reads a recipe's source code. Nothing is imported.

    Args:
        name: such as `my_recipe.py:MyRecipe`, relative to the current folder, or `package.module:MyRecipe`.

    Raises:
        ValueError: when there is no such file, folder or module, or it imports a local file.
    """
    where, _, class_name = name.rpartition(":")
    if not class_name.isidentifier() or not where:
        raise ValueError(f"{name!r} names no recipe: write it as FILE.py:CLASS or package.module:CLASS")
    if not _is_path(where):
        return RecipeCode(where, class_name, (), _digest(_package_files(where)), is_package=True)
    path = Path(located_from(name, Path()).rpartition(":")[0])
    if not path.exists():
        near = [each.name for each in path.parent.iterdir()] if path.parent.is_dir() else []
        raise ValueError(f"there is no file {path}{nearest(path.name, near)}\nto begin one: curate recipes new {path}")
    files = tuple(sorted(_folder_files(path) if path.is_dir() else [(path.name, path.read_bytes())]))
    if path.is_dir() and "__init__.py" not in dict(files):
        raise ValueError(f"{path} is no recipe: a folder needs the file __init__.py, which has the class")
    if sum(len(content) for _, content in files) > _MAX_BYTES:
        raise ValueError(f"{path} has more than {_MAX_BYTES >> 20} MB: move data out of it, or install it as a package")
    code = RecipeCode(str(path), class_name, files, _digest(files), is_package=False)
    _check_imports(code)
    return code


def _is_path(where: str) -> bool:
    return where.endswith(".py") or os.sep in where or Path(where).is_dir()


def _folder_files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        is_left_out = any(part.startswith(".") or part.endswith(("_cache", "__pycache__")) for part in parts)
        if path.is_file() and not is_left_out and path.suffix != ".pyc":
            yield "/".join(parts), path.read_bytes()


def _package_files(module: str) -> Iterator[tuple[str, bytes]]:
    """Yields the files of the top-level package that a module is in."""
    top = module.partition(".")[0]
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        spec = None
    if spec is None or spec.origin is None or not Path(spec.origin).is_file():
        raise ValueError(f"no package {top!r} is installed; a file is named {top}.py:CLASS, a folder ./{top}:CLASS")
    if spec.submodule_search_locations:
        for folder in spec.submodule_search_locations:
            yield from sorted(_folder_files(Path(folder)))
    else:
        yield Path(spec.origin).name, Path(spec.origin).read_bytes()


def _digest(files: Iterator[tuple[str, bytes]] | tuple[tuple[str, bytes], ...]) -> str:
    whole = hashlib.sha256()
    for name, content in files:
        whole.update(f"{name}\0{len(content)}\0".encode("utf-8", "surrogateescape") + content)
    return whole.hexdigest()


def _check_imports(code: RecipeCode) -> None:
    """Raises ValueError when the code imports a file that would not travel with it, now or when it is called."""
    root = Path(code.where)
    beside = [str(root.parent), str(root), str(Path.cwd())] if code.is_folder else [str(root.parent), str(Path.cwd())]
    elsewhere = [entry for entry in sys.path if entry and str(Path(entry).absolute()) not in beside]
    for name, content in code.files:
        if not name.endswith(".py"):
            continue
        for module, line in _imported(content):
            if module in sys.stdlib_module_names or module == __name__.partition(".")[0]:
                continue
            found = importlib.machinery.PathFinder.find_spec(module, beside)
            if found is None or importlib.machinery.PathFinder.find_spec(module, elsewhere) is not None:
                continue
            if code.is_folder and found.origin is not None and Path(found.origin).is_relative_to(root):
                advice = f"write it as: from . import {module}"
            else:
                advice = "a recipe is one file, or one folder: move both files into a folder, and name that"
            path = root / name if code.is_folder else root
            raise ValueError(f"{path}, line {line}: it imports the local file {module}.py\n{advice}")


def _imported(content: bytes) -> Iterator[tuple[str, int]]:
    """Yields the top-level names of the modules that code imports, wherever in it, with the line."""
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError):
        return  # the import will say it
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name.partition(".")[0], node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0], node.lineno
