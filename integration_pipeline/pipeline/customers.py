"""Customers: which CRM companies and contacts are one and the same payer, and on what evidence.

Belongs here: linking new companies and contacts to customers, once. Does not belong here: the decision
(`customer_matching`), which fields hold a tax id or a domain (mapping), matching with customers of an
accounting system (accounting).

What a company's record says its id is at an accounting system is kept with its link, for whoever looks for
the customer there (`posting.stated_ids`).

A link, once made, stays: documents were issued under it. What later speaks for another customer is
recorded as a candidate for a person to decide. What a customer is called follows the company it began with.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, text

from integration_pipeline.crm.records import CrmRecord, ObjectType
from integration_pipeline.mapping.apply import read_accounting_ids, read_fields
from integration_pipeline.mapping.document import Mapping
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.customer_matching import (
    Customer,
    Directory,
    normal_domain,
    normal_tax_id,
    primary_first,
)
from integration_pipeline.pipeline.landing import record_of
from integration_pipeline.pipeline.reports import StageReport, reporting
from integration_pipeline.pipeline.scope import Scope

_CUSTOMERS_LOCK = 7_310_552_043
_FOUNDER = "first_seen"


def link_customers(pipeline: Pipeline, scope: Scope | None = None) -> StageReport:
    """Give every new company and contact its customer. One transaction; safe to repeat.

    With deals in the scope only what they refer to is looked at. Counts: `customers_new`,
    `companies_linked`, `companies_merged`, `contacts_linked`, `candidates_pending`.
    """
    ids = (scope or Scope.everything()).deal_ids(pipeline.mapping.source)
    with reporting("customers") as report, pipeline.transaction() as connection:
        if not _pending(connection, pipeline.mapping, ids):
            return report
        # Two runs at once would each create the same customer: the second waits and finds it.
        connection.execute(_LOCK, {"key": _CUSTOMERS_LOCK})
        pending = _pending(connection, pipeline.mapping, ids)
        if pending:
            _link(connection, pipeline.mapping, pending, report)
        # All that link customers wait for the lock: it must not last as long as a transaction of all stages.
        connection.commit()
    return report


@dataclass(frozen=True, slots=True)
class _Pending:
    """A company or contact with a version that was not looked at yet; `linked_to` is its customer so far."""

    record_id: int
    record: CrmRecord
    fields: dict[str, str | None]
    accounting_ids: dict[str, dict[str, str]]
    linked_to: int | None
    linked_by: str | None

    @property
    def domain(self) -> str | None:
        return normal_domain(self.fields.get("domain"))

    @property
    def email_domain(self) -> str | None:
        return normal_domain((self.fields.get("email") or "").rpartition("@")[2])

    @property
    def tax_id(self) -> str | None:
        return normal_tax_id(self.fields.get("tax_id"))


@dataclass(slots=True)
class _Decisions:
    """Rows to store, collected first: one statement for all instead of four for each company."""

    customers: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    links: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    candidates: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def link(self, pending: _Pending, customer_id: int, rule: str, evidence: dict[str, str]) -> None:
        self.links.append(
            {
                "object_type": pending.record.object_type.value,
                "external_id": pending.record.external_id,
                "customer_id": customer_id,
                "record_id": pending.record_id,
                "rule": rule,
                "evidence": evidence,
                "accounting_ids": pending.accounting_ids,
            }
        )

    def store(self, connection: Connection, mapping: Mapping) -> int:
        """Answers how many new candidates wait for a person."""
        batches = {
            "source": mapping.source,
            "read_as": mapping.company.version,
            "customers": json.dumps(self.customers),
            "links": json.dumps(self.links),
            "candidates": json.dumps(self.candidates),
        }
        connection.execute(_STORE_CUSTOMERS, batches)
        corrected = connection.execute(_CORRECTED_IDS, batches).all()
        connection.execute(_STORE_LINKS, batches)
        for target, customers in corrected:
            connection.execute(_GO_ON, {"target": target, "customers": customers})
        return connection.execute(_STORE_CANDIDATES, batches).scalar_one()


def _pending(connection: Connection, mapping: Mapping, ids: Sequence[str] | None) -> list[_Pending]:
    """Companies and contacts, each in the order of their ids."""
    parameters = {"source": mapping.source, "ids": ids, "read_as": mapping.company.version}
    rows = connection.execute(_PENDING if ids is None else _PENDING_OF_DEALS, parameters)
    found = ((row, record_of(row)) for row in rows)
    return [
        _Pending(row.id, record, *_read(mapping, record), row.customer_id, row.rule) for row, record in found
    ]


def _read(mapping: Mapping, record: CrmRecord) -> tuple[dict[str, str | None], dict[str, dict[str, str]]]:
    """What a record identifies its customer by, and its ids at accounting systems."""
    if record.object_type is ObjectType.CONTACT:
        return read_fields(mapping.contact, record), {}
    return read_fields(mapping.company, record), read_accounting_ids(mapping.company, record)


def _link(connection: Connection, mapping: Mapping, pending: Sequence[_Pending], report: StageReport) -> None:
    companies = [each for each in pending if each.record.object_type is ObjectType.COMPANY]
    contacts = [each for each in pending if each.record.object_type is ObjectType.CONTACT]
    renamed = [_details(each, each.linked_to) for each in companies if each.linked_by == _FOUNDER]
    connection.execute(_UPDATE_CUSTOMERS, {"customers": json.dumps(renamed)})
    directory = _directory(connection, companies, contacts)
    decisions = _Decisions()
    new_ids = _new_ids(connection, sum(each.linked_to is None for each in companies))
    for company in companies:
        _place_company(mapping, directory, company, new_ids, decisions, report)
    customer_of = _customers_of_companies(connection, mapping.source, contacts)
    customer_of.update((link["external_id"], link["customer_id"]) for link in decisions.links)
    for contact in contacts:
        _place_contact(mapping, directory, customer_of, contact, decisions, report)
    report.counts["candidates_pending"] += decisions.store(connection, mapping)


def _directory(
    connection: Connection, companies: Sequence[_Pending], contacts: Sequence[_Pending]
) -> Directory:
    """The customers that share a domain or tax id with what is to be placed."""
    domains = {each.domain for each in companies} | {each.email_domain for each in contacts}
    directory = Directory()
    rows = connection.execute(
        _SAME_IDENTITY,
        {
            "domains": [domain for domain in domains if domain],
            "tax_ids": [tax_id for tax_id in {each.tax_id for each in companies} if tax_id],
        },
    )
    for row in rows:
        directory.add(Customer(row.id, row.name, row.domain, row.tax_id))
    return directory


def _place_company(
    mapping: Mapping,
    directory: Directory,
    company: _Pending,
    new_ids: Iterator[int],
    decisions: _Decisions,
    report: StageReport,
) -> None:
    matches = list(directory.matches(mapping.customers, company.domain, company.tax_id))
    joined = next((match for match in matches if match.decision == "merged"), None)
    if company.linked_to is not None:
        chosen = company.linked_to
        decisions.link(company, chosen, company.linked_by or "", {})
    elif joined is not None:
        chosen = joined.customer.id
        decisions.link(company, chosen, joined.rule, joined.evidence)
        report.counts["companies_merged"] += 1
        report.counts["companies_linked"] += 1
    else:
        chosen = next(new_ids)
        details = _details(company, chosen)
        decisions.customers.append(details)
        decisions.link(company, chosen, _FOUNDER, {"name": details["name"]})
        directory.add(Customer(chosen, details["name"], company.domain, company.tax_id))
        report.counts["customers_new"] += 1
        report.counts["companies_linked"] += 1
    for match in matches:
        same = match.customer.id == chosen
        if same and company.linked_to is not None:
            continue
        decisions.candidates.append(
            {
                "external_id": company.record.external_id,
                "customer_id": match.customer.id,
                "rule": match.rule,
                "evidence": match.evidence,
                # One record belongs to one customer: that another rule would have merged it is a question.
                "decision": "pending" if match.decision == "merged" and not same else match.decision,
            }
        )


def _place_contact(
    mapping: Mapping,
    directory: Directory,
    customer_of: dict[str, int],
    contact: _Pending,
    decisions: _Decisions,
    report: StageReport,
) -> None:
    if contact.linked_to is not None:
        decisions.link(contact, contact.linked_to, contact.linked_by or "", {})
        return
    companies = primary_first(contact.record.associations.get(ObjectType.COMPANY, ()))
    company = next((each for each in companies if each in customer_of), None)
    domain = contact.email_domain
    ignored = {value for rule in mapping.customers for value in rule.ignore}
    if company is not None:
        decisions.link(contact, customer_of[company], "company_of_contact", {"company": company})
    elif domain and domain not in ignored and (customer := directory.only_one_of(domain)) is not None:
        decisions.link(contact, customer.id, "same_email_domain", {"domain": domain})
    else:
        return
    report.counts["contacts_linked"] += 1


def _details(company: _Pending, customer_id: int | None) -> dict[str, Any]:
    return {
        "id": customer_id,
        "name": company.fields.get("name") or f"Company {company.record.external_id}",
        "domain": company.domain,
        "tax_id": company.tax_id,
        "billing_email": company.fields.get("billing_email"),
        "country": company.fields.get("country"),
    }


def _new_ids(connection: Connection, count: int) -> Iterator[int]:
    return iter(connection.execute(_NEW_IDS, {"count": count}).scalars().all())


def _customers_of_companies(
    connection: Connection, source: str, contacts: Sequence[_Pending]
) -> dict[str, int]:
    ids = {
        link.external_id for each in contacts for link in each.record.associations.get(ObjectType.COMPANY, ())
    }
    rows = connection.execute(_COMPANY_LINKS, {"source": source, "ids": list(ids)})
    return {row.external_id: row.customer_id for row in rows}


_LOCK = text("SELECT pg_advisory_xact_lock(:key)")
# A contact without a customer is looked at again each time: its company may have come since.
_PENDING = text("""
    SELECT *
    FROM (
        SELECT * FROM crm.unlinked_records WHERE source = :source
        UNION ALL
        -- Looked at under other terms of a company.
        SELECT
            link.source, link.object_type, link.external_id, record.id, record.modified_at, record.archived,
            record.properties, record.associations, link.customer_id, link.rule
        FROM crm.customer_links AS link
        INNER JOIN raw.records AS record ON record.id = link.record_id
        INNER JOIN raw.heads AS head ON head.record_id = record.id
        WHERE link.source = :source AND link.object_type = 'company' AND NOT record.archived
            AND link.read_as <> :read_as
    ) AS pending
    ORDER BY length(external_id), external_id
""")
_PENDING_OF_DEALS = text("""
    WITH RECURSIVE reached AS (
        SELECT 'deal' AS object_type, deal_id AS external_id
        FROM unnest(CAST(:ids AS text[])) AS given (deal_id)
        UNION
        SELECT linked.object_type, linked.external_id
        FROM reached
        INNER JOIN raw.heads AS head
            ON head.source = :source AND head.object_type = reached.object_type
            AND head.external_id = reached.external_id
        INNER JOIN raw.records AS record ON record.id = head.record_id
        CROSS JOIN LATERAL raw.linked_records(record.associations) AS linked
        WHERE linked.object_type IN ('company', 'contact')
    )
    SELECT unlinked.*
    FROM reached
    INNER JOIN crm.unlinked_records AS unlinked
        ON unlinked.source = :source AND unlinked.object_type = reached.object_type
        AND unlinked.external_id = reached.external_id
    ORDER BY length(unlinked.external_id), unlinked.external_id
""")
_SAME_IDENTITY = text("""
    SELECT id, name, domain, tax_id FROM crm.customers WHERE domain = ANY(CAST(:domains AS text[]))
    UNION
    SELECT id, name, domain, tax_id FROM crm.customers WHERE tax_id = ANY(CAST(:tax_ids AS text[]))
    ORDER BY id
""")
_COMPANY_LINKS = text("""
    SELECT external_id, customer_id FROM crm.customer_links
    WHERE source = :source AND object_type = 'company' AND external_id = ANY(CAST(:ids AS text[]))
""")
_NEW_IDS = text("""
    SELECT nextval(pg_get_serial_sequence('crm.customers', 'id')) FROM generate_series(1, :count)
""")
_STORE_CUSTOMERS = text("""
    INSERT INTO crm.customers (id, name, domain, tax_id, billing_email, country)
    OVERRIDING SYSTEM VALUE
    SELECT id, name, domain, tax_id, billing_email, country
    FROM jsonb_to_recordset(CAST(:customers AS jsonb)) AS given (
        id bigint, name text, domain text, tax_id text, billing_email text, country text
    )
""")
_UPDATE_CUSTOMERS = text("""
    UPDATE crm.customers AS customer
    SET name = given.name, domain = given.domain, tax_id = given.tax_id,
        billing_email = given.billing_email, country = given.country
    FROM jsonb_to_recordset(CAST(:customers AS jsonb)) AS given (
        id bigint, name text, domain text, tax_id text, billing_email text, country text
    )
    WHERE customer.id = given.id
""")
# Of a record that is linked already only the version that was looked at moves on.
_STORE_LINKS = text("""
    INSERT INTO crm.customer_links (
        source, object_type, external_id, customer_id, record_id, rule, evidence, accounting_ids, read_as
    )
    SELECT
        :source, object_type, external_id, customer_id, record_id, rule, evidence, accounting_ids, :read_as
    FROM jsonb_to_recordset(CAST(:links AS jsonb)) AS given (
        object_type text, external_id text, customer_id bigint, record_id bigint, rule text, evidence jsonb,
        accounting_ids jsonb
    )
    ON CONFLICT (source, object_type, external_id) DO UPDATE SET
        record_id = excluded.record_id, accounting_ids = excluded.accounting_ids, read_as = excluded.read_as
""")
# By target the customers of companies whose id there is another now, and those who had it, too.
_CORRECTED_IDS = text("""
    WITH corrected AS (
        SELECT known.customer_id, named.target, known.accounting_ids -> named.target ->> 'value' AS before
        FROM jsonb_to_recordset(CAST(:links AS jsonb)) AS given (
            object_type text, external_id text, accounting_ids jsonb
        )
        INNER JOIN crm.customer_links AS known
            ON known.source = :source AND known.object_type = given.object_type
            AND known.external_id = given.external_id
        CROSS JOIN LATERAL jsonb_object_keys(known.accounting_ids || given.accounting_ids) AS named (target)
        WHERE known.accounting_ids -> named.target IS DISTINCT FROM given.accounting_ids -> named.target
    )
    SELECT concerned.target, array_agg(DISTINCT concerned.customer_id)
    FROM (
        SELECT target, customer_id FROM corrected
        UNION
        SELECT corrected.target, link.customer_id
        FROM corrected
        INNER JOIN crm.customer_links AS link
            ON link.accounting_ids -> corrected.target ->> 'value' = corrected.before
    ) AS concerned
    GROUP BY concerned.target
""")
# Whoever waits for a person because of such an id is looked for again.
_GO_ON = text("SELECT posting.go_on_for(:target, :customers)")
_STORE_CANDIDATES = text("""
    WITH stored AS (
        INSERT INTO crm.customer_candidates (
            source, external_id, customer_id, rule, evidence, decision, decided_by
        )
        SELECT :source, external_id, customer_id, rule, evidence, decision, 'rule'
        FROM jsonb_to_recordset(CAST(:candidates AS jsonb)) AS given (
            external_id text, customer_id bigint, rule text, evidence jsonb, decision text
        )
        ON CONFLICT (source, external_id, customer_id, rule) DO NOTHING
        RETURNING decision
    )
    SELECT count(*) FROM stored WHERE decision = 'pending'
""")
