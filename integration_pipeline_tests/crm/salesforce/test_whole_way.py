"""From a click in the org to the books: pushed, kept by the gateway, read, billed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import Engine

from integration_pipeline.crm.salesforce.source import SalesforceSource
from integration_pipeline.crm.webhooks import EVERY_RECORD
from integration_pipeline.gateway.server import GatewayProcess
from integration_pipeline.inbox.claims import claim
from integration_pipeline.mapping.document import Mapping
from integration_pipeline.pipeline.scope import Scope
from integration_pipeline.pipeline.stages import run_stages
from integration_pipeline.realtime.reading import read_concerned
from integration_pipeline_tests.crm.salesforce.conftest import Org
from integration_pipeline_tests.crm.salesforce.test_demo_mapping import (
    Books,
    books,
    contract,
    mapping,
    prepared,
)
from integration_pipeline_tests.gateway.conftest import gateway_settings, url_of

__all__ = ["books", "mapping", "prepared"]

ORGANIZATION, TOKEN, SECRET = "00DWx0000000001", "token-of-the-address", "sandbox-relay-secret"


@dataclass(frozen=True, slots=True)
class Office:
    """A pipeline that works on what the gateway keeps."""

    books: Books
    source: SalesforceSource
    url: str

    def work(self, enough: Callable[[], bool]) -> None:
        """Settle what is announced until it is enough."""
        deadline = time.monotonic() + 30
        while not enough():
            assert time.monotonic() < deadline, self.books.rows("SELECT kind, external_ids FROM inbox.events")
            with psycopg.connect(self.url) as connection:
                events = claim(connection, 100).events
                if not events:
                    continue
                concerned = read_concerned(self.books.pipeline, self.source, events)
                run_stages(self.books.pipeline, Scope.deals(concerned.deal_keys))
                connection.execute(
                    "UPDATE inbox.events SET state = 'done', finished_at = clock_timestamp()"
                    " WHERE id = ANY(%s)",
                    ([event.id for event in events],),
                )


@pytest.fixture
def gateway(engine: Engine, tmp_path: Path) -> Iterator[GatewayProcess]:
    settings = gateway_settings(
        url_of(engine),
        salesforce_organization=ORGANIZATION,
        salesforce_outbound_tokens=SecretStr(TOKEN),
        salesforce_relay_secrets=SecretStr(SECRET),
    )
    with GatewayProcess(settings, log=tmp_path / "gateway.log") as running:
        yield running


@pytest.fixture
def office(engine: Engine, books: Books, source: SalesforceSource) -> Office:
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    return Office(books, source, url)


def test_a_deal_announced_by_an_outbound_message_is_billed(
    prepared: Org, office: Office, gateway: GatewayProcess, mapping: Mapping
) -> None:
    address = f"{gateway.base_url}/webhooks/salesforce/outbound?token={TOKEN}"
    prepared.admin("PUT", "/outbound", {"url": address})
    deal = contract(prepared, StageName="Negotiation/Review")
    prepared.line_item(deal, Quantity=10, UnitPrice=100)

    prepared.update("Opportunity", deal, StageName="Closed Won")

    office.work(lambda: office.books.posted() == [("2026-02-01", 100_000)])


def test_a_deal_of_an_overflow_is_found_and_billed(
    prepared: Org, office: Office, gateway: GatewayProcess, mapping: Mapping
) -> None:
    prepared.admin("PUT", "/changes", {"url": f"{gateway.base_url}/webhooks/salesforce/changes"})
    prepared.admin("PUT", "/changes/mode", {"mode": "overflow"})
    deal = contract(prepared)
    prepared.line_item(deal, Quantity=10, UnitPrice=100)

    office.work(lambda: office.books.posted() == [("2026-02-01", 100_000)])

    assert {EVERY_RECORD} == {
        each
        for row in office.books.rows("SELECT external_ids FROM inbox.events WHERE object_type IS NOT NULL")
        for each in row["external_ids"]
    }
