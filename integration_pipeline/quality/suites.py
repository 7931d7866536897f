"""The suites: what must hold before a deal is read, billed and posted.

Belongs here: rules as data, and the columns each suite expects of its rows. Does not belong here: building
those rows (pipeline) and what the expectations mean (`rules`).

Reasons and next steps are read by finance people: they name the record and the value, say what is wrong in
the words of the CRM, and where to mend it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType

from integration_pipeline.quality.rules import (
    Between,
    InSet,
    IsNull,
    MatchesRegex,
    NotNull,
    PairEqual,
    PairOrdered,
    RowRule,
    Suite,
    Unique,
)

__all__ = ["DEALS", "PLANNED_DOCUMENTS", "RAW_DEALS", "SUITES", "WITHDRAWN_DEALS"]

# Ten trillion of a currency with two decimals: above any invoice, and far below what a 64-bit integer holds
# when amounts are added up.
_LARGEST_AMOUNT_MINOR = 10**15
_FIRST_PLAUSIBLE_DAY = date(2000, 1, 1)
_LAST_PLAUSIBLE_DAY = date(2100, 1, 1)

RAW_DEALS = Suite(
    "raw_deals",
    (
        RowRule(
            name="deal_has_an_id",
            expectation=NotNull("external_id"),
            field="deal id",
            reason="Deal {deal_name!r} came from the CRM without an id",
            next_step=(
                "Run the extraction again; if the deal is still without an id, ask the CRM's administrator"
            ),
        ),
        RowRule(
            name="deal_has_a_stage",
            expectation=NotNull("stage"),
            field="deal stage",
            reason="Deal {deal_name!r} ({external_id}) has no stage, so nobody can tell whether it is won",
            next_step="Set the deal's stage in the CRM",
        ),
        RowRule(
            name="stage_is_mapped",
            expectation=IsNull("unknown_stage"),
            field="deal stage",
            reason=(
                "Deal {deal_name!r} ({external_id}) is in stage "
                "{unknown_stage!r}, which the mapping does not know"
            ),
            next_step=(
                "Add stage {unknown_stage!r} to the mapping, or move the deal to a mapped stage in the CRM"
            ),
        ),
        RowRule(
            name="deal_has_properties",
            expectation=Between("property_count", 1, None),
            field="deal properties",
            reason="Deal {deal_name!r} ({external_id}) came from the CRM without a single property",
            next_step="Check that the CRM app may read deal properties, then run the extraction again",
        ),
        RowRule(
            name="modified_in_the_past",
            expectation=InSet("modified_at_in_future", (False,)),
            field="last modified",
            reason=(
                "Deal {deal_name!r} ({external_id}) says it was last changed in the future, "
                "so a later change could be taken for an older one"
            ),
            next_step="Check the clock of this server, then save the deal once more in the CRM",
            waivable=True,
        ),
    ),
)
"""Deals as extracted. Columns: row_id, external_id, deal_name, stage (the vendor's stage id), unknown_stage
(the same id if the mapping does not know it, else null), property_count, modified_at_in_future (bool)."""

DEALS = Suite(
    "deals",
    (
        RowRule(
            name="fields_can_be_mapped",
            expectation=IsNull("mapping_problem"),
            field="mapped fields",
            reason="Won deal {deal_name!r} ({external_id}): {mapping_problem}",
            next_step="Correct the field in the CRM; if its value is right, correct the mapping",
        ),
        RowRule(
            name="deal_has_a_company",
            expectation=NotNull("customer_id"),
            field="company",
            reason="Won deal {deal_name!r} ({external_id}) has no company, so there is nobody to invoice",
            next_step="Associate a company with the deal in the CRM",
        ),
        RowRule(
            name="deal_has_a_currency",
            expectation=NotNull("currency"),
            field="currency",
            reason="Won deal {deal_name!r} ({external_id}) has no currency",
            next_step="Set the deal's currency in the CRM",
        ),
        RowRule(
            name="currency_is_known",
            expectation=IsNull("unknown_currency"),
            field="currency",
            reason=(
                "Won deal {deal_name!r} ({external_id}) is in {unknown_currency!r}, "
                "which is not an ISO 4217 currency code"
            ),
            next_step="Set the deal's currency in the CRM to a three-letter code such as USD or EUR",
        ),
        RowRule(
            name="deal_has_an_amount",
            expectation=NotNull("amount_minor"),
            field="amount",
            reason="Won deal {deal_name!r} ({external_id}) has no amount",
            next_step="Enter the deal's amount in the CRM",
        ),
        RowRule(
            name="amount_is_plausible",
            expectation=Between("amount_minor", 1, _LARGEST_AMOUNT_MINOR),
            field="amount",
            reason=(
                "Won deal {deal_name!r} ({external_id}) has an amount of {amount_minor:money}; "
                "an invoice needs more than zero, and less than a sum that can only be a typing error"
            ),
            next_step="Correct the deal's amount in the CRM",
        ),
        RowRule(
            name="deal_has_a_close_date",
            expectation=NotNull("close_date"),
            field="close date",
            reason="Won deal {deal_name!r} ({external_id}) has no close date",
            next_step="Set the deal's close date in the CRM",
        ),
        RowRule(
            name="close_date_is_plausible",
            expectation=Between("close_date", _FIRST_PLAUSIBLE_DAY, _LAST_PLAUSIBLE_DAY),
            field="close date",
            reason=(
                "Won deal {deal_name!r} ({external_id}) was closed on {close_date}, "
                "which is not between 2000-01-01 and 2100-01-01"
            ),
            next_step="Correct the deal's close date in the CRM",
        ),
        RowRule(
            name="deal_has_charges",
            expectation=Between("charge_count", 1, None),
            field="line items",
            reason=(
                "Won deal {deal_name!r} ({external_id}) has nothing to charge for: {charge_count} line items"
            ),
            next_step="Add at least one line item with a price to the deal in the CRM",
        ),
        RowRule(
            name="deal_is_not_a_copy",
            expectation=IsNull("duplicate_of"),
            field="deal",
            reason=(
                "Won deal {deal_name!r} ({external_id}) looks like a second copy of deal {duplicate_of}: "
                "same customer, name, amount and close date"
            ),
            next_step="Archive one of the two in the CRM, or release this one here if both are meant",
            waivable=True,
        ),
    ),
)
"""Won deals, normalized. Columns: row_id, external_id, deal_name, customer_id, company_name, currency (as the
CRM has it, known or not), unknown_currency (the same if it is no ISO 4217 code, else null), amount_minor,
close_date, charge_count, mapping_problem (a sentence, or null), duplicate_of (external id, or null)."""

WITHDRAWN_DEALS = Suite(
    "withdrawn_deals",
    (
        RowRule(
            name="nothing_was_invoiced",
            expectation=IsNull("invoiced_as"),
            field="deal stage",
            reason=(
                "Deal {deal_name!r} ({external_id}) is {state} now, but was won and invoiced as {invoiced_as}"
            ),
            next_step=(
                "Move the deal back to won in the CRM if this is a mistake, or release it here "
                "to credit what was invoiced"
            ),
            waivable=True,
        ),
    ),
)
"""Deals that were won and scheduled and are no longer won. Columns: row_id, external_id, deal_name, state,
invoiced_as (numbers of its documents that are posted and not credited, or null)."""

PLANNED_DOCUMENTS = Suite(
    "planned_documents",
    (
        RowRule(
            name="net_is_the_sum_of_its_lines",
            expectation=PairEqual("net_minor", "lines_total_minor"),
            field="net",
            reason=(
                "The {kind} planned for deal {external_id} on {issue_date} is over {net_minor:money} net, "
                "but its lines add up to {lines_total_minor:money}"
            ),
            next_step="Plan the deal again; if the sums still differ, report document {document_key}",
        ),
        RowRule(
            name="taxes_are_those_of_its_lines",
            expectation=PairEqual("taxes_minor", "lines_tax_minor"),
            field="tax",
            reason=(
                "The {kind} planned for deal {external_id} on {issue_date} has taxes of {taxes_minor:money}, "
                "but those of its lines add up to {lines_tax_minor:money}"
            ),
            next_step="Plan the deal again; if the taxes still differ, report document {document_key}",
        ),
        RowRule(
            name="total_is_net_and_taxes",
            expectation=PairEqual("total_minor", "net_and_taxes_minor"),
            field="total",
            reason=(
                "The {kind} planned for deal {external_id} on {issue_date} totals {total_minor:money}, "
                "but net and taxes come to {net_and_taxes_minor:money}"
            ),
            next_step="Plan the deal again; if the totals still differ, report document {document_key}",
        ),
        RowRule(
            name="total_is_plausible",
            expectation=Between("total_minor", 1, _LARGEST_AMOUNT_MINOR),
            field="total",
            reason=(
                "The {kind} planned for deal {external_id} on {issue_date} totals {total_minor:money}; "
                "a document needs more than zero, and less than a sum that can only be a typing error"
            ),
            next_step="Check quantities, prices and discounts of the deal's line items in the CRM",
        ),
        RowRule(
            name="document_has_lines",
            expectation=Between("line_count", 1, None),
            field="lines",
            reason="The {kind} planned for deal {external_id} on {issue_date} has no lines",
            next_step="Check the deal's line items in the CRM, then plan the deal again",
        ),
        RowRule(
            name="every_line_is_explained",
            expectation=Between("unexplained_lines", 0, 0),
            field="lines",
            reason=(
                "The {kind} planned for deal {external_id} on {issue_date} has lines nobody could explain to "
                "the customer: {unexplained_lines} of {line_count}"
            ),
            next_step=(
                "Plan the deal again under the present rules; if lines stay "
                "unexplained, report document {document_key}"
            ),
        ),
        RowRule(
            name="due_after_issue",
            expectation=PairOrdered("issue_date", "due_date"),
            field="due date",
            reason=(
                "The {kind} planned for deal {external_id} is due on "
                "{due_date}, before it is issued on {issue_date}"
            ),
            next_step="Correct the deal's payment terms in the CRM",
        ),
        RowRule(
            name="currency_is_a_code",
            expectation=MatchesRegex("currency", "[A-Z]{3}"),
            field="currency",
            reason=(
                "The {kind} planned for deal {external_id} on {issue_date} is in {currency!r}, "
                "which is not a three-letter currency code"
            ),
            next_step="Set the deal's currency in the CRM to a three-letter code such as USD or EUR",
        ),
        RowRule(
            name="document_has_a_customer",
            expectation=NotNull("customer_id"),
            field="company",
            reason="The {kind} planned for deal {external_id} on {issue_date} has no customer to send it to",
            next_step="Associate a company with the deal in the CRM",
        ),
        RowRule(
            name="document_has_a_billing_entity",
            expectation=NotNull("entity"),
            field="billing entity",
            reason=(
                "The {kind} planned for deal {external_id} on {issue_date} does not say "
                "which of our companies issues it"
            ),
            next_step="Set the deal's billing entity in the CRM, or a default in the mapping",
        ),
        RowRule(
            name="no_rule_holds_it",
            expectation=IsNull("held_for"),
            field="approval",
            reason=(
                "The {kind} planned for deal {external_id} on {issue_date} waits for somebody to approve it: "
                "{held_for}"
            ),
            next_step="Look at the document: release it if it may go out, or correct the deal in the CRM",
            waivable=True,
        ),
        RowRule(
            name="document_is_planned_once",
            expectation=Unique(("document_key",)),
            field="document",
            reason=(
                "The {kind} planned for deal {external_id} on {issue_date} is planned more than once "
                "in this batch, as document {document_key}"
            ),
            next_step=(
                "Plan the deal again; if it is still planned more than once, report document {document_key}"
            ),
        ),
    ),
)
"""Invoices and credit notes about to be posted. Columns: row_id, document_key, external_id (of the deal),
kind, entity, currency, line_count, unexplained_lines, issue_date, due_date, customer_id, held_for; and,
positive for credit notes too, net_minor and lines_total_minor, taxes_minor (by rate) and lines_tax_minor,
total_minor and net_and_taxes_minor."""

SUITES: Mapping[str, Suite] = MappingProxyType(
    {suite.name: suite for suite in (RAW_DEALS, DEALS, WITHDRAWN_DEALS, PLANNED_DOCUMENTS)}
)
