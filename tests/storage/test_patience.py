"""How long a bucket is waited for, what is said meanwhile, and what ends the wait."""

from __future__ import annotations

import _thread
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from job.errors import CurateError, DeniedError, NoAnswerError
from job.storage import filesystem, patience
from job.storage.bucket import ObjectStore
from job.storage.patience import GivenUpError, end_patience, outages_said, outlast_outages, patiently

BUCKET = "s3://bucket"


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock a hundred times as fast, and a process that knows no bucket yet."""
    monkeypatch.setattr(patience, "_state", patience._State())  # pyright: ignore[reportPrivateUsage]
    for name in ("PATIENCE_S", "_FIRST_PATIENCE_S", "_FIRST_WAIT_S", "_LONGEST_WAIT_S", "_ENDING_S", "_LOOK_S"):
        monkeypatch.setattr(patience, name, getattr(patience, name) / 100)


@pytest.fixture
def said() -> Iterator[list[str]]:
    lines: list[str] = []
    with outages_said(lines.append):
        yield lines


class Bucket:
    """A bucket that does not answer until some time, or never."""

    def __init__(self, away_s: float = 60.0) -> None:
        self.back = time.monotonic() + away_s
        self.asked = 0

    def ask(self) -> str:
        self.asked += 1
        if time.monotonic() < self.back:
            raise ConnectionRefusedError("nobody listens")
        return "answer"

    def __call__(self) -> str:
        return patiently(BUCKET, self.ask, self.ask, lambda error: isinstance(error, ConnectionError))


def seconds_until_given_up(bucket: Callable[[], object]) -> float:
    began = time.monotonic()
    with pytest.raises(GivenUpError) as given_up:
        bucket()
    assert str(given_up.value.__cause__) == "nobody listens"
    return time.monotonic() - began


def test_a_bucket_that_answers_in_time_is_waited_for(said: list[str]) -> None:
    assert Bucket(0)() == "answer"
    assert Bucket(0.25)() == "answer"
    assert said == [f"{BUCKET} does not answer: trying again for 0 s", f"{BUCKET} answers again"]


def test_all_requests_of_a_process_share_one_patience(said: list[str]) -> None:
    assert Bucket(0)() == "answer"
    assert 0.3 < seconds_until_given_up(Bucket()) < 1
    again = Bucket()
    assert seconds_until_given_up(again) < 0.2
    assert again.asked == 1
    assert said == [f"{BUCKET} does not answer: trying again for 0 s"]
    assert Bucket(0)() == "answer"


def test_a_bucket_that_never_answered_is_given_up_sooner_except_by_a_worker(said: list[str]) -> None:
    assert seconds_until_given_up(Bucket()) < 0.3
    with outages_said(said.append):
        outlast_outages()
        assert seconds_until_given_up(Bucket()) > 0.3


def test_the_end_of_a_run_ends_all_waiting(monkeypatch: pytest.MonkeyPatch, said: list[str]) -> None:
    monkeypatch.setattr(patience, "PATIENCE_S", 60.0)
    assert Bucket(0)() == "answer"
    threading.Timer(0.2, end_patience).start()
    assert seconds_until_given_up(Bucket()) < 1
    silent = threading.Event()
    began = time.monotonic()
    for _ in range(3):  # nor is there time for what is left to do
        with pytest.raises(GivenUpError):
            patiently(BUCKET, lambda: silent.wait(60), lambda: None, lambda _: False)
    assert time.monotonic() - began < 1
    with outages_said(said.append):  # but the next run has all of it
        assert Bucket(0.1)() == "answer"


def test_without_a_run_there_is_none_that_could_end() -> None:
    end_patience()
    time.sleep(0.1)
    assert patiently(BUCKET, lambda: "answer", lambda: None, lambda _: False) == "answer"


def test_ctrl_c_ends_the_wait_for_an_answer() -> None:
    threading.Timer(0.2, _thread.interrupt_main).start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        patiently(BUCKET, lambda: time.sleep(5), lambda: None, lambda _: False)
    assert time.monotonic() - began < 2


def test_a_request_that_fails_while_others_succeed_is_repeated_five_times() -> None:
    asked: list[int] = []

    def fails() -> None:
        asked.append(1)
        raise ConnectionResetError("cut off")

    with pytest.raises(GivenUpError):
        patiently(BUCKET, fails, lambda: None, lambda _: True)
    assert len(asked) == 6


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("When reading: AWS Error ACCESS_DENIED during HeadObject operation: No response body", DeniedError),
        ("AWS Error INVALID_ACCESS_KEY_ID during ListObjectsV2 operation: it does not exist", DeniedError),
        ("AWS Error SIGNATURE_DOES_NOT_MATCH during PutObject operation: check your key", DeniedError),
        (
            "AWS Error UNKNOWN (HTTP status 400) during ListObjectsV2 operation: ExpiredToken: expired",
            DeniedError,
        ),
        ("google::cloud::Status(UNAUTHENTICATED: no valid token)", DeniedError),
        ("Could not find Default Credentials", DeniedError),
        ("AWS Error NO_SUCH_BUCKET during ListObjectsV2 operation: none", CurateError),
        ("AWS Error NETWORK_CONNECTION during HeadObject operation: curlCode: 7, no", NoAnswerError),
        ("AWS Error UNKNOWN (HTTP status 503) during PutObject operation: No response body", NoAnswerError),
        ("AWS Error SLOW_DOWN during PutObject operation: reduce your request rate", NoAnswerError),
        ("google::cloud::Status(UNAVAILABLE: Retry policy exhausted)", NoAnswerError),
    ],
)
def test_what_a_storage_says_is_wrong_keys_or_an_outage_or_something_else(
    words: str, kind: type[CurateError], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wrong keys are wrong input, exit code 2, until work has begun."""

    class Storage:
        def get_file_info(self, path: object) -> object:
            raise OSError(words)

    monkeypatch.setattr(filesystem, "open_filesystem", lambda _: (Storage(), "bucket/a"))
    with pytest.raises(CurateError) as raised:
        filesystem.size_of("s3://bucket/a")
    assert type(raised.value) is kind
    assert raised.value.exit_code == (2 if kind is DeniedError else 1)
    assert raised.value.message.startswith("s3://bucket/a: ")
    assert len(raised.value.message.splitlines()) == 2


def test_a_storage_that_begins_to_refuse_its_keys_at_work_has_failed() -> None:
    error = DeniedError("s3://a: access denied\ncheck the credentials").at_work()
    assert type(error) is CurateError
    assert error.exit_code == 1
    assert error.message == "s3://a: access denied\nwhat was finished is kept; check the credentials"


def test_a_bucket_that_is_away_is_no_reason_to_begin_a_partition_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mark that cannot be written counts as the first."""
    monkeypatch.setattr(filesystem, "get", lambda _: (_ for _ in ()).throw(NoAnswerError("away")))
    assert ObjectStore("s3://bucket/a").mark("_running/Toys/00000", "node") == ["node"]
