-- SPDX-License-Identifier: ISC
-- What the mirror of the simulator has beside the schema: a clock, a fresh
-- start, a backup, and the store as text.

CREATE TABLE sim.servers (identity integer PRIMARY KEY, id uuid, address text,
    key_id bytea, certificate bytea, key_id_2 bytea, certificate_2 bytea);

CREATE FUNCTION sim.identity(address text) RETURNS integer
LANGUAGE sql STABLE AS $$
	SELECT s.identity FROM sim.servers s WHERE s.address = $1
$$;

-- Of a certificate.
CREATE FUNCTION sim.serial(key_id bytea) RETURNS integer
LANGUAGE sql STABLE AS $$
	SELECT CASE $1 WHEN s.key_id THEN 1 ELSE 2 END FROM sim.servers s
	    WHERE $1 IN (s.key_id, s.key_id_2)
$$;

CREATE FUNCTION sim.seconds(at timestamptz) RETURNS bigint
LANGUAGE sql STABLE AS $$
	SELECT coalesce(extract(epoch FROM $1)::bigint, 0)
$$;

CREATE FUNCTION sim.short(bytes bytea) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
	SELECT coalesce(left(encode($1, 'hex'), 16), 'none')
$$;

-- Tables with rows that a history writes: all but what the schema itself has
-- rows in.
CREATE TABLE sim.tables (name text PRIMARY KEY);
INSERT INTO sim.tables SELECT c.relname FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'federation' AND c.relkind = 'r'
    AND (xpath('/row/n/text()', query_to_xml(format(
	'SELECT count(*) AS n FROM federation.%I', c.relname), false, true,
	'')))[1]::text = '0';

DO $$
DECLARE
	name text;
BEGIN
	CREATE SCHEMA backup;
	FOR name IN SELECT t.name FROM sim.tables t LOOP
		EXECUTE format('CREATE TABLE backup.%I AS '
		    'SELECT * FROM federation.%I', name, name);
	END LOOP;
END
$$;

-- Columns that are not generated.
CREATE FUNCTION sim.columns(name text) RETURNS text
LANGUAGE sql STABLE AS $$
	SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
	    FROM pg_attribute a
	    WHERE a.attrelid = format('federation.%I', $1)::regclass
	    AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
$$;

CREATE FUNCTION sim.move(source text, target text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
	name text;
BEGIN
	SET LOCAL session_replication_role = replica;
	FOR name IN SELECT t.name FROM sim.tables t LOOP
		EXECUTE format('DELETE FROM %I.%I', target, name);
		IF source IS NOT NULL THEN
			EXECUTE format('INSERT INTO %I.%I (%s) '
			    'OVERRIDING SYSTEM VALUE SELECT %s FROM %I.%I',
			    target, name, sim.columns(name),
			    sim.columns(name), source, name);
		END IF;
	END LOOP;
	SET LOCAL session_replication_role = origin;
END
$$;

-- A server that has just begun: it knows the others and its users.
CREATE FUNCTION sim.reset(self text, identity integer, certificate bytea)
RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	PERFORM sim.move(NULL, 'federation');
	PERFORM federation.self_set(self, certificate, 1);
	PERFORM federation.room_limits_set(ROW(4096, 4096, 16384, 45056, 256,
	    518400, 601200, 1209600, 60, 100, 64, 4, 57344, 3888000, 64));
	INSERT INTO federation.federation_servers (id, onion_address,
	    public_key, trust_level)
	    SELECT s.id, s.address, repeat('0', 64), 2 FROM sim.servers s
	    WHERE s.identity <> reset.identity;
	INSERT INTO federation.peers (server_id, kept)
	    SELECT s.id, true FROM sim.servers s
	    WHERE s.identity <> reset.identity;
	INSERT INTO federation.certificates (key_id, server_id, serial,
	    certificate)
	    SELECT c.key_id, s.id, c.serial, c.certificate
	    FROM sim.servers s CROSS JOIN LATERAL (VALUES
		(s.key_id, 1, s.certificate),
		(s.key_id_2, 2, s.certificate_2))
		AS c(key_id, serial, certificate)
	    WHERE s.identity <> reset.identity;
	INSERT INTO federation.local_users (handle, public_key, key_epoch)
	    SELECT 'user' || n, '\x01', 1 FROM generate_series(
	    reset.identity * 2, reset.identity * 2 + 1) n;
END
$$;

-- A line for whatever a server has of a room; see mirror_text().
CREATE FUNCTION sim.lines(name text) RETURNS SETOF text
LANGUAGE plpgsql STABLE AS $$
DECLARE
	f federation.federated_rooms;
	s federation.room_states;
	o federation.self;
BEGIN
	SELECT * INTO o FROM federation.self;
	RETURN NEXT format('self epoch=%s restored=%s', o.epoch,
	    sim.seconds(o.restored_at));
	RETURN QUERY SELECT format('shown nonce=%s invitee=%s used=%s',
	    sim.short(w.nonce), w.invitee, w.state <> 'pending')
	    FROM federation.room_invited w WHERE w.global_room_id = name
	    AND w.state <> 'void';
	SELECT * INTO f FROM federation.federated_rooms x
	    WHERE x.global_room_id = name;
	SELECT * INTO s FROM federation.room_states x WHERE x.room_id = f.id;
	IF NOT FOUND THEN
		RETURN;
	END IF;
	IF s.asked THEN
		RETURN NEXT 'asked';
	END IF;
	IF s.number > 0 THEN
		RETURN NEXT format('state number=%s hash=%s closed=%s '
		    'disputed=%s require_invite=%s federated=%s restricted=%s',
		    s.number, sim.short(s.hash), s.closed, s.disputed,
		    s.require_invite, s.federated, s.restricted);
		RETURN NEXT 'allowed ' || CASE WHEN s.restricted THEN
		    coalesce((SELECT string_agg(sim.identity(a)::text, ' '
		    ORDER BY sim.identity(a)) FROM jsonb_array_elements_text(
		    f.allowed_servers) a), 'none') ELSE 'all' END;
	END IF;
	IF o.restored_at IS NOT NULL THEN
		RETURN QUERY SELECT format('answered %s', v.identity)
		    FROM sim.servers v WHERE v.id = ANY (s.answered);
	END IF;
	RETURN QUERY SELECT format('event %s %s hash=%s learned=%s', e.number,
	    e.kind, sim.short(sha256(e.signing_text)), sim.seconds(
	    e.received_at)) FROM federation.room_state_events e
	    WHERE e.room_id = f.id AND e.signature IS NOT NULL;
	RETURN QUERY SELECT format('pending %s hash=%s', e.kind,
	    sim.short(sha256(e.signing_text)))
	    FROM federation.room_state_events e
	    WHERE e.room_id = f.id AND e.signature IS NULL;
	RETURN QUERY SELECT format('member %s joined=%s left=%s',
	    split_part(m.member, '@', 1), m.state_joined,
	    coalesce(m.state_left, 0)) FROM federation.room_members m
	    WHERE m.room_id = f.id;
	RETURN QUERY SELECT format('invitation %s number=%s expires=%s '
	    'used=%s %s by %s', sim.short(i.nonce), i.number, sim.seconds(
	    i.expires_at), i.used, split_part(i.invitee, '@', 1),
	    split_part(i.inviter, '@', 1)) FROM federation.room_invites i
	    WHERE i.room_id = f.id;
	RETURN QUERY SELECT format('wish %s %s', w.kind,
	    split_part(w.member, '@', 1)) FROM federation.room_asked w
	    WHERE w.room_id = f.id AND w.state IN ('new', 'asked');
	RETURN QUERY SELECT * FROM sim.messages(f.id);
END
$$;

-- The same of messages.
CREATE FUNCTION sim.messages(room uuid) RETURNS SETOF text
LANGUAGE sql STABLE AS $$
	SELECT format('stream %s epoch=%s lane=%s contiguous=%s highest=%s '
	    'gap=%s forked=%s seen=%s', sim.identity(t.origin), t.epoch,
	    t.lane, t.contiguous, t.highest, sim.seconds(t.gap_since),
	    t.forked, left(encode(t.seen, 'hex'), 32))
	    FROM federation.room_streams t WHERE t.room_id = $1
	    AND (t.highest > 0 OR t.forked > 0)
	UNION ALL SELECT format('item %s of %s epoch=%s lane=%s sequence=%s '
	    'state=%s previous=%s status=%s flags=%s since=%s serial=%s',
	    sim.short(i.digest), sim.identity(i.origin), i.epoch, i.lane,
	    i.sequence, i.state_number, sim.short(i.previous), i.status,
	    i.flags, sim.seconds(i.since), coalesce(sim.serial(p.key_id), 0))
	    FROM federation.room_items i
	    LEFT JOIN federation.room_proofs p ON p.id = i.proof_id
	    WHERE i.room_id = $1 AND i.sequence IS NOT NULL
	UNION ALL SELECT format('void %s epoch=%s lane=%s first=%s last=%s '
	    'previous=%s digest=%s serial=%s', sim.identity(v.origin),
	    v.epoch, v.lane, v.first, v.last, sim.short(v.previous),
	    sim.short(v.digest), sim.serial(p.key_id))
	    FROM federation.room_voids v
	    JOIN federation.room_proofs p ON p.id = v.proof_id
	    WHERE v.room_id = $1
	UNION ALL SELECT format('stated %s epoch=%s lane=%s sequence=%s '
	    'digest=%s highest=%s tip=%s serial=%s', sim.identity(t.origin),
	    t.epoch, t.lane, t.sequence, sim.short(t.digest), t.highest,
	    sim.short(t.tip), t.serial)
	    FROM federation.room_stated t WHERE t.room_id = $1
	UNION ALL SELECT format('evidence %s of %s epoch=%s lane=%s number=%s',
	    e.kind, sim.identity(e.origin), e.epoch, e.lane, e.number)
	    FROM federation.room_evidence e WHERE e.room_id = $1
$$;

-- With the version before it, 0 none.
CREATE FUNCTION sim.dump(name text) RETURNS text
LANGUAGE sql STABLE AS $$
	SELECT coalesce((SELECT s.version FROM federation.federated_rooms f
	    JOIN federation.room_states s ON s.room_id = f.id
	    WHERE f.global_room_id = $1), 0) || E'\n' ||
	    coalesce(string_agg(l, E'\n' ORDER BY l COLLATE "C"), '')
	    FROM sim.lines($1) l
$$;
