"""From a closed deal's webhook to its entry in the books: how long, at which rates, and where the time goes.

    python -m benchmarks.latency --help

Everything real, and everything in a process of its own: PostgreSQL that syncs to disk, the sandbox CRM, the
gateway, the worker, the load. Belongs here: the load, measuring, the report. Does not belong here: anything
the product needs.
"""
