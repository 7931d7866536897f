"""Xero's sandbox for the standard tests and the connector's own: the connector that reads contacts, and the
calls below it that create invoices.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

import httpx
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from integration_pipeline.accounting.target import OutgoingCustomer
from integration_pipeline.accounting.xero.api import TENANT_HEADER, XeroApi
from integration_pipeline.accounting.xero.config import XeroConfig
from integration_pipeline.accounting.xero.errors import XERO_FAILURES
from integration_pipeline.accounting.xero.target import XeroTarget
from integration_pipeline.sandbox.exact_json import dump, parse
from integration_pipeline.sandbox.frame import ADMIN_KEY_HEADER
from integration_pipeline.sandbox.process import VendorProcess
from integration_pipeline.sandbox.xero.options import App, Limits, Options, Tenant
from integration_pipeline.transport.client import BearerAuth, VendorClient
from integration_pipeline.transport.clock import Clock
from integration_pipeline.transport.metrics import Totals
from integration_pipeline_tests.vendors.rig import Fault, Seen, WoundClock

ROOT = "/api.xro/2.0"
TENANT = "11111111-2222-4333-8444-555555555555"
ADMIN_KEY = "key-of-the-sandbox"
WEBHOOK_KEY = "webhook-key-of-the-app"
BY_HAND = "by hand"
"""Tells requests of tests from the connector's."""
OPTIONS = Options(
    admin_key=SecretStr(ADMIN_KEY),
    apps=(App(client_id="books", client_secret=SecretStr("client-secret-of-books")),),
    tenants=(
        Tenant(
            id=TENANT, name="Kiwi Software", currencies=("USD", "JPY", "KWD"), rates={"USD": Decimal("0.5")}
        ),
    ),
    webhook_key=SecretStr(WEBHOOK_KEY),
    limits=Limits.unlimited(),
)
_ROOMY = 1_000_000
_PAGE = 100

Json = dict[str, Any]


class Organisation:
    """The organisation in the sandbox, seen from outside of any connector."""

    renews = False
    more_than_a_page = 2 * _PAGE + 5

    def __init__(self, data_dir: Path) -> None:
        self._sandbox = VendorProcess("xero", data_dir, OPTIONS)
        self._http = httpx.Client(headers={ADMIN_KEY_HEADER: ADMIN_KEY}, timeout=30)
        self._references: dict[str, str] = {}
        self.token = ""

    def __enter__(self) -> Self:
        self._sandbox.start()
        self._http.base_url = self._sandbox.base_url
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()
        self._sandbox.stop()

    @property
    def base_url(self) -> str:
        return self._sandbox.base_url

    @property
    def secrets(self) -> Sequence[str]:
        return (self.token,)

    def reset(self) -> None:
        self.admin("DELETE", "/faults")
        self.admin("POST", "/reset")
        self.admin("PUT", "/limits", Limits.unlimited().model_dump())
        self.token = self.admin("POST", "/connect", {})["access_token"]
        self._references.clear()

    def admin(self, method: str, path: str, body: object = None) -> Any:
        """What the sandbox's own endpoints answer, numbers exact."""
        content = None if body is None else dump(body)
        answer = self._http.request(method, f"/_sandbox{path}", content=content)
        assert answer.is_success, answer.text
        return parse(answer.content) if answer.content else None

    def seed(self, **lists: Sequence[Mapping[str, Any]]) -> dict[str, list[Json]]:
        """What a person makes in Xero's pages."""
        return self.admin("POST", "/seed", lists)

    def edit(self, kind: str, identifier: str, **changes: object) -> None:
        self.admin("POST", "/edit", {"kind": kind, "id": identifier, "changes": changes})

    def get(self, path: str, **query: str) -> list[Json]:
        """A list, asked without the connector."""
        headers = {"Authorization": f"Bearer {self.token}", TENANT_HEADER: TENANT, "User-Agent": BY_HAND}
        answer = self._http.get(f"{ROOT}/{path}", params=query, headers=headers).raise_for_status()
        return parse(answer.content)[path.partition("/")[0]]

    def order(
        self, fault: Fault, *, times: int | None = None, path: str = "*", method: str | None = None
    ) -> None:
        rule: Json = {"name": "ordered", "path": f"{ROOT}/{path}", "fault": fault}
        rule |= {} if times is None else {"times": times}
        rule |= {} if method is None else {"method": method}
        self.admin("PUT", "/faults", {"seed": 7, "rules": [rule]})

    def create(self, count: int) -> list[str]:
        first = len(self._references) + 1
        wanted = [{"Name": f"Acme {n}", "ContactNumber": f"C{n}"} for n in range(first, first + count)]
        made = self.seed(Contacts=wanted)["Contacts"]
        self._references |= {each["ContactID"]: each["ContactNumber"] for each in made}
        return [each["ContactID"] for each in made]

    def change(self, external_id: str) -> None:
        self.edit("Contacts", external_id, EmailAddress="books@acme.example")

    def reference(self, external_id: str) -> str:
        return self._references[external_id]

    def config(self, **given: object) -> XeroConfig:
        """As the targets file would have it; limits out of the way."""
        return XeroConfig.model_validate(
            {
                "name": "kiwi",
                "vendor": "xero",
                "account": TENANT,
                "entities": ["nz"],
                "since": "2026-01-01",
                "base_url": self.base_url,
                "calls_per_minute": _ROOMY,
                "calls_per_day": _ROOMY,
                "taxes": {"GST 15": "OUTPUT2"},
                "payments": {"stripe": {"account": "090"}},
                **given,
            }
        )

    def target(self, clock: Clock | None = None, **given: object) -> XeroTarget:
        return XeroTarget(
            self.config(**given),
            auth=BearerAuth(SecretStr(self.token)),
            clock=clock,
            registry=CollectorRegistry(),
        )


class XeroRig(Organisation):
    """The connector; it reads contacts here."""

    def connect(self, clock: WoundClock) -> AbstractContextManager[XeroTarget]:
        return self.target(clock, overlap_seconds=0, page_size=_PAGE)

    def totals(self, connector: XeroTarget) -> Totals:
        return connector.metrics.totals()

    def read_one(self, connector: XeroTarget, external_id: str) -> str:
        [found] = connector.find_customers([customer(self.reference(external_id))])
        assert found is not None
        return found.remote_id

    def changes(self, connector: XeroTarget, since: datetime | None) -> list[Seen]:
        return [
            Seen(each.remote_id, each.modified_at) for page in connector.customers(since) for each in page
        ]


class CallsRig(Organisation):
    """The connector's calls. Above them a failure of a write is told as an outcome, and never raised."""

    repeats_writes = False

    @contextmanager
    def connect(self, clock: WoundClock) -> Generator[VendorClient]:
        with VendorClient(
            "xero",
            self.base_url,
            auth=BearerAuth(SecretStr(self.token)),
            headers={TENANT_HEADER: TENANT},
            failures=XERO_FAILURES,
            registry=CollectorRegistry(),
            clock=clock,
        ) as client:
            yield client

    def totals(self, connector: VendorClient) -> Totals:
        return connector.metrics.totals()

    def read_one(self, connector: VendorClient, external_id: str) -> str:
        [found] = XeroApi(connector).whole("Contacts", params={"IDs": external_id})
        return found.field("ContactID").identifier()

    def write(self, connector: VendorClient, reference: str) -> None:
        self._create(connector, {"Name": "Acme"}, reference)

    def write_refused(self, connector: VendorClient) -> None:
        self._create(connector, {"ContactID": TENANT}, "REF-9")

    def written(self, reference: str) -> int:
        self.admin("DELETE", "/faults")
        return len(self.get("Invoices", where=f'Reference=="{reference}"'))

    def _create(self, connector: VendorClient, contact: Json, reference: str) -> None:
        line: Json = {
            "Description": "Seats", "Quantity": 1, "UnitAmount": 10, "AccountCode": "200", "TaxType": "NONE",
        }  # fmt: skip
        element: Json = {
            "Type": "ACCREC", "Contact": contact, "Reference": reference, "Date": "2026-11-20",
            "DueDate": "2026-12-20", "Status": "AUTHORISED", "LineItems": [line],
        }  # fmt: skip
        api = XeroApi(connector)
        [made] = api.put("/Invoices", "Invoices", [element], key=reference, each_by_itself=False)
        made.field("InvoiceID").identifier()


def customer(reference: str, name: str = "Acme Inc.", **given: Any) -> OutgoingCustomer:
    fields: Json = {
        "key": f"key-of-{reference}", "reference": reference, "name": name, "tax_id": None, "domain": None,
        "email": None, "country": None, "currency": "NZD", **given,
    }  # fmt: skip
    return OutgoingCustomer(**fields)
