"""Brings files to this machine: from the Hub into the Hugging Face cache, and out of gzip and zstd."""
