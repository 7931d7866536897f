"""The rule set file: who bills, into which accounts, by which conventions.

Belongs here: the shape of the file. Does not belong here: the conventions themselves (`billing.policies`
names and implements them), CRM fields (`mapping`).
"""

from __future__ import annotations

from collections import Counter
from datetime import date
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field, model_validator

from integration_pipeline.billing.custom import NumberedDocument, NumberSeries
from integration_pipeline.billing.policies import PROFILES, Policies
from integration_pipeline.rules.custom_rules import CustomRuleChoices, with_custom_rules
from integration_pipeline.yaml_documents import Document, read_document

DEFAULT_RULE_SET = Path(__file__).parent / "default.yaml"


class AccountRole(StrEnum):
    """What the posting rules need an account for; each entity has exactly one account per role."""

    RECEIVABLE = "receivable"
    CASH = "cash"
    CREDITS = "credits"
    TAX_PAYABLE = "tax_payable"
    DEFERRED_REVENUE = "deferred_revenue"
    REVENUE = "revenue"
    IN_TRANSIT = "in_transit"
    """What a payment vendor has taken in and not paid out to our bank yet."""
    FEES = "fees"
    EXCHANGE = "exchange"
    """Between two currencies: what was paid in one and taken in as the other, until it is valued."""
    SUSPENSE = "suspense"
    """What a payment vendor has taken in that a person says is none of ours, until it is cleared."""


OPTIONAL_ROLES = frozenset((AccountRole.SUSPENSE,))
"""What only some decisions need; whoever takes one is told."""

SETTLEMENT_ROLES = frozenset((AccountRole.IN_TRANSIT, AccountRole.FEES, AccountRole.EXCHANGE))
"""What only payments need. A rule set without these accounts bills, and settles nothing."""


class Account(Document):
    """One account of the chart."""

    code: Annotated[str, Field(pattern=r"^[0-9A-Za-z.-]{1,20}$")]
    name: str
    kind: Literal["asset", "liability", "equity", "income", "expense"]


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"{name!r} is not a time zone such as Europe/Berlin")
    return name


class Entity(Document):
    """A legal entity that bills. `time_zone` decides on which civil day something happened."""

    name: str
    time_zone: Annotated[str, AfterValidator(_known_zone)]
    invoice_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9/_-]{1,20}$")]
    credit_note_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9/_-]{1,20}$")]

    @property
    def zone(self) -> ZoneInfo:
        """The entity's time zone."""
        return ZoneInfo(self.time_zone)


class MoneyOwner(Document):
    """Whose money an account of a payment vendor or bank holds; the first that fits a movement counts."""

    source: Annotated[str, Field(min_length=1)]
    account: str | None = None
    currency: Annotated[str | None, Field(pattern=r"^[A-Z]{3}$")] = None
    entity: str


class SettlementRules(Document):
    """How movements of money are told apart.

    `payout_days` is how far a payout and its bank line may lie apart, `payout_words` are what such a line's
    text has one of. `fee_percent`: a transfer that is lower than an invoice by no more is proposed for it, as
    a bank may have kept a fee; it is never settled by that alone.
    """

    owners: tuple[MoneyOwner, ...] = ()
    payout_days: Annotated[int, Field(ge=0, le=31)] = 5
    payout_words: tuple[Annotated[str, Field(min_length=3)], ...] = ("stripe",)
    fee_percent: Annotated[Decimal, Field(ge=0, le=20)] = Decimal(4)


class RuleSet(Document):
    """A whole rule set file; `first_month` is the first close month that is billed at all.

    A contract without an end is planned `horizon_months` ahead, from the first of the present month.
    """

    name: str
    author: str
    effective: date
    first_month: date
    horizon_months: Annotated[int, Field(ge=1, le=120)] = 13
    profile: str = "default"
    custom_rules: CustomRuleChoices = CustomRuleChoices()
    settlement: SettlementRules = SettlementRules()
    entities: Annotated[dict[str, Entity], Field(min_length=1)]
    accounts: dict[AccountRole, Account]

    @model_validator(mode="after")
    def _complete(self) -> RuleSet:
        needed = (role for role in AccountRole if role not in SETTLEMENT_ROLES | OPTIONAL_ROLES)
        missing = [role.value for role in needed if role not in self.accounts]
        if missing:
            raise ValueError(f"accounts lacks {', '.join(missing)}")
        if self.profile not in PROFILES:
            raise ValueError(f"profile {self.profile!r} is not one of {', '.join(PROFILES)}")
        if self.first_month.day != 1:
            raise ValueError("first_month must be the first day of a month")
        codes = Counter(account.code for account in self.accounts.values())
        if repeated := [code for code, count in codes.items() if count > 1]:
            raise ValueError(f"two accounts have the code {repeated[0]}")
        prefixes = [p for e in self.entities.values() for p in (e.invoice_prefix, e.credit_note_prefix)]
        if len(set(prefixes)) != len(prefixes):
            raise ValueError("every entity needs prefixes of its own, or two documents share a number")
        for owner in self.settlement.owners:
            if owner.entity not in self.entities:
                raise ValueError(f"settlement.owners names the entity {owner.entity!r}, which is not there")
        return self

    def number_series(self, entity: str, kind: str, issue_date: date, currency: str) -> NumberSeries | None:
        """The series that a numbering of the company's own gives a document; None: the entity's.

        `kind` is `invoice` or `credit_note`. Raises `CustomRuleFailed`.
        """
        custom = self.policies.custom
        if custom.numbering is None:
            return None
        owner = self.entities[entity]
        prefix = owner.invoice_prefix if kind == "invoice" else owner.credit_note_prefix
        return custom.series(NumberedDocument(entity, kind, issue_date, currency, prefix))

    @property
    def policies(self) -> Policies:
        """The conventions this rule set chose. Raises `InvalidCustomRule` for a rule unfit for use."""
        return with_custom_rules(PROFILES[self.profile], self.custom_rules)


def read_rule_set(path: Path = DEFAULT_RULE_SET) -> RuleSet:
    """The rule set at `path`. Raises `InvalidDocument` naming file, line, place and fault."""
    return read_document(path, RuleSet)
