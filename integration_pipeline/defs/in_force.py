"""What the shape of the asset graph depends on: the mapping and the rule set in force, accounts.

Belongs here: reading them once per code location, the versions and months they imply. Does not belong here:
opening the database, the CRM (`resources`) or an account (`vendors`), because a code location loads without.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

import dagster as dg

from integration_pipeline.defs import accounts
from integration_pipeline.defs.accounts import Account
from integration_pipeline.mapping.document import Mapping, read_mapping
from integration_pipeline.pipeline.scope import Scope
from integration_pipeline.rules.document import RuleSet, read_rule_set
from integration_pipeline.settings import Settings

MONTH_FORMAT = "%Y-%m"
_CRM_NAMES = {"hubspot": "HubSpot", "salesforce": "Salesforce"}


@dataclass(frozen=True, slots=True)
class InForce:
    """The mapping, the rule set, the close months they make partitions of, and the accounts there are."""

    mapping: Mapping
    rules: RuleSet
    months: dg.MonthlyPartitionsDefinition
    targets: tuple[Account, ...]
    payment_accounts: tuple[Account, ...]
    crm_pool: str

    @property
    def deal_version(self) -> str:
        """Version of what a CRM record means. A new one makes Dagster show deals as out of date."""
        return f"{self.mapping.version}-{self.rules.version}"

    @property
    def crm_name(self) -> str:
        """The CRM the mapping is for, as people write it."""
        return _CRM_NAMES[self.mapping.source]

    def first_and_last_month(self) -> tuple[str, str]:
        """The keys of the first month and of the present one, for a run over everything."""
        keys = self.months.get_partition_keys()
        return keys[0], keys[-1]


def in_force(settings: Settings) -> InForce:
    """Read the documents the settings name. Raises `InvalidDocument` naming file, line, place and fault."""
    rules = read_rule_set(settings.rules_file)
    mapping = read_mapping(settings.mapping_file)
    return InForce(
        mapping,
        rules,
        close_months(rules.first_month, settings.as_of),
        accounts.targets(settings),
        accounts.payment_accounts(settings),
        accounts.crm_pool(mapping.source, settings),
    )


def close_months(first_month: date, as_of: date | None) -> dg.MonthlyPartitionsDefinition:
    """Months `2025-03` from the first one billed to the present one, or to that of a later `as_of`.

    In UTC, as the pipeline files a deal whose close date lies in no month it could.
    """
    today = datetime.now(UTC).date()
    rehearsed = max(as_of or today, today)
    ahead = (rehearsed.year - today.year) * 12 + rehearsed.month - today.month
    return dg.MonthlyPartitionsDefinition(
        start_date=first_month.strftime(MONTH_FORMAT),
        fmt=MONTH_FORMAT,
        timezone="UTC",
        # Dagster counts a month in only when it is over; deals of the present one are billed now.
        end_offset=1 + ahead,
    )


def scope_of(context: dg.AssetExecutionContext) -> Scope:
    """The close months a run is about: one partition, or a range of them."""
    chosen = context.partition_key_range
    return Scope.months(_first_day(chosen.start), _first_day(chosen.end))


def _first_day(month: str) -> date:
    return date.fromisoformat(f"{month}-01")
