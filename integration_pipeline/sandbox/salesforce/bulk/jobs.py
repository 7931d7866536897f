"""Jobs of Bulk API 2.0: what each is to do, which state it is in, what came of it.

A job is carried out when somebody looks at it after its time, which nobody can tell from its having been done
in the background. Requests and answers are `resources`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from integration_pipeline.sandbox.clock import SandboxClock
from integration_pipeline.sandbox.salesforce.errors import Problem, SalesforceError, not_found, refused
from integration_pipeline.sandbox.salesforce.ids import new_id
from integration_pipeline.sandbox.salesforce.moments import in_rest
from integration_pipeline.sandbox.salesforce.options import Options
from integration_pipeline.sandbox.salesforce.records.store import Record, Store
from integration_pipeline.sandbox.salesforce.records.values import kept
from integration_pipeline.sandbox.salesforce.records.writing import Writer
from integration_pipeline.sandbox.salesforce.rendering import Value
from integration_pipeline.sandbox.salesforce.schema.catalogue import Catalogue
from integration_pipeline.sandbox.salesforce.schema.fields import SObject
from integration_pipeline.sandbox.salesforce.soql.projection import Children
from integration_pipeline.sandbox.salesforce.soql.running import Dialect, Queries, Rows

DELIMITERS: Final = {
    "BACKQUOTE": "`",
    "CARET": "^",
    "COMMA": ",",
    "PIPE": "|",
    "SEMICOLON": ";",
    "TAB": "\t",
}
LINE_ENDINGS: Final = {"LF": "\n", "CRLF": "\r\n"}
_EMPTY = "#N/A"


class State(StrEnum):
    """Values are Salesforce's."""

    OPEN = "Open"
    UPLOAD_COMPLETE = "UploadComplete"
    IN_PROGRESS = "InProgress"
    ABORTED = "Aborted"
    JOB_COMPLETE = "JobComplete"
    FAILED = "Failed"


ENDED = frozenset({State.ABORTED, State.JOB_COMPLETE, State.FAILED})


@dataclass(slots=True)
class Job:
    """One job. `rows` are a query's answer; an ingest job has its `upload` and what became of each line."""

    id: str
    operation: str
    object: str
    delimiter: str
    line_ending: str
    created_ms: int
    state: State
    due: float = 0.0
    error: str = ""
    rows: Rows | None = None
    query: str = ""
    external_id: str = ""
    upload: str = ""
    succeeded: list[list[str]] = field(default_factory=list[list[str]])
    failed: list[list[str]] = field(default_factory=list[list[str]])
    unprocessed: list[list[str]] = field(default_factory=list[list[str]])
    header: list[str] = field(default_factory=list[str])

    @property
    def is_query(self) -> bool:
        return self.operation in ("query", "queryAll")

    @property
    def dialect(self) -> Dialect:
        return Dialect(DELIMITERS[self.delimiter], LINE_ENDINGS[self.line_ending])

    @property
    def processed(self) -> int:
        if self.rows is not None:
            return len(self.rows.ids) if self.state is State.JOB_COMPLETE else 0
        return len(self.succeeded) + len(self.failed)


class Jobs:
    """The jobs of one org, until it ends."""

    def __init__(
        self,
        catalogue: Catalogue,
        store: Store,
        queries: Queries,
        writer: Writer,
        clock: SandboxClock,
        options: Options,
    ) -> None:
        self._catalogue = catalogue
        self._store = store
        self._queries = queries
        self._writer = writer
        self._clock = clock
        self._seconds = float(options.bulk_seconds)
        self._jobs: dict[str, Job] = {}

    def create(
        self,
        operation: str,
        *,
        object_name: str,
        query: str,
        delimiter: str,
        line_ending: str,
        external_id: str,
    ) -> Job:
        """A new job. Raises the 400s of one that cannot be."""
        if delimiter not in DELIMITERS or line_ending not in LINE_ENDINGS:
            raise refused("INVALIDJOB", f"no column delimiter {delimiter} or line ending {line_ending}")
        job = Job(
            new_id("750", len(self._jobs) + 1),
            operation,
            object_name,
            delimiter,
            line_ending,
            self._clock.now_ms(),
            State.OPEN,
            query=query,
            external_id=external_id,
        )
        if job.is_query:
            job.rows = self._queries.ask(query, deleted=operation == "queryAll")
            job.object = job.rows.selection.kind.name
            self._begin(job)
        elif self._catalogue.find(object_name) is None:
            raise refused("INVALIDENTITY", f"Unable to find object: {object_name}")
        self._jobs[job.id] = job
        return job

    def get(self, job_id: str, *, is_query: bool) -> Job:
        """A job as it is now. Raises the 404."""
        job = self._jobs.get(job_id) or self._jobs.get(job_id[:18])
        if job is None or job.is_query != is_query:
            raise not_found()
        self._advance(job)
        return job

    def upload(self, job: Job, text: str) -> None:
        if job.state is not State.OPEN or job.upload:
            raise _wrong_state(job)
        job.upload = text

    def change(self, job: Job, state: str) -> None:
        """`UploadComplete` begins an ingest job, `Aborted` ends any."""
        if state == State.UPLOAD_COMPLETE and job.state is State.OPEN and job.upload:
            self._begin(job)
        elif state == State.ABORTED and job.state not in ENDED:
            job.state = State.ABORTED
        else:
            raise _wrong_state(job)

    def delete(self, job: Job) -> None:
        if job.state not in ENDED:
            raise _wrong_state(job)
        del self._jobs[job.id]

    def forget(self) -> None:
        self._jobs.clear()

    def csv(self, job: Job, start: int, size: int) -> tuple[str, int]:
        """Rows of a query job that is complete; and how many."""
        if job.rows is None or job.state is not State.JOB_COMPLETE:
            raise _wrong_state(job)
        return self._queries.as_csv(job.rows, start, size, job.dialect)

    def lines(self, job: Job, which: str) -> str:
        """What became of an ingest job's lines, as CSV."""
        head, lines = {
            "successfulResults": (["sf__Id", "sf__Created"], job.succeeded),
            "failedResults": (["sf__Id", "sf__Error"], job.failed),
            "unprocessedrecords": ([], job.unprocessed),
        }[which]
        text = io.StringIO()
        writer = csv.writer(
            text,
            quoting=csv.QUOTE_ALL,
            delimiter=job.dialect.delimiter,
            lineterminator=job.dialect.line_ending,
        )
        writer.writerow([*head, *job.header])
        writer.writerows(lines)
        return text.getvalue()

    def _begin(self, job: Job) -> None:
        job.state = State.UPLOAD_COMPLETE
        job.due = self._clock.monotonic() + self._seconds

    def _advance(self, job: Job) -> None:
        if job.state not in (State.UPLOAD_COMPLETE, State.IN_PROGRESS):
            return
        if self._clock.monotonic() < job.due:
            job.state = State.IN_PROGRESS
            return
        job.state = State.JOB_COMPLETE
        if job.rows is None:
            self._ingest(job)
        elif any(isinstance(each, Children) for each in job.rows.selection.members.values()):
            job.state = State.FAILED
            job.error = "FeatureNotEnabled : Aggregate Relationships not supported in Bulk Query"
        else:
            # What the rows are is settled when the job runs.
            job.rows = self._queries.ask(job.query, deleted=job.operation == "queryAll")

    def _ingest(self, job: Job) -> None:
        kind = self._catalogue.find(job.object)
        assert kind is not None  # noqa: S101 - checked when the job was made
        reader = csv.reader(io.StringIO(job.upload, newline=""), delimiter=job.dialect.delimiter)
        job.header = next(reader, list[str]())
        act = self._action(job, kind)
        for line in reader:
            given = dict(zip(job.header, line, strict=False))
            try:
                with self._writer.attempt():
                    record_id, is_new = act(given)
            except SalesforceError as refusal:
                problem = refusal.problems[0]
                listed = ",".join(problem.fields or ())
                job.failed.append(["", f"{problem.code}:{problem.message}:{listed} --", *line])
            else:
                job.succeeded.append([record_id, "true" if is_new else "false", *line])

    def _action(self, job: Job, kind: SObject) -> Callable[[Mapping[str, str]], tuple[str, bool]]:
        writer = self._writer

        def insert(given: Mapping[str, str]) -> tuple[str, bool]:
            return writer.create(kind, _values(given)).id, True

        def update(given: Mapping[str, str]) -> tuple[str, bool]:
            others = {name: value for name, value in given.items() if name != "Id"}
            return writer.update(kind, given.get("Id", ""), _values(others)).id, False

        def upsert(given: Mapping[str, str]) -> tuple[str, bool]:
            found = self._matching(kind, job.external_id, given.get(job.external_id, ""))
            others = {name: value for name, value in given.items() if name != job.external_id}
            if found is not None:
                return writer.update(kind, found.id, _values(others)).id, False
            return writer.create(kind, _values(given)).id, True

        def delete(given: Mapping[str, str]) -> tuple[str, bool]:
            writer.delete(kind, given.get("Id", ""))
            return given["Id"], False

        return {"insert": insert, "update": update, "upsert": upsert, "delete": delete}[job.operation]

    def _matching(self, kind: SObject, name: str, value: str) -> Record | None:
        known = kind.find(name)
        if known is None or not known.external_id:
            raise SalesforceError(400, Problem("INVALID_FIELD", f"no external id {name}", ()))
        stored = kept(known, value)
        found = self._store.holding(kind.name, known.name, stored) if isinstance(stored, str) else []
        if len(found) > 1:
            raise SalesforceError(
                400, Problem("DUPLICATE_EXTERNAL_ID", f"{name}: more than one record found", ())
            )
        return found[0] if found else None


def described(job: Job, user: str, version: str) -> dict[str, Value]:
    """A job as its resource shows it."""
    shared: dict[str, Value] = {
        "id": job.id,
        "operation": job.operation,
        "object": job.object,
        "createdById": user,
        "createdDate": in_rest(job.created_ms),
        "systemModstamp": in_rest(job.created_ms),
        "state": job.state.value,
        "concurrencyMode": "Parallel",
        "contentType": "CSV",
        "apiVersion": int(version),
        "lineEnding": job.line_ending,
        "columnDelimiter": job.delimiter,
        "jobType": "V2Query" if job.is_query else "V2Ingest",
        "numberRecordsProcessed": job.processed,
        "retries": 0,
        "totalProcessingTime": 10,
    }
    if not job.is_query:
        shared["numberRecordsFailed"] = len(job.failed)
        shared["externalIdFieldName"] = job.external_id or None
    if job.error:
        shared["errorMessage"] = job.error
    return shared


def _values(given: Mapping[str, str]) -> dict[str, str | None]:
    """An empty cell says nothing of its field; `#N/A` empties it."""
    return {name: None if value == _EMPTY else value for name, value in given.items() if value}


def _wrong_state(job: Job) -> SalesforceError:
    return refused("INVALIDJOBSTATE", f"Job {job.id} is in state {job.state}")
