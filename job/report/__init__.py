"""A report to look at: counts of an output as figures, one page that shows them, and the same numbers as JSON."""
