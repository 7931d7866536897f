"""Every rule of every suite catches the row it is for, and tells a finance person what to do about it."""

from __future__ import annotations

from datetime import date

import pytest

from integration_pipeline.quality.native import evaluate
from integration_pipeline.quality.rows import Row
from integration_pipeline.quality.rules import RowFailure, Suite
from integration_pipeline.quality.suites import DEALS, PLANNED_DOCUMENTS, RAW_DEALS, SUITES, WITHDRAWN_DEALS
from integration_pipeline_tests.quality.batches import (
    valid_deal,
    valid_document,
    valid_raw_deal,
    valid_withdrawn_deal,
)

BROKEN = [
    (RAW_DEALS, "deal_has_an_id", valid_raw_deal(external_id=None)),
    (RAW_DEALS, "deal_has_a_stage", valid_raw_deal(stage=None)),
    (RAW_DEALS, "stage_is_mapped", valid_raw_deal(stage="1234", unknown_stage="1234")),
    (RAW_DEALS, "deal_has_properties", valid_raw_deal(property_count=0)),
    (RAW_DEALS, "modified_in_the_past", valid_raw_deal(modified_at_in_future=True)),
    (DEALS, "fields_can_be_mapped", valid_deal(mapping_problem="payment terms 'Net 75' are not mapped")),
    (DEALS, "deal_has_a_company", valid_deal(customer_id=None)),
    (DEALS, "deal_has_a_currency", valid_deal(currency=None)),
    (DEALS, "currency_is_known", valid_deal(currency="EURO", unknown_currency="EURO")),
    (DEALS, "deal_has_an_amount", valid_deal(amount_minor=None)),
    (DEALS, "amount_is_plausible", valid_deal(amount_minor=0)),
    (DEALS, "amount_is_plausible", valid_deal(amount_minor=10**15 + 1)),
    (DEALS, "deal_has_a_close_date", valid_deal(close_date=None)),
    (DEALS, "close_date_is_plausible", valid_deal(close_date=date(1970, 1, 1))),
    (DEALS, "close_date_is_plausible", valid_deal(close_date=date(2201, 1, 1))),
    (DEALS, "deal_has_charges", valid_deal(charge_count=0)),
    (DEALS, "deal_is_not_a_copy", valid_deal(duplicate_of="8999")),
    (WITHDRAWN_DEALS, "nothing_was_invoiced", valid_withdrawn_deal(invoiced_as="INV-1, INV-2")),
    (PLANNED_DOCUMENTS, "net_is_the_sum_of_its_lines", valid_document(lines_total_minor=99_999)),
    (PLANNED_DOCUMENTS, "taxes_are_those_of_its_lines", valid_document(lines_tax_minor=18_999)),
    (PLANNED_DOCUMENTS, "total_is_net_and_taxes", valid_document(net_and_taxes_minor=118_999)),
    (PLANNED_DOCUMENTS, "total_is_plausible", valid_document(total_minor=0, net_and_taxes_minor=0)),
    (PLANNED_DOCUMENTS, "document_has_lines", valid_document(line_count=0)),
    (PLANNED_DOCUMENTS, "every_line_is_explained", valid_document(unexplained_lines=1)),
    (PLANNED_DOCUMENTS, "due_after_issue", valid_document(due_date=date(2025, 1, 30))),
    (PLANNED_DOCUMENTS, "currency_is_a_code", valid_document(currency="€")),
    (PLANNED_DOCUMENTS, "document_has_a_customer", valid_document(customer_id=None)),
    (PLANNED_DOCUMENTS, "document_has_a_billing_entity", valid_document(entity=None)),
    (PLANNED_DOCUMENTS, "no_rule_holds_it", valid_document(held_for="large: over 5,000.00 EUR")),
]


def only_failure(suite: Suite, row: Row) -> RowFailure:
    (failure,) = evaluate(suite, [row]).failures
    return failure


@pytest.mark.parametrize(
    ("suite", "row"),
    [
        (RAW_DEALS, valid_raw_deal()),
        (DEALS, valid_deal()),
        (WITHDRAWN_DEALS, valid_withdrawn_deal()),
        (PLANNED_DOCUMENTS, valid_document()),
    ],
    ids=["raw deal", "deal", "withdrawn deal", "document"],
)
def test_a_valid_row_passes(suite: Suite, row: Row) -> None:
    assert evaluate(suite, [row]).failures == ()


@pytest.mark.parametrize(("suite", "rule", "row"), BROKEN, ids=[rule for _, rule, _ in BROKEN])
def test_a_row_with_one_fault_breaks_the_one_rule_for_it(suite: Suite, rule: str, row: Row) -> None:
    assert only_failure(suite, row).rule == rule


@pytest.mark.parametrize(("suite", "rule", "row"), BROKEN, ids=[rule for _, rule, _ in BROKEN])
def test_a_reason_names_the_record_and_leaves_no_gap(suite: Suite, rule: str, row: Row) -> None:
    failure = only_failure(suite, row)
    assert str(row["external_id"] or row["deal_name"]) in failure.reason
    assert "(empty)" not in failure.reason + failure.next_step


def test_a_document_planned_twice_fails_both_times() -> None:
    rows = [
        valid_document(row_id=1),
        valid_document(row_id=2),
        valid_document(row_id=3, document_key="9001/1/2"),
    ]
    failures = evaluate(PLANNED_DOCUMENTS, rows).failures
    assert [(failure.rule, failure.row_id) for failure in failures] == [
        ("document_is_planned_once", 1),
        ("document_is_planned_once", 2),
    ]


def test_every_rule_has_a_row_that_breaks_it() -> None:
    tried = {(suite.name, rule) for suite, rule, _ in BROKEN} | {
        (PLANNED_DOCUMENTS.name, "document_is_planned_once")
    }
    assert tried == {(suite.name, rule.name) for suite in SUITES.values() for rule in suite.rules}


def test_only_what_may_be_meant_can_be_waived() -> None:
    waivable = {rule.name for suite in SUITES.values() for rule in suite.rules if rule.waivable}
    assert waivable == {
        "deal_is_not_a_copy",
        "modified_in_the_past",
        "no_rule_holds_it",
        "nothing_was_invoiced",
    }


def test_a_deal_without_a_company_says_where_to_add_one() -> None:
    assert only_failure(DEALS, valid_deal(customer_id=None)) == RowFailure(
        row_id=1,
        rule="deal_has_a_company",
        field="company",
        value=None,
        reason="Won deal 'Northwind renewal' (9001) has no company, so there is nobody to invoice",
        next_step="Associate a company with the deal in the CRM",
        waivable=False,
    )


def test_a_mapping_problem_is_told_in_its_own_words() -> None:
    failure = only_failure(DEALS, valid_deal(mapping_problem="payment terms 'Net 75' are not mapped"))
    assert failure.reason.endswith("payment terms 'Net 75' are not mapped")


def test_totals_that_differ_are_shown_as_money() -> None:
    failure = only_failure(PLANNED_DOCUMENTS, valid_document(lines_total_minor=99_999))
    assert failure.value == "100000, 99999"
    assert "is over 1,000.00 EUR net, but its lines add up to 999.99 EUR" in failure.reason
