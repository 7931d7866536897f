-- Invoices and credit notes as issued.
SELECT
    documents.entity,
    documents.number,
    documents.kind,
    documents.intent_id,
    documents.document_reference,
    documents.customer_id,
    documents.currency,
    documents.total_minor,
    documents.issue_date,
    documents.due_date,
    entries.accounting_date,
    entries.posted_at
FROM {{ source('ledger', 'documents') }} AS documents
INNER JOIN {{ source('ledger', 'journal_entries') }} AS entries ON documents.entry_id = entries.id
