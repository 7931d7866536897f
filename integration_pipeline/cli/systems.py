"""Sandboxes of the accounting and payment systems beside a demo's CRM, with companies fit to be posted to.

Belongs here: starting them, what their bookkeepers would set up, the targets file, connecting. Does not
belong here: what is posted and paid (`tour`), the sandboxes themselves (`sandbox`).
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import httpx
import yaml
from pydantic import SecretStr

from integration_pipeline.credentials import Connections, Vendor
from integration_pipeline.credentials.connecting import check, connect
from integration_pipeline.credentials.consent import read_callback, request_consent
from integration_pipeline.credentials.keys import Keyring, kept_keys
from integration_pipeline.credentials.rows import ConnectionRow
from integration_pipeline.credentials.settings import CredentialsSettings
from integration_pipeline.runtime import open_engine
from integration_pipeline.sandbox.plaid.app import Options as PlaidOptions
from integration_pipeline.sandbox.process import VendorProcess
from integration_pipeline.sandbox.quickbooks import options as quickbooks
from integration_pipeline.sandbox.stripe.app import Options as StripeOptions
from integration_pipeline.sandbox.stripe.keys import Keys
from integration_pipeline.sandbox.xero import options as xero
from integration_pipeline.store.migrate import upgrade
from integration_pipeline.transport.failures import VendorFailure

TIMES_AS_FAST: Final = 60
"""By so much the limits of QuickBooks and Xero are higher than documented, on both sides: a minute's
allowance every second, so that nobody has to watch a demo wait."""

REALM: Final = "9341452000000001"
TENANT: Final = "45e4708e-d862-4111-ab3a-dd8cd03913e1"
BANK_CURRENCIES: Final = ("USD", "EUR", "JPY")

# They open nothing but sandboxes, which listen on this machine only.
_ADMIN = SecretStr("sandbox-admin")
_CLIENT, _CLIENT_SECRET = "demo", SecretStr("sandbox-client-secret")
_STRIPE_KEY = SecretStr("rk_sandbox_demo")
_STRIPE_WEBHOOKS = SecretStr("whsec_sandbox")
_XERO_WEBHOOKS = SecretStr("sandbox-xero-webhooks")
_QUICKBOOKS_WEBHOOKS = SecretStr("sandbox-quickbooks-webhooks")
# Nobody goes there: the browser's part is played by `_consented`.
_CALLBACK = "http://localhost:8801/callback"
_PREFIXES = ("QUICKBOOKS_", "XERO_", "STRIPE_", "PLAID_", "TARGETS_FILE")


@dataclass(frozen=True, slots=True)
class Systems:
    """The running sandboxes, and the settings by which our processes find them."""

    quickbooks: VendorProcess
    xero: VendorProcess
    stripe: VendorProcess
    plaid: VendorProcess
    item_id: str
    bank_accounts: Mapping[str, str]
    """The bank account of each currency, by its id at Plaid."""
    environment: Mapping[str, str]

    def announce_to(self, gateway_url: str | None) -> None:
        """Have all of them send their webhooks to a gateway, or to nobody."""
        for vendor in ("quickbooks", "xero", "stripe", "plaid"):
            process: VendorProcess = getattr(self, vendor)
            url = None if gateway_url is None else f"{gateway_url}/webhooks/{vendor}"
            process.admin("PUT", "/webhooks", {"url": url})

    def addresses(self) -> dict[str, str]:
        """Where each of them is, by the name people know it by."""
        return {
            "QuickBooks": self.quickbooks.base_url,
            "Xero": self.xero.base_url,
            "Stripe": self.stripe.base_url,
            "Plaid": self.plaid.base_url,
        }

    def remembered(self) -> dict[str, str]:
        """The part of `environment` that later commands need; they find the key beside the data."""
        return {name: value for name, value in self.environment.items() if name.startswith(_PREFIXES)}


@contextmanager
def open_systems(folder: Path, database_url: str, since: date) -> Generator[Systems]:
    """Start all four, set them up as far as they are not yet, and connect; they stop at the end of the block.

    `since` is the first issue date that goes to the accounting systems.
    """
    processes = {
        "quickbooks": VendorProcess("quickbooks", folder / "quickbooks", _quickbooks_options()),
        "xero": VendorProcess("xero", folder / "xero", _xero_options()),
        "stripe": VendorProcess("stripe", folder / "stripe", _stripe_options()),
        "plaid": VendorProcess("plaid", folder / "plaid", _plaid_options()),
    }
    with ExitStack() as running:
        with ThreadPoolExecutor(len(processes)) as pool:
            for started in [pool.submit(running.enter_context, each) for each in processes.values()]:
                started.result()
        item = _bank(processes["plaid"])
        targets = folder / "targets.yaml"
        _write_targets(targets, processes["quickbooks"], processes["xero"], since)
        systems = Systems(
            **processes,
            item_id=item["item_id"],
            bank_accounts={
                each["balances"]["iso_currency_code"]: each["account_id"] for each in item["accounts"]
            },
            environment=_environment(processes, item, targets, folder),
        )
        systems.announce_to(None)
        _connect(systems.environment, folder, database_url)
        yield systems


def _quickbooks_options() -> quickbooks.Options:
    documented = quickbooks.Limits()
    return quickbooks.Options(
        admin_key=_ADMIN,
        client_id=_CLIENT,
        client_secret=_CLIENT_SECRET,
        webhook_verifier=_QUICKBOOKS_WEBHOOKS,
        companies=(
            quickbooks.Company(
                realm_id=REALM,
                name="Example Inc.",
                tax="us",
                multicurrency=True,
                exchange_rates={"JPY": Decimal("0.0067")},
            ),
        ),
        limits=documented.model_copy(
            update={
                name: TIMES_AS_FAST * getattr(documented, name)
                for name in ("per_minute", "per_second", "batches_per_minute")
            }
        ),
    )


def _xero_options() -> xero.Options:
    documented = xero.Limits()
    return xero.Options(
        admin_key=_ADMIN,
        apps=(xero.App(client_id=_CLIENT, client_secret=_CLIENT_SECRET),),
        tenants=(
            xero.Tenant(
                id=TENANT,
                name="Example Europe GmbH",
                country="DE",
                base_currency="EUR",
                currencies=("KWD",),
                rates={"KWD": Decimal("0.334")},
                tax_percent=Decimal(19),
            ),
        ),
        webhook_key=_XERO_WEBHOOKS,
        limits=documented.model_copy(
            update={name: TIMES_AS_FAST * getattr(documented, name) for name in ("per_minute", "per_day")}
        ),
    )


def _stripe_options() -> StripeOptions:
    return StripeOptions(
        admin_key=_ADMIN, keys=Keys(secret=[_STRIPE_KEY]), webhook_secrets=[_STRIPE_WEBHOOKS]
    )


def _plaid_options() -> PlaidOptions:
    return PlaidOptions(admin_key=_ADMIN, client_id=_CLIENT, secret=_CLIENT_SECRET)


def _bank(plaid: VendorProcess) -> Any:
    """The login at the bank: the one there is, or a new one with an account for each currency."""
    items = plaid.admin("GET", "/items")["items"]
    accounts = [{"name": f"Operating {each}", "currency": each} for each in BANK_CURRENCIES]
    return items[0] if items else plaid.admin("POST", "/items", {"accounts": accounts})


def _write_targets(
    file: Path, quickbooks_process: VendorProcess, xero_process: VendorProcess, since: date
) -> None:
    document = {
        "targets": [
            _quickbooks_target(quickbooks_process, since),
            _xero_target(xero_process, since),
        ]
    }
    file.write_text(
        "# The demo's accounting systems: sandboxes. Written anew whenever the demo starts.\n"
        f"# Limits are {TIMES_AS_FAST} times the documented ones, here and in the sandboxes.\n"
        + yaml.safe_dump(document, sort_keys=False, allow_unicode=True),
        encoding="utf-8",
    )


def _quickbooks_target(process: VendorProcess, since: date) -> dict[str, Any]:
    """One company for two entities, with what its bookkeeper set up for them."""
    token = process.admin("POST", "/tokens", {"realm": REALM})["access_token"]

    def found(entity: str, name: str) -> str | None:
        answer = httpx.get(
            f"{process.base_url}/v3/company/{REALM}/query",
            params={"query": f"SELECT * FROM {entity} WHERE Name = '{name}'"},  # noqa: S608 - our own words
            headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
            timeout=30,
        ).raise_for_status()
        records = answer.json()["QueryResponse"].get(entity)
        return records[0]["Id"] if records else None

    def record(entity: str, name: str, **fields: Any) -> str:
        seeded = {"realm": REALM, "records": {entity: [{"Name": name, **fields}]}}
        return found(entity, name) or process.admin("POST", "/seed", seeded)["ids"][entity][0]

    deferred = record("Account", "Deferred Revenue", AccountType="Other Current Liability")
    return {
        "name": "quickbooks",
        "vendor": "quickbooks",
        "account": REALM,
        "base_url": process.base_url,
        "entities": ["us", "jp"],
        "since": since.isoformat(),
        "items": {
            "on_invoice": record("Item", "Services"),
            "deferred": record("Item", "Subscriptions", Type="Service", IncomeAccountRef={"value": deferred}),
        },
        "tax_codes": {
            "Consumption tax 10": record(
                "TaxCode", "Consumption tax", rates=[{"Name": "Consumption tax", "RateValue": "10"}]
            )
        },
        "deposit_accounts": {
            "stripe": record("Account", "Stripe", AccountType="Bank"),
            "plaid": record("Account", "Checking", AccountType="Bank"),
        },
        "fee_account": record("Account", "Bank Charges", AccountType="Expense"),
        "receivable_account": record(
            "Account", "Accounts Receivable (A/R)", AccountType="Accounts Receivable"
        ),
        "requests_per_minute": 500 * TIMES_AS_FAST,
        "requests_per_second": 10 * TIMES_AS_FAST,
        "batches_per_minute": 40 * TIMES_AS_FAST,
    }


def _xero_target(process: VendorProcess, since: date) -> dict[str, Any]:
    token = process.admin("POST", "/connect", {})["access_token"]

    def one(plural: str, identity: str, **fields: Any) -> Any:
        value = fields[identity]
        answer = httpx.get(
            f"{process.base_url}/api.xro/2.0/{plural}",
            params={"where": f'{identity}=="{value}"'},
            headers={
                "Authorization": f"Bearer {token}",
                "Xero-Tenant-Id": TENANT,
                "Accept": "application/json",
            },
            timeout=30,
        ).raise_for_status()
        found = answer.json()[plural]
        return found[0] if found else process.admin("POST", "/seed", {plural: [fields]})[plural][0]

    stripe = one("Accounts", "Code", Code="092", Name="Stripe", Type="BANK", BankAccountNumber="STRIPE")
    charger = one("Contacts", "Name", Name="Stripe Payments Europe")
    return {
        "name": "xero",
        "vendor": "xero",
        "account": TENANT,
        "base_url": process.base_url,
        "entities": ["eu"],
        "since": since.isoformat(),
        "currencies": ["EUR", "KWD"],
        "revenue": {"on_invoice": "200", "deferred": "850"},
        "taxes": {"VAT 19": "OUTPUT2", "VAT 19 reverse charge": "ZERORATED"},
        "payments": {
            "stripe": {
                "account": stripe["Code"],
                "fee": {"account": "404", "contact": charger["ContactID"]},
            },
            "plaid": {"account": "090"},
        },
        "calls_per_minute": 60 * TIMES_AS_FAST,
        "calls_per_day": 5_000 * TIMES_AS_FAST,
    }


def _environment(
    processes: Mapping[str, VendorProcess], item: Any, targets: Path, folder: Path
) -> dict[str, str]:
    books, ledger = processes["quickbooks"].base_url, processes["xero"].base_url
    secret = _CLIENT_SECRET.get_secret_value()
    return {
        "CREDENTIALS_KEYS": kept_keys(folder).get_secret_value(),
        "TARGETS_FILE": str(targets),
        "QUICKBOOKS_CLIENT_ID": _CLIENT,
        "QUICKBOOKS_CLIENT_SECRET": secret,
        "QUICKBOOKS_AUTHORIZE_URL": f"{books}/connect/oauth2",
        "QUICKBOOKS_TOKEN_URL": f"{books}/oauth2/v1/tokens/bearer",
        "QUICKBOOKS_REVOKE_URL": f"{books}/v2/oauth2/tokens/revoke",
        "QUICKBOOKS_API_URL": books,
        "QUICKBOOKS_WEBHOOK_TOKENS": _QUICKBOOKS_WEBHOOKS.get_secret_value(),
        "XERO_CLIENT_ID": _CLIENT,
        "XERO_CLIENT_SECRET": secret,
        "XERO_AUTHORIZE_URL": f"{ledger}/identity/connect/authorize",
        "XERO_TOKEN_URL": f"{ledger}/connect/token",
        "XERO_REVOKE_URL": f"{ledger}/connect/revocation",
        "XERO_API_URL": ledger,
        "XERO_WEBHOOK_KEYS": _XERO_WEBHOOKS.get_secret_value(),
        "STRIPE_API_KEY": _STRIPE_KEY.get_secret_value(),
        "STRIPE_BASE_URL": processes["stripe"].base_url,
        "STRIPE_WEBHOOK_SECRETS": _STRIPE_WEBHOOKS.get_secret_value(),
        "PLAID_CLIENT_ID": _CLIENT,
        "PLAID_SECRET": secret,
        "PLAID_BASE_URL": processes["plaid"].base_url,
        "PLAID_ITEMS": f"{item['item_id']}={item['access_token']}",
    }


def _connect(environment: Mapping[str, str], folder: Path, database_url: str) -> None:
    """Connect both companies as a person does with `connect`, unless their connections work."""
    given = {name.lower(): value for name, value in environment.items()}
    engine = open_engine(database_url)
    try:
        upgrade(engine)
        apps = CredentialsSettings.model_validate(given).apps()
        connections = Connections(engine, Keyring.kept_in(folder), apps)
        working = {row.vendor for row in connections.every() if _works(connections, row)}
        for vendor in Vendor:
            if vendor not in working:
                _consent(connections, vendor)
    finally:
        engine.dispose()


def _works(connections: Connections, row: ConnectionRow) -> bool:
    try:
        check(connections, row)
    except VendorFailure:
        return False
    return True


def _consent(connections: Connections, vendor: Vendor) -> None:
    """The person's part: the sandboxes' pages consent at once, and redirect."""
    tools = connections.refresher
    app, now = tools.app(vendor), datetime.now(UTC)
    asked = request_consent(app, tools.keys, _CALLBACK, now)
    answer = httpx.get(asked.url, timeout=30)
    connect(connections, vendor, read_callback(app, tools.keys, answer.headers["Location"], now))
