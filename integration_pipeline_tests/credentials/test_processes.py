"""Renewing over several processes, some of which are killed, and over a database that goes away."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from multiprocessing.connection import Connection as Wire
from multiprocessing.process import BaseProcess

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import text

from integration_pipeline.credentials import QUICKBOOKS, BrokenConnection, RefreshPostponed
from integration_pipeline_tests.credentials import processes
from integration_pipeline_tests.credentials.conftest import Rig
from integration_pipeline_tests.credentials.processes import Office

EXPIRED = timedelta(hours=2)


def office_of(rig: Rig) -> Office:
    url = rig.engine.url.render_as_string(hide_password=False)
    return Office(url, rig.key_text, rig.vendor.app, rig.account, EXPIRED)


def started(what: Callable[[Office, Wire], None], office: Office) -> tuple[BaseProcess, Wire]:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([processes.__name__])
    here, there = context.Pipe()
    process = context.Process(target=what, args=(office, there))
    process.start()
    there.close()
    return process, here


def die_with_the_answer(rig: Rig) -> None:
    process, _ = started(processes.die_with_the_answer, office_of(rig))
    process.join()
    assert process.exitcode == -signal.SIGKILL


def cut_off_from(rig: Rig) -> None:
    """The server drops whoever is in the middle of a transaction."""
    with rig.engine.begin() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE state = 'idle in transaction' AND datname = current_database()"
            )
        )


@contextmanager
def unreachable(rig: Rig, administrator: psycopg.Connection) -> Generator[None]:
    """Nobody gets into the database, and who was in it is out."""
    name = sql.Identifier(str(rig.engine.url.database))
    cut_off_from(rig)
    administrator.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(name))
    try:
        yield
    finally:
        administrator.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(name))


def test_processes_that_want_an_expired_token_renew_it_once(rig: Rig) -> None:
    running = [started(processes.ask, office_of(rig)) for _ in range(4)]
    for _, wire in running:
        wire.recv()
    for _, wire in running:
        wire.send("go")
    tokens = {wire.recv() for _, wire in running}
    for process, _ in running:
        process.join()

    assert tokens == {rig.vendor.issued[2]}
    assert rig.vendor.renewals == 1


def test_a_process_killed_with_xeros_answer_in_its_hands_costs_nothing(xero: Rig) -> None:
    xero.clock.advance(EXPIRED)
    die_with_the_answer(xero)
    assert xero.vendor.renewals == 1
    assert xero.value("SELECT generation FROM ops.token_sets") == 1

    got = xero.connections().access_token(xero.name, xero.account).get_secret_value()

    assert got == xero.vendor.issued[4]
    assert xero.events() == ["refresh_sent", "refresh_sent", "refreshed"]


def test_tending_repeats_a_dead_process_renewal_though_the_token_still_lives(xero: Rig) -> None:
    """Xero takes the token before for half an hour, no longer, and until then nobody may call."""
    die_with_the_answer(xero)

    assert len(xero.connections().tend().renewed) == 1
    assert xero.connections().tend().renewed == ()


def test_xero_has_to_be_connected_again_when_nobody_came_by_within_its_grace(xero: Rig) -> None:
    die_with_the_answer(xero)
    xero.clock.advance(EXPIRED)

    with pytest.raises(BrokenConnection, match=r"a renewal sent at .* brought no answer.*connect xero"):
        xero.connections().access_token(xero.name, xero.account)


def test_a_process_killed_with_quickbooks_answer_costs_nothing_on_a_day_its_token_stays(
    rig_of: Callable[..., Rig],
) -> None:
    rig = rig_of(QUICKBOOKS, rotates=False)
    die_with_the_answer(rig)
    rig.clock.advance(EXPIRED)

    assert rig.connections().access_token(rig.name, rig.account).get_secret_value() == rig.vendor.issued[4]


def test_a_process_killed_with_a_new_quickbooks_token_leaves_word_of_what_happened(quickbooks: Rig) -> None:
    die_with_the_answer(quickbooks)
    quickbooks.clock.advance(EXPIRED)

    with pytest.raises(BrokenConnection, match=r"a renewal sent at .* brought no answer.*connect quickbooks"):
        quickbooks.connections().access_token(quickbooks.name, quickbooks.account)


class TestADatabaseLostBetweenTheAnswerAndTheCommit:
    def test_gets_the_tokens_when_it_is_back(self, rig: Rig) -> None:
        rig.clock.advance(EXPIRED)
        rig.vendor.before_answer.append(lambda: cut_off_from(rig))

        got = rig.connections().access_token(rig.name, rig.account).get_secret_value()

        assert got == rig.vendor.issued[2]
        assert rig.connections().access_token(rig.name, rig.account).get_secret_value() == got
        assert rig.vendor.renewals == 1

    def test_gets_them_later_if_it_stays_away(self, rig: Rig, administrator: psycopg.Connection) -> None:
        rig.clock.advance(EXPIRED)
        connections = rig.connections()
        with ExitStack() as away:
            rig.vendor.before_answer.append(lambda: away.enter_context(unreachable(rig, administrator)))
            with pytest.raises(RefreshPostponed, match="a renewed token cannot be stored"):
                connections.access_token(rig.name, rig.account)

        assert connections.access_token(rig.name, rig.account).get_secret_value() == rig.vendor.issued[2]
        assert rig.vendor.renewals == 1

    def test_mends_what_another_process_held_broken_meanwhile(self, quickbooks: Rig) -> None:
        quickbooks.clock.advance(EXPIRED)
        seen: list[str] = []

        def cut_off() -> None:
            cut_off_from(quickbooks)
            quickbooks.execute("UPDATE ops.token_sets SET state = 'broken', why = 'refused the old token'")
            seen.append(quickbooks.value("SELECT state FROM ops.token_sets"))

        quickbooks.vendor.before_answer.append(cut_off)
        quickbooks.connections().access_token(quickbooks.name, quickbooks.account)

        assert seen == ["broken"]
        assert quickbooks.value("SELECT state FROM ops.token_sets") == "connected"


def test_a_database_that_is_away_is_unnoticed_while_the_token_lives(
    rig: Rig, administrator: psycopg.Connection
) -> None:
    connections = rig.connections()
    held = connections.access_token(rig.name, rig.account)
    rig.clock.advance(timedelta(seconds=rig.vendor.expires_in) - timedelta(minutes=2))
    with unreachable(rig, administrator):
        assert connections.access_token(rig.name, rig.account) == held
        rig.clock.advance(timedelta(minutes=2))
        with pytest.raises(RefreshPostponed, match="the database does not answer"):
            connections.access_token(rig.name, rig.account)

    assert connections.access_token(rig.name, rig.account) != held
