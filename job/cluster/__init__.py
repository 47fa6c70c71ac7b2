"""Ray: starting one of our own or joining one, its processes and nodes, and jobs submitted to a cluster."""
