"""The Plaid connector: syncs of one item that are whole, or begun again.

Belongs here: following cursors. Does not belong here: keeping them and telling known lines from new ones (the
caller's), what a line means (`reading`).
"""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Self

from prometheus_client import REGISTRY, CollectorRegistry

from integration_pipeline.payments.movements import MovementSource, Page
from integration_pipeline.payments.plaid.api import BankAccount, PlaidApi, SyncPage, connect
from integration_pipeline.payments.plaid.config import PlaidSettings
from integration_pipeline.payments.plaid.errors import MutatedDuringSync
from integration_pipeline.payments.plaid.reading import merged
from integration_pipeline.transport.client import RetryPolicy, TimeLimits
from integration_pipeline.transport.clock import Clock
from integration_pipeline.transport.failures import Attempted, malformed
from integration_pipeline.transport.limits import Limiter
from integration_pipeline.transport.metrics import VendorMetrics

_SYNC = Attempted("plaid", "POST", "/transactions/sync", is_write=False)


class PlaidSource:
    """Reads one item. Safe for threads; close it or use it as a context manager.

    Methods raise the transport's failures: `Unauthorized` where somebody has to sign in to the bank again.
    """

    name = MovementSource.PLAID

    def __init__(
        self,
        settings: PlaidSettings,
        *,
        limiter: Limiter | None = None,
        retries: RetryPolicy | None = None,
        time_limits: TimeLimits | None = None,
        registry: CollectorRegistry = REGISTRY,
        clock: Clock | None = None,
    ) -> None:
        self._settings = settings
        self._client = connect(
            settings,
            limiter=limiter,
            retries=retries,
            time_limits=time_limits,
            registry=registry,
            clock=clock,
        )
        self._api = PlaidApi(self._client)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._client.close()

    @property
    def metrics(self) -> VendorMetrics:
        """Requests, retries, throttling and seconds so far, for stage reports."""
        return self._client.metrics

    @property
    def load(self) -> float:
        return self._client.load

    def accounts(self) -> list[BankAccount]:
        """The accounts of the item, for whoever chooses `account_ids`."""
        return self._api.accounts(self._settings.access_token)

    def changes_since(self, cursor: str | None) -> Iterator[Page]:
        """One page: posted lines that are new or changed since `cursor`, and the ids the bank took back.

        Pending lines are ignored: one that is posted comes as a new line, and the id it had while it was
        pending is among `removed`. Nothing is handed out before the whole sync was read, so that a sync which
        Plaid interrupts leaves nothing behind. While Plaid is still reading the bank, the page is empty and
        has no cursor.
        """
        pages = self._whole(cursor)
        if not pages[-1].next_cursor:
            yield Page()
            return
        yield merged(pages, self._settings.account_ids)

    def _whole(self, cursor: str | None) -> list[SyncPage]:
        """All pages since a cursor, from one sync that nothing interrupted."""
        for _ in range(self._settings.restarts):
            try:
                return list(self._pages(cursor))
            except MutatedDuringSync:
                continue
        return list(self._pages(cursor))

    def _pages(self, cursor: str | None) -> Iterator[SyncPage]:
        seen: set[str] = set()
        while True:
            page = self._api.sync(self._settings.access_token, cursor, self._settings.page_size)
            yield page
            if not page.has_more:
                return
            cursor = page.next_cursor
            if not cursor or cursor in seen:
                raise malformed(_SYNC, "answered that there is more, with a cursor given before")
            seen.add(cursor)
