"""How an output folder is kept to one run: by a file on a disk, by a lease in an object store."""
