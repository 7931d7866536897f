"""Outbound messages: SOAP with up to 100 records as they are when it is sent, acknowledged in SOAP.

Nothing signs them: a receiver goes by the organization's id and by who may reach its address.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast
from xml.etree import ElementTree as ET

from defusedxml import ElementTree as SafeXml
from defusedxml.common import DefusedXmlException

from integration_pipeline.sandbox.notifications.events import Attempt, JsonObject, Post
from integration_pipeline.sandbox.salesforce.records.store import Store
from integration_pipeline.sandbox.salesforce.records.values import in_csv
from integration_pipeline.sandbox.salesforce.schema.catalogue import Catalogue

MOST_NOTIFICATIONS = 100
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
OUTBOUND = "http://soap.sforce.com/2005/09/outbound"
SOBJECT = "urn:sobject.enterprise.soap.sforce.com"
SCHEMA_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
RETRY_SECONDS = (30, 60, 120, 240, 480, 960, 1_920, 3_840, *[7_200] * 11)
"""Doubling up to two hours; after 24 hours a message is dropped."""

_FIELDS = {
    "Opportunity": ("Name", "StageName", "SystemModstamp"),
    "OpportunityLineItem": ("OpportunityId", "SystemModstamp"),
    "Account": ("Name", "SystemModstamp"),
    "Contact": ("AccountId", "SystemModstamp"),
    "OpportunityContactRole": ("OpportunityId", "ContactId", "SystemModstamp"),
    "Product2": ("Name", "SystemModstamp"),
}

for _prefix, _uri in (("soapenv", SOAP), ("xsi", SCHEMA_INSTANCE), ("sf", SOBJECT)):
    ET.register_namespace(_prefix, _uri)


class OutboundMessages:
    """Composes messages for one organization; a forged one is another organization's."""

    def __init__(self, organization_id: str, catalogue: Catalogue, store: Store) -> None:
        self._organization_id = organization_id
        self._catalogue = catalogue
        self._store = store

    def compose(self, events: Sequence[JsonObject], attempt: Attempt) -> Post:
        """Events are `{"notification": "04l…", "record": "006…", "type": "Opportunity"}`."""
        organization = "00D000000000000EAA" if attempt.forged else self._organization_id
        envelope = ET.Element(f"{{{SOAP}}}Envelope")
        body = ET.SubElement(envelope, f"{{{SOAP}}}Body")
        sent = ET.SubElement(body, f"{{{OUTBOUND}}}notifications")
        for name, text in (
            ("OrganizationId", organization),
            ("ActionId", "04kWx0000000001"),
            ("SessionId", None),
            ("EnterpriseUrl", f"https://acme.my.salesforce.com/services/Soap/c/67.0/{organization}"),
            ("PartnerUrl", f"https://acme.my.salesforce.com/services/Soap/u/67.0/{organization}"),
        ):
            element = ET.SubElement(sent, f"{{{OUTBOUND}}}{name}")
            element.text = text
            if text is None:
                element.set(f"{{{SCHEMA_INSTANCE}}}nil", "true")
        for event in events:
            self._add(sent, event)
        content = cast("bytes", ET.tostring(envelope, "UTF-8", xml_declaration=True))
        return Post(content, {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""'})

    def _add(self, sent: ET.Element, event: JsonObject) -> None:
        kind = self._catalogue.named(str(event["type"]))
        notification = ET.SubElement(sent, f"{{{OUTBOUND}}}Notification")
        ET.SubElement(notification, f"{{{OUTBOUND}}}Id").text = str(event["notification"])
        about = ET.SubElement(notification, f"{{{OUTBOUND}}}sObject")
        about.set(f"{{{SCHEMA_INSTANCE}}}type", f"sf:{kind.name}")
        ET.SubElement(about, f"{{{SOBJECT}}}Id").text = str(event["record"])
        record = self._store.get(str(event["record"]))
        for name in _FIELDS[kind.name] if record is not None else ():
            assert record is not None  # noqa: S101
            text = in_csv(kind.fields[name], record)
            if text:
                ET.SubElement(about, f"{{{SOBJECT}}}{name}").text = text


def acknowledged(answer: bytes) -> bool:
    """Whether an answer's body says `<Ack>true</Ack>`, which alone ends the delivery."""
    try:
        found = SafeXml.fromstring(answer).find(f".//{{{OUTBOUND}}}Ack")
    except (SafeXml.ParseError, DefusedXmlException, ValueError):
        return False
    return found is not None and (found.text or "").strip() in ("true", "1")
