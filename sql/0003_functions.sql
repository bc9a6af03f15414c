-- SPDX-License-Identifier: ISC
-- torfed schema, version 3: the chat server's contract, trust changes by SQL,
-- and the triggers that keep what must not drift.
--
-- Every function is owned by fed_definer, has a fixed search_path, and may be
-- executed by nobody but the role that it is for. Errors have an SQLSTATE of
-- the class FD and no text of the caller's in them:
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

-- fed_definer gets what the change of owners needs, until the end of this
-- file; an owner of migrations who is no superuser also joins it until then.
GRANT CREATE ON SCHEMA federation TO fed_definer;
DO $$
BEGIN
	IF NOT pg_catalog.pg_has_role('fed_definer', 'USAGE') THEN
		PERFORM pg_catalog.set_config('torfed.joined', 'yes', true);
		GRANT fed_definer TO CURRENT_USER;
	END IF;
END
$$;

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

-- Receiving ----------------------------------------------------------------

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
	    SELECT c.inbox_id, c.message_id, s.onion_address::text, c.type,
		c.payload, c.trust_level, true, c.received_at
	    FROM claimed c
	    JOIN federation.federation_servers s ON s.id = c.server_id
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

-- Pruning ------------------------------------------------------------------

-- Rows of what was delivered or died; how many were delivered stays known.
CREATE FUNCTION federation.prune_queue(kept interval, most integer)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	delivered integer;
	failed integer;
BEGIN
	WITH gone AS (
		DELETE FROM federation.federated_message_queue q
		WHERE q.id IN (SELECT d.id
		    FROM federation.federated_message_queue d
		    WHERE d.status = 'delivered'
		    AND d.delivered_at < now() - prune_queue.kept
		    ORDER BY d.delivered_at LIMIT prune_queue.most
		    FOR UPDATE SKIP LOCKED)
		RETURNING q.destination_server_id AS server_id),
	    counted AS (
		SELECT g.server_id, count(*) AS rows FROM gone g
		GROUP BY g.server_id),
	    added AS (
		UPDATE federation.peers p SET delivered = p.delivered + c.rows
		FROM counted c WHERE p.server_id = c.server_id)
	    SELECT coalesce(sum(c.rows), 0) INTO delivered FROM counted c;
	DELETE FROM federation.federated_message_queue q
	    WHERE q.id IN (SELECT d.id
		FROM federation.federated_message_queue d
		WHERE d.status = 'failed'
		AND d.next_attempt_at < now() - interval '90 days'
		ORDER BY d.next_attempt_at LIMIT prune_queue.most
		FOR UPDATE SKIP LOCKED);
	GET DIAGNOSTICS failed = ROW_COUNT;
	RETURN greatest(delivered, failed) >= prune_queue.most;
END
$$;

-- Payloads of what was delivered; the rows stay.
CREATE FUNCTION federation.prune_payloads(age interval, most integer)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	-- A settlement that is not yet committed may be this much older.
	until timestamptz := now() - greatest(prune_payloads.age,
	    interval '1 minute');
	emptied integer;
	last timestamptz;
BEGIN
	WITH due AS (
		SELECT q.id, q.delivered_at
		FROM federation.federated_message_queue q
		WHERE q.status = 'delivered' AND q.delivered_at >=
		    (SELECT p.payloads_until FROM federation.pruning p)
		AND q.delivered_at < until
		AND octet_length(q.encrypted_payload) > 0
		ORDER BY q.delivered_at LIMIT prune_payloads.most),
	    done AS (
		UPDATE federation.federated_message_queue q
		SET encrypted_payload = '' FROM due d WHERE q.id = d.id)
	    SELECT count(*), max(d.delivered_at) INTO emptied, last FROM due d;
	IF emptied < prune_payloads.most THEN
		last := until;
	END IF;
	UPDATE federation.pruning p
	    SET payloads_until = greatest(p.payloads_until, last);
	RETURN emptied >= prune_payloads.most;
END
$$;

CREATE FUNCTION federation.prune_receipts(age interval, most integer)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	-- each has up to 64 receipts
	portion integer := greatest(prune_receipts.most / 16, 1);
	old bigint[] := ARRAY(SELECT e.id FROM federation.exchanges e
	    WHERE e.received_at < now() - prune_receipts.age LIMIT portion);
BEGIN
	DELETE FROM federation.exchanges e WHERE e.id = ANY (old);
	RETURN cardinality(old) >= portion;
END
$$;

-- What the application acknowledged, and ids that no message has any more.
CREATE FUNCTION federation.prune_received(age interval, most integer)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	acknowledged integer;
	ids integer;
BEGIN
	DELETE FROM federation.inbox i
	    WHERE i.inbox_id IN (SELECT d.inbox_id FROM federation.inbox d
		WHERE d.acknowledged_at < now() - prune_received.age
		ORDER BY d.acknowledged_at LIMIT prune_received.most
		FOR UPDATE SKIP LOCKED);
	GET DIAGNOSTICS acknowledged = ROW_COUNT;
	-- By their place in the table: they are never updated.
	DELETE FROM federation.received_ids r
	    WHERE r.ctid = ANY (ARRAY(SELECT d.ctid
		FROM federation.received_ids d
		WHERE d.received_at < now() - interval '45 days'
		LIMIT prune_received.most));
	GET DIAGNOSTICS ids = ROW_COUNT;
	RETURN greatest(acknowledged, ids) >= prune_received.most;
END
$$;

-- What the daemon calls now and then: removes up to most rows of each kind that
-- nobody needs any more, and says whether there may be more of them.
--
--	receipts	how long receipts stay, and the rows of what was
--			delivered
--	payloads	how long payloads of what was delivered stay, and rows
--			that the application acknowledged
--
-- Ids received stay 45 days (longer than any message lives, or it could be
-- replayed), dead letters 90, workers that have gone away 45. What is pending,
-- and what the application has not acknowledged, always stays.
CREATE FUNCTION federation.prune(worker uuid, receipts interval,
    payloads interval, most integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	more boolean;
BEGIN
	IF (prune.receipts >= interval '0' AND prune.payloads >= interval '0' AND
	    prune.most BETWEEN 1 AND 10000) IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'an age is negative or most not 1 to 10000';
	END IF;
	UPDATE federation.incarnations i SET seen_at = now()
	    WHERE i.id = prune.worker;
	IF NOT pg_try_advisory_xact_lock(hashtext('federation.prune')) THEN
		RETURN false; -- another worker is at it
	END IF;
	DELETE FROM federation.incarnations i
	    WHERE i.seen_at < now() - interval '45 days'
	    AND NOT EXISTS (SELECT 1 FROM federation.epochs e
		WHERE e.incarnation = i.id)
	    AND NOT EXISTS (SELECT 1 FROM federation.leases l
		WHERE l.worker = i.id);
	-- Not pruning, but due as often: counts that queue_full() believes.
	PERFORM federation.queue_count(f.server_id) FROM (
	    SELECT d.server_id FROM federation.queue_depths d
	    JOIN federation.limits l ON d.waiting > l.quota / 2
	    WHERE d.counted_at < clock_timestamp() - interval '50 s'
	    ORDER BY d.counted_at LIMIT 10) f;
	more := federation.prune_queue(
	    greatest(prune.receipts, prune.payloads), prune.most);
	more := federation.prune_receipts(prune.receipts, prune.most) OR more;
	more := federation.prune_received(prune.payloads, prune.most) OR more;
	IF prune.payloads < prune.receipts THEN
		more := federation.prune_payloads(prune.payloads, prune.most)
		    OR more;
	END IF;
	RETURN more;
END
$$;

-- Trust --------------------------------------------------------------------

-- The first two bytes of SHA3-256(".onion checksum" || key || 3): the checksum
-- of an onion address (rend-spec-v3, section 6). PostgreSQL has no SHA-3; this
-- is Keccak-f[1600] (FIPS 202) over the one block that the text needs.
CREATE FUNCTION federation.onion_checksum(key bytea) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	block bytea := convert_to('.onion checksum', 'UTF8') || key ||
	    '\x0306'::bytea; -- version, then the padding's first byte
	constants bit(64)[] := ARRAY[x'0000000000000001',
	    x'0000000000008082', x'800000000000808a', x'8000000080008000',
	    x'000000000000808b', x'0000000080000001', x'8000000080008081',
	    x'8000000000008009', x'000000000000008a', x'0000000000000088',
	    x'0000000080008009', x'000000008000000a', x'000000008000808b',
	    x'800000000000008b', x'8000000000008089', x'8000000000008003',
	    x'8000000000008002', x'8000000000000080', x'000000000000800a',
	    x'800000008000000a', x'8000000080008081', x'8000000000008080',
	    x'0000000080000001', x'8000000080008008'];
	places integer[] := ARRAY[10, 7, 11, 17, 18, 3, 5, 16, 8, 21, 24, 4,
	    15, 23, 19, 13, 12, 2, 20, 14, 22, 9, 6, 1];
	turns integer[] := ARRAY[1, 3, 6, 10, 15, 21, 28, 36, 45, 55, 2, 14,
	    27, 41, 56, 8, 25, 43, 62, 18, 39, 61, 20, 44];
	a bigint[] := array_fill(0::bigint, ARRAY[25], ARRAY[0]); -- state
	c bigint[] := array_fill(0::bigint, ARRAY[5], ARRAY[0]);
	lane bigint;
	next bigint;
BEGIN
	FOR i IN 0..octet_length(block) - 1 LOOP
		a[i / 8] := a[i / 8] |
		    (get_byte(block, i)::bigint << (i % 8) * 8);
	END LOOP;
	a[16] := a[16] # ((-1)::bigint << 63); -- the padding's last bit
	FOR round IN 1..24 LOOP
		FOR x IN 0..4 LOOP -- theta
			c[x] := a[x] # a[x + 5] # a[x + 10] # a[x + 15] #
			    a[x + 20];
		END LOOP;
		FOR i IN 0..24 LOOP
			lane := c[(i + 1) % 5];
			a[i] := a[i] # c[(i + 4) % 5] #
			    ((lane << 1) | ((lane >> 63) & 1));
		END LOOP;
		lane := a[1]; -- rho and pi
		FOR i IN 1..24 LOOP
			next := a[places[i]];
			a[places[i]] := (lane << turns[i]) |
			    ((lane >> (64 - turns[i])) &
			    ~((-1)::bigint << turns[i]));
			lane := next;
		END LOOP;
		FOR y IN 0..4 LOOP -- chi
			FOR x IN 0..4 LOOP
				c[x] := a[5 * y + x];
			END LOOP;
			FOR x IN 0..4 LOOP
				a[5 * y + x] := c[x] #
				    (~c[(x + 1) % 5] & c[(x + 2) % 5]);
			END LOOP;
		END LOOP;
		a[0] := a[0] # constants[round]::bigint; -- iota
	END LOOP;
	RETURN set_byte(set_byte('\x0000'::bytea, 0, (a[0] & 255)::integer), 1,
	    ((a[0] >> 8) & 255)::integer);
END
$$;

-- The public key of an address, or null when it is none: length, alphabet,
-- version and checksum. Whether the key is a point of prime order is for the
-- daemon to find.
CREATE FUNCTION federation.onion_key(address text) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	bits text;
	bytes bytea := '';
BEGIN
	IF address !~ '^[a-z2-7]{56}\.onion$' THEN
		RETURN NULL;
	END IF;
	SELECT string_agg((strpos('abcdefghijklmnopqrstuvwxyz234567',
	    substr(address, i, 1)) - 1)::bit(5)::text, '' ORDER BY i)
	    INTO bits FROM generate_series(1, 56) i;
	FOR i IN 0..34 LOOP
		bytes := bytes || set_byte('\x00'::bytea, 0,
		    substr(bits, 8 * i + 1, 8)::bit(8)::integer);
	END LOOP;
	IF get_byte(bytes, 34) <> 3 OR substr(bytes, 33, 2) <>
	    federation.onion_checksum(substr(bytes, 1, 32)) THEN
		RETURN NULL;
	END IF;
	RETURN substr(bytes, 1, 32);
END
$$;

-- Makes a server known and keeps it; returns its id, also when it was known.
CREATE FUNCTION federation.server_add(address text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	key bytea := federation.onion_key(server_add.address);
	server uuid;
BEGIN
	IF key IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'FD009', MESSAGE =
		    'address is not a version 3 onion address in lower case';
	END IF;
	INSERT INTO federation.federation_servers (onion_address, public_key)
	    VALUES (server_add.address, encode(key, 'hex'))
	    ON CONFLICT (onion_address) DO NOTHING RETURNING id INTO server;
	IF FOUND THEN
		INSERT INTO federation.audit (actor, action, onion_address)
		    VALUES (session_user, 'add', server_add.address);
	ELSE
		SELECT s.id INTO STRICT server
		    FROM federation.federation_servers s
		    WHERE s.onion_address = server_add.address FOR KEY SHARE;
	END IF;
	INSERT INTO federation.peers (server_id, kept) VALUES (server, true)
	    ON CONFLICT (server_id) DO UPDATE SET kept = true;
	RETURN server;
END
$$;

-- -1 blocked, 0 unknown, 1 known, 2 verified, 3 trusted.
CREATE FUNCTION federation.server_set_trust(address text, level integer)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	server uuid;
BEGIN
	IF (server_set_trust.level BETWEEN -1 AND 3) IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'level is not between -1 and 3';
	END IF;
	UPDATE federation.federation_servers s SET
	    trust_level = server_set_trust.level,
	    verified_at = CASE WHEN server_set_trust.level >= 2
		THEN coalesce(s.verified_at, now()) END
	    WHERE s.onion_address = server_set_trust.address
	    RETURNING s.id INTO server;
	IF NOT FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'FD001',
		    MESSAGE = 'address is not a known server';
	END IF;
	INSERT INTO federation.peers (server_id, kept) VALUES (server, true)
	    ON CONFLICT (server_id) DO UPDATE SET kept = true,
	    retry_at = NULL, retry_count = 0;
	INSERT INTO federation.audit (actor, action, onion_address, detail)
	    VALUES (session_user, 'trust', server_set_trust.address,
	    server_set_trust.level::text);
END
$$;

-- How many messages may wait for one destination.
CREATE FUNCTION federation.set_quota(messages integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF (set_quota.messages BETWEEN 1 AND 100000000) IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'quota is not between 1 and 100000000';
	END IF;
	UPDATE federation.limits SET quota = set_quota.messages;
	INSERT INTO federation.audit (actor, action, detail)
	    VALUES (session_user, 'quota', set_quota.messages::text);
END
$$;

-- Administration of the queue ----------------------------------------------
--
-- What fed-queued calls when an administrator asks for it. Claims, settlements
-- and the ends of leases lock the lease of the lane first and rows after it;
-- so do these, and never wait in a circle with them.

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

-- Does it to those of the rows that it can be done to; how many these were.
CREATE FUNCTION federation.queue_apply(action text, ids bigint[],
    lifetime interval, actor text) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	events CONSTANT jsonb := '{"hold": "held", "release": "released",
	    "retry": "retried", "cancel": "cancelled", "requeue": "requeued"}';
	changed integer;
BEGIN
	PERFORM 1 FROM federation.federated_message_queue q
	    WHERE q.id = ANY (ids) ORDER BY q.id FOR UPDATE;
	UPDATE federation.federated_message_queue q SET
	    status = CASE action WHEN 'cancel' THEN 'failed'
		WHEN 'requeue' THEN 'pending' ELSE q.status END,
	    attempts = CASE action WHEN 'requeue' THEN 0 ELSE q.attempts END,
	    last_error = CASE action WHEN 'cancel' THEN 'CANCELLED'
		WHEN 'requeue' THEN NULL ELSE q.last_error END,
	    next_attempt_at = CASE WHEN action = 'cancel' THEN now()
		WHEN action IN ('retry', 'requeue') THEN q.created_at
		ELSE q.next_attempt_at END,
	    held_at = CASE action WHEN 'hold' THEN now()
		WHEN 'retry' THEN q.held_at END,
	    history = federation.history_add(q.history, events ->> action,
		CASE action WHEN 'cancel' THEN 'CANCELLED' END, actor)
	    WHERE q.id = ANY (ids) AND CASE action
		WHEN 'hold' THEN q.held_at IS NULL AND
		    q.status IN ('pending', 'sending')
		WHEN 'release' THEN q.held_at IS NOT NULL AND
		    q.status IN ('pending', 'sending')
		WHEN 'retry' THEN q.status = 'pending'
		WHEN 'cancel' THEN q.status IN ('pending', 'sending')
		WHEN 'requeue' THEN q.status = 'failed' AND q.created_at >=
		    now() - least(lifetime, interval '30 days') END;
	GET DIAGNOSTICS changed = ROW_COUNT;
	RETURN changed;
END
$$;

-- One message to one server; address '' if it went to one alone. code is OK, with
-- changed 0 if it was so already, or why not. A message that is being sent is not cancelled: the peer may have it
-- already. Should one be settled as delivered after it was given up, since its
-- lease had run out and nobody else had taken it over, then it was delivered.
CREATE FUNCTION federation.queue_change(action text, message uuid,
    address text, lifetime interval, actor text)
RETURNS TABLE (code text, changed integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	ids bigint[] := ARRAY(SELECT q.id
	    FROM federation.federated_message_queue q
	    JOIN federation.federation_servers s
	    ON s.id = q.destination_server_id
	    WHERE q.message_id = queue_change.message
	    AND queue_change.address IN ('', s.onion_address) LIMIT 2);
	item record;
	verdict text := 'OK';
	count integer := 0;
BEGIN
	IF (action IN ('hold', 'release', 'retry', 'cancel', 'requeue') AND
	    actor <> '' AND lifetime > interval '0') IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'action, lifetime or actor is out of its bounds';
	END IF;
	PERFORM 1 FROM federation.leases l
	    JOIN federation.federated_message_queue q
	    ON q.destination_server_id = l.server_id
	    AND q.priority = l.priority
	    WHERE q.id = ids[1] FOR UPDATE OF l;
	SELECT q.status, q.destination_server_id, q.priority,
	    q.created_at < now() - least(lifetime, interval '30 days') AS old
	    INTO item FROM federation.federated_message_queue q
	    WHERE q.id = ids[1] FOR UPDATE;
	IF NOT FOUND THEN
		verdict := 'MESSAGE_UNKNOWN';
	ELSIF cardinality(ids) > 1 THEN
		verdict := 'MESSAGE_SEVERAL';
	ELSIF action = 'requeue' AND item.status <> 'failed' THEN
		verdict := 'MESSAGE_NOT_DEAD';
	ELSIF action = 'requeue' AND item.old THEN
		verdict := 'MESSAGE_TOO_OLD';
	ELSIF action <> 'requeue' AND
	    item.status IN ('delivered', 'failed') THEN
		verdict := 'MESSAGE_SETTLED';
	ELSIF action = 'cancel' AND item.status = 'sending' AND EXISTS (
	    SELECT 1 FROM federation.leases l
	    WHERE l.server_id = item.destination_server_id
	    AND l.priority = item.priority
	    AND l.deadline > clock_timestamp()) THEN
		verdict := 'MESSAGE_IN_FLIGHT';
	ELSE
		count := federation.queue_apply(action, ids, lifetime, actor);
	END IF;
	IF count > 0 THEN
		INSERT INTO federation.audit
		    (actor, action, onion_address, detail)
		    SELECT queue_change.actor, 'queue ' || queue_change.action,
		    s.onion_address, queue_change.message::text
		    FROM federation.federation_servers s
		    WHERE s.id = item.destination_server_id;
		PERFORM pg_notify('federation_queue', '');
	END IF;
	RETURN QUERY SELECT verdict, count;
END
$$;

-- A portion of the messages to one server, behind (lane, after) and of those
-- that there were at the start: until is what the first call returned, 0 in
-- it. seen may be more than changed, and most only if there may be more of
-- them; (next_lane, next_after) is where the next portion begins. Whoever
-- does it is written down with the first portion that changes something.
CREATE FUNCTION federation.queue_change_many(action text, address text,
    lane integer, after bigint, until bigint, most integer, lifetime interval,
    actor text, audited boolean)
RETURNS TABLE (code text, seen integer, changed integer, next_lane integer,
    next_after bigint, last bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	wanted CONSTANT text := CASE action
	    WHEN 'hold' THEN 'status IN (''pending'', ''sending'') AND '
		'held_at IS NULL'
	    WHEN 'release' THEN 'status IN (''pending'', ''sending'') AND '
		'held_at IS NOT NULL'
	    WHEN 'retry' THEN 'status = ''pending'' AND held_at IS NULL AND '
		'next_attempt_at > greatest(created_at, now())'
	    WHEN 'requeue' THEN 'status = ''failed''' END;
	server uuid;
	newest bigint := nullif(until, 0);
	ids bigint[];
	count integer;
	lanes integer[];
BEGIN
	IF (wanted IS NOT NULL AND actor <> '' AND lifetime > interval '0' AND
	    most BETWEEN 1 AND 10000) IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007', MESSAGE = 'action, '
		    'most, lifetime or actor is out of its bounds';
	END IF;
	SELECT s.id INTO server FROM federation.federation_servers s
	    WHERE s.onion_address = queue_change_many.address;
	IF NOT FOUND THEN
		RETURN QUERY SELECT 'SERVER_UNKNOWN', 0, 0, 0, 0::bigint,
		    0::bigint;
		RETURN;
	END IF;
	IF newest IS NULL THEN
		SELECT coalesce(max(q.id), 0) INTO newest
		    FROM federation.federated_message_queue q;
	END IF;
	PERFORM 1 FROM federation.leases l WHERE l.server_id = server
	    ORDER BY l.priority FOR UPDATE;
	EXECUTE 'SELECT array_agg(f.id), array_agg(f.priority) FROM ('
	    'SELECT q.id, q.priority FROM federation.federated_message_queue q'
	    ' WHERE q.destination_server_id = $1'
	    ' AND (q.priority, q.id) > ($2, $3) AND q.id <= $4 AND ' || wanted ||
	    ' ORDER BY q.priority, q.id LIMIT $5) f'
	    INTO ids, lanes USING server, lane, after, newest, most;
	seen := coalesce(cardinality(ids), 0);
	count := federation.queue_apply(action, ids, lifetime, actor);
	IF count > 0 AND NOT audited THEN
		INSERT INTO federation.audit (actor, action, onion_address)
		    VALUES (queue_change_many.actor,
		    'queue ' || queue_change_many.action,
		    queue_change_many.address);
	END IF;
	IF count > 0 THEN
		PERFORM pg_notify('federation_queue', '');
	END IF;
	RETURN QUERY SELECT 'OK', seen, count, lanes[seen], ids[seen], newest;
END
$$;

-- pause and resume: whether anything is sent to a server; retry: its back-off
-- ends. Workers hear of it. code is OK, or SERVER_UNKNOWN.
CREATE FUNCTION federation.server_change(action text, address text,
    actor text) RETURNS TABLE (code text, trust_level integer, paused boolean,
    woken integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	server federation.federation_servers;
	peer federation.peers;
BEGIN
	IF (action IN ('pause', 'resume', 'retry') AND actor <> '')
	    IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'action or actor is out of its bounds';
	END IF;
	SELECT s.* INTO server FROM federation.federation_servers s
	    WHERE s.onion_address = server_change.address FOR KEY SHARE;
	IF NOT FOUND THEN
		RETURN QUERY SELECT 'SERVER_UNKNOWN', 0, false, 0;
		RETURN;
	END IF;
	INSERT INTO federation.peers AS p (server_id, kept, paused_at)
	    VALUES (server.id, true, CASE action WHEN 'pause' THEN now() END)
	    ON CONFLICT (server_id) DO UPDATE SET kept = true,
	    paused_at = CASE action
		WHEN 'pause' THEN coalesce(p.paused_at, now())
		WHEN 'retry' THEN p.paused_at END,
	    retry_at = CASE WHEN action <> 'retry' THEN p.retry_at END,
	    retry_count = CASE WHEN action <> 'retry' THEN p.retry_count
		ELSE 0 END,
	    woken = CASE action WHEN 'retry' THEN p.woken + 1 ELSE p.woken END
	    RETURNING p.* INTO peer;
	INSERT INTO federation.audit (actor, action, onion_address)
	    VALUES (server_change.actor, 'server ' || server_change.action,
	    server_change.address);
	PERFORM pg_notify('federation_servers', '');
	RETURN QUERY SELECT 'OK', server.trust_level,
	    peer.paused_at IS NOT NULL, peer.woken;
END
$$;

-- Triggers -----------------------------------------------------------------

CREATE FUNCTION federation.trigger_updated() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	NEW.updated_at := now();
	RETURN NEW;
END
$$;
CREATE TRIGGER updated BEFORE UPDATE ON federation.federation_servers
    FOR EACH ROW EXECUTE FUNCTION federation.trigger_updated();
CREATE TRIGGER updated BEFORE UPDATE ON federation.federated_rooms
    FOR EACH ROW EXECUTE FUNCTION federation.trigger_updated();

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
-- What the daemons keep in memory of servers.
CREATE TRIGGER notify AFTER INSERT OR DELETE ON federation.federation_servers
    FOR EACH ROW
    EXECUTE FUNCTION federation.trigger_notify('federation_servers');
CREATE TRIGGER notify_trust AFTER UPDATE ON federation.federation_servers
    FOR EACH ROW WHEN (OLD.trust_level IS DISTINCT FROM NEW.trust_level)
    EXECUTE FUNCTION federation.trigger_notify('federation_servers');
CREATE TRIGGER notify AFTER INSERT OR UPDATE OR DELETE
    ON federation.certificates FOR EACH ROW
    EXECUTE FUNCTION federation.trigger_notify('federation_servers');
CREATE TRIGGER notify AFTER UPDATE ON federation.peers FOR EACH ROW
    WHEN (OLD.kept <> NEW.kept OR OLD.min_serial <> NEW.min_serial OR
    OLD.highest_serial <> NEW.highest_serial)
    EXECUTE FUNCTION federation.trigger_notify('federation_servers');

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

-- A server that goes leaves a tombstone, whichever of its two rows goes first.
CREATE FUNCTION federation.trigger_bury() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	server uuid;
BEGIN
	IF TG_TABLE_NAME = 'peers' THEN
		server := OLD.server_id;
	ELSE
		server := OLD.id;
	END IF;
	INSERT INTO federation.tombstones AS t (onion_address, kept,
	    trust_level, highest_serial, min_serial)
	    SELECT s.onion_address, coalesce(p.kept, false) OR
		s.trust_level <> 0, s.trust_level,
		coalesce(p.highest_serial, 0), coalesce(p.min_serial, 0)
	    FROM federation.federation_servers s
	    LEFT JOIN federation.peers p ON p.server_id = s.id
	    WHERE s.id = server
	    ON CONFLICT (onion_address) DO UPDATE SET
		kept = t.kept OR excluded.kept,
		trust_level = excluded.trust_level,
		highest_serial = greatest(t.highest_serial,
		    excluded.highest_serial),
		min_serial = greatest(t.min_serial, excluded.min_serial),
		deleted_at = now();
	DELETE FROM federation.tombstones WHERE NOT kept AND onion_address IN (
	    SELECT t.onion_address FROM federation.tombstones t
	    WHERE NOT t.kept ORDER BY t.deleted_at DESC OFFSET 4096);
	RETURN OLD;
END
$$;
CREATE TRIGGER bury BEFORE DELETE ON federation.federation_servers
    FOR EACH ROW EXECUTE FUNCTION federation.trigger_bury();
CREATE TRIGGER bury BEFORE DELETE ON federation.peers
    FOR EACH ROW EXECUTE FUNCTION federation.trigger_bury();

-- An address that comes back: blocked stays blocked, any other trust is to be
-- given anew.
CREATE FUNCTION federation.trigger_restore_trust() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	level integer;
BEGIN
	SELECT t.trust_level INTO level FROM federation.tombstones t
	    WHERE t.onion_address = NEW.onion_address;
	IF FOUND THEN
		NEW.trust_level := least(NEW.trust_level, level, 0);
	END IF;
	RETURN NEW;
END
$$;
CREATE TRIGGER restore BEFORE INSERT ON federation.federation_servers
    FOR EACH ROW EXECUTE FUNCTION federation.trigger_restore_trust();

-- And what was known of its certificates still is.
CREATE FUNCTION federation.trigger_restore_serials() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	grave federation.tombstones;
BEGIN
	SELECT t.* INTO grave FROM federation.tombstones t
	    JOIN federation.federation_servers s USING (onion_address)
	    WHERE s.id = NEW.server_id;
	IF FOUND THEN
		NEW.kept := NEW.kept OR grave.kept;
		NEW.highest_serial :=
		    greatest(NEW.highest_serial, grave.highest_serial);
		NEW.min_serial := greatest(NEW.min_serial, grave.min_serial);
	END IF;
	RETURN NEW;
END
$$;
CREATE TRIGGER restore BEFORE INSERT ON federation.peers
    FOR EACH ROW EXECUTE FUNCTION federation.trigger_restore_serials();

-- Owners and rights --------------------------------------------------------

DO $$
DECLARE
	routine regprocedure;
BEGIN
	FOR routine IN SELECT oid FROM pg_catalog.pg_proc
	    WHERE pronamespace = 'federation'::regnamespace LOOP
		EXECUTE format('ALTER FUNCTION %s OWNER TO fed_definer',
		    routine);
	END LOOP;
END
$$;
ALTER VIEW federation.delivery_state OWNER TO fed_definer;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA federation FROM PUBLIC;
REVOKE ALL ON federation.delivery_state FROM PUBLIC;

GRANT EXECUTE ON FUNCTION federation.enqueue(text, text, uuid, integer),
    federation.inbox_claim(integer, interval),
    federation.inbox_acknowledge(bigint[]) TO fed_app;
GRANT EXECUTE ON FUNCTION federation.prune(uuid, interval, interval, integer),
    federation.history_add(federation.message_event[], text, text, text),
    federation.queue_change(text, uuid, text, interval, text),
    federation.queue_change_many(text, text, integer, bigint, bigint, integer,
	interval, text, boolean),
    federation.server_change(text, text, text) TO _fedqueued;
GRANT SELECT ON federation.delivery_state TO fed_app, fed_admin;
GRANT EXECUTE ON FUNCTION federation.server_add(text),
    federation.server_set_trust(text, integer),
    federation.set_quota(integer) TO fed_admin;

DO $$
BEGIN
	IF pg_catalog.current_setting('torfed.joined', true) = 'yes' THEN
		REVOKE fed_definer FROM CURRENT_USER;
	END IF;
END
$$;
REVOKE CREATE ON SCHEMA federation FROM fed_definer;

INSERT INTO federation.schema_version (version) VALUES (3);
