"""The vendors a run may need, opened when it does: accounting systems, payment accounts, the CRM to write.

Belongs here: opening them by the settings of the moment, so that a rotated key needs no reload. Does not
belong here: which connector an account gets (`targets`, `payment_accounts`, `runtime`).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import text

from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.settings import Settings

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

    def targets(self, pipeline: Pipeline) -> AbstractContextManager[list[AccountingTarget]]:
        """The accounting systems that TARGETS_FILE names."""
        from integration_pipeline.targets import open_targets

        return open_targets(self.settings(), pipeline)

    def account_of(self, target: str) -> str:
        """What a target's vendor calls its account, in webhooks too."""
        from integration_pipeline.targets import targets_of

        return targets_of(self.settings()).named(target).account

    def payment_accounts(self) -> AbstractContextManager[list[PaymentAccount]]:
        """The Stripe account of STRIPE_API_KEY and the banks of PLAID_ITEMS."""
        from integration_pipeline.payment_accounts import open_payment_accounts

        return open_payment_accounts(self.settings())

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
