"""`python -m integration_pipeline.realtime`: one worker, under the settings of the environment."""

from __future__ import annotations

import logging
import sys

from integration_pipeline.child_process import STOP_WITH_PARENT, say_ready, stop_with_parent
from integration_pipeline.realtime.process import READY, serve
from integration_pipeline.settings import MissingSetting, Settings


def main() -> int:
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    if STOP_WITH_PARENT in sys.argv[1:]:
        stop_with_parent()
    try:
        serve(Settings.load(), announce=lambda: say_ready(READY))
    except MissingSetting as missing:
        sys.stderr.write(f"{missing}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
