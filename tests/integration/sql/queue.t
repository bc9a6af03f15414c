#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""What an administrator does with the queue, seen from the database: how
claims and looks go about held messages and long lanes, what a history keeps,
settlements of what was held or cancelled meanwhile, quota and lifetime of what
is held, and two that do something at once."""

import os
import re
import subprocess
import sys
import threading
import time
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "..", "lib"))
import tap  # noqa: E402
from pgcluster import Cluster, ROOT  # noqa: E402
from sqlhelp import address, code, one, rows  # noqa: E402

TOOL = os.path.join(ROOT, os.environ.get("TORFED_BUILD", "build"), "tests",
                    "lib", "statement")
QUEUE = "federation.federated_message_queue"
CHANGE = "SELECT code, changed FROM federation.queue_change(%s, %s, %s, " \
    "'14 days', 'uid 1')"
MANY = "SELECT * FROM federation.queue_change_many(%s, %s, 0, 0, 0, 10000, " \
    "'14 days', 'uid 1', false)"
WORKER, CLAIM = str(uuid.uuid4()), str(uuid.uuid4())
cluster = None
owner = None   # a cursor with all rights
daemon = None  # one of _fedqueued


def server_new():
    """Address and id."""
    name = address(os.urandom(32))
    return name, one(owner, "INSERT INTO federation.federation_servers "
                     "(onion_address, public_key, trust_level) VALUES (%s, "
                     "repeat('0', 64), 2) RETURNING id", name)


def fill(server, count, **columns):
    """Rows; returns their ids."""
    names = "".join(", " + name for name in columns)
    values = "".join(", %s" for _ in columns)
    return [row[0] for row in rows(
        owner, "INSERT INTO " + QUEUE + " (message_id, "
        "destination_server_id, encrypted_payload" + names + ") SELECT "
        "gen_random_uuid(), %s, '{}'" + values +
        " FROM generate_series(1, %s) RETURNING id", server,
        *columns.values(), count)]


def message(number):
    return one(owner, "SELECT message_id FROM " + QUEUE + " WHERE id = %s",
               number)


def column(number, name):
    return one(owner, "SELECT " + name + " FROM " + QUEUE + " WHERE id = %s",
               number)


def statement(name, *parameters, explain=False):
    """Rows of one of fed-queued's statements, or its plan."""
    done = subprocess.run(
        [TOOL, cluster.conninfo("_fedqueued"),
         *(["-e"] if explain else []), name,
         *("\\N" if p is None else str(p) for p in parameters)],
        stdout=subprocess.PIPE, universal_newlines=True, check=True,
        timeout=120)
    if explain:
        return done.stdout
    return [line.split("\t") for line in done.stdout.splitlines()]


def claim_parameters(server, most=64, lease=60000, first="t", floor=0):
    return (server, 2, CLAIM, WORKER, lease, first, most, 100000, 7200000,
            floor)


def claimed(server, **more):
    return [int(row[1]) for row in
            statement("claim", *claim_parameters(server, **more)) if row[1]]


def settle(server, number, status, error="", delay=0, leaves=0):
    return statement("settle", server, 2, CLAIM, "{%d}" % number,
                     "{%s}" % status, "{0}", '{"%s"}' % error,
                     "{%d}" % delay, "{%d}" % leaves, None, None, None, None,
                     None)[0][0]


def clear():
    for table in ("leases", "federated_message_queue"):
        owner.execute("DELETE FROM federation." + table)


# Plans

DUE = "SELECT * FROM federation.queue_due(%s, 2, 0, 64, '1 day')"


def pages(server):
    """How many pages are looked at to find what is due of a lane, once this
    session has planned that."""
    count = 0
    for _ in range(2):
        owner.execute("EXPLAIN (ANALYZE, BUFFERS) " + DUE, (server,))
        plan = "\n".join(row[0] for row in owner.fetchall())
        count = sum(map(int, re.search(
            r"Buffers: shared(?: hit=(\d+))?(?: read=(\d+))?",
            plan).groups("0")))
    return count


def claims_read_little():
    """From a lane that is most of a large table, behind all the others; also
    where all but a few are held."""
    _, big = server_new()
    small = [server_new()[1] for _ in range(20)]
    for server in small:
        fill(server, 5000)
    fill(big, 100000)
    fill(big, 100000, status="delivered", delivered_at="now")
    for held in (False, True):
        if held:
            owner.execute("UPDATE " + QUEUE + " SET held_at = now() WHERE "
                          "destination_server_id = %s AND mod(id, 1000) <> 0",
                          (big,))
        owner.execute("VACUUM (ANALYZE) " + QUEUE)
        for server, name in ((big, "a long lane"), (small[7], "a short one")):
            read = pages(server)
            tap.ok(read < 200, "%s%s: a claim reads little but what it takes "
                   "(%d pages)" % (name, ", held but for some" if held else "",
                                   read))
    found = {row[0] for row in statement("lanes")}
    tap.equal(found, {str(s) for s in small + [big]}, "all lanes have work")
    owner.execute("UPDATE " + QUEUE + " SET held_at = now() WHERE "
                  "destination_server_id = %s AND held_at IS NULL "
                  "AND status <> 'delivered'", (big,))
    tap.equal({row[0] for row in statement("lanes")}, {str(s) for s in small},
              "one where all is held has none")
    newest = one(owner, "SELECT max(id) FROM " + QUEUE) - 150000
    tap.ok(str(big) not in {row[0] for row in statement("lanes_new", newest)},
           "nor for a look at what is new")
    started = time.monotonic()
    got = rows(daemon, "SELECT seen, changed FROM "
               "federation.queue_change_many('release', (SELECT onion_address "
               "FROM federation.federation_servers WHERE id = %s), 0, 0, 0, "
               "500, '14 days', 'uid 1', false)", big)
    tap.equal(got, [(500, 500)], "a portion of 100,000 is released (%.0f ms)"
              % ((time.monotonic() - started) * 1000))
    owner.execute("TRUNCATE %s, federation.leases" % QUEUE)


def stopped_lines_are_not_read():
    """Thousands of a few rooms wait, and before them as many messages each by
    itself: what one claim reads depends on the number of rooms alone."""
    _, server = server_new()
    later(*fill(server, 5000))
    rooms = [str(uuid.uuid4()) for _ in range(10)]
    read = []
    for count in (500, 5000):
        for room in rooms:
            head = fill(server, count, line=room)[0]
            if count == 500:
                later(head)
        plain = fill(server, 1)[0]
        owner.execute("VACUUM (ANALYZE) " + QUEUE)
        read.append(pages(server))
        tap.equal(claimed(server), [plain], "%d wait in each of 10 rooms, and "
                  "one message beside them: it is what is claimed" % count)
        settle(server, plain, "delivered")
    tap.ok(max(read) < 200 and read[1] < read[0] + 50, "no claim reads those "
           "that wait (%d pages, then %d)" % tuple(read))
    found = [row for row in statement("lanes") if row[0] == server]
    tap.equal([row[3] != "" for row in found], [False, True],
              "the lane has something, and what waits has its time")
    owner.execute("TRUNCATE %s, federation.leases" % QUEUE)


# Lines

def later(*numbers):
    owner.execute("UPDATE " + QUEUE + " SET postponed = 1, next_attempt_at = "
                  "now() + interval '1 hour' WHERE id = ANY (%s)",
                  (list(numbers),))


def lined(server, *names):
    """Rows of those lines, "" none, in that order; their ids."""
    lines = {name: str(uuid.uuid4()) for name in names}
    return [fill(server, 1, line=lines[name] if name else None)[0]
            for name in names]


def due(*numbers):
    owner.execute("UPDATE " + QUEUE + " SET next_attempt_at = now() WHERE "
                  "id = ANY (%s)", (list(numbers),))


def order_in_a_line():
    _, server = server_new()
    a1, b1, p1, a2, p2, b2, a3 = lined(server, *["a", "b", "", "a", "", "b",
                                                 "a"])
    tap.equal(claimed(server, most=3), [a1, b1, p1],
              "nothing waits: in the order of ids")
    settle(server, b1, "delivered")
    settle(server, a1, "pending", "ROOM_UNKNOWN", 3600000)
    settle(server, p1, "pending", "REFUSED", 3600000)
    tap.equal(claimed(server, first="f"), [p2, b2],
              "one waits: behind it only its own line does")
    tap.equal(claimed(server, first="f"), [], "and nothing else is due")
    settle(server, p2, "delivered")
    settle(server, b2, "pending")
    tap.equal(claimed(server, first="f"), [b2],
              "what was put back waits for nothing")
    settle(server, b2, "delivered")
    due(p1)
    tap.equal(claimed(server, first="f"), [p1], "by itself: its time has come")
    due(a1)
    tap.equal(claimed(server, first="f"), [a1, a2, a3],
              "and then the line is due, in its order")
    settle(server, a2, "pending", "X", 3600000)
    settle(server, a1, "pending", "X", 7200000)
    settle(server, a3, "pending")
    due(a2)
    tap.equal(claimed(server, first="f"), [],
              "the second, which is due sooner, does not go before the first")
    due(a1)
    tap.equal(claimed(server, most=2, first="f"), [a1, a2], "but behind it")
    clear()


def order_after_a_crash():
    """Another worker takes over what one left, whichever lines wait."""
    _, server = server_new()
    a1, b1, a2, b2, p = lined(server, "a", "b", "a", "b", "")
    tap.equal(claimed(server), [a1, b1, a2, b2, p], "all are being sent")
    settle(server, a1, "pending", "X", 3600000)
    owner.execute("UPDATE federation.leases SET deadline = now()")
    tap.equal(claimed(server, most=2), [b1, b2],
              "of what a worker left, the lines that may go, in order")
    due(a1)
    owner.execute("UPDATE federation.leases SET deadline = now()")
    tap.equal(claimed(server), [a1, b1, a2, b2, p],
              "and once more when nothing waits")
    tap.equal(rows(owner, "SELECT count(*), max(postponed) FROM " + QUEUE +
                   " WHERE status = 'sending'"), [(5, 1)], "each once")
    clear()


def what_an_admin_does():
    """Is felt at once: by what waits, and by what waits behind it."""
    name, server = server_new()
    a1, a2, p1 = lined(server, "a", "a", "")
    claimed(server)
    settle(server, a1, "pending", "X", 3600000)
    settle(server, p1, "pending", "X", 3600000)
    settle(server, a2, "pending")
    tap.equal(claimed(server, first="f"), [], "all wait")
    tap.equal(rows(daemon, CHANGE, "retry", message(p1), ""), [("OK", 1)],
              "retry")
    tap.equal(claimed(server, first="f"), [p1], "is felt at once")
    rows(daemon, CHANGE, "hold", message(a1), "")
    tap.equal(claimed(server, first="f"), [a2],
              "what is held is in nobody's way")
    settle(server, a2, "pending")
    rows(daemon, CHANGE, "release", message(a1), "")
    tap.equal(claimed(server, first="f"), [], "released, it is again")
    owner.execute("DELETE FROM federation.leases")
    rows(daemon, CHANGE, "cancel", message(a1), "")
    tap.equal(claimed(server), [a2, p1], "cancelled, it is no more")
    settle(server, a2, "pending", "X", 3600000)
    tap.equal(rows(daemon, MANY, "retry", name)[0][:3], ("OK", 1, 1),
              "retry of all that wait by themselves")
    tap.equal(claimed(server, first="f"), [a2], "is felt at once, too")
    clear()


def locked_ones():
    """A line does not go past a row that somebody has at that moment."""
    _, server = server_new()
    a1, a2, b1 = lined(server, "a", "a", "b")
    other = cluster.connect(autocommit=False)
    other.cursor().execute("SELECT 1 FROM " + QUEUE + " WHERE id = %s "
                           "FOR UPDATE", (a1,))
    tap.equal(claimed(server), [b1], "its first row is locked: others go")
    other.rollback()
    tap.equal(claimed(server, first="f"), [a1, a2], "then the line")
    clear()


def leaves():
    """What may be the one that kills its exchanges holds nobody."""
    _, server = server_new()
    a1, a2 = lined(server, "a", "a")
    claimed(server)
    settle(server, a1, "pending", "CLOSED", 3600000, leaves=1)
    settle(server, a2, "pending")
    tap.equal(claimed(server, first="f"), [a2], "aside, the others pass")
    clear()


def clock_set_back():
    """No delay is as long as that: it is due, in a line as without one."""
    _, server = server_new()
    a1, p1 = lined(server, "a", "")
    claimed(server)
    for number in (a1, p1):
        settle(server, number, "pending", "X", 3 * 3600000)
    tap.equal(claimed(server, first="f"), [a1, p1], "both are due")
    clear()


# What is held

def held_counts():
    """For the quota, and against the lifetime."""
    admin = cluster.connect("fed_admin").cursor()
    app = cluster.connect("fed_app").cursor()
    name, server = server_new()
    one(admin, "SELECT federation.set_quota(10)")
    enqueue = "SELECT federation.enqueue(%s, '{}')"
    for n in range(10):
        one(app, enqueue, name)
        if n == 4:
            tap.equal(rows(daemon, MANY, "hold", name)[0][:3], ("OK", 5, 5),
                      "five are held")
    tap.equal(code(app, enqueue, name), "FD010",
              "what is held counts for the quota")
    tap.equal(one(owner, "SELECT federation.queue_count(%s)", server), 10,
              "also when they are counted")
    one(admin, "SELECT federation.set_quota(100000)")
    clear()
    young, old = (fill(server, 1, held_at="now", created_at=made)[0]
                  for made in ("now", "2020-01-01"))
    statement("expire", 14 * 86400)
    tap.equal([column(n, "status") for n in (young, old)],
              ["pending", "failed"], "it ends with its lifetime")
    tap.equal((column(old, "held_at"), column(old, "last_error")),
              (None, "EXPIRED"), "and is held no more then")
    clear()


def stale_ends():
    """What a dead worker left as being sent, where nobody claims it."""
    _, server = server_new()
    lifetime = 86400

    def sending(age):
        number = fill(server, 1, status="sending")[0]
        owner.execute("UPDATE " + QUEUE + " SET created_at = now() - %s * "
                      "interval '1 s' WHERE id = %s", (age, number))
        return number

    fresh, aged = sending(lifetime + 3500), sending(lifetime + 3700)
    owner.execute("INSERT INTO federation.leases VALUES (%s, 2, %s, %s, "
                  "now() + interval '1 minute')", (server, CLAIM, WORKER))
    statement("expire", lifetime)
    tap.equal(column(aged, "status"), "sending",
              "under a lease nothing that is being sent ends")
    owner.execute("UPDATE federation.leases SET deadline = now()")
    statement("expire", lifetime)
    tap.equal([column(n, "status") for n in (fresh, aged)],
              ["sending", "failed"], "without one, an hour after its time")
    clear()


def settled_while_held():
    _, server = server_new()
    first, second, third = fill(server, 3)
    tap.equal(claimed(server), [first, second, third], "three are claimed")
    for number in (first, second):
        tap.equal(rows(daemon, CHANGE, "hold", message(number), ""),
                  [("OK", 1)], "held while it is being sent")
    settle(server, first, "delivered")
    settle(server, second, "pending", "CLOSED")
    tap.equal([(column(n, "status"), column(n, "held_at") is not None)
               for n in (first, second)],
              [("delivered", False), ("pending", True)],
              "delivered, or waiting and held")
    statement("release", server, 2, CLAIM, "t")
    tap.equal(claimed(server), [third], "it is not claimed again")
    rows(daemon, CHANGE, "release", message(second), "")
    tap.equal(claimed(server), [second, third], "until it is released")
    clear()


# Cancelling

def cancelled():
    """The lease decides; and an acknowledgement is true whenever it comes."""
    _, server = server_new()
    number, other = fill(server, 2)
    claimed(server)
    cancel = lambda: rows(daemon, CHANGE, "cancel", message(number), "")
    tap.equal(cancel(), [("MESSAGE_IN_FLIGHT", 0)], "in flight")
    owner.execute("UPDATE federation.leases SET deadline = now() - "
                  "interval '1 ms'")
    tap.equal(cancel(), [("OK", 1)], "its lease has run out: cancelled")
    tap.equal(cancel(), [("MESSAGE_SETTLED", 0)], "once")
    tap.equal(settle(server, number, "pending", "CLOSED"), "0",
              "a worker that comes late does not wake it")
    tap.equal(settle(server, number, "failed", "TYPE_UNKNOWN"), "0",
              "nor gives another reason")
    tap.equal(column(number, "last_error"), "CANCELLED", "it is cancelled")
    tap.equal(settle(server, number, "delivered"), "1",
              "but if it was delivered, it was")
    tap.equal((column(number, "status"), column(number, "last_error")),
              ("delivered", None), "and that is what is said")
    tap.equal(rows(daemon, CHANGE, "requeue", message(number), ""),
              [("MESSAGE_NOT_DEAD", 0)], "nobody sends it once more")
    owner.execute("DELETE FROM federation.leases")
    tap.equal(settle(server, other, "delivered"), "0",
              "whose lease is gone settles nothing")
    clear()


def at_once():
    """A claim and a cancellation of the same item, each first in its turn:
    the second waits for the first, or passes by, and one of them loses."""
    name, server = server_new()
    number = fill(server, 1)[0]
    first = cluster.connect("_fedqueued", autocommit=False)
    cursor = first.cursor()
    cursor.execute(CHANGE, ("cancel", message(number), name))
    tap.equal(claimed(server), [], "being cancelled: not claimed")
    first.commit()
    tap.equal(column(number, "status"), "failed", "cancelled")
    clear()

    number = fill(server, 1)[0]
    claim = cluster.connect(autocommit=False)
    cursor = claim.cursor()
    cursor.execute("INSERT INTO federation.leases VALUES (%s, 2, %s, %s, "
                   "now() + interval '1 minute')", (server, CLAIM, WORKER))
    cursor.execute("UPDATE " + QUEUE + " SET status = 'sending' WHERE id = "
                   "%s", (number,))
    got = []
    thread = threading.Thread(target=lambda: got.extend(
        rows(cluster.connect("_fedqueued").cursor(), CHANGE, "cancel",
             message(number), "")))
    thread.start()
    time.sleep(0.5)
    tap.equal(got, [], "being claimed: a cancellation waits")
    claim.commit()
    thread.join(30)
    tap.equal(got, [("MESSAGE_IN_FLIGHT", 0)], "and then it is in flight")
    clear()


def drain(server):
    """What one worker does in a turn; how many it delivered."""
    numbers = claimed(server)
    if numbers:
        statement("settle", server, 2, CLAIM,
                  "{%s}" % ",".join(map(str, numbers)),
                  *("{%s}" % ",".join([word] * len(numbers))
                    for word in ("delivered", "0", '""', "0", "0")),
                  None, None, None, None, None)
    statement("release", server, 2, CLAIM, "t")
    return len(numbers)


def crossing():
    """Two administrators hold and release a whole server while a worker
    claims, settles and ends leases there: nobody waits in a circle."""
    name, server = server_new()
    fill(server, 1000)
    problems, turns = [], []
    enough = threading.Event()

    def administrator():
        cursor = cluster.connect("_fedqueued").cursor()
        while not enough.is_set():
            for action in ("hold", "release", "retry"):
                problems.extend(filter(None, [code(cursor, MANY, action,
                                                   name)]))
            turns.append(action)

    threads = [threading.Thread(target=administrator) for _ in range(2)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 60
    delivered = turn = 0
    while turn < 100 and delivered < 800 and time.monotonic() < deadline:
        delivered += drain(server)
        turn += 1
    enough.set()
    for thread in threads:
        thread.join(60)
    tap.equal(problems, [], "held and released %d times while %d were "
              "delivered: no error" % (len(turns), delivered))
    rows(daemon, MANY, "release", name)
    for _ in range(20):
        delivered += drain(server)
    tap.equal((delivered, one(owner, "SELECT count(*) FROM " + QUEUE +
                              " WHERE status = 'delivered'")), (1000, 1000),
              "each of 1,000 once")
    clear()


# Histories

def history(number):
    return rows(owner, "SELECT h.event, h.code, h.actor, h.times, h.until IS "
                "NULL FROM " + QUEUE + " q, unnest(q.history) h "
                "WHERE q.id = %s", number)


def histories():
    _, server = server_new()
    number = fill(server, 1)[0]
    claimed(server, lease=3600000)
    tap.equal(column(number, "history"), None, "at first there is none")
    for error in ["CLOSED"] * 3 + ["STORAGE"]:
        settle(server, number, "pending", error)
    tap.equal(history(number), [("attempt", "CLOSED", None, 3, False),
                                ("attempt", "STORAGE", None, 1, True)],
              "the same failure again is counted")
    rows(daemon, CHANGE, "hold", message(number), "")
    for n in range(100):
        settle(server, number, "pending", "CODE_%d" % n)
    found = history(number)
    tap.equal((len(found), found[0][:3], found[1][1], found[-1][1]),
              (32, ("held", None, "uid 1"), "CODE_69", "CODE_99"),
              "32 are kept, the oldest attempts go first")
    for _ in range(40):
        for action in ("release", "hold"):
            rows(daemon, CHANGE, action, message(number), "")
    found = history(number)
    tap.equal((len(found), {e[0] for e in found}),
              (32, {"held", "released"}), "an administrator's go last")
    owner.execute("UPDATE " + QUEUE + " SET history = NULL, held_at = NULL")
    settle(server, number, "delivered")
    tap.equal(column(number, "history"), None,
              "a delivery at the first attempt has none")
    clear()


def arguments():
    """Outside their bounds; and what is not said to be known."""
    name, _ = server_new()
    strange = str(uuid.uuid4())
    for values in (("nothing", strange, ""), (None, strange, "")):
        tap.equal(code(daemon, CHANGE, *values), "FD007",
                  "queue_change of %r" % (values[0],))
    for lifetime, actor in (("0", "x"), ("-1 s", "x"), (None, "x"),
                            ("1 d", ""), ("1 d", None)):
        tap.equal(code(daemon, "SELECT federation.queue_change('hold', %s, "
                       "'', %s, %s)", strange, lifetime, actor), "FD007",
                  "with a lifetime of %s, by %r" % (lifetime, actor))
    for most, expected in ((0, "FD007"), (1, ""), (10000, ""),
                           (10001, "FD007"), (None, "FD007")):
        tap.equal(code(daemon, "SELECT federation.queue_change_many('hold', "
                       "%s, 0, 0, 0, %s, '1 d', 'x', false)", name, most),
                  expected, "a portion of %s" % most)
    tap.equal(code(daemon, MANY, "cancel", name), "FD007",
              "not all of a server is cancelled")
    for action, actor in (("stop", "x"), (None, "x"), ("pause", ""),
                          ("pause", None)):
        tap.equal(code(daemon, "SELECT federation.server_change(%s, %s, %s)",
                       action, name, actor), "FD007",
                  "server_change %s by %r" % (action, actor))
    number = fill(server_new()[1], 1, status="failed",
                  created_at="2020-01-01")[0]
    tap.equal(rows(daemon, "SELECT code FROM federation.queue_change("
                   "'requeue', %s, '', '100 years', 'x')", message(number)),
              [("MESSAGE_TOO_OLD",)], "30 days are the longest lifetime")
    clear()


def test():
    global cluster, owner, daemon
    with Cluster() as cluster:
        cluster.migrate()
        owner = cluster.connect().cursor()
        daemon = cluster.connect("_fedqueued").cursor()
        for part in (claims_read_little, stopped_lines_are_not_read,
                     order_in_a_line, order_after_a_crash, what_an_admin_does,
                     locked_ones, leaves, clock_set_back, held_counts,
                     stale_ends,
                     settled_while_held, cancelled, at_once, crossing,
                     histories, arguments):
            part()


tap.main(test)
