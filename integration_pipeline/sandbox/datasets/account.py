"""The HubSpot account a data set is written to: HTTP, waiting for the rate limit, error messages.

Belongs here: single API calls. Does not belong here: what to create and in which order (`load`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, cast

import httpx

BATCH = 100
# A wait outlasts the window of the limit that refused; so many refusals mean that somebody else is loading.
MAX_REFUSALS = 8
MAX_WAIT_SECONDS = 30.0

Json = dict[str, Any]


class LoadError(RuntimeError):
    """The account refused something or did not answer. Loading again continues where this load stopped."""


class Account:
    """One HubSpot account over HTTP. Safe for use by several threads; a wait told to one holds for all.

    `requests` counts what was sent, `waits` how often a 429 told us to wait.
    """

    def __init__(self, base_url: str, token: str) -> None:
        self._client = httpx.Client(
            base_url=base_url, headers={"Authorization": f"Bearer {token}"}, timeout=30.0, trust_env=False
        )
        self._lock = threading.Lock()
        self._resume_at = 0.0
        self.requests = 0
        self.waits = 0

    def close(self) -> None:
        self._client.close()

    def property_names(self, object_type: str) -> set[str]:
        """Names of the properties defined on `object_type`."""
        body = self._call("GET", f"/crm/v3/properties/{object_type}")
        return {str(item["name"]) for item in _results(body)}

    def create_properties(self, object_type: str, definitions: Sequence[Json]) -> None:
        body = self._call("POST", f"/crm/v3/properties/{object_type}/batch/create", {"inputs": definitions})
        _refuse_partial(body, f"properties of {object_type}")

    def count(self, object_type: str, property_name: str, value: str) -> int:
        """How many objects have `value` in a property."""
        filters = [{"propertyName": property_name, "operator": "EQ", "value": value}]
        search = {"filterGroups": [{"filters": filters}], "limit": 1}
        return int(self._call("POST", f"/crm/v3/objects/{object_type}/search", search)["total"])

    def ids(self, object_type: str, unique_property: str, values: Sequence[str]) -> dict[str, str]:
        """CRM ids of those of up to 100 objects that exist, by their value of `unique_property`."""
        body = {
            "idProperty": unique_property,
            "properties": [unique_property],
            "inputs": [{"id": value} for value in values],
        }
        return _ids(self._call("POST", f"/crm/v3/objects/{object_type}/batch/read", body), unique_property)

    def create(self, object_type: str, unique_property: str, inputs: Sequence[Json]) -> dict[str, str]:
        """Create up to 100 objects with their associations; returns ids by `unique_property`."""
        body = self._call("POST", f"/crm/v3/objects/{object_type}/batch/create", {"inputs": inputs})
        _refuse_partial(body, object_type)
        return _ids(body, unique_property)

    def update(self, object_type: str, patches: Mapping[str, Mapping[str, str]]) -> None:
        """Patch up to 100 objects: properties by CRM id."""
        inputs = [{"id": crm_id, "properties": dict(patch)} for crm_id, patch in patches.items()]
        body = self._call("POST", f"/crm/v3/objects/{object_type}/batch/update", {"inputs": inputs})
        _refuse_partial(body, object_type)

    def owner_ids(self) -> dict[str, str]:
        """Owner ids by e-mail address, lower case."""
        owners: dict[str, str] = {}
        after = ""
        while True:
            page = self._call("GET", f"/crm/v3/owners/?limit=500{after}")
            owners |= {str(item.get("email")).lower(): str(item["id"]) for item in _results(page)}
            following = page.get("paging", {}).get("next", {}).get("after")
            if not following:
                return owners
            after = f"&after={following}"

    def create_owners(self, owners: Sequence[Json]) -> bool:
        """Add users through the sandbox's own route; False on a real account, where only people can."""
        response = self._send("PUT", "/_sandbox/owners", {"owners": owners})
        if response.status_code in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}:
            return False
        if response.is_error:
            raise LoadError(f"PUT /_sandbox/owners: {_complaint(response)}")
        return True

    def _call(self, method: str, path: str, body: Json | None = None) -> Json:
        response = self._send(method, path, body)
        if response.is_error:
            raise LoadError(f"{method} {path}: {_complaint(response)}")
        return cast("Json", response.json())

    def _send(self, method: str, path: str, body: Json | None = None) -> httpx.Response:
        for _ in range(MAX_REFUSALS):
            self._pause()
            with self._lock:
                self.requests += 1
            try:
                response = self._client.request(method, path, json=body)
            except httpx.TransportError as error:
                raise LoadError(
                    f"{method} {path}: no answer ({error}); check the address, then load again"
                ) from None
            if response.status_code != HTTPStatus.TOO_MANY_REQUESTS:
                return response
            self._told_to_wait(response)
        raise LoadError(
            f"{method} {path}: still refused after {MAX_REFUSALS} waits; load again when it is quiet"
        )

    def _pause(self) -> None:
        while (wait := self._resume_at - time.monotonic()) > 0:
            time.sleep(wait)

    def _told_to_wait(self, response: httpx.Response) -> None:
        """Hold all threads back for as long as a 429 says. Raises LoadError for the daily limit."""
        body = _json_object(response)
        if body.get("policyName") == "DAILY":
            raise LoadError("the account's daily request limit is used up; load again tomorrow")
        seconds = min(_seconds_to_wait(response, str(body.get("policyName"))), MAX_WAIT_SECONDS)
        with self._lock:
            self.waits += 1
            self._resume_at = max(self._resume_at, time.monotonic() + seconds)


def _seconds_to_wait(response: httpx.Response, policy: str) -> float:
    """`Retry-After` where there is one; otherwise the window of the limit that refused."""
    told = response.headers.get("Retry-After", "")
    if told.isdecimal():
        return float(told)
    if policy == "SECONDLY":
        return 1.0
    interval = response.headers.get("X-HubSpot-RateLimit-Interval-Milliseconds", "")
    return int(interval) / 1000 if interval.isdecimal() else 10.0


def _results(body: Json) -> list[Json]:
    return cast("list[Json]", body.get("results", []))


def _ids(body: Json, unique_property: str) -> dict[str, str]:
    return {str(item["properties"][unique_property]): str(item["id"]) for item in _results(body)}


def _refuse_partial(body: Json, what: str) -> None:
    """A 207 reports what failed beside what worked."""
    errors = cast("list[Json]", body.get("errors") or [])
    if errors:
        raise LoadError(f"{what}: {len(errors)} refused, the first: {str(errors[0].get('message'))[:500]}")


def _complaint(response: httpx.Response) -> str:
    """HubSpot's message, or the beginning of whatever came instead."""
    message = _json_object(response).get("message") or response.text
    return f"{response.status_code} {str(message)[:500]}"


def _json_object(response: httpx.Response) -> Json:
    try:
        body: object = response.json()
    except ValueError:
        return {}
    return cast("Json", body) if isinstance(body, dict) else {}
