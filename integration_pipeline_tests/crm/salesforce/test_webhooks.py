"""Bodies that Salesforce, its relay, or somebody else may send."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_pipeline.crm.records import ObjectType
from integration_pipeline.crm.salesforce.signature import Forged, RelayProof
from integration_pipeline.crm.salesforce.webhooks import (
    ACKNOWLEDGEMENT,
    MalformedWebhook,
    read_change_events,
    read_outbound,
)
from integration_pipeline.crm.webhooks import EVERY_RECORD
from integration_pipeline.sandbox.salesforce.push.outbound import acknowledged

ORGANIZATION, SECRET = "00DWx0000000001", "new"
# As Salesforce documents it, with a prefix of its own choice.
MESSAGE = """<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"
    xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
 <soapenv:Body>
  <notifications xmlns="http://soap.sforce.com/2005/09/outbound">
   <OrganizationId>{organization}</OrganizationId>
   <ActionId>04k000000000001AAA</ActionId>
   <SessionId xsi:nil="true"/>
   <EnterpriseUrl>https://acme.my.salesforce.com/services/Soap/c/67.0</EnterpriseUrl>
   <PartnerUrl>https://acme.my.salesforce.com/services/Soap/u/67.0</PartnerUrl>
   {notifications}
  </notifications>
 </soapenv:Body>
</soapenv:Envelope>"""
NOTIFICATION = """<Notification>
    <Id>{id}</Id>
    <sObject xsi:type="{type}" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">
     <sf:Id>{record}</sf:Id>{fields}
    </sObject>
   </Notification>"""


def message(*notifications: dict[str, str], organization: str = f"{ORGANIZATION}AAA") -> bytes:
    usual = {
        "id": "04lWx0000000001AAA",
        "type": "sf:Opportunity",
        "record": "006Wx0000000001AAA",
        "fields": "",
    }
    listed = "".join(NOTIFICATION.format(**{**usual, **each}) for each in notifications)
    return MESSAGE.format(organization=organization, notifications=listed).encode()


def header(**changes: object) -> dict[str, Any]:
    usual: dict[str, Any] = {
        "entityName": "Opportunity",
        "recordIds": ["006Wx0000000001AAA"],
        "changeType": "UPDATE",
        "changeOrigin": "com/salesforce/api/soap/58.0;client=SfdcInternalAPI/",
        "transactionKey": "000046c7-a642-11e2-c29b-229c6786473e",
        "sequenceNumber": 1,
        "commitTimestamp": 1_773_144_000_000,
        "commitNumber": 11_657_372_702_432,
        "commitUser": "00558000000yFyDAAU",
        "nulledFields": [],
        "diffFields": [],
        "changedFields": ["StageName", "LastModifiedDate"],
    }
    return {**usual, **changes}


def change(replay_id: int = 1, fields: dict[str, Any] | None = None, **changes: object) -> dict[str, Any]:
    payload = {"ChangeEventHeader": header(**changes), **(fields or {})}
    return {"schema": "x", "payload": payload, "event": {"replayId": replay_id}}


def body(*events: object) -> bytes:
    return json.dumps(list(events)).encode()


class TestOutboundMessages:
    def test_give_an_event_for_each_notification(self) -> None:
        events, answer = read_outbound(
            message(
                {"fields": "<sf:SystemModstamp>2026-03-10T12:00:00.000Z</sf:SystemModstamp>"},
                {"id": "04lWx0000000002AAA", "type": "sf:Account", "record": "001Wx0000000001AAA"},
                {"id": "04lWx0000000003AAA", "type": "sf:Case", "record": "500Wx0000000001AAA"},
            ),
            organization=ORGANIZATION,
        )

        assert [(each.key, each.object_type, each.external_ids) for each in events] == [
            ("outbound 04lWx0000000001", ObjectType.DEAL, ("006Wx0000000001AAA",)),
            ("outbound 04lWx0000000002", ObjectType.COMPANY, ("001Wx0000000001AAA",)),
            ("outbound 04lWx0000000003", None, ()),
        ]
        assert events[0].occurred_at == datetime(2026, 3, 10, 12, tzinfo=UTC)
        assert answer == ACKNOWLEDGEMENT
        assert acknowledged(answer)

    @pytest.mark.parametrize("organization", ["00D000000000000EAA", "", "00DWx", f"{ORGANIZATION}AAAAAA"])
    def test_of_another_organization_are_forged(self, organization: str) -> None:
        with pytest.raises(Forged):
            read_outbound(message({}, organization=organization), organization=ORGANIZATION)

    @pytest.mark.parametrize(
        "hostile",
        [
            b"",
            b"{}",
            b"<a/>",
            b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
            b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
            b"<a>" * 100_000,
            message(),
            message(*[dict[str, str]()] * 101),
            message({"record": "' OR 1=1"}),
            message({"id": ""}),
            message({"type": ""}),
            message({"type": "sf:Opportunity Line"}),
        ],
    )
    def test_that_are_none_are_refused(self, hostile: bytes) -> None:
        with pytest.raises(MalformedWebhook):
            read_outbound(hostile, organization=ORGANIZATION)

    @given(st.binary(max_size=300))
    def test_of_any_bytes_are_refused_and_no_more(self, hostile: bytes) -> None:
        with pytest.raises((MalformedWebhook, Forged)):
            read_outbound(hostile, organization=ORGANIZATION)


class TestChangeEvents:
    def test_have_one_key_for_every_delivery(self) -> None:
        first, second = (read_change_events(body(change(replay_id))) for replay_id in (1, 2))
        [other] = read_change_events(body(change(sequenceNumber=2)))

        assert first[0].key == second[0].key != other.key

    def test_may_come_alone(self) -> None:
        [event] = read_change_events(json.dumps(change()).encode())

        assert event.kind == "Opportunity.UPDATE"
        assert event.occurred_at == datetime(2026, 3, 10, 12, tzinfo=UTC)

    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({"recordIds": ["006Wx0000000001AAA", "006Wx0000000002AAA"]}, 2),
            ({"recordIds": ["006*"]}, EVERY_RECORD),
            ({"recordIds": ["000000000000000AAA"], "changeType": "GAP_OVERFLOW"}, EVERY_RECORD),
            ({"recordIds": [], "changeType": "GAP_OVERFLOW"}, EVERY_RECORD),
            ({"recordIds": ["006Wx0000000001AAA"], "changeType": "GAP_UPDATE"}, 1),
        ],
    )
    def test_name_records_or_all_of_them(self, changes: dict[str, Any], expected: int | str) -> None:
        [event] = read_change_events(body(change(**changes)))

        assert event.object_type is ObjectType.DEAL
        if expected == EVERY_RECORD:
            assert event.external_ids == (EVERY_RECORD,)
        else:
            assert len(event.external_ids) == expected

    def test_of_other_objects_are_no_fault(self) -> None:
        [event] = read_change_events(body(change(entityName="Case", recordIds=["500Wx0000000001AAA"])))

        assert (event.object_type, event.external_ids) == (None, ())

    @pytest.mark.parametrize("client", ["integration-pipeline", "integration-pipeline/"])
    def test_of_our_own_fields_are_our_own(self, client: str) -> None:
        origin = f"com/salesforce/api/rest/67.0;client={client}"
        own = change(changeOrigin=origin, changedFields=["Invoiced__c", "LastModifiedDate"])
        flow = change(changeOrigin=origin, changedFields=["Invoiced__c", "Amount"])
        namesake = change(changeOrigin=f"{origin}x", changedFields=["Invoiced__c"])
        account = change(
            changeOrigin=origin,
            changedFields=["Invoiced__c"],
            entityName="Account",
            recordIds=["001Wx0000000001AAA"],
        )

        events = read_change_events(body(own, flow, namesake, account), own_fields={"Invoiced__c"})

        assert [each.is_own for each in events] == [True, False, False, False]

    @pytest.mark.parametrize(
        "hostile",
        [
            b"",
            b"[]",
            b"null",
            b"[1]",
            b"{}",
            b'{"payload": []}',
            b'{"payload": {"ChangeEventHeader": {}}}',
            b'{"payload": 1, "payload": 2}',
            b"[" * 100_000,
            body(change(recordIds="006Wx0000000001AAA")),
            body(change(recordIds=["x" * 19])),
            body(change(commitTimestamp="soon")),
            body(change(commitTimestamp=10**18)),
            body(change(entityName="Opportunity; DROP")),
            body(*[change()] * 1_001),
        ],
    )
    def test_that_are_none_are_refused(self, hostile: bytes) -> None:
        with pytest.raises(MalformedWebhook):
            read_change_events(hostile)

    def test_that_are_refused_are_named_without_their_values(self) -> None:
        with pytest.raises(MalformedWebhook) as caught:
            read_change_events(body(change(), change(commitNumber="secret value")))

        assert str(caught.value).startswith("event [1].payload.ChangeEventHeader.commitNumber: ")
        assert "secret value" not in str(caught.value)


class TestTheRelaysProof:
    NOW_MS = 1_773_144_000_000

    def headers(self, sent: bytes, secret: str = SECRET, stamp: int = NOW_MS) -> dict[str, str]:
        signed = hmac.new(secret.encode(), f"{stamp}.".encode() + sent, hashlib.sha256).hexdigest()
        return {"x-relay-timestamp": str(stamp), "x-relay-signature": signed}

    @pytest.mark.parametrize("secret", ["new", "old"])
    def test_holds_under_any_secret_in_force(self, secret: str) -> None:
        RelayProof.of(self.headers(b"[]", secret), self.NOW_MS).require(["new", "old"], b"[]")

    def test_does_not_hold_over_another_body_or_time(self) -> None:
        with pytest.raises(Forged):
            RelayProof.of(self.headers(b"[]"), self.NOW_MS).require(["new"], b"[ ]")
        later = {**self.headers(b"[]"), "x-relay-timestamp": str(self.NOW_MS + 1)}
        with pytest.raises(Forged):
            RelayProof.of(later, self.NOW_MS).require(["new"], b"[]")

    @pytest.mark.parametrize("apart", [-300_001, 300_001])
    def test_is_of_the_last_five_minutes(self, apart: int) -> None:
        with pytest.raises(Forged, match="300 are allowed"):
            RelayProof.of(self.headers(b"[]", stamp=self.NOW_MS + apart), self.NOW_MS)

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"x-relay-timestamp": "1"},
            {"x-relay-signature": "0" * 64},
            {"x-relay-signature": "0" * 64, "x-relay-timestamp": "soon"},
            {"x-relay-signature": "zz", "x-relay-timestamp": "1"},
        ],
    )
    def test_has_to_be_there(self, headers: dict[str, str]) -> None:
        with pytest.raises(Forged):
            RelayProof.of(headers, self.NOW_MS)

    def test_under_no_secret_is_none(self) -> None:
        with pytest.raises(Forged):
            RelayProof.of(self.headers(b"[]"), self.NOW_MS).require([], b"[]")
