"""One org for the session, emptied before each test; a client of it, and simple-salesforce."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import SecretStr
from requests.adapters import HTTPAdapter
from simple_salesforce.api import Salesforce

from integration_pipeline.sandbox.process import VendorProcess
from integration_pipeline.sandbox.salesforce.options import Options

KEY, SECRET, USER = "3MVG9test", "a-consumer-secret", "integration@acme.example"
ADMIN_KEY = "key-of-the-sandbox"
VERSION = "/services/data/v67.0"


class KeyPair:
    """The private key a client signs with, and the public one its org knows; both PEM."""

    def __init__(self) -> None:
        key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
        self.private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        self.public = (
            key.public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            .decode()
        )


class ToSandbox(HTTPAdapter):
    """Sends what is meant for Salesforce's https addresses to the sandbox."""

    def __init__(self, base: str) -> None:
        self._base = urlsplit(base)
        super().__init__()

    def send(self, request: requests.PreparedRequest, **how: Any) -> requests.Response:  # pyright: ignore[reportIncompatibleMethodOverride] - passed on whole
        given = urlsplit(request.url or "")
        request.headers["Host"] = given.netloc
        request.url = urlunsplit((self._base.scheme, self._base.netloc, given.path, given.query, ""))
        return super().send(request, **how)


@pytest.fixture(scope="session")
def key_pair() -> KeyPair:
    return KeyPair()


@pytest.fixture(scope="session")
def options(key_pair: KeyPair) -> Options:
    return Options(
        admin_key=SecretStr(ADMIN_KEY),
        consumer_key=KEY,
        consumer_secret=SecretStr(SECRET),
        username=USER,
        public_key=key_pair.public,
        currencies=("USD", "EUR"),
        bulk_seconds=Decimal(0),
    )


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory, options: Options) -> Iterator[VendorProcess]:
    data_dir: Path = tmp_path_factory.mktemp("salesforce")
    with VendorProcess("salesforce", data_dir, options) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def connection(running: VendorProcess) -> Iterator[httpx.Client]:
    """One for the session: making a client takes longer than most tests here."""
    headers = {"X-Sandbox-Key": ADMIN_KEY}
    with httpx.Client(base_url=f"{running.base_url}{VERSION}", headers=headers, timeout=30) as connected:
        yield connected


@pytest.fixture
def sandbox(running: VendorProcess, connection: httpx.Client) -> VendorProcess:
    """An empty org without faults."""
    for method, path in (("POST", "reset"), ("DELETE", "faults")):
        connection.request(method, f"{running.base_url}/_sandbox/{path}").raise_for_status()
    return running


@pytest.fixture
def client(sandbox: VendorProcess, connection: httpx.Client) -> httpx.Client:
    """A client with a session; paths are relative to the newest version."""
    token = connection.post(
        f"{sandbox.base_url}/services/oauth2/token",
        data={"grant_type": "client_credentials"},
        auth=(KEY, SECRET),
    ).json()["access_token"]
    connection.headers["Authorization"] = f"Bearer {token}"
    return connection


# The library makes its methods up as they are asked for.
Connect = Callable[..., Any]


@pytest.fixture
def connect(sandbox: VendorProcess) -> Connect:
    """Log simple-salesforce in, by client credentials unless told otherwise."""

    def connect(**how: Any) -> Any:
        session = requests.Session()
        session.mount("https://", ToSandbox(sandbox.base_url))
        given = how or {"consumer_key": KEY, "consumer_secret": SECRET, "domain": "acme.my"}
        return Salesforce(session=session, version="67.0", **given)

    return connect


@pytest.fixture
def salesforce(connect: Connect) -> Any:
    return connect()


Create = Callable[..., str]


@pytest.fixture
def create(client: httpx.Client) -> Create:
    """Make a record of an object; its id."""

    def create(kind: str, **fields: object) -> str:
        answer = client.post(f"/sobjects/{kind}", json=fields)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    return create


@pytest.fixture
def query(client: httpx.Client) -> Callable[..., list[dict[str, Any]]]:
    """The records of a query's first page."""

    def query(soql: str, *, everything: bool = False) -> list[dict[str, Any]]:
        answer = client.get("/queryAll" if everything else "/query", params={"q": soql})
        assert answer.status_code == 200, answer.text
        return answer.json()["records"]

    return query
