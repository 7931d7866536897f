"""`python -m integration_pipeline.sandbox --data-dir DIR --port PORT`: HubSpot's, the token in HUBSPOT_TOKEN.

With `--vendor NAME` that vendor's, its options as JSON in SANDBOX_OPTIONS.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from integration_pipeline.child_process import STOP_WITH_PARENT, say_ready, stop_with_parent
from integration_pipeline.sandbox.hubspot.limits import Limits
from integration_pipeline.sandbox.server import (
    OPTIONS_VARIABLE,
    READY,
    TOKEN_VARIABLE,
    ready_line,
    serve,
    serve_app,
)
from integration_pipeline.sandbox.storage import StorageInUseError
from integration_pipeline.sandbox.vendors import VENDORS, create_vendor_app


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m integration_pipeline.sandbox", description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True, help="where the account's records are kept")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8025, help="0 takes a free one")
    parser.add_argument("--vendor", choices=("hubspot", *VENDORS), default="hubspot")
    parser.add_argument("--limits", type=Limits.model_validate_json, help="as JSON; HubSpot's unless given")
    parser.add_argument(STOP_WITH_PARENT, action="store_true", help="end when standard input does")
    arguments = parser.parse_args()
    if arguments.stop_with_parent:
        stop_with_parent()
    try:
        if arguments.vendor == "hubspot":
            token = os.environ.get(TOKEN_VARIABLE)
            if not token:
                parser.error(f"Set {TOKEN_VARIABLE} to the token clients are to present.")
            serve(
                arguments.data_dir,
                arguments.host,
                arguments.port,
                token,
                limits=arguments.limits,
                announce=lambda url: say_ready(READY, url),
            )
            return 0
        options = os.environ.get(OPTIONS_VARIABLE)
        if not options:
            parser.error(f"Set {OPTIONS_VARIABLE} to the options of this sandbox, as JSON.")
        app = create_vendor_app(arguments.vendor, arguments.data_dir, options)
        ready = ready_line(arguments.vendor)
        serve_app(app, arguments.host, arguments.port, announce=lambda url: say_ready(ready, url))
    except (StorageInUseError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
