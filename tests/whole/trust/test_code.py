"""Nothing from outside is run or unpickled, and no key is written down."""

from __future__ import annotations

import ast
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from job.config.load import load_config
from job.errors import UsageError
from tests.conftest import Curate
from tests.paths import PACKAGE
from tests.whole.trust.hostile import (
    columns,
    refused,
)

OBJECTS = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "shelve", "marshal", "joblib", "torch", "runpy"}


NAMES = {"eval", "exec", "compile", "__import__", "read_pickle", "unsafe_load", "full_load", "FullLoader"}


KEYWORDS = {"allow_pickle", "shell"}


IMPORTS = {"recipe/custom/load.py": {"exec", "compile"}}
"""The one place that runs code from outside, as an import does: a recipe that this very job's config names."""


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_code_of_this_package_loads_objects_or_runs_text(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            assert not {alias.name.split(".")[0] for alias in node.names} & OBJECTS
        elif isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[0] not in OBJECTS
        elif isinstance(node, ast.Call):
            called = node.func.id if isinstance(node.func, ast.Name) else None
            assert called not in NAMES - IMPORTS.get(path.relative_to(PACKAGE).as_posix(), set())
            assert not {keyword.arg for keyword in node.keywords} & KEYWORDS
        elif isinstance(node, ast.Attribute):
            assert node.attr not in NAMES - {"compile"}


class Trap:
    """Creates a file when it is unpickled."""

    def __init__(self, mark: Path):
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self.mark,)


def test_the_trap_works(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Trap(tmp_path / "mark")))
    assert (tmp_path / "mark").exists()


def test_code_of_a_data_set_cannot_be_allowed() -> None:
    with pytest.raises(UsageError, match="code of a data set is never run"):
        load_config(None, {"source.load_dataset": {"path": "csv", "trust_remote_code": True}})


def test_a_token_is_not_written_down(tmp_path: Path, curate: Curate) -> None:
    refused(curate("run", "--set", "source.load_dataset={path: a/b, token: hf_secret}"), "write no token down")
    options = "{path: csv, data_files: s3://b/f.csv, storage_options: {key: K, secret: S}}"
    refused(curate("run", "--set", f"source.load_dataset={options}"), "storage_options may hold keys")
    for address in ("https://me:hf_secret@host/f.csv", "https://host/f.csv?sig=hf_secret"):
        given = f"{{path: csv, data_files: [{{train: '{address}'}}]}}"
        refused(curate("run", "--set", f"source.load_dataset={given}"), "an address with keys in it")
    assert load_config(None, {"source.load_dataset": {"path": "csv", "token": False}}).source.load_dataset


SCRIPT = """
import pathlib
pathlib.Path({mark!r}).touch()
import datasets
class Mine(datasets.GeneratorBasedBuilder):
    def _info(self): return datasets.DatasetInfo()
"""


@pytest.mark.parametrize("named", ["Mine", "Mine/Mine.py"])
def test_a_data_set_s_script_is_not_run(tmp_path: Path, curate: Curate, named: str) -> None:
    (tmp_path / "Mine").mkdir()
    (tmp_path / "Mine/Mine.py").write_text(SCRIPT.format(mark=str(tmp_path / "mark")))
    given = f"source.load_dataset={{path: {tmp_path / named}}}"
    result = curate("run", "--set", given, "--category", "Mine", "--output", tmp_path / "out")
    refused(result, "load_dataset cannot open")
    assert not (tmp_path / "mark").exists()


def test_a_pickle_is_no_data_set(tmp_path: Path, curate: Curate) -> None:
    (tmp_path / "Mine.pkl").write_bytes(pickle.dumps(Trap(tmp_path / "mark")))
    given = f"source.load_dataset={{path: pandas, data_files: {tmp_path / 'Mine.pkl'}, cache_dir: {tmp_path / 'c'}}}"
    result = curate("run", "--set", given, "--category", "Mine", "--output", tmp_path / "out")
    assert result.exit_code == 2
    assert "Pickle loading with the pandas dataset builder is disabled" in result.err
    refused(curate("run", "--source", tmp_path / "Mine.pkl"), "neither JSONL")
    assert not (tmp_path / "mark").exists()


EXTENSIONS = ["arrow.py_extension_type", "ray.data.arrow_pickled_object", "ray.data.arrow_tensor_v2", "pandas.period"]


def trapped(column: pa.Array, extension: str, mark: Path) -> tuple[pa.Field, pa.Array]:
    """Returns a column whose metadata claims an extension type that would be unpickled."""
    metadata = {"ARROW:extension:name": extension, "ARROW:extension:metadata": pickle.dumps(Trap(mark), 0)}
    return pa.field("", column.type, metadata=metadata), column


def write_trapped(path: Path, extension: str, mark: Path, name: str) -> None:
    """Writes a Parquet file with a trap in a column's type and in the metadata of pandas and `datasets`."""
    table = columns()
    column = table.get(name, pa.array([pickle.dumps(Trap(mark))] * 2))
    field, column = trapped(column, extension, mark)
    table[name] = column
    fields = [field.with_name(key) if key == name else pa.field(key, value.type) for key, value in table.items()]
    trap = pickle.dumps(Trap(mark), 0)
    schema = pa.schema(fields, metadata={"pandas": trap, "huggingface": trap, "PANDAS_ATTRS": trap})
    pq.write_table(pa.Table.from_arrays(list(table.values()), schema=schema), path)


@pytest.mark.parametrize("extension", EXTENSIONS)
@pytest.mark.parametrize("name", ["title", "other"])
def test_a_parquet_file_s_types_are_not_unpickled(
    shared_ray: int, tmp_path: Path, curate: Curate, extension: str, name: str
) -> None:
    """In this process, where Ray has registered its own types, and in its workers."""
    mark = tmp_path / "mark"
    (tmp_path / "source").mkdir()
    write_trapped(tmp_path / "source/Toys.parquet", extension, mark, name)
    result = curate("run", "--source", tmp_path / "source", "--output", tmp_path / "out", "--quiet")
    assert result.exit_code in {0, 2}, result
    assert "Traceback" not in result.err
    assert not mark.exists()
