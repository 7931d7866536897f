-- What payments, and credits set off, took off each document.
SELECT
    document_id,
    {{ in_minor_units('amount_minor') }} AS paid_minor
FROM {{ source('payments', 'allocations') }}
GROUP BY document_id
