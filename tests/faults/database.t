#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# PostgreSQL fails under load on both sides: immediate shutdown in the middle
# of commits, a backend killed, frozen, read-only for a while (a failover to a
# standby looks like it). Peers are told to wait, nothing is acknowledged that
# was not committed, and the count is right.

import os
import signal
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "lib"))
import faults  # noqa: E402
import net  # noqa: E402
import tap  # noqa: E402

RESTARTS = 6


def read_only_sessions(world, side):
    """The sessions that are there become read-only, and later are not; the
    daemon notices both by itself."""
    for value in ("on", "off"):
        connection = faults.psycopg2.connect(side.node.database)
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SET default_transaction_read_only = off")
            cursor.execute("ALTER SYSTEM SET default_transaction_read_only "
                           "= " + value)
            cursor.execute("SELECT pg_reload_conf()")
        connection.close()
        world.some_time(1)


def test():
    with net.Net(servers=2, lines=faults.LINES) as network:
        world = faults.World(network)
        world.load()
        for number in range(RESTARTS):
            world.some_time(0.5)
            world.crash_postgres(world.sides[number % 2],
                                 world.rng.choice((signal.SIGQUIT,
                                                   signal.SIGKILL)),
                                 off=world.rng.choice((0, 0, 0.7)))
        for side in world.sides:
            world.some_time(0.5)
            world.crash_backend(side)
        for side in 2 * world.sides:
            world.some_time(0.5)
            world.crash_in_commit(side)
        tap.equal(world.in_commit, 4, "4 times with commits under way")
        tap.equal(world.recovered, RESTARTS + 6, "whole after each of %d "
                  "restarts, the slowest %.2f s after PostgreSQL" % (
                      RESTARTS + 6, world.slowest))
        for side in world.sides:
            world.freeze(side, "postgres", 0.5)
            world.read_only(side, 0.7)
            world.some_time(0.5)
            read_only_sessions(world, side)
        for side in world.sides:
            took = side.wait_whole(seconds=10)
            tap.ok(took is not None, "server %d: whole after it was "
                   "read-only" % side.node.number)
        time.sleep(1)
        world.judge("database")
        world.close()


tap.main(test)
