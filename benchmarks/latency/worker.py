"""The worker as it is shipped, but under a chosen limit of CRM calls, and watched if asked to be.

Environment, beside the settings': `CRM_CALLS_PER_TEN_SECONDS`, and `STACKS_TO`, a file for what `sampler`
saw.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

from benchmarks.latency.sampler import Sampler
from integration_pipeline.child_process import say_ready, stop_with_parent
from integration_pipeline.crm.hubspot.config import HubSpotSettings
from integration_pipeline.realtime.process import serve
from integration_pipeline.settings import Settings

READY = "benchmarked worker is ready"


class LimitedSettings(Settings):
    """Settings with a limit of calls that is the benchmark's, not HubSpot's."""

    crm_calls_per_ten_seconds: int

    def hubspot(self) -> HubSpotSettings:
        return (
            super().hubspot().model_copy(update={"requests_per_ten_seconds": self.crm_calls_per_ten_seconds})
        )


def main() -> int:
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    stop_with_parent()
    stacks = os.environ.get("STACKS_TO")
    sampler = Sampler()
    if stacks:
        sampler.start()
    serve(LimitedSettings.load(), announce=lambda: say_ready(READY))
    if stacks:
        sampler.write(Path(stacks))
    return 0


if __name__ == "__main__":
    sys.exit(main())
