"""The peers: files split beforehand, the same rules in plain Python, and items that differ shown as different."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from job.bench import command
from job.bench.baselines.child import WorkInput
from job.bench.baselines.course import row_of_json
from job.bench.baselines.method import Method
from job.bench.baselines.plain_tokenizer import plain_tokenizer
from job.bench.baselines.ray_data import curate_batch
from job.bench.baselines.row_recipe import PlainCourse
from job.bench.baselines.split_files import split
from job.bench.baselines.written import num_rows_of, written_result
from job.bench.measure.results import Bench, Run, figures
from job.bench.measure.rounds import check_same
from job.bench.report.section import section
from job.bench.report.table import bench_lines
from job.errors import CurateError
from job.output.shard import content_digest, items_schema
from job.recipe.course_2024.recipe import Course2024
from job.recipe.course_2024.settings import Course2024Settings
from job.recipe.protocol import RecipeSettings
from job.recipe.registry import UNDESCRIBED
from job.source.sample.catalogue import make_catalogue
from tests.bench.test_results import bench_of, run
from tests.conftest import Curate
from tests.recipe.plain import ENCODING

pytestmark = pytest.mark.seconds

SETTINGS = Course2024Settings()
FORMATS = ("jsonl", "parquet")


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The files of one catalogue, by file format: 2,400 rows, in three row groups."""
    root = tmp_path_factory.mktemp("catalogue")
    make_catalogue(root, rows=2_400, seed=3, categories=["Toys"], file_format="both", report=lambda _: None)
    (jsonl,), (parquet,) = root.rglob("*.jsonl"), root.rglob("*.parquet")
    return {"jsonl": jsonl, "parquet": parquet}


@pytest.mark.parametrize(
    ("listing", "price", "details"),
    [
        (
            {"price": 12.5, "details": {"Colour": "müde", "n": [1, None]}},
            "12.5",
            '{"Colour": "m\\u00fcde", "n": [1, null]}',
        ),
        ({"price": "3", "details": "as it stands"}, "3", "as it stands"),
        ({"price": None, "details": None}, "None", "null"),
        ({"details": {}}, "None", "{}"),
        ({"price": 7}, "7", None),
    ],
)
def test_price_and_details_of_a_json_row_become_text(listing: dict[str, Any], price: str, details: str | None) -> None:
    row = row_of_json({**listing, "images": []})
    assert (row["price"], row["details"]) == (price, details)
    assert set(row) == {"title", "parent_asin", "description", "features", "details", "price"}


def test_the_plain_tokenizer_has_llama_3s_tokens() -> None:
    text = "It's 12345 mm²,  <|eot_id|> \n\n 🪆 e\u0301"
    tokens = plain_tokenizer().encode(text)
    assert tokens == ENCODING.encode_ordinary(text)
    assert plain_tokenizer().decode(tokens) == text
    assert plain_tokenizer().encode("How much does this cost?") == [4438, 1790, 1587, 420, 2853, 30]


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize(("parts", "limit", "counts"), [(3, None, [800, 800, 800]), (1, None, [2400]), (2, 1_100, [])])
def test_split_files_have_the_same_rows_in_the_same_order(
    catalogue: dict[str, Path], tmp_path: Path, file_format: str, parts: int, limit: int | None, counts: list[int]
) -> None:
    def rows(paths: list[Path]) -> list[Any]:
        if file_format == "parquet":
            return [row for path in paths for row in pq.read_table(path).to_pylist()]
        return [json.loads(line) for path in paths for line in path.read_bytes().splitlines()]

    source = catalogue[file_format]
    num_rows = split([source], file_format, parts, limit, tmp_path / "parts")
    made = sorted((tmp_path / "parts").iterdir())
    wanted = rows([source])[:limit]
    assert num_rows == len(wanted) == num_rows_of(made, file_format)
    assert rows(made) == wanted
    if file_format == "parquet" and counts:  # at the three row groups of 1,000, 1,000 and 400 rows
        assert [pq.read_metadata(path).num_rows for path in made] == ([1000, 1000, 400] if parts == 3 else [2400])


def test_many_lines_are_split_into_as_many_parts_as_asked_for_and_a_last_line_without_its_end_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("job.bench.baselines.split_files._PIECE_BYTES", 64)
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(b"%d" % number for number in range(1000)))
    (tmp_path / "b.jsonl").write_bytes(b"1000\n1001")
    files = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    assert num_rows_of(files, "jsonl") == split(files, "jsonl", 8, None, tmp_path / "parts") == 1002
    parts = sorted((tmp_path / "parts").iterdir())
    assert len(parts) == 8
    assert b"".join(path.read_bytes() for path in parts).split() == [b"%d" % number for number in range(1002)]
    assert max(path.stat().st_size for path in parts) < 2 * min(path.stat().st_size for path in parts)


def digest_of(items: pa.Table) -> tuple[str, int]:
    schema = items_schema(UNDESCRIBED)
    return content_digest(items.select(schema.names).cast(schema)), items.num_rows


@pytest.fixture(scope="module")
def expected(catalogue: dict[str, Path]) -> tuple[str, int]:
    """The digest and number of the items that the job's recipe makes."""
    rows = pq.read_table(catalogue["parquet"]).select(Course2024.inputs.names)
    judged = Course2024(SETTINGS).judge(rows)
    items = judged.filter(pa.compute.equal(judged["verdict"], "kept")).drop_columns("verdict")  # pyright: ignore
    category = pa.array(["Toys"] * items.num_rows)
    return digest_of(items.add_column(0, "category", category))


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_row_recipe_in_plain_python_makes_the_same_items(
    catalogue: dict[str, Path], expected: tuple[str, int], file_format: str
) -> None:
    rows = pq.read_table(catalogue["parquet"]).select(PlainCourse.inputs.names)
    if file_format == "jsonl":  # where null in details comes as text
        texts = pa.array([text or "null" for text in rows["details"].to_pylist()])
        rows = rows.set_column(rows.column_names.index("details"), "details", texts)
    judged = PlainCourse(RecipeSettings(name="plain")).judge(rows)
    items = judged.filter(pa.compute.equal(judged["verdict"], "kept")).drop_columns("verdict")  # pyright: ignore
    assert digest_of(items.add_column(0, "category", pa.array(["Toys"] * items.num_rows))) == expected


def test_keys_that_ray_data_fills_with_null_change_the_items(catalogue: dict[str, Path]) -> None:
    listings = [json.loads(line) for line in catalogue["jsonl"].read_bytes().splitlines()]
    rows = [
        {name: listing.get(name) for name in row_of_json({})} | {"price": str(listing.get("price"))}
        for listing in listings
    ]
    filled = pa.Table.from_pylist(rows)
    assert pa.types.is_struct(filled.schema.field("details").type)
    found = digest_of(curate_batch(filled, "Toys", SETTINGS, is_json=True))
    parquet = pq.read_table(catalogue["parquet"])
    wanted = digest_of(curate_batch(parquet, "Toys", SETTINGS, is_json=False))
    assert found[0] != wanted[0]
    assert found[1] > wanted[1] > 100  # there is more text


def test_what_a_peer_wrote_is_counted_and_digested(
    tmp_path: Path, expected: tuple[str, int], catalogue: dict[str, Path]
) -> None:
    items = curate_batch(pq.read_table(catalogue["parquet"]), "Toys", SETTINGS, is_json=False)
    (tmp_path / "deep").mkdir()
    pq.write_table(items.slice(0, 7), tmp_path / "a.parquet")
    pq.write_table(items.slice(7), tmp_path / "deep" / "b.parquet", row_group_size=50)
    result = written_result(tmp_path, 2_400, began=10.0, ended=12.0, before_s=5.0)
    assert (result.content_digest, result.num_items) == expected
    assert (result.num_rows, result.began, result.ended, result.not_counted_before_s) == (2_400, 10.0, 12.0, 5.0)
    assert result.not_counted_s > 5.0


def work_input(catalogue: dict[str, Path], limit: int | None = None) -> WorkInput:
    files = {file_format: [str(path)] for file_format, path in catalogue.items()}
    return WorkInput(
        config=None, source_paths={}, files=files, category="Toys", recipe=SETTINGS, limit=limit, tokenizer=""
    )


@pytest.mark.slow
@pytest.mark.parametrize("file_format", FORMATS)
def test_datatrove_makes_the_same_items_and_splitting_is_told_apart(
    catalogue: dict[str, Path], tmp_path: Path, expected: tuple[str, int], file_format: str
) -> None:
    from job.bench.baselines.datatrove_pipeline import work

    result = work(work_input(catalogue), file_format, 2, tmp_path / "output")
    assert (result.content_digest, result.num_items, result.num_rows) == (*expected, 2_400)
    assert result.not_counted_s > result.not_counted_before_s > 0
    assert not (tmp_path / "output" / "parts").exists()
    assert work(work_input(catalogue, 500), file_format, 1, tmp_path / "less").num_rows == 500


DIFFERENT: dict[str, Any] = {"content_digest": "cd" * 32, "num_items": 340}


def runs_with_a_peer(**given: Any) -> list[Run]:
    return [run(workers=2), run("datatrove", workers=2, wall_s=20.0), run("ray-data", workers=2, wall_s=30.0, **given)]


def test_a_peer_that_makes_other_items_is_no_error_and_has_no_ratio() -> None:
    check_same(runs_with_a_peer(**DIFFERENT))
    job, datatrove, ray_data = figures(runs_with_a_peer(**DIFFERENT), {"parquet": 1}, 2)
    assert job.times_as_fast == {"datatrove": 2.0}
    assert (job.differs, datatrove.differs, ray_data.differs) == (None, None, 340)
    job, _, ray_data = figures(runs_with_a_peer(), {"parquet": 1}, 2)
    assert (job.times_as_fast, ray_data.differs) == ({"datatrove": 2.0, "ray-data": 3.0}, None)


def test_a_peer_with_as_many_items_but_others_differs_too() -> None:
    *_, ray_data = figures(runs_with_a_peer(content_digest="cd" * 32), {"parquet": 1}, 2)
    assert ray_data.differs == 300


def test_the_methods_with_the_same_rules_must_still_agree() -> None:
    with pytest.raises(CurateError, match="the outputs differ"):
        check_same([*runs_with_a_peer(), run("no-ray", **DIFFERENT)])


def test_another_recipe_is_shown_and_compared_with_nothing() -> None:
    runs = [run(workers=2), run("course-2025", workers=2, wall_s=14.0, content_digest=None, num_items=777)]
    check_same(runs)
    job, other = figures(runs, {"parquet": 1}, 2)
    assert (job.times_as_fast, other.differs, other.wall_s.median) == ({}, None, 14.0)


def test_the_table_says_that_a_peer_made_other_items() -> None:
    lines = list(bench_lines(bench_of(runs_with_a_peer(**DIFFERENT))))
    text = "\n".join(lines)
    assert "outputs are equal, but for those that differ: 300 items" in text
    (row,) = (line for line in text.splitlines() if line.startswith("ray-data, parquet "))
    assert row.endswith("other items: 340, not 300")
    assert "x as fast" not in row
    (row,) = (line for line in text.splitlines() if line.startswith("datatrove, parquet "))
    assert row.endswith("2.00x as fast")
    assert (
        "ray-data, parquet, made other items: 340, and curate run makes 300; so its time compares with nothing" in lines
    )
    assert "medians of 1 runs" in text
    twice = [*runs_with_a_peer(), run(workers=2)]
    assert "medians of 2, of baselines 1, runs" in "\n".join(bench_lines(bench_of(twice)))
    assert "all outputs are equal: 300 items" in "\n".join(bench_lines(bench_of(runs_with_a_peer())))


def table_of(benches: list[Bench]) -> dict[str, list[str]]:
    """Returns the cells of the section's table by the row's name."""
    from job.bench.report.section import read_memory, read_waiting

    one_row = [run("one row", workers=2, wall_s=5.0, num_rows=1)]
    with_row = [bench_of([*one_row, *bench.runs]) for bench in benches]
    with_row = [msgspec.structs.replace(new, input=old.input) for new, old in zip(with_row, benches, strict=True)]
    text = section(with_row, read_memory(), read_waiting())
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return {name: cells for name, *cells in rows}


def test_the_section_never_calls_a_peer_with_other_items_slower() -> None:
    table = table_of([bench_of(runs_with_a_peer(**DIFFERENT))])
    assert table["bare Ray Data (`ray-data`), Parquet"] == ["other items: 340, not 300; in 30.0 s"]
    assert table["`curate run` against bare Ray Data, Parquet"] == ["other items"]
    assert table["`curate run` against `datatrove`, Parquet"] == ["2.00x"]
    assert table["`datatrove`, Parquet"] == ["20.0 s (one run)"]


@pytest.mark.slow
def test_bare_ray_data_runs_and_differs_on_jsonl_only(
    tmp_path: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("no-ray", "datatrove", "ray-data")
    monkeypatch.setattr(
        command,
        "methods",
        lambda *_: [Method(name=name, file_format=form, workers=2) for form in FORMATS for name in names],
    )
    words = ["--rows", 2_000, "--form", "both", "--repeat", 1]
    result = curate("bench", *words, "--baseline", "datatrove", "--baseline", "ray-data", "--output", tmp_path)
    assert result.exit_code == 0, result.err
    bench = msgspec.json.decode((tmp_path / "bench.json").read_bytes(), type=Bench)
    differs = {(one.method, one.file_format): one.differs for one in bench.figures}
    assert [which for which, items in differs.items() if items is not None] == [("ray-data", "jsonl")]
    assert (differs["ray-data", "jsonl"] or 0) > bench.num_items > 100
    assert {one.num_rows for one in bench.runs} == {2_000}
    assert f"other items: {differs['ray-data', 'jsonl']:,}, not {bench.num_items:,}" in result.out
