#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""State events by server_sync: what one suite lacks it learns from another
while the home is away, in portions, and where two histories of one home part
is found by halving, so that both freeze at the same number, also where one of
them does not know the other as a member."""

import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "..", "..", "..", "lib"))
import net  # noqa: E402
import peer  # noqa: E402
import tap  # noqa: E402
from rooms import b64, run  # noqa: E402
from syncworld import (  # noqa: E402
    LINES, World, event, event_document, event_store, events)


def state(site, column):
    return site.value("SELECT " + column + " FROM federation.room_states "
                      "WHERE room_id = %s", site.now.row)


def apart(world):
    """The home is away: the two have each other alone, and are to ask."""
    world.third.leave()
    for site, other in ((world.a, world.b), (world.b, world.a)):
        run(site.owner, "UPDATE federation.federation_servers SET is_online = "
            "(onion_address = %s)", other.onion)
        run(site.owner, "INSERT INTO federation.room_streams (room_id, "
            "origin, epoch, lane, contiguous, highest, gap_since) VALUES (%s, "
            "%s, 1, 3, 0, 2, now() - interval '1 hour')", site.now.row,
            world.third.address)


def test_portions(world):
    room, a, b = world.room(), world.a, world.b
    chain = events(world, room, *[b"%d" % n for n in range(150)])
    event_store(a, chain[0])
    for signed in chain:
        event_store(b, signed)
    apart(world)
    tap.ok(net.wait(lambda: state(a, "number") == 151, 90),
           "151 events are learned from a member")
    tap.equal([bytes(t) for t, in run(
        a.owner, "SELECT signing_text FROM federation.room_state_events WHERE "
        "room_id = %s ORDER BY number", a.now.row)],
        [signed["text"] for signed in chain], "byte for byte")
    world.back()


def test_halving(world):
    room, a, b = world.room(), world.a, world.b
    common = events(world, room, *[b"%d" % n for n in range(20)])
    for site, name, count in ((a, b"a", 38), (b, b"b", 35)):
        chain = list(common)
        for number in range(22, 22 + count):
            chain.append(event(
                world, room, number, chain[-1]["hash"], "rename",
                {"metadata": b64(name + b"%d" % number)}))
        for signed in chain:
            event_store(site, signed)
    apart(world)
    tap.ok(net.wait(lambda: state(a, "disputed") == 22 and
                    state(b, "disputed") == 22, 120),
           "two histories part at 22, and both servers come to that")
    for site in (a, b):
        tap.equal(run(site.owner, "SELECT min(number) FROM "
                      "federation.room_evidence WHERE room_id = %s AND kind "
                      "= 'STATE_CONFLICT'", site.now.row), [(22,)],
                  "with the evidence")
    world.back()


def test_strangers(world):
    """A room frozen by two events of the home, and a member of the other
    history, which is in no room as we have it: it shows one of the two, and is
    shown the other."""
    room, a, b = world.room(), world.a, world.b
    chain = events(world, room, b"1")
    ours = event(world, room, 3, chain[-1]["hash"], "rename",
                 {"metadata": b64(b"a")})
    theirs = event(world, room, 3, chain[-1]["hash"], "rename",
                   {"metadata": b64(b"b")})
    for signed in chain + [ours]:
        event_store(a, signed)
    for signed in chain + [theirs]:
        event_store(b, signed)
    world.sync(a, evidence=[[event_document(world, ours),
                             event_document(world, theirs)]])
    tap.equal((state(a, "disputed"), state(b, "disputed")), (3, 0),
              "one of two servers is shown a contradiction")
    run(a.owner, "DELETE FROM federation.room_members WHERE room_id = %s "
        "AND server_id = %s", a.now.row, a.server(b.onion))
    apart(world)
    tap.ok(net.wait(lambda: state(b, "disputed") == 3, 120),
           "the other, not in the room as that one has it, comes to see it")
    world.back()


def test():
    with net.Net(servers=2, lines=LINES) as network, \
            peer.Server() as third:
        world = World(network, third)
        test_portions(world)
        test_halving(world)
        test_strangers(world)


tap.main(test)
