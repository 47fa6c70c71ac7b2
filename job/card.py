"""The data set card of an output: `load_dataset(OUT)` reads in it which files are the items."""

from __future__ import annotations

import yaml

from job.manifest import Manifest


def card(manifest: Manifest) -> bytes:
    """Returns OUT/README.md.

    Args:
        manifest: the output's totals.
    """
    configs = [{"config_name": "default", "data_files": "data/*/*.parquet", "default": True}]
    configs += [{"config_name": name, "data_files": f"data/{name}/*.parquet"} for name in manifest.categories]
    front = yaml.safe_dump({"configs": configs, "task_categories": ["text-generation"]}, sort_keys=False)
    rows = "\n".join(
        f"| {name} | {totals.num_rows:,} | {totals.num_items:,} |" for name, totals in manifest.categories.items()
    )
    commits = {totals.repository for totals in manifest.categories.values() if totals.repository}
    sources = "".join(f"\nRows of {dataset} at commit {commit}.\n" for dataset, commit in sorted(commits))
    damaged = "".join(
        f"\nLeft out, since the file is damaged: {damage.cause}\n"
        for totals in manifest.categories.values()
        for damage in totals.damaged
    )
    text = (
        f"---\n{front}---\n\n# Price prompts\n\nProduct listings, each with a prompt that asks for its price and "
        f"answers it. Made by curate.\n\n| category | rows read | items |\n|---|---|---|\n{rows}\n{sources}{damaged}"
    )
    return text.encode("utf-8")
