"""Creating customers at QuickBooks, each once and under a name nobody else has.

A lost answer needs no request id: a display name is there once, and the note says whose it is.
"""

from __future__ import annotations

from collections.abc import Sequence

from integration_pipeline.accounting.quickbooks.answers import read_customer
from integration_pipeline.accounting.quickbooks.api import INACTIVE_TOO, QuickBooksApi, any_of
from integration_pipeline.accounting.quickbooks.config import QuickBooksConfig
from integration_pipeline.accounting.quickbooks.customers import customer_body, names_of
from integration_pipeline.accounting.quickbooks.errors import DUPLICATE_NAME, Fault, refusal, refuses_content
from integration_pipeline.accounting.target import OutgoingCustomer, Refused, RemoteCustomer, Unsure
from integration_pipeline.transport.failures import Uncertain, VendorFailure
from integration_pipeline.transport.shapes import Json

CUSTOMER = "Customer"
# A customer with all its names takes a few hundred characters of an address.
_LOOKED_UP_AT_ONCE = 10

Introduced = RemoteCustomer | Refused | Unsure


def create(
    api: QuickBooksApi, config: QuickBooksConfig, batch: Sequence[OutgoingCustomer]
) -> list[Introduced]:
    """What became of each, in order. Raises a `VendorFailure` only if certainly none was created."""
    outcomes: dict[str, Introduced] = {}
    pending = list(batch)
    for attempt in range(len(names_of(batch[0])) if batch else 0):
        if not pending:
            break
        try:
            taken = _attempt(api, config, pending, attempt, outcomes)
        except VendorFailure as failure:
            if not outcomes:
                raise
            # Some were created already; of the others nothing was, and looking them up will show it.
            outcomes.update({each.reference: Unsure(f"{each.name}: {failure}") for each in pending})
            break
        pending = taken
    for each in pending:
        outcomes.setdefault(
            each.reference,
            Refused(f"{each.name}: all its display names are taken at QuickBooks", DUPLICATE_NAME),
        )
    return [outcomes[each.reference] for each in batch]


def find(api: QuickBooksApi, batch: Sequence[OutgoingCustomer]) -> list[RemoteCustomer | None]:
    """Those that carry our references, in order. Notes cannot be asked for, so they are found by the names
    we give.
    """
    found: dict[str, RemoteCustomer] = {}
    for start in range(0, len(batch), _LOOKED_UP_AT_ONCE):
        names = [name for each in batch[start : start + _LOOKED_UP_AT_ONCE] for name in names_of(each)]
        found.update({each.reference: each for each in _named(api, names) if each.reference})
    return [found.get(each.reference) for each in batch]


def _attempt(
    api: QuickBooksApi,
    config: QuickBooksConfig,
    pending: Sequence[OutgoingCustomer],
    attempt: int,
    outcomes: dict[str, Introduced],
) -> list[OutgoingCustomer]:
    """Create under the names of this attempt; those whose name somebody has who is certainly another."""
    named = {each.reference: names_of(each)[attempt] for each in pending}
    answers = _sent(api, config, [(each, named[each.reference]) for each in pending])
    clashing: list[OutgoingCustomer] = []
    for customer, answer in zip(pending, answers, strict=True):
        if isinstance(answer, Fault) and answer.code == DUPLICATE_NAME:
            clashing.append(customer)
        else:
            outcomes[customer.reference] = _outcome(customer, answer)
    if not clashing:
        return []
    # Two of one batch may share a name as well: whoever came first has it now.
    owners = {
        each.name.casefold(): each for each in _named(api, [named[each.reference] for each in clashing])
    }
    taken: list[OutgoingCustomer] = []
    for customer in clashing:
        owner = owners.get(named[customer.reference].casefold())
        if owner is not None and owner.reference == customer.reference:
            outcomes[customer.reference] = owner
        elif owner is None or owner.reference is not None:
            # A vendor's or an employee's; or of another customer of ours, who is somebody else.
            taken.append(customer)
        else:
            outcomes[customer.reference] = _same_name(customer, owner)
    return taken


def _same_name(customer: OutgoingCustomer, owner: RemoteCustomer) -> Refused:
    return Refused(
        f"{customer.name}: QuickBooks has another customer {owner.name!r} (id {owner.remote_id}); "
        "if it is the same company, link it with `targets customers`, else give one of them another name",
        code=DUPLICATE_NAME,
        duplicate=True,
    )


def _sent(
    api: QuickBooksApi, config: QuickBooksConfig, customers: Sequence[tuple[OutgoingCustomer, str]]
) -> list[Json | Fault | VendorFailure]:
    bodies = [customer_body(customer, name, config) for customer, name in customers]
    try:
        if len(bodies) > 1:
            return api.create_all([(CUSTOMER, body) for body in bodies], None)
        return [api.create(CUSTOMER, bodies[0], None)]
    except Uncertain as lost:
        return [lost] * len(bodies)
    except VendorFailure as failure:
        if len(bodies) > 1 and refuses_content(failure):
            return _halved(api, config, customers)
        fault = refusal(failure)
        if fault is None:
            raise
        return [fault]


def _halved(
    api: QuickBooksApi, config: QuickBooksConfig, customers: Sequence[tuple[OutgoingCustomer, str]]
) -> list[Json | Fault | VendorFailure]:
    """Something in one of them has the whole call refused: the others need not suffer from it."""
    middle = len(customers) // 2
    answers = _sent(api, config, customers[:middle])
    try:
        return answers + _sent(api, config, customers[middle:])
    except VendorFailure as failure:
        if all(isinstance(each, Fault) and each.is_refusal for each in answers):
            raise
        return answers + [failure] * (len(customers) - middle)


def _outcome(customer: OutgoingCustomer, answer: Json | Fault | VendorFailure) -> Introduced:
    if isinstance(answer, VendorFailure):
        return Unsure(f"{customer.name}: {answer}")
    if isinstance(answer, Fault):
        if answer.is_refusal:
            return answer.refused(customer.name)
        return Unsure(f"{customer.name}: {answer.message}")
    try:
        return read_customer(answer)
    except Uncertain as unreadable:
        return Unsure(f"{customer.name}: {unreadable}")


def _named(api: QuickBooksApi, names: Sequence[str]) -> list[RemoteCustomer]:
    """Customers of these display names, those made inactive included."""
    return [
        read_customer(each)
        for each in api.find(CUSTOMER, f"{any_of('DisplayName', names)} AND {INACTIVE_TOO}")
    ]
