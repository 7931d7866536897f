"""Syncs: cursors, pages, what became of pending lines, and data that changes while it is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integration_pipeline_tests.sandbox.desk import desk
from integration_pipeline_tests.sandbox.plaid.conftest import OPTIONS, Bank, open_bank
from integration_pipeline_tests.sandbox.plaid.library import library, refused

MUTATED = "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION"


def read(bank: Bank, client: Any, cursor: str = "", count: int = 500) -> tuple[list[Any], str]:
    """All pages since a cursor, and the cursor after them."""
    pages: list[Any] = []
    while True:
        page = bank.sync(client, cursor, count)
        pages.append(page)
        cursor = page.next_cursor
        if not page.has_more:
            return pages, cursor


def ids(transactions: list[Any]) -> list[str]:
    return [each.transaction_id for each in transactions]


def test_pages_hold_every_line_once_and_the_cursor_then_gives_only_what_is_new(
    client: Any, bank: Bank
) -> None:
    made = [each["transaction_id"] for each in bank.add(*({"amount": str(n)} for n in range(1, 8)))]
    pages, cursor = read(bank, client, count=3)
    [new] = bank.add({"amount": "99"})
    [later], _ = read(bank, client, cursor)

    assert [len(page.added) for page in pages] == [3, 3, 1]
    assert ids([each for page in pages for each in page.added]) == made
    assert ids(later.added) == [new["transaction_id"]]


def test_a_posted_line_has_a_new_id_and_its_pending_one_is_removed(client: Any, bank: Bank) -> None:
    [pending] = bank.add({"amount": "-40", "pending": True})
    _, cursor = read(bank, client)
    posted = bank.sandbox.admin(
        "POST", f"/transactions/{pending['transaction_id']}/post", {"changes": {"amount": "-41.5"}}
    )
    [page], _ = read(bank, client, cursor)

    assert posted["transaction_id"] != pending["transaction_id"]
    [added] = page.added
    assert (added.amount, added.pending, added.pending_transaction_id) == (
        -41.5,
        False,
        pending["transaction_id"],
    )
    assert [each.transaction_id for each in page.removed] == [pending["transaction_id"]]


def test_a_bank_may_forget_which_pending_line_it_was(client: Any, bank: Bank) -> None:
    [pending] = bank.add({"amount": "-40", "pending": True})
    path = f"/transactions/{pending['transaction_id']}/post"
    bank.sandbox.admin("POST", path, {"forget_pending": True})

    [page], _ = read(bank, client)
    assert [each.pending_transaction_id for each in page.added] == [None]


def test_a_changed_line_is_modified_and_one_taken_back_removed(client: Any, bank: Bank) -> None:
    changed, gone = bank.add({"amount": "1"}, {"amount": "2"})
    _, cursor = read(bank, client)
    path = f"/transactions/{changed['transaction_id']}"
    bank.sandbox.admin("PATCH", path, {"changes": {"name": "ACH INV-7"}})
    bank.sandbox.admin("DELETE", f"/transactions/{gone['transaction_id']}")
    [page], _ = read(bank, client, cursor)

    assert [(each.transaction_id, each.name) for each in page.modified] == [
        (changed["transaction_id"], "ACH INV-7")
    ]
    assert [each.transaction_id for each in page.removed] == [gone["transaction_id"]]
    assert page.accounts[0].balances.current == -1


def test_a_line_that_came_and_went_between_two_syncs_is_not_told_of(client: Any, bank: Bank) -> None:
    [gone] = bank.add({"amount": "2"})
    bank.sandbox.admin("DELETE", f"/transactions/{gone['transaction_id']}")

    [page], _ = read(bank, client)
    assert (page.added, page.removed) == ([], [])


def test_a_change_between_two_pages_has_the_sync_begin_again(client: Any, bank: Bank) -> None:
    bank.add(*({"amount": str(n)} for n in range(1, 5)))
    first = bank.sync(client, count=3)
    bank.add({"amount": "9"})

    error = refused(lambda: bank.sync(client, first.next_cursor, 3))
    assert (error["status"], error["error_type"], error["error_code"]) == (
        400,
        "TRANSACTIONS_ERROR",
        MUTATED,
    )
    pages, _ = read(bank, client, count=3)
    assert sum(len(page.added) for page in pages) == 5


def test_mutations_can_be_ordered(client: Any, bank: Bank) -> None:
    bank.add({"amount": "1"}, {"amount": "2"})
    bank.sandbox.admin("PUT", "/sync", {"mutations": 1})
    cursor = bank.sync(client, count=1).next_cursor

    assert refused(lambda: bank.sync(client, cursor, 1))["error_code"] == MUTATED
    assert not bank.sync(client, cursor, 1).has_more


def test_a_cursor_is_of_one_item(client: Any, bank: Bank) -> None:
    bank.add({"amount": "1"})
    cursor = bank.sync(client).next_cursor
    other = open_bank(bank.sandbox)

    assert "not associated" in refused(lambda: other.sync(client, cursor))["error_message"]
    assert refused(lambda: other.sync(client, "nonsense"))["error_code"] == "INVALID_FIELD"


def test_until_the_bank_is_read_there_is_nothing_and_no_cursor(tmp_path: Path) -> None:
    options = OPTIONS.model_copy(update={"initial_seconds": 60, "historical_seconds": 600})
    with desk("plaid", tmp_path, options) as slow:
        client, bank = library(slow.base_url), open_bank(slow)
        bank.add({"amount": "1"})
        early = bank.sync(client)
        slow.admin("PUT", "/clock", {"advance_seconds": 60})
        initial = bank.sync(client)
        slow.admin("PUT", "/clock", {"advance_seconds": 600})
        late = bank.sync(client)

    assert (str(early.transactions_update_status), early.next_cursor, early.added) == ("NOT_READY", "", [])
    assert (str(initial.transactions_update_status), len(initial.added)) == ("INITIAL_UPDATE_COMPLETE", 1)
    assert str(late.transactions_update_status) == "HISTORICAL_UPDATE_COMPLETE"


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["add", "pend", "post", "modify", "remove", "sync"]), max_size=15))
def test_whoever_applies_all_syncs_has_what_the_bank_has(client: Any, bank: Bank, steps: list[str]) -> None:
    item = open_bank(bank.sandbox)
    known: dict[str, Any] = {}
    truth: dict[str, Any] = {}
    cursor = ""
    for step in [*steps, "sync"]:
        pending = [each for each in truth.values() if each["pending"]]
        match step:
            case "add" | "pend":
                [made] = item.add({"amount": "5", "pending": step == "pend"})
                truth[made["transaction_id"]] = made
            case "post" if pending:
                old = pending[0]["transaction_id"]
                made = item.sandbox.admin("POST", f"/transactions/{old}/post")
                del truth[old]
                truth[made["transaction_id"]] = made
            case "modify" if truth:
                [one, *_] = truth
                truth[one] = item.sandbox.admin(
                    "PATCH", f"/transactions/{one}", {"changes": {"name": f"name {len(known)}"}}
                )
            case "remove" if truth:
                one = next(reversed(truth))
                item.sandbox.admin("DELETE", f"/transactions/{one}")
                del truth[one]
            case "sync":
                pages, cursor = read(item, client, cursor, count=2)
                for page in pages:
                    known |= {each.transaction_id: each for each in (*page.added, *page.modified)}
                    for each in page.removed:
                        del known[each.transaction_id]
            case _:
                pass
    assert {key: each.name for key, each in known.items()} == {
        key: each["name"] for key, each in truth.items()
    }
