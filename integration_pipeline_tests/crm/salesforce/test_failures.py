"""What Salesforce's refusals mean for whoever asked."""

from __future__ import annotations

import pytest

from integration_pipeline.crm.records import ObjectType
from integration_pipeline.crm.salesforce.errors import SALESFORCE_FAILURES
from integration_pipeline.crm.salesforce.source import SalesforceSource
from integration_pipeline.transport.failures import (
    Attempted,
    Conflict,
    ErrorReply,
    Malformed,
    NotFound,
    QuotaExhausted,
    Rejected,
    Throttled,
    Transient,
    Unauthorized,
    Uncertain,
    VendorFailure,
)
from integration_pipeline.transport.json_types import JsonValue
from integration_pipeline_tests.crm.salesforce.conftest import Connect, Org, read

READING = Attempted("salesforce", "GET", "/services/data/v67.0/query", is_write=False)
WRITING = Attempted("salesforce", "PATCH", "/services/data/v67.0/composite/sobjects", is_write=True)


@pytest.mark.parametrize(
    ("status", "code", "message", "on_read", "on_write"),
    [
        (401, "INVALID_SESSION_ID", "Session expired or invalid", Unauthorized, Unauthorized),
        (403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", QuotaExhausted, QuotaExhausted),
        (403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded.", Throttled, Throttled),
        (403, "INSUFFICIENT_ACCESS_OR_READONLY", "no", Unauthorized, Unauthorized),
        (400, "INVALID_FIELD", "No such column", Rejected, Rejected),
        (400, "MALFORMED_QUERY", "unexpected token", Rejected, Rejected),
        (400, "QUERY_TIMEOUT", "Your query request was running for too long.", Transient, Transient),
        (400, "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access", Transient, Transient),
        (400, "DUPLICATES_DETECTED", "Use one of these records?", Conflict, Conflict),
        (404, "NOT_FOUND", "The requested resource does not exist", NotFound, NotFound),
        (500, "UNKNOWN_EXCEPTION", "An unexpected error occurred", Transient, Uncertain),
        (503, "SERVER_UNAVAILABLE", "We are down for maintenance", Transient, Uncertain),
    ],
)
def test_codes_are_recovery_classes(
    status: int, code: str, message: str, on_read: type[VendorFailure], on_write: type[VendorFailure]
) -> None:
    body: JsonValue = [{"message": message, "errorCode": code}]
    reply = ErrorReply(status, {}, body, "")

    for attempted, expected in ((READING, on_read), (WRITING, on_write)):
        failure = SALESFORCE_FAILURES.of_reply(attempted, reply)
        assert type(failure) is expected
        assert f"{message} ({code})" in str(failure)


@pytest.mark.parametrize("body", [None, [], {}, ["text"], [{"errorCode": 7}], {"error": ["x"]}, "text", 7])
def test_bodies_of_any_shape_are_only_less_telling(body: JsonValue) -> None:
    assert isinstance(SALESFORCE_FAILURES.of_reply(READING, ErrorReply(400, {}, body, "said")), Rejected)


def test_a_used_up_allowance_is_not_waited_for(org: Org, source: SalesforceSource) -> None:
    source.owners()
    org.admin("PUT", "/allowance", {"requests_per_day": 1})
    source.owners()

    with pytest.raises(QuotaExhausted, match="TotalRequests Limit exceeded"):
        source.owners()
    assert source.metrics.totals().retries == 0


def test_the_orgs_own_count_of_requests_is_kept(org: Org, connect: Connect) -> None:
    source = connect(requests_per_day=10)
    org.admin("PUT", "/allowance", {"requests_per_day": 10})
    for _ in range(8):
        org.get("Opportunity", "describe")

    source.owners()

    assert source.load == 0.9


def test_a_refusal_within_a_composite_call_is_that_of_its_query(org: Org, source: SalesforceSource) -> None:
    with pytest.raises(Rejected, match="No such column 'Nothing__c'") as caught:
        source.fetch(ObjectType.DEAL, ["006Wx0000000001"], ["Nothing__c"])

    assert caught.value.status == 400


@pytest.mark.parametrize("form", ["text", "shape", "record"])
def test_garbage_is_never_taken_for_records(org: Org, source: SalesforceSource, form: str) -> None:
    org.create("Account", Name="Acme")
    source.owners()
    org.fault(path="/services/data/*", fault={"kind": "garbage", "form": form})

    with pytest.raises(Malformed):
        read(source, ObjectType.COMPANY, "Name", since=org.now())


def test_a_bulk_job_that_fails_says_why(org: Org, connect: Connect) -> None:
    org.create("Account", Name="Acme")
    source = connect(bulk_from=0)
    org.fault(path="*/jobs/query", fault={"kind": "error", "status": 503})

    with pytest.raises(Uncertain, match="down for maintenance"):
        read(source, ObjectType.COMPANY, "Name")
