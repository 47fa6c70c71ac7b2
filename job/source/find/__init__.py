"""Finds the files of each category: in a folder, in a bucket, on the Hub, or by `datasets`."""
