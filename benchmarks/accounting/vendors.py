"""The sandboxes of accounting systems that are posted to, and the connectors to them as a company has them.

Belongs here: starting one, its connector, whom it knows, what stands in its books. Does not belong here:
faults and load.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, TypeAlias

import httpx
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from benchmarks.accounting.books import rows
from integration_pipeline.accounting.quickbooks.config import QuickBooksConfig
from integration_pipeline.accounting.quickbooks.target import QuickBooksTarget
from integration_pipeline.accounting.target import AccountingTarget
from integration_pipeline.accounting.xero.config import XeroConfig
from integration_pipeline.accounting.xero.target import XeroTarget
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.posting.parties import Parties
from integration_pipeline.posting.writer import open_session, writing
from integration_pipeline.sandbox.process import VendorProcess
from integration_pipeline.sandbox.quickbooks import options as quickbooks
from integration_pipeline.sandbox.xero import options as xero
from integration_pipeline.transport.client import BearerAuth, RetryPolicy, TimeLimits
from integration_pipeline.transport.clock import MonotonicClock
from integration_pipeline.transport.limits import Limiter

VendorName: TypeAlias = Literal["quickbooks", "xero"]
NAMES: tuple[VendorName, ...] = ("quickbooks", "xero")
SINCE = date(2000, 1, 1)
REALM = "9341452000000001"
TENANT = "45e4708e-d862-4111-ab3a-dd8cd03913e1"
CLIENT_ID = "benchmark"
# They end with this program, and open nothing but its sandboxes.
CLIENT_SECRET = SecretStr("secret-of-the-benchmark")
WEBHOOK_KEY = SecretStr("webhook-key-of-the-benchmark")
_ADMIN_KEY = SecretStr("admin-of-the-benchmark")
_FREELY = 1_000_000
_POSTED = {"Invoice", "CreditMemo", "ACCREC", "ACCRECCREDIT"}


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands in a company's books: documents, and invoices less credit notes in minor units."""

    documents: int
    minor: int


@dataclass(frozen=True, slots=True)
class Vendor:
    """A running sandbox of one company. Without `limited` it refuses nobody for his rate."""

    name: VendorName
    process: VendorProcess

    @property
    def api(self) -> str:
        """A glob over the paths of its API, which leaves tokens alone."""
        return "/v3/company/*" if self.name == "quickbooks" else "/api.xro/2.0/*"

    def entry(self, *, limited: bool = False, **given: Any) -> dict[str, Any]:
        """Its entry in the targets file."""
        own: dict[str, Any] = {
            "quickbooks": {
                "account": REALM,
                "items": {"on_invoice": "1", "deferred": "1"},
                "slowest_call_seconds": 5,
                # Checking, Bank Charges and receivables of a new company.
                "deposit_accounts": {"stripe": "4", "plaid": "4"},
                "fee_account": "6",
                "receivable_account": "2",
            },
            "xero": {
                "account": TENANT,
                "quiet_seconds": 5,
                "payments": {"stripe": {"account": "090"}, "plaid": {"account": "090"}},
            },
        }[self.name]
        free = {
            "quickbooks": ("requests_per_minute", "requests_per_second", "batches_per_minute"),
            "xero": ("calls_per_minute", "calls_per_day"),
        }[self.name]
        return {
            "vendor": self.name,
            "name": self.name,
            "entities": ["us"],
            "since": SINCE.isoformat(),
            "base_url": self.process.base_url,
            **own,
            **({} if limited else dict.fromkeys(free, _FREELY)),
            **given,
        }

    def config(self, *, limited: bool = False, **given: Any) -> QuickBooksConfig | XeroConfig:
        """The same, read."""
        entry = self.entry(limited=limited, **given)
        return (QuickBooksConfig if self.name == "quickbooks" else XeroConfig).model_validate(entry)

    def sign_in(self) -> SecretStr:
        """An access token."""
        path, asked = ("/tokens", {"realm": REALM}) if self.name == "quickbooks" else ("/connect", {})
        return SecretStr(self.process.admin("POST", path, asked)["access_token"])

    def target(
        self,
        config: QuickBooksConfig | XeroConfig,
        *,
        auth: httpx.Auth | None = None,
        limiter: Limiter | None = None,
        retries: RetryPolicy | None = None,
        time_limits: TimeLimits | None = None,
        clock: MonotonicClock | None = None,
        registry: CollectorRegistry | None = None,
    ) -> AccountingTarget:
        """The connector under `config`; `registry` counts its calls."""
        given: dict[str, Any] = {
            "auth": auth or BearerAuth(self.sign_in()),
            "limiter": limiter,
            "retries": retries,
            "time_limits": time_limits,
            "clock": clock,
            "registry": registry or CollectorRegistry(),
        }
        if isinstance(config, QuickBooksConfig):
            return QuickBooksTarget(config, **given)
        return XeroTarget(config, **given)

    def introduce(self, pipeline: Pipeline) -> None:
        """Let it know all customers of these books; nobody else writes to it yet.

        Raises RuntimeError for those it does not take.
        """
        ids = [row["id"] for row in rows(pipeline, "SELECT id FROM crm.customers ORDER BY id")]
        target = self.target(self.config())
        with (
            open_session(pipeline.database_url, "introduce") as session,
            writing(session, target.name) as writer,
        ):
            assert writer is not None  # noqa: S101 - nobody else is there yet
            unresolved = Parties(writer, target).resolve([(each, "USD") for each in ids])
        target.close()
        if unresolved:
            raise RuntimeError(f"{len(unresolved)} customers are not known at {self.name}: {unresolved}")

    def standing(self) -> Standing:
        """By the vendor's own count, what was voided or deleted left out."""
        documents, total = 0, Decimal(0)
        for row in self.process.admin("GET", "/totals")["totals"]:
            kind = row.get("entity") or row["type"]
            if kind not in _POSTED or row.get("status") in ("VOIDED", "DELETED"):
                continue
            documents += row["count"]
            amount = Decimal(row.get("sum") or row["total"])
            total += amount if kind in ("Invoice", "ACCREC") else -amount
        return Standing(documents, int(total.scaleb(2)))

    def customers(self) -> int:
        """How many customers the company has."""
        target = self.target(self.config())
        try:
            return sum(len(page) for page in target.customers(None))
        finally:
            target.close()


def sandbox(name: VendorName, folder: Path, *, limited: bool = False) -> VendorProcess:
    """A company's sandbox, to be started. `limited`: it enforces what the vendor documents."""
    if name == "quickbooks":
        return VendorProcess(
            name,
            folder,
            quickbooks.Options(
                admin_key=_ADMIN_KEY,
                client_id=CLIENT_ID,
                client_secret=CLIENT_SECRET,
                webhook_verifier=WEBHOOK_KEY,
                companies=(quickbooks.Company(realm_id=REALM, name="Example Inc."),),
                limits=quickbooks.Limits() if limited else quickbooks.Limits.unlimited(),
            ),
        )
    return VendorProcess(
        name,
        folder,
        xero.Options(
            admin_key=_ADMIN_KEY,
            apps=(xero.App(client_id=CLIENT_ID, client_secret=CLIENT_SECRET),),
            tenants=(xero.Tenant(id=TENANT, name="Example Inc.", country="US", base_currency="USD"),),
            webhook_key=WEBHOOK_KEY,
            limits=xero.Limits() if limited else xero.Limits.unlimited(),
        ),
    )
