SELECT
    lines.entity,
    lines.account,
    entries.currency,
    lines.debit_minor,
    lines.credit_minor
FROM {{ source('ledger', 'journal_lines') }} AS lines
INNER JOIN {{ source('ledger', 'journal_entries') }} AS entries ON lines.entry_id = entries.id
