"""The custom properties the demo data use, as definitions HubSpot accepts.

Standard properties (`dealname`, `hs_sku`) need none. `demo_key` is the loader's own and lives in `load`.
"""

from __future__ import annotations

from integration_pipeline.sandbox.datasets.model import PropertyDefinition

BILLING_TIMINGS = ("In advance", "In arrears")
PAYMENT_TERMS = ("Due on receipt", "Net 15", "Net 30", "Net 45", "Net 60", "EOM+15")
BILLING_ENTITIES = ("us", "eu", "jp")
RENEWALS = ("Fixed term", "Renews automatically", "Evergreen")
TAX_TREATMENTS = ("Exclusive", "Inclusive", "Exempt", "Reverse charge")
TIER_MODELS = ("Graduated", "Volume", "Stairstep", "Package")
INVOICE_STATUSES = ("Not invoiced", "Open", "Partly paid", "Paid", "Overdue", "Credited")
AGGREGATIONS = ("Sum", "Count", "Maximum", "Latest", "Unique", "Average")

# What deals are told about their invoices.
BILLING_PROPERTIES = (
    PropertyDefinition("deals", "invoice_status", "Invoice status", "enumeration", INVOICE_STATUSES),
    PropertyDefinition("deals", "invoice_numbers", "Invoice numbers"),
    PropertyDefinition("deals", "latest_invoice", "Latest invoice"),
    PropertyDefinition("deals", "amount_invoiced", "Amount invoiced", "number"),
    PropertyDefinition("deals", "amount_due", "Amount due", "number"),
    PropertyDefinition("deals", "invoice_currency", "Invoice currency"),
    PropertyDefinition("deals", "invoice_due_date", "Invoice due date", "date"),
    PropertyDefinition("deals", "invoices_paid_on", "Invoices paid on", "date"),
    PropertyDefinition("deals", "billing_problem", "Billing problem"),
)

GENERATED_PROPERTIES = (
    PropertyDefinition("deals", "contract_start_date", "Contract start date", "date"),
    PropertyDefinition("deals", "contract_term_months", "Contract term (months)", "number"),
    PropertyDefinition("deals", "billing_timing", "Billing timing", "enumeration", BILLING_TIMINGS),
    PropertyDefinition("deals", "payment_terms", "Payment terms", "enumeration", PAYMENT_TERMS),
    PropertyDefinition("deals", "po_number", "PO number"),
    PropertyDefinition("deals", "billing_entity", "Billing entity", "enumeration", BILLING_ENTITIES),
    PropertyDefinition("deals", "billing_anchor", "Billing periods begin"),
    PropertyDefinition("deals", "contract_renewal", "At the end of the term", "enumeration", RENEWALS),
    PropertyDefinition("deals", "renewal_term_months", "Renewal term (months)", "number"),
    PropertyDefinition("deals", "renewal_uplift_percent", "Uplift at renewal (%)", "number"),
    PropertyDefinition("deals", "ramp_schedule", "Ramp"),
    PropertyDefinition("deals", "ramp_months", "Ramp: months", "number"),
    PropertyDefinition("deals", "ramp_discount_percent", "Ramp: discount (%)", "number"),
    PropertyDefinition("deals", "promo_percent", "Promotion (%)", "number"),
    PropertyDefinition("deals", "promo_days", "Promotion: days", "number"),
    PropertyDefinition("deals", "tax_treatment", "Tax treatment", "enumeration", TAX_TREATMENTS),
    PropertyDefinition("deals", "tax_rates", "Tax rates"),
    PropertyDefinition("deals", "tax_exemption_reason", "Reason of exemption"),
    PropertyDefinition("deals", "amendment_effective_date", "Amendment effective", "date"),
    PropertyDefinition("line_items", "ramp_schedule", "Ramp"),
    PropertyDefinition("line_items", "promo_percent", "Promotion (%)", "number"),
    PropertyDefinition("line_items", "promo_days", "Promotion: days", "number"),
    PropertyDefinition("line_items", "price_tiers", "Price tiers"),
    PropertyDefinition("line_items", "tier_model", "Tier model", "enumeration", TIER_MODELS),
    PropertyDefinition("line_items", "minimum_commitment", "Minimum commitment", "number"),
    PropertyDefinition("line_items", "usage_metric", "Usage metric"),
    PropertyDefinition(
        "line_items", "usage_aggregation", "Usage is added up as", "enumeration", AGGREGATIONS
    ),
    PropertyDefinition("line_items", "usage_property", "Usage property"),
    # Text from an import that fits no number, date or currency property.
    PropertyDefinition("deals", "contract_value_text", "Contract value (text)"),
    PropertyDefinition("deals", "contract_start_text", "Contract start (text)"),
    PropertyDefinition("deals", "contract_currency_text", "Contract currency (text)"),
    PropertyDefinition("companies", "tax_id", "Tax id"),
    PropertyDefinition("companies", "billing_email", "Billing e-mail"),
    *BILLING_PROPERTIES,
)

PUBLIC_PROPERTIES = (
    PropertyDefinition("deals", "opportunity_id", "Opportunity id"),
    PropertyDefinition("deals", "legacy_close_date", "Close date (legacy)"),
    PropertyDefinition("deals", "legacy_engage_date", "Engage date (legacy)"),
    PropertyDefinition("deals", "legacy_product", "Product (legacy)"),
    PropertyDefinition("deals", "sales_agent", "Sales agent"),
    PropertyDefinition("companies", "legacy_sector", "Sector (legacy)"),
    PropertyDefinition("companies", "legacy_year_established", "Year established (legacy)"),
    PropertyDefinition("companies", "legacy_revenue", "Revenue (legacy)"),
    PropertyDefinition("companies", "legacy_employees", "Employees (legacy)"),
    PropertyDefinition("companies", "legacy_office_location", "Office location (legacy)"),
    PropertyDefinition("companies", "legacy_subsidiary_of", "Subsidiary of (legacy)"),
    PropertyDefinition("products", "series", "Series"),
    *BILLING_PROPERTIES,
)
