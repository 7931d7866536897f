"""People at work in the sandbox: they close deals, change them, and open some again.

Every change may be sent twice, since the sandbox may be killed before it answers; and the oracle is told of a
change before it is sent, since it may be seen before it is answered.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from random import Random

from integration_pipeline_tests.realtime.crash.rig import Rig
from integration_pipeline_tests.realtime.expectation import ExpectedDeal

_COMPANIES = 5
_OPENED_AT_ONCE = 60
# Everything gets under way fast; what then takes long is the machine's slowness and needs no more load.
_HURRIED = 20
_PAUSE_SECONDS = 0.005
_LONGER_PAUSE_SECONDS = 0.1
_LAST_CHANGES = 5
_AMOUNT = 10_000
# As HubSpot numbers them: the primary company of a deal.
_DEAL_TO_COMPANY = 5


class Office:
    """Who changes deals, in an order that depends on nothing but the seed. `closed` were closed once."""

    def __init__(self, rig: Rig, seed: int) -> None:
        self._rig = rig
        self._rng = Random(seed)  # noqa: S311 - to repeat a failure
        self._companies: list[str] = []
        self._open: list[str] = []
        self.closed: list[str] = []

    def _open_deals(self) -> None:
        """Some more that wait to be closed. Should they be created twice, the others just stay open."""
        if not self._companies:
            names = [f"Company {number}" for number in range(_COMPANIES)]
            self._companies = self._create("companies", [{"properties": {"name": name}} for name in names])
        first = len(self._rig.deals)
        companies = [self._companies[number % _COMPANIES] for number in range(_OPENED_AT_ONCE)]
        deals = [_open_deal(first + number, company) for number, company in enumerate(companies)]
        for deal, company in zip(self._create("deals", deals), companies, strict=True):
            self._rig.deals[deal] = ExpectedDeal(company, amount=_AMOUNT)
            self._open.append(deal)

    @contextmanager
    def at_work(self) -> Generator[None]:
        """Somebody changes deals until the end of the block, and a little longer."""
        enough = threading.Event()
        with ThreadPoolExecutor(1) as desk:
            working = desk.submit(self._work, enough)
            try:
                yield
            finally:
                enough.set()
        working.result()

    def _work(self, enough: threading.Event) -> None:
        done = 0
        while not enough.wait(_PAUSE_SECONDS if done < _HURRIED else _LONGER_PAUSE_SECONDS):
            self.do_something()
            done += 1
        for _ in range(_LAST_CHANGES):
            self.do_something()

    def do_something(self) -> None:
        """Mostly close a deal; now and then change, or open again, one that was closed."""
        lot = self._rng.random()
        if not self._open:
            self._open_deals()
        if lot < 0.6 or not self.closed:
            deal = self._open.pop(0)
            self.closed.append(deal)
            self.change(deal, won=True)
        elif lot < 0.85:
            self.change(self._rng.choice(self.closed), amount=self._rng.randrange(100, 1_000_000))
        else:
            deal = self._rng.choice(self.closed)
            self.change(deal, won=not self._rig.deals[deal].won)

    def change(self, deal: str, *, won: bool | None = None, amount: int | None = None) -> None:
        """Amounts are in minor units."""
        expected = self._rig.deals[deal]
        properties: dict[str, str] = {}
        if won is not None:
            expected.won = won
            properties["dealstage"] = "closedwon" if won else "contractsent"
        if amount is not None:
            expected.amount = amount
            properties["amount"] = f"{amount // 100}.{amount % 100:02}"
        expected.note()
        self._rig.call("PATCH", f"/crm/v3/objects/deals/{deal}", {"properties": properties})

    def _create(self, object_type: str, inputs: Sequence[object]) -> list[str]:
        """Ids, in the order of the inputs, which is that of the answer of the sandbox."""
        path = f"/crm/v3/objects/{object_type}/batch/create"
        return [str(each["id"]) for each in self._rig.call("POST", path, {"inputs": inputs})["results"]]


def _open_deal(number: int, company: str) -> object:
    # A day that has come in every time zone.
    day = datetime.now(UTC).date() - timedelta(days=2)
    link = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": _DEAL_TO_COMPANY}
    return {
        "properties": {
            "dealname": f"Deal {number}",
            "dealstage": "contractsent",
            "closedate": f"{day}T12:00:00Z",
            "deal_currency_code": "USD",
            "amount": f"{_AMOUNT // 100}.{_AMOUNT % 100:02}",
        },
        "associations": [{"to": {"id": company}, "types": [link]}],
    }
