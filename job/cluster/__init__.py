"""Ray: starting one of our own or joining one, its processes, its nodes, and jobs submitted to it."""
