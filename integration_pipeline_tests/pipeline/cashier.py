"""Posted invoices, a payment vendor and a bank: short ways to be paid and to look at what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from integration_pipeline.accounting.postgres_ledger.proof import prove_ledger
from integration_pipeline.accounting.postgres_ledger.settlement_proof import settlement_problems
from integration_pipeline.billing.money import Money
from integration_pipeline.payments.movements import Movement, MovementKind, MovementSource
from integration_pipeline.pipeline.receive import receive
from integration_pipeline.pipeline.reports import StageReport
from integration_pipeline.pipeline.settle import settle
from integration_pipeline_tests.pipeline.conftest import Office
from integration_pipeline_tests.pipeline.till import Till, movement

STRIPE, PLAID = MovementSource.STRIPE, MovementSource.PLAID
CASH, IN_TRANSIT, EXCHANGE, SUSPENSE = "1000", "1050", "1060", "1090"
RECEIVABLE, CREDITS, FEES = "1100", "2100", "6100"


@dataclass(slots=True)
class Cashier:
    """Works in one office; `stripe` and `bank` are where money is told of."""

    office: Office
    stripe: Till = field(default_factory=lambda: Till(STRIPE))
    bank: Till = field(default_factory=lambda: Till(PLAID))

    def bill(self, *deals: str, **properties: str) -> list[str]:
        """A posted invoice of 100.00 USD of each deal (of company 7); their numbers."""
        for deal in deals:
            self.office.portal.deal(deal, **{"amount": "100.00", "dealname": f"Deal {deal}", **properties})
        before = {number for number, _, _ in self.office.posted()}
        self.office.sync()
        return [number for number, _, _ in self.office.posted() if number not in before]

    def charge(self, external_id: str, minor: int, currency: str = "USD", **said: Any) -> Movement:
        return self.stripe.tell(
            movement(STRIPE, MovementKind.PAYMENT, external_id, Money(minor, currency), **said)
        )

    def moves(self, kind: MovementKind, external_id: str, minor: int, **said: Any) -> Movement:
        return self.stripe.tell(movement(STRIPE, kind, external_id, Money(minor, "USD"), **said))

    def line(self, external_id: str, minor: int, **said: Any) -> Movement:
        return self.bank.tell(
            movement(PLAID, MovementKind.BANK_LINE, external_id, Money(minor, "USD"), **said)
        )

    def receive(self) -> dict[str, int]:
        """What both tell of; the counts of both."""
        counts = receive(self.office.pipeline, self.stripe).counts
        return dict(counts + receive(self.office.pipeline, self.bank).counts)

    def settle(self) -> StageReport:
        """What both tell of is received and settled; the books hold."""
        self.receive()
        report = settle(self.office.pipeline)
        self.prove()
        return report

    def prove(self) -> None:
        """Every entry balances and says what was settled, and every balance is what is receivable."""
        assert self.problems() == []
        with self.office.pipeline.engine.connect() as connection:
            proof = prove_ledger(connection)
            assert proof.problems == []
            assert set(proof.trial_balance().values()) <= {0}

    def problems(self) -> list[str]:
        """Where settlements and books differ."""
        with self.office.pipeline.engine.connect() as connection:
            return settlement_problems(connection)

    def state(self, external_id: str) -> tuple[str, str | None]:
        """State and reason of the newest version that is not withdrawn."""
        rows = self.office.rows(
            "SELECT state, reason FROM payments.movements WHERE external_id = :id AND state <> 'withdrawn' "
            "ORDER BY id DESC LIMIT 1",
            id=external_id,
        )
        return (rows[0]["state"], rows[0]["reason"]) if rows else ("withdrawn", None)

    def number(self, external_id: str) -> int:
        """The newest version's number in the books."""
        return self.office.value(
            "SELECT max(id) FROM payments.movements WHERE external_id = :id", id=external_id
        )

    def open(self) -> dict[str, tuple[int, str]]:
        """What is open of each document, and its status."""
        return {
            row["number"]: (row["open_minor"], row["status"])
            for row in self.office.rows("SELECT * FROM ledger.document_balances ORDER BY number")
        }

    def balances(self, currency: str = "USD", entity: str | None = None) -> dict[str, int]:
        """Debit less credit of every account but revenue that is not zero."""
        rows = self.office.rows(
            """
            SELECT line.account, CAST(sum(line.debit_minor - line.credit_minor) AS bigint) AS minor
            FROM ledger.journal_lines AS line
            INNER JOIN ledger.journal_entries AS entry ON entry.id = line.entry_id
            WHERE entry.currency = :currency AND entry.entity = coalesce(:entity, entry.entity)
                AND line.account NOT IN ('4000', '2400')
            GROUP BY line.account
            HAVING sum(line.debit_minor - line.credit_minor) <> 0
            ORDER BY line.account
            """,
            currency=currency,
            entity=entity,
        )
        return {row["account"]: row["minor"] for row in rows}

    def candidates(self, external_id: str) -> list[tuple[str, dict[str, int]]]:
        """Rule and amounts by number of what is proposed for the newest version."""
        return [
            (row["rule"], {part["number"]: part["amount_minor"] for part in row["allocations"]})
            for row in self.office.rows(
                "SELECT * FROM payments.candidates WHERE movement_id = :id ORDER BY position",
                id=self.number(external_id),
            )
        ]
