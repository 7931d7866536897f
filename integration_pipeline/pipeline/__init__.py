"""The stages: extract, customers, normalize, gate, schedule, post. Each is a plain, idempotent function.

A stage does its work in one transaction per chunk and returns a `StageReport`. Drivers (Dagster, the
command line, the real-time worker) call the same functions; none of them is known here.
"""
