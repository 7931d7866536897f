"""A company whose documents go from the own ledger to an accounting system: the sandbox of a real vendor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine

from integration_pipeline.accounting.quickbooks.config import QuickBooksConfig
from integration_pipeline.accounting.quickbooks.target import QuickBooksTarget
from integration_pipeline.accounting.target import AccountingTarget
from integration_pipeline.accounting.xero.config import MoneyAccount, XeroConfig
from integration_pipeline.accounting.xero.target import XeroTarget
from integration_pipeline.billing.invoices import RevenueTreatment
from integration_pipeline.billing.money import Money
from integration_pipeline.mapping.document import read_mapping
from integration_pipeline.pipeline.context import Pipeline, PostsTo
from integration_pipeline.pipeline.reports import StageReport
from integration_pipeline.posting.delivery import deliver
from integration_pipeline.rules.document import read_rule_set
from integration_pipeline.sandbox.process import VendorProcess
from integration_pipeline.sandbox.quickbooks import options as quickbooks
from integration_pipeline.sandbox.xero import options as xero
from integration_pipeline.settings import DEFAULT_MAPPING
from integration_pipeline.transport.client import BearerAuth, RetryPolicy
from integration_pipeline.transport.limits import Limiter
from integration_pipeline_tests.pipeline.conftest import AS_OF, Office, registered
from integration_pipeline_tests.pipeline.portal import Portal

SINCE = date(2026, 1, 1)
REALM = "9341452000000001"
TENANT = "45e4708e-d862-4111-ab3a-dd8cd03913e1"
ADMIN_KEY = SecretStr("sandbox-admin")
# A lost answer is what most of these tests are about; nobody wants to wait for it.
_AT_ONCE = RetryPolicy(attempts=2, base_seconds=0.01, cap_seconds=0.05, total_seconds=2.0)


class Vendor(Protocol):
    """One vendor's sandbox, and how to look into it as its own bookkeeper would."""

    sandbox: VendorProcess

    def fresh(self) -> None:
        """A new company, without limits."""
        ...

    def target(self, limiter: Limiter | None = None) -> AccountingTarget: ...

    def documents(self) -> dict[tuple[str, str], tuple[int, Decimal]]:
        """Count and sum of what stands there by (`invoice` | `credit_note`, currency)."""
        ...

    def edit(self, remote_id: str, **changes: Any) -> None:
        """A person changes an invoice in the vendor's own pages."""
        ...

    def remove(self, remote_id: str) -> None:
        """A person does away with an invoice as far as the vendor lets anybody: its number is free again."""
        ...

    def remove_payment(self, remote_id: str) -> None: ...

    def pay(self, customer_id: str, invoice_id: str, amount: str, /) -> None:
        """A person enters a payment of an invoice."""
        ...

    def date(self, remote_id: str, day: date) -> None:
        """A person gives an invoice another date."""
        ...

    def seed_customer(self, name: str, **known: str) -> str:
        """A customer that was there before us; its id there."""
        ...

    @property
    def posting_path(self) -> str:
        """A glob over the paths that documents are posted to."""
        ...


class Xero:
    posting_path = "/api.xro/2.0/*s"

    def __init__(self, folder: Path) -> None:
        tenant = xero.Tenant(id=TENANT, name="Example Inc.", country="US", base_currency="USD")
        app = xero.App(client_id="app", client_secret=SecretStr("app-secret"))
        self.sandbox = VendorProcess(
            "xero",
            folder,
            xero.Options(
                admin_key=ADMIN_KEY,
                apps=(app,),
                tenants=(tenant,),
                webhook_key=SecretStr("webhook-key"),
                limits=xero.Limits.unlimited(),
            ),
        )

    def fresh(self) -> None:
        self.sandbox.admin("POST", "/reset")
        self._token = str(self.sandbox.admin("POST", "/connect", {})["access_token"])

    def target(self, limiter: Limiter | None = None) -> AccountingTarget:
        config = XeroConfig(
            vendor="xero",
            name="xero",
            account=TENANT,
            entities=("us",),
            since=SINCE,
            base_url=self.sandbox.base_url,
            quiet_seconds=0.2,
            payments={each: MoneyAccount(account="090") for each in ("stripe", "plaid")},
            calls_per_minute=100_000,
            calls_per_day=1_000_000,
        )
        auth = BearerAuth(SecretStr(self._token))
        return XeroTarget(config, auth=auth, limiter=limiter, retries=_AT_ONCE)

    def documents(self) -> dict[tuple[str, str], tuple[int, Decimal]]:
        kinds = {"ACCREC": "invoice", "ACCRECCREDIT": "credit_note"}
        found: dict[tuple[str, str], tuple[int, Decimal]] = {}
        for row in self.sandbox.admin("GET", "/totals")["totals"]:
            if row["type"] in kinds and row["status"] in ("AUTHORISED", "PAID"):
                key = (kinds[row["type"]], row["currency"])
                count, total = found.get(key, (0, Decimal(0)))
                found[key] = (count + row["count"], total + Decimal(row["total"]))
        return found

    def edit(self, remote_id: str, **changes: Any) -> None:
        named = {"void": {"Status": "VOIDED"}}
        change = named["void"] if changes.get("void") else changes
        self.sandbox.admin("POST", "/edit", {"kind": "Invoices", "id": remote_id, "changes": change})

    def remove(self, remote_id: str) -> None:
        self.edit(remote_id, void=True)

    def remove_payment(self, remote_id: str) -> None:
        change = {"kind": "Payments", "id": remote_id, "changes": {"Status": "DELETED"}}
        self.sandbox.admin("POST", "/edit", change)

    def pay(self, _customer_id: str, invoice_id: str, amount: str, /) -> None:
        payment = {
            "Invoice": {"InvoiceID": invoice_id},
            "Account": {"Code": "090"},
            "Date": "2026-06-25",
            "Amount": amount,
        }
        self.sandbox.admin("POST", "/seed", {"Payments": [payment]})

    def date(self, remote_id: str, day: date) -> None:
        self.edit(remote_id, Date=day.isoformat())

    def seed_customer(self, name: str, **known: str) -> str:
        fields = {"tax_id": "TaxNumber", "email": "EmailAddress"}
        contact = {"Name": name, **{fields[each]: value for each, value in known.items()}}
        made = self.sandbox.admin("POST", "/seed", {"Contacts": [contact]})
        return str(made["Contacts"][0]["ContactID"])


class QuickBooks:
    posting_path = f"/v3/company/{REALM}/*"

    def __init__(self, folder: Path) -> None:
        self.sandbox = VendorProcess(
            "quickbooks",
            folder,
            quickbooks.Options(
                admin_key=ADMIN_KEY,
                client_id="app",
                client_secret=SecretStr("app-secret"),
                webhook_verifier=SecretStr("verifier"),
                companies=(quickbooks.Company(realm_id=REALM, name="Example Inc."),),
                limits=quickbooks.Limits.unlimited(),
            ),
        )

    def fresh(self) -> None:
        self.sandbox.admin("POST", "/reset")
        self._token = str(self.sandbox.admin("POST", "/tokens", {"realm": REALM})["access_token"])

    def target(self, limiter: Limiter | None = None) -> AccountingTarget:
        config = QuickBooksConfig(
            vendor="quickbooks",
            name="quickbooks",
            account=REALM,
            entities=("us",),
            since=SINCE,
            base_url=self.sandbox.base_url,
            items={RevenueTreatment.ON_INVOICE: "1", RevenueTreatment.DEFERRED: "1"},
            deposit_accounts={"stripe": "4", "plaid": "4"},
            receivable_account="2",
            slowest_call_seconds=0,
            requests_per_minute=100_000,
            requests_per_second=10_000,
            batches_per_minute=10_000,
        )
        auth = BearerAuth(SecretStr(self._token))
        return QuickBooksTarget(config, auth=auth, limiter=limiter, retries=_AT_ONCE)

    def documents(self) -> dict[tuple[str, str], tuple[int, Decimal]]:
        kinds = {"Invoice": "invoice", "CreditMemo": "credit_note"}
        return {
            (kinds[row["entity"]], row["currency"]): (row["count"], Decimal(row["sum"]))
            for row in self.sandbox.admin("GET", "/totals")["totals"]
            if row["entity"] in kinds and row["count"]
        }

    def edit(self, remote_id: str, **changes: Any) -> None:
        self._edit("Invoice", remote_id, "void" if changes.pop("void", False) else "update", changes)

    def remove(self, remote_id: str) -> None:
        self._edit("Invoice", remote_id, "delete", {})

    def remove_payment(self, remote_id: str) -> None:
        self._edit("Payment", remote_id, "delete", {})

    def pay(self, customer_id: str, invoice_id: str, amount: str, /) -> None:
        payment = {
            "CustomerRef": {"value": customer_id},
            "TotalAmt": float(amount),
            "Line": [{"Amount": float(amount), "LinkedTxn": [{"TxnId": invoice_id, "TxnType": "Invoice"}]}],
        }
        self.sandbox.admin("POST", "/seed", {"realm": REALM, "records": {"Payment": [payment]}})

    def date(self, remote_id: str, day: date) -> None:
        self.edit(remote_id, TxnDate=day.isoformat())

    def _edit(self, entity: str, remote_id: str, operation: str, change: dict[str, Any]) -> None:
        asked = {"realm": REALM, "entity": entity, "id": remote_id}
        self.sandbox.admin("POST", "/edit", {**asked, "operation": operation, "change": change})

    def seed_customer(self, name: str, **known: str) -> str:
        customer: dict[str, Any] = {"DisplayName": name}
        if "email" in known:
            customer["PrimaryEmailAddr"] = {"Address": known["email"]}
        made = self.sandbox.admin("POST", "/seed", {"realm": REALM, "records": {"Customer": [customer]}})
        return str(made["ids"]["Customer"][0])


at_one_vendor = pytest.mark.parametrize("running", [QuickBooks], indirect=True, ids=["quickbooks"])
"""For what has nothing to do with which vendor it is."""


@pytest.fixture(scope="session", params=[Xero, QuickBooks], ids=["xero", "quickbooks"])
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vendor]:
    vendor: Vendor = request.param(tmp_path_factory.mktemp("vendor"))
    with vendor.sandbox:
        yield vendor


@pytest.fixture
def vendor(running: Vendor) -> Vendor:
    running.fresh()
    return running


@dataclass(frozen=True, slots=True)
class Company:
    """A CRM, the own ledger, and a target of the US entity."""

    office: Office
    portal: Portal
    vendor: Vendor
    target: AccountingTarget

    def close_deals(self, count: int) -> None:
        """So many won deals over some 1,200 dollars each, of one customer."""
        for number in range(1, count + 1):
            self.portal.deal(str(number), dealname=f"Deal {number}", amount=f"{1_200 + number}.00")

    def sync(self) -> None:
        """From the CRM into the own ledger."""
        self.office.sync()

    def deliver(self) -> StageReport:
        """What is due to the target."""
        pipeline = self.office.pipeline
        return deliver(pipeline, [self.target])

    def on(self, day: date) -> Company:
        return replace(self, office=self.office.on(day))

    def states(self) -> dict[str, int]:
        """How many intents of the target are in which state."""
        rows = self.office.rows(
            "SELECT state, count(*) AS count FROM posting.intents WHERE target = :target GROUP BY state",
            target=self.target.name,
        )
        return {row["state"]: row["count"] for row in rows}

    def booked(self) -> dict[tuple[str, str], tuple[int, Decimal]]:
        """Count and sum of the own ledger's documents, as `Vendor.documents`."""
        rows = self.office.rows(
            "SELECT kind, currency, count(*) AS count, sum(total_minor) AS minor"
            " FROM ledger.documents GROUP BY kind, currency"
        )
        return {
            (row["kind"], row["currency"]): (
                row["count"],
                Money(int(row["minor"]), row["currency"]).to_decimal(),
            )
            for row in rows
        }

    def findings(self) -> list[tuple[str, str]]:
        """Kind and words of every open finding."""
        return [
            (row["kind"], row["said"])
            for row in self.office.rows("SELECT * FROM posting.findings WHERE state = 'open' ORDER BY id")
        ]


@pytest.fixture
def company(engine: Engine, vendor: Vendor) -> Iterator[Company]:
    target = vendor.target()
    pipeline = Pipeline(
        engine,
        read_mapping(DEFAULT_MAPPING),
        read_rule_set(),
        as_of=AS_OF,
        targets=(PostsTo(target.name, "us", SINCE),),
    )
    portal = Portal()
    yield Company(Office(registered(pipeline), portal), portal, vendor, target)
    target.close()
