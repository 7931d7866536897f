"""Deals written to by HubSpot's batches, and what of a batch was refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import httpx
import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from integration_pipeline.crm.hubspot.config import HubSpotSettings
from integration_pipeline.crm.hubspot.writing import HubSpotWriter
from integration_pipeline.crm.write_back import FieldType, FieldValues, Refusal, WantedField
from integration_pipeline.mapping.document import read_mapping
from integration_pipeline.sandbox.datasets.schema import BILLING_PROPERTIES, GENERATED_PROPERTIES
from integration_pipeline.sandbox.server import SandboxProcess
from integration_pipeline.settings import DEFAULT_MAPPING
from integration_pipeline.transport.failures import Rejected, Unauthorized, Uncertain
from integration_pipeline_tests.crm.hubspot.conftest import ROOMY, TOKEN, Impostor, Portal, WoundClock

STATUS = WantedField("status", "Status", FieldType.CHOICE, "How it stands.", ("Open", "Paid"))
DUE = WantedField("due", "Due", FieldType.NUMBER, "What is due.")
UPDATE = "/crm/v3/objects/deals/batch/update"
PROPERTIES = "/crm/v3/properties/deals"

Open = Callable[[str], HubSpotWriter]


@pytest.fixture
def open_writer(clock: WoundClock) -> Iterator[Open]:
    opened: list[HubSpotWriter] = []

    def open_writer(base_url: str) -> HubSpotWriter:
        values = {"token": SecretStr(TOKEN), "base_url": base_url, **ROOMY}
        settings = HubSpotSettings.model_validate(values)
        opened.append(HubSpotWriter(settings, registry=CollectorRegistry(), clock=clock))
        return opened[-1]

    yield open_writer
    for each in opened:
        each.close()


@pytest.fixture
def writer(open_writer: Open, sandbox: SandboxProcess, portal: Portal) -> HubSpotWriter:
    """A writer on an account whose deals have a status and an amount due."""
    writer = open_writer(sandbox.base_url)
    writer.create_fields([STATUS, DUE])
    return writer


def calls(writer: HubSpotWriter, operation: str = "deal.update") -> int:
    return writer.metrics.by_operation()[operation].requests


def order(connection: httpx.Client, **rule: object) -> None:
    body = {"seed": 7, "rules": [{"name": "ordered", "path": f"{UPDATE}*", **rule}]}
    connection.put("/_sandbox/faults", json=body).raise_for_status()


class TestDeals:
    def test_hold_what_was_written_and_nothing_where_that_is_none(
        self, writer: HubSpotWriter, portal: Portal
    ) -> None:
        [deal] = portal.create("deals", dealname="Acme")
        assert writer.update_deals({deal: {"status": "Open", "due": "1234.50"}}) == {}
        first = writer.read_deals([deal], ["status", "due"])
        assert writer.update_deals({deal: {"due": None}}) == {}
        assert first == {deal: {"status": "Open", "due": "1234.50"}}
        assert writer.read_deals([deal], ["status", "due"]) == {deal: {"status": "Open", "due": None}}

    def test_are_written_a_hundred_a_call(self, writer: HubSpotWriter, portal: Portal) -> None:
        deals = portal.create("deals", 201, dealname="Acme")
        assert writer.update_deals({deal: {"status": "Paid"} for deal in deals}) == {}
        found = writer.read_deals(deals, ["status"])
        assert calls(writer) == 3
        assert {each["status"] for each in found.values()} == {"Paid"}
        assert len(found) == 201

    def test_that_are_refused_do_not_stop_the_others(self, writer: HubSpotWriter, portal: Portal) -> None:
        wrong, gone, right = portal.create("deals", 3, dealname="Acme")
        portal.archive("deals", gone)
        changes: dict[str, FieldValues] = {
            wrong: {"status": "Maybe"},
            gone: {"status": "Paid"},
            right: {"status": "Paid"},
            "999999999999": {"status": "Paid"},
        }
        refusals = writer.update_deals(changes)
        assert set(refusals) == {wrong, gone, "999999999999"}
        assert "Maybe was not one of the allowed options" in refusals[wrong].reason
        assert (refusals[gone].gone, refusals["999999999999"].gone, refusals[wrong].gone) == (
            True,
            True,
            False,
        )
        assert writer.read_deals([wrong, gone, right], ["status"]) == {
            wrong: {"status": None},
            right: {"status": "Paid"},
        }

    def test_say_which_property_they_lack_or_cannot_take(self, writer: HubSpotWriter, portal: Portal) -> None:
        [deal] = portal.create("deals", dealname="Acme")
        refusals = writer.update_deals(
            {deal: {"status": "Paid", "invoice_no": "1", "hs_is_closed_won": "true"}}
        )
        assert refusals[deal].missing == {"invoice_no", "hs_is_closed_won"}
        assert "write-back properties --create" in refusals[deal].next_step

    def test_are_written_once_more_if_the_answer_is_lost(
        self, writer: HubSpotWriter, portal: Portal, connection: httpx.Client
    ) -> None:
        [deal] = portal.create("deals", dealname="Acme")
        order(connection, fault={"kind": "drop_after"}, times=1)
        assert writer.update_deals({deal: {"status": "Paid"}}) == {}
        assert calls(writer) == 2

    def test_wait_for_their_turn_when_there_were_too_many_calls(
        self, writer: HubSpotWriter, portal: Portal, connection: httpx.Client, clock: WoundClock
    ) -> None:
        [deal] = portal.create("deals", dealname="Acme")
        order(connection, fault={"kind": "throttle"}, times=1)
        assert writer.update_deals({deal: {"status": "Paid"}}) == {}
        assert clock.slept


class TestAnAnswerThatNamesNoDeal:
    """HubSpot judges a batch as a whole where it has no use for trace ids."""

    def test_is_about_the_property_that_is_missing(self, open_writer: Open, impostor: Impostor) -> None:
        writer = open_writer(impostor.url)
        impostor.answers(UPDATE, {"status": "error", "message": "bad", "category": "VALIDATION_ERROR"}, 400)
        impostor.answers(PROPERTIES, {"results": [{"name": "status"}]})
        refusals = writer.update_deals({"1": {"status": "Paid", "due": "1"}, "2": {"status": "Paid"}})
        assert {deal: set(each.missing) for deal, each in refusals.items()} == {"1": {"due"}, "2": {"due"}}

    def test_is_found_by_halves(self, open_writer: Open, impostor: Impostor) -> None:
        writer = open_writer(impostor.url)
        impostor.answers(UPDATE, {"status": "error", "message": "bad", "category": "VALIDATION_ERROR"}, 400)
        impostor.answers(PROPERTIES, {"results": [{"name": "status"}]})
        refusals = writer.update_deals({str(number): {"status": "Paid"} for number in range(3)})
        assert {each.reason for each in refusals.values()} == {"bad (VALIDATION_ERROR)"}
        assert calls(writer) == 5

    def test_and_confirms_too_few_leaves_the_others_unconfirmed(
        self, open_writer: Open, impostor: Impostor
    ) -> None:
        writer = open_writer(impostor.url)
        # What a merged deal is answered with: the one that survived, under the trace id of the one asked for.
        impostor.answers(UPDATE, {"results": [{"id": "9", "objectWriteTraceId": "1"}]})
        refusals = writer.update_deals({"1": {"status": "Paid"}, "2": {"status": "Paid"}})
        assert [(deal, isinstance(each, Refusal)) for deal, each in refusals.items()] == [("2", True)]
        assert "confirmed every deal of the call but this one" in refusals["2"].reason

    def test_lists_properties_in_its_message_only(self, open_writer: Open, impostor: Impostor) -> None:
        writer = open_writer(impostor.url)
        error = {
            "status": "error",
            "category": "VALIDATION_ERROR",
            "message": 'Property values were not valid: [{"isValid":false,"error":"PROPERTY_DOESNT_EXIST",'
            '"name":"due"}]',
            "context": {"objectWriteTraceId": ["1"]},
        }
        impostor.answers(UPDATE, {"results": [], "errors": [error]}, 207)
        assert writer.update_deals({"1": {"due": "1"}})["1"].missing == {"due"}

    @pytest.mark.parametrize(
        "answer",
        ['{"results": {}}', '{"results": [{"id": []}]}', '{"results": [], "errors": [{"context": 7}]}', "[]"],
    )
    def test_and_makes_no_sense_leaves_all_uncertain(
        self, open_writer: Open, impostor: Impostor, answer: str
    ) -> None:
        impostor.answers(UPDATE, json.loads(answer))
        with pytest.raises(Uncertain):
            open_writer(impostor.url).update_deals({"1": {"status": "Paid"}})


class TestProperties:
    @pytest.mark.usefixtures("portal")
    def test_are_made_as_the_mapping_wants_them(
        self, open_writer: Open, sandbox: SandboxProcess, connection: httpx.Client
    ) -> None:
        writer = open_writer(sandbox.base_url)
        fields = read_mapping(DEFAULT_MAPPING).write_back
        assert fields is not None
        before = writer.writable_fields() & set(fields.field_names())
        writer.create_fields(fields.wanted_fields())
        assert before == set()
        assert set(fields.field_names()) <= writer.writable_fields()
        made = connection.get(f"{PROPERTIES}/invoice_status").json()
        assert [each["value"] for each in made["options"]][:2] == ["Not invoiced", "Open"]
        assert (made["type"], made["fieldType"]) == ("enumeration", "select")

    def test_that_hubspot_calculates_take_no_values(self, writer: HubSpotWriter) -> None:
        writable = writer.writable_fields()
        assert "amount" in writable
        assert "hs_is_closed_won" not in writable

    def test_that_hubspot_does_not_make_are_told(self, writer: HubSpotWriter) -> None:
        with pytest.raises(Rejected, match="Mixed Case"):
            writer.create_fields([WantedField("Mixed Case", "Mixed", FieldType.TEXT, "")])

    def test_that_the_app_may_not_make_are_told_with_the_permission(
        self, open_writer: Open, impostor: Impostor
    ) -> None:
        said = {"status": "error", "message": "needs crm.schemas.deals.write", "category": "MISSING_SCOPES"}
        impostor.answers(f"{PROPERTIES}/batch/create", said, 403)
        with pytest.raises(Unauthorized, match=r"crm\.schemas\.deals\.write"):
            open_writer(impostor.url).create_fields([STATUS])


def test_the_demo_account_has_the_properties_that_its_mapping_writes() -> None:
    fields = read_mapping(DEFAULT_MAPPING).write_back
    assert fields is not None
    made = {each.name: each for each in BILLING_PROPERTIES}
    assert set(made) == set(fields.field_names())
    assert set(BILLING_PROPERTIES) <= set(GENERATED_PROPERTIES)
    [status] = [each for each in fields.wanted_fields() if each.type is FieldType.CHOICE]
    assert made[status.name].options == status.options
