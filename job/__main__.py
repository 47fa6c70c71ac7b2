"""`python -m job` is `curate`."""

import os
import signal


def main() -> None:
    """Runs the command. Until what it needs is imported, Ctrl-C ends it without a word."""
    before = signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    from job import cli

    signal.signal(signal.SIGINT, before)
    cli.answer_signals()
    cli.main()


if __name__ == "__main__":
    main()
