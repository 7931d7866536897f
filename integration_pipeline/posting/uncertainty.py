"""What becomes of an intent of which nobody knows whether the target has it: it is looked up, never guessed.

One equal record there is adopted. One that differs, or more than one, freezes the intent and becomes a
finding. None means that it may be sent again, under the same key.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from integration_pipeline.accounting.target import GONE, Outgoing, OutgoingDocument, RemoteRecord
from integration_pipeline.posting.claims import NotPosted, Posted, Result
from integration_pipeline.posting.comparing import Expected, differences
from integration_pipeline.posting.findings import Finding, of_differences


def verdict(
    item: Outgoing,
    hits: Sequence[RemoteRecord],
    *,
    quiet_for: float,
    quiet_seconds: float,
    refused: bool,
    given_up: Collection[str] = (),
) -> tuple[Result, list[Finding]]:
    """What a look-up with these hits means for an uncertain intent, and what is to be reported.

    `quiet_for`: seconds since the last attempt ended. `refused`: the target had said that it was there.
    `given_up`: ids it had there before; a person has decided that it is sent again without them.
    """
    expected = Expected.of(item)
    name = item.number if isinstance(item, OutgoingDocument) else item.reference
    # One that is back counts: to send it again would double it.
    before = [hit for hit in hits if hit.remote_id in given_up and hit.state in GONE]
    hits = [hit for hit in hits if hit not in before]
    there = [hit for hit in hits if hit.state not in GONE] or [
        # Numbers are used again by hand: of what is gone only our reference says that it was ours.
        hit
        for hit in hits
        if hit.reference == item.reference
    ]
    if not there and refused and before:
        said = (
            f"{name} is refused: its number still belongs to {before[0].remote_id}, which it was before; "
            "give that record another number there or delete it, then `targets resend`"
        )
        return NotPosted(item.intent_id, "rejected", said), []
    if not there:
        return _absent(item, name, quiet_for, quiet_seconds, refused=refused), []
    if len(there) > 1:
        ids = ", ".join(hit.remote_id for hit in there)
        said = f"{name} is there {len(there)} times: {ids}"
        evidence = {"remote_ids": [hit.remote_id for hit in there]}
        return (
            NotPosted(item.intent_id, "frozen", said),
            [Finding("duplicate", name, said, item.intent_id, evidence)],
        )
    (hit,) = there
    found = differences(expected, hit)
    if any(each.field not in _TOLERABLE for each in found):
        findings = of_differences(found, record=hit.remote_id, name=name, intent_id=item.intent_id)
        said = "; ".join(str(each) for each in found)
        return NotPosted(item.intent_id, "frozen", f"{name} is there, but {said}"), findings
    # Ours, though the vendor taxed it otherwise, or somebody has voided it since.
    findings = of_differences(found, record=hit.remote_id, name=name, intent_id=item.intent_id)
    return Posted(item.intent_id, hit, found=True), findings


# A record of the same number, customer, currency and amount is ours whatever became of it afterwards.
_TOLERABLE = frozenset({"state", "tax"})


def _absent(item: Outgoing, name: str, quiet_for: float, quiet_seconds: float, *, refused: bool) -> NotPosted:
    if refused:
        said = f"{name} was refused as a duplicate, but nothing there carries its number or reference"
        return NotPosted(item.intent_id, "rejected", said)
    if not isinstance(item, OutgoingDocument) and quiet_for < quiet_seconds:
        # Nothing but time tells a slow first request from a lost one.
        return NotPosted(
            item.intent_id,
            "uncertain",
            f"{name} is not there yet; it is looked up again before it is sent again",
            seconds=quiet_seconds - quiet_for,
        )
    return NotPosted(item.intent_id, "pending", f"{name} is not there: it is sent again")
