from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from threading import Barrier

import pytest
import time_machine
from sqlalchemy import Connection, Engine, NullPool, create_engine

from integration_pipeline.accounting.documents import ClaimedDocument
from integration_pipeline.accounting.postgres_ledger.proof import prove_ledger
from integration_pipeline.pipeline import post as posting
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.post import post
from integration_pipeline.pipeline.reports import StageReport
from integration_pipeline.pipeline.scope import Scope
from integration_pipeline_tests.pipeline.conftest import Office
from integration_pipeline_tests.pipeline.portal import DEAL, Portal

EVERYTHING = Scope.everything()
BEFORE = date(2025, 12, 31)


def planned(office: Office) -> Office:
    """All documents planned and passed, none posted: the day before the first is due."""
    office.on(BEFORE).sync()
    assert office.posted() == []
    return office


def attempts(office: Office) -> list[tuple[int, str | None]]:
    rows = office.rows("SELECT * FROM posting.attempts ORDER BY intent_id, number")
    return [(row["number"], row["outcome"]) for row in rows]


class TestDueDocuments:
    def test_wait_for_their_issue_date(self, office: Office, portal: Portal) -> None:
        portal.subscription("1")
        office.on(date(2026, 2, 28)).sync()
        assert [issued for _, _, issued in office.posted()] == ["2026-01-01", "2026-02-01"]

        report = post(office.on(date(2026, 3, 1)).pipeline, EVERYTHING)

        assert report.counts == {"invoices_posted": 1}
        assert report.money == {("invoiced", "USD"): 10_000}

    def test_are_due_on_the_day_it_is_where_their_entity_is(self, office: Office, portal: Portal) -> None:
        for number, entity in (("1", "us"), ("2", "eu"), ("3", "jp")):
            portal.deal(number, dealname=entity, billing_entity=entity, contract_start_date="2026-05-01")
        planned(office)
        live = replace(office.pipeline, as_of=None)

        def posted_at(moment: datetime) -> set[str]:
            with time_machine.travel(moment, tick=False):
                post(live, EVERYTHING)
            return {number[:2] for number, _, _ in office.posted()}

        assert posted_at(datetime(2026, 4, 30, 14, 59, tzinfo=UTC)) == set()
        assert posted_at(datetime(2026, 4, 30, 15, 0, tzinfo=UTC)) == {"JP"}
        assert posted_at(datetime(2026, 4, 30, 22, 0, tzinfo=UTC)) == {"JP", "EU"}
        assert posted_at(datetime(2026, 5, 1, 3, 59, tzinfo=UTC)) == {"JP", "EU"}
        assert posted_at(datetime(2026, 5, 1, 4, 0, tzinfo=UTC)) == {"JP", "EU", "US"}

    def test_are_those_of_the_scope(self, office: Office, portal: Portal) -> None:
        portal.deal("1", closedate="2026-03-10T12:00:00Z")
        portal.deal("2", closedate="2026-04-10T12:00:00Z")
        office.on(date(2026, 4, 10)).sync(Scope.months(date(2026, 4, 1), date(2026, 4, 1)))
        assert [issued for _, _, issued in office.posted()] == ["2026-04-10"]

        office.sync(Scope.deals(["hubspot:1"]))

        assert [issued for _, _, issued in office.posted()] == ["2026-04-10", "2026-03-10"]


def test_the_day_of_each_entity_is_its_own(pipeline: Pipeline) -> None:
    live = replace(pipeline, as_of=None)
    with time_machine.travel(datetime(2026, 4, 30, 23, 0, tzinfo=UTC), tick=False):
        assert live.days_by_entity() == {
            "us": date(2026, 4, 30),
            "eu": date(2026, 5, 1),
            "jp": date(2026, 5, 1),
        }
        assert live.today() == live.today("nowhere") == date(2026, 4, 30)
    assert set(pipeline.days_by_entity().values()) == {date(2026, 6, 30)}


class TestOrder:
    def test_is_by_date_then_kind_then_deal(self, office: Office, portal: Portal) -> None:
        portal.deal("10", dealname="B", contract_start_date="2026-02-01")
        portal.deal("9", dealname="A", contract_start_date="2026-02-01")
        portal.deal("11", dealname="C", contract_start_date="2026-01-01")
        office.sync()

        deals = [row["body"]["deal"] for row in office.rows("SELECT * FROM ledger.documents ORDER BY number")]
        assert deals == ["hubspot:11", "hubspot:9", "hubspot:10"]

    def test_is_the_same_in_pieces(
        self, office: Office, portal: Portal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number in range(8, 13):
            portal.subscription(str(number), dealname=f"Deal {number}")
        planned(office)
        monkeypatch.setattr(posting, "_CHUNK", 3)

        assert post(office.pipeline, EVERYTHING).counts == {"invoices_posted": 30}
        rows = office.rows("SELECT * FROM ledger.documents ORDER BY series_number")
        order = [(row["issue_date"], int(row["body"]["deal"].removeprefix("hubspot:"))) for row in rows]
        assert order == sorted(order)
        assert [row["series_number"] for row in rows] == list(range(1, 31))

    def test_numbers_every_entity_and_kind_for_itself(self, office: Office, portal: Portal) -> None:
        for number, entity in (("1", "us"), ("2", "eu"), ("3", "jp"), ("4", "eu")):
            portal.deal(number, dealname=f"Deal {number}", billing_entity=entity)
        office.sync()
        portal.change(DEAL, "2", amount="900.00")
        office.sync()

        assert sorted(number for number, _, _ in office.posted()) == [
            *("EU-CN-000001", "EU-INV-000001", "EU-INV-000002", "EU-INV-000003"),
            *("JP-INV-000001", "US-INV-000001"),
        ]


class TestCurrencies:
    def test_keep_their_own_minor_units(self, office: Office, portal: Portal) -> None:
        for number, currency, amount in (("1", "USD", "10.50"), ("2", "JPY", "1050"), ("3", "KWD", "1.050")):
            portal.deal(number, dealname=currency, deal_currency_code=currency, amount=amount)
        report = office.sync()["post"]

        assert report.money == {
            ("invoiced", "USD"): 1_050,
            ("invoiced", "JPY"): 1_050,
            ("invoiced", "KWD"): 1_050,
        }
        with office.pipeline.engine.connect() as connection:
            assert prove_ledger(connection).trial_balance() == {"JPY": 0, "KWD": 0, "USD": 0}


class TestClaims:
    """A poster that claims and then dies, or lives on."""

    def claim(self, connection: Connection, office: Office) -> Sequence[ClaimedDocument]:
        """Claim everything due as a poster does, and hold the claim."""
        with connection.begin():
            return posting._claim(connection, office.pipeline, EVERYTHING)  # pyright: ignore[reportPrivateUsage]

    def test_of_a_dead_poster_are_free_at_once(self, office: Office, portal: Portal) -> None:
        portal.deal("1")
        planned(office)
        engine = create_engine(office.pipeline.engine.url, poolclass=NullPool)
        with engine.connect() as dead:
            assert len(self.claim(dead, office)) == 1

        wait_until_gone(office)
        assert post(office.pipeline, EVERYTHING).counts == {"invoices_posted": 1}
        assert attempts(office) == [(1, "lost"), (2, "posted")]

    def test_of_a_living_poster_are_left_alone(self, office: Office, portal: Portal) -> None:
        portal.deal("1")
        planned(office)
        with office.pipeline.engine.connect() as living:
            assert len(self.claim(living, office)) == 1

            assert post(office.pipeline, EVERYTHING).counts == {}
            assert attempts(office) == [(1, None)]

    def test_whose_lease_ran_out_are_free_and_their_holder_posts_nothing_any_more(
        self, office: Office, portal: Portal
    ) -> None:
        portal.deal("1")
        planned(office)
        with office.pipeline.engine.connect() as slow:
            late = self.claim(slow, office)
            assert len(late) == 1
            office.execute("UPDATE posting.intents SET lease_until = clock_timestamp() - interval '1 second'")
            assert post(office.pipeline, EVERYTHING).counts == {"invoices_posted": 1}

            with slow.begin():
                answered = posting.post_documents(slow, late, office.pipeline.rules.accounts)

        assert answered == []
        assert len(office.posted()) == 1

    def test_are_released_when_posting_fails(self, office: Office, portal: Portal) -> None:
        portal.deal("1")
        planned(office)
        office.execute("ALTER TABLE ledger.documents RENAME TO documents_elsewhere")
        with pytest.raises(Exception, match="does not exist"):
            post(office.pipeline, EVERYTHING)
        office.execute("ALTER TABLE ledger.documents_elsewhere RENAME TO documents")

        assert office.posted() == []
        assert claims_held(office) == 0


def claims_held(office: Office) -> int:
    return office.value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2")


def wait_until_gone(office: Office) -> None:
    """The server notices a closed connection a moment later."""
    for _ in range(5_000):
        if claims_held(office) == 0:
            return
    pytest.fail("the server still holds the claim of a closed connection")


class TestTwoPosters:
    def test_post_each_document_once(
        self, office: Office, portal: Portal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number in range(1, 9):
            entity = ("us", "eu", "jp")[number % 3]
            portal.subscription(str(number), dealname=f"Deal {number}", billing_entity=entity)
        planned(office)
        monkeypatch.setattr(posting, "_CHUNK", 5)
        start = Barrier(3)

        def run(engine: Engine) -> StageReport:
            start.wait()
            return post(replace(office.pipeline, engine=engine), EVERYTHING)

        engines = [create_engine(office.pipeline.engine.url) for _ in range(3)]
        with ThreadPoolExecutor(3) as pool:
            reports = list(pool.map(run, engines))
        for engine in engines:
            engine.dispose()

        assert sum(report.counts["invoices_posted"] for report in reports) == 48
        assert len(office.posted()) == 48
        assert attempts(office) == [(1, "posted")] * 48
        with office.pipeline.engine.connect() as connection:
            assert prove_ledger(connection).problems == []


def test_what_is_posted_carries_the_explanation_of_every_line(office: Office, portal: Portal) -> None:
    portal.subscription("1", po_number="PO-1")
    office.on(date(2026, 1, 1)).sync()

    [document] = office.rows("SELECT * FROM ledger.documents")
    assert document["body"]["purchase_order"] == "PO-1"
    assert (document["due_date"], document["total_minor"]) == (date(2026, 1, 31), 10_000)
    [line] = document["body"]["lines"]
    assert (line["service_start"], line["service_end"]) == ("2026-01-01", "2026-02-01")
    assert {
        each["name"]: each["source"]["field"] for each in line["explanation"]["inputs"] if each["source"]
    } == {
        "quantity": "quantity",
        "unit_price": "price",
        "currency": "deal_currency_code",
        "frequency": "recurringbillingfrequency",
        "start": "contract_start_date",
        "term_months": "contract_term_months",
    }
