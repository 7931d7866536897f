"""The queries this connector asks, as text.

Belongs here: what is selected for a complete record, conditions, quoting. Does not belong here: sending them
(`api`) and reading what comes (`answers`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from integration_pipeline.crm.records import ObjectType
from integration_pipeline.crm.salesforce.config import MERGED, OBJECTS, REFERENCES

STAMP = "SystemModstamp"
_FIELD = re.compile(r"[A-Za-z]\w*(?:\.[A-Za-z]\w*){0,5}", re.ASCII)
_ID = re.compile(r"[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?", re.ASCII)
# Also of a record in the recycle bin only those of its links that are there.
_LINE_ITEMS = "(SELECT Id FROM OpportunityLineItems WHERE IsDeleted = false)"
_CONTACTS = "(SELECT ContactId, Role, IsPrimary FROM OpportunityContactRoles WHERE IsDeleted = false)"


def selected(kind: ObjectType, properties: Sequence[str], *, children: bool = True) -> str:
    """A SELECT over records of a kind with these fields, what tells their versions apart, and their links.

    Without `children` a deal comes without its line items and contacts, as the bulk API wants it.
    Raises ValueError for a property that is no field's name.
    """
    for name in properties:
        if not _FIELD.fullmatch(name):
            raise ValueError(
                f"the mapping reads {name!r}, which cannot be a field of Salesforce's {OBJECTS[kind]}"
            )
    own = ["Id", STAMP, "IsDeleted"]
    if kind in REFERENCES:
        own.append(REFERENCES[kind].field)
    if kind in MERGED:
        own.append("MasterRecordId")
    names = list({name.lower(): name for name in [*properties, *own]}.values())
    if children and kind is ObjectType.DEAL:
        names += [_LINE_ITEMS, _CONTACTS]
    return f"SELECT {', '.join(names)} FROM {OBJECTS[kind]}"  # noqa: S608 - SOQL, of checked names


def by_ids(kind: ObjectType, properties: Sequence[str], ids: Sequence[str], *, with_links: bool) -> str:
    """Certain records; to be asked with deleted ones."""
    return f"{selected(kind, properties, children=with_links)} WHERE Id IN ({quoted(ids)})"


def written_from(moment: datetime, after: str | None) -> str:
    """A condition: stamped at `moment` and behind the record `after`, or later."""
    at = literal(moment)
    condition = f"{STAMP} >= {at}"
    return condition if after is None else f"{condition} AND ({STAMP} > {at} OR Id > {quoted([after])})"


def literal(moment: datetime) -> str:
    """A moment as SOQL writes it, in whole seconds: stamps have no others."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def quoted(ids: Iterable[str]) -> str:
    """Ids as a list. Raises ValueError for what is none: nothing else may get into a query."""
    listed: list[str] = []
    for each in ids:
        if not is_id(each):
            raise ValueError(f"{each!r} is no id of Salesforce")
        listed.append(f"'{each}'")
    return ",".join(listed)


def is_id(text: str) -> bool:
    """Whether a text has the form of a record's id, in 15 or 18 characters."""
    return _ID.fullmatch(text) is not None
