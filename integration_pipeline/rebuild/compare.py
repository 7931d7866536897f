"""The live books and the rebuilt ones, row by row, and every field in which they differ.

Belongs here: comparing and naming differences. Does not belong here: what is compared (`compared`), what
a difference means for anybody.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import Connection, Text, column, func, select, text
from sqlalchemy import cast as as_type

from integration_pipeline.pipeline.chunks import chunked
from integration_pipeline.rebuild.compared import COMPARED

_AT_ONCE = 1_000
_ABSENT = "(absent)"
_WHOLE_ROW = "(row)"


class Finding(StrEnum):
    """How two books differ in a row."""

    MISSING = "missing"
    """The live books have it, and it does not follow from what came in."""
    ADDITIONAL = "additional"
    """It follows from what came in, and the live books do not have it."""
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True)
class Difference:
    """One row, or one field of it, in which the books differ; `live` and `rebuilt` are JSON values.

    Decimals are strings with all their digits.
    """

    finding: Finding
    table: str
    name: str
    deal_key: str | None
    field: str | None = None
    live: Any = None
    rebuilt: Any = None

    def __str__(self) -> str:
        said = f"{self.table}: {self.name}"
        match self.finding:
            case Finding.MISSING:
                return f"{said} is in the books, but does not follow from what came in"
            case Finding.ADDITIONAL:
                return f"{said} follows from what came in, but is not in the books"
            case Finding.DIFFERENT:
                return f"{said}: {self.field} is {_short(self.live)}, rebuilt {_short(self.rebuilt)}"


@dataclass(slots=True)
class Comparison:
    """How many rows of each table the live books have, and what differs."""

    rows: dict[str, int] = field(default_factory=dict[str, int])
    differences: list[Difference] = field(default_factory=list[Difference])


def compare(live: Connection, rebuilt: Connection) -> Comparison:
    """Compare everything, table by table in the pipeline's order."""
    found = Comparison()
    for table, statement in COMPARED.items():
        ours, theirs = _digests(live, statement), _digests(rebuilt, statement)
        found.rows[table] = len(ours)
        for name in sorted(ours.keys() - theirs.keys()):
            found.differences.append(Difference(Finding.MISSING, table, name, ours[name][0]))
        for name in sorted(theirs.keys() - ours.keys()):
            found.differences.append(Difference(Finding.ADDITIONAL, table, name, theirs[name][0]))
        unlike = sorted(name for name in ours.keys() & theirs.keys() if ours[name] != theirs[name])
        for names in chunked(unlike, _AT_ONCE):
            before, after = _contents(live, statement, names), _contents(rebuilt, statement, names)
            for name in names:
                found.differences += (
                    Difference(Finding.DIFFERENT, table, name, ours[name][0] or theirs[name][0], *values)
                    for values in unlike_rows(ours[name][0], before[name], theirs[name][0], after[name])
                )
    return found


def unlike_rows(
    live_deal: str | None, live: str, rebuilt_deal: str | None, rebuilt: str
) -> Iterator[tuple[str, object, object]]:
    """Field, live and rebuilt value of all that differs in two unlike rows, given as deal and JSON text.

    Where they differ in no field and yet are unlike, the texts themselves: no row goes unnamed.
    """
    found = list(unlike_fields(_parsed(live), _parsed(rebuilt)))
    if live_deal != rebuilt_deal and not any(path == "deal_key" for path, *_ in found):
        found.append(("deal_key", live_deal, rebuilt_deal))
    yield from found or [(_WHOLE_ROW, live, rebuilt)]


def unlike_fields(live: object, rebuilt: object, path: str = "") -> Iterator[tuple[str, object, object]]:
    """Path, live and rebuilt value of all that differs in two JSON documents: `lines.0.amount_minor`."""
    if isinstance(live, dict) and isinstance(rebuilt, dict):
        ours, theirs = cast("Mapping[str, object]", live), cast("Mapping[str, object]", rebuilt)
        for name in sorted(ours.keys() | theirs.keys()):
            yield from unlike_fields(
                ours.get(name, _ABSENT), theirs.get(name, _ABSENT), f"{path}.{name}" if path else name
            )
    elif (
        isinstance(live, list)
        and isinstance(rebuilt, list)
        and len(cast("Sequence[object]", live)) == len(cast("Sequence[object]", rebuilt))
    ):
        pairs = zip(cast("Sequence[object]", live), cast("Sequence[object]", rebuilt), strict=True)
        for position, (one, other) in enumerate(pairs):
            yield from unlike_fields(one, other, f"{path}.{position}" if path else str(position))
    elif live != rebuilt:
        yield path, live, rebuilt


def _digests(connection: Connection, statement: str) -> dict[str, tuple[str | None, str]]:
    """Deal and MD5 of the content, by name: contents themselves are asked for only where these differ."""
    rows = text(statement).columns(column("name"), column("deal_key"), column("content")).subquery()
    digest = func.md5(as_type(rows.c.content, Text))
    return {
        row.name: (row.deal_key, row.digest)
        for row in connection.execute(select(rows.c.name, rows.c.deal_key, digest.label("digest")))
    }


def _contents(connection: Connection, statement: str, names: Sequence[str]) -> dict[str, str]:
    """The text that `_digests` digested, by name."""
    rows = text(statement).columns(column("name"), column("deal_key"), column("content")).subquery()
    content = as_type(rows.c.content, Text).label("content")
    chosen = select(rows.c.name, content).where(rows.c.name == func.any(list(names)))
    return {row.name: row.content for row in connection.execute(chosen)}


def _parsed(content: str) -> object:
    # As a float 1.00 equals 1, and two long decimals each other.
    return json.loads(content, parse_float=str)


def _short(value: object) -> str:
    said = repr(value)
    return said if len(said) <= 120 else f"{said[:117]}..."
