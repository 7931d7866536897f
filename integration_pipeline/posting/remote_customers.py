"""The copy of a target's customers: what it said last of each, to match ours with.

Belongs here: keeping the copy up to date, and whom of it ours may be. Does not belong here: who is whom
(`party_matching`, `parties`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from integration_pipeline.accounting.target import AccountingTarget, RemoteCustomer
from integration_pipeline.pipeline.customer_matching import normal_domain, normal_tax_id
from integration_pipeline.posting.party_matching import Directory, Party
from integration_pipeline.posting.writer import Writer


class RemoteCustomers:
    """The customers of one target, for its writer."""

    def __init__(self, writer: Writer, target: AccountingTarget) -> None:
        self._connection = writer.connection
        self._target = target

    def refresh(self) -> None:
        """Bring the copy up to date. Raises the transport's failures: then the next look begins like this."""
        with self._connection.transaction():
            row = self._connection.execute(_READ_UNTIL, {"target": self._target.name}).fetchone()
        since: datetime | None = row.customers_read_until if row else None
        for page in self._target.customers(since):
            self.keep(page)
        # Only a look that came to its end counts: the pages of another may have left anybody out.
        with self._connection.transaction():
            self._connection.execute(
                _READ_TO_THE_END, {"target": self._target.name, "began": row.now if row else None}
            )

    def keep(self, customers: Sequence[RemoteCustomer]) -> None:
        """What the target says of these now."""
        batch = json.dumps([_row(each) for each in customers])
        with self._connection.transaction():
            self._connection.execute(_KEEP, {"target": self._target.name, "batch": batch})

    def directory(self) -> Directory:
        """Who is there, active, and not one of ours already."""
        with self._connection.transaction():
            rows = self._connection.execute(_THERE, {"target": self._target.name}).fetchall()
        return Directory(
            Party(
                name=row.name,
                tax_id=row.tax_id,
                domain=row.domain,
                email=row.email,
                remote_id=row.remote_id,
                reference=row.reference,
                currency=row.currency,
            )
            for row in rows
        )


def _row(customer: RemoteCustomer) -> dict[str, Any]:
    return {
        "remote_id": customer.remote_id,
        "name": customer.name,
        "tax_id": normal_tax_id(customer.tax_id),
        "domain": normal_domain(customer.domain),
        "email": (customer.email or "").strip().casefold() or None,
        "reference": customer.reference,
        "currency": customer.currency,
        "active": customer.active,
        "version": customer.version,
        "modified_at": customer.modified_at.isoformat(),
    }


_READ_UNTIL = """
    SELECT customers_read_until, clock_timestamp() AS now FROM posting.writers WHERE target = %(target)s
"""
_READ_TO_THE_END = "UPDATE posting.writers SET customers_read_until = %(began)s WHERE target = %(target)s"
_KEEP = """
    INSERT INTO crm.remote_customers AS known (
        target, remote_id, name, tax_id, domain, email, reference, currency, active, version, modified_at
    )
    SELECT DISTINCT ON (remote_id)
        %(target)s, remote_id, name, tax_id, domain, email, reference, currency, active, version, modified_at
    FROM jsonb_to_recordset(CAST(%(batch)s AS jsonb)) AS given (
        remote_id text, name text, tax_id text, domain text, email text, reference text, currency text,
        active boolean, version text, modified_at timestamptz
    )
    ORDER BY remote_id, modified_at DESC
    ON CONFLICT (target, remote_id) DO UPDATE SET
        name = excluded.name, tax_id = excluded.tax_id, domain = excluded.domain, email = excluded.email,
        reference = excluded.reference, currency = excluded.currency, active = excluded.active,
        version = excluded.version, modified_at = excluded.modified_at, read_at = clock_timestamp()
    WHERE known.modified_at <= excluded.modified_at
"""
# Nobody is taken for two of ours: who is linked already is not there to be matched.
_THERE = """
    SELECT there.* FROM crm.remote_customers AS there
    WHERE there.target = %(target)s AND there.active
        AND NOT EXISTS (
            SELECT FROM crm.customer_accounts AS account
            WHERE account.target = there.target AND account.remote_id = there.remote_id
        )
    ORDER BY there.remote_id
"""
