#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# tor fails under load on both sides: killed, away for a while, frozen, gone
# for longer than the back-off's cap, never there. Our own outage charges
# no message and no peer.

import os
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "lib"))
import faults  # noqa: E402
import net  # noqa: E402
import tap  # noqa: E402

CAP_SECONDS = 0.5  # "retry maximum" of faults.LINES


def restarts(world):
    for number in range(6):
        world.some_time(0.5)
        world.restart_tor(world.sides[number % 2],
                          off=world.rng.choice((0, 0.3, 1)))
    tap.equal(world.recovered, 6, "whole after tor was restarted 6 times")
    for side in world.sides:
        world.freeze(side, "tor", 0.7)


def never_reachable(world):
    """A suite that starts without tor."""
    side = world.sides[0]
    node = side.node
    side.server.stop("tor")
    side.server.stop("fedd")
    side.server.start_fedd()
    number = world.flows[0].hand_over(2)
    time.sleep(1.5)
    row, = node.sql("""SELECT status, attempts, last_error
        FROM federation.federated_message_queue WHERE message_id = %s""",
                    number)
    tap.ok(row[0] in ("pending", "sending") and row[1] == 0,
           "without tor a message waits, uncharged: %s" % (row,))
    count, = node.sql("""SELECT retry_count, connection_failures
        FROM federation.peers p JOIN federation.federation_servers s
        ON s.id = p.server_id WHERE onion_address = %s""",
                      world.sides[1].node.onion)
    tap.equal(count, (0, 0), "and the peer is not charged")
    started = time.monotonic()
    side.server.start_tor()
    tap.ok(net.wait(lambda: node.delivered(number), 30),
           "with tor it leaves, after %.1f s" % (time.monotonic() - started))


def peer_away(world):
    """Longer than the cap: it is tried again at the cap's pace, and the
    message arrives soon after the peer is back."""
    a, b = world.sides
    b.server.stop("fedd")
    number = world.flows[0].hand_over(1)
    time.sleep(6 * CAP_SECONDS)
    attempts, error = a.node.sql("""SELECT attempts, last_error
        FROM federation.federated_message_queue WHERE message_id = %s""",
                                 number)[0]
    tap.equal(attempts, 0, "a peer that is away costs no attempt")
    b.server.start_fedd()
    started = time.monotonic()
    tap.ok(net.wait(lambda: a.node.delivered(number), 20), "delivered %.2f s "
           "after it is back" % (time.monotonic() - started))


def test():
    with net.Net(servers=2, lines=faults.LINES) as network:
        world = faults.World(network)
        world.load()
        restarts(world)
        time.sleep(1)
        world.judge("tor")
        never_reachable(world)
        peer_away(world)
        world.judge("outages", least=100)
        world.close()


tap.main(test)
