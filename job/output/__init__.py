"""The output folder: its files, its records, and whether they are what they say they are."""
