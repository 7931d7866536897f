"""SOQL text to its tree; refuses what it cannot read with MALFORMED_QUERY.

A subset: no aliases, groups or aggregates but COUNT(), no polymorphic fields. What names mean is `compiler`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from integration_pipeline.sandbox.salesforce.errors import SalesforceError, malformed_query
from integration_pipeline.sandbox.salesforce.soql.syntax import (
    AllFields,
    Combination,
    Comparison,
    Condition,
    Literal,
    Membership,
    Negation,
    Order,
    Path,
    Query,
    Text,
    Word,
)

LONGEST = 100_000
_DEPTH = 30
_TOKEN = re.compile(
    r"""\s*(?:
    (?P<text>'(?:[^'\\]|\\.)*')
    |(?P<moment>\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))?)
    |(?P<number>[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
    |(?P<word>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*(?::\d+)?)
    |(?P<mark><=|>=|!=|<>|[=<>(),])
    )""",
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_COMPARED = frozenset({"=", "!=", "<>", "<", "<=", ">", ">="})


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int

    def says(self, *words: str) -> bool:
        return self.kind in ("word", "mark") and self.text.upper() in words


_END = "end"


def parse(text: str) -> Query:
    """The query a text is. Raises the 400s of a text that is none."""
    if len(text) > LONGEST:
        raise SalesforceError(
            400, *malformed_query("SOQL statements can have at most 100000 characters").problems
        )
    parser = _Parser(list(_tokens(text)))
    query = parser.query(nested=False)
    parser.end()
    return query


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    end = len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise _unexpected(text[at : at + 1].strip() or text[at : at + 2].strip(), at)
        yield _Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup))
        at = match.end()
    yield _Token(_END, "<EOF>", end)


class _Parser:
    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._place = 0
        self._depth = 0

    def query(self, *, nested: bool) -> Query:
        self._need("SELECT")
        counts = False
        selected: list[Path | Query | AllFields] = []
        if not nested and self._here().says("COUNT") and self._tokens[self._place + 1].says("("):
            self._place += 1
            self._need("(")
            self._need(")")
            counts = True
        else:
            selected.append(self._selection(nested=nested))
            while self._took(","):
                selected.append(self._selection(nested=nested))
        self._need("FROM")
        source = self._word()
        where = self._condition() if self._took("WHERE") else None
        orders: list[Order] = []
        if self._took("ORDER"):
            self._need("BY")
            orders.append(self._order())
            while self._took(","):
                orders.append(self._order())
        limit = self._whole() if self._took("LIMIT") else None
        offset = self._whole() if self._took("OFFSET") else 0
        return Query(tuple(selected), counts, source, where, tuple(orders), limit, offset)

    def end(self) -> None:
        if self._here().kind != _END:
            raise self._wrong()

    def _selection(self, *, nested: bool) -> Path | Query | AllFields:
        if not nested and self._took("("):
            query = self.query(nested=True)
            self._need(")")
            return query
        if self._here().says("FIELDS") and self._tokens[self._place + 1].says("("):
            self._place += 2
            which = self._word().upper()
            if which not in ("ALL", "STANDARD", "CUSTOM"):
                raise self._wrong()
            self._need(")")
            return AllFields(which)
        return self._path()

    def _condition(self) -> Condition:
        self._depth += 1
        if self._depth > _DEPTH:
            raise malformed_query("the filter is nested too deeply")
        parts = [self._single()]
        word = ""
        while self._here().says("AND", "OR"):
            following = self._here().text.upper()
            if word and following != word:
                # AND and OR do not mix without parentheses.
                raise self._wrong()
            word = following
            self._place += 1
            parts.append(self._single())
        self._depth -= 1
        return Combination(word, tuple(parts)) if word else parts[0]

    def _single(self) -> Condition:
        if self._took("NOT"):
            return Negation(self._single())
        if self._took("("):
            condition = self._condition()
            self._need(")")
            return condition
        field = self._path()
        if self._here().says("NOT"):
            self._place += 1
            self._need("IN")
            return Membership(field, "NOT IN", self._members())
        if self._here().says("IN", "INCLUDES", "EXCLUDES"):
            operator = self._next().text.upper()
            return Membership(field, operator, self._members())
        if self._took("LIKE"):
            return Comparison(field, "LIKE", self._literal())
        if self._here().kind == "mark" and self._here().text in _COMPARED:
            operator = self._next().text.replace("<>", "!=")
            return Comparison(field, operator, self._literal())
        raise self._wrong()

    def _members(self) -> tuple[Literal, ...] | Query:
        self._need("(")
        if self._here().says("SELECT"):
            query = self.query(nested=True)
            self._need(")")
            return query
        values = [self._literal()]
        while self._took(","):
            values.append(self._literal())
        self._need(")")
        return tuple(values)

    def _literal(self) -> Literal:
        token = self._next()
        if token.kind == "text":
            return Text(_ESCAPE.sub(lambda found: _ESCAPED.get(found[1], found[1]), token.text[1:-1]))
        if token.kind in ("number", "moment", "word"):
            return Word(token.text)
        raise _unexpected(token.text, token.at)

    def _order(self) -> Order:
        field = self._path()
        descending = self._took("DESC")
        if not descending:
            self._took("ASC")
        nulls_last = descending
        if self._took("NULLS"):
            nulls_last = self._next().says("LAST")
        return Order(field, descending, nulls_last)

    def _path(self) -> Path:
        return Path(tuple(self._word().split(".")))

    def _word(self) -> str:
        token = self._next()
        if token.kind != "word" or ":" in token.text:
            raise _unexpected(token.text, token.at)
        return token.text

    def _whole(self) -> int:
        token = self._next()
        if token.kind != "number" or not token.text.isdigit() or len(token.text) > 9:
            raise _unexpected(token.text, token.at)
        return int(token.text)

    def _took(self, word: str) -> bool:
        if not self._here().says(word):
            return False
        self._place += 1
        return True

    def _need(self, word: str) -> None:
        if not self._took(word):
            raise self._wrong()

    def _here(self) -> _Token:
        return self._tokens[self._place]

    def _next(self) -> _Token:
        token = self._here()
        if token.kind != _END:
            self._place += 1
        return token

    def _wrong(self) -> SalesforceError:
        return _unexpected(self._here().text, self._here().at)


def _unexpected(text: str, at: int) -> SalesforceError:
    return malformed_query(f"unexpected token: '{text}' (line 1, column {at + 1})")
