"""A data set repository on the Hub that is to be written: what is in it, and who may see it."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from job.errors import UsageError
from job.output.folder import CARD, MANIFEST
from job.publish.answers import Patience, no_token, refusal
from job.publish.contents import OF_THE_HUB, TEXTS, RowsFile, is_own_card, rows_files
from job.source.files import Repository, SourceFile
from job.source.find.hub import published_files
from job.source.hub_errors import request_headers

if TYPE_CHECKING:
    from huggingface_hub import HfApi


@dataclass(frozen=True, kw_only=True, slots=True)
class Published:
    """What a repository has on a branch."""

    commit: str
    is_private: bool
    has_branch: bool
    """Whether the branch is there; without it, this is what it will begin with."""
    files: Mapping[str, SourceFile]
    own: frozenset[str]
    """Names of the files that an earlier push sent."""
    strangers: tuple[str, ...]
    """Names of the files that are from elsewhere, or were edited there."""


class HubRepository:
    """A data set on the Hub, as the user's token sees it.

    Args:
        name: `OWNER/NAME`.
        branch: the branch to write to.
        patience: repeats what fails in passing.
    """

    def __init__(self, name: str, branch: str, patience: Patience):
        self.name = name
        self.branch = branch
        self.patience = patience

    @property
    def api(self) -> HfApi:
        """The client; it looks the token up at each request."""
        from huggingface_hub import HfApi

        return HfApi(library_name="curate")

    def check_token(self) -> None:
        """Asks who the user is.

        Raises:
            UsageError: if there is no token, or it is refused, or may only read.
        """
        from huggingface_hub import constants, get_token
        from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

        if constants.is_offline_mode():
            raise refusal(OfflineModeIsEnabled("offline"), self.name)
        request_headers()  # says so if the token cannot be read
        if get_token() is None:
            raise no_token()

        def who() -> Any:
            try:
                return self.api.whoami()
            except HfHubHTTPError as error:
                if error.response.status_code in {404, 429}:  # not every Hub tells, nor as often as it is asked
                    return {}
                raise

        auth = self.patience(who).get("auth")
        token = auth.get("accessToken") if isinstance(auth, dict) else None
        if isinstance(token, dict) and token.get("role") == "read":
            raise UsageError(
                f"the token may only read, and a push to {self.name} writes; nothing was published\n"
                "log in with a token that may write: hf auth login (or set HF_TOKEN)"
            )

    def look(self) -> Published | None:
        """Returns what is on the branch now; None if there is no such repository.

        Raises:
            UsageError: if the name is another kind of repository's, or the revision is no branch.
            CurateError: if the Hub does not answer.
        """
        from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

        def ask() -> Any:
            try:
                return self.api.repo_info(self.name, repo_type="dataset", revision=self.branch)
            except RevisionNotFoundError:
                return self.api.repo_info(self.name, repo_type="dataset")
            except RepositoryNotFoundError as error:
                if error.response.status_code == 401:
                    raise
                return None

        info = self.patience(ask)
        if info is None:
            self._check_no_other_kind()
            return None
        refs = self.patience(
            lambda: self.api.list_repo_refs(self.name, repo_type="dataset", include_pull_requests=True)
        )
        if any(self.branch in (tag.name, tag.ref) for tag in refs.tags):
            raise UsageError(
                f"{self.branch} is a tag of {self.name}, and a push goes to a branch\n"
                "name one, such as v2: curate push OUT OWNER/NAME --revision v2"
            )
        branches = [*refs.branches, *(refs.pull_requests or ())]
        has_branch = any(self.branch in (branch.name, branch.ref) for branch in branches)
        at = Repository(self.name, str(info.sha))
        files = {file.name: file for file in self.patience(lambda: published_files(at))}
        own, strangers = self._owners(files)
        return Published(
            commit=str(info.sha),
            is_private=bool(info.private),
            has_branch=has_branch,
            files=files,
            own=own,
            strangers=strangers,
        )

    def _owners(self, files: Mapping[str, SourceFile]) -> tuple[frozenset[str], tuple[str, ...]]:
        """Returns which files are of an earlier push, by the manifest of that, and which are not."""
        manifest = content_of(files[MANIFEST]) if MANIFEST in files else b""
        try:
            rows = {file.name: file for file in rows_files(manifest)}
            own = {*rows, *TEXTS}
        except ValueError:
            rows, own = dict[str, RowsFile](), set[str]()
        for name in rows.keys() & files.keys():  # a hash of another kind says nothing
            if files[name].fingerprint != rows[name].sha256 and len(files[name].fingerprint) == len(rows[name].sha256):
                own -= {name}
        if own and CARD in files and not is_own_card(content_of(files[CARD]), manifest):
            own -= {CARD}
        strangers = sorted(set(files) - own - {OF_THE_HUB})
        return frozenset(own & set(files)), tuple(strangers)

    def _check_no_other_kind(self) -> None:
        from huggingface_hub.errors import HfHubHTTPError

        for kind in ("model", "space"):

            def ask(kind: str = kind) -> bool:
                try:
                    self.api.repo_info(self.name, repo_type=kind)
                except HfHubHTTPError as error:
                    if error.response.status_code in {401, 403, 404}:
                        return False
                    raise
                return True

            if self.patience(ask):
                raise UsageError(
                    f"{self.name} is a {kind} on the Hub, and no data set; nothing was published\n"
                    f"name another; if both are to have that name, make the data set on the Hub's website first"
                )

    def create(self, *, private: bool) -> None:
        """Makes the repository, unless it has appeared meanwhile."""
        self.patience(lambda: self.api.create_repo(self.name, repo_type="dataset", private=private, exist_ok=True))

    def create_branch(self, commit: str) -> None:
        """Makes the branch, beginning at a commit."""
        self.patience(
            lambda: self.api.create_branch(
                self.name, branch=self.branch, revision=commit, repo_type="dataset", exist_ok=True
            )
        )


@contextlib.contextmanager
def plain_http() -> Generator[None]:
    """Makes the client upload over plain HTTP, each file by its SHA-256, while the context lasts.

    It would use Xet wherever that is installed, without asking whether the Hub has it. And while Xet's server was away,
    hf_xet 1.8.0 waited for 387 s without a word. The Hub stores what comes over plain HTTP in Xet later.
    """
    from huggingface_hub import constants

    before = constants.HF_HUB_DISABLE_XET
    constants.HF_HUB_DISABLE_XET = True
    try:
        yield
    finally:
        constants.HF_HUB_DISABLE_XET = before


def content_of(file: SourceFile) -> bytes:
    """Fetches a small file whole.

    Raises:
        CurateError: if the Hub does not send it.
    """
    with file.location.open(0, file.size_bytes) as stream:
        return stream.read()
