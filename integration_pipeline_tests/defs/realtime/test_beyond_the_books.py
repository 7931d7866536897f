"""Accounting systems and payments in Dagster: what runs do there, what is shown, and what people are told."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from pydantic import SecretStr

from integration_pipeline.accounting.target import AccountingTarget
from integration_pipeline.crm.write_back import CrmWriter, FieldValues, Refusal
from integration_pipeline.definitions import build_defs
from integration_pipeline.defs.vendors import Vendors
from integration_pipeline.pipeline.context import Pipeline, PostsTo
from integration_pipeline.sandbox.stripe.app import Options
from integration_pipeline.sandbox.stripe.limits import Limits
from integration_pipeline.settings import MAPPINGS
from integration_pipeline_tests.alerts.conftest import Chat, chat
from integration_pipeline_tests.defs.realtime.conftest import Desk
from integration_pipeline_tests.posting.conftest import SINCE, Xero
from integration_pipeline_tests.sandbox.desk import Desk as Sandbox
from integration_pipeline_tests.sandbox.desk import desk as sandbox_of

__all__ = ["chat"]

KEY = "sk_test_51DagsterSecretKey"
OPTIONS = Options.model_validate(
    {
        "admin_key": "admin",
        "keys": {"secret": [KEY]},
        "webhook_secrets": ["whsec_dagster"],
        "limits": Limits.unlimited().model_dump(),
    }
)


class Crm:
    """A CRM that takes whatever deals are told."""

    name = "hubspot"
    deals_in_a_call = 100

    def __init__(self) -> None:
        self.told: dict[str, dict[str, str | None]] = {}

    def update_deals(self, changes: Mapping[str, FieldValues]) -> Mapping[str, Refusal]:
        for deal, values in changes.items():
            self.told.setdefault(deal, {}).update(values)
        return {}

    def read_deals(self, ids: Sequence[str], fields: Sequence[str]) -> Mapping[str, FieldValues]:
        return {each: {name: self.told.get(each, {}).get(name) for name in fields} for each in ids}

    def writable_fields(self) -> frozenset[str]:
        return frozenset()


@dataclass(frozen=True, slots=True)
class Reachable(Vendors):
    """The vendors of the settings, a CRM in memory, and accounting systems that are open already."""

    crm: Crm
    opened: tuple[AccountingTarget, ...] = ()

    @contextmanager
    def target(self, pipeline: Pipeline, name: str) -> Generator[AccountingTarget]:  # noqa: ARG002
        [target] = [each for each in self.opened if each.name == name]
        yield target

    def crm_writer(self) -> AbstractContextManager[CrmWriter]:
        return nullcontext(self.crm)


def reaching(desk: Desk, crm: Crm, *targets: AccountingTarget, **settings: object) -> Desk:
    """The desk with these vendors within reach."""
    chosen = desk.settings.model_copy(update=settings)
    posts_to = tuple(PostsTo(target.name, "us", SINCE) for target in targets)
    office = replace(desk.office, pipeline=replace(desk.office.pipeline, targets=posts_to))
    resources = {
        "pipeline": office.pipeline,
        "crm": desk.portal,
        "vendors": Reachable(lambda: chosen, crm, targets),
    }
    defs = build_defs(settings=chosen, resource_overrides=resources)
    return replace(desk, office=office, settings=chosen, defs=defs)


@pytest.fixture
def crm() -> Crm:
    return Crm()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Xero]:
    vendor = Xero(tmp_path_factory.mktemp("xero"))
    with vendor.sandbox:
        yield vendor


@pytest.fixture
def xero(running: Xero) -> Xero:
    running.fresh()
    return running


@pytest.fixture
def posting(desk: Desk, crm: Crm, xero: Xero, tmp_path: Path) -> Iterator[Desk]:
    """The desk of a company that posts to Xero."""
    target = xero.target()
    yield reaching(desk, crm, target, targets_file=targets_file(tmp_path, "xero"))
    target.close()


def targets_file(folder: Path, *names: str) -> Path:
    """Companies at Xero that go by these names."""
    targets = [
        {"vendor": "xero", "name": name, "account": f"tenant {name}", "entities": ["us"], "since": f"{SINCE}"}
        for name in names
    ]
    file = folder / "targets.yaml"
    file.write_text(json.dumps({"targets": targets}))
    return file


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with sandbox_of("stripe", tmp_path_factory.mktemp("stripe"), OPTIONS) as process:
        yield process


@pytest.fixture
def stripe(lasting: Sandbox) -> Sandbox:
    lasting.admin("POST", "/reset")
    return lasting


def billed(desk: Desk) -> str:
    """The number of a posted invoice of 100.00 USD."""
    desk.portal.deal("1", amount="100.00", dealname="Acme licences")
    desk.office.sync()
    [number] = [number for number, _, _ in desk.office.posted()]
    return number


def checks(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    return {each.check_name: each.passed for each in result.get_asset_check_evaluations()}


class TestAccountingSystems:
    def test_get_what_is_due_and_show_it(self, posting: Desk, xero: Xero) -> None:
        billed(posting)
        delivered = posting.run("deliver_xero")
        result = posting.run("settle_payments")

        assert delivered.success, posting.said(delivered)
        assert result.success, posting.said(result)
        assert xero.documents()["invoice", "USD"][0] == 1
        shown = posting.shown("accounting__documents")
        assert (shown["xero/posted"], shown["xero/stuck"]) == (1, 0)
        assert shown["xero/amount"] == "100.00 USD"
        assert posting.shown("accounting__xero")["deliver/xero invoices_posted"] == 1
        assert checks(result) == {
            "posted_once_and_known": True,
            "nothing_is_stuck": True,
            "both_sides_agree": True,
            "settlements_agree_with_the_books": True,
            "no_payment_waits": True,
        }

    def test_are_swept_for_what_people_changed_there(self, posting: Desk, xero: Xero) -> None:
        billed(posting)
        posting.run("deliver_xero")
        [row] = posting.office.rows("SELECT remote_id FROM posting.intents WHERE target = 'xero'")
        xero.edit(row["remote_id"], void=True)

        swept = posting.run("sweep_xero")
        proven = posting.run("check_books")

        assert swept.success
        assert checks(proven)["both_sides_agree"] is False
        assert proven.success

    def test_are_reconciled_as_a_whole(self, posting: Desk) -> None:
        billed(posting)
        posting.run("deliver_xero")

        result = posting.run("reconcile_xero")

        [output] = [event for event in result.all_events if event.is_successful_output]
        shown = {name: each.value for name, each in output.step_output_data.metadata.items()}
        assert (shown["agrees"], shown["total_there"]) == (True, "100.00 USD")

    def test_that_cannot_be_reached_fail_the_run_by_name(self, posting: Desk, xero: Xero) -> None:
        xero.sandbox.admin("POST", "/reset")

        result = posting.run("reconcile_xero")

        assert not result.success
        assert "xero: " in posting.said(result)

    def test_that_hold_a_record_of_two_documents_fail_the_check(self, posting: Desk) -> None:
        billed(posting)
        posting.run("deliver_xero")
        posting.office.execute("UPDATE posting.intents SET remote_id = NULL WHERE target = 'xero'")

        result = posting.run("check_books")

        assert not result.success
        assert checks(result)["posted_once_and_known"] is False


class TestPayments:
    def test_are_received_settled_and_told(self, desk: Desk, crm: Crm, stripe: Sandbox) -> None:
        paid = reaching(desk, crm, stripe_api_key=SecretStr(KEY), stripe_base_url=stripe.base_url)
        number = billed(paid)
        stripe.admin("POST", "/payments", {"amount": 10_000, "metadata": {"invoice_number": number}})

        result = paid.run("settle_payments")

        assert result.success, paid.said(result)
        assert number in str(crm.told["1"])
        assert paid.shown("crm__write_back")["dagster/row_count"] == 1
        assert desk.office.rows("SELECT status FROM ledger.document_balances") == [{"status": "paid"}]
        assert paid.shown("payments__movements")["dagster/row_count"] == 1
        assert paid.shown("payments__settlements")["movements/settled_amount"] == "100.00 USD"

    def test_that_cannot_be_read_fail_the_run_by_name(self, desk: Desk, crm: Crm) -> None:
        lost = reaching(desk, crm, stripe_api_key=SecretStr("sk_wrong"), stripe_base_url="http://127.0.0.1:1")

        result = lost.run("settle_payments")

        assert not result.success
        assert "stripe: " in lost.said(result)

    def test_need_no_settings_where_there_are_none(self, desk: Desk, crm: Crm) -> None:
        # The CRM is one of them where the mapping says that it is told.
        desk = replace(desk, defs=reaching(desk, crm).defs)
        assert desk.run("settle_payments").success
        assert desk.run("tend_connections").success


class TestTheCodeLocation:
    @pytest.mark.parametrize("content", [None, "targets: [", "targets: [{name: x}]"])
    def test_loads_without_a_targets_file_that_can_be_read(
        self, desk: Desk, tmp_path: Path, content: str | None
    ) -> None:
        file = tmp_path / "targets.yaml"
        if content is not None:
            file.write_text(content)
        defs = build_defs(settings=desk.settings.model_copy(update={"targets_file": file}))

        assert dg.AssetKey("accounting__documents") in defs.resolve_asset_graph().get_all_asset_keys()

    def test_has_a_pool_for_each_account_that_its_runs_wait_for_and_no_other(
        self, desk: Desk, tmp_path: Path
    ) -> None:
        chosen = {
            "targets_file": targets_file(tmp_path, "xero", "eu-north"),
            "stripe_api_key": SecretStr(KEY),
            "plaid_items": SecretStr("item1=access-1,item2=access-2"),
            "mapping_file": MAPPINGS / "salesforce_demo.yaml",
            "salesforce_base_url": "https://acme.my.salesforce.com",
        }
        defs = build_defs(settings=desk.settings.model_copy(update=chosen))
        pools = {
            job.name: {
                pool
                for node in job.graph.node_defs
                if isinstance(node, dg.OpDefinition)
                for pool in node.pools
            }
            for job in defs.resolve_all_job_defs()
        }

        for account in ("xero", "xero_eu_north"):
            for job in ("deliver", "sweep", "reconcile"):
                assert pools[f"{job}_{account}"] == {account}
        assert pools["settle_payments"] == {"stripe", "plaid_item1", "plaid_item2", "salesforce_acme"}
        assert pools["sync_deals"] == {*pools["settle_payments"], "xero", "xero_eu_north"}

    def test_says_that_it_has_to_be_loaded_again_when_accounts_changed(
        self, posting: Desk, tmp_path: Path, chat: Chat
    ) -> None:
        listening = _listening(posting, chat)
        listening.tick("alerts")
        assert chat.posts == []

        targets_file(tmp_path, "xero", "eu-north")
        listening.tick("alerts")

        assert "xero_eu_north" in str(chat.posts)
        assert "Reload the code location" in str(chat.posts)


class TestAlerts:
    @pytest.mark.parametrize(
        ("statement", "said"),
        [
            (
                "UPDATE posting.intents SET state = 'rejected', last_error = 'no such item'"
                " WHERE target = 'xero'",
                "Documents wait for a person before they reach an accounting system",
            ),
            (
                "INSERT INTO posting.findings (target, kind, record, said, next_step, evidence)"
                " VALUES ('xero', 'voided', 'r1', 'it is voided', 'restore it', '{}')",
                "An accounting system differs from the books",
            ),
            (
                "INSERT INTO payments.unreadable (source, external_id, reason, body)"
                " VALUES ('stripe', 'ch_1', 'no such currency', '{}')",
                "Payments wait for a person",
            ),
            (
                "UPDATE posting.writers SET paused_until = clock_timestamp() + interval '1 hour',"
                " paused_for = 'the day limit is used up'",
                "An accounting system is left alone for now",
            ),
        ],
    )
    def test_tell_once_of_what_waits(self, posting: Desk, chat: Chat, statement: str, said: str) -> None:
        billed(posting)
        posting.run("deliver_xero")
        listening = _listening(posting, chat)
        listening.tick("alerts")
        assert chat.posts == []

        listening.office.execute(statement)
        for _ in range(2):
            listening.tick("alerts")

        [told] = [post["blocks"][0]["text"]["text"] for post in chat.posts]
        assert told.startswith(f"*{said}*")


def _listening(desk: Desk, chat: Chat) -> Any:
    settings = desk.settings.model_copy(update={"alert_slack_url": SecretStr(chat.url)})
    return replace(desk, settings=settings, defs=build_defs(settings=settings))
