"""The data set card of an output, for others who get it: what it is, how it was made, what its columns mean.

It follows from the plan and the manifest alone, byte for byte, so `curate verify` can make it again. So it names no
path and no machine, and nothing in it may depend on what the program's defaults are by now: the command that makes the
output again gives every setting.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator

import yaml
from msgspec import UNSET

from job.errors import printable
from job.output.card import card, configs_of, plain
from job.output.card_parts import code, meanings, of_amazon, paragraphs, size_category, table, value_text
from job.output.records import Identity, Plan
from job.output.totals import Manifest
from job.recipe.protocol import CATEGORY, RecipeDescription
from job.recipe.verdicts import KEPT
from job.source.find.amazon_2023 import DATASET

_USUAL_ROW_BYTES = 64 * 2**20
"""Bytes of a row above which it is malformed, unless a config says otherwise; it stays as it is for good."""


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
        *paragraphs(_about(plan, manifest)),
        "## Load it\n",
        *paragraphs(_loading(manifest)),
        "## Columns\n",
        _columns(plan),
        "## Rows and items\n",
        *paragraphs(_counts(manifest)),
        "## How it was made\n",
        *paragraphs(_making(plan, manifest)),
        *(of_amazon() if _is_amazon(plan) else ()),
    ]
    return "\n".join(sections).encode("utf-8")


def _is_amazon(plan: Plan) -> bool:
    """Tells whether all rows are of Amazon Reviews 2023."""
    found = [category.identity.repository for category in plan.categories.values()]
    return bool(found) and all(each is not None and each.dataset == DATASET for each in found)


def _front(plan: Plan, manifest: Manifest) -> str:
    roles = plan.description.roles
    front: dict[str, object] = {"pretty_name": printable(plan.description.heading or plan.description.name)}
    if _is_amazon(plan):
        front["language"] = ["en"]
    front["size_categories"] = [size_category(manifest.num_items)]
    if roles.text is not None:
        front["task_categories"] = ["text-generation"]
    elif roles.price is not None:
        front["task_categories"] = ["tabular-regression"]
    front["tags"] = ["curate", *(["e-commerce", "price"] if roles.price is not None else [])]
    front["configs"] = configs_of(manifest)
    return yaml.safe_dump(front, sort_keys=False)


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
    yield code(lines)


def _columns(plan: Plan) -> str:
    recipe, known = plan.description, {CATEGORY: "The category of the listing."}
    known.update((name, "") for name in recipe.columns)
    for name, meaning in meanings(recipe):
        known[name] = " ".join([*filter(None, [known[name]]), meaning])
    types = {CATEGORY: "string", **recipe.columns}
    kept = dict.fromkeys(name for each in plan.categories.values() for name in each.identity.keep_columns)
    rows = [(name, types[name], known[name] or "Made by the recipe.") for name in types]
    rows += [(name, "", "Carried along from the source, as it came.") for name in kept]
    cells = [[plain(name), plain(kind), meaning] for name, kind, meaning in rows]
    return table(["column", "type", "meaning"], cells) + "\n"


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
    yield table(head, rows, numbers=True)
    for name, each in manifest.categories.items():
        if each.limit is not None:
            yield f"{plain(name)}: only the first {each.limit:,} rows were read."
    yield from (f"Left out: {plain(damage.cause)}" for damage in manifest.damaged)


def _making(plan: Plan, manifest: Manifest) -> Iterator[str]:
    program = f"curate {plain(plan.program)}" if plan.program else "curate"
    recipe = plan.description
    yield f"By {program}, with the recipe {plain(recipe.name)}, version {recipe.version}."
    repositories = {each.identity.repository for each in plan.categories.values() if each.identity.repository}
    for dataset, commit in sorted((each.dataset, each.commit) for each in repositories):
        yield f"Rows of {plain(dataset)} at commit {plain(commit)}."
    lines = [*commands(plan)]
    yield "This makes it again:" if len(lines) == 1 else "These commands make it again:"
    yield code(lines)
    yield f"The same items have the content digest {manifest.content_digest}."


def commands(plan: Plan, output: str = "FOLDER") -> Iterator[str]:
    """Yields the commands that make an output again: one, unless categories have been added with other settings.

    Args:
        plan: the output's plan.
        output: what stands for its folder.
    """
    by_words: dict[tuple[str, ...], list[str]] = {}
    for name, category in plan.categories.items():
        by_words.setdefault(tuple(_words(category.identity, plan.description)), []).append(name)
    for words, names in by_words.items():
        categories = [word for name in names for word in ("--category", name)]
        source, settings = (words[:2], words[2:]) if words[0] == "--source" else ((), words)
        yield _shown(shlex.join(["curate", "run", *source, *categories, *settings, "--output", output]))


def _words(identity: Identity, recipe: RecipeDescription) -> Iterator[str]:
    """Yields the words of a command for one category, every setting among them."""
    if identity.repository is None:
        yield from ("--source", "SOURCE")
    else:
        yield from ("--set", f"source.dataset={identity.repository.dataset}")
        yield from ("--set", f"source.revision={value_text(identity.repository.commit)}")
    settings = dict(identity.recipe)
    if ":" not in settings.get("name", ""):  # a recipe of the program, which may have had another name before
        settings["name"] = recipe.name
    for key, value in settings.items():
        yield from ("--set", f"recipe.{key}={value_text(value)}")
    for key, value in (("source.fields", identity.fields), ("keep_columns", identity.keep_columns)):
        if value:
            yield from ("--set", f"{key}={value_text(value)}")
    if identity.max_row_bytes != _USUAL_ROW_BYTES:
        yield from ("--set", f"max_row_bytes={identity.max_row_bytes}")
    if identity.limit is not None:
        yield from ("--limit", str(identity.limit))


def _shown(text: str) -> str:
    return printable(text)
