"""What a job takes along to the nodes of a cluster: the program's own code, as one archive, with its config and lock.

Whatever version of this program lies on a node, or none, all of them run the one that the job was started with.

Ray can pack a folder itself, but leaves out what a `.gitignore` or `.rayignore` in it names, and takes in whatever else
lies there. An archive is taken as it is, and the same job makes the same bytes, which Ray then stores once.
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from job.config.load import dump_config
from job.config.models import JobConfig
from job.errors import UsageError

CONFIG_NAME = "job.yaml"
LOCK_NAME = "requirements.lock"
_PACKAGE = Path(__file__).parents[1]
_LOCKS = (_PACKAGE / LOCK_NAME, _PACKAGE.parent / "scripts" / LOCK_NAME)
"""Where the lock is: beside the code of an installed program, and in a working copy."""
_EPOCH = (1980, 1, 1, 0, 0, 0)


def write_bundle(path: Path, config: JobConfig | None = None, *, with_lock: bool = False) -> None:
    """Writes the archive that each node unpacks, and in which the job's processes start.

    Args:
        path: of the archive, which must end in `.zip`.
        config: the job, whole: neither its file nor what was laid over it is needed any more.
        with_lock: take the lock along, for the nodes to install.

    Raises:
        UsageError: when there is no lock.
    """
    code = _PACKAGE.rglob("*.py")
    files = {f"{_PACKAGE.name}/{source.relative_to(_PACKAGE).as_posix()}": source.read_bytes() for source in code}
    if config is not None:
        files[CONFIG_NAME] = dump_config(config).encode()
    if with_lock:
        files[LOCK_NAME] = _lock().encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), content, zipfile.ZIP_DEFLATED)


def _lock() -> str:
    """Returns the lock without Ray, which is the cluster's own and may not be replaced under a job."""
    for path in _LOCKS:
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            return re.sub(r"^ray(\[[\w,]+\])?==(.*\\\n)*.*\n", "", text, flags=re.MULTILINE)
    raise UsageError(
        f"--install needs the lock, which is not at {' or '.join(map(str, _LOCKS))}\n"
        "install the packages into the image of the cluster's nodes, and submit without --install"
    )
