"""`python -m integration_pipeline.sandbox --data-dir DIR --port PORT`, the token in HUBSPOT_TOKEN."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from integration_pipeline.child_process import STOP_WITH_PARENT, say_ready, stop_with_parent
from integration_pipeline.sandbox.hubspot.limits import Limits
from integration_pipeline.sandbox.hubspot.storage import StorageInUseError
from integration_pipeline.sandbox.server import READY, TOKEN_VARIABLE, serve


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m integration_pipeline.sandbox", description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True, help="where the account's records are kept")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8025, help="0 takes a free one")
    parser.add_argument("--limits", type=Limits.model_validate_json, help="as JSON; HubSpot's unless given")
    parser.add_argument(STOP_WITH_PARENT, action="store_true", help="end when standard input does")
    arguments = parser.parse_args()
    token = os.environ.get(TOKEN_VARIABLE)
    if not token:
        parser.error(f"Set {TOKEN_VARIABLE} to the token clients are to present.")
    if arguments.stop_with_parent:
        stop_with_parent()
    try:
        serve(
            arguments.data_dir,
            arguments.host,
            arguments.port,
            token,
            limits=arguments.limits,
            announce=lambda url: say_ready(READY, url),
        )
    except (StorageInUseError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
