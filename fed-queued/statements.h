/* SPDX-License-Identifier: ISC */
/* Every statement that fed-queued sends, prepared once a connection. */
#ifndef TORFED_STATEMENTS_H
#define TORFED_STATEMENTS_H

#include "db.h"

enum statement {
	SQL_REGISTER,	    /* incarnation; frees its predecessor's leases */
	SQL_PEERS,	    /* all servers, for the cache */
	SQL_CERTIFICATES,   /* all certificates that may still be valid */
	SQL_HANDSHAKE,	    /* a verified handshake, either direction */
	SQL_STRANGER_EVICT, /* one untouched stranger at random */
	SQL_STRANGER_EXPIRE,
	SQL_COMMIT, /* inbound items, many */
	SQL_INBOX,  /* how many items are not acknowledged, in portions */
	SQL_EVIDENCE,
	SQL_PEER_SEEN, /* a peer showed that it is alive */
	SQL_WORK,      /* which (destination, lane) have items */
	SQL_WORK_NEW,  /* the same for what is new */
	SQL_CLAIM,     /* one (destination, lane), with a lease */
	SQL_SETTLE,    /* the outcomes of the items of a claim */
	SQL_RELEASE,   /* ends a lease */
	SQL_POSTPONE,  /* back-off of a destination */
	SQL_SILENT,    /* a peer counts as offline */
	SQL_EXPIRE,    /* items past their lifetime */
	SQL_PRUNE,     /* what nobody needs any more */
	SQL_SERVER_ADD,
	SQL_SERVER_TRUST,
	SQL_SHOW_SERVERS,
	SQL_SERVER_CHANGE, /* pause, resume, end of back-off */
	SQL_SHOW_QUEUE,
	SQL_SELF_MARK,	       /* how far the database is */
	SQL_ROOM_LIST,	       /* for fedctl */
	SQL_ROOM_PROBLEMS,     /* the same: what an admin should look at */
	SQL_SHOW_DEAD,	       /* the newest dead letters */
	SQL_SHOW_MESSAGE,      /* what happened to one message */
	SQL_QUEUE_SHOW,	       /* how one message stands */
	SQL_QUEUE_CHANGE,      /* hold, release, retry, cancel, requeue one */
	SQL_QUEUE_CHANGE_MANY, /* a portion of those to one server */
	SQL_COUNTS,
	SQL_RECEIPT,		 /* of one message, with its certificate */
	SQL_SELF,		 /* who we are */
	SQL_LOOKUP_ANSWER,	 /* a user of ours that a peer asks for */
	SQL_LOOKUP_WORK,	 /* servers that we have look-ups for */
	SQL_LOOKUP_CLAIM,	 /* one of them, with a lease */
	SQL_LOOKUP_LATER,	 /* it is to be asked again */
	SQL_LOOKUP_SETTLE,	 /* its outcome */
	SQL_ROOM_MESSAGES_FACTS, /* messages of others: what is known */
	SQL_ROOM_MESSAGES_TAKE,	 /* and what was decided */
	SQL_ROOM_MESSAGES_OPEN,	 /* those that are judged again */
	SQL_ROOM_MESSAGES_JUDGE,
	SQL_ROOM_MESSAGES_NEW, /* ours without a place */
	SQL_ROOM_MESSAGES_NUMBER,
	SQL_ROOM_MESSAGES_WORK, /* rooms with either */
	SQL_ROOM_PRESENT,	/* has a server a member in a room */
	SQL_ROOM_ITEM_RECEIVED, /* the id of an item without a row */
	SQL_ROOM_SHOWN_FACTS,	/* invitations of others: what is known */
	SQL_ROOM_SHOWN_WRITE,	/* and one that is shown */
	SQL_ROOM_EVENT_FACTS,	/* state events: what is known */
	SQL_ROOM_EVENT_WRITE,	/* and one that follows */
	SQL_ROOM_EVENT_CONFLICT,
	SQL_ROOM_HOME_WORK, /* rooms of ours where something waits */
	SQL_ROOM_HOME_NEXT, /* and what */
	SQL_ROOM_EVENT_DECIDE,
	SQL_ROOM_EVENT_DROP,
	SQL_ROOM_WISH_END,
	/* server_sync, functions of sql/rooms/sync.sql */
	SQL_SYNC_ROOMS,
	SQL_SYNC_SERVERS,
	SQL_SYNC_DUE,
	SQL_SYNC_HEADS,
	SQL_SYNC_STREAMS,
	SQL_SYNC_COMPARE,
	SQL_SYNC_COMPARE_STREAMS,
	SQL_SYNC_HEARD,
	SQL_SYNC_BEHIND,
	SQL_SYNC_EPOCH,
	SQL_SYNC_EVENTS,
	SQL_SYNC_ITEMS,
	SQL_SYNC_RESEND,
	SQL_SYNC_DECLARED,
	SQL_SYNC_EVIDENCE,
	SQL_SYNC_MARK,
	SQL_SYNC_VOID_FACTS,
	SQL_SYNC_VOID,
	SQL_SYNC_CONFLICT,
	SQL_COUNT
};

extern const struct db_statement statements[SQL_COUNT];

#endif
