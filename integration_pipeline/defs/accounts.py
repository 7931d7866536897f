"""The accounts at vendors that the settings name, as the asset graph knows them: their names and their pools.

Belongs here: naming them. Does not belong here: opening them (`vendors`).

They are read once per code location, like the mapping and the rules. A pool for each lets a run that works on
one company's QuickBooks wait for other runs on that QuickBooks and for nothing else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from integration_pipeline.accounting.targets_file import read_targets
from integration_pipeline.payment_accounts import accounts_of
from integration_pipeline.settings import MissingSetting, Settings
from integration_pipeline.yaml_documents import InvalidDocument

_NO_LETTER = re.compile(r"\W", re.ASCII)


@dataclass(frozen=True, slots=True)
class Account:
    """One account at a vendor.

    `account` is what the vendor calls it, in webhooks too; `name` what people do: the target's name, the
    item's id at Plaid, `stripe`.
    """

    vendor: str
    account: str
    name: str

    @property
    def slug(self) -> str:
        """Its name in assets, jobs and pools: `quickbooks_us` for the target `us`, `xero` for `xero`."""
        return self.vendor if self.name == self.vendor else f"{self.vendor}_{_NO_LETTER.sub('_', self.name)}"


def targets(settings: Settings) -> tuple[Account, ...]:
    """The accounting systems of TARGETS_FILE; none for a file that cannot be read, which runs then name."""
    if settings.targets_file is None:
        return ()
    try:
        named = read_targets(settings.targets_file).targets
    except InvalidDocument:
        return ()
    return tuple(Account(each.vendor, each.account, each.name) for each in named)


def payment_accounts(settings: Settings) -> tuple[Account, ...]:
    """The Stripe account and the banks; none for a setting that cannot be read, which runs then name."""
    try:
        named = accounts_of(settings)
    except MissingSetting:
        return ()
    return tuple(Account(vendor, account, account or vendor) for vendor, account in named)


def crm_pool(source: str, settings: Settings) -> str:
    """The CRM's account: an org is told by its My Domain; the settings name no account at HubSpot."""
    host = urlsplit(settings.salesforce_base_url or "").hostname if source == "salesforce" else None
    return Account(source, "", (host or source).partition(".")[0]).slug
