"""Salesforce's sandbox for the standard tests: accounts are read, a field of a deal is written."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime

from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from integration_pipeline.crm.records import ObjectType
from integration_pipeline.crm.salesforce.config import SalesforceSettings
from integration_pipeline.crm.salesforce.source import SalesforceSource
from integration_pipeline.transport.metrics import Totals
from integration_pipeline_tests.crm.salesforce.conftest import KEY, SECRET, Org
from integration_pipeline_tests.vendors.rig import Fault, Seen, WoundClock


class SalesforceRig:
    """`Rig`, `PagingRig` and `WritingRig` of one org that was just emptied."""

    renews = True
    repeats_writes = True
    more_than_a_page = 2 * 200 + 5
    secrets: Sequence[str] = (SECRET, "Bearer", "access_token")

    def __init__(self, org: Org) -> None:
        self._org = org
        self._deal = org.deal()

    def reset(self) -> None:
        """The org was emptied before."""

    def connect(self, clock: WoundClock) -> AbstractContextManager[SalesforceSource]:
        settings = SalesforceSettings(
            base_url=self._org.base_url,
            consumer_key=KEY,
            consumer_secret=SecretStr(SECRET),
            overlap_minutes=0,
            page_size=200,
        )
        source = SalesforceSource(settings, registry=CollectorRegistry(), clock=clock)
        # Logged in and acquainted with the fields, so that a fault meets the calls that are tested.
        source.update_deals({self._deal: {"NextStep": "Call them"}})
        return source

    def order(self, fault: Fault, *, times: int | None = None) -> None:
        rule = {"path": "/services/data/*", "fault": fault}
        self._org.fault(**rule, **({} if times is None else {"times": times}))

    def totals(self, connector: SalesforceSource) -> Totals:
        return connector.metrics.totals()

    def create(self, count: int) -> list[str]:
        return self._org.create_many("Account", [{"Name": "Acme"}] * count)

    def read_one(self, connector: SalesforceSource, external_id: str) -> str:
        [record] = connector.fetch(ObjectType.COMPANY, [external_id], ["Name"])
        return record.external_id

    def change(self, external_id: str) -> None:
        # Stamps are whole seconds.
        self._org.wait(1)
        self._org.update("Account", external_id, Name="Acme Limited")

    def changes(self, connector: SalesforceSource, since: datetime | None) -> list[Seen]:
        return [
            Seen(record.external_id, record.modified_at)
            for group in connector.changed_since(ObjectType.COMPANY, since, ["Name"])
            for record in group
        ]

    def write(self, connector: SalesforceSource, reference: str) -> None:
        assert connector.update_deals({self._deal: {"NextStep": reference}}) == {}

    def write_refused(self, connector: SalesforceSource) -> None:
        """Each deal of a call is refused for itself: see `test_writing`."""

    def written(self, reference: str) -> int:
        self._org.admin("DELETE", "/faults")
        return int(self._org.get("Opportunity", self._deal)["NextStep"] == reference)
