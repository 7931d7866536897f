"""What every CRM connector offers to whoever writes facts about invoices back to deals.

Belongs here: the protocols. Does not belong here: which facts go into which field (the mapping), what is
written when (`pipeline.write_back`), a vendor's way to answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeAlias, runtime_checkable

FieldValues: TypeAlias = Mapping[str, str | None]
"""Values by the CRM's field name, as text: `1234.50`, `2026-07-31`, `Partly paid`; None is an empty field."""


class FieldType(StrEnum):
    """What a field has to be to hold a fact; each connector has the vendor's word for it."""

    TEXT = "text"
    LONG_TEXT = "long_text"
    NUMBER = "number"
    DATE = "date"
    CHOICE = "choice"


@dataclass(frozen=True, slots=True)
class WantedField:
    """A field of deals as it has to be; `options` are the values of a `CHOICE`."""

    name: str
    label: str
    type: FieldType
    description: str
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing was written to one deal: the CRM's words, and what somebody can do about it.

    `missing` are fields that deals of this CRM do not have or these credentials may not write; without them
    the rest may pass. `gone`: there is no such deal any more. `passing`: the same may be sent again later.
    """

    reason: str
    next_step: str
    missing: frozenset[str] = frozenset()
    gone: bool = False
    passing: bool = False


class CrmWriter(Protocol):
    """One account of one CRM. All methods raise the transport's failures."""

    name: str
    """As of the connector that reads: `hubspot`, `salesforce`."""

    @property
    def deals_in_a_call(self) -> int:
        """How many deals one call of `update_deals` carries."""
        ...

    def update_deals(self, changes: Mapping[str, FieldValues]) -> Mapping[str, Refusal]:
        """Set these fields of these deals, by id; what was refused, by id: all else is written.

        Setting is not adding: after a lost answer the same is sent again. Raises for a call that failed as a
        whole, whose deals may or may not be written.
        """
        ...

    def read_deals(self, ids: Sequence[str], fields: Sequence[str]) -> Mapping[str, FieldValues]:
        """What these fields hold now, by id; deals that are gone or archived are absent."""
        ...

    def writable_fields(self) -> frozenset[str]:
        """Names of the fields of deals that exist and take values."""
        ...


@runtime_checkable
class FieldMaker(Protocol):
    """A connector that can make fields by the vendor's API, if its credentials allow that."""

    def create_fields(self, wanted: Sequence[WantedField]) -> None:
        """Make these fields of deals. Raises `Unauthorized` naming the permission if that is not allowed."""
        ...
