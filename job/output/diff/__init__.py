"""`curate diff`: what is different between two outputs, told from their plans, records and shards alone."""
