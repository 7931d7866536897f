"""Imitations of vendors' APIs over real HTTP, for demos and tests: `hubspot/` and the server that runs it.

Nothing in the pipeline imports from here; it meets the sandbox as it meets the vendor, by URL.
"""
