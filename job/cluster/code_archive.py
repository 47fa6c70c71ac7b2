"""What a job takes along to the nodes of a cluster: the program's code as one archive, with the job's config and lock.

All nodes then run the version that the job was started with, whatever version is installed on them, if any.

Ray can pack a folder itself, but it leaves out what a `.gitignore` or `.rayignore` in the folder names, and includes
everything else that lies there. It takes an archive as it is. The same job makes the same bytes, which Ray then stores
once.
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from job.config.craft import CraftConfig
from job.config.load import dump_config
from job.config.models import JobConfig
from job.errors import UsageError

CONFIG_NAME = "job.yaml"
LOCK_NAME = "requirements.lock"
_PACKAGE = Path(__file__).parents[1]
_LOCKS = (_PACKAGE / LOCK_NAME, _PACKAGE.parent / "scripts" / LOCK_NAME)
"""Paths of the lock: in an installed program, and in a working copy."""
_RECIPES = "recipes"
"""Folder of the archive that holds a recipe of the user's own."""
_TEMPLATES = "report/page/templates/*"
"""The only files of the program beside its code that a job needs."""
_EPOCH = (1980, 1, 1, 0, 0, 0)


def write_code_archive(path: Path, config: JobConfig | CraftConfig | None = None, *, with_lock: bool = False) -> None:
    """Writes the archive that each node unpacks, and in which the job's processes start.

    Args:
        path: the path of the archive, which must end in `.zip`.
        config: the whole job config; neither its file nor its overrides are needed any more.
        with_lock: whether to include the lock, for the nodes to install.

    Raises:
        UsageError: if there is no lock.
    """
    code = [*_PACKAGE.rglob("*.py"), *_PACKAGE.glob(_TEMPLATES)]
    files = {f"{_PACKAGE.name}/{source.relative_to(_PACKAGE).as_posix()}": source.read_bytes() for source in code}
    if config is not None:
        if isinstance(config, JobConfig):
            files |= _recipe_files(config)
            config = _with_recipe_inside(config)
        files[CONFIG_NAME] = dump_config(config).encode()
    if with_lock:
        files[LOCK_NAME] = _lock().encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), content, zipfile.ZIP_DEFLATED)


def _recipe_files(config: JobConfig) -> dict[str, bytes]:
    """Returns the files of a recipe of the user's own, by their names in the archive."""
    code = config.recipe.recipe_code
    if code is None or code.is_package:
        return {}
    folder = f"{_RECIPES}/{Path(code.where).name}" if code.is_folder else _RECIPES
    return {f"{folder}/{name}": content for name, content in code.files}


def _with_recipe_inside(config: JobConfig) -> JobConfig:
    """Returns a config that names the user's own recipe where it lies in the archive, beside the config."""
    code = config.recipe.recipe_code
    if code is None or code.is_package:
        return config
    recipe = config.recipe.model_copy(update={"name": f"{_RECIPES}/{code.name}"})
    return config.model_copy(update={"recipe": recipe})


def _lock() -> str:
    """Returns the lock without Ray: the cluster has its own, which must not be replaced under a job."""
    for path in _LOCKS:
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            return re.sub(r"^ray(\[[\w,]+\])?==(.*\\\n)*.*\n", "", text, flags=re.MULTILINE)
    raise UsageError(
        f"--install needs the lock, which is not at {' or '.join(map(str, _LOCKS))}\n"
        "install the packages into the image of the cluster's nodes, and submit without --install"
    )
