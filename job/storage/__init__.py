"""One interface for folders on a disk and for object stores, for outputs and for sources."""
