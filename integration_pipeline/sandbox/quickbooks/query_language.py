"""Intuit's query language: `SELECT * FROM Invoice WHERE TxnDate >= '2026-01-01' MAXRESULTS 10`.

Text in, a `Query` out. Which properties an entity has, and what they mean in the tables, is `queries`. There
is no OR, no JOIN, no brackets but those of IN.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from integration_pipeline.sandbox.quickbooks.errors import unparsable_query

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<string>'(?:\\.|[^'\\])*')
      | (?P<number>-?\d+(?:\.\d+)?(?![\w.]))
      | (?P<word>[A-Za-z_][\w.]*)
      | (?P<sign><=|>=|[=<>(),*;])
    )""",
    re.VERBOSE | re.DOTALL,
)
_OPERATORS = frozenset({"=", "<", ">", "<=", ">="})

Value = str | bool


@dataclass(frozen=True, slots=True)
class Condition:
    """`operator` is =, <, >, <=, >=, IN or LIKE; all but IN have one value. Numbers are kept as text."""

    name: str
    operator: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Query:
    """`fields` are the names selected: `*`, or some, or `count` for a count. Positions count from 1."""

    entity: str
    fields: tuple[str, ...]
    count: bool
    conditions: tuple[Condition, ...]
    order: tuple[tuple[str, Literal["ASC", "DESC"]], ...]
    start: int
    most: int | None


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str

    @property
    def keyword(self) -> str:
        return self.text.upper() if self.kind == "word" else ""


def read_query(text: str) -> Query:
    """Raises 4000 naming the first word that makes no sense."""
    return _Reader(_tokens(text)).query()


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    place, end = 0, len(text.rstrip())
    while place < end:
        match = _TOKEN.match(text, place)
        if match is None or match.lastgroup is None:
            raise unparsable_query(text[place : place + 20].strip())
        found.append(_Token(match.lastgroup, match.group(match.lastgroup)))
        place = match.end()
    return found


class _Reader:
    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._place = 0

    def query(self) -> Query:
        self._keyword("SELECT")
        fields, count = self._selected()
        self._keyword("FROM")
        entity = self._word()
        conditions = self._conditions() if self._skip("WHERE") else ()
        order = self._order() if self._skip("ORDERBY") or self._skip("ORDER", "BY") else ()
        start, most = 1, None
        while (token := self._peek()).keyword in ("STARTPOSITION", "MAXRESULTS"):
            self._place += 1
            if token.keyword == "STARTPOSITION":
                start = self._count()
            else:
                most = self._count()
        if self._peek().text == ";":
            self._place += 1
        if self._place < len(self._tokens):
            raise self._error()
        return Query(entity, fields, count, conditions, order, start, most)

    def _selected(self) -> tuple[tuple[str, ...], bool]:
        fields: list[str] = []
        while True:
            token = self._next()
            if token.keyword == "COUNT" and self._peek().text == "(":
                for sign in "(*)":
                    self._sign(sign)
                return (), True
            if token.kind != "word" and token.text != "*":
                raise self._error(token)
            fields.append(token.text)
            if self._peek().text != ",":
                return tuple(fields), False
            self._place += 1

    def _conditions(self) -> tuple[Condition, ...]:
        found = [self._condition()]
        while self._skip("AND"):
            found.append(self._condition())
        return tuple(found)

    def _condition(self) -> Condition:
        name = self._word()
        token = self._next()
        if token.text in _OPERATORS or token.keyword == "LIKE":
            return Condition(name, token.keyword or token.text, (self._value(),))
        if token.keyword != "IN":
            raise self._error(token)
        self._sign("(")
        values = [self._value()]
        while self._peek().text == ",":
            self._place += 1
            values.append(self._value())
        self._sign(")")
        return Condition(name, "IN", tuple(values))

    def _order(self) -> tuple[tuple[str, Literal["ASC", "DESC"]], ...]:
        found: list[tuple[str, Literal["ASC", "DESC"]]] = []
        while True:
            name = self._word()
            descending = self._skip("DESC")
            if not descending:
                self._skip("ASC")
            found.append((name, "DESC" if descending else "ASC"))
            if self._peek().text != ",":
                return tuple(found)
            self._place += 1

    def _value(self) -> Value:
        token = self._next()
        if token.kind == "string":
            return re.sub(r"\\(.)", r"\1", token.text[1:-1], flags=re.DOTALL)
        if token.kind == "number":
            return token.text
        if token.keyword in ("TRUE", "FALSE"):
            return token.keyword == "TRUE"
        raise self._error(token)

    def _count(self) -> int:
        token = self._next()
        if token.kind != "number" or not token.text.isdigit():
            raise self._error(token)
        return int(token.text[:12])

    def _word(self) -> str:
        token = self._next()
        if token.kind != "word":
            raise self._error(token)
        return token.text

    def _sign(self, sign: str) -> None:
        token = self._next()
        if token.text != sign:
            raise self._error(token)

    def _keyword(self, word: str) -> None:
        token = self._next()
        if token.keyword != word:
            raise self._error(token)

    def _skip(self, *words: str) -> bool:
        """Pass over these keywords if they are next."""
        ahead = self._tokens[self._place : self._place + len(words)]
        if [token.keyword for token in ahead] != [*words]:
            return False
        self._place += len(words)
        return True

    def _peek(self) -> _Token:
        return self._tokens[self._place] if self._place < len(self._tokens) else _Token("end", "EOF")

    def _next(self) -> _Token:
        token = self._peek()
        self._place += 1
        return token

    def _error(self, token: _Token | None = None) -> Exception:
        return unparsable_query((token or self._peek()).text)
