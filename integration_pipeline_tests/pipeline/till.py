"""Payment vendors and banks in memory: movements of money as their connectors give them, page by page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from typing import Any

from integration_pipeline.billing.money import Money
from integration_pipeline.payments.movements import (
    Link,
    LinkKind,
    Movement,
    MovementKind,
    MovementSource,
    Page,
    Payer,
    Unreadable,
)

DAY = date(2026, 6, 20)


@dataclass(slots=True)
class Till:
    """One account that tells everything it knows each time, as a source may; `pages` are told once before."""

    name: MovementSource
    movements: dict[tuple[MovementKind, str], Movement] = field(
        default_factory=dict[tuple[MovementKind, str], Movement]
    )
    removed: list[str] = field(default_factory=list[str])
    unreadable: list[Unreadable] = field(default_factory=list[Unreadable])
    asked: list[str | None] = field(default_factory=list[str | None])
    page_size: int = 100

    def changes_since(self, cursor: str | None) -> Iterator[Page]:
        self.asked.append(cursor)
        told = list(self.movements.values())
        for start in range(0, max(1, len(told)), self.page_size):
            is_last = start + self.page_size >= len(told)
            yield Page(
                tuple(told[start : start + self.page_size]),
                removed=tuple(self.removed) if is_last else (),
                unreadable=tuple(self.unreadable) if is_last else (),
                cursor=f"{len(self.asked)}/{start}" if is_last else None,
            )

    def tell(self, movement: Movement) -> Movement:
        self.movements[movement.kind, movement.external_id] = movement
        return movement

    def change(self, kind: MovementKind, external_id: str, **changes: Any) -> Movement:
        return self.tell(replace(self.movements[kind, external_id], **changes))

    def remove(self, external_id: str) -> None:
        del self.movements[MovementKind.BANK_LINE, external_id]
        self.removed.append(external_id)


def movement(
    source: MovementSource,
    kind: MovementKind,
    external_id: str,
    amount: Money,
    *,
    day: date = DAY,
    text: str | Sequence[str] = (),
    links: Sequence[Link] = (),
    fee: int | None = None,
    payer: Payer | None = None,
    group: str | None = None,
    settled: Money | None = None,
) -> Movement:
    """A movement with what matters to a test; the fee in minor units of what it was taken in as."""
    return Movement(
        source=source,
        kind=kind,
        external_id=external_id,
        amount=amount,
        occurred_at=datetime.combine(day, time(12), UTC),
        value_date=day,
        body={"id": external_id},
        fee=None if fee is None else Money(fee, (settled or amount).currency),
        settled=settled,
        payer=payer or Payer(),
        references=(text,) if isinstance(text, str) else tuple(text),
        links=tuple(links),
        group=group,
    )


def invoice_link(number: str, amount: Money | None = None) -> Link:
    return Link(LinkKind.INVOICE_NUMBER, number, amount)
