"""`expand`: ids in an answer that become the objects they name, and the lists an answer has only if asked.

Also how objects are shown: in the version of the request, with what only the clock knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from integration_pipeline.sandbox.stripe.account import Account
from integration_pipeline.sandbox.stripe.balance import as_it_stands
from integration_pipeline.sandbox.stripe.errors import invalid
from integration_pipeline.sandbox.stripe.objects import Body, Query
from integration_pipeline.sandbox.stripe.versions import as_of

_DEEPEST = 4
_SOMETIMES_ABSENT = {("refund", "failure_balance_transaction")}
_INCLUDED = {
    ("invoice", "payments"): ("invoice_payment", "invoice"),
    ("charge", "refunds"): ("refund", "charge"),
}


def answer(account: Account, body: Body, paths: Sequence[str], version: str) -> Body:
    """What a request is answered: one object, or a list of them. Raises `StripeError` for a wrong path."""
    for path in paths:
        if path.count(".") >= _DEEPEST:
            raise invalid(f"You cannot expand more than {_DEEPEST} levels of a property.", param="expand")
    if body["object"] in ("list", "search_result"):
        inner = [path.removeprefix("data.") for path in paths if path.startswith("data.")]
        wrong = next((path for path in paths if not path.startswith("data.")), None)
        if wrong is not None:
            raise _not_expandable(wrong)
        return {**body, "data": [_shown(account, each, inner, version) for each in body["data"]]}
    return _shown(account, body, paths, version)


def _shown(account: Account, body: Body, paths: Sequence[str], version: str) -> Body:
    shown = as_of(version, body, account.objects)
    if body["object"] == "balance_transaction":
        shown = as_it_stands(account, shown)
    elif body["object"] == "dispute":
        listed = [as_it_stands(account, each) for each in body["balance_transactions"]]
        shown = {**shown, "balance_transactions": listed}
    for path in paths:
        shown = _expanded(account, shown, path, version)
    return shown


def _expanded(account: Account, body: Body, path: str, version: str) -> Body:
    name, _, rest = path.partition(".")
    below = [rest] if rest else []
    included = _INCLUDED.get((body.get("object", ""), name))
    if included is not None and name not in body:
        kind, column = included
        found = account.objects.all(Query(kind, equal={column: body["id"]}))[:10]
        return {
            **body,
            name: {
                "object": "list",
                "data": [_shown(account, each, [], version) for each in found],
                "has_more": False,
                "url": f"/v1/{kind}s?{column}={body['id']}",
            },
        }
    if name not in body:
        if (body.get("object"), name) in _SOMETIMES_ABSENT:
            return body
        raise _not_expandable(path)
    return {**body, name: _replaced(account, body[name], below, path, version)}


def _replaced(account: Account, value: Any, below: Sequence[str], path: str, version: str) -> Any:
    match value:
        case None:
            return None
        case str():
            found = account.objects.of_any_kind(value)
            if found is None:
                raise _not_expandable(path)
            return _shown(account, found, below, version)
        case list():
            entries: list[Any] = value  # pyright: ignore[reportUnknownVariableType] - of a body of ours
            return [_replaced(account, entry, below, path, version) for entry in entries]
        case dict():
            if not below:
                raise _not_expandable(path)
            inner: Body = value  # pyright: ignore[reportUnknownVariableType] - of a body of ours
            return _expanded(account, inner, below[0], version)
        case _:
            raise _not_expandable(path)


def _not_expandable(path: str) -> Exception:
    return invalid(f"This property cannot be expanded ({path.rpartition('.')[2]}).", param="expand")
