"""Links that come inside the answer for one record, as far as they say what the associations API says.

Belongs here: when such links are complete and which label each has. Does not belong here: asking for those
that are not (`fetching`).

An embedded link names its kind and not its label: `deal_to_company` is the primary company, `…_unlabeled`
stands beside every label, and an account's own label shows up under a name of its own. Only kinds that
HubSpot itself defined can be told from that; whatever else appears makes the links of that type unread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from integration_pipeline.crm.hubspot.answers import next_cursor
from integration_pipeline.crm.hubspot.config import plural
from integration_pipeline.crm.records import Association, ObjectType
from integration_pipeline.transport.shapes import Json

_NO_LABEL: frozenset[str] = frozenset()
_PRIMARY = frozenset({"primary"})
_LABELS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "deal_to_company": _PRIMARY,
        "deal_to_company_unlabeled": _NO_LABEL,
        "deal_to_contact": _NO_LABEL,
        "deal_to_line_item": _NO_LABEL,
        "contact_to_company": _PRIMARY,
        "contact_to_company_unlabeled": _NO_LABEL,
        "line_item_to_deal": _NO_LABEL,
    }
)


def embedded_links(
    answer: Json, targets: Sequence[ObjectType]
) -> dict[ObjectType, tuple[Association, ...] | None]:
    """The links of a record read with `associations=…`, by target; None where they do not say everything.

    A type without links is left out of the answer. So a name that is none of the targets' makes those that
    seem to have no links uncertain: it may be one of them, written in a way that is new.
    """
    embedded = answer.optional("associations")
    # `line_items` is asked for, and `line items` is answered.
    rooms = {name.replace(" ", "_"): embedded.field(name) for name in embedded.object()} if embedded else {}
    found = {
        target: _links(room) for target in targets if (room := rooms.pop(plural(target), None)) is not None
    }
    absent = None if rooms else ()
    return {target: found.get(target, absent) for target in targets}


def _links(room: Json) -> tuple[Association, ...] | None:
    if next_cursor(room) is not None:
        return None
    labels: dict[str, set[str]] = {}
    for link in room.field("results").items():
        known = _LABELS.get(link.field("type").text())
        if known is None:
            return None
        labels.setdefault(link.field("id").identifier(), set()).update(known)
    return tuple(Association(each, tuple(sorted(labels[each]))) for each in sorted(labels))
