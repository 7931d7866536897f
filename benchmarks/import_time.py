"""How long Dagster waits for the code location, and for what: JSON on standard output.

Each import happens in a fresh interpreter; the figures are the median of several, in seconds.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

MODULES = ("dagster", "integration_pipeline.definitions", "great_expectations")
TIMES = 5
_PROGRAM = """
import sys, time
started = time.perf_counter()
__import__(sys.argv[1])
print(time.perf_counter() - started)
"""


def seconds_to_import(module: str) -> float:
    """One import of `module` in an interpreter of its own."""
    finished = subprocess.run(  # noqa: S603 - this interpreter, on a fixed program
        [sys.executable, "-c", _PROGRAM, module], capture_output=True, text=True, check=True
    )
    return float(finished.stdout.splitlines()[-1])


if __name__ == "__main__":
    measured = {
        module: statistics.median(seconds_to_import(module) for _ in range(TIMES)) for module in MODULES
    }
    sys.stdout.write(json.dumps({"import_seconds": measured, "times": TIMES}, indent=2) + "\n")
