#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# 500 peers that nobody ever reaches: messages to a live one go on beside them,
# and theirs wait, uncharged.

import os
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "lib"))
import faults  # noqa: E402
import net  # noqa: E402
import peer  # noqa: E402
import tap  # noqa: E402

DEAD = 500
LINES = ["retry minimum 2s", "retry maximum 1m", "queue sweep 1s"]


def dead_peers(world):
    a, b = world.sides
    dead = [peer.onion_address(peer.Key().public) for _ in range(DEAD)]
    connection = faults.psycopg2.connect(a.node.database)
    with connection, connection.cursor() as cursor:
        for address in dead:
            cursor.execute("SELECT federation.server_add(%s), "
                           "federation.server_set_trust(%s, 2)",
                           (address, address))
    with connection, connection.cursor() as cursor:
        for address in dead:
            cursor.execute("SELECT federation.enqueue(%s, '{}')", (address,))
    connection.close()
    tap.ok(net.wait(lambda: a.node.value("""SELECT count(*)
        FROM federation.federation_servers WHERE connection_failures > 0
        AND onion_address = ANY (%s)""", dead) == DEAD, 30, 0.2),
           "%d peers were found unreachable" % DEAD)
    slowest = 0
    for _ in range(10):
        started = time.monotonic()
        number = world.flows[0].hand_over(3)
        net.wait(lambda: a.node.delivered(number), 10)
        slowest = max(slowest, time.monotonic() - started)
    tap.ok(slowest < 5, "beside %d dead peers a message takes %.2f s at most" %
           (DEAD, slowest))
    states = a.node.sql("""SELECT status, attempts, count(*)
        FROM federation.federated_message_queue WHERE encrypted_payload = '{}'
        GROUP BY 1, 2""")
    tap.equal(sum(n for status, attempts, n in states
                  if status in ("pending", "sending") and attempts == 0),
              DEAD, "their messages wait, uncharged: %s" % states)
    a.node.sql("""DELETE FROM federation.federated_message_queue
        WHERE encrypted_payload = '{}'""")


def test():
    with net.Net(servers=2, lines=LINES) as network:
        world = faults.World(network)
        world.load(most=2, pause=0.1)
        dead_peers(world)
        world.judge("dead peers", least=20)
        world.close()


tap.main(test)
