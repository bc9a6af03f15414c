-- SPDX-License-Identifier: ISC
-- torfed's schema: tables, types and indexes; those of rooms are in
-- rooms/schema.sql.
--
-- The file "order" names the files that make the schema, in the order in which
-- "fedctl db migrate" applies them: all in one transaction, as the owner.
-- Tables come first, then roles.sql, then a file for each subject, which ends
-- with what others may call of it, and owners.sql last. The program was built
-- with the checksums of these files and takes no others. From the first
-- release on they stay as they are, and what changes is a file in migrations/,
-- NNNN_name.sql, which counts from 0002.
--
-- Every column that refers to a server has an index that begins with it:
-- strangers are evicted all the time, and PostgreSQL looks into each of these
-- tables before it lets a server go.

CREATE SCHEMA federation;

-- One row a version, written by "fedctl db migrate": 1 is these files, each
-- migration is one more. checksum: SHA-256 of the migration; of version 1, of
-- the list of its files' sums, as sha256sum prints it. The daemon refuses a
-- database that has other rows than those that it was built for.
CREATE TABLE federation.schema_version (
	version		integer PRIMARY KEY CHECK (version > 0),
	checksum	text NOT NULL CHECK (checksum ~ '^[0-9a-f]{64}$'),
	applied_at	timestamptz NOT NULL DEFAULT now()
);

-- Servers ------------------------------------------------------------------

-- Servers we know. public_key is the identity key, lower-case hexadecimal: the
-- same 32 bytes as the address.
CREATE TABLE federation.federation_servers (
	id			uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	onion_address		varchar(62) NOT NULL UNIQUE
	    CHECK (onion_address ~ '^[a-z2-7]{56}\.onion$'),
	public_key		text NOT NULL
	    CHECK (public_key ~ '^[0-9a-f]{64}$'),
	server_name		varchar(255) NOT NULL DEFAULT '',
	server_description	text NOT NULL DEFAULT '',
	is_trusted		boolean NOT NULL
	    GENERATED ALWAYS AS (trust_level >= 2) STORED,
	trust_level		integer NOT NULL DEFAULT 0
	    CHECK (trust_level BETWEEN -1 AND 3),
	verified_at		timestamptz,
	last_seen		timestamptz,
	last_handshake		timestamptz,
	connection_failures	integer NOT NULL DEFAULT 0,
	is_online		boolean NOT NULL DEFAULT false,
	software_version	varchar(50),
	supported_protocols	jsonb NOT NULL DEFAULT '[]',
	federation_metadata	jsonb NOT NULL DEFAULT '{}',
	created_at		timestamptz NOT NULL DEFAULT now(),
	updated_at		timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX federation_servers_trust
    ON federation.federation_servers (trust_level);
CREATE INDEX federation_servers_online
    ON federation.federation_servers (is_online);

-- Ourselves, as fed-queued says when it starts; one row once it has. mark: see
-- common/room/room_restore.h. epoch: of what we write in rooms.
CREATE TABLE federation.self (
	one_row		boolean PRIMARY KEY DEFAULT true CHECK (one_row),
	onion_address	varchar(62) NOT NULL
	    CHECK (onion_address ~ '^[a-z2-7]{56}\.onion$'),
	-- our certificate, text LF signature LF
	certificate	bytea NOT NULL,
	-- serial of the first certificate: nobody who is known here knew an
	-- earlier one
	first_serial	bigint,
	mark		bigint NOT NULL DEFAULT 1,
	epoch		bigint NOT NULL,
	-- the highest epoch of ours that a peer has proved
	epoch_seen	bigint NOT NULL DEFAULT 0,
	-- since when the database counts as restored; null: it does not
	restored_at	timestamptz,
	-- a start found the log of signatures empty
	began_at	timestamptz,
	-- of epochs below that one the log cannot tell what we signed
	old_epoch	bigint NOT NULL DEFAULT 0,
	-- our signature over what we have not signed: since when, the highest
	-- serial of its certificates, and when an epoch began for that
	alarmed_at	timestamptz,
	alarm_serial	bigint NOT NULL DEFAULT 0,
	alarm_epoch_at	timestamptz
);

-- What the daemon needs to remember of a server beside the table above.
CREATE TABLE federation.peers (
	server_id	uuid PRIMARY KEY
	    REFERENCES federation.federation_servers (id),
	-- an admin touched the row (added, trusted, blocked): never evicted
	kept		boolean NOT NULL DEFAULT false,
	highest_serial	bigint NOT NULL DEFAULT 0,
	min_serial	bigint NOT NULL DEFAULT 0,
	-- serial of our own certificate that the server last acknowledged
	told_serial	bigint NOT NULL DEFAULT 0,
	-- back-off of the destination
	retry_at	timestamptz,
	retry_count	integer NOT NULL DEFAULT 0,
	last_code	text,
	-- isolation credentials: raised to force fresh circuits
	generation	integer NOT NULL DEFAULT 0,
	-- an admin lets nothing be sent there
	paused_at	timestamptz,
	-- raised when an admin ends the back-off: workers then forget theirs
	woken		integer NOT NULL DEFAULT 0,
	-- messages delivered whose rows have been pruned
	delivered	bigint NOT NULL DEFAULT 0
);

-- Deleted servers: trust and serials never start anew. Of those that no admin
-- ever touched (kept false) only the latest few thousand stay, since anybody
-- can make new addresses.
CREATE TABLE federation.tombstones (
	onion_address	varchar(62) PRIMARY KEY,
	kept		boolean NOT NULL,
	trust_level	integer NOT NULL,
	highest_serial	bigint NOT NULL,
	min_serial	bigint NOT NULL,
	deleted_at	timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX tombstones_untouched
    ON federation.tombstones (deleted_at) WHERE NOT kept;

-- Certificates that verified, each kept whole: text LF signature LF.
CREATE TABLE federation.certificates (
	key_id		bytea PRIMARY KEY CHECK (octet_length(key_id) = 32),
	server_id	uuid NOT NULL
	    REFERENCES federation.federation_servers (id),
	serial		bigint NOT NULL,
	certificate	bytea NOT NULL,
	first_seen	timestamptz NOT NULL DEFAULT now(),
	UNIQUE (server_id, serial)
);

-- Users --------------------------------------------------------------------

CREATE TABLE federation.federated_users (
	id			uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	local_id		text NOT NULL,		-- user@server.onion
	remote_server_id	uuid NOT NULL
	    REFERENCES federation.federation_servers (id),
	username		varchar(255) NOT NULL,
	display_name		varchar(255),
	public_key		text,
	avatar			bytea,
	last_updated		timestamptz NOT NULL DEFAULT now(),
	cache_expires_at	timestamptz,
	created_at		timestamptz NOT NULL DEFAULT now(),
	UNIQUE (local_id, remote_server_id)
);
CREATE INDEX federated_users_server
    ON federation.federated_users (remote_server_id);

-- What federated_users lacks. federated_users.public_key is base64;
-- last_updated is when the user was last found.
CREATE TABLE federation.user_keys (
	user_id			uuid PRIMARY KEY
	    REFERENCES federation.federated_users (id),
	key_epoch		bigint NOT NULL,
	-- the key that this one took the place of
	previous_key		bytea,
	previous_epoch		bigint,
	changed_at		timestamptz,
	-- the server does not show the user any more, or not to us
	gone_at			timestamptz,
	-- the server has contradicted itself, see federation.evidence
	contradicted_at		timestamptz,
	-- the server's certificate and its signed answer with this key
	proof			bytea NOT NULL
);

-- Look-ups that wait for an answer, one for each user asked for. id is the
-- request's on the wire and becomes the event's in the inbox.
CREATE TABLE federation.user_lookups (
	id		uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	server_id	uuid NOT NULL
	    REFERENCES federation.federation_servers (id),
	handle		text NOT NULL,
	requested_at	timestamptz NOT NULL DEFAULT now(),
	next_attempt_at	timestamptz NOT NULL DEFAULT now(),
	worker		uuid,
	lease_until	timestamptz,
	UNIQUE (server_id, handle)
);

-- Users of this server. A row whose key is null was withdrawn: it stays so
-- that the key's epoch never goes back.
CREATE TABLE federation.local_users (
	handle		text PRIMARY KEY
	    CHECK (handle ~ '^[a-z0-9][a-z0-9._-]{0,63}$'),
	public_key	bytea
	    CHECK (octet_length(public_key) BETWEEN 1 AND 2048),
	key_epoch	bigint NOT NULL,
	display_name	text,
	avatar		bytea CHECK (octet_length(avatar) BETWEEN 1 AND 16384),
	-- looked up, it is as if it were not there
	hidden		boolean NOT NULL DEFAULT false,
	created_at	timestamptz NOT NULL DEFAULT now(),
	updated_at	timestamptz NOT NULL DEFAULT now()
);

-- The queue ----------------------------------------------------------------

-- What happened to a message on its way, but for the start and a good end. The
-- same failure again and again is one of these: at, until and how many times.
CREATE TYPE federation.message_event AS (
	at		timestamptz,
	until		timestamptz,		-- null: at
	event		text,			-- see federation.history_add
	code		text,
	actor		text,			-- as in federation.audit
	times		integer
);

-- Outbound. id gives the order inside a lane; encrypted_payload is exactly what
-- the application handed over. A row that an admin holds waits, whatever is
-- due, and still counts and ends with its lifetime. Other types than message
-- are of rooms.
--
-- Whatever waits, waits at the level that it concerns: a server (peers), or a
-- row. A row that was refused or put off has postponed above 0, and is due by
-- itself at next_attempt_at; all others are due now. Rows of one line keep
-- their order: those behind one that waits do so, too, and nothing says it in
-- them. A row without a line waits for none, and none for it. See
-- federation.queue_claim().
CREATE TABLE federation.federated_message_queue (
	id			bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	message_id		uuid NOT NULL,
	destination_server_id	uuid NOT NULL
	    REFERENCES federation.federation_servers (id),
	status			text NOT NULL DEFAULT 'pending'
	    CHECK (status IN ('pending', 'sending', 'delivered', 'failed')),
	attempts		integer NOT NULL DEFAULT 0,
	max_attempts		integer NOT NULL DEFAULT 5,
	next_attempt_at		timestamptz NOT NULL DEFAULT now(),
	last_error		text,
	encrypted_payload	bytea NOT NULL,
	priority		integer NOT NULL DEFAULT 2
	    CHECK (priority BETWEEN 1 AND 3),
	created_at		timestamptz NOT NULL DEFAULT now(),
	delivered_at		timestamptz,
	-- federation.exchanges, whose rows go earlier where receipts do
	exchange_id		bigint,
	held_at			timestamptz,
	history			federation.message_event[],
	type			text NOT NULL DEFAULT 'message'
	    CHECK (type IN ('message', 'room_invite', 'room_join',
	    'room_leave', 'room_state')),
	-- of a message in a room: the room; of what a member asks of a room's
	-- home: these two
	line			uuid,
	postponed		integer NOT NULL DEFAULT 0,
	UNIQUE (message_id, destination_server_id)
) WITH (autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX federated_message_queue_status ON
    federation.federated_message_queue (status, destination_server_id, priority)
    WHERE status IN ('pending', 'sending');

-- What may be sent, in its order; held rows are not in the way of others, nor
-- are those that wait by themselves.
CREATE INDEX federated_message_queue_destination
    ON federation.federated_message_queue (destination_server_id, priority, id)
    WHERE status IN ('pending', 'sending') AND held_at IS NULL
    AND postponed = 0;
-- The same line by line, for a lane in which one waits.
CREATE INDEX federated_message_queue_line
    ON federation.federated_message_queue (destination_server_id, priority,
	line, id) WHERE status IN ('pending', 'sending') AND held_at IS NULL
    AND (line IS NOT NULL OR postponed = 0);
-- What waits by itself, and when it is due; which of it others wait for.
CREATE INDEX federated_message_queue_postponed
    ON federation.federated_message_queue (destination_server_id, priority,
	next_attempt_at) WHERE status IN ('pending', 'sending')
    AND held_at IS NULL AND postponed > 0;
CREATE INDEX federated_message_queue_stopped
    ON federation.federated_message_queue (destination_server_id, priority,
	line) WHERE status IN ('pending', 'sending') AND held_at IS NULL
    AND postponed > 0 AND line IS NOT NULL;
CREATE INDEX federated_message_queue_held
    ON federation.federated_message_queue (destination_server_id, priority, id)
    WHERE status IN ('pending', 'sending') AND held_at IS NOT NULL;

-- What is to be pruned, by age; a failed row's next_attempt_at is when it died.
CREATE INDEX federated_message_queue_delivered
    ON federation.federated_message_queue (delivered_at)
    WHERE status = 'delivered';
CREATE INDEX federated_message_queue_failed
    ON federation.federated_message_queue (next_attempt_at)
    WHERE status = 'failed';
CREATE INDEX federated_message_queue_dead
    ON federation.federated_message_queue (destination_server_id, priority, id)
    WHERE status = 'failed';
CREATE INDEX federated_message_queue_server
    ON federation.federated_message_queue (destination_server_id);

-- How many messages may wait for one destination; one row.
CREATE TABLE federation.limits (
	one_row		boolean PRIMARY KEY DEFAULT true CHECK (one_row),
	quota		integer NOT NULL DEFAULT 100000
	    CHECK (quota BETWEEN 1 AND 100000000)
);
INSERT INTO federation.limits DEFAULT VALUES;

-- How many messages waited for a destination when they were last counted, and
-- the newest id at that time (see federation.queue_full). A row for each
-- server, which comes and goes with it by a trigger.
CREATE TABLE federation.queue_depths (
	server_id	uuid PRIMARY KEY,
	waiting		integer NOT NULL DEFAULT 0,
	last_id		bigint NOT NULL DEFAULT 0,
	counted_at	timestamptz NOT NULL DEFAULT '-infinity'
);

-- A claim is a lease of (destination, lane): whoever holds it may have one
-- request in flight there, and no other worker may. A row that is past its
-- deadline, or whose owner's incarnation ended, is anybody's.
CREATE TABLE federation.leases (
	server_id	uuid NOT NULL
	    REFERENCES federation.federation_servers (id),
	priority	integer NOT NULL CHECK (priority BETWEEN 1 AND 3),
	claim_id	uuid NOT NULL,
	worker		uuid NOT NULL,
	deadline	timestamptz NOT NULL,
	PRIMARY KEY (server_id, priority)
);
CREATE INDEX leases_worker ON federation.leases (worker);

-- Starts of fed-queued. name tells workers on one database apart (host and
-- configuration); a new incarnation of a name frees the old one's leases.
CREATE TABLE federation.incarnations (
	id		uuid PRIMARY KEY,
	name		text NOT NULL,
	started_at	timestamptz NOT NULL DEFAULT now(),
	seen_at		timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX incarnations_name ON federation.incarnations (name);

CREATE TABLE federation.epochs (
	epoch		bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	incarnation	uuid NOT NULL REFERENCES federation.incarnations (id),
	reason		text NOT NULL,
	started_at	timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX epochs_incarnation ON federation.epochs (incarnation);

-- Receiving ----------------------------------------------------------------

-- Ids already received, with the digest of what they named: replay protection.
-- Kept 45 days, longer than a message may live.
CREATE TABLE federation.received_ids (
	server_id	uuid NOT NULL
	    REFERENCES federation.federation_servers (id),
	message_id	uuid NOT NULL,
	digest		bytea NOT NULL CHECK (octet_length(digest) = 32),
	received_at	timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (server_id, message_id)
);
CREATE INDEX received_ids_age ON federation.received_ids
    USING brin (received_at);

-- Inbound, for the chat server: claimed with a lease, then acknowledged. A row
-- without server tells of something that was done here.
CREATE TABLE federation.inbox (
	inbox_id	bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	message_id	uuid NOT NULL,
	server_id	uuid
	    REFERENCES federation.federation_servers (id),
	type		text NOT NULL,
	payload		bytea NOT NULL,
	trust_level	integer NOT NULL,
	received_at	timestamptz NOT NULL DEFAULT now(),
	lease_until	timestamptz,
	acknowledged_at	timestamptz
) WITH (autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX inbox_open ON federation.inbox (inbox_id)
    WHERE acknowledged_at IS NULL;
CREATE INDEX inbox_acknowledged ON federation.inbox (acknowledged_at)
    WHERE acknowledged_at IS NOT NULL;
CREATE INDEX inbox_server ON federation.inbox (server_id);

-- Receipts, evidence and upkeep --------------------------------------------

-- Exchanges that delivered something: what we signed and what the peer signed
-- in return. The signing texts are whole, so that the signatures can be
-- verified from here alone.
CREATE TABLE federation.exchanges (
	id		bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	server_id	uuid NOT NULL
	    REFERENCES federation.federation_servers (id),
	request_text	bytea NOT NULL,		-- the request's signing text
	ack_text	bytea NOT NULL,		-- the acknowledgement's
	ack_signature	bytea NOT NULL,
	ack_payload	bytea NOT NULL,		-- canonical
	key_id		bytea NOT NULL,		-- the peer's certificate
	received_at	timestamptz NOT NULL DEFAULT now()
);

-- key_id: a certificate stays as long as a receipt needs it.
CREATE INDEX exchanges_server ON federation.exchanges (server_id, key_id);
CREATE INDEX exchanges_age ON federation.exchanges
    USING brin (received_at) WITH (autosummarize = on);

-- Proof that a peer committed an item: in which exchange. Where in it stands
-- in the request's signing text. No table: a row for each message beside the
-- one that says that it was delivered cost more than all the rest of that.
CREATE VIEW federation.receipts AS
    SELECT q.id AS queue_id, q.message_id,
	q.destination_server_id AS server_id, q.exchange_id
    FROM federation.federated_message_queue q
    JOIN federation.exchanges e ON e.id = q.exchange_id;

-- Contradictions that a server signed or showed, kept for the admin.
CREATE TABLE federation.evidence (
	id		bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	server_id	uuid NOT NULL
	    REFERENCES federation.federation_servers (id),
	-- ID_CONFLICT, CERTIFICATE_CONFLICT
	kind		text NOT NULL,
	message_id	uuid,
	first		bytea NOT NULL,
	second		bytea NOT NULL,
	created_at	timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX evidence_server ON federation.evidence (server_id, kind);

-- How far pruning has come; one row. Rows delivered before payloads_until have
-- no payload any more.
CREATE TABLE federation.pruning (
	one_row		boolean PRIMARY KEY DEFAULT true CHECK (one_row),
	payloads_until	timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO federation.pruning DEFAULT VALUES;

-- What an admin changed, by which way.
CREATE TABLE federation.audit (
	id		bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	actor		text NOT NULL,		-- "uid 0", or a database role
	action		text NOT NULL,
	onion_address	varchar(62),
	detail		text,
	created_at	timestamptz NOT NULL DEFAULT now()
);
