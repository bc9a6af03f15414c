#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""A home revokes its key: each of its rooms gets an event of the kind key under
the new one, closed ones too, once; what was decided and not signed is decided
again; and those who were in them have it."""

import os
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "..", "..", "..", "lib"))
import net  # noqa: E402
import tap  # noqa: E402
from roomapp import SECONDS, App, agree, invite  # noqa: E402

ROOT = net.ROOT
SIGNER = os.path.join(ROOT, os.environ.get("TORFED_BUILD", "build"),
                      "fed-signer", "fed-signer")
EVENTS = """SELECT e.kind, (SELECT count(*) FROM (SELECT DISTINCT x.key_id
    FROM federation.room_state_events x WHERE x.room_id = e.room_id
    AND x.number <= e.number) k) FROM federation.room_state_events e
    JOIN federation.federated_rooms f ON f.id = e.room_id
    WHERE f.global_room_id = %s AND e.signature IS NOT NULL
    ORDER BY e.number DESC LIMIT 2"""


def certify(app, *options):
    subprocess.run([SIGNER, "certify", "-k", app.node.keys, *options],
                   check=True, stdout=subprocess.DEVNULL)


def restart(network, app, *options):
    network.stop(1)
    certify(app, *options)
    network.start(1)


def last(app, room):
    """The last two events' kinds, and how many keys signed up to each."""
    return [(kind, int(keys)) for kind, keys in app.node.sql(EVENTS, room)]


def test(network, a, b):
    rooms = {}
    for name in ("open", "closed", "alone", "frozen", "busy"):
        rooms[name] = a.call("room_create", "ann")
        a.wait("created", rooms[name])
        if name not in ("alone", "frozen"):
            invite(a, "ann", "bob", b, rooms[name])
    a.call("room_close", rooms["closed"])
    b.wait("closed", rooms["closed"])
    many = [a.call("room_create", "ann") for _ in range(40)]
    for room in many:
        a.wait("created", room)
    restart(network, a)
    a.call("room_rename", rooms["alone"], b"x")
    a.wait("renamed", rooms["alone"])
    tap.equal([last(a, rooms[name])[0][0] for name in rooms],
              ["join", "close", "rename", "create", "join"],
              "an ordinary new certificate asks for nothing")
    network.freeze(1, "fed-signer")
    a.call("room_rename", rooms["busy"], b"y")
    net.wait(lambda: a.node.value(
        "SELECT count(*) FROM federation.room_state_events WHERE signature "
        "IS NULL") == 1)
    a.node.sql("UPDATE federation.room_states s SET disputed = 1 FROM "
               "federation.federated_rooms f WHERE f.id = s.room_id AND "
               "f.global_room_id = %s", rooms["frozen"])
    network.kill(1)
    certify(a, "-r", "-m")
    network.start(1)
    everywhere = [rooms[name] for name in ("open", "closed", "alone")] + many
    tap.ok(net.wait(lambda: all(
        last(a, room)[0][0] == "key" for room in everywhere), SECONDS),
        "with -m each room gets an event of the kind key")
    b.wait("renamed", rooms["busy"])
    tap.equal([kind for kind, _ in last(a, rooms["busy"])],
              ["rename", "join"], "what was not signed is, under the new key, "
              "and does for one")
    tap.ok(agree(rooms["open"], a, b) and agree(rooms["closed"], a, b),
           "those who are in it have it, also where it is closed")
    tap.equal(last(a, rooms["frozen"])[0][0], "create",
              "a frozen room gets none")
    again = [a.chain(room) for room in everywhere]
    restart(network, a)
    a.call("room_rename", rooms["open"], b"z")
    b.wait("renamed", rooms["open"])
    tap.equal([a.chain(room)[:len(chain)] for room, chain in zip(
        everywhere, again)], again, "and one only")
    tap.equal([len(a.chain(room)) - len(chain) for room, chain in zip(
        everywhere, again)], [1] + [0] * (len(everywhere) - 1),
        "whatever starts after it")


def main():
    lines = ["retry minimum 50ms", "retry maximum 200ms", "queue sweep 1s"]
    with net.Net(servers=2, lines=lines) as network:
        a, b = (App(node) for node in network.servers)
        a.call("user_publish", "ann", b"key")
        b.call("user_publish", "bob", b"key")
        test(network, a, b)


tap.main(main)
