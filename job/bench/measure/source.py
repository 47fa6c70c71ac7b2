"""What do all runs read? A sample catalogue or the first category of a config. It is made once and kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from job.config.load import load_config
from job.config.models import JobConfig
from job.errors import UsageError
from job.plan.sources import find_sources
from job.recipe.course_2024.settings import Course2024Settings
from job.source.fetch.local_copies import local_copies
from job.source.sample.catalogue import SAMPLE_VERSION, make_catalogue, sample_files

SEED = 0
_CATEGORY = "Appliances"
_READ_BYTES = 1 << 24


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchSource:
    """The input of a bench: one category on this machine."""

    category: str
    name: str
    """The input in words."""
    config_path: Path | None
    """Path of the job's YAML file; None for a sample catalogue."""
    config: JobConfig
    source_paths: dict[str, Path]
    """The folder that a run reads, by file format."""
    files: dict[str, tuple[Path, ...]]
    """Paths of the files, by file format."""

    def size_bytes(self, file_format: str) -> int:
        """Returns the size on disk of the files in a file format."""
        return sum(path.stat().st_size for path in self.files[file_format])

    def warm(self) -> None:
        """Reads all files once, so that no run has to wait for the disk first."""
        for path in (path for paths in self.files.values() for path in paths):
            with path.open("rb", buffering=0) as stream:
                while stream.read(_READ_BYTES):
                    pass


def sample_source(folder: Path, rows: int, file_formats: set[str], report: Callable[[int], None]) -> BenchSource:
    """Makes a sample catalogue of one category, or takes the existing one.

    Args:
        folder: the folder in which the bench keeps its input.
        rows: the number of rows.
        file_formats: `parquet`, `jsonl` or both.
        report: called with the number of rows made so far.
    """
    name = f"sample-{SAMPLE_VERSION}-rows-{rows}-seed-{SEED}"
    paths = {file_format: folder / f"{name}-{file_format}" for file_format in sorted(file_formats)}
    files = {
        file_format: tuple(sample_files(path, _CATEGORY, rows, file_format)) for file_format, path in paths.items()
    }
    missing = [file_format for file_format in paths if not all(path.exists() for path in files[file_format])]
    done = 0
    for file_format in missing:
        before = done

        def counted(made: int, before: int = before) -> None:
            report((before + made) // len(missing))

        make_catalogue(
            paths[file_format],
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
        source_paths=paths,
        files=files,
    )


def config_source(folder: Path, scratch: Path, path: Path, say: Callable[[str], None]) -> BenchSource:
    """Takes a config's first category. It is downloaded from the Hub or unpacked before anything is timed.

    Args:
        folder: the folder in which the bench keeps its input.
        scratch: a folder for links to the files, so that all methods read them from the same path.
        path: the path of the config.
        say: called with a line about anything that takes long.

    Raises:
        UsageError: the config or its source is wrong.
        CurateError: the Hub does not answer.
    """
    config = load_config(path)
    config = config.model_copy(update={"categories": config.categories[:1]})
    source = find_sources(config)[0]
    if source.repository:
        say(f"{source.category}: {source.size_bytes / 1e6:,.0f} MB from the Hub, less what is cached")
    locations = local_copies(source, folder / "unpacked", say, lambda _: None)
    paths = [location.local_path for location in locations if location.local_path is not None]
    if len(paths) < len(locations):
        raise UsageError(
            f"{path}: the bench can only read files on this machine: download {config.source.path} into a folder"
        )
    links = scratch / "links"
    links.mkdir()
    files: list[Path] = []
    for number, file in enumerate(paths):
        name = f"-{number:05d}-of-{len(paths):05d}" if len(paths) > 1 else ""
        files.append(links / f"{source.category}{name}.{source.file_format}")
        files[-1].symlink_to(file.absolute())
    return BenchSource(
        category=source.category,
        name=f"{source.category} of {path.name}",
        config_path=path,
        config=config,
        source_paths={source.file_format: links},
        files={source.file_format: tuple(files)},
    )


def check_baselines_can(source: BenchSource, baselines: set[str]) -> None:
    """Checks that baselines with a recipe of their own can do a config's work.

    Args:
        source: the input.
        baselines: the names of the requested baselines that read Parquet by themselves.

    Raises:
        UsageError: they cannot.
    """
    if not baselines:
        return
    names = " and ".join(sorted(baselines))
    options = " ".join(f"--baseline {name}" for name in sorted(baselines))
    if "parquet" not in source.files:
        raise UsageError(f"{source.category} is JSONL only: {names} can read Parquet only\nleave out: {options}")
    if not isinstance(source.config.recipe, Course2024Settings):
        raise UsageError(f"{names}: only has the recipe {Course2024Settings().name}\nleave out: {options}")
    if source.config.keep_columns or source.config.source.fields:
        raise UsageError(
            f"{names}: supports neither keep_columns nor source.fields\n"
            f"remove them from the config, or leave out: {options}"
        )
