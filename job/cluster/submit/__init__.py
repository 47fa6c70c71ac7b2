"""Submits the job to a Ray cluster and follows it there, over Ray's job API."""
