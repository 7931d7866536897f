"""The sandbox's state in one place: its companies with their books, who has logged in, limits, webhooks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from starlette.requests import Request

from integration_pipeline.sandbox.clock import SandboxClock
from integration_pipeline.sandbox.notifications.service import Notifications
from integration_pipeline.sandbox.quickbooks import webhooks
from integration_pipeline.sandbox.quickbooks.books import Books, Change
from integration_pipeline.sandbox.quickbooks.limits import RateLimiter
from integration_pipeline.sandbox.quickbooks.oauth.grants import Grants
from integration_pipeline.sandbox.quickbooks.options import Company, Options
from integration_pipeline.sandbox.quickbooks.seeds import furnish
from integration_pipeline.sandbox.quickbooks.storage import EMPTY, SCHEMA
from integration_pipeline.sandbox.storage import SqliteFile


class QuickBooks:
    """Everything handlers act on. Raises `StorageInUseError` when another process has the directory."""

    def __init__(self, data_dir: Path, options: Options) -> None:
        self.options = options
        self.clock = SandboxClock(options.speed)
        self.file = SqliteFile(data_dir / "quickbooks.sqlite", SCHEMA)
        self.grants = Grants(self.file, self.clock, options.lifetimes)
        self.limiter = RateLimiter(options.limits, self.clock)
        self.notifications = Notifications(
            data_dir,
            self.clock,
            webhooks.composer(options.webhook_form, options.webhook_verifier),
            retry_seconds=webhooks.RETRY_SECONDS,
            most_events=webhooks.MOST_EVENTS,
            accepted=lambda status: status == 200,
            ordered=True,
            deadline_seconds=webhooks.DEADLINE_SECONDS,
        )
        self.companies: dict[str, Books] = {}
        self._open()

    def set_company(self, company: Company) -> None:
        """Change a company's preferences; they outlive the process."""
        self.file.write(
            "INSERT OR REPLACE INTO companies (realm, settings) VALUES (?, ?)",
            (company.realm_id, company.model_dump_json()),
        )
        self.companies[company.realm_id].company = company

    def reset(self) -> None:
        """Companies as new, as the options say; nothing to deliver. Who has logged in stays so."""
        self.notifications.reset()
        with self.file.transaction():
            for statement in EMPTY:
                self.file.write(statement)
        self._open()

    def _open(self) -> None:
        kept = dict(self.file.rows("SELECT realm, settings FROM companies"))
        for given in self.options.companies:
            settings = kept.get(given.realm_id)
            company = given if settings is None else Company.model_validate_json(settings)
            books = Books(self.file, self.clock, company, self._announce)
            self.companies[given.realm_id] = books
            if settings is None:
                furnish(books)
                self.set_company(company)

    def _announce(self, realm: str, changes: Sequence[Change]) -> None:
        if self.notifications.settings.url is None:
            return
        for change in changes:
            if change.entity not in webhooks.SILENT:
                self.notifications.announce(
                    webhooks.event(realm, change), f"{realm} {change.entity} {change.id}"
                )


def state(request: Request) -> QuickBooks:
    return cast("QuickBooks", request.app.state.quickbooks)
