"""Who our customers are at a target: matched with those it has, created where nobody matches, or left to a
person.

Belongs here: decisions and their evidence, creating exactly once. Does not belong here: the copy of a
target's customers (`remote_customers`), the rules (`stated_ids`, `party_matching`), which CRM records are
one customer (`pipeline.customers`).

A customer is created as a document is posted: the decision is committed before the call, under a key that
never changes; what stays unsure is looked up by our reference before it is tried again.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

from integration_pipeline.accounting.target import (
    AccountingTarget,
    OutgoingCustomer,
    Refused,
    RemoteCustomer,
    Unsure,
)
from integration_pipeline.posting import stated_ids
from integration_pipeline.posting.party_matching import Candidate, Linked, New, Party, Undecided
from integration_pipeline.posting.remote_customers import RemoteCustomers
from integration_pipeline.posting.writer import Writer
from integration_pipeline.transport.withholding import asking

Key: TypeAlias = tuple[int, str]
"""A customer of ours and the currency billed; no currency where the target bills a customer in any."""


@dataclass(frozen=True, slots=True)
class Unresolved:
    """Why a customer has no account yet. What is `passing` is tried again by itself, the rest by a person."""

    reason: str
    passing: bool = False


class Parties:
    """Customers of one target, for its writer. `resolve` answers for those it could settle."""

    def __init__(self, writer: Writer, target: AccountingTarget) -> None:
        self._writer = writer
        self._target = target
        self._connection = writer.connection
        self._there = RemoteCustomers(writer, target)

    def resolve(self, wanted: Sequence[Key]) -> Mapping[Key, Unresolved]:
        """Why each customer that still has no account there has none; those that have one now are absent.

        Raises the transport's failures; what was decided until then stays.
        """
        keys = sorted({(each, self._currency(currency)) for each, currency in wanted})
        self._there.refresh()
        open_keys, nobody_there = self._link_known(keys)
        # Who waited for a reason that is gone waits no more.
        waiting = self._waiting([key for key in open_keys if key not in nobody_there])
        new = [key for key in open_keys if key not in waiting]
        for start in range(0, len(new), self._target.largest_batch):
            waiting.update(self._create(new[start : start + self._target.largest_batch]))
        return waiting

    def _currency(self, currency: str) -> str:
        return currency if self._target.currency_per_customer else ""

    def _link_known(self, keys: Sequence[Key]) -> tuple[list[Key], set[Key]]:
        """Link what matches somebody there. The keys that are left, and those of them that match nobody; the
        others are a person's to decide, or were decided.
        """
        directory = self._there.directory()
        undecided = self._ours(keys)
        stated = stated_ids.stated_ids(self._writer, self._target.name, [key[0] for key in undecided])
        verdicts = {
            key: stated_ids.verdict(ours, stated[key[0]]) if key[0] in stated else directory.verdict(ours)
            for key, ours in undecided.items()
        }
        claims: Counter[str] = Counter(
            each.remote_id for each in verdicts.values() if isinstance(each, Linked)
        )
        links: list[dict[str, Any]] = []
        for key, verdict in verdicts.items():
            match verdict:
                case Linked(remote_id=remote_id, rule=rule, evidence=evidence) if (
                    claims[remote_id] > 1 and rule != stated_ids.RULE
                ):
                    name = evidence["name_there"]
                    why = f"{claims[remote_id]} customers here have what identifies {name} there"
                    candidate = Candidate(remote_id, name, rule, 100.0)
                    shown = {"why": why, "candidates": [asdict(candidate)]}
                    links.append(_decision(key, "waiting", None, shown))
                case Linked(remote_id=remote_id, rule=rule, evidence=evidence):
                    links.append(_decision(key, "linked", rule, evidence, remote_id=remote_id))
                case Undecided(candidates=candidates, why=why):
                    shown = {"why": why, "candidates": [asdict(each) for each in candidates]}
                    links.append(_decision(key, "waiting", None, shown))
                case New():
                    pass
        self._decide(links)
        with self._connection.transaction():
            rows = self._connection.execute(
                _LINKED, {"target": self._target.name, "ids": [key[0] for key in keys]}
            ).fetchall()
        linked = {(row.customer_id, row.currency) for row in rows}
        nobody_there = {key for key, verdict in verdicts.items() if isinstance(verdict, New)}
        return [key for key in keys if key not in linked], nobody_there

    def _waiting(self, keys: Sequence[Key]) -> dict[Key, Unresolved]:
        with self._connection.transaction():
            rows = self._connection.execute(
                _WAITING, {"target": self._target.name, "ids": [key[0] for key in keys]}
            ).fetchall()
        asked = set(keys)
        return {
            (row.customer_id, row.currency): Unresolved(
                f"{row.name} waits for a decision: {row.evidence['why']}. "
                f"See `targets customers {self._target.name}`"
            )
            for row in rows
            if (row.customer_id, row.currency) in asked
        }

    def _create(self, keys: Sequence[Key]) -> dict[Key, Unresolved]:
        """Create them, those first that an earlier attempt may have created already."""
        begun = self._begin(keys)
        outgoing = {key: self._outgoing(key, row) for key, row in begun.items()}
        tried = [key for key, row in begun.items() if row.attempted_at is not None]
        found = self._target.find_customers([outgoing[key] for key in tried]) if tried else ()
        results: dict[Key, RemoteCustomer | Refused | Unsure] = {
            key: customer for key, customer in zip(tried, found, strict=True) if customer is not None
        }
        due = [key for key in keys if key not in results]
        if due:
            self._attempt(due)
            with asking(self._writer.require):
                sent = self._target.create_customers([outgoing[key] for key in due])
            results.update(zip(due, sent, strict=True))
        created = {key: each for key, each in results.items() if isinstance(each, RemoteCustomer)}
        self._there.keep(list(created.values()))
        self._decide(
            [
                _decision(key, "linked", "created", {"name_there": each.name}, remote_id=each.remote_id)
                for key, each in created.items()
            ]
        )
        refused = {key: each for key, each in results.items() if isinstance(each, Refused)}
        self._decide(
            [
                _decision(key, "waiting", None, {"why": each.reason, "candidates": []})
                for key, each in refused.items()
            ]
        )
        unsure = {key: each for key, each in results.items() if isinstance(each, Unsure)}
        return {
            **{key: Unresolved(each.reason) for key, each in refused.items()},
            **{key: Unresolved(each.reason, passing=True) for key, each in unsure.items()},
        }

    def _begin(self, keys: Sequence[Key]) -> dict[Key, Any]:
        batch = json.dumps(
            [
                {"customer_id": customer, "currency": currency, "key": self._key(customer, currency)}
                for customer, currency in keys
            ]
        )
        with self._connection.transaction():
            rows = self._connection.execute(_BEGIN, {"target": self._target.name, "batch": batch}).fetchall()
        return {(row.customer_id, row.currency): row for row in rows}

    def _attempt(self, keys: Sequence[Key]) -> None:
        """On disk before the call: from here on nobody knows without asking."""
        with self._connection.transaction():
            self._connection.execute(
                _ATTEMPT,
                {
                    "target": self._target.name,
                    "ids": [key[0] for key in keys],
                    "currencies": [key[1] for key in keys],
                },
            )

    def _key(self, customer: int, currency: str) -> str:
        return hashlib.sha256(f"{self._target.name}\ncustomer {customer}\n{currency}".encode()).hexdigest()

    def _outgoing(self, key: Key, row: Any) -> OutgoingCustomer:
        customer, currency = key
        return OutgoingCustomer(
            key=row.idempotency_key,
            reference=_reference(customer, currency),
            name=row.name if not currency or row.only_currency else f"{row.name} ({currency})",
            tax_id=row.tax_id,
            domain=row.domain,
            email=row.billing_email,
            country=row.country,
            currency=currency or row.billed_in,
        )

    def _ours(self, keys: Sequence[Key]) -> dict[Key, Party]:
        """Those of the keys that nobody has decided about yet."""
        with self._connection.transaction():
            rows = self._connection.execute(
                _OURS,
                {
                    "target": self._target.name,
                    "ids": [key[0] for key in keys],
                    "currencies": [key[1] for key in keys],
                },
            ).fetchall()
        return {
            (row.id, row.currency): Party(
                name=row.name,
                tax_id=row.tax_id,
                domain=row.domain,
                email=row.billing_email,
                reference=_reference(row.id, row.currency),
                currency=row.currency or None,
            )
            for row in rows
        }

    def _decide(self, decisions: Sequence[dict[str, Any]]) -> None:
        if decisions:
            with self._connection.transaction():
                self._connection.execute(
                    _DECIDE, {"target": self._target.name, "batch": json.dumps(decisions)}
                )
                linked = [each["customer_id"] for each in decisions if each["state"] == "linked"]
                # What waited for this customer waits no more.
                self._connection.execute(_GO_ON, {"target": self._target.name, "ids": linked})


def _reference(customer: int, currency: str) -> str:
    return f"C{customer}{currency}"


def _decision(
    key: Key, state: str, rule: str | None, evidence: Mapping[str, Any], *, remote_id: str | None = None
) -> dict[str, Any]:
    return {
        "customer_id": key[0],
        "currency": key[1],
        "state": state,
        "rule": rule,
        "evidence": dict(evidence),
        "remote_id": remote_id,
    }


_OURS = """
    SELECT customer.id, customer.name, customer.tax_id, customer.domain, customer.billing_email,
        given.currency
    FROM unnest(CAST(%(ids)s AS bigint[]), CAST(%(currencies)s AS text[])) AS given (customer_id, currency)
    INNER JOIN crm.customers AS customer ON customer.id = given.customer_id
    WHERE NOT EXISTS (
        SELECT FROM crm.customer_accounts AS account
        WHERE account.target = %(target)s AND account.customer_id = given.customer_id
            AND account.currency = given.currency
            AND (account.state = 'linked' OR account.decided_by IS NOT NULL)
    )
    ORDER BY customer.id
"""
_LINKED = """
    SELECT customer_id, currency FROM crm.customer_accounts
    WHERE target = %(target)s AND state = 'linked' AND customer_id = ANY(%(ids)s)
"""
_WAITING = """
    SELECT account.customer_id, account.currency, account.evidence, customer.name
    FROM crm.customer_accounts AS account
    INNER JOIN crm.customers AS customer ON customer.id = account.customer_id
    WHERE account.target = %(target)s AND account.state = 'waiting' AND account.customer_id = ANY(%(ids)s)
"""
# What matched nobody since a person looked, or whose candidates are gone, is created.
_BEGIN = """
    WITH given AS (
        SELECT * FROM jsonb_to_recordset(CAST(%(batch)s AS jsonb)) AS key (
            customer_id bigint, currency text, key text
        )
    ),
    begun AS (
        INSERT INTO crm.customer_accounts AS account (
            target, customer_id, currency, state, evidence, idempotency_key
        )
        SELECT %(target)s, customer_id, currency, 'creating', '{}', key FROM given
        ON CONFLICT (target, customer_id, currency) DO UPDATE SET
            state = 'creating', idempotency_key = excluded.idempotency_key, updated_at = clock_timestamp()
        WHERE account.state <> 'linked'
        RETURNING account.customer_id, account.currency, account.idempotency_key, account.attempted_at
    )
    SELECT begun.*, customer.name, customer.tax_id, customer.domain, customer.billing_email,
        customer.country,
        billed.currency AS billed_in, billed.currencies = 1 AS only_currency
    FROM begun
    INNER JOIN crm.customers AS customer ON customer.id = begun.customer_id
    CROSS JOIN LATERAL (
        SELECT min(document.currency) AS currency, count(DISTINCT document.currency) AS currencies
        FROM billing.documents AS document WHERE document.customer_id = begun.customer_id
    ) AS billed
"""
_ATTEMPT = """
    UPDATE crm.customer_accounts AS account SET attempted_at = clock_timestamp()
    FROM unnest(CAST(%(ids)s AS bigint[]), CAST(%(currencies)s AS text[])) AS given (customer_id, currency)
    WHERE account.target = %(target)s AND account.customer_id = given.customer_id
        AND account.currency = given.currency
"""
_DECIDE = """
    INSERT INTO crm.customer_accounts AS account (
        target, customer_id, currency, remote_id, state, rule, evidence, idempotency_key
    )
    SELECT %(target)s, customer_id, currency, remote_id, state, rule, evidence, ''
    FROM jsonb_to_recordset(CAST(%(batch)s AS jsonb)) AS given (
        customer_id bigint, currency text, remote_id text, state text, rule text, evidence jsonb
    )
    ON CONFLICT (target, customer_id, currency) DO UPDATE SET
        remote_id = excluded.remote_id, state = excluded.state, rule = excluded.rule,
        evidence = excluded.evidence, updated_at = clock_timestamp()
    WHERE account.state <> 'linked'
"""
_GO_ON = "SELECT posting.go_on_for(%(target)s, %(ids)s)"
