"""What a job should do: a YAML file, and values laid over it, become one checked `JobConfig`."""
