"""How far something is: the partitions of a category, the download of its files, or a step of a training set."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Progress of a category."""

    category: str
    total: int
    """Partitions in all."""
    done: int = 0
    """Partitions."""
    num_rows: int = 0
    """Rows of these, and those of `rows_inside`."""
    rows_inside: int = 0
    """Rows of partitions that are being worked on."""
    num_items: int = 0
    """Items of the partitions that are done, like the malformed rows."""
    num_malformed: int = 0
    new_rows: int = 0
    """Rows that this run did, without those of earlier runs."""
    share: float = 0.0
    """Part of the category that is done, in its bytes of JSONL or rows of Parquet; 1.0 is all of it."""
    new_share: float = 0.0
    """Part of the category that this run did."""
    elapsed_s: float = 0.0
    """Seconds since the first rows of this run were begun."""

    @property
    def title(self) -> str:
        """Label of the bar."""
        return self.category

    @property
    def has_begun(self) -> bool:
        """Whether this run has done anything."""
        return self.new_share > 0 or self.done == self.total

    @property
    def rows_per_s(self) -> float:
        """Rows per second of this run."""
        return self.new_rows / self.elapsed_s if self.elapsed_s else 0.0

    @property
    def kept(self) -> str | None:
        """Share of the rows that were kept, where any partition is done."""
        rows = self.num_rows - self.rows_inside
        return f"{self.num_items / rows:.0%} kept" if rows else None

    @property
    def states(self) -> list[str]:
        """Texts beside the bar, the most important one first."""
        partitions = f"{self.done} of {self.total}"
        if not self.has_begun:  # the workers are starting, or others have the CPUs
            return [partitions, "waiting for the first rows"]
        states = [partitions, f"{self.num_rows:,} rows", f"{self.rows_per_s:,.0f} rows/s"]
        return [*states, self.kept] if self.kept else states

    def line(self) -> str:
        """Returns it as one line of text."""
        if not self.has_begun:
            return f"{self.category}: {self.done} of {self.total} partitions · waiting for the first rows"
        left = f"{self.elapsed_s / self.new_share * (1 - self.share):,.0f} s left" if self.share < 1 else None
        words = [f"{self.done} of {self.total} partitions", *self.states[1:], left]
        return f"{self.category}: {' · '.join(word for word in words if word)}"


@dataclass(frozen=True, slots=True)
class Download:
    """Progress of bytes that travel: the download of a category's files, or an upload."""

    category: str
    total: int
    """Bytes, as those that are done."""
    done: int
    verb: str = "fetching"

    @property
    def title(self) -> str:
        """Label of the bar."""
        return f"{self.verb} {self.category}"

    @property
    def has_begun(self) -> bool:
        """Whether there is anything to tell."""
        return True

    @property
    def share(self) -> float:
        """Part that is done; 1.0 is all of it."""
        return self.done / self.total if self.total else 1.0

    @property
    def states(self) -> list[str]:
        """Texts beside the bar, the most important one first."""
        return [f"{self.done / 1e6:,.0f} of {self.total / 1e6:,.0f} MB"]

    def line(self) -> str:
        """Returns it as one line of text."""
        return f"{self.title}: {self.states[0]}"


@dataclass(frozen=True, slots=True)
class Step:
    """Progress of a step that all of a training set goes through at once."""

    title: str
    """Label of the bar."""
    unit: str
    """What is counted, in the plural."""
    total: int
    done: int
    elapsed_s: float = 0.0
    """Seconds since the step began."""
    already: int = 0
    """How many of `done` an earlier run did."""

    @property
    def has_begun(self) -> bool:
        """Whether this run has done anything."""
        return self.done > self.already or self.done == self.total

    @property
    def share(self) -> float:
        """Part that is done; 1.0 is all of it."""
        return self.done / self.total if self.total else 1.0

    @property
    def states(self) -> list[str]:
        """Texts beside the bar, the most important one first."""
        return [f"{self.done:,} of {self.total:,} {self.unit}"]

    def line(self) -> str:
        """Returns it as one line of text."""
        words = self.states
        if self.already < self.done < self.total:
            left = self.elapsed_s / (self.done - self.already) * (self.total - self.done)
            words = [*words, f"{left:,.0f} s left"]
        return f"{self.title}: {' · '.join(words)}"
