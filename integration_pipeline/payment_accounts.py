"""From settings to the connectors of payment systems and banks.

Belongs here: which accounts are read, and with what. Does not belong here: what connectors do (`payments`),
what becomes of what they tell (`pipeline.receive`, `pipeline.settle`).
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import SecretStr

from integration_pipeline.payments.movements import PaymentSource
from integration_pipeline.settings import MissingSetting, Settings, listed

if TYPE_CHECKING:
    from integration_pipeline.payments.plaid.source import PlaidSource
    from integration_pipeline.payments.stripe.source import StripeSource
    from integration_pipeline.transport.client import RetryPolicy


@dataclass(frozen=True, slots=True)
class PaymentAccount:
    """An account that is read. `account` is what its webhooks call it: an item at Plaid, `` at Stripe."""

    account: str
    source: PaymentSource

    @property
    def vendor(self) -> str:
        """`stripe` or `plaid`."""
        return self.source.name.value


def accounts_of(settings: Settings) -> tuple[tuple[str, str], ...]:
    """Vendor and account of each, without opening any. Raises `MissingSetting`."""
    stripe = () if settings.stripe_api_key is None else (("stripe", ""),)
    return (*stripe, *(("plaid", item_id) for item_id, _ in _items(settings)))


@contextmanager
def open_payment_accounts(
    settings: Settings, *, only: tuple[str, str] | None = None, retries: RetryPolicy | None = None
) -> Generator[list[PaymentAccount]]:
    """The Stripe account and the banks of the settings, or one of them; none without any.

    Raises `MissingSetting`.
    """
    with ExitStack() as open_until_the_end:
        accounts: list[PaymentAccount] = []
        if settings.stripe_api_key is not None and only in (None, ("stripe", "")):
            source = _stripe(settings, settings.stripe_api_key, retries)
            open_until_the_end.callback(source.close)
            accounts.append(PaymentAccount("", source))
        for item_id, access_token in _items(settings):
            if only not in (None, ("plaid", item_id)):
                continue
            bank = _bank(settings, access_token, retries)
            open_until_the_end.callback(bank.close)
            accounts.append(PaymentAccount(item_id, bank))
        yield accounts


# A process needs the connectors of the accounts it has, and no others.


def _stripe(settings: Settings, api_key: SecretStr, retries: RetryPolicy | None) -> StripeSource:
    from integration_pipeline.payments.stripe.config import StripeSettings
    from integration_pipeline.payments.stripe.source import StripeSource

    chosen = StripeSettings(
        api_key=api_key,
        base_url=settings.stripe_base_url,
        time_zone=settings.stripe_time_zone,
        begin_on=settings.stripe_begin_on,
        requests_per_second=settings.stripe_requests_per_second,
    )
    return StripeSource(chosen, retries=retries)


def _bank(settings: Settings, access_token: SecretStr, retries: RetryPolicy | None) -> PlaidSource:
    from integration_pipeline.payments.plaid.config import PlaidSettings
    from integration_pipeline.payments.plaid.source import PlaidSource

    if settings.plaid_client_id is None:
        raise MissingSetting("PLAID_CLIENT_ID", "PLAID_ITEMS names banks, which are read as this client")
    if settings.plaid_secret is None:
        raise MissingSetting("PLAID_SECRET", "PLAID_ITEMS names banks, which are read with this secret")
    wanted = [each.strip() for each in (settings.plaid_account_ids or "").split(",") if each.strip()]
    chosen = PlaidSettings(
        client_id=settings.plaid_client_id,
        secret=settings.plaid_secret,
        base_url=settings.plaid_base_url,
        access_token=access_token,
        account_ids=frozenset(wanted) or None,
    )
    return PlaidSource(chosen, retries=retries)


def _items(settings: Settings) -> list[tuple[str, SecretStr]]:
    items: list[tuple[str, SecretStr]] = []
    for place, each in enumerate(listed(settings.plaid_items), 1):
        item_id, is_there, access_token = each.partition("=")
        if not (item_id.strip() and is_there and access_token.strip()):
            # What it is instead may be a token, and is not shown.
            raise MissingSetting("PLAID_ITEMS", f"its item no. {place} is not item_id=access_token")
        items.append((item_id.strip(), SecretStr(access_token.strip())))
    return items
