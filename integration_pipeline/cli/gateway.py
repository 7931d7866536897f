"""`gateway`: takes webhooks and usage reports, until interrupted."""

from __future__ import annotations

import typer

from integration_pipeline.cli.output import console
from integration_pipeline.settings import MissingSetting, Settings


def gateway() -> None:
    """Take HubSpot's webhooks and usage reports. Several gateways may share one database and one port."""
    from integration_pipeline.gateway.server import serve

    settings = Settings.load()
    if settings.hubspot_client_secret is None and settings.usage_api_key is None:
        raise MissingSetting("HUBSPOT_CLIENT_SECRET", "the secret of the HubSpot app that sends the webhooks")
    try:
        serve(settings, announce=lambda url: console.print(f"gateway on {url}; Ctrl-C stops it"))
    except OSError as error:
        console.print(f"cannot listen on {settings.gateway_host}:{settings.gateway_port}: {error.strerror}")
        raise typer.Exit(1) from None
