"""The poster of one target: settles what is uncertain, then sends what is due, round after round.

Belongs here: one round, and what a vendor's failure leads to. Does not belong here: when rounds happen
(`delivery`), states in SQL (`claims`), who a customer is (`parties`).
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from integration_pipeline.accounting.documents import DocumentKind
from integration_pipeline.accounting.target import (
    Accepted,
    AccountingTarget,
    Outcome,
    Outgoing,
    OutgoingApplication,
    OutgoingDocument,
    Refused,
    RemoteRecord,
    Subject,
    Unsure,
)
from integration_pipeline.pipeline.chunks import chunked
from integration_pipeline.posting import claims, findings
from integration_pipeline.posting.calls import Bell, CallsUnderWay
from integration_pipeline.posting.claims import Due, NotPosted, Posted, Result
from integration_pipeline.posting.comparing import Expected, differences
from integration_pipeline.posting.outgoing import outgoing
from integration_pipeline.posting.parties import Parties
from integration_pipeline.posting.uncertainty import verdict
from integration_pipeline.posting.writer import Writer
from integration_pipeline.transport.failures import (
    QuotaExhausted,
    Rejected,
    Throttled,
    Transient,
    Unauthorized,
    VendorFailure,
)

_log = logging.getLogger(__name__)

LOOK_UP_AFTER = 0.5
"""Seconds after an unsure answer until it is looked up: longer each time, up to `_LONGEST_WAIT`."""
_LONGEST_WAIT = 300.0
_LOOK_UPS_AT_ONCE = 30
_CALLS_AT_ONCE = 5
"""Calls with documents under way at a time. A vendor takes seconds for a full one, and allows one every
second (Xero) or one and a half (QuickBooks): one after the other would leave most of that unused.
"""
_CALLS_AHEAD = 3
"""Full calls claimed beyond those: they leave while what came of others is being stored."""
_LONGEST_ROUND = 1.0
_AFTER_QUOTA = 900.0
_AFTER_UNAUTHORIZED = 60.0
_LONGEST_PAUSE = 86_400.0
_BETWEEN_LOOKS = 30.0
# A refusal of a whole call with these may have its reason in one record. Others are about the way there.
_ABOUT_THE_CONTENT = frozenset({400, 409, 422})
_HELD_BACK = "its turn had not come when sending stopped"
_NOTHING_TO_SEND = (
    "what it needs is not there: the document, or its customer's account; see `targets stuck`, then `resend`"
)


@dataclass(slots=True)
class Round:
    """What one round did: counts by outcome, money by (`invoiced` | `credited`, currency) in minor units."""

    counts: Counter[str] = field(default_factory=Counter[str])
    money: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])

    @property
    def idle(self) -> bool:
        """Nothing was due."""
        return not self.counts


class Poster:
    """Sends to `target` as its `writer`. Not safe for threads: a target has one writer.

    A round begins what calls there is room for and takes in what came of others. So calls are under way
    between rounds: whoever ends lets the poster `finish`. Leaving the block abandons what is still under way.
    """

    def __init__(self, writer: Writer, target: AccountingTarget, bell: Bell) -> None:
        self._writer = writer
        self._target = target
        self._connection = writer.connection
        self._parties = Parties(writer, target)
        self._bell = bell
        self._calls = CallsUnderWay(writer, target, _CALLS_AT_ONCE, self._bell)
        self._subject = Subject.DOCUMENT
        self._alone: deque[Outgoing] = deque()
        self._failures = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._calls.abandon()

    @property
    def busy(self) -> bool:
        """Whether calls are under way."""
        return len(self._calls) > 0

    def round(self) -> Round:
        """As many calls as may be under way, until one is answered or the bell rings. A target that is away,
        or wants to be left alone, is paused; then nothing is under way any more.

        Raises psycopg's errors: then the right to write is gone, and what was under way is uncertain.
        """
        done = Round()
        try:
            self._begin(done)
            if self.busy and done.idle:
                self._bell.wait(_LONGEST_ROUND)
            self._take_in(done)
        except VendorFailure as failure:
            self._end(done)
            self._failures += 1
            self._pause(failure)
            done.counts["paused"] += 1
        else:
            if done.counts:
                self._failures = 0
        return done

    def finish(self) -> Round:
        """Begin nothing more; wait for what is under way."""
        done = Round()
        self._end(done)
        return done

    def _begin(self, done: Round) -> None:
        if ids := claims.uncertain(self._writer, _LOOK_UPS_AT_ONCE):
            self._look_up(ids, done)
            return
        if self.busy and self._subject is not Subject.DOCUMENT:
            # Documents are told apart by their numbers. What has none is safe with one call at a time.
            return
        while self._alone and len(self._calls) < _CALLS_AT_ONCE:
            self._calls.begin([self._alone.popleft()])
        if due := self._due():
            self._post(due, done)

    def _due(self) -> list[Due]:
        """For as many calls as there is room for, and full ones to follow them."""
        largest = self._target.largest_batch
        at_once = max(0, _CALLS_AT_ONCE - len(self._calls)) * largest
        due = claims.due(
            self._writer,
            max(0, _CALLS_AT_ONCE + _CALLS_AHEAD - len(self._calls)) * largest,
            currency_per_customer=self._target.currency_per_customer,
            documents_only=self.busy,
        )
        return due[: max(at_once, len(due) // largest * largest)]

    def _post(self, due: Sequence[Due], done: Round) -> None:
        if unknown := [each for each in due if each.account is None]:
            try:
                self._introduce(unknown, done)
            except VendorFailure as failure:
                # Those of known customers need not wait until the others can be looked for.
                ids = [each.intent_id for each in unknown]
                claims.put_off(self._writer, ids, "pending", str(failure), seconds=_BETWEEN_LOOKS)
                raise
            # What they all are by now, and whether anything is due before them, is asked anew.
            return
        self._subject = due[0].subject
        if self._subject is not Subject.DOCUMENT:
            due = due[: self._target.largest_batch]
        ids = [each.intent_id for each in due]
        batch = self._outgoing(self._subject, ids)
        if gone := set(ids) - {each.intent_id for each in batch}:
            claims.put_off(self._writer, sorted(gone), "waiting", _NOTHING_TO_SEND)
            done.counts["waiting"] += len(gone)
        if nothing := [each for each in batch if isinstance(each, OutgoingApplication) and not each.amount]:
            said = "the invoice was paid; the credit note stays open for the customer"
            claims.put_off(self._writer, [each.intent_id for each in nothing], "cancelled", said)
            done.counts["not_applied"] += len(nothing)
            batch = [each for each in batch if each not in nothing]
        if batch:
            claims.claim(self._writer, [each.intent_id for each in batch])
            for each in chunked(batch, self._target.largest_batch):
                self._calls.begin(each)

    def _introduce(self, unknown: Sequence[Due], done: Round) -> None:
        """Find out who these customers are there; intents of those nobody knows wait for a person."""
        wanted = {(each.customer_id, each.currency) for each in unknown}
        reasons = self._parties.resolve(sorted(wanted))
        done.counts["customers"] += len(wanted) - len(reasons)
        for (customer, currency), reason in reasons.items():
            ids = [
                each.intent_id
                for each in unknown
                if each.customer_id == customer and currency in ("", each.currency)
            ]
            if reason.passing:
                claims.put_off(self._writer, ids, "pending", reason.reason, seconds=LOOK_UP_AFTER)
                done.counts["customers_uncertain"] += 1
            else:
                claims.put_off(self._writer, ids, "waiting", reason.reason)
                done.counts["waiting"] += len(ids)

    def _take_in(self, done: Round) -> None:
        """Store what came of calls that have ended. Raises the failure of one of which nothing was done."""
        failure: VendorFailure | None = None
        for batch, answer in self._calls.answered():
            if not isinstance(answer, VendorFailure):
                self._settle(batch, answer, done)
            elif not (isinstance(answer, Rejected) and answer.status in _ABOUT_THE_CONTENT):
                failure = answer
                self._give_back(batch, answer)
            elif len(batch) == 1:
                self._settle(batch, [Refused(str(answer))], done)
            else:
                # One of its records is to blame, and the others must not suffer: each goes alone.
                self._alone.extend(batch)
        if failure is not None:
            raise failure

    def _end(self, done: Round) -> None:
        """Nothing is under way any more when this returns, and what never was is due again."""
        held_back = [*self._calls.held_back(), *self._alone]
        self._alone.clear()
        claims.store(
            self._writer,
            [NotPosted(each.intent_id, "pending", _HELD_BACK, outcome="not_sent") for each in held_back],
        )
        while self.busy:
            try:
                self._take_in(done)
            except VendorFailure as failure:
                _log.info("%s: %s", self._target.name, failure)
            if self.busy:
                self._bell.wait(_LONGEST_ROUND)

    def _give_back(self, batch: Sequence[Outgoing], failure: VendorFailure) -> None:
        """Certainly nothing was done: `send` answers for whatever may have been."""
        claims.store(
            self._writer,
            [
                NotPosted(each.intent_id, "pending", str(failure), outcome="not_sent", seconds=1.0)
                for each in batch
            ],
        )

    def _settle(self, batch: Sequence[Outgoing], outcomes: Sequence[Outcome], done: Round) -> None:
        results: list[Result] = []
        noted: list[findings.Finding] = []
        for item, outcome in zip(batch, outcomes, strict=True):
            result, found = _result(item, outcome)
            results.append(result)
            noted += found
            _count(done, item, result)
        stored = claims.store(self._writer, results)
        findings.note(self._connection, self._writer.target, noted)
        if stored < len(results):
            done.counts["lost_claims"] += len(results) - stored

    def _look_up(self, ids: Sequence[int], done: Round) -> None:
        asked = self._connection.execute(_STANDING, {"ids": list(ids)})
        standing = {row.id: row for row in asked.fetchall()}
        batch = self._outgoing(Subject(standing[ids[0]].subject), ids)
        known = {each.intent_id for each in batch}
        results: list[Result] = [
            NotPosted(each, "frozen", _NOTHING_TO_SEND) for each in ids if each not in known
        ]
        noted: list[findings.Finding] = []
        for item, hits in self._found(batch):
            row = standing[item.intent_id]
            result, found = verdict(
                item,
                hits,
                quiet_for=float(row.quiet_for),
                quiet_seconds=self._target.quiet_seconds,
                refused=row.refused,
                given_up=row.given_up,
            )
            results.append(_patiently(result, row.attempts))
            noted += found
            _count(done, item, result)
        done.counts["looked_up"] += len(ids)
        claims.store(self._writer, results, looked_up=True)
        findings.note(self._connection, self._writer.target, noted)

    def _found(self, batch: Sequence[Outgoing]) -> list[tuple[Outgoing, Sequence[RemoteRecord]]]:
        """What the target has of each; one that cannot be looked up holds up no other."""
        try:
            return list(zip(batch, self._target.find(batch), strict=True)) if batch else []
        except (Throttled, Transient, Unauthorized):
            raise
        except Exception as failure:
            if len(batch) == 1:
                _log.exception("%s: %s cannot be looked up", self._target.name, batch[0].reference)
                said = f"it cannot be looked up: {type(failure).__name__}: {failure}"
                intent_id = batch[0].intent_id
                claims.look_up_later(self._writer, intent_id, said, seconds=_LONGEST_WAIT)
                return []
            return [found for each in batch for found in self._found([each])]

    def _outgoing(self, subject: Subject, ids: Sequence[int]) -> list[Outgoing]:
        return outgoing(
            self._connection,
            self._writer.target,
            subject,
            ids,
            currency_per_customer=self._target.currency_per_customer,
        )

    def _pause(self, failure: VendorFailure) -> None:
        """Leave the target alone for as long as it asks, and say so where people look."""
        asked = min(failure.retry_after or 0.0, _LONGEST_PAUSE)
        if isinstance(failure, QuotaExhausted):
            seconds = asked or _AFTER_QUOTA
        elif isinstance(failure, Unauthorized):
            seconds = _AFTER_UNAUTHORIZED
        else:
            seconds = max(min(asked, _LONGEST_WAIT), min(_LONGEST_WAIT, 2.0 ** min(self._failures - 1, 10)))
        _log.warning("%s is left alone for %.0f s: %s", self._target.name, seconds, failure)
        self._writer.pause(seconds, str(failure))


def _result(item: Outgoing, outcome: Outcome) -> tuple[Result, list[findings.Finding]]:
    match outcome:
        case Accepted(record=record):
            name = item.number if isinstance(item, OutgoingDocument) else item.reference
            found = differences(Expected.of(item), record)
            noted = findings.of_differences(
                found, record=record.remote_id, name=name, intent_id=item.intent_id
            )
            return Posted(item.intent_id, record), noted
        case Refused(reason=reason, duplicate=True):
            return NotPosted(item.intent_id, "uncertain", f"{DUPLICATE}{reason}", outcome="uncertain"), []
        case Refused(reason=reason):
            return NotPosted(item.intent_id, "rejected", reason, outcome="rejected"), []
        case Unsure(reason=reason):
            return (
                NotPosted(item.intent_id, "uncertain", reason, seconds=LOOK_UP_AFTER, outcome="uncertain"),
                [],
            )


DUPLICATE = "it is there already: "


def _patiently(result: Result, attempts: int) -> Result:
    """What was sent in vain several times is not sent again at once."""
    if isinstance(result, NotPosted) and result.state == "pending" and attempts > 1:
        seconds = min(_LONGEST_WAIT, 0.5 * 2.0 ** min(attempts - 1, 10))
        return NotPosted(result.intent_id, result.state, result.said, seconds, result.outcome)
    return result


def _count(done: Round, item: Outgoing, result: Result) -> None:
    if not isinstance(result, Posted):
        done.counts[result.state if result.state != "pending" else "sent_again"] += 1
        return
    if not isinstance(item, OutgoingDocument):
        done.counts[f"{item.subject}s_posted"] += 1
        return
    invoice = item.kind is DocumentKind.INVOICE
    done.counts["invoices_posted" if invoice else "credit_notes_posted"] += 1
    done.money["invoiced" if invoice else "credited", item.total.currency] += item.total.minor


_STANDING = f"""
    SELECT
        intent.id, intent.subject, intent.given_up,
        coalesce(intent.last_error LIKE '{DUPLICATE}%%', FALSE) AS refused,
        (
            SELECT count(*) FROM posting.attempts AS attempt WHERE attempt.intent_id = intent.id
        ) AS attempts,
        coalesce((
            SELECT extract(epoch FROM clock_timestamp() - max(
                coalesce(attempt.finished_at, attempt.started_at)
            ))
            FROM posting.attempts AS attempt WHERE attempt.intent_id = intent.id
        ), 0) AS quiet_for
    FROM posting.intents AS intent
    WHERE intent.id = ANY(%(ids)s)
"""  # noqa: S608 - our own words
