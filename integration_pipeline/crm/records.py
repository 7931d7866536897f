"""The shape in which every CRM source hands over its records, before anyone interprets a field.

Belongs here: record identity, versions, associations. Does not belong here: vendor paging, vendor field
names, or what a field means for billing (that is `integration_pipeline.mapping`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class ObjectType(StrEnum):
    """Kinds of CRM objects the pipeline reads; values are ours, each connector translates its own."""

    DEAL = "deal"
    COMPANY = "company"
    CONTACT = "contact"
    LINE_ITEM = "line_item"
    PRODUCT = "product"
    OWNER = "owner"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Records of one type to be read by id, with these properties.

    Without links they come with no associations at all: for who knows them already, and saves the calls.
    """

    object_type: ObjectType
    ids: Sequence[str]
    properties: Sequence[str]
    with_links: bool = True


@dataclass(frozen=True, slots=True)
class Association:
    """A link to another record. `labels` are the vendor's (`primary`, a custom one); order means nothing."""

    external_id: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CrmRecord:
    """One version of one CRM record, exactly as the vendor returned it.

    `properties` keeps vendor names and the vendor's own strings (amounts and dates included);
    `modified_at` is the vendor's modification time in UTC, the watermark of incremental reads.
    """

    source: str
    object_type: ObjectType
    external_id: str
    modified_at: datetime
    archived: bool
    properties: Mapping[str, str | None]
    associations: Mapping[ObjectType, tuple[Association, ...]] = field(
        default_factory=dict[ObjectType, tuple[Association, ...]]
    )

    def associations_as_json(self) -> dict[str, list[dict[str, object]]]:
        """Associations in a stable order: `{"company": [{"id": "7", "labels": ["primary"]}]}`."""
        return {
            kind.value: [
                {"id": link.external_id, "labels": sorted(link.labels)}
                for link in sorted(links, key=lambda link: link.external_id)
            ]
            for kind, links in sorted(self.associations.items())
            if links
        }

    def content_hash(self) -> str:
        """SHA-256 over everything but the modification time: an unchanged record hashes the same."""
        body = [self.archived, dict(sorted(self.properties.items())), self.associations_as_json()]
        text = json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()
