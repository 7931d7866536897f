"""Answers as Intuit writes them: JSON with a time, faults, and the three bodies that are like no other."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

from starlette.responses import JSONResponse, Response

from integration_pipeline.sandbox.exact_json import dump
from integration_pipeline.sandbox.quickbooks import moments
from integration_pipeline.sandbox.quickbooks.books import Books
from integration_pipeline.sandbox.quickbooks.errors import Fault

_NAMESPACE = "http://schema.intuit.com/finance/v3"
_THROTTLED = "message=ThrottleExceeded; errorCode=003001; statusCode=429"


def tid() -> str:
    """An `intuit_tid`, by which Intuit's support finds a request."""
    drawn = uuid4().hex
    return f"1-{drawn[:8]}-{drawn[8:]}"


def json_text(text: str, status: int = 200) -> Response:
    """JSON that is text already."""
    return Response(text, status, media_type="application/json")


def answered(books: Books, name: str, text: str) -> str:
    """`{"Invoice": ..., "time": ...}` of a record's text."""
    return f'{{"{name}":{text},"time":"{written_now(books)}"}}'


def written_now(books: Books) -> str:
    return moments.written(books.now_s(), books.company.utc_offset)


def fault(refusal: Fault, now: str) -> Response:
    return json_text(dump({"Fault": refusal.body(), "time": now}), refusal.status)


def unauthenticated(now: datetime, detail: str) -> Response:
    """A token that is missing, malformed, expired or revoked: names in lower case, times in ms."""
    return JSONResponse(
        {
            "warnings": None,
            "intuitObject": None,
            "fault": {
                "error": [
                    {
                        "message": "message=AuthenticationFailed; errorCode=003200; statusCode=401",
                        "detail": detail,
                        "code": "3200",
                        "element": None,
                    }
                ],
                "type": "AUTHENTICATION",
            },
            "report": None,
            "queryResponse": None,
            "batchItemResponse": [],
            "attachableResponse": [],
            "syncErrorResponse": None,
            "requestId": None,
            "time": int((now - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1_000),
            "status": None,
            "cdcresponse": [],
        },
        401,
    )


def foreign_company(now: datetime) -> Response:
    """A good token for another company than the one of the path."""
    return _xml(
        now,
        '<Fault type="AuthenticationFault"><Error code="100"><Message>General Authentication Error</Message>'
        "<Detail>AuthenticationErrorGeneral: SRV-110-Authentication Failure , statusCode: 401</Detail>"
        "</Error></Fault>",
        401,
    )


def throttled(now: datetime, form: str) -> Response:
    """A 429, which names no time to wait: 60 seconds are the rule."""
    if form == "json":
        error = {"Message": _THROTTLED, "Detail": "", "code": "3001", "element": ""}
        body = {
            "Fault": {"Error": [error], "type": "SERVICE"},
            "time": now.isoformat(timespec="milliseconds"),
        }
        return JSONResponse(body, 429)
    return _xml(
        now,
        f'<Fault type="SERVICE"><Error code="3001"><Message>{_THROTTLED}</Message></Error></Fault>',
        429,
    )


def _xml(now: datetime, inner: str, status: int) -> Response:
    moment = now.isoformat(timespec="milliseconds")
    return Response(
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
        f'<IntuitResponse xmlns="{_NAMESPACE}" time="{moment}">{inner}</IntuitResponse>',
        status,
        media_type="application/xml",
    )
