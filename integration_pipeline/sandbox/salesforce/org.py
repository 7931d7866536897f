"""The state of one org while it runs, and the transaction in which a request changes it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from starlette.requests import Request

from integration_pipeline.sandbox.clock import SandboxClock
from integration_pipeline.sandbox.salesforce.bulk.jobs import Jobs
from integration_pipeline.sandbox.salesforce.limits import Allowance
from integration_pipeline.sandbox.salesforce.options import Options
from integration_pipeline.sandbox.salesforce.push.announcing import Announcing
from integration_pipeline.sandbox.salesforce.records.store import SCHEMA, Store
from integration_pipeline.sandbox.salesforce.records.writing import Writer
from integration_pipeline.sandbox.salesforce.schema.catalogue import Catalogue
from integration_pipeline.sandbox.salesforce.schema.standard import STAGES
from integration_pipeline.sandbox.salesforce.sessions import Sessions
from integration_pipeline.sandbox.salesforce.soql.running import Queries
from integration_pipeline.sandbox.storage import SqliteFile


class Org:
    """One org in `data_dir`. Raises `StorageInUseError` when another process has the directory."""

    def __init__(self, data_dir: Path, options: Options, clock: SandboxClock) -> None:
        self.options = options
        self.clock = clock
        self._file = SqliteFile(data_dir / "salesforce.sqlite", SCHEMA)
        self.catalogue = Catalogue(self._file, multi_currency=bool(options.currencies))
        self.store = Store(self._file)
        self.writer = Writer(self.catalogue, self.store, clock)
        self.queries = Queries(self.catalogue, self.store, clock, options.open_cursors)
        self.sessions = Sessions(clock, options.organization_id, options.session_seconds)
        self.allowance = Allowance(clock, options.requests_per_day)
        self.announcing = Announcing(data_dir, options, clock, self.catalogue, self.store)
        self.jobs = Jobs(self.catalogue, self.store, self.queries, self.writer, clock, options)
        self.writer.currency = options.currencies[0] if options.currencies else None
        self._furnish()

    @contextmanager
    def transaction(self) -> Generator[None]:
        """A request's changes: all of them, announced once they are committed, or none."""
        with self.writer.attempt():
            yield
        self.announcing.announce(self.writer.taken())

    def reset(self) -> None:
        """A new org: no records, custom fields, receivers, sessions or jobs."""
        self.store.empty()
        self.catalogue.reset()
        self.announcing.reset()
        self.queries.forget()
        self.sessions.end_all()
        self.jobs.forget()
        self.allowance.change(self.options.requests_per_day)
        self._furnish()

    async def close(self) -> None:
        await self.announcing.stop()
        self._file.close()

    def _furnish(self) -> None:
        """What every org has from its first day: itself, its user, stages, the standard price book."""
        known = self.store.of_type("User")
        if known:
            self.writer.user = known[0].id
            return
        writer, catalogue = self.writer, self.catalogue
        with writer.attempt():
            user = writer.create(
                catalogue.named("User"),
                {
                    "Username": self.options.username,
                    "LastName": "Integration",
                    "Email": self.options.username,
                    "IsActive": True,
                },
            )
            writer.user = user.id
            writer.create(
                catalogue.named("Organization"),
                {"Name": "Acme", "OrganizationType": "Enterprise Edition", "InstanceName": "NA100"},
            )
            writer.create(
                catalogue.named("Pricebook2"),
                {"Name": "Standard Price Book", "IsActive": True, "IsStandard": True},
                system=True,
            )
            for place, (name, probability, closed, won) in enumerate(STAGES, start=1):
                writer.create(
                    catalogue.named("OpportunityStage"),
                    {
                        "MasterLabel": name,
                        "ApiName": name,
                        "IsActive": True,
                        "SortOrder": place,
                        "IsClosed": closed,
                        "IsWon": won,
                        "DefaultProbability": probability,
                    },
                )
        writer.taken()


def org(request: Request) -> Org:
    """The org a request is made to."""
    return cast("Org", request.app.state.org)
