"""The files of a report beside its output: whole, of this program, and of the items that are there now.

Each carries the content digest of the items that it is of, and ends with a checksum of itself, so each of them alone
tells whether it is damaged or of other items.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

import msgspec

from job.errors import RefusedError, quoted
from job.output.folder import OutputFolder
from job.output.nearby import REPORTS
from job.output.sealed import unsealed

PAGE, FIGURES = REPORTS
_BEGINNING_BYTES = 400
_MARK = b'<meta name="generator" content="curate report">'
"""What tells our page from any other file of its name, near its beginning."""
_DIGEST = re.compile(rb'<meta name="curate-content-digest" content="([0-9a-f]{64})">')
_SEAL = re.compile(rb"<!-- sha256 ([0-9a-f]{64}) -->\n")


class _Figures(msgspec.Struct):
    content_digest: str


def sealed_page(html: str) -> bytes:
    """Returns the bytes of a page, with the checksum at its end."""
    content = html.encode("utf-8", "backslashreplace")
    return content + f"<!-- sha256 {hashlib.sha256(content).hexdigest()} -->\n".encode()


def digest_in(name: str, content: bytes) -> str | None:
    """Returns the content digest that a file of a report carries; None where it is damaged, or no report."""
    if name == FIGURES:
        try:
            return unsealed(content, _Figures).content_digest
        except ValueError:
            return None
    found, digest = _SEAL.search(content, max(0, len(content) - 100)), _DIGEST.search(content, 0, _BEGINNING_BYTES)
    if found is None or digest is None or found.end() != len(content):
        return None
    is_whole = hashlib.sha256(content[: found.start()]).hexdigest().encode("ascii") == found[1]
    return digest[1].decode("ascii") if is_whole else None


def report_files(output: OutputFolder) -> dict[str, str | None]:
    """Returns which files of a report an output has, and the content digest of each; None for a damaged one."""
    found = zip(REPORTS, output.store.read_all(REPORTS), strict=True)
    return {name: digest_in(name, content) for name, content in found if content is not None}


def report_faults(output: OutputFolder, content_digest: str | None) -> Iterator[str]:
    """Yields what is wrong with the files of a report; a file that is missing is no fault.

    Args:
        output: the output folder.
        content_digest: of its items; None while it is not complete.
    """
    anew = f"to make it anew: curate report {quoted(output.root)}"
    for name, digest in report_files(output).items():
        if digest is None:
            yield f"{name}: damaged, or no report of this program; {anew}"
        elif content_digest is not None and digest != content_digest:
            yield f"{name}: out of date, of other items than there are now; {anew}"


def remove_stale_report(output: OutputFolder, content_digest: str) -> bool:
    """Removes the files of a report of other items. A file that is damaged, or no report, stays.

    Args:
        output: the output folder.
        content_digest: of its items.

    Returns:
        Whether there was any.
    """
    stale = [name for name, digest in report_files(output).items() if digest not in (None, content_digest)]
    output.store.remove(stale)
    return bool(stale)


def check_replaceable(output: OutputFolder) -> None:
    """Checks that a report would replace no file that somebody else has put there.

    Raises:
        RefusedError: when it would.
    """
    for name, content in zip(REPORTS, output.store.read_all(REPORTS), strict=True):
        mark = b'"content_digest"' if name == FIGURES else _MARK
        if content and mark not in content[:_BEGINNING_BYTES]:
            raise RefusedError(
                f"{output.where(name)} is no report of this program\n"
                f"nothing was touched; move it away, then: curate report {quoted(output.root)}"
            )
