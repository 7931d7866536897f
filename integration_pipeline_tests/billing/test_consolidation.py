"""Consolidation: documents of one customer's contracts become one, with the tax of one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from integration_pipeline.billing.consolidation import CustomerDocument, consolidate
from integration_pipeline.billing.errors import BillingError
from integration_pipeline.billing.invoices import DocumentKind
from integration_pipeline.billing.policies import DEFAULT, Policies, TaxRounding
from integration_pipeline.billing.schedule import build_schedule
from integration_pipeline.billing.terms import ContractTerms

Build = Callable[..., dict[str, Any]]
Make = Callable[..., ContractTerms]


@pytest.fixture(scope="module")
def make(contract: Make, charge: Build) -> Make:
    """`make("C-1", "10.03", ...)`: one month at that price plus 19 %, to be consolidated."""

    def build(contract_id: str, price: str, **changes: Any) -> ContractTerms:
        vat = {"rates": [{"name": "VAT", "percent": "19"}]}
        terms = {"contract_id": contract_id, "consolidate": True, "term_months": 1, "tax": vat, **changes}
        return contract(charge(quantity=1, unit_price=price), **terms)

    return build


def _consolidated(*contracts: ContractTerms, policies: Policies = DEFAULT) -> Sequence[CustomerDocument]:
    return consolidate([(terms, build_schedule(terms, policies)) for terms in contracts])


def test_contracts_that_say_so_share_a_document_whose_tax_is_rounded_once(make: Make) -> None:
    (merged,) = _consolidated(make("C-2", "10.03"), make("C-1", "10.03"))

    # Alone, each contract owes 19 % of 10.03 = 1.9057 → 1.91; together it is 3.8114 → 3.81.
    assert merged.document.total.minor == 2006
    assert merged.document.tax.minor == 381
    assert merged.document.payable.minor == 2387
    assert sum(line.tax.minor for line in merged.document.lines) == 381
    assert merged.contract_ids == ("C-1", "C-2")


def test_a_policy_that_rounds_tax_per_line_still_does_so_in_a_shared_document(make: Make) -> None:
    per_line = replace(DEFAULT, name="per_line", tax_rounding=TaxRounding.PER_LINE)

    (merged,) = _consolidated(make("C-1", "10.03"), make("C-2", "10.03"), policies=per_line)

    assert merged.document.tax.minor == 382


def test_prices_that_include_tax_keep_their_sum_and_explain_their_new_net(make: Make) -> None:
    vat = {"treatment": "inclusive", "rates": [{"name": "VAT", "percent": "19"}]}
    (merged,) = _consolidated(make("C-1", "10.03", tax=vat), make("C-2", "10.03", tax=vat))

    assert merged.document.payable.minor == 2006
    for _, line in merged.lines:
        assert line.amount.minor + line.tax.minor == 1003
        assert line.explanation.formula.endswith(f"net {line.amount.format()}")
        assert line.explanation.formula.count("includes") == 1


def test_a_line_without_tax_stays_without_in_a_shared_document(make: Make) -> None:
    (merged,) = _consolidated(make("C-1", "10.00"), make("C-2", "10.00", tax=None))

    assert [line.tax.minor for line in merged.document.lines] == [190, 0]
    assert merged.document.tax.minor == 190


@pytest.mark.parametrize(
    "changes",
    [
        {"customer": "other"},
        {"entity": "eu"},
        {"currency": "EUR"},
        {"start": "2026-01-02"},
        {"payment_terms": {"net_days": 14}},
        {"consolidate": False},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_contracts_that_differ_in_what_a_document_states_keep_their_own(
    make: Make, changes: dict[str, Any]
) -> None:
    documents = _consolidated(make("C-1", "10.03"), make("C-2", "10.03", **changes))

    assert [document.document.tax.minor for document in documents] == [191, 191]


def test_credit_notes_share_a_credit_note_and_never_an_invoice(make: Make) -> None:
    ends = [{"amendment_id": "A", "effective": "2026-01-11", "changes": [{"change": "terminate"}]}]

    documents = _consolidated(
        make("C-1", "31.00", amendments=ends),
        make("C-2", "31.00", amendments=ends),
        make("C-3", "31.00", start="2026-01-11"),
    )

    assert [(each.document.kind, each.contract_ids) for each in documents] == [
        (DocumentKind.INVOICE, ("C-1", "C-2")),
        (DocumentKind.CREDIT_NOTE, ("C-1", "C-2")),
        (DocumentKind.INVOICE, ("C-3",)),
    ]
    assert documents[1].document.total.minor == -4200


def test_the_order_of_the_contracts_makes_no_difference(make: Make) -> None:
    contracts = [make(f"C-{n}", f"{n}.03", customer=f"customer-{n % 2}", term_months=3) for n in range(1, 6)]

    documents = _consolidated(*contracts)

    reordered = _consolidated(*reversed(contracts))
    assert [(each.contract_ids, each.document.content_hash()) for each in documents] == [
        (each.contract_ids, each.document.content_hash()) for each in reordered
    ]
    assert [(each.document.issue_date, each.customer) for each in documents] == [
        (date(2026, month, 1), customer) for month in (1, 2, 3) for customer in ("customer-0", "customer-1")
    ]


def test_a_contract_given_twice_is_refused_before_it_is_billed_twice(make: Make) -> None:
    with pytest.raises(BillingError, match="C-1 is given twice"):
        _consolidated(make("C-1", "1"), make("C-1", "1"))


def test_contracts_without_tax_share_a_document_as_well(make: Make) -> None:
    (merged,) = _consolidated(make("C-1", "10.03", tax=None), make("C-2", "5.00", tax=None))

    assert merged.document.payable.minor == 1503
    assert merged.document.taxes == ()
