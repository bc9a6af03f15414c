#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Numbers that a server declared void or gone, one by one and without end:
what it costs to find a number, or whom to ask, does not grow with them. Rows
that are read are counted."""

import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "..", "lib"))
import tap  # noqa: E402
from pgcluster import Cluster  # noqa: E402
from rooms import LIMITS, Room, run  # noqa: E402
from sqlhelp import address  # noqa: E402

COUNT = 4000
DECLARED = """INSERT INTO federation.room_voids (room_id, origin, epoch, lane,
    first, last, gone, previous, digest, proof_id)
    SELECT %s, %s, 1, 2, n * 2, n * 2, true, sha256('a'), sha256('b'), %s
    FROM generate_series(1, %s) n"""
PROOF = """INSERT INTO federation.room_proofs (origin, signing_text, signature,
    key_id, payload) VALUES (%s, 'text', decode(repeat('00', 64), 'hex'),
    sha256('key'), '{}') RETURNING id"""
ROWS = """SELECT coalesce(sum(pg_stat_get_xact_tuples_returned(i.indexrelid)),
    0)::bigint + pg_stat_get_xact_tuples_returned(
    'federation.room_voids'::regclass) FROM pg_index i
    WHERE i.indrelid = 'federation.room_voids'::regclass"""
LOOKS = """SELECT sum(pg_stat_get_xact_numscans(i.indexrelid))::bigint
    FROM pg_index i WHERE i.indrelid = 'federation.room_items'::regclass"""
ITEMS = """SELECT count(*) FROM federation.sync_items(%s, %s, %s, 1::bigint, 2,
    1000::bigint, 1255::bigint, 131072::bigint)"""
HOLDERS = """SELECT room, origin, epoch, lane, first, last
    FROM federation.sync_holders(%s, ARRAY[ROW(%s, %s, 1, 2, %s, %s)::
    federation.sync_ask_row], '{}', %s)"""


def server(owner, trust=2):
    name = address(os.urandom(32))
    return name, run(owner, "INSERT INTO federation.federation_servers "
                     "(onion_address, public_key, trust_level) VALUES "
                     "(%s, repeat('0', 64), %s) RETURNING id", name,
                     trust)[0][0]


def read(owner, counted, statement, *values):
    """What it returned, and by how much the count went up."""
    run(owner, "BEGIN")
    before = run(owner, counted)[0][0]
    found = run(owner, statement, *values)
    after = run(owner, counted)[0][0]
    run(owner, "COMMIT")
    return found, after - before


def test():
    with Cluster() as cluster:
        cluster.migrate()
        owner = cluster.connect()
        owner.autocommit = True
        run(owner, LIMITS)
        origin, origin_id = server(owner)
        other, other_id = server(owner)
        room = Room(owner, origin, {"eve@" + origin: (1, None),
                                    "ann@" + other: (1, None)})
        proof = run(owner, PROOF, origin)[0][0]
        run(owner, DECLARED, room.row, origin, proof, COUNT)
        run(owner, "INSERT INTO federation.room_streams (room_id, origin, "
            "epoch, lane, contiguous, highest) VALUES (%s, %s, 1, 2, %s, %s)",
            room.row, origin, 2 * COUNT, 2 * COUNT)
        run(owner, "ANALYZE federation.room_voids")
        found, rows = read(owner, ROWS, ITEMS, other_id, room.id, origin)
        tap.equal(found, [(257,)], "a range is given")
        tap.ok(rows < 8 * 257, "for which few declarations are read: %d" %
               rows)
        found, looks = read(owner, LOOKS, HOLDERS, other_id, room.id, origin,
                            2 * COUNT, 2 * COUNT, 64)
        tap.equal(found, [(room.id, origin, 1, 2, 2 * n, 2 * n)
                          for n in range(1, 65)],
                  "the first that a server shows are asked for")
        tap.ok(looks <= 2 * 64, "and no others looked at: %d" % looks)
        tap.equal(read(owner, LOOKS, HOLDERS, other_id, room.id, origin, 8, 8,
                       64)[0], [(room.id, origin, 1, 2, 2 * n, 2 * n)
                                for n in range(1, 5)],
                  "no more than it shows")
        tap.equal(read(owner, LOOKS, HOLDERS, origin_id, room.id, origin, 8,
                       8, 64)[0], [], "who declared it is not asked")


tap.main(test)
