"""The hard contract as files state it: its terms in a currency, its usage, its schedule.

Belongs here: reading the files beside this one. Does not belong here: what must come of them (the tests),
words for people (`statement`), the journal (`books`).
"""

from __future__ import annotations

import json
from pathlib import Path
from string import Template

from integration_pipeline.billing.invoices import BillingSchedule
from integration_pipeline.billing.policies import DEFAULT
from integration_pipeline.billing.schedule import UsageBook, build_schedule
from integration_pipeline.billing.terms import ContractTerms, load_terms_yaml
from integration_pipeline.billing.usage.events import UsageEvent, load_events

FOLDER = Path(__file__).parent
CURRENCIES = ("USD", "JPY", "KWD")
TIME_ZONE = "America/Toronto"
"""The billing entity sits in Montréal: a quarter ends when its day does there."""


def terms_in(currency: str, file: str = "terms.yaml") -> ContractTerms:
    """The same figures in every currency, so that only rounding tells them apart."""
    return load_terms_yaml(Template((FOLDER / file).read_text("utf-8")).substitute(currency=currency))


def usage() -> tuple[UsageEvent, ...]:
    """A year of calls, each event once, though one was reported twice."""
    lines = (FOLDER / "usage.jsonl").read_text("utf-8").splitlines()
    return load_events(json.loads(line) for line in lines)


def schedule_in(
    currency: str, file: str = "terms.yaml", events: tuple[UsageEvent, ...] | None = None
) -> BillingSchedule:
    """Everything the contract bills; `events` in place of its usage."""
    book = UsageBook(usage() if events is None else events, TIME_ZONE)
    return build_schedule(terms_in(currency, file), DEFAULT, usage=book)
