"""`python -m integration_pipeline.gateway`: settings come from the environment, as everywhere."""

from __future__ import annotations

import argparse
import sys

from integration_pipeline.child_process import STOP_WITH_PARENT, say_ready, stop_with_parent
from integration_pipeline.gateway.server import READY, serve
from integration_pipeline.settings import Settings


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m integration_pipeline.gateway", description=__doc__)
    parser.add_argument(STOP_WITH_PARENT, action="store_true", help="end when standard input does")
    if parser.parse_args().stop_with_parent:
        stop_with_parent()
    try:
        serve(Settings.load(), announce=lambda url: say_ready(READY, url))
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
