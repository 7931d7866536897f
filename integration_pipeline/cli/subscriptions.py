"""`subscriptions`: what to subscribe a HubSpot app to."""

from __future__ import annotations

from typing import Annotated

import typer

from integration_pipeline.cli.output import console, print_json, table
from integration_pipeline.crm.hubspot.subscriptions import subscriptions as needed
from integration_pipeline.crm.records import ObjectType
from integration_pipeline.mapping.document import read_mapping
from integration_pipeline.settings import Settings


def subscriptions(
    as_json: Annotated[bool, typer.Option("--json", help="Print them as HubSpot's API takes them.")] = False,
) -> None:
    """List the webhooks that announce every change of what the mapping reads."""
    mapping = read_mapping(Settings.load().mapping_file)
    listed = list(needed({kind: mapping.properties(kind) for kind in ObjectType}))
    if as_json:
        print_json([each.as_json() for each in listed])
        return
    shown = table("event", "property")
    for each in listed:
        shown.add_row(each.event_type, each.property_name or "")
    console.print(shown)
