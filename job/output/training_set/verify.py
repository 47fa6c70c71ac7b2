"""What is checked of a training set alone, when it is read back."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from job.output.folder import CARD, MANIFEST, OutputFolder
from job.output.sealed import sealed
from job.output.shard import is_same_schema, table_in
from job.output.training_set.card import set_cards
from job.output.training_set.decided import read_decided
from job.output.training_set.plan import DECISION, Part, SetPlan, SetRecord
from job.output.training_set.shard import ordered_digest, removed_schema, set_schema
from job.output.training_set.totals import complete_set, part_totals


class SetChecks:
    """Checks a training set; see `job.output.verify`."""

    unit = "shard"

    def __init__(self, output: OutputFolder, plan: SetPlan) -> None:
        self._output, self._plan = output, plan
        self._records: dict[str, Sequence[SetRecord]] = {}

    def section(self, part: Part, records: Sequence[SetRecord]) -> Iterator[str]:
        """Yields what is wrong with the records of a part in all."""
        self._records[part.name] = records
        if len(records) == part.count:
            try:
                part_totals(part, records)
            except RuntimeError as error:
                yield str(error)

    def shard(self, part: Part, record: SetRecord, contents: Iterator[bytes | None]) -> Iterator[str]:
        """Yields what is wrong with a shard, which is the next of the contents."""
        content = next(contents) or b""
        if hashlib.sha256(content).hexdigest() != record.shard_sha256:
            yield f"{record.shard}: its bytes are not those that were written"
            return
        rows = table_in(content)
        if not is_same_schema(rows.schema, (set_schema if part.is_split else removed_schema)(self._plan.recipe)):
            yield f"{record.shard}: its schema is another"
            return
        if rows.num_rows != record.num_rows:
            yield f"{record.shard}: not as many rows as its record says"
        if ordered_digest(rows) != record.content_digest:
            yield f"{record.shard}: its rows are not those that its record says"

    def written_last(self) -> Iterator[str]:
        """Yields what is wrong with the plan, the decision, the manifest and the card."""
        plan = self._plan
        if plan.identity.digest != plan.digest:
            yield "plan.json: its digest is not that of what determines the set"
        if read_decided(self._output, plan) is None:
            yield f"{DECISION}: missing or damaged"
        found = self._output.set_manifest()
        if found is None:
            yield f"{MANIFEST}: missing or damaged"
            return
        try:
            manifest = complete_set(plan, self._records, found.findings)
        except RuntimeError:
            return  # it was said already
        for name, expected in ((MANIFEST, [sealed(manifest)]), (CARD, set_cards(plan, manifest))):
            if self._output.store.read(name) not in expected:
                yield f"{name}: damaged, or its totals are not those of the records"

    def content_digest(self) -> str | None:
        """Returns the digest of the splits' rows; None when it is not known."""
        found = self._output.set_manifest()
        return None if found is None else found.content_digest

    def counted(self) -> str:
        """Returns how many rows there are."""
        return ", ".join(f"{part.num_rows:,} rows of {part.name}" for part in self._plan.splits())
