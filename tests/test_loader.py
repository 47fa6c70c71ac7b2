"""`from job import ItemLoader`: the items of the shards as objects, or as a Ray Dataset, in the order of the source."""

from __future__ import annotations

import importlib.util
import logging
import os
import shutil
import subprocess
import sys
import uuid
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import datasets
import psutil
import pyarrow.parquet as pq
import pytest
import ray
import rich.console

import job
from job import Item, loader
from job.cluster import start as cluster
from job.config.models import JobConfig
from job.errors import Interrupted, RefusedError, UsageError
from job.loader import ItemLoader
from job.output.folder import OutputFolder
from job.progress import display
from job.progress.display import Progressing, ShowProgress
from job.progress.snapshots import Snapshot
from job.run import Outcome, run_job
from tests.conftest import Curate, shards, tree
from tests.source.own_catalogue import FIELDS, goods, goods_table

pytestmark = pytest.mark.usefixtures("shared_ray")

COLUMNS = ["title", "price", "category", "token_count", "prompt"]


def loaded(output: Path, category: str = "Appliances") -> list[dict[str, Any]]:
    """The rows of an output's shards, in order."""
    paths = sorted((output / "data" / category).glob("*.parquet"))
    return [row for path in paths for row in pq.read_table(path).to_pylist()]


def as_rows(items: list[Item]) -> list[dict[str, Any]]:
    return [{name: getattr(item, name) for name in COLUMNS} for item in items]


@pytest.fixture(scope="module")
def output(shared_ray: int, catalogue: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the loader makes of a category of several partitions."""
    output = tmp_path_factory.mktemp("loader") / "out"
    ItemLoader("Appliances", source=catalogue, output=output).load()
    return output


@pytest.fixture(scope="module")
def kettles(shared_ray: int, tmp_path_factory: pytest.TempPathFactory) -> ItemLoader:
    """A loader of three partitions: many items, none, and three."""
    folder = tmp_path_factory.mktemp("kettles")
    rows = goods(2_000 + 2_000 + 10)
    for row in [*rows[300:4_000], *rows[4_003:]]:
        row["cost"] = None
    pq.write_table(goods_table(rows), folder / "Kettles.parquet", row_group_size=2_000)
    return ItemLoader("Kettles", source=folder, output=folder / "out", settings={"source.fields": FIELDS})


def no_work(*_: object, **__: object) -> NoReturn:
    raise AssertionError("work was started")


def test_the_package_offers_the_interface_and_nothing_else() -> None:
    assert (job.ItemLoader, job.Item) == (loader.ItemLoader, loader.Item)
    with pytest.raises(AttributeError, match="module 'job' has no attribute 'ItemLoder'"):
        job.ItemLoder  # noqa: B018  # pyright: ignore[reportAttributeAccessIssue]


def test_the_items_are_those_of_the_shards_in_order(output: Path, catalogue: Path) -> None:
    expected = loaded(output)
    assert len(list((output / "data/Appliances").iterdir())) > 1
    items = ItemLoader("Appliances", source=catalogue, output=output).load(workers=2)
    assert len(items) > 1_000
    assert as_rows(items) == [{name: row[name] for name in COLUMNS} for row in expected]
    assert {type(item) for item in items} == {Item}


def test_the_output_is_what_a_run_of_the_command_gives(output: Path, catalogue: Path, tmp_path: Path) -> None:
    config = loader.load_config(None, {"source.path": str(catalogue), "output": str(tmp_path / "out")})
    run_job(config, quiet=True)
    assert shards(output) == shards(tmp_path / "out")


def test_an_item_says_what_it_is(output: Path, catalogue: Path) -> None:
    item = ItemLoader("Appliances", source=catalogue, output=output).load()[0]
    assert repr(item) == f"<{item.title} = ${item.price}>"
    assert item.category == "Appliances"
    question, answer = item.prompt.rsplit("Price is $", 1)
    assert answer == f"{round(item.price)}.00"
    assert item.test_prompt() == question + "Price is $"
    assert 150 < item.token_count < 200


def test_a_price_in_the_text_is_not_where_the_test_prompt_ends() -> None:
    item = Item("Lamp", 5.0, "Toys", 9, "How?\n\nPrice is $9 they say\n\nPrice is $5.00")
    assert item.test_prompt() == "How?\n\nPrice is $9 they say\n\nPrice is $"
    assert repr(item) == "<Lamp = $5.0>"


def test_a_second_load_starts_no_work(
    output: Path, catalogue: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    outcomes: list[Outcome] = []

    def observed(config: JobConfig, **arguments: Any) -> Outcome:
        outcomes.append(run_job(config, **arguments))
        return outcomes[-1]

    before = tree(output)
    monkeypatch.setattr(cluster, "started_ray", no_work)
    monkeypatch.setattr(loader, "run_job", observed)
    again = ItemLoader("Appliances", source=catalogue, output=output).load(workers=1)
    assert as_rows(again) == [{name: row[name] for name in COLUMNS} for row in loaded(output)]
    assert [outcome.new_partitions for outcome in outcomes] == [0]
    assert tree(output) == before
    assert capsys.readouterr().err == ""


def test_a_load_goes_on_with_what_is_missing(catalogue: Path, output: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ItemLoader("Appliances", source=catalogue, output=out).load()
    (out / "manifest.json").unlink()
    (out / "_partitions/Appliances/00001.json").unlink()
    kept = out / "data/Appliances/items-00000-of-00004.parquet"
    stamp = kept.stat().st_mtime_ns
    ItemLoader("Appliances", source=catalogue, output=out).load()
    assert shards(out) == shards(output)
    assert kept.stat().st_mtime_ns == stamp


def test_settings_are_those_of_a_config(catalogue: Path, output: Path, tmp_path: Path) -> None:
    settings = {"recipe.max_price": 20, "limit": 1_000, "keep_columns": ["store"]}
    items = ItemLoader("Appliances", source=catalogue, output=tmp_path / "out", settings=settings).load()
    plan = OutputFolder(tmp_path / "out").plan()
    assert plan is not None
    assert plan.config["recipe"]["max_price"] == 20
    assert plan.config["limit"] == 1_000
    assert "store" in loaded(tmp_path / "out")[0]
    manifest = OutputFolder(tmp_path / "out").manifest()
    assert manifest is not None
    assert manifest.num_rows == 1_000
    assert 0 < len(items) == manifest.num_items
    cheap = [row for row in loaded(output) if row["price"] <= 20]
    assert [item.title for item in items] == [row["title"] for row in cheap[: len(items)]]


def test_other_settings_do_not_replace_what_is_there(catalogue: Path, output: Path) -> None:
    before = tree(output)
    other = ItemLoader("Appliances", source=catalogue, output=output, settings={"recipe.max_price": 20})
    with pytest.raises(RefusedError, match=r"recipe\.max_price was 999\.49, is 20"):
        other.load()
    assert tree(output) == before


def test_the_source_may_come_without_its_name_and_the_work_may_be_done_anew(
    kettles: ItemLoader, tmp_path: Path
) -> None:
    source, fields = Path(kettles.output).parent, {"source.fields": FIELDS}
    first = ItemLoader("Kettles", source, output=tmp_path / "out", settings={**fields, "limit": 10})
    assert len(first.load()) == 10
    other = ItemLoader("Kettles", source, output=tmp_path / "out", settings={**fields, "limit": 20})
    with pytest.raises(RefusedError):
        other.load()
    assert len(other.load(fresh=True)) == 20
    assert first.dataset(fresh=True).count() == 10


def test_an_error_is_one_message_in_the_words_of_python(catalogue: Path, output: Path) -> None:
    """`_render_traceback_` is what IPython asks an error for, and shows in place of a traceback."""
    other = ItemLoader("Appliances", catalogue, output=output, settings={"recipe.max_price": 20})
    for call in (other.load, other.dataset):
        with pytest.raises(RefusedError) as found:
            call()
        assert found.value.exit_code == 4
        assert found.value.__suppress_context__
        assert found.value._render_traceback_() == [  # pyright: ignore[reportPrivateUsage]
            f"RefusedError: {output} has Appliances from another job; changed since: recipe.max_price was 999.49, "
            "is 20.0\nnothing was touched; name another folder with output='DIR', or replace what is there with "
            f"load(fresh=True)\nto see what the change does to the items, run it with output='DIR', then, in a shell: "
            f"curate diff {output} DIR"
        ]


def test_an_output_that_is_named_as_a_source_is_told_apart(output: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as found:
        ItemLoader("Appliances", output, output=tmp_path / "out").load()
    assert str(found.value) == (
        f"{output} is an output of this program, and no source\nname the folder that it was made from: source='DIR'"
    )


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("s3:/bucket/out", "output: s3:/bucket/out is not an address"),
        ("https://a.b/out", "output: https:// is not a storage"),
    ],
)
def test_an_output_that_is_no_address_is_an_error_of_its_own(address: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        ItemLoader("Appliances", output=address)


def test_an_interrupt_is_one_message_and_a_bug_keeps_its_traceback(
    catalogue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raising(error: BaseException) -> None:
        def run(*_: object, **__: object) -> NoReturn:
            raise error

        monkeypatch.setattr(loader, "run_job", run)

    items = ItemLoader("Appliances", catalogue, output=tmp_path / "out")
    raising(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt) as found:
        items.load()
    assert isinstance(found.value, Interrupted)
    assert found.value._render_traceback_() == [  # pyright: ignore[reportPrivateUsage]
        "Interrupted: what was finished is kept: make the same call again to go on"
    ]
    bug = ZeroDivisionError("a bug")
    raising(bug)
    with pytest.raises(ZeroDivisionError) as same:
        items.load()
    assert same.value is bug
    assert not hasattr(bug, "_render_traceback_")


def test_control_characters_of_a_message_do_not_reach_a_notebook() -> None:
    error = UsageError("no \x1b[31mcategory\nhere")
    assert error._render_traceback_() == ["UsageError: no \\x1b[31mcategory\nhere"]  # pyright: ignore[reportPrivateUsage]


def test_nobody_is_advised_to_install_widgets(
    catalogue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As tqdm and Ray do when they are imported in a notebook without them."""

    def advising(*_: object, **__: object) -> NoReturn:
        warnings.warn("IProgress not found. Please update jupyter and ipywidgets.", stacklevel=2)
        logging.getLogger("ray.widgets.util").info("Missing packages: ['ipywidgets']")
        raise UsageError("enough")

    monkeypatch.setattr(loader, "run_job", advising)
    caplog.set_level(logging.INFO)
    level = logging.getLogger("ray.widgets.util").level
    with warnings.catch_warnings(record=True) as warned, pytest.raises(UsageError, match="enough"):
        ItemLoader("Appliances", catalogue, output=tmp_path / "out").load()
    assert (warned, caplog.records) == ([], [])
    assert logging.getLogger("ray.widgets.util").level == level


def test_a_setting_that_is_none_is_an_error(catalogue: Path, tmp_path: Path) -> None:
    loader_ = ItemLoader("Appliances", source=catalogue, output=tmp_path / "out", settings={"recipe.max_prise": 20})
    with pytest.raises(UsageError, match=r"recipe\.max_prise: unknown key; did you mean max_price"):
        loader_.load()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("workers", [0, -1, "many"])
def test_a_number_of_workers_that_is_none_is_an_error(catalogue: Path, tmp_path: Path, workers: Any) -> None:
    with pytest.raises(UsageError, match="workers: must be a whole number from 1 up, or `all`"):
        ItemLoader("Appliances", source=catalogue, output=tmp_path / "out").load(workers=workers)


def test_without_an_output_the_items_lie_below_out(
    kettles: ItemLoader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    source = Path(kettles.output).parent / "Kettles.parquet"
    here = ItemLoader("Kettles", source=source, settings={"source.fields": FIELDS, "limit": 20})
    assert here.output == Path("out/Kettles")
    assert [item.title for item in here.load()] == [f"Kettle {number}" for number in range(20)]
    assert (tmp_path / "out/Kettles/manifest.json").exists()


def test_an_unknown_category_names_the_nearest(catalogue: Path, tmp_path: Path) -> None:
    unknown = ItemLoader("Aplliances", source=catalogue, output=tmp_path / "out")
    with pytest.raises(UsageError, match=r"no category 'Aplliances' in .*; did you mean Appliances"):
        unknown.load()
    with pytest.raises(UsageError, match=r"no category 'Aplliances' in .*; did you mean Appliances"):
        unknown.dataset()
    assert not (tmp_path / "out").exists()


def test_only_the_category_s_items_of_an_output_with_several_are_loaded(tmp_path: Path) -> None:
    fields = {"source.fields": FIELDS}
    for category, first in (("Kettles", 0), ("Pots", 500)):
        pq.write_table(goods_table(goods(30, first)), tmp_path / f"{category}.parquet")
        items = ItemLoader(category, source=tmp_path, output=tmp_path / "out", settings=fields).load()
        assert [item.title for item in items] == [f"Kettle {number}" for number in range(first, first + 30)]
        assert {item.category for item in items} == {category}
    again = ItemLoader("Kettles", source=tmp_path, output=tmp_path / "out", settings=fields).load()
    assert [item.title for item in again] == [f"Kettle {number}" for number in range(30)]


def test_the_ray_that_this_python_has_is_used_and_goes_on(
    shared_ray: int, kettles: ItemLoader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = ray.get_runtime_context().gcs_address
    monkeypatch.setattr(ray, "init", no_work)
    monkeypatch.setattr(ray, "shutdown", no_work)
    settings = {"source.fields": FIELDS, "limit": 10}
    fresh = ItemLoader("Kettles", source=Path(kettles.output).parent, output=tmp_path / "out", settings=settings)
    assert len(fresh.load(workers=1)) == 10
    assert fresh.dataset().count() == 10
    assert ray.is_initialized()
    assert ray.get_runtime_context().gcs_address == address


def test_a_ray_dataset_has_the_same_rows_in_order(kettles: ItemLoader, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a shard in the middle has no row group. Ray Data keeps the order of its blocks where it is told to."""

    items = kettles.load()
    groups = [
        pq.read_metadata(path).num_row_groups for path in sorted((Path(kettles.output) / "data/Kettles").iterdir())
    ]
    assert groups == [1, 0, 1]
    assert [item.title for item in items] == [f"Kettle {number}" for number in [*range(300), 4_000, 4_001, 4_002]]
    dataset = kettles.dataset()
    assert isinstance(dataset, ray.data.Dataset)
    rows = dataset.take_all()
    assert rows == loaded(Path(kettles.output), "Kettles")
    assert [{name: row[name] for name in COLUMNS} for row in rows] == as_rows(items)


def test_a_path_with_an_equals_sign_is_no_column(kettles: ItemLoader, tmp_path: Path) -> None:
    source = tmp_path / "category=None" / "price=3"
    source.mkdir(parents=True)
    (source / "Kettles.parquet").symlink_to(Path(kettles.output).parent / "Kettles.parquet")
    output = tmp_path / "category=Other" / "year=2023"
    settings = {"source.fields": FIELDS, "limit": 10}
    rows = ItemLoader("Kettles", source=source, output=output, settings=settings).dataset().take_all()
    assert list(rows[0]) == ["category", "parent_asin", "title", "price", "prompt", "token_count"]
    assert {row["category"] for row in rows} == {"Kettles"}
    assert [row["price"] for row in rows] == [float(row["cost"]) for row in goods(10)]


def test_signs_of_a_pattern_in_the_outputs_path_are_names(
    kettles: ItemLoader, tmp_path: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command that is said is run: another output beside it would match the path as a pattern."""
    source, output, other = Path(kettles.output).parent / "Kettles.parquet", tmp_path / "a[1]*?", tmp_path / "a1bc"
    fields = [word for name, column in FIELDS.items() for word in ("--set", f"source.fields.{name}={column}")]
    made = curate("run", "--source", source, *fields, "--limit", 10, "--output", output)
    assert made.exit_code == 0
    shutil.copytree(output, other)
    settings = {"source.fields": FIELDS, "limit": 10}
    assert ItemLoader("Kettles", source=source, output=output, settings=settings).dataset().count() == 10
    last = made.out.splitlines()[-1]
    assert "load_dataset takes this path for a pattern" in last
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path / "cache"))
    found = eval(last[last.index("load_dataset(") :], {"load_dataset": datasets.load_dataset})
    assert found.num_rows == 10
    assert "load_dataset" not in curate("run", "--source", source, *fields, "--limit", 10, "--output", other).out


def test_a_category_without_an_item_is_an_empty_list_and_an_empty_dataset(kettles: ItemLoader, tmp_path: Path) -> None:
    settings = {"source.fields": FIELDS, "limit": 20, "recipe.min_price": 950}
    none = ItemLoader("Kettles", source=Path(kettles.output).parent, output=tmp_path / "out", settings=settings)
    assert none.load() == []
    assert none.dataset().take_all() == []


SCRIPT = """
import sys
from job import ItemLoader

if __name__ == "__main__":
    source, output = sys.argv[1:]
    settings = {"source.fields": {"title": "name", "price": "cost", "description": "blurb"}, "limit": 20}
    items = ItemLoader("Kettles", source=source, output=output, settings=settings).load(workers=1)
    print(len(items), items[0])
"""


def started_with(mark: str) -> list[psutil.Process]:
    """Returns the processes that have a word in their environment."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("TEST_MARK") == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_a_script_with_a_ray_of_its_own_ends_and_leaves_no_process(kettles: ItemLoader, tmp_path: Path) -> None:
    mark = uuid.uuid4().hex
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    environment = os.environ | {"TEST_MARK": mark, "PYTHONPATH": str(Path(job.__file__).parents[1])}
    environment.pop("RAY_ADDRESS", None)
    arguments = [sys.executable, script, Path(kettles.output).parent, tmp_path / "out"]
    with subprocess.Popen(
        list(map(str, arguments)), env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        assert run.pid in {process.pid for process in started_with(mark)}
        out, err = run.communicate(timeout=120)
    assert (run.returncode, out) == (0, "20 <Kettle 0 = $0.75>\n"), err
    assert "Traceback" not in err
    assert "starting Ray" in err
    _, alive = psutil.wait_procs(started_with(mark), timeout=10)
    assert alive == []


@pytest.mark.parametrize("in_notebook", [True, False], ids=["notebook", "log file"])
def test_a_notebook_has_the_bar(
    kettles: ItemLoader,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    in_notebook: bool,
) -> None:
    shown: list[Progressing] = []

    @contextmanager
    def bar() -> Generator[ShowProgress]:
        yield shown.append

    monkeypatch.setattr(rich.console, "_is_jupyter", lambda: in_notebook)
    find_spec = importlib.util.find_spec
    with_widgets = {"ipywidgets": find_spec("rich")}
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, package=None: with_widgets.get(name) or find_spec(name, package)
    )
    monkeypatch.setattr(display, "_bar", bar)
    settings = {"source.fields": FIELDS, "limit": 20}
    ItemLoader("Kettles", source=Path(kettles.output).parent, output=tmp_path / "out", settings=settings).load()
    line = "Kettles: 1 of 1 partitions · 20 rows"
    assert (line in capsys.readouterr().err) == (not in_notebook)
    ends = [(at.category, at.done, at.num_items) for at in shown[-1:] if isinstance(at, Snapshot)]
    assert ends == [("Kettles", 1, 20)] * in_notebook


@pytest.mark.parametrize("in_notebook", [True, False], ids=["notebook", "terminal"])
def test_the_bar_is_in_the_cell_of_a_notebook_and_on_a_terminal_s_standard_error(
    monkeypatch: pytest.MonkeyPatch, in_notebook: bool
) -> None:
    monkeypatch.setattr(rich.console, "_is_jupyter", lambda: in_notebook)
    console = display._console()  # pyright: ignore[reportPrivateUsage]
    assert (console.is_jupyter, console.file is sys.stderr) == (in_notebook, not in_notebook)
