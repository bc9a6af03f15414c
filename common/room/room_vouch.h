/* SPDX-License-Identifier: ISC */
/*
 * What counts under a certificate that its server has revoked.
 *
 * A server that revokes raises minSerial: below it a certificate is in other
 * hands, perhaps, and what was signed under it says nothing about who signed
 * it, whatever time it bears. Yet a room's history is signed under it, too. So
 * under such a certificate counts, beside what is stored, only what its author
 * vouches for under one that is not revoked:
 *
 *  - what the author itself carries in an envelope of its own: the home its
 *    events, an origin its messages and declarations. Envelopes under a
 *    revoked certificate are refused before anything here is asked.
 *  - what something that counts names by its digest: the next event, or the
 *    next item of a stream, calls it previous; a head that the author sent in
 *    an envelope of its own; the two digests of a declaration.
 *
 * The author of an event is its room's home, that of a message or declaration
 * its origin. One digest stands for all before it, so a run of events, each
 * naming the one before, counts up to the last of it that is vouched for; what
 * is behind that does not. Events come in runs of at most 64: where none of a
 * run counts the home is asked, which carries them itself.
 *
 * What is stored was taken before the revocation was known, and stays until
 * something that counts stands against it. Then what nobody vouches for gives
 * way: the chain is cut behind the last event that is vouched for (room_vouch_
 * through()), members are what they were there, and the home is asked for the
 * rest. A contradiction is proof against a server only where both sides count,
 * when it is shown and later, too: a freeze or fork one side of which nobody
 * vouches for ends once the revocation is known.
 *
 * A server vouches for its own by having it: nobody tells a home what its
 * rooms' events are, but after a restore.
 */
#ifndef TORFED_ROOM_VOUCH_H
#define TORFED_ROOM_VOUCH_H

#include "room/room_event.h"
#include "room/room_verdict.h"

#define ROOM_VOUCH_RETRY_S 60 /* until the home was asked */

/* One thing in a chain: a state event, or an item of a stream. */
struct room_link {
	int64_t number;
	uint8_t digest[ROOM_HASH];   /* the event's hash, or the item's */
	uint8_t previous[ROOM_HASH]; /* what it says of the number before */
	uint64_t serial;	     /* of the certificate it is signed under */
};

/* What is known of an author when links of its are shown. */
struct room_vouch {
	uint64_t min_serial; /* the highest that was seen of it; 0 none */
	bool carried;	     /* the author itself shows it */
	/*
	 * Digests that it vouched for: of heads that it sent, of declarations,
	 * of what stands behind the last link here and counts.
	 */
	const uint8_t (*named)[ROOM_HASH];
	uint32_t named_count;
};

/* Whether a certificate of that serial is revoked. */
bool room_vouch_revoked(uint64_t serial, uint64_t min_serial);
/* Whether b follows a, and says so. */
bool room_vouch_follows(const struct room_link *a, const struct room_link *b);
/*
 * How many links of a run count, from its first on. A run ends before the
 * first that does not follow. run: signatures need not be verified but for the
 * links that count by their own certificate.
 */
uint32_t room_vouch_run(
    const struct room_vouch *, const struct room_link *run, uint32_t count);
/* The same of one alone. */
bool room_vouch_counts(const struct room_vouch *, const struct room_link *);

/*
 * An event of the room was judged, as if it counted. What becomes of that:
 * counts, whether it does; own, whether we are the room's home and did not
 * make it just now; adopting, whether that home was restored and adopts what
 * it finds. What is not known and does not count is ROOM_WAIT, UNVOUCHED; of
 * our own room ROOM_REFUSED, SPEAKER, with the number that it contradicts.
 */
struct room_verdict room_vouch_judge(
    const struct room_verdict *, bool counts, bool own, bool adopting);
/*
 * Whether a contradiction that something that counts has shown is no proof
 * against its author: what we have under the number in dispute is beyond
 * through, the last number that is vouched for, and gives way.
 */
bool room_vouch_gives_way(const struct room_verdict *, int64_t through);

#endif
