-- What nobody but a person can bring to a target.

-- Why a payment cannot be sent to a target whatever happens there, in words that follow "what was paid": null
-- if it can, now or once what it pays is there.
CREATE FUNCTION posting.by_hand_because(named_target text, named_settlement bigint) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT coalesce(
        (
            SELECT
                'it takes back ' || reversed.document_reference || ', which a person has entered there or '
                || 'settled otherwise'
            FROM payments.settlements AS settlement
            INNER JOIN posting.intents AS reversed
                ON
                    reversed.settlement_id = settlement.reverses_id AND reversed.target = named_target
                    AND reversed.state = 'settled'
            WHERE settlement.id = named_settlement
        ),
        (
            SELECT
                'it pays ' || string_agg(booked.remote_id, ', ' ORDER BY booked.id)
                || ', of which nothing is known there'
            FROM payments.allocations AS allocation
            INNER JOIN posting.ledger_intents AS booked ON booked.document_id = allocation.document_id
            LEFT JOIN posting.intents AS there
                ON
                    there.target = named_target AND there.subject = 'document'
                    AND there.document_id = allocation.document_id
            WHERE
                allocation.settlement_id = named_settlement
                AND (there.id IS NULL OR (there.state = 'settled' AND there.remote_id IS NULL))
        )
    ) || '; enter it there by hand, then say so with `targets settled`';
$$;

-- What waited until somebody knows who these customers are at the target is due again; answers how much.
CREATE FUNCTION posting.go_on_for(named_target text, customers bigint[]) RETURNS bigint
LANGUAGE sql AS $$
    WITH freed AS (
        UPDATE posting.intents AS intent
        SET state = 'pending', retry_at = NULL, last_error = NULL, updated_at = clock_timestamp()
        WHERE
            intent.target = named_target AND intent.state = 'waiting'
            AND (
                intent.document_id IN (
                    SELECT document.id FROM billing.documents AS document
                    WHERE document.customer_id = ANY(customers)
                )
                OR intent.settlement_id IN (
                    SELECT settlement.id FROM payments.settlements AS settlement
                    WHERE settlement.customer_id = ANY(customers)
                )
            )
            AND CASE intent.subject
                WHEN 'payment' THEN posting.by_hand_because(intent.target, intent.settlement_id)
                WHEN 'application' THEN posting.apply_by_hand_because(intent.target, intent.document_id)
            END IS NULL
        RETURNING intent.id
    ),

    told AS (
        SELECT pg_notify('posting', '') FROM freed LIMIT 1
    )

    SELECT count(*) FROM freed LEFT JOIN told ON TRUE;
$$;

-- Makes the intents of accounting systems for settlements, in the transaction that books them. Safe to
-- repeat; answers how many are new. `settled` are ids of settlements; null stands for all: for a target that
-- was added later.
--
-- `targets` is a JSON array of {target, entity, since}. A payment goes where the documents it pays go; where
-- only some of them do, issued on or after `since`, it waits there for a person. A customer's credit without
-- any goes where documents of its day would. Fees alone, payouts and exchanges are no payments of a customer,
-- and an undone settlement is undone at the target by its opposite.
CREATE FUNCTION payments.enlist(targets jsonb, settled bigint[]) RETURNS bigint
LANGUAGE sql AS $$
    WITH chosen AS (
        SELECT * FROM jsonb_to_recordset(targets) AS given (target text, entity text, since date)
    ),

    enlisted AS (
        INSERT INTO posting.intents (
            intent_key, target, entity, subject, settlement_id, document_reference, body_hash, due_on, state,
            last_error
        )
        SELECT
            encode(sha256(convert_to(
                chosen.target || E'\npayment\n' || settlement.reference || E'\n' || body.hash, 'UTF8'
            )), 'hex'),
            chosen.target, settlement.entity, 'payment', settlement.id, settlement.reference, body.hash,
            settlement.settled_on,
            CASE WHEN by_hand.because IS NULL THEN 'pending' ELSE 'waiting' END,
            by_hand.because
        FROM payments.settlements AS settlement
        INNER JOIN chosen ON chosen.entity = settlement.entity
        CROSS JOIN LATERAL (
            SELECT encode(sha256(convert_to(jsonb_build_array(
                settlement.entity, settlement.customer_id, settlement.currency, settlement.amount_minor,
                settlement.fee_minor, settlement.unapplied_minor, settlement.settled_on,
                (
                    SELECT jsonb_agg(
                        jsonb_build_array(allocation.document_id, allocation.amount_minor)
                        ORDER BY allocation.document_id
                    )
                    FROM payments.allocations AS allocation
                    WHERE allocation.settlement_id = settlement.id
                )
            )::text, 'UTF8')), 'hex') AS hash
        ) AS body
        -- What was issued on a day that counts is there, or its own intent is still to be made.
        CROSS JOIN LATERAL (
            SELECT
                count(*) AS documents,
                count(intent.id) AS going,
                count(*) FILTER (
                    WHERE intent.id IS NULL AND document.issue_date >= chosen.since
                ) AS not_yet
            FROM payments.allocations AS allocation
            INNER JOIN billing.documents AS document ON document.id = allocation.document_id
            LEFT JOIN posting.intents AS intent
                ON intent.document_id = allocation.document_id AND intent.target = chosen.target
                AND intent.subject = 'document'
            WHERE allocation.settlement_id = settlement.id
        ) AS paid
        CROSS JOIN LATERAL (
            VALUES (posting.by_hand_because(chosen.target, settlement.id))
        ) AS by_hand (because)
        WHERE (settled IS NULL OR settlement.id = ANY(settled))
            AND settlement.customer_id IS NOT NULL AND settlement.amount_minor <> 0
            AND settlement.payout_id IS NULL
            AND paid.not_yet = 0
            AND NOT EXISTS (
                SELECT FROM posting.intents AS there
                WHERE there.target = chosen.target AND there.settlement_id = settlement.id
            )
            AND (paid.going > 0 OR (paid.documents = 0 AND settlement.settled_on >= chosen.since))
        ORDER BY settlement.id, chosen.target
        ON CONFLICT (target, settlement_id) DO NOTHING
        RETURNING id
    ),

    told AS (
        SELECT pg_notify('posting', '') FROM enlisted LIMIT 1
    )

    SELECT count(*) FROM enlisted LEFT JOIN told ON TRUE;
$$;

-- Whether what is set against a document at a target may just be changing by what we do.
CREATE FUNCTION posting.moves(state text, updated_at timestamptz) RETURNS boolean
LANGUAGE sql VOLATILE AS $$
    SELECT
        state IN ('claimed', 'uncertain', 'frozen')
        OR (state = 'posted' AND updated_at > clock_timestamp() - interval '5 minutes');
$$;
