"""Faults on order, as a client sees them: what arrives, what was done, and that a seed repeats them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from pydantic import ValidationError

from integration_pipeline.sandbox.faults.plan import FaultPlan
from integration_pipeline.sandbox.faults.rules import Rule, RuleSet
from integration_pipeline.sandbox.server import SandboxProcess
from integration_pipeline_tests.sandbox.conftest import TOKEN, Create

DEALS = "/crm/v3/objects/deals"
NEW_DEAL = {"properties": {"dealname": "Acme"}}
DROP = {"kind": "drop_before"}

Order = Callable[..., None]


@pytest.fixture
def order(client: httpx.Client) -> Iterator[Order]:
    """Set one rule, by its fields, on an emptied account."""

    def order(fault: dict[str, object], *, seed: int = 7, **rule: object) -> None:
        rules = [{"name": "ordered", **rule, "fault": fault}]
        client.put("/_sandbox/faults", json={"seed": seed, "rules": rules}).raise_for_status()

    yield order
    client.delete("/_sandbox/faults").raise_for_status()


def deals(client: httpx.Client) -> int:
    return client.get("/_sandbox/counts").json()["objects"]["deals"]


def fired(client: httpx.Client) -> tuple[int, int]:
    [rule] = client.get("/_sandbox/faults").json()["rules"]
    return rule["matched"], rule["fired"]


class TestRefusals:
    @pytest.mark.parametrize("status", [423, 477, 500, 502, 503, 504])
    def test_an_error_is_hubspots_and_nothing_is_done(
        self, client: httpx.Client, order: Order, status: int
    ) -> None:
        order({"kind": "error", "status": status})

        answer = client.post(DEALS, json=NEW_DEAL)

        assert (answer.status_code, answer.json()["category"]) == (status, "INTERNAL_ERROR")
        assert answer.json()["correlationId"]
        assert deals(client) == 0

    def test_a_throttled_call_is_told_that_the_ten_seconds_are_used_up(
        self, client: httpx.Client, order: Order
    ) -> None:
        order({"kind": "throttle"})

        answer = client.post(DEALS, json=NEW_DEAL)

        assert (answer.status_code, answer.json()["policyName"]) == (429, "TEN_SECONDLY_ROLLING")
        assert answer.headers["X-HubSpot-RateLimit-Remaining"] == "0"
        assert answer.headers["X-HubSpot-RateLimit-Max"] == "190"
        assert "Retry-After" not in answer.headers
        assert deals(client) == 0

    def test_a_throttled_search_gets_no_headers(self, client: httpx.Client, order: Order) -> None:
        order({"kind": "throttle"})

        answer = client.post(f"{DEALS}/search", json={})

        assert (answer.status_code, answer.json()["policyName"]) == (429, "SECONDLY")
        assert not any("ratelimit" in name.lower() for name in answer.headers)

    def test_a_throttle_may_name_its_policy_and_when_to_come_back(
        self, client: httpx.Client, order: Order
    ) -> None:
        order({"kind": "throttle", "policy": "DAILY", "retry_after": 30})

        answer = client.get(DEALS)

        assert (answer.json()["policyName"], answer.headers["Retry-After"]) == ("DAILY", "30")
        assert answer.headers["X-HubSpot-RateLimit-Daily-Remaining"] == "0"

    def test_a_token_may_be_refused_once(self, client: httpx.Client, order: Order) -> None:
        order({"kind": "unauthorized"}, times=1)

        answers = [client.get(DEALS) for _ in range(2)]

        assert [answer.status_code for answer in answers] == [401, 200]
        assert answers[0].json()["category"] == "INVALID_AUTHENTICATION"


class TestLostAnswers:
    def test_a_request_dropped_before_does_nothing(self, client: httpx.Client, order: Order) -> None:
        order(DROP, times=1)

        with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
            client.post(DEALS, json=NEW_DEAL)

        assert deals(client) == 0

    def test_a_request_dropped_after_is_committed(self, client: httpx.Client, order: Order) -> None:
        order({"kind": "drop_after"}, times=1)

        with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
            client.post(DEALS, json=NEW_DEAL)

        assert deals(client) == 1

    def test_a_truncated_answer_breaks_off_in_the_middle(self, client: httpx.Client, order: Order) -> None:
        order({"kind": "truncate"}, times=1)

        with client.stream("POST", DEALS, json=NEW_DEAL) as answer:
            with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
                answer.read()
            length = int(answer.headers["Content-Length"])

        assert answer.status_code == 201
        assert answer.num_bytes_downloaded == length // 2
        assert deals(client) == 1

    def test_a_request_that_hangs_is_not_answered_before_the_client_gives_up(
        self, client: httpx.Client, order: Order
    ) -> None:
        order({"kind": "hang"}, times=1)

        with pytest.raises(httpx.ReadTimeout):
            client.post(DEALS, json=NEW_DEAL, timeout=0.2)

        assert deals(client) == 0

    def test_a_request_hangs_no_longer_than_it_is_bound_to(self, client: httpx.Client, order: Order) -> None:
        order({"kind": "hang", "max_ms": 50}, times=1)

        with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
            client.post(DEALS, json=NEW_DEAL)

        assert deals(client) == 0


class TestAnswersThatCannotBeUsed:
    def test_text_is_not_json(self, client: httpx.Client, order: Order) -> None:
        order({"kind": "garbage"}, times=1)

        answer = client.post(DEALS, json=NEW_DEAL)

        assert answer.status_code == 200
        with pytest.raises(json.JSONDecodeError):
            answer.json()
        assert deals(client) == 1

    def test_a_wrong_shape_has_no_list_of_results(self, client: httpx.Client, order: Order) -> None:
        order({"kind": "garbage", "form": "shape"})

        assert client.get(DEALS).json() == {"results": {"unexpected": True}}

    @pytest.mark.parametrize("many", [True, False])
    def test_a_wrong_record_is_the_true_one_without_its_properties(
        self, client: httpx.Client, create: Create, order: Order, many: bool
    ) -> None:
        made = create("deals", dealname="Acme")
        order({"kind": "garbage", "form": "record"})

        answer = client.get(DEALS if many else f"{DEALS}/{made}").json()

        record = answer["results"][0] if many else answer
        assert (record["id"], record["properties"]) == (made, [])

    def test_an_answer_without_a_body_can_be_garbled_too(
        self, client: httpx.Client, create: Create, order: Order
    ) -> None:
        made = create("deals")
        order({"kind": "garbage", "form": "record"})

        assert client.delete(f"{DEALS}/{made}").json() == {"properties": []}


class TestDelays:
    @pytest.mark.parametrize("ms", [1, [1, 3]])
    def test_a_delayed_request_is_answered_as_always(
        self, client: httpx.Client, order: Order, ms: object
    ) -> None:
        order({"kind": "delay", "ms": ms})

        assert client.post(DEALS, json=NEW_DEAL).status_code == 201
        assert fired(client) == (1, 1)

    def test_a_delay_longer_than_the_client_waits_is_a_timeout(
        self, client: httpx.Client, order: Order
    ) -> None:
        order({"kind": "delay", "ms": 500}, times=1)

        with pytest.raises(httpx.ReadTimeout):
            client.get(DEALS, timeout=0.1)

    def test_a_range_is_drawn_from_end_to_end(self) -> None:
        plan = planned({"fault": {"kind": "delay", "ms": [3, 5]}})

        drawn = [due.between(3, 5) for _ in range(50) if (due := plan.due("GET", "/"))]

        assert (len(drawn), set(drawn)) == (50, {3, 4, 5})


class TestWhichRequests:
    def test_only_those_of_the_method_and_the_path(self, client: httpx.Client, order: Order) -> None:
        order({"kind": "error"}, method="post", path="/crm/v3/objects/*/search")

        answers = [
            client.post(f"{DEALS}/search", json={}),
            client.get(f"{DEALS}/search"),
            client.post(DEALS, json=NEW_DEAL),
        ]

        assert [answer.status_code for answer in answers] == [500, 404, 201]
        assert fired(client) == (1, 1)

    def test_numbers_count_the_requests_that_fit(self) -> None:
        assert fates({"nth": [3, 10]}, 12) == [3, 10]

    def test_every_nth_is_every_nth(self) -> None:
        assert fates({"every": 4}, 12) == [4, 8, 12]

    def test_without_a_frequency_it_is_all_of_them(self) -> None:
        assert fates({}, 3) == [1, 2, 3]

    def test_times_ends_a_rule(self) -> None:
        assert fates({"every": 2, "times": 2}, 12) == [2, 4]

    def test_a_share_is_met_about_as_often_as_it_says(self) -> None:
        assert 900 < len(fates({"share": "0.1"}, 10_000)) < 1_100

    def test_a_share_of_nothing_and_of_all(self) -> None:
        assert fates({"share": "0"}, 5) == []
        assert fates({"share": "1"}, 5) == [1, 2, 3, 4, 5]

    def test_the_first_rule_that_is_due_has_the_request(self) -> None:
        plan = FaultPlan()
        first = {"name": "first", "nth": [2], "fault": DROP}
        second = {"name": "second", "fault": {"kind": "truncate"}}
        plan.replace(RuleSet.model_validate({"rules": [first, second]}))

        kinds = [due.fault.kind for _ in range(3) if (due := plan.due("GET", "/"))]

        assert kinds == ["truncate", "drop_before", "truncate"]
        assert plan.report()["rules"] == [
            {**first, "path": "*", "matched": 3, "fired": 1},
            {**second, "path": "*", "matched": 3, "fired": 2},
        ]

    def test_administration_meets_no_fault(self, client: httpx.Client, order: Order) -> None:
        order(DROP)

        assert client.get("/_sandbox/counts").status_code == 200
        assert fired(client) == (0, 0)


class TestReproduction:
    def test_the_same_requests_meet_the_same_faults(self, client: httpx.Client, order: Order) -> None:
        def meet() -> list[int]:
            order({"kind": "error", "status": 503}, share="0.5", seed=11)
            return [client.get(DEALS).status_code for _ in range(40)]

        once = meet()

        assert set(once) == {200, 503}
        assert meet() == once

    def test_another_seed_draws_other_requests(self) -> None:
        assert fates({"share": "0.5"}, 40, seed=1) != fates({"share": "0.5"}, 40, seed=2)

    def test_a_rules_lots_do_not_depend_on_the_rules_beside_it(self) -> None:
        rule = {"name": "drawn", "share": "0.3", "fault": {"kind": "truncate"}}
        other = {"name": "other", "share": "0.5", "fault": DROP}
        alone, beside = FaultPlan(), FaultPlan()
        alone.replace(RuleSet.model_validate({"seed": 5, "rules": [rule]}))
        beside.replace(RuleSet.model_validate({"seed": 5, "rules": [rule, other]}))

        for _ in range(100):
            drawn, among = alone.due("GET", "/"), beside.due("GET", "/")
            assert (drawn is not None) == (among is not None and among.fault.kind == "truncate")

    def test_it_does_not_matter_how_many_threads_ask(self) -> None:
        plan = planned({"share": "0.3", "seed": 3})
        with ThreadPoolExecutor(8) as threads:
            met = list(threads.map(plan.due, ["GET"] * 2_000, ["/"] * 2_000))

        assert sum(due is not None for due in met) == len(fates({"share": "0.3"}, 2_000, seed=3))


class TestAdministration:
    def test_new_rules_count_from_the_start(self, client: httpx.Client, order: Order) -> None:
        order({"kind": "error"}, times=1)
        client.get(DEALS)
        order({"kind": "error"}, times=1)

        assert fired(client) == (0, 0)
        assert client.get(DEALS).status_code == 500

    def test_ended_faults_happen_no_more(self, client: httpx.Client, order: Order) -> None:
        order({"kind": "error"})
        client.delete("/_sandbox/faults").raise_for_status()

        assert client.get(DEALS).status_code == 200
        assert client.get("/_sandbox/faults").json() == {"seed": 0, "rules": []}

    @pytest.mark.parametrize(
        ("change", "complaint"),
        [
            ({"share": "0.1", "every": 2}, "share and every; keep one"),
            ({"share": "1.1"}, "less than or equal to 1"),
            ({"nth": [0]}, "greater than 0"),
            ({"every": 0}, "greater than 0"),
            ({"times": 0}, "greater than 0"),
            ({"fault": {"kind": "flood"}}, "does not match any of the expected tags"),
            ({"fault": {"kind": "error", "status": 200}}, "500, 502, 503 or 504"),
            ({"fault": {"kind": "delay", "ms": [9, 1]}}, "write the smaller one first"),
            ({"chance": "0.1"}, "Extra inputs are not permitted"),
        ],
    )
    def test_a_rule_that_means_nothing_is_refused(
        self, client: httpx.Client, change: dict[str, object], complaint: str
    ) -> None:
        rule = {"name": "wrong", "fault": DROP, **change}

        answer = client.put("/_sandbox/faults", json={"rules": [rule]})

        assert answer.status_code == 400
        assert complaint in answer.json()["message"]

    def test_two_rules_of_one_name_are_refused(self) -> None:
        rule = Rule.model_validate({"name": "twin", "fault": DROP})

        with pytest.raises(ValidationError, match="two rules are named 'twin'"):
            RuleSet(rules=(rule, rule))

    def test_faults_leave_nothing_in_the_servers_log(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        data_dir = tmp_path_factory.mktemp("faulty")
        kinds = [DROP, {"kind": "drop_after"}, {"kind": "truncate"}, {"kind": "hang", "max_ms": 1}]
        with (
            SandboxProcess(data_dir, token=TOKEN) as sandbox,
            httpx.Client(base_url=sandbox.base_url, headers=sandbox.headers) as client,
        ):
            for kind in kinds:
                client.put("/_sandbox/faults", json={"rules": [{"name": "once", "fault": kind}]})
                with pytest.raises(httpx.RemoteProtocolError):
                    client.get(DEALS)

        assert (data_dir / "server.log").read_text() == ""


def planned(rule: dict[str, object]) -> FaultPlan:
    """A plan of one rule, told by its fields; `seed` goes to the plan."""
    seed = rule.pop("seed", 0)
    plan = FaultPlan()
    plan.replace(RuleSet.model_validate({"seed": seed, "rules": [{"name": "one", "fault": DROP, **rule}]}))
    return plan


def fates(rule: dict[str, object], requests: int, *, seed: int = 7) -> list[int]:
    """The numbers of the requests, from 1, that meet a fault."""
    plan = planned({**rule, "seed": seed})
    return [number for number in range(1, requests + 1) if plan.due("GET", "/") is not None]
