"""How many contracts a second one core bills, terms in, explained schedule out: JSON on standard output.

The contract of the benchmark runs for one year, billed monthly: a platform fee with a ramp of three phases,
and seats priced by a graduated tier. Every contract differs in start, quantity and price, so that nothing is
computed once for all. Steps are measured in processor time, and given as a share of the whole, too: other
work on the machine stretches all of them alike.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any

from integration_pipeline.billing.schedule import BillingSchedule, build_schedule
from integration_pipeline.billing.terms import ContractTerms, load_terms

CONTRACTS = 400
ROUNDS = 5


def document(number: int) -> dict[str, Any]:
    """The terms of one contract of the benchmark."""
    fee = 300 + number % 97
    return {
        "contract_id": f"C-{number}",
        "customer": "acme",
        "entity": "us",
        "currency": "USD",
        "start": str(date(2024, 1, 1) + timedelta(days=number % 366)),
        "term_months": 12,
        "payment_terms": {"net_days": 30},
        "charges": [
            {
                "charge_id": "platform",
                "description": "Platform",
                "unit_price": f"{3 * fee}.00",
                "frequency": "monthly",
                "phases": [
                    {"name": "ramp 1", "months": 3, "unit_price": f"{fee}.00"},
                    {"name": "ramp 2", "after_months": 3, "months": 3, "unit_price": f"{2 * fee}.00"},
                ],
            },
            {
                "charge_id": "seats",
                "description": "Seats",
                "quantity": str(1 + number % 211),
                "unit": "seats",
                "frequency": "monthly",
                "price": {
                    "model": "graduated",
                    "tiers": [
                        {"up_to": "50", "unit_price": "20.00"},
                        {"up_to": "100", "unit_price": "17.50"},
                        {"up_to": None, "unit_price": "15.00"},
                    ],
                },
            },
        ],
    }


def explained(schedule: BillingSchedule) -> int:
    """Every formula as a person would read it."""
    return sum(len(line.explanation.formula) for line in schedule.lines)


def seconds_each(step: Callable[[Any], object], given: Sequence[Any]) -> float:
    """Processor seconds for one of `given`, in the best of several rounds over all of them."""
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.process_time()
        for item in given:
            step(item)
        best = min(best, time.process_time() - started)
    return best / len(given)


def measured() -> dict[str, Any]:
    """Contracts per second, and where the time goes."""
    texts = [json.dumps(document(number)) for number in range(CONTRACTS)]
    terms: list[ContractTerms] = [load_terms(text) for text in texts]
    schedules = [build_schedule(each) for each in terms]
    steps = {
        "load terms from JSON": seconds_each(load_terms, texts),
        "build the schedule": seconds_each(build_schedule, terms),
        "write all explanations": seconds_each(explained, schedules),
        "schedule as JSON": seconds_each(BillingSchedule.to_json, schedules),
    }
    built = steps["build the schedule"]
    return {
        "contracts": CONTRACTS,
        "lines_each": len(schedules[0].lines),
        "schedules_per_second": round(1 / built),
        "from_json_text_per_second": round(1 / (built + steps["load terms from JSON"])),
        "microseconds_each": {name: round(1e6 * seconds) for name, seconds in steps.items()},
        "times_the_schedule": {name: round(seconds / built, 2) for name, seconds in steps.items()},
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measured(), indent=2) + "\n")
