"""Progress: one interface with three displays, which are a live bar, a plain line every 10 s, and nothing."""
