#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# Order inside a lane when applications enqueue at the same time: queue ids
# are given when a row is written and seen when its transaction commits, so a
# transaction's rows can become visible below ids that are long on their way.
# What one transaction enqueued arrives in its order all the same; so does what
# an earlier lease left claimed, when it is more than one request holds.

import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "..", "..", "lib"))
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


def test_left_behind(network, a, b):
    """As a worker leaves it that loses the database with two requests' worth
    of claims."""
    network.stop(1, "fedd")
    before = len(texts(b))
    a.sql("""SELECT federation.enqueue(%s, json_build_object('text', n)::text)
        FROM generate_series(1, 300) n""", b.onion)
    a.sql("""UPDATE federation.federated_message_queue SET status = 'sending'
        WHERE status = 'pending' AND id < (SELECT min(id) + 128
        FROM federation.federated_message_queue WHERE status = 'pending')""")
    network.start(1, "fedd")
    b.wait_inbox(before + 300, 60)
    tap.equal(texts(b)[before:], list(range(1, 301)),
              "what an earlier lease left is claimed in its order")


def test():
    with net.Net(servers=2) as network:
        test_late_commit(network, *network.servers)
        test_left_behind(network, *network.servers)


tap.main(test)
