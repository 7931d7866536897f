"""`worker`: settles announced changes in real time, until interrupted."""

from __future__ import annotations

import logging

import typer

from integration_pipeline.cli.output import console
from integration_pipeline.settings import Settings


def worker() -> None:
    """Bill changes as webhooks announce them. Several workers may share one database."""
    from integration_pipeline.realtime.process import serve

    settings = Settings.load()
    if settings.realtime == "off":
        console.print("REALTIME is off: announced changes are left to Dagster.")
        raise typer.Exit(1)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    serve(settings, announce=lambda: console.print("the worker is ready; Ctrl-C stops it"))
