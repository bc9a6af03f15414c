#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""A home whose database was put back to a backup and whose key was revoked: it
cannot tell what it signed since from what a thief did, so it adopts the chain
of its rooms from a server that its administrator names, and from no other. Of
a key that is not revoked the log of signatures tells whether it was stolen."""

import os
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "..", "..", "..", "lib"))
import net  # noqa: E402
import peer  # noqa: E402
import tap  # noqa: E402
from roomapp import App, agree, copy, invite  # noqa: E402

SECONDS = 60
SIGNER = os.path.join(net.ROOT, os.environ.get("TORFED_BUILD", "build"),
                      "fed-signer", "fed-signer")
KINDS = """SELECT e.kind FROM federation.room_state_events e
    JOIN federation.federated_rooms f ON f.id = e.room_id
    WHERE f.global_room_id = %s AND e.signature IS NOT NULL ORDER BY number"""
ADOPTING = """SELECT s.number, s.disputed, s.adopt_from IS NOT NULL
    FROM federation.room_states s JOIN federation.federated_rooms f
    ON f.id = s.room_id WHERE f.global_room_id = %s"""
# The last event is not there, and the one before it is another.
DIFFERENT = (
    "UPDATE federation.self SET restored_at = NULL, "
    "began_at = now() - interval '2 days', old_epoch = 1",
    """DELETE FROM federation.room_state_events e USING
    federation.room_states s, federation.federated_rooms f
    WHERE f.id = s.room_id AND e.room_id = f.id AND e.number = s.number
    AND f.global_room_id = %s""",
    """UPDATE federation.room_states s SET version = s.version + 1,
    number = s.number - 1, hash = sha256('x') FROM
    federation.federated_rooms f WHERE f.id = s.room_id
    AND f.global_room_id = %s""",
    """UPDATE federation.room_state_events e SET signing_text = 'x' FROM
    federation.room_states s, federation.federated_rooms f
    WHERE f.id = s.room_id AND e.room_id = f.id AND e.number = s.number
    AND f.global_room_id = %s""")


class World:
    def __init__(self, network):
        self.network = network
        self.a, self.b = (App(node) for node in network.servers)
        self.a.call("user_publish", "ann", b"key")
        self.b.call("user_publish", "bob", b"key")
        self.rooms = {}

    def room(self, name):
        self.rooms[name] = self.a.call("room_create", "ann")
        self.a.wait("created", self.rooms[name])
        invite(self.a, "ann", "bob", self.b, self.rooms[name])

    def rename(self, *names):
        for name in names:
            for text in (b"one", b"two"):
                self.a.call("room_rename", self.rooms[name], text)
            net.wait(lambda: len(self.chain(self.b, name)) >= 5)

    def chain(self, app, name):
        return [kind for kind, in app.node.sql(KINDS, self.rooms[name])]

    def adopt(self, room, server):
        return self.a.node.fedctl("room", "adopt", room, server)


def lose(world):
    """Two rooms go on after the backup, one is made after it; and then the
    key is taken for stolen."""
    network, a = world.network, world.a
    for name in ("old", "other"):
        world.room(name)
    network.stop(1)
    backup = os.path.join(network.directory, "backup")
    copy(a, backup)
    network.start(1)
    world.rename("old", "other")
    world.room("fresh")
    world.rename("fresh")
    a.call("room_close", world.rooms["fresh"])
    world.b.wait("closed", world.rooms["fresh"])
    network.stop(1)
    copy(a, backup, True)
    subprocess.run([SIGNER, "certify", "-k", a.node.keys, "-r", "-m"],
                   check=True, stdout=subprocess.DEVNULL)
    network.start(1)
    tap.ok(net.wait(lambda: "restored by=log" in a.node.log(), SECONDS),
           "a home knows that it was restored")


def test_adopt(world):
    a, b, rooms = world.a, world.b, world.rooms
    before = world.chain(b, "old")
    tap.equal(world.adopt(rooms["old"], b.node.onion)[::2], (0, ""),
              "an administrator names the server")
    tap.ok(net.wait(lambda: world.chain(a, "old")[:len(before)] == before,
                    SECONDS), "whose chain is taken, though the key that "
           "signed it is revoked")
    tap.ok(net.wait(lambda: world.chain(b, "old") == before + ["key"],
                    SECONDS) and agree(rooms["old"], a, b, seconds=SECONDS),
           "and vouched for under the new one")
    tap.equal(len(world.chain(a, "other")), 3,
              "another room is not, that nobody named")
    a.call("room_rename", rooms["old"], b"three")
    b.wait("renamed", rooms["old"], number=len(before) + 2)
    tap.ok(agree(rooms["old"], a, b, seconds=SECONDS), "the room goes on")
    tap.equal(a.node.sql(ADOPTING, rooms["old"])[0][1:], (0, False),
              "and the server is not asked any more")


def test_lost(world):
    """A room that the database does not know at all, and closed."""
    a, b, room = world.a, world.b, world.rooms["fresh"]
    before = world.chain(b, "fresh")
    tap.equal((world.adopt(room, b.node.onion)[0], before[-1]), (0, "close"),
              "of a room that was made since the backup")
    tap.ok(net.wait(lambda: world.chain(a, "fresh") == before, 2 * SECONDS) and
           agree(room, a, b, seconds=SECONDS), "the same")


def test_killed(world):
    """What an administrator said outlives the process."""
    a, b, room = world.a, world.b, world.rooms["other"]
    before = world.chain(b, "other")
    world.network.stop(2)
    tap.equal(world.adopt(room, b.node.onion)[0], 0, "of one that is away")
    tap.equal(a.node.sql(ADOPTING, room), [(3, 0, True)], "it is waited for")
    world.network.kill(1, "fed-queued")
    world.network.start(2)
    tap.ok(net.wait(lambda: world.chain(b, "other") == before + ["key"],
                    2 * SECONDS) and agree(room, a, b, seconds=SECONDS),
           "also by the process that comes after")


def test_refused(world):
    a, b, rooms = world.a, world.b, world.rooms
    theirs = b.call("room_create", "bob")
    b.wait("created", theirs)
    for room, server, code, name in (
            (theirs, b.node.onion, "NOT_HOME", "another's room"),
            (rooms["old"], peer.onion_address(peer.Key().public),
             "SERVER_UNKNOWN", "a server that is not known"),
            ("x" + rooms["old"], b.node.onion, "ROOM_ID", "no room"),
            (rooms["old"], a.node.onion, "SELF", "ourselves")):
        status, _, error = world.adopt(room, server)
        tap.ok(status != 0 and code in error, "not of " + name) or \
            tap.diag(error)


def test_contradicted(world):
    """The server that is named has another chain: ours stays."""
    a, b, room = world.a, world.b, world.rooms["old"]
    a.call("room_rename", room, b"last")
    tap.ok(agree(room, a, b, seconds=SECONDS), "a chain")
    for statement in DIFFERENT:
        a.node.sql(statement, *([room] if "%s" in statement else []))
    chain = a.chain(room)
    tap.equal(world.adopt(room, b.node.onion)[0], 0, "of which we have less, "
              "and otherwise")
    tap.ok(net.wait(lambda: "room-adopt refused" in a.node.log(), SECONDS),
           "is not adopted")
    tap.equal((a.chain(room), a.node.sql(ADOPTING, room)),
              (chain, [(len(chain), 0, False)]),
              "ours stays, and is not frozen")


def forget(world, name):
    """The last event, and messages: as if a thief had made them. The log of
    signatures is old and in step."""
    a, room = world.a, world.rooms[name]
    world.network.stop(1, "fedd")
    a.node.sql(DIFFERENT[1], room)
    a.node.sql(
        """UPDATE federation.room_states s SET version = s.version + 1,
        number = e.number, hash = sha256(e.signing_text)
        FROM federation.room_state_events e, federation.federated_rooms f
        WHERE f.id = s.room_id AND e.room_id = f.id
        AND e.number = s.number - 1 AND f.global_room_id = %s""", room)
    for table in ("room_items", "room_streams"):
        a.node.sql("DELETE FROM federation.%s t USING "
                   "federation.federated_rooms f WHERE t.room_id = f.id "
                   "AND f.global_room_id = %%s" % table, room)
    a.node.sql("UPDATE federation.self SET restored_at = NULL, "
               "began_at = now() - interval '2 days', old_epoch = 1")
    world.network.start(1)


def alarm(world):
    return "key-alarm" in world.a.node.fedctl("check")[1]


def past(world):
    """Since when it counts as restored, and the epoch."""
    return world.a.node.sql("SELECT restored_at IS NOT NULL, epoch "
                            "FROM federation.self")[0]


def test_alarm(world):
    """Our signature over what the log does not know: a thief has the key, and
    nothing of it is taken, unless an administrator says that the whole machine
    went back."""
    a, b = world.a, world.b
    world.room("robbed")
    room = world.rooms["robbed"]
    a.call("room_rename", room, b"theirs")
    b.wait("renamed", room)
    a.call("room_send", room, "ann", b"said")
    tap.ok(net.wait(lambda: b.receive() or b.messages, SECONDS), "said")
    chain = b.chain(room)
    epoch = past(world)[1]
    forget(world, "robbed")
    tap.ok(net.wait(lambda: alarm(world), SECONDS),
           "what carries our signature and is not ours raises an alarm")
    tap.ok(net.wait(lambda: past(world)[1] > epoch, SECONDS),
           "an epoch begins")
    epoch = past(world)[1]
    for _ in range(2):
        world.network.kill(1, "fed-queued")
        net.wait(lambda: a.node.fedctl("status")[0] == 0)
        time.sleep(2)
    tap.equal((past(world), len(a.chain(room)), a.node.value(
        "SELECT count(*) FROM federation.room_items i JOIN "
        "federation.federated_rooms f ON f.id = i.room_id WHERE "
        "f.global_room_id = %s", room)), ((False, epoch), len(chain) - 1, 0),
        "one, however often it is shown, and nothing is taken")
    status, said, _ = a.node.fedctl("restored")
    tap.equal((status, str(past(world)[1]) in said), (0, True),
              "an administrator says that the machine went back")
    tap.ok(net.wait(lambda: a.chain(room) == chain, 2 * SECONDS),
           "then events are adopted")
    tap.ok(net.wait(lambda: a.node.value(
        "SELECT count(*) FROM federation.room_items i JOIN "
        "federation.federated_rooms f ON f.id = i.room_id WHERE "
        "f.global_room_id = %s", room) == 1, 2 * SECONDS),
        "and messages")
    tap.equal(alarm(world), False, "and the alarm is over")


def test():
    lines = ["retry minimum 50ms", "retry maximum 200ms", "queue sweep 1s"]
    with net.Net(servers=2, lines=lines) as network:
        world = World(network)
        lose(world)
        for part in (test_adopt, test_lost, test_killed, test_refused,
                     test_contradicted, test_alarm):
            part(world)


tap.main(test)
