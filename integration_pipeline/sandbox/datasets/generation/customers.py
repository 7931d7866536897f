"""Invented customers, the company records a CRM holds about them, and the people there.

A real CRM holds several records of one customer, and similar names of different ones; both are made here and
the truth is kept. Does not belong here: deals.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from integration_pipeline.sandbox.datasets.generation import names
from integration_pipeline.sandbox.datasets.generation.names import Curated
from integration_pipeline.sandbox.datasets.model import CrmObject, Link

CUSTOMERS = 150
SAME_DOMAIN_DUPLICATES = 40
SAME_TAX_ID_DUPLICATES = 30
_US_CUSTOMERS = 84
_JP_CUSTOMERS = 20


@dataclass(frozen=True, slots=True)
class Customer:
    """A real customer; `entity` bills it in `currency`."""

    key: str
    name: str
    domain: str
    country: str
    city: str
    industry: str
    tax_id: str
    entity: str
    currency: str
    lookalike: bool = False


class Record(StrEnum):
    """How a company record relates to its customer."""

    ORIGINAL = "original"
    SAME_DOMAIN = "same_domain"
    SAME_TAX_ID = "same_tax_id"


@dataclass(frozen=True, slots=True)
class Company:
    """A company record in the CRM, with the keys of its contacts."""

    key: str
    customer: Customer
    record: Record
    name: str
    domain: str
    contacts: tuple[str, ...] = ()


def invent_customers(rng: Random) -> list[Customer]:
    """150 customers in three billing entities. Names are unique but for the look-alikes."""
    drafts = [(curated, False) for curated in (*names.US_CURATED, *names.EU_CURATED)]
    drafts += [(curated, False) for curated in (*names.KUWAIT_CURATED, *names.JP_CURATED)]
    drafts += [(curated, True) for pair in names.LOOKALIKES for curated in pair]
    taken = Counter(curated.country for curated, _ in drafts)
    fillers = _Fillers(rng)
    drafts += [(fillers.us(), False) for _ in range(_US_CUSTOMERS - taken["United States"])]
    drafts += [(fillers.jp(), False) for _ in range(_JP_CUSTOMERS - taken["Japan"])]
    drafts += [(fillers.eu(), False) for _ in range(CUSTOMERS - len(drafts))]
    return [
        _customer(rng, number, curated, lookalike)
        for number, (curated, lookalike) in enumerate(drafts, start=1)
    ]


class _Fillers:
    """Plain names: two words and a legal form, no pair of words used twice."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._pairs = self._shuffled(names.FIRST_WORDS)
        self._jp_pairs = self._shuffled(names.JP_WORDS)

    def _shuffled(self, first_words: Sequence[str]) -> Iterator[tuple[str, str]]:
        pairs = [(first, second) for first in first_words for second in names.SECOND_WORDS]
        self._rng.shuffle(pairs)
        return iter(pairs)

    def us(self) -> Curated:
        form = self._rng.choice(names.US_FORMS)
        return self._named(self._pairs, form, "United States", self._rng.choice(names.US_CITIES))

    def eu(self) -> Curated:
        country, _, form, city = self._rng.choice(names.EU_COUNTRIES)
        return self._named(self._pairs, form, country, city)

    def jp(self) -> Curated:
        return self._named(self._jp_pairs, "K.K.", "Japan", "Nagoya")

    @staticmethod
    def _named(pairs: Iterator[tuple[str, str]], form: str, country: str, city: str) -> Curated:
        first, second = next(pairs)
        return Curated(f"{first} {second} {form}", f"{first}-{second}".lower(), country, city)


def _customer(rng: Random, number: int, curated: Curated, lookalike: bool) -> Customer:
    entity, currency = {
        "United States": ("us", "USD"),
        "Japan": ("jp", "JPY"),
        "Kuwait": ("eu", "KWD"),
    }.get(curated.country, ("eu", "EUR"))
    return Customer(
        key=f"customer-{number:03}",
        name=curated.name,
        domain=f"{curated.label}.example",
        country=curated.country,
        city=curated.city,
        industry=rng.choice(names.INDUSTRIES),
        tax_id=_tax_id(rng, curated.country, number),
        entity=entity,
        currency=currency,
        lookalike=lookalike,
    )


def _tax_id(rng: Random, country: str, number: int) -> str:
    """A tax id in the country's style; the customer's number inside keeps it unique."""
    if country == "United States":
        return f"{rng.randrange(10, 99)}-{rng.randrange(1000, 9999)}{number:03}"
    if country == "Japan":
        return f"T{rng.randrange(10**9, 10**10)}{number:03}"
    return f"{names.VAT_PREFIXES[country]}{rng.randrange(10**5, 10**6)}{number:03}"


def record_companies(rng: Random, customers: list[Customer]) -> list[Company]:
    """220 company records: one per customer, then duplicates by domain, then duplicates by tax id.

    Look-alikes get no duplicates, so that a record with their name is always the other customer.
    """
    companies = [
        Company(f"company-{number:03}", customer, Record.ORIGINAL, customer.name, customer.domain)
        for number, customer in enumerate(customers, start=1)
    ]
    doubled = rng.sample(
        [customer for customer in customers if not customer.lookalike],
        SAME_DOMAIN_DUPLICATES + SAME_TAX_ID_DUPLICATES,
    )
    for index, customer in enumerate(doubled):
        key = f"company-{len(companies) + 1:03}"
        if index < SAME_DOMAIN_DUPLICATES:
            name = _respelled(customer.name, index)
            companies.append(Company(key, customer, Record.SAME_DOMAIN, name, customer.domain))
        else:
            # Every third such record was typed in by hand and never got a domain.
            domain = "" if index % 3 == 0 else f"get-{customer.domain}"
            companies.append(Company(key, customer, Record.SAME_TAX_ID, customer.name.upper(), domain))
    return companies


def _respelled(name: str, variant: int) -> str:
    """The same name as somebody else types it."""
    without_form = name.rsplit(" ", 1)[0] if " " in name else f"{name} (old)"
    spellings = (name.upper(), without_form, f" {name}  ", name.replace(" ", "  "), f"{without_form} - HQ")
    spelled = spellings[variant % len(spellings)]
    return spelled if spelled != name else f"{name} (old)"


def company_objects(companies: list[Company]) -> list[CrmObject]:
    """Company records. A duplicate by domain has no tax id; one by tax id has another domain or none."""
    return [CrmObject("companies", company.key, _company_properties(company)) for company in companies]


def _company_properties(company: Company) -> dict[str, str]:
    customer, number = company.customer, int(company.key.rpartition("-")[2])
    properties = {
        "name": company.name,
        "country": customer.country,
        "city": customer.city,
        "industry": customer.industry,
    }
    if company.domain:
        properties["domain"] = company.domain
        properties["billing_email"] = f"{'billing' if number % 2 else 'accounts.payable'}@{company.domain}"
    match company.record:
        case Record.ORIGINAL:
            properties["tax_id"] = customer.tax_id
        case Record.SAME_TAX_ID:
            # Some people group the digits for reading.
            grouped = number % 4 == 0 and customer.entity == "eu"
            properties["tax_id"] = (
                f"{customer.tax_id[:2]} {customer.tax_id[2:]}" if grouped else customer.tax_id
            )
        case Record.SAME_DOMAIN:
            pass
    return properties


def hire_contacts(rng: Random, companies: list[Company]) -> tuple[list[Company], list[CrmObject]]:
    """One to three people per company record, at the customer's e-mail domain; addresses are unique.

    Returns the companies with the keys of their contacts, and the contacts.
    """
    contacts: list[CrmObject] = []
    staffed: list[Company] = []
    taken: set[str] = set()
    for company in companies:
        keys: list[str] = []
        for _ in range(rng.choices((1, 2, 3), weights=(40, 37, 23))[0]):
            contact = _contact(rng, company, len(contacts) + 1, taken)
            contacts.append(contact)
            keys.append(contact.key)
        staffed.append(
            Company(company.key, company.customer, company.record, company.name, company.domain, tuple(keys))
        )
    return staffed, contacts


def _contact(rng: Random, company: Company, number: int, taken: set[str]) -> CrmObject:
    (first, first_ascii), (last, last_ascii) = rng.choice(names.FIRST_NAMES), rng.choice(names.LAST_NAMES)
    email = f"{first_ascii}.{last_ascii}@{company.customer.domain}"
    if email in taken:
        email = f"{first_ascii}.{last_ascii}{number}@{company.customer.domain}"
    taken.add(email)
    return CrmObject(
        "contacts",
        f"contact-{number:03}",
        {"email": email, "firstname": first, "lastname": last, "jobtitle": rng.choice(names.JOB_TITLES)},
        associations=(Link("companies", company.key),),
    )
