"""The data set card of an output, for others who get it: what it is, how it was made, what its columns mean.

It follows from the plan and the manifest alone, byte for byte, so `curate verify` can make it again. So it names no
path and no machine, and nothing in it may depend on what the program's defaults are by now: the command that makes the
output again gives every setting.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Sequence

import yaml
from msgspec import UNSET

from job.errors import printable
from job.output.card import card, configs_of, plain
from job.output.records import Identity, Plan
from job.output.totals import Manifest
from job.recipe.protocol import CATEGORY, RecipeDescription
from job.recipe.verdicts import KEPT
from job.source.find.amazon_2023 import CITATION, DATASET, LIMITS, TERMS

_USUAL_ROW_BYTES = 64 * 2**20
"""Bytes of a row above which it is malformed, unless a config says otherwise; it stays as it is for good."""
_SIZES = ("n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M", "100M<n<1B", "n>1B")
"""The Hub's size categories, each ten times the one before it."""
_SMALLEST = 1000


def cards(plan: Plan, manifest: Manifest) -> list[bytes]:
    """Returns the cards that an output may have: first the one that a run writes, then those of earlier programs.

    An output that an earlier program began keeps the form that its program wrote.
    """
    older = [card(manifest, plan.description, empty_configs=empty) for empty in (False, True)]
    return older if plan.program is UNSET else [full_card(plan, manifest), *older]


def full_card(plan: Plan, manifest: Manifest) -> bytes:
    """Returns the content of README.md in an output folder."""
    recipe = plan.description
    sections = [
        f"---\n{_front(plan, manifest)}---\n",
        f"# {plain(recipe.heading or recipe.name)}\n",
        *_paragraphs(_about(plan, manifest)),
        "## Load it\n",
        *_paragraphs(_loading(manifest)),
        "## Columns\n",
        _columns(plan),
        "## Rows and items\n",
        *_paragraphs(_counts(manifest)),
        "## How it was made\n",
        *_paragraphs(_making(plan, manifest)),
        *_of_the_source(plan),
    ]
    return "\n".join(sections).encode("utf-8")


def _paragraphs(texts: Iterator[str]) -> Iterator[str]:
    return (f"{text}\n" for text in texts)


def _is_amazon(plan: Plan) -> bool:
    """Tells whether all rows are of Amazon Reviews 2023."""
    found = [category.identity.repository for category in plan.categories.values()]
    return bool(found) and all(each is not None and each.dataset == DATASET for each in found)


def _front(plan: Plan, manifest: Manifest) -> str:
    roles = plan.description.roles
    front: dict[str, object] = {"pretty_name": printable(plan.description.heading or plan.description.name)}
    if _is_amazon(plan):
        front["language"] = ["en"]
    front["size_categories"] = [_SIZES[min(len(_SIZES) - 1, _tens(manifest.num_items))]]
    if roles.text is not None:
        front["task_categories"] = ["text-generation"]
    elif roles.price is not None:
        front["task_categories"] = ["tabular-regression"]
    front["tags"] = ["curate", *(["e-commerce", "price"] if roles.price is not None else [])]
    front["configs"] = configs_of(manifest)
    return yaml.safe_dump(front, sort_keys=False)


def _tens(count: int) -> int:
    """Returns how often a number can be divided by ten until it is below the smallest size."""
    found = 0
    while count >= _SMALLEST * 10**found:
        found += 1
    return found


def _about(plan: Plan, manifest: Manifest) -> Iterator[str]:
    summary = f"{plain(plan.description.summary)} " if plan.description.summary else ""
    names = len(manifest.categories)
    yield f"{summary}{manifest.num_items:,} items in {names:,} {'category' if names == 1 else 'categories'}."


def _loading(manifest: Manifest) -> Iterator[str]:
    yield "With `datasets`; `FOLDER` is the path of this folder, or the name of its repository on the Hub:"
    first = next((name for name, totals in manifest.categories.items() if totals.num_items), None)
    lines = ["from datasets import load_dataset", 'items = load_dataset("FOLDER", split="train")']
    if first is not None and len(manifest.categories) > 1:
        lines.append(f'items = load_dataset("FOLDER", {_shown(json.dumps(first))}, split="train")')
    yield _code(lines)


def _columns(plan: Plan) -> str:
    recipe, meanings = plan.description, {CATEGORY: "The category of the listing."}
    meanings.update((name, "") for name in recipe.columns)
    for name, meaning in _meanings(recipe):
        meanings[name] = " ".join([*filter(None, [meanings[name]]), meaning])
    types = {CATEGORY: "string", **recipe.columns}
    kept = dict.fromkeys(name for each in plan.categories.values() for name in each.identity.keep_columns)
    rows = [(name, types[name], meanings[name] or "Made by the recipe.") for name in types]
    rows += [(name, "", "Carried along from the source, as it came.") for name in kept]
    lines = [f"| {plain(name)} | {plain(kind)} | {meaning} |" for name, kind, meaning in rows]
    return "\n".join(["| column | type | meaning |", "|---|---|---|", *lines]) + "\n"


def _meanings(recipe: RecipeDescription) -> Iterator[tuple[str, str]]:
    roles, noun = recipe.roles, plain(recipe.noun)
    unit = f" in {plain(recipe.length_unit)}" if recipe.length_unit else ""
    for name, meaning in (
        (roles.id, "Identifies the listing in its source."),
        (roles.title, "Title of the listing."),
        (roles.text, f"The {noun}: what a model reads."),
        (roles.price, "Price in dollars."),
        (roles.length, f"Length of the {noun}{unit}."),
    ):
        if name is not None:
            yield name, meaning


def _counts(manifest: Manifest) -> Iterator[str]:
    yield "Every row that was read is an item, or was dropped for one reason:"
    verdicts = [name for name in manifest.funnel if name != KEPT]
    head = ["category", "rows read", *[plain(name.replace("_", " ")) for name in verdicts], "items"]
    of_each = [(plain(name), each.num_rows, each.funnel) for name, each in manifest.categories.items()]
    everything = [("all", manifest.num_rows, manifest.funnel)] if len(of_each) > 1 else []
    rows = [
        [name, f"{num_rows:,}", *[f"{funnel.get(verdict, 0):,}" for verdict in (*verdicts, KEPT)]]
        for name, num_rows, funnel in of_each + everything
    ]
    ruler = "|---" + "|---:" * (len(head) - 1) + "|"
    yield "\n".join([_row(head), ruler, *map(_row, rows)])
    for name, each in manifest.categories.items():
        if each.limit is not None:
            yield f"{plain(name)}: only the first {each.limit:,} rows were read."
    yield from (f"Left out: {plain(damage.cause)}" for damage in manifest.damaged)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _making(plan: Plan, manifest: Manifest) -> Iterator[str]:
    program = f"curate {plain(plan.program)}" if plan.program else "curate"
    recipe = plan.description
    yield f"By {program}, with the recipe {plain(recipe.name)}, version {recipe.version}."
    repositories = {each.identity.repository for each in plan.categories.values() if each.identity.repository}
    for dataset, commit in sorted((each.dataset, each.commit) for each in repositories):
        yield f"Rows of {plain(dataset)} at commit {plain(commit)}."
    commands = [*_commands(plan)]
    yield "This makes it again:" if len(commands) == 1 else "These commands make it again:"
    yield _code(commands)
    yield f"The same items have the content digest {manifest.content_digest}."


def _commands(plan: Plan) -> Iterator[str]:
    """Yields the commands that make an output again: one, unless categories have been added with other settings."""
    by_words: dict[tuple[str, ...], list[str]] = {}
    for name, category in plan.categories.items():
        by_words.setdefault(tuple(_words(category.identity, plan.description)), []).append(name)
    for words, names in by_words.items():
        categories = [word for name in names for word in ("--category", name)]
        source, settings = (words[:2], words[2:]) if words[0] == "--source" else ((), words)
        yield _shown(shlex.join(["curate", "run", *source, *categories, *settings, "--output", "FOLDER"]))


def _words(identity: Identity, recipe: RecipeDescription) -> Iterator[str]:
    """Yields the words of a command for one category, every setting among them."""
    if identity.repository is None:
        yield from ("--source", "SOURCE")
    else:
        yield from ("--set", f"source.dataset={identity.repository.dataset}")
        yield from ("--set", f"source.revision={_value(identity.repository.commit)}")
    settings = dict(identity.recipe)
    if ":" not in settings.get("name", ""):  # a recipe of the program, which may have had another name before
        settings["name"] = recipe.name
    for key, value in settings.items():
        yield from ("--set", f"recipe.{key}={_value(value)}")
    for key, value in (("source.fields", identity.fields), ("keep_columns", identity.keep_columns)):
        if value:
            yield from ("--set", f"{key}={_value(value)}")
    if identity.max_row_bytes != _USUAL_ROW_BYTES:
        yield from ("--set", f"max_row_bytes={identity.max_row_bytes}")
    if identity.limit is not None:
        yield from ("--limit", str(identity.limit))


def _value(value: object) -> str:
    """Writes a value so that YAML reads it as it is: bare where that is safe, else as JSON."""
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z][\w./:-]*", value) and yaml.safe_load(value) == value:
        return value
    return json.dumps(value, ensure_ascii=False)


def _of_the_source(plan: Plan) -> Iterator[str]:
    """Yields what is known of a source. Of files of the user's own that is nothing."""
    if not _is_amazon(plan):
        return
    yield "## Known limits\n"
    yield "\n".join(f"- {limit}" for limit in LIMITS) + "\n"
    yield "## Source, terms and citation\n"
    yield f"{TERMS}\n"
    yield f"{CITATION}\n"


def _shown(text: str) -> str:
    return printable(text)


def _code(lines: Sequence[str]) -> str:
    """Writes lines as they are: within such a block nothing is markup."""
    return "\n".join(f"    {line}" for line in lines)
