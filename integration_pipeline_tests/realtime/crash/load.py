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
_AT_ONCE = 100
# Everything gets under way fast; what then takes long is the machine's slowness and needs no more load.
_HURRIED = 20
_PAUSE_SECONDS = 0.005
_LONGER_PAUSE_SECONDS = 0.1
_LAST_CHANGES = 5
# As HubSpot numbers them: the primary company of a deal.
_DEAL_TO_COMPANY = 5


class Office:
    """Who changes deals, in an order that depends on nothing but the seed."""

    def __init__(self, rig: Rig, seed: int) -> None:
        self._rig = rig
        self._rng = Random(seed)  # noqa: S311 - to repeat a failure
        self._open: list[str] = []
        self._closed: list[str] = []

    def open_deals(self, number: int) -> None:
        """Deals of a few companies that wait to be closed."""
        companies = self._create(
            "companies", [{"properties": {"name": f"Company {n}"}} for n in range(_COMPANIES)]
        )
        # A day that has come in every time zone.
        day = datetime.now(UTC).date() - timedelta(days=2)
        for start in range(0, number, _AT_ONCE):
            inputs = [
                {
                    "properties": {
                        "dealname": f"Deal {n}",
                        "dealstage": "contractsent",
                        "closedate": f"{day}T12:00:00Z",
                        "deal_currency_code": "USD",
                        "amount": "100.00",
                    },
                    "associations": [
                        {
                            "to": {"id": companies[n % _COMPANIES]},
                            "types": [
                                {
                                    "associationCategory": "HUBSPOT_DEFINED",
                                    "associationTypeId": _DEAL_TO_COMPANY,
                                }
                            ],
                        }
                    ],
                }
                for n in range(start, min(start + _AT_ONCE, number))
            ]
            for place, deal in enumerate(self._create("deals", inputs), start=start):
                self._rig.deals[deal] = ExpectedDeal(companies[place % _COMPANIES], amount=10_000)
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
        if (lot < 0.6 and self._open) or not self._closed:
            deal = self._open.pop(0)
            self._closed.append(deal)
            self.change(deal, won=True)
        elif lot < 0.85:
            self.change(self._rng.choice(self._closed), amount=self._rng.randrange(100, 1_000_000))
        else:
            deal = self._rng.choice(self._closed)
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
