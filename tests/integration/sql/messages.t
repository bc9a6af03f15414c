#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""The chat server's contract: federation.enqueue, inbox_claim and
inbox_acknowledge, their errors and their limits from both sides."""

import os
import sys
import threading
import time
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "..", "lib"))
import psycopg2  # noqa: E402
import tap  # noqa: E402
from pgcluster import Cluster  # noqa: E402
from sqlhelp import address, code, notified, one, rows  # noqa: E402

cluster = None
owner = None   # a cursor with all rights
app = None     # one of fed_app
ENQUEUE = "SELECT federation.enqueue(%s, %s)"
FULL = "SELECT federation.enqueue(%s, %s, %s, %s)"


def server_new(level=1):
    """A server at that level; returns its address and id."""
    name = address(os.urandom(32))
    return name, one(owner, "INSERT INTO federation.federation_servers "
                     "(onion_address, public_key, trust_level) VALUES "
                     "(%s, repeat('0', 64), %s) RETURNING id", name, level)


def queue(server):
    return rows(owner, "SELECT message_id, status, attempts, max_attempts, "
                "priority, encrypted_payload FROM "
                "federation.federated_message_queue WHERE "
                "destination_server_id = %s ORDER BY id", server)


def enqueue_destinations():
    known, _ = server_new()
    for name, destination, expected in (
            ("known", known, ""),
            ("other address", address(os.urandom(32)), "FD001"),
            ("upper case", known.upper(), "FD001"),
            ("without .onion", known[:56], "FD001"),
            ("sub-domain", "a." + known, "FD001"),
            ("port", known + ":80", "FD001"),
            ("trailing dot", known + ".", "FD001"),
            ("leading space", " " + known, "FD001"),
            ("empty", "", "FD001"),
            ("injection", "' OR true --", "FD001"),
            ("pattern", "%", "FD001"),
            ("a megabyte", "a" * 1000000, "FD001"),
            ("null", None, "FD007")):
        tap.equal(code(app, ENQUEUE, destination, "{}"), expected,
                  "destination: " + name)
    for level in range(-1, 4):
        name, server = server_new(level)
        tap.equal(code(app, ENQUEUE, name, "{}"),
                  "FD002" if level == -1 else "",
                  "destination at level %d" % level)
        tap.equal(len(queue(server)), int(level >= 0),
                  "level %d: rows in the queue" % level)


def enqueue_stores():
    name, server = server_new()
    payload = ' {"b" : "é\U0001f600\'\\u0000",\n "a":1e400, "a":[] } '
    message = one(app, ENQUEUE, name, payload)
    tap.equal(uuid.UUID(message).version, 4, "a version 4 UUID is made")
    tap.equal([(m, s, a, x, p, bytes(b)) for m, s, a, x, p, b
               in queue(server)],
              [(message, "pending", 0, 5, 2, payload.encode())],
              "the payload is stored byte for byte, the rest by default")
    other = str(uuid.uuid4())
    tap.equal(one(app, FULL, name, "{}", other, 3), other,
              "the caller's id is returned")
    tap.equal(queue(server)[1][4], 3, "priority is stored")
    tap.equal(one(app, "SELECT federation.enqueue(destination => %s, "
                  "payload => '{}', priority => 1, message_id => %s)", name,
                  "00000000-0000-4000-8000-000000000001"),
              "00000000-0000-4000-8000-000000000001",
              "parameters have their documented names")


def enqueue_priorities():
    name, _ = server_new()
    for priority, expected in ((-1, "FD005"), (0, "FD005"), (1, ""), (2, ""),
                               (3, ""), (4, "FD005"), (None, "FD005")):
        tap.equal(code(app, FULL, name, "{}", str(uuid.uuid4()), priority),
                  expected, "priority %s" % priority)


def enqueue_ids():
    name, _ = server_new()
    for message, expected in (
            ("00000000-0000-4000-8000-000000000000", ""),
            ("ffffffff-ffff-4fff-bfff-ffffffffffff", ""),
            ("00000000-0000-4000-9000-000000000000", ""),
            ("00000000-0000-4000-a000-000000000000", ""),
            ("00000000-0000-4000-7000-000000000000", "FD008"),
            ("00000000-0000-4000-c000-000000000000", "FD008"),
            ("00000000-0000-3000-8000-000000000000", "FD008"),
            ("00000000-0000-5000-8000-000000000000", "FD008"),
            ("01890a5d-ac96-774b-bcce-b302099a8057", "FD008"),
            ("44444444-0000-0000-0000-444444444444", "FD008"),
            (None, "FD007")):
        tap.equal(code(app, FULL, name, "{}", message, 2), expected,
                  "message id %s" % message)


def enqueue_payloads():
    name, _ = server_new()
    for payload in ("{}", " {} ", "\t\r\n{}", '{"a":1,"a":2}',
                    '{"a":"\\u0000"}', '{"a":1e400}', '{"a":-0}',
                    '{"a":"\\ud800"}',
                    '{"\'; DROP SCHEMA federation CASCADE; --":"%s"}'):
        tap.equal(code(app, ENQUEUE, name, payload), "",
                  "payload accepted: %r" % payload)
    for payload in ("", " ", "[]", "[{}]", "1", '"{}"', "null", "true", "{",
                    "}", "{}x", "{}{}", '{"a":}', "{'a':1}", '{"a":1,}',
                    '{"a":01}', '{"a":.5}', '{a:1}', '{"a":"\x01"}',
                    '{"a":"\\x"}', '{"a":"\\u12"}', "\ufeff{}", "\u00a0{}",
                    "nonsense", "'; DROP SCHEMA federation CASCADE; --",
                    "[" * 60000, '{"a":' * 10000, None):
        tap.equal(code(app, ENQUEUE, name, payload), "FD003",
                  "payload refused: %.40r" % payload)
    deep = '{"a":' * 10000 + "1" + "}" * 10000
    tap.ok(code(app, ENQUEUE, name, deep) in ("", "FD003"),
           "a very deep payload is either stored or FD003")


def enqueue_sizes():
    name, server = server_new()
    for what, unit in (("ASCII", "x"), ("two-byte characters", "é"),
                       ("four-byte characters", "\U0001f600")):
        size = len(unit.encode())
        body = unit * ((65536 - 8) // size)
        body += "x" * (65536 - 8 - len(body.encode()))
        tap.equal(code(app, ENQUEUE, name, '{"a":"%s"}' % body), "",
                  "65536 bytes of %s" % what)
        tap.equal(code(app, ENQUEUE, name, '{"a":"%sx"}' % body), "FD004",
                  "65537 bytes of %s" % what)
    tap.equal(max(len(bytes(r[5])) for r in queue(server)), 65536,
              "the largest is stored whole")
    for size in (4 * 65536, 4 * 65536 + 1, 5000000):
        tap.equal(code(app, ENQUEUE, name, "x" * size), "FD004",
                  "%d bytes, not even JSON" % size)


def enqueue_again():
    name, server = server_new()
    other, _ = server_new()
    message = one(app, ENQUEUE, name, '{"a":1}')
    tap.equal(one(app, FULL, name, '{"a":1}', message, 2), message,
              "the same again returns the id")
    tap.equal(one(app, FULL, name, '{"a":1}', message, 1), message,
              "and with another priority, too")
    tap.equal([r[4] for r in queue(server)], [2], "one row, as first asked")
    tap.equal(code(app, FULL, name, '{"a": 1}', message, 2), "FD006",
              "another payload is a conflict")
    tap.equal(code(app, FULL, other, '{"b":1}', message, 2), "",
              "another destination is another message")
    owner.execute("UPDATE federation.federated_message_queue SET "
                  "status = 'delivered', delivered_at = now() "
                  "WHERE message_id = %s", (message,))
    tap.equal(one(app, FULL, name, '{"a":1}', message, 2), message,
              "the same again after delivery")
    tap.equal([r[1] for r in queue(server)], ["delivered"],
              "is not sent again")


def enqueue_race(commit):
    """Two sessions enqueue the same id; the first then ends."""
    name, server = server_new()
    message = str(uuid.uuid4())
    first = cluster.connect("fed_app", autocommit=False)
    second = cluster.connect("fed_app")
    first.cursor().execute(FULL, (name, '{"a":1}', message, 2))
    result = []
    for payload in ('{"a":1}', '{"a":2}'):
        cursor = second.cursor()
        thread = threading.Thread(
            target=lambda c=cursor, p=payload: result.append(
                code(c, FULL, name, p, message, 2)))
        thread.start()
        if first:
            thread.join(0.3)
            tap.ok(thread.is_alive(), "the second waits for the first")
            if commit:
                first.commit()
            else:
                first.rollback()
            first.close()
            first = None
        thread.join()
    tap.equal(result, ["", "FD006"], "then the same is fine, other is not")
    tap.equal(len(queue(server)), 1, "and there is one row")
    second.close()


def enqueue_transaction():
    name, server = server_new()
    connection = cluster.connect("fed_app", autocommit=False)
    listener = cluster.connect("_fedqueued")
    listener.cursor().execute("LISTEN federation_queue")
    cursor = connection.cursor()
    cursor.execute(ENQUEUE, (name, "{}"))
    connection.rollback()
    tap.equal(queue(server), [], "what is rolled back is not queued")
    tap.equal(notified(listener, 0.3), [], "and rings no bell")
    cursor.execute(ENQUEUE, (name, "{}"))
    message = cursor.fetchone()[0]
    tap.equal(notified(listener, 0.3), [], "nor before the commit")
    connection.commit()
    tap.equal(notified(listener), [("federation_queue", "")],
              "the commit rings, without a payload")
    cursor.execute(FULL, (name, "{}", message, 2))
    connection.commit()
    tap.equal(notified(listener, 0.3), [], "a repetition does not")
    for level in ("REPEATABLE READ", "SERIALIZABLE"):
        connection.set_session(isolation_level=level)
        cursor.execute(ENQUEUE, (name, "{}"))
        connection.commit()
    tap.equal(len(queue(server)), 3, "works at every isolation level")
    connection.close()
    listener.close()


def enqueue_hostile():
    """Whatever a caller puts into its session changes nothing."""
    name, server = server_new()
    connection = cluster.connect("fed_app")
    cursor = connection.cursor()
    cursor.execute("CREATE TEMP TABLE federated_message_queue (x int)")
    cursor.execute("CREATE TEMP TABLE pg_class (x int)")
    cursor.execute("CREATE FUNCTION pg_temp.json_typeof(json) RETURNS text "
                   "LANGUAGE sql AS $$ SELECT 'object' $$")
    cursor.execute("CREATE FUNCTION pg_temp.octet_length(bytea) RETURNS int "
                   "LANGUAGE sql AS $$ SELECT 1 $$")
    cursor.execute("SET search_path = pg_temp, pg_catalog")
    tap.equal(code(cursor, ENQUEUE, name, "[]"), "FD003",
              "functions of the caller's are not called")
    tap.equal(code(cursor, ENQUEUE, name, '{"a":"%s"}' % ("x" * 65536)),
              "FD004", "neither for the size")
    tap.equal(code(cursor, ENQUEUE, name, "{}"), "", "and all is well")
    tap.equal(len(queue(server)), 1, "in the one queue")
    try:
        cursor.execute(ENQUEUE, (name, "geheim" * 3))
    except psycopg2.Error as error:
        tap.ok("geheim" not in str(error.diag.message_primary) +
               str(error.diag.message_detail) + str(error.diag.context),
               "an error does not repeat the payload")
    connection.close()


def delivery_state():
    name, server = server_new()
    message = one(app, ENQUEUE, name, "{}")
    state = ("SELECT destination, state, reason, attempts, delivered_at IS "
             "NULL, created_at <= now() FROM federation.delivery_state "
             "WHERE message_id = %s")
    tap.equal(rows(app, state, message),
              [(name, "pending", None, 0, True, True)], "state: pending")
    owner.execute("UPDATE federation.federated_message_queue SET status = "
                  "'failed', last_error = 'EXPIRED', attempts = 5 "
                  "WHERE destination_server_id = %s", (server,))
    tap.equal(rows(app, state, message),
              [(name, "failed", "EXPIRED", 5, True, True)],
              "state: failed, with reason")
    tap.equal([d.name for d in description(
        app, "SELECT * FROM federation.delivery_state")],
        ["message_id", "destination", "state", "reason", "attempts",
         "created_at", "delivered_at", "held"], "the view's columns")


def description(cursor, statement):
    cursor.execute(statement)
    return cursor.description


def inbox_fill(server, count, level=2):
    return [r[0] for r in rows(
        owner, "INSERT INTO federation.inbox (message_id, server_id, type, "
        "payload, trust_level) SELECT gen_random_uuid(), %s, 'message', "
        "convert_to('{\"n\":' || n || '}', 'UTF8'), %s FROM "
        "generate_series(1, %s) n RETURNING inbox_id", server, level, count)]


def inbox_empty():
    owner.execute("DELETE FROM federation.inbox")


def claim(cursor, count=64, lease="60 s"):
    return [r[0] for r in rows(
        cursor, "SELECT inbox_id FROM federation.inbox_claim(%s, %s)", count,
        lease)]


def acknowledge(cursor, ids):
    return one(cursor, "SELECT federation.inbox_acknowledge(%s)", ids)


def inbox_columns():
    name, server = server_new()
    inbox_empty()
    inbox_fill(server, 1, level=1)
    names = description(app, "SELECT * FROM federation.inbox_claim()")
    row = app.fetchone()
    tap.equal([(d.name, one(owner, "SELECT format_type(%s, NULL)",
                            d.type_code)) for d in names],
              [("inbox_id", "bigint"), ("message_id", "uuid"),
               ("origin", "text"), ("type", "text"), ("payload", "bytea"),
               ("trust_level", "integer"), ("external_server", "boolean"),
               ("received_at", "timestamp with time zone")],
              "inbox_claim's columns and their types")
    tap.equal((row[2], row[3], bytes(row[4]), row[5], row[6]),
              (name, "message", b'{"n":1}', 1, True), "and values")
    tap.equal(rows(owner, "SELECT proname || '(' || "
                   "pg_get_function_arguments(oid) || ')' FROM pg_proc "
                   "WHERE proname IN ('enqueue', 'inbox_claim', "
                   "'inbox_acknowledge') ORDER BY 1"),
              [("enqueue(destination text, payload text, message_id uuid "
                "DEFAULT gen_random_uuid(), priority integer DEFAULT 2)",),
               ("inbox_acknowledge(inbox_ids bigint[])",),
               ("inbox_claim(max_items integer DEFAULT 64, lease interval "
                "DEFAULT '00:01:00'::interval)",)], "signatures")


def inbox_bounds():
    _, server = server_new()
    for items, expected in ((None, "FD007"), (-1, "FD007"), (0, "FD007"),
                            (1, ""), (1024, ""), (1025, "FD007"),
                            (2147483647, "FD007")):
        tap.equal(code(app, "SELECT federation.inbox_claim(%s)", items),
                  expected, "max_items %s" % items)
    for lease, expected in ((None, "FD007"), ("0", "FD007"),
                            ("-1 s", "FD007"), ("1 microsecond", ""),
                            ("1 day", ""), ("24:00:00.000001", "FD007"),
                            ("1 month", "FD007"), ("1 day -1 s", "")):
        tap.equal(code(app, "SELECT federation.inbox_claim(1, %s)", lease),
                  expected, "lease %s" % lease)
    for ids, expected in ((None, "FD007"), ([], ""), ([None], ""),
                          ([-1], ""), ([2 ** 63 - 1], "")):
        tap.equal(code(app, "SELECT federation.inbox_acknowledge("
                       "%s::bigint[])", ids), expected,
                  "acknowledge %s" % ids)
    inbox_empty()
    inbox_fill(server, 1100)
    tap.equal(len(claim(app, 1024)), 1024, "1024 at once")
    tap.equal(len(claim(app)), 64, "64 by default")


def inbox_order():
    _, server = server_new()
    inbox_empty()
    ids = inbox_fill(server, 10)
    first = claim(app, 4)
    tap.equal(first, ids[:4], "the oldest first, in order")
    tap.equal(claim(app, 4), ids[4:8], "then those after them")
    tap.equal(acknowledge(app, first[::-1] + first), 4,
              "acknowledged, however often they are named")
    tap.equal(acknowledge(app, first), 0, "and only once")
    tap.equal(acknowledge(app, [ids[3], ids[9], -5]), 1,
              "the count is of those newly acknowledged")
    tap.equal(claim(app), [ids[8]], "what is acknowledged is gone")
    tap.equal(claim(app), [], "what is leased is nobody else's")


def inbox_lease():
    _, server = server_new()
    inbox_empty()
    ids = inbox_fill(server, 2)
    tap.equal(claim(app, 2, "500 ms"), ids, "leased for half a second")
    tap.equal(claim(app), [], "not before it ends")
    time.sleep(0.6)
    tap.equal(claim(app, 1), ids[:1], "again after it ended")
    tap.equal(acknowledge(app, ids), 2,
              "an acknowledgement after the lease counts")
    time.sleep(0.1)
    tap.equal(claim(app), [], "for ever")


def inbox_sessions():
    _, server = server_new()
    inbox_empty()
    ids = inbox_fill(server, 6)
    connections = [cluster.connect("fed_app", autocommit=False)
                   for _ in range(2)]
    one_, two = (c.cursor() for c in connections)
    tap.equal(claim(one_, 3), ids[:3], "a claim not yet committed")
    tap.equal(claim(two, 3), ids[3:], "is not waited for, nor repeated")
    connections[0].rollback()
    connections[1].commit()
    tap.equal(claim(two), ids[:3], "a claim rolled back is free at once")
    connections[1].commit()
    tap.equal(acknowledge(one_, ids[:2]), 2, "one acknowledges")
    result = []
    thread = threading.Thread(
        target=lambda: result.append(acknowledge(two, ids[2::-1])))
    thread.start()
    thread.join(0.3)
    tap.ok(thread.is_alive(), "another who does too waits for the outcome")
    connections[0].commit()
    thread.join()
    tap.equal(result, [1], "and is told that it was late")
    connections[1].commit()
    for connection in connections:
        connection.close()


def inbox_crowd():
    """Eight sessions claim and acknowledge until nothing is left."""
    _, server = server_new()
    inbox_empty()
    ids = inbox_fill(server, 2000)
    taken, counts = [], []

    def work(number):
        connection = cluster.connect("fed_app")
        if number % 2:
            connection.set_session(isolation_level="REPEATABLE READ")
        cursor = connection.cursor()
        while True:
            try:
                got = claim(cursor, 7)
            except psycopg2.errors.SerializationFailure:
                continue
            if not got:
                break
            taken.extend(got)
            counts.append(acknowledge(cursor, got))
        connection.close()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tap.equal(len(taken), len(set(taken)), "nothing is handed out twice")
    tap.equal(sorted(taken), ids, "nothing is left out")
    tap.equal(sum(counts), 2000, "each is acknowledged once")


def inbox_bell():
    _, server = server_new()
    listener = cluster.connect("fed_app")
    listener.cursor().execute("LISTEN federation_inbox")
    inbox_fill(server, 3)
    tap.equal(notified(listener), [("federation_inbox", "")],
              "one bell for a statement that fills the inbox")
    claim(app)
    tap.equal(notified(listener, 0.3), [], "none for a claim")
    listener.close()


def test():
    global cluster, owner, app
    with Cluster() as cluster:
        cluster.migrate()
        owner = cluster.connect().cursor()
        app = cluster.connect("fed_app").cursor()
        enqueue_destinations()
        enqueue_stores()
        enqueue_priorities()
        enqueue_ids()
        enqueue_payloads()
        enqueue_sizes()
        enqueue_again()
        enqueue_race(commit=True)
        enqueue_race(commit=False)
        enqueue_transaction()
        enqueue_hostile()
        delivery_state()
        inbox_columns()
        inbox_bounds()
        inbox_order()
        inbox_lease()
        inbox_sessions()
        inbox_crowd()
        inbox_bell()


if __name__ == "__main__":
    tap.main(test)
