#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Pruning: what nobody needs any more goes, in portions; what is pending, not
acknowledged or still to be remembered stays."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "..", "lib"))
import tap  # noqa: E402
from pgcluster import Cluster  # noqa: E402
from sqlhelp import address, code, one, rows  # noqa: E402

owner = None   # a cursor with all rights
daemon = None  # one of _fedqueued
server = None
WORKER = "11111111-1111-4111-8111-111111111111"
MANY = 250


def prune(receipts="30 d", payloads="7 d", most=1000):
    return one(daemon, "SELECT federation.prune(%s, %s, %s, %s)", WORKER,
               receipts, payloads, most)


def table(name):
    return one(owner, "SELECT count(*) FROM federation." + name)


def queued(status, days, count=1, more="0 s"):
    """Rows of that state, so many days old and more."""
    owner.execute("""INSERT INTO federation.federated_message_queue
        (message_id, destination_server_id, status, encrypted_payload,
        created_at, next_attempt_at, delivered_at)
        SELECT gen_random_uuid(), %s, %s, '{}', t, t, CASE WHEN %s =
        'delivered' THEN t END FROM (SELECT now() - %s * interval '1 d' -
        %s::interval AS t) t, generate_series(1, %s)""", (
        server, status, status, days, more, count))


def left(status):
    return one(owner, "SELECT count(*) FROM "
               "federation.federated_message_queue WHERE status = %s", status)


def clear():
    owner.execute("TRUNCATE federation.federated_message_queue, "
                  "federation.exchanges, "
                  "federation.inbox, federation.received_ids")
    owner.execute("UPDATE federation.peers SET delivered = 0")
    owner.execute("UPDATE federation.pruning SET payloads_until = "
                  "'-infinity'")


def queue_rows():
    clear()
    for days in (29, 31):
        queued("delivered", days)
    for days in (89, 91):
        queued("failed", days)
    for status in ("pending", "sending"):
        queued(status, 400)
    tap.equal(prune(), False, "nothing more is to be done")
    tap.equal([left(s) for s in ("delivered", "failed", "pending",
                                 "sending")], [1, 1, 1, 1],
              "delivered rows stay 30 days, dead letters 90, others for ever")
    tap.equal(one(owner, "SELECT delivered FROM federation.peers WHERE "
                  "server_id = %s", server), 1, "how many is kept")
    prune("1 d", "60 d")
    tap.equal(left("delivered"), 1, "the longer of both ages counts")
    prune("1 d", "2 d")
    tap.equal(left("delivered"), 0, "for delivered rows")
    tap.equal(one(owner, "SELECT delivered FROM federation.peers WHERE "
                  "server_id = %s", server), 2, "how many adds up")
    queued("delivered", 0, more="1 s")
    prune("0", "0")
    tap.equal((left("delivered"), left("failed"), left("pending")),
              (0, 1, 1), "ages of 0: what was delivered goes at once")


def payloads():
    clear()
    for days in (6, 8, 20):
        queued("delivered", days)
    for status in ("pending", "sending", "failed"):
        queued(status, 20)
    message = one(owner, "SELECT message_id FROM "
                  "federation.federated_message_queue WHERE delivered_at < "
                  "now() - interval '15 d'")
    prune()
    tap.equal(rows(owner, """SELECT status, octet_length(encrypted_payload)
        FROM federation.federated_message_queue ORDER BY id"""),
              [("delivered", 2), ("delivered", 0), ("delivered", 0),
               ("pending", 2), ("sending", 2), ("failed", 2)],
              "payloads that were delivered go after 7 days, rows stay")
    app = cluster.connect("fed_app").cursor()
    destination = one(owner, "SELECT onion_address FROM "
                      "federation.federation_servers WHERE id = %s", server)
    tap.equal(one(app, "SELECT federation.enqueue(%s, '{\"n\": 1}', %s)",
                  destination, message), message,
              "the same id again is still no new message")
    tap.equal(left("pending"), 1, "and queues nothing")
    queued("delivered", 0, more="59 s")
    queued("delivered", 0, more="61 s")
    prune("30 d", "0")
    tap.equal(one(owner, """SELECT count(*) FROM
        federation.federated_message_queue WHERE status = 'delivered'
        AND octet_length(encrypted_payload) > 0"""), 1,
        "an age of 0: all but those of the last minute")
    queued("delivered", 6)
    prune("30 d", "7 d")
    prune("30 d", "5 d")
    tap.equal(one(owner, """SELECT count(*) FROM
        federation.federated_message_queue WHERE status = 'delivered'
        AND octet_length(encrypted_payload) > 0"""), 2,
        "what was passed is not looked at again")


def exchange(days, receipts):
    owner.execute("""WITH e AS (INSERT INTO federation.exchanges
        (server_id, request_text, ack_text, ack_signature, ack_payload,
        key_id, received_at) VALUES (%s, '', '', '', '', '', now() - %s *
        interval '1 d') RETURNING id)
        INSERT INTO federation.federated_message_queue (message_id,
        destination_server_id, status, encrypted_payload, delivered_at,
        exchange_id) SELECT gen_random_uuid(), %s, 'delivered', '{}', now(),
        e.id FROM e, generate_series(1, %s)""",
                  (server, days, server, receipts))


def receipts():
    clear()
    exchange(29, 64)
    exchange(31, 3)
    prune()
    tap.equal((table("exchanges"), table("receipts")), (1, 64),
              "receipts stay 30 days")
    tap.equal(left("delivered"), 67, "the rows of what was delivered longer")
    prune("60 d")
    tap.equal(table("receipts"), 64, "or what is asked for")
    prune("0")
    tap.equal((table("exchanges"), table("receipts")), (0, 0),
              "or not at all")


def received():
    clear()
    for days, acknowledged in ((400, None), (400, 6), (400, 8)):
        owner.execute("""INSERT INTO federation.inbox (message_id, server_id,
            type, payload, trust_level, received_at, acknowledged_at)
            VALUES (gen_random_uuid(), %s, 'message', '{}', 2, now() - %s *
            interval '1 d', now() - %s * interval '1 d')""",
            (server, days, acknowledged))
    for days in (0, 44, 46):
        owner.execute("INSERT INTO federation.received_ids VALUES (%s, "
                      "gen_random_uuid(), sha256(''), now() - %s * "
                      "interval '1 d')", (server, days))
    prune()
    tap.equal(rows(owner, "SELECT extract(day FROM now() - acknowledged_at)"
                   "::int FROM federation.inbox ORDER BY 1"), [(6,), (None,)],
              "acknowledged rows stay 7 days, others for ever")
    tap.equal(table("received_ids"), 2, "ids stay 45 days")
    prune("0", "0")
    tap.equal((table("inbox"), table("received_ids")), (1, 2),
              "ages of 0 touch neither what is not acknowledged nor ids")


def workers():
    owner.execute("DELETE FROM federation.incarnations")
    for number, days in ((1, 400), (2, 400), (3, 400), (4, 46), (5, 44)):
        owner.execute("INSERT INTO federation.incarnations VALUES (%s, %s, "
                      "now() - interval '500 d', now() - %s * interval '1 d')",
                      (WORKER.replace("1", str(number)), "w", days))
    owner.execute("INSERT INTO federation.leases VALUES (%s, 1, "
                  "gen_random_uuid(), %s, now())",
                  (server, WORKER.replace("1", "2")))
    owner.execute("INSERT INTO federation.epochs (incarnation, reason) "
                  "VALUES (%s, '')", (WORKER.replace("1", "3"),))
    prune()
    tap.equal([r[0][0] for r in rows(owner, "SELECT id::text FROM "
                                     "federation.incarnations ORDER BY id")],
              ["1", "2", "3", "5"], "workers that have gone away go after 45 "
              "days; not who calls, has a lease or began an epoch")


def portions():
    clear()
    queued("delivered", 31, MANY)
    queued("delivered", 8, MANY)
    queued("failed", 91, MANY)
    owner.execute("""INSERT INTO federation.received_ids SELECT %s,
        gen_random_uuid(), sha256(''), now() - interval '46 d'
        FROM generate_series(1, %s)""", (server, MANY))
    tap.equal(prune(most=100), True, "a portion of 100, and there is more")
    tap.equal((left("delivered"), left("failed"), table("received_ids"), one(
        owner, "SELECT count(*) FROM federation.federated_message_queue "
        "WHERE octet_length(encrypted_payload) = 0")),
        (2 * MANY - 100, MANY - 100, MANY - 100, 100),
        "takes no more than that of each kind")
    turns = 1
    while prune(most=100) and turns < 50:
        turns += 1
    tap.equal((turns, left("delivered"), left("failed"),
               table("received_ids")), (3, MANY, 0, 0),
              "a few more turns and all is done")
    tap.equal(one(owner, "SELECT count(*) FROM federation."
                  "federated_message_queue WHERE "
                  "octet_length(encrypted_payload) > 0"), 0,
              "though all of one moment")
    for _ in range(13):
        exchange(31, 1)
    tap.equal((prune(most=100), table("exchanges")), (True, 7),
              "exchanges go by a sixteenth of it")
    tap.equal(code(daemon, "SELECT federation.prune(%s, '0', '0', 10000)",
                   WORKER), "", "10,000 at most")
    for values in (("'0'", "'0'", 10001), ("'0'", "'0'", 0),
                   ("'-1 s'", "'0'", 1), ("'0'", "'-1 s'", 1),
                   ("NULL", "'0'", 1), ("'0'", "NULL", 1),
                   ("'0'", "'0'", "NULL")):
        tap.equal(code(daemon, "SELECT federation.prune(NULL, %s, %s, %s)" %
                       values), "FD007", "refused: %s, %s, %s" % values)


def together():
    """One worker at a time; the other does not wait."""
    clear()
    queued("delivered", 31, 10)
    first = cluster.connect("_fedqueued", autocommit=False)
    one(first.cursor(), "SELECT federation.prune(%s, '30 d', '7 d', 1)",
        WORKER.replace("1", "5"))
    tap.equal((prune(), left("delivered")), (False, 10),
              "while another worker prunes, nothing is done")
    first.rollback()
    tap.equal((prune(), left("delivered")), (False, 0), "afterwards it is")
    queued("delivered", 31, 3)
    held = cluster.connect(autocommit=False)
    held.cursor().execute("SELECT 1 FROM federation.federated_message_queue "
                          "ORDER BY id LIMIT 1 FOR UPDATE")
    prune()
    tap.equal(left("delivered"), 1, "a row that somebody holds waits")
    held.rollback()


def test():
    global cluster, owner, daemon, server
    with Cluster() as cluster:
        cluster.migrate()
        owner = cluster.connect().cursor()
        daemon = cluster.connect("_fedqueued").cursor()
        server = one(owner, "INSERT INTO federation.federation_servers "
                     "(onion_address, public_key) VALUES (%s, "
                     "repeat('0', 64)) RETURNING id",
                     address(os.urandom(32)))
        owner.execute("INSERT INTO federation.peers (server_id) VALUES (%s)",
                      (server,))
        queue_rows()
        payloads()
        receipts()
        received()
        workers()
        portions()
        together()


tap.main(test)
