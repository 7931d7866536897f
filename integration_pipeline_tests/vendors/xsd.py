"""JSON of the QuickBooks API held against Intuit's published XSD: names of fields and values of enumerations.

The schemas say nothing of what is required, and the API writes their elements as JSON members of the same
names. Problems are told as text, none at all as an empty list.
"""

from __future__ import annotations

import os
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import cast

SPECS_VARIABLE = "VENDOR_SPECS"
_BESIDE_THE_PROJECT = Path(__file__).resolve().parents[3] / "shared" / "vendors" / "specs"
_XS = "{http://www.w3.org/2001/XMLSchema}"
_FILES = ("IntuitBaseTypes.xsd", "IntuitNamesTypes.xsd", "Finance.xsd", "SalesTax.xsd")
# Not in the schema: `value` is a reference's own text, `type` its attribute.
_REFERENCE = frozenset({"value", "name", "type"})


@dataclass(slots=True)
class _Type:
    """A complex type: its members' types by name, and the type it extends."""

    base: str | None
    members: dict[str, str] = field(default_factory=dict[str, str])


class Schemas:
    """Intuit's types, in a folder of XSD files."""

    def __init__(self, folder: Path) -> None:
        self._types: dict[str, _Type] = {}
        self._enumerations: dict[str, frozenset[str]] = {}
        self._elements: dict[str, str] = {}
        for name in _FILES:
            root = ET.parse(folder / name).getroot()  # noqa: S314 - published files of ours
            self._read(root)

    @classmethod
    def of(cls, folder: Path) -> Schemas:
        """Those in a folder, read once."""
        return _schemas(folder)

    def problems(self, entity: str, body: object) -> list[str]:
        """What is wrong with the JSON of an entity such as `Invoice`."""
        if entity not in self._types:
            return [f"there is no type {entity}"]
        return list(self._object(entity, entity, body))

    def _read(self, root: ET.Element) -> None:
        for simple in root.findall(f"{_XS}simpleType"):
            values = [str(each.get("value")) for each in simple.iter(f"{_XS}enumeration")]
            if values:
                self._enumerations[str(simple.get("name"))] = frozenset(values)
        for element in root.findall(f"{_XS}element"):
            self._elements[str(element.get("name"))] = _local(element.get("type"))
        for complex_type in root.findall(f"{_XS}complexType"):
            extension = complex_type.find(f".//{_XS}extension")
            found = _Type(None if extension is None else _local(extension.get("base")))
            for member in complex_type.iter(f"{_XS}element"):
                name = member.get("name") or _local(member.get("ref"))
                found.members[name] = _local(member.get("type") or member.get("ref"))
            self._types[str(complex_type.get("name"))] = found

    def _members(self, name: str) -> Mapping[str, str]:
        found = self._types[name]
        inherited: Mapping[str, str] = self._members(found.base) if found.base in self._types else {}
        return {**inherited, **found.members}

    def _object(self, at: str, name: str, body: object) -> Iterator[str]:
        if not isinstance(body, Mapping):
            yield f"{at} is no object"
            return
        members = self._members(name)
        for member, value in cast("Mapping[str, object]", body).items():
            where = f"{at}.{member}"
            kind = members.get(member)
            if kind is None:
                yield f"{where} is not in {name}"
            elif isinstance(value, list):
                for index, each in enumerate(cast("list[object]", value)):
                    yield from self._value(f"{where}[{index}]", kind, each)
            else:
                yield from self._value(where, kind, value)

    def _value(self, at: str, kind: str, value: object) -> Iterator[str]:
        kind = self._elements.get(kind, kind)
        if kind in self._enumerations:
            if value not in self._enumerations[kind]:
                yield f"{at} is {value!r}, which is none of {kind}"
        elif kind in ("ReferenceType", "CurrencyRef"):
            if not isinstance(value, Mapping) or not _REFERENCE.issuperset(
                cast("Mapping[str, object]", value)
            ):
                yield f"{at} is no reference"
        elif kind in self._types and (isinstance(value, Mapping) or self._members(kind)):
            yield from self._object(at, kind, cast("object", value))
        elif isinstance(value, (Mapping, list)):
            yield f"{at} is {kind} and no object"


def specs_folder(vendor: str) -> Path:
    """Where a vendor's published documents are, if they are at hand."""
    return Path(os.environ.get(SPECS_VARIABLE) or _BESIDE_THE_PROJECT) / vendor


@cache
def _schemas(folder: Path) -> Schemas:
    return Schemas(folder)


def _local(name: str | None) -> str:
    return (name or "").rpartition(":")[2]
