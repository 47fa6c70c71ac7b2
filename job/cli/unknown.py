"""What to type in place of an option that does not exist: most keys of a config have none of their own, but `--set`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import typer
from typer.core import TyperCommand
from typing_extensions import override

from job.config.load import config_keys
from job.errors import UsageError, printable, quoted

_OWN_OPTIONS = {"categories": "--category", "source.path": "--source"}
"""Options of config keys that have another name than the key."""
_ALSO_MEANT = {"source": "items"}
"""Options that a command does not have, with the key that is meant if its config has that."""
_CUTOFF = 0.75
"""Least similarity, from 0 to 1, of an option and a key."""


class Command(TyperCommand):
    """A command that answers an unknown option with the key of the config that is meant."""

    @override
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        given = [*args]
        try:
            return super().parse_args(ctx, args)
        except typer.TyperException as error:
            option = getattr(error, "option_name", "")
            options = {name for param in self.params for name in (*param.opts, *param.secondary_opts)}
            if option in options or "--set" not in options or ctx.resilient_parsing:
                raise
            is_craft = ctx.info_name == "craft"
            advice = advice_for(given, options, config_keys(craft=is_craft))
            if option not in advice:
                raise
            instead = printable(" ".join(advice.values()))
            raise UsageError(
                f"no such option: {', '.join(map(printable, advice))}\nwrite in its place: {instead}\n"
                f"all keys of the config: curate config{' --craft' if is_craft else ''}"
            ) from None


def advice_for(arguments: Sequence[str], options: Iterable[str], keys: dict[str, bool]) -> dict[str, str]:
    """Returns what to type in place of options that do not exist.

    Args:
        arguments: what the user typed after the command.
        options: those that the command has.
        keys: keys of the config, and whether their values are yes or no.

    Returns:
        By unknown option, the right words; options that resemble no key are left out.
    """
    options, advice = {*options}, dict[str, str]()
    for number, argument in enumerate(arguments):
        option, equals, text = argument.partition("=")
        if argument == "--":
            break
        if not re.match(r"--\w", option) or option in options:
            continue
        name = option.removeprefix("--")
        following = arguments[number + 1] if number + 1 < len(arguments) else ""
        value = text if equals else following if following and not re.match(r"-[^\d.]", following) else None
        denied = [key for key in _meant(name[3:], keys, ()) if keys[key]] if name.startswith("no-") else []
        found = denied or _meant(name, keys, options)
        words = [_words(key, value, keys, options, is_denied=bool(denied)) for key in found]
        if words:
            advice[option] = " or ".join(words)
    return advice


def _words(key: str, value: str | None, keys: dict[str, bool], options: set[str], *, is_denied: bool) -> str:
    own = _OWN_OPTIONS.get(key, f"--{key.replace('_', '-')}")
    if own in options and not is_denied:
        return own if keys[key] else f"{own} {quoted('VALUE' if value is None else value)}"
    if keys[key] and value not in ("true", "false"):
        value = "false" if is_denied else "true"
    return f"--set {quoted(f'{key}={value}') if value is not None else f'{key}=VALUE'}"


def _meant(name: str, keys: Collection[str], options: Iterable[str]) -> list[str]:
    """Returns the keys that an option may mean; none when an option of the command is more similar."""
    spelled: dict[str, list[str]] = {}
    for key in keys:
        for form in {_plain(key), _plain(key.rpartition(".")[2])}:
            spelled.setdefault(form, []).append(key)
    for key, option in _OWN_OPTIONS.items():
        if key in keys:
            spelled.setdefault(_plain(option), []).append(key)
    for option, key in _ALSO_MEANT.items():
        if key in keys:
            spelled.setdefault(option, []).append(key)
    plain = _plain(name)
    if plain in spelled:
        return [*dict.fromkeys(spelled[plain])]
    others = {_plain(option) for option in options if option.startswith("--")}
    similar = difflib.get_close_matches(plain, {*spelled, *others}, n=2, cutoff=_CUTOFF)
    if not similar or similar[0] not in spelled:
        return []
    best = [form for form in similar if form in spelled and _ratio(form, plain) == _ratio(similar[0], plain)]
    return [*dict.fromkeys(key for form in sorted(best) for key in spelled[form])]


def _ratio(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, other, one).ratio()


def _plain(name: str) -> str:
    """Returns a name without what is easily mistaken: case, hyphens, and the plural."""
    words = re.split(r"[\W_]+", name.lower())
    return "".join(re.sub(r"ies$", "y", word) if word.endswith("ies") else word.removesuffix("s") for word in words)
