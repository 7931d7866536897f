"""Bulk API 2.0: query and ingest jobs, their states on the sandbox's clock, their CSV."""
