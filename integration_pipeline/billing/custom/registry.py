"""The rules that policies carry: which there are, asking them, and checking what they answer.

Belongs here: identity of a rule (package and version), errors that name it, answers that are refused. Does
not belong here: loading rules, or what the answers are used for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

from integration_pipeline.billing.custom.kinds import (
    NumberedDocument,
    NumberSeries,
    Part,
    Price,
    RuleKind,
)
from integration_pipeline.billing.custom.parameters import Parameters
from integration_pipeline.billing.errors import InvalidTerms
from integration_pipeline.billing.periods import Period

if TYPE_CHECKING:  # documents carry policies, which carry rules: importing them here would be a circle
    from integration_pipeline.billing.invoices import PlannedInvoice
    from integration_pipeline.billing.terms import ContractTerms

_SERIES_PREFIX = re.compile(r"[A-Za-z0-9/._-]{0,39}[A-Za-z/._-]")
_MOST_DIGITS = 12
_LONGEST_TEXT = 500
_LARGEST = 10**15
"""Currency units: beyond it an answer is a mistake, and no ledger column would hold it."""


@dataclass(frozen=True, slots=True)
class CustomRule:
    """A function of a company's own package, the installed version of it, and what the rule set states."""

    kind: RuleKind
    name: str
    package: str
    version: str
    function: Callable[..., object]
    parameters: Parameters = field(default_factory=Parameters)

    @property
    def label(self) -> str:
        """For people: `peak_demand of acme-rules 1.2.0`."""
        return f"{self.name} of {self.package} {self.version}"


class CustomRuleFailed(InvalidTerms):
    """A rule that raised, or answered what it must not. Names the rule, and contract and charge once known.

    An `InvalidTerms`, as it is for quarantine: mend the rule or the terms it was given, then plan again.
    """

    def __init__(
        self, rule: str, message: str, contract_id: str | None = None, charge_id: str | None = None
    ) -> None:
        self.rule = rule
        self.message = message
        self.charge_id = charge_id
        path = "custom rule" if charge_id is None else f"charge {charge_id[:80]}"
        super().__init__([(path, f"{rule} {message}")], contract_id)

    def concerning(self, contract_id: str, charge_id: str | None = None) -> CustomRuleFailed:
        """The same failure, naming what was being billed; what is named already stays."""
        return CustomRuleFailed(
            self.rule, self.message, self.contract_id or contract_id, self.charge_id or charge_id
        )


@dataclass(frozen=True, slots=True)
class CustomRules:
    """All rules of one rule set. Raises `ValueError` for two of one name, prorations or numberings.

    Sets are equal if their rules are: by kind, name, package, version, function and parameters.
    """

    rules: tuple[CustomRule, ...] = ()

    def __post_init__(self) -> None:
        named = [(rule.kind, rule.name) for rule in self.rules]
        for kind, name in named:
            if named.count((kind, name)) > 1 and kind is not RuleKind.HOLD:
                raise ValueError(f"two packages have a {kind} named {name!r}; leave one of them out")
        for kind in (RuleKind.PRORATION, RuleKind.NUMBERING):
            if len(self._all(kind)) > 1:
                raise ValueError(f"there is more than one {kind}; choose one")

    def __bool__(self) -> bool:
        return bool(self.rules)

    @property
    def packages(self) -> tuple[str, ...]:
        """`acme-rules 1.2.0`, by name."""
        return tuple(sorted({f"{rule.package} {rule.version}" for rule in self.rules}))

    def as_json(self) -> dict[str, str]:
        """Rule by `kind.name`: package, version and the rule set's parameters."""
        return {
            f"{rule.kind.value}.{rule.name}": f"{rule.package} {rule.version} {rule.parameters.text}"
            for rule in sorted(self.rules, key=lambda rule: (rule.kind, rule.name, rule.parameters.text))
        }

    @property
    def proration(self) -> CustomRule | None:
        """The convention by which parts of a period are paid, if the company has its own."""
        return next(iter(self._all(RuleKind.PRORATION)), None)

    @property
    def numbering(self) -> CustomRule | None:
        """Where documents take their numbers from, if not from the series of the rule set."""
        return next(iter(self._all(RuleKind.NUMBERING)), None)

    def price(
        self, name: str, quantity: Fraction, parameters: Parameters, currency: str
    ) -> tuple[CustomRule, Price]:
        """What `quantity` costs by the charge model `name`, checked, and the rule that said so.

        Raises `CustomRuleFailed`, also for a name that no rule has.
        """
        rule = self._named(RuleKind.CHARGE_MODEL, name)
        answer = _ask(rule, quantity=quantity, parameters=parameters, currency=currency)
        if not isinstance(answer, Price):
            raise _refused(rule, answer, "a Price")
        parts = tuple(_checked_part(rule, part) for part in answer.parts)
        return rule, Price(parts, _text(rule, answer.note))

    def discount(self, name: str, price: Fraction, parameters: Parameters, currency: str) -> Fraction:
        """What the discount `name` takes off `price`, in currency units. Raises `CustomRuleFailed`."""
        rule = self._named(RuleKind.DISCOUNT, name)
        off = _exact(rule, _ask(rule, price=price, parameters=parameters, currency=currency))
        if off < 0:
            raise CustomRuleFailed(rule.label, f"takes {off} off; a surcharge is a charge of its own")
        return off

    def share(self, part: Period, full: Period) -> tuple[int, int]:
        """The share of `full`'s price that `part` costs; a full period costs its price whatever the rule.

        The same answer for the same days, so that an explanation tells of the share that was billed. Raises
        `CustomRuleFailed`.
        """
        rule = self.proration
        if rule is None:
            raise CustomRuleFailed("day count 'custom'", "needs a proration in the rule set's custom_rules")
        return (1, 1) if part == full else _share(rule, part, full)

    def series(self, document: NumberedDocument) -> NumberSeries | None:
        """The series of `document`'s number; None where no rule says so. Raises `CustomRuleFailed`."""
        rule = self.numbering
        if rule is None:
            return None
        answer = _ask(rule, document=document, parameters=rule.parameters)
        if not isinstance(answer, NumberSeries):
            raise _refused(rule, answer, "a NumberSeries")
        # A digit before the number would let two series give out the same one: A0 + 12 and A + 012.
        if not isinstance(answer.prefix, str) or not _SERIES_PREFIX.fullmatch(answer.prefix):  # pyright: ignore[reportUnnecessaryIsInstance] - written by somebody else
            raise _refused(
                rule,
                answer.prefix,
                "a prefix of at most 40 letters, digits and / . _ - that ends in no digit",
            )
        if type(answer.digits) is not int or not 1 <= answer.digits <= _MOST_DIGITS:
            raise _refused(rule, answer.digits, f"a number of 1 to {_MOST_DIGITS} digits")
        return answer

    def holds(self, document: PlannedInvoice, terms: ContractTerms) -> Iterator[tuple[CustomRule, str]]:
        """Every rule that holds `document` back, with its reason. Raises `CustomRuleFailed`."""
        for rule in self._all(RuleKind.HOLD):
            answer = _ask(rule, document=document, terms=terms, parameters=rule.parameters)
            if answer is not None and not isinstance(answer, str):
                raise _refused(rule, answer, "a reason or None")
            reason = _text(rule, answer)
            if reason is not None:
                yield rule, reason

    def _all(self, kind: RuleKind) -> list[CustomRule]:
        return [rule for rule in self.rules if rule.kind is kind]

    def _named(self, kind: RuleKind, name: str) -> CustomRule:
        rules = self._all(kind)
        for rule in rules:
            if rule.name == name:
                return rule
        known = ", ".join(rule.label for rule in rules) or "none: the rule set names no package that has one"
        raise CustomRuleFailed(f"{kind.value} {name[:80]!r}", f"is not known; there is {known}")


NO_CUSTOM_RULES = CustomRules()


@contextmanager
def billing_of(contract_id: str, charge_id: str | None = None) -> Generator[None]:
    """Within the block, a custom rule that fails names what is being billed."""
    try:
        yield
    except CustomRuleFailed as failure:
        raise failure.concerning(contract_id, charge_id) from failure.__cause__


@lru_cache(maxsize=8192)
def _share(rule: CustomRule, part: Period, full: Period) -> tuple[int, int]:
    answer = _ask(rule, part=part, full=full, parameters=rule.parameters)
    share = _exact(rule, answer)
    if share < 0:
        raise CustomRuleFailed(rule.label, f"answers {share} for {part} of {full}; a share is not negative")
    return share.numerator, share.denominator


def _ask(rule: CustomRule, **arguments: object) -> object:
    try:
        return rule.function(**arguments)
    except Exception as error:
        # Whatever somebody else's code raises concerns one contract, not the run.
        said = str(error)[:_LONGEST_TEXT]
        shown = f": {said}" if isinstance(error, ValueError) else f" with {type(error).__name__}: {said}"
        raise CustomRuleFailed(rule.label, f"failed{shown}") from error


def _checked_part(rule: CustomRule, part: Part) -> Part:
    if not isinstance(part, Part):  # pyright: ignore[reportUnnecessaryIsInstance] - written by somebody else
        raise _refused(rule, part, "a Part in every place of a Price")
    quantity = _exact(rule, part.quantity)
    _exact(rule, part.price)
    if isinstance(part.price, Fraction):
        raise _refused(rule, part.price, "a price that is an int or a Decimal")
    return Part(part.of, quantity, Decimal(part.price))


def _exact(rule: CustomRule, value: object) -> Fraction:
    if isinstance(value, bool) or not isinstance(value, int | Decimal | Fraction):
        raise _refused(rule, value, "an int, a Decimal or a Fraction")
    if isinstance(value, Decimal) and not value.is_finite():
        raise _refused(rule, value, "a finite number")
    if abs(value) > _LARGEST:
        raise _refused(rule, "a larger number", f"at most {_LARGEST:,}")
    return Fraction(value)


def _text(rule: CustomRule, text: str | None) -> str | None:
    if text is None:
        return None
    if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance] - written by somebody else
        raise _refused(rule, text, "a text")
    return text.replace("\x00", "").strip()[:_LONGEST_TEXT] or None


def _refused(rule: CustomRule, answer: object, wanted: str) -> CustomRuleFailed:
    shown = f"{answer!r} ({type(answer).__name__})"[:200]
    return CustomRuleFailed(rule.label, f"answered {shown}; it has to answer {wanted}")
