"""What `curate craft` decides, as plain functions on plain values: no Ray, and no files."""
