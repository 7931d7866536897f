"""`/composite` and `/composite/batch`: several calls in one request.

A reference `@{name.field}` in a later call stands for what an earlier one answered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from integration_pipeline.sandbox.salesforce.errors import Problem, SalesforceError, refused
from integration_pipeline.sandbox.salesforce.rendering import JsonObject, Value
from integration_pipeline.sandbox.salesforce.rest.calls import Call, Json, Outcome, as_list, as_object, flag
from integration_pipeline.sandbox.salesforce.rest.collections import Undo, undo

MOST_CALLS, MOST_QUERIES = 25, 5
_REFERENCE = re.compile(r"@\{([A-Za-z]\w*)((?:\.\w+|\[\d+\])*)\}")
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")
_HALTED = Problem(
    "PROCESSING_HALTED",
    "The transaction was rolled back since another operation in the same transaction failed.",
)

Dispatch = Callable[[Call], Outcome]


def composite(dispatch: Dispatch) -> Dispatch:
    """The resource `POST /composite`; `dispatch` carries out one call."""

    def handle(call: Call) -> Outcome:
        body = call.object()
        requests = [as_object(each) for each in as_list(body.get("compositeRequest"), "compositeRequest")]
        _check(call, requests)
        answers: dict[str, Outcome] = {}
        try:
            with call.org.writer.attempt():
                for each in requests:
                    answers[str(each["referenceId"])] = _one(call, each, answers, dispatch)
                failed = any(answer.status >= 300 for answer in answers.values())
                if failed and flag(body.get("allOrNone")):
                    undo()
        except Undo:
            halted: list[Value] = [_HALTED.as_json()]
            answers = {
                name: answer if answer.status >= 300 else Outcome(halted, 400)
                for name, answer in answers.items()
            }
        shown: list[JsonObject] = [
            {
                "body": answer.body,
                "httpHeaders": dict(answer.headers),
                "httpStatusCode": answer.status,
                "referenceId": name,
            }
            for name, answer in answers.items()
        ]
        return Outcome({"compositeResponse": shown})

    return handle


def batch(dispatch: Dispatch) -> Dispatch:
    """The resource `POST /composite/batch`, whose calls know nothing of one another."""

    def handle(call: Call) -> Outcome:
        body = call.object()
        requests = [as_object(each) for each in as_list(body.get("batchRequests"), "batchRequests")]
        if len(requests) > MOST_CALLS:
            raise refused("LIMIT_EXCEEDED", f"The batch can contain up to {MOST_CALLS} requests")
        results: list[Outcome] = []
        for each in requests:
            halted = flag(body.get("haltOnError")) and any(done.status >= 300 for done in results)
            if halted:
                results.append(Outcome([_HALTED.as_json()], 412))
                continue
            url = f"/services/data/{str(each.get('url', '')).lstrip('/')}"
            results.append(_carried_out(_call(call, each, url, each.get("richInput")), dispatch))
        shown: list[JsonObject] = [{"statusCode": each.status, "result": each.body} for each in results]
        return Outcome({"hasErrors": any(each.status >= 300 for each in results), "results": shown})

    return handle


def _check(call: Call, requests: list[Json]) -> None:
    if not 0 < len(requests) <= MOST_CALLS:
        raise refused("LIMIT_EXCEEDED", f"The request can contain up to {MOST_CALLS} subrequests")
    for each in requests:
        if not isinstance(each.get("referenceId"), str) or not isinstance(each.get("url"), str):
            raise refused("INVALID_INPUT", "each subrequest needs a method, a url and a referenceId")
        if not str(each["url"]).startswith(f"{call.root}/"):
            raise refused("INVALID_INPUT", f"the url of a subrequest starts with {call.root}/")
    queries = sum(
        str(each["url"]).removeprefix(f"{call.root}/").startswith(("query", "composite/sobjects"))
        for each in requests
    )
    if queries > MOST_QUERIES:
        raise refused(
            "LIMIT_EXCEEDED", f"up to {MOST_QUERIES} subrequests can be queries or sObject collections"
        )


def _one(call: Call, given: Json, answers: Mapping[str, Outcome], dispatch: Dispatch) -> Outcome:
    try:
        url = _resolved(str(given["url"]), answers)
        body = _resolved_body(given.get("body"), answers)
    except LookupError as unknown:
        return Outcome(
            [Problem("PROCESSING_HALTED", f"Invalid reference specified. {unknown}").as_json()], 400
        )
    return _carried_out(_call(call, given, url, body), dispatch)


def _call(call: Call, given: Json, url: str, body: object) -> Call:
    parts = urlsplit(url)
    root = "/".join(parts.path.split("/")[:4])
    said = as_object(given.get("httpHeaders") or {})
    headers = {name.lower(): str(value) for name, value in said.items()}
    return replace(
        call,
        method=str(given.get("method", "")).upper(),
        root=root,
        path=unquote(parts.path.removeprefix(root)),
        params=dict(parse_qsl(parts.query)),
        headers=headers,
        body=body,
    )


def _carried_out(call: Call, dispatch: Dispatch) -> Outcome:
    try:
        with call.org.writer.attempt():
            return dispatch(call)
    except SalesforceError as refusal:
        return Outcome(refusal.body(), refusal.status)


def _resolved(text: str, answers: Mapping[str, Outcome]) -> str:
    return _REFERENCE.sub(lambda found: str(_referred(found, answers)), text)


def _resolved_body(value: Any, answers: Mapping[str, Outcome]) -> Any:
    match value:
        case str():
            return _resolved(value, answers)
        case Mapping():
            return {name: _resolved_body(each, answers) for name, each in value.items()}  # pyright: ignore[reportUnknownVariableType] - any JSON
        case list():
            return [_resolved_body(each, answers) for each in value]  # pyright: ignore[reportUnknownVariableType] - any JSON
        case _:
            return value


def _referred(found: re.Match[str], answers: Mapping[str, Outcome]) -> Any:
    answer = answers.get(found[1])
    if answer is None or answer.status >= 300:
        raise LookupError(f"No value for {found[0]} found in {found[1]}")
    value: Any = answer.body
    for name, index in _STEP.findall(found[2]):
        try:
            value = value[int(index)] if index else value[name]
        except (TypeError, KeyError, IndexError):
            raise LookupError(f"No value for {found[0]} found in {found[1]}") from None
    return value
