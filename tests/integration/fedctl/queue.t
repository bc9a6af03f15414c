#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""The administrator's verbs for what is on its way out, on a whole suite and
against servers that the test plays: hold, release, retry, cancel, requeue,
pause, resume, and what is shown of a message. Whatever is done, no message is
called given up that its destination has, none is lost, and the order stays."""

import json
import os
import random
import sys
import threading
import time
import uuid

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "..", "lib"))
import control  # noqa: E402
import net  # noqa: E402
import peer  # noqa: E402
import tap  # noqa: E402

# Nothing is tried again by itself while the test looks.
LINES = ["retry minimum 10m", "retry maximum 1h", "queue sweep 1s",
         "queue lifetime 1d"]
QUEUE = "federation.federated_message_queue"
DAY = 86400


def ask(node, *arguments):
    """What fedctl -j prints, or (exit status, CODE)."""
    status, output, errors = node.fedctl("-j", *arguments)
    if status == 0:
        return json.loads(output) if not errors else errors
    return (status, errors.split(": ")[1]) if not output else output


def state(node, number, server=None):
    found = ask(node, "queue", "show", number,
                *(["--server", server] if server else []))
    return found[0] if isinstance(found, list) else found


def until(node, number, wanted, seconds=20):
    return net.wait(lambda: state(node, number)["state"] == wanted, seconds)


def events(node, number):
    """[(event, code, by)] of a message that went to one server."""
    return [(e["event"], e["code"], e["by"])
            for e in ask(node, "show", "message", number)]


def arrived(server):
    """The ids that came, in order, each time."""
    with server.changed:
        received = list(server.received)
    return [number for one in received
            if one.envelope and one.envelope["type"] != "handshake"
            for number, _, _ in peer.items(one.envelope)]


def audit(node):
    return node.sql("SELECT action, onion_address, detail, actor "
                    "FROM federation.audit ORDER BY id")


def enqueue(node, server, count):
    return [node.enqueue(server.address, {"n": n}) for n in range(count)]


class Gate:
    """A behaviour that answers, as the one behind it, when it is opened."""

    def __init__(self, behind=peer.honest):
        self.behind = behind
        self.open = threading.Event()

    def __call__(self, server, received):
        self.open.wait(60)
        return self.behind(server, received)


failing = peer.unsigned(500)  # a behaviour: the server backs off


BY = "uid %d" % os.geteuid()


# What is shown

def test_shown(node, one, two):
    number = enqueue(node, one, 1)[0]
    tap.ok(until(node, number, "delivered"), "delivered")
    found = ask(node, "show", "message", number)
    tap.equal([(e["event"], e["server"], e["code"], e["by"], e["times"],
                e["receipt"]) for e in found],
              [("enqueued", one.address, None, None, 1, None),
               ("delivered", one.address, None, None, 1, True)],
              "its timeline: enqueued, delivered with a receipt")
    tap.ok(all(abs(peer.time_value(e["time"]) - time.time()) < 60
               for e in found), "with times")
    found = state(node, number)
    tap.equal([found[name] for name in (
        "id", "server", "lane", "state", "held", "attempts", "due_s",
        "retry_s", "paused", "bytes", "last_error")],
        [number, one.address, "normal", "delivered", False, 0, 0, 0, False,
         len('{"n": 0}'), None], "and how it stands")
    tap.ok("payload" not in json.dumps(found), "without its content")
    both = str(uuid.uuid4())
    for server in (one, two):
        node.enqueue(server.address, {}, message_id=both)
    net.wait(lambda: both in arrived(one) and both in arrived(two))
    tap.equal([row["server"] for row in ask(node, "queue", "show", both)],
              sorted([one.address, two.address]), "one message, two servers")
    tap.equal(state(node, both, two.address)["server"], two.address,
              "and one of them")
    tap.equal(sorted({e["server"] for e in ask(node, "show", "message",
                                               both)}),
              sorted([one.address, two.address]), "both in the timeline")
    return number, both


def test_refused(node, one, number, both):
    """Codes, and nothing is changed by what is refused."""
    strange = str(uuid.uuid4())
    unknown = peer.Identity().address
    before = audit(node)
    for arguments, expected in (
            (["queue", "hold", number], "MESSAGE_SETTLED"),
            (["queue", "release", number], "MESSAGE_SETTLED"),
            (["queue", "retry", number], "MESSAGE_SETTLED"),
            (["queue", "cancel", number], "MESSAGE_SETTLED"),
            (["queue", "requeue", number], "MESSAGE_NOT_DEAD"),
            (["queue", "cancel", both], "MESSAGE_SEVERAL"),
            (["queue", "requeue", both], "MESSAGE_SEVERAL"),
            (["queue", "cancel", both, "--server", one.address],
             "MESSAGE_SETTLED"),
            (["queue", "show", strange], "MESSAGE_UNKNOWN"),
            (["show", "message", strange], "MESSAGE_UNKNOWN"),
            (["queue", "hold", strange], "MESSAGE_UNKNOWN"),
            (["queue", "cancel", number, "--server", unknown],
             "MESSAGE_UNKNOWN"),
            (["queue", "hold", unknown], "SERVER_UNKNOWN"),
            (["queue", "requeue", unknown], "SERVER_UNKNOWN"),
            (["queue", "retry", unknown], "SERVER_UNKNOWN"),
            (["server", "pause", unknown], "SERVER_UNKNOWN"),
            (["server", "resume", unknown], "SERVER_UNKNOWN"),
            (["server", "retry", unknown], "SERVER_UNKNOWN"),
            (["server", "pause", node.onion], "SELF")):
        tap.equal(ask(node, *arguments), (65, expected),
                  "%s: %s" % (" ".join(w[:12] for w in arguments), expected))
    tap.equal(audit(node), before, "nothing of it was done")


def test_hostile(node, number):
    """The same of a client without fedctl's manners."""
    client = control.Client(node.control)
    address = peer.Identity().address
    verbs = (control.QUEUE_HOLD, control.QUEUE_RELEASE, control.QUEUE_RETRY,
             control.QUEUE_CANCEL, control.QUEUE_REQUEUE, control.QUEUE_SHOW,
             control.SHOW_MESSAGE)
    for verb in verbs:
        for arguments in (("", ""), (number, "x"), ("x", ""),
                          (number.upper(), ""), (number, "' OR 1=1 --"),
                          (b"\xff", ""), (address.upper(), "")):
            rows, end = client.ask(verb, *arguments)
            tap.ok(rows == [] and end.exit == 65 and end.code != "DATABASE",
                   "verb %d of %r: %s" % (verb, arguments, end.code))
    for verb in verbs[:5]:
        if verb != control.QUEUE_CANCEL:
            rows, end = client.ask(verb, address, address)
            tap.equal((rows, end.exit), ([], 64), "a server of a server")
    rows, end = client.ask(control.QUEUE_CANCEL, address, "")
    tap.equal((rows, end.code), ([], "ENVELOPE_ID"),
              "not all of a server is cancelled at once")
    for limit in ("0", "1001", "01", "-1", "1 ", "9999999999", "x"):
        rows, end = client.ask(control.SHOW_DEAD, limit, "")
        tap.equal((rows, end.exit, end.code), ([], 65, "LIMIT"),
                  "dead letters: %r of them" % limit)
    client.close()


# Pause

def test_pause(network, node, one):
    """After the request in flight nothing is sent, not even what is claimed
    already; receiving goes on."""
    gate = Gate()
    one.faults.append(gate)
    before = len(arrived(one))
    numbers = [str(row[0]) for row in node.sql(
        "SELECT federation.enqueue(%s, json_build_object('n', n)::text) "
        "FROM generate_series(1, 300) n", one.address, user="app")]
    net.wait(lambda: len(arrived(one)) > before)
    first = len(arrived(one))
    # the next claim waits behind it
    net.wait(lambda: node.value(
        "SELECT count(*) FROM %s WHERE status = 'sending'" % QUEUE) >
        first - before, 5)
    tap.equal(ask(node, "server", "pause", one.address),
              {"server": one.address, "trust": 2, "paused": True},
              "paused while a request is in flight")
    gate.open.set()
    tap.ok(until(node, numbers[0], "delivered"), "its answer counts")
    time.sleep(2)
    tap.equal(len(arrived(one)), first, "and then nothing is sent")
    client = peer.Client.of(node.entry)
    client.handshake(one.identity)
    tap.equal(client.message(one.identity, {"x": 1}).result, "accepted",
              "what comes from there is taken")
    client.close()
    network.kill(1, "fed-queued")
    net.wait(lambda: control.status(node.control))
    node.enqueue(one.address, {"n": 301})
    time.sleep(2)
    tap.equal(len(arrived(one)), first, "a restart does not end it")
    rows = {row["server"]: row for row in ask(node, "show", "servers")}
    tap.ok(rows[one.address]["paused"] is True, "show servers says so")
    tap.ok(all(row["paused"] for row in ask(node, "show", "queue")
               if row["server"] == one.address), "and show queue")
    tap.equal(ask(node, "server", "resume", one.address)["paused"], False,
              "resumed")
    tap.ok(net.wait(lambda: len(arrived(one)) == before + 301, 20),
           "all of it arrives")
    tap.equal(arrived(one)[before:before + 300], numbers, "in its order")


def test_pause_elsewhere(node, one):
    """Another worker's administrator does it: this one hears of it."""
    change = "SELECT code FROM federation.server_change(%s, %s, 'uid 7')"
    tap.equal(node.value(change, "pause", one.address), "OK", "paused by SQL")
    time.sleep(1)
    number = enqueue(node, one, 1)[0]
    time.sleep(2)
    tap.ok(number not in arrived(one), "nothing is sent")
    node.value(change, "resume", one.address)
    tap.ok(net.wait(lambda: number in arrived(one), 10), "until it is resumed")
    one.faults.append(failing)
    number = enqueue(node, one, 1)[0]
    tap.ok(net.wait(lambda: state(node, number)["retry_s"] > 0, 10),
           "a destination backs off")
    node.value(change, "retry", one.address)
    tap.ok(until(node, number, "delivered", 10),
           "and no more, once somebody elsewhere ended it")


# Hold

def test_hold(node, one):
    ask(node, "server", "pause", one.address)
    first, held, last = enqueue(node, one, 3)
    found = ask(node, "queue", "hold", held)
    tap.equal((found["id"], found["state"], found["held"]),
              (held, "pending", True), "one of three is held")
    before = len(audit(node))
    tap.equal(ask(node, "queue", "hold", held)["held"], True,
              "holding it again changes nothing")
    tap.equal(len(audit(node)), before, "and is not in the audit")
    tap.equal([(row["pending"], row["held"]) for row in
               ask(node, "show", "queue") if row["server"] == one.address],
              [(3, 1)], "show queue counts it")
    tap.equal(node.sql("SELECT state, held FROM federation.delivery_state "
                       "WHERE message_id = %s", held, user="app"),
              [("pending", True)], "and the chat server sees it")
    ask(node, "server", "resume", one.address)
    tap.ok(until(node, last, "delivered") and until(node, first, "delivered"),
           "the others are delivered")
    tap.equal(state(node, held)["state"], "pending", "it is not")
    quiet(node)
    tap.equal(ask(node, "queue", "release", held)["held"], False, "released")
    tap.ok(until(node, held, "delivered"), "and delivered")
    tap.equal(events(node, held), [
        ("enqueued", None, None), ("held", None, BY), ("released", None, BY),
        ("delivered", None, None)], "its timeline says who did it")


def quiet(node):
    """A queue of held messages alone is not looked into again and again."""
    def inserted():
        return node.value("SELECT n_tup_ins FROM pg_stat_user_tables "
                          "WHERE relname = 'leases'")

    counts = [inserted()]
    while len(counts) < 3 or counts[-1] != counts[-3]:
        time.sleep(1)
        counts.append(inserted())
        if len(counts) > 20:
            break
    tap.ok(len(counts) <= 20, "what is held is not claimed at every sweep")


def test_hold_all(node, one, two):
    """More than one portion, in all lanes, of one server."""
    for server in (one, two):
        ask(node, "server", "pause", server.address)
    numbers = [str(row[0]) for row in node.sql(
        "SELECT federation.enqueue(%s, '{}', priority => n %% 3 + 1) "
        "FROM generate_series(1, 1201) n", one.address, user="app")]
    other = enqueue(node, two, 1)[0]
    before = len(audit(node))
    tap.equal(ask(node, "queue", "hold", one.address),
              {"server": one.address, "messages": 1201}, "1,201 are held")
    tap.equal(audit(node)[before:], [("queue hold", one.address, None, BY)],
              "the audit has one line")
    tap.equal(ask(node, "queue", "hold", one.address)["messages"], 0,
              "then none")
    late = enqueue(node, one, 1)[0]
    for server in (one, two):
        ask(node, "server", "resume", server.address)
    tap.ok(until(node, late, "delivered") and until(node, other, "delivered"),
           "what came later, and what goes elsewhere, is delivered")
    tap.ok(not set(numbers) & set(arrived(one)), "what is held is not")
    tap.equal(ask(node, "queue", "release", one.address)["messages"], 1201,
              "all are released")
    tap.ok(net.wait(lambda: set(numbers) <= set(arrived(one)), 30),
           "and arrive")
    came = [n for n in arrived(one) if n in set(numbers)]
    lanes = [[n for at, n in enumerate(numbers) if at % 3 == lane]
             for lane in range(3)]
    tap.equal([[n for n in came if n in set(lane)] == lane
               for lane in lanes], [True] * 3,
              "each once, in the order of their lane")


# In flight

def test_flight(node, one):
    """While it is being sent, nobody can say that it was given up."""
    gate = Gate()
    one.faults.append(gate)
    number = enqueue(node, one, 1)[0]
    net.wait(lambda: number in arrived(one))
    tap.equal(state(node, number)["state"], "sending", "in flight")
    tap.equal(ask(node, "queue", "cancel", number), (65, "MESSAGE_IN_FLIGHT"),
              "it is not cancelled")
    tap.equal(ask(node, "queue", "requeue", number),
              (65, "MESSAGE_NOT_DEAD"), "nor requeued")
    found = ask(node, "queue", "hold", number)
    tap.equal((found["state"], found["held"]), ("sending", True),
              "a hold is noted")
    gate.open.set()
    tap.ok(until(node, number, "delivered"), "the outcome stands: delivered")
    tap.equal(state(node, number)["held"], False, "and it is not held")
    gate = Gate(failing)
    one.faults.append(gate)
    number = enqueue(node, one, 1)[0]
    net.wait(lambda: number in arrived(one))
    ask(node, "queue", "hold", number)
    gate.open.set()
    tap.ok(until(node, number, "pending"), "the other outcome: it waits")
    ask(node, "queue", "retry", one.address)
    time.sleep(2)
    tap.equal((arrived(one).count(number), state(node, number)["held"]),
              (1, True), "held, and is not sent again")
    ask(node, "queue", "release", number)
    tap.ok(until(node, number, "delivered"), "until it is released")
    tap.equal(arrived(one).count(number), 2, "sent twice in all")


def test_dead_worker(node, one):
    """A worker died while sending: its lease has run out, and what it began
    may be cancelled; its acknowledgement, if there was one, still counts."""
    ask(node, "server", "pause", one.address)
    number = enqueue(node, one, 1)[0]
    claim = str(uuid.uuid4())
    node.sql("INSERT INTO federation.leases SELECT destination_server_id, "
             "priority, %s, %s, now() + interval '1 h' FROM " + QUEUE +
             " WHERE message_id = %s", claim, str(uuid.uuid4()), number)
    node.sql("UPDATE " + QUEUE + " SET status = 'sending' "
             "WHERE message_id = %s", number)
    tap.equal(ask(node, "queue", "cancel", number), (65, "MESSAGE_IN_FLIGHT"),
              "another worker has the lease: not cancelled")
    node.sql("UPDATE federation.leases SET deadline = now() - interval '1 s' "
             "WHERE claim_id = %s", claim)
    tap.equal(ask(node, "queue", "cancel", number)["state"], "failed",
              "it has run out: cancelled")
    node.sql("DELETE FROM federation.leases WHERE claim_id = %s", claim)
    ask(node, "server", "resume", one.address)


def test_race(node, one):
    """300 messages, each cancelled somewhere on its way: what is a dead
    letter never arrived, and all else did."""
    seed = os.environ.get("SEED") or "%d" % time.time()
    tap.diag("seed %s" % seed)
    dice = random.Random(seed)
    client = control.Client(node.control)
    numbers, codes = [], []
    for n in range(300):
        numbers.append(node.enqueue(one.address, {"n": n}))
        time.sleep(dice.random() * 0.01)
        _, end = client.ask(control.QUEUE_CANCEL, numbers[-1], "")
        codes.append(end.code)
    client.close()
    tap.ok(net.wait(lambda: node.value(
        "SELECT count(*) FROM " + QUEUE + " WHERE status IN ('pending', "
        "'sending')") == 0, 30), "all are settled")
    came = set(arrived(one))
    wrong = [n for n, code in zip(numbers, codes) if
             (code == "") == (n in came)]
    tap.equal(wrong, [], "%d cancelled, %d in flight, %d too late: none of "
              "the cancelled arrived, and all others did" % (
                  codes.count(""), codes.count("MESSAGE_IN_FLIGHT"),
                  codes.count("MESSAGE_SETTLED")))
    tap.equal(set(codes) - {"", "MESSAGE_IN_FLIGHT", "MESSAGE_SETTLED"},
              set(), "nothing else was said")
    node.sql("DELETE FROM " + QUEUE + " WHERE status = 'failed'")


# Dead letters

def test_dead(node, one):
    ask(node, "server", "pause", one.address)
    first, second, third = enqueue(node, one, 3)
    before = node.value("SELECT id FROM " + QUEUE + " WHERE message_id = %s",
                        first)
    found = ask(node, "queue", "cancel", first)
    tap.equal((found["state"], found["last_error"]), ("failed", "CANCELLED"),
              "a message that waits is cancelled")
    row = ask(node, "show", "dead", "--limit", "1")
    tap.equal([(r["id"], r["server"], r["lane"], r["reason"], r["attempts"])
               for r in row], [(first, one.address, "normal", "CANCELLED",
                                0)], "the newest dead letter")
    tap.equal(node.sql("SELECT state, reason FROM federation.delivery_state "
                       "WHERE message_id = %s", first, user="app"),
              [("failed", "CANCELLED")], "the chat server sees it, too")
    ask(node, "queue", "cancel", second)
    tap.equal([r["id"] for r in ask(node, "show", "dead", "--limit", "2",
                                    "--server", one.address)],
              [second, first], "two of a server, the newest first")
    tap.equal(ask(node, "show", "dead", "--server",
                  peer.Identity().address), [], "of another: none")
    ask(node, "server", "resume", one.address)
    tap.ok(until(node, third, "delivered"), "what is not cancelled is sent")
    ask(node, "server", "pause", one.address)
    later = enqueue(node, one, 1)[0]
    found = ask(node, "queue", "requeue", first)
    tap.equal((found["state"], found["attempts"], found["last_error"]),
              ("pending", 0, None), "a dead letter is requeued")
    tap.equal(node.value("SELECT id FROM " + QUEUE + " WHERE message_id = %s",
                         first), before, "at its old place")
    ask(node, "server", "resume", one.address)
    until(node, later, "delivered")
    tap.ok(until(node, first, "delivered"), "and sent")
    tap.equal(arrived(one)[-2:], [first, later], "before what came later")
    tap.equal(events(node, first), [
        ("enqueued", None, None), ("cancelled", "CANCELLED", BY),
        ("requeued", None, BY), ("delivered", None, None)], "its timeline")
    tap.ok(second not in arrived(one), "the other one stays dead")
    return second


def age(node, number, seconds):
    node.sql("UPDATE " + QUEUE + " SET created_at = now() - %s * interval "
             "'1 s' WHERE message_id = %s", seconds, number)


def test_requeue(node, one, dead):
    """Within the lifetime only, since a peer forgets ids some day."""
    age(node, dead, DAY + 1)
    tap.equal(ask(node, "queue", "requeue", dead), (65, "MESSAGE_TOO_OLD"),
              "older than its lifetime: stays dead")
    tap.equal(ask(node, "queue", "requeue", one.address),
              (65, "MESSAGE_TOO_OLD"), "and there is no other")
    refused = lambda server, received: server.acknowledge(received, [
        {"status": "rejected", "code": "TYPE_UNKNOWN"}] * len(
            peer.items(received.envelope)))
    one.faults += [refused] * 3
    numbers = []
    for _ in range(3):
        numbers += enqueue(node, one, 1)
        until(node, numbers[-1], "failed")
    tap.equal(events(node, numbers[0])[1:], [("failed", "TYPE_UNKNOWN",
                                              None)], "three are refused")
    tap.equal(state(node, numbers[0])["attempts"], 1, "after one attempt")
    age(node, numbers[2], DAY - 60)
    tap.equal(ask(node, "queue", "requeue", one.address),
              {"server": one.address, "messages": 3, "too_old": 1},
              "all of a server: three, and one is too old")
    tap.ok(all(until(node, number, "delivered") for number in numbers),
           "they are delivered, also one a minute before its end")
    tap.equal([n for n in arrived(one) if n in numbers][-3:], numbers,
              "in their order")
    tap.equal(ask(node, "queue", "requeue", one.address),
              (65, "MESSAGE_TOO_OLD"), "the old one is still there")
    node.sql("DELETE FROM " + QUEUE + " WHERE message_id = %s", dead)
    tap.equal(ask(node, "queue", "requeue", one.address),
              {"server": one.address, "messages": 0, "too_old": 0},
              "and then none")


# Retry

def test_retry(node, one):
    later = lambda server, received: server.acknowledge(received, [
        {"status": "rejected", "code": "STORAGE"}])
    one.faults += [later, later]
    number = enqueue(node, one, 1)[0]
    tap.ok(net.wait(lambda: state(node, number)["due_s"] > 60, 10),
           "a message and its server wait")
    found = ask(node, "queue", "retry", number)
    tap.ok(found["due_s"] == 0 and found["retry_s"] > 60,
           "the message is due, the server still waits")
    time.sleep(1)
    tap.equal(arrived(one).count(number), 1, "so nothing is sent")
    tap.equal(ask(node, "server", "retry", one.address)["paused"], False,
              "the server's back-off ends")
    tap.ok(net.wait(lambda: arrived(one).count(number) == 2, 10),
           "and it is sent")
    tap.ok(net.wait(lambda: state(node, number)["due_s"] > 60, 10),
           "both wait again")
    tap.equal(node.value("SELECT retry_count FROM federation.peers p JOIN "
                         "federation.federation_servers s ON s.id = "
                         "server_id WHERE onion_address = %s", one.address),
              2, "and the back-off has gone on where it was")
    tap.equal(ask(node, "queue", "retry", one.address),
              {"server": one.address, "messages": 1}, "both in one command")
    tap.ok(until(node, number, "delivered"), "delivered")
    tap.equal(events(node, number), [
        ("enqueued", None, None), ("attempt", "STORAGE", None),
        ("retried", None, BY), ("attempt", "STORAGE", None),
        ("retried", None, BY), ("delivered", None, None)], "its timeline")


def test_attempts(node, one):
    """The same failure again is one line, with a count."""
    one.faults += [failing] * 3
    number = enqueue(node, one, 1)[0]
    for n in range(3):
        net.wait(lambda: ask(node, "show", "message",
                             number)[-1]["times"] == n + 1 and
                 len(events(node, number)) == 2)
        if n < 2:
            ask(node, "server", "retry", one.address)
    found = ask(node, "show", "message", number)[-1]
    tap.ok(found["event"] == "attempt" and found["times"] == 3 and
           peer.time_value(found["until"]) >= peer.time_value(found["time"]),
           "three attempts that failed alike: %s" % found)
    ask(node, "server", "retry", one.address)
    tap.ok(until(node, number, "delivered"), "and the fourth")


def test_outage(network, node, one):
    """Without a database nothing is done, and 69 says so."""
    number = state(node, enqueue(node, one, 1)[0])["id"]
    until(node, number, "delivered")
    before = audit(node)
    network.stop(1, "postgres")
    net.wait(lambda: control.status(node.control)["database"] != "up")
    for arguments in (["show", "dead"], ["show", "message", number],
                      ["queue", "show", number], ["queue", "hold", number],
                      ["queue", "cancel", number],
                      ["queue", "requeue", one.address],
                      ["queue", "retry", one.address],
                      ["server", "pause", one.address]):
        tap.equal(ask(node, *arguments), (69, "DATABASE"),
                  "no database: %s" % " ".join(arguments[:2]))
    network.start(1, "postgres")
    net.wait(lambda: control.status(node.control)["database"] == "up")
    tap.equal(audit(node), before, "and nothing was done")


def test_audit(node):
    actions = {row[0] for row in audit(node)}
    tap.equal({"queue hold", "queue release", "queue retry", "queue cancel",
               "queue requeue", "server pause", "server resume",
               "server retry"} - actions, set(), "each is in the audit")
    tap.equal([row for row in audit(node) if row[3] not in (BY, "uid 7")],
              [], "with who did it")


def test():
    with net.Net(servers=1, lines=LINES) as network, \
            peer.Server() as one, peer.Server() as two:
        node, = network.servers
        for server in (one, two):
            server.join(network.directory)
            node.fedctl("handshake", server.address)
            node.fedctl("server", "trust", server.address, "2")
        number, both = test_shown(node, one, two)
        test_refused(node, one, number, both)
        test_hostile(node, number)
        test_pause(network, node, one)
        test_pause_elsewhere(node, one)
        test_hold(node, one)
        test_hold_all(node, one, two)
        test_flight(node, one)
        test_dead_worker(node, one)
        test_race(node, one)
        dead = test_dead(node, one)
        test_requeue(node, one, dead)
        test_retry(node, one)
        test_attempts(node, one)
        test_outage(network, node, one)
        test_audit(node)


tap.main(test)
