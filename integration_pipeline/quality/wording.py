"""How values and reasons are put to people.

Belongs here: filling a rule's template with a row's values. Does not belong here: the templates (`suites`)
and which values a failure shows (`verdicts`).

Row values come from the CRM and are hostile: they are never read as templates, are cut to a length that
fits a table cell, and lose what would break a line or hide itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from string import Formatter

from integration_pipeline.billing.currencies import MINOR_UNITS
from integration_pipeline.billing.money import Money

__all__ = ["as_text", "fill", "template_error"]

_LONGEST = 200
_TOO_LARGE = 10**_LONGEST
_EMPTY = "(empty)"


def as_text(value: object) -> str | None:
    """`value` as a person would read it: `2026-01-31`, `1200.50`, one line of at most 200 characters."""
    match value:
        case None:
            return None
        case bool():
            return "yes" if value else "no"
        case date():
            return value.isoformat()
        case Decimal() if -_LONGEST < value.adjusted() < _LONGEST:
            # Not str(): it writes 1E+3. Not for a vendor's 1E+999999999, which would fill the memory.
            return f"{value:f}"
        case int() if abs(value) >= _TOO_LARGE:
            # Python refuses to write more than 4,300 digits, and a CRM amount of 1e5000 has them.
            return f"a number of more than {_LONGEST} digits"
        case _:
            return _one_line(str(value))


def fill(template: str, row: Mapping[str, object]) -> str:
    """`template` with each `{column}` replaced by the row's value; `(empty)` stands for a null.

    `{column!r}` puts the value in quotes. `{column:money}` reads it as minor units of the row's `currency`
    and writes `1,250.00 EUR`.
    """
    parts: list[str] = []
    for literal, column, spec, conversion in Formatter().parse(template):
        parts.append(literal)
        if column is not None:
            value = row.get(column)
            text = _money(value, row.get("currency")) if spec == "money" else as_text(value)
            parts.append(_EMPTY if text is None else f"'{text}'" if conversion == "r" else text)
    return "".join(parts)


def template_error(template: str) -> str | None:
    """What `fill` could not do with this template, or `None`."""
    try:
        placeholders = [part[1:] for part in Formatter().parse(template) if part[1] is not None]
    except ValueError as error:
        return str(error)
    for column, spec, conversion in placeholders:
        if not str(column).isidentifier():
            return f"{column!r} is not a column name"
        if spec not in ("", "money") or conversion not in (None, "r"):
            return f"column {column!r} may carry !r or :money only"
    return None


def _money(value: object, currency: object) -> str | None:
    # Not isinstance(): a truth value is an int and no amount.
    if (
        type(value) is int
        and abs(value) < _TOO_LARGE
        and isinstance(currency, str)
        and currency in MINOR_UNITS
    ):
        return Money(value, currency).format()
    text = as_text(value)
    # Without a known currency nobody can say where the decimal point goes.
    return None if text is None else f"{text} (in the smallest unit of its currency)"


def _one_line(text: str) -> str:
    shown = "".join(char if char.isprintable() else " " for char in text[: _LONGEST + 1])
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…"
