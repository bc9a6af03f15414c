#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# root only: it mounts a small file system
#
# The file system below PostgreSQL is full while messages come and go, first at
# one server, then at the other: those who enqueue get an error, peers are told
# to wait, nothing is acknowledged that was not committed, and with room again
# all goes on by itself.

import os
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "lib"))
import disk  # noqa: E402
import faults  # noqa: E402
import net  # noqa: E402
import peer  # noqa: E402
import tap  # noqa: E402

FULL_SECONDS = 2


def told(other, full):
    """Whether a message waits there because the full one said so."""
    return other.node.value("""SELECT count(*)
        FROM federation.federated_message_queue q
        JOIN federation.federation_servers s ON s.id = destination_server_id
        WHERE s.onion_address = %s AND q.status IN ('pending', 'sending')
        AND attempts = 0""", full.node.onion) > 0


def full(world, side, other, data):
    number = side.node.number
    outbound = world.flows[number - 1]
    before = outbound.errors
    ballast = disk.fill(data)
    tap.ok(net.wait(lambda: outbound.errors > before and told(other, side),
                    30), "server %d full: applications get errors, the "
           "other's messages wait" % number)
    time.sleep(FULL_SECONDS)
    response = peer.Client.of(side.node).raw(peer.request_bytes(
        "GET", "/federation/ping", side.node.onion))
    tap.equal(response.status, 200, "and the listener answers")
    os.unlink(ballast)
    if side.pid("postgres") is None:  # its log could not be written
        side.server.start_postgres()
    tap.ok(side.wait_whole(seconds=15) is not None, "whole with room again")
    with open(side.server.log("postgres"), errors="replace") as file:
        tap.ok("No space left on device" in file.read(),
               "PostgreSQL met the limit")


def test():
    with net.Net(servers=2, lines=faults.LINES) as network:
        world = faults.World(network)
        a, b = world.sides
        with disk.small(a, "256m") as at_a, disk.small(b, "256m") as at_b:
            for side in world.sides:
                side.wait_whole()
            world.load(size=2000)
            time.sleep(1)
            full(world, b, a, at_b)
            time.sleep(1)
            full(world, a, b, at_a)
            time.sleep(1)
            world.judge("databases full")
            world.close()


tap.main(test)
