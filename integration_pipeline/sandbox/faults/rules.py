"""What a rule may say: which requests it is for, how often it fires, and which fault they meet.

Shapes only; counting and drawing are `plan`, the effects are `middleware`.
"""

from __future__ import annotations

from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, StringConstraints, model_validator

_LONGEST_MS = 600_000
Milliseconds = Annotated[int, Field(ge=0, le=_LONGEST_MS)]


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Delay(_Told):
    """Carried out after a pause, fixed or from a range `[low, high]`, even if the client is gone by then."""

    kind: Literal["delay"]
    ms: Milliseconds | tuple[Milliseconds, Milliseconds]

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        low, high = self.bounds
        if low > high:
            raise ValueError(f"ms is a range from {low} down to {high}; write the smaller one first")
        return self

    @property
    def bounds(self) -> tuple[int, int]:
        return (self.ms, self.ms) if isinstance(self.ms, int) else self.ms


class Error(_Told):
    """Nothing done; a status of the vendor's own trouble, in its body."""

    kind: Literal["error"]
    status: Literal[423, 477, 500, 502, 503, 504] = 500


class Throttle(_Told):
    """Nothing done; refused for its rate, in the vendor's form.

    `policy` is the vendor's name of a limit; without it the one the request would reach first. `retry_after`
    (seconds) adds that header where the vendor sends none, or changes it.
    """

    kind: Literal["throttle"]
    policy: str | None = None
    retry_after: Annotated[int, Field(ge=0)] | None = None


class Unauthorized(_Told):
    """Nothing done; a 401, as for a token that was just revoked. With `times` 1 it works again afterwards."""

    kind: Literal["unauthorized"]


class DropBefore(_Told):
    """Nothing done; the connection is closed without an answer."""

    kind: Literal["drop_before"]


class DropAfter(_Told):
    """Done and committed; the connection is closed without an answer."""

    kind: Literal["drop_after"]


class Hang(_Told):
    """Nothing done and nothing answered until the client gives up, or `max_ms` are over."""

    kind: Literal["hang"]
    max_ms: Milliseconds = 60_000


class Truncate(_Told):
    """Done and committed; the answer breaks off after half of its body."""

    kind: Literal["truncate"]


class Garbage(_Told):
    """Done and committed; the answer is 200 with a body that cannot be used.

    `text`: HTML where JSON belongs. `shape`: JSON of another shape. `record`: the true answer, but with a
    part of every record that has another type than it should.
    """

    kind: Literal["garbage"]
    form: Literal["text", "shape", "record"] = "text"


Fault = Annotated[
    Delay | Error | Throttle | Unauthorized | DropBefore | DropAfter | Hang | Truncate | Garbage,
    Field(discriminator="kind"),
]


class Rule(_Told):
    """The requests whose method and path fit, and which of them meet the fault.

    `path` is a glob over the path without its query; `*` also spans slashes. Of the requests that fit,
    `share` takes a part drawn by lot, `nth` those of these numbers (from 1), `every` each n-th; without any
    of them all. `times` ends the rule after so many.
    """

    name: Annotated[str, StringConstraints(min_length=1)]
    method: Annotated[str, StringConstraints(to_upper=True)] | None = None
    path: str = "*"
    share: Annotated[Decimal, Field(ge=0, le=1)] | None = None
    nth: frozenset[PositiveInt] | None = None
    every: PositiveInt | None = None
    times: PositiveInt | None = None
    fault: Fault

    @model_validator(mode="after")
    def _one_frequency(self) -> Self:
        given = [name for name in ("share", "nth", "every") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"rule {self.name!r} has {' and '.join(given)}; keep one of them")
        return self

    def fits(self, method: str, path: str) -> bool:
        return self.method in (None, method) and fnmatchcase(path, self.path)


class RuleSet(_Told):
    """Rules in order of precedence; the same seed and the same requests give the same faults."""

    seed: int = 0
    rules: tuple[Rule, ...] = ()

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        # Lots are drawn by rule name: two rules of one name would always fire together.
        names = [rule.name for rule in self.rules]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two rules are named {twice[0]!r}; give each its own name")
        return self
