#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Messages of others in rooms, as fed-queued takes them, against a database:
every verdict with all that is written for it, both sides of each limit, what
contradicts, other workers, and messages that are judged again."""

import os
import random
import sys
import time
import uuid

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "..", "..", "..", "lib"))
import net  # noqa: E402
import peer  # noqa: E402
import tap  # noqa: E402
from pgcluster import Cluster  # noqa: E402
from rooms import LIMITS, Room, Statements, Talk, Voice, run  # noqa: E402

LATE, WAS_HELD, UNVERIFIED, HIDDEN, FILLED, SETTLED = 1, 2, 4, 8, 16, 32
SELF, HOME, PEER, LOST = (peer.onion_address(peer.Key().public)
                          for _ in range(4))
TAKEN = ("taken", "OK", 0, 0, 0, 0)
KNOWN = ("known", "OK", 0, 0, 0, 0)
ITEMS = ("SELECT message_id::text, status, code, flags FROM "
         "federation.room_items WHERE room_id = %s ORDER BY id")
STREAMS = ("SELECT epoch, lane, contiguous, highest, forked, gap_since IS "
           "NOT NULL FROM federation.room_streams WHERE room_id = %s "
           "ORDER BY epoch, lane")
SEEDS = 60
WAITING = ("SELECT count(*) FROM pg_stat_activity WHERE usename = "
           "'_fedqueued' AND wait_event_type = 'Lock'")


def refused(code, settled=True):
    return ("refused", code, SETTLED if settled else 0, 0, 0, 0)


def conflict(number):
    return ("conflict", "SEQUENCE_CONFLICT", 0, 0, number, number)


class World:
    def __init__(self, cluster):
        self.cluster = cluster
        self.owner = cluster.connect()
        daemon = cluster.connect(user="_fedqueued")
        run(daemon, "SELECT federation.self_set(%s, 'c', 1)", SELF)
        run(daemon, LIMITS)
        daemon.close()
        for address in (HOME, PEER, LOST):
            run(self.owner, "INSERT INTO federation.federation_servers "
                "(onion_address, public_key, trust_level) VALUES (%s, %s, 2)",
                address, peer.onion_key(address).hex())
        self.talk = Talk(cluster, SELF)
        self.seen = 0

    def room(self, number=3, home=HOME, **state):
        """With us, ann of PEER from 2 to 3, bob of PEER."""
        room = Room(self.owner, home, {
            "me@" + SELF: (1, None), "bob@" + PEER: (1, None),
            "ann@" + PEER: (2, 3)}, number, **state)
        room.left(3)
        return room

    def take(self, room, *said, origin=PEER, via=None):
        return self.talk.take(room.id, origin, *said, via=via)

    def inbox(self):
        """What is new in it."""
        rows = run(self.owner, "SELECT inbox_id, message_id::text, type, "
                   "trust_level FROM federation.inbox WHERE inbox_id > %s "
                   "ORDER BY 1", self.seen)
        if rows:
            self.seen = rows[-1][0]
        return [row[1:] for row in rows]

    def received(self, number):
        return run(self.owner, "SELECT count(*) FROM federation.received_ids "
                   "WHERE message_id = %s", number)[0][0]

    def evidence(self, room):
        return room.sql("SELECT kind, epoch, lane, number FROM "
                        "federation.room_evidence WHERE room_id = %s "
                        "ORDER BY id")


def test_taken(world):
    room = world.room()
    bob = Voice(room, "bob", state=3)
    said = bob.many(3)
    tap.equal(world.take(room, *said), [TAKEN] * 3, "three in a row: taken")
    tap.equal(world.inbox(), [(n, "message", 2) for n, _ in said],
              "and in the inbox, in their order")
    tap.equal(world.talk.stored, 3, "which is counted")
    tap.equal(room.sql(ITEMS), [(n, "taken", None, 0) for n, _ in said],
              "and kept")
    tap.equal(room.sql(STREAMS), [(1, 2, 3, 3, 0, False)], "their stream")
    payload, digest, proof = room.sql(
        "SELECT i.payload, i.digest, p.signing_text FROM "
        "federation.room_items i JOIN federation.room_proofs p ON p.id = "
        "i.proof_id WHERE i.room_id = %s ORDER BY i.id DESC LIMIT 1")[0]
    tap.equal((bytes(payload), bytes(digest), bytes(proof)),
              (peer.canonical(said[2][1]), bob.tip,
               b"what the origin signed\0"),
              "payload, digest and proof are whole")
    version, = room.sql("SELECT version FROM federation.room_states "
                        "WHERE room_id = %s")
    tap.equal(world.take(room, *said), [KNOWN] * 3, "again: known")
    tap.equal((world.inbox(), room.sql(
        "SELECT version FROM federation.room_states WHERE room_id = %s")),
        ([], [version]), "and nothing is written")
    tap.equal(world.take(room, said[0], bob.say()), [KNOWN, TAKEN],
              "one that is known beside one that is not")
    tap.equal(len(world.inbox()), 1, "which alone is new")
    twice = bob.say()
    tap.equal(world.take(room, twice, twice), [TAKEN, KNOWN],
              "twice in one request")
    world.inbox()


def test_form(world):
    room, other = world.room(), world.room()
    bob = Voice(room, "bob", state=3)
    malformed = refused("PAYLOAD_MALFORMED", False)
    tap.equal(world.take(room, bob.say(sequence=0), Voice(
        other, "bob").say(), (str(uuid.uuid4()), {})), [malformed] * 3,
        "a sequence of 0, another room, nothing: malformed")
    tap.equal(world.take(room, bob.say(senderId="bob@" + PEER),
                         Voice(room, "bob", state=3).say()),
              [malformed, TAKEN], "one that is not stops no other")
    tap.equal(len(world.inbox()), 1, "which is taken")


def test_state(world):
    room = world.room(5, closed=5)
    ann, bob = Voice(room, "ann", lane=1), Voice(room, "bob")
    said = [ann.say(stateNumber=n) for n in (1, 2, 3)]
    said += [bob.say(stateNumber=n) for n in (1, 5)]
    said += [Voice(room, "eve", lane=3).say(stateNumber=5)]
    tap.equal(world.take(room, *said),
              [refused("NOT_MEMBER"), TAKEN, refused("NOT_MEMBER"), TAKEN,
               TAKEN, refused("ROOM_CLOSED")], "judged by the state number")
    tap.equal([n for n, _, _ in world.inbox()],
              [said[n][0] for n in (1, 3, 4)], "what was taken is shown")
    tap.equal([(s, c) for _, s, c, _ in room.sql(ITEMS)],
              [("refused", "NOT_MEMBER"), ("taken", None),
               ("refused", "NOT_MEMBER"), ("taken", None), ("taken", None),
               ("refused", "ROOM_CLOSED")], "what was refused is kept")
    tap.equal(world.received(said[0][0]), 0, "but not as received")
    tap.equal(room.sql(STREAMS), [(1, 1, 3, 3, 0, False),
                                  (1, 2, 2, 2, 0, False),
                                  (1, 3, 1, 1, 0, False)],
              "and its number is settled")
    tap.equal(world.take(room, said[0]), [("refused", "NOT_MEMBER",
                                           SETTLED | FILLED, 0, 0, 0)],
              "again: refused again")
    run(world.owner, "UPDATE federation.room_members SET state_joined = 1 "
        "WHERE room_id = %s AND member = %s", room.row, "ann@" + PEER)
    tap.equal(world.take(room, said[0]),
              [("taken", "OK", FILLED, 0, 0, 0)],
              "and judged anew: taken once it is right")
    tap.equal([n for n, _, _ in world.inbox()], [said[0][0]], "and shown")
    room = world.room(5, disputed=4)
    bob = Voice(room, "bob", state=3)
    tap.equal(world.take(room, bob.say(), bob.say(stateNumber=4)),
              [TAKEN, refused("ROOM_FROZEN")], "in dispute: frozen")
    world.inbox()


def test_late(world):
    room = world.room()
    said = Voice(room, "ann", state=2)
    tap.equal(world.take(room, said.say()), [TAKEN],
              "from who has just left: taken")
    tap.equal(len(world.inbox()), 1, "and shown")
    run(world.owner, "UPDATE federation.room_state_events SET received_at = "
        "now() - interval '3602 s' WHERE room_id = %s", room.row)
    tap.equal(world.take(room, said.say()),
              [("taken", "OK", LATE, 0, 0, 0)], "an hour later: late")
    tap.equal((world.inbox(), world.talk.stored), ([], 0), "and not shown")
    tap.equal(room.sql(ITEMS)[1][1:], ("taken", None, LATE), "but kept")


def test_here(world):
    wait = ("wait", "ROOM_UNKNOWN", 0, 2, 0, 0)
    unknown = str(uuid.uuid4()) + "@" + HOME

    class Nowhere:
        id = unknown
    tap.equal(world.talk.take(unknown, PEER, Voice(Nowhere, "bob").say()),
              [refused("ROOM_UNKNOWN", False)], "no such room: unknown")
    room = world.room()
    eve = Voice(room, "eve")
    tap.equal(world.take(room, eve.say(), origin=LOST),
              [refused("ROOM_UNKNOWN")], "a stranger learns nothing")
    room.request("leave", "me@" + SELF)
    bob = Voice(room, "bob", state=3)
    said = bob.say()
    tap.equal(world.take(room, said), [refused("ROOM_LEFT", False)],
              "who leaves takes nothing more")
    tap.equal(world.take(room, eve.say(), origin=LOST),
              [refused("ROOM_UNKNOWN", False)], "nor does the stranger")
    room.request("join", "me@" + SELF, "asked")
    tap.equal(world.take(room, said), [wait], "a join under way: retry")
    run(world.owner, "UPDATE federation.room_asked SET state = 'done' "
        "WHERE room_id = %s", room.row)
    tap.equal(world.take(room, said), [TAKEN], "and nothing was lost")
    run(world.owner, "DELETE FROM federation.room_members WHERE room_id = %s "
        "AND server_id IS NULL", room.row)
    said = bob.say()
    restored = "UPDATE federation.self SET restored_at = now() - %s::interval"
    run(world.owner, restored, "1 day")
    tap.equal(world.take(room, said), [refused("ROOM_LEFT", False)],
              "a day after a restore it is over, whoever was not heard")
    run(world.owner, restored, "23 hours")
    tap.equal(world.take(room, said), [wait],
              "after a restore, home not heard: retry")
    run(world.owner, "UPDATE federation.room_states SET answered = ARRAY["
        "%s::uuid] WHERE room_id = %s", room.server(HOME), room.row)
    tap.equal(world.take(room, said), [refused("ROOM_LEFT", False)],
              "heard: left")
    run(world.owner, "UPDATE federation.self SET restored_at = NULL")
    world.inbox()


def test_around_the_end(world):
    """None of ours is there any more: written before, learnt when."""
    for kind, first, later in (
            ("close", TAKEN, ("taken", "OK", LATE, 0, 0, 0)),
            ("remove", TAKEN, ("taken", "OK", LATE, 0, 0, 0)),
            ("leave", refused("ROOM_LEFT", False),
             refused("ROOM_LEFT", False))):
        room = world.room(5, closed=5 if kind == "close" else 0)
        bob = Voice(room, "bob", state=4)
        run(world.owner, "UPDATE federation.room_members SET state_left = 5 "
            "WHERE room_id = %s AND member = ANY (%s)", room.row,
            ["me@" + SELF] + ["bob@" + PEER] * (kind == "close"))
        room.left(5)
        run(world.owner, "UPDATE federation.room_state_events SET kind = %s "
            "WHERE room_id = %s AND number = 5", kind, room.row)
        tap.equal(world.take(room, bob.say()), [first],
                  "written before a %s, learnt now" % kind)
        run(world.owner, "UPDATE federation.room_state_events SET "
            "received_at = now() - interval '3602 s' WHERE room_id = %s",
            room.row)
        if kind == "leave":
            bob = Voice(room, "bob", state=4)
        tap.equal(world.take(room, bob.say()), [later], "and an hour ago")
    world.inbox()


def test_trust(world):
    room = world.room()
    said = Voice(room, "bob", state=3).say()
    for level, expected in ((0, ("wait", "STORAGE", 0, 5, 0, 0)),
                            (-1, ("wait", "STORAGE", 0, 5, 0, 0)),
                            (1, TAKEN)):
        run(world.owner, "UPDATE federation.federation_servers SET "
            "trust_level = %s WHERE onion_address = %s", level, PEER)
        tap.equal(world.take(room, said), [expected],
                  "an origin of level %d" % level)
    tap.equal(world.inbox(), [(said[0], "message", 1)], "with that level")
    run(world.owner, "UPDATE federation.federation_servers SET trust_level "
        "= 2 WHERE onion_address = %s", PEER)


def test_window(world):
    room = world.room()
    bob = Voice(room, "bob", state=3)
    first = bob.say()
    far = bob.skip(1023, b"x" * 32).say()
    tap.equal(world.take(room, far), [("wait", "SEQUENCE_AHEAD", 0, 30, 1,
                                       256)], "1025 behind nothing: retry")
    tap.equal(world.talk.synced, [], "which asks for nothing by itself")
    tap.equal(world.take(room, first, far), [TAKEN] * 2, "1024: taken")
    tap.equal(room.sql(STREAMS), [(1, 2, 1, 1025, 0, True)], "with a gap")
    run(world.owner, "UPDATE federation.room_streams SET gap_since = "
        "gap_since - interval '29 s' WHERE room_id = %s", room.row)
    tap.equal((world.take(room, first), world.talk.synced), ([KNOWN], []),
              "one that is known looks at nothing")
    run(world.owner, "UPDATE federation.room_streams SET gap_since = "
        "gap_since - interval '2 s' WHERE room_id = %s", room.row)
    second = Voice(room, "bob", state=3)
    second.skip(2, b"y" * 32)
    tap.equal((world.take(room, second.say()), world.talk.synced),
              ([TAKEN], [PEER]), "after 30 s the origin is asked")
    world.inbox()


def test_epochs(world):
    room = world.room()
    for epoch in range(1, 64):
        run(world.owner, "INSERT INTO federation.room_streams (room_id, "
            "origin, epoch, lane) VALUES (%s, %s, %s, 1)", room.row, PEER,
            epoch)
    ahead = ("wait", "SEQUENCE_AHEAD", 0, 60, 0, 0)
    left = ("refused", "EXPIRED", 0, 0, 0, 0)
    far = int(time.time()) + 24 * 3600

    def take(*places):
        return world.take(room, *[Voice(room, "bob", epoch, lane, 3).say()
                                  for epoch, lane in places])

    tap.equal(take((70, 1), (70, 2), (63, 2), (far - 60, 2), (far + 60, 2)),
              [TAKEN, TAKEN, TAKEN, TAKEN, ahead],
              "epochs of a server, a day ahead of the clock at most")
    tap.equal(room.sql("SELECT count(DISTINCT epoch), min(epoch) FROM "
                       "federation.room_streams WHERE room_id = %s"),
              [(64, 2)], "the 64 highest are kept, whatever their lanes")
    broken = Voice(room, "bob", 1, state=3).skip(0, b"z" * 32).say()
    tap.equal((take((1, 1), (1, 3), (2, 2), (69, 3), (70, 3)),
               world.take(room, broken)),
              ([left, left, TAKEN, TAKEN, TAKEN], [left]),
              "what comes of a lower one is settled, and not new")
    tap.equal(take((2, 3), (3, 3)), [left, TAKEN],
              "and the lowest rises as others begin")
    tap.equal(world.evidence(room), [], "nothing of it is evidence")
    world.inbox()


def held_add(world, room, origin, count):
    run(world.owner, "INSERT INTO federation.room_items (room_id, origin, "
        "message_id, sender, status, lane, epoch, sequence, state_number, "
        "digest, previous, payload) SELECT %s, %s, gen_random_uuid(), 'bob', "
        "'held', 3, 9, n, 9, sha256(n::text::bytea), sha256('x'), '{}' FROM "
        "generate_series(1, %s) n", room.row, origin, count)


def test_held(world):
    ahead = ("held", "OK", 0, 0, 4, 9)
    full = ("wait", "STATE_UNKNOWN", 0, 60, 4, 9)
    room = world.room()
    bob = Voice(room, "bob", state=9)
    said = bob.say()
    tap.equal(world.take(room, said), [ahead], "a state that we lack: held")
    tap.equal(world.talk.synced, ["home"], "and the home is asked")
    tap.equal((world.inbox(), world.received(said[0])), ([], 1),
              "received, not shown")
    tap.equal(world.take(room, said), [KNOWN], "again: known")
    held_add(world, room, PEER, 248)
    tap.equal(world.take(room, bob.say(), bob.say()), [ahead, full],
              "250 of one server")
    room = world.room()
    for origin in (LOST, HOME, "x", "y"):
        held_add(world, room, origin, 249)
    bob = Voice(room, "bob", state=9)
    tap.equal(world.take(room, *bob.many(5)), [ahead] * 4 + [full],
              "1000 of a room")
    room = world.room(home=SELF)
    tap.equal((world.take(room, Voice(room, "bob", state=9).say()),
               world.talk.synced), ([ahead], []),
              "we are the home: nobody is asked")


def test_conflict(world):
    room = world.room()
    bob = Voice(room, "bob", state=3)
    said = bob.many(3)
    world.take(room, *said)
    world.inbox()
    other = Voice(room, "bob", state=3).skip(1, bob.tip).say("other")
    tap.equal(world.take(room, other, via=HOME), [conflict(2)],
              "another content of a number: a conflict")
    tap.equal(world.talk.synced, [HOME], "heads go to who showed it")
    tap.equal((world.evidence(room), room.sql(STREAMS)),
              ([("SEQUENCE_CONFLICT", 1, 2, 2)],
               [(1, 2, 3, 3, 2, False)]), "evidence, and the stream forks")
    first, second = room.sql("SELECT first, second FROM "
                             "federation.room_evidence WHERE room_id = %s")[0]

    def document(number, payload):
        return b'{"id":"%s","payload":%s,"signature":"%s","text":"%s"}' % (
            number.encode(), peer.canonical(payload),
            peer.b64(b"\7" * 64).encode(),
            peer.b64(b"what the origin signed\0").encode())
    tap.equal((bytes(first), bytes(second)),
              (document(*said[1]), document(*other)), "both are whole")
    tap.equal(run(world.owner, "SELECT kind, message_id::text FROM "
                  "federation.evidence ORDER BY id DESC LIMIT 1"),
              [("SEQUENCE_CONFLICT", other[0])], "and the admin's")
    tap.equal(world.take(room, bob.say()),
              [refused("SEQUENCE_CONFLICT", False)],
              "the stream ends at the fork")
    tap.equal(world.take(room, said[2]), [KNOWN], "what was taken stays so")
    world.take(room, other)
    lower = Voice(room, "bob", state=3).say("lower")
    tap.equal(world.take(room, lower), [conflict(1)], "a lower number")
    tap.equal(world.evidence(room), [("SEQUENCE_CONFLICT", 1, 2, 2),
                                     ("SEQUENCE_CONFLICT", 1, 2, 1)],
              "counts once more, the same does not")
    tap.equal(world.received(other[0]), 0, "none of it was received")


def test_conflict_beside(world):
    room = world.room()
    bob = Voice(room, "bob", state=3)
    first = bob.say()
    second = Voice(room, "bob", state=3).skip(1, b"r" * 32).say()
    tap.equal(world.take(room, first, second), [TAKEN, conflict(1)],
              "another predecessor than there is")
    room = world.room()
    third = Voice(room, "bob", state=3).skip(2, b"q" * 32).say()
    second = Voice(room, "bob", state=3).skip(1, b"r" * 32).say()
    tap.equal(world.take(room, third, second), [TAKEN, conflict(2)],
              "another than the one behind it names")
    for number, document in ((third, 0), (second, 1)):
        shown, = room.sql("SELECT ARRAY[first, second] FROM "
                          "federation.room_evidence WHERE room_id = %s")
        tap.ok(number[0].encode() in bytes(shown[0][document]),
               "which is the evidence, document %d" % document)
    room = world.room()
    alone = Voice(room, "bob", state=3).skip(0, b"s" * 32).say()
    tap.equal(world.take(room, alone), [conflict(1)],
              "a first that has a predecessor")
    first, second = room.sql("SELECT first, second FROM "
                             "federation.room_evidence WHERE room_id = %s")[0]
    tap.equal(bytes(first), bytes(second), "contradicts itself")
    room = world.room()
    one, two = (Voice(room, "bob", state=3).say(t) for t in "ab")
    tap.equal(world.take(room, one, two), [TAKEN, conflict(1)],
              "in one request")
    tap.equal(world.evidence(room), [("SEQUENCE_CONFLICT", 1, 2, 1)],
              "is evidence, too")
    room = world.room()
    bob = Voice(room, "bob", state=3)
    said = bob.many(3)
    tap.equal(world.take(room, said[2], said[1], said[0]), [TAKEN] * 3,
              "the wrong way round is none")
    tap.equal(room.sql(STREAMS), [(1, 2, 3, 3, 0, False)], "and whole")
    world.inbox()


def void_add(world, room, first, last, previous, digest):
    proof = run(world.owner, "INSERT INTO federation.room_proofs (origin, "
                "signing_text, signature, key_id, payload) VALUES (%s, 'v', "
                "%s, %s, '{}') RETURNING id", PEER, b"v" * 64, b"k" * 32)
    run(world.owner, "INSERT INTO federation.room_voids (room_id, origin, "
        "epoch, lane, first, last, gone, previous, digest, proof_id) VALUES "
        "(%s, %s, 1, 2, %s, %s, false, %s, %s, %s)", room.row, PEER, first,
        last, previous, digest, proof[0][0])
    run(world.owner, "INSERT INTO federation.room_streams (room_id, origin, "
        "epoch, lane, contiguous, highest) VALUES (%s, %s, 1, 2, %s, %s)",
        room.row, PEER, last, last)


def test_void(world):
    room = world.room()
    bob = Voice(room, "bob", state=3)
    said = bob.many(2)
    void_add(world, room, 1, 2, bytes(32), bob.tip)
    tap.equal(world.take(room, said[1]), [("taken", "OK", FILLED, 0, 0, 0)],
              "a void that comes after all fills its number")
    tap.equal(world.take(room, bob.say()), [TAKEN], "what follows fits")
    for first, last, voice, number in (
            (1, 1, Voice(room, "bob", state=3), 1),
            (1, 1, Voice(room, "bob", state=3).skip(1, b"o" * 32), 1),
            (2, 2, Voice(room, "bob", state=3).skip(1, b"p" * 32), 2),
            (2, 2, Voice(room, "bob", state=3), 1)):
        room = voice.room = world.room()
        void_add(world, room, first, last, b"e" * 32 if first > 1
                 else bytes(32), b"d" * 32)
        tap.equal(world.take(room, voice.say()), [conflict(number)],
                  "what contradicts a void: a conflict")
        evidence, = room.sql("SELECT first FROM federation.room_evidence "
                             "WHERE room_id = %s")
        tap.equal(bytes(evidence[0]), b'{"payload":{},"signature":"%s","text"'
                  b':"dg=="}' % peer.b64(b"v" * 64).encode(), "shown as such")
    world.inbox()


def test_id(world):
    room, elsewhere = world.room(), world.room()
    bob = Voice(room, "bob", state=3)
    said = bob.say()
    world.take(room, said)
    world.inbox()
    again = bob.say("another", said[0])
    tap.equal(world.take(room, again), [refused("ID_CONFLICT")],
              "an id with other content: refused, its number settled")
    tap.equal((room.sql(STREAMS), world.evidence(room), world.inbox()),
              ([(1, 2, 2, 2, 0, False)], [("ID_CONFLICT", 1, 2, 2)], []),
              "and evidence")
    tap.equal(world.take(room, bob.say()), [TAKEN], "what follows is taken")
    other = Voice(elsewhere, "bob", state=3).say(number=said[0])
    tap.equal(world.take(elsewhere, other), [refused("ID_CONFLICT")],
              "of another room")
    both = Voice(room, "bob", state=3).say("both", said[0])
    tap.equal(world.take(room, both), [conflict(1)],
              "id and number: the number's verdict")
    tap.equal(world.evidence(room), [("ID_CONFLICT", 1, 2, 2),
                                     ("ID_CONFLICT", 1, 2, 1),
                                     ("SEQUENCE_CONFLICT", 1, 2, 1)],
              "and evidence of both")
    direct = str(uuid.uuid4())
    run(world.owner, "INSERT INTO federation.received_ids (server_id, "
        "message_id, digest) VALUES (%s, %s, %s)", room.server(PEER), direct,
        b"d" * 32)
    room = world.room()
    bob = Voice(room, "bob", state=3)
    said = bob.say(number=direct)
    tap.equal(world.take(room, said), [refused("ID_CONFLICT")],
              "that a message out of rooms had")
    tap.equal(room.sql(ITEMS), [(direct, "refused", "ID_CONFLICT", 0)],
              "is kept as proof")
    one = bob.say()
    two = bob.say("two", one[0])
    tap.equal(world.take(room, one, two, bob.say()),
              [TAKEN, refused("ID_CONFLICT"), TAKEN], "in one request")
    world.inbox()


def test_own(world):
    """After a restore others give us what we had said ourselves."""
    room = world.room()
    me = Voice(room, "me", state=3)
    said = me.many(2)
    tap.equal(world.take(room, *said, origin=SELF, via=PEER), [TAKEN] * 2,
              "our own, from another's hand")
    tap.equal((world.inbox(), world.talk.stored, room.sql(ITEMS)),
              ([], 0, [(n, "taken", None, 0) for n, _ in said]),
              "kept, not shown")
    tap.equal(world.take(room, said[0], origin=SELF, via=PEER), [KNOWN],
              "once")


def plan_make(source):
    """Symbols of messages: (id, number, text, whose digest is previous)."""
    plan = []
    for at in range(source.randint(2, 24)):
        if plan and source.random() < 0.15:
            plan.append(source.choice(plan))  # once more
            continue
        if plan and source.random() < 0.1:
            at = source.choice(plan)[0]  # its id
        number = source.randint(1, 7)
        before = [n for n, p in enumerate(plan) if p[1] == number - 1]
        plan.append((at, number, source.choice("ab"), source.choice(before)
                     if before and source.random() < 0.9 else None,
                     source.choice(["bob", "bob", "bob", "ann", "eve"]),
                     source.choice([1, 2, 3, 3, 3, 9]),
                     source.choice([1, 1, 1, 2])))
    return plan


def plan_said(room, plan):
    ids, digests, said = {}, [], []
    for symbol, number, text, before, sender, state, epoch in plan:
        voice = Voice(room, sender, epoch, state=state).skip(
            number - 1, bytes(32) if before is None else digests[before])
        said.append(voice.say(text, ids.setdefault(symbol,
                                                   str(uuid.uuid4()))))
        digests.append(voice.tip)
    return said


def test_together(world):
    """In one request or two as one by one: the same becomes of them."""
    seen = set()
    for seed in range(SEEDS):
        plan = plan_make(random.Random(seed))
        one, other = world.room(), world.room()
        said = plan_said(one, plan)
        cut = seed % len(said)
        together = world.take(one, *said[:cut]) if cut else []
        together += world.take(one, *said[cut:])
        alone = [world.take(other, said)[0]
                 for said in plan_said(other, plan)]
        ends = [(room.sql("SELECT epoch, sequence, status, code, flags FROM "
                          "federation.room_items WHERE room_id = %s "
                          "ORDER BY id"), room.sql(STREAMS),
                 world.evidence(room)) for room in (one, other)]
        seen |= {verdict[:2] for verdict in together}
        if together != alone or ends[0] != ends[1]:
            tap.ok(False, "seed %d" % seed)
            for n, pair in enumerate(zip(plan, together, alone)):
                if pair[1] != pair[2]:
                    tap.diag("%d %r" % (n, pair))
            for pair in zip(*ends):
                if pair[0] != pair[1]:
                    tap.diag("%r\n%r" % pair)
    tap.equal(sorted(seen), sorted({
        ("taken", "OK"), ("known", "OK"), ("held", "OK"),
        ("refused", "NOT_MEMBER"), ("refused", "ID_CONFLICT"),
        ("refused", "SEQUENCE_CONFLICT"),
        ("conflict", "SEQUENCE_CONFLICT")}),
        "one request, and one by one: the same, with every verdict")
    world.inbox()


def blocked(world, statement, *values):
    """Another worker is at the room when ours comes to write."""
    other = world.cluster.connect(autocommit=False)
    run(other, statement, *values)
    return other


def test_race(world):
    room = world.room()
    bob = Voice(room, "bob", state=3)
    said = bob.many(2)
    other = blocked(world, "UPDATE federation.room_states SET version = "
                    "version + 1, disputed = 3 WHERE room_id = %s", room.row)
    world.talk.take_begin(room.id, PEER, said)
    tap.ok(net.wait(lambda: run(world.owner, WAITING)[0][0] == 1),
           "another worker changes the room meanwhile")
    other.commit()
    other.close()
    tap.equal(world.talk.end(), [refused("ROOM_FROZEN")] * 2,
              "what was decided is decided again")
    room = world.room()
    said = [Voice(room, "bob", state=3).say()]
    other = blocked(world, "INSERT INTO federation.received_ids (server_id, "
                    "message_id, digest) VALUES (%s, %s, %s)",
                    room.server(PEER), said[0][0],
                    peer.item_digest("message", *said[0]))
    world.talk.take_begin(room.id, PEER, said)
    tap.ok(net.wait(lambda: run(world.owner, WAITING)[0][0] == 1),
           "another worker takes the same")
    other.commit()
    other.close()
    tap.equal(world.talk.end(), [KNOWN], "then it is known")
    tap.equal(world.inbox(), [], "and nothing was written here")
    said = Voice(room, "bob", state=3).say()
    other = blocked(world, "SELECT FROM federation.room_states WHERE "
                    "room_id = %s FOR UPDATE", room.row)
    world.talk.take_begin(room.id, PEER, [said])
    net.wait(lambda: run(world.owner, WAITING)[0][0] == 1)
    run(world.owner, "SELECT pg_cancel_backend(pid) FROM pg_stat_activity "
        "WHERE usename = '_fedqueued' AND wait_event_type = 'Lock'")
    tap.equal(world.talk.end(), ["failed"], "the database gives up: so said")
    other.rollback()
    other.close()
    tap.equal(world.take(room, said), [TAKEN], "and the next time it is taken")
    world.inbox()


def test_judge(world):
    room = world.room()
    bob, eve = Voice(room, "bob", state=4), Voice(room, "eve", lane=1, state=4)
    said = [bob.say(), eve.say(), bob.say(stateNumber=5), bob.say()]
    world.take(room, *said)
    world.talk.do("judge " + room.id)
    tap.equal([s for _, s, _, _ in room.sql(ITEMS)], ["held"] * 4,
              "what is still unknown waits on")
    room.set(number=4)
    world.talk.do("judge " + room.id)
    tap.equal([(s, c, f) for _, s, c, f in room.sql(ITEMS)],
              [("taken", None, WAS_HELD), ("refused", "NOT_MEMBER", 0),
               ("held", None, 0), ("taken", None, WAS_HELD)],
              "the state has come: judged again")
    tap.equal(([n for n, _, _ in world.inbox()], world.talk.stored),
              ([said[0][0], said[3][0]], 2), "and shown, in order")
    room.set(disputed=5)
    world.talk.do("judge " + room.id)
    tap.equal(room.sql(ITEMS)[2][1:], ("refused", "ROOM_FROZEN", 0),
              "in dispute: dropped")
    tap.equal(world.inbox(), [], "and not shown")


def age(world, room, seconds):
    run(world.owner, "UPDATE federation.room_items SET since = now() - %s * "
        "interval '1 s' WHERE room_id = %s", seconds, room.row)


def test_unverified(world):
    room = world.room()
    said = [Voice(room, "bob", state=9).say(),
            Voice(room, "eve", lane=1, state=9).say()]
    world.take(room, *said)
    age(world, room, 3597)
    world.talk.do("doorbell")
    tap.equal([s for _, s, _, _ in room.sql(ITEMS)], ["held"] * 2,
              "not yet an hour")
    age(world, room, 3601)
    world.talk.do("doorbell")
    tap.equal([(s, f) for _, s, _, f in room.sql(ITEMS)],
              [("taken", WAS_HELD | UNVERIFIED),
               ("taken", WAS_HELD | UNVERIFIED | HIDDEN)],
              "an hour without the state: unverified, strangers hidden")
    tap.equal([n for n, _, _ in world.inbox()], [said[0][0]],
              "the member is shown")
    room.member("eve@" + PEER, 4)
    room.set(number=4)
    world.talk.do("judge " + room.id)
    tap.equal([n for n, _, _ in world.inbox()], [said[1][0]],
              "a member, as far as is known by now, is shown")
    room.set(number=9)
    world.talk.do("judge " + room.id)
    tap.equal([(s, f) for _, s, _, f in room.sql(ITEMS)],
              [("taken", WAS_HELD)] * 2, "then the state comes: verified")
    tap.equal(world.inbox(), [], "and nothing is shown twice")


def test_judge_many(world):
    room = world.room()
    bob = Voice(room, "bob", state=4)
    for _ in range(5):
        world.take(room, *bob.many(50))
    held_add(world, room, HOME, 249)
    room.set(number=4)
    other = blocked(world, "UPDATE federation.room_states SET version = "
                    "version + 1 WHERE room_id = %s", room.row)
    world.talk.begin("judge " + room.id)
    tap.ok(net.wait(lambda: run(world.owner, WAITING)[0][0] == 1),
           "another worker is at the room")
    other.commit()
    other.close()
    world.talk.end()
    tap.equal(room.sql("SELECT status, count(*) FROM federation.room_items "
                       "WHERE room_id = %s GROUP BY 1 ORDER BY 1"),
              [("held", 249), ("taken", 250)], "portion after portion")
    tap.equal((len(world.inbox()), world.talk.stored), (250, 250), "once")


def test_judge_failed(world):
    """The database fails just then, and nothing rings afterwards."""
    room = world.room()
    said = Voice(room, "bob", state=4).say()
    world.take(room, said)
    room.set(number=4)
    right = "EXECUTE ON FUNCTION federation.room_messages_judge %s _fedqueued"
    run(world.owner, "REVOKE " + right % "FROM")
    world.talk.do("judge " + room.id)
    run(world.owner, "GRANT " + right % "TO")
    tap.equal([s for _, s, _, _ in room.sql(ITEMS)], ["held"],
              "what could not be judged is held")

    def taken():
        world.talk.do("doorbell")  # which finds nothing in this room
        return [s for _, s, _, _ in room.sql(ITEMS)] == ["taken"]
    tap.ok(net.wait(taken), "and is judged again by itself")
    tap.equal([n for n, _, _ in world.inbox()], [said[0]], "once")


def test_trips(world):
    """As many messages as a request has cost two statements."""
    room = world.room()
    said = Voice(room, "bob").many(64)
    with Statements(world.cluster, "room_") as statements:
        tap.equal(world.take(room, *said), [TAKEN] * 64, "64 in")
    tap.equal(statements.ran, ["room_messages_facts", "room_messages_take"],
              "read at once and written at once")


def main():
    with Cluster(fsync=True) as cluster:
        cluster.migrate()
        world = World(cluster)
        for test in (test_taken, test_form, test_state, test_late, test_here,
                     test_around_the_end, test_trust, test_window,
                     test_epochs, test_held, test_conflict,
                     test_conflict_beside, test_void, test_id,
                     test_own, test_together, test_race, test_judge,
                     test_unverified, test_judge_many,
                     test_judge_failed, test_trips):
            test(world)
        world.talk.close()


tap.main(main)
