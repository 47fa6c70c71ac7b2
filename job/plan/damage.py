"""Files that cannot be opened: noted with their cause where such files are left out, an error elsewhere."""

from __future__ import annotations

import contextlib
from collections.abc import Generator

from job.config.models import JobConfig
from job.errors import DamagedFileError
from job.source.files import SourceFile


@contextlib.contextmanager
def damage_noted(config: JobConfig, file: SourceFile, damaged: dict[str, str]) -> Generator[None]:
    """Notes a damaged file where the job leaves such files out.

    Args:
        config: the job.
        file: the file that is being opened.
        damaged: gets the cause, by the name of the file.

    Raises:
        DamagedFileError: when the file is damaged and the job does not leave damaged files out.
    """
    try:
        yield
    except DamagedFileError as error:
        if not config.skip_damaged_files:
            raise
        damaged[file.name] = str(error).splitlines()[0]
