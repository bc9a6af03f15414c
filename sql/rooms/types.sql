-- SPDX-License-Identifier: ISC
-- Rooms: what the daemon is told and what it writes, as composite types. Each
-- has its counterpart in C by the same name (fed-queued/db/types.def), column
-- by column: the daemon compares them when it connects.
--
-- Times are in seconds since 1970, 0 none, where nothing else is said.

-- What several parts have in common -----------------------------------------

-- A room's state as room_states has it. Null as a whole: the room is not known.
CREATE TYPE federation.room_state_row AS (
	version		bigint,
	number		bigint,
	hash		bytea,
	event_time	bigint,
	closed		bigint,
	disputed	bigint,
	require_invite	boolean,
	federated	boolean,
	restricted	boolean
);

-- A membership, the last one where nothing else is said. Null: there is none.
CREATE TYPE federation.room_member_row AS (
	state_joined	bigint,
	state_left	bigint
);

-- An invitation in the chain. Null: there is none.
CREATE TYPE federation.room_invitation_row AS (
	nonce		bytea,
	number		bigint,
	expires		bigint,
	used		bigint,
	inviter		text,
	invitee		text
);

-- A state event. Of one that we decide certificate and signature are null.
CREATE TYPE federation.room_event_row AS (
	kind		text,
	number		bigint,
	key_id		bytea,
	certificate	bytea,
	signing_text	bytea,
	payload		bytea,
	signature	bytea
);

-- State -------------------------------------------------------------------

-- Whom an event is about. invited: number of the newest invitation that is not
-- used; listed: their server is on the list of allowed servers; server_in: it
-- has a member.
CREATE TYPE federation.room_subject_row AS (
	member		federation.room_member_row,
	invited		bigint,
	listed		boolean,
	server_in	boolean
);

-- Since when our database is restored, and how many of the servers that have a
-- member have told since how far they are.
CREATE TYPE federation.room_recovery_row AS (
	since		bigint,
	servers		bigint,
	asked		bigint
);

-- What an event is judged by, and a request. wanted: the room's events are
-- taken at all; known: the hash of the event that we have under its number;
-- servers: of others that have a member; pending: an event of ours is not
-- signed yet; creating: our application's wish to create the room is not
-- decided yet; digest: what who asks named with the same id before.
CREATE TYPE federation.room_event_facts_row AS (
	state		federation.room_state_row,
	wanted		boolean,
	known		bytea,
	subject		federation.room_subject_row,
	inviter		federation.room_member_row,
	invitation	federation.room_invitation_row,
	servers		bigint,
	pending		boolean,
	creating	boolean,
	recovery	federation.room_recovery_row,
	digest		bytea
);

-- What an event changes beside the state. members: room_state.h's enum
-- room_change.
CREATE TYPE federation.room_effect_row AS (
	members		text,
	invitation_add	boolean,
	invitation_used	boolean,
	servers_set	boolean
);

-- What our application asked of a room of ours. servers: with commas between;
-- null all.
CREATE TYPE federation.room_request_row AS (
	id		uuid,
	kind		text,
	member		text,
	inviter		text,
	nonce		bytea,
	expires		bigint,
	require_invite	boolean,
	enabled		boolean,
	servers		text,
	metadata	bytea
);

-- What is next in a room of ours: an event that is not signed (signing_text to
-- request, as room_state_events has them), and the first request. last_key: of
-- the certificate that signed the last event.
CREATE TYPE federation.room_home_next_row AS (
	signing_text	bytea,
	payload		bytea,
	mark		bigint,
	request		uuid,
	last_key	bytea,
	asked		federation.room_request_row
);
