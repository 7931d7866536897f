"""`sandbox`: the imitation HubSpot account, on its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from integration_pipeline.cli.output import console
from integration_pipeline.sandbox.server import serve
from integration_pipeline.settings import MissingSetting, Settings


def sandbox(
    data_dir: Annotated[Path, typer.Option(help="Where the account is kept.")] = Path(".data/sandbox"),
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 8790,
) -> None:
    """Serve an imitation of HubSpot's API until interrupted. The token is that of HUBSPOT_TOKEN."""
    token = Settings.load().hubspot_token
    if token is None:
        raise MissingSetting("HUBSPOT_TOKEN", "any text; clients of the sandbox must send the same")
    data_dir.mkdir(parents=True, exist_ok=True)
    serve(
        data_dir,
        host,
        port,
        token.get_secret_value(),
        announce=lambda url: console.print(f"HubSpot sandbox on {url}"),
    )
