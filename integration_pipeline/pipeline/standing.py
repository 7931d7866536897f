"""Where every won deal stands on its way into the books, and whether the books can be trusted.

Belongs here: questions over the whole pipeline (`status`, `verify`). Does not belong here: changing
anything, the proof of the ledger itself (accounting).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, text

from integration_pipeline.accounting.postgres_ledger.proof import prove_ledger
from integration_pipeline.accounting.postgres_ledger.settlement_proof import settlement_problems
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.deferred import deferred_problems

_LONGEST_LIST = 50


@dataclass(slots=True)
class Status:
    """Counts and minor units by currency; field names are those of the JSON output."""

    deals: dict[str, int]
    stages: dict[str, int]
    won_deals: dict[str, int]
    won_minor: dict[str, int]
    customers: int
    companies: int
    contacts: int
    invoices: int
    invoiced_minor: dict[str, int]
    credit_notes: int
    credited_minor: dict[str, int]
    scheduled_later: int
    scheduled_later_minor: dict[str, int]
    quarantined: int
    quarantine_by_rule: list[dict[str, Any]]
    uncertain: int
    pending: int
    deferred_revenue_minor: dict[str, int]
    trial_balance_minor: dict[str, int]
    accounts: list[dict[str, Any]]


@dataclass(slots=True)
class Verification:
    """What does not hold; no problems, sound books. `checked` says how much was looked at."""

    checked: Counter[str] = field(default_factory=Counter[str])
    problems: list[str] = field(default_factory=list[str])


def status(connection: Connection, pipeline: Pipeline) -> Status:
    """The standing of everything, from the database alone."""
    deals = {row.state: row.deals for row in connection.execute(text(_DEALS_BY_STATE))}
    standing: Counter[str] = Counter()
    won: Counter[str] = Counter()
    for row in connection.execute(text(_STANDING), _days(pipeline)):
        standing[row.standing] += 1
        if row.currency and row.amount_minor:
            won[row.currency] += row.amount_minor
    one = connection.execute(text(_COUNTS), _days(pipeline)).one()
    return Status(
        deals=dict(sorted(deals.items())),
        stages={row.stage: row.deals for row in connection.execute(text(_DEALS_BY_STAGE))},
        won_deals=dict(sorted(standing.items())),
        won_minor=dict(sorted(won.items())),
        customers=one.customers,
        companies=one.companies,
        contacts=one.contacts,
        invoices=one.invoices,
        invoiced_minor=_posted(connection, "invoice"),
        credit_notes=one.credit_notes,
        credited_minor=_posted(connection, "credit_note"),
        scheduled_later=one.later,
        scheduled_later_minor={
            row.currency: int(row.minor) for row in connection.execute(text(_LATER), _days(pipeline))
        },
        quarantined=one.quarantined,
        quarantine_by_rule=[dict(row) for row in connection.execute(text(_QUARANTINE_BY_RULE)).mappings()],
        uncertain=one.uncertain,
        pending=one.pending,
        deferred_revenue_minor={
            row.currency: int(row.minor) for row in connection.execute(text(_DEFERRED_REVENUE))
        },
        trial_balance_minor={
            row.currency: int(row.minor) for row in connection.execute(text(_TRIAL_BALANCE))
        },
        accounts=[
            {**row, "debit_minor": int(row["debit_minor"]), "credit_minor": int(row["credit_minor"])}
            for row in connection.execute(text(_ACCOUNTS)).mappings()
        ],
    )


def verify(connection: Connection, pipeline: Pipeline) -> Verification:
    """Hold the books to what was promised: chain, balance, one document per intent, no deal forgotten.

    What is deferred is what posted lines have yet to earn, and what is receivable what documents have open.
    """
    found = Verification()
    proof = prove_ledger(connection)
    found.checked["journal_entries"] = proof.entries
    found.problems += proof.problems
    for currency, minor in proof.trial_balance().items():
        if minor:
            found.problems.append(f"trial balance in {currency} is off by {minor} minor units")
    found.problems += deferred_problems(connection)
    found.problems += settlement_problems(connection)
    for row in connection.execute(text(_POSTING_FAULTS)):
        found.problems.append(f"document {row.document_key}: {row.fault}")
    for row in connection.execute(text(_STANDING), _days(pipeline)):
        found.checked["won_deals"] += 1
        if row.standing == "waiting":
            found.problems.append(
                f"won deal {row.deal_key} ({row.name}) is neither invoiced nor quarantined: run "
                f"`integration-pipeline sync --deal {row.deal_key}`"
            )
    for row in connection.execute(text(_NEVER_READ)):
        found.problems.append(f"CRM deal {row.deal_key} was extracted but never normalized nor quarantined")
    intents = connection.execute(text("SELECT count(*) FROM posting.ledger_intents"))
    found.checked["intents"] = intents.scalar_one()
    return found


def shortened(problems: list[str]) -> list[str]:
    """The first problems and how many more there are, for a screen."""
    more = len(problems) - _LONGEST_LIST
    return problems if more <= 0 else [*problems[:_LONGEST_LIST], f"... and {more} more"]


def _days(pipeline: Pipeline) -> dict[str, Any]:
    days = pipeline.days_by_entity()
    return {"entities": list(days), "days": list(days.values())}


def _posted(connection: Connection, kind: str) -> dict[str, int]:
    rows = connection.execute(text(_POSTED), {"kind": kind})
    return {row.currency: int(row.minor) for row in rows}


_DEALS_BY_STATE = "SELECT state, count(*) AS deals FROM crm.current_deals GROUP BY state"
_DEALS_BY_STAGE = """
    SELECT stage, count(*) AS deals FROM crm.current_deals GROUP BY stage ORDER BY count(*) DESC, stage
"""
# One word per won deal. `waiting` is the only one that must not stay.
_STANDING = """
    SELECT
        deal.deal_key, deal.name, deal.currency, deal.amount_minor,
        CASE
            WHEN EXISTS (
                SELECT FROM posting.quarantine AS held
                WHERE held.state = 'open' AND held.source = deal.source
                    AND held.external_id = deal.external_id
            ) THEN 'quarantined'
            WHEN head.deal_id IS DISTINCT FROM deal.id OR plan.due > 0 THEN 'waiting'
            WHEN plan.posted > 0 THEN 'invoiced'
            WHEN plan.later > 0 THEN 'scheduled_later'
            ELSE 'nothing_to_bill'
        END AS standing
    FROM crm.current_deals AS deal
    LEFT JOIN billing.schedule_heads AS head ON head.deal_key = deal.deal_key
    LEFT JOIN LATERAL (
        SELECT
            count(*) FILTER (WHERE intent.state = 'posted') AS posted,
            count(*) FILTER (WHERE intent.state <> 'posted' AND document.issue_date <= today.day) AS due,
            count(*) FILTER (WHERE intent.state <> 'posted' AND document.issue_date > today.day) AS later
        FROM billing.documents AS document
        INNER JOIN posting.ledger_intents AS intent ON intent.document_id = document.id
        INNER JOIN unnest(CAST(:entities AS text[]), CAST(:days AS date[])) AS today (entity, day)
            ON today.entity = document.entity
        WHERE document.deal_key = deal.deal_key AND document.state = 'planned'
    ) AS plan ON TRUE
    WHERE deal.state = 'won'
    ORDER BY deal.deal_key
"""
_COUNTS = """
    SELECT
        (SELECT count(*) FROM crm.customers) AS customers,
        (SELECT count(*) FROM crm.customer_links WHERE object_type = 'company') AS companies,
        (SELECT count(*) FROM crm.customer_links WHERE object_type = 'contact') AS contacts,
        (SELECT count(*) FROM ledger.documents WHERE kind = 'invoice') AS invoices,
        (SELECT count(*) FROM ledger.documents WHERE kind = 'credit_note') AS credit_notes,
        (
            SELECT count(DISTINCT (subject_kind, subject_id)) FROM posting.quarantine WHERE state = 'open'
        ) AS quarantined,
        (SELECT count(*) FROM posting.ledger_intents WHERE state = 'uncertain') AS uncertain,
        count(*) FILTER (WHERE document.issue_date <= today.day) AS pending,
        count(*) FILTER (WHERE document.issue_date > today.day) AS later
    FROM posting.ledger_intents AS intent
    INNER JOIN billing.documents AS document ON document.id = intent.document_id
    INNER JOIN unnest(CAST(:entities AS text[]), CAST(:days AS date[])) AS today (entity, day)
        ON today.entity = document.entity
    WHERE intent.state IN ('pending', 'claimed', 'rejected')
"""
_LATER = """
    SELECT document.currency, sum(document.total_minor) AS minor
    FROM posting.ledger_intents AS intent
    INNER JOIN billing.documents AS document ON document.id = intent.document_id
    INNER JOIN unnest(CAST(:entities AS text[]), CAST(:days AS date[])) AS today (entity, day)
        ON today.entity = document.entity
    WHERE intent.state = 'pending' AND document.issue_date > today.day
    GROUP BY document.currency
    ORDER BY document.currency
"""
_POSTED = """
    SELECT currency, sum(total_minor) AS minor
    FROM ledger.documents
    WHERE kind = :kind
    GROUP BY currency
    ORDER BY currency
"""
_QUARANTINE_BY_RULE = """
    SELECT rule, count(*) AS rows, (array_agg(reason ORDER BY id))[1] AS example
    FROM posting.quarantine
    WHERE state = 'open'
    GROUP BY rule
    ORDER BY rule
"""
_DEFERRED_REVENUE = """
    SELECT entry.currency, sum(line.credit_minor) - sum(line.debit_minor) AS minor
    FROM ledger.accounts AS account
    INNER JOIN ledger.journal_lines AS line ON line.entity = account.entity AND line.account = account.code
    INNER JOIN ledger.journal_entries AS entry ON entry.id = line.entry_id
    WHERE account.role = 'deferred_revenue'
    GROUP BY entry.currency
    ORDER BY entry.currency
"""
_TRIAL_BALANCE = """
    SELECT entry.currency, sum(line.debit_minor) - sum(line.credit_minor) AS minor
    FROM ledger.journal_lines AS line
    INNER JOIN ledger.journal_entries AS entry ON entry.id = line.entry_id
    GROUP BY entry.currency
    ORDER BY entry.currency
"""
_ACCOUNTS = """
    SELECT
        account.code, account.name, entry.currency, sum(line.debit_minor) AS debit_minor,
        sum(line.credit_minor) AS credit_minor
    FROM ledger.journal_lines AS line
    INNER JOIN ledger.journal_entries AS entry ON entry.id = line.entry_id
    INNER JOIN ledger.accounts AS account ON account.entity = line.entity AND account.code = line.account
    GROUP BY account.code, account.name, entry.currency
    ORDER BY account.code, entry.currency
"""
_POSTING_FAULTS = """
    SELECT document.document_key, fault.fault
    FROM posting.ledger_intents AS intent
    INNER JOIN billing.documents AS document ON document.id = intent.document_id
    LEFT JOIN ledger.documents AS booked ON booked.intent_id = intent.id
    LEFT JOIN ledger.journal_entries AS entry ON entry.intent_id = intent.id
    LEFT JOIN posting.gate_records AS gate
        ON gate.subject_kind = 'document' AND gate.subject_id = document.id
    CROSS JOIN LATERAL (
        VALUES
        (
            CASE WHEN intent.state = 'posted' AND (booked.number IS NULL OR entry.id IS NULL)
                THEN 'counts as posted, but the ledger does not have it' END
        ),
        (
            CASE WHEN intent.state <> 'posted' AND entry.id IS NOT NULL
                THEN 'is in the ledger, but does not count as posted' END
        ),
        (
            CASE WHEN booked.total_minor <> document.total_minor OR booked.currency <> document.currency
                THEN 'was posted with another total than planned' END
        ),
        (
            CASE WHEN intent.state = 'posted' AND gate.passed IS DISTINCT FROM TRUE
                THEN 'was posted without having passed the gate' END
        ),
        (CASE WHEN intent.state = 'rejected' THEN 'was refused by the ledger: ' || intent.last_error END),
        (CASE WHEN intent.state = 'uncertain' THEN 'nobody knows yet whether it was posted' END)
    ) AS fault (fault)
    WHERE intent.target = 'ledger' AND fault.fault IS NOT NULL
    ORDER BY document.document_key
"""
_NEVER_READ = """
    SELECT head.source || ':' || head.external_id AS deal_key
    FROM raw.heads AS head
    LEFT JOIN crm.deal_heads AS known ON known.deal_key = head.source || ':' || head.external_id
    LEFT JOIN posting.quarantine AS held
        ON held.subject_kind = 'raw_record' AND held.subject_id = head.record_id AND held.state = 'open'
    WHERE head.object_type = 'deal' AND known.deal_key IS NULL AND held.id IS NULL
    ORDER BY deal_key
"""
