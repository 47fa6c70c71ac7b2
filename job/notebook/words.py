"""Errors and notices for whoever calls the program from Python: short, and with advice in Python's words."""

from __future__ import annotations

import contextlib
import logging
import sys
import warnings
from collections.abc import Generator

from job.config.python_words import in_python
from job.errors import Interrupted, as_curate_error
from job.streams.standard import tolerant


@contextlib.contextmanager
def for_python(*, training_set: bool = False) -> Generator[None]:
    """Raises errors without what led to them and with advice in Python's words; an unknown error stays as it is.

    Nor is a notebook advised to install ipywidgets: tqdm and Ray do so when they are imported, for bars of their own.

    Args:
        training_set: whether the words are those of `TrainingSet`, and not of `ItemLoader`.
    """
    advice = logging.getLogger("ray.widgets.util")
    level = advice.level
    advice.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "IProgress not found")
            yield
    except KeyboardInterrupt:
        raise Interrupted("what was finished is kept: make the same call again to go on") from None
    except Exception as error:
        friendly = as_curate_error(error)
        if friendly is None:
            raise
        raise type(friendly)(in_python(friendly.message, training_set=training_set)) from None
    finally:
        advice.setLevel(level)


def say(line: str, *, training_set: bool = False) -> None:
    """Prints a notice to standard error, in Python's words."""
    tolerant(sys.stderr).write(in_python(line, training_set=training_set) + "\n")
