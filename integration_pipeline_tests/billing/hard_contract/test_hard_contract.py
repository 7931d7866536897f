"""A contract with everything at once, held against figures that were worked by hand (docs/hard-contract.md).

Files in `golden/` are compared byte for byte. After a change that is meant to move them, write them anew, and
read the difference line by line before it is committed:

    REGENERATE_GOLDEN=1 pytest integration_pipeline_tests/billing/hard_contract
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from integration_pipeline.billing.invoices import BillingSchedule, PlannedLine
from integration_pipeline.billing.money import Money
from integration_pipeline.billing.revenue.releases import release_entries, revenue_lines
from integration_pipeline.rules.document import AccountRole
from integration_pipeline_tests.billing.hard_contract.books import books_of, month_ends
from integration_pipeline_tests.billing.hard_contract.contract import (
    CURRENCIES,
    FOLDER,
    schedule_in,
    usage,
)
from integration_pipeline_tests.billing.hard_contract.statement import REVENUE_HEADING, statement_of

GOLDEN = FOLDER / "golden"
WORKED_BY_HAND = FOLDER.parents[2] / "docs" / "hard-contract.md"

in_every_currency = pytest.mark.parametrize("currency", CURRENCIES)


@in_every_currency
def test_the_explained_schedule_revenue_and_books_are_the_golden_ones(currency: str) -> None:
    statement = statement_of(schedule_in(currency))
    assert statement.encode() == _golden(f"{currency}.txt", statement)


@in_every_currency
def test_the_json_is_the_golden_one(currency: str) -> None:
    document = schedule_in(currency).to_json()
    assert document.encode() == _golden(f"{currency}.json", document)


@in_every_currency
def test_debits_and_credits_are_equal_at_every_months_end(currency: str) -> None:
    schedule = schedule_in(currency)
    books = books_of(schedule)
    assert [books.balances(day).total() for day in month_ends(schedule)] == [0] * 14


@in_every_currency
def test_at_the_end_everything_billed_is_revenue_and_tax_and_nothing_is_deferred(currency: str) -> None:
    schedule = schedule_in(currency)
    books, last = books_of(schedule), max(month_ends(schedule))
    assert books.balance(AccountRole.DEFERRED_REVENUE, last) == 0
    assert -books.balance(AccountRole.REVENUE, last) == schedule.total.minor
    tax = sum(invoice.tax.minor for invoice in schedule.invoices)
    assert -books.balance(AccountRole.TAX_PAYABLE, last) == tax
    assert books.balance(AccountRole.RECEIVABLE, last) == schedule.total.minor + tax


@in_every_currency
def test_seats_known_from_the_start_come_to_the_sums_of_the_amendment(currency: str) -> None:
    amended, known = schedule_in(currency), schedule_in(currency, "known_from_the_start.yaml")
    assert _by_quarter(amended) == _by_quarter(known)
    assert _revenue_by_month(amended) == _revenue_by_month(known)


@in_every_currency
def test_usage_that_comes_late_ends_in_the_sums_it_would_have_had_in_time(currency: str) -> None:
    in_time = tuple(
        event.model_copy(update={"received_at": event.occurred_at + timedelta(seconds=1)})
        for event in usage()
    )
    assert _by_quarter(schedule_in(currency)) == _by_quarter(schedule_in(currency, events=in_time))


@in_every_currency
def test_the_documents_worked_by_hand_are_the_golden_ones(currency: str) -> None:
    by_hand = [(*row[:3], row[3 + CURRENCIES.index(currency)]) for row in _table("The documents")]
    assert by_hand == list(_rows_of(json.loads((GOLDEN / f"{currency}.json").read_text("utf-8"))))


@in_every_currency
def test_the_revenue_worked_by_hand_is_the_golden_one(currency: str) -> None:
    statement = (GOLDEN / f"{currency}.txt").read_text("utf-8")
    months = statement.split(REVENUE_HEADING)[1].split("\n\n")[1].splitlines()[1:]
    assert _table(f"Revenue in {currency}") == [month.split() for month in months]


def _golden(name: str, now: str) -> bytes:
    path: Path = GOLDEN / name
    if os.environ.get("REGENERATE_GOLDEN"):
        path.write_text(now, "utf-8", newline="\n")
    return path.read_bytes()


def _by_quarter(schedule: BillingSchedule) -> Counter[tuple[str, str]]:
    """Net of tax, by charge and calendar quarter of service: each line's service lies within one."""
    sums: Counter[tuple[str, str]] = Counter()
    for line in schedule.lines:
        sums[line.charge_id, _quarter(line)] += line.amount.minor
    return sums


def _quarter(line: PlannedLine) -> str:
    period = line.service_period
    assert period is not None
    return f"{period.start.year}-Q{(period.start.month + 2) // 3}"


def _revenue_by_month(schedule: BillingSchedule) -> list[int]:
    lines = revenue_lines(schedule.invoices)
    return [
        sum(entry.moved.revenue for entry in release_entries(lines, day, schedule.policies))
        for day in month_ends(schedule)
    ]


def _table(heading: str) -> list[list[str]]:
    """The cells of the first table under a heading of the document, row by row, without the table's head."""
    section = WORKED_BY_HAND.read_text("utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    table = section[section.index("|") :].split("\n\n")[0].splitlines()
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table[2:]]


def _rows_of(schedule: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """What the table of documents must say, from the golden JSON: lines, then net, taxes and payable."""
    for invoice in schedule["invoices"]:
        day = invoice["issue_date"]
        for line in invoice["lines"]:
            period = line["service_period"]
            yield day, line["description"], f"{period['start']}..{period['end']}", _figure(line["amount"])
        yield day, "net", "", _figure(invoice["total"])
        for tax in invoice["taxes"]:
            yield day, tax["name"], "", _figure(tax["amount"])
        yield day, "payable", "", _figure(invoice["payable"])


def _figure(money: dict[str, Any]) -> str:
    return Money(money["minor"], money["currency"]).format().removesuffix(f" {money['currency']}")
