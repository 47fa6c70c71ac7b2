"""`python -m job` is `curate`."""

from job.cli import main

main()
