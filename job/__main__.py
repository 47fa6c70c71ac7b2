"""The `curate` command; `python -m job` runs it too."""

import os
import signal
import sys

from job.streams.standard import claim, finished, leave


def main() -> None:
    """Runs the command. While its modules are being imported, Ctrl-C ends it without a word for people."""
    claim()
    before = signal.signal(signal.SIGINT, lambda *_: leave("interrupted", 130))
    try:
        from job.cli import app as cli
    except ModuleNotFoundError as error:
        from job.errors import as_curate_error

        if friendly := as_curate_error(error):
            sys.stderr.write(f"error: {friendly}\n")
            sys.exit(friendly.exit_code)
        raise
    from job.signals import answer_signals

    signal.signal(signal.SIGINT, before)
    answer_signals()
    code: object = None
    try:
        cli.main()
    except SystemExit as ending:
        code = ending.code
    # Everything is cleaned up. An ordinary exit would wait for Ray's threads, which have crashed or hung processes.
    os._exit(finished(code if isinstance(code, int) else int(code is not None)))


if __name__ == "__main__":
    main()
