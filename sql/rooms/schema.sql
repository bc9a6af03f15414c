-- SPDX-License-Identifier: ISC
-- Rooms (federation(7), "ROOMS"): tables and indexes.
--
-- A room's state is its chain of events, which the home signed. All other rows
-- follow from it, and are written in the transaction that takes the event.
-- Whoever changes anything of a room first locks its row of room_states, and
-- raises version; who decided by what it read before compares it.

CREATE TABLE federation.federated_rooms (
	id			uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	room_id			uuid NOT NULL,
	origin_server_id	uuid
	    REFERENCES federation.federation_servers (id),
	is_local_origin		boolean NOT NULL DEFAULT true,
	federation_enabled	boolean NOT NULL DEFAULT true,
	allowed_servers		jsonb,			-- null: all
	global_room_id		text NOT NULL UNIQUE,	-- uuid@origin.onion
	created_at		timestamptz NOT NULL DEFAULT now(),
	updated_at		timestamptz NOT NULL DEFAULT now(),
	CHECK (is_local_origin = (origin_server_id IS NULL))
);
CREATE INDEX federated_rooms_room ON federation.federated_rooms (room_id);
CREATE INDEX federated_rooms_origin
    ON federation.federated_rooms (origin_server_id);

-- Of a room that this server is in, or asked to join. One without events yet
-- has number 0.
CREATE TABLE federation.room_states (
	room_id		uuid PRIMARY KEY
	    REFERENCES federation.federated_rooms (id),
	version		bigint NOT NULL DEFAULT 0,
	number		bigint NOT NULL DEFAULT 0,
	hash		bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex')
	    CHECK (octet_length(hash) = 32),
	-- the last event's own time, seconds since 1970
	event_time	bigint NOT NULL DEFAULT 0,
	closed		bigint NOT NULL DEFAULT 0,
	disputed	bigint NOT NULL DEFAULT 0,
	require_invite	boolean NOT NULL DEFAULT true,
	-- is federation on, and is there a list of allowed servers: also in
	-- federated_rooms (federation_enabled, allowed_servers)
	federated	boolean NOT NULL DEFAULT true,
	restricted	boolean NOT NULL DEFAULT false,
	-- encrypted, as the last rename had it
	metadata	bytea,
	-- when something signed last came from the home
	heard_at	timestamptz NOT NULL DEFAULT now(),
	-- after a restore: servers that have told how far they are
	answered	uuid[] NOT NULL DEFAULT '{}',
	-- of a room of ours: the server whose chain an administrator has us
	-- adopt, and since when
	adopt_from	uuid REFERENCES federation.federation_servers (id),
	adopt_since	timestamptz,
	-- one of ours asked to join, perhaps more than once
	asked		boolean NOT NULL DEFAULT false
);
CREATE INDEX room_states_adopt ON federation.room_states (adopt_from);

-- Events, and what follows from them ---------------------------------------

-- Room state events, byte for byte as signed. kind: room_event.h.
CREATE TABLE federation.room_state_events (
	room_id		uuid NOT NULL
	    REFERENCES federation.federated_rooms (id),
	number		bigint NOT NULL,
	kind		text NOT NULL,
	key_id		bytea NOT NULL,
	signing_text	bytea NOT NULL,
	payload		bytea NOT NULL,
	-- null: decided by us as the home, and not signed and applied yet
	signature	bytea,
	received_at	timestamptz NOT NULL DEFAULT now(),
	-- of one that we decided: see common/room/room_restore.h, and the id
	-- of the item or request that it answers
	mark		bigint,
	request		uuid,
	PRIMARY KEY (room_id, number)
);

-- Decided and not signed yet, at most one of a room.
CREATE UNIQUE INDEX room_state_events_unsigned
    ON federation.room_state_events (room_id) WHERE signature IS NULL;

-- Certificates that verify the events, our own of earlier times, too. Whole,
-- for as long as the events: text LF signature LF.
CREATE TABLE federation.room_certificates (
	key_id		bytea PRIMARY KEY CHECK (octet_length(key_id) = 32),
	certificate	bytea NOT NULL
);

CREATE TABLE federation.room_members (
	room_id		uuid NOT NULL
	    REFERENCES federation.federated_rooms (id),
	member		text NOT NULL,			-- user@server.onion
	server_id	uuid REFERENCES federation.federation_servers (id),
	state_joined	bigint NOT NULL,
	state_left	bigint,
	PRIMARY KEY (room_id, member, state_joined)
);
CREATE INDEX room_members_server ON federation.room_members (server_id);

-- room_members: server_id is null for our own users. member is name@address
-- always. Current members have state_left null.
CREATE INDEX room_members_current ON federation.room_members
    (room_id, server_id) WHERE state_left IS NULL;
CREATE INDEX room_members_member ON federation.room_members (member);

-- Invitations in the chain.
CREATE TABLE federation.room_invites (
	room_id		uuid NOT NULL
	    REFERENCES federation.federated_rooms (id),
	nonce		bytea NOT NULL CHECK (octet_length(nonce) = 16),
	number		bigint NOT NULL,
	expires_at	timestamptz NOT NULL,
	used		bigint NOT NULL DEFAULT 0, -- number of the join
	inviter		text NOT NULL,	-- name@address
	invitee		text NOT NULL,	-- the same
	PRIMARY KEY (room_id, nonce)
);
CREATE INDEX room_invites_invitee
    ON federation.room_invites (room_id, invitee, number);

-- Invitations shown, and what was asked for --------------------------------

-- Invitations shown to users of ours, by another server or by one of our own
-- users. The room need not be known here yet.
CREATE TABLE federation.room_invited (
	id		uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	global_room_id	text NOT NULL,
	nonce		bytea NOT NULL CHECK (octet_length(nonce) = 16),
	-- of the event, SHA-256 of its signing text
	event_hash	bytea NOT NULL CHECK (octet_length(event_hash) = 32),
	invitee		text NOT NULL,	-- our user's name, without address
	inviter		text NOT NULL,	-- name@address
	server_id	uuid REFERENCES federation.federation_servers (id),
	room_key	text NOT NULL,	-- base64, for the invitee alone
	metadata	text NOT NULL,	-- JSON, "{}" none
	-- quarantine (for an admin), pending (for the invitee), accepted,
	-- declined, void (removed, or another one was used)
	state		text NOT NULL CHECK (state IN ('quarantine', 'pending',
	    'accepted', 'declined', 'void')),
	-- the application knows of it; not before the invitee is published
	told		boolean NOT NULL DEFAULT true,
	expires_at	timestamptz NOT NULL,
	received_at	timestamptz NOT NULL DEFAULT now(),
	UNIQUE (global_room_id, nonce)
);
CREATE INDEX room_invited_server ON federation.room_invited (server_id, state);
CREATE INDEX room_invited_invitee ON federation.room_invited (invitee, state);

CREATE INDEX room_invited_expires ON federation.room_invited (expires_at);
CREATE INDEX room_invited_untold ON federation.room_invited (invitee)
    WHERE state = 'pending' AND NOT told;

-- What the application asked for, until it is so or was refused. Of rooms that
-- we are the home of, fed-queued takes them in the order of number; of others
-- an item of the same id is in the queue.
CREATE TABLE federation.room_asked (
	id		uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	number		bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
	room_id		uuid NOT NULL
	    REFERENCES federation.federated_rooms (id),
	kind		text NOT NULL CHECK (kind IN ('create', 'invite',
	    'join', 'leave', 'remove', 'allowed_servers', 'rename',
	    'federation', 'close')),
	-- whom the event is about, and who invites: name@address
	member		text,
	inviter		text,
	nonce		bytea,
	expires_at	timestamptz,
	require_invite	boolean,
	enabled		boolean,	-- create, federation
	servers		text[],		-- create, allowed_servers; null all
	metadata	bytea,		-- rename
	-- invite: what the invitation carries, kept until it was sent
	room_key	text,		-- base64
	invite_metadata	text,		-- JSON
	-- expired: an invitation that was made, and that nobody joined with
	state		text NOT NULL DEFAULT 'new' CHECK (state IN ('new',
	    'asked', 'done', 'refused', 'expired')),
	-- an invitation that was made has expired, whatever came of it
	over		boolean NOT NULL DEFAULT false,
	code		text,
	created_at	timestamptz NOT NULL DEFAULT now(),
	settled_at	timestamptz
);
CREATE INDEX room_asked_new ON federation.room_asked (number)
    WHERE state = 'new';
CREATE INDEX room_asked_room ON federation.room_asked (room_id, kind);
CREATE INDEX room_asked_settled ON federation.room_asked (settled_at)
    WHERE state IN ('done', 'refused', 'expired');
CREATE INDEX room_asked_expires ON federation.room_asked (expires_at)
    WHERE kind = 'invite' AND state = 'done' AND NOT over;
CREATE INDEX room_asked_waiting ON federation.room_asked (created_at)
    WHERE state = 'asked' AND kind <> 'leave';
CREATE INDEX room_asked_nonce ON federation.room_asked (nonce)
    WHERE kind = 'invite';

-- Messages -----------------------------------------------------------------

-- Streams: struct room_stream. origin is an address, our own included. seen:
-- 128 bytes, struct's words, each little-endian.
CREATE TABLE federation.room_streams (
	room_id		uuid NOT NULL
	    REFERENCES federation.federated_rooms (id),
	origin		text NOT NULL,
	epoch		bigint NOT NULL,
	lane		integer NOT NULL CHECK (lane BETWEEN 1 AND 3),
	contiguous	bigint NOT NULL DEFAULT 0,
	highest		bigint NOT NULL DEFAULT 0,
	gap_since	timestamptz,
	forked		bigint NOT NULL DEFAULT 0,
	seen		bytea NOT NULL DEFAULT decode(repeat('00', 128), 'hex')
	    CHECK (octet_length(seen) = 128),
	PRIMARY KEY (room_id, origin, epoch, lane)
);

CREATE INDEX room_streams_gap ON federation.room_streams (gap_since)
    WHERE gap_since IS NOT NULL;

-- What an origin signed, whole, so that others can be shown it: the signing
-- text of a request with items of rooms, or of an answer that declares numbers
-- void (then payload is the answer's).
CREATE TABLE federation.room_proofs (
	id		bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	origin		text NOT NULL,
	signing_text	bytea NOT NULL,
	signature	bytea NOT NULL CHECK (octet_length(signature) = 64),
	key_id		bytea NOT NULL CHECK (octet_length(key_id) = 32),
	payload		bytea,
	received_at	timestamptz NOT NULL DEFAULT now()
);

-- Messages of rooms, ours and those of others. Ours begin as new, without a
-- place; fed-queued gives them one, writes payload and digest, and queues them.
CREATE TABLE federation.room_items (
	id		bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	room_id		uuid NOT NULL
	    REFERENCES federation.federated_rooms (id),
	origin		text NOT NULL,	-- address, our own included
	message_id	uuid NOT NULL,
	sender		text NOT NULL,	-- name, without address
	status		text NOT NULL CHECK (status IN ('new', 'taken', 'held',
	    'refused', 'cancelled')),
	code		text,		-- why refused
	flags		integer NOT NULL DEFAULT 0,	-- room_verdict.h
	-- to be judged again: held, or taken without its state
	again		boolean NOT NULL DEFAULT false,
	lane		integer NOT NULL CHECK (lane BETWEEN 1 AND 3),
	epoch		bigint,
	sequence	bigint,
	state_number	bigint,
	digest		bytea CHECK (octet_length(digest) = 32),
	previous	bytea CHECK (octet_length(previous) = 32),
	-- canonical, whole; of one that is new: what it will be made of
	payload		bytea,
	content		bytea,
	message_type	text,
	metadata	text,		-- JSON
	-- ours: a request for it was begun once, to anybody
	sent		boolean NOT NULL DEFAULT false,
	-- ours: given up for a server of which the queue has no row any more
	given_up	boolean NOT NULL DEFAULT false,
	-- of others
	proof_id	bigint REFERENCES federation.room_proofs (id),
	since		timestamptz NOT NULL DEFAULT now(),
	UNIQUE (origin, message_id),
	UNIQUE (room_id, origin, epoch, lane, sequence)
);
CREATE INDEX room_items_new ON federation.room_items (room_id, id)
    WHERE status = 'new';
CREATE INDEX room_items_open ON federation.room_items (room_id, id)
    WHERE again;
CREATE INDEX room_items_proof ON federation.room_items (proof_id);
CREATE INDEX room_items_age ON federation.room_items (since);

CREATE INDEX room_items_due ON federation.room_items (since)
    WHERE status = 'held';
CREATE INDEX room_items_held ON federation.room_items (room_id, origin)
    WHERE status = 'held';

-- Numbers that an origin declared void or gone to us. asked: other servers that
-- were asked for them since; told: that nobody has them, to the application.
CREATE TABLE federation.room_voids (
	room_id		uuid NOT NULL
	    REFERENCES federation.federated_rooms (id),
	origin		text NOT NULL,
	epoch		bigint NOT NULL,
	lane		integer NOT NULL,
	first		bigint NOT NULL,
	last		bigint NOT NULL,
	gone		boolean NOT NULL,
	asked		uuid[] NOT NULL DEFAULT '{}',
	told		boolean NOT NULL DEFAULT false,
	declared_at	timestamptz NOT NULL DEFAULT now(),
	previous	bytea NOT NULL CHECK (octet_length(previous) = 32),
	digest		bytea NOT NULL CHECK (octet_length(digest) = 32),
	proof_id	bigint NOT NULL REFERENCES federation.room_proofs (id),
	PRIMARY KEY (room_id, origin, epoch, lane, first, last)
);
-- Whoever asks for a range has each of its numbers looked for by its end.
CREATE INDEX room_voids_last ON federation.room_voids
    (room_id, origin, epoch, lane, last);
CREATE INDEX room_voids_proof ON federation.room_voids (proof_id);
CREATE INDEX room_voids_gone ON federation.room_voids (declared_at)
    WHERE gone AND NOT told;

-- What an origin's own head of a stream named last (epoch 0: a home's, of the
-- room's state): that much of what is under a revoked certificate it vouches
-- for. serial: that the envelope's certificate had at least.
CREATE TABLE federation.room_stated (
	room_id		uuid NOT NULL
	    REFERENCES federation.federated_rooms (id),
	origin		text NOT NULL,
	epoch		bigint NOT NULL,
	lane		integer NOT NULL,
	sequence	bigint NOT NULL,
	digest		bytea NOT NULL CHECK (octet_length(digest) = 32),
	highest		bigint NOT NULL,
	tip		bytea NOT NULL CHECK (octet_length(tip) = 32),
	serial		bigint NOT NULL,
	PRIMARY KEY (room_id, origin, epoch, lane)
);

-- Contradictions in rooms, whole, so that they can be shown to others: two
-- documents as server_sync has them.
CREATE TABLE federation.room_evidence (
	id		bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	room_id		uuid NOT NULL
	    REFERENCES federation.federated_rooms (id),
	origin		text NOT NULL,	-- who signed both
	kind		text NOT NULL CHECK (kind IN ('STATE_CONFLICT',
	    'STATE_INVALID', 'SEQUENCE_CONFLICT', 'ID_CONFLICT')),
	epoch		bigint NOT NULL DEFAULT 0,	-- 0: state
	lane		integer NOT NULL DEFAULT 0,
	number		bigint NOT NULL,
	first		bytea NOT NULL,
	second		bytea NOT NULL,
	created_at	timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX room_evidence_place
    ON federation.room_evidence (room_id, origin, epoch, lane, number);

-- Limits, as the daemon told them when it last started; one row. What an
-- application's calls are held to at once: bytes of a room key, of metadata in
-- clear, of a room's metadata, of a message's content; servers of a list; and
-- in seconds how long an invitation lasts when nothing is said and at most,
-- after how long a home is called silent, and how long messages may wait for
-- the daemon before they are counted. Then how much evidence of one kind is
-- kept of an origin; events, certificates and bytes of events in one item
-- "room_state"; how many seconds what is settled stays; and how many epochs of
-- an origin are kept in a room.
CREATE TABLE federation.room_limits (
	one_row		boolean PRIMARY KEY DEFAULT true CHECK (one_row),
	room_key	bigint NOT NULL,
	clear		bigint NOT NULL,
	metadata	bigint NOT NULL,
	content		bigint NOT NULL,
	servers		bigint NOT NULL,
	invite		bigint NOT NULL,
	invite_most	bigint NOT NULL,
	silent		bigint NOT NULL,
	waiting		bigint NOT NULL,
	evidence	bigint NOT NULL,
	events		bigint NOT NULL,
	certificates	bigint NOT NULL,
	bytes		bigint NOT NULL,
	settled		bigint NOT NULL,
	epochs		bigint NOT NULL
);
