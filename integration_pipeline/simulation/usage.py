"""Usage for a simulation: events out of a file, and the contract each of them belongs to.

Belongs here: JSON Lines and CSV of usage events, the events of each contract. Does not belong here: what an
event is and how events add up (`billing.usage`), asking a product for its events.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from integration_pipeline.billing.schedule import UsageBook
from integration_pipeline.billing.terms import ContractTerms
from integration_pipeline.billing.usage.events import InvalidEvents, UsageEvent, load_events
from integration_pipeline.simulation.figures import Contract

_COLUMNS = frozenset(UsageEvent.model_fields) - {"properties"}


def read_events(text: str, *, as_csv: bool) -> tuple[UsageEvent, ...]:
    """Events from CSV with a header, or else from JSON Lines. Raises `InvalidEvents` with every problem.

    Columns that are no field of an event are its properties; an empty cell is a field left out. An event
    without `received_at` was received when it occurred.
    """
    documents = list(_from_csv(text) if as_csv else _from_json_lines(text))
    return load_events(
        {**document, "received_at": document.get("received_at", document.get("occurred_at"))}
        for document in documents
    )


def _from_csv(text: str) -> Iterator[dict[str, Any]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), restkey="")
    try:
        rows = list(reader)
    except csv.Error as error:
        raise InvalidEvents([(f"line {reader.line_num}", str(error))]) from None
    for row in rows:
        cells = {name: cell for name, cell in row.items() if isinstance(cell, str) and cell}
        properties = {name: cell for name, cell in cells.items() if name not in _COLUMNS}
        fields = {name: cell for name, cell in cells.items() if name in _COLUMNS}
        yield {**fields, "properties": properties}


def _from_json_lines(text: str) -> Iterator[dict[str, Any]]:
    problems: list[tuple[str, str]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            document = json.loads(line, parse_float=Decimal)
        except (ValueError, RecursionError):
            document = None
        if isinstance(document, dict):
            yield document
        else:
            problems.append((f"line {number}", "is no JSON object; write one event a line"))
    if problems:
        raise InvalidEvents(problems)


@dataclass(frozen=True, slots=True)
class AssignedUsage:
    """Events by contract id, and how many of them are of no contract that meters them."""

    books: Mapping[str, UsageBook]
    unused: int


def assign_usage(
    events: Iterable[UsageEvent],
    contracts: Sequence[Contract],
    zone_of: Callable[[ContractTerms], str],
) -> AssignedUsage:
    """Give every event to the contract it names, else to its customer's only one that meters its metric.

    `zone_of` names the time zone of a contract's days. Raises `InvalidEvents` for events that several
    contracts would bill, since each of them would.
    """
    by_id = {versions[-1].terms.contract_id: versions[-1].terms for versions in contracts}
    metering: dict[tuple[str, str], list[str]] = {}
    for versions in contracts:
        latest = versions[-1].terms
        for metric in metrics_of(versions):
            metering.setdefault((latest.customer, metric), []).append(latest.contract_id)
    assigned: dict[str, list[UsageEvent]] = {contract_id: [] for contract_id in by_id}
    problems: list[tuple[str, str]] = []
    unused = 0
    for event in events:
        candidates = metering.get((event.customer, event.metric), [])
        if event.contract_id is not None:
            candidates = [each for each in candidates if each == event.contract_id]
        if not candidates:
            unused += 1
        elif len(candidates) == 1:
            assigned[candidates[0]].append(event)
        else:
            named = ", ".join(candidates[:5])
            problems.append(
                (
                    f"event {event.event_id[:80]!r}.contract_id",
                    f"is empty, and several contracts of {event.customer[:80]} bill {event.metric[:80]}: "
                    f"{named}; name one of them",
                )
            )
    if problems:
        raise InvalidEvents(problems)
    books = {name: UsageBook(tuple(found), zone_of(by_id[name])) for name, found in assigned.items() if found}
    return AssignedUsage(books, unused)


def metrics_of(contract: Contract) -> tuple[str, ...]:
    """The names of all metrics that any version of the contract bills."""
    charges = (charge for version in contract for charge in version.terms.charges)
    return tuple(dict.fromkeys(charge.metric.metric for charge in charges if charge.metric is not None))
