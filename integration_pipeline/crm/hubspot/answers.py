"""HubSpot's JSON turned into our types, checked field by field.

Belongs here: shapes of answers. Does not belong here: requests (`api`) and what a property means (the
mapping).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from integration_pipeline.crm.hubspot.config import modified_property
from integration_pipeline.crm.hubspot.metadata import DealStage, PropertyDefinition, PropertyOption
from integration_pipeline.crm.records import Association, CrmRecord, ObjectType
from integration_pipeline.transport.client import Reply
from integration_pipeline.transport.failures import Attempted, Rejected, clean
from integration_pipeline.transport.shapes import Json

SOURCE = "hubspot"
_OWNER_PROPERTIES = ("email", "firstName", "lastName", "type")
# Ids that HubSpot knows nothing about, or that have no association, are reported as errors of a 207.
_ABSENT = "OBJECT_NOT_FOUND"


@dataclass(frozen=True, slots=True)
class Page:
    """Records of one answer, without associations, and the cursor of the next (None at the end).

    `served_at` is HubSpot's clock.
    """

    records: list[CrmRecord]
    cursor: Json | None
    attempted: Attempted
    served_at: datetime | None


@dataclass(frozen=True, slots=True)
class LinkPage:
    """The links of one record in one answer; a cursor means that this record has more."""

    start: str
    links: list[Association]
    cursor: Json | None


def read_page(reply: Reply, kind: ObjectType, properties: Sequence[str]) -> Page:
    answer = reply.json()
    records = [read_record(each, kind, properties) for each in answer.field("results").items()]
    return Page(records, next_cursor(answer), answer.attempted, reply.served_at)


def read_record(answer: Json, kind: ObjectType, properties: Sequence[str]) -> CrmRecord:
    """One record with exactly the `properties` asked for.

    HubSpot adds a few of its own, the modification time among them, and which ones differs by endpoint:
    kept, they would make the same version of a record look different by the way it was read.
    """
    identifier = answer.field("id").identifier()
    named = Json(answer.value, answer.attempted, f"{answer.at} ({kind} {identifier})")
    values = named.field("properties").strings()
    stamp = modified_property(kind)
    modified = named.field("properties").field(stamp) if values.get(stamp) else named.field("updatedAt")
    modified_at = modified.timestamp()
    archived = named.optional("archived")
    is_archived = archived is not None and archived.flag()
    archived_at = named.optional("archivedAt") if is_archived else None
    if archived_at is not None:
        # Archiving leaves the modification time alone, yet it makes a newer version of the record.
        modified_at = max(modified_at, archived_at.timestamp())
    return CrmRecord(
        source=SOURCE,
        object_type=kind,
        external_id=identifier,
        modified_at=modified_at,
        archived=is_archived,
        properties={name: values.get(name) for name in properties},
    )


def read_links(answer: Json) -> list[LinkPage]:
    return [
        LinkPage(
            result.field("from").field("id").identifier(),
            [
                Association(link.field("toObjectId").identifier(), _labels(link.field("associationTypes")))
                for link in result.field("to").items()
            ],
            next_cursor(result),
        )
        for result in answer.field("results").items()
    ]


def read_property(answer: Json) -> PropertyDefinition:
    options = answer.optional("options")
    calculated = answer.optional("calculated")
    unique = answer.optional("hasUniqueValue")
    return PropertyDefinition(
        name=answer.field("name").text(),
        label=answer.field("label").text(),
        type=answer.field("type").text(),
        field_type=answer.field("fieldType").text(),
        options=tuple(
            PropertyOption(option.field("value").text(), option.field("label").text())
            for option in (options.items() if options else [])
        ),
        calculated=calculated is not None and calculated.flag(),
        unique=unique is not None and unique.flag(),
    )


def read_stage(answer: Json, pipeline: str) -> DealStage:
    """`metadata` holds texts: `{"isClosed": "true", "probability": "1.0"}`."""
    metadata = answer.field("metadata").strings()
    is_closed = metadata.get("isClosed") == "true"
    return DealStage(
        id=answer.field("id").identifier(),
        label=answer.field("label").text(),
        pipeline=pipeline,
        is_closed=is_closed,
        is_won=is_closed and metadata.get("probability") in ("1", "1.0"),
    )


def read_owner(answer: Json) -> CrmRecord:
    archived = answer.optional("archived")
    given = {name: answer.optional(name) for name in _OWNER_PROPERTIES}
    return CrmRecord(
        source=SOURCE,
        object_type=ObjectType.OWNER,
        external_id=answer.field("id").identifier(),
        modified_at=answer.field("updatedAt").timestamp(),
        archived=archived is not None and archived.flag(),
        properties={name: value.text() if value else None for name, value in given.items()},
    )


def next_cursor(answer: Json) -> Json | None:
    paging = answer.optional("paging")
    following = paging.optional("next") if paging else None
    return following.field("after") if following else None


def refuse_partial(answer: Json) -> None:
    """A batch may succeed in part (207). Absent ids are fine; anything else would be a silently shorter
    result.
    """
    errors = answer.optional("errors")
    for error in errors.items() if errors else []:
        category = error.optional("category")
        if category is None or category.value != _ABSENT:
            message = error.optional("message")
            raise Rejected(
                answer.attempted,
                "answered only a part of the batch",
                "Correct the request; the rest of the batch was not used.",
                status=207,
                vendor_message=clean(message.text()) if message else "",
            )


def _labels(answer: Json) -> tuple[str, ...]:
    """Labels of one link, sorted. HubSpot's own primary label reads differently by account; here it is
    `primary`.
    """
    labels: set[str] = set()
    for kind in answer.items():
        label = kind.optional("label")
        if label is None:
            continue
        own = kind.field("category").text() == "HUBSPOT_DEFINED"
        labels.add("primary" if own and "primary" in label.text().casefold() else label.text())
    return tuple(sorted(labels))
