#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Messages of ours in rooms: their places in the streams, who gets them, who
may not write; against a database, and then from one suite to another, which
must find the same bytes that were numbered."""

import json
import os
import sys
import uuid

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "..", "..", "..", "lib"))
import net  # noqa: E402
import peer  # noqa: E402
import tap  # noqa: E402
from pgcluster import Cluster  # noqa: E402
from rooms import LIMITS, Room, Statements, Talk, run  # noqa: E402

SELF, HOME, PEER, GONE = (peer.onion_address(peer.Key().public)
                          for _ in range(4))
NEW = """INSERT INTO federation.room_items (room_id, origin, message_id,
    sender, status, lane, content, message_type, metadata)
    VALUES (%s, %s, %s, %s, 'new', %s, %s, %s, %s)"""
ITEMS = """SELECT message_id::text, status, code, lane, epoch, sequence,
    state_number, digest, previous, payload FROM federation.room_items
    WHERE room_id = %s ORDER BY id"""
QUEUE = """SELECT q.message_id::text, s.onion_address, q.priority, q.type,
    q.encrypted_payload FROM federation.federated_message_queue q
    JOIN federation.federation_servers s ON s.id = q.destination_server_id
    ORDER BY q.id"""


class World:
    def __init__(self, cluster):
        self.cluster = cluster
        self.owner = cluster.connect()
        daemon = cluster.connect(user="_fedqueued")
        run(daemon, "SELECT federation.self_set(%s, 'c', 1)", SELF)
        run(daemon, LIMITS)
        daemon.close()
        for address in (HOME, PEER, GONE):
            run(self.owner, "INSERT INTO federation.federation_servers "
                "(onion_address, public_key, trust_level) VALUES (%s, %s, 2)",
                address, peer.onion_key(address).hex())
        self.talk = Talk(cluster, SELF)

    def room(self, number=5, **state):
        return Room(self.owner, HOME, {
            "me@" + SELF: (1, None), "you@" + SELF: (1, 3),
            "ann@" + HOME: (1, None), "bob@" + PEER: (2, None),
            "bea@" + PEER: (3, None), "eve@" + GONE: (2, 4)}, number, **state)

    def say(self, room, sender="me", lane=2, content=b"hello", kind="text",
            metadata=None):
        number = str(uuid.uuid4())
        run(self.owner, NEW, room.row, SELF, number, sender, lane, content,
            kind, metadata)
        return number

    def number(self):
        self.talk.do("doorbell")

    def mark(self):
        return run(self.owner, "SELECT mark FROM federation.self")[0][0]

    def queued(self):
        rows = run(self.owner, QUEUE)
        run(self.owner, "DELETE FROM federation.federated_message_queue")
        return rows

    def told(self):
        rows = run(self.owner, "SELECT payload, server_id FROM "
                   "federation.inbox WHERE type = 'room' ORDER BY inbox_id")
        run(self.owner, "DELETE FROM federation.inbox")
        return [json.loads(bytes(payload)) for payload, server in rows
                if server is None]


def chain_check(rows, name):
    """Each names the digest of the one before, in its lane."""
    tips, good = {}, True
    for number, _, _, lane, _, _, _, digest, previous, payload in rows:
        said = json.loads(bytes(payload))
        good &= peer.canonical(said) == bytes(payload)
        good &= said["previous"] == peer.b64(bytes(previous))
        good &= bytes(previous) == tips.get(lane, bytes(32))
        good &= bytes(digest) == peer.item_digest("message", number, said)
        tips[lane] = bytes(digest)
    tap.ok(good, name)


def test_places(world):
    room = world.room()
    mark = world.mark()
    said = [world.say(room, lane=lane) for lane in (2, 1, 2, 3, 1)]
    world.number()
    rows = room.sql(ITEMS)
    tap.equal([row[:7] for row in rows],
              [(n, "taken", None, lane, 1, sequence, 5) for n, lane, sequence
               in zip(said, (2, 1, 2, 3, 1), (1, 1, 2, 1, 2))],
              "numbered in each lane, in their order")
    chain_check(rows, "each after the one before")
    tap.equal(json.loads(bytes(rows[2][9])), {
        "encryptedContent": "aGVsbG8=", "epoch": 1, "globalRoomId": room.id,
        "lane": 2, "messageType": "text", "previous": peer.b64(
            bytes(rows[0][7])), "senderId": "me", "sequence": 2,
        "stateNumber": 5}, "the payload says so")
    queue = world.queued()
    tap.equal(sorted(row[1] for row in queue), sorted([HOME, PEER] * 5),
              "for each other server with a member, once; not who left")
    for onion in (HOME, PEER):
        tap.equal([(n, lane, kind, bytes(payload)) for n, to, lane, kind,
                   payload in queue if to == onion],
                  [(row[0], row[3], "message", bytes(row[9]))
                   for row in rows], "the same bytes, in order, in the lane")
    tap.equal(world.mark(), mark + 1, "one mark for all")
    tap.equal(room.sql("SELECT lane, contiguous, highest FROM "
                       "federation.room_streams WHERE room_id = %s AND "
                       "origin = '" + SELF + "' ORDER BY 1"),
              [(1, 2, 2), (2, 2, 2), (3, 1, 1)], "the streams have them")
    world.say(room)
    world.number()
    rows = room.sql(ITEMS)
    tap.equal(rows[5][5], 3, "the next goes on")
    chain_check(rows, "behind the last")
    mark = world.mark()
    world.number()
    tap.equal(world.mark(), mark, "nothing to do changes nothing")
    run(world.owner, "UPDATE federation.self SET epoch = 7")
    world.say(room)
    world.number()
    row = room.sql(ITEMS)[6]
    tap.equal((row[4:6], bytes(row[8])), ((7, 1), bytes(32)),
              "a new epoch begins anew")
    run(world.owner, "UPDATE federation.self SET epoch = 1")
    world.queued()


def test_metadata(world):
    room = world.room()
    world.say(room, content=bytes(range(256)), kind="file_part",
              metadata='{"a":{"b":1},"c":"\u00e9"}')
    world.number()
    payload = json.loads(bytes(room.sql(ITEMS)[0][9]))
    tap.equal((peer.unb64(payload["encryptedContent"]),
               payload["messageType"], payload["metadata"]),
              (bytes(range(256)), "file_part", {"a": {"b": 1}, "c": "\u00e9"}),
              "content, type and metadata are whole")
    world.queued()


def refusal(world, room, name, code, **said):
    number = world.say(room, **said)
    world.number()
    row = room.sql(ITEMS)[-1]
    tap.equal((row[1:3], row[4:7], row[9], world.told(), world.queued()),
              (("refused", code), (None, None, None), None,
               [{"event": "refused", "kind": "message", "code": code,
                 "request": number, "room": room.id}], []), name)


def test_refused(world):
    room = world.room()
    refusal(world, room, "who is not a member", "NOT_MEMBER", sender="him")
    refusal(world, room, "who left", "NOT_MEMBER", sender="you")
    refusal(world, room, "no content", "PAYLOAD_MALFORMED", content=b"")
    refusal(world, room, "a type out of form", "PAYLOAD_MALFORMED", kind="T")
    refusal(world, room, "metadata with a number that is none of ours",
            "PAYLOAD_MALFORMED", metadata='{"a":1.5}')
    refusal(world, room, "metadata that are an array",
            "PAYLOAD_MALFORMED", metadata='{"a":1},"x":[1]')
    refusal(world, room, "too much", "PAYLOAD_TOO_LARGE",
            content=bytes(49152))
    said = [world.say(room, sender=s) for s in ("me", "you", "me")]
    world.number()
    rows = room.sql(ITEMS)[-3:]
    tap.equal([row[:2] + row[5:6] for row in rows],
              [(said[0], "taken", 1), (said[1], "refused", None),
               (said[2], "taken", 2)], "a refused one takes no number")
    chain_check([rows[0], rows[2]], "and no place in the chain")
    world.queued()
    world.told()
    room.request("leave", "me@" + SELF)
    refusal(world, room, "who is leaving", "NOT_MEMBER")
    refusal(world, world.room(closed=5), "a closed room", "ROOM_CLOSED")
    refusal(world, world.room(disputed=5), "a frozen room", "ROOM_FROZEN")
    refusal(world, world.room(number=0), "a room without state",
            "ROOM_UNKNOWN")


def test_many(world):
    rooms = [world.room() for _ in range(3)]
    said = {room.row: [] for room in rooms}
    for n in range(300):
        room = rooms[n % 7 % 3]
        said[room.row].append(world.say(room))
    world.number()
    for room in rooms:
        rows = room.sql(ITEMS)
        tap.equal([(row[0], row[5]) for row in rows],
                  [(n, i + 1) for i, n in enumerate(said[room.row])],
                  "more than one transaction takes: all, in order")
        chain_check(rows, "in one chain")
    tap.equal(len(world.queued()), 600, "and all are queued")


def test_known(world):
    """An id that the application used for a server before."""
    room = world.room()
    number = world.say(room)
    run(world.owner, "INSERT INTO federation.federated_message_queue "
        "(message_id, destination_server_id, encrypted_payload) VALUES "
        "(%s, %s, '{}')", number, room.server(PEER))
    world.number()
    tap.equal(room.sql(ITEMS)[0][1], "taken", "an id used before is numbered")
    tap.equal(sorted((row[1], bytes(row[4]) == b"{}")
                     for row in world.queued()),
              sorted([(HOME, False), (PEER, True)]),
              "and not sent twice to one server")


def test_race(world):
    room = world.room()
    world.say(room)
    other = world.cluster.connect(autocommit=False)
    run(other, "UPDATE federation.room_states SET version = version + 1, "
        "number = 6 WHERE room_id = %s", room.row)
    world.talk.begin("doorbell")
    tap.ok(net.wait(lambda: run(
        world.owner, "SELECT count(*) FROM pg_stat_activity WHERE usename = "
        "'_fedqueued' AND wait_event_type = 'Lock'")[0][0] == 1),
           "another worker changes the room meanwhile")
    other.commit()
    world.talk.end()
    tap.equal([row[5:7] for row in room.sql(ITEMS)], [(1, 6)],
              "it is numbered under what there is then")
    world.say(room)
    run(other, "UPDATE federation.self SET epoch = epoch + 1")
    world.talk.begin("doorbell")
    tap.ok(net.wait(lambda: run(
        world.owner, "SELECT count(*) FROM pg_stat_activity WHERE usename = "
        "'_fedqueued' AND wait_event_type = 'Lock'")[0][0] == 1),
           "an epoch begins meanwhile")
    other.commit()
    other.close()
    world.talk.end()
    tap.equal([row[4:6] for row in room.sql(ITEMS)], [(1, 1), (2, 1)],
              "it is of the new one")
    world.queued()


def test_suites():
    """From one suite's database to another's."""
    with net.Net(servers=2, lines=["queue sweep 1s"]) as network:
        a, b = network.servers
        number = str(uuid.uuid4()) + "@" + a.onion
        for server, other in ((a, b), (b, a)):
            home = "NULL" if server is a else \
                "(SELECT id FROM federation.federation_servers)"
            server.sql("INSERT INTO federation.federated_rooms (room_id, "
                       "origin_server_id, is_local_origin, global_room_id) "
                       "VALUES (%s, " + home + ", %s, %s)", number[:36],
                       server is a, number)
            server.sql("INSERT INTO federation.room_states (room_id, number) "
                       "SELECT id, 1 FROM federation.federated_rooms")
            server.sql("INSERT INTO federation.room_members SELECT r.id, m, "
                       "(SELECT id FROM federation.federation_servers WHERE "
                       "onion_address = split_part(m, '@', 2)), 1 FROM "
                       "federation.federated_rooms r, unnest(%s) m",
                       ["me@" + a.onion, "bob@" + b.onion])
        ids = [str(uuid.uuid4()) for _ in range(20)]
        for n, one in enumerate(ids):
            a.sql("INSERT INTO federation.room_items (room_id, origin, "
                  "message_id, sender, status, lane, content, message_type) "
                  "SELECT id, %s, %s, 'me', 'new', 2, %s, 'text' FROM "
                  "federation.federated_rooms", a.onion, one,
                  b"%d" % n)
        a.sql("NOTIFY federation_rooms")
        found = b.wait_inbox(len(ids))
        tap.equal([row[:3] for row in found],
                  [(one, a.onion, "message") for one in ids],
                  "said in A, in B's inbox, in order")
        tip = bytes(32)
        good = len(found) == len(ids)
        for n, (one, _, _, payload) in enumerate(found):
            good &= payload["previous"] == peer.b64(tip)
            good &= payload["sequence"] == n + 1
            tip = peer.item_digest("message", one, payload)
        tap.ok(good, "chained by the digests of what B received")
        digest = a.value("SELECT digest FROM federation.room_items ORDER BY "
                         "id DESC LIMIT 1")
        tap.equal(bytes(digest), tip, "which are those that A has")
        tap.ok(net.wait(lambda: a.value(
            "SELECT count(*) FROM federation.federated_message_queue WHERE "
            "status = 'delivered'") == len(ids)), "and A knows: delivered")
        a.sql("INSERT INTO federation.room_items (room_id, origin, "
              "message_id, sender, status, lane, content, message_type) "
              "SELECT id, %s, gen_random_uuid(), 'me', 'new', 2, 'x', 'text' "
              "FROM federation.federated_rooms", a.onion)
        tap.equal(len(b.wait_inbox(len(ids) + 1)), len(ids) + 1,
                  "without a notification the sweep finds it")


def test_trips(world):
    """As many messages as a portion has cost one look, one reading and one
    writing."""
    room = world.room()
    for n in range(64):
        world.say(room, content=b"%d" % n)
    with Statements(world.cluster, "room_") as statements:
        world.number()
    tap.equal(statements.ran, ["room_messages_work", "room_messages_new",
                               "room_messages_number", "room_messages_new"],
              "64 out: read and written at once; then there are no more")
    tap.equal(len(world.queued()), 64 * 2, "queued for both servers")


def main():
    with Cluster(fsync=True) as cluster:
        cluster.migrate()
        world = World(cluster)
        for test in (test_places, test_metadata, test_refused, test_many,
                     test_known, test_race, test_trips):
            test(world)
        world.talk.close()
    test_suites()


tap.main(main)
