"""Which customer a company or contact belongs to, decided from what identifies them.

Belongs here: the directory of known customers, the match rules' verdicts, normal forms of domains and tax
ids: no I/O. Does not belong here: reading and storing (`customers`), which rules there are (mapping).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from integration_pipeline.crm.records import Association
from integration_pipeline.mapping.document import MatchRule

# A name in the DNS has at most 253 characters, a tax id about 20. What is longer identifies nobody,
# and would not fit an index.
_LONGEST_DOMAIN = 253
_LONGEST_TAX_ID = 64


@dataclass(frozen=True, slots=True)
class Customer:
    """What a customer is known by; `domain` and `tax_id` in normal form."""

    id: int
    name: str
    domain: str | None
    tax_id: str | None


@dataclass(frozen=True, slots=True)
class Match:
    """A customer that a rule points at, the rule's decision, and the evidence in words of the record."""

    customer: Customer
    rule: str
    decision: str
    evidence: dict[str, str]


@dataclass(slots=True)
class Directory:
    """Customers by what identifies them, in the order in which they became customers."""

    by_domain: dict[str, list[Customer]] = field(
        default_factory=lambda: defaultdict[str, list[Customer]](list)
    )
    by_tax_id: dict[str, list[Customer]] = field(
        default_factory=lambda: defaultdict[str, list[Customer]](list)
    )

    def add(self, customer: Customer) -> None:
        if customer.domain:
            self.by_domain[customer.domain].append(customer)
        if customer.tax_id:
            self.by_tax_id[customer.tax_id].append(customer)

    def matches(self, rules: Iterable[MatchRule], domain: str | None, tax_id: str | None) -> Iterator[Match]:
        """What each rule says, in the rules' order; of several customers the first to be one counts."""
        for rule in rules:
            index, value = (
                (self.by_tax_id, tax_id) if rule.rule == "same_tax_id" else (self.by_domain, domain)
            )
            if value is None or value in rule.ignore or not (found := index.get(value)):
                continue
            customer = found[0]
            # One domain, two tax ids: two companies of a group, or a mistake. Not ours to guess.
            apart = rule.rule == "same_domain" and tax_id and customer.tax_id and tax_id != customer.tax_id
            evidence = {rule.rule.removeprefix("same_"): value, "customer": customer.name}
            yield Match(customer, rule.rule, "pending" if apart else rule.decision, evidence)

    def only_one_of(self, domain: str) -> Customer | None:
        """The customer of an e-mail domain; None if it has none, or several share it."""
        found = self.by_domain.get(domain, ())
        return found[0] if len(found) == 1 else None


def primary_first(links: Iterable[Association]) -> list[str]:
    """Record ids, those labelled primary first, otherwise by id."""
    ordered = sorted(links, key=lambda link: ("primary" not in map(str.lower, link.labels), link.external_id))
    return [link.external_id for link in ordered]


def normal_domain(domain: str | None) -> str | None:
    """`WWW.Acme.com ` as `acme.com`, and `https://www.acme.com/about`; None for what cannot be a domain."""
    address = (domain or "").strip().lower()
    host = re.split(r"[/?#]", address.partition("://")[2] or address, maxsplit=1)[0]
    normal = host.rpartition("@")[2].partition(":")[0].removeprefix("www.")
    return normal if 0 < len(normal) <= _LONGEST_DOMAIN else None


def normal_tax_id(tax_id: str | None) -> str | None:
    """`DE 616 781 013` as `DE616781013`; None for what cannot be a tax id."""
    normal = re.sub(r"[^0-9A-Z]", "", (tax_id or "").upper())
    return normal if 0 < len(normal) <= _LONGEST_TAX_ID else None
