"""Customers: which CRM companies and contacts are one and the same payer, and on what evidence.

Belongs here: linking new companies and contacts to customers, once. Does not belong here: which fields
hold a tax id or a domain (mapping), matching with customers of an accounting system (accounting).

A link, once made, stays: documents were issued under it. What later speaks for another customer is
recorded as a candidate for a person to decide.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, text

from integration_pipeline.crm.records import Association, CrmRecord, ObjectType
from integration_pipeline.mapping.apply import read_fields
from integration_pipeline.mapping.document import MatchRule
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.reports import StageReport, reporting

_CUSTOMERS_LOCK = 7_310_552_042


@dataclass(slots=True)
class _Customer:
    id: int
    name: str
    domain: str | None
    tax_id: str | None


@dataclass(slots=True)
class _Directory:
    """All customers by what identifies them; the first to hold a domain or tax id keeps it."""

    by_id: dict[int, _Customer] = field(default_factory=dict[int, _Customer])
    by_domain: dict[str, _Customer] = field(default_factory=dict[str, _Customer])
    by_tax_id: dict[str, _Customer] = field(default_factory=dict[str, _Customer])

    def add(self, customer: _Customer) -> None:
        self.by_id[customer.id] = customer
        if customer.domain:
            self.by_domain.setdefault(customer.domain, customer)
        if customer.tax_id:
            self.by_tax_id.setdefault(customer.tax_id, customer)


def link_customers(pipeline: Pipeline) -> StageReport:
    """Give every new company and contact its customer. One transaction; safe to repeat.

    Counts: `customers_new`, `companies_linked`, `companies_merged`, `contacts_linked`,
    `candidates_pending`.
    """
    with reporting("customers") as report, pipeline.engine.begin() as connection:
        # Two runs at once would each create the same customer: the second waits and finds it.
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _CUSTOMERS_LOCK})
        directory = _Directory()
        for row in connection.execute(text("SELECT id, name, domain, tax_id FROM crm.customers ORDER BY id")):
            directory.add(_Customer(row.id, row.name, row.domain, row.tax_id))
        for company in _pending(connection, pipeline, ObjectType.COMPANY):
            _place_company(connection, pipeline, directory, company, report)
        links = _company_links(connection, pipeline.mapping.source)
        for contact in _pending(connection, pipeline, ObjectType.CONTACT):
            _place_contact(connection, pipeline, directory, links, contact, report)
    return report


@dataclass(frozen=True, slots=True)
class _Pending:
    record_id: int
    record: CrmRecord
    linked_to: int | None


def _pending(connection: Connection, pipeline: Pipeline, object_type: ObjectType) -> list[_Pending]:
    rows = connection.execute(
        text(_PENDING), {"source": pipeline.mapping.source, "object_type": object_type.value}
    )
    return [_Pending(row.id, record_of(row), row.customer_id) for row in rows]


def record_of(row: Any) -> CrmRecord:
    """A row of `raw.records` as the record it came from."""
    return CrmRecord(
        source=row.source,
        object_type=ObjectType(row.object_type),
        external_id=row.external_id,
        modified_at=row.modified_at,
        archived=row.archived,
        properties=row.properties,
        associations={
            ObjectType(kind): tuple(Association(link["id"], tuple(link["labels"])) for link in links)
            for kind, links in row.associations.items()
        },
    )


def _place_company(
    connection: Connection,
    pipeline: Pipeline,
    directory: _Directory,
    pending: _Pending,
    report: StageReport,
) -> None:
    fields = read_fields(pipeline.mapping.company, pending.record)
    domain, tax_id = normal_domain(fields.get("domain")), normal_tax_id(fields.get("tax_id"))
    matches = list(_matches(pipeline.mapping.customers, directory, domain, tax_id))
    if pending.linked_to is not None:
        for rule, customer, evidence in matches:
            if customer.id != pending.linked_to:
                _candidate(connection, pending, customer, rule.rule, evidence, "pending", report)
        _touch_link(connection, pending)
        return
    merged = [match for match in matches if match[0].decision == "merged"]
    if merged:
        rule, customer, evidence = merged[0]
        _link(connection, pending, customer.id, rule.rule, evidence)
        report.counts["companies_merged"] += 1
    else:
        customer = _create(connection, pending, fields, domain, tax_id)
        directory.add(customer)
        report.counts["customers_new"] += 1
    report.counts["companies_linked"] += 1
    for rule, other, evidence in matches:
        decision = rule.decision if other is customer or rule.decision != "merged" else "pending"
        _candidate(connection, pending, other, rule.rule, evidence, decision, report)


def _matches(
    rules: Iterable[MatchRule], directory: _Directory, domain: str | None, tax_id: str | None
) -> Iterable[tuple[MatchRule, _Customer, dict[str, str]]]:
    for rule in rules:
        index, value = (
            (directory.by_tax_id, tax_id) if rule.rule == "same_tax_id" else (directory.by_domain, domain)
        )
        if value is None or value in rule.ignore or (found := index.get(value)) is None:
            continue
        if rule.rule == "same_domain" and tax_id and found.tax_id and tax_id != found.tax_id:
            # One domain, two tax ids: two companies of a group, or a mistake. Not ours to guess.
            rule = rule.model_copy(update={"decision": "pending"})
        yield rule, found, {rule.rule.removeprefix("same_"): value, "customer": found.name}


def _place_contact(
    connection: Connection,
    pipeline: Pipeline,
    directory: _Directory,
    links: dict[str, int],
    pending: _Pending,
    report: StageReport,
) -> None:
    if pending.linked_to is not None:
        _touch_link(connection, pending)
        return
    companies = primary_first(pending.record.associations.get(ObjectType.COMPANY, ()))
    for company in companies:
        if (customer_id := links.get(company)) is not None:
            _link(connection, pending, customer_id, "company_of_contact", {"company": company})
            report.counts["contacts_linked"] += 1
            return
    email = read_fields(pipeline.mapping.contact, pending.record).get("email") or ""
    domain = normal_domain(email.rpartition("@")[2])
    ignored = {value for rule in pipeline.mapping.customers for value in rule.ignore}
    if domain and domain not in ignored and (customer := directory.by_domain.get(domain)) is not None:
        _link(connection, pending, customer.id, "same_email_domain", {"domain": domain})
        report.counts["contacts_linked"] += 1


def primary_first(links: Iterable[Association]) -> list[str]:
    """Record ids, those labelled primary first, otherwise by id."""
    ordered = sorted(links, key=lambda link: ("primary" not in map(str.lower, link.labels), link.external_id))
    return [link.external_id for link in ordered]


def normal_domain(domain: str | None) -> str | None:
    """`WWW.Acme.com ` as `acme.com`."""
    return (domain or "").strip().lower().removeprefix("www.") or None


def normal_tax_id(tax_id: str | None) -> str | None:
    """`DE 616 781 013` as `DE616781013`."""
    return re.sub(r"[^0-9A-Z]", "", (tax_id or "").upper()) or None


def _create(
    connection: Connection,
    pending: _Pending,
    fields: dict[str, str | None],
    domain: str | None,
    tax_id: str | None,
) -> _Customer:
    name = fields.get("name") or f"Company {pending.record.external_id}"
    customer_id: int = connection.execute(
        text(_CREATE),
        {
            "name": name,
            "domain": domain,
            "tax_id": tax_id,
            "billing_email": fields.get("billing_email"),
            "country": fields.get("country"),
        },
    ).scalar_one()
    _link(connection, pending, customer_id, "first_seen", {"name": name})
    return _Customer(customer_id, name, domain, tax_id)


def _link(
    connection: Connection, pending: _Pending, customer_id: int, rule: str, evidence: dict[str, str]
) -> None:
    connection.execute(
        text(_LINK),
        {
            "source": pending.record.source,
            "object_type": pending.record.object_type.value,
            "external_id": pending.record.external_id,
            "customer_id": customer_id,
            "record_id": pending.record_id,
            "rule": rule,
            "evidence": json.dumps(evidence),
        },
    )


def _touch_link(connection: Connection, pending: _Pending) -> None:
    connection.execute(
        text(_TOUCH),
        {
            "source": pending.record.source,
            "object_type": pending.record.object_type.value,
            "external_id": pending.record.external_id,
            "record_id": pending.record_id,
        },
    )


def _candidate(
    connection: Connection,
    pending: _Pending,
    customer: _Customer,
    rule: str,
    evidence: dict[str, str],
    decision: str,
    report: StageReport,
) -> None:
    connection.execute(
        text(_CANDIDATE),
        {
            "source": pending.record.source,
            "external_id": pending.record.external_id,
            "customer_id": customer.id,
            "rule": rule,
            "evidence": json.dumps(evidence),
            "decision": decision,
        },
    )
    if decision == "pending":
        report.counts["candidates_pending"] += 1


def _company_links(connection: Connection, source: str) -> dict[str, int]:
    rows = connection.execute(
        text(
            "SELECT external_id, customer_id FROM crm.customer_links"
            " WHERE source = :source AND object_type = 'company'"
        ),
        {"source": source},
    )
    return {row.external_id: row.customer_id for row in rows}


# A contact without a customer is looked at again each time: its company may have come since.
_PENDING = """
    SELECT record.*, link.customer_id
    FROM raw.heads AS head
    INNER JOIN raw.records AS record ON record.id = head.record_id
    LEFT JOIN crm.customer_links AS link
        ON link.source = head.source AND link.object_type = head.object_type
        AND link.external_id = head.external_id
    WHERE head.source = :source AND head.object_type = :object_type AND NOT record.archived
        AND (link.record_id IS NULL OR link.record_id < head.record_id)
    ORDER BY length(head.external_id), head.external_id
"""
_CREATE = """
    INSERT INTO crm.customers (name, domain, tax_id, billing_email, country)
    VALUES (:name, :domain, :tax_id, :billing_email, :country)
    RETURNING id
"""
_LINK = """
    INSERT INTO crm.customer_links
        (source, object_type, external_id, customer_id, record_id, rule, evidence)
    VALUES
        (:source, :object_type, :external_id, :customer_id, :record_id, :rule, CAST(:evidence AS jsonb))
"""
_TOUCH = """
    UPDATE crm.customer_links SET record_id = :record_id
    WHERE source = :source AND object_type = :object_type AND external_id = :external_id
"""
_CANDIDATE = """
    INSERT INTO crm.customer_candidates
        (source, external_id, customer_id, rule, evidence, decision, decided_by)
    VALUES
        (:source, :external_id, :customer_id, :rule, CAST(:evidence AS jsonb), :decision, 'rule')
    ON CONFLICT (source, external_id, customer_id, rule) DO NOTHING
"""
