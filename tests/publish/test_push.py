"""`curate push`: what it sends, what it refuses, and that whatever happens on the way it is whole or nothing."""

from __future__ import annotations

import base64
import json
import re
import shutil
from pathlib import Path

import pytest

from job.publish import push as push_module
from tests.conftest import Curate
from tests.output.made import MadeOutput, item
from tests.paths import ROOT
from tests.publish.conftest import NAME, TOKEN, Clock, made_output
from tests.servers.hub import CommitBetween, Fault, Hub, Lost, Refuse, Status, TooManyRequests
from tests.servers.s3 import S3

SHARDS = [f"data/Kettles/items-{number:05}-of-00003.parquet" for number in range(3)]
SENT = [".gitattributes", "README.md", *SHARDS, "manifest.json"]


def published(hub: Hub, out: Path) -> None:
    """Checks that the Hub has this output, byte for byte, and nothing else."""
    files = hub.files(NAME)
    del files[".gitattributes"]
    wanted = [out / "README.md", out / "manifest.json", *out.glob("data/*/*.parquet")]
    assert files == {path.relative_to(out).as_posix(): path.read_bytes() for path in wanted}


def writes(hub: Hub) -> list[str]:
    return [path for path, _ in hub.bodies]


# What it sends.


def test_an_output_is_published_whole_in_one_commit_and_private(writable: Hub, out: Path, curate: Curate) -> None:
    result = curate("push", out, NAME)
    assert (result.exit_code, result.out.splitlines()) == (
        0,
        [
            f"published {NAME}: 5 files sent",
            f"{writable.endpoint}/datasets/{NAME}",
            f"to check it: curate verify hf://datasets/{NAME}",
            f'to load it: datasets.load_dataset("{NAME}")',
        ],
    )
    assert sorted(writable.files(NAME)) == SENT
    published(writable, out)
    assert writable.commits(NAME) == 2  # the Hub makes the first one itself
    assert sum(writable.uploads.values()) == 3
    assert [json.loads(body)["visibility"] for path, body in writable.bodies if "create" in path] == ["private"]


def test_a_second_push_of_the_same_sends_nothing(writable: Hub, out: Path, curate: Curate) -> None:
    curate("push", out, NAME)
    writable.forget()
    result = curate("push", out, NAME)
    assert (result.exit_code, result.out.splitlines()[0]) == (0, f"nothing to send: {NAME} has all of it already")
    assert (writes(writable), writable.commits(NAME)) == ([], 2)


def test_fewer_shards_leave_no_old_rows_behind(writable: Hub, out: Path, tmp_path: Path, curate: Curate) -> None:
    curate("push", out, NAME)
    fewer = made_output(tmp_path / "fewer", [40, 50])
    result = curate("push", fewer, NAME)
    assert (result.exit_code, result.out.splitlines()[0]) == (0, f"published {NAME}: 3 files sent, 3 deleted")
    published(writable, fewer)
    assert writable.commits(NAME) == 3


def test_only_what_differs_is_sent(writable: Hub, tmp_path: Path, curate: Curate) -> None:
    curate("push", made_output(tmp_path / "one", [40, 30]), NAME)
    first = made_output(tmp_path / "two", [40, 31])
    result = curate("push", first, NAME)
    assert result.out.splitlines()[0] == f"published {NAME}: 3 files sent"  # one shard, the manifest, the card
    published(writable, first)


def test_shards_of_the_same_content_travel_once(writable: Hub, tmp_path: Path, curate: Curate) -> None:
    output = MadeOutput(tmp_path / "twins")
    output.add("Kettles", [[item("K1")] * 30, [item("K1")] * 30, [], []])
    assert curate("push", output.close(), NAME).exit_code == 0
    published(writable, tmp_path / "twins")
    assert [*writable.uploads.values()] == [1] * len(writable.uploads)


def test_nothing_of_this_machine_is_sent(writable: Hub, tmp_path: Path, curate: Curate) -> None:
    """Neither in a file nor in a request: no path of the source, of the output, no host, no user, no token."""
    secrets = ["/home/annabelle", "annabelle", "secret-host", str(tmp_path), TOKEN]
    output = MadeOutput(tmp_path / "out", {"source": {"path": "/home/annabelle/catalogue"}})
    output.add("Kettles", [[item("K1")] * 20, [item("K2")] * 20])
    plan = output._plans["Kettles"]  # pyright: ignore[reportPrivateUsage]
    plan.damaged_files["raw/more.jsonl.gz"] = "damaged: /home/annabelle/catalogue/raw/more.jsonl.gz: it ends early"
    out = output.close()
    (out / "_run.json").unlink(missing_ok=True)
    assert "annabelle" in (out / "manifest.json").read_text()
    assert curate("push", out, NAME, "--message", "First").exit_code == 0
    sent = list(writable.files(NAME).values())
    for path, body in writable.bodies:
        sent += [path.encode(), body]
        if "commit" in path or "preupload" in path:
            sent += [base64.b64decode(text) for text in re.findall(rb'"(?:content|sample)": "([^"]*)"', body)]
    assert len(sent) > 20
    assert not [secret for secret in secrets for content in sent if secret.encode() in content]
    assert b"Left out: damaged: raw/more.jsonl.gz\n" in writable.files(NAME)["README.md"]
    assert curate("verify", f"hf://datasets/{NAME}").exit_code == 0


def test_a_report_goes_too_and_one_that_names_a_path_of_this_machine_does_not(
    writable: Hub, out: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push_module, "verify_output", lambda _: "")  # which knows of no report yet
    (out / "report.html").write_text("<p>20 kettles</p>")
    (out / "report.json").write_text("{}")
    (out / "_rejects").mkdir()
    (out / "_rejects/0.parquet").write_text("what nobody may see")
    assert curate("push", out, NAME).exit_code == 0
    assert sorted(writable.files(NAME)) == sorted([*SENT, "report.html", "report.json"])
    (out / "report.html").write_text(f"<p>of {out}/data</p>")
    result = curate("push", out, NAME)
    assert result.exit_code == 2
    assert result.err.splitlines()[-2:] == [
        f"error: {out}/report.html names a path of this machine: {out}",
        "nothing was sent, since everybody could read it; make the output anew without it",
    ]
    (out / "report.html").unlink()
    assert curate("push", out, NAME).out.splitlines()[0] == f"published {NAME}: 0 files sent, 1 deleted"


def test_an_output_in_a_bucket_is_published(writable: Hub, s3: S3, curate: Curate) -> None:
    s3.bucket("shelf")
    output = MadeOutput("s3://shelf/out")
    output.add("Kettles", [[item("K1")] * 20])
    output.close()
    assert curate("push", "s3://shelf/out", NAME).exit_code == 0
    assert sorted(writable.files(NAME)) == [
        ".gitattributes",
        "README.md",
        "data/Kettles/items-00000-of-00001.parquet",
        "manifest.json",
    ]


def test_an_output_of_an_earlier_version_is_published(writable: Hub, tmp_path: Path, curate: Curate) -> None:
    shutil.copytree(ROOT / "tests/whole/old_output/output", tmp_path / "old")
    assert curate("push", tmp_path / "old", NAME).exit_code == 0
    published(writable, tmp_path / "old")
    assert curate("push", tmp_path / "old", NAME).out.startswith("nothing to send")
    assert curate("verify", f"hf://datasets/{NAME}").out.endswith(" files, 43 items\n")


def test_large_files_go_in_parts_where_the_hub_asks_for_that(writable: Hub, out: Path, curate: Curate) -> None:
    writable.part_bytes = 1_000
    assert curate("push", out, NAME).exit_code == 0
    published(writable, out)
    assert [*writable.uploads.values()] == [1, 1, 1]
    assert len([path for path in writes(writable) if re.fullmatch(r"/lfs/[0-9a-f]{64}/\d", path)]) == 9


def test_a_dry_run_says_what_it_would_do_and_writes_nothing(writable: Hub, out: Path, curate: Curate) -> None:
    result = curate("push", out, NAME, "--dry-run")
    assert (result.exit_code, result.out.splitlines()[:2]) == (
        0,
        [f"{NAME} would be made, private", f"would be sent: {SHARDS[0]}"],
    )
    assert writes(writable) == []
    curate("push", out, NAME)
    writable.forget()
    fewer = made_output(out.parent / "fewer", [40, 50])
    lines = curate("push", fewer, NAME, "--dry-run").out.splitlines()
    assert [line for line in lines if "deleted" in line] == [f"would be deleted: {name}" for name in SHARDS]
    assert [line for line in lines if "in place of" in line] == [
        "would be sent: manifest.json in place of the one there"
    ]
    assert writes(writable) == []


def test_a_branch_is_made_and_main_stays(writable: Hub, out: Path, curate: Curate) -> None:
    result = curate("push", out, NAME, "--revision", "v2")
    assert (result.exit_code, result.out.splitlines()[-1]) == (
        0,
        f"to load it: datasets.load_dataset(\"{NAME}\", revision='v2')",
    )
    assert sorted(writable.files(NAME, "v2")) == SENT
    assert sorted(writable.files(NAME)) == [".gitattributes"]
    assert curate("verify", f"hf://datasets/{NAME}@v2").exit_code == 0


# What it refuses.


def test_files_from_elsewhere_are_refused_and_replaced_when_asked(
    writable: Hub, out: Path, tmp_path: Path, curate: Curate
) -> None:
    (tmp_path / "before").mkdir()
    (tmp_path / "before/kettles.csv").write_text("name,price\n")
    (tmp_path / "before/README.md").write_text("# By hand\n")
    (tmp_path / "before/.gitignore").write_text("*.parquet\n")
    writable.put(NAME, tmp_path / "before")
    writable.forget()
    result = curate("push", out, NAME)
    assert (result.exit_code, result.err) == (
        4,
        f"error: {NAME} has files that no earlier push sent, or that were edited there: "
        ".gitignore, README.md, kettles.csv\nnothing was published; name another data set, or let the same commit "
        f"delete or replace these files: curate push {out} {NAME} --replace\n",
    )
    assert writes(writable) == []
    assert curate("push", out, NAME, "--replace").out.splitlines()[0] == f"published {NAME}: 5 files sent, 2 deleted"
    assert sorted(writable.files(NAME)) == sorted(SENT)[1:]


@pytest.mark.parametrize("edited", ["README.md", SHARDS[0]])
def test_a_file_that_was_edited_on_the_hub_is_not_overwritten(
    writable: Hub, out: Path, tmp_path: Path, curate: Curate, edited: str
) -> None:
    curate("push", out, NAME)
    for name, content in writable.files(NAME).items():
        path = tmp_path / "edited" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content + b"\nLicense: mine.\n" if name == edited else content)
    writable.put(NAME, tmp_path / "edited")
    result = curate("push", out, NAME)
    assert (result.exit_code, f"edited there: {edited}\n" in result.err) == (4, True)
    assert curate("push", out, NAME, "--replace").out.splitlines()[0] == f"published {NAME}: 1 file sent"


@pytest.mark.parametrize(("flags", "private"), [(["--public"], True), ([], False)])
def test_a_data_set_stays_as_open_as_it_is(
    writable: Hub, out: Path, tmp_path: Path, curate: Curate, flags: list[str], private: bool
) -> None:
    curate("push", out, NAME, *([] if private else ["--public"]))
    result = curate("push", made_output(tmp_path / "next", [5]), NAME, *flags)
    says = (
        f"{NAME} was private, and stays so; to open it, see its settings on the Hub" if private else f"{NAME} is public"
    )
    assert result.out.splitlines()[1] == says
    assert not [path for path in writes(writable) if "settings" in path]
    from huggingface_hub import HfApi

    assert HfApi().dataset_info(NAME).private == private


LOG_IN = "log in with a token that may write: hf auth login (or set HF_TOKEN)"


@pytest.mark.parametrize(
    ("token", "message"),
    [
        (None, "there is no token for the Hub, and a push needs one"),
        ("hf_reader", f"the token may only read, and a push to {NAME} writes; nothing was published"),
        ("hf_unknown", "the Hub refuses the token; nothing was published"),
        ("hf_ü", "the Hub's token has a character that no token has"),
    ],
)
def test_a_token_that_may_not_write_is_one_error(
    writable: Hub, out: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch, token: str | None, message: str
) -> None:
    writable.token("hf_reader", "read")
    monkeypatch.delenv("HF_TOKEN")
    if token is not None:
        monkeypatch.setenv("HF_TOKEN", token)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", "/nonexistent/token")
    result = curate("push", out, NAME)
    assert (result.exit_code, result.err.splitlines()[0]) == (2, f"error: {message}")
    assert len(result.err.splitlines()) == 2
    assert (str(token) in result.err, writes(writable)) == (False, [])


def test_a_push_without_a_network_by_choice_is_one_error(
    writable: Hub, out: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    result = curate("push", out, NAME)
    assert (result.exit_code, result.err.splitlines()[0]) == (
        2,
        "error: HF_HUB_OFFLINE is set, and a push needs the network",
    )
    assert writable.requests == []


def test_a_token_without_the_right_to_this_owner_is_one_error(writable: Hub, out: Path, curate: Curate) -> None:
    writable.fail(Status(403), path="/api/repos/create")
    result = curate("push", out, NAME)
    assert (result.exit_code, result.err.splitlines()[1:]) == (
        2,
        [
            f"error: the token may not write to {NAME}: it may only read, or someone is not yours; "
            "nothing was published",
            LOG_IN,
        ],
    )


@pytest.mark.parametrize(
    "name",
    [
        "kettles",
        "a/b/c",
        "someone/",
        "/kettles",
        "-a/b",
        "a/b.",
        "a/b--c",
        "a/b..c",
        "a/b.git",
        "a/ü",
        "a/b c",
        f"a/{'b' * 97}",
    ],
)
def test_a_name_that_is_none_is_refused_before_any_request(writable: Hub, out: Path, curate: Curate, name: str) -> None:
    result = curate("push", out, "--", name)
    assert (result.exit_code, result.err.startswith(f"error: no data set on the Hub can be called {name!r}: ")) == (
        2,
        True,
    )
    assert writable.requests == []


def test_the_address_of_a_page_is_answered_with_the_name(writable: Hub, out: Path, curate: Curate) -> None:
    for text in ("https://huggingface.co/datasets/a/b/tree/main", "hf://datasets/a/b", "datasets/a/b"):
        assert "\ndid you mean a/b?\n" in curate("push", out, text).err


@pytest.mark.parametrize("kind", ["model", "space"])
def test_a_repository_of_another_kind_is_refused(writable: Hub, out: Path, curate: Curate, kind: str) -> None:
    writable.other(NAME, kind)  # pyright: ignore[reportArgumentType]
    result = curate("push", out, NAME)
    assert (result.exit_code, result.err.splitlines()[0]) == (
        2,
        f"error: {NAME} is a {kind} on the Hub, and no data set; nothing was published",
    )
    assert writes(writable) == []


def test_a_revision_that_is_no_branch_is_refused(writable: Hub, out: Path, curate: Curate) -> None:
    for revision in ("0" * 40, "a b", "a..b", "/a"):
        assert curate("push", out, NAME, "--revision", revision).exit_code == 2
    assert writes(writable) == []


def test_an_output_that_is_not_whole_is_not_sent(writable: Hub, out: Path, tmp_path: Path, curate: Curate) -> None:
    half = MadeOutput(tmp_path / "half").add("Kettles", [[item("K1")]], unfinished=1).close()
    assert f"{half} is not complete" in curate("push", half, NAME).err
    shard = out / SHARDS[1]
    content = bytearray(shard.read_bytes())
    content[100] ^= 1
    shard.write_bytes(content)
    result = curate("push", out, NAME)
    assert (result.exit_code, f"{SHARDS[1]}: its bytes are not those that were written" in result.err) == (1, True)
    assert curate("push", tmp_path / "nowhere", NAME).exit_code == 2
    assert writes(writable) == []


def test_a_shard_that_changes_after_it_was_verified_is_not_published(
    writable: Hub, out: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push_module, "verify_output", lambda _: altered_shard(out))
    result = curate("push", out, NAME)
    assert (result.exit_code, f"{SHARDS[2]} has changed since it was verified, or is gone" in result.err) == (1, True)
    assert sorted(writable.files(NAME)) == [".gitattributes"]


def altered_shard(out: Path) -> str:
    (out / SHARDS[2]).write_bytes((out / SHARDS[1]).read_bytes())
    return ""


# What may happen on the way.


def test_a_commit_by_somebody_else_is_never_overwritten(writable: Hub, out: Path, curate: Curate) -> None:
    writable.fail(CommitBetween(), path="/commit/")
    result = curate("push", out, NAME)
    assert (result.exit_code, result.err.splitlines()[-2]) == (
        4,
        f"error: somebody else has committed to {NAME} meanwhile; nothing was published",
    )
    assert sorted(writable.files(NAME)) == [".gitattributes", "note-1.txt"]
    assert curate("push", out, NAME).exit_code == 4  # their file is from elsewhere
    assert curate("push", out, NAME, "--replace").exit_code == 0
    assert [*writable.uploads.values()] == [1, 1, 1]


STEPS = [
    "/revision/main",
    "/api/models/",
    "/api/repos/create",
    "/refs",
    "/tree/",
    "/preupload/",
    "/objects/batch",
    "/lfs/",
    "/lfs/verify/",
    "/commit/",
]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    "fault", [Status(500), Status(503), TooManyRequests(retry_after=30), TooManyRequests(), Refuse()], ids=repr
)
def test_a_fault_that_passes_costs_nothing(writable: Hub, out: Path, curate: Curate, step: str, fault: Fault) -> None:
    writable.fail(fault, path=step, times=2)
    result = curate("push", out, NAME)
    assert (result.exit_code, writable.applied) == (0, [fault, fault])
    published(writable, out)
    assert (writable.commits(NAME), [*writable.uploads.values()]) == (2, [1, 1, 1])


@pytest.mark.parametrize(
    ("fault", "times"), [(Status(500), 2), (Refuse(), 2), (TooManyRequests(), 1), (Status(404), 1)]
)
def test_who_the_user_is_need_not_be_known(writable: Hub, out: Path, curate: Curate, fault: Fault, times: int) -> None:
    writable.fail(fault, path="/api/whoami-v2", times=times)
    assert (curate("push", out, NAME).exit_code, writable.applied) == (0, [fault] * times)


@pytest.mark.parametrize("step", ["/api/repos/create", "/lfs/", "/lfs/verify/", "/commit/"])
def test_an_answer_that_gets_lost_makes_nothing_twice(writable: Hub, out: Path, curate: Curate, step: str) -> None:
    writable.fail(Lost(), path=step)
    result = curate("push", out, NAME)
    assert (result.exit_code, writable.applied) == (0, [Lost()])
    published(writable, out)
    assert writable.commits(NAME) == 2


def test_a_network_that_is_away_for_a_minute_is_waited_for(
    writable: Hub, out: Path, curate: Curate, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleep = clock.sleep

    def back_after_a_minute(seconds: float) -> None:
        sleep(seconds)
        if clock.now > 60:
            writable._rules.clear()  # pyright: ignore[reportPrivateUsage]

    monkeypatch.setattr(clock, "sleep", back_after_a_minute)
    monkeypatch.setattr("job.publish.answers.time.sleep", back_after_a_minute)
    writable.fail(Refuse(), path="/objects/batch", times=None)
    result = curate("push", out, NAME)
    assert (result.exit_code, clock.now > 60) == (0, True)
    assert "the Hub does not answer as it should: trying again" in result.err
    published(writable, out)


def test_a_network_that_stays_away_is_one_error_and_nothing_is_published(
    writable: Hub, out: Path, curate: Curate, clock: Clock
) -> None:
    writable.fail(Refuse(), path="/objects/batch", times=None)
    result = curate("push", out, NAME)
    assert (result.exit_code, sorted(writable.files(NAME))) == (1, [".gitattributes"])
    error = result.err[result.err.index("error: ") :].splitlines()
    assert error[0].startswith(f"error: {NAME}: the Hub cannot be reached: ")
    assert error[1:] == [
        "nothing was published; run the same command again to go on: what the Hub has is not sent again"
    ]
    assert 60 < clock.now < 200


def test_a_hub_that_never_answers_is_said_soon(writable: Hub, out: Path, curate: Curate, clock: Clock) -> None:
    writable.fail(Refuse(), times=None)
    assert curate("push", out, NAME).exit_code == 1
    assert clock.now < 30


@pytest.mark.parametrize("writes_before", range(12))
def test_a_push_that_failed_anywhere_is_finished_by_the_next(
    writable: Hub, out: Path, curate: Curate, monkeypatch: pytest.MonkeyPatch, writes_before: int
) -> None:
    """The whole push makes 12 writes; this one stops after so many."""
    monkeypatch.setattr("job.publish.answers.PATIENCE_S", 0)
    monkeypatch.setattr("job.publish.push._AT_ONCE_BYTES", 1)
    steps = [
        "create",
        "preupload",
        "batch",
        "/lfs/",
        "/lfs/verify",
        "preupload",
        "batch",
        "/lfs/",
        "preupload",
        "batch",
    ]
    steps += ["validate-yaml", "/commit/"]
    before = steps[:writes_before].count(steps[writes_before])
    writable.fail(Status(418), path=steps[writes_before], after=before, times=None)
    assert curate("push", out, NAME).exit_code == 1
    assert writable.applied
    writable.forget()
    assert curate("push", out, NAME).exit_code == 0
    published(writable, out)
    assert (writable.commits(NAME), [*writable.uploads.values()]) == (2, [1, 1, 1])
