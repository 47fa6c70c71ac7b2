"""What is to be done: partitions, the identity of the work, and the checks before it starts."""
