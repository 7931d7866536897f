"""QuickBooks' sandbox for the standard tests: the target that reads customers and writes invoices."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import httpx
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from integration_pipeline.accounting.quickbooks.config import QuickBooksConfig
from integration_pipeline.accounting.quickbooks.target import QuickBooksTarget
from integration_pipeline.accounting.target import Refused, Unsure
from integration_pipeline.sandbox.quickbooks.options import Company, Limits, Options
from integration_pipeline.transport.auth import BearerAuth
from integration_pipeline.transport.failures import Attempted, Rejected, Uncertain
from integration_pipeline.transport.metrics import Totals
from integration_pipeline_tests.accounting.quickbooks.outgoing import customer, document
from integration_pipeline_tests.sandbox.desk import Desk, desk
from integration_pipeline_tests.vendors.rig import Fault, Seen, WoundClock

REALM = "9130350000000009"
_ROOT = f"/v3/company/{REALM}"
_PAGE = 50
_ROOMY = 1_000_000
_SENT = Attempted("quickbooks", "POST", f"{_ROOT}/invoice", is_write=True)


class QuickBooksRig:
    """The connector; a look-up of a customer is its read, an invoice its write."""

    renews = False
    repeats_writes = False
    more_than_a_page = 2 * _PAGE + 5

    def __init__(self, data_dir: Path) -> None:
        self._opened = ExitStack()
        self._data_dir = data_dir
        self._token = ""
        self._created = 0

    def __enter__(self) -> Self:
        options = Options(
            admin_key=SecretStr("admin"),
            client_secret=SecretStr("secret"),
            webhook_verifier=SecretStr("verifier"),
            companies=(Company(realm_id=REALM),),
        )
        self._sandbox: Desk = self._opened.enter_context(desk("quickbooks", self._data_dir, options))
        self._http = self._opened.enter_context(httpx.Client(base_url=self._sandbox.base_url, timeout=30))
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    @property
    def secrets(self) -> Sequence[str]:
        return (self._token,)

    def reset(self) -> None:
        self._sandbox.admin("DELETE", "/faults")
        self._sandbox.admin("POST", "/reset")
        self._sandbox.admin("PUT", "/limits", Limits.unlimited().model_dump())
        self._token = self._sandbox.admin("POST", "/tokens", {"realm": REALM})["access_token"]
        self._created = 0
        [self._customer] = self.create(1)

    def connect(self, clock: WoundClock) -> AbstractContextManager[QuickBooksTarget]:
        config = QuickBooksConfig.model_validate(
            {
                "name": "standard",
                "vendor": "quickbooks",
                "account": REALM,
                "entities": ["us"],
                "since": "2026-01-01",
                "base_url": self._sandbox.base_url,
                "items": {"on_invoice": "1", "deferred": "1"},
                "overlap_minutes": 0,
                "page_size": _PAGE,
                "requests_per_minute": _ROOMY,
                "requests_per_second": _ROOMY,
            }
        )
        return QuickBooksTarget(
            config, auth=BearerAuth(SecretStr(self._token)), clock=clock, registry=CollectorRegistry()
        )

    def order(self, fault: Fault, *, times: int | None = None) -> None:
        limit = {} if times is None else {"times": times}
        rules = [
            {"name": f"ordered {segment}", "path": f"{_ROOT}/{segment}", "fault": fault, **limit}
            for segment in ("query", "invoice")
        ]
        self._sandbox.admin("PUT", "/faults", {"seed": 7, "rules": rules})

    def totals(self, connector: QuickBooksTarget) -> Totals:
        return connector.metrics.totals()

    def create(self, count: int) -> list[str]:
        firms = [self._firm(self._created + place) for place in range(count)]
        self._created += count
        given = {"realm": REALM, "records": {"Customer": firms}}
        return self._sandbox.admin("POST", "/seed", given)["ids"]["Customer"]

    def read_one(self, connector: QuickBooksTarget, external_id: str) -> str:
        # Ids are given in order, from 1.
        [found] = connector.find_customers([customer(int(external_id), f"Firm {external_id}")])
        assert found is not None
        return found.remote_id

    def change(self, external_id: str) -> None:
        # The company's times are in whole seconds.
        self._sandbox.admin("PUT", "/clock", {"advance_seconds": 1})
        change = {"Title": "Ltd"}
        edit = {"realm": REALM, "entity": "Customer", "id": external_id, "change": change}
        self._sandbox.admin("POST", "/edit", edit)

    def changes(self, connector: QuickBooksTarget, since: datetime | None) -> list[Seen]:
        return [
            Seen(each.remote_id, each.modified_at)
            for page in connector.customers(since)
            for each in page
            if each.remote_id != self._customer
        ]

    def write(self, connector: QuickBooksTarget, reference: str) -> None:
        self._send(connector, reference, self._customer)

    def write_refused(self, connector: QuickBooksTarget) -> None:
        self._send(connector, "REF-1", "999999")

    def written(self, reference: str) -> int:
        self._sandbox.admin("DELETE", "/faults")
        query = f"SELECT count(*) FROM Invoice WHERE DocNumber = '{reference}'"  # noqa: S608 - a test's own
        answer = self._http.get(
            f"{_ROOT}/query",
            params={"query": query},
            headers={"Authorization": f"Bearer {self._token}"},
        )
        return int(answer.raise_for_status().json()["QueryResponse"]["totalCount"])

    def _firm(self, place: int) -> dict[str, Any]:
        return {"DisplayName": f"Firm {place + 1}", "Notes": f"Ref C{place + 1}"}

    def _send(self, connector: QuickBooksTarget, number: str, customer_id: str) -> None:
        """A target tells outcomes; the standard tests ask for the failures that they stand for."""
        [outcome] = connector.send([document(number, customer_id)])
        if isinstance(outcome, Unsure):
            raise Uncertain(_SENT, outcome.reason, "Look it up.")
        if isinstance(outcome, Refused):
            raise Rejected(_SENT, "was refused", "Correct it.", vendor_message=outcome.reason)
