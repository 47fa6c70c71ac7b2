"""What stands in the output folder of a training set."""
