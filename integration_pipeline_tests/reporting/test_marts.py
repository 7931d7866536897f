"""What the read models say about the small business, worked out by hand."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal

from integration_pipeline.reporting.connection import dbt_environment
from integration_pipeline.reporting.project import Artifacts, artifacts_root
from integration_pipeline.reporting.run import variables
from integration_pipeline_tests.reporting.books import AS_OF
from integration_pipeline_tests.reporting.conftest import Rows


def test_every_deal_has_the_outcome_and_the_reason_that_a_person_would_give_it(rows: Rows) -> None:
    found = {
        row["external_id"]: (row["outcome"], row["reason"]) for row in rows("SELECT * FROM reporting.deals")
    }
    assert found == {
        "one-time": ("invoiced", "posted"),
        "subscription": ("invoiced", "posted"),
        "corrected": ("invoiced", "posted"),
        "ahead": ("scheduled_later", "issue_date_ahead"),
        "waiting": ("waiting", "not_checked"),
        "unplanned": ("waiting", "not_planned"),
        "incomplete": ("quarantined", "deal_has_a_currency"),
        "half": ("quarantined", "due_after_issue"),
        "reduced": ("invoiced", "posted"),
        "free": ("nothing_to_bill", "schedule_is_empty"),
        "lost": ("not_won", "not_won"),
        "open": ("not_won", "not_won"),
    }


def test_a_deal_shows_what_it_billed_and_when_it_bills_next(rows: Rows) -> None:
    [deal] = rows("SELECT * FROM reporting.deals WHERE external_id = 'subscription'")
    assert (deal["scheduled_minor"], deal["invoiced_minor"], deal["not_invoiced_minor"]) == (
        500_00,
        300_00,
        200_00,
    )
    assert deal["next_issue_date"] == date(2026, 4, 1)


def test_amounts_have_the_decimals_of_their_currency(rows: Rows) -> None:
    amounts = {
        row["currency"]: str(row["amount"]) for row in rows("SELECT * FROM reporting.deals ORDER BY deal_key")
    }
    assert (amounts["JPY"], amounts["KWD"], amounts["EUR"]) == ("30000", "1.250", "70.00")


def test_a_deal_without_a_currency_has_no_amount_and_is_still_there(rows: Rows) -> None:
    [deal] = rows("SELECT * FROM reporting.deals WHERE external_id = 'incomplete'")
    assert (deal["currency"], deal["amount"], deal["entity"]) == (None, None, "unknown")


def test_a_credit_note_names_the_invoice_it_takes_back_and_closes_it(rows: Rows) -> None:
    wrong, right, note = rows(
        "SELECT * FROM reporting.invoices WHERE deal_key = 'hubspot:corrected'"
        " ORDER BY kind DESC, total_minor DESC"
    )
    assert note["reverses_number"] == wrong["number"]
    assert (wrong["reversed_minor"], wrong["open_minor"]) == (500_00, 0)
    assert (right["reversed_minor"], right["open_amount"]) == (0, Decimal("450.00"))
    assert note["open_minor"] == 0


def test_a_credit_note_of_its_own_takes_nothing_back_and_stays_open(rows: Rows) -> None:
    invoice, note = rows(
        "SELECT * FROM reporting.invoices WHERE deal_key = 'hubspot:reduced' ORDER BY kind DESC"
    )
    assert (invoice["reversed_minor"], invoice["open_minor"]) == (0, 100_00)
    assert (note["reverses_number"], note["open_minor"]) == (None, -30_00)


def test_an_invoice_shows_what_was_paid_and_what_is_left(rows: Rows) -> None:
    [invoice] = rows("SELECT * FROM reporting.invoices WHERE deal_key = 'hubspot:one-time'")
    assert (invoice["paid"], invoice["open_amount"]) == (Decimal("200.00"), Decimal("1000.00"))


def test_an_invoice_shows_net_and_tax(rows: Rows) -> None:
    [invoice] = rows("SELECT * FROM reporting.invoices WHERE currency = 'CAD' AND kind = 'invoice'")
    assert (invoice["net"], invoice["tax"], invoice["total"]) == (
        Decimal("83.33"),
        Decimal("16.67"),
        Decimal("100.00"),
    )


def test_an_invoice_names_customer_deal_entity_dates_and_order(rows: Rows) -> None:
    [invoice] = rows("SELECT * FROM reporting.invoices WHERE deal_key = 'hubspot:one-time'")
    assert invoice["number"] == "US-INV-000001"
    assert (invoice["customer_name"], invoice["deal_name"], invoice["entity"]) == (
        "Acme",
        "Deal one-time",
        "us",
    )
    assert (invoice["issue_date"], invoice["due_date"]) == (date(2026, 1, 10), date(2026, 2, 9))
    assert invoice["purchase_order"] == "PO-7"


def test_receivables_age_by_days_after_their_due_date(rows: Rows) -> None:
    found = {
        (row["customer_name"], row["currency"]): (
            row["not_due_minor"],
            row["days_1_30_minor"],
            row["days_31_60_minor"],
            row["days_61_90_minor"],
            row["days_over_90_minor"],
        )
        for row in rows("SELECT * FROM reporting.receivables_ageing")
    }
    assert found == {
        # Due 9 February.
        ("Acme", "USD"): (0, 0, 1_000_00, 0, 0),
        # Due 28 January, 28 February, 28 March.
        ("Birch", "EUR"): (100_00, 100_00, 100_00, 0, 0),
        # 450.00 due on the very day, 10.00 due 20 January.
        ("Cedar", "USD"): (450_00, 0, 10_00, 0, 0),
        # Due 19 February; a credit is no receivable that ages.
        ("Dune", "CAD"): (0, 100_00, 0, 0, 0),
    }


def test_a_customers_balance_is_kept_by_currency(rows: Rows) -> None:
    found = {
        (row["customer_name"], row["currency"]): (
            row["deals_won"],
            row["won_minor"],
            row["invoiced_minor"],
            row["credited_minor"],
            row["open_minor"],
        )
        for row in rows("SELECT * FROM reporting.customer_balances")
    }
    assert found == {
        ("Acme", "USD"): (1, 1_200_00, 1_200_00, 0, 1_000_00),
        ("Acme", "JPY"): (1, 30_000, 0, 0, 0),
        ("Birch", "EUR"): (2, 570_00, 300_00, 0, 300_00),
        ("Birch", "KWD"): (1, 1_250, 0, 0, 0),
        ("Cedar", "USD"): (3, 470_01, 960_00, 500_00, 460_00),
        ("Dune", "CAD"): (1, 70_00, 100_00, 30_00, 70_00),
    }


def test_a_customer_counts_its_links_deals_and_invoices(rows: Rows) -> None:
    found = {
        row["name"]: (
            row["links"],
            row["deals_won"],
            row["deals_quarantined"],
            row["invoices"],
            row["open_invoices"],
        )
        for row in rows("SELECT * FROM reporting.customers")
    }
    assert found == {
        "Acme": (2, 2, 0, 1, 1),
        "Birch": (1, 3, 0, 3, 3),
        "Cedar": (1, 3, 1, 3, 2),
        "Dune": (1, 1, 0, 1, 1),
    }


def test_the_bridge_leads_from_won_deals_to_the_books(rows: Rows) -> None:
    found = {
        (str(row["close_month"])[:7], row["entity"], row["currency"]): (
            row["won_deals"],
            row["invoiced_deals"],
            row["scheduled_later_deals"],
            row["quarantined_deals"],
            row["waiting_deals"],
            row["nothing_to_bill_deals"],
        )
        for row in rows("SELECT * FROM reporting.crm_to_books_bridge")
    }
    assert found == {
        ("2026-01", "us", "USD"): (4, 2, 0, 1, 0, 1),
        ("2026-01", "us", "CAD"): (1, 1, 0, 0, 0, 0),
        ("2026-01", "eu", "EUR"): (1, 1, 0, 0, 0, 0),
        ("2026-01", "eu", "KWD"): (1, 0, 0, 0, 1, 0),
        ("2026-01", "jp", "JPY"): (1, 0, 1, 0, 0, 0),
        ("2026-01", "unknown", "unknown"): (1, 0, 0, 1, 0, 0),
        ("2026-02", "eu", "EUR"): (1, 0, 0, 0, 1, 0),
    }


def test_the_bridges_amounts_add_up_to_the_schedules(rows: Rows) -> None:
    [us] = rows("SELECT * FROM reporting.crm_to_books_bridge WHERE currency = 'USD'")
    # 1,200.00 and 450.00 and 20.00 and nothing.
    assert (us["won_minor"], us["scheduled_minor"]) == (1_670_01, 1_670_00)
    assert (us["invoiced_minor"], us["credited_minor"], us["not_invoiced_minor"]) == (2_160_00, 500_00, 10_00)
    assert (us["quarantined_minor"], us["waiting_minor"], us["scheduled_later_minor"]) == (10_00, 0, 0)
    assert us["invoiced"] == Decimal("2160.00")


def test_a_quarantined_deal_counts_once_under_its_first_rule(rows: Rows) -> None:
    found = rows(
        "SELECT reason, deals FROM reporting.crm_to_books_reasons WHERE outcome = 'quarantined'"
        " ORDER BY reason"
    )
    assert [(row["reason"], row["deals"]) for row in found] == [
        ("deal_has_a_currency", 1),
        ("due_after_issue", 1),
    ]


def test_the_trial_balance_shows_both_sides_and_is_zero_per_entity_and_currency(rows: Rows) -> None:
    found = {
        (row["entity"], row["role"], row["currency"]): (
            row["debit_minor"],
            row["credit_minor"],
            row["balance"],
        )
        for row in rows("SELECT * FROM reporting.trial_balance")
    }
    assert found == {
        ("us", "cash", "USD"): (200_00, 0, Decimal("200.00")),
        ("us", "receivable", "USD"): (2_160_00, 700_00, Decimal("1460.00")),
        ("us", "revenue", "USD"): (500_00, 2_160_00, Decimal("-1660.00")),
        ("us", "receivable", "CAD"): (100_00, 30_00, Decimal("70.00")),
        ("us", "revenue", "CAD"): (30_00, 100_00, Decimal("-70.00")),
        ("eu", "receivable", "EUR"): (300_00, 0, Decimal("300.00")),
        ("eu", "revenue", "EUR"): (0, 300_00, Decimal("-300.00")),
    }


def test_quarantine_names_the_deal_and_the_reason_of_every_open_row(rows: Rows) -> None:
    found = rows("SELECT deal_name, rule, reason FROM reporting.quarantine ORDER BY rule")
    assert [(row["deal_name"], row["rule"]) for row in found] == [
        ("Deal incomplete", "deal_has_a_currency"),
        ("Deal incomplete", "deal_has_an_amount"),
        ("Deal half", "due_after_issue"),
        ("Deal free", "modified_in_the_past"),
    ]
    assert found[2]["reason"] == "fails due_after_issue"


def test_records_of_the_crm_are_counted_by_kind_with_their_versions(rows: Rows) -> None:
    found = {
        row["object_type"]: (row["records"], row["versions"])
        for row in rows("SELECT * FROM reporting.crm_records")
    }
    assert found == {"deal": (12, 13), "line_item": (1, 1)}


def test_every_column_is_described_and_nothing_else_is(rows: Rows, business_url: str) -> None:
    parsed = Artifacts(artifacts_root(), dbt_environment(business_url), variables(AS_OF)).manifest()
    nodes = json.loads(parsed.read_bytes())["nodes"].values()
    described = {
        (node["schema"], node["name"], column["name"])
        for node in nodes
        if node["resource_type"] in ("model", "seed") and node["config"]["materialized"] != "ephemeral"
        for column in node["columns"].values()
        if column["description"] and node["description"]
    }
    found = rows(
        "SELECT table_schema, table_name, column_name FROM information_schema.columns"
        " WHERE table_schema IN ('reporting', 'reporting_cut')"
    )
    assert {tuple(row.values()) for row in found} == described


def test_the_database_itself_shows_the_descriptions(rows: Rows) -> None:
    [row] = rows("SELECT obj_description('reporting.invoices'::regclass) AS text")
    assert row["text"] == "One row a posted invoice or credit note."
