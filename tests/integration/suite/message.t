#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# A message from the database of one server to the database of another, by
# SQL at both ends; then every process is killed in turn, on either side, and
# messages go on, none lost and none doubled.

import os
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "..", "lib"))
import net  # noqa: E402
import psycopg2  # noqa: E402
import tap  # noqa: E402

CHILDREN = ("fed-listener", "fed-signer", "fed-sender", "fed-queued")


def arrives(one, other, text, seconds=30):
    """Enqueues and waits for it at the other end. Returns the seconds that
    it took, or None."""
    started = time.monotonic()
    number = one.enqueue(other.onion, {"text": text})
    found = net.wait(lambda: [row for row in other.inbox()
                              if row[0] == number], seconds)
    if not found:
        tap.diag("log of the sender:\n" + one.log()[-2000:])
        tap.diag("log of the receiver:\n" + other.log()[-2000:])
        return None
    return time.monotonic() - started


def error_state(function):
    """The SQLSTATE that function() fails with."""
    try:
        function()
    except psycopg2.Error as error:
        return error.pgcode
    return None


def test_contract(a, b):
    text = "\u00e9\t\U0001f600 and more"
    number = a.enqueue(b.onion, '{ "z": 1,\n "text": "%s", "a": {} }' %
                       text.replace("\t", "\\t"))
    found = b.wait_inbox(1)
    tap.equal(found, [(number, a.onion, "message",
                       {"a": {}, "text": text, "z": 1})],
              "a message enqueued in A is in B's inbox")
    raw = bytes(b.value("SELECT payload FROM federation.inbox"))
    tap.equal(raw.decode(), '{"a":{},"text":"%s","z":1}' %
              text.replace("\t", "\\t"), "in its canonical form")
    tap.ok(net.wait(lambda: a.delivered(number), 10), "A knows: delivered")
    tap.equal(a.value("""SELECT count(*) FROM federation.receipts
        WHERE message_id = %s""", number), 1, "and has the receipt")

    claim = "SELECT message_id, origin, type, payload, trust_level, " \
        "external_server, inbox_id FROM federation.inbox_claim()"
    rows = b.sql(claim, user="app")
    tap.equal([(str(r[0]), r[1], r[2], bytes(r[3]), r[4], r[5])
               for r in rows],
              [(number, a.onion, "message", raw, 2, True)],
              "the application claims it, with origin and trust level")
    tap.equal(b.sql(claim, user="app"), [], "once while it is leased")
    tap.equal(b.value("SELECT federation.inbox_acknowledge(%s)",
                      [rows[0][6]], user="app"), 1, "and acknowledges it")
    tap.ok(arrives(b, a, "back"), "a message from B to A")


def test_errors(a, b):
    onion = b.onion
    for name, code, destination, payload, more in (
            ("an unknown destination", "FD001", "x" * 56 + ".onion", {}, {}),
            ("what is no address", "FD001", "example.org", {}, {}),
            ("itself", "FD001", a.onion, {}, {}),
            ("an array", "FD003", onion, "[1]", {}),
            ("no JSON", "FD003", onion, "{", {}),
            ("64 KiB and a byte", "FD004", onion, {"x": "y" * 65528}, {}),
            ("priority 0", "FD005", onion, {}, {"priority": 0}),
            ("priority 4", "FD005", onion, {}, {"priority": 4})):
        state = error_state(lambda: a.enqueue(destination, payload, **more))
        tap.equal(state, code, "enqueue refuses %s" % name)
    before = len(b.inbox())
    number = a.enqueue(onion, '{"x": 1.5}')
    reason = net.wait(lambda: a.sql("""SELECT last_error
        FROM federation.federated_message_queue
        WHERE message_id = %s AND status = 'failed'""", number), 10)
    tap.ok(reason and reason[0][0], "a payload beyond the narrowing becomes "
           "a dead letter with its reason: %s" % (reason,))
    tap.equal(len(b.inbox()), before, "and is not sent")


def test_kills(network, a, b):
    for side, server in (("receiver", b), ("sender", a)):
        for name in CHILDREN + ("fedd",):
            before = network.processes(server.number)
            network.kill(server.number, name)
            if name == "fedd":
                gone = net.wait(lambda: not [
                    n for n in network.processes(server.number)
                    if n in CHILDREN], 5)
                tap.ok(gone, "%s: no child outlives fedd" % side)
                network.start(server.number)
            took = arrives(a, b, "after %s %s" % (side, name))
            tap.ok(took is not None, "%s's %s killed: the next message "
                   "arrives (%.1f s)" % (side, name, took or -1))
            after = network.processes(server.number)
            tap.ok(after.get(name, before[name]) != before[name],
                   "%s's %s is a new one" % (side, name))
            if name not in ("fedd", "fed-signer"):
                tap.equal(after.get("fed-signer"), before["fed-signer"],
                          "%s's fed-signer outlived the generation" % side)
    tap.ok(arrives(b, a, "the other way"), "and the other way")


def test_outages(network, a, b):
    for name in ("postgres", "tor"):
        for side, server in (("receiver", b), ("sender", a)):
            network.kill(server.number, name)
            if server is b or name == "tor":
                a.enqueue(b.onion, {"text": "into the outage"})
            time.sleep(0.5)
            network.start(server.number, name)
            took = arrives(a, b, "after %s" % name)
            tap.ok(took, "%s's %s killed and started: messages arrive "
                   "(%.1f s)" % (side, name, took or -1))
    for name in ("fed-queued", "fed-listener", "postgres", "tor"):
        network.freeze(2, name)
        number = a.enqueue(b.onion, {"text": "frozen"})
        time.sleep(0.5)
        network.thaw(2, name)
        tap.ok(net.wait(lambda: a.delivered(number), 30),
               "%s frozen and thawed: the message arrives" % name)
    network.stop(2)
    a.enqueue(b.onion, {"text": "while B is off"})
    tap.equal(network.processes(2), {}, "a server stopped has no process")
    time.sleep(0.5)
    network.start(2)
    tap.ok(arrives(a, b, "after a stop"), "a server stopped and started")


def test_count(a, b):
    """None lost, none doubled."""
    sent = a.sql("""SELECT message_id::text FROM
        federation.federated_message_queue WHERE status <> 'failed'""")
    net.wait(lambda: a.value("""SELECT count(*) FROM
        federation.federated_message_queue
        WHERE status IN ('pending', 'sending')""") == 0, 30)
    got = [row[0] for row in b.inbox()]
    lost = {row[0] for row in sent} - set(got)
    tap.equal((len(sent) > 20, len(lost), len(got) - len(set(got)),
               len(set(got) - {row[0] for row in sent})), (True, 0, 0, 0),
              "%d sent, none lost, none doubled, none from nowhere" %
              len(sent))


def test():
    lines = ["retry minimum 100ms", "retry maximum 500ms", "queue sweep 1s"]
    with net.Net(servers=2, lines=lines) as network:
        a, b = network.servers
        test_contract(a, b)
        test_errors(a, b)
        test_kills(network, a, b)
        test_outages(network, a, b)
        test_count(a, b)


tap.main(test)
