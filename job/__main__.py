"""`python -m job` is `curate`."""

import os
import signal
import sys


def main() -> None:
    """Runs the command. Until what it needs is imported, Ctrl-C ends it without a word."""
    before = signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    from job import cli

    signal.signal(signal.SIGINT, before)
    cli.answer_signals()
    try:
        cli.main()
    except SystemExit as ending:
        if ending.code == cli.INTERRUPTED:  # Ray's own threads have been seen to crash a process that ends half-way
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(cli.INTERRUPTED)
        raise


if __name__ == "__main__":
    main()
