"""Forms with the prompt and the completion of each row as they are, for trainers that know neither course.

The rules of their readers: TRL takes the columns `prompt` and `completion` (its "prompt-completion" type, standard
format). Axolotl's `type: input_output` takes `segments`, in which `label` says what is learned, and adds no template
and no token of its own. LLaMA-Factory takes each entry of `dataset_info.json` that names a file and its columns; a
column that is not named is none (`query`, `system`), and the file's split is always called `train`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from job.errors import printable
from job.export.form import Form, Rows
from job.export.loading import load_dataset_files
from job.output.shard import with_features
from job.output.training_set.shard import COMPLETION, PROMPT

_COLUMNS = (PROMPT, COMPLETION)
_SCHEMA = with_features([pa.field(name, pa.string()) for name in _COLUMNS])


def prompt_and_completion(_: str, rows: pa.Table) -> pa.Table:
    """Returns rows of `trl` and `llama-factory`."""
    return rows.select(_COLUMNS).cast(_SCHEMA)


def segments(_: str, rows: pa.Table) -> Rows:
    """Returns rows of `axolotl`: the prompt is read, the completion learned."""
    pairs = zip(rows[PROMPT].to_pylist(), rows[COMPLETION].to_pylist(), strict=True)
    return [
        {"segments": [{"label": False, "text": prompt}, {"label": True, "text": completion}]}
        for prompt, completion in pairs
    ]


def dataset_info(splits: Sequence[str]) -> Mapping[str, bytes]:
    """Returns the file that tells LLaMA-Factory what each split is; it goes by the name of the split."""
    columns = {"prompt": PROMPT, "response": COMPLETION}
    info = {split: {"file_name": f"{split}.parquet", "columns": columns} for split in splits}
    return {"dataset_info.json": (json.dumps(info, indent=2) + "\n").encode()}


def _load_trl(root: Path | str, splits: Sequence[str]) -> str:
    return load_dataset_files("parquet", root, {split: f"{split}.parquet" for split in splits})


def _load_axolotl(root: Path | str, splits: Sequence[str]) -> str:
    path = _in_yaml(f"{root}/{splits[0]}.jsonl")
    return f"in Axolotl's config: datasets: [{{path: {path}, ds_type: json, type: input_output}}]"


def _load_llama_factory(root: Path | str, splits: Sequence[str]) -> str:
    return f"in LLaMA-Factory's config: {{dataset_dir: {_in_yaml(str(root))}, dataset: {splits[0]}}}"


def _in_yaml(text: str) -> str:
    return printable(json.dumps(text, ensure_ascii=False))


FORMS = (
    Form(
        name="trl",
        summary="TRL's SFTTrainer, prompt and completion",
        columns=_COLUMNS,
        table=prompt_and_completion,
        schema=_SCHEMA,
        loading=_load_trl,
    ),
    Form(
        name="axolotl",
        summary="Axolotl, type input_output",
        columns=_COLUMNS,
        lines=segments,
        loading=_load_axolotl,
    ),
    Form(
        name="llama-factory",
        summary="LLaMA-Factory, with its dataset_info.json",
        columns=_COLUMNS,
        table=prompt_and_completion,
        schema=_SCHEMA,
        loading=_load_llama_factory,
        other_files=dataset_info,
    ),
)
