-- SPDX-License-Identifier: ISC
-- Servers: trust changes by SQL, what a user interface shows of them, what the
-- daemon says of this one, and the triggers that keep what must not drift.
-- Errors: see queue.sql.

-- Addresses ----------------------------------------------------------------

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

-- Trust --------------------------------------------------------------------

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

-- Ourselves ----------------------------------------------------------------

-- What the daemon says of itself when it starts, and with each certificate.
-- epoch: the first of a database that is new.
CREATE FUNCTION federation.self_set(address text, certificate bytea,
    epoch bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	IF (self_set.address ~ '^[a-z2-7]{56}\.onion$' AND
	    octet_length(self_set.certificate) > 0 AND
	    self_set.epoch >= 1) IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD009',
		    MESSAGE = 'address does not have its form';
	END IF;
	INSERT INTO federation.self AS s (onion_address, certificate, epoch)
	    VALUES (self_set.address, self_set.certificate, self_set.epoch)
	    ON CONFLICT (one_row) DO UPDATE SET
		onion_address = excluded.onion_address,
		certificate = excluded.certificate
	    WHERE (s.onion_address, s.certificate) IS DISTINCT FROM
		(excluded.onion_address, excluded.certificate);
END
$$;

-- Servers that may know a certificate of ours that is revoked, and not yet that
-- it is: there was a handshake with them, the last one of ours that they are
-- known to have is below the minimum, and they are of that level, or share a
-- room with us. What the first certificate revoked, nobody knew.
CREATE FUNCTION federation.servers_untold(serial bigint, minimum bigint,
    level integer)
RETURNS TABLE (server uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
	IF (servers_untold.serial >= 0 AND servers_untold.minimum >= 0 AND
	    servers_untold.level BETWEEN 0 AND 3) IS NOT TRUE THEN
		RAISE EXCEPTION USING ERRCODE = 'FD007', MESSAGE =
		    'serial, minimum or level is out of its range';
	END IF;
	UPDATE federation.self o SET first_serial = servers_untold.serial
	    WHERE o.first_serial IS NULL;
	IF servers_untold.minimum <=
	    (SELECT o.first_serial FROM federation.self o) THEN
		RETURN;
	END IF;
	RETURN QUERY SELECT s.id FROM federation.federation_servers s
	    JOIN federation.peers p ON p.server_id = s.id
	    WHERE s.last_handshake IS NOT NULL AND s.trust_level >= 0 AND
		p.told_serial < servers_untold.minimum AND
		(s.trust_level >= servers_untold.level OR
		EXISTS (SELECT 1 FROM federation.room_members m
		    WHERE m.server_id = s.id AND m.state_left IS NULL) OR
		EXISTS (SELECT 1 FROM federation.federated_rooms f
		    WHERE f.origin_server_id = s.id));
END
$$;

CREATE FUNCTION federation.own_address() RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	own text := (SELECT s.onion_address FROM federation.self s);
BEGIN
	IF own IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'FD030',
		    MESSAGE = 'fed-queued has not told yet who we are';
	END IF;
	RETURN own;
END
$$;

-- For user interfaces ------------------------------------------------------

-- Other servers, as a user interface shows them.
CREATE VIEW federation.servers WITH (security_barrier) AS
    SELECT s.onion_address::text AS address,
	s.server_name::text AS server_name,
	s.server_description::text AS server_description, s.trust_level,
	s.is_trusted, true AS external_server, s.is_online, s.last_seen,
	s.verified_at
    FROM federation.federation_servers s;

-- Changes ------------------------------------------------------------------

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

-- Servers that go and come back --------------------------------------------

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

-- Rights -------------------------------------------------------------------

GRANT EXECUTE ON FUNCTION federation.own_address() TO fed_app;
GRANT SELECT ON federation.servers TO fed_app, fed_admin;
GRANT EXECUTE ON FUNCTION federation.server_add(text),
    federation.server_set_trust(text, integer) TO fed_admin;
GRANT EXECUTE ON FUNCTION federation.self_set(text, bytea, bigint),
    federation.servers_untold(bigint, bigint, integer) TO _fedqueued;
