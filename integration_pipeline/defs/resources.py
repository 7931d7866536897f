"""What assets are handed: the configured pipeline, the CRM, and a way to open other vendors.

Belongs here: opening them from settings when a run first needs them, and closing them when it ends. Does not
belong here: settings themselves. No resource has a config schema, so no secret can reach run config,
the event log or a page of the UI.
"""

from __future__ import annotations

from collections.abc import Callable, Generator

import dagster as dg

from integration_pipeline.defs.vendors import Vendors
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.extract import Source
from integration_pipeline.quality import gx
from integration_pipeline.settings import Settings

PIPELINE = "pipeline"
CRM = "crm"
VENDORS = "vendors"


def default_resources(settings: Callable[[], Settings]) -> dict[str, dg.ResourceDefinition]:
    """All resources; `settings` is read anew by each run, so a rotated token needs no reload."""
    return {PIPELINE: _pipeline(settings), CRM: _crm(settings), VENDORS: _vendors(settings)}


def _pipeline(settings: Callable[[], Settings]) -> dg.ResourceDefinition:
    @dg.resource(
        description="The database, migrated, with the mapping and the rule set in force. Judges rows with "
        "Great Expectations."
    )
    def pipeline(_: dg.InitResourceContext) -> Generator[Pipeline]:
        # Here and not above: httpx and Alembic are for runs, not for whoever only loads definitions.
        from integration_pipeline.runtime import open_pipeline

        with open_pipeline(settings(), gx.evaluate) as opened:
            yield opened

    return pipeline


def _crm(settings: Callable[[], Settings]) -> dg.ResourceDefinition:
    @dg.resource(description="The CRM that MAPPING_FILE is for, opened by its settings.")
    def crm(_: dg.InitResourceContext) -> Generator[Source]:
        from integration_pipeline.runtime import open_source

        with open_source(settings()) as opened:
            yield opened

    return crm


def _vendors(settings: Callable[[], Settings]) -> dg.ResourceDefinition:
    @dg.resource(
        description="Opens the accounting systems of TARGETS_FILE, the payment accounts and the CRM for "
        "writing, where a run needs them."
    )
    def vendors(_: dg.InitResourceContext) -> Vendors:
        return Vendors(settings)

    return vendors
