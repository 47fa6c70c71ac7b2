"""Where rows come from: which files a category has, how they are cut, and how a piece is read."""
