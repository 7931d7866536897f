"""What sales people change in won deals after the first invoices: lost, reopened, won again, amended.

Belongs here: patches, in the order they are made. Does not belong here: what they lead to (credit notes).
"""

from __future__ import annotations

from copy import deepcopy
from decimal import Decimal
from random import Random

from integration_pipeline.sandbox.datasets.generation.contracts import DealDraft
from integration_pipeline.sandbox.datasets.generation.dirt import Catalogue, DirtKind, choose
from integration_pipeline.sandbox.datasets.model import Change


def change_later(rng: Random, deals: list[DealDraft], catalogue: Catalogue) -> tuple[Change, ...]:
    """Patches of deals that have no other dirt; adds the changed deals to `catalogue`."""
    dirty = {key for keys in catalogue.values() for key in keys}
    clean = [deal for deal in deals if deal.is_won and deal.key not in dirty]
    # The original of a duplicate pair stays what its copy is.
    copied = {deal.properties["dealname"] for deal in deals if deal.key in catalogue[DirtKind.DUPLICATE_DEAL]}
    clean = [deal for deal in clean if deal.properties["dealname"] not in copied]
    changes: list[Change] = []

    def take(kind: DirtKind, count: int, *, recurring: bool = False) -> list[DealDraft]:
        chosen = choose(
            rng, clean, count, lambda deal: bool(deal.lines) and (deal.is_recurring or not recurring)
        )
        catalogue.setdefault(kind, []).extend(deal.key for deal in chosen)
        return chosen

    lost, reopened = take(DirtKind.LOST_AFTER_WON, 3), take(DirtKind.REOPENED_AFTER_WON, 3)
    changes += [_moved(deal, "closedlost", "The customer withdrew after the first invoice") for deal in lost]
    changes += [_moved(deal, "contractsent", "Reopened for renegotiation") for deal in reopened]
    rewon = take(DirtKind.LOST_AND_WON_AGAIN, 3)
    for stage, why in (
        ("closedlost", "Marked lost by mistake"),
        ("decisionmakerboughtin", "Reopened"),
        ("closedwon", "Won again on the same terms"),
    ):
        changes += [_moved(deal, stage, why) for deal in rewon]
    for deal in take(DirtKind.CHANGED_AFTER_WON, 3):
        changes += _quantity_doubled(deal)
    for deal in take(DirtKind.CHANGED_AFTER_WON, 3):
        changes += _discount_granted(deal)
    for deal in take(DirtKind.CHANGED_AFTER_WON, 2, recurring=True):
        changes += _term_extended(deal)
    for deal in take(DirtKind.CHANGED_AFTER_WON, 2):
        po_number = f"PO-LATE-{rng.randrange(1000, 9999)}"
        changes.append(
            Change("deals", deal.key, {"po_number": po_number}, "The customer sent its order number")
        )
    return tuple(changes)


def _moved(deal: DealDraft, stage: str, why: str) -> Change:
    return Change("deals", deal.key, {"dealstage": stage}, why)


def _quantity_doubled(deal: DealDraft) -> list[Change]:
    last = len(deal.lines)
    quantity = str(Decimal(deal.lines[-1].properties["quantity"]) * 2)
    return _line_patched(deal, last, {"quantity": quantity}, "The customer took twice as many")


def _discount_granted(deal: DealDraft) -> list[Change]:
    return _line_patched(deal, 1, {"hs_discount_percentage": "25"}, "A discount was granted after closing")


def _line_patched(deal: DealDraft, number: int, patch: dict[str, str], why: str) -> list[Change]:
    """Patch one line, then the deal's amount, as HubSpot's own editor does."""
    changed = deepcopy(deal)
    changed.lines[number - 1].properties.update(patch)
    return [
        Change("line_items", deal.line_key(number), patch, why),
        Change("deals", deal.key, {"amount": changed.total()}, why),
    ]


def _term_extended(deal: DealDraft) -> list[Change]:
    changed = deepcopy(deal)
    term = str(int(deal.properties["contract_term_months"]) + 12)
    changed.properties["contract_term_months"] = term
    patch = {"contract_term_months": term, "amount": changed.total()}
    return [Change("deals", deal.key, patch, "The term was extended by a year")]
