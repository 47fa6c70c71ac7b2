"""Advice in Python's words: `--fresh` is `load(fresh=True)` for whoever calls `ItemLoader`.

Messages say what to type in the words of the shell, wherever they are raised; some come from another process as text.
So they are translated in one place, where they leave the package for Python. A test translates every message there is.
"""

from __future__ import annotations

import re
import shlex
from typing import Any

from job.config.yaml_file import YAML_MISTAKES, parse_yaml

COMMANDS = (
    "run",
    "craft",
    "export",
    "why",
    "sample",
    "config",
    "categories",
    "recipes",
    "try",
    "show",
    "status",
    "rejects",
    "report",
    "verify",
    "leaks",
    "diff",
    "push",
    "check",
    "submit",
    "stop",
    "bench",
    "doctor",
)
"""Commands that Python has no words for: advice to type one stays as it is."""
_ARGUMENTS = {
    "--source": "source",
    "--output": "output",
    "--category": "category",
    "--workers": "workers",
    "--to": "form",
    "--max-length": "max_length",
    "--too-long": "too_long",
}
_NUMBERS = ("--workers", "--max-length")
_SETTINGS = {"--skip-damaged-files": "skip_damaged_files", "--limit": "limit"}
"""Options that are keys of the config, and no arguments of `ItemLoader`."""
_WITHOUT_VALUE = ("--fresh", "--skip-damaged-files")

_VALUE = r"(?:'[^']*'|\"[^\"]*\"|[^\s'\"])+"
_OPTION = (
    rf"(?:{'|'.join(_WITHOUT_VALUE)})(?![\w-])"
    rf"|--(?:set|source|output|category|workers|limit|to|max-length|too-long)\b(?: (?!--|or |and |to |with ){_VALUE})?"
)
_SHELL = re.compile(
    rf"(?P<before>: )?\bcurate (?P<command>(?:{'|'.join(COMMANDS)})\b(?:'[^'\n]*'|\"[^\"\n]*\"|[^\n;'\"])*)"
    rf"|(?<![\w-])(?P<options>(?:{_OPTION})(?: (?:{_OPTION}))*)"
    r"|\brun the same command again\b|\bthe same command\b"
)


def in_python(message: str, *, training_set: bool = False) -> str:
    """Translates what a message advises to type.

    Args:
        message: advice in the words of the shell may be anywhere in it.
        training_set: whether it is for `TrainingSet`, and not for `ItemLoader`.

    Returns:
        The message with arguments of that class and its methods in place of options. A command that has to be typed
        in a shell stays, and the message says so.
    """
    return _SHELL.sub(lambda found: _translated(found, training_set), message)


def _translated(found: re.Match[str], training_set: bool) -> str:  # noqa: FBT001
    if found["command"] is not None:
        return f"{', ' if found['before'] else ''}in a shell: curate {found['command']}"
    if found["options"] is not None:
        return _arguments(found["options"], training_set)
    return "make the same call again" if found[0].startswith("run") else "the same call"


def _arguments(options: str, training_set: bool) -> str:  # noqa: FBT001
    """Returns options as arguments, and the punctuation that follows them."""
    words = re.findall(_VALUE, options)
    end = words[-1][len(words[-1].rstrip(",;:")) :]
    words[-1] = words[-1].removesuffix(end)
    arguments: list[str] = []
    settings: dict[str, Any] = {}
    while words:
        option, value = words.pop(0), None
        if words and not words[0].startswith("--"):
            value = _unquoted(words.pop(0))
        if option == "--fresh":
            arguments.append("make(fresh=True)" if training_set else "load(fresh=True)")
        elif option in _SETTINGS:
            settings[_SETTINGS[option]] = True if value is None else _parsed(value)
        elif option == "--set":
            key, _, text = (value or "").partition("=")
            settings[key] = _parsed(text)
        elif value is None:  # the option is a noun, as in "fewer --workers"
            arguments.append(_ARGUMENTS[option])
        else:
            arguments.append(f"{_ARGUMENTS[option]}={_parsed(value) if option in _NUMBERS else value!r}")
    if settings:
        pairs = [f"{key!r}: {'...' if value is ... else repr(value)}" for key, value in settings.items()]
        arguments.insert(0, f"{'**' if training_set else 'settings='}{{{', '.join(pairs)}}}")
    return ", ".join(arguments) + end


def _unquoted(word: str) -> str:
    try:
        return "".join(shlex.split(word))
    except ValueError:
        return word


def _parsed(text: str) -> Any:
    """Returns a value that is written in YAML; the text as it is if it is none; `...` for what the user has to know."""
    if text in {"", "..."}:
        return ...
    try:
        return parse_yaml(text)
    except YAML_MISTAKES:
        return text
