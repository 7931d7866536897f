"""Seconds per stage, from an empty database to posted invoices and once more; JSON on standard output.

Everything real: a HubSpot sandbox with HubSpot's limits, an embedded PostgreSQL that syncs to disk. Ratios
(stage seconds to the whole) hold across machines, seconds do not.

    .venv/bin/python benchmarks/stages.py [folder of the public data set]
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from pydantic import SecretStr

from integration_pipeline.pipeline.scope import Scope
from integration_pipeline.pipeline.stages import sync
from integration_pipeline.runtime import open_pipeline, open_source
from integration_pipeline.sandbox.datasets.generated import generate
from integration_pipeline.sandbox.datasets.load import load
from integration_pipeline.sandbox.datasets.public import read_public
from integration_pipeline.sandbox.server import SandboxProcess
from integration_pipeline.settings import MAPPINGS, Settings

TOKEN = "pat-benchmark"  # noqa: S105 - of a sandbox that ends with this script


def measure(folder: Path | None) -> dict[str, object]:
    """Two runs over one data set: stage reports, and each stage's share of its run."""
    data_set = generate() if folder is None else read_public(folder)
    mapping = "hubspot_demo.yaml" if folder is None else "hubspot_sales_opportunities.yaml"
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        with SandboxProcess(home / "sandbox", token=TOKEN) as sandbox:
            load(data_set, sandbox.base_url, TOKEN)
            settings = Settings(
                data_dir=home,
                mapping_file=MAPPINGS / mapping,
                hubspot_base_url=sandbox.base_url,
                hubspot_token=SecretStr(TOKEN),
            )
            with open_pipeline(settings) as pipeline, open_source(settings) as source:
                runs = [
                    [report.as_json() for report in sync(pipeline, source, Scope.everything())]
                    for _ in range(2)
                ]
                requests = source.metrics.totals().requests
    return {
        "data_set": data_set.name,
        "requests": requests,
        "runs": [
            {"stages": stages, "share": _shares([float(str(stage["seconds"])) for stage in stages])}
            for stages in runs
        ],
    }


def _shares(seconds: list[float]) -> list[float]:
    whole = sum(seconds) or 1.0
    return [round(each / whole, 3) for each in seconds]


if __name__ == "__main__":
    chosen = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    sys.stdout.write(json.dumps(measure(chosen), indent=2) + "\n")
