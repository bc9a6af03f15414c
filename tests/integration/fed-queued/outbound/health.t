#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# Who is there: a peer that goes away is offline and one that comes back online,
# by itself and with nothing to deliver; what is heard counts, in both
# directions; pings go to those alone that are silent, and keep nobody waiting.
# Whether we can be reached ourselves, and fedctl's ping.

import json
import os
import re
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "..", "..", "lib"))
import net  # noqa: E402
import peer  # noqa: E402
import tap  # noqa: E402
from sockstap import HOLD, Sockstap  # noqa: E402

QUICK = ["retry minimum 200ms", "retry maximum 1s", "queue sweep 1s",
         "timeout handshake 2s"]
DEAD = 200
LAST_CODE = """SELECT last_code FROM federation.peers WHERE server_id = (
    SELECT id FROM federation.federation_servers WHERE onion_address = %s)"""


def server(node, onion):
    """{column: value} of what node knows of a server."""
    columns = ("is_online", "connection_failures", "last_seen", "trust_level")
    rows = node.sql("""SELECT %s FROM federation.federation_servers
        WHERE onion_address = %%s""" % ", ".join(columns), onion)
    return dict(zip(columns, rows[0])) if rows else None


def becomes(node, onion, seconds=60, **expected):
    """Whether it says so of the server within that time."""
    found = net.wait(lambda: (lambda row: all(
        row[name] == value for name, value in expected.items()))(
            server(node, onion)), seconds, 0.1)
    if not found:
        tap.diag((server(node, onion), node.log()[-3000:]))
    return bool(found)


def status(node):
    code, output, _ = node.fedctl("-j", "status")
    return json.loads(output) if code == 0 else {}


def reachable(node, expected, seconds=60):
    found = net.wait(lambda: status(node).get("reachable") == expected,
                     seconds, 0.1)
    if not found:
        tap.diag((status(node), node.log()[-2000:]))
    return bool(found)


def test_away_and_back(network, a, b):
    """With nothing queued."""
    tap.ok(becomes(a, b.onion, is_online=True, connection_failures=0),
           "a peer that is there is online")
    network.stop(2)
    tap.ok(becomes(a, b.onion, is_online=False), "stopped: offline")
    tap.ok(net.wait(lambda: server(a, b.onion)["connection_failures"] >= 2,
                    60), "its failures are counted")
    row = json.loads(a.fedctl("-j", "show", "servers")[1])[0]
    tap.ok(row["online"] is False and row["failures"] >= 2,
           "fedctl show servers says so")
    before = server(a, b.onion)["last_seen"]
    network.start(2)
    tap.ok(becomes(a, b.onion, is_online=True, connection_failures=0),
           "started again: online, and no failures")
    tap.ok(server(a, b.onion)["last_seen"] > before, "and seen since")
    tap.ok("offline server=" in a.log() and "online server=" in a.log(),
           "the log has both")
    sent = a.value("""SELECT count(*) FROM
        federation.federated_message_queue""")
    tap.equal(sent, 0, "without a message")


def test_silent(network, a, b):
    """An outage of ours blames nobody, but in the end nothing is known."""
    before = server(a, b.onion)["connection_failures"]
    for number in (1, 2):  # B is not to be heard, either
        network.kill(number, "tor")
    tap.ok(becomes(a, b.onion, is_online=False),
           "no tor: what is not heard for three intervals is offline")
    tap.equal(server(a, b.onion)["connection_failures"], before,
              "and no failure of its own")
    for number in (1, 2):
        network.start(number, "tor")
    tap.ok(becomes(a, b.onion, is_online=True), "tor is back: online")


def test_self_probe(network, a):
    tap.ok(reachable(a, "yes"), "our onion service is reachable")
    found = status(a)
    tap.ok(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$",
                    found["reachable_checked"]) and
           found["reachable_code"] is None, "and when that was seen")
    network.freeze(1, "fed-listener")
    tap.ok(reachable(a, "no"), "fed-listener does not answer: no")
    tap.equal(status(a)["reachable_code"], "TIMEOUT_ANSWER", "with the reason")
    network.thaw(1, "fed-listener")
    tap.ok(reachable(a, "yes"), "it does: yes")
    network.kill(1, "tor")
    tap.ok(reachable(a, "no"), "no tor: no")
    tap.equal(status(a)["reachable_code"], "TOR_DOWN", "with the reason")
    network.start(1, "tor")
    tap.ok(reachable(a, "yes"), "tor is back: yes")
    log = a.log()
    tap.ok("self-probe reachable=no code=TOR_DOWN" in log and
           log.count("self-probe reachable=yes") == 3,
           "the log has the changes alone")


def test_ping_verb(network, a, b):
    code, output, errors = a.fedctl("server", "ping", b.onion)
    tap.ok(code == 0 and re.fullmatch(
        r"server=%s\ncode=OK\nms=\d+\n" % re.escape(b.onion), output),
        "server ping: how long it took: %r %s" % (output, errors))
    rows = "SELECT count(*), max(trust_level) FROM " \
        "federation.federation_servers"
    before = a.sql(rows)
    stranger = peer.Identity().address
    for name, address, expected in (
            ("a server that is not known", stranger, "SERVER_UNKNOWN"),
            ("ourselves", a.onion, "SELF"),
            ("no address", "example.onion", "ADDRESS_LENGTH")):
        code, output, errors = a.fedctl("server", "ping", address)
        tap.equal((code, output, errors.split(":")[1].strip()),
                  (65, "", expected), "server ping of %s: 65" % name)
    tap.equal(a.sql(rows), before, "and nobody was entered")
    with peer.Server() as other:
        other.join(network.directory)
        a.fedctl("server", "add", other.address)
        code, output, _ = a.fedctl("server", "ping", other.address)
        tap.equal((code, server(a, other.address)["trust_level"]), (0, 0),
                  "a ping raises no trust, where a handshake would")
        tap.ok(server(a, other.address)["is_online"], "and shows who is there")
        a.fedctl("server", "block", other.address)
        code, _, errors = a.fedctl("server", "ping", other.address)
        tap.ok(code == 65 and "SERVER_BLOCKED" in errors,
               "server ping of one that is blocked: 65")
        a.fedctl("server", "trust", other.address, "1")
    code, output, errors = a.fedctl("server", "ping", other.address)
    tap.ok((code, output) == (1, "") and re.fullmatch(
        r"fedctl: ONION_NOT_FOUND: .* \(\d+ ms\)\n", errors),
        "server ping of one that is gone: %s" % errors)
    tap.ok(net.wait(lambda: not server(a, other.address)["is_online"] and
                    server(a, other.address)["connection_failures"] >= 1, 10),
           "which is known from then on")
    network.kill(1, "tor")
    code, _, errors = a.fedctl("server", "ping", b.onion)
    tap.ok(code == 69 and "TOR_DOWN" in errors, "without tor: 69")
    network.start(1, "tor")


def test_outbound(network, a, b):
    """The peer says nothing but acknowledgements."""
    network.kill(1, "fed-queued")  # the new one has written nothing yet
    a.sql("""UPDATE federation.federation_servers SET last_seen = NULL,
        is_online = false, connection_failures = 3""")
    number = a.enqueue(b.onion, {})
    tap.ok(net.wait(lambda: a.delivered(number), 60) and becomes(
        a, b.onion, is_online=True, connection_failures=0),
        "an acknowledgement makes a peer online")
    seen = server(a, b.onion)["last_seen"]
    tap.ok(seen is not None, "and last_seen follows it")
    version = "SELECT xmin::text FROM federation.federation_servers"
    before = a.value(version)
    for _ in range(20):
        number = a.enqueue(b.onion, {})
        net.wait(lambda: a.delivered(number), 30)
    tap.equal((a.value(version), server(a, b.onion)["last_seen"]),
              (before, seen), "20 more within a minute write nothing")
    network.stop(2)
    number = a.enqueue(b.onion, {})
    tap.ok(becomes(a, b.onion, is_online=False), "a failure makes it offline")
    network.start(2)
    tap.ok(net.wait(lambda: a.delivered(number), 60) and becomes(
        a, b.onion, is_online=True, connection_failures=0) and
        server(a, b.onion)["last_seen"] > seen,
        "and the next success online at once")


def test_signed_refusal(network, a):
    """Who refuses, signed, is there; an unsigned answer says nothing."""
    with peer.Server() as other:
        other.join(network.directory)
        a.fedctl("handshake", other.address)
        a.fedctl("server", "trust", other.address, "1")
        net.wait(lambda: len(other.received) >= 2, 10)
        other.behaviour = lambda s, received: s.acknowledge(
            received, [{"status": "rejected", "code": "UNTRUSTED"}])
        a.enqueue(other.address, {})
        other.wait(1, 30, "message")
        last = net.wait(lambda: a.value(LAST_CODE, other.address), 30)
        found = server(a, other.address)
        tap.equal((last, found["is_online"],
                   found["connection_failures"]), ("UNTRUSTED", True, 0),
                  "a signed refusal postpones, and is no failure to connect")
    for code, fields in ((503, ["Retry-After: 100"]), (500, []), (401, [])):
        with peer.Server() as other:
            other.join(network.directory)
            a.fedctl("handshake", other.address)
            a.fedctl("server", "trust", other.address, "1")
            net.wait(lambda: len(other.received) >= 2, 10)
            other.behaviour = peer.unsigned(code, fields)
            a.enqueue(other.address, {})
            last = net.wait(lambda: a.value(LAST_CODE, other.address), 30)
            found = server(a, other.address)
            tap.equal((last, found["is_online"],
                       found["connection_failures"]),
                      ("ANSWER_UNSIGNED", True, 0),
                      "%d postpones, and changes nothing we believe" % code)
            code = a.fedctl("server", "ping", other.address)[0]
            found = server(a, other.address)
            tap.equal((code, found["is_online"], found["connection_failures"]),
                      (1, True, 0), "nor does it in answer to a ping")


def test_traffic(network, a):
    """Pings go to the silent: none while messages flow."""
    interval = 2
    times = []  # (when, type)

    def behaviour(served, received):
        times.append((time.monotonic(), received.envelope["type"]))
        return peer.honest(served, received)

    with peer.Server(behaviour=behaviour) as other:
        other.join(network.directory)
        a.fedctl("handshake", other.address)
        a.fedctl("server", "trust", other.address, "1")
        began = time.monotonic()
        while time.monotonic() - began < 3 * interval:
            a.enqueue(other.address, {})
            time.sleep(0.1)
        flowing = [kind for _, kind in times if kind == "message"]
        last = net.wait(lambda: [entry for entry in times if entry[1] ==
                                 "handshake" and entry[0] > began + interval],
                        60)
        tap.ok(last, "after the last message a ping comes")
        # Whatever the machine did: before each ping there was silence.
        pings = [at for at, kind in times
                 if kind == "handshake" and at > began + interval]
        gaps = [min(at - earlier for earlier, _ in times if earlier < at)
                for at in pings]
        tap.ok(len(flowing) > 10 and gaps and min(gaps) >= 0.9 * interval,
               "no ping within the interval after something was heard: %s" %
               ["%.1f" % gap for gap in gaps])
        count = len(pings)
        time.sleep(2 * interval)
        more = [at for at, kind in times if kind == "handshake" and
                at > began + interval][count - 1:]
        tap.ok(1 <= len(more) - 1 <= 3, "and then one an interval: %d" %
               (len(more) - 1))


def dead_peers(network, node):
    """Trusted servers for which tor goes on looking, for ever."""
    dead = [peer.onion_address(peer.Key().public) for _ in range(DEAD)]
    with open(os.path.join(network.directory, "switchboard.map"),
              "a") as file:
        file.writelines("%s -\n" % address for address in dead)
    for address in dead:
        node.sql("SELECT federation.server_add(%s), "
                 "federation.server_set_trust(%s, 1)", address, address)
    return dead


def pinged(node, addresses):
    """How many pings to these have begun."""
    short = {address[:8] for address in addresses}
    return len([name for name in re.findall(r"debug: ping server=(\w+)",
                                            node.log()) if name in short])


def test_many_dead(network, a, b):
    """While pings hold all connections that they may have, a message finds
    one, a new one each time; not one ping ends meanwhile."""
    dead = dead_peers(network, a)
    tap.ok(net.wait(lambda: pinged(a, dead) >= 2, 60),
           "dead peers are being pinged")
    failed = """SELECT count(*) FROM federation.federation_servers
        WHERE connection_failures > 0 AND onion_address = ANY (%s)"""
    delivered = []
    for lane in (1, 2, 3) * 5:
        number = a.enqueue(b.onion, {}, priority=lane)
        delivered.append(net.wait(lambda: a.delivered(number), 30))
    tap.ok(all(delivered), "15 messages to a live peer are delivered")
    with peer.Server() as other:
        other.join(network.directory)
        a.sql("SELECT federation.server_add(%s), "
              "federation.server_set_trust(%s, 1)", other.address,
              other.address)
        number = a.enqueue(other.address, {})
        tap.ok(net.wait(lambda: a.delivered(number), 30),
               "and one to a peer of which nobody knows whether it lives")
    with Sockstap(a) as tapped:
        # Those that are being pinged would only wait for the answer.
        for address in [one for one in dead if not pinged(a, [one])][:20]:
            a.enqueue(address, {})
        tap.ok(net.wait(lambda: len(set(dead) & {
            asked.host for asked in tapped.asked}) == 2, 30),
            "messages to dead peers take the two places that are left")
        numbers = [a.enqueue(b.onion, {}) for _ in range(3)]
        tap.ok(net.wait(lambda: all(map(a.delivered, numbers)), 30),
               "and for a live one there is a connection all the same")
    tap.equal((a.value(failed, dead), pinged(a, dead)), (0, 2),
              "before one ping had come to an end")


def test_reconnection(network, a, b):
    """A back-off of ten minutes, and a peer that comes back before."""
    network.stop(2)
    number = a.enqueue(b.onion, {"text": "waits"})
    tap.ok(net.wait(lambda: a.value("""SELECT max(retry_at) > now() +
        interval '5 minutes' FROM federation.peers"""), 60),
        "B is gone: the next attempt is far away")
    network.start(2)
    tap.ok(net.wait(lambda: a.delivered(number), 100),
           "B is started and says so: the message goes at once")
    tap.ok(becomes(a, b.onion, is_online=True, connection_failures=0),
           "and B is online")


def test_held_probe(network, a, b):
    """tor goes on looking for our own onion service: nothing waits for that,
    and nothing follows from it."""
    with Sockstap(a) as tapped:
        tapped.policy = lambda asked: HOLD if asked.host == a.onion else None
        tap.ok(tapped.wait(1, a.onion), "a probe that has no answer")
        numbers = [a.enqueue(b.onion, {}) for _ in range(3)]
        tap.ok(net.wait(lambda: all(map(a.delivered, numbers)), 30),
               "messages go beside it, over the one connection there may be")
        tap.equal(len(tapped.of(a.onion)), 1, "it was still under way")
        found = status(a)
        tap.equal((found["paused"], found["reachable"]), (False, "yes"),
                  "sending is not paused")
        theirs = {asked.user for asked in tapped.of(b.onion)}
        ours = {asked.user for asked in tapped.of(a.onion)}
        tap.ok(theirs and not theirs & ours,
               "and its credentials are its own")


def test():
    with net.Net(servers=2, lines=QUICK + [
            "health interval 1s", "health self-probe 1s",
            "sender idle 0", "trust handshake automatic"]) as network:
        a, b = network.servers
        test_self_probe(network, a)
        test_away_and_back(network, a, b)
        test_silent(network, a, b)
        test_ping_verb(network, a, b)
    with net.Net(servers=2, lines=QUICK + [
            "health interval 0", "health self-probe 0"]) as network:
        a, b = network.servers
        test_outbound(network, a, b)
        test_signed_refusal(network, a)
        tap.equal(status(a)["reachable"], "unknown",
                  "no self-probe: nothing is known")
    with net.Net(servers=2, lines=QUICK + [
            "health interval 2s", "health self-probe 1h", "log level debug",
            "answer ping no", "sender idle 0",
            "timeout connect 10m", "queue lease 1h"]) as network:
        a, b = network.servers
        tap.ok(reachable(a, "yes"), "a 404 of ours is an answer where pings "
               "are switched off")
        test_traffic(network, a)
        test_many_dead(network, a, b)
    with net.Net(servers=2, lines=[
            "retry minimum 10m", "queue sweep 1s", "health self-probe 1s",
            "sender connections 1", "sender idle 0"]) as network:
        a, b = network.servers
        test_held_probe(network, a, b)
    with net.Net(servers=2, lines=["retry minimum 10m"]) as network:
        test_reconnection(network, *network.servers)


tap.main(test)
