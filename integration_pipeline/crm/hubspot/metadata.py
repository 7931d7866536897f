"""What HubSpot says about its own data: properties, their options, deal stages."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PropertyOption:
    """One allowed value of an enumeration: `value` is stored, `label` is shown to people."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class PropertyDefinition:
    """One property of an object type. `type` is HubSpot's: string, number, date, datetime, enumeration,
    bool, …
    """

    name: str
    label: str
    type: str
    field_type: str
    options: tuple[PropertyOption, ...] = ()
    calculated: bool = False
    unique: bool = False


@dataclass(frozen=True, slots=True)
class DealStage:
    """One stage of one deal pipeline; `is_won` is a closed stage with probability 1."""

    id: str
    label: str
    pipeline: str
    is_closed: bool
    is_won: bool
