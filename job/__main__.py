"""`python -m job` is `curate`."""

import contextlib
import os
import signal
import sys


def main() -> None:
    """Runs the command. Until what it needs is imported, Ctrl-C ends it without a word."""
    before = signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    try:
        from job.cli import app as cli
    except ModuleNotFoundError as error:
        from job.errors import known

        if friendly := known(error):
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
    with contextlib.suppress(OSError):  # whoever has read the output may be gone
        sys.stdout.flush()
        sys.stderr.flush()
    # All is unwound. Ray's own threads have been seen to crash a process that ends half-way, or to keep it.
    os._exit(code if isinstance(code, int) else int(code is not None))


if __name__ == "__main__":
    main()
