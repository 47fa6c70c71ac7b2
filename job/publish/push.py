"""Publishes a complete output on the Hub: whole, or not at all.

The order is what makes that so. The output is read back first. What the Hub has already, by its hashes, is not sent.
Files of rows go ahead, a few at a time, and are nowhere to be seen until one commit at the end names them all, deletes
what the earlier manifest named and this one does not, and states which commit it follows; if somebody else has
committed meanwhile, the Hub refuses it. A push that was interrupted leaves uploaded files behind that the Hub knows by
their hashes, so the next one does not send them again.

Each file is read whole and compared with the manifest before it is sent, so that nothing is published that was not
verified; the memory for it is that of one file of rows, or of `_AT_ONCE_BYTES` of small ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from job.errors import CurateError, RefusedError, UsageError, printable, quoted
from job.output.folder import OutputFolder, open_any
from job.output.verify import verify_output
from job.progress.display import progress_display
from job.progress.snapshots import Download
from job.publish.address import dataset_name
from job.publish.answers import CHANGED_STATUSES, Patience, is_temporary, somebody_else, status_of
from job.publish.contents import Contents, RowsFile, contents, has_hash
from job.publish.repository import HubRepository, Published, plain_http
from job.source.hub_waits import hub_waits_said
from job.storage.patience import outages_said

_AT_ONCE_BYTES = 32 << 20
"""Bytes of files that are in memory and on their way at a time; a larger file goes alone."""
_NAMES_SHOWN = 5
_DEFAULT_BRANCH = "main"


@dataclass(frozen=True, kw_only=True, slots=True)
class Changes:
    """What a push changes on the Hub."""

    texts: tuple[str, ...]
    """Names of the texts to send."""
    rows: tuple[RowsFile, ...]
    """Files of rows to send."""
    deleted: tuple[str, ...]

    @property
    def sent(self) -> list[str]:
        """Names of all files to send."""
        return [*(file.name for file in self.rows), *self.texts]

    def __bool__(self) -> bool:
        return bool(self.texts or self.rows or self.deleted)


def push(
    out: str,
    name: str,
    *,
    public: bool = False,
    revision: str | None = None,
    message: str | None = None,
    with_removed: bool = False,
    replace: bool = False,
    dry_run: bool = False,
    quiet: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Iterator[str]:
    """Publishes an output of items, or a training set, as a data set on the Hub.

    Args:
        out: path or address of the output or the set.
        name: the data set, as `OWNER/NAME`; it is made unless it is there.
        public: make a new data set public, and not private. One that is there stays what it is.
        revision: the branch to write to; `main` unless given. It is made unless it is there.
        message: message of the commit.
        with_removed: send the rows that are in no split, too.
        replace: delete what the data set has from elsewhere, too.
        dry_run: only say what would be done.
        quiet: show no progress.
        say: called with each line that a user should see meanwhile.

    Yields:
        What was done, and how to load it.

    Raises:
        CurateError: its subclasses say what can go wrong.
    """
    name, branch = dataset_name(name), _branch(revision)
    output, plan = open_any(out)
    repository = HubRepository(name, branch, Patience(name, say))
    with hub_waits_said(say), outages_said(say):
        repository.check_token()
        before = repository.look()
        if before is not None and before.strangers and not replace:
            raise _refused(output, name, before.strangers)
        say(f"reading {output.root} back")
        verify_output(output.root)
        wanted = contents(output, plan.config, with_removed=with_removed)
        changes = compared(output, wanted, before)
        if dry_run:
            yield from _prospect(name, changes, before, public=public)
            return
        if before is not None and not changes and before.has_branch:
            yield f"nothing to send: {name} has all of it already"
            yield from _last_lines(repository, is_private=before.is_private, public=public)
            return
        before = _ready(repository, before, private=not public)
        if changes:
            _send(repository, output, wanted, changes, before, message or "Publish the output of curate", quiet=quiet)
    yield f"published {name}: {_counted(changes)}"
    yield from _last_lines(repository, is_private=before.is_private, public=public)


def _branch(revision: str | None) -> str:
    if revision is None:
        return _DEFAULT_BRANCH
    is_commit = len(revision) == 40 and all(letter in "0123456789abcdef" for letter in revision)
    parts = revision.split("/")
    if is_commit or "" in parts or ".." in revision or not revision.isprintable() or set(revision) & set(" ~^:?*[\\@"):
        what = "is a commit" if is_commit else "cannot be the name of a branch"
        raise UsageError(
            f"{revision!a} {what}, and a push adds a commit to a branch\n"
            "name one, such as v2: curate push OUT OWNER/NAME --revision v2"
        )
    return revision


def _refused(output: OutputFolder, name: str, strangers: Sequence[str]) -> RefusedError:
    return RefusedError(
        f"{name} has files that no earlier push sent, or that were edited there: {_listed(strangers)}\n"
        "nothing was published; name another data set, or let the same commit delete or replace these files: "
        f"curate push {quoted(output.root)} {name} --replace"
    )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMES_SHOWN:,} more" if len(names) > _NAMES_SHOWN else ""
    return ", ".join(map(printable, names[:_NAMES_SHOWN])) + more


def compared(output: OutputFolder, wanted: Contents, before: Published | None) -> Changes:
    """Compares what is to be published with what a data set has, by size and hash.

    Args:
        output: the output folder.
        wanted: what is to be published of it.
        before: what the data set has; None if it is not there.
    """
    there = {} if before is None else before.files

    def is_there(file: RowsFile) -> bool:
        published = there.get(file.name)
        if published is None or published.size_bytes != file.size_bytes:
            return False
        if len(published.fingerprint) == len(file.sha256):
            return published.fingerprint == file.sha256
        return has_hash(_content(output, file), published.fingerprint)

    unsent = {
        name
        for name, content in wanted.texts.items()
        if name not in there or not has_hash(content, there[name].fingerprint)
    }
    gone = () if before is None else sorted({*before.own, *before.strangers} - wanted.names)
    return Changes(
        texts=tuple(name for name in wanted.texts if name in unsent),
        rows=tuple(file for file in wanted.rows if not is_there(file)),
        deleted=tuple(gone),
    )


def _content(output: OutputFolder, file: RowsFile) -> bytes:
    """Reads a file of rows. Raises CurateError unless it is what the manifest says."""
    content = output.store.read(file.name)
    if content is None or hashlib.sha256(content).hexdigest() != file.sha256:
        raise CurateError(
            f"{output.where(file.name)} has changed since it was verified, or is gone\n"
            f"nothing was published; find out who changes files there: curate verify {quoted(output.root)}"
        )
    return content


def _ready(repository: HubRepository, before: Published | None, *, private: bool) -> Published:
    """Makes the repository and the branch, as far as they are not there. Returns what is there then."""
    if before is None:
        repository.create(private=private)
        before = repository.look()
        if before is None:
            raise CurateError(
                f"{repository.name} is there, and the Hub does not show it to this token\n"
                "nothing was published; run the same command again, or log in with another token: hf auth login"
            )
        if before.own or before.strangers:
            raise somebody_else(repository.name)
    if not before.has_branch:
        repository.create_branch(before.commit)
    return before


def _batches(files: Sequence[RowsFile]) -> Iterator[list[RowsFile]]:
    """Yields the files in groups of `_AT_ONCE_BYTES`, each content once."""
    batch: list[RowsFile] = []
    for file in {file.sha256: file for file in reversed(files)}.values():
        if batch and sum(each.size_bytes for each in batch) + file.size_bytes > _AT_ONCE_BYTES:
            yield batch
            batch = []
        batch.append(file)
    if batch:
        yield batch


def _send(
    repository: HubRepository,
    output: OutputFolder,
    wanted: Contents,
    changes: Changes,
    before: Published,
    message: str,
    *,
    quiet: bool,
) -> None:
    """Sends the files, then commits them all at once."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete
    from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    operations: dict[str, CommitOperationAdd] = {}

    def preupload(additions: Sequence[CommitOperationAdd]) -> None:
        # Without ignored names: the client would leave such files out of the commit without a word.
        repository.patience(
            lambda: repository.api.preupload_lfs_files(
                repository.name,
                list(additions),
                repo_type="dataset",
                revision=repository.branch,
                gitignore_content="",
                num_threads=4,
            )
        )
        operations.update((each.path_in_repo, each) for each in additions)

    total, done = sum(file.size_bytes for file in {file.sha256: file for file in changes.rows}.values()), 0
    shows_bars = not are_progress_bars_disabled()
    disable_progress_bars()
    try:
        with plain_http(), progress_display(quiet=quiet) as show:
            for batch in _batches(changes.rows):
                show(Download(repository.name, total, done, "sending"))
                preupload([CommitOperationAdd(file.name, _content(output, file)) for file in batch])
                done += sum(file.size_bytes for file in batch)
            if changes.rows:
                show(Download(repository.name, total, done, "sending"))
            for file in changes.rows:
                if file.name not in operations:  # its content is another file's, too, and is there by now
                    preupload([CommitOperationAdd(file.name, _content(output, file))])
            if changes.texts:
                preupload([CommitOperationAdd(each, wanted.texts[each]) for each in changes.texts])
            deletions = [CommitOperationDelete(each, is_folder=False) for each in changes.deleted]
            _commit(repository, output, wanted, before, [*operations.values(), *deletions], message)
    finally:
        if shows_bars:
            enable_progress_bars()


def _commit(
    repository: HubRepository,
    output: OutputFolder,
    wanted: Contents,
    before: Published,
    operations: Sequence[Any],
    message: str,
) -> None:
    """Commits. The answer to a commit may get lost, so that it is done although it seems to have failed."""

    def commit() -> None:
        try:
            repository.api.create_commit(
                repository.name,
                operations,
                commit_message=message,
                repo_type="dataset",
                revision=repository.branch,
                parent_commit=before.commit,
            )
        except Exception as error:
            if not is_temporary(error) and status_of(error) not in CHANGED_STATUSES:
                raise
            now = repository.look()
            if now is not None and now.commit != before.commit:
                if compared(output, wanted, now) or now.strangers:
                    raise somebody_else(repository.name) from None
                return
            raise

    repository.patience(commit, passes=lambda error: is_temporary(error) or status_of(error) in CHANGED_STATUSES)


def _prospect(name: str, changes: Changes, before: Published | None, *, public: bool) -> Iterator[str]:
    """Yields what a push would do."""
    if before is None:
        yield f"{name} would be made, {'public' if public else 'private'}"
    if not changes:
        yield f"{name} has all of it already"
    for file in changes.sent:
        replaces = " in place of the one there" if before is not None and file in before.files else ""
        yield f"would be sent: {file}{replaces}"
    for file in changes.deleted:
        yield f"would be deleted: {printable(file)}"
    size = sum(file.size_bytes for file in changes.rows) / 1e6
    yield f"{size:,.1f} MB of rows; nothing was touched, since this was a dry run"


def _counted(changes: Changes) -> str:
    sent, gone = len(changes.sent), len(changes.deleted)
    return f"{sent:,} {'file' if sent == 1 else 'files'} sent" + (f", {gone:,} deleted" if gone else "")


def _last_lines(repository: HubRepository, *, is_private: bool, public: bool) -> Iterator[str]:
    name, branch = repository.name, repository.branch
    if public and is_private:
        yield f"{name} was private, and stays so; to open it, see its settings on the Hub"
    elif not public and not is_private:
        yield f"{name} is public"
    at = "" if branch == _DEFAULT_BRANCH else f", revision={branch!r}"
    address = "" if branch == _DEFAULT_BRANCH else f"@{branch.replace('/', '%2F')}"
    yield f"{repository.api.endpoint}/datasets/{name}"
    yield f"to check it: curate verify {quoted(f'hf://datasets/{name}{address}')}"
    yield f'to load it: datasets.load_dataset("{name}"{at})'
