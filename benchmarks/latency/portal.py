"""The CRM that is measured against: filled with deals, told whom to send webhooks to, asked what it sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count
from types import TracebackType
from typing import Any, Self

import httpx

from integration_pipeline.crm.hubspot.subscriptions import Subscription
from integration_pipeline.sandbox.datasets.account import BATCH, Account, Json
from integration_pipeline.sandbox.datasets.model import PROPERTY_GROUPS
from integration_pipeline.sandbox.hubspot.limits import Limits

_KEY = "benchmark_key"
_DEALS_PER_COMPANY = 5
# Associations from deals, as HubSpot numbers them.
_TO_COMPANY, _TO_LINE_ITEM = 5, 19
# No limit but this, which none reaches: what is left of it tells how many calls there were.
_COUNTED = 1_000_000_000
_CONNECTIONS = 4


@dataclass(frozen=True, slots=True)
class OpenDeal:
    """A deal with a line item that waits to be closed. A newcomer's gets its company just before."""

    id: str
    newcomer: bool


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one event; epoch seconds."""

    id: int
    object_id: str
    kind: str
    sent_at: float
    acknowledged_at: float
    attempts: int


class Portal:
    """The sandbox at `base_url`, without request limits until `limit` sets some."""

    def __init__(self, base_url: str, token: str) -> None:
        self._client = httpx.Client(
            base_url=base_url, headers={"Authorization": f"Bearer {token}"}, timeout=60, trust_env=False
        )
        self._account = Account(base_url, token)
        self._numbers = count(1)
        self._last_seen = 0
        self.base_url = base_url
        self.token = token

    def __enter__(self) -> Self:
        self.limit(None)
        for object_type in ("companies", "line_items", "deals"):
            definitions = [_text_property(object_type, _KEY, unique=True)]
            if object_type == "deals":
                definitions += [
                    _text_property(object_type, "billing_entity"),
                    _text_property(object_type, "contract_start_date")
                    | {"type": "date", "fieldType": "date"},
                    _text_property(object_type, "contract_term_months")
                    | {"type": "number", "fieldType": "number"},
                ]
            self._account.create_properties(object_type, definitions)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()
        self._account.close()

    def limit(self, requests_per_ten_seconds: int | None) -> None:
        """Refuse more than so many requests in ten seconds."""
        limits = Limits(
            requests_per_ten_seconds=requests_per_ten_seconds,
            requests_per_day=_COUNTED,
            searches_per_second=None,
            search_results=1_000_000,
        )
        self._client.put("/_sandbox/limits", json=limits.model_dump()).raise_for_status()

    def calls(self) -> int:
        """Requests the CRM has served since its limits were set."""
        answer = self._client.get("/crm/v3/pipelines/deals")
        answer.raise_for_status()
        return _COUNTED - int(answer.headers["X-HubSpot-RateLimit-Daily-Remaining"])

    def open_deals(self, known: int, newcomers: int, *, closing_on: date) -> list[OpenDeal]:
        """Create deals, newcomers' spread evenly among them; announce none of them."""
        total = known + newcomers
        numbers = [next(self._numbers) for _ in range(total)]
        every = total / newcomers if newcomers else 0.0
        new = {round(every * each) for each in range(newcomers)}
        companies = self._create(
            "companies", [_company(numbers[0], each) for each in range(-(-known // _DEALS_PER_COMPANY))]
        )
        line_items = self._create("line_items", [_line_item(number) for number in numbers])
        deals: list[Json] = []
        place = 0
        for position, number in enumerate(numbers):
            links = [(_TO_LINE_ITEM, line_items[position])]
            if position not in new:
                links.append((_TO_COMPANY, companies[place // _DEALS_PER_COMPANY]))
                place += 1
            deals.append(_deal(number, closing_on, links))
        return [OpenDeal(deal, position in new) for position, deal in enumerate(self._create("deals", deals))]

    def close_in_bulk(self, deals: Sequence[OpenDeal], days: Sequence[date]) -> None:
        """Close deals as won, each on its day; announce none of them."""
        patches = [(deal.id, closing(day)) for deal, day in zip(deals, days, strict=True)]
        for start in range(0, len(patches), BATCH):
            self._account.update("deals", dict(patches[start : start + BATCH]))

    def announce_to(self, url: str, secret: str, subscriptions: Sequence[Subscription]) -> None:
        """Send webhooks, by HubSpot's defaults: up to 10 requests at once, up to 100 events in each."""
        self._set_webhooks(
            {
                "target_url": url,
                "client_secret": secret,
                "subscriptions": [each.as_json() for each in subscriptions],
            }
        )

    def announce_nothing(self) -> None:
        self._set_webhooks({"target_url": None})

    def undelivered(self) -> int:
        """Events not yet acknowledged."""
        return int(self._get("/_sandbox/webhooks/queue")["open"])

    def new_deliveries(self) -> list[Delivery]:
        """Events since this was asked last, all acknowledged. Raises RuntimeError if one is not."""
        found: list[Delivery] = []
        while True:
            page = self._get(f"/_sandbox/webhooks/deliveries?after={self._last_seen}")
            for each in page["results"]:
                if each["status"] != "acknowledged":
                    raise RuntimeError(f"webhook {each['id']} of {each['object_id']} is {each['status']}")
                found.append(
                    Delivery(
                        each["id"],
                        str(each["object_id"]),
                        each["type"],
                        each["sent_at"] / 1e6,
                        each["acknowledged_at"] / 1e6,
                        each["attempts"],
                    )
                )
                self._last_seen = each["id"]
            if "paging" not in page:
                return found

    def _set_webhooks(self, settings: Json) -> None:
        self._client.put("/_sandbox/webhooks", json=settings).raise_for_status()

    def _get(self, path: str) -> dict[str, Any]:
        answer = self._client.get(path)
        answer.raise_for_status()
        return answer.json()

    def _create(self, object_type: str, inputs: Sequence[Json]) -> list[str]:
        """Ids, in the order of the inputs."""
        batches = [inputs[start : start + BATCH] for start in range(0, len(inputs), BATCH)]
        created: dict[str, str] = {}
        with ThreadPoolExecutor(_CONNECTIONS) as pool:
            answers = [pool.submit(self._account.create, object_type, _KEY, batch) for batch in batches]
            for answer in answers:
                created |= answer.result()
        return [created[each["properties"][_KEY]] for each in inputs]


def closing(day: date) -> Mapping[str, str]:
    """The change that closes a deal as won on `day`."""
    return {"dealstage": "closedwon", "closedate": f"{day.isoformat()}T12:00:00Z"}


def closing_day() -> date:
    """A day that has come in every time zone, and that no billing period of a month ends on yet."""
    return datetime.now(UTC).date() - timedelta(days=2)


def newcomer(deal_id: str) -> Json:
    """The company of a newcomer's deal, linked to it as its primary one: the body of its creation."""
    return {
        "properties": {"name": f"Newcomer {deal_id}", "domain": f"newcomer-{deal_id}.example"},
        "associations": [
            {
                "to": {"id": deal_id},
                "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 6}],
            }
        ],
    }


def _company(first: int, number: int) -> Json:
    name = f"{first}-{number}"
    return {
        "properties": {
            _KEY: f"company-{name}",
            "name": f"Company {name}",
            "domain": f"company-{name}.example",
        }
    }


def _line_item(number: int) -> Json:
    """Every third is a subscription, billed monthly."""
    properties = {
        _KEY: f"line-{number}",
        "name": "Seats",
        "quantity": str(1 + number % 40),
        "price": "25.00",
    }
    return {"properties": properties | ({"recurringbillingfrequency": "monthly"} if number % 3 == 0 else {})}


def _deal(number: int, closing_on: date, links: Sequence[tuple[int, str]]) -> Json:
    """One invoice is due on `closing_on`, and of subscriptions five more, later."""
    properties = {
        _KEY: f"deal-{number}",
        "dealname": f"Deal {number}",
        "dealstage": "contractsent",
        "deal_currency_code": "USD",
        "billing_entity": ("us", "eu")[number % 2],
    }
    if number % 3 == 0:
        properties |= {"contract_start_date": closing_on.isoformat(), "contract_term_months": "6"}
    return {
        "properties": properties,
        "associations": [
            {
                "to": {"id": other},
                "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": kind}],
            }
            for kind, other in links
        ],
    }


def _text_property(object_type: str, name: str, *, unique: bool = False) -> Json:
    return {
        "name": name,
        "label": name,
        "type": "string",
        "fieldType": "text",
        "groupName": PROPERTY_GROUPS[object_type],
        "hasUniqueValue": unique,
    }
