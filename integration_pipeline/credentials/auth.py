"""The access token in a request, renewed once if the vendor refuses it.

Belongs here: the header. Does not belong here: which token (`connections`).
"""

from __future__ import annotations

from collections.abc import Generator

import httpx

from integration_pipeline.credentials.connections import Bearer, Connections
from integration_pipeline.credentials.vendors import Vendor

_UNAUTHORIZED = 401


class ConnectionAuth(httpx.Auth):
    """`Authorization: Bearer …` of one connected account, for the transport's `VendorClient`.

    A request answered 401 did nothing, so it is sent once more with a new token, writes included. Whatever
    keeps a token from being had is raised as a `VendorFailure` that speaks of a request not sent.
    """

    # The body is read into memory, so that it can be sent twice.
    requires_request_body = True

    def __init__(self, connections: Connections, vendor: Vendor, account: str) -> None:
        self._connections = connections
        self._vendor = vendor
        self._account = account

    def __repr__(self) -> str:
        return f"ConnectionAuth({self._vendor.value!r}, {self._account!r})"

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        bearer = self._connections.bearer(self._vendor, self._account)
        _put(bearer, request)
        response = yield request
        if response.status_code != _UNAUTHORIZED:
            return
        renewed = self._connections.renewed(self._vendor, self._account, bearer)
        if renewed is not None:
            _put(renewed, request)
            yield request


def _put(bearer: Bearer, request: httpx.Request) -> None:
    request.headers["Authorization"] = f"Bearer {bearer.token.get_secret_value()}"
