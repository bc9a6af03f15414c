#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# A burst after a quiet time. The database has looked at the queue while
# nothing waited, and plans statements after that: what it reads for a burst
# must still grow with the burst, not with its square. Counted in rows read, by
# the database itself.

import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "..", "..", "lib"))
import net  # noqa: E402
import tap  # noqa: E402

QUIET = 300
BURST = 6400
EACH = 25  # rows read for a message of the burst, at most
LINES = ["health interval 0", "health self-probe 0"]
READ = """
    SELECT pg_stat_clear_snapshot(), sum(seq_tup_read)::bigint +
        (SELECT sum(idx_tup_read)::bigint FROM pg_stat_user_indexes
        WHERE relname = %s)
    FROM pg_stat_user_tables WHERE relname = %s"""


def enqueue(node, onion, count):
    """64 a transaction."""
    for first in range(0, count, 64):
        node.sql("SELECT federation.enqueue(%s, '{}') "
                 "FROM generate_series(1, %s)", onion,
                 min(64, count - first), user="app")


def settled(node):
    return net.wait(lambda: node.value(
        "SELECT NOT EXISTS (SELECT 1 FROM federation.federated_message_queue "
        "WHERE status IN ('pending', 'sending'))"), 120, 0.1)


def read(node, table):
    """Rows of it that were read, once the counters have come to rest."""
    found = [-1]

    def rests():
        found.append(node.sql(READ, table, table)[0][1])
        return found[-1] == found[-2]

    net.wait(rests, 60, 1.5)
    return found[-1]


def test():
    with net.Net(servers=2, lines=LINES) as network:
        a, b = network.servers
        for _ in range(QUIET):
            a.enqueue(b.onion, {})
        tap.ok(settled(a), "%d messages, one by one" % QUIET)
        tables = ((a, "federated_message_queue"), (b, "inbox"))
        for node, table in tables:
            node.sql("ANALYZE federation." + table)
        before = [read(*one) for one in tables]
        network.freeze(2, "fed-listener")
        enqueue(a, b.onion, BURST)
        network.thaw(2, "fed-listener")
        tap.ok(settled(a), "%d at once" % BURST)
        tap.equal(b.value("SELECT count(*) FROM federation.inbox"),
                  QUIET + BURST, "  all are there")
        for (node, table), had in zip(tables, before):
            each = (read(node, table) - had) / BURST
            tap.ok(each <= EACH, "  %s: %.1f rows read for each" % (
                table, each))


tap.main(test)
