"""What a rule about rows is, and what comes of applying it.

Belongs here: the closed set of expectations, rules, suites, and the verdict both evaluators return: plain
data. Does not belong here: the suites themselves (`suites`), evaluation (`native`, `gx`), anything that
imports Great Expectations or pandas, because the real-time path loads this module.

Null semantics follow Great Expectations: a null fails `NotNull` and nothing else; every other expectation
skips a row in which any of its columns is null. A column missing from a row is null.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import TypeAlias

from integration_pipeline.quality.wording import template_error

__all__ = [
    "Between",
    "Cell",
    "Expectation",
    "InSet",
    "IsNull",
    "MatchesRegex",
    "NotNull",
    "PairEqual",
    "PairOrdered",
    "RowFailure",
    "RowId",
    "RowRule",
    "Suite",
    "Unique",
    "Verdict",
]

Cell: TypeAlias = str | int | date | Decimal | None
"""A value in a row. Floats and timestamps are not among them: both would compare inexactly."""

RowId: TypeAlias = int | str


@dataclass(frozen=True, slots=True)
class NotNull:
    column: str

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)


@dataclass(frozen=True, slots=True)
class IsNull:
    """For columns that hold a problem found upstream: a value is the failure."""

    column: str

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)


@dataclass(frozen=True, slots=True)
class Between:
    """`minimum <= value <= maximum`, both included; `None` leaves that side open.

    Raises `ValueError` for bounds that are absent, out of order or of two kinds, and for a number that a
    binary double cannot hold: Great Expectations stores bounds as doubles. The values compared against
    them stay exact integers and decimals of any size.
    """

    column: str
    minimum: int | Decimal | date | None
    maximum: int | Decimal | date | None

    def __post_init__(self) -> None:
        bounds = [bound for bound in (self.minimum, self.maximum) if bound is not None]
        if not bounds:
            raise ValueError(f"Between({self.column!r}) needs a minimum or a maximum")
        for bound in bounds:
            if not isinstance(bound, date) and Decimal(float(bound)) != bound:
                raise ValueError(f"Between({self.column!r}): {bound!r} is not exact as a double")
        match self.minimum, self.maximum:
            case date() as first, date() as last:
                ordered = first <= last
            case (int() | Decimal()) as least, (int() | Decimal()) as most:
                ordered = least <= most
            case minimum, maximum:
                ordered = minimum is None or maximum is None
        if not ordered:
            raise ValueError(f"Between({self.column!r}): {self.minimum!r} is not below {self.maximum!r}")

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)


@dataclass(frozen=True, slots=True)
class InSet:
    column: str
    allowed: tuple[str | int | date | Decimal, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)


@dataclass(frozen=True, slots=True)
class MatchesRegex:
    """The whole text matches `pattern`, a Python regular expression without capturing groups.

    Raises `re.error` for a pattern that does not compile, `ValueError` for one with capturing groups.
    """

    column: str
    pattern: str

    def __post_init__(self) -> None:
        # On its own first: an open bracket would swallow the anchors, and compile with them.
        if re.compile(self.pattern).groups or re.compile(self.anchored).groups:
            raise ValueError(
                f"MatchesRegex({self.column!r}): write (?:...) for the groups in {self.pattern!r}"
            )

    @property
    def anchored(self) -> str:
        """What both engines search for.

        `$` would accept a trailing newline. The end is a lookahead because pandas hands a pattern without
        one to Arrow's regular expressions wherever pyarrow is installed, and that is another dialect.
        """
        return rf"\A(?:{self.pattern})(?![\s\S])"

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)


@dataclass(frozen=True, slots=True)
class Unique:
    """No two rows hold the same values in `columns`. Every row of a group of equals fails."""

    columns: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.columns:
            raise ValueError("Unique needs a column")


@dataclass(frozen=True, slots=True)
class PairEqual:
    left: str
    right: str

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.left, self.right)


@dataclass(frozen=True, slots=True)
class PairOrdered:
    """`earlier <= later`."""

    earlier: str
    later: str

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.earlier, self.later)


Expectation: TypeAlias = NotNull | IsNull | Between | InSet | MatchesRegex | Unique | PairEqual | PairOrdered


@dataclass(frozen=True, slots=True, kw_only=True)
class RowRule:
    """One expectation, and how to tell a person about a row that does not meet it.

    `field` is the field's name as people see it; `reason` and `next_step` are templates over the row's own
    columns (see `wording.fill`). A `waivable` failure may be released by a person; any other must be
    mended at its source.
    """

    name: str
    expectation: Expectation
    field: str
    reason: str
    next_step: str
    waivable: bool = False

    def __post_init__(self) -> None:
        for template in (self.reason, self.next_step):
            if problem := template_error(template):
                raise ValueError(f"rule {self.name!r}: template {template!r}: {problem}")


@dataclass(frozen=True, slots=True)
class Suite:
    """The rules for one kind of row, in the order in which their failures are listed.

    `version` is a short SHA-256 over the whole declaration, wording included: a verdict names it, so a
    record of a passed gate says which rules it passed. Raises `ValueError` if two rules share a name.
    """

    name: str
    rules: tuple[RowRule, ...]
    version: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        repeated = [name for name, count in Counter(rule.name for rule in self.rules).items() if count > 1]
        if repeated:
            raise ValueError(f"suite {self.name!r} has several rules named {repeated}")
        # ascii(), not repr(): what repr() leaves unescaped changes with Python's Unicode tables.
        declaration = ascii((self.name, self.rules)).encode()
        object.__setattr__(self, "version", hashlib.sha256(declaration).hexdigest()[:12])


@dataclass(frozen=True, slots=True)
class RowFailure:
    """One row that breaks one rule. `value` is what the field holds, as text; `None` if it is empty."""

    row_id: RowId
    rule: str
    field: str
    value: str | None
    reason: str
    next_step: str
    waivable: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a suite says about a batch of `evaluated` rows. Failures are in rule order, then in row order."""

    suite: str
    suite_version: str
    evaluator: str
    evaluated: int
    failures: tuple[RowFailure, ...]
    duration_ms: float

    @property
    def failed_row_ids(self) -> frozenset[RowId]:
        return frozenset(failure.row_id for failure in self.failures)
