"""`where` and `order` of lists: the part of Xero's query language that filters on fields, as SQL.

The language is .NET's dynamic LINQ: `Status=="AUTHORISED" AND Date>=DateTime(2026,1,1)`. Text is compared
without regard to case. Fields that cannot be filtered here are refused as fields that do not exist.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from integration_pipeline.sandbox.xero.dates import read_moment
from integration_pipeline.sandbox.xero.errors import query_not_understood
from integration_pipeline.sandbox.xero.fields import as_guid
from integration_pipeline.sandbox.xero.kinds import Field, Kind, Type
from integration_pipeline.sandbox.xero.records import scaled

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"]|"")*")|(?P<character>'[^']*')|(?P<number>-?\d+(?:\.\d+)?m?)"""
    r"""|(?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)|(?P<sign>==|!=|<>|>=|<=|&&|\|\||[=<>!(),.]))""",
    re.IGNORECASE,
)
_COMPARISONS = {"==": "=", "=": "=", "!=": "<>", "<>": "<>", ">": ">", "<": "<", ">=": ">=", "<=": "<="}
_TEXT_TESTS: dict[str, Callable[[str], str]] = {
    "contains": lambda value: f"%{value}%",
    "startswith": lambda value: f"{value}%",
    "endswith": lambda value: f"%{value}",
}
# Text is compared without regard to case anyway, and identifiers are stored as text.
_IDLE = frozenset({"tolower", "toupper", "tostring", "tolowerinvariant", "value", "date"})
_DEEPEST = 50


@dataclass(frozen=True, slots=True)
class Filter:
    """SQL over the columns of `records`, and its parameters."""

    sql: str = "1"
    parameters: tuple[object, ...] = ()

    def and_also(self, sql: str, *parameters: object) -> Filter:
        return Filter(f"{self.sql} AND {sql}", (*self.parameters, *parameters))


_Literal = str | Decimal | datetime | bool | None


def where(kind: Kind, text: str) -> Filter:
    """Raises the 400 of a query that does not parse."""
    parser = _Parser(kind, text)
    sql = parser.alternatives()
    parser.end()
    return Filter(f"({sql})", tuple(parser.parameters))


def order(kind: Kind, text: str) -> str:
    """`InvoiceNumber DESC, Date` as SQL; records that are equal in it stay in the order of their creation."""
    terms: list[str] = []
    for term in text.split(","):
        name, _, direction = term.strip().partition(" ")
        if direction.strip().upper() not in {"", "ASC", "DESC"}:
            raise query_not_understood("Syntax error in the order clause")
        terms.append(f"{_field(kind, name).sql} {direction.strip().upper() or 'ASC'}")
    return ", ".join([*terms, "seq"])


def _field(kind: Kind, name: str) -> Field:
    for known, field in kind.fields.items():
        if known.lower() == name.lower():
            return field
    raise query_not_understood(
        f"No property or field '{name}' exists in type '{kind.plural.removesuffix('s')}'"
    )


class _Parser:
    def __init__(self, kind: Kind, text: str) -> None:
        self._kind = kind
        self._tokens = _tokens(text)
        self._at = 0
        self._depth = 0
        self.parameters: list[object] = []

    def alternatives(self) -> str:
        parts = [self._conjunction()]
        while self._take("||", "or"):
            parts.append(self._conjunction())
        return f"({' OR '.join(parts)})"

    def end(self) -> None:
        if self._at < len(self._tokens):
            raise query_not_understood("Syntax error")

    def _conjunction(self) -> str:
        parts = [self._negation()]
        while self._take("&&", "and"):
            parts.append(self._negation())
        return " AND ".join(parts)

    def _negation(self) -> str:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise query_not_understood("The expression is nested too deeply")
        try:
            if self._take("!", "not"):
                return f"NOT ({self._negation()})"
            if self._take("("):
                inside = self.alternatives()
                self._expect(")")
                return inside
            return self._comparison()
        finally:
            self._depth -= 1

    def _comparison(self) -> str:
        kind, name = self._next()
        if kind != "name":
            raise query_not_understood("Expression expected")
        path, methods = _split(name)
        field = _field(self._kind, path)
        for method in methods:
            if method not in _IDLE:
                return self._text_test(field, method)
            self._empty_call()
        sign = _COMPARISONS.get(self._peek())
        if sign is None:
            raise query_not_understood("Operator expected")
        self._at += 1
        return self._compared(field, sign, self._literal())

    def _text_test(self, field: Field, method: str) -> str:
        pattern = _TEXT_TESTS.get(method)
        if pattern is None or field.type is not Type.TEXT:
            raise query_not_understood(f"No applicable method '{method}' exists in type 'String'")
        self._expect("(")
        value = self._literal()
        self._expect(")")
        escaped = re.sub(r"([%_\\])", r"\\\1", str(value))
        self.parameters.append(pattern(escaped))
        found = f"coalesce({field.sql}, '') LIKE ? ESCAPE '\\'"
        if (sign := _COMPARISONS.get(self._peek())) in {"=", "<>"}:
            self._at += 1
            wanted = (self._literal() is True) == (sign == "=")
            return found if wanted else f"NOT ({found})"
        return found

    def _compared(self, field: Field, sign: str, value: _Literal) -> str:
        if value is None:
            return f"{field.sql} IS {'NOT ' if sign == '<>' else ''}NULL"
        self.parameters.append(_stored(field, value))
        if sign == "<>":
            return f"coalesce({field.sql} <> ?, 1)"
        return f"{field.sql} {sign} ?"

    def _literal(self) -> _Literal:
        kind, token = self._next()
        match kind:
            case "text":
                return token[1:-1].replace('""', '"')
            case "number":
                return Decimal(token.lower().removesuffix("m"))
            case "character":
                raise query_not_understood("Character literal must contain exactly one character")
            case "name":
                return self._named(token.lower())
            case _:
                raise query_not_understood("Expression expected")

    def _named(self, name: str) -> _Literal:
        if name in {"true", "false", "null"}:
            return {"true": True, "false": False, "null": None}[name]
        if name in {"guid", "guid.parse", "datetime.parse"}:
            self._expect("(")
            text = self._literal()
            self._expect(")")
            return _moment(str(text)) if name == "datetime.parse" else str(text)
        if name == "datetime":
            return self._datetime()
        raise query_not_understood(f"No property or field '{name}' exists in this context")

    def _datetime(self) -> datetime:
        self._expect("(")
        parts = [self._literal()]
        while self._take(","):
            parts.append(self._literal())
        self._expect(")")
        numbers = [int(part) for part in parts if isinstance(part, Decimal)]
        if len(numbers) == len(parts) and len(numbers) in {3, 6}:
            with suppress(ValueError):
                year, month, day, hour, minute, second = (*numbers, 0, 0, 0)[:6]
                return datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - UTC, as all here
        raise query_not_understood("No applicable constructor exists in type 'DateTime'")

    def _empty_call(self) -> None:
        if self._take("("):
            self._expect(")")

    def _peek(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _next(self) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise query_not_understood("Expression expected")
        self._at += 1
        return self._tokens[self._at - 1]

    def _take(self, *words: str) -> bool:
        if self._peek().lower() in words:
            self._at += 1
            return True
        return False

    def _expect(self, word: str) -> None:
        if not self._take(word):
            raise query_not_understood(f"'{word}' expected")


def _tokens(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    at = 0
    text = text.strip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise query_not_understood(f"Syntax error '{text[at]}'")
        found.append((match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return found


def _split(name: str) -> tuple[str, list[str]]:
    """A dotted name as the field's path and the methods called on it, in lower case."""
    steps = name.split(".")
    for length in range(len(steps), 0, -1):
        methods = [step.lower() for step in steps[length:]]
        if all(method in _IDLE or method in _TEXT_TESTS for method in methods):
            shortest = length
            if steps[length - 1].lower() not in _IDLE | _TEXT_TESTS.keys() or length == 1:
                return ".".join(steps[:shortest]), methods
    return name, []


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise query_not_understood("String was not recognized as a valid DateTime.") from None


def _stored(field: Field, value: str | Decimal | datetime | bool) -> object:
    """A literal as the field's column holds such values."""
    match field.type, value:
        case Type.AMOUNT, Decimal():
            return scaled(value)
        case Type.DAY, datetime():
            return date.isoformat(value)[:10]
        case Type.MOMENT, datetime():
            return read_moment(value.isoformat())
        case Type.GUID, str():
            return as_guid(value) or value
        case Type.TEXT, str():
            return value
        case _:
            raise query_not_understood("Operator incompatible with operand types")
