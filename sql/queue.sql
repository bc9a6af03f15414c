-- SPDX-License-Identifier: ISC
-- The queue: what an application sends, and its quota.
--
-- Every function is owned by fed_definer, has a fixed search_path, and may be
-- executed by nobody but the role that it is for. Errors have an SQLSTATE of
-- the class FD and no text of the caller's in them; more are in users.sql and
-- rooms/contract.sql:
--
--	FD001	the destination (or server) is not known
--	FD002	the destination is blocked
--	FD003	the payload is not a JSON object
--	FD004	the payload is larger than 65536 bytes
--	FD005	the priority is not 1 (high), 2 (normal) or 3 (low)
--	FD006	the message id was enqueued for that destination before, with
--		another payload
--	FD007	another argument is null or outside its bounds
--	FD008	the message id is not a version 4 UUID
--	FD009	the address is not a version 3 onion address in lower case
--	FD010	as many messages wait for the destination as the quota allows

-- The quota ----------------------------------------------------------------

-- Counts what waits for a server, at most one more than the quota, and keeps
-- the count unless somebody else is keeping one right now.
CREATE FUNCTION federation.queue_count(server uuid) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	newest bigint;
	counted integer;
BEGIN
	SELECT coalesce(max(q.id), 0) INTO newest
	    FROM federation.federated_message_queue q;
	SELECT count(*) INTO counted FROM (
	    (SELECT 1 FROM federation.federated_message_queue q
	    WHERE q.destination_server_id = queue_count.server
	    AND q.status IN ('pending', 'sending') AND q.held_at IS NULL
	    UNION ALL SELECT 1 FROM federation.federated_message_queue q
	    WHERE q.destination_server_id = queue_count.server
	    AND q.status IN ('pending', 'sending') AND q.held_at IS NOT NULL)
	    LIMIT (SELECT l.quota + 1 FROM federation.limits l)) waiting;
	PERFORM 1 FROM federation.queue_depths d
	    WHERE d.server_id = queue_count.server FOR UPDATE SKIP LOCKED;
	IF FOUND THEN
		UPDATE federation.queue_depths d SET waiting = counted,
		    last_id = newest, counted_at = clock_timestamp()
		    WHERE d.server_id = queue_count.server;
	END IF;
	RETURN counted;
END
$$;

-- Whether more wait for a server than the quota allows, id being the newest of
-- them. A counter that every message changed would make all who send to one
-- server wait for each other, until each commits, and to several servers wait
-- in a circle. So nothing is written as a rule, and nobody ever waits:
--
--	1. What waited when it was last counted, and all rows of all servers
--	   since, are still within the quota: nothing more is looked at. This
--	   is every message but those near the quota.
--	2. Else this server's rows since then are counted. When they are
--	   many, or other servers' were, all of this one's are counted anew,
--	   which a fiftieth of them pays for.
--	3. Over it a count of the last two minutes is believed (the daemon
--	   counts what is more than half full each minute); else all are
--	   counted.
--
-- What others have not yet committed is not seen, so the quota is kept to
-- about the number of messages in flight.
CREATE FUNCTION federation.queue_full(server uuid, id bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	quota integer;
	depth federation.queue_depths;
	since integer;
	most integer;
BEGIN
	SELECT l.quota, d.waiting, d.last_id, d.counted_at
	    INTO quota, depth.waiting, depth.last_id, depth.counted_at
	    FROM federation.limits l, federation.queue_depths d
	    WHERE d.server_id = queue_full.server;
	IF depth.waiting + queue_full.id - depth.last_id <= quota THEN
		RETURN false;
	END IF;
	-- Ordered, so that the rows are found by an index that begins with
	-- server, lane and id, whatever PostgreSQL believes of their number.
	most := greatest(quota - depth.waiting, 0) + 1;
	SELECT count(*) INTO since FROM generate_series(1, 3) lane,
	    LATERAL ((SELECT 1 FROM federation.federated_message_queue q
		WHERE q.destination_server_id = queue_full.server
		AND q.priority = lane AND q.id > depth.last_id
		AND q.status IN ('pending', 'sending') AND q.held_at IS NULL
		ORDER BY q.id LIMIT most)
		UNION ALL (SELECT 1 FROM federation.federated_message_queue q
		WHERE q.destination_server_id = queue_full.server
		AND q.priority = lane AND q.id > depth.last_id
		AND q.status IN ('pending', 'sending')
		AND q.held_at IS NOT NULL ORDER BY q.id LIMIT most)
		LIMIT most) waiting;
	IF depth.waiting + since > quota AND
	    depth.counted_at > clock_timestamp() - interval '2 minutes' THEN
		RETURN true;
	ELSIF depth.waiting + since > quota OR
	    since > 1000 + depth.waiting / 50 OR
	    queue_full.id - depth.last_id > quota THEN
		RETURN federation.queue_count(queue_full.server) > quota;
	END IF;
	RETURN false;
END
$$;

CREATE FUNCTION federation.trigger_depth() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF TG_OP = 'INSERT' THEN
		INSERT INTO federation.queue_depths (server_id) VALUES (NEW.id);
	ELSE
		DELETE FROM federation.queue_depths WHERE server_id = OLD.id;
	END IF;
	RETURN NULL;
END
$$;
CREATE TRIGGER depth AFTER INSERT OR DELETE
    ON federation.federation_servers
    FOR EACH ROW EXECUTE FUNCTION federation.trigger_depth();

-- Sending ------------------------------------------------------------------

-- The bytes that are stored for a payload: what was handed over, in UTF-8.
-- Only syntax is looked at; what else the protocol asks of a payload is found
-- when the daemon picks it up.
CREATE FUNCTION federation.payload_bytes(payload text) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	bytes bytea;
	kind text;
BEGIN
	IF octet_length(payload) > 4 * 65536 THEN -- in any encoding
		RAISE EXCEPTION USING ERRCODE = 'FD004',
		    MESSAGE = 'payload is larger than 65536 bytes';
	END IF;
	BEGIN
		bytes := convert_to(payload, 'UTF8');
		IF octet_length(bytes) <= 65536 THEN
			kind := json_typeof(payload::json);
		END IF;
	EXCEPTION WHEN data_exception OR statement_too_complex THEN
		kind := 'invalid';
	END;
	IF octet_length(bytes) > 65536 THEN
		RAISE EXCEPTION USING ERRCODE = 'FD004',
		    MESSAGE = 'payload is larger than 65536 bytes';
	ELSIF kind IS DISTINCT FROM 'object' THEN
		RAISE EXCEPTION USING ERRCODE = 'FD003',
		    MESSAGE = 'payload is not a JSON object';
	END IF;
	RETURN bytes;
END
$$;

-- Queues a message for one server and returns its id. The same id, destination
-- and payload again change nothing. Part of the caller's transaction: what is
-- rolled back is never sent.
CREATE FUNCTION federation.enqueue(destination text, payload text,
    message_id uuid DEFAULT pg_catalog.gen_random_uuid(),
    priority integer DEFAULT 2) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	bytes bytea;
	known bytea;
	server federation.federation_servers;
	queue_id bigint;
BEGIN
	IF enqueue.destination IS NULL OR enqueue.message_id IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'destination and message_id must not be null';
	ELSIF enqueue.message_id::text !~ '^.{14}4.{4}[89ab]' THEN
		RAISE EXCEPTION USING ERRCODE = 'FD008',
		    MESSAGE = 'message_id is not a version 4 UUID';
	ELSIF (enqueue.priority BETWEEN 1 AND 3) IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD005',
		    MESSAGE = 'priority is not 1, 2 or 3';
	END IF;
	-- Locked, so that nobody deletes it before the row below refers to it.
	SELECT s.* INTO server FROM federation.federation_servers s
	    WHERE s.onion_address = enqueue.destination FOR KEY SHARE;
	IF NOT FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'FD001',
		    MESSAGE = 'destination is not a known server';
	ELSIF server.trust_level < 0 THEN
		RAISE EXCEPTION USING ERRCODE = 'FD002',
		    MESSAGE = 'destination is blocked';
	END IF;
	bytes := federation.payload_bytes(enqueue.payload);
	LOOP
		INSERT INTO federation.federated_message_queue (message_id,
		    destination_server_id, encrypted_payload, priority)
		    VALUES (enqueue.message_id, server.id, bytes,
		    enqueue.priority)
		    ON CONFLICT (message_id, destination_server_id) DO NOTHING
		    RETURNING id INTO queue_id;
		EXIT WHEN FOUND;
		SELECT q.encrypted_payload INTO known
		    FROM federation.federated_message_queue q
		    WHERE q.message_id = enqueue.message_id
		    AND q.destination_server_id = server.id;
		CONTINUE WHEN NOT FOUND; -- removed in between
		-- once delivered, its payload may have been pruned
		IF known <> bytes AND octet_length(known) > 0 THEN
			RAISE EXCEPTION USING ERRCODE = 'FD006',
			    MESSAGE = 'message_id was enqueued before with '
			    'another payload';
		END IF;
		RETURN enqueue.message_id;
	END LOOP;
	IF federation.queue_full(server.id, queue_id) THEN
		RAISE EXCEPTION USING ERRCODE = 'FD010',
		    MESSAGE = 'too many messages wait for the destination';
	END IF;
	PERFORM pg_notify('federation_queue', '');
	RETURN enqueue.message_id;
END
$$;

CREATE VIEW federation.delivery_state WITH (security_barrier) AS
    SELECT q.message_id, s.onion_address::text AS destination,
	q.status AS state, q.last_error AS reason, q.attempts, q.created_at,
	q.delivered_at, q.held_at IS NOT NULL AS held
    FROM federation.federated_message_queue q
    JOIN federation.federation_servers s ON s.id = q.destination_server_id;

-- What has happened to a message -------------------------------------------

-- An event more. The newest 32 are kept, an administrator's longer than
-- failed attempts.
CREATE FUNCTION federation.history_add(history federation.message_event[],
    event text, code text, actor text) RETURNS federation.message_event[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	events federation.message_event[] :=
	    coalesce(history_add.history, '{}');
	count integer := cardinality(events);
	last federation.message_event := events[count];
	gone integer := 1;
BEGIN
	IF (history_add.event IN ('attempt', 'failed', 'held', 'released',
	    'retried', 'cancelled', 'requeued')) IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'event is not known';
	END IF;
	IF history_add.event = 'attempt' AND last.event = 'attempt' AND
	    last.code = history_add.code THEN
		last.until := now();
		last.times := last.times + 1;
		events[count] := last;
		RETURN events;
	END IF;
	IF count >= 32 THEN
		FOR i IN REVERSE count..1 LOOP
			last := events[i];
			IF last.event = 'attempt' THEN
				gone := i;
			END IF;
		END LOOP;
		events := events[:gone - 1] || events[gone + 1:];
	END IF;
	last := ROW(now(), NULL, history_add.event, history_add.code,
	    history_add.actor, 1);
	RETURN events || last;
END
$$;

-- Rights -------------------------------------------------------------------

GRANT EXECUTE ON FUNCTION federation.enqueue(text, text, uuid, integer)
    TO fed_app;
GRANT SELECT ON federation.delivery_state TO fed_app, fed_admin;
GRANT EXECUTE ON FUNCTION
    federation.history_add(federation.message_event[], text, text, text)
    TO _fedqueued;
