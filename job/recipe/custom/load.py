"""Imports a recipe from its source code, in whatever process needs it, from memory: no node has its file."""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import inspect
import linecache
import platform
import sys
import traceback
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from job.errors import nearest
from job.recipe.custom.code import RecipeCode, read_code
from job.recipe.protocol import Recipe, RecipeDescription, RecipeSettings, describe

_NEEDED = ("inputs", "drop_reasons", "item_schema", "judge")
"""Attributes that every recipe has."""
_OPTIONAL = tuple({*RecipeDescription.__struct_fields__} - {"name", "version", "reasons", "columns"})
"""Attributes of a recipe that describe it."""


def custom_settings(name: str) -> type[RecipeSettings]:
    """Returns the settings of the recipe that a config names. This imports its code.

    Args:
        name: such as `my_recipe.py:MyRecipe`.

    Raises:
        ValueError: when there is none, it does not import, or is no recipe.
    """
    return settings_of(read_code(name))


@functools.cache
def settings_of(code: RecipeCode) -> type[RecipeSettings]:
    """Imports a recipe and returns its settings, once per process. Raises ValueError when it is none."""
    if code.is_package and (here := read_code(f"{code.where}:{code.class_name}")).digest != code.digest:
        raise ValueError(
            f"{code.where} is another version on {platform.node()} (SHA-256 {here.digest[:16]}...) than where the job "
            f"began ({code.digest[:16]}...)\ninstall the same version on every node"
        )
    recipe = _checked(code, _imported(code))
    given: Any = getattr(recipe, "Settings", RecipeSettings)

    def reduced(self: RecipeSettings) -> Any:
        # Not validated again: a validator may change a value each time. The code is there before the state is read.
        return _blank, (code,), self.__getstate__()

    def identity(self: RecipeSettings) -> dict[str, Any]:
        values = self.model_dump(mode="json")
        sets = {name: sorted(values[name], key=str) for name in values if isinstance(getattr(self, name), _SETS)}
        return {**values, **sets, "name": code.name}

    members = {
        "__module__": __name__,
        "__doc__": given.__doc__,
        "__reduce__": reduced,
        "recipe_code": code,
        "identity": identity,
        "recipe_type": classmethod(lambda _: recipe),
        "__annotations__": {"recipe_code": ClassVar[RecipeCode]},
    }
    return types.new_class(f"{code.class_name}Settings", (given,), {"frozen": True}, lambda body: body.update(members))


_SETS = (set, frozenset)
"""Types whose order differs from process to process."""


def _blank(code: RecipeCode) -> RecipeSettings:
    """Makes settings without values in another process. Raises ValueError when the code does not import there."""
    settings = settings_of(code)
    return settings.__new__(settings)


def _checked(code: RecipeCode, module: types.ModuleType) -> type[Recipe]:
    """Returns the recipe of a module, with what the program adds to it."""
    found = vars(module).get(code.class_name)
    classes = [name for name, value in vars(module).items() if inspect.isclass(value)]
    own = [name for name in classes if vars(module)[name].__module__ == module.__name__]
    if not inspect.isclass(found):
        hint = nearest(code.class_name, own)
        raise ValueError(f"{code.where} has no class {code.class_name}{hint}; it has: {', '.join(own) or 'none'}")
    recipe: Any = found
    if lacking := [name for name in _NEEDED if not hasattr(recipe, name)]:
        raise ValueError(
            f"{code.name} is no recipe: it has no {', '.join(lacking)}\n"
            "make it a subclass of job.RowRecipe, with a method judge_row; to begin one: curate recipes new FILE"
        )
    settings = getattr(recipe, "Settings", RecipeSettings)
    if not (inspect.isclass(settings) and issubclass(settings, RecipeSettings)):
        raise ValueError(f"{code.name}: its Settings are no subclass of job.RecipeSettings")
    said = {name: getattr(recipe, name) for name in _OPTIONAL if hasattr(recipe, name)}
    first_line = inspect.cleandoc(vars(recipe).get("__doc__") or "").partition("\n")[0]
    members = {
        "__module__": recipe.__module__,
        "__doc__": recipe.__doc__,
        "name": code.name,
        "version": getattr(recipe, "version", 1),
        "described_as": {"summary": first_line, **said, **getattr(recipe, "described_as", {})},
        "fingerprints": {**getattr(recipe, "fingerprints", {}), "code": code.digest[:16]},
    }
    # A subclass, since a module of a package may be imported once and be the recipe of several configs.
    recipe = types.new_class(code.class_name, (recipe,), {}, lambda body: body.update(members))
    try:
        msgspec.convert(msgspec.to_builtins(describe(recipe)), RecipeDescription)
    except (TypeError, AttributeError, msgspec.ValidationError) as error:
        raise ValueError(f"{code.name} describes itself wrongly: {error}") from None
    return recipe


_PACKAGES: dict[str, str] = {}
"""Digest of each package at its first import, by its name: Python never imports it anew."""


def _imported(code: RecipeCode) -> types.ModuleType:
    """Imports the code. What it prints goes to standard error, so that it harms no output."""
    if code.is_package and _PACKAGES.setdefault(code.where.partition(".")[0], code.digest) != code.digest:
        raise ValueError(f"{code.where} has changed since this Python imported it: start Python again")
    try:
        with contextlib.redirect_stdout(sys.stderr):
            if code.is_package:
                return importlib.import_module(code.where)
            name = _module_name(code)
            if not any(isinstance(finder, _Finder) and finder.code == code for finder in sys.meta_path):
                sys.meta_path.append(_Finder(code))
            return importlib.import_module(name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise ValueError(f"{code.where} cannot be imported: {failure(code, error)}{_missing(code, error)}") from None


def _missing(code: RecipeCode, error: BaseException) -> str:
    if not isinstance(error, ModuleNotFoundError) or error.name is None or error.name.startswith(_module_name(code)):
        return ""
    return f"\nit needs the package {error.name}, which is not installed on {platform.node()}"


def failure(code: RecipeCode, error: BaseException) -> str:
    """Returns what went wrong in a recipe's code: the error, and the last line of the recipe that led to it."""
    what = traceback.format_exception_only(error)[-1].strip()
    paths = _paths(code)
    if isinstance(error, SyntaxError) and error.filename in paths:
        return f"{what}\nline {error.lineno} of {paths[error.filename]}: {(error.text or '').strip()}"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in paths]
    return f"{what}\nline {frames[-1].lineno} of {paths[frames[-1].filename]}: {frames[-1].line}" if frames else what


def _paths(code: RecipeCode) -> dict[str, str]:
    """Returns the user's path of each of the recipe's files, by the one that tracebacks have."""
    if code.is_package:
        module = sys.modules.get(code.where.partition(".")[0])
        folder = Path(getattr(module, "__file__", None) or "/nonexistent").parent
        return {str(path): str(path) for path in folder.rglob("*.py")}
    return {_inside(code, name): _path(code, name) for name, _ in code.files}


def _inside(code: RecipeCode, name: str) -> str:
    """Returns the path that a module of a recipe gives for its own."""
    return f"{_NOWHERE}/{code.digest[:16]}/{name}"


def _path(code: RecipeCode, name: str) -> str:
    return f"{code.where}/{name}" if code.is_folder else code.where


def _module_name(code: RecipeCode) -> str:
    return f"_recipe_{code.digest[:16]}"


_NOWHERE = "/a recipe in memory"
"""Folder of the paths that recipes' modules give for their own. It does not exist."""


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Finds and loads the modules of one recipe."""

    def __init__(self, code: RecipeCode):
        self.code = code
        self._files = dict(code.files)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        del path, target
        name = self._file_of(fullname)
        if name is None:
            return None
        is_package = self.code.is_folder and name.endswith("__init__.py")
        spec = importlib.util.spec_from_loader(fullname, self, is_package=is_package)
        if spec is not None:
            # A path that does not exist, so that nothing beside the file is read that does not travel with it.
            spec.origin, spec.has_location = _inside(self.code, name), True
        return spec

    def _file_of(self, fullname: str) -> str | None:
        top, _, rest = fullname.partition(".")
        if top != _module_name(self.code):
            return None
        if not self.code.is_folder:
            return None if rest else self.code.files[0][0]
        base = rest.replace(".", "/")
        names = [f"{base}.py", f"{base}/__init__.py"] if base else ["__init__.py"]
        return next((name for name in names if name in self._files), None)

    def is_package(self, fullname: str) -> bool:
        return self.code.is_folder and str(self._file_of(fullname)).endswith("__init__.py")

    def get_source(self, fullname: str) -> str:
        return importlib.util.decode_source(self._files[str(self._file_of(fullname))])

    def exec_module(self, module: types.ModuleType) -> None:
        name = str(self._file_of(module.__name__))
        path = _inside(self.code, name)
        source = self.get_source(module.__name__)
        # For tracebacks, and for pydantic, which reads the settings' docstrings.
        linecache.cache[path] = (len(source), None, source.splitlines(keepends=True), path)
        exec(compile(self._files[name], path, "exec", dont_inherit=True), module.__dict__)  # noqa: S102  # as any import

    def get_data(self, path: str) -> bytes:
        """Returns another file of the folder, for `pkgutil.get_data(__name__, NAME)`."""
        name = path.removeprefix(_inside(self.code, ""))
        if name not in self._files:
            raise FileNotFoundError(f"the recipe has no file {name}")
        return self._files[name]
