"""Money that moved, and what it paid."""

# A file whose asset takes a `context` has no `from __future__ import annotations`: Dagster 1.13 compares that
# annotation by identity and refuses its text.

from collections.abc import Iterator
from typing import Any

import dagster as dg
from sqlalchemy import Engine, text

from integration_pipeline.billing.money import Money
from integration_pipeline.defs import freshness, keys, metadata
from integration_pipeline.defs.accounts import Account
from integration_pipeline.defs.in_force import InForce
from integration_pipeline.defs.vendors import Vendors
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.reports import StageReport
from integration_pipeline.store import tables

_TOLD_BY = {
    "stripe": "What Stripe tells: payments, refunds, disputes, fees, payouts",
    "plaid": "What one login at a bank tells, by Plaid: the lines of its accounts",
}


def account_movements(force: InForce) -> Iterator[dg.AssetsDefinition]:
    """Receive: one asset for each account, so that one that cannot be read leaves the others alone."""
    return (_account_movements(force, account) for account in force.payment_accounts)


def _account_movements(force: InForce, account: Account) -> dg.AssetsDefinition:
    @dg.asset(
        key=keys.of_payments(account),
        # It has no partitions; without this Dagster refuses a range of them for a job it is part of.
        backfill_policy=dg.BackfillPolicy.single_run(),
        description=f"{_TOLD_BY[account.vendor]}, each version once. Only what is new since the last time is "
        "read.",
        group_name="payments",
        owners=keys.OWNERS,
        kinds={account.vendor, "postgres"},
        tags={"stage": "receive"},
        code_version=force.rules.version,
        pool=account.slug,
        freshness_policy=freshness.OFTEN,
        metadata=metadata.of_table(tables.payments.movements),
    )
    def asset(
        context: dg.AssetExecutionContext,
        pipeline: dg.ResourceParam[Pipeline],
        vendors: dg.ResourceParam[Vendors],
    ) -> Iterator[dg.MaterializeResult[Any]]:
        # Here and not above: they bring httpx, which is not for whoever only loads definitions.
        from integration_pipeline.pipeline.receive import receive
        from integration_pipeline.realtime.looks import look_at

        reports: list[StageReport] = []
        with vendors.payment_account(account) as opened:

            def look() -> None:
                reports.append(receive(pipeline, opened.source, account=account.account))

            if not look_at(pipeline.database_url, (account.vendor, account.account), look):
                context.log.info("%s is being read by the worker just now", account.name)
        yield dg.MaterializeResult(metadata=metadata.of_run(*reports))

    return asset


def movements(force: InForce) -> dg.AssetsDefinition:
    """All accounts together, under a name that stays whichever there are."""

    @dg.asset(
        key=keys.MOVEMENTS,
        deps=[keys.of_payments(each) for each in force.payment_accounts],
        # It has no partitions; without this Dagster refuses a range of them for a job it is part of.
        backfill_policy=dg.BackfillPolicy.single_run(),
        description="Every movement of money that Stripe and the banks (by Plaid) told of: payments, "
        "refunds, disputes, fees, payouts, bank lines.",
        group_name="payments",
        owners=keys.OWNERS,
        kinds={"python", "postgres"},
        tags={"stage": "receive"},
        code_version=force.rules.version,
        freshness_policy=freshness.OFTEN,
        metadata=metadata.of_table(tables.payments.movements),
    )
    def asset(
        pipeline: dg.ResourceParam[Pipeline], vendors: dg.ResourceParam[Vendors]
    ) -> Iterator[dg.MaterializeResult[Any]]:
        # A setting that cannot be read fails the run; there was no asset for what it names.
        vendors.check_payment_accounts()
        yield dg.MaterializeResult(
            metadata={
                "dagster/row_count": _count(pipeline.engine, "payments.movements"),
                "unreadable": _count(pipeline.engine, "payments.unreadable"),
            }
        )

    return asset


def settlements(force: InForce) -> dg.AssetsDefinition:
    """Settle."""

    @dg.asset(
        key=keys.SETTLEMENTS,
        deps=[keys.MOVEMENTS, keys.INVOICES],
        backfill_policy=dg.BackfillPolicy.single_run(),
        description="What money paid: movements set against invoices and booked, as far as that is beyond "
        "doubt. The others wait for a person, with proposals.",
        group_name="payments",
        owners=keys.OWNERS,
        kinds={"python", "postgres"},
        tags={"stage": "settle"},
        code_version=force.rules.version,
        freshness_policy=freshness.OFTEN,
        metadata=metadata.of_table(tables.payments.settlements),
    )
    def asset(pipeline: dg.ResourceParam[Pipeline]) -> Iterator[dg.MaterializeResult[Any]]:
        from integration_pipeline.pipeline.settle import settle

        report = settle(pipeline)
        yield dg.MaterializeResult(
            metadata={
                "dagster/row_count": _count(pipeline.engine, "payments.settlements"),
                **_by_state(pipeline.engine),
                **metadata.of_run(report),
            },
            # Nothing new was settled: what depends on it is not out of date.
            data_version=dg.DataVersion(str(_count(pipeline.engine, "payments.settlements"))),
        )

    return asset


def _count(engine: Engine, table: str) -> int:
    with engine.connect() as connection:
        return connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()  # noqa: S608 - ours


def _by_state(engine: Engine) -> metadata.Metadata:
    """`movements/settled`, `movements/settled_amount` and so on, of all there are."""
    shown: metadata.Metadata = {}
    amounts: dict[str, list[str]] = {}
    with engine.connect() as connection:
        for row in connection.execute(text(_STATES)):
            name = f"movements/{row.state}"
            shown[name] = shown.get(name, 0) + row.movements
            amounts.setdefault(row.state, []).append(Money(int(row.minor), row.currency).format())
    return {**shown, **{f"movements/{state}_amount": ", ".join(each) for state, each in amounts.items()}}


_STATES = """
    SELECT state, currency, count(*) AS movements, sum(amount_minor) AS minor
    FROM payments.movements
    WHERE state <> 'withdrawn'
    GROUP BY state, currency
    ORDER BY state, currency
"""
