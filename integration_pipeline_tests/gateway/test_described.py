"""The interface keeps to its own description, whatever is sent that the description allows, or forbids."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from requests import PreparedRequest
from requests.auth import AuthBase
from schemathesis import checks as general
from schemathesis.specs.openapi import checks as openapi

from integration_pipeline_tests.gateway.conftest import USAGE_KEY, Running
from integration_pipeline_tests.gateway.hubspot import signed
from integration_pipeline_tests.gateway.vendors import SENDERS

_CONFORMS: list[Any] = [
    getattr(general, "not_a_server_error"),  # noqa: B009 - the library's checks have types that are not known
    *(
        getattr(openapi, f"{what}_conformance")
        for what in ("status_code", "content_type", "response_headers", "response_schema")
    ),
]


class _PastTheDoor(AuthBase):
    """Whatever is sent is signed and has the key."""

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        body = request.body or b""
        body = body if isinstance(body, bytes) else str(body).encode()
        request.headers.update(signed(str(request.url), body, method=str(request.method)))
        for sender in SENDERS:
            request.headers.update(sender.signed(body))
        request.headers["Authorization"] = f"Bearer {USAGE_KEY}"
        return request


@pytest.mark.parametrize("auth", [None, _PastTheDoor()])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/webhooks/hubspot"),
        *(("POST", sender.path.partition("?")[0]) for sender in SENDERS),
        ("POST", "/usage"),
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("GET", "/metrics"),
    ],
)
def test_every_answer_is_one_that_is_described(
    running: Running, method: str, path: str, auth: AuthBase | None
) -> None:
    described: Any = schemathesis.openapi.from_url(f"{running.process.base_url}/openapi.json")

    @settings(
        max_examples={"/webhooks/hubspot": 40, "/usage": 40}.get(path, 10),
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        derandomize=True,
    )
    @given(case=described[path][method].as_strategy())
    def keeps_to_it(case: Any) -> None:
        case.call_and_validate(checks=_CONFORMS, auth=auth)

    keeps_to_it()


def test_every_operation_is_held_to_its_description(running: Running) -> None:
    described: Any = schemathesis.openapi.from_url(f"{running.process.base_url}/openapi.json")

    assert {each.ok().label for each in described.get_all_operations()} == {
        "POST /webhooks/hubspot",
        *(f"POST {sender.path.partition('?')[0]}" for sender in SENDERS),
        "POST /usage",
        "GET /healthz",
        "GET /readyz",
        "GET /metrics",
    }
