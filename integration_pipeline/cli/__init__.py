"""The command line: `integration-pipeline`. Each file holds one command or one group of them.

Belongs here: reading arguments, calling the pipeline, showing the result. Does not belong here: any logic
that Dagster or the real-time path would need as well.
"""

from __future__ import annotations

from integration_pipeline.cli.app import main

__all__ = ["main"]
