from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from integration_pipeline.crm.hubspot.api import HubSpotApi
from integration_pipeline.crm.hubspot.changes import ModifiedRecords
from integration_pipeline.crm.hubspot.config import HubSpotSettings
from integration_pipeline.crm.records import ObjectType
from integration_pipeline.transport.client import BearerAuth, VendorClient

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integration_pipeline.sandbox.server import SandboxProcess
    from integration_pipeline_tests.crm.hubspot.conftest import Portal

LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)


@pytest.fixture
def deals(sandbox: SandboxProcess) -> Iterator[ModifiedRecords]:
    """Deals in pages of two."""
    token = SecretStr(sandbox.headers["Authorization"].removeprefix("Bearer "))
    settings = HubSpotSettings(token=token, base_url=sandbox.base_url, search_page_size=2)
    with VendorClient(
        "hubspot", sandbox.base_url, auth=BearerAuth(token), registry=CollectorRegistry()
    ) as client:
        yield ModifiedRecords(HubSpotApi(client, settings), ObjectType.DEAL, ["dealname"])


class TestModifiedRecords:
    def test_misses_none_when_one_already_read_is_modified_while_paging(
        self, portal: Portal, deals: ModifiedRecords
    ) -> None:
        made = [portal.create("deals", dealname=f"deal {number}")[0] for number in range(6)]
        pages = deals.since(LONG_AGO)
        received = [record.external_id for record in next(pages)]
        # It leaves its place for the end, and all behind it move up by one.
        portal.update("deals", made[0], dealname="renamed")
        received += [record.external_id for page in pages for record in page]

        assert received == [*made, made[0]]

    def test_gives_records_in_order_of_modification(self, portal: Portal, deals: ModifiedRecords) -> None:
        first, second = (portal.create("deals", dealname="a")[0], portal.create("deals", dealname="b")[0])
        portal.update("deals", first, dealname="c")

        assert [record.external_id for page in deals.since(LONG_AGO) for record in page] == [second, first]

    def test_gives_a_record_again_that_is_modified_within_a_crowded_millisecond(
        self, portal: Portal, deals: ModifiedRecords
    ) -> None:
        made = portal.create("deals", 5, dealname="import")
        pages = deals.since(LONG_AGO)
        received = [(record.external_id, record.properties["dealname"]) for record in next(pages)]
        portal.update("deals", made[0], dealname="renamed")
        received += [(r.external_id, r.properties["dealname"]) for page in pages for r in page]

        assert received[-1] == (made[0], "renamed")
        assert {identifier for identifier, _ in received} == set(made)
