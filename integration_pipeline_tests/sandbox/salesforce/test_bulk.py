"""Jobs of the bulk API beyond what simple-salesforce does with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest

from integration_pipeline.sandbox.process import VendorProcess
from integration_pipeline.sandbox.salesforce.options import Options
from integration_pipeline_tests.sandbox.salesforce.conftest import KEY, SECRET, VERSION, Create

Query = Callable[..., list[dict[str, Any]]]


def query_job(client: httpx.Client, soql: str, operation: str = "query") -> dict[str, Any]:
    answer = client.post("/jobs/query", json={"operation": operation, "query": soql})
    assert answer.status_code == 200, answer.text
    return client.get(f"/jobs/query/{answer.json()['id']}").json()


def test_rows_come_in_pages_by_a_locator(client: httpx.Client, create: Create) -> None:
    for name in ("Acme", "Globex", "Initech"):
        create("Account", Name=name, AnnualRevenue=12_345_678)
    job = query_job(client, "SELECT Name, AnnualRevenue, CreatedDate, Owner.Email, Phone FROM Account")
    path = f"/jobs/query/{job['id']}/results"

    first = client.get(path, params={"maxRecords": 2})
    last = client.get(path, params={"maxRecords": 2, "locator": first.headers["Sforce-Locator"]})

    assert job["state"] == "JobComplete"
    assert job["numberRecordsProcessed"] == 3
    assert (first.headers["Sforce-NumberOfRecords"], last.headers["Sforce-NumberOfRecords"]) == ("2", "1")
    assert last.headers["Sforce-Locator"] == "null"
    header, row = last.text.splitlines()
    assert header == '"Name","AnnualRevenue","CreatedDate","Owner.Email","Phone"'
    assert row.startswith('"Initech","1.2345678E7","2')
    assert row.endswith('.000Z","integration@acme.example",""')


def test_deleted_rows_are_in_query_all(client: httpx.Client, create: Create) -> None:
    client.delete(f"/sobjects/Account/{create('Account', Name='Acme')}")

    for operation, count in (("query", 0), ("queryAll", 1)):
        assert query_job(client, "SELECT Id FROM Account", operation)["numberRecordsProcessed"] == count


def test_a_query_with_children_fails(client: httpx.Client) -> None:
    job = query_job(client, "SELECT Id, (SELECT Id FROM Contacts) FROM Account")

    assert job["state"] == "Failed"
    assert "Aggregate Relationships not supported in Bulk Query" in job["errorMessage"]


def test_a_query_that_is_none_makes_no_job(client: httpx.Client) -> None:
    answer = client.post("/jobs/query", json={"operation": "query", "query": "SELECT Color FROM Account"})

    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "INVALID_FIELD")


def test_lines_are_upserted_changed_and_deleted(
    client: httpx.Client, create: Create, query: Query, sandbox: VendorProcess
) -> None:
    external = {"object": "Account", "name": "Legacy_Id__c", "type": "string", "external_id": True}
    sandbox.admin("POST", "/fields", {"fields": [external]})
    account = create("Account", Name="Acme", Legacy_Id__c="A-1", Phone="7")

    upserted = ingest(client, "upsert", "Legacy_Id__c,Name\nA-1,Acme Corp\nA-2,Globex\n", "Legacy_Id__c")
    ingest(client, "update", f"Id,Phone,Website\n{account},#N/A,acme.example\n")

    assert upserted["numberRecordsProcessed"] == 2
    found = query("SELECT Name, Phone, Website FROM Account ORDER BY Name")
    assert [(each["Name"], each["Phone"], each["Website"]) for each in found] == [
        ("Acme Corp", None, "acme.example"),
        ("Globex", None, None),
    ]
    ingest(client, "delete", f"Id\n{account}\n")
    assert [each["Name"] for each in query("SELECT Name FROM Account")] == ["Globex"]


def test_an_upload_is_taken_once_and_a_job_without_one_never_begins(client: httpx.Client) -> None:
    job = client.post("/jobs/ingest", json={"object": "Account", "operation": "insert"}).json()["id"]
    path = f"/jobs/ingest/{job}"

    assert client.patch(path, json={"state": "UploadComplete"}).status_code == 400
    assert client.put(f"{path}/batches", content=b"Name\nAcme\n").status_code == 201
    assert client.put(f"{path}/batches", content=b"Name\nAcme\n").status_code == 400
    assert client.patch(path, json={"state": "Aborted"}).json()["state"] == "Aborted"
    assert client.delete(path).status_code == 204
    assert client.get(path).status_code == 404


class TestTime:
    @pytest.fixture
    def slow(self, tmp_path_factory: pytest.TempPathFactory, options: Options) -> Iterator[VendorProcess]:
        slow = options.model_copy(update={"bulk_seconds": Decimal(600)})
        with VendorProcess("salesforce", tmp_path_factory.mktemp("slow"), slow) as sandbox:
            yield sandbox

    def test_passes_until_a_job_is_complete(self, slow: VendorProcess) -> None:
        token = httpx.post(
            f"{slow.base_url}/services/oauth2/token",
            data={"grant_type": "client_credentials"},
            auth=(KEY, SECRET),
        ).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=f"{slow.base_url}{VERSION}", headers=headers) as client:
            job = query_job(client, "SELECT Id FROM Account")
            early = client.get(f"/jobs/query/{job['id']}/results")
            # The session outlasts it, for it is in use.
            slow.admin("PUT", "/clock", {"advance_seconds": 600})
            later = client.get(f"/jobs/query/{job['id']}").json()
            slow.admin("PUT", "/clock", {"advance_seconds": 7_201})
            ended = client.get("/limits")

        assert job["state"] == "InProgress"
        assert (early.status_code, early.json()[0]["errorCode"]) == (400, "INVALIDJOBSTATE")
        assert later["state"] == "JobComplete"
        assert (ended.status_code, ended.json()[0]["errorCode"]) == (401, "INVALID_SESSION_ID")


def ingest(client: httpx.Client, operation: str, lines: str, external_id: str = "") -> dict[str, Any]:
    body = {"object": "Account", "operation": operation, "externalIdFieldName": external_id}
    path = f"/jobs/ingest/{client.post('/jobs/ingest', json=body).json()['id']}"
    client.put(f"{path}/batches", content=lines.encode()).raise_for_status()
    client.patch(path, json={"state": "UploadComplete"}).raise_for_status()
    job = client.get(path).json()
    assert (job["state"], job["numberRecordsFailed"]) == ("JobComplete", 0), job
    return job
