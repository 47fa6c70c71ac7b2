"""The data set card of an output: `load_dataset(OUT)` reads in it which files are the items."""

from __future__ import annotations

import re

import yaml

from job.errors import printable
from job.output.records import Manifest

_MARKUP = re.compile(r"[\\`*\[\]<>|~&#]")


def _plain(text: str) -> str:
    """Writes text so that it means nothing in Markdown and HTML, and stays in its table's cell."""
    return _MARKUP.sub(r"\\\g<0>", printable(text))


def card(manifest: Manifest) -> bytes:
    """Returns OUT/README.md.

    Args:
        manifest: the output's totals.
    """
    configs = [{"config_name": "default", "data_files": "data/*/*.parquet", "default": True}]
    configs += [{"config_name": name, "data_files": f"data/{name}/*.parquet"} for name in manifest.categories]
    front = yaml.safe_dump({"configs": configs, "task_categories": ["text-generation"]}, sort_keys=False)
    rows = "\n".join(
        f"| {_plain(name)} | {totals.num_rows:,} | {totals.num_items:,} |"
        for name, totals in manifest.categories.items()
    )
    commits = {totals.repository for totals in manifest.categories.values() if totals.repository}
    sources = "".join(
        f"\nRows of {_plain(dataset)} at commit {_plain(commit)}.\n" for dataset, commit in sorted(commits)
    )
    damaged = "".join(f"\nLeft out: {_plain(damage.cause)}\n" for damage in manifest.damaged)
    text = (
        f"---\n{front}---\n\n# Price prompts\n\nProduct listings, each with a prompt that asks for its price and "
        f"answers it. Made by curate.\n\n| category | rows read | items |\n|---|---|---|\n{rows}\n{sources}{damaged}"
    )
    return text.encode("utf-8")
