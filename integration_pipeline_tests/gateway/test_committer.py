"""Requests that are committed together, and what one of them cannot do to the others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import Engine, text

from integration_pipeline.crm.webhooks import WebhookEvent
from integration_pipeline.gateway.committer import Committer
from integration_pipeline.gateway.metrics import Metrics
from integration_pipeline.gateway.session import DatabaseUnavailable, Session, Unstorable
from integration_pipeline_tests.gateway.conftest import Inbox
from integration_pipeline_tests.inbox.announcements import announced


def deal(number: int, external_id: str | None = None) -> WebhookEvent:
    return announced(f"e{number}", external_id or str(number))


def run(engine: Engine, work: Callable[[Committer], Awaitable[None]]) -> None:
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)

    async def with_committer() -> None:
        committer = Committer(Session(url, "test"), Metrics())
        try:
            await work(committer)
        finally:
            await committer.close()

    asyncio.run(with_committer())


def test_requests_in_flight_share_transactions(engine: Engine, inbox: Inbox) -> None:
    async def work(committer: Committer) -> None:
        await asyncio.gather(*(committer.keep([deal(number)], 10) for number in range(50)))

    run(engine, work)

    assert inbox.value("SELECT count(*) FROM inbox.events") == 50
    assert inbox.value("SELECT count(DISTINCT xmin::text) FROM inbox.events") < 10


def test_what_one_request_cannot_store_does_not_harm_the_others(engine: Engine, inbox: Inbox) -> None:
    async def work(committer: Committer) -> None:
        kept = (committer.keep([each], 10) for each in (deal(1), deal(2, "no\x00text"), deal(3)))
        answers = await asyncio.gather(*kept, return_exceptions=True)
        assert [type(answer) for answer in answers] == [type(None), Unstorable, type(None)]

    run(engine, work)

    assert [row["event_key"] for row in inbox.rows()] == ["e1", "e3"]


def test_nobody_waits_longer_than_agreed_for_a_database_that_does_not_answer(engine: Engine) -> None:
    async def work(committer: Committer) -> None:
        with pytest.raises(DatabaseUnavailable, match="not committed within"):
            await committer.keep([deal(1)], 0.2)

    with engine.begin() as blocker:
        blocker.execute(text("LOCK TABLE inbox.events"))
        run(engine, work)


def test_a_commit_is_on_disk_whatever_the_role_is_set_to(engine: Engine) -> None:
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)

    async def setting(parameters: str) -> str:
        session = Session(f"{url}{parameters}", "test")
        row = await session.row("SELECT current_setting('synchronous_commit')")
        await session.close()
        return row[0]

    assert asyncio.run(setting("&options=-csynchronous_commit%3Doff")) == "on"
    assert asyncio.run(setting("&options=-csynchronous_commit%3Dremote_apply")) == "remote_apply"
