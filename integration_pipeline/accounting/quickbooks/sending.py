"""Sending records to QuickBooks once, alone or in a batch, and what became of each.

Belongs here: request ids, batches, outcomes. Does not belong here: bodies (`documents`, `payments`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from integration_pipeline.accounting.quickbooks.answers import read_record
from integration_pipeline.accounting.quickbooks.api import QuickBooksApi
from integration_pipeline.accounting.quickbooks.errors import Fault, refusal, refuses_content
from integration_pipeline.accounting.target import Accepted, Outcome, Refused, Unsure
from integration_pipeline.transport.failures import Uncertain, VendorFailure
from integration_pipeline.transport.json_types import JsonObject
from integration_pipeline.transport.shapes import Json

# Of a batch QuickBooks takes 36 characters, of a single call 50.
_REQUEST_ID = 36


@dataclass(frozen=True, slots=True)
class Parcel:
    """A record ready to be sent. `name` is what messages call it, `key` its idempotency key."""

    name: str
    key: str
    entity: str
    body: JsonObject


def request_id(*keys: str) -> str:
    """What lets QuickBooks recognise a repetition: another one for each composition of a batch."""
    if len(keys) == 1:
        return keys[0][:_REQUEST_ID]
    return hashlib.sha256("\n".join(keys).encode()).hexdigest()[:_REQUEST_ID]


def send(api: QuickBooksApi, parcels: Sequence[Parcel], home_currency: str) -> list[Outcome]:
    """What became of each, in order. Raises a `VendorFailure` only if certainly nothing was done."""
    if len(parcels) == 1:
        return [_send_one(api, parcels[0], home_currency)]
    if not parcels:
        return []
    outcomes = _send_batch(api, parcels, home_currency)
    if outcomes is None:
        # Something in one of them has the whole call refused: the others need not suffer from it.
        middle = len(parcels) // 2
        return _in_turn(api, [parcels[:middle], parcels[middle:]], home_currency)
    if all(isinstance(each, Refused) and not each.duplicate for each in outcomes):
        return _confirmed(api, parcels, home_currency)
    return outcomes


def book(api: QuickBooksApi, parcel: Parcel) -> Refused | Unsure | None:
    """Send a record of which only its being there matters; None once it is. Raises as `send` does."""
    try:
        api.create(parcel.entity, parcel.body, request_id(parcel.key)).field("Id").identifier()
    except VendorFailure as failure:
        return _outcome_of(parcel, failure)
    return None


def read_accepted(parcel: Parcel, answer: Json, home_currency: str) -> Accepted:
    """The record as QuickBooks has it. Raises `Uncertain` for an answer nobody can read."""
    record = read_record(parcel.entity, answer, home_currency)
    if record is None:
        raise answer.wrong(f"the {parcel.entity} that was sent")
    return Accepted(record)


def _send_one(api: QuickBooksApi, parcel: Parcel, home_currency: str) -> Outcome:
    try:
        answer = api.create(parcel.entity, parcel.body, request_id(parcel.key))
        return read_accepted(parcel, answer, home_currency)
    except VendorFailure as failure:
        return _outcome_of(parcel, failure)


def _outcome_of(parcel: Parcel, failure: VendorFailure) -> Refused | Unsure:
    """What a failed call means for its record. Raises the failure if nothing was done."""
    if isinstance(failure, Uncertain):
        return Unsure(f"{parcel.name}: {failure}")
    fault = refusal(failure)
    if fault is None:
        raise failure
    return fault.refused(parcel.name)


def _send_batch(api: QuickBooksApi, parcels: Sequence[Parcel], home_currency: str) -> list[Outcome] | None:
    """None if the call was refused before any of them was looked at by itself."""
    try:
        answers = api.create_all(
            [(each.entity, each.body) for each in parcels], request_id(*(each.key for each in parcels))
        )
    except Uncertain as lost:
        return [Unsure(f"{each.name}: {lost}") for each in parcels]
    except VendorFailure as failure:
        if not refuses_content(failure):
            raise
        return None
    return [_of_batch(parcel, answer, home_currency) for parcel, answer in zip(parcels, answers, strict=True)]


def _of_batch(parcel: Parcel, answer: Json | Fault | VendorFailure, home_currency: str) -> Outcome:
    if isinstance(answer, VendorFailure):
        return Unsure(f"{parcel.name}: {answer}")
    if isinstance(answer, Fault):
        # Trouble of QuickBooks' own says nothing of what was done.
        return (
            answer.refused(parcel.name) if answer.is_refusal else Unsure(f"{parcel.name}: {answer.message}")
        )
    try:
        return read_accepted(parcel, answer, home_currency)
    except Uncertain as unreadable:
        return _outcome_of(parcel, unreadable)


def _confirmed(api: QuickBooksApi, parcels: Sequence[Parcel], home_currency: str) -> list[Outcome]:
    """A batch of which all were refused may be the answer of an earlier day: its request id is that of the
    same documents, and since then somebody may have mended what was wrong. So one is sent alone, where
    refusals are not repeated; if that is taken, the others follow together, else each alone.
    """
    first, *others = parcels
    outcome = _send_one(api, first, home_currency)
    groups = [[each] for each in others] if isinstance(outcome, Refused) else [others]
    return _in_turn(api, groups, home_currency, outcome)


def _in_turn(
    api: QuickBooksApi, groups: Sequence[Sequence[Parcel]], home_currency: str, *before: Outcome
) -> list[Outcome]:
    """What became of those `before`, and of one group after the other. Raises a `VendorFailure` only if
    certainly nothing was done; after one nothing more is sent.
    """
    outcomes = list(before)
    for place, group in enumerate(groups):
        try:
            outcomes += send(api, group, home_currency)
        except VendorFailure as failure:
            if all(isinstance(each, Refused) for each in outcomes):
                raise
            left = (each for some in groups[place:] for each in some)
            return [*outcomes, *(Unsure(f"{each.name}: not sent: {failure}") for each in left)]
    return outcomes
