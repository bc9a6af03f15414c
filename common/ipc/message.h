/* SPDX-License-Identifier: ISC */
/*
 * Every message between processes: its type, who sends it, what it holds.
 * The encoders and exact-length decoders stand side by side in message.c (what
 * concerns the start and fedctl) and in common/json/wire.c (what carries
 * parts of the protocol).  Which type may travel from whom to whom is the
 * table in permission.c.
 */
#ifndef TORFED_MESSAGE_H
#define TORFED_MESSAGE_H

#include <sys/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipc/channel.h"
#include "ipc/limit_names.h"
#include "ipc/pack.h"
#include "ipc/settings.h"

#define MESSAGE_LARGE  (300U * 1024) /* listener-queued, queued-sender */
#define MESSAGE_SMALL  4096U	     /* elsewhere */
#define MESSAGE_BATCH  8192U	     /* a batch to the signer */
#define PATH_MAX_SHORT 512	     /* bytes of a path, with NUL */

enum message_type {
	/* start: fedd to each child, and back */
	MSG_START = 1,	/* struct msg_start */
	MSG_SETTINGS,	/* struct settings, and the database's string */
	MSG_DESCRIPTOR, /* u8 enum descriptor; carries it */
	MSG_CHANNEL,	/* u8 enum role of the other end; carries it.
				 * The signer alone gets it again later. */
	MSG_SETUP_DONE, /* empty */
	MSG_READY,	/* child to fedd, empty */
	MSG_GO,		/* struct msg_go */
	MSG_KEYS,	/* fed-signer to fedd: struct msg_keys, between its
				 * two MSG_SETUP_DONE (ipc/proc.h) */

	/* fed-sender and fedd */
	MSG_SOCKS_WANTED = 20, /* empty: one more SOCKS connection, please */
	MSG_SOCKS,	       /* carries a descriptor, connected or about to
				 * be (non-blocking connect) */
	MSG_SOCKS_FAILED,      /* u32 errno */

	/* fed-queued and fedd */
	MSG_RELOAD = 25, /* empty: the key files anew, please */
	MSG_RELOADED,	 /* u8 enum reload (ipc/reload.h). After RELOAD_DONE
				 * fed-queued ends, once it has told whoever
				 * asked. */

	/* fed-signer and fed-queued */
	MSG_IDENTITY = 30, /* struct msg_identity; signer to queued first
				 * of all, queued to listener */
	MSG_SIGN_ENVELOPE, /* struct msg_sign_envelope */
	MSG_SIGN_BATCH,	   /* msg_sign_envelope and 1..64 items */
	MSG_SIGNATURE,	   /* 64 bytes */
	MSG_SIGN_REFUSED,  /* u8 enum sign_refusal */
	MSG_SIGN_STATE,	   /* struct msg_sign_state */

	/* fed-listener and fed-queued (common/json/wire.h) */
	MSG_REQUEST = 40, /* struct wire_request */
	MSG_RESPONSE,	  /* struct wire_response */
	MSG_LIMITS,	  /* struct msg_limits, once a second when changed */

	/* fed-queued and fed-sender (common/json/wire.h) */
	MSG_SEND = 50, /* struct wire_send */
	MSG_SENT,      /* struct wire_send_result */
	MSG_PROBE,     /* struct wire_probe; one at a time */
	MSG_PROBED,    /* struct wire_probe_result */

	/* control clients and fed-queued */
	MSG_CONTROL_REQUEST = 60, /* struct msg_control */
	MSG_CONTROL_ROW,	  /* u8 rows' kind, then fields, see below */
	MSG_CONTROL_END,	  /* struct msg_control_end: success or not */

	MSG_TYPE_COUNT
};

enum descriptor {
	DESCRIPTOR_LISTEN,	/* fed-listener: where tor connects */
	DESCRIPTOR_CONTROL,	/* fed-queued: the control socket */
	DESCRIPTOR_SIGNING_KEY, /* fed-signer: key files, read-only */
	DESCRIPTOR_CERTIFICATE,
	/* fed-signer: where the log of signatures goes on, to append to, also
	 * while it runs; and where it ended, to read, at the last two lines
	 * that are whole, or /dev/null */
	DESCRIPTOR_SIGNATURES,
	DESCRIPTOR_SIGNATURES_LAST,
	DESCRIPTOR_COUNT
};

struct msg_start {
	uint32_t uid; /* to become, when started as root */
	uint32_t gid;
	uint32_t owner_uid;	   /* who started fedd: may use fedctl */
	uint32_t flags;		   /* START_* */
	char root[PATH_MAX_SHORT]; /* chroot, "" none */
	/* fed-queued: directory of the database's socket; "" none */
	char unveil[PATH_MAX_SHORT];
};
#define START_ROOT 0x1U /* started as root: drop and chroot */
#define START_INET 0x2U /* fed-queued: the database is remote */

struct msg_go {
	uint32_t generation;	  /* 1, 2, ... since fedd started */
	int64_t started;	  /* of this generation, seconds, UTC */
	int32_t pids[ROLE_COUNT]; /* 0 where there is none */
};

/* Whose keys fed-signer was given; it has verified them. */
struct msg_keys {
	uint8_t server[32]; /* identity public key */
	uint8_t key_id[32]; /* SHA-256 of the certificate's signing text */
	int64_t serial;	    /* of the certificate */
	bool valid;	    /* now: neither expired nor not valid yet */
};

/* Bytes of a certificate: text, LF, signature, LF. */
#define IDENTITY_CERTIFICATE_MAX 1024
struct msg_identity {
	uint8_t server[32]; /* identity public key */
	uint8_t key_id[32]; /* SHA-256 of the signing text */
	int64_t logged;	    /* the highest mark in its log; 0 none */
	size_t certificate_length;
	uint8_t certificate[IDENTITY_CERTIFICATE_MAX];
};

#define SIGN_TYPE_SIZE 33 /* [a-z_]{1,32} and NUL */
#define SIGN_ITEMS_MAX 64
struct msg_sign_envelope {
	char type[SIGN_TYPE_SIZE];
	uint8_t id[16];
	uint8_t origin[32];
	uint8_t destination[32];
	int64_t timestamp;	  /* seconds since 1970 */
	int64_t mark;		  /* federation(7), ROOMS; 0 none */
	uint8_t payload_hash[32]; /* not for a batch */
	/* MSG_SIGN_BATCH only */
	uint32_t item_count;
	struct msg_sign_item {
		uint8_t id[16];
		uint8_t digest[32];
	} items[SIGN_ITEMS_MAX];
};

/* A room's state event; its home and its certificate are the signer's own. */
#define SIGN_NUMBER_MAX INT64_C(9007199254740991) /* 2^53-1 */
struct msg_sign_state {
	uint8_t room[16];     /* UUID */
	int64_t number;	      /* 1 to SIGN_NUMBER_MAX */
	uint8_t previous[32]; /* zeros in the first, and there alone */
	char kind[SIGN_TYPE_SIZE];
	int64_t timestamp; /* seconds since 1970 */
	uint8_t payload_hash[32];
	int64_t mark; /* the decision's; 0 none */
};

enum sign_refusal {
	SIGN_REFUSED_ORIGIN = 1,  /* not ourselves */
	SIGN_REFUSED_TYPE,	  /* unknown type or kind */
	SIGN_REFUSED_TIME,	  /* outside the signer's window */
	SIGN_REFUSED_RATE,	  /* too many; later */
	SIGN_REFUSED_CERTIFICATE, /* ours is expired or not yet valid */
	SIGN_REFUSED_LATER	  /* its log cannot be written */
};

/* What fed-listener's limiters came to; for fedctl's eyes alone. */
struct limit_figures {
	uint64_t used;	  /* at present; of many (circuits) the most */
	uint64_t maximum; /* 0 no limit */
	uint64_t taken;	  /* since the start */
	uint64_t refused; /* since the start */
};
struct msg_limits {
	struct limit_figures of[LIMIT_LISTENER_COUNT];
};

/*
 * Control protocol. A request is a verb and up to CONTROL_ARGUMENTS strings;
 * the answer is any number of rows and then MSG_CONTROL_END. A row is fields
 * in order; "kind" groups rows of one shape (a table) and is a short string.
 */
#define CONTROL_ARGUMENTS     4
#define CONTROL_ARGUMENT_SIZE 256 /* bytes, with NUL */
enum control_verb {
	CONTROL_STATUS = 1,
	CONTROL_SHOW_SERVERS,
	CONTROL_SHOW_QUEUE,
	CONTROL_SERVER_ADD,	/* address; mutating, as all below */
	CONTROL_SERVER_TRUST,	/* address, level */
	CONTROL_SERVER_BLOCK,	/* address */
	CONTROL_HANDSHAKE,	/* address */
	CONTROL_RECEIPT_EXPORT, /* message id, address or "" */
	CONTROL_SHOW_LIMITS,
	CONTROL_SERVER_PING,   /* address */
	CONTROL_SHOW_DEAD,     /* how many or "", address or "" */
	CONTROL_SHOW_MESSAGE,  /* message id, address or "" */
	CONTROL_QUEUE_SHOW,    /* message id, address or "" */
	CONTROL_QUEUE_HOLD,    /* message id, address or ""; or address, "" */
	CONTROL_QUEUE_RELEASE, /* the same */
	CONTROL_QUEUE_RETRY,   /* the same */
	CONTROL_QUEUE_CANCEL,  /* message id, address or "" */
	CONTROL_QUEUE_REQUEUE, /* as CONTROL_QUEUE_HOLD */
	CONTROL_SERVER_PAUSE,  /* address */
	CONTROL_SERVER_RESUME, /* address */
	CONTROL_SERVER_RETRY,  /* address */
	CONTROL_SHOW_ROOMS,    /* how many or "" */
	CONTROL_CHECK,
	CONTROL_RELOAD,
	CONTROL_ROOM_ADOPT, /* room, address */
	CONTROL_RESTORED,
	CONTROL_VERB_COUNT
};
struct msg_control {
	uint16_t verb;
	uint32_t argument_count;
	char arguments[CONTROL_ARGUMENTS][CONTROL_ARGUMENT_SIZE];
};

enum control_type {
	CONTROL_STRING,
	CONTROL_INTEGER,
	CONTROL_BOOLEAN,
	CONTROL_NULL
};
#define CONTROL_FIELDS	   24 /* in a row, at most */
#define CONTROL_NAME_SIZE  32
#define CONTROL_VALUE_SIZE 1100
struct control_field {
	char name[CONTROL_NAME_SIZE];
	uint8_t type;	      /* enum control_type */
	int64_t integer;      /* also for booleans */
	const char *string;   /* not terminated when decoded: see */
	size_t string_length; /* its length */
};
struct msg_control_row {
	char kind[CONTROL_NAME_SIZE]; /* "server", "queue", ... */
	uint32_t field_count;
	struct control_field fields[CONTROL_FIELDS];
};
struct msg_control_end {
	uint8_t exit_code; /* what fedctl exits with: 0, 64, 65,
					 * 69, 77 or 1 */
	char code[32];	   /* "" on success, "UNKNOWN_SERVER" */
	char text[256];	   /* for a person, one line */
};

/*
 * Codec pairs. Encoders fill the pack (check pack_ok()); decoders return 0, or
 * -1 on wrong length, left-over bytes or a value that does not exist.
 */
void msg_start_encode(struct pack *, const struct msg_start *);
int msg_start_decode(const struct message *, struct msg_start *);
void msg_settings_encode(
    struct pack *, const struct settings *, const char *database);
int msg_settings_decode(
    const struct message *, struct settings *, char database[DATABASE_SIZE]);
void msg_go_encode(struct pack *, const struct msg_go *);
void msg_keys_encode(struct pack *, const struct msg_keys *);
int msg_keys_decode(const struct message *, struct msg_keys *);
int msg_go_decode(const struct message *, struct msg_go *);
void msg_identity_encode(struct pack *, const struct msg_identity *);
int msg_identity_decode(const struct message *, struct msg_identity *);
/* batch: with items and without payload_hash. */
void msg_sign_encode(
    struct pack *, const struct msg_sign_envelope *, bool batch);
int msg_sign_decode(
    const struct message *, struct msg_sign_envelope *, bool batch);
void msg_sign_state_encode(struct pack *, const struct msg_sign_state *);
int msg_sign_state_decode(const struct message *, struct msg_sign_state *);
void msg_control_encode(struct pack *, const struct msg_control *);
int msg_control_decode(const struct message *, struct msg_control *);
void msg_control_row_encode(struct pack *, const struct msg_control_row *);
/* Figures are below 2^63, as fedctl prints them. */
void msg_limits_encode(struct pack *, const struct msg_limits *);
int msg_limits_decode(const struct message *, struct msg_limits *);
/* Strings point into the message. */
int msg_control_row_decode(const struct message *, struct msg_control_row *);
void msg_control_end_encode(struct pack *, const struct msg_control_end *);
int msg_control_end_decode(const struct message *, struct msg_control_end *);
/* The value of one byte, one enumerator: MSG_DESCRIPTOR, MSG_CHANNEL,
 * MSG_SIGN_REFUSED.
 * -1 when the length is not 1 or the value not below limit. */
int msg_u8_decode(const struct message *, uint8_t limit);
int msg_u32_decode(const struct message *, uint32_t *);

#endif
