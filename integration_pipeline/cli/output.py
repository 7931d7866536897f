"""How commands speak: tables for people, JSON with stable names for programs.

Belongs here: formatting shared by commands. Does not belong here: what any command computes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from integration_pipeline.billing.money import Money

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)


def print_json(document: Any) -> None:
    """One JSON document on standard output; dates and decimals as strings."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False, default=str) + "\n")


def amounts(minor_by_currency: Mapping[str, int]) -> str:
    """`{"JPY": 1250, "USD": 1250}` as `1,250 JPY, 12.50 USD`; a dash for nothing."""
    return ", ".join(Money(minor, currency).format() for currency, minor in minor_by_currency.items()) or "–"


def table(*columns: str, title: str | None = None, right: tuple[str, ...] = ()) -> Table:
    """A plain table; the columns named in `right` are aligned to the right."""
    made = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return made
