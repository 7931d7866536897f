"""The terms of a metric."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from integration_pipeline.billing.usage.metrics import Metric
from integration_pipeline_tests.billing.usage.builders import event


@pytest.mark.parametrize(
    ("terms", "problem"),
    [
        ({"aggregation": "unique_count"}, "property: unique_count needs"),
        ({"aggregation": "sum", "property": "user"}, "property: is only read by unique_count"),
        ({"aggregation": "count", "recurring": True}, "recurring: a count of events is no level"),
        ({"filters": {"region": []}}, r"filters\.region: allows no value"),
        ({"aggregation": "median"}, "aggregation"),
        ({"rounding": {"decimals": -1}}, r"rounding\.decimals"),
    ],
)
def test_terms_that_contradict_themselves_are_refused(terms: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        Metric.model_validate({"metric": "calls", **terms})


def test_only_events_that_pass_every_filter_count() -> None:
    metric = Metric.model_validate({"metric": "calls", "filters": {"region": ["eu", "us"], "tier": ["paid"]}})
    assert metric.selects(event("2026-01-01", region="eu", tier="paid"))
    assert not metric.selects(event("2026-01-01", region="eu", tier="free"))
    assert not metric.selects(event("2026-01-01", tier="paid"))


def test_events_of_another_metric_do_not_count() -> None:
    assert not Metric(metric="storage").selects(event("2026-01-01"))
