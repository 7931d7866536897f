from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr, ValidationError

from integration_pipeline.crm.hubspot.config import HubSpotSettings
from integration_pipeline.crm.hubspot.errors import HUBSPOT_FAILURES
from integration_pipeline.crm.records import ObjectType
from integration_pipeline.transport.failures import (
    Attempted,
    ErrorReply,
    QuotaExhausted,
    Rejected,
    Throttled,
    Transient,
    Unauthorized,
)
from integration_pipeline.transport.json_types import JsonValue

if TYPE_CHECKING:
    from integration_pipeline_tests.crm.hubspot.conftest import Connect, Portal, WoundClock

LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)


class TestRefusals:
    @pytest.mark.usefixtures("portal")
    def test_a_wrong_token_is_unauthorized_and_not_shown(self, connect: Connect) -> None:
        source = connect(token=SecretStr("pat-na1-wrong-token"))

        with pytest.raises(Unauthorized, match="Renew the credentials") as caught:
            source.deal_stages()

        assert caught.value.correlation_id
        assert "wrong-token" not in f"{caught.value!r}{source!r}"

    def test_a_search_refused_for_its_rate_waits_the_second_out(
        self, portal: Portal, connect: Connect, clock: WoundClock
    ) -> None:
        portal.limit(searches_per_second=0)
        source = connect(clock)

        with pytest.raises(Throttled, match="SECONDLY"):
            list(source.changed_since(ObjectType.DEAL, LONG_AGO, ["dealname"]))

        assert source.metrics.totals().throttled == 6
        assert min(clock.slept) >= 1.0

    def test_a_call_refused_for_its_rate_outlasts_the_ten_seconds(
        self, portal: Portal, connect: Connect, clock: WoundClock
    ) -> None:
        portal.limit(requests_per_ten_seconds=0)
        source = connect(clock)

        with pytest.raises(Throttled, match="TEN_SECONDLY_ROLLING"):
            source.deal_stages()

        assert sum(clock.slept) >= 10.0

    def test_a_used_up_day_is_not_waited_for(
        self, portal: Portal, connect: Connect, clock: WoundClock
    ) -> None:
        portal.limit(requests_per_day=0)
        source = connect(clock)

        with pytest.raises(QuotaExhausted, match="run again tomorrow"):
            source.deal_stages()

        assert source.metrics.totals().requests == 1
        assert clock.slept == []


class TestExplanation:
    @pytest.mark.parametrize(
        ("status", "body", "failure", "message"),
        [
            (
                400,
                {
                    "message": "Property values were not valid",
                    "category": "VALIDATION_ERROR",
                    "errors": [{"message": "amount was not a number"}, "nonsense", {"code": 5}],
                },
                Rejected,
                "Property values were not valid; amount was not a number (VALIDATION_ERROR)",
            ),
            (423, {"message": "locked"}, Transient, "locked"),
            (477, {"message": "migrating"}, Throttled, "migrating"),
            (400, ["unexpected"], Rejected, "the text"),
            (400, {"message": {"nested": 1}, "errors": "none"}, Rejected, ""),
        ],
    )
    def test_gives_the_message_its_details_and_its_category(
        self, status: int, body: JsonValue, failure: type[Exception], message: str
    ) -> None:
        attempted = Attempted("hubspot", "POST", "/crm/v3/objects/deals", is_write=True)

        found = HUBSPOT_FAILURES.of_reply(attempted, ErrorReply(status, {}, body, "the text"))

        assert type(found) is failure
        assert found.vendor_message == message


class TestSettings:
    @pytest.mark.parametrize("url", ["http://api.hubapi.com", "ftp://127.0.0.1", "api.hubapi.com", ""])
    def test_send_the_token_nowhere_in_clear(self, url: str) -> None:
        with pytest.raises(ValidationError, match="must be https"):
            HubSpotSettings(token=SecretStr("t"), base_url=url)

    @pytest.mark.parametrize("version", ["v4", "2026", "2026-13", "../v3"])
    def test_take_only_versions_that_exist(self, version: str) -> None:
        with pytest.raises(ValidationError):
            HubSpotSettings(token=SecretStr("t"), api_version=version)

    def test_do_not_show_the_token(self) -> None:
        settings = HubSpotSettings(token=SecretStr("pat-na1-hidden"))

        assert "pat-na1-hidden" not in f"{settings!r}{settings}{settings.model_dump_json()}"
