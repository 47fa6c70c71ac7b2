"""The lock that lets one run at a time work on an output folder: a file lock on a disk, a lease in an object store."""
