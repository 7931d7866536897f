-- Takes the records that events name, as far as nobody else works on them, until the transaction ends. An
-- event is free if all its records are. The locks are tried in a part of their own, which nothing can be
-- folded into: for the records of these events, and for no others.
CREATE FUNCTION inbox.hold_records(event_ids bigint[], record_lock integer)
RETURNS TABLE (
    event_id bigint, source text, object_type text, external_ids text[], attempts integer, is_free boolean
)
LANGUAGE sql VOLATILE AS $$
    WITH records AS MATERIALIZED (
        SELECT DISTINCT event.object_type || ':' || record.external_id AS name
        FROM inbox.events AS event
        CROSS JOIN unnest(event.external_ids) AS record (external_id)
        WHERE event.id = ANY(event_ids)
    ),
    tried AS MATERIALIZED (
        SELECT records.name, pg_try_advisory_xact_lock(record_lock, hashtext(records.name)) AS is_free
        FROM records
    )
    SELECT
        event.id, event.source, event.object_type, event.external_ids, event.attempts,
        NOT EXISTS (
            SELECT FROM unnest(event.external_ids) AS record (external_id)
            INNER JOIN tried ON tried.name = event.object_type || ':' || record.external_id
            WHERE NOT tried.is_free
        )
    FROM inbox.events AS event
    WHERE event.id = ANY(event_ids)
    ORDER BY event.id
$$;
