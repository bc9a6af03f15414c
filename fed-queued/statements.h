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
	SQL_SHOW_DEAD,	       /* the newest dead letters */
	SQL_SHOW_MESSAGE,      /* what happened to one message */
	SQL_QUEUE_SHOW,	       /* how one message stands */
	SQL_QUEUE_CHANGE,      /* hold, release, retry, cancel, requeue one */
	SQL_QUEUE_CHANGE_MANY, /* a portion of those to one server */
	SQL_COUNTS,
	SQL_RECEIPT,		  /* of one message, with its certificate */
	SQL_SELF,		  /* who we are */
	SQL_LOOKUP_ANSWER,	  /* a user of ours that a peer asks for */
	SQL_LOOKUP_WORK,	  /* servers that we have look-ups for */
	SQL_LOOKUP_CLAIM,	  /* one of them, with a lease */
	SQL_LOOKUP_LATER,	  /* it is to be asked again */
	SQL_LOOKUP_SETTLE,	  /* its outcome */
	SQL_SYNC_ROOMS,		  /* rooms shared with a server */
	SQL_SYNC_SERVERS,	  /* servers that we share rooms with */
	SQL_SYNC_DUE,		  /* gaps that are to be asked for */
	SQL_SYNC_HEADS,		  /* how far we are in rooms */
	SQL_SYNC_STREAMS,	  /* the same of streams */
	SQL_SYNC_COMPARE,	  /* what heads are compared with */
	SQL_SYNC_COMPARE_STREAMS, /* the same of streams */
	SQL_SYNC_HEARD,		  /* a server told how far it is */
	SQL_SYNC_BEHIND,	  /* it has of ours what we have not */
	SQL_SYNC_EPOCH,		  /* our epoch */
	SQL_SYNC_EVENTS,	  /* events to be given */
	SQL_SYNC_ITEMS,		  /* messages to be given */
	SQL_SYNC_RESEND,	  /* our own, from the queue again */
	SQL_SYNC_DECLARED,	  /* what was declared void to us */
	SQL_SYNC_EVIDENCE,	  /* contradictions to be shown */
	SQL_SYNC_MARK,		  /* we are about to declare numbers void */
	SQL_SYNC_VOID_FACTS,	  /* what a declaration is judged by */
	SQL_SYNC_VOID,		  /* numbers that were declared void */
	SQL_SYNC_CONFLICT,	  /* a contradiction that was shown */
	SQL_COUNT
};

extern const struct db_statement statements[SQL_COUNT];

#endif
