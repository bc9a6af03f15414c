-- SPDX-License-Identifier: ISC
-- Users. Those of this server, published for others to look up, and those of
-- others, looked up and kept for a time.
--
-- A handle is 1 to 64 of a-z, 0-9, '.', '_' and '-', and begins with a letter
-- or a digit; it is compared byte for byte. Nothing else is a handle, so no
-- script, direction or invisible character hides a difference.
--
-- Errors, beside those of queue.sql:
--
--	FD020	the handle, or the address's, does not have that form
--	FD021	the public key is not 1 to 2048 bytes
--	FD022	the display name is not 1 to 128 bytes of UTF-8 without control
--		characters and characters that turn the direction of writing
--	FD023	the avatar is not 1 to 16384 bytes
--	FD024	100 look-ups wait for the server

-- For user interfaces ------------------------------------------------------

-- For user interfaces: the users of others as they were last found, and our
-- own that are published.
CREATE VIEW federation.users WITH (security_barrier) AS
    SELECT u.local_id AS address, u.username::text AS handle,
	s.onion_address::text AS server, u.display_name::text AS display_name,
	decode(u.public_key, 'base64') AS public_key, k.key_epoch, u.avatar,
	s.trust_level, true AS external_server,
	CASE WHEN k.gone_at IS NOT NULL THEN 'gone'
	    WHEN u.cache_expires_at > now() THEN 'current'
	    ELSE 'expired' END AS state,
	u.last_updated AS found_at, u.cache_expires_at AS expires_at,
	k.previous_key, k.previous_epoch, k.changed_at AS key_changed_at,
	k.contradicted_at
    FROM federation.federated_users u
    JOIN federation.user_keys k ON k.user_id = u.id
    JOIN federation.federation_servers s ON s.id = u.remote_server_id
    UNION ALL
    SELECT l.handle, l.handle, NULL, l.display_name, l.public_key,
	l.key_epoch, l.avatar, NULL, false,
	CASE WHEN l.hidden THEN 'hidden' ELSE 'published' END,
	l.updated_at, NULL, NULL, NULL, NULL, NULL
    FROM federation.local_users l WHERE l.public_key IS NOT NULL;

-- Publishing ---------------------------------------------------------------

-- 1 to 128 bytes of UTF-8 without, in hexadecimal: C0, DEL, C1, U+061C, U+200E
-- and U+200F, U+2028 to U+202E, U+2066 to U+2069, noncharacters. Null for null.
CREATE FUNCTION federation.display_name_valid(display_name text)
RETURNS boolean
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	bytes bytea;
BEGIN
	IF octet_length(display_name) > 4 * 128 THEN -- in any encoding
		RETURN false;
	END IF;
	bytes := convert_to(display_name, 'UTF8');
	RETURN octet_length(bytes) BETWEEN 1 AND 128 AND
	    encode(bytes, 'hex') !~ ('^(..)*([01].|7f|c2[89].|d89c|' ||
	    'e2808[ef]|e280a[8-e]|e281a[6-9]|efb7[9a].|efbfb[ef]|' ||
	    'f[0-4][89ab]fbfb[ef])');
EXCEPTION WHEN data_exception THEN
	RETURN false;
END
$$;

-- Makes a user of this server known to those who ask for exactly this handle,
-- and returns the epoch of the key. All of what was published before is
-- replaced. The epoch grows whenever the key is another: it is the number of
-- days since 1970, or one more than the last, so that a database restored from
-- a backup does not give an epoch away twice.
CREATE FUNCTION federation.user_publish(handle text, public_key bytea,
    display_name text DEFAULT NULL, avatar bytea DEFAULT NULL,
    hidden boolean DEFAULT false) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	today bigint := extract(epoch FROM now())::bigint / 86400;
	epoch bigint;
BEGIN
	IF (user_publish.handle ~ '^[a-z0-9][a-z0-9._-]{0,63}$')
	    IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD020',
		    MESSAGE = 'handle does not have its form';
	ELSIF (octet_length(user_publish.public_key) BETWEEN 1 AND 2048)
	    IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD021',
		    MESSAGE = 'public_key is not 1 to 2048 bytes';
	ELSIF NOT federation.display_name_valid(user_publish.display_name) THEN
		RAISE EXCEPTION USING ERRCODE = 'FD022',
		    MESSAGE = 'display_name does not have its form';
	ELSIF octet_length(user_publish.avatar) NOT BETWEEN 1 AND 16384 THEN
		RAISE EXCEPTION USING ERRCODE = 'FD023',
		    MESSAGE = 'avatar is not 1 to 16384 bytes';
	ELSIF user_publish.hidden IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'hidden must not be null';
	END IF;
	INSERT INTO federation.local_users AS l (handle, public_key, key_epoch,
	    display_name, avatar, hidden)
	    VALUES (user_publish.handle, user_publish.public_key, today,
	    user_publish.display_name, user_publish.avatar,
	    user_publish.hidden)
	    ON CONFLICT (handle) DO UPDATE SET
		public_key = excluded.public_key,
		key_epoch = CASE WHEN l.public_key = excluded.public_key
		    THEN l.key_epoch
		    ELSE greatest(l.key_epoch + 1, excluded.key_epoch) END,
		display_name = excluded.display_name,
		avatar = excluded.avatar, hidden = excluded.hidden,
		updated_at = now()
	    RETURNING l.key_epoch INTO epoch;
	-- Invitations that came before wait to be shown.
	IF EXISTS (SELECT 1 FROM federation.room_invited w
	    WHERE w.invitee = user_publish.handle AND w.state = 'pending'
	    AND NOT w.told) THEN
		PERFORM pg_notify('federation_rooms', '');
	END IF;
	RETURN epoch;
END
$$;

-- Takes all of it back; true when there was something.
CREATE FUNCTION federation.user_withdraw(handle text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	IF (user_withdraw.handle ~ '^[a-z0-9][a-z0-9._-]{0,63}$')
	    IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD020',
		    MESSAGE = 'handle does not have its form';
	END IF;
	UPDATE federation.local_users l SET public_key = NULL,
	    display_name = NULL, avatar = NULL, hidden = true,
	    updated_at = now()
	    WHERE l.handle = user_withdraw.handle
	    AND l.public_key IS NOT NULL;
	RETURN FOUND;
END
$$;

-- Looking up ---------------------------------------------------------------

-- The two parts of handle@server.onion, of a server that is known.
CREATE FUNCTION federation.user_address(address text, OUT handle text,
    OUT server uuid, OUT trust_level integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	at integer := strpos(user_address.address, '@');
BEGIN
	handle := left(user_address.address, greatest(at, 1) - 1);
	IF (handle ~ '^[a-z0-9][a-z0-9._-]{0,63}$') IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD020',
		    MESSAGE = 'the address''s handle does not have its form';
	END IF;
	-- Locked, so that nobody deletes it before a row refers to it.
	SELECT s.id, s.trust_level INTO server, trust_level
	    FROM federation.federation_servers s
	    WHERE s.onion_address = substr(user_address.address, at + 1)
	    FOR KEY SHARE;
	IF NOT FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'FD001',
		    MESSAGE = 'the address''s server is not known';
	END IF;
END
$$;

-- What the cache has of a user of another server: one row when it has not
-- expired and is not older than max_age. Else none, and the server is asked;
-- the answer is an event in the inbox, of the type user, with the row's new
-- content in federation.users by then.
CREATE FUNCTION federation.user_lookup(address text,
    max_age interval DEFAULT NULL) RETURNS SETOF federation.users
LANGUAGE plpgsql SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	asked record;
BEGIN
	IF user_lookup.max_age < interval '0' THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'max_age is negative';
	END IF;
	SELECT * INTO asked FROM federation.user_address(user_lookup.address);
	IF asked.trust_level < 0 THEN
		RAISE EXCEPTION USING ERRCODE = 'FD002',
		    MESSAGE = 'the address''s server is blocked';
	END IF;
	RETURN QUERY SELECT u.* FROM federation.users u
	    WHERE u.address = user_lookup.address AND u.external_server
	    AND u.state = 'current' AND u.found_at <= now()
	    AND (user_lookup.max_age IS NULL OR
		u.found_at > now() - user_lookup.max_age);
	IF FOUND OR EXISTS (SELECT 1 FROM federation.user_lookups l
	    WHERE l.server_id = asked.server AND l.handle = asked.handle) THEN
		RETURN;
	END IF;
	IF (SELECT count(*) >= 100 FROM federation.user_lookups l
	    WHERE l.server_id = asked.server) THEN
		RAISE EXCEPTION USING ERRCODE = 'FD024',
		    MESSAGE = 'too many look-ups wait for the server';
	END IF;
	INSERT INTO federation.user_lookups (server_id, handle)
	    VALUES (asked.server, asked.handle)
	    ON CONFLICT (server_id, handle) DO NOTHING;
	PERFORM pg_notify('federation_users', '');
END
$$;

-- Forgets a user of another server, his former keys too: what is found next is
-- believed as at the first time. True when there was something.
CREATE FUNCTION federation.user_forget(address text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	asked record;
BEGIN
	SELECT * INTO asked FROM federation.user_address(user_forget.address);
	PERFORM 1 FROM federation.federated_users u
	    WHERE u.remote_server_id = asked.server
	    AND u.local_id = user_forget.address FOR UPDATE;
	DELETE FROM federation.user_keys k USING federation.federated_users u
	    WHERE k.user_id = u.id AND u.remote_server_id = asked.server
	    AND u.local_id = user_forget.address;
	DELETE FROM federation.federated_users u
	    WHERE u.remote_server_id = asked.server
	    AND u.local_id = user_forget.address;
	RETURN FOUND;
END
$$;

-- For the daemon -----------------------------------------------------------
--
-- It reads and writes none of the tables of users: what it may know of them is
-- what these functions say, one exact handle at a time.

-- The answer to a look-up: one row, or none for a handle that is unknown,
-- hidden or withdrawn, or where the asker may not look up.
CREATE FUNCTION federation.lookup_answer(handle text, allowed boolean)
RETURNS TABLE (key_epoch bigint, public_key bytea, display_name text,
    avatar bytea)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	IF (lookup_answer.handle ~ '^[a-z0-9][a-z0-9._-]{0,63}$' AND
	    lookup_answer.allowed IS NOT NULL) IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD020',
		    MESSAGE = 'handle does not have its form';
	END IF;
	RETURN QUERY SELECT l.key_epoch, l.public_key, l.display_name, l.avatar
	    FROM federation.local_users l
	    WHERE l.handle = lookup_answer.handle
	    AND l.public_key IS NOT NULL AND NOT l.hidden
	    AND lookup_answer.allowed;
END
$$;

-- The event that ends a look-up. more: members of the payload that sort behind
-- "address", each led by a comma.
CREATE FUNCTION federation.lookup_event(lookup uuid, server uuid, handle text,
    more text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	INSERT INTO federation.inbox (message_id, server_id, type, payload,
	    trust_level)
	    SELECT lookup_event.lookup, s.id, 'user',
		convert_to(format('{"address":"%s@%s"%s}',
		lookup_event.handle, s.onion_address, lookup_event.more),
		'UTF8'), s.trust_level
	    FROM federation.federation_servers s
	    WHERE s.id = lookup_event.server;
END
$$;

-- base64 in one line.
CREATE FUNCTION federation.base64(bytes bytea) RETURNS text
LANGUAGE sql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS
$$ SELECT translate(encode(bytes, 'base64'), E'\n', '') $$;

-- Servers with look-ups that are due. Those older than lifetime end first, or
-- those that a clock set back since has put into the future.
CREATE FUNCTION federation.lookup_work(lifetime interval) RETURNS SETOF uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	old federation.user_lookups;
BEGIN
	IF (lookup_work.lifetime > interval '0') IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'lifetime is not above 0';
	END IF;
	FOR old IN DELETE FROM federation.user_lookups l WHERE l.id IN (
	    SELECT o.id FROM federation.user_lookups o
	    WHERE o.requested_at NOT BETWEEN now() - lookup_work.lifetime
	    AND now() + lookup_work.lifetime AND (o.lease_until > now() AND
	    o.lease_until < now() + interval '1 hour') IS NOT TRUE
	    LIMIT 1000 FOR UPDATE SKIP LOCKED) RETURNING l.* LOOP
		PERFORM federation.lookup_event(old.id, old.server_id,
		    old.handle, ',"code":"EXPIRED","event":"failed"');
	END LOOP;
	RETURN QUERY SELECT DISTINCT l.server_id FROM federation.user_lookups l
	    WHERE l.next_attempt_at <= now();
END
$$;

-- Leases the server's oldest look-up that is due and nobody else's.
CREATE FUNCTION federation.lookup_claim(worker uuid, server uuid,
    lease interval) RETURNS TABLE (id uuid, handle text)
LANGUAGE plpgsql SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	IF (lookup_claim.worker IS NOT NULL AND lookup_claim.server IS NOT NULL
	    AND lookup_claim.lease > interval '0'
	    AND lookup_claim.lease < interval '1 hour') IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'lease is not above 0 and below 1 hour';
	END IF;
	-- 0.1 s: the daemon waits by another clock.
	RETURN QUERY UPDATE federation.user_lookups l
	    SET worker = lookup_claim.worker,
	    lease_until = now() + lookup_claim.lease
	    WHERE l.id = (SELECT o.id FROM federation.user_lookups o
		WHERE o.server_id = lookup_claim.server
		AND o.next_attempt_at <= now() + interval '0.1 s'
		AND ((o.lease_until > now() AND
		    o.lease_until < now() + interval '1 hour') IS NOT TRUE
		    OR o.worker = lookup_claim.worker OR NOT EXISTS
		    (SELECT 1 FROM federation.incarnations i
		    WHERE i.id = o.worker))
		ORDER BY o.requested_at, o.id LIMIT 1 FOR UPDATE SKIP LOCKED)
	    RETURNING l.id, l.handle;
END
$$;

-- It is to be asked again: after delay_ms, which then holds for all of the
-- server's, or as soon as there is a way to it (0).
CREATE FUNCTION federation.lookup_later(worker uuid, lookup uuid,
    delay_ms bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	server uuid;
BEGIN
	IF (lookup_later.delay_ms BETWEEN 0 AND 86400000) IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'delay_ms is not between 0 and a day';
	END IF;
	UPDATE federation.user_lookups l SET worker = NULL, lease_until = NULL
	    WHERE l.id = lookup_later.lookup AND l.worker = lookup_later.worker
	    RETURNING l.server_id INTO server;
	IF FOUND AND lookup_later.delay_ms > 0 THEN
		UPDATE federation.user_lookups l
		    SET next_attempt_at = now() +
		    lookup_later.delay_ms * interval '1 ms'
		    WHERE l.server_id = server;
	END IF;
END
$$;

-- An answer with a user in it against what is known of him. A key never takes
-- another's place unless its epoch is higher, and then the event says so. One
-- epoch with two keys, or an epoch that went back, leaves what is known as it
-- is; the two signed answers are kept.
CREATE FUNCTION federation.lookup_found(server uuid, address text,
    handle text, key_epoch bigint, public_key bytea, display_name text,
    avatar bytea, proof bytea, cache interval, lookup uuid) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	known record;
	kind text;
BEGIN
	SELECT u.id, decode(u.public_key, 'base64') AS public_key, k.key_epoch,
	    k.proof INTO known
	    FROM federation.federated_users u
	    JOIN federation.user_keys k ON k.user_id = u.id
	    WHERE u.local_id = lookup_found.address
	    AND u.remote_server_id = lookup_found.server FOR UPDATE OF u, k;
	IF NOT FOUND THEN
		WITH u AS (
			INSERT INTO federation.federated_users (local_id,
			    remote_server_id, username, display_name,
			    public_key, avatar, cache_expires_at)
			    VALUES (lookup_found.address, lookup_found.server,
			    lookup_found.handle, lookup_found.display_name,
			    federation.base64(lookup_found.public_key),
			    lookup_found.avatar, now() + lookup_found.cache)
			    RETURNING id)
		    INSERT INTO federation.user_keys (user_id, key_epoch,
			proof) SELECT u.id, lookup_found.key_epoch,
			lookup_found.proof FROM u;
		RETURN format(',"event":"found","keyEpoch":%s',
		    lookup_found.key_epoch);
	END IF;
	IF lookup_found.key_epoch < known.key_epoch THEN
		kind := 'KEY_ROLLBACK';
	ELSIF lookup_found.key_epoch = known.key_epoch AND
	    lookup_found.public_key <> known.public_key THEN
		kind := 'KEY_CONFLICT';
	END IF;
	IF kind IS NOT NULL THEN
		UPDATE federation.user_keys k SET contradicted_at = now()
		    WHERE k.user_id = known.id;
		INSERT INTO federation.evidence (server_id, kind, message_id,
		    first, second)
		    SELECT lookup_found.server, kind, lookup_found.lookup,
			known.proof, lookup_found.proof
		    WHERE (SELECT count(*) FROM federation.evidence e
			WHERE e.server_id = lookup_found.server
			AND e.kind = kind) < 100;
		RETURN format(',"code":"%s","event":"contradiction",'
		    '"keyEpoch":%s,"knownEpoch":%s,"knownKey":"%s",'
		    '"publicKey":"%s"', kind, lookup_found.key_epoch,
		    known.key_epoch, federation.base64(known.public_key),
		    federation.base64(lookup_found.public_key));
	END IF;
	UPDATE federation.federated_users u SET
	    display_name = lookup_found.display_name,
	    public_key = federation.base64(lookup_found.public_key),
	    avatar = lookup_found.avatar, last_updated = now(),
	    cache_expires_at = now() + lookup_found.cache
	    WHERE u.id = known.id;
	UPDATE federation.user_keys k SET key_epoch = lookup_found.key_epoch,
	    proof = lookup_found.proof, gone_at = NULL
	    WHERE k.user_id = known.id;
	IF lookup_found.public_key = known.public_key THEN
		RETURN format(',"event":"found","keyEpoch":%s',
		    lookup_found.key_epoch);
	END IF;
	UPDATE federation.user_keys k SET previous_key = known.public_key,
	    previous_epoch = known.key_epoch, changed_at = now()
	    WHERE k.user_id = known.id;
	RETURN format(',"event":"key","keyEpoch":%s,"previousEpoch":%s,'
	    '"previousKey":"%s","publicKey":"%s"', lookup_found.key_epoch,
	    known.key_epoch, federation.base64(known.public_key),
	    federation.base64(lookup_found.public_key));
END
$$;

-- The end of a look-up: found, unknown, or failed with a code. Returns the
-- event; late when the look-up was no longer this worker's.
CREATE FUNCTION federation.lookup_settle(worker uuid, lookup uuid,
    outcome text, code text, cache interval, key_epoch bigint,
    public_key bytea, display_name text, avatar bytea, proof bytea)
RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
	asked federation.user_lookups;
	address text;
	more text;
BEGIN
	IF ((lookup_settle.outcome = 'found' AND lookup_settle.key_epoch > 0
	    AND octet_length(lookup_settle.public_key) BETWEEN 1 AND 2048
	    AND lookup_settle.proof IS NOT NULL
	    AND lookup_settle.cache > interval '0')
	    OR (lookup_settle.outcome = 'failed'
	    AND lookup_settle.code ~ '^[A-Z_0-9]{1,40}$')
	    OR lookup_settle.outcome = 'unknown') IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007',
		    MESSAGE = 'outcome does not have its form';
	END IF;
	DELETE FROM federation.user_lookups l
	    WHERE l.id = lookup_settle.lookup
	    AND l.worker = lookup_settle.worker RETURNING l.* INTO asked;
	IF NOT FOUND THEN
		RETURN 'late';
	END IF;
	SELECT asked.handle || '@' || s.onion_address INTO STRICT address
	    FROM federation.federation_servers s WHERE s.id = asked.server_id;
	CASE lookup_settle.outcome
	WHEN 'found' THEN
		more := federation.lookup_found(asked.server_id, address,
		    asked.handle, lookup_settle.key_epoch,
		    lookup_settle.public_key, lookup_settle.display_name,
		    lookup_settle.avatar, lookup_settle.proof,
		    lookup_settle.cache, asked.id);
	WHEN 'unknown' THEN
		UPDATE federation.user_keys k SET gone_at = now()
		    FROM federation.federated_users u WHERE u.id = k.user_id
		    AND u.local_id = address AND k.gone_at IS NULL
		    AND u.remote_server_id = asked.server_id;
		more := ',"event":"unknown"';
	ELSE
		more := format(',"code":"%s","event":"failed"',
		    lookup_settle.code);
	END CASE;
	PERFORM federation.lookup_event(asked.id, asked.server_id,
	    asked.handle, more);
	RETURN substring(more FROM '"event":"([a-z]+)"');
END
$$;

-- Rights -------------------------------------------------------------------

GRANT EXECUTE ON FUNCTION
    federation.user_publish(text, bytea, text, bytea, boolean),
    federation.user_withdraw(text),
    federation.user_lookup(text, interval),
    federation.user_forget(text) TO fed_app;
GRANT SELECT ON federation.users TO fed_app;
GRANT EXECUTE ON FUNCTION federation.lookup_answer(text, boolean),
    federation.lookup_work(interval),
    federation.lookup_claim(uuid, uuid, interval),
    federation.lookup_later(uuid, uuid, bigint),
    federation.lookup_settle(uuid, uuid, text, text, interval, bigint, bytea,
	text, bytea, bytea) TO _fedqueued;
