"""The config: a YAML file and overrides become one checked `JobConfig`."""
