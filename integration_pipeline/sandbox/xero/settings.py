"""What an organisation is set up with: itself, its currencies, its accounts, its tax rates."""

from __future__ import annotations

from decimal import Decimal

from integration_pipeline.sandbox.exact_json import JsonObject
from integration_pipeline.sandbox.xero import seed
from integration_pipeline.sandbox.xero.answers import envelope, written
from integration_pipeline.sandbox.xero.calls import Call
from integration_pipeline.sandbox.xero.dates import moment_date
from integration_pipeline.sandbox.xero.errors import InvalidError, not_found, query_not_understood
from integration_pipeline.sandbox.xero.fields import as_guid, flag, members, number, stated
from integration_pipeline.sandbox.xero.kinds import ACCOUNTS, TAX_RATES, Kind
from integration_pipeline.sandbox.xero.organisation import currency_shown
from integration_pipeline.sandbox.xero.reading import listed
from integration_pipeline.sandbox.xero.records import Record

_CURRENCIES = Kind("Currencies", "Code")


def get_organisation(call: Call) -> JsonObject:
    """`GET /Organisation`."""
    return envelope(call, "Organisations", [call.books.organisation.shown()])


def list_currencies(call: Call) -> JsonObject:
    """`GET /Currencies`: those subscribed to. There are too few for filters, which are refused."""
    if "where" in call.query or "order" in call.query:
        raise query_not_understood("Currencies can be neither filtered nor ordered here.")
    codes = call.books.organisation.settings.currencies
    return envelope(call, "Currencies", [currency_shown(code) for code in codes])


def add_currency(call: Call) -> JsonObject:
    """`PUT /Currencies`."""

    def write(element: JsonObject) -> JsonObject:
        organisation = call.books.organisation
        code = stated(element, "Code") or ""
        if len(code) != 3 or not code.isascii() or not code.isupper():
            raise InvalidError(f"The currency code '{code}' is not valid.")
        if code in organisation.settings.currencies:
            raise InvalidError(f"Organisation is already subscribed to currency {code}")
        organisation.change(currencies=(*organisation.settings.currencies, code))
        return currency_shown(code)

    return written(call, _CURRENCIES, write)


def list_accounts(call: Call) -> JsonObject:
    """`GET /Accounts`."""
    return listed(call, ACCOUNTS, lambda record, _: _account_shown(record))


def get_account(call: Call) -> JsonObject:
    """`GET /Accounts/{AccountID}`."""
    record = call.records.get(ACCOUNTS, as_guid(call.path["id"]))
    if record is None:
        raise not_found()
    return envelope(call, ACCOUNTS.plural, [_account_shown(record)])


def create_account(call: Call) -> JsonObject:
    """`PUT /Accounts`, one at a time."""

    def write(element: JsonObject) -> JsonObject:
        code, name, kind = (stated(element, part) for part in ("Code", "Name", "Type"))
        if code is None or name is None or kind not in seed.CLASSES:
            raise InvalidError("A valid Code, Name and Type must be specified for an account.")
        if (
            call.records.by_number(ACCOUNTS, code) is not None
            or call.records.by_name(ACCOUNTS, name) is not None
        ):
            raise InvalidError("Please enter a unique Code and Name.")
        base = call.books.organisation.settings.currencies[0]
        currency = stated(element, "CurrencyCode") or base
        new = seed.account(code, name, kind, stated(element, "TaxType") or "NONE", "", currency)
        new["EnablePaymentsToAccount"] = flag(element, "EnablePaymentsToAccount") or False
        return _account_shown(call.records.add(ACCOUNTS, new))

    return written(call, ACCOUNTS, write)


def list_tax_rates(call: Call) -> JsonObject:
    """`GET /TaxRates`."""
    return listed(call, TAX_RATES, lambda record, _: dict(record.element))


def get_tax_rate(call: Call) -> JsonObject:
    """`GET /TaxRates/{TaxType}`."""
    record = call.records.by_number(TAX_RATES, call.path["id"])
    if record is None:
        raise not_found()
    return envelope(call, TAX_RATES.plural, [dict(record.element)])


def create_tax_rates(call: Call) -> JsonObject:
    """`PUT /TaxRates`: its type is the next free of TAX001, TAX002, ..."""

    def write(element: JsonObject) -> JsonObject:
        name = stated(element, "Name")
        if name is None:
            raise InvalidError("The tax rate name must be specified.")
        if call.records.by_name(TAX_RATES, name, "status = 'ACTIVE'") is not None:
            raise InvalidError(f"A tax rate with the name '{name}' already exists.")
        own = call.records.count(TAX_RATES, "number LIKE 'TAX%'", ()) + 1
        new = seed.tax_rate_element(
            name, f"TAX{own:03}", stated(element, "ReportTaxType"), _components(element)
        )
        return dict(call.records.add(TAX_RATES, new).element)

    return written(call, TAX_RATES, write)


def update_tax_rates(call: Call) -> JsonObject:
    """`POST /TaxRates`: name and status of a rate named by its type; one that was used keeps its per cent."""

    def write(element: JsonObject) -> JsonObject:
        record = call.records.by_number(TAX_RATES, stated(element, "TaxType") or "")
        if record is None:
            raise InvalidError("The TaxType does not exist.")
        status = stated(element, "Status") or record.status
        if status not in {"ACTIVE", "DELETED", "ARCHIVED"}:
            raise InvalidError(f"The tax rate status '{status}' is not valid.")
        name = stated(element, "Name") or record.element["Name"]
        return dict(call.records.save(record, {**record.element, "Name": name, "Status": status}).element)

    return written(call, TAX_RATES, write)


def _components(element: JsonObject) -> list[tuple[str, Decimal, bool]]:
    components: list[tuple[str, Decimal, bool]] = []
    for component in members(element, "TaxComponents") or []:
        name, rate = stated(component, "Name"), number(component, "Rate")
        if name is None or rate is None or rate < 0:
            raise InvalidError("Each tax component must have a Name and a Rate.")
        components.append((name, rate, flag(component, "IsCompound") or False))
    if not components:
        raise InvalidError("At least one tax component must be specified.")
    return components


def _account_shown(record: Record) -> JsonObject:
    return {"AccountID": record.id, **record.element, "UpdatedDateUTC": moment_date(record.updated_ms)}
