"""Contacts: customers and suppliers. Names are unique among the active ones, and so are contact numbers.

PUT refuses a name that is taken; POST takes it for that contact and updates it.
"""

from __future__ import annotations

from integration_pipeline.sandbox.exact_json import JsonObject
from integration_pipeline.sandbox.xero.answers import NO_ID, envelope, written
from integration_pipeline.sandbox.xero.calls import Books, Call
from integration_pipeline.sandbox.xero.dates import moment_date
from integration_pipeline.sandbox.xero.errors import InvalidError, not_found
from integration_pipeline.sandbox.xero.fields import as_guid, guid, members, stated, text
from integration_pipeline.sandbox.xero.kinds import CONTACTS
from integration_pipeline.sandbox.xero.reading import listed
from integration_pipeline.sandbox.xero.records import Record
from integration_pipeline.sandbox.xero.where import Filter

_ACTIVE = "status = 'ACTIVE'"
_TEXTS = {
    "ContactNumber": 50,
    "AccountNumber": 50,
    "FirstName": 255,
    "LastName": 255,
    "CompanyNumber": 50,
    "EmailAddress": 255,
    "BankAccountDetails": 255,
    "TaxNumber": 50,
    "AccountsReceivableTaxType": 50,
    "AccountsPayableTaxType": 50,
    "DefaultCurrency": 3,
    "SalesDefaultAccountCode": 10,
    "PurchasesDefaultAccountCode": 10,
}
_ADDRESSES = ("STREET", "POBOX")
_PHONES = ("DEFAULT", "DDI", "FAX", "MOBILE")
_SLOTS = {"Addresses": "AddressType", "Phones": "PhoneType"}


def list_contacts(call: Call) -> JsonObject:
    """`GET /Contacts`; archived ones with `includeArchived=true`."""
    alike = Filter() if call.asks("includeArchived") else Filter("status <> 'ARCHIVED'")
    details = not call.asks("summaryOnly")
    return listed(call, CONTACTS, lambda record, _: shown(record, details), chosen={"IDs": "id"}, alike=alike)


def get_contact(call: Call) -> JsonObject:
    """`GET /Contacts/{ContactID or ContactNumber}`."""
    named = call.path["id"]
    record = call.records.get(CONTACTS, as_guid(named)) or call.records.by_number(CONTACTS, named)
    if record is None:
        raise not_found()
    return envelope(call, CONTACTS.plural, [shown(record, True)])


def create_contacts(call: Call) -> JsonObject:
    return written(call, CONTACTS, lambda element: shown(_created(call.books, element), True))


def update_or_create_contacts(call: Call) -> JsonObject:
    return written(call, CONTACTS, lambda element: shown(_upserted(call.books, element), True))


def update_contact(call: Call) -> JsonObject:
    """`POST /Contacts/{ContactID}`."""
    identifier = as_guid(call.path["id"])
    if call.records.get(CONTACTS, identifier) is None:
        raise not_found()

    def write(element: JsonObject) -> JsonObject:
        return shown(_upserted(call.books, {**element, "ContactID": identifier}), True)

    return written(call, CONTACTS, write)


def of_document(books: Books, element: JsonObject | None) -> Record:
    """The contact a document names, by id, number or name; one of an unknown name is created.

    Anything said of the contact besides its id changes the contact. Raises `InvalidError`.
    """
    if element is None:
        raise InvalidError("A Contact must be specified for this type of transaction")
    record = _matched(books, element)
    if record is None:
        if guid(element, "ContactID") not in {None, NO_ID}:
            raise InvalidError("The specified ContactID does not exist")
        if stated(element, "Name") is None:
            raise InvalidError(
                "The Contact must contain at least 1 of the following elements to identify the contact: "
                "Name, ContactID, ContactNumber"
            )
        return _created(books, element)
    if record.element["ContactStatus"] != "ACTIVE":
        raise InvalidError("The specified contact is archived and cannot be used for this transaction")
    if set(element) - {"ContactID"}:
        changed = _element(record.element, element)
        if changed != record.element:
            _refuse_a_taken_name(books, changed, record)
            return books.changed(books.records.save(record, changed))
    return record


def brief(record: Record) -> JsonObject:
    """As documents in lists show their contact."""
    return {
        "ContactID": record.id,
        "Name": record.element["Name"],
        "Addresses": [],
        "Phones": [],
        "ContactGroups": [],
        "ContactPersons": [],
        "HasValidationErrors": False,
    }


def shown(record: Record, details: bool) -> JsonObject:
    """`details` False is the summary."""
    element = record.element
    contact: JsonObject = {"ContactID": record.id, **element}
    if not details:
        for name in ("Addresses", "Phones", "ContactPersons"):
            del contact[name]
    return {
        **contact,
        "UpdatedDateUTC": moment_date(record.updated_ms),
        "ContactGroups": [],
        "SalesTrackingCategories": [],
        "PurchasesTrackingCategories": [],
        "HasAttachments": False,
        "HasValidationErrors": False,
    }


def mark_as(books: Books, contact: Record, role: str) -> None:
    """A contact becomes `IsCustomer` or `IsSupplier` with its first document; that counts as no change."""
    if not contact.element[role]:
        contact.element[role] = True
        books.records.save(contact, contact.element, touch=False)


def _created(books: Books, element: JsonObject) -> Record:
    new = _element(
        {
            "ContactStatus": "ACTIVE",
            "Name": "",
            "BankAccountDetails": "",
            "EmailAddress": "",
            "Addresses": [
                {"AddressType": kind, **_blank("City", "Region", "PostalCode", "Country")}
                for kind in _ADDRESSES
            ],
            "Phones": [
                {"PhoneType": kind, **_blank("PhoneNumber", "PhoneAreaCode", "PhoneCountryCode")}
                for kind in _PHONES
            ],
            "ContactPersons": [],
            "IsSupplier": False,
            "IsCustomer": False,
        },
        element,
    )
    _refuse_a_taken_name(books, new, None)
    return books.changed(books.records.add(CONTACTS, new), created=True)


def _upserted(books: Books, element: JsonObject) -> Record:
    record = _matched(books, element)
    if record is None:
        if guid(element, "ContactID") not in {None, NO_ID}:
            # Recorded: an id that was never issued refuses the whole request.
            raise not_found()
        return _created(books, element)
    if record.element["ContactStatus"] == "ARCHIVED" and text(element, "ContactStatus") != "ACTIVE":
        raise InvalidError(
            "The specified contact details matched an archived contact. "
            "Archived contacts cannot currently be edited via the API."
        )
    changed = _element(record.element, element)
    _refuse_a_taken_name(books, changed, record)
    return books.changed(books.records.save(record, changed))


def _matched(books: Books, element: JsonObject) -> Record | None:
    """By id if there is one, else by number, else by name among the active."""
    identifier = guid(element, "ContactID")
    if identifier is not None and identifier != NO_ID:
        return books.records.get(CONTACTS, identifier)
    if (contact_number := stated(element, "ContactNumber")) is not None:
        record = books.records.by_number(CONTACTS, contact_number)
        if record is not None:
            return record
    name = stated(element, "Name")
    return books.records.by_name(CONTACTS, name, _ACTIVE) if name is not None else None


def _element(current: JsonObject, given: JsonObject) -> JsonObject:
    """`current` with what was given. Raises `InvalidError`."""
    element = dict(current)
    name = text(given, "Name")
    if name is not None:
        element["Name"] = name.strip()
    if not element["Name"]:
        raise InvalidError("The contact name must be specified.")
    for field, longest in {"Name": 255, **_TEXTS}.items():
        value = text(given, field) if field != "Name" else element["Name"]
        if value is not None:
            if len(value) > longest:
                raise InvalidError(f"A {field} may not be more than {longest} characters long.")
            element[field] = value
    email = element["EmailAddress"]
    if email and ("@" not in email or " " in email):
        raise InvalidError("The contact's email address is not valid.")
    status = text(given, "ContactStatus")
    if status is not None:
        if status not in {"ACTIVE", "ARCHIVED"}:
            raise InvalidError(f"The contact status '{status}' is not valid.")
        element["ContactStatus"] = status
    for plural, slot in _SLOTS.items():
        if (parts := members(given, plural)) is not None:
            element[plural] = _merged(element[plural], parts, slot)
    if (persons := members(given, "ContactPersons")) is not None:
        element["ContactPersons"] = persons
    return element


def _merged(current: list[JsonObject], given: list[JsonObject], slot: str) -> list[JsonObject]:
    """Each kind of address or phone is there once; what was given replaces that of its kind."""
    new = {part.get(slot): part for part in given}
    return [{**part, **new.get(part[slot], {})} for part in current]


def _refuse_a_taken_name(books: Books, element: JsonObject, record: Record | None) -> None:
    if element["ContactStatus"] != "ACTIVE":
        return
    other = books.records.by_name(CONTACTS, element["Name"], _ACTIVE)
    if other is not None and (record is None or other.id != record.id):
        raise InvalidError(
            f"The contact name {element['Name']} is already assigned to another contact. "
            "The contact name must be unique across all active contacts."
        )
    if contact_number := element.get("ContactNumber"):
        other = books.records.by_number(CONTACTS, contact_number)
        if other is not None and (record is None or other.id != record.id):
            raise InvalidError(f"The contact number {contact_number} is already assigned to another contact.")


def _blank(*names: str) -> JsonObject:
    return dict.fromkeys(names, "")
