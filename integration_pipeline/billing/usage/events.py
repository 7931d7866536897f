"""Usage events: what a product reports of its use.

Belongs here: the event, reading events, and counting each of them once. Does not belong here: what is added
up (`metrics`, `aggregation`), or where events are stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from integration_pipeline.billing.civil import Instant
from integration_pipeline.billing.errors import BillingError
from integration_pipeline.billing.term_values import Identifier, TermDecimal


class UsageEvent(BaseModel):
    """`quantity` units of `metric` used by `customer` at `occurred_at`.

    A negative quantity takes units back (seats given up). `received_at` is when we got to know, which
    decides whether an invoice could contain it; both instants are kept in UTC. `event_id` is the reporter's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    event_id: Identifier
    customer: Identifier
    contract_id: Identifier | None = None
    metric: Identifier
    occurred_at: Instant
    received_at: Instant
    quantity: TermDecimal = Decimal(1)
    properties: dict[str, str] = Field(default_factory=dict[str, str])


class InvalidEvents(BillingError):  # noqa: N818 - reads as the statement it makes
    """Events that cannot be counted. `problems` lists every (path, message): `[3].occurred_at`, ..."""

    def __init__(self, problems: Iterable[tuple[str, str]]) -> None:
        self.problems = list(problems)
        listed = "; ".join(f"{path}: {message}" for path, message in self.problems)
        super().__init__(f"usage events cannot be counted: {listed}")


def load_events(documents: Iterable[Mapping[str, Any]]) -> tuple[UsageEvent, ...]:
    """Events from mappings as JSON has them, each counted once. Raises `InvalidEvents` with every problem."""
    events: list[UsageEvent] = []
    problems: list[tuple[str, str]] = []
    for index, document in enumerate(documents):
        try:
            events.append(UsageEvent.model_validate(document))
        except ValidationError as error:
            problems.extend(_problems_of(error, index, document))
    if problems:
        raise InvalidEvents(problems)
    return distinct_events(events)


def distinct_events(events: Iterable[UsageEvent]) -> tuple[UsageEvent, ...]:
    """Every event once, in the order they occurred (then were received, then by id).

    An event that is reported again counts once, from when it was first received. Raises `InvalidEvents` if
    two reports under one id differ in anything else, as nobody can say which of them is right.
    """
    by_id: dict[str, UsageEvent] = {}
    problems: list[tuple[str, str]] = []
    for event in events:
        known = by_id.setdefault(event.event_id, event)
        if known is event:
            continue
        if differing := _differing_fields(known, event):
            problems.append(
                (
                    f"event {event.event_id[:80]!r}",
                    f"was reported before with another {', '.join(differing)}; "
                    "send a correction as an event with an id of its own",
                )
            )
        elif event.received_at < known.received_at:
            by_id[event.event_id] = event
    if problems:
        raise InvalidEvents(dict.fromkeys(problems))
    return tuple(sorted(by_id.values(), key=_order))


def _order(event: UsageEvent) -> tuple[Instant, Instant, str]:
    return event.occurred_at, event.received_at, event.event_id


def _differing_fields(known: UsageEvent, event: UsageEvent) -> list[str]:
    return [
        name
        for name in UsageEvent.model_fields
        if name != "received_at" and getattr(known, name) != getattr(event, name)
    ]


def _problems_of(
    error: ValidationError, index: int, document: Mapping[str, Any]
) -> Iterable[tuple[str, str]]:
    event_id = document.get("event_id") if isinstance(document, Mapping) else None  # pyright: ignore[reportUnnecessaryIsInstance] - whatever JSON holds
    record = f"[{index}]" if not isinstance(event_id, str) else f"[{index}] (event {event_id[:80]!r})"
    for item in error.errors(include_url=False, include_input=False):
        cause = item.get("ctx", {}).get("error")
        field = ".".join(str(step)[:80] for step in item["loc"])
        yield f"{record}.{field}" if field else record, str(cause) if cause else item["msg"]
