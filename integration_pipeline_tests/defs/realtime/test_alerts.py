"""What people are told of, and how often."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import make_url

from integration_pipeline_tests.alerts.conftest import Chat, chat
from integration_pipeline_tests.defs.realtime.conftest import Desk

__all__ = ["chat"]


@pytest.fixture
def alerted(desk: Desk, chat: Chat) -> Desk:
    """The desk's people sit in a chat and have seen what was there before."""
    listening = desk.having(
        alert_slack_url=SecretStr(chat.url),
        dagster_url="https://dagster.example.com/",
        alert_waiting_minutes=15,
    )
    listening.tick("alerts")
    return listening


def test_a_failed_run_is_told_with_job_step_error_and_link(alerted: Desk, chat: Chat) -> None:
    result = _fail(alerted)
    alerted.tick("alerts")
    [told] = _told(chat)
    assert "The run of find_missed_webhooks failed" in told
    assert "*step*: settle_missed_changes" in told
    assert "ValueError" in told
    assert f"<https://dagster.example.com/runs/{result}|" in told


def test_what_a_record_says_is_not_told(alerted: Desk, chat: Chat) -> None:
    _fail(alerted)
    alerted.tick("alerts")
    assert "Acme licences" not in str(chat.posts)


def test_a_failed_run_is_told_once(alerted: Desk, chat: Chat) -> None:
    _fail(alerted)
    for _ in range(3):
        alerted.tick("alerts")
    assert len(chat.posts) == 1


def test_what_failed_before_anybody_listened_is_no_news(desk: Desk, chat: Chat) -> None:
    _fail(desk)
    listening = desk.having(alert_slack_url=SecretStr(chat.url))
    listening.tick("alerts")
    listening.tick("alerts")
    assert chat.posts == []


def test_an_alert_that_did_not_get_through_is_kept_for_later(alerted: Desk, chat: Chat) -> None:
    chat.answers.append(500)
    _fail(alerted)
    told = alerted.tick("alerts")
    assert told.skip_message == "0 alerts sent, 1 to be tried again"
    assert "The run of find_missed_webhooks failed" in (alerted.cursors["alerts"] or "")


def test_a_run_that_could_not_settle_events_is_not_told(alerted: Desk, chat: Chat) -> None:
    """Its events are told of, once, however many runs try them."""
    alerted.announce("1")
    alerted.office.execute("UPDATE inbox.events SET received_at = received_at - interval '2 minutes'")
    alerted.portal.__dict__["fetch"] = _refuse
    result = alerted.launched()
    assert result is not None
    assert not result.success
    alerted.tick("alerts")
    assert chat.posts == []


def test_a_run_that_dagster_tries_again_is_not_told(alerted: Desk, chat: Chat) -> None:
    run_id = _fail(alerted)
    alerted.instance.add_run_tags(run_id, {"dagster/will_retry": "true"})
    alerted.tick("alerts")
    assert chat.posts == []


def test_failed_checks_of_the_books_are_told(alerted: Desk, chat: Chat) -> None:
    alerted.portal.deal("1")
    alerted.office.sync()
    alerted.office.execute("DELETE FROM posting.gate_records WHERE subject_kind = 'document'")
    alerted.run("check_books")
    alerted.tick("alerts")
    [told] = _told(chat)
    assert "check_books" in told
    assert "posted_only_through_the_gate" in told


def test_events_that_failed_for_good_are_told_once_until_they_are_gone(alerted: Desk, chat: Chat) -> None:
    alerted.announce("1")
    for state in ("failed", "failed", "done", "failed"):
        alerted.office.execute("UPDATE inbox.events SET state = :state", state=state)
        alerted.tick("alerts")
    assert [told.split("\n")[0] for told in _told(chat)] == 2 * ["*Webhook events could not be settled*"]


def test_events_that_wait_too_long_are_told(alerted: Desk, chat: Chat) -> None:
    alerted.announce("1")
    alerted.tick("alerts")
    assert chat.posts == []
    alerted.office.execute("UPDATE inbox.events SET received_at = received_at - interval '20 minutes'")
    alerted.tick("alerts")
    [told] = _told(chat)
    assert "Webhook events wait to be settled" in told
    assert "20 minutes" in told


def test_failed_runs_are_told_even_while_the_database_is_away(alerted: Desk, chat: Chat) -> None:
    url = make_url(alerted.settings.database_url or "").update_query_dict({"host": "/nowhere"})
    lost = alerted.having(database_url=url.render_as_string(hide_password=False))
    _fail(alerted)
    lost.cursors["alerts"] = alerted.cursors["alerts"]
    lost.tick("alerts")
    told = [told.split("\n")[0] for told in _told(chat)]
    assert told == ["*The run of find_missed_webhooks failed*", "*The pipeline's database cannot be reached*"]


def test_a_database_that_is_away_is_told_once_until_it_is_back(alerted: Desk, chat: Chat) -> None:
    url = make_url(alerted.settings.database_url or "").update_query_dict({"host": "/nowhere"})
    lost = alerted.having(database_url=url.render_as_string(hide_password=False))
    cursor = alerted.cursors["alerts"]
    for desk in (lost, lost, alerted, lost):
        desk.cursors["alerts"] = cursor
        desk.tick("alerts")
        cursor = desk.cursors["alerts"]
    assert len(chat.posts) == 2


def test_without_a_channel_it_says_which_settings_make_one(desk: Desk) -> None:
    assert "ALERT_SLACK_URL" in desk.tick("alerts").skip_message


def _fail(desk: Desk) -> str:
    """A run fails on an error that quotes the CRM; answers the run's id."""
    desk.portal.deal("1")
    desk.office.sync()
    desk.portal.__dict__["changed_since"] = _refuse
    result = desk.run("find_missed_webhooks")
    del desk.portal.__dict__["changed_since"]
    assert not result.success
    return result.run_id


def _refuse(*_: Any) -> Any:
    raise ValueError("deal 1 is named 'Acme licences'")


def _told(chat: Chat) -> list[str]:
    return [post["blocks"][0]["text"]["text"] for post in chat.posts]
