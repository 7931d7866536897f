"""Plaid's own library, which has no types: its client and its models, as `Any`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest

CLIENT_ID = "client-1"
SECRET = "plaid-5ecret"

_plaid: Any = import_module("plaid")
_api: Any = import_module("plaid.api.plaid_api")


def library(base_url: str, secret: str = SECRET) -> Any:
    """Plaid's client for a sandbox."""
    key = {"clientId": CLIENT_ID, "secret": secret, "plaidVersion": "2020-09-14"}
    return _api.PlaidApi(_plaid.ApiClient(_plaid.Configuration(host=base_url, api_key=key)))


def model(name: str, *arguments: object, **fields: object) -> Any:
    """`model("ItemGetRequest", access_token=…)`: an object of Plaid's library."""
    module = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
    made: Any = getattr(import_module(f"plaid.model.{module}"), name)
    return made(*arguments, **fields)


def refused(call: Callable[[], object]) -> dict[str, Any]:
    """The body of the error that Plaid's library raises, with its status."""
    with pytest.raises(_plaid.ApiException) as caught:
        call()
    error: Any = caught.value
    return {**json.loads(error.body), "status": error.status}
