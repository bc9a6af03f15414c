-- SPDX-License-Identifier: ISC
-- The inbox: what a chat server receives. Errors: FD007, see queue.sql.

-- Leases up to max_items rows to the caller, oldest first. A row that is not
-- acknowledged before its lease ends is handed out again.
CREATE FUNCTION federation.inbox_claim(max_items integer DEFAULT 64,
    lease interval DEFAULT '60 s')
RETURNS TABLE (inbox_id bigint, message_id uuid, origin text, type text,
    payload bytea, trust_level integer, external_server boolean,
    received_at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER ROWS 64
SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	IF (inbox_claim.max_items BETWEEN 1 AND 1024) IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'max_items is not between 1 and 1024';
	ELSIF (inbox_claim.lease > interval '0' AND
	    inbox_claim.lease <= interval '1 day') IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'lease is not above 0 and at most 1 day';
	END IF;
	RETURN QUERY
	    WITH free AS (
		SELECT i.inbox_id FROM federation.inbox i
		WHERE i.acknowledged_at IS NULL AND (i.lease_until IS NULL OR
		    i.lease_until <= clock_timestamp() OR
		    i.lease_until > clock_timestamp() + interval '1 day')
		ORDER BY i.inbox_id LIMIT inbox_claim.max_items
		FOR UPDATE SKIP LOCKED),
	    claimed AS (
		UPDATE federation.inbox i
		SET lease_until = clock_timestamp() + inbox_claim.lease
		FROM free WHERE i.inbox_id = free.inbox_id
		RETURNING i.inbox_id, i.message_id, i.server_id, i.type,
		    i.payload, i.trust_level, i.received_at)
	    SELECT c.inbox_id, c.message_id, coalesce(s.onion_address,
		(SELECT o.onion_address FROM federation.self o))::text, c.type,
		c.payload, c.trust_level, c.server_id IS NOT NULL,
		c.received_at
	    FROM claimed c
	    LEFT JOIN federation.federation_servers s ON s.id = c.server_id
	    ORDER BY c.inbox_id;
END
$$;

-- Marks rows as processed, in the transaction that commits the work. Returns
-- how many were not acknowledged before: when that is less than what the
-- caller processed, another worker was faster, and rolling back undoes the
-- repetition.
CREATE FUNCTION federation.inbox_acknowledge(inbox_ids bigint[])
RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	acknowledged integer;
BEGIN
	IF inbox_acknowledge.inbox_ids IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'inbox_ids must not be null';
	END IF;
	-- In one order, so that two callers never wait for each other.
	PERFORM 1 FROM federation.inbox i
	    WHERE i.inbox_id = ANY (inbox_acknowledge.inbox_ids)
	    AND i.acknowledged_at IS NULL ORDER BY i.inbox_id FOR UPDATE;
	UPDATE federation.inbox i SET acknowledged_at = clock_timestamp()
	    WHERE i.inbox_id = ANY (inbox_acknowledge.inbox_ids)
	    AND i.acknowledged_at IS NULL;
	GET DIAGNOSTICS acknowledged = ROW_COUNT;
	RETURN acknowledged;
END
$$;

-- A lease that still runs ends later, or sooner; for how many rows.
CREATE FUNCTION federation.inbox_extend(inbox_ids bigint[], lease interval)
RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	extended integer;
BEGIN
	IF inbox_extend.inbox_ids IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'inbox_ids must not be null';
	ELSIF (inbox_extend.lease > interval '0' AND
	    inbox_extend.lease <= interval '1 day') IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'lease is not above 0 and at most 1 day';
	END IF;
	PERFORM 1 FROM federation.inbox i
	    WHERE i.inbox_id = ANY (inbox_extend.inbox_ids)
	    AND i.acknowledged_at IS NULL ORDER BY i.inbox_id FOR UPDATE;
	UPDATE federation.inbox i
	    SET lease_until = clock_timestamp() + inbox_extend.lease
	    WHERE i.inbox_id = ANY (inbox_extend.inbox_ids)
	    AND i.acknowledged_at IS NULL AND i.lease_until > clock_timestamp();
	GET DIAGNOSTICS extended = ROW_COUNT;
	RETURN extended;
END
$$;

-- Rows that were claimed and are not processed after all: the next claim gets
-- them, in their order. How many.
CREATE FUNCTION federation.inbox_release(inbox_ids bigint[]) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	released integer;
BEGIN
	IF inbox_release.inbox_ids IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'inbox_ids must not be null';
	END IF;
	PERFORM 1 FROM federation.inbox i
	    WHERE i.inbox_id = ANY (inbox_release.inbox_ids)
	    AND i.acknowledged_at IS NULL ORDER BY i.inbox_id FOR UPDATE;
	UPDATE federation.inbox i SET lease_until = NULL
	    WHERE i.inbox_id = ANY (inbox_release.inbox_ids)
	    AND i.acknowledged_at IS NULL AND i.lease_until > clock_timestamp();
	GET DIAGNOSTICS released = ROW_COUNT;
	IF released > 0 THEN
		PERFORM pg_notify('federation_inbox', '');
	END IF;
	RETURN released;
END
$$;

-- A doorbell; the channel is the trigger's argument.
CREATE FUNCTION federation.trigger_notify() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	PERFORM pg_notify(TG_ARGV[0], '');
	RETURN NULL;
END
$$;
CREATE TRIGGER notify AFTER INSERT ON federation.inbox
    FOR EACH STATEMENT
    EXECUTE FUNCTION federation.trigger_notify('federation_inbox');

-- Rights -------------------------------------------------------------------

GRANT EXECUTE ON FUNCTION federation.inbox_claim(integer, interval),
    federation.inbox_acknowledge(bigint[]),
    federation.inbox_extend(bigint[], interval),
    federation.inbox_release(bigint[]) TO fed_app;
