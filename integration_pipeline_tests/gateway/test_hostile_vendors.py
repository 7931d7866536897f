"""Bodies that no vendor ever sent, to every vendor's address: each is refused as forged or malformed, and
nothing else goes wrong; judged as the gateway judges them.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from fastapi import Request

from integration_pipeline.gateway.accounting import quickbooks, xero
from integration_pipeline.gateway.own_fields import OwnFields
from integration_pipeline.gateway.payments import plaid, stripe
from integration_pipeline.gateway.salesforce import salesforce_changes, salesforce_outbound
from integration_pipeline.gateway.webhooks import Vendor
from integration_pipeline.settings import Settings
from integration_pipeline_tests.gateway.vendors import (
    CHANGES,
    OUTBOUND,
    PLAID,
    QUICKBOOKS,
    STRIPE,
    XERO,
    Headers,
    Sender,
    key_server,
    secrets,
)

_COUNT = 400
_VALUES = (b"null", b"true", b"-1", b"1e400", b'""', b'"\\u0000"', b'"\\ud800"', b"[]", b"{}", b"1" * 500)
Of = Callable[[Settings], Vendor]

EACH: tuple[tuple[Sender, Of], ...] = (
    (QUICKBOOKS, quickbooks),
    (XERO, xero),
    (STRIPE, stripe),
    (PLAID, lambda settings: plaid(settings, ExitStack())),
    (OUTBOUND, salesforce_outbound),
    (CHANGES, lambda settings: salesforce_changes(settings, OwnFields(settings.mapping_file))),
)
each_vendor = pytest.mark.parametrize(("sender", "of"), EACH, ids=[str(sender) for sender, _ in EACH])


@pytest.fixture(scope="module")
def settings() -> Iterator[Settings]:
    with key_server() as keys:
        yield Settings.model_validate(dict(secrets(keys.url)))


def mutilated(number: int, body: bytes) -> bytes:
    """The body with something wrong in it; the same number makes the same one."""
    draw = random.Random(number)  # noqa: S311 - repeatable, not secret
    at = draw.randrange(len(body))
    match draw.randrange(6):
        case 0:
            return body[:at]
        case 1:
            return body[:at] + bytes([draw.randrange(256)]) + body[at + 1 :]
        case 2:
            return body[:at] + draw.choice((b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\x00")) + body[at:]
        case 3:
            colons = [place for place, byte in enumerate(body) if byte in b":>"]
            place = draw.choice(colons) + 1
            ends = [found for each in (b",", b"}", b"<") if (found := body.find(each, place)) >= 0]
            end = min(ends, default=len(body))
            return body[:place] + draw.choice(_VALUES) + body[end:]
        case 4:
            levels = draw.choice((9, 100, 5_000))
            return body[:at] + b"[" * levels + b"<a>" * levels + body[at:]
        case _:
            return b'<!DOCTYPE a [<!ENTITY b "c">]>' + body if draw.randrange(2) else body + body


def judged(vendor: Vendor, path: str, bodies: list[tuple[bytes, Headers]]) -> Counter[str]:
    async def judge() -> Counter[str]:
        found: Counter[str] = Counter()
        for body, headers in bodies:
            listed = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
            scope = {"type": "http", "method": "POST", "path": vendor.path, "headers": listed}
            request = Request({**scope, "query_string": path.partition("?")[2].encode()})
            try:
                await vendor.prove(request)(body)
                found["accepted"] += 1
            except vendor.forged:
                found["forged"] += 1
            except vendor.malformed:
                found["malformed"] += 1
        return found

    return asyncio.run(judge())


@each_vendor
def test_mutilated_bodies_that_are_rightly_signed_are_read_or_refused(
    settings: Settings, sender: Sender, of: Of
) -> None:
    bodies = [mutilated(number, sender.body(number)) for number in range(_COUNT)]
    found = judged(of(settings), sender.path, [(body, sender.signed(body)) for body in bodies])

    assert found.total() == _COUNT
    assert found["malformed"] + found["forged"] > _COUNT / 3


@each_vendor
def test_bodies_that_were_changed_on_their_way_are_forged(settings: Settings, sender: Sender, of: Of) -> None:
    if sender is OUTBOUND:
        pytest.skip("Salesforce signs no outbound message; the address is the secret")
    bodies = [(sender.body(number), mutilated(number, sender.body(number))) for number in range(_COUNT)]
    sent = [(changed, sender.signed(body)) for body, changed in bodies if changed != body]

    assert judged(of(settings), sender.path, sent) == {"forged": len(sent)}
