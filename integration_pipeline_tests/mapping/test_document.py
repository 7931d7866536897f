from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from integration_pipeline.crm.records import ObjectType
from integration_pipeline.mapping.document import read_mapping
from integration_pipeline.settings import DEFAULT_MAPPING, MAPPINGS
from integration_pipeline.yaml_documents import InvalidDocument


def with_changes(folder: Path, changes: dict[str, object]) -> Path:
    """The demo company's mapping as a file, with other values in some places; None takes a key out."""
    document: dict[str, Any] = yaml.safe_load(DEFAULT_MAPPING.read_text(encoding="utf-8"))
    for place, value in changes.items():
        room, _, name = place.rpartition(".")
        holder = document[room] if room else document
        if value is None:
            del holder[name]
        else:
            holder[name] = value
    path = folder / "mapping.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return path


@pytest.mark.parametrize("path", sorted(MAPPINGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_mapping_that_is_shipped_loads(path: Path) -> None:
    assert read_mapping(path).source == path.stem.partition("_")[0]


def test_three_mappings_are_shipped() -> None:
    assert len(list(MAPPINGS.glob("*.yaml"))) == 3


def test_extraction_asks_for_each_property_that_any_term_reads_once() -> None:
    mapping = read_mapping(DEFAULT_MAPPING)

    assert mapping.properties(ObjectType.CONTACT) == ("email",)
    assert mapping.properties(ObjectType.LINE_ITEM) == (
        "hs_discount_percentage",
        "hs_sku",
        "minimum_commitment",
        "name",
        "price",
        "price_tiers",
        "promo_days",
        "promo_percent",
        "quantity",
        "ramp_schedule",
        "recurringbillingfrequency",
        "tier_model",
        "usage_aggregation",
        "usage_metric",
        "usage_property",
    )
    assert mapping.properties(ObjectType.DEAL).count("dealstage") == 1
    assert mapping.properties(ObjectType.PRODUCT) == ()


@pytest.mark.parametrize(
    ("place", "value", "fault"),
    [
        ("deal.name", [{"field": "a", "value": "b"}], "exactly one of `field`, `term` and `value`"),
        ("deal.name", [{"read": "text"}], "exactly one of `field`, `term` and `value`"),
        ("deal.name", "dealname", "Input should be a valid tuple"),
        ("deal.owner", [{"field": "a", "unlike": "["}], "is not a regular expression"),
        ("deal.name", [{"field": "a", "read": "words"}], "Input should be 'text', 'decimal'"),
        ("deal.close_date", [{"field": "closedate"}], "needs `read: date`, not text"),
        ("deal.start", [{"field": "begin", "read": "decimal"}], "needs `read: date`, not decimal"),
        ("deal.currency", [{"value": "usd"}], "needs `read: currency`, not text"),
        ("deal.amount", [{"field": "amount"}], "needs `read: decimal or amount_text`, not text"),
        ("deal.payment_terms", [{"value": "30"}], "needs `read: payment_terms or integer`, not text"),
        ("deal.state", [{"field": "dealstage"}], "needs `values` that say which is won, lost, open"),
        (
            "deal.state",
            [{"field": "dealstage", "values": {"closedwon": "wonn"}}],
            "must come out as won, lost, open, not as wonn",
        ),
        (
            "deal.state",
            [{"field": "dealstage", "values": {"closedwon": "won"}, "otherwise": "none"}],
            "must come out as won, lost, open, not as none",
        ),
        ("deal.start", [{"term": "closing"}], "copies 'closing', which is no term read before it"),
        ("deal.name", [{"term": "owner"}], "copies 'owner', which is no term read before it"),
        ("deal.discount", [{"field": "discount"}], "Extra inputs are not permitted"),
        ("deal.ramp", [{"field": "ramp"}], "needs `read: ramp`, not text"),
        ("deal.tax_treatment", [{"value": "none"}], "must come out as exclusive, inclusive, exempt"),
        (
            "deal.at_term_end",
            [{"field": "renewal"}],
            "needs `values` that say which is ends, renews, evergreen",
        ),
        (
            "line_item.tier_model",
            [{"value": "tiered"}],
            "must come out as graduated, volume, stairstep, package",
        ),
        ("line_item.quantity", None, "Field required"),
        ("line_item.unit_price", [{"field": "price"}], "needs `read: decimal or amount_text`"),
        ("source", "pipedrive", "Input should be 'hubspot' or 'salesforce'"),
        ("customers", [{"rule": "same_name"}], "Input should be 'same_tax_id' or 'same_domain'"),
    ],
)
def test_a_mapping_that_could_stop_every_deal_is_refused(
    tmp_path: Path, place: str, value: object, fault: str
) -> None:
    with pytest.raises(InvalidDocument) as raised:
        read_mapping(with_changes(tmp_path, {place: value}))

    assert fault in str(raised.value)


def test_several_faults_are_reported_at_once_each_with_its_line(tmp_path: Path) -> None:
    path = with_changes(
        tmp_path,
        {
            "deal.currency": [{"field": "deal_currency_code"}],
            "company.name": None,
            "customers": [{"rule": "same_domain", "ignored": ["gmail.com"]}],
        },
    )
    with pytest.raises(InvalidDocument) as raised:
        read_mapping(path)

    lines = path.read_text(encoding="utf-8").splitlines()
    found = {place: lines[line - 1].strip() for line, place, _ in raised.value.problems}
    assert found == {
        "deal.currency": "currency:",
        "company.name": "company:",
        "customers.0.ignored": "ignored:",
    }


def test_the_version_changes_with_any_rule(tmp_path: Path) -> None:
    version = read_mapping(DEFAULT_MAPPING).version
    changed = with_changes(tmp_path, {"deal.owner": [{"field": "account_manager"}]})

    assert read_mapping(changed).version != version
    assert read_mapping(with_changes(tmp_path, {})).version == version


class TestAccountingIds:
    def test_are_read_from_the_company_with_everything_else(self, tmp_path: Path) -> None:
        ids = {"quickbooks-us": [{"field": "qbo_customer_id"}], "xero-eu": [{"field": "xero_contact_id"}]}

        mapping = read_mapping(with_changes(tmp_path, {"company.accounting_ids": ids}))

        assert {"qbo_customer_id", "xero_contact_id"} <= set(mapping.properties(ObjectType.COMPANY))
        assert mapping.company.version != read_mapping(DEFAULT_MAPPING).company.version

    def test_that_are_the_same_for_every_company_are_refused(self, tmp_path: Path) -> None:
        path = with_changes(tmp_path, {"company.accounting_ids": {"quickbooks-us": [{"value": "58"}]}})

        with pytest.raises(InvalidDocument, match="needs a `field` each, read as text"):
            read_mapping(path)
