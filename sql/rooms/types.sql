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

-- An invitation as it is shown to us. invitee: the name of one of ours;
-- showing: quarantine, pending or automatic.
CREATE TYPE federation.room_shown_row AS (
	nonce		bytea,
	event_hash	bytea,
	invitee		text,
	inviter		text,
	room_key	text,
	metadata	text,
	expires		bigint,
	showing		text
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

-- The limits (room_limits).
CREATE TYPE federation.room_limits_row AS (
	room_key	bigint,
	clear		bigint,
	metadata	bigint,
	content		bigint,
	servers		bigint,
	invite		bigint,
	invite_most	bigint,
	silent		bigint,
	waiting		bigint,
	evidence	bigint,
	events		bigint,
	certificates	bigint,
	bytes		bigint,
	settled		bigint,
	epochs		bigint
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
-- member have told since how far they are; the server whose chain is adopted,
-- and since when.
CREATE TYPE federation.room_recovery_row AS (
	since		bigint,
	servers		bigint,
	asked		bigint,
	adopt_from	text,
	adopting	bigint
);

-- What an event is judged by, and a request. wanted: the room's events are
-- taken, but for what was forgotten; known: the hash of the event that we have
-- under its number; servers: of others that have a member; pending: an event of
-- ours is not signed yet; creating: our application's request to create the
-- room is not decided yet; digest: what who asks named with the same id before.
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

-- Streams and messages ------------------------------------------------------

-- A stream as room_streams has it. Null: there is none.
CREATE TYPE federation.room_stream_row AS (
	epoch		bigint,
	lane		integer,
	contiguous	bigint,
	highest		bigint,
	gap_since	bigint,
	forked		bigint,
	seen		bytea
);

-- What an origin signed whole (room_proofs). payload: null where it is that of
-- each item.
CREATE TYPE federation.room_proof_row AS (
	signing_text	bytea,
	signature	bytea,
	key_id		bytea,
	payload		bytea
);

-- A message that is asked about.
CREATE TYPE federation.room_place_row AS (
	message_id	uuid,
	sender		text,
	lane		integer,
	epoch		bigint,
	sequence	bigint,
	state_number	bigint
);

-- An origin in a room. trust_level: 3 of ourselves, null not known;
-- server_seen: it has or had a member; here: one of ours is a member;
-- waiting: one of ours waits to be let in; restored: since when our database
-- is; answered: the home has told since how far it is; held: messages, of the
-- room and of them of the origin; floor: the lowest epoch of it that is kept, 0
-- while there are few; out_kind, out_learned: the event by which the last of
-- ours went, while none is there.
CREATE TYPE federation.room_origin_row AS (
	trust_level	integer,
	server_seen	boolean,
	here		boolean,
	waiting		boolean,
	restored	bigint,
	answered	boolean,
	held		bigint,
	held_server	bigint,
	floor		bigint,
	out_kind	text,
	out_learned	bigint
);

-- What is stored beside a number; see room_digest().
CREATE TYPE federation.room_beside_row AS (
	before		bytea,
	at		bytea,
	at_void		boolean,
	after		bytea
);

-- What a message is judged by. member: the sender's last membership that began
-- at or before its state number; left_learned: when the event that ended it
-- was applied; known: the digest that its id was received with; refused: that
-- of one that was not taken.
CREATE TYPE federation.room_message_facts_row AS (
	state		federation.room_state_row,
	now		bigint,
	origin		federation.room_origin_row,
	member		federation.room_member_row,
	left_learned	bigint,
	here_then	boolean,
	known		bytea,
	refused		bytea,
	stream		federation.room_stream_row,
	beside		federation.room_beside_row
);

-- A message as it was judged. status: taken, held or refused (a number that is
-- settled all the same), or conflict: not kept; again: it is to be judged
-- again; shown: it goes to the
-- application; disputed: not 0, it is evidence, of SEQUENCE_CONFLICT about
-- that number, or of ID_CONFLICT.
CREATE TYPE federation.room_message_row AS (
	message_id	uuid,
	digest		bytea,
	sender		text,
	message_type	text,
	status		text,
	code		text,
	flags		integer,
	again		boolean,
	shown		boolean,
	lane		integer,
	epoch		bigint,
	sequence	bigint,
	state_number	bigint,
	previous	bytea,
	payload		bytea,
	disputed	bigint
);

-- A message that waits for a state, or was taken without.
CREATE TYPE federation.room_open_row AS (
	state		federation.room_state_row,
	now		bigint,
	id		bigint,
	member		text,
	status		text,
	flags		integer,
	state_number	bigint,
	since		bigint,
	server_seen	boolean,
	membership	federation.room_member_row,
	left_learned	bigint
);

-- What became of it. shown: it goes to the application, which it did not
-- before.
CREATE TYPE federation.room_judged_row AS (
	id		bigint,
	status		text,
	code		text,
	flags		integer,
	again		boolean,
	shown		boolean
);

-- A message of ours without a place. member: the sender's last membership;
-- leaving: he asked to leave before; tip: the digest of the stream's last
-- number.
CREATE TYPE federation.room_draft_row AS (
	id		bigint,
	message_id	uuid,
	sender		text,
	lane		integer,
	content		bytea,
	message_type	text,
	metadata	text
);
CREATE TYPE federation.room_new_row AS (
	state		federation.room_state_row,
	now		bigint,
	epoch		bigint,
	draft		federation.room_draft_row,
	member		federation.room_member_row,
	leaving		boolean,
	stream		federation.room_stream_row,
	tip		bytea
);

-- Its place. code: null, or why it is refused; then it has none.
CREATE TYPE federation.room_numbered_row AS (
	id		bigint,
	code		text,
	sequence	bigint,
	digest		bytea,
	previous	bytea,
	payload		bytea
);

-- server_sync ---------------------------------------------------------------

-- Something that was signed, with the certificate that verifies it.
CREATE TYPE federation.room_signed_row AS (
	certificate	bytea,
	signing_text	bytea,
	signature	bytea,
	payload		bytea
);

-- How far we are in a room. home: the server that is told is its home; peer:
-- its last membership there. last_hash, peer_hash: of the last event that
-- stands, and of the one by which that membership ended.
CREATE TYPE federation.sync_head_row AS (
	room		text,
	state		federation.room_state_row,
	last_hash	bytea,
	home		boolean,
	peer		federation.room_member_row,
	peer_hash	bytea
);

-- The same of a stream. digest: of contiguous; tip: of highest.
CREATE TYPE federation.sync_stream_row AS (
	room		text,
	origin		text,
	epoch		bigint,
	lane		integer,
	contiguous	bigint,
	highest		bigint,
	forked		bigint,
	digest		bytea,
	tip		bytea
);

-- What a head of others is compared with. ours: the hash of our event of its
-- number; own: we are the home; here: one of ours is a member; restored: since
-- when our database is.
CREATE TYPE federation.sync_compared_row AS (
	state		federation.room_state_row,
	ours		bytea,
	own		boolean,
	here		boolean,
	restored	bigint
);

-- A stream of others that is to be compared.
CREATE TYPE federation.sync_ask_row AS (
	room		text,
	origin		text,
	epoch		bigint,
	lane		integer,
	sequence	bigint,
	highest		bigint
);

-- What it is compared with. here: it is compared at all; ours, tip: our digests
-- of its numbers; own: it is ours, current: of our present epoch.
CREATE TYPE federation.sync_compared_stream_row AS (
	here		boolean,
	stream		federation.room_stream_row,
	ours		bytea,
	tip		bytea,
	own		boolean,
	current		boolean,
	floor		bigint
);

-- An event to be given to a server, whose last membership peer is.
CREATE TYPE federation.sync_event_row AS (
	event		federation.room_event_row,
	home		boolean,
	peer		federation.room_member_row,
	closed		bigint
);

-- The stream of a range that a server asks for, and whether it has a member
-- now.
CREATE TYPE federation.sync_range_row AS (
	stream		federation.room_stream_row,
	state		federation.room_state_row,
	member_now	boolean
);

-- What stands at a number of it: an item, with what its origin signed, or, of
-- our own, its row in the server's queue: coming, delivered, dead or none.
-- member_then: the server had a member when it was written; age: in seconds;
-- kept: there is a payload; sent: see room_items; cancelled: for all that it
-- was to go to.
CREATE TYPE federation.sync_item_row AS (
	sequence	bigint,
	digest		bytea,
	id		bigint,
	status		text,
	state_number	bigint,
	member_then	boolean,
	payload		bytea,
	proof_id	bigint,
	signing		federation.room_signed_row,
	queue		text,
	age		bigint,
	kept		boolean,
	sent		boolean,
	cancelled	boolean,
	range		federation.sync_range_row
);

-- What a declaration is judged by. beside: the number before its first, its
-- last, and what the one behind calls previous.
CREATE TYPE federation.sync_void_facts_row AS (
	state		federation.room_state_row,
	stream		federation.room_stream_row,
	beside		federation.room_beside_row,
	floor		bigint
);

-- A declaration: numbers that their origin declared void, or gone.
CREATE TYPE federation.room_void_row AS (
	gone		boolean,
	first		bigint,
	last		bigint,
	previous	bytea,
	digest		bytea
);

-- Numbers of a stream, to be asked for.
CREATE TYPE federation.sync_range_ask_row AS (
	room		text,
	origin		text,
	epoch		bigint,
	lane		integer,
	first		bigint,
	last		bigint
);

-- What is in dispute. epoch 0: the room's state. first, last: where an item
-- may stand against it.
CREATE TYPE federation.sync_dispute_row AS (
	origin		text,
	kind		text,
	epoch		bigint,
	lane		integer,
	number		bigint
);
