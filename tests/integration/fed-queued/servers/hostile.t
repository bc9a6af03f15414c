#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# A server among hostile ones: strangers who want to fill its database, its
# log and its time, peers who answer what they must not, an application that
# keeps its transaction open. Each gets what it is worth, and the others do
# not notice.

import os
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
from peer import Certificate, Identity, Key  # noqa: E402

STRANGERS = 256  # untouched rows, at most


def servers(node):
    return node.value("SELECT count(*) FROM federation.federation_servers")


def friend_of(client, node, level, **certificate):
    friend = Identity(**certificate)
    if client.handshake(friend).result != "accepted":
        raise RuntimeError("handshake")
    node.fedctl("server", "trust", friend.address, str(level))
    return friend


def test_answers(network, node):
    """Codes that are no peer's to say, in the answer to a handshake."""
    for code in ("TOR_DOWN", "OK", "UNHEARD_OF"):
        def behaviour(server, received, code=code):
            return server.acknowledge(received, [{"status": "rejected",
                                                  "code": code}])
        with peer.Server(behaviour=behaviour) as server:
            server.join(network.directory)
            node.fedctl("server", "add", server.address)
            node.enqueue(server.address, {})
            server.wait(1)
            time.sleep(1)
            tap.equal((len(server.received), "paused ms=" in node.log()),
                      (1, False), "rejected %s: one handshake, and no pause "
                      "for others" % code)
            node.fedctl("server", "block", server.address)


def test_other_protocol(network, node):
    """An answer of somebody who does not speak the protocol."""
    def behaviour(server, received):
        return server.acknowledge(
            received, [{"status": "accepted"}], answer=dict(
                server.identity.handshake_payload(), protocols=["other"]))
    with peer.Server(behaviour=behaviour) as server:
        server.join(network.directory)
        status, _, text = node.fedctl("handshake", server.address)
        tap.equal((status != 0, text.split(": ")[1], node.value(
            "SELECT count(*) FROM federation.certificates c JOIN "
            "federation.federation_servers s ON s.id = c.server_id "
            "WHERE onion_address = %s", server.address)),
            (True, "VERSION", 0), "another protocol: VERSION, not recorded")


def test_told_to_wait(network, node):
    """An unsigned answer may ask for a day, until something better comes;
    and then for good."""
    with peer.Server() as server:
        server.join(network.directory)
        node.fedctl("handshake", server.address)
        server.faults.append(peer.unsigned(503, ["Retry-After: 86400"]))
        node.enqueue(server.address, {"n": 1})
        retry = lambda: node.value(
            "SELECT retry_at > now() + interval '23 h' FROM federation.peers "
            "JOIN federation.federation_servers s ON s.id = server_id "
            "WHERE onion_address = %s", server.address)
        tap.ok(net.wait(retry, 5), "a day's Retry-After is a day's")
        node.fedctl("handshake", server.address)
        delivered = lambda: node.value(
            "SELECT count(*) FROM federation.delivery_state WHERE state = "
            "'delivered' AND destination = %s", server.address)
        tap.ok(net.wait(lambda: delivered() == 1, 5), "a handshake ends it")
        network.kill(1, "fed-queued")
        node.enqueue(server.address, {"n": 2})
        tap.ok(net.wait(lambda: delivered() == 2, 10),
               "and it has ended after a restart, too")


def test_conflicts(node):
    """Certificates that contradict each other, of nobody in particular."""
    client = peer.Client.of(node)
    now = int(time.time())
    lines = node.log().count("certificate-conflict")
    for _ in range(STRANGERS + 20):
        stranger = Identity(serial=now)
        client.handshake(stranger)
        stranger.rotate(serial=now)
        client.handshake(stranger)
    for _ in range(20):
        client.handshake(Identity())
    tap.ok(net.wait(lambda: node.value(
        "SELECT count(*) FROM federation.federation_servers s "
        "JOIN federation.peers p ON p.server_id = s.id "
        "WHERE trust_level = 0 AND NOT kept") <= STRANGERS, 5),
        "strangers who contradict themselves are evicted as others are")
    tap.equal((node.value("SELECT count(*) FROM federation.evidence"),
               node.log().count("certificate-conflict") - lines), (0, 0),
              "and neither evidence nor the log grows")

    friend = friend_of(client, node, 2, serial=now - 5)
    friend.rotate(serial=now - 5)
    lines = node.log().count("certificate-conflict")
    for _ in range(30):
        client.handshake(friend)
    count = node.log().count("certificate-conflict") - lines
    tap.ok(1 <= count <= 15, "a peer's are told, not each time")
    tap.diag("%d lines" % count)


def test_forged_evidence(node):
    """While failures are over their budget nothing is verified, so nothing
    may count as evidence either."""
    client = peer.Client.of(node)
    friend = friend_of(client, node, 2)
    node.sql("DELETE FROM federation.evidence")
    forged = Certificate(friend.key, Key().public,
                         serial=friend.certificate.serial)
    envelope = friend.envelope(
        node.onion, "handshake", friend.handshake_payload(
            certificate=peer.b64(forged.encode(bytes(64)))),
        keyId=forged.key_id())
    statuses = {client.send(friend, envelope, "/federation/handshake").status
                for _ in range(40)}
    tap.equal((statuses, node.value(
        "SELECT count(*) FROM federation.evidence")), ({401}, 0),
        "a forged certificate in a flood is no evidence against a peer")


def test_forgotten(network, node):
    """A stranger who was evicted, then added by the admin."""
    client = peer.Client.of(node)
    stranger = Identity()
    client.handshake(stranger)
    row = ("(SELECT id FROM federation.federation_servers "
           "WHERE onion_address = %s)")
    for table in ("certificates", "peers"):
        node.sql("DELETE FROM federation.%s WHERE server_id = %s" %
                 (table, row), stranger.address)
    node.sql("DELETE FROM federation.federation_servers WHERE id = " + row,
             stranger.address)
    node.fedctl("server", "add", stranger.address)
    time.sleep(0.5)  # until the cache has what the tombstone knew
    tap.equal(client.handshake(stranger).result, "accepted",
              "an evicted server's certificate counts when it is back")
    with peer.Server(stranger) as server:
        server.join(network.directory)
        tap.equal(node.fedctl("handshake", stranger.address)[0], 0,
                  "in an answer, too")


def test_open_transaction(node):
    """An application's transaction that does not end."""
    client = peer.Client.of(node)
    friend = friend_of(client, node, 2)
    for _ in range(STRANGERS + 4):
        client.handshake(Identity())
    connection = psycopg2.connect(node.app_database)
    admin = psycopg2.connect(node.database)
    try:
        with connection.cursor() as cursor:
            for address, in node.sql(
                    "SELECT onion_address FROM federation.federation_servers "
                    "WHERE trust_level = 0"):
                cursor.execute("SELECT federation.enqueue(%s, '{}')",
                               (address,))
        start = time.monotonic()
        for _ in range(3):
            client.handshake(Identity())
        result = client.message(friend, {}).result
        took = time.monotonic() - start
        tap.ok(result == "accepted" and took < 1.5,
               "it holds up no eviction, and nothing behind it")
        tap.diag("%s after %.2f s" % (result, took))

        with admin.cursor() as cursor:
            cursor.execute("SELECT federation.server_set_trust(%s, 1)",
                           (friend.address,))
        envelope = friend.envelope(node.onion, "handshake",
                                   friend.handshake_payload())
        start = time.monotonic()
        status = client.send(friend, envelope,
                             "/federation/handshake").status
        took = time.monotonic() - start
        tap.ok(status == 503 and took < 5, "a lock that stays: 503 soon")
        tap.diag("%d after %.2f s" % (status, took))
    finally:
        connection.close()
        admin.close()
    tap.ok(net.wait(lambda: client.message(friend, {}).result == "accepted",
                    5), "and all is well once it is gone")


def test_refusals(network, node):
    """A peer that is told again and again what costs it nothing."""
    client = peer.Client.of(node)
    hostile = friend_of(client, node, 1)
    late = peer.time_text(int(time.time()) - 1200)
    statuses = []

    def flood(stop):
        body = peer.request_bytes(
            "POST", "/federation/message", node.onion, peer.encode(
                hostile.envelope(node.onion, "message", {}, timestamp=late)))
        with client.connect() as connection:
            while time.monotonic() < stop:
                connection.send(body)
                statuses.append(connection.response().status)

    with peer.Server() as server:
        server.join(network.directory)
        node.fedctl("handshake", server.address)
        before = node.log()
        threads = [threading.Thread(target=flood, args=(
            time.monotonic() + 3,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        time.sleep(1)
        start = time.monotonic()
        node.enqueue(server.address, {})
        server.wait(1, kind="message")
        took = time.monotonic() - start
        for thread in threads:
            thread.join()
    after = node.log()[len(before):]
    tap.diag({s: statuses.count(s) for s in set(statuses)})
    tap.ok(50 <= statuses.count(200) <= 80 and set(statuses) == {200, 429},
           "refusals are signed up to a limit, then unsigned")
    tap.equal(("paused ms=" in after, "sign-refused" in after), (False, False),
              "which leaves signatures for others")
    tap.ok(took < 2, "what we send meanwhile goes out")


def test_twice(node):
    """The same item in several requests at once, alone and in batches."""
    client = peer.Client.of(node)
    friend = friend_of(client, node, 2)
    number = str(uuid.uuid4())
    before = node.value("SELECT count(*) FROM federation.inbox")
    envelopes = [friend.envelope(node.onion, "message", {"n": 1}, id=number)
                 for _ in range(4)]
    envelopes += [friend.envelope(node.onion, "batch", {"items": [
        {"id": number, "payload": {"n": n}, "type": "message"},
        {"id": str(uuid.uuid4()), "payload": {}, "type": "message"}]})
        for n in (1, 1, 2, 2)]
    results = []

    def send(envelope):
        one = peer.Client.of(node)
        one.presented = client.presented
        results.append(one.send(friend, envelope).results[0])

    threads = [threading.Thread(target=send, args=(e,)) for e in envelopes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    words = [" ".join(filter(None, (r["status"], r.get("code"))))
             for r in results]
    tap.equal((len(words), words.count("accepted"), node.value(
        "SELECT count(*) FROM federation.inbox") - before), (8, 1, 5),
        "one id in eight requests at once: accepted once")
    tap.ok(set(words) <= {"accepted", "duplicate", "rejected ID_CONFLICT"},
           "the others are duplicates or conflicts")


def test():
    with net.Net(servers=1, lines=["flush normal 0",
                                   "rate signatures 200"]) as network:
        node, = network.servers
        processes = network.processes(1)
        test_answers(network, node)
        test_conflicts(node)
        test_forgotten(network, node)
        test_open_transaction(node)
        test_refusals(network, node)
        test_twice(node)
        tap.equal(network.processes(1), processes, "all processes live")
        test_other_protocol(network, node)
        test_told_to_wait(network, node)
    with net.Net(servers=1, lines=["rate failures 5"]) as network:
        test_forged_evidence(network.servers[0])


tap.main(test)
