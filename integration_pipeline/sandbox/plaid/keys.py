"""The keys with which webhooks are signed: ES256, one in use, those before it known until they expire."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from integration_pipeline.sandbox.clock import SandboxClock
from integration_pipeline.sandbox.plaid.errors import invalid_verification_key_id
from integration_pipeline.sandbox.storage import SqliteFile


@dataclass(frozen=True, slots=True)
class SigningKey:
    kid: str
    key: ec.EllipticCurvePrivateKey
    created_at: int
    expired_at: int | None

    def public(self) -> dict[str, Any]:
        """As `/webhook_verification_key/get` gives it."""
        numbers = self.key.public_key().public_numbers()
        return {
            "alg": "ES256",
            "created_at": self.created_at,
            "crv": "P-256",
            "expired_at": self.expired_at,
            "kid": self.kid,
            "kty": "EC",
            "use": "sig",
            "x": _coordinate(numbers.x),
            "y": _coordinate(numbers.y),
        }

    def proof(self, body: bytes, issued_at: int) -> str:
        """The value of `Plaid-Verification` for a body."""
        claims = {"iat": issued_at, "request_body_sha256": hashlib.sha256(body).hexdigest()}
        return jwt.encode(claims, self.key, algorithm="ES256", headers={"kid": self.kid})


class KeyRing:
    """Keys are kept in the file: a restarted sandbox signs with the same one."""

    def __init__(self, file: SqliteFile, clock: SandboxClock) -> None:
        self._file = file
        self._clock = clock
        self._keys = {key.kid: key for key in self._kept()}
        if not self._keys:
            self.rotate()

    @property
    def current(self) -> SigningKey:
        return next(key for key in reversed(self._keys.values()) if key.expired_at is None)

    def rotate(self) -> SigningKey:
        """A new key; those before it are expired from now on."""
        now = self._clock.now_ms() // 1_000
        key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()
        with self._file.transaction():
            self._file.write("UPDATE verification_keys SET expired_at = ? WHERE expired_at IS NULL", (now,))
            self._file.write(
                "INSERT INTO verification_keys (kid, pem, created_at) VALUES (?, ?, ?)",
                (str(uuid4()), pem, now),
            )
        self._keys = {each.kid: each for each in self._kept()}
        return self.current

    def known(self, kid: str) -> SigningKey:
        """Raises Plaid's 400 for an id that is none of ours."""
        key = self._keys.get(kid)
        if key is None:
            raise invalid_verification_key_id()
        return key

    def _kept(self) -> list[SigningKey]:
        rows = self._file.rows(
            "SELECT kid, pem, created_at, expired_at FROM verification_keys ORDER BY created_at, rowid"
        )
        found: list[SigningKey] = []
        for kid, pem, created_at, expired_at in rows:
            key = serialization.load_pem_private_key(pem.encode(), password=None)
            assert isinstance(key, ec.EllipticCurvePrivateKey)  # noqa: S101 - written above
            found.append(SigningKey(kid, key, created_at, expired_at))
        return found


def _coordinate(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes(32)).rstrip(b"=").decode()
