"""Brings files to this machine: downloads them from the Hub into the Hugging Face cache, and unpacks gzip and zstd."""
