"""What is done at each account: accounting systems are swept, money that moved is received and settled, deals
of the CRM are told.

Belongs here: which look belongs to which account, looking at one in place of the lookout. Does not belong
here: when to look (`lookout`), what looks do (`posting.sweep`, `pipeline.receive`, `.settle`, `.write_back`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta

import psycopg
from sqlalchemy import text

from integration_pipeline.accounting.target import AccountingTarget
from integration_pipeline.accounting.targets_file import TargetsFile
from integration_pipeline.crm.write_back import CrmWriter
from integration_pipeline.inbox.nudges import looking
from integration_pipeline.payment_accounts import PaymentAccount
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.receive import receive
from integration_pipeline.pipeline.reports import StageReport
from integration_pipeline.pipeline.scope import Scope
from integration_pipeline.pipeline.settle import settle
from integration_pipeline.pipeline.write_back import write_back
from integration_pipeline.posting.sweep import sweep
from integration_pipeline.posting.writer import open_session
from integration_pipeline.realtime.lookout import Account, Look

WRITE_BACK = "write_back"
"""The source under which telling a CRM is looked after; its account is the CRM's name."""

# What is booked is seen when its transaction ends, some time after the moment it bears.
_OVERLAP = timedelta(seconds=15)

_log = logging.getLogger(__name__)


def looks_of(
    pipeline: Callable[[], Pipeline],
    targets: Iterable[AccountingTarget],
    file: TargetsFile,
    accounts: Iterable[PaymentAccount],
) -> Mapping[Account, Look]:
    """A look for every account that is configured, by the source and account its webhooks name."""
    looks: dict[Account, Look] = {}
    for target in targets:
        looks[target.vendor, file.named(target.name).account] = _sweeping(pipeline, target)
    for account in accounts:
        looks[account.vendor, account.account] = _receiving(pipeline, account)
    return looks


class WritingBack:
    """Tells deals of the CRM about their invoices: of those that something was booked for at once, of all
    now and then.
    """

    def __init__(
        self, pipeline: Callable[[], Pipeline], writer: CrmWriter, *, all_every_seconds: float = 300.0
    ) -> None:
        self._pipeline = pipeline
        self._writer = writer
        self._all_every = all_every_seconds
        self._all_due = 0.0
        self._since: datetime | None = None

    def __call__(self) -> None:
        """The look. Raises the transport's failures: then the next one begins where this one did."""
        pipeline = self._pipeline()
        if pipeline.mapping.write_back is None:
            return
        with pipeline.engine.connect() as connection:
            now: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
            since = {"since": (self._since or now) - _OVERLAP}
            deals = list(connection.execute(text(_BOOKED_SINCE), since).scalars())
        all_due = self._since is None or time.monotonic() >= self._all_due
        if all_due or deals:
            write_back(pipeline, self._writer, Scope.everything() if all_due else Scope.deals(deals))
        if all_due:
            self._all_due = time.monotonic() + self._all_every
        self._since = now


def look_at(database_url: str, account: Account, look: Look) -> bool:
    """Look at once, as the lookout does; False if somebody is looking just now. Raises what the look does."""
    with (
        psycopg.connect(database_url, autocommit=True, connect_timeout=5) as connection,
        looking(connection, *account) as mine,
    ):
        if mine:
            look()
        return mine


def sweep_once(database_url: str, target: AccountingTarget) -> dict[str, int]:
    """The sweep of a target, in a session of its own."""
    with open_session(database_url, f"sweep {target.name}") as session:
        return sweep(session, target)


def receive_and_settle(pipeline: Pipeline, account: PaymentAccount) -> tuple[StageReport, StageReport]:
    """What moved since the last time is received, and settled where that is beyond doubt."""
    received = receive(pipeline, account.source, account=account.account)
    return received, settle(pipeline)


def _sweeping(pipeline: Callable[[], Pipeline], target: AccountingTarget) -> Look:
    def look() -> None:
        counts = sweep_once(pipeline().database_url, target)
        if counts["new_findings"]:
            _log.warning(
                "%s: %d new findings; `targets findings` lists them", target.name, counts["new_findings"]
            )

    return look


def _receiving(pipeline: Callable[[], Pipeline], account: PaymentAccount) -> Look:
    def look() -> None:
        received, _ = receive_and_settle(pipeline(), account)
        if received.counts["unreadable"]:
            _log.warning(
                "%s sent %d records that are no movements; `payments list` shows them",
                account.vendor,
                received.counts["unreadable"],
            )

    return look


_BOOKED_SINCE = """
    SELECT document.deal_key
    FROM posting.intents AS intent
    INNER JOIN billing.documents AS document ON document.id = intent.document_id
    WHERE intent.updated_at >= :since
    UNION
    SELECT document.deal_key
    FROM payments.settlements AS settlement
    INNER JOIN payments.allocations AS allocation ON allocation.settlement_id = settlement.id
    INNER JOIN billing.documents AS document ON document.id = allocation.document_id
    WHERE settlement.created_at >= :since
"""
