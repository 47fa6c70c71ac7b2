"""How fast is datatrove? Its own reader, a step in plain Python that judges one row after the other, its own writer.

- Not counted: splitting the source into files, since a task reads whole files; and the content digest.
- It has as many workers as the others, and four tasks for each, so that no worker waits long for the last one.
- Its tokenizer is tiktoken (`plain_tokenizer.py`), its rules are those of `course.py`.
- Its `ParquetReader` reads all columns; it has no choice of columns.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from datatrove.data import Document
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.readers import JsonlReader, ParquetReader
from datatrove.pipeline.writers import ParquetWriter

from job.bench.baselines.child import WorkInput, WorkResult
from job.bench.baselines.course import make_item, row_of_json
from job.bench.baselines.plain_tokenizer import plain_tokenizer
from job.bench.baselines.split_files import split
from job.bench.baselines.written import written_result
from job.output.shard import items_schema
from job.recipe.course_2024.settings import Course2024Settings
from job.recipe.registry import UNDESCRIBED

_TASKS_PER_WORKER = 4
_READERS = {"jsonl": JsonlReader, "parquet": ParquetReader}


def work(work_input: WorkInput, file_format: str, workers: int, output: Path) -> WorkResult:
    """Runs the baseline; see `child.Work`."""
    from_s, from_cpu_s = time.perf_counter(), time.process_time()
    parts, tasks = output / "parts", workers * _TASKS_PER_WORKER
    files = [Path(path) for path in work_input.files[file_format]]
    num_rows = split(files, file_format, tasks, work_input.limit, parts)
    before_s, before_cpu_s = time.perf_counter() - from_s, time.process_time() - from_cpu_s
    items = output / "items"
    executor = LocalPipelineExecutor(
        pipeline=[
            _READERS[file_format](str(parts), adapter=_document),
            Curate(category=work_input.category, recipe=work_input.recipe, is_json=file_format == "jsonl"),
            ParquetWriter(str(items), adapter=_columns, schema=items_schema(UNDESCRIBED), compression="zstd"),
        ],
        tasks=tasks,
        workers=workers,
        logging_dir=str(output / "logs"),
    )
    began = time.time()
    executor.run()
    ended = time.time()
    shutil.rmtree(parts)
    return written_result(items, num_rows, began=began, ended=ended, before_s=before_s, before_cpu_s=before_cpu_s)


class Curate(PipelineStep):
    """Makes an item of each row that has one, and drops the others.

    Args:
        category: the rows' category.
        recipe: the recipe's settings.
        is_json: whether the rows come from JSONL.
    """

    type = "curate"
    name = "the course's recipe"

    def __init__(self, *, category: str, recipe: Course2024Settings, is_json: bool) -> None:
        super().__init__()
        self.category = category
        self.recipe = recipe
        self.is_json = is_json

    def run(self, data: Iterable[Document], rank: int = 0, world_size: int = 1) -> Iterator[Document]:
        """Yields the documents that are items."""
        del rank, world_size
        encoding = plain_tokenizer()
        for document in data:
            row = row_of_json(document.metadata) if self.is_json else document.metadata
            item = make_item(row, self.category, self.recipe, encoding)
            if item is not None:
                document.metadata = item
                yield document


def _document(reader: object, data: dict[str, Any], path: str, number: int) -> dict[str, Any]:
    del reader
    return {"text": " ", "id": f"{path}/{number}", "metadata": data}  # a document without text would be skipped


def _columns(writer: object, document: Document) -> dict[str, Any]:
    del writer
    return document.metadata
