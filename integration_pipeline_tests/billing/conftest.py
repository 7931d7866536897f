"""Builders for contract terms: a test states only what it is about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from integration_pipeline.billing.terms import ContractTerms, load_terms

# Properties are about figures: how long an example takes on a busy machine is no reason to fail.
settings.register_profile(
    "figures", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("figures")


def _charge(**changes: Any) -> dict[str, Any]:
    return {
        "charge_id": "seats",
        "description": "Platform seats",
        "quantity": "3",
        "unit_price": "120.00",
        "frequency": "monthly",
        **changes,
    }


def _document(*charges: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "contract_id": "C-1",
        "customer": "acme",
        "entity": "us",
        "currency": "USD",
        "start": "2026-01-01",
        "term_months": 12,
        "payment_terms": {"net_days": 30},
        "charges": list(charges) or [_charge()],
        **changes,
    }


@pytest.fixture(scope="session")
def charge() -> Callable[..., dict[str, Any]]:
    """`charge(quantity="4")`: a monthly charge of 3 × 120.00 in advance, with changes."""
    return _charge


@pytest.fixture(scope="session")
def document() -> Callable[..., dict[str, Any]]:
    """`document(charge(...), currency="JPY")`: a one-year contract from 2026-01-01 as JSON values."""
    return _document


@pytest.fixture(scope="session")
def contract() -> Callable[..., ContractTerms]:
    """As `document`, checked."""

    def build(*charges: dict[str, Any], **changes: Any) -> ContractTerms:
        return load_terms(_document(*charges, **changes))

    return build
