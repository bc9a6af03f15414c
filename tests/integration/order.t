#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# Order inside a lane when applications enqueue at the same time: queue ids
# are given when a row is written and seen when its transaction commits, so a
# transaction's rows can become visible below ids that are long on their way.
# What one transaction enqueued arrives in its order all the same.

import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "lib"))
import psycopg2  # noqa: E402

import net  # noqa: E402
import tap  # noqa: E402


def enqueue(connection, server, text):
    with connection.cursor() as cursor:
        cursor.execute("SELECT federation.enqueue(%s, %s)",
                       (server.onion, '{"text":"%s"}' % text))


def texts(server):
    return [payload["text"] for _, _, _, payload in server.inbox()]


def in_flight(server):
    return server.value("""SELECT count(*) FROM
        federation.federated_message_queue WHERE status = 'sending'""") == 1


def test_late_commit(network, a, b):
    slow = psycopg2.connect(a.app_database)
    network.freeze(2, "fed-queued")
    enqueue(slow, b, "slow 1")
    a.enqueue(b.onion, {"text": "quick"})
    tap.ok(net.wait(lambda: in_flight(a), 30), "a higher id is on its way")
    enqueue(slow, b, "slow 2")
    slow.commit()
    slow.close()
    # The doorbell of that commit rings while the exchange goes on.
    tap.ok(net.wait(lambda: a.value("""SELECT count(*) FROM
        federation.federated_message_queue"""), 30) == 3, "all is committed")
    network.thaw(2, "fed-queued")
    b.wait_inbox(3)
    tap.equal(texts(b), ["quick", "slow 1", "slow 2"],
              "a transaction's messages arrive in its order")


def test():
    with net.Net(servers=2) as network:
        test_late_commit(network, *network.servers)


tap.main(test)
