"""Requests that HubSpot never sent, made from ones it might have sent; the same number makes the same one."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

from integration_pipeline_tests.gateway.hubspot import body_of, event, signed

_VALUES: tuple[Any, ...] = (
    None, True, -1, 2**63, 10**400, 1.5, "", "1", "\x00", "\ud800", "a" * 300, [], [1], {}, {"$ne": 1},
)  # fmt: skip
_INTEGERS: tuple[Any, ...] = (True, -1, 2**63, 10**400, 1.5, "1", [1], {})


def _cut(draw: random.Random, body: bytes) -> bytes:
    return body[: draw.randrange(len(body))]


def _wrong_field(draw: random.Random, _body: bytes) -> bytes:
    name = draw.choice(["objectId", "occurredAt", "attemptNumber"])
    return body_of(event(1), {**event(2), name: draw.choice(_INTEGERS)})


def _wrong_type(draw: random.Random, _body: bytes) -> bytes:
    wrong = [
        value for value in _VALUES if not (isinstance(value, str) and value.isalnum() and len(value) < 200)
    ]
    return body_of({**event(2), "subscriptionType": draw.choice(wrong)})


def _missing_field(draw: random.Random, _body: bytes) -> bytes:
    told = event(1)
    del told[draw.choice(["objectId", "occurredAt", "subscriptionType"])]
    return body_of(event(2), told)


def _no_event(draw: random.Random, _body: bytes) -> bytes:
    return body_of(event(1), draw.choice([value for value in _VALUES if value != {"$ne": 1}]))


def _no_array(draw: random.Random, _body: bytes) -> bytes:
    return json.dumps(draw.choice([value for value in _VALUES if value != [1]] + [event(1)])).encode()


def _twice(draw: random.Random, body: bytes) -> bytes:
    at = body.index(b"{") + 1
    return body[:at] + b'"x":%d,"x":%d,' % (draw.randrange(9), draw.randrange(9)) + body[at:]


def _bad_bytes(draw: random.Random, body: bytes) -> bytes:
    at = draw.randrange(len(body))
    return body[:at] + draw.choice([b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\x00"]) + body[at:]


def _deep(draw: random.Random, _body: bytes) -> bytes:
    levels = draw.choice([9, 100, 5_000])
    return b'[{"a":' + b"[" * levels + b"]" * levels + b"}]"


_MALFORMED: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    _cut,
    _wrong_field,
    _wrong_type,
    _missing_field,
    _no_event,
    _no_array,
    _twice,
    _bad_bytes,
    _deep,
)


def malformed(number: int, url: str) -> tuple[bytes, dict[str, str]]:
    """Body and headers: rightly signed, but none of HubSpot's."""
    draw = random.Random(number)  # noqa: S311 - repeatable, not secret
    valid = body_of(*(event(draw.randrange(1, 1_000)) for _ in range(draw.randrange(1, 4))))
    body = draw.choice(_MALFORMED)(draw, valid)
    return body, signed(url, body)


def forged(number: int, url: str) -> tuple[bytes, dict[str, str]]:
    """Body and headers: one of HubSpot's, changed on its way, or its signature."""
    draw = random.Random(number)  # noqa: S311 - repeatable, not secret
    body = body_of(event(draw.randrange(1, 1_000)))
    headers = signed(url, body)
    match draw.randrange(5):
        case 0:
            at = draw.randrange(len(body))
            return body[:at] + bytes([body[at] ^ (1 << draw.randrange(8))]) + body[at + 1 :], headers
        case 1:
            return body + b" " * draw.randrange(1, 5), headers
        case 2:
            signature = headers["X-HubSpot-Signature-v3"]
            at = draw.randrange(len(signature) - 1)
            other = "A" if signature[at] != "A" else "B"
            return body, {**headers, "X-HubSpot-Signature-v3": signature[:at] + other + signature[at + 1 :]}
        case 3:
            timestamp = str(
                int(headers["X-HubSpot-Request-Timestamp"]) + draw.choice([-1, 1, 10**6, -(10**12)])
            )
            return body, {**headers, "X-HubSpot-Request-Timestamp": timestamp}
        case _:
            del headers[draw.choice(["X-HubSpot-Signature-v3", "X-HubSpot-Request-Timestamp"])]
            return body, headers
