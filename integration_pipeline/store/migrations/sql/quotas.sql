-- Slots of what vendors allow, given out to all processes that call them.
--
-- `limits` is a JSON array; each element:
--   account, label: with the vendor, the row that counts it
--   kind: 'window' (calls wait for it), 'quota' or 'utc day' (nobody waits for these), 'at once'
--   most: calls; span: seconds of the window, or of a lease; slack: by how much longer a slot is kept
--   observed: calls the vendor said are left, or null; unreported: calls made while this database was away
-- `moment` stands in for the present in tests; seconds since 1970.

-- A row changes with every call: room on its page spares the index an entry each time.
ALTER TABLE ops.quotas SET (fillfactor = 40);

-- Locks the rows of all these limits, made if need be, always in the same order.
CREATE FUNCTION ops.lock_quotas(of_vendor text, limits jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    locked integer := 0;
BEGIN
    FOR attempt IN 1..2 LOOP
        PERFORM FROM ops.quotas AS kept
        WHERE
            kept.vendor = of_vendor
            AND (kept.account, kept.label) IN (
                SELECT each.value ->> 'account', each.value ->> 'label'
                FROM jsonb_array_elements(limits) AS each
            )
        ORDER BY kept.account, kept.label
        FOR UPDATE;
        GET DIAGNOSTICS locked = ROW_COUNT;
        EXIT WHEN locked = jsonb_array_length(limits);

        INSERT INTO ops.quotas (vendor, account, label)
        SELECT of_vendor, each.value ->> 'account', each.value ->> 'label'
        FROM jsonb_array_elements(limits) AS each
        ORDER BY 2, 3
        ON CONFLICT DO NOTHING;
    END LOOP;
END
$$;

-- Gives out up to `wanted` slots, those free within `horizon` seconds.
--
-- `returned` are leases of calls that ended, `drawn` numbers for the leases of those that begin, one a slot.
-- Returns, in one row:
--   waits: for each slot given, the seconds until it may be used, ascending
--   again: seconds after which to ask for those not given
--   spent, free_in: the quota that is used up and the seconds until it is not; no slot is given then
--   remaining: for each limit, in its order, what is left of it before these slots
CREATE FUNCTION ops.take_slots(
    of_vendor text, wanted integer, limits jsonb, returned bigint[], drawn bigint[],
    horizon double precision, moment double precision DEFAULT NULL
)
RETURNS TABLE (
    waits double precision[], again double precision, spent text, free_in double precision,
    remaining integer[]
)
LANGUAGE plpgsql AS $$
DECLARE
    -- How much of a limit a window without a refusal gives back.
    regained CONSTANT double precision := 0.1;
    -- By so much the vendor's count of a quota may stay behind ours before it is believed.
    tolerance CONSTANT double precision := 0.02;
    -- When somebody may have ended a call, if all that are allowed at once are under way.
    next_look double precision := 0.02;
    present double precision;
    usable double precision[];
    possible integer := wanted;
    given integer := 0;
    changed boolean := cardinality(returned) > 0;
    rule record;
    quota ops.quotas;
    quotas ops.quotas[] := '{}';
    spans double precision[] := '{}';
    used integer;
    allowed integer;
    surplus integer;
    opens double precision;
    position integer;
    passed integer;
    count_of_slice integer;
BEGIN
    PERFORM ops.lock_quotas(of_vendor, limits);
    present := coalesce(moment, extract(epoch FROM clock_timestamp()));
    usable := array_fill(present, ARRAY[wanted]);
    remaining := '{}';

    FOR rule IN
        SELECT each.* FROM jsonb_to_recordset(limits) AS each (
            account text, label text, kind text, most integer, span double precision, slack double precision,
            observed integer, unreported integer
        )
    LOOP
        SELECT kept.* INTO quota FROM ops.quotas AS kept
        WHERE kept.vendor = of_vendor AND kept.account = rule.account AND kept.label = rule.label;

        IF quota.spent_until > present THEN
            spent := rule.label;
            free_in := greatest(free_in, quota.spent_until - present);
        END IF;

        IF rule.kind = 'at once' THEN
            SELECT
                coalesce(array_agg(held.lease ORDER BY held.since), '{}'),
                coalesce(array_agg(held.since ORDER BY held.since), '{}')
            INTO quota.leases, quota.moments
            FROM unnest(quota.leases, quota.moments) AS held (lease, since)
            WHERE held.lease <> ALL(returned) AND held.since + rule.span > present;
            used := cardinality(quota.leases);
            possible := least(possible, greatest(0, rule.most - used));
            -- Calls whose slot is still to come do not end before.
            next_look := greatest(next_look, quota.moments[1] - present);
            remaining := remaining || greatest(0, rule.most - used);
        ELSE
            opens := CASE
                WHEN rule.kind = 'utc day' THEN floor(present / 86400) * 86400
                ELSE present - rule.span - rule.slack
            END;
            position := 1;
            WHILE quota.moments[position] <= opens LOOP
                position := position + 1;
            END LOOP;
            IF position > 1 THEN
                quota.moments := quota.moments[position:];
                quota.calls := quota.calls[position:];
            END IF;
            used := 0;
            FOREACH count_of_slice IN ARRAY quota.calls LOOP
                used := used + count_of_slice;
            END LOOP;

            -- Calls nobody counted here, of other programs or while this database was away.
            surplus := coalesce(greatest(rule.unreported, rule.most - rule.observed - used), 0);
            IF surplus > 0 THEN
                quota.moments := quota.moments || greatest(present, quota.moments[cardinality(quota.moments)]);
                quota.calls := quota.calls || surplus;
                used := used + surplus;
                changed := TRUE;
            ELSIF rule.kind <> 'window' AND surplus < -tolerance * rule.most THEN
                -- The vendor began anew at another moment than we did, or its limit was raised.
                WHILE surplus < 0 AND cardinality(quota.calls) > 0 LOOP
                    count_of_slice := least(quota.calls[1], -surplus);
                    surplus := surplus + count_of_slice;
                    used := used - count_of_slice;
                    IF count_of_slice = quota.calls[1] THEN
                        quota.moments := quota.moments[2:];
                        quota.calls := quota.calls[2:];
                    ELSE
                        quota.calls[1] := quota.calls[1] - count_of_slice;
                    END IF;
                END LOOP;
                changed := TRUE;
            END IF;

            IF rule.kind = 'window' THEN
                allowed := greatest(1, floor(
                    rule.most * least(1, quota.share + regained * (present - quota.refused_at) / rule.span)
                ));
                position := 0;
                passed := 0;
                FOR place IN 1..wanted LOOP
                    surplus := used + place - allowed;
                    IF surplus > used THEN
                        possible := least(possible, place - 1);
                        EXIT;
                    END IF;
                    WHILE passed < surplus LOOP
                        position := position + 1;
                        passed := passed + quota.calls[position];
                    END LOOP;
                    usable[place] := greatest(
                        usable[place], quota.paused_until,
                        CASE WHEN surplus > 0 THEN quota.moments[position] + rule.span + rule.slack END
                    );
                END LOOP;
            ELSE
                allowed := rule.most;
                possible := least(possible, allowed - used);
                IF used >= allowed THEN
                    spent := rule.label;
                    free_in := greatest(free_in, CASE
                        WHEN rule.kind = 'utc day' THEN opens + 86400 - present
                        ELSE quota.moments[1] + rule.span + rule.slack - present
                    END);
                END IF;
            END IF;
            remaining := remaining || greatest(0, allowed - used);
        END IF;
        quotas := quotas || quota;
        spans := spans || rule.span;
    END LOOP;

    IF spent IS NOT NULL THEN
        possible := 0;
    END IF;
    WHILE given < possible AND usable[given + 1] <= present + horizon LOOP
        given := given + 1;
    END LOOP;
    again := CASE
        WHEN given < possible THEN greatest(0.001, usable[given + 1] - present - horizon)
        WHEN given < wanted THEN next_look
    END;

    IF given > 0 OR changed THEN
        FOR rank IN 1..cardinality(quotas) LOOP
            quota := quotas[rank];
            IF limits -> (rank - 1) ->> 'kind' = 'at once' THEN
                quota.leases := quota.leases || drawn[1:given];
                quota.moments := quota.moments || usable[1:given];
            ELSE
                FOR place IN 1..given LOOP
                    -- From the end: only a call of another bucket can have been given a later slot.
                    position := cardinality(quota.moments);
                    WHILE position > 0 AND quota.moments[position] > usable[place] LOOP
                        position := position - 1;
                    END LOOP;
                    IF floor(quota.moments[position] * 128 / spans[rank]) = floor(usable[place] * 128 / spans[rank])
                    THEN
                        quota.moments[position] := usable[place];
                        quota.calls[position] := quota.calls[position] + 1;
                    ELSE
                        quota.moments
                        := quota.moments[:position] || usable[place] || quota.moments[position + 1:];
                        quota.calls := quota.calls[:position] || 1 || quota.calls[position + 1:];
                    END IF;
                END LOOP;
            END IF;
            UPDATE ops.quotas AS kept
            SET moments = quota.moments, calls = quota.calls, leases = quota.leases
            WHERE
                kept.vendor = quota.vendor AND kept.account = quota.account AND kept.label = quota.label;
        END LOOP;
    END IF;

    waits := ARRAY(SELECT at - present FROM unnest(usable[1:given]) AS at ORDER BY at);
    RETURN NEXT;
END
$$;

-- Takes a refusal for the rate to heart: nobody goes on for `pause` seconds, and a second refusal within two
-- windows leaves less of the limit for a while. Calls refused together are one lesson.
CREATE FUNCTION ops.refuse_slots(
    of_vendor text, limits jsonb, pause double precision, moment double precision DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    present double precision;
BEGIN
    PERFORM ops.lock_quotas(of_vendor, limits);
    present := coalesce(moment, extract(epoch FROM clock_timestamp()));
    UPDATE ops.quotas AS kept
    SET
        share = CASE
            WHEN since.windows < 0.1 THEN kept.share
            WHEN since.windows < 2 THEN greatest(0.3, 0.8 * least(1, kept.share + 0.1 * since.windows))
            ELSE 1
        END,
        refused_at = CASE WHEN since.windows < 0.1 THEN kept.refused_at ELSE present END,
        paused_until = greatest(kept.paused_until, present + pause)
    FROM jsonb_to_recordset(limits) AS rule (account text, label text, kind text, span double precision)
    CROSS JOIN LATERAL (
        SELECT (present - known.refused_at) / rule.span AS windows FROM ops.quotas AS known
        WHERE known.vendor = of_vendor AND known.account = rule.account AND known.label = rule.label
    ) AS since
    WHERE
        kept.vendor = of_vendor AND kept.account = rule.account AND kept.label = rule.label
        AND rule.kind = 'window';
END
$$;

-- Remembers that the vendor called these quotas used up, for `free_in` seconds; where it did not tell, until
-- midnight UTC for a quota of civil days, else for an hour.
CREATE FUNCTION ops.spend_quotas(
    of_vendor text, limits jsonb, free_in double precision, moment double precision DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    present double precision;
BEGIN
    PERFORM ops.lock_quotas(of_vendor, limits);
    present := coalesce(moment, extract(epoch FROM clock_timestamp()));
    UPDATE ops.quotas AS kept
    SET
        spent_until = CASE
            WHEN free_in IS NOT NULL THEN present + free_in
            WHEN rule.kind = 'utc day' THEN (floor(present / 86400) + 1) * 86400
            ELSE present + 3600
        END
    FROM jsonb_to_recordset(limits) AS rule (account text, label text, kind text)
    WHERE kept.vendor = of_vendor AND kept.account = rule.account AND kept.label = rule.label;
END
$$;
