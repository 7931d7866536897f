"""When companies and contacts were given their customers, or a customer its newer name.

A link to a customer keeps when it was made and which version of its record was looked at last. Versions
between the two were looked at when they landed, as far as anybody can see: whatever runs next looks at them
first.

Belongs here: acts about companies and contacts. Does not belong here: deciding who is whose customer
(`pipeline.customers`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from integration_pipeline.crm.records import ObjectType
from integration_pipeline.mapping.apply import read_fields
from integration_pipeline.mapping.document import Mapping as MappingDocument
from integration_pipeline.pipeline.customer_matching import normal_domain, normal_tax_id
from integration_pipeline.pipeline.landing import record_of
from integration_pipeline.rebuild.facts import Facts
from integration_pipeline.rebuild.in_force import InForce
from integration_pipeline.rebuild.order import Act, Phase, alone, reads, writes
from integration_pipeline.rebuild.work import Landing, PastAct

FOUNDER = "first_seen"
"""The rule of the link between a customer and the company it began with."""


def parties(facts: Facts, in_force: InForce) -> Iterator[PastAct]:
    """The versions of linked companies and contacts that were looked at."""
    newest = {row.id for row in facts.records}
    versions: dict[tuple[str, str, str], list[Row[Any]]] = defaultdict(list)
    for row in facts.parties:
        if row.id in newest:
            versions[row.source, row.object_type, row.external_id].append(row)
    for link in facts.links:
        known = versions[link.source, link.object_type, link.external_id]
        looked_at = [row for row in known if row.id <= link.record_id]
        landed = [row for row in looked_at if row.received_at <= link.created_at]
        if link.rule == FOUNDER:
            seen = [row for row in landed if name_in(row, in_force) == link.evidence.get("name")]
            landed = seen or landed
        first = max((row.id for row in landed), default=0)
        for row in looked_at:
            if row.id >= first:
                moment = max(link.created_at, row.received_at)
                yield _act(row, link, moment, in_force)


def names_of_customers(facts: Facts, in_force: InForce) -> Mapping[int, set[str]]:
    """Every name that a version of the company it began with ever gave a customer."""
    founded = {
        (link.source, link.external_id): link.customer_id
        for link in facts.links
        if link.rule == FOUNDER and link.object_type == "company"
    }
    names: dict[int, set[str]] = defaultdict(set)
    for row in facts.parties:
        if row.object_type == "company" and (row.source, row.external_id) in founded:
            names[founded[row.source, row.external_id]].add(name_in(row, in_force))
    return names


def name_in(row: Row[Any], in_force: InForce) -> str:
    """What a version of a company calls its customer."""
    mapping = in_force.mapping(in_force.at(row.received_at).mapping)
    return read_fields(mapping.company, record_of(row)).get("name") or f"Company {row.external_id}"


def _act(row: Row[Any], link: Row[Any], moment: datetime, in_force: InForce) -> PastAct:
    versions = in_force.at(moment)
    mapping = in_force.mapping(versions.mapping)
    is_company = row.object_type == "company"
    touches = {alone("party", row.object_type, row.external_id)}
    known_as = alone if is_company else reads
    touches |= {known_as("known as", name) for name in _identities(row, mapping)}
    if is_company and link.rule == FOUNDER:
        touches.add(writes("customer", str(link.customer_id)))
        touches |= {writes("addressed as", address) for address in _addresses(row, mapping)}
    if not is_company:
        touches |= {reads("party", "company", each["id"]) for each in row.associations.get("company", ())}
    phase = Phase.COMPANIES if is_company else Phase.CONTACTS
    return Act(moment, phase, tuple(touches), Landing(row.id, versions))


def _addresses(row: Row[Any], mapping: MappingDocument) -> set[str]:
    """What a payer may be known by as this customer, if it pays without saying for what."""
    fields = read_fields(mapping.company, record_of(row))
    email, domain = fields.get("billing_email"), normal_domain(fields.get("domain"))
    return {address for address in (email and email.lower(), domain) if address}


def _identities(row: Row[Any], mapping: MappingDocument) -> set[str]:
    """What a company or contact may be matched by, apart from what proves nothing."""
    record = record_of(row)
    if record.object_type is ObjectType.COMPANY:
        fields = read_fields(mapping.company, record)
        domain, tax_id = normal_domain(fields.get("domain")), normal_tax_id(fields.get("tax_id"))
    else:
        email = read_fields(mapping.contact, record).get("email") or ""
        domain, tax_id = normal_domain(email.rpartition("@")[2]), None
    ignored = {value for rule in mapping.customers for value in rule.ignore}
    return {name for name in (domain, tax_id) if name and name not in ignored}
