-- What was billed and what is still to be billed, by deal, entity and currency.
-- A deal whose currency was changed after its first invoice has a row for either.
SELECT
    deal_key,
    entity,
    currency,
    {{ in_minor_units('total_minor', "status = 'posted' AND kind = 'invoice'") }} AS invoiced_minor,
    {{ in_minor_units('total_minor', "status = 'posted' AND kind = 'credit_note'") }} AS credited_minor,
    {{ in_minor_units('signed_minor', "status = 'scheduled_later'") }} AS scheduled_later_minor,
    {{ in_minor_units('signed_minor', "status = 'quarantined'") }} AS quarantined_minor,
    {{ in_minor_units('signed_minor', "status = 'waiting'") }} AS waiting_minor,
    count(*) FILTER (WHERE status = 'posted' AND kind = 'invoice') AS invoices,
    count(*) FILTER (WHERE status = 'posted' AND kind = 'credit_note') AS credit_notes,
    min(issue_date) FILTER (WHERE status <> 'posted' AND kind = 'invoice') AS next_issue_date
FROM {{ ref('cut_documents') }}
GROUP BY deal_key, entity, currency
