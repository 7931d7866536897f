"""The objects every org has, as far as deals, their customers and their products need them.

Custom fields come on top (`catalogue`). Multi-currency adds `CurrencyIsoCode`.
"""

from __future__ import annotations

from collections.abc import Sequence

from integration_pipeline.sandbox.salesforce.schema.fields import (
    ChildRelationship,
    Choice,
    Field,
    FieldType,
    SObject,
)

_NEVER = frozenset[str]()
_BOTH = frozenset({"create", "update"})
_ONCE = frozenset({"create"})
_OWNER = Field("OwnerId", FieldType.REFERENCE, "Owner ID", length=18, refers_to="User", relationship="Owner")
_SYSTEM = (
    Field("CreatedDate", FieldType.DATETIME, "Created Date", writes=_NEVER),
    Field(
        "CreatedById",
        FieldType.REFERENCE,
        "Created By ID",
        writes=_NEVER,
        length=18,
        refers_to="User",
        relationship="CreatedBy",
    ),
    Field("LastModifiedDate", FieldType.DATETIME, "Last Modified Date", writes=_NEVER),
    Field(
        "LastModifiedById",
        FieldType.REFERENCE,
        "Last Modified By ID",
        writes=_NEVER,
        length=18,
        refers_to="User",
        relationship="LastModifiedBy",
    ),
    Field("SystemModstamp", FieldType.DATETIME, "System Modstamp", writes=_NEVER),
)
CURRENCIES = ("USD", "EUR", "GBP", "JPY", "CHF", "CAD", "AUD")
_CURRENCY = Field(
    "CurrencyIsoCode",
    FieldType.PICKLIST,
    "Currency ISO Code",
    length=3,
    choices=tuple(Choice(code) for code in CURRENCIES),
    restricted=True,
)

STAGES: tuple[tuple[str, int, bool, bool], ...] = (
    ("Prospecting", 10, False, False),
    ("Qualification", 10, False, False),
    ("Needs Analysis", 20, False, False),
    ("Value Proposition", 50, False, False),
    ("Proposal/Price Quote", 75, False, False),
    ("Negotiation/Review", 90, False, False),
    ("Closed Won", 100, True, True),
    ("Closed Lost", 0, True, False),
)
"""Name, probability in percent, closed, won: what a new org begins with."""


def standard_objects(*, multi_currency: bool) -> dict[str, SObject]:
    """The objects by name."""
    return {
        each.name: each
        for each in (
            _account(multi_currency),
            _contact(multi_currency),
            _opportunity(multi_currency),
            _line_item(multi_currency),
            _contact_role(multi_currency),
            _product(multi_currency),
            _price_book(),
            _price_book_entry(multi_currency),
            _user(multi_currency),
            _stage(),
            _organization(),
        )
    }


def _money(name: str, label: str, *, writes: frozenset[str] = _BOTH, required: bool = False) -> Field:
    return Field(name, FieldType.CURRENCY, label, required, writes, precision=18, scale=2)


def _reference(
    name: str,
    to: str,
    relationship: str,
    *,
    required: bool = False,
    writes: frozenset[str] = _BOTH,
) -> Field:
    return Field(
        name,
        FieldType.REFERENCE,
        f"{to} ID",
        required=required,
        writes=writes,
        length=18,
        refers_to=to,
        relationship=relationship,
    )


def _picklist(name: str, label: str, *values: str, required: bool = False) -> Field:
    choices = tuple(Choice(value) for value in values)
    return Field(name, FieldType.PICKLIST, label, required=required, length=255, choices=choices)


def _object(
    name: str,
    label: str,
    plural: str,
    prefix: str,
    fields: Sequence[Field],
    *,
    multi_currency: bool = False,
    children: tuple[ChildRelationship, ...] = (),
    writable: bool = True,
    announced: bool = True,
) -> SObject:
    identity = (
        Field("Id", FieldType.ID, f"{label} ID", writes=_NEVER, length=18),
        Field("IsDeleted", FieldType.BOOLEAN, "Deleted", writes=_NEVER),
    )
    currency = (_CURRENCY,) if multi_currency else ()
    bare = SObject(name, label, plural, prefix, {}, children, writable, announced)
    return bare.with_fields([*identity, *fields, *currency, *_SYSTEM])


def _account(multi_currency: bool) -> SObject:
    return _object(
        "Account",
        "Account",
        "Accounts",
        "001",
        [
            _reference("MasterRecordId", "Account", "MasterRecord", writes=_NEVER),
            Field("Name", label="Account Name", required=True),
            _picklist("Type", "Account Type", "Prospect", "Customer - Direct", "Customer - Channel", "Other"),
            _reference("ParentId", "Account", "Parent"),
            Field("BillingStreet", FieldType.TEXTAREA, "Billing Street"),
            Field("BillingCity", label="Billing City", length=40),
            Field("BillingState", label="Billing State/Province", length=80),
            Field("BillingPostalCode", label="Billing Zip/Postal Code", length=20),
            Field("BillingCountry", label="Billing Country", length=80),
            Field("Phone", FieldType.PHONE, "Account Phone", length=40),
            Field("AccountNumber", label="Account Number", length=40),
            Field("Website", FieldType.URL, "Website"),
            _picklist("Industry", "Industry", "Banking", "Electronics", "Energy", "Technology"),
            _money("AnnualRevenue", "Annual Revenue"),
            Field("NumberOfEmployees", FieldType.INT, "Employees", precision=8),
            Field("Description", FieldType.TEXTAREA, "Account Description", length=32_000),
            _OWNER,
        ],
        multi_currency=multi_currency,
        children=(
            ChildRelationship("Contact", "AccountId", "Contacts", cascades=True),
            ChildRelationship("Opportunity", "AccountId", "Opportunities", cascades=True),
        ),
    )


def _contact(multi_currency: bool) -> SObject:
    return _object(
        "Contact",
        "Contact",
        "Contacts",
        "003",
        [
            _reference("MasterRecordId", "Contact", "MasterRecord", writes=_NEVER),
            _reference("AccountId", "Account", "Account"),
            Field("LastName", label="Last Name", required=True, length=80),
            Field("FirstName", label="First Name", length=40),
            Field("Name", label="Full Name", writes=_NEVER, length=121),
            Field("Phone", FieldType.PHONE, "Business Phone", length=40),
            Field("Email", FieldType.EMAIL, "Email", length=80),
            Field("Title", label="Title", length=128),
            Field("MailingCountry", label="Mailing Country", length=80),
            _OWNER,
        ],
        multi_currency=multi_currency,
        children=(
            ChildRelationship(
                "OpportunityContactRole", "ContactId", "OpportunityContactRoles", cascades=True
            ),
        ),
    )


def _opportunity(multi_currency: bool) -> SObject:
    return _object(
        "Opportunity",
        "Opportunity",
        "Opportunities",
        "006",
        [
            _reference("AccountId", "Account", "Account"),
            Field("Name", label="Name", required=True, length=120),
            Field("Description", FieldType.TEXTAREA, "Description", length=32_000),
            _picklist("StageName", "Stage", *(stage[0] for stage in STAGES), required=True),
            _money("Amount", "Amount"),
            Field("Probability", FieldType.PERCENT, "Probability (%)", precision=3),
            _money("ExpectedRevenue", "Expected Amount", writes=_NEVER),
            Field("CloseDate", FieldType.DATE, "Close Date", required=True),
            _picklist("Type", "Opportunity Type", "Existing Business", "New Business"),
            Field("NextStep", label="Next Step"),
            _picklist("LeadSource", "Lead Source", "Web", "Partner", "Word of mouth", "Other"),
            Field("IsClosed", FieldType.BOOLEAN, "Closed", writes=_NEVER),
            Field("IsWon", FieldType.BOOLEAN, "Won", writes=_NEVER),
            _picklist("ForecastCategoryName", "Forecast Category", "Pipeline", "Closed", "Omitted"),
            Field("HasOpportunityLineItem", FieldType.BOOLEAN, "Has Line Item", writes=_NEVER),
            _reference("Pricebook2Id", "Pricebook2", "Pricebook2"),
            _OWNER,
        ],
        multi_currency=multi_currency,
        children=(
            ChildRelationship("OpportunityLineItem", "OpportunityId", "OpportunityLineItems", cascades=True),
            ChildRelationship(
                "OpportunityContactRole", "OpportunityId", "OpportunityContactRoles", cascades=True
            ),
        ),
    )


def _line_item(multi_currency: bool) -> SObject:
    return _object(
        "OpportunityLineItem",
        "Opportunity Product",
        "Opportunity Products",
        "00k",
        [
            _reference("OpportunityId", "Opportunity", "Opportunity", required=True, writes=_ONCE),
            Field("SortOrder", FieldType.INT, "Sort Order", precision=9),
            _reference("PricebookEntryId", "PricebookEntry", "PricebookEntry", writes=_ONCE),
            _reference("Product2Id", "Product2", "Product2", writes=_ONCE),
            Field("ProductCode", label="Product Code", writes=_NEVER),
            Field("Name", label="Opportunity Product Name", writes=_NEVER, length=376),
            Field("Quantity", FieldType.DOUBLE, "Quantity", required=True, precision=12, scale=2),
            _money("TotalPrice", "Total Price"),
            _money("UnitPrice", "Sales Price"),
            _money("ListPrice", "List Price", writes=_NEVER),
            Field("ServiceDate", FieldType.DATE, "Date"),
            Field("Description", label="Line Description"),
            Field("Discount", FieldType.PERCENT, "Discount", precision=5, scale=2),
        ],
        multi_currency=multi_currency,
    )


def _contact_role(multi_currency: bool) -> SObject:
    return _object(
        "OpportunityContactRole",
        "Opportunity Contact Role",
        "Opportunity Contact Roles",
        "00K",
        [
            _reference("OpportunityId", "Opportunity", "Opportunity", required=True, writes=_ONCE),
            _reference("ContactId", "Contact", "Contact", required=True),
            _picklist("Role", "Role", "Business User", "Decision Maker", "Economic Buyer", "Other"),
            Field("IsPrimary", FieldType.BOOLEAN, "Primary"),
        ],
        multi_currency=multi_currency,
    )


def _product(multi_currency: bool) -> SObject:
    return _object(
        "Product2",
        "Product",
        "Products",
        "01t",
        [
            Field("Name", label="Product Name", required=True),
            Field("ProductCode", label="Product Code"),
            Field("Description", FieldType.TEXTAREA, "Product Description", length=4_000),
            Field("IsActive", FieldType.BOOLEAN, "Active"),
            _picklist("Family", "Product Family", "None"),
            _picklist("QuantityUnitOfMeasure", "Quantity Unit Of Measure", "Each"),
            Field("StockKeepingUnit", label="Product SKU", length=180),
        ],
        multi_currency=multi_currency,
        children=(ChildRelationship("PricebookEntry", "Product2Id", "PricebookEntries", cascades=True),),
    )


def _price_book() -> SObject:
    return _object(
        "Pricebook2",
        "Price Book",
        "Price Books",
        "01s",
        [
            Field("Name", label="Price Book Name", required=True),
            Field("IsActive", FieldType.BOOLEAN, "Active"),
            Field("IsStandard", FieldType.BOOLEAN, "Is Standard Price Book", writes=_NEVER),
        ],
        announced=False,
    )


def _price_book_entry(multi_currency: bool) -> SObject:
    return _object(
        "PricebookEntry",
        "Price Book Entry",
        "Price Book Entries",
        "01u",
        [
            Field("Name", label="Product Name", writes=_NEVER),
            _reference("Pricebook2Id", "Pricebook2", "Pricebook2", required=True, writes=_ONCE),
            _reference("Product2Id", "Product2", "Product2", required=True, writes=_ONCE),
            _money("UnitPrice", "List Price", required=True),
            Field("IsActive", FieldType.BOOLEAN, "Active"),
            Field("ProductCode", label="Product Code", writes=_NEVER),
        ],
        multi_currency=multi_currency,
        announced=False,
    )


def _user(multi_currency: bool) -> SObject:
    return _object(
        "User",
        "User",
        "People",
        "005",
        [
            Field("Username", label="Username", required=True, length=80),
            Field("LastName", label="Last Name", required=True, length=80),
            Field("FirstName", label="First Name", length=40),
            Field("Name", label="Full Name", writes=_NEVER, length=121),
            Field("Email", FieldType.EMAIL, "Email", required=True, length=128),
            Field("IsActive", FieldType.BOOLEAN, "Active"),
        ],
        multi_currency=multi_currency,
        announced=False,
    )


def _stage() -> SObject:
    return _object(
        "OpportunityStage",
        "Opportunity Stage",
        "Opportunity Stage",
        "01J",
        [
            Field("MasterLabel", label="Master Label"),
            Field("ApiName", label="API Name"),
            Field("IsActive", FieldType.BOOLEAN, "Active"),
            Field("SortOrder", FieldType.INT, "Sort Order", precision=9),
            Field("IsClosed", FieldType.BOOLEAN, "Closed"),
            Field("IsWon", FieldType.BOOLEAN, "Won"),
            Field("DefaultProbability", FieldType.PERCENT, "Default Probability (%)", precision=3),
        ],
        writable=False,
        announced=False,
    )


def _organization() -> SObject:
    return _object(
        "Organization",
        "Organization",
        "Organizations",
        "00D",
        [
            Field("Name", label="Name", length=80),
            Field("OrganizationType", label="Edition", length=40),
            Field("InstanceName", label="Instance Name", length=5),
            Field("IsSandbox", FieldType.BOOLEAN, "Is Sandbox"),
        ],
        writable=False,
        announced=False,
    )
