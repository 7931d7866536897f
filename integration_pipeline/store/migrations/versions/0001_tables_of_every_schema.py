"""Tables of every schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None


def upgrade() -> None:
    for schema in ("raw", "crm", "billing", "posting", "ledger"):
        op.execute(sa.schema.CreateSchema(schema, if_not_exists=True))
    op.create_table(
        "mappings",
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("document", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "loaded_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_mappings")),
        schema="billing",
    )
    op.create_table(
        "rule_sets",
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("document", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "loaded_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_rule_sets")),
        schema="billing",
    )
    op.create_table(
        "customers",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=True),
        sa.Column("tax_id", sa.Text(), nullable=True),
        sa.Column("billing_email", sa.Text(), nullable=True),
        sa.Column("country", sa.Text(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customers")),
        schema="crm",
    )
    op.create_index("ix_customers_domain", "customers", ["domain"], unique=False, schema="crm")
    op.create_index("ix_customers_tax_id", "customers", ["tax_id"], unique=False, schema="crm")
    op.create_table(
        "entities",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("invoice_prefix", sa.Text(), nullable=False),
        sa.Column("credit_note_prefix", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_entities")),
        schema="ledger",
    )
    op.create_table(
        "audit_log",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column(
            "at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("details", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
        schema="ops",
    )
    op.create_table(
        "cursors",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("object_type", sa.Text(), nullable=False),
        sa.Column("watermark", sa.DateTime(timezone=True), nullable=False),
        sa.Column("properties", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("source", "object_type", name=op.f("pk_cursors")),
        schema="ops",
    )
    op.create_table(
        "gate_records",
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("suite", sa.Text(), nullable=False),
        sa.Column("suite_version", sa.Text(), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("waived_by", sa.Text(), nullable=True),
        sa.Column("waived_reason", sa.Text(), nullable=True),
        sa.Column(
            "evaluated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "subject_kind IN ('raw_record', 'deal', 'document')", name=op.f("ck_gate_records_subject_kind")
        ),
        sa.PrimaryKeyConstraint("subject_kind", "subject_id", name=op.f("pk_gate_records")),
        schema="posting",
    )
    op.create_table(
        "quarantine",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("object_type", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("record_name", sa.Text(), nullable=False),
        sa.Column("close_month", sa.Date(), nullable=True),
        sa.Column("suite", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("next_step", sa.Text(), nullable=False),
        sa.Column("waivable", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by", sa.Text(), nullable=True),
        sa.Column("closed_reason", sa.Text(), nullable=True),
        sa.CheckConstraint("state IN ('open', 'released', 'resolved')", name=op.f("ck_quarantine_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantine")),
        sa.UniqueConstraint(
            "subject_kind",
            "subject_id",
            "rule",
            "field",
            name=op.f("uq_quarantine_subject_kind_subject_id_rule_field"),
        ),
        schema="posting",
    )
    op.create_index(
        "ix_quarantine_open",
        "quarantine",
        ["external_id"],
        unique=False,
        schema="posting",
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "records",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("object_type", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("modified_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "received_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("archived", sa.Boolean(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("properties", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("associations", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("follows_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_records")),
        sa.UniqueConstraint(
            "source",
            "object_type",
            "external_id",
            "modified_at",
            "content_hash",
            "follows_id",
            name="uq_records_version",
        ),
        schema="raw",
    )
    op.create_table(
        "customer_candidates",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column(
            "decided_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "decision IN ('merged', 'separate', 'pending')", name=op.f("ck_customer_candidates_decision")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["crm.customers.id"], name=op.f("fk_customer_candidates_customer_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer_candidates")),
        sa.UniqueConstraint(
            "source",
            "external_id",
            "customer_id",
            "rule",
            name=op.f("uq_customer_candidates_source_external_id_customer_id_rule"),
        ),
        schema="crm",
    )
    op.create_table(
        "customer_links",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("object_type", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("record_id", sa.BigInteger(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "accounting_ids",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("read_as", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "object_type IN ('company', 'contact')", name=op.f("ck_customer_links_object_type")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["crm.customers.id"], name=op.f("fk_customer_links_customer_id")
        ),
        sa.PrimaryKeyConstraint("source", "object_type", "external_id", name=op.f("pk_customer_links")),
        schema="crm",
    )
    op.create_index(
        "ix_customer_links_customer_id", "customer_links", ["customer_id"], unique=False, schema="crm"
    )
    op.create_table(
        "deals",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("deal_key", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("raw_record_id", sa.BigInteger(), nullable=False),
        sa.Column("mapping_version", sa.Text(), nullable=False),
        sa.Column("close_month", sa.Date(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("company_name", sa.Text(), nullable=True),
        sa.Column("customer_id", sa.BigInteger(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=True),
        sa.Column("close_date", sa.Date(), nullable=True),
        sa.Column("charge_count", sa.Integer(), nullable=False),
        sa.Column("terms", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("amendment_effective", sa.Date(), nullable=True),
        sa.Column("recorded_on", sa.Date(), nullable=False),
        sa.Column("problems", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "close_month = date_trunc('month', close_month)", name=op.f("ck_deals_close_month")
        ),
        sa.CheckConstraint("state IN ('won', 'lost', 'open', 'archived')", name=op.f("ck_deals_state")),
        sa.ForeignKeyConstraint(["customer_id"], ["crm.customers.id"], name=op.f("fk_deals_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deals")),
        sa.UniqueConstraint("deal_key", "version", name=op.f("uq_deals_deal_key_version")),
        schema="crm",
    )
    op.create_index(
        "ix_deals_customer_id_close_date", "deals", ["customer_id", "close_date"], unique=False, schema="crm"
    )
    op.create_index(
        "ix_deals_amended",
        "deals",
        ["deal_key"],
        unique=False,
        schema="crm",
        postgresql_where=sa.text("amendment_effective IS NOT NULL"),
    )
    op.create_table(
        "accounts",
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('asset', 'liability', 'equity', 'income', 'expense')", name=op.f("ck_accounts_kind")
        ),
        sa.ForeignKeyConstraint(["entity"], ["ledger.entities.code"], name=op.f("fk_accounts_entity")),
        sa.PrimaryKeyConstraint("entity", "code", name=op.f("pk_accounts")),
        sa.UniqueConstraint("entity", "role", name=op.f("uq_accounts_entity_role")),
        schema="ledger",
    )
    op.create_table(
        "chain_heads",
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["entity"], ["ledger.entities.code"], name=op.f("fk_chain_heads_entity")),
        sa.PrimaryKeyConstraint("entity", name=op.f("pk_chain_heads")),
        schema="ledger",
    )
    op.create_table(
        "number_series",
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("series", sa.Text(), nullable=False),
        sa.Column("last_number", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["entity"], ["ledger.entities.code"], name=op.f("fk_number_series_entity")),
        sa.PrimaryKeyConstraint("entity", "series", name=op.f("pk_number_series")),
        schema="ledger",
    )
    op.create_table(
        "heads",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("object_type", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("record_id", sa.BigInteger(), nullable=False),
        sa.Column("modified_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["record_id"], ["raw.records.id"], name=op.f("fk_heads_record_id")),
        sa.PrimaryKeyConstraint("source", "object_type", "external_id", name=op.f("pk_heads")),
        schema="raw",
    )
    op.create_index("ix_heads_record_id", "heads", ["record_id"], unique=False, schema="raw")
    op.create_table(
        "schedules",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("deal_key", sa.Text(), nullable=False),
        sa.Column("deal_id", sa.BigInteger(), nullable=False),
        sa.Column("rule_set_version", sa.Text(), nullable=False),
        sa.Column("terms_hash", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("total_minor", sa.Numeric(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["deal_id"], ["crm.deals.id"], name=op.f("fk_schedules_deal_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schedules")),
        sa.UniqueConstraint(
            "deal_id", "rule_set_version", name=op.f("uq_schedules_deal_id_rule_set_version")
        ),
        schema="billing",
    )
    op.create_table(
        "deal_heads",
        sa.Column("deal_key", sa.Text(), nullable=False),
        sa.Column("deal_id", sa.BigInteger(), nullable=False),
        sa.Column("close_month", sa.Date(), nullable=False),
        sa.Column("inputs_hash", sa.Text(), nullable=False),
        sa.Column("mapping_version", sa.Text(), nullable=False),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["deal_id"], ["crm.deals.id"], name=op.f("fk_deal_heads_deal_id")),
        sa.PrimaryKeyConstraint("deal_key", name=op.f("pk_deal_heads")),
        sa.UniqueConstraint("deal_id", name=op.f("uq_deal_heads_deal_id")),
        schema="crm",
    )
    op.create_index("ix_deal_heads_close_month", "deal_heads", ["close_month"], unique=False, schema="crm")
    op.create_table(
        "documents",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("document_key", sa.Text(), nullable=False),
        sa.Column("deal_key", sa.Text(), nullable=False),
        sa.Column("schedule_id", sa.BigInteger(), nullable=False),
        sa.Column("close_month", sa.Date(), nullable=False),
        sa.Column("slot", sa.Date(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reverses_id", sa.BigInteger(), nullable=True),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("issue_date", sa.Date(), nullable=False),
        sa.Column("due_date", sa.Date(), nullable=False),
        sa.Column("purchase_order", sa.Text(), nullable=True),
        sa.Column("net_minor", sa.BigInteger(), nullable=False),
        sa.Column("tax_minor", sa.BigInteger(), nullable=False),
        sa.Column("total_minor", sa.BigInteger(), nullable=False),
        sa.Column("body_hash", sa.Text(), nullable=False),
        sa.Column("held_for", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('invoice', 'credit_note')", name=op.f("ck_documents_kind")),
        sa.CheckConstraint("state IN ('planned', 'superseded')", name=op.f("ck_documents_state")),
        sa.CheckConstraint("total_minor = net_minor + tax_minor", name=op.f("ck_documents_total")),
        sa.ForeignKeyConstraint(["customer_id"], ["crm.customers.id"], name=op.f("fk_documents_customer_id")),
        sa.ForeignKeyConstraint(
            ["reverses_id"], ["billing.documents.id"], name=op.f("fk_documents_reverses_id")
        ),
        sa.ForeignKeyConstraint(
            ["schedule_id"], ["billing.schedules.id"], name=op.f("fk_documents_schedule_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_documents")),
        sa.UniqueConstraint(
            "deal_key",
            "slot",
            "kind",
            "revision",
            "reverses_id",
            name=op.f("uq_documents_deal_key_slot_kind_revision_reverses_id"),
            postgresql_nulls_not_distinct=True,
        ),
        sa.UniqueConstraint("document_key", name=op.f("uq_documents_document_key")),
        sa.UniqueConstraint("reverses_id", name=op.f("uq_documents_reverses_id")),
        schema="billing",
    )
    op.create_index("ix_documents_close_month", "documents", ["close_month"], unique=False, schema="billing")
    op.create_index("ix_documents_customer_id", "documents", ["customer_id"], unique=False, schema="billing")
    op.create_table(
        "schedule_heads",
        sa.Column("deal_key", sa.Text(), nullable=False),
        sa.Column("deal_id", sa.BigInteger(), nullable=False),
        sa.Column("schedule_id", sa.BigInteger(), nullable=False),
        sa.Column("rule_set_version", sa.Text(), nullable=False),
        sa.Column("planned_until", sa.Date(), nullable=True),
        sa.Column("usage_events", sa.Integer(), nullable=True),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["schedule_id"], ["billing.schedules.id"], name=op.f("fk_schedule_heads_schedule_id")
        ),
        sa.PrimaryKeyConstraint("deal_key", name=op.f("pk_schedule_heads")),
        schema="billing",
    )
    op.create_table(
        "lines",
        sa.Column("document_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("charge_id", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("service_start", sa.Date(), nullable=True),
        sa.Column("service_end", sa.Date(), nullable=True),
        sa.Column("quantity", sa.Numeric(), nullable=False),
        sa.Column("unit_price", sa.Numeric(), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("tax_minor", sa.BigInteger(), nullable=False),
        sa.Column("revenue", sa.Text(), nullable=False),
        sa.Column("explanation", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.CheckConstraint("revenue IN ('on_invoice', 'deferred')", name=op.f("ck_lines_revenue")),
        sa.CheckConstraint(
            "(service_start IS NULL) = (service_end IS NULL)", name=op.f("ck_lines_service_period")
        ),
        sa.CheckConstraint(
            "kind IN ('charge', 'credit', 'true_up', 'adjustment', 'discount')", name=op.f("ck_lines_kind")
        ),
        sa.ForeignKeyConstraint(["document_id"], ["billing.documents.id"], name=op.f("fk_lines_document_id")),
        sa.PrimaryKeyConstraint("document_id", "position", name=op.f("pk_lines")),
        schema="billing",
    )
    op.create_table(
        "document_taxes",
        sa.Column("document_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("percent", sa.Numeric(), nullable=False),
        sa.Column("base_minor", sa.BigInteger(), nullable=False),
        sa.Column("tax_minor", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id"], ["billing.documents.id"], name=op.f("fk_document_taxes_document_id")
        ),
        sa.PrimaryKeyConstraint("document_id", "position", name=op.f("pk_document_taxes")),
        schema="billing",
    )
    op.create_table(
        "usage_events",
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("contract_id", sa.Text(), nullable=False),
        sa.Column("customer", sa.Text(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("quantity", sa.Numeric(), nullable=False),
        sa.Column("properties", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "recorded_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_usage_events")),
        schema="billing",
    )
    op.create_index(
        "ix_usage_events_contract_id", "usage_events", ["contract_id"], unique=False, schema="billing"
    )
    op.create_table(
        "intents",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("intent_key", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("document_id", sa.BigInteger(), nullable=False),
        sa.Column("document_reference", sa.Text(), nullable=False),
        sa.Column("body_hash", sa.Text(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("fencing_token", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("remote_id", sa.Text(), nullable=True),
        sa.Column("response_hash", sa.Text(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "state IN ('pending', 'claimed', 'posted', 'rejected', 'uncertain', 'cancelled')",
            name=op.f("ck_intents_state"),
        ),
        sa.ForeignKeyConstraint(
            ["document_id"], ["billing.documents.id"], name=op.f("fk_intents_document_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_intents")),
        sa.UniqueConstraint("intent_key", name=op.f("uq_intents_intent_key")),
        sa.UniqueConstraint("target", "document_id", name=op.f("uq_intents_target_document_id")),
        sa.UniqueConstraint(
            "target", "document_reference", name=op.f("uq_intents_target_document_reference")
        ),
        schema="posting",
    )
    op.create_index(
        "ix_intents_open",
        "intents",
        ["target", "due_on"],
        unique=False,
        schema="posting",
        postgresql_where=sa.text("state IN ('pending', 'claimed', 'uncertain')"),
    )
    op.create_table(
        "journal_entries",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("intent_id", sa.BigInteger(), nullable=True),
        sa.Column("accounting_date", sa.Date(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("document_number", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("posted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("previous_hash", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('document', 'release')", name=op.f("ck_journal_entries_kind")),
        sa.CheckConstraint(
            "(kind = 'document') = (intent_id IS NOT NULL)", name=op.f("ck_journal_entries_intent")
        ),
        sa.ForeignKeyConstraint(["entity"], ["ledger.entities.code"], name=op.f("fk_journal_entries_entity")),
        sa.ForeignKeyConstraint(
            ["intent_id"], ["posting.intents.id"], name=op.f("fk_journal_entries_intent_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journal_entries")),
        sa.UniqueConstraint("entity", "sequence", name=op.f("uq_journal_entries_entity_sequence")),
        sa.UniqueConstraint("intent_id", name=op.f("uq_journal_entries_intent_id")),
        schema="ledger",
    )
    op.create_index(
        "uq_journal_entries_release",
        "journal_entries",
        ["entity", "document_number"],
        unique=True,
        schema="ledger",
        postgresql_where=sa.text("kind = 'release'"),
    )
    op.create_table(
        "attempts",
        sa.Column("intent_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("fencing_token", sa.BigInteger(), nullable=False),
        sa.Column(
            "started_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "outcome IN ('posted', 'rejected', 'uncertain', 'lost')", name=op.f("ck_attempts_outcome")
        ),
        sa.ForeignKeyConstraint(["intent_id"], ["posting.intents.id"], name=op.f("fk_attempts_intent_id")),
        sa.PrimaryKeyConstraint("intent_id", "number", name=op.f("pk_attempts")),
        schema="posting",
    )
    op.create_index(
        "ix_attempts_open",
        "attempts",
        ["intent_id"],
        unique=False,
        schema="posting",
        postgresql_where=sa.text("outcome IS NULL"),
    )
    op.create_table(
        "documents",
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("series", sa.Text(), nullable=False),
        sa.Column("series_number", sa.BigInteger(), nullable=False),
        sa.Column("intent_id", sa.BigInteger(), nullable=False),
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.Column("document_reference", sa.Text(), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("total_minor", sa.BigInteger(), nullable=False),
        sa.Column("issue_date", sa.Date(), nullable=False),
        sa.Column("due_date", sa.Date(), nullable=False),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.CheckConstraint("total_minor > 0", name=op.f("ck_documents_total")),
        sa.ForeignKeyConstraint(["entity"], ["ledger.entities.code"], name=op.f("fk_documents_entity")),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["ledger.journal_entries.id"], name=op.f("fk_documents_entry_id")
        ),
        sa.ForeignKeyConstraint(["intent_id"], ["posting.intents.id"], name=op.f("fk_documents_intent_id")),
        sa.PrimaryKeyConstraint("entity", "number", name=op.f("pk_documents")),
        sa.UniqueConstraint("document_reference", name=op.f("uq_documents_document_reference")),
        sa.UniqueConstraint(
            "entity", "series", "series_number", name=op.f("uq_documents_entity_series_series_number")
        ),
        sa.UniqueConstraint("entry_id", name=op.f("uq_documents_entry_id")),
        sa.UniqueConstraint("intent_id", name=op.f("uq_documents_intent_id")),
        schema="ledger",
    )
    op.create_table(
        "journal_lines",
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("debit_minor", sa.BigInteger(), nullable=False),
        sa.Column("credit_minor", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "debit_minor >= 0 AND credit_minor >= 0 AND (debit_minor > 0) <> (credit_minor > 0)",
            name=op.f("ck_journal_lines_one_side"),
        ),
        sa.ForeignKeyConstraint(
            ["entity", "account"],
            ["ledger.accounts.entity", "ledger.accounts.code"],
            name=op.f("fk_journal_lines_entity_account"),
        ),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["ledger.journal_entries.id"], name=op.f("fk_journal_lines_entry_id")
        ),
        sa.PrimaryKeyConstraint("entry_id", "position", name=op.f("pk_journal_lines")),
        schema="ledger",
    )
    op.create_index(
        "ix_journal_lines_entity_account",
        "journal_lines",
        ["entity", "account"],
        unique=False,
        schema="ledger",
    )
    op.create_table(
        "revenue_releases",
        sa.Column("document_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.Column("explanation", sa.Text(), nullable=False),
        sa.CheckConstraint("amount_minor <> 0", name=op.f("ck_revenue_releases_amount")),
        sa.CheckConstraint("extract(day FROM month) = 1", name=op.f("ck_revenue_releases_month")),
        sa.ForeignKeyConstraint(
            ["document_id", "position"],
            ["billing.lines.document_id", "billing.lines.position"],
            name=op.f("fk_revenue_releases_document_id_position"),
        ),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["ledger.journal_entries.id"], name=op.f("fk_revenue_releases_entry_id")
        ),
        sa.PrimaryKeyConstraint("document_id", "position", "month", name=op.f("pk_revenue_releases")),
        schema="ledger",
    )
    op.create_index(
        "ix_revenue_releases_entry_id", "revenue_releases", ["entry_id"], unique=False, schema="ledger"
    )


def downgrade() -> None:
    raise RuntimeError("books are not migrated backwards: restore a backup instead")
