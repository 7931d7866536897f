"""From announced changes to the deals they concern, with their present state landed in `raw`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from integration_pipeline.crm.records import ObjectType
from integration_pipeline.crm.webhooks import EVERY_RECORD
from integration_pipeline.inbox.claims import ClaimedEvent
from integration_pipeline.inbox.missed import customers_landed, deals_to_settle, newest_record
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.extract import Source, deals_referring, extract, extract_records
from integration_pipeline.pipeline.reports import StageReport

RELATED_MAX_AGE = timedelta(minutes=15)
"""Companies and contacts known for less than this are not read along with a deal. Their own changes are
announced too, and the schedule that looks for changes nobody announced comes by more often than this."""


@dataclass(slots=True)
class Concerned:
    """The deals to work on, as `hubspot:123`, and what reading them came to."""

    deal_keys: set[str] = field(default_factory=set[str])
    reports: list[StageReport] = field(default_factory=list[StageReport])


def read_concerned(pipeline: Pipeline, source: Source, events: Sequence[ClaimedEvent]) -> Concerned:
    """Read what the events name, once however often it is named.

    What another source than the CRM announces (usage) concerns deals that need no reading. An event that
    names every record stands for all that changed since the last reading. Raises the transport's failures.
    """
    named: dict[ObjectType, dict[str, None]] = defaultdict(dict)
    concerned = Concerned()
    if any(event.source == source.name and EVERY_RECORD in event.external_ids for event in events):
        _read_what_changed(pipeline, source, concerned)
    for event in events:
        if event.source == source.name and EVERY_RECORD in event.external_ids:
            continue
        if event.source == source.name:
            named[event.object_type].update(dict.fromkeys(event.external_ids))
        else:
            concerned.deal_keys.update(f"{source.name}:{each}" for each in event.external_ids)
    if named:
        wanted = {kind: list(ids) for kind, ids in named.items()}
        report, deals = extract_records(pipeline, source, wanted, related_max_age=RELATED_MAX_AGE)
        concerned.reports.append(report)
        concerned.deal_keys.update(f"{source.name}:{each}" for each in deals)
        # A deal that the CRM does not know (any more) may be known here.
        concerned.deal_keys.update(f"{source.name}:{each}" for each in named[ObjectType.DEAL])
    return concerned


def _read_what_changed(pipeline: Pipeline, source: Source, concerned: Concerned) -> None:
    """The CRM has lost count of what changed, and says so: it is asked from where the last reading ended."""
    with pipeline.engine.connect() as connection:
        before = newest_record(connection)
    concerned.reports.append(extract(pipeline, source))
    concerned.deal_keys.update(deals_landed(pipeline, source, before))


def deals_landed(pipeline: Pipeline, source: Source, after_record: int) -> set[str]:
    """Deals (`hubspot:123`) to settle after a reading: those of all record versions that landed after that id
    (of the deals themselves, their line items, companies and contacts), and of unsettled missed changes.
    """
    with pipeline.engine.connect() as connection:
        own = deals_to_settle(connection, source.name, after_record)
        customers = customers_landed(connection, source.name, after_record)
    theirs = deals_referring(pipeline, source, customers)
    return {*own, *(f"{source.name}:{each}" for each in theirs)}
