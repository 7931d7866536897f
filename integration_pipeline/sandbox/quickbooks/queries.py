"""Answering a query from the tables: which properties can be asked for, paging, counts.

Without ORDERBY transactions come newest first and lists in the order of their ids; Intuit promises neither.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from integration_pipeline.sandbox.exact_json import dump, parse
from integration_pipeline.sandbox.quickbooks import moments
from integration_pipeline.sandbox.quickbooks.books import Books, minor, record_id, shown
from integration_pipeline.sandbox.quickbooks.errors import invalid_query
from integration_pipeline.sandbox.quickbooks.query_language import Condition, Query, Value, read_query
from integration_pipeline.sandbox.quickbooks.settings import company_info, preferences
from integration_pipeline.sandbox.quickbooks.writes import BY_PATH, ENTITIES

DEFAULT_PAGE = 100
LONGEST_PAGE = 1_000

_MOST = Decimal(10**15)

_EVERYWHERE = {
    "id": ("id", "id"),
    "metadata.createtime": ("created_s", "moment"),
    "metadata.lastupdatedtime": ("updated_s", "moment"),
}
_TRANSACTION = _EVERYWHERE | {
    "docnumber": ("doc_number", "text"),
    "txndate": ("txn_date", "text"),
    "totalamt": ("total", "amount"),
    "currencyref": ("currency", "text"),
}
_SALE = _TRANSACTION | {
    "customerref": ("party", "id"),
    "duedate": ("due_date", "text"),
    "balance": ("balance", "amount"),
}
_LIST = _EVERYWHERE | {"name": ("name", "text"), "active": ("active", "flag")}
_PERSON = _EVERYWHERE | {
    "displayname": ("name", "text"),
    "fullyqualifiedname": ("name", "text"),
    "active": ("active", "flag"),
    "companyname": ("json_extract(body, '$.CompanyName')", "text"),
    "givenname": ("json_extract(body, '$.GivenName')", "text"),
    "familyname": ("json_extract(body, '$.FamilyName')", "text"),
    "primaryemailaddr": ("json_extract(body, '$.PrimaryEmailAddr.Address')", "text"),
}

# Column or expression, and kind, of each property that can be filtered and sorted by. PrivateNote is none.
_PROPERTIES = {
    "Customer": _PERSON | {"balance": ("balance", "amount")},
    "Vendor": _PERSON,
    "Employee": _PERSON,
    "Item": _LIST
    | {
        "sku": ("json_extract(body, '$.Sku')", "text"),
        "type": ("json_extract(body, '$.Type')", "text"),
        "fullyqualifiedname": ("name", "text"),
    },
    "Account": _LIST
    | {
        "accounttype": ("json_extract(body, '$.AccountType')", "text"),
        "accountsubtype": ("json_extract(body, '$.AccountSubType')", "text"),
        "classification": ("json_extract(body, '$.Classification')", "text"),
        "acctnum": ("json_extract(body, '$.AcctNum')", "text"),
        "fullyqualifiedname": ("name", "text"),
    },
    "TaxCode": _LIST,
    "TaxRate": _LIST,
    "Invoice": _SALE,
    "CreditMemo": _SALE,
    "Payment": _TRANSACTION
    | {
        "customerref": ("party", "id"),
        "paymentrefnum": ("doc_number", "text"),
        "unappliedamt": ("balance", "amount"),
    },
    "JournalEntry": _TRANSACTION,
    "Deposit": _TRANSACTION,
    "Purchase": _TRANSACTION,
}


def answer(books: Books, text: str) -> str:
    """The JSON under `QueryResponse`. Raises 4000 and 4001 for what cannot be asked."""
    query = read_query(text)
    single = {"companyinfo": company_info, "preferences": preferences}.get(query.entity.lower())
    if single is not None:
        name = "CompanyInfo" if query.entity.lower() == "companyinfo" else "Preferences"
        return f'{{"{name}":[{dump(single(books))}],"maxResults":1}}'
    entity = BY_PATH.get(query.entity.lower())
    if entity is None:
        raise invalid_query(f"Entity {query.entity:.60} is not supported")
    where, values = _where(books, entity, query)
    if query.count:
        row = books.file.row(f"SELECT count(*) FROM records WHERE {where}", values)  # noqa: S608
        return f'{{"totalCount":{row[0] if row else 0}}}'
    most = min(DEFAULT_PAGE if query.most is None else query.most, LONGEST_PAGE)
    rows = books.file.rows(
        f"SELECT body, balance FROM records WHERE {where}"  # noqa: S608 - made of the expressions above
        f" ORDER BY {_order(entity, query)} LIMIT ? OFFSET ?",
        [*values, most, max(query.start, 1) - 1],
    )
    if not rows:
        return "{}"
    bodies = [shown(entity, body, balance) for body, balance in rows]
    if entity == "Item" and not any(field.lower() == "sku" for field in query.fields):
        bodies = [_without_sku(body) for body in bodies]
    joined = ",".join(bodies)
    return f'{{"{entity}":[{joined}],"startPosition":{max(query.start, 1)},"maxResults":{len(rows)}}}'


def _where(books: Books, entity: str, query: Query) -> tuple[str, list[object]]:
    parts = ["realm = ?", "entity = ?", "NOT deleted"]
    values: list[object] = [books.realm, entity]
    for condition in query.conditions:
        part, given = _condition(books, entity, condition)
        parts.append(part)
        values += given
    asks_activity = any(condition.name.lower() == "active" for condition in query.conditions)
    if not ENTITIES[entity].transaction and not asks_activity:
        # Records made inactive are shown only to who asks for them.
        parts.append("active IS NOT 0")
    return " AND ".join(parts), values


def _condition(books: Books, entity: str, condition: Condition) -> tuple[str, list[object]]:
    expression, kind = _property(entity, condition.name)
    if condition.operator == "LIKE":
        pattern = condition.values[0]
        if kind != "text" or not isinstance(pattern, str):
            raise invalid_query(f"Operator LIKE cannot be used with property {condition.name}")
        escaped = pattern.replace("\\", "\\\\").replace("_", "\\_")
        return f"{expression} LIKE ? ESCAPE '\\'", [escaped]
    values = [_value(books, condition, kind, each) for each in condition.values]
    if condition.operator == "IN":
        return f"{expression} IN ({', '.join('?' * len(values))})", values
    return f"{expression} {condition.operator} ?", values


def _value(books: Books, condition: Condition, kind: str, value: Value) -> object:
    """A value of the query as the column holds it."""
    problem = invalid_query(f"Value {value!s:.60} is invalid for property {condition.name}")
    if kind == "flag":
        if isinstance(value, bool):
            return int(value)
        if value.lower() in ("true", "false"):
            return int(value.lower() == "true")
        raise problem
    if isinstance(value, bool):
        raise problem
    if kind == "text":
        return value
    if kind == "moment":
        seconds = moments.read(value, books.company.utc_offset)
        if seconds is None:
            raise problem
        return seconds
    if kind == "id":
        # None is the id of no record.
        return record_id(value)
    try:
        amount = Decimal(value)
    except InvalidOperation:
        raise problem from None
    if not amount.is_finite() or abs(amount) > _MOST:
        raise problem
    return minor(amount)


def _order(entity: str, query: Query) -> str:
    newest_first = ENTITIES[entity].transaction
    terms = [f"{_property(entity, name)[0]} {direction}" for name, direction in query.order]
    return ", ".join([*terms, "id DESC" if newest_first and not terms else "id"])


def _property(entity: str, name: str) -> tuple[str, str]:
    found = _PROPERTIES[entity].get(name.lower())
    if found is None:
        raise invalid_query(f"Property {name:.60} not found for Entity {entity}")
    return found


def _without_sku(body: str) -> str:
    # Intuit leaves the SKU out unless a query names it.
    record = parse(body, all_decimal=True)
    record.pop("Sku", None)
    return dump(record)
