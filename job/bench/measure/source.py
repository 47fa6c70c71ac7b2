"""What all runs read: a sample catalogue made for it, or the first category of a config; made once, and kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from job.config.load import load_config
from job.config.models import JobConfig
from job.errors import UsageError
from job.plan.planning import find_sources, local_files
from job.source.sample.catalogue import make_catalogue, sample_files

SEED = 0
_CATEGORY = "Appliances"
_READ_BYTES = 1 << 24


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchSource:
    """One category on this machine."""

    category: str
    name: str
    """What it is, in words."""
    config_path: Path | None
    """The job's YAML file."""
    config: JobConfig
    places: dict[str, Path]
    """By form: the folder or file to read."""
    files: dict[str, tuple[Path, ...]]
    """By form: the files themselves."""

    def size_bytes(self, file_format: str) -> int:
        """Returns the size of a form's files as they lie there."""
        return sum(path.stat().st_size for path in self.files[file_format])

    def warm(self) -> None:
        """Reads all files once, so that no run is the first to wait for the disk."""
        for path in (path for paths in self.files.values() for path in paths):
            with path.open("rb", buffering=0) as stream:
                while stream.read(_READ_BYTES):
                    pass


def sample(folder: Path, rows: int, file_formats: set[str], report: Callable[[int], None]) -> BenchSource:
    """Makes a sample catalogue of one category, or takes the one that is there.

    Args:
        folder: where the bench keeps its input.
        rows: how many.
        forms: `parquet`, `jsonl`.
        report: told how many rows are made so far.
    """
    places = {file_format: folder / f"rows-{rows}-seed-{SEED}-{file_format}" for file_format in sorted(file_formats)}
    files = {
        file_format: tuple(sample_files(place, _CATEGORY, rows, file_format)) for file_format, place in places.items()
    }
    missing = [file_format for file_format in places if not all(path.exists() for path in files[file_format])]
    done = 0
    for file_format in missing:
        before = done

        def counted(made: int, before: int = before) -> None:
            report((before + made) // len(missing))

        make_catalogue(
            places[file_format],
            rows=rows,
            seed=SEED,
            categories=[_CATEGORY],
            file_format="jsonl" if file_format == "jsonl" else "parquet",
            report=counted,
        )
        done += rows
    return BenchSource(
        category=_CATEGORY,
        name=f"sample catalogue, {rows:,} rows, seed {SEED}",
        config_path=None,
        config=JobConfig(),
        places=places,
        files=files,
    )


def from_config(folder: Path, scratch: Path, path: Path, say: Callable[[str], None]) -> BenchSource:
    """Takes a config's first category; one on the Hub is fetched, a packed one unpacked, before anything is timed.

    Args:
        folder: where the bench keeps its input.
        scratch: a folder for links to the files, so that all methods find them in the same place.
        path: the config.
        say: told what takes a while.

    Raises:
        UsageError: when the config is wrong, or its source is.
        CurateError: when the Hub does not answer.
    """
    config = load_config(path)
    config = config.model_copy(update={"categories": config.categories[:1]})
    source = find_sources(config)[0]
    if source.repository:
        say(f"{source.category}: {source.size_bytes / 1e6:,.0f} MB from the Hub, as far as they are not cached")
    places = local_files(source, folder / "unpacked", say, lambda _: None)
    found = [place for place in places if isinstance(place, Path)]
    if len(found) < len(places):
        raise UsageError(f"{path}: the bench reads what is on this machine: fetch {config.source.path} into a folder")
    links = scratch / "links"
    links.mkdir()
    files: list[Path] = []
    for number, file in enumerate(found):
        name = f"-{number:05d}-of-{len(found):05d}" if len(found) > 1 else ""
        files.append(links / f"{source.category}{name}.{source.file_format}")
        files[-1].symlink_to(file.absolute())
    return BenchSource(
        category=source.category,
        name=f"{source.category} of {path.name}",
        config_path=path,
        config=config,
        places={source.file_format: links},
        files={source.file_format: tuple(files)},
    )


def check_baselines_can(source: BenchSource, baselines: set[str]) -> None:
    """Checks that baselines with a recipe of their own can do a config's work.

    Args:
        source: the input.
        baselines: those that read Parquet by themselves.

    Raises:
        UsageError: when they cannot.
    """
    if not baselines:
        return
    names = " and ".join(sorted(baselines))
    if "parquet" not in source.files:
        raise UsageError(f"{source.category} is there as JSONL only: {names} can read Parquet only\nleave it out")
    if source.config.keep_columns or source.config.source.fields:
        raise UsageError(f"{names} knows neither keep_columns nor source.fields\nleave them out of the config, or it")
