#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# Inbound under load, on a whole suite: what one server, one circuit or nobody
# in particular may take of it, that others are served all the while, that
# memory stays bounded, and that each limiter says so under its name.

import json
import os
import re
import resource
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "..", "..", "lib"))
import net  # noqa: E402
import peer  # noqa: E402
import tap  # noqa: E402

LOAD = os.path.join(net.ROOT, "build", "tests", "lib", "load")
MIB = 1 << 20


class Sender(peer.Client):
    """A server of its own that sends to another; level None: a stranger."""

    def __init__(self, node, level=2):
        super().__init__(node.listener, node.onion, node.proxy_line)
        self.node = node
        self.identity = peer.Identity()
        if level is None:
            return
        self.handshake(self.identity)
        status, _, error = node.fedctl(
            "server", "trust", self.identity.address, str(level))
        if status:
            raise RuntimeError(error)

    def one(self, **more):
        return self.message(self.identity, {"encryptedContent": "AAAA"},
                            **more)

    def several(self, count):
        return self.batch(self.identity, [
            (str(peer.uuid.uuid4()), "message", {"n": n})
            for n in range(count)])

    def flood(self, count, *options):
        """Starts it; what it prints is how many were accepted."""
        more = ["-p"] if self.proxy_line else []
        return subprocess.Popen(
            [LOAD, "-f", *options, *more, self.path, self.onion,
             self.identity.address, self.identity.signing.seed.hex(),
             self.identity.certificate.key_id(), str(count)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            universal_newlines=True)


def accepted(flood):
    text = flood.communicate(timeout=300)[0]
    return int(text.split()[0]) if flood.returncode == 0 else None


def limits(node):
    """{limiter: row}"""
    status, text, error = node.fedctl("-j", "show", "limits")
    if status:
        raise RuntimeError(error)
    return {row["limiter"]: row for row in json.loads(text)}


def statuses(exchange):
    return [result["status"] for result in exchange.results]


def rows(node):
    return node.value("SELECT count(*) FROM federation.inbox")


# Names

def test_names(node):
    """fedctl has them all."""
    shown = limits(node)
    with open(os.path.join(net.ROOT, "common/ipc/limit_names.h")) as header:
        written = re.findall(r'X\([A-Z_]+, "([a-z-]+)"', header.read())
    tap.equal(sorted(set(written) - {"socks"}), sorted(shown),
              "fedctl show limits has every limiter but fedd's")
    text = node.fedctl("show", "limits")[1].splitlines()
    tap.equal((text[0].split(), len(text)),
              (["limiter", "process", "used", "limit", "taken", "refused",
                "unit"], len(shown) + 1), "as a table, too")


# Fairness

def test_fairness(node):
    """64 connections of batches, and somebody else's single messages."""
    flooding, other = Sender(node), Sender(node)
    flood = flooding.flood(64 * 600, "-b", "64", "-c", "64")
    before = limits(node)["requests-per-server"]
    sent, good, worst = 0, 0, 0.0
    while flood.poll() is None or sent < 20:
        start = time.monotonic()
        got = other.one()
        worst = max(worst, time.monotonic() - start)
        sent += 1
        good += got.result == "accepted"
    count = accepted(flood)
    tap.equal((good, count), (sent, 64 * 600),
              "64 connections of batches: %d of %d single messages of "
              "another server accepted meanwhile, the worst in %d ms" % (
                  good, sent, worst * 1000))
    tap.equal(limits(node)["requests-per-server"]["refused"],
              before["refused"], "and no limit was in the flood's way")
    flood = flooding.flood(2 * 4000, "-b", "2", "-c", "250")
    tap.ok(net.wait(lambda: limits(node)["requests-pending"]["refused"] or
                    limits(node)["requests-per-server"]["refused"] or
                    flood.poll() is not None), "250 connections")
    count = accepted(flood)
    shown = limits(node)
    tap.ok(count is not None and count < 8000 and
           shown["requests-per-server"]["refused"] > before["refused"],
           "are too many: %s of 8000 accepted, %d requests refused" % (
               count, shown["requests-per-server"]["refused"]))
    tap.ok("limit name=requests-per-server refused=" in node.log(),
           "the limiter's name is in the log")
    got = other.one()
    tap.equal(got.status, 200, "the other is served afterwards as before")
    tap.equal((shown["requests-under-way"]["used"],
               shown["bytes-under-way"]["used"]), (0, 0),
              "nothing is under way then")


# Memory

def memory(pid):
    """Resident, in bytes."""
    with open("/proc/%d/statm" % pid) as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_memory(network, node):
    """1,000 requests as large as they may be, of four servers."""
    pids = {name: pid for name, pid in network.processes(1).items()
            if name in ("fed-listener", "fed-queued", "fed-signer", "fedd")}
    senders = [Sender(node) for _ in range(4)]
    before = {name: memory(pid) for name, pid in pids.items()}
    most = dict(before)
    floods = [sender.flood(3 * 250, "-b", "3", "-c", "50", "-z", "65536")
              for sender in senders]
    while any([flood.poll() is None for flood in floods]):
        for name, pid in pids.items():
            most[name] = max(most[name], memory(pid))
        time.sleep(0.01)
    counts = [accepted(flood) for flood in floods]
    tap.ok(all(counts), "1,000 maximal requests of 4 servers, each over 50 "
           "connections: %s of 750 items accepted" % counts)
    for name in pids:
        grown = most[name] - before[name]
        tap.ok(grown < 20 * MIB, "%s grew by %d KiB" % (name, grown >> 10))
    tap.equal(network.processes(1), dict(network.processes(1), **pids),
              "by the same processes")


# Slow clients

def dribble(clients, stop):
    while not stop.wait(5):
        for client in clients:
            try:
                client.send(b"x")
            except OSError:
                pass


def slow_clients(sender, count):
    """Half of them with half a head, half with half a body."""
    head = peer.request_bytes("POST", "/federation/message", sender.onion,
                              b"{".ljust(200000))[:-199999]
    found = []
    for number in range(count):
        client = sender.connect()
        try:
            client.send(head if number % 2 else b"GET /")
        except OSError:
            pass  # there was no place for it: it was let go at once
        found.append(client)
    return found


def test_slow(node):
    """2,000 sockets at a byte in 5 s, and one who has something to say."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 2200:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    count = min(2000, hard - 200)
    sender = Sender(node)
    before = limits(node)["head-time"]["refused"]
    slow, stop = slow_clients(sender, count), threading.Event()
    thread = threading.Thread(target=dribble, args=(slow, stop))
    thread.start()
    time.sleep(0.5)  # so long even a half head is let be
    sent, bad, worst = 0, [], 0.0
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        sender.close()  # a new connection for each
        start = time.monotonic()
        got = sender.one()
        worst = max(worst, time.monotonic() - start)
        sent += 1
        bad += [got.result] if got.result != "accepted" else []
        time.sleep(0.1)
    stop.set()
    thread.join()
    for client in slow:
        client.close()
    tap.equal(bad, [], "%d slow clients, 1,000 places: all %d "
              "messages of another accepted, each over a connection of its "
              "own, the worst in %d ms" % (count, sent, worst * 1000))
    shown = net.wait(lambda: (lambda row: row if row["refused"] > before
                              else None)(limits(node)["head-time"]))
    tap.ok(shown, "what took too long was ended: %s" % (shown,))


# The inbox

def acknowledge(node, most):
    node.sql("""SELECT federation.inbox_acknowledge(array_agg(inbox_id))
        FROM federation.inbox_claim(%s)""", most, user="app")


def test_inbox(node):
    """30 messages that nobody takes out, and no more."""
    sender = Sender(node)
    begun = rows(node)
    good = [sender.one().result for _ in range(5)]
    tap.equal(good, ["accepted"] * 5, "5 messages of 30 that there may be")
    got = sender.several(20)
    tap.equal((statuses(got), got.payload["credit"]),
              (["accepted"] * 20, 5), "20 more, and 5 are welcome")
    got = sender.several(10)
    tap.equal(statuses(got), ["accepted"] * 5 + ["retry"] * 5,
              "of 10 more 5 are accepted")
    last = got.payload["results"][-1]
    tap.ok(last["code"] == "STORAGE" and last["seconds"] > 0,
           "the others are to come later: %s" % (last,))
    first = sender.one()
    tap.equal((first.result, first.payload["credit"]), ("retry STORAGE", 1),
              "one more: later, and one is welcome then")
    tap.equal(rows(node) - begun, 30, "nothing more was stored")
    tap.ok(net.wait(lambda: "inbox full messages=30" in node.log(), 5),
           "the log says so")
    shown = limits(node)["inbox"]
    tap.equal((shown["used"], shown["limit"], shown["taken"],
               shown["refused"]), (30, 30, 30, 6), "fedctl, too")
    tap.equal(sender.handshake(sender.identity).status, 200,
              "a handshake needs no room")
    again = sender.send(sender.identity, first.request)
    tap.equal(again.result, "retry STORAGE", "the same again: later")
    acknowledge(node, 3)
    tap.ok(net.wait(lambda: limits(node)["inbox"]["used"] == 27),
           "the application takes 3 out")
    again = sender.send(sender.identity, first.request)
    tap.equal((again.result, again.payload["credit"]),
              ("accepted", 2), "it recovers by itself")
    tap.ok("inbox has room messages=27" in node.log(), "and says so")
    tap.equal(statuses(sender.several(4)), ["accepted"] * 2 + ["retry"] * 2,
              "2 more are taken, which makes 30 again")
    acknowledge(node, 30)
    tap.ok(net.wait(lambda: limits(node)["inbox"]["used"] == 0),
           "all taken out: the count knows")
    sender.close()


def test_restart(network, node):
    """What is there counts from the start."""
    sender = Sender(node)
    tap.equal(statuses(sender.several(29)), ["accepted"] * 29, "29 of 30")
    before = network.processes(1)["fed-queued"]
    network.kill(1, "fed-queued")
    net.wait(lambda: network.processes(1).get("fed-queued")
             not in (None, before))

    def twice():
        got = sender.several(2)
        return got if got.status == 200 else None
    got = net.wait(twice, 30, 0.2)
    tap.equal(got and statuses(got), ["accepted", "retry"],
              "a new process knows that one more fits")
    acknowledge(node, 30)
    net.wait(lambda: limits(node)["inbox"]["used"] == 0)
    sender.close()


# Rates

def test_credit(node):
    """Falls with what the rate leaves, to one and not below. Level 1 may
    have 300 at once, then 100 a minute."""
    sender = Sender(node, 1)
    credits = [sender.several(64).payload["credit"] for _ in range(4)]
    tap.equal(credits[:3], [64, 64, 64], "64 are welcome at first")
    tap.ok(44 <= credits[3] <= 50, "then what is left of 300: %r" % credits)
    got = sender.several(64)
    results = statuses(got)
    count = results.count("accepted")
    tap.ok(44 <= count <= 60 and results == ["accepted"] * count +
           ["retry"] * (64 - count) and got.payload["credit"] == 1,
           "of 64 more %d are accepted, and one is welcome next" % count)
    shown = limits(node)["items-known"]
    tap.ok(shown["refused"] >= 64 - count and shown["used"] >= 99 and
           shown["limit"] == 100, "the limiter says so: %s" % (shown,))
    tap.ok("limit name=items-known refused=" in node.log(),
           "and the log")


def test_failures(node):
    """Forged requests are paid for by a budget of all, never by the server
    whose name they bear."""
    named, forger = Sender(node, 1), peer.Identity()
    before = limits(node)
    answers = set()
    for _ in range(60):
        made = named.identity.envelope(node.onion, "message", {"a": 1})
        made["signature"] = peer.b64(forger.signing.sign(
            peer.envelope_text(made)))
        answers.add(named.send(named.identity, made).status)
    after = limits(node)
    tap.equal(answers, {401}, "60 forged messages: 401")
    tap.ok(after["failures"]["taken"] - before["failures"]["taken"] >= 10 and
           after["failures"]["refused"] > before["failures"]["refused"],
           "some use up the budget, others find it empty")
    tap.ok("limit name=failures refused=" in node.log(), "the log says so")
    tap.equal([after[name] for name in ("items-known", "refusals",
                                        "requests-per-server")],
              [dict(before[name], used=after[name]["used"])
               for name in ("items-known", "refusals",
                            "requests-per-server")],
              "the server that was named has paid nothing")
    tap.equal(named.one().result, "accepted",
              "and is served")


def test_strangers(node):
    answers = [Sender(node, None).handshake(peer.Identity()).status
               for _ in range(20)]
    shown = limits(node)["strangers"]
    tap.ok(answers[:3] == [200] * 3 and 429 in answers and
           shown["refused"] >= answers.count(429),
           "handshakes of strangers: %d answered, %d told 429" % (
               answers.count(200), answers.count(429)))


def test_signatures(node):
    """More acknowledgements than fed-signer signs in a second."""
    sender = Sender(node)
    before = limits(node)["signatures"]
    flood = sender.flood(200, "-c", "20")
    count = accepted(flood)
    shown = limits(node)["signatures"]
    tap.ok(count is not None and 0 < count < 200 and
           shown["refused"] - before["refused"] >= 200 - count and
           shown["taken"] - before["taken"] >= count,
           "5 signatures a second: %s of 200 messages are acknowledged, "
           "and fed-queued counts the rest: %s" % (count, shown))
    tap.ok("limit name=signatures refused=" in node.log(),
           "the log says so")


class Small(peer.Server):
    """A server that says how many items are welcome next, and looks."""

    def __init__(self, credits):
        super().__init__(behaviour=self.take_few)
        self.credits = list(credits)
        self.sizes = []
        self.numbers = []

    @staticmethod
    def take_few(self, received):
        envelope = received.envelope
        if envelope["type"] == "handshake":
            return peer.honest(self, received)
        payloads = [envelope["payload"]]
        if envelope["type"] == "batch":
            payloads = [item["payload"] for item in payloads[0]["items"]]
        count = len(payloads)
        self.numbers += [payload["n"] for payload in payloads]
        self.sizes.append(count)
        credit = self.credits[len(self.sizes)] \
            if len(self.sizes) < len(self.credits) else 64
        return self.acknowledge(
            received, [{"status": "accepted"}] * count, credit=credit)


def test_heeded(network, node):
    """Our side of credit: also by what was claimed before it was said."""
    credits = [64, 5, 1, 3, 64, 2, 64]
    with Small(credits) as small:
        small.join(network.directory)
        node.fedctl("server", "add", small.address)
        node.fedctl("server", "trust", small.address, "2")
        node.sql("""SELECT federation.enqueue(%s, '{"n":' || n || '}')
            FROM generate_series(1, 300) n""", small.address, user="app")
        done = net.wait(lambda: node.value(
            """SELECT count(*) FROM federation.federated_message_queue
            WHERE status = 'delivered'""") == 300, 60)
        tap.ok(done, "300 messages to a server that has credits of %r: "
               "requests of %r" % (credits[1:], small.sizes))
        tap.ok(all(size <= most for size, most in
                   zip(small.sizes, credits)),
               "none has more items than are welcome")
        tap.equal(small.numbers, list(range(1, 301)),
                  "each once and in their order")
        tap.ok(max(small.sizes) > 5, "but as many where there is credit")


def test():
    rates = ["rate items 0"]
    with net.Net(servers=1, trust="none", lines=rates) as network:
        node = network.servers[0]
        test_memory(network, node)  # while little has been used yet
        test_names(node)
        test_fairness(node)
        test_slow(node)
    lines = ["rate items 100", "rate failures 5", "rate strangers 10",
             "limit inbox 30", "queue sweep 100ms"]
    with net.Net(servers=1, trust="none", lines=lines) as network:
        node = network.servers[0]
        test_inbox(node)
        test_restart(network, node)
        test_failures(node)
    lines = ["rate items 100", "rate strangers 10", "flush normal 0"]
    with net.Net(servers=1, trust="none", lines=lines) as network:
        node = network.servers[0]
        test_credit(node)
        test_strangers(node)
        test_heeded(network, node)
    lines = ["rate items 0", "rate signatures 5"]
    with net.Net(servers=1, trust="none", lines=lines) as network:
        time.sleep(1.1)  # its handshakes of the start are forgotten
        test_signatures(network.servers[0])


tap.main(test)
