"""Static credentials as httpx sends them. They stay inside a SecretStr and leave only in a header.

Belongs here: tokens and keys that an operator sets. Does not belong here: tokens that are renewed.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Generator, Mapping
from itertools import chain

import httpx
from pydantic import SecretStr

# Shorter values are words ("api"), and cutting them out would only garble the vendor's message.
_SHORTEST_SECRET = 6


class BearerAuth(httpx.Auth):
    """`Authorization: Bearer …`."""

    def __init__(self, token: SecretStr) -> None:
        self._token = _sendable(token, "bearer token")

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._token.get_secret_value()}"
        yield request


class BasicAuth(httpx.Auth):
    """`Authorization: Basic …` of a name (or key) and a secret, which may be empty."""

    def __init__(self, name: SecretStr, secret: SecretStr | None = None) -> None:
        self._name = _sendable(name, "name")
        self._secret = SecretStr("") if secret is None else _sendable(secret, "secret")

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        pair = f"{self._name.get_secret_value()}:{self._secret.get_secret_value()}"
        request.headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        yield request


class HeaderAuth(httpx.Auth):
    """Credentials in headers of the vendor's own naming."""

    def __init__(self, headers: Mapping[str, SecretStr]) -> None:
        self._headers = {name: _sendable(value, f"value of {name}") for name, value in headers.items()}

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        for name, value in self._headers.items():
            request.headers[name] = value.get_secret_value()
        yield request


def secrets_in(before: Mapping[str, str], sent: Mapping[str, str]) -> set[str]:
    """What authentication added to a request's headers, in every form in which an answer might echo it."""
    added = [value for name, value in sent.items() if before.get(name) != value]
    words = chain.from_iterable((value, *value.split()) for value in added)
    found = set(chain.from_iterable((word, *_basic_pair(word)) for word in words))
    return {each for each in found if len(each) >= _SHORTEST_SECRET}


def _basic_pair(word: str) -> list[str]:
    try:
        return base64.b64decode(word, validate=True).decode().split(":")
    except (binascii.Error, UnicodeDecodeError):
        return []


def _sendable(secret: SecretStr, what: str) -> SecretStr:
    text = secret.get_secret_value()
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        # A line break pasted along with a token would otherwise show up, token and all, in httpx's error.
        raise ValueError(f"the {what} is empty or holds spaces, line breaks or non-ASCII characters")
    return secret
