"""Finding and loading the rules that a company's own packages offer to the engine.

A package offers functions as entry points of the group `integration_pipeline.rules`, named by kind and name:
`charge_model.peak_demand`. The rule set names each package with its version, and nothing of a package it does
not name is ever imported. So a rule that changes is a new rule set, which is previewed and approved like any.

Belongs here: which packages and rules a rule set chooses, loading them, refusing what does not fit. Does not
belong here: what a rule is given and may answer, or asking it (`billing.custom`).
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.metadata import EntryPoint, PackageNotFoundError, distribution
from typing import Annotated

from pydantic import Field, model_validator

from integration_pipeline.billing.custom import ARGUMENTS, CustomRule, CustomRules, Parameters, RuleKind
from integration_pipeline.billing.policies import DayCount, Policies
from integration_pipeline.yaml_documents import Document

GROUP = "integration_pipeline.rules"
_IN_TERMS = (RuleKind.CHARGE_MODEL, RuleKind.DISCOUNT)
"""Kinds that terms choose by name; the others are chosen by the rule set, for all contracts."""

PackageVersion = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}==[A-Za-z0-9][A-Za-z0-9.!+_-]{0,49}$")
]


class InvalidCustomRule(ValueError):  # noqa: N818 - said of the rule
    """A package or rule that cannot be used as the rule set wants; the message says what to do."""


class RuleChoice(Document):
    """One rule by name, with what it is given besides the contract."""

    rule: str
    parameters: Parameters = Parameters()


class CustomRuleChoices(Document):
    """The part `custom_rules` of a rule set.

    `packages` are written `acme-billing-rules==1.2.0`; terms may use their charge models and discounts.
    Raises `ValueError` for a package not installed in that version, and for a rule that none offers.
    """

    packages: tuple[PackageVersion, ...] = ()
    proration: RuleChoice | None = None
    numbering: RuleChoice | None = None
    holds: tuple[RuleChoice, ...] = ()

    def __hash__(self) -> int:
        return hash(self.model_dump_json())

    @model_validator(mode="after")
    def _offered(self) -> CustomRuleChoices:
        # The packages' metadata is enough to know: nothing of theirs is imported to read a rule set.
        list(_chosen(self))
        return self


@lru_cache(maxsize=8)
def load_custom_rules(choices: CustomRuleChoices) -> CustomRules:
    """The chosen rules, imported and fit to be asked. Raises `InvalidCustomRule` naming rule and package."""
    return CustomRules(tuple(_loaded(offer, parameters) for offer, parameters in _chosen(choices)))


def with_custom_rules(policies: Policies, choices: CustomRuleChoices) -> Policies:
    """`policies` with the chosen rules; a proration among them takes the place of their day count."""
    if not choices.packages:
        return policies
    rules = load_custom_rules(choices)
    day_count = policies.day_count if rules.proration is None else DayCount.CUSTOM
    return replace(policies, custom=rules, day_count=day_count)


@dataclass(frozen=True, slots=True)
class _Offer:
    """A rule as a package's metadata announces it."""

    kind: RuleKind
    name: str
    package: str
    version: str
    entry_point: EntryPoint

    def __str__(self) -> str:
        return f"{self.kind.value} {self.name!r} of {self.package} {self.version}"


def _chosen(choices: CustomRuleChoices) -> Iterator[tuple[_Offer, Parameters]]:
    offers: dict[tuple[RuleKind, str], _Offer] = {}
    for package in choices.packages:
        for offer in _offers(*package.split("==")):
            twin = offers.setdefault((offer.kind, offer.name), offer)
            if twin is not offer:
                raise InvalidCustomRule(
                    f"{offer} has the name of a rule of {twin.package}; leave one package out"
                )
    for offer in offers.values():
        if offer.kind in _IN_TERMS:
            yield offer, Parameters()
    for kind, choice in (
        (RuleKind.PRORATION, choices.proration),
        (RuleKind.NUMBERING, choices.numbering),
        *((RuleKind.HOLD, hold) for hold in choices.holds),
    ):
        if choice is None:
            continue
        offer = offers.get((kind, choice.rule))
        if offer is None:
            known = ", ".join(str(each) for each in offers.values() if each.kind is kind) or "none"
            packages = ", ".join(choices.packages) or "none"
            raise InvalidCustomRule(
                f"{kind.value} {choice.rule[:80]!r} is not offered by the packages ({packages}); "
                f"there is {known}"
            )
        yield offer, choice.parameters


def _offers(package: str, version: str) -> Iterator[_Offer]:
    try:
        installed = distribution(package)
    except PackageNotFoundError:
        raise InvalidCustomRule(
            f"package {package} is not installed; run: pip install {package}=={version}"
        ) from None
    if installed.version != version:
        raise InvalidCustomRule(
            f"package {package} is installed as {installed.version}, but the rule set approves {version}; "
            f"install {package}=={version}, or approve {installed.version} in a new version of the rule set"
        )
    entry_points = installed.entry_points.select(group=GROUP)
    if not entry_points:
        raise InvalidCustomRule(f"package {package} {version} has no entry points of the group {GROUP}")
    for entry_point in entry_points:
        kind, _, name = entry_point.name.partition(".")
        if kind not in {each.value for each in RuleKind} or not name:
            kinds = ", ".join(each.value for each in RuleKind)
            raise InvalidCustomRule(
                f"entry point {entry_point.name[:80]!r} of {package} {version} is not named <kind>.<name> "
                f"with one of the kinds {kinds}"
            )
        yield _Offer(RuleKind(kind), name, package, version, entry_point)


def _loaded(offer: _Offer, parameters: Parameters) -> CustomRule:
    try:
        function = offer.entry_point.load()
    except Exception as error:
        raise InvalidCustomRule(f"{offer} cannot be imported: {type(error).__name__}: {error}") from error
    arguments = ARGUMENTS[offer.kind]
    wanted = f"a function that takes {', '.join(arguments)} by keyword"
    if not inspect.isfunction(function) or inspect.iscoroutinefunction(function):
        raise InvalidCustomRule(f"{offer} is {type(function).__name__}; it has to be {wanted}")
    signature = inspect.signature(function)
    try:
        signature.bind(**dict.fromkeys(arguments))
    except TypeError as error:
        raise InvalidCustomRule(f"{offer} takes {signature}; it has to be {wanted} ({error})") from None
    return CustomRule(offer.kind, offer.name, offer.package, offer.version, function, parameters)
