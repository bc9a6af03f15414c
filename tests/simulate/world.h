/* SPDX-License-Identifier: ISC */
/*
 * The simulated world: three to five servers, perhaps a twin of one (two
 * servers with one key: that is what an equivocating server looks like to the
 * others), rooms, packets under way. Decisions are libroom's; what is here
 * plays the database and the network. Nothing depends on anything but the list
 * of operations, so a history can be run again and cut shorter.
 *
 * Signatures are played by the ledger: events and items exist there once, byte
 * for byte, with who made them, and a packet refers to one. Nobody can show
 * what is not in it.
 *
 * With databases (sql/mirror.h) production does the same beside it, and what it
 * decides by and has stored then is compared.
 */
#ifndef TORFED_SIMULATE_WORLD_H
#define TORFED_SIMULATE_WORLD_H

#include "json/signed_event.h"
#include "proto/cert.h"
#include "room/room_heads.h"
#include "room/room_home.h"
#include "room/room_invite.h"
#include "room/room_message.h"
#include "room/room_speaker.h"
#include "room/room_vouch.h"

#define SERVERS	    5		  /* identities at most */
#define NODES	    (SERVERS + 1) /* and a twin */
#define TWIN	    SERVERS
#define USERS	    2 /* of each server */
#define ALL_USERS   (SERVERS * USERS)
#define ROOMS	    2
#define LANES_USED  2
#define NUMBERS	    40 /* state events of a room */
#define ROWS	    48 /* memberships of a room */
#define INVITATIONS 24
#define STREAMS	    24
#define ENTRIES	    128 /* messages of a room on one server */
#define VOIDS	    96
#define EVIDENCES   64
#define REQUEST_IDS 64	/* that a home remembers */
#define EVENTS	    256 /* in the ledger */
#define ITEMS	    256
#define PACKETS	    1024
#define NONE	    (-1)
#define NOBODY	    ALL_USERS	    /* a sender who is no user of his server */
#define WORLD_START 1700000000	    /* seconds since 1970 */
#define LIFETIME    (3 * 24 * 3600) /* a message is pushed for so long */
#define KEPT	    (9 * 24 * 3600) /* and kept */

/* An item, signed by its origin. */
struct item {
	struct room_message message;
	int room;
	int origin; /* identity */
	int sender; /* user, or NOBODY */
	uint32_t id;
	uint64_t serial; /* of the certificate it is signed under */
	bool stolen;	 /* by whoever has the key, not by its origin */
};

/* A state event, signed by signer. */
struct event {
	struct room_event event;
	uint8_t hash[ROOM_HASH];
	int room;
	int signer;	   /* identity */
	unsigned int list; /* servers: the new list */
	uint64_t serial;
	bool stolen;
};

enum status { STATUS_TAKEN, STATUS_HELD, STATUS_REFUSED, STATUS_CANCELLED };

/* A message on a server. */
struct entry {
	int item;
	enum status status;
	unsigned int flags;
	enum code code; /* of a refusal */
	int64_t since;
	int64_t came;
	uint64_t serial;    /* of the certificate that proves it; own: 0 */
	bool received;	    /* of others: taken or held once, its id is kept */
	bool sent;	    /* own: left this server at least once */
	bool pruned;	    /* own: its payload is kept no more */
	bool mirrored[2];   /* sent, pruned: the mirror knows */
	int64_t mark;	    /* own: of its first claim */
	unsigned int acked; /* own: identities that settled it */
};

struct declared { /* void or gone, by its origin */
	int origin;
	int64_t epoch;
	int lane;
	struct room_void range;
	uint64_t serial; /* of the certificate that it was declared under */
};

/* What an author's own head names; epoch 0: of the room's state. */
struct stated {
	int origin;
	struct room_stream_head head;
	uint64_t serial; /* the lowest that was not revoked then */
};

struct stream {
	int origin;
	struct room_stream stream;
};

enum evidence_kind { EVIDENCE_STATE, EVIDENCE_SEQUENCE, EVIDENCE_ID };

struct evidence {
	enum evidence_kind kind;
	bool invalid; /* of a state: it breaks the rules */
	int64_t number;
	int a;		     /* in the ledger */
	int b;		     /* NONE: the void that was declared */
	int beside;	     /* with both NONE: the item that it contradicts */
	uint64_t serials[2]; /* of items and declarations: their proofs' */
	/* of a stream; else 0 */
	int origin;
	int64_t epoch;
	int lane;
};

struct membership {
	int user;
	struct room_member member;
};

struct shown { /* an invitation shown to us */
	int event;
	int room;
	int from; /* identity that showed it */
	bool used;
	bool gone; /* the invitee is in the room, or was removed */
};

/* A room on a server: what the database would hold. */
struct room {
	bool known; /* it has a row */
	struct room_state state;
	int chain[NUMBERS + 1]; /* ledger, by number */
	int64_t learned[NUMBERS + 1];
	struct membership rows[ROWS];
	int row_count;
	struct room_invitation invitations[INVITATIONS];
	int invitation_count;
	unsigned int list; /* allowed servers */
	struct stream streams[STREAMS];
	int stream_count;
	struct entry entries[ENTRIES];
	int entry_count;
	struct declared voids[VOIDS];
	int void_count;
	struct stated stated[STREAMS];
	int stated_count;
	struct evidence evidence[EVIDENCES];
	int evidence_count;
	struct room_fork forks[NODES];
	unsigned int answered; /* identities, since the recovery began */
	/* home: since when the chain of that identity is adopted; 0 not */
	int64_t adopting;
	int adopt_from;
	int pending; /* home: an event committed and not yet signed */
	int64_t pending_mark;
	uint32_t pending_request; /* that it answers; 0 none */
	/* what users of ours wait for, by user of the server */
	bool joining[USERS];
	bool asked; /* to join, once: a copy may be judged after a refusal */
	uint8_t nonce[USERS][ROOM_NONCE];
	bool leaving[USERS];
	uint32_t request[USERS]; /* id of the request, at every attempt */
	uint32_t requests[REQUEST_IDS]; /* home: those accepted */
	int request_count;
};

struct database {
	struct room rooms[ROOMS];
	struct shown shown[INVITATIONS];
	int shown_count;
	int64_t epoch;
	int64_t epoch_seen; /* that peers showed of us */
	int64_t restored;   /* when; 0 never */
	int64_t mark;
	uint64_t min_serial[SERVERS]; /* seen of each */
	int64_t revoked[SERVERS];     /* when that became known */
};

struct node {
	bool exists;
	int identity;
	int64_t skew;	  /* of its clock, seconds */
	int64_t log_mark; /* in the sign log: outlives the database */
	struct database db;
	struct database backup;
	bool has_backup;
};

enum packet_kind {
	PACKET_ITEM,
	PACKET_ITEM_ACK,
	PACKET_EVENT,
	PACKET_INVITE_REQUEST,
	PACKET_INVITATION,
	PACKET_JOIN,
	PACKET_LEAVE,
	PACKET_ANSWER,
	PACKET_HEADS,
	PACKET_ASK_EVENTS,
	PACKET_ASK_EVIDENCE,
	PACKET_ASK_ITEMS,
	PACKET_ASK_ITEM_EVIDENCE,
	PACKET_VOID,
	PACKET_EVIDENCE
};

struct packet {
	enum packet_kind kind;
	int from; /* node */
	int to;
	int room;
	int index; /* in the ledger */
	int second;
	int user;
	int other;
	bool one;   /* asked for to be compared */
	bool shown; /* who asks has shown one side */
	bool has_nonce;
	uint8_t nonce[ROOM_NONCE];
	uint32_t id; /* of a request */
	struct room_verdict verdict;
	uint64_t serial; /* of the envelope's certificate */
	uint64_t proof;	 /* of that which proves the item */
	uint64_t proof_second;
	uint64_t run;	     /* the highest of the run that the event is in */
	uint64_t min_serial; /* that it shows */
	/* a range of a stream, or of a room's state */
	int origin;
	int64_t epoch;
	int lane;
	int64_t first;
	int64_t last;
	struct room_void range;
	/* heads */
	bool has_state;
	struct room_head head;
	int head_count;
	struct {
		int origin;
		struct room_stream_head head;
	} heads[STREAMS];
};

struct world {
	int64_t now;
	int servers;
	int dishonest;		  /* identity, or NONE */
	int robbed;		  /* whose first key a thief has, or NONE */
	uint64_t serial[SERVERS]; /* of the certificate of each */
	uint64_t min_serial[SERVERS];
	struct node nodes[NODES];
	int route[NODES][SERVERS]; /* node that an identity is, for a node */
	bool cut[NODES][NODES];
	struct event events[EVENTS];
	int event_count;
	struct item items[ITEMS];
	int item_count;
	uint32_t ids;
	int packet_count;
	struct room_user users[ALL_USERS];
	struct room_id rooms[ROOMS];
	int64_t healing;	     /* since when all reach all */
	int64_t healing_skew[NODES]; /* of their clocks, then */
	bool restored_home[ROOMS];   /* a home that may contradict itself */
	unsigned long delivered;
	char failure[256]; /* "" none */
	/* last, and not cleared for a new history */
	struct packet packets[PACKETS];
};

extern struct world world;
/* A fault that is made on purpose, to see that it is found; NULL none. */
extern const char *planted;
bool planted_is(const char *fault);

/* The first failure is kept. */
void world_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool world_honest(int identity);
int world_home(int room); /* identity */
int user_server(int user);

/* ledger.c: what is signed, as it travels. */
void ledger_begin(void);
/* Who the servers are, a line each: number, id, address, key id,
 * certificate. */
void ledger_print(void);
const uint8_t *ledger_key(int identity); /* ONION_KEY bytes */
/* Of its certificates: the first has serial 1, the other revokes it. */
const uint8_t *ledger_key_id(int identity, uint64_t serial);
const struct cert *ledger_cert(int identity, uint64_t serial);
/* Of that which it signs under now. */
const uint8_t *ledger_key_now(int identity);
/* NULL: it has none of that key id. */
const struct cert *ledger_cert_find(
    int identity, const uint8_t key_id[ROOM_HASH]);
void ledger_servers(struct room_payload_servers *, unsigned int list);
/* What a rename carries. */
void ledger_metadata(const uint8_t **bytes, size_t *length);
/* Content as its payload has it, and the payload's hash. */
void ledger_content(struct room_event *, unsigned int list);
/* Its number in the ledger; NONE: it is full. */
int ledger_event_add(
    int room, int signer, const struct room_event *, unsigned int list);
/* The same by a thief, under the first certificate. */
int ledger_event_steal(int room, int signer, const struct room_event *);
/* to->payload is the caller's. */
void ledger_event(struct signed_event *to, int event);
/* Ids of messages ("m"), requests ("r"), servers ("s") and the like. */
void ledger_uuid(uint8_t uuid[UUID_SIZE], char kind, int origin, uint32_t id);
extern const char ledger_said[]; /* content of each message */
/* Newly allocated. */
char *ledger_item_payload(const struct item *, size_t *length);
void ledger_item_digest(struct item *);

/* wire.c: packets. */
struct packet *packet_new(enum packet_kind, int from, int to_identity);
void packet_answer(struct packet *, const struct packet *to);
void packets_deliver(unsigned int index);
void packets_drop(unsigned int index);
void packets_double(unsigned int index);
void packets_flush(void); /* all, in order, with what they cause */
void packets_lose(int node);

/* store.c: what a database is asked. */
int room_user_find(const struct room_user *);
struct room_member room_last_row(const struct room *, int user);
struct room_member room_row_at(const struct room *, int user, int64_t number);
bool room_server_at(const struct room *, int identity, int64_t number);
bool room_server_now(const struct room *, int identity);
bool room_server_open(const struct room *, int identity);
bool room_server_ever(const struct room *, int identity);
struct room_member room_server_last(const struct room *, int identity);
void room_facts_make(const struct room *, const struct room_event *,
    struct room_facts *, struct room_invitation *found, bool *has_found);
void room_effect_write(
    struct room *, const struct event *, const struct room_effect *);
struct stream *room_stream_find(
    struct room *, int origin, int64_t epoch, int lane);
struct stream *room_stream_get(
    struct room *, int origin, int64_t epoch, int lane);
struct entry *room_entry(struct room *, int item);
int room_item_at(
    const struct room *, int origin, int64_t epoch, int lane, int64_t number);
const uint8_t *room_digest_at(const struct room *, int origin, int64_t epoch,
    int lane, int64_t number, bool *is_void);
/* Of each stream, and of the state, what names the lowest number counts. */
void room_evidence_add(struct room *, const struct evidence *);
/* Of the stream of an item; a and b by proofs of those serials. */
void room_evidence_item(struct room *, enum evidence_kind, int64_t number,
    int item, int a, uint64_t serial, int b, uint64_t other);
bool room_here(const struct room *, int identity);

/* state.c: events. */
struct room_verdict state_verdict(int node, int room, struct room_event *);
bool state_make(int node, int room, struct room_event *, unsigned int list,
    struct room_verdict *);
/* Whose request, with that id, the next event answers. */
void state_asked(int identity, uint32_t id);
void state_sign(int node, int room);
void state_receive(int node, const struct packet *);
/* An administrator has the home take the chain that a server has. */
void state_adopt(int node, int room, int from);
void state_ask(
    int node, int room, int peer, int64_t first, int64_t last, bool one);
void state_evidence(int node, const struct packet *);
void state_replay(int node, int room, int64_t keep);

/* member.c: invitations, joins and leaves. */
void member_invite(int node, int room, int inviter, int invitee);
void member_join(int node, int room, int user, bool bare);
void member_leave(int node, int room, int user);
void member_tick(int node, int room);
void member_receive(int node, const struct packet *);

/* talk.c: messages. */
bool talk_say(int node, int room, int user, int lane);
void talk_tick(int node, int room);
void talk_item(int node, const struct packet *);
void talk_ack(int node, const struct packet *);
void talk_void(int node, const struct packet *);
void talk_cancel(int node, int room, unsigned int which);
int talk_item_new(int node, int room, int sender, const struct stream *,
    int64_t state_number, uint32_t id);
void talk_item_keep(int node, int item);
void talk_claim(int node, struct entry *);
void talk_evidence(int node, const struct packet *);

/* sync.c: heads and ranges. */
void sync_send(int node, int room, int peer_identity);
void sync_heads(int node, const struct packet *);
void sync_ask(int node, const struct packet *);
/* Who sent us that event is shown what it contradicts under that number. */
void sync_evidence_show(int node, const struct packet *event, int64_t number);
void sync_gaps(int node, int room);

/* vouch.c: what counts under a revoked certificate. */
void vouch_learn(int node, int identity, uint64_t min_serial);
/* What an author's own head names, in an envelope under its certificate. */
void vouch_state(int node, int room, int origin,
    const struct room_stream_head *, const struct room_want *);
bool vouch_event(int node, const struct packet *);
/* By whoever carries it alone. */
bool vouch_invitation(int node, const struct packet *);
bool vouch_item(int node, const struct packet *);
/* A side of a contradiction that a packet shows, the first or the other. */
bool vouch_event_side(int node, const struct packet *, int event);
bool vouch_item_side(
    int node, const struct packet *, int item, uint64_t serial);
bool vouch_declared(int node, const struct packet *);
/* Whether what stands there gave way. */
bool vouch_cut(int node, int room, const struct room_verdict *);
bool vouch_stream_cut(
    int node, int room, int origin, int64_t epoch, int lane, int64_t number);
void vouch_check(int node);

/* server.c */
void node_receive(const struct packet *);
void node_tick(int node);
void node_restart(int node, bool restore);
int64_t node_clock(int node); /* what events are stamped and taken by */
/* What it forgot it may still take from others. */
bool node_restored_lately(int node);
bool node_recovering(int node, int room);
void node_signs(int node, int64_t mark);
void node_split(int identity);

/* operate.c: operations, and the history they make. */
enum op_kind {
	OP_DELIVER,
	OP_FLUSH,
	OP_DROP,
	OP_DOUBLE,
	OP_TIME,
	OP_TICK,
	OP_SYNC,
	OP_CREATE,
	OP_SAY,
	OP_CANCEL,
	OP_INVITE,
	OP_JOIN,
	OP_LEAVE,
	OP_REMOVE,
	OP_SERVERS,
	OP_RENAME,
	OP_FEDERATION,
	OP_CLOSE,
	OP_KEY,
	OP_CUT,
	OP_MEND,
	OP_CRASH,
	OP_BACKUP,
	OP_RESTORE,
	OP_CLOCK,
	OP_SPLIT,
	OP_ROUTE,
	OP_FALSE_MESSAGE,
	OP_FALSE_REQUEST,
	OP_FALSE_EVENT,
	OP_THIEF,
	OP_REVOKE,
	OP_KINDS
};

struct op {
	enum op_kind kind;
	uint32_t a;
	uint32_t b;
	uint32_t c;
	uint32_t d;
};

#define OPS_MAX 480

struct history {
	int servers;
	int dishonest;
	int robbed;
	int count;
	struct op ops[OPS_MAX];
};

void history_make(struct history *, uint64_t seed);
/* Runs it, heals, checks; true: all was well. */
bool history_run(const struct history *);
void op_print(const struct op *);
void op_apply(const struct op *);

/* thief.c: who has the key of another, and what that one does about it. */
void thief_act(const struct op *);
void thief_revoke(void);
/* Whether the room's last event is under our key that is revoked. */
bool thief_key_due(int node, int room);

/* check.c */
void check_world(void);
void check_taken(int node, const struct room *, const struct entry *);

/* shrink.c: makes it shorter as long as it fails. */
void history_shrink(struct history *);

#endif
