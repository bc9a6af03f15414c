#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""The quota: how many messages may wait for one destination, found without
counting them each time and without anybody waiting for another."""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "..", "lib"))
import tap  # noqa: E402
from pgcluster import Cluster  # noqa: E402
from sqlhelp import address, code, one  # noqa: E402

ENQUEUE = "SELECT federation.enqueue(%s, '{}', priority => %s)"
MANY = "SELECT count(federation.enqueue(%s, '{}', priority => n %% 3 + 1)) " \
    "FROM generate_series(1, %s) n"
cluster = None
owner = None   # a cursor with all rights
app = None     # one of fed_app
daemon = None  # one of _fedqueued


def server_new():
    """Address and id."""
    name = address(os.urandom(32))
    return name, one(owner, "INSERT INTO federation.federation_servers "
                     "(onion_address, public_key) VALUES (%s, "
                     "repeat('0', 64)) RETURNING id", name)


def quota(number):
    one(cluster.connect("fed_admin").cursor(),
        "SELECT federation.set_quota(%s)", number)


def waiting(server):
    return one(owner, "SELECT count(*) FROM federation."
               "federated_message_queue WHERE destination_server_id = %s "
               "AND status IN ('pending', 'sending')", server)


def settle(server, status="delivered"):
    owner.execute("UPDATE federation.federated_message_queue SET status = %s, "
                  "delivered_at = now() WHERE destination_server_id = %s",
                  (status, server))


def age(server, seconds):
    owner.execute("UPDATE federation.queue_depths SET counted_at = now() - %s "
                  "* interval '1 s' WHERE server_id = %s", (seconds, server))


def limit():
    quota(10)
    name, server = server_new()
    other, _ = server_new()
    got = [code(app, ENQUEUE, name, n % 3 + 1) for n in range(12)]
    tap.equal(got, [""] * 10 + ["FD010"] * 2,
              "ten may wait, of whatever priority")
    tap.equal(waiting(server), 10, "what was refused is not there")
    tap.equal(code(app, ENQUEUE, other, 2), "", "others have their own")
    message = one(owner, "SELECT message_id FROM federation."
                  "federated_message_queue WHERE destination_server_id = %s "
                  "LIMIT 1", server)
    tap.equal(code(app, "SELECT federation.enqueue(%s, '{}', %s)", name,
                   message), "", "one that waits already is no more")
    for status in ("delivered", "failed"):
        settle(server, status)
        age(server, 121)
        tap.equal(code(app, MANY, name, 10), "", status + " do not count")
    age(server, 121)
    tap.equal(code(app, MANY, name, 1), "FD010", "ten wait again")
    quota(11)
    tap.equal([code(app, ENQUEUE, name, 2) for _ in range(2)],
              ["", "FD010"], "a higher quota: one more")
    quota(5)
    tap.equal(code(app, ENQUEUE, other, 2), "", "a lower one")
    tap.equal(code(app, MANY, name, 1), "FD010", "removes nothing")


def rolled_back():
    quota(10)
    name, server = server_new()
    connection = cluster.connect("fed_app", autocommit=False)
    tap.equal(code(connection.cursor(), MANY, name, 11), "FD010",
              "too many in one transaction")
    connection.rollback()
    tap.equal(waiting(server), 0, "and none of them waits")
    for _ in range(30):
        connection.cursor().execute(MANY, (name, 10))
        connection.rollback()
    tap.equal(code(app, MANY, name, 10), "",
              "what is rolled back takes nothing from the quota")


def believed():
    """An old count is not believed, a fresh one is, and the daemon's turn
    makes one."""
    quota(10)
    name, server = server_new()
    one(app, MANY, name, 10)
    tap.equal(code(app, ENQUEUE, name, 2), "FD010", "full")
    owner.execute("SELECT federation.queue_count(%s)", (server,))
    settle(server)
    tap.equal(code(app, ENQUEUE, name, 2), "FD010",
              "a count of just now is believed")
    age(server, 121)
    tap.equal(code(app, ENQUEUE, name, 2), "", "an old one is made anew")
    one(app, MANY, name, 9)
    owner.execute("SELECT federation.queue_count(%s)", (server,))
    settle(server)
    age(server, 51)
    one(daemon, "SELECT federation.prune(NULL, '30 d', '7 d', 100)")
    tap.equal(one(owner, "SELECT waiting FROM federation.queue_depths WHERE "
                  "server_id = %s", server), 0, "the daemon counts")
    tap.equal(code(app, MANY, name, 10), "", "and all may come again")


def nobody_waits():
    quota(10)
    name, server = server_new()
    first = cluster.connect("fed_app", autocommit=False)
    second = cluster.connect("fed_app", autocommit=False)
    for connection in (first, second):
        connection.cursor().execute("SET LOCAL lock_timeout = 500")
    one(first.cursor(), MANY, name, 9)
    tap.equal(one(owner, "SELECT count(*) FROM (SELECT 1 FROM federation."
                  "queue_depths WHERE server_id = %s FOR UPDATE SKIP LOCKED) "
                  "d", server), 0, "one transaction keeps a count")
    tap.equal(code(second.cursor(), MANY, name, 9), "",
              "another does not wait for it")
    first.commit()
    second.commit()
    tap.equal(waiting(server), 18, "what is in flight is not seen")
    tap.equal(code(app, ENQUEUE, name, 2), "FD010", "until it is committed")


def far():
    """Where other servers had many messages the count is renewed at once."""
    quota(10)
    name, server = server_new()
    other, _ = server_new()
    for _ in range(3):
        tap.equal(code(app, MANY, other, 10), "", "another ten")
        settle(one(owner, "SELECT id FROM federation.federation_servers "
                   "WHERE onion_address = %s", other))
        age(one(owner, "SELECT id FROM federation.federation_servers "
                "WHERE onion_address = %s", other), 121)
    tap.equal(code(app, ENQUEUE, name, 2), "", "a message")
    tap.equal(one(owner, "SELECT waiting FROM federation.queue_depths d "
                  "WHERE server_id = %s AND last_id = (SELECT max(id) FROM "
                  "federation.federated_message_queue)", server), 1,
              "the first of its server is counted")


def looked_at():
    """How many rows of the queue PostgreSQL has read for fed_app so far, by
    its own figures."""
    one(app, "SELECT pg_stat_force_next_flush()")
    owner.execute("SELECT pg_stat_force_next_flush()")
    owner.execute("SELECT pg_stat_clear_snapshot()")
    return int(one(owner, """SELECT sum(idx_tup_read) + (SELECT seq_tup_read
        FROM pg_stat_user_tables WHERE relid = i.relid)
        FROM pg_stat_user_indexes i
        WHERE relid = 'federation.federated_message_queue'::regclass
        GROUP BY relid"""))


def costs():
    """At the quota it takes no count of all each time."""
    quota(20000)
    name, server = server_new()
    owner.execute("""INSERT INTO federation.federated_message_queue
        (message_id, destination_server_id, encrypted_payload)
        SELECT gen_random_uuid(), %s, '{}' FROM generate_series(1, 19990)""",
        (server,))
    owner.execute("ANALYZE federation.federated_message_queue")
    before = looked_at()
    one(owner, "SELECT federation.queue_count(%s)", server)
    counted = looked_at() - before
    tap.ok(counted >= 19990, "a count of all reads %d rows" % counted)
    before = looked_at()
    got = [code(app, ENQUEUE, name, 2) for _ in range(100)]
    read = looked_at() - before
    tap.equal(got, [""] * 10 + ["FD010"] * 90, "20,000 may wait")
    tap.ok(read < 2 * counted, "100 more, ten of which fit, read %d" % read)


def come_and_go():
    name, server = server_new()
    owner.execute("DELETE FROM federation.federation_servers WHERE id = %s",
                  (server,))
    tap.equal(one(owner, "SELECT count(*) FROM federation.queue_depths WHERE "
                  "server_id = %s", server), 0,
              "a server that goes takes its count with it")
    again = one(owner, "INSERT INTO federation.federation_servers "
                "(onion_address, public_key) VALUES (%s, repeat('0', 64)) "
                "RETURNING id", name)
    tap.equal(one(owner, "SELECT count(*) FROM federation.queue_depths WHERE "
                  "server_id = %s", again), 1, "one that comes has one")


def test():
    global cluster, owner, app, daemon
    with Cluster() as cluster:
        cluster.migrate()
        owner = cluster.connect().cursor()
        app = cluster.connect("fed_app").cursor()
        daemon = cluster.connect("_fedqueued").cursor()
        limit()
        rolled_back()
        believed()
        nobody_waits()
        far()
        come_and_go()
        costs()
        for number in (0, -1, 100000001, None):
            tap.equal(code(owner, "SELECT federation.set_quota(%s)", number),
                      "FD007", "a quota of %s" % number)
        tap.equal([code(owner, "SELECT federation.set_quota(%s)", n)
                   for n in (1, 100000000)], ["", ""], "1 to 100000000")


tap.main(test)
