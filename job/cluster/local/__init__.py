"""A Ray cluster on this machine, each node its own processes, to try submitting a job and losing nodes."""
