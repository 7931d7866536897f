"""Writes `dbt_like_sql/seeds/currencies.csv` from the billing table: SQL and Python have the same decimals.

Run it as `python -m integration_pipeline.reporting.currency_seed` after the table has changed.
"""

from __future__ import annotations

from integration_pipeline.billing.currencies import MINOR_UNITS
from integration_pipeline.reporting.project import PROJECT_DIR

SEED = PROJECT_DIR / "seeds" / "currencies.csv"


def currency_seed() -> str:
    """The seed's text: a line a currency, by code."""
    lines = [f"{currency},{digits}" for currency, digits in sorted(MINOR_UNITS.items())]
    return "\n".join(["currency,minor_unit_digits", *lines, ""])


if __name__ == "__main__":
    SEED.write_text(currency_seed(), encoding="utf-8")
