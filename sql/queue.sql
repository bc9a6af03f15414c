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
	    AND q.postponed = 0
	    UNION ALL SELECT 1 FROM federation.federated_message_queue q
	    WHERE q.destination_server_id = queue_count.server
	    AND q.status IN ('pending', 'sending') AND q.held_at IS NULL
	    AND q.postponed > 0
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
		AND q.postponed = 0 ORDER BY q.id LIMIT most)
		UNION ALL (SELECT 1 FROM federation.federated_message_queue q
		WHERE q.destination_server_id = queue_full.server
		AND q.priority = lane AND q.id > depth.last_id
		AND q.status IN ('pending', 'sending') AND q.held_at IS NULL
		AND q.postponed > 0 LIMIT most)
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

-- What is due of one lane ---------------------------------------------------
--
-- Which wait holds what (how long each is: exchange/reaction.c, and
-- outbound/schedule.c):
--
--	server	peers.retry_at: nothing is sent to it. Not looked at here: the
--		daemon does not claim then.
--	line	the oldest row of a line that is not due: what is behind it in
--		its lane. Another lane of the room finds out for itself.
--	item	next_attempt_at of a row that is postponed. One without a line
--		holds nobody.
--	lane	its order, which is that of ids: of all that is not held by the
--		above the oldest goes first.
--
-- So a line that waits is its oldest row: there is nothing to write into those
-- behind it, nor to take back, and a crash leaves nothing that stands for
-- ever. Of these there may be thousands, which no claim may read:
--
--	1. As a rule no row of a line is postponed, which one index entry
--	   shows. Then the oldest rows are due, which one index has in order,
--	   and beside them those without a line whose time has come.
--	2. Else the lane is read line by line: from each to the next by the
--	   index, of each its oldest row, and of those lines that may go and
--	   whose oldest rows are the oldest, as many as are wanted. That is so
--	   many entries as there are lines, however long they are.
--
-- Within a lease a row that is being sent holds nobody: there is one worker,
-- and one request after the other. What an earlier lease left so is pending
-- again with the first claim.

-- As many of a lane as are wanted, the oldest first: their ids and lines.
-- floor: a queue id below which nothing is looked for, unless a line waits.
-- stopped: whether one does. What lies more than longest ahead was written
-- under a clock that has been set back since, and is due.
--
-- A lane is named as a range, so that the order that is asked for is that of
-- one index alone: else the planner may look for the rows of a lane that holds
-- much of the table in the order of all ids; nor is it to find them by status.
-- Planned once: that would take longer than all the rest.
CREATE FUNCTION federation.queue_due(server uuid, lane integer, floor bigint,
    most integer, longest interval, OUT ids bigint[], OUT lines uuid[],
    OUT stopped boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
	plain bigint[];
BEGIN
	stopped := EXISTS (SELECT 1 FROM federation.federated_message_queue q
	    WHERE q.destination_server_id = queue_due.server
	    AND q.priority = queue_due.lane AND q.line IS NOT NULL
	    AND q.postponed > 0 AND q.held_at IS NULL
	    AND q.status IN ('pending', 'sending')
	    AND q.status || '' = 'pending');
	IF stopped THEN
		plain := ARRAY(SELECT q.id
		    FROM federation.federated_message_queue q
		    WHERE q.destination_server_id = queue_due.server
		    AND q.priority = queue_due.lane AND q.line IS NULL
		    AND q.status IN ('pending', 'sending')
		    AND q.held_at IS NULL AND q.status || '' = 'pending'
		    AND q.postponed = 0 ORDER BY q.destination_server_id,
			q.priority, q.line, q.id LIMIT most);
		SELECT array_agg(l.id ORDER BY l.id),
		    array_agg(l.line ORDER BY l.id) INTO ids, lines
		    FROM federation.queue_due_lines(server, lane, most,
			longest) l;
	ELSE
		SELECT array_agg(f.id ORDER BY f.id),
		    array_agg(f.line ORDER BY f.id) INTO ids, lines
		    FROM (SELECT q.id, q.line
			FROM federation.federated_message_queue q
			WHERE q.destination_server_id = queue_due.server
			AND (q.priority, q.id) > (lane, floor)
			AND q.priority <= lane AND q.postponed = 0
			AND q.status IN ('pending', 'sending')
			AND q.held_at IS NULL AND q.status || '' = 'pending'
			ORDER BY q.priority, q.id LIMIT most) f;
	END IF;
	-- Without a line, and their time has come.
	plain := plain || ARRAY(SELECT q.id
	    FROM federation.federated_message_queue q
	    WHERE q.destination_server_id = queue_due.server
	    AND q.priority = queue_due.lane AND q.postponed > 0
	    AND q.status IN ('pending', 'sending') AND q.held_at IS NULL
	    AND q.status || '' = 'pending' AND q.line IS NULL
	    AND q.next_attempt_at <= now()
	    ORDER BY q.next_attempt_at LIMIT most) ||
	    ARRAY(SELECT q.id FROM federation.federated_message_queue q
	    WHERE q.destination_server_id = queue_due.server
	    AND q.priority = queue_due.lane AND q.postponed > 0
	    AND q.status IN ('pending', 'sending') AND q.held_at IS NULL
	    AND q.status || '' = 'pending' AND q.line IS NULL
	    AND q.next_attempt_at > now() + longest
	    ORDER BY q.next_attempt_at LIMIT most);
	IF cardinality(plain) > 0 THEN
		SELECT array_agg(f.id ORDER BY f.id),
		    array_agg(f.line ORDER BY f.id) INTO ids, lines
		    FROM (SELECT u.id, u.line FROM unnest(ids, lines)
			    AS u(id, line)
			UNION ALL SELECT p.id, NULL FROM unnest(plain) AS p(id)
			ORDER BY 1 LIMIT most) f;
	END IF;
END
$$;

-- The same of lines alone, where one waits.
CREATE FUNCTION federation.queue_due_lines(server uuid, lane integer,
    most integer, longest interval) RETURNS TABLE (id bigint, line uuid)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH RECURSIVE r(line) AS (
	    (SELECT q.line FROM federation.federated_message_queue q
		WHERE q.destination_server_id = queue_due_lines.server
		AND q.priority = queue_due_lines.lane AND q.line IS NOT NULL
		AND q.status IN ('pending', 'sending') AND q.held_at IS NULL
		ORDER BY q.destination_server_id, q.priority, q.line LIMIT 1)
	    UNION ALL SELECT (SELECT q.line
		FROM federation.federated_message_queue q
		WHERE q.destination_server_id = queue_due_lines.server
		AND q.priority = queue_due_lines.lane AND q.line > r.line
		AND q.status IN ('pending', 'sending') AND q.held_at IS NULL
		ORDER BY q.destination_server_id, q.priority, q.line LIMIT 1)
	    FROM r WHERE r.line IS NOT NULL),
	first AS (SELECT r.line, h.id FROM r, LATERAL (
		SELECT q.id, q.postponed = 0 OR q.next_attempt_at <= now() OR
		    q.next_attempt_at > now() + longest AS due
		FROM federation.federated_message_queue q
		WHERE q.destination_server_id = queue_due_lines.server
		AND q.priority = queue_due_lines.lane
		AND (q.line, q.id) > (r.line, 0) AND q.line <= r.line
		AND q.status IN ('pending', 'sending') AND q.held_at IS NULL
		AND q.status || '' = 'pending' ORDER BY q.line, q.id LIMIT 1) h
	    WHERE h.due ORDER BY h.id LIMIT most)
	SELECT f.id, first.line FROM first, LATERAL (
	    SELECT b.id, bool_and(b.due) OVER (ORDER BY b.id) AS due FROM (
		SELECT q.id, q.postponed = 0 OR q.next_attempt_at <= now()
		    OR q.next_attempt_at > now() + longest AS due
		FROM federation.federated_message_queue q
		WHERE q.destination_server_id = queue_due_lines.server
		AND q.priority = queue_due_lines.lane
		AND (q.line, q.id) > (first.line, 0)
		AND q.line <= first.line
		AND q.status IN ('pending', 'sending')
		AND q.held_at IS NULL AND q.status || '' = 'pending'
		ORDER BY q.line, q.id LIMIT most) b) f
	    WHERE f.due ORDER BY f.id LIMIT most;
END
$$;

-- Takes or renews the lease of a lane, and claims as many of what is due as
-- are wanted and fit into bytes (but for the first). fresh: this worker has
-- claimed nothing under this lease. longest: what no delay and no lease can
-- be.
--
-- Always at least one row: whether the lease is ours, then an item or nulls;
-- for how many ms the lease is another's (null: it took it this moment), the
-- oldest transaction that runs, the next that will, whether a line waits, and
-- in how many ms the first row of those that wait by themselves is due.
CREATE FUNCTION federation.queue_claim(server uuid, lane integer, claim uuid,
    worker uuid, lease interval, fresh boolean, most integer, bytes bigint,
    longest interval, floor bigint)
RETURNS TABLE (leased boolean, id bigint, message_id uuid, payload bytea,
    attempts integer, max_attempts integer, age bigint, others_ms bigint,
    oldest bigint, next bigint, type text, line uuid, postponed integer,
    stopped boolean, due_ms bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off
SET enable_hashjoin = off SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
	due record;
	locked bigint[];
BEGIN
	IF (queue_claim.server IS NOT NULL AND queue_claim.claim IS NOT NULL
	    AND queue_claim.worker IS NOT NULL AND
	    queue_claim.lane BETWEEN 1 AND 3 AND most BETWEEN 1 AND 64 AND
	    lease > interval '0' AND longest > lease AND bytes > 0 AND
	    floor >= 0 AND fresh IS NOT NULL) IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'an argument is null or out of its bounds';
	END IF;
	oldest := pg_snapshot_xmin(pg_current_snapshot())::text::bigint;
	next := pg_snapshot_xmax(pg_current_snapshot())::text::bigint;
	INSERT INTO federation.leases AS l
	    (server_id, priority, claim_id, worker, deadline)
	    VALUES (queue_claim.server, queue_claim.lane, queue_claim.claim,
	    queue_claim.worker, now() + lease)
	    ON CONFLICT (server_id, priority) DO UPDATE SET
	    claim_id = excluded.claim_id, worker = excluded.worker,
	    deadline = excluded.deadline
	    WHERE l.deadline <= now() OR l.worker = excluded.worker
	    OR l.deadline > now() + longest;
	leased := FOUND;
	IF NOT leased THEN
		others_ms := (SELECT (extract(epoch FROM l.deadline - now()) *
		    1000)::bigint FROM federation.leases l
		    WHERE l.server_id = queue_claim.server
		    AND l.priority = queue_claim.lane);
		RETURN NEXT;
		RETURN;
	END IF;
	IF fresh THEN
		UPDATE federation.federated_message_queue q
		    SET status = 'pending' WHERE q.status = 'sending'
		    AND q.destination_server_id = queue_claim.server
		    AND q.priority = queue_claim.lane;
	END IF;
	due := federation.queue_due(server, lane, floor, most, longest);
	stopped := due.stopped;
	locked := ARRAY(SELECT q.id FROM federation.federated_message_queue q
	    WHERE q.id = ANY (due.ids) AND q.status || '' = 'pending'
	    AND q.held_at IS NULL FOR UPDATE SKIP LOCKED);
	IF cardinality(locked) < cardinality(due.ids) THEN
		-- Something is done to one: its line waits for that.
		locked := ARRAY(SELECT d.id
		    FROM unnest(due.ids, due.lines) AS d(id, line)
		    WHERE d.id = ANY (locked) AND NOT EXISTS (
			SELECT 1 FROM unnest(due.ids, due.lines) AS b(id, line)
			WHERE b.line = d.line AND b.id < d.id
			AND b.id <> ALL (locked)));
	END IF;
	SELECT greatest(ceil(extract(epoch FROM q.next_attempt_at - now()) *
	    1000), 0)::bigint INTO due_ms
	    FROM federation.federated_message_queue q
	    WHERE q.destination_server_id = queue_claim.server
	    AND q.priority = queue_claim.lane AND q.postponed > 0
	    AND q.status IN ('pending', 'sending') AND q.held_at IS NULL
	    AND q.next_attempt_at > now() ORDER BY q.next_attempt_at LIMIT 1;
	RETURN QUERY
	WITH f AS (SELECT q.id, row_number() OVER (ORDER BY q.id) AS position,
	    sum(octet_length(q.encrypted_payload) + 100) OVER (ORDER BY q.id)
		AS total
	    FROM federation.federated_message_queue q
	    WHERE q.id = ANY (locked)),
	u AS (UPDATE federation.federated_message_queue q
	    SET status = 'sending' FROM f WHERE q.id = f.id
	    AND (f.total <= bytes OR f.position = 1)
	    RETURNING q.id, q.message_id, q.encrypted_payload, q.attempts,
		q.max_attempts, extract(epoch FROM now() - q.created_at)::bigint
		AS age, q.type, q.line, q.postponed),
	r AS (UPDATE federation.room_items i SET sent = true
	    FROM u, federation.self o WHERE u.line IS NOT NULL
	    AND u.type = 'message' AND i.origin = o.onion_address
	    AND i.message_id = u.message_id AND NOT i.sent)
	SELECT leased, u.id, u.message_id, u.encrypted_payload, u.attempts,
	    u.max_attempts, u.age, others_ms, oldest, next, u.type, u.line,
	    u.postponed, stopped, due_ms
	    FROM (VALUES (1)) one LEFT JOIN u ON true ORDER BY u.id;
END
$$;

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
    federation.history_add(federation.message_event[], text, text, text),
    federation.queue_claim(uuid, integer, uuid, uuid, interval, boolean,
	integer, bigint, interval, bigint)
    TO _fedqueued;
