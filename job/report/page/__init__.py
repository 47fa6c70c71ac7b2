"""The page: parts such as bars and tables, and the templates that draw them. It knows nothing of outputs."""
