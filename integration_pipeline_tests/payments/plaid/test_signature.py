"""Which requests count as Plaid's: signed by its key, just now, about this very body."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from integration_pipeline.payments.plaid.signature import Forged, Proof

BODY = b'{"webhook_type":"TRANSACTIONS"}'
NOW = 1_790_000_000
PRIVATE = ec.generate_private_key(ec.SECP256R1())


def coordinate(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes(32)).rstrip(b"=").decode()


def public(key: ec.EllipticCurvePrivateKey = PRIVATE) -> dict[str, str]:
    numbers = key.public_key().public_numbers()
    return {
        "kty": "EC",
        "crv": "P-256",
        "alg": "ES256",
        "x": coordinate(numbers.x),
        "y": coordinate(numbers.y),
    }


KEY = jwt.PyJWK(public(), "ES256")


def statement(
    *,
    body: bytes = BODY,
    at: object = NOW,
    key: Any = PRIVATE,
    algorithm: str = "ES256",
    headers: dict[str, object] | None = None,
    **claims: object,
) -> str:
    told = {"iat": at, "request_body_sha256": hashlib.sha256(body).hexdigest(), **claims}
    told = {name: value for name, value in told.items() if value is not None}
    return jwt.encode(told, key, algorithm=algorithm, headers={"kid": "key-1", **(headers or {})})


def accepts(token: str | None, body: bytes = BODY, now: float = NOW) -> bool:
    try:
        proof = Proof.of({} if token is None else {"plaid-verification": token})
        proof.require(KEY, body, now)
    except Forged:
        return False
    return True


def test_a_statement_of_plaids_about_this_body_is_taken_and_says_when_it_was_made() -> None:
    proof = Proof.of({"plaid-verification": statement()})

    assert proof.key_id == "key-1"
    assert proof.require(KEY, BODY, NOW + 10).timestamp() == NOW


@pytest.mark.parametrize(("late", "accepted"), [(300, True), (-300, True), (301, False), (-301, False)])
def test_a_statement_is_good_for_five_minutes_around_its_time(late: int, accepted: bool) -> None:
    assert accepts(statement(), now=NOW + late) is accepted


def test_a_statement_about_another_body_is_forged() -> None:
    assert not accepts(statement(), BODY + b" ")


def test_a_statement_by_another_key_is_forged() -> None:
    assert not accepts(statement(key=ec.generate_private_key(ec.SECP256R1())))


def unsigned() -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    claims = {"iat": NOW, "request_body_sha256": hashlib.sha256(BODY).hexdigest()}
    return f"{part({'alg': 'none', 'kid': 'key-1'})}.{part(claims)}."


def hmac_under_public_key() -> str:
    """The classic confusion: the public key, which everybody knows, as a shared secret."""
    return statement(key=public()["x"].encode(), algorithm="HS256")


@pytest.mark.parametrize(
    "token",
    [
        None,
        "",
        "nonsense",
        "a.b.c",
        unsigned(),
        hmac_under_public_key(),
        statement(headers={"kid": "../x"}),
        statement(headers={"kid": "k" * 200}),
        statement(at=None),
        statement(at="now"),
        statement(at=True),
        statement(at=NOW + 0.5),
        statement(request_body_sha256=None),
        statement(request_body_sha256=7),
        statement(padding="x" * 5_000),
    ],
)
def test_a_statement_of_another_form_is_forged(token: str | None) -> None:
    assert not accepts(token)


@pytest.mark.parametrize("token", [unsigned(), hmac_under_public_key(), statement(headers={"kid": ""})])
def test_of_what_cannot_be_plaids_no_key_is_asked_for(token: str) -> None:
    with pytest.raises(Forged):
        Proof.of({"plaid-verification": token})


def test_the_refusal_does_not_repeat_the_statement() -> None:
    token = statement(key=ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(Forged) as caught:
        Proof.of({"plaid-verification": token}).require(KEY, BODY, NOW)

    assert token.rpartition(".")[2] not in str(caught.value)
