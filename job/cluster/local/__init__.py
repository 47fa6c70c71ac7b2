"""A Ray cluster on this machine, each node with its own processes, to try submitting jobs and losing nodes."""
