"""`curate bench`: how fast the job is, and how fast other ways to do the same work are. See README.md here."""
