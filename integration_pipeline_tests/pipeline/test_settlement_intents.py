"""What accounting systems get of payments whose documents do not all go there."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from integration_pipeline.pipeline.context import PostsTo
from integration_pipeline.posting import intents_by_hand
from integration_pipeline.posting.decisions import NotPossible
from integration_pipeline.posting.standing import stuck
from integration_pipeline_tests.pipeline.cashier import Cashier
from integration_pipeline_tests.pipeline.conftest import Office


def test_a_payment_of_documents_before_and_after_the_first_day_waits_for_a_person(office: Office) -> None:
    targets = (PostsTo("books", "us", date(2026, 6, 1)),)
    cashier = Cashier(replace(office, pipeline=replace(office.pipeline, targets=targets)))
    [before] = cashier.bill("1", closedate="2026-05-20T12:00:00Z")
    [after] = cashier.bill("2", closedate="2026-06-20T12:00:00Z")
    cashier.line("line-1", 20_000, text=f"{before} {after}")
    cashier.settle()

    with office.pipeline.engine.begin() as connection:
        [row] = stuck(connection, "books")
        with pytest.raises(NotPossible, match=f"cannot be sent to books: it pays {before}"):
            intents_by_hand.resend(connection, row["id"], by="ann", reason="try")
        freed = connection.exec_driver_sql(
            "SELECT posting.go_on_for('books', array_agg(id)) FROM crm.customers"
        ).scalar_one()

    assert (row["subject"], row["state"]) == ("payment", "waiting")
    assert row["last_error"] == (
        f"it pays {before}, of which nothing is known there; enter it there by hand, then say so with "
        "`targets settled`"
    )
    assert freed == 0
