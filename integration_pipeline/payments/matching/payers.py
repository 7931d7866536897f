"""Who paid, as far as it identifies a customer.

Belongs here: ids and addresses that stand for one customer. Does not belong here: likenesses of names, which
identify nobody (`suggestions`).
"""

from __future__ import annotations

from dataclasses import dataclass

from integration_pipeline.payments.matching.facts import Facts
from integration_pipeline.payments.movements import Movement

PUBLIC_DOMAINS = frozenset(
    (
        "aol.com", "gmail.com", "gmx.de", "gmx.net", "googlemail.com", "hotmail.com", "icloud.com",
        "live.com", "mail.com", "me.com", "msn.com", "outlook.com", "proton.me", "protonmail.com",
        "qq.com", "web.de", "yahoo.co.jp", "yahoo.com", "yandex.ru",
    )
)  # fmt: skip
"""An address there says nothing of its company."""


@dataclass(frozen=True, slots=True)
class KnownPayer:
    """The customers a payer may be, and what says so."""

    customers: frozenset[int]
    words: str


def payer_of(movement: Movement, facts: Facts) -> KnownPayer:
    """By the payer's id at the source, then by the e-mail address, then by its domain."""
    source = movement.source.value
    for payer_id in movement.payer.ids:
        if customers := facts.payers.get((source, payer_id)):
            return KnownPayer(customers, f"payer {payer_id} of {source} paid before")
    for address in addresses_of(movement):
        if customers := facts.addresses.get(address):
            return KnownPayer(customers, f"{address} belongs to the payer")
    return KnownPayer(frozenset(), "")


def addresses_of(movement: Movement) -> tuple[str, ...]:
    """The payer's e-mail address and, if a company may be known by it, its domain; in lower case."""
    email = (movement.payer.email or "").strip().lower()
    domain = email.partition("@")[2]
    if not domain:
        return ()
    return (email,) if domain in PUBLIC_DOMAINS else (email, domain)
