#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# SIGKILL under load on both sides: to each of the five processes of either
# suite at random times, then to everything of one server, then of both. The
# suite is whole within 2 s each time, a message that was being sent is claimed
# again within 5 s, and the count is right.

import os
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "lib"))
import faults  # noqa: E402
import net  # noqa: E402
import peer  # noqa: E402
import tap  # noqa: E402

KILLS_OF_EACH = 5  # on each side
RECLAIM_SECONDS = 5


def reclaimed(world):
    """A worker dies with a claim: the message is sent again soon."""
    side = world.sides[0]
    hanging = threading.Event()

    def hang(server, received):
        hanging.wait(60)

    with peer.Server() as other:
        other.join(world.network.directory)
        node = side.node
        node.fedctl("handshake", other.address)
        node.fedctl("server", "trust", other.address, "2")
        for name in ("fed-queued", "fed-sender", "fed-signer", "fedd"):
            other.faults.append(hang)
            before = len(other.received)
            number = node.enqueue(other.address, {"text": name})
            sent = net.wait(lambda: [
                r for r in other.received[before:]
                if r.envelope and r.envelope["type"] != "handshake"], 10)
            started = time.monotonic()
            world.kill(name, side)
            again = net.wait(lambda: node.delivered(number), 30)
            took = time.monotonic() - started
            tap.ok(sent and again and took < RECLAIM_SECONDS,
                   "%s killed with a message under way: delivered %.1f s "
                   "later" % (name, took))
        hanging.set()


def test():
    with net.Net(servers=2, lines=faults.LINES) as network:
        world = faults.World(network)
        reclaimed(world)
        world.recovered = world.slowest = 0
        world.load()
        plan = KILLS_OF_EACH * [(name, side) for name in faults.ALL
                                for side in world.sides]
        world.rng.shuffle(plan)
        for name, side in plan:
            world.some_time()
            world.kill(name, side)
        tap.ok(world.recovered == len(plan), "whole within 2 s of each of %d "
               "kills, the slowest %.2f s" % (len(plan), world.slowest))
        world.recovered = 0
        for sides in (world.sides[:1], world.sides[1:], world.sides):
            world.some_time(1)
            world.kill_everything(sides)
        tap.equal(world.recovered, 4, "and of kills of everything")
        world.judge("kills")
        world.close()


tap.main(test)
