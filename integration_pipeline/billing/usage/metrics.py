"""What of a customer's usage events is billed, and how it is added up.

Belongs here: the terms of a metric, and which events they select. Does not belong here: adding up
(`aggregation`), prices (`pricing`).
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from pydantic import Field, model_validator

from integration_pipeline.billing.pricing.base import QuantityRounding
from integration_pipeline.billing.term_model import Problem, TermsModel
from integration_pipeline.billing.term_values import Identifier
from integration_pipeline.billing.usage.events import UsageEvent


class Aggregation(StrEnum):
    """How the events of a period become one quantity."""

    SUM = "sum"
    COUNT = "count"
    """The number of events, whatever their quantities."""
    MAX = "max"
    """The greatest reading."""
    LAST = "last"
    """The latest reading."""
    UNIQUE_COUNT = "unique_count"
    """How many different values of `property` there were; an event of negative quantity ends its value."""
    WEIGHTED_SUM = "weighted_sum"
    """The sum as it stood over time: each level counts by the share of the period that it held."""


class Weight(StrEnum):
    """By what a level of a weighted sum is weighted."""

    SECONDS = "seconds"
    """Elapsed time, to the microsecond; a day on which clocks change has 23 or 25 hours."""
    DAYS = "days"
    """Civil days; the day of a change counts with the new level."""


class Metric(TermsModel):
    """What is counted. Events count if they are of `metric` and pass every filter.

    `filters` names for each property the values that count. `property` is what unique_count tells apart. A
    `recurring` metric is a running level, such as seats, that carries over into the next period. The
    quantity of a period is rounded once, after adding up.
    """

    metric: Identifier
    aggregation: Aggregation = Aggregation.SUM
    property: Identifier | None = None
    filters: dict[str, frozenset[str]] = Field(default_factory=dict[str, frozenset[str]])
    recurring: bool = False
    weighted_by: Weight = Weight.SECONDS
    rounding: QuantityRounding | None = None

    def impossibilities(self) -> Iterator[Problem]:
        """Every (field, message) that contradicts this metric on its own; one that has any is refused."""
        if self.aggregation is Aggregation.UNIQUE_COUNT and self.property is None:
            yield "property", "unique_count needs the name of the property whose values it tells apart"
        if self.aggregation is not Aggregation.UNIQUE_COUNT and self.property is not None:
            yield (
                "property",
                f"is only read by unique_count; a {self.aggregation} takes each event's quantity",
            )
        if self.aggregation is Aggregation.COUNT and self.recurring:
            yield "recurring", "a count of events is no level that could carry over; use sum"
        for name, values in self.filters.items():
            if not values:
                yield f"filters.{name[:80]}", "allows no value, so no event would ever count"

    def selects(self, event: UsageEvent) -> bool:
        """Whether the event counts for this metric."""
        return event.metric == self.metric and all(
            event.properties.get(name) in values for name, values in self.filters.items()
        )

    @model_validator(mode="after")
    def _refuse_impossible_terms(self) -> Metric:
        if problems := list(self.impossibilities()):
            raise ValueError("; ".join(f"{field}: {message}" for field, message in problems))
        return self
