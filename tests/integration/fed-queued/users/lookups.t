#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# Look-ups against another implementation, in both roles. Asked by strangers,
# by those who may not and by those who may: who is unknown, hidden, withdrawn
# or not for the asker to see has one answer, byte for byte, at one time. Asked
# in bulk, or for what is no handle. And peers that answer wrong.

import copy
import json
import os
import statistics
import sys
import threading
import time
import uuid

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "..", "..", "lib"))
import net  # noqa: E402
import peer  # noqa: E402
import psycopg2  # noqa: E402
import tap  # noqa: E402

FIXED_S = 0.15
SAMPLES = 20
LINES = ["rate items 100", "retry minimum 100ms", "retry maximum 300ms",
         "queue sweep 1s", "rate lookups 0", "rate strangers 0",
         "lookup answer 150ms", "lookup lifetime 10s", "timeout message 3s"]
BAD_HANDLES = {
    "empty": "", "65 bytes": "a" * 65, "4 KiB": "a" * 4096,
    "60 KiB": "a" * 61440, "upper case": "Alice", "leading dot": ".a",
    "leading dash": "-a", "a blank": "a b", "line feed": "a\n",
    "slash": "../a", "quote": "' OR true --", "an address": "a@b",
    "composed accent": "\u00e9", "decomposed accent": "e\u0301",
    "Cyrillic a": "\u0430lice", "full width": "\uff41",
    "right-to-left override": "\u202ealice", "isolate": "alice\u2066",
    "mixed direction": "\u05d0b", "zero width space": "a\u200bb",
    "byte order mark": "\ufeffa", "tag": "a\U000e0061",
    "a number": 1, "null": None, "an array": ["alice"],
    "an object": {"handle": "alice"}, "true": True}


class Bench:
    """The server under test, with its users, and friends at each level."""

    def __init__(self, network):
        self.network = network
        self.server, = network.servers
        self.onion = self.server.onion
        for handle, hidden in (("shown", "f"), ("hidden", "t"),
                               ("withdrawn", "f")):
            self.server.sql("SELECT federation.user_publish(%s, %s, %s, %s, "
                            "%s)", handle, os.urandom(32), "Name",
                            os.urandom(16384), hidden, user="app")
        self.server.sql("SELECT federation.user_withdraw('withdrawn')",
                        user="app")
        self.friends = {level: self.friend(level) for level in (0, 1, 2, 3)}

    def friend(self, level):
        """(identity, client with a connection of its own)."""
        identity = peer.Identity()
        client = peer.Client.of(self.server)
        if client.handshake(identity).result != "accepted":
            raise RuntimeError("handshake")
        if level:
            status, _, error = self.server.fedctl(
                "server", "trust", identity.address, str(level))
            if status:
                raise RuntimeError(error)
        return identity, client

    def lookup(self, level, handle, **members):
        """(exchange, seconds) of a look-up by the friend of that level."""
        return self.ask(self.friends[level], {"handle": handle}, **members)

    def ask(self, friend, payload, **members):
        identity, client = friend
        envelope = identity.envelope(self.onion, "user_lookup", payload,
                                     **members)
        started = time.monotonic()
        exchange = client.send(identity, envelope)
        return exchange, time.monotonic() - started


# Who may see whom: (name, level, handle) of what must be one and the same.
NOBODY = [("unknown", 2, "nobody"), ("hidden", 2, "hidden"),
          ("withdrawn", 2, "withdrawn"), ("not allowed", 1, "shown"),
          ("unknown, not allowed", 1, "nobody"),
          ("hidden, not allowed", 1, "hidden"), ("trusted", 3, "hidden")]


def masked(exchange):
    """The bytes of an answer as they travelled, but for what names this
    request, the asker and the time."""
    body = exchange.response.body
    envelope = json.loads(body)
    mine = [envelope[name] for name in ("id", "signature", "timestamp",
                                        "destinationServer")]
    for value in mine + [envelope["payload"]["requestHash"]]:
        body = body.replace(value.encode(), b"*" * len(value))
    return exchange.response.raw_head + body


def test_answers(bench):
    for level in (2, 3):
        exchange, _ = bench.lookup(level, "shown")
        answer = exchange.payload["answer"]
        tap.equal((exchange.result, sorted(answer), answer["handle"],
                   len(peer.unb64(answer["avatar"]))),
                  ("accepted", ["avatar", "displayName", "handle",
                                "keyEpoch", "publicKey"], "shown", 16384),
                  "at level %d he is shown" % level)
    exchange, _ = bench.lookup(0, "shown")
    tap.equal((exchange.result, "answer" in exchange.payload),
              ("rejected UNTRUSTED", False), "a stranger is told as ever")
    exchange, _ = bench.ask(bench.friends[2], {"handle": "nobody", "x": [1]})
    tap.equal(exchange.result, "accepted", "unknown members are left alone")
    tap.equal(exchange.payload, {
        "answer": {}, "credit": 64, "requestHash":
        exchange.payload["requestHash"],
        "results": [{"status": "accepted"}]}, "nobody: an empty answer")


def test_bytes(bench):
    first = masked(bench.lookup(2, "nobody")[0])
    for name, level, handle in NOBODY:
        tap.ok(masked(bench.lookup(level, handle)[0]) == first,
               name + ": the same bytes")
    for name, exchange in (
            ("a user with everything", bench.lookup(2, "shown")[0]),
            ("nobody", bench.lookup(2, "nobody")[0]),
            ("no handle", bench.lookup(2, "No!")[0])):
        tap.equal(len(exchange.response.body), 32768,
                  name + ": the size on the wire")
    number = str(uuid.uuid4())
    tap.equal([bench.lookup(2, "nobody", id=number)[0].result
               for _ in range(2)], ["accepted"] * 2,
              "a look-up changes nothing, and its id is not remembered")
    tap.equal(bench.server.value("SELECT count(*) FROM federation.inbox"), 0,
              "nor is anything stored")


def test_credit(bench):
    """A server that has spent what its level allows, and one that has not,
    are welcome to as many items: else the bytes would differ."""
    identity, client = spent = bench.friend(1)
    for _ in range(4):
        told = client.batch(identity, [
            (str(uuid.uuid4()), "message", {}) for _ in range(64)])
    tap.ok(told.payload["credit"] < 64, "messages: little credit is left: %d"
           % told.payload["credit"])
    tap.ok(masked(bench.ask(spent, {"handle": "shown"})[0]) ==
           masked(bench.lookup(2, "nobody")[0]),
           "look-ups: the same bytes all the same")


def sampled(bench, count):
    """{name: seconds of each}; in turn, so that what else the machine does
    meets all alike. Found, too, which the asker knows anyway."""
    cases = NOBODY + [("found", 2, "shown")]
    times = {name: [] for name, _, _ in cases}
    for _ in range(count):
        for name, level, handle in cases:
            times[name].append(bench.lookup(level, handle)[1])
    return times


def test_times(bench):
    times = sampled(bench, SAMPLES)
    medians = {n: statistics.median(t) for n, t in times.items()}
    for name, taken in times.items():
        tap.diag("%-22s least %.4f median %.4f most %.4f" % (
            name, min(taken), medians[name], max(taken)))
        tap.ok(min(taken) >= FIXED_S, "%s: never before its time" % name)
    spread = max(medians.values()) - min(medians.values())
    tap.ok(spread < FIXED_S / 5, "medians lie together: %.4f s" % spread)
    names = [n for n, _, _ in NOBODY]
    tap.ok(all(min(times[one]) <= medians[two]
               for one in names for two in names), "the times overlap")


def test_slow(bench):
    """A database that is slow for them all, and one that is not there."""
    for name, level, handle in NOBODY[:4]:
        connection = psycopg2.connect(bench.server.database)
        with connection.cursor() as cursor:
            cursor.execute("LOCK federation.local_users IN ACCESS EXCLUSIVE "
                           "MODE")
            cursor.execute("SELECT pg_backend_pid()")
            number, = cursor.fetchone()
        result = {}

        def ask(level=level, handle=handle, result=result):
            result["got"] = bench.lookup(level, handle)

        thread = threading.Thread(target=ask)
        thread.start()
        waits = net.wait(lambda number=number: bench.server.value(
            "SELECT count(*) FROM pg_stat_activity WHERE %s = "
            "ANY (pg_blocking_pids(pid))", number), 10)
        time.sleep(FIXED_S)
        connection.rollback()
        connection.close()
        thread.join()
        exchange, seconds = result["got"]
        tap.ok(waits and exchange.result == "accepted" and
               seconds >= 2 * FIXED_S,
               "%s waits for a slow database, too: %.3f s" % (name, seconds))
    bench.network.stop(1, "postgres")
    answers = {bench.lookup(level, handle)[0].response.status
               for _, level, handle in NOBODY}
    tap.equal(answers, {503}, "without a database all are asked to come "
              "later")
    bench.network.start(1, "postgres")
    tap.ok(net.wait(lambda: bench.lookup(2, "nobody")[0].status == 200, 20),
           "and with it they are answered")


def test_handles(bench):
    for name, handle in BAD_HANDLES.items():
        results = {bench.lookup(level, handle)[0].result
                   for level in (1, 2)}
        tap.equal(results, {"rejected PAYLOAD_MALFORMED"}, "handle: " + name)
    for name, payload in (("none", {}), ("of another name",
                                         {"Handle": "shown"})):
        tap.equal(bench.ask(bench.friends[2], payload)[0].result,
                  "rejected PAYLOAD_MALFORMED", "handle: " + name)
    tap.equal(bench.ask(bench.friends[2], {
        "handle": "shown", "x": "y" * 65536})[0].result,
        "rejected PAYLOAD_TOO_LARGE", "a payload that is too large")
    identity, client = bench.friends[2]
    good = identity.envelope(bench.onion, "user_lookup", {"handle": "HERE"})
    for name, text in (("NUL", b'"a\\u0000"'), ("half a surrogate",
                                                b'"\\ud800"'),
                       ("not UTF-8", b'"\xff"'), ("overlong", b'"\xc0\x80"'),
                       ("twice", b'"a","handle":"a"')):
        body = peer.pad(peer.canonical(good).replace(b'"HERE"', text))
        response = client.raw(peer.request_bytes(
            "POST", "/federation/message", bench.onion, body))
        tap.equal(response.status, 400, "handle: " + name)


def test_bulk(bench):
    identity, client = bench.friends[2]
    exchange = client.batch(identity, [
        (str(uuid.uuid4()), "user_lookup", {"handle": "shown"}),
        (str(uuid.uuid4()), "message", {"n": 1}),
        (str(uuid.uuid4()), "user_lookup", {"handle": "nobody"})])
    tap.equal([(r["status"], r.get("code")) for r in exchange.results],
              [("rejected", "TYPE_UNKNOWN"), ("accepted", None),
               ("rejected", "TYPE_UNKNOWN")],
              "in a batch there are no look-ups, and its rest is taken")


# A peer that is asked

def answering(answer=None, results=None, change=None):
    """A behaviour: that answer to look-ups, and honest otherwise."""
    def behaviour(server, received):
        envelope = received.envelope
        if envelope["type"] != "user_lookup" or not server.verify(received):
            return peer.honest(server, received)
        more = {} if answer is None else {"answer": answer}
        whole = server.acknowledge(
            received, results or [{"status": "accepted"}], **more)
        return change(whole) if change else whole
    return behaviour


def user(handle="eve", epoch=3, key=b"key", **more):
    return dict({"handle": handle, "keyEpoch": epoch,
                 "publicKey": peer.b64(key)}, **more)


class Asking:
    """Looks users of the peer up from the server under test."""

    def __init__(self, node, other):
        self.node = node
        self.other = other
        self.seen = len(self.inbox())

    def inbox(self):
        """What came of this peer; look-ups at others end when they may."""
        return [row for row in self.node.inbox()
                if row[1] == self.other.address]

    def events(self, count=1, seconds=30):
        rows = net.wait(lambda: (lambda found: found if len(found) >= count
                                 else None)(self.inbox()[self.seen:]),
                        seconds) or []
        self.seen += len(rows)
        tap.ok(len(rows) <= count, "no event that nobody asked for: %s" %
               [payload for _, _, _, payload in rows[count:]])
        return [payload for _, _, _, payload in rows]

    def start(self, behaviour, handle="eve"):
        self.other.behaviour = behaviour
        self.node.sql("SELECT * FROM federation.user_lookup(%s, '0')",
                      "%s@%s" % (handle, self.other.address), user="app")

    def ask(self, behaviour, handle="eve"):
        self.start(behaviour, handle)
        found = self.events()
        return found[0] if found else {"event": "none"}

    def shown(self, columns="public_key", handle="eve"):
        found = self.node.sql(
            "SELECT %s FROM federation.users WHERE address = %%s" % columns,
            "%s@%s" % (handle, self.other.address), user="app")
        return [tuple(bytes(v) if isinstance(v, memoryview) else v
                      for v in row) for row in found]


def test_asked(asking):
    event = asking.ask(answering(user(displayName="Eve", extra={"a": 1})))
    tap.equal((event["event"], asking.shown("display_name, avatar")),
              ("found", [("Eve", None)]), "an answer of another's: found")
    request = [r.envelope for r in asking.other.received
               if r.envelope["type"] == "user_lookup"][-1]
    tap.equal((request["payload"], request["id"] == asking.inbox()[-1][0]),
              ({"handle": "eve"}, True),
              "the request: the handle alone, and the id of the event")
    tap.equal(asking.ask(answering({}))["event"], "unknown",
              "an empty answer: unknown")
    tap.equal(asking.ask(answering(user(), [{"status": "duplicate"}]))
              ["event"], "found", "a duplicate with an answer: found")


def test_evidence(asking):
    """Two keys under one epoch: kept so that anybody can verify it."""
    asking.ask(answering(user(epoch=5, key=b"one")))
    event = asking.ask(answering(user(epoch=5, key=b"two")))
    tap.equal((event["event"], event["code"], event["publicKey"]),
              ("contradiction", "KEY_CONFLICT", peer.b64(b"two")),
              "one epoch, two keys: the application is told")
    tap.equal(asking.shown(), [(b"one",)], "the first key stays")
    tap.ok(net.wait(lambda: "key-contradiction server=" in
                    asking.node.log(), 10), "so is the log, without a name")
    pieces = [bytes(v) for v in asking.node.sql(
        "SELECT first, second FROM federation.evidence WHERE kind = "
        "'KEY_CONFLICT' ORDER BY id DESC LIMIT 1")[0]]
    keys = []
    for piece in pieces:
        certificate, envelope = piece.rsplit(b"\n", 1)
        presented = peer.Presented(certificate + b"\n")
        envelope = peer.decode(envelope)
        answer = envelope["payload"]["answer"]
        keys.append((peer.verify(
            peer.unb64(envelope["signature"]), peer.envelope_text(envelope),
            presented.signing_key), presented.server,
            answer["handle"], answer["keyEpoch"], answer["publicKey"]))
    tap.equal(keys, [(True, asking.other.address, "eve", 5, peer.b64(key))
                     for key in (b"one", b"two")],
              "the evidence: two answers that verify")
    event = asking.ask(answering(user(epoch=4, key=b"one")))
    tap.equal(event.get("code"), "KEY_ROLLBACK", "an epoch that went back")
    tap.equal(asking.ask(answering(user(epoch=6, key=b"two")))["event"],
              "key", "a new epoch: a change like any other")


def test_malformed(asking):
    good = user(epoch=6, key=b"two")
    before = asking.shown("public_key, key_epoch, display_name")
    for name, answer in (
            ("no answer", None), ("an array", []), ("a string", "eve"),
            ("null", {"handle": None}), ("another handle", user("mallory")),
            ("no epoch", {n: v for n, v in good.items() if n != "keyEpoch"}),
            ("epoch 0", dict(good, keyEpoch=0)),
            ("epoch as text", dict(good, keyEpoch="6")),
            ("an empty key", dict(good, publicKey="")),
            ("a key of 2049 bytes", user(key=bytes(2049))),
            ("a key that is no base64", dict(good, publicKey="A")),
            ("an avatar of 16385 bytes",
             dict(good, avatar=peer.b64(bytes(16385)))),
            ("a name of 129 bytes", dict(good, displayName="n" * 129)),
            ("a name that turns", dict(good, displayName="a\u202eb")),
            ("a name with a line", dict(good, displayName="a\nb")),
            ("a certificate in it", dict(good, certificate="AAAA")),
            ("65 KiB more", dict(good, extra="x" * 66560))):
        event = asking.ask(answering(answer))
        tap.equal((event["event"], event.get("code")),
                  ("failed", "ANSWER_JSON" if name != "a certificate in it"
                   else "EXPIRED"), "answer: " + name)
    tap.equal(asking.shown("public_key, key_epoch, display_name"), before,
              "and nothing of it is believed")


def test_refusals(asking):
    for code in ("UNTRUSTED", "TYPE_UNKNOWN", "PAYLOAD_MALFORMED", "VERSION"):
        event = asking.ask(answering(results=[
            {"status": "rejected", "code": code}]))
        tap.equal((event["event"], event.get("code")), ("failed", code),
                  "rejected %s: failed" % code)
    event = asking.ask(answering(results=[
        {"status": "rejected", "code": "WE_ARE_NEWER"}]))
    tap.equal(event.get("code"), "REFUSED", "a code that we do not know")


def test_later(asking):
    """What is no answer is asked again until it is one."""
    node, other = asking.node, asking.other
    good = answering(user(epoch=6, key=b"two"))

    def forged(whole):
        head, body = whole.split(b"\r\n\r\n", 1)
        envelope = json.loads(body)
        forgery = copy.deepcopy(envelope)
        forgery["payload"]["answer"] = user(epoch=99, key=b"forged")
        return head + b"\r\n\r\n" + peer.encode(forgery)

    for name, fault in (
            ("no answer", lambda server, received: None),
            ("503", peer.unsigned(503, ["Retry-After: 1"])),
            ("200 and nothing", peer.unsigned(200)),
            ("another's words", answering(user(), change=forged)),
            ("retry RATE", answering(results=[
                {"status": "retry", "code": "RATE", "seconds": 1}])),
            ("retry BUSY", answering(results=[
                {"status": "retry", "code": "BUSY", "seconds": 0}])),
            ("a wrong clock", answering(results=[
                {"status": "retry", "code": "CLOCK_AHEAD",
                 "seconds": 300}]))):
        other.faults.append(fault)
        tap.equal(asking.ask(good), {
            "address": "eve@" + other.address, "event": "found",
            "keyEpoch": 6}, name + ", then an answer: found, once")
    tap.equal(asking.shown(), [(b"two",)], "and no forged key")
    asking.start(answering(results=[
        {"status": "retry", "code": "RATE", "seconds": 3600}]))
    net.wait(lambda: node.sql("SELECT 1 FROM federation.user_lookups WHERE "
                              "next_attempt_at > now() + interval '30 min'"))
    number = node.enqueue(other.address, {"n": 1})
    tap.ok(net.wait(lambda: node.delivered(number), 8),
           "a server that wants no look-ups for now keeps no message back")
    tap.equal([e.get("code") for e in asking.events()], ["EXPIRED"],
              "and the look-up ends in its time")


def test_strangers(bench):
    """Servers that users were looked up at are not evicted by a flood."""
    asked, cached, plain = [peer.Identity() for _ in range(3)]
    client = peer.Client.of(bench.server)
    for identity in (asked, cached, plain):
        client.handshake(identity)
    server = bench.server
    server.sql("SELECT federation.user_lookup(%s)", "a@" + asked.address,
               user="app")
    server.sql("""INSERT INTO federation.federated_users (local_id,
        remote_server_id, username) SELECT 'a@' || onion_address, id, 'a'
        FROM federation.federation_servers WHERE onion_address = %s""",
               cached.address)
    for _ in range(300):
        client.handshake(peer.Identity())
    kept = net.wait(lambda: server.value(
        "SELECT count(*) <= 260 FROM federation.federation_servers "
        "WHERE trust_level = 0"), 10)
    tap.ok(kept, "300 strangers: the oldest of them are evicted")
    for name, identity in (("asked", asked), ("cached", cached)):
        tap.equal(server.value(
            "SELECT count(*) FROM federation.federation_servers WHERE "
            "onion_address = %s", identity.address), 1,
            "but not the server of a user who was " + name)


# The rate, as it comes

def test_rate(network):
    bench = Bench(network)
    for level in (1, 2, 3):
        results = [bench.lookup(level, "nobody")[0] for _ in range(3)]
        results += [bench.lookup(level, h)[0] for h in
                    ("shown", "No", "hidden", "a", "b", "c", "d")]
        tap.equal([e.result.split()[0] for e in results],
                  ["accepted"] * 4 + ["rejected"] + ["accepted"] * 5,
                  "level %d: ten look-ups" % level)
        bench.friends[level][1].close()
    for level in (1, 2, 3):
        # One comes back each six seconds.
        for count in range(30):
            told = bench.lookup(level, "shown")[0]
            if told.result != "accepted":
                break
        tap.ok(told.result == "retry RATE" and
               1 <= told.results[0]["seconds"] <= 7,
               "level %d: then, after %d more, to come later" % (
                   level, count))
    identity, client = bench.friends[2]
    tap.equal(client.message(identity, {"n": 1}).result, "accepted",
              "messages have a rate of their own")
    started = time.monotonic()
    tap.equal(bench.ask(bench.friend(2), {"handle": "shown"})[0].result,
              "accepted", "so has another server")
    tap.ok(time.monotonic() - started >= 0.5, "after half a second")


def test():
    with net.Net(servers=1, lines=LINES) as network:
        bench = Bench(network)
        test_answers(bench)
        test_bytes(bench)
        test_credit(bench)
        test_times(bench)
        test_handles(bench)
        test_bulk(bench)
        test_slow(bench)
        test_strangers(bench)
        with peer.Server() as other:
            other.join(network.directory)
            bench.server.fedctl("handshake", other.address)
            bench.server.fedctl("server", "trust", other.address, "2")
            asking = Asking(bench.server, other)
            test_asked(asking)
            test_evidence(asking)
            test_malformed(asking)
            test_refusals(asking)
            test_later(asking)
        tap.ok("generation number=2" not in bench.server.log(),
               "no process of it ever ended")
    with net.Net(servers=1, lines=["rate lookups 10"]) as network:
        test_rate(network)


tap.main(test)
