"""An organisation's own settings: currencies, day rates, lock dates; and how they are shown.

They begin as the options say. A person changes lock dates in Xero's pages (`admin`), an app may add
currencies.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from pydantic import BaseModel, ConfigDict

from integration_pipeline.sandbox.exact_json import JsonObject
from integration_pipeline.sandbox.storage import SqliteFile
from integration_pipeline.sandbox.xero.dates import day_date, moment_date
from integration_pipeline.sandbox.xero.options import Tenant

SCHEMA = """
CREATE TABLE IF NOT EXISTS organisations (
    tenant TEXT PRIMARY KEY,
    settings TEXT NOT NULL
);
"""

# Others are described by their code: only what is shown depends on it.
_CURRENCY_NAMES = {
    "AUD": "Australian Dollar",
    "CAD": "Canadian Dollar",
    "EUR": "Euro",
    "GBP": "British Pound",
    "JPY": "Japanese Yen",
    "NZD": "New Zealand Dollar",
    "SGD": "Singapore Dollar",
    "USD": "United States Dollar",
}
_VERSIONS = {"AU": "AU", "NZ": "NZ", "GB": "UK", "US": "US"}
_ONE = Decimal("1.0000000000")


class Settings(BaseModel):
    """`currencies` are those subscribed to, the base currency first."""

    model_config = ConfigDict(frozen=True)

    currencies: tuple[str, ...]
    rates: dict[str, Decimal]
    period_lock_date: date | None
    end_of_year_lock_date: date | None

    def rate(self, currency: str) -> Decimal:
        """Xero's rate of the day: units of `currency` for one of the base currency."""
        if currency == self.currencies[0]:
            return _ONE
        return self.rates.get(currency, _ONE)

    @property
    def locks(self) -> list[tuple[str, str]]:
        """The lock dates that are set, as validation messages name them."""
        named = (("period", self.period_lock_date), ("end of year", self.end_of_year_lock_date))
        return [(name, locked.isoformat()) for name, locked in named if locked is not None]


class Organisation:
    """One organisation; `settings` are as they are now."""

    def __init__(self, storage: SqliteFile, tenant: Tenant, created_ms: int) -> None:
        self._storage = storage
        self._created_ms = created_ms
        self.tenant = tenant
        self.settings = self._stored()

    @property
    def id(self) -> str:
        return self.tenant.id

    def change(self, **changes: object) -> None:
        """Replace some of the settings, for good."""
        self.settings = self.settings.model_copy(update=changes)
        self._storage.write(
            "INSERT OR REPLACE INTO organisations VALUES (?, ?)", (self.id, self.settings.model_dump_json())
        )

    def reload(self) -> None:
        """Take the settings from storage again, as after a reset."""
        self.settings = self._stored()

    def shown(self) -> JsonObject:
        tenant, settings = self.tenant, self.settings
        shown: JsonObject = {
            "Name": tenant.name,
            "LegalName": tenant.name,
            "PaysTax": True,
            "Version": _VERSIONS.get(tenant.country, "GLOBAL"),
            "OrganisationType": "COMPANY",
            "BaseCurrency": tenant.base_currency,
            "CountryCode": tenant.country,
            "IsDemoCompany": False,
            "OrganisationStatus": "ACTIVE",
            "FinancialYearEndDay": 31,
            "FinancialYearEndMonth": 3,
            "SalesTaxBasis": "ACCRUALS",
            "SalesTaxPeriod": "QUARTERLY",
            "DefaultSalesTax": "Tax Exclusive",
            "DefaultPurchasesTax": "Tax Exclusive",
        }
        if settings.period_lock_date is not None:
            shown["PeriodLockDate"] = day_date(settings.period_lock_date.isoformat())
        if settings.end_of_year_lock_date is not None:
            shown["EndOfYearLockDate"] = day_date(settings.end_of_year_lock_date.isoformat())
        shown |= {
            "CreatedDateUTC": moment_date(self._created_ms),
            "OrganisationEntityType": "COMPANY",
            "Timezone": "UTC",
            "ShortCode": f"!{tenant.id[:5]}",
            "OrganisationID": tenant.id,
            "Edition": "BUSINESS",
            "Class": "PREMIUM",
            "Addresses": [],
            "Phones": [],
            "ExternalLinks": [],
            "PaymentTerms": {},
        }
        return shown

    def _stored(self) -> Settings:
        row = self._storage.row("SELECT settings FROM organisations WHERE tenant = ?", (self.id,))
        if row is not None:
            return Settings.model_validate_json(row[0])
        tenant = self.tenant
        others = dict.fromkeys((tenant.base_currency, *tenant.currencies))
        return Settings(
            currencies=tuple(others),
            rates=tenant.rates,
            period_lock_date=tenant.period_lock_date,
            end_of_year_lock_date=tenant.end_of_year_lock_date,
        )


def currency_shown(code: str) -> JsonObject:
    return {"Code": code, "Description": _CURRENCY_NAMES.get(code, code)}
