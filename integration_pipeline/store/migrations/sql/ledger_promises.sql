-- What the ledger promises, kept by the database itself:
-- an entry balances, is never changed, never removed, extends its entity's hash chain,
-- and stands once for its posting intent, or for the month it releases revenue of (unique keys).

CREATE FUNCTION ledger.refuse_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%.% is append only: % refused', tg_table_schema, tg_table_name, tg_op
        USING HINT = 'Correct a posted document with a credit note and a new invoice.',
              ERRCODE = 'integrity_constraint_violation';
END
$$;

CREATE TRIGGER journal_entries_append_only BEFORE UPDATE OR DELETE ON ledger.journal_entries
FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change();

CREATE TRIGGER journal_entries_no_truncate BEFORE TRUNCATE ON ledger.journal_entries
FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

CREATE TRIGGER journal_lines_append_only BEFORE UPDATE OR DELETE ON ledger.journal_lines
FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change();

CREATE TRIGGER journal_lines_no_truncate BEFORE TRUNCATE ON ledger.journal_lines
FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

CREATE TRIGGER documents_append_only BEFORE UPDATE OR DELETE ON ledger.documents
FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change();

CREATE TRIGGER documents_no_truncate BEFORE TRUNCATE ON ledger.documents
FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

CREATE TRIGGER revenue_releases_append_only BEFORE UPDATE OR DELETE ON ledger.revenue_releases
FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change();

CREATE TRIGGER revenue_releases_no_truncate BEFORE TRUNCATE ON ledger.revenue_releases
FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

-- What is booked is on disk before anybody hears of it: the commit of this transaction waits for it even in a
-- session whose commits do not. The log is written in one order, so that all this session committed before
-- is on disk by then, too. A stronger setting is left alone.
CREATE FUNCTION ledger.wait_for_disk() RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', TRUE);
    END IF;
END
$$;

-- The text an entry's hash covers. Every value is a JSON string, so that any language can rebuild it
-- without asking how PostgreSQL prints a number; an entry without an intent has an empty one. Lines are
-- ordered by position.
CREATE FUNCTION ledger.entry_text(
    entity text,
    sequence bigint,
    intent_id bigint,
    accounting_date date,
    currency text,
    document_number text,
    description text,
    posted_at timestamptz,
    lines jsonb
) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_build_array(
        'entry-1', entity, sequence::text, coalesce(intent_id::text, ''), to_char(accounting_date, 'YYYY-MM-DD'),
        currency, document_number, description,
        to_char(posted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), lines
    )::text
$$;

CREATE FUNCTION ledger.chain_hash(previous_hash text, entry_text text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT encode(sha256(convert_to(previous_hash || E'\n' || entry_text, 'UTF8')), 'hex')
$$;

CREATE FUNCTION ledger.check_chain_link() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    broken record;
BEGIN
    SELECT added.entity, added.sequence INTO broken
    FROM added
    LEFT JOIN ledger.journal_entries AS previous
        ON previous.entity = added.entity AND previous.sequence = added.sequence - 1
    WHERE added.previous_hash IS DISTINCT FROM
        CASE WHEN added.sequence = 1 THEN repeat('0', 64) ELSE previous.hash END
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'entry % of % does not follow the chain', broken.sequence, broken.entity
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER journal_entries_chain AFTER INSERT ON ledger.journal_entries
REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION ledger.check_chain_link();

-- Lines arrive in one statement with their entry already there; an entry whose lines do not balance,
-- or do not give the hash it carries (a line slipped in later), is refused.
CREATE FUNCTION ledger.check_lines() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    broken record;
BEGIN
    SELECT entry.entity, entry.sequence, whole.debit, whole.credit INTO broken
    FROM (SELECT DISTINCT added.entry_id FROM added) AS touched
    INNER JOIN ledger.journal_entries AS entry ON entry.id = touched.entry_id
    CROSS JOIN LATERAL (
        SELECT
            sum(line.debit_minor) AS debit,
            sum(line.credit_minor) AS credit,
            bool_and(line.entity = entry.entity) AS one_entity,
            jsonb_agg(
                jsonb_build_array(
                    line.position::text, line.account, line.debit_minor::text, line.credit_minor::text
                ) ORDER BY line.position
            ) AS lines
        FROM ledger.journal_lines AS line
        WHERE line.entry_id = entry.id
    ) AS whole
    WHERE whole.debit <> whole.credit
        OR NOT whole.one_entity
        OR entry.hash <> ledger.chain_hash(
            entry.previous_hash,
            ledger.entry_text(
                entry.entity, entry.sequence, entry.intent_id, entry.accounting_date, entry.currency,
                entry.document_number, entry.description, entry.posted_at, whole.lines
            )
        )
    LIMIT 1;
    IF FOUND THEN
        IF broken.debit <> broken.credit THEN
            RAISE EXCEPTION 'entry % of % does not balance: debit %, credit %',
                broken.sequence, broken.entity, broken.debit, broken.credit
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RAISE EXCEPTION 'the lines of entry % of % do not give its hash', broken.sequence, broken.entity
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER journal_lines_balance AFTER INSERT ON ledger.journal_lines
REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION ledger.check_lines();

-- The lines' trigger never fires for an entry without lines: this one does, at commit.
CREATE FUNCTION ledger.check_has_lines() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM ledger.journal_lines AS line WHERE line.entry_id = NEW.id) THEN
        RAISE EXCEPTION 'entry % of % has no lines', NEW.sequence, NEW.entity
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END
$$;

CREATE CONSTRAINT TRIGGER journal_entries_have_lines AFTER INSERT ON ledger.journal_entries
DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION ledger.check_has_lines();
