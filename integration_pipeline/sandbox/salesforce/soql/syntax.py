"""A SOQL query as a tree. What names mean in an org is `compiler`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Path:
    """A field, perhaps of a record referred to: `("Account", "Name")`."""

    steps: tuple[str, ...]

    def __str__(self) -> str:
        return ".".join(self.steps)


@dataclass(frozen=True, slots=True)
class Text:
    """What stands in quotes, unescaped."""

    value: str


@dataclass(frozen=True, slots=True)
class Word:
    """A bare literal: a number, `true`, `null`, a date, a moment, or `LAST_N_DAYS:7`."""

    value: str


Literal: TypeAlias = Text | Word


@dataclass(frozen=True, slots=True)
class Comparison:
    """`operator` is one of `= != < <= > >= LIKE`."""

    field: Path
    operator: str
    value: Literal


@dataclass(frozen=True, slots=True)
class Membership:
    """`IN`, `NOT IN`, `INCLUDES`, `EXCLUDES` a list or, of the first two, the answer to a query."""

    field: Path
    operator: str
    values: tuple[Literal, ...] | Query


@dataclass(frozen=True, slots=True)
class Negation:
    condition: Condition


@dataclass(frozen=True, slots=True)
class Combination:
    """Conditions joined by `AND` or by `OR`, never both."""

    word: str
    conditions: tuple[Condition, ...]


Condition: TypeAlias = "Comparison | Membership | Negation | Combination"


@dataclass(frozen=True, slots=True)
class Order:
    """`nulls_last` is Salesforce's NULLS LAST; without it empty values come first."""

    field: Path
    descending: bool
    nulls_last: bool


@dataclass(frozen=True, slots=True)
class Query:
    """`source` is an object or, in a subquery, a relationship. With `counts` nothing is selected: COUNT()."""

    selected: tuple[Path | Query | AllFields, ...]
    counts: bool
    source: str
    where: Condition | None
    orders: tuple[Order, ...]
    limit: int | None
    offset: int


@dataclass(frozen=True, slots=True)
class AllFields:
    """`FIELDS(ALL)`, `FIELDS(STANDARD)`, `FIELDS(CUSTOM)`."""

    which: str
