-- SPDX-License-Identifier: ISC
-- The tables of an ordinary small chat server, in its schema: what the example
-- client (examples/fedchat) keeps, and what "fedctl db attach" can be tried
-- on. Not a migration of torfed's; a chat server brings its own. Run it as the
-- database's owner, after "fedctl db migrate":
--
--	psql -f schema.sql chat
--
-- The server stores what clients have encrypted and knows no secret key.

BEGIN;

CREATE SCHEMA chat;

-- Users of this server.
CREATE TABLE chat.users (
	handle		text PRIMARY KEY
	    CHECK (handle ~ '^[a-z0-9][a-z0-9._-]{0,63}$'),
	display_name	text,
	public_key	bytea NOT NULL,
	created_at	timestamptz NOT NULL DEFAULT now()
);

-- Rooms that somebody here made or is in.
CREATE TABLE chat.rooms (
	id		uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	global_room_id	text UNIQUE,	-- uuid@server.onion
	creator		text,		-- a handle; null: made elsewhere
	-- null where clients keep it from the server
	title		text,
	created_at	timestamptz NOT NULL DEFAULT now()
);

-- What is new, in the order in which it came, so that a client can go on where
-- it was: messages and events share the numbers. Whoever adds something holds
-- an exclusive lock of chat.events, so that they are committed in order.
CREATE SEQUENCE chat.arrivals;

CREATE TABLE chat.messages (
	-- our own: the id it travels under. Of others, who may choose the
	-- same, one of ours.
	id		uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	number		bigint NOT NULL UNIQUE
	    DEFAULT nextval('chat.arrivals'),
	room_id		uuid NOT NULL REFERENCES chat.rooms (id),
	sender		text NOT NULL,	-- a handle, or handle@server.onion
	message_id	uuid,		-- the id it came under
	message_type	text NOT NULL DEFAULT 'text',
	body		bytea NOT NULL,	-- ciphertext
	sent_at		timestamptz NOT NULL DEFAULT now(),
	-- of others received; ours: see federation.room_delivery, too
	state		text NOT NULL DEFAULT 'received'
	    CHECK (state IN ('received', 'sent', 'delivered', 'failed'))
);
CREATE INDEX messages_room ON chat.messages (room_id, number);
CREATE INDEX messages_sent ON chat.messages (number) WHERE state = 'sent';

-- What happened in rooms and to users, as torfed told it.
CREATE TABLE chat.events (
	number		bigint PRIMARY KEY DEFAULT nextval('chat.arrivals'),
	type		text NOT NULL,	-- room, user
	payload		jsonb NOT NULL,
	trust_level	integer NOT NULL,
	received_at	timestamptz NOT NULL DEFAULT now()
);

-- A client asks for nothing beyond this schema and torfed's contract.
GRANT USAGE ON SCHEMA chat TO fed_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA chat TO fed_app;
GRANT USAGE ON SEQUENCE chat.arrivals TO fed_app;

COMMIT;
