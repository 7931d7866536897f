"""Salesforce's JSON and CSV turned into our types, checked field by field.

One field's value reads the same whichever way it came, or each way of reading would make a version of its
own: REST writes doubles (`10.0`, `1.2345678E7`) and moments with `+0000`, the bulk API with `Z`.

Belongs here: shapes of answers. Does not belong here: requests (`api`), what a field means (the mapping).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from integration_pipeline.crm.records import Association, CrmRecord, ObjectType
from integration_pipeline.crm.salesforce.config import MERGED, REFERENCES, SOURCE
from integration_pipeline.crm.salesforce.metadata import NUMBERS, DealStage, FieldDefinition, FieldOption
from integration_pipeline.transport.shapes import Json

_MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3})(?:\+0000|Z)", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d{1,30}(?:\.\d{1,30})?(?:E[+-]?\d{1,2})?", re.ASCII)
_PRIMARY = "primary"
_OWNER_FIELDS = ("Name", "Email", "FirstName", "LastName")


@dataclass(frozen=True, slots=True)
class Found:
    """A record as read, and the id of the one it was merged into, if it was."""

    record: CrmRecord
    survivor: str | None = None


def read_record(answer: Json, kind: ObjectType, properties: Sequence[str]) -> Found:
    """One record with exactly the `properties` asked for, and its links if they were asked for."""
    identifier = answer.field("Id").identifier()
    named = Json(answer.value, answer.attempted, f"{answer.at} ({kind} {identifier})")
    archived = named.field("IsDeleted").flag()
    links = {} if archived else _links(named, kind)
    master = named.optional("MasterRecordId") if kind in MERGED else None
    record = CrmRecord(
        source=SOURCE,
        object_type=kind,
        external_id=identifier,
        modified_at=_stamp(named.field("SystemModstamp")),
        archived=archived,
        properties={name: _plain(_at(named, name)) for name in properties},
        associations={target: found for target, found in links.items() if found},
    )
    return Found(record, master.identifier() if master else None)


def read_row(
    row: Mapping[str, str], kind: ObjectType, properties: Sequence[str], types: Mapping[str, str], where: Json
) -> CrmRecord:
    """One line of a bulk job's CSV, with the link that is a field of it. `types` are those of its columns."""
    identifier = row.get("Id", "")
    named = Json(dict(row), where.attempted, f"{where.at} ({kind} {identifier})")
    reference = REFERENCES.get(kind)
    linked = row.get(reference.field) if reference else None
    return CrmRecord(
        source=SOURCE,
        object_type=kind,
        external_id=named.field("Id").identifier(),
        modified_at=_stamp(named.field("SystemModstamp")),
        archived=row.get("IsDeleted") == "true",
        properties={name: _cell(named, name, types[name]) for name in properties},
        associations={reference.target: (Association(linked),)} if reference and linked else {},
    )


def contact_link(contact: str, role: str | None, *, is_primary: bool) -> Association:
    """The link of a deal to a contact in a role."""
    labels = ({_PRIMARY} if is_primary else set[str]()) | ({role} if role else set[str]())
    return Association(contact, tuple(sorted(labels)))


def sorted_links(links: Sequence[Association]) -> tuple[Association, ...]:
    """Each linked record once, with all its labels, by id: a contact may have several roles."""
    labels: dict[str, set[str]] = {}
    for link in links:
        labels.setdefault(link.external_id, set()).update(link.labels)
    return tuple(Association(each, tuple(sorted(labels[each]))) for each in sorted(labels))


def read_field(answer: Json) -> FieldDefinition:
    listed = answer.optional("picklistValues")
    refers_to = answer.optional("referenceTo")
    targets = refers_to.items() if refers_to else []
    relationship = answer.optional("relationshipName")
    return FieldDefinition(
        name=answer.field("name").text(),
        label=answer.field("label").text(),
        type=answer.field("type").text(),
        options=tuple(
            FieldOption(each.field("value").text(), each.optional_text("label") or each.field("value").text())
            for each in (listed.items() if listed else [])
            if each.field("active").flag()
        ),
        custom=answer.field("custom").flag(),
        writable=answer.field("updateable").flag(),
        calculated=answer.field("calculated").flag(),
        unique=answer.field("unique").flag(),
        relationship=relationship.text() if relationship else None,
        refers_to=targets[0].text() if len(targets) == 1 else None,
    )


def read_stage(answer: Json) -> DealStage:
    return DealStage(
        id=answer.field("ApiName").text(),
        label=answer.field("MasterLabel").text(),
        is_closed=answer.field("IsClosed").flag(),
        is_won=answer.field("IsWon").flag(),
    )


def read_owner(answer: Json) -> CrmRecord:
    return CrmRecord(
        source=SOURCE,
        object_type=ObjectType.OWNER,
        external_id=answer.field("Id").identifier(),
        modified_at=_stamp(answer.field("SystemModstamp")),
        archived=not answer.field("IsActive").flag(),
        properties={name: answer.optional_text(name) for name in _OWNER_FIELDS},
    )


def _links(record: Json, kind: ObjectType) -> dict[ObjectType, tuple[Association, ...]]:
    links: dict[ObjectType, tuple[Association, ...]] = {}
    if kind in REFERENCES:
        linked = record.optional(REFERENCES[kind].field)
        if linked:
            links[REFERENCES[kind].target] = (Association(linked.identifier()),)
    if kind is ObjectType.DEAL:
        items = [
            Association(each.field("Id").identifier()) for each in _children(record, "OpportunityLineItems")
        ]
        contacts = [
            contact_link(
                each.field("ContactId").identifier(),
                each.optional_text("Role"),
                is_primary=each.field("IsPrimary").flag(),
            )
            for each in _children(record, "OpportunityContactRoles")
        ]
        links[ObjectType.LINE_ITEM] = sorted_links(items)
        links[ObjectType.CONTACT] = sorted_links(contacts)
    return links


def _children(record: Json, name: str) -> list[Json]:
    """The children a query gave along; `api` has read their later pages into the first."""
    children = record.optional(name)
    return children.field("records").items() if children else []


def _at(record: Json, path: str) -> Json:
    """What a path leads to; nothing behind an empty reference. Names are Salesforce's in whatever case."""
    found = record
    for step in path.split("."):
        if found.value is None:
            return found
        names = {name.lower(): name for name in found.object()}
        found = found.field(names.get(step.lower(), step))
    return found


def _plain(found: Json) -> str | None:
    match found.value:
        case None:
            return None
        case bool():
            return "true" if found.value else "false"
        case int():
            return str(found.value)
        case Decimal():
            return number(found.value)
        case str():
            return _moment(found.value)
        case _:
            raise found.wrong("a plain value (of an address, name the part, as BillingCity)")


def _cell(row: Json, name: str, kind: str) -> str | None:
    found = row.field(name)
    text = found.text()
    if not text:
        return None
    if kind in NUMBERS:
        if not _NUMBER.fullmatch(text):
            raise found.wrong("a number")
        return number(Decimal(text))
    return _moment(text)


def number(value: Decimal) -> str:
    """All of its digits and no exponent, however it was written: `12345678`, `10`, `0.05`."""
    if value == 0:
        return "0"
    # Not `normalize`, which rounds to the context's precision.
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _moment(text: str) -> str:
    """A moment with `Z`; any other text as it is."""
    found = _MOMENT.fullmatch(text)
    return text if found is None else f"{found[1]}Z"


def _stamp(found: Json) -> datetime:
    text = found.text()
    if not _MOMENT.fullmatch(text):
        raise found.wrong("a moment such as 2026-03-10T12:00:00.000+0000")
    return datetime.fromisoformat(text.removesuffix("+0000").removesuffix("Z")).replace(tzinfo=UTC)
