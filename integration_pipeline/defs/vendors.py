"""The vendors a run may need, opened when it does: accounting systems, payment accounts, the CRM to write.

Belongs here: opening them by the settings of the moment, so that a rotated key needs no reload. Does not
belong here: which connector an account gets (`targets`, `payment_accounts`, `runtime`).
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import text

from integration_pipeline.defs.accounts import Account
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.settings import MissingSetting, Settings

if TYPE_CHECKING:
    from integration_pipeline.accounting.target import AccountingTarget
    from integration_pipeline.credentials import Connections
    from integration_pipeline.crm.write_back import CrmWriter
    from integration_pipeline.payment_accounts import PaymentAccount


@dataclass(frozen=True, slots=True)
class Vendors:
    """Ways to open them. Nothing is opened, and no key is needed, for what is not configured.

    Their modules bring httpx, which is not for whoever only loads definitions: they are imported when needed.
    """

    settings: Callable[[], Settings]

    @contextmanager
    def target(self, pipeline: Pipeline, name: str) -> Generator[AccountingTarget]:
        """The accounting system of this name in TARGETS_FILE. Raises `UnknownTarget`."""
        from integration_pipeline.targets import open_targets

        with open_targets(self.settings(), pipeline, only=name) as opened:
            [target] = opened
            yield target

    def names_of_targets(self) -> set[str]:
        """Those in TARGETS_FILE now. Raises `InvalidDocument`."""
        from integration_pipeline.targets import targets_of

        return {each.name for each in targets_of(self.settings()).targets}

    @contextmanager
    def payment_account(self, account: Account) -> Generator[PaymentAccount]:
        """The Stripe account of STRIPE_API_KEY, or a bank of PLAID_ITEMS. Raises `MissingSetting`."""
        from integration_pipeline.payment_accounts import open_payment_accounts

        with open_payment_accounts(self.settings(), only=(account.vendor, account.account)) as opened:
            if not opened:
                raise MissingSetting(
                    "STRIPE_API_KEY" if account.vendor == "stripe" else "PLAID_ITEMS",
                    f"{account.name} is not in it any more; reload the code location",
                )
            yield opened[0]

    def check_payment_accounts(self) -> None:
        """Raises `MissingSetting` for settings that do not say which banks there are."""
        from integration_pipeline.payment_accounts import accounts_of

        accounts_of(self.settings())

    def crm_writer(self) -> AbstractContextManager[CrmWriter]:
        """The CRM of the mapping, for telling deals about their invoices."""
        from integration_pipeline.runtime import open_writer

        return open_writer(self.settings())

    def connections(self, pipeline: Pipeline) -> Connections | None:
        """The tokens of the accounts that people connected; None where nobody ever did."""
        from integration_pipeline.targets import open_connections

        with pipeline.engine.connect() as connection:
            if not connection.execute(text("SELECT EXISTS (SELECT FROM ops.connections)")).scalar_one():
                return None
        return open_connections(self.settings(), pipeline)
