"""Looking up what lines refer to: accounts, tax rates, items. Remembered for the length of one request."""

from __future__ import annotations

from integration_pipeline.sandbox.xero.kinds import ACCOUNTS, ITEMS, TAX_RATES, Kind
from integration_pipeline.sandbox.xero.records import Record, Records


class Chart:
    def __init__(self, records: Records) -> None:
        self._records = records
        self._known: dict[tuple[str, str], Record | None] = {}

    def account(self, code: str) -> Record | None:
        return self._by_number(ACCOUNTS, code)

    def account_by_id(self, identifier: str) -> Record | None:
        key = ("AccountID", identifier)
        if key not in self._known:
            self._known[key] = self._records.get(ACCOUNTS, identifier)
        return self._known[key]

    def tax_rate(self, tax_type: str) -> Record | None:
        return self._by_number(TAX_RATES, tax_type)

    def item(self, code: str) -> Record | None:
        return self._by_number(ITEMS, code)

    def _by_number(self, kind: Kind, number: str) -> Record | None:
        key = (kind.plural, number.lower())
        if key not in self._known:
            self._known[key] = self._records.by_number(kind, number)
        return self._known[key]
