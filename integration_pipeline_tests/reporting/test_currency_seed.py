from __future__ import annotations

from integration_pipeline.reporting.currency_seed import SEED, currency_seed


def test_the_seed_holds_the_decimals_that_billing_rounds_by() -> None:
    assert SEED.read_text(encoding="utf-8") == currency_seed()
