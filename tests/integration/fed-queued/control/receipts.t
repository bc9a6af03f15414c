#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# Receipts of what was delivered: exported by the sender, verified with nothing
# but themselves; and none kept where none is wanted.

import json
import os
import subprocess
import sys
import tempfile
import uuid

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "..", "..", "lib"))
import net  # noqa: E402
import peer  # noqa: E402
import tap  # noqa: E402

COUNT = 70


def verify(network, document, *arguments):
    """(exit status, what verify says, CODE)."""
    done = subprocess.run(
        [network.programs["fedctl"], "-j", "receipt", "verify", *arguments,
         "-"], input=document.encode(), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, timeout=60, check=False)
    words = done.stderr.decode().split(": ")
    return (done.returncode, json.loads(done.stdout or b"null"),
            words[1] if len(words) > 1 else None)


def failure(server, *arguments):
    status, output, errors = server.fedctl(*arguments)
    return status, output, errors.split(": ")[1] if errors else None


def enqueue_many(server, destinations, count):
    """In one transaction, so that they travel in batches."""
    return [(str(row[0]), row[1]) for row in server.sql("""
        SELECT federation.enqueue(d, json_build_object('n', n)::text), n
        FROM unnest(%s::text[]) d, generate_series(1, %s) n""",
        destinations, count, user="app")]


def all_delivered(server):
    return net.wait(lambda: server.value(
        "SELECT count(*) FROM federation.federated_message_queue "
        "WHERE status <> 'delivered'") == 0, 60)


def test_single(network, a, b):
    number = a.enqueue(b.onion, ' {"text": "alone", "a": 1} ')
    tap.ok(net.wait(lambda: a.delivered(number), 30), "delivered")
    status, document, errors = a.fedctl("receipt", "export", number)
    tap.equal((status, errors, document[-1:]), (0, "", "\n"),
              "its receipt is exported")
    status, proof, _ = verify(network, document)
    payload = b'{"a":1,"text":"alone"}'
    tap.equal((status, proof and {n: proof[n] for n in (
        "server", "originServer", "id", "type", "payloadHash", "result")}),
        (0, {"server": b.onion, "originServer": a.onion, "id": number,
             "type": "message", "result": "accepted",
             "payloadHash": peer.sha256(payload).hex()}),
        "and shows a stranger that B committed it")
    tap.ok("alone" not in document, "without showing it")
    changed = json.loads(document)
    changed["id"] = str(uuid.uuid4())
    tap.equal(verify(network, json.dumps(changed))[::2],
              (65, "RECEIPT_ITEM"), "it proves nothing of another message")
    return number


def test_batch(network, a, b):
    sent = enqueue_many(a, [b.onion], COUNT)
    tap.ok(all_delivered(a), "%d delivered" % COUNT)
    exchanges = a.value("SELECT count(*) FROM federation.exchanges")
    tap.ok(exchanges < COUNT, "in %d exchanges" % exchanges)
    wrong = []
    for number, n in sent:
        status, document, _ = a.fedctl("receipt", "export", number)
        status, proof, code = verify(network, document)
        if (status, proof and proof["id"], proof and
                proof["payloadHash"]) != (
                0, number, peer.sha256(b'{"n":%d}' % n).hex()):
            wrong.append((number, status, proof, code))
    tap.equal(wrong, [], "each has a receipt that verifies")
    return sent[0]


def test_rotten(a, b):
    """What fails alone leaves a gap between the queue and the request."""
    rows = a.sql("""SELECT federation.enqueue(%s, CASE WHEN n %% 3 = 0
        THEN '{"n": 1.5}' ELSE json_build_object('n', n)::text END), n
        FROM generate_series(1, 20) n""", b.onion, user="app")
    net.wait(lambda: a.value(
        "SELECT count(*) FROM federation.federated_message_queue "
        "WHERE status IN ('pending', 'sending')") == 0, 30)
    results = [a.fedctl("receipt", "export", str(number))[0]
               for number, _ in rows]
    tap.equal(results, [65 if n % 3 == 0 else 0 for _, n in rows],
              "what was delivered has a receipt, what failed has none")
    return [(str(number), n) for number, n in rows if n % 3]


def test_hash_gone(network, a, sent):
    """Without the payload the digest alone is proven."""
    number, n = sent
    a.sql("UPDATE federation.federated_message_queue SET "
          "encrypted_payload = '' WHERE message_id = %s", number)
    _, document, _ = a.fedctl("receipt", "export", number)
    status, proof, _ = verify(network, document)
    tap.equal((status, "payloadHash" in proof, proof["digest"]),
              (0, False, peer.item_digest("message", number, {"n": n}).hex()),
              "without the payload the receipt still holds")
    with tempfile.NamedTemporaryFile(prefix="payload.", dir="/tmp") as file:
        file.write(b'{"n": %d}' % n)
        file.flush()
        status, proof, _ = verify(network, document, "--payload", file.name)
        tap.equal((status, proof and proof["type"]), (0, "message"),
                  "and proves the payload to who has it")


def test_several(network, a, b, c):
    number = str(uuid.uuid4())
    for server in (b, c):
        a.enqueue(server.onion, {"to": "both"}, message_id=number)
    tap.ok(all_delivered(a), "one message to two servers")
    tap.equal(failure(a, "receipt", "export", number),
              (65, "", "RECEIPT_SEVERAL"), "one has to be named")
    for server in (b, c):
        _, document, _ = a.fedctl("receipt", "export", number, "--server",
                                  server.onion.upper())
        status, proof, _ = verify(network, document)
        tap.equal((status, proof and proof["server"]), (0, server.onion),
                  "its receipt is its own")
    tap.equal(failure(a, "receipt", "export", number, "--server", a.onion),
              (65, "", "RECEIPT_NONE"), "another has given none")
    tap.equal(failure(a, "receipt", "export", str(uuid.uuid4())),
              (65, "", "RECEIPT_NONE"), "nor is there one of no message")


def test_rotation(network, a, b, number):
    """A certificate stays as long as a receipt needs it."""
    key = a.value("""SELECT e.key_id FROM federation.receipts r
        JOIN federation.exchanges e ON e.id = r.exchange_id
        WHERE r.message_id = %s""", number)
    tap.equal(a.value("SELECT count(*) FROM federation.certificates "
                      "WHERE key_id = %s", key), 1, "its certificate is here")
    a.sql("""INSERT INTO federation.certificates
        (key_id, server_id, serial, certificate)
        SELECT sha256(n::text::bytea), server_id, serial + n, certificate
        FROM federation.certificates, generate_series(1, 20) n
        WHERE key_id = %s""", key)
    status, _, _ = a.fedctl("handshake", b.onion)
    tap.equal(status, 0, "a handshake while there are 21")
    left = a.value("""SELECT count(*) FROM federation.certificates c
        JOIN federation.federation_servers s ON s.id = c.server_id
        WHERE s.onion_address = %s""", b.onion)
    tap.ok(left < 12, "prunes the old ones: %d are left" % left)
    _, document, _ = a.fedctl("receipt", "export", number)
    tap.equal(verify(network, document)[0], 0, "but for the receipt's")


def test_none(a, b):
    number = a.enqueue(b.onion, {"text": "no trace"})
    tap.ok(net.wait(lambda: a.delivered(number), 30),
           "delivered where receipts are not kept")
    tap.equal(a.sql("SELECT (SELECT count(*) FROM federation.receipts), "
                    "(SELECT count(*) FROM federation.exchanges)"), [(0, 0)],
              "and there is none")
    tap.equal(failure(a, "receipt", "export", number),
              (65, "", "RECEIPT_NONE"), "nor is one exported")


def test_pruned(a, b):
    """The daemon prunes by itself."""
    number = a.enqueue(b.onion, {"text": "short-lived"})
    tap.ok(net.wait(lambda: a.delivered(number), 30), "delivered")
    claimed = b.sql("SELECT inbox_id FROM federation.inbox_claim()",
                    user="app")
    b.value("SELECT federation.inbox_acknowledge(%s)",
            [row[0] for row in claimed], user="app")
    b.sql("INSERT INTO federation.received_ids SELECT server_id, "
          "gen_random_uuid(), digest, now() - interval '46 d' "
          "FROM federation.received_ids")
    tap.ok(net.wait(lambda: a.value("SELECT count(*) FROM "
           "federation.federated_message_queue") == 0, 30),
           "its row goes by itself")
    tap.equal(a.sql("SELECT (SELECT count(*) FROM federation.receipts), "
                    "(SELECT count(*) FROM federation.exchanges), "
                    "(SELECT sum(delivered) FROM federation.peers)"),
              [(0, 0, 1)], "and its receipt; that it was one is kept")
    tap.ok(net.wait(lambda: not b.inbox(), 30),
           "what the application acknowledged goes, too")
    tap.equal(b.value("SELECT count(*) FROM federation.received_ids"), 1,
              "and ids that are 45 days old, no others")


def test():
    with net.Net(servers=3) as network:
        a, b, c = network.servers
        number = test_single(network, a, b)
        sent = test_batch(network, a, b)
        rotten = test_rotten(a, b)
        for item in rotten[:3]:
            _, document, _ = a.fedctl("receipt", "export", item[0])
            tap.equal(verify(network, document)[0], 0,
                      "a receipt beside what failed")
        test_hash_gone(network, a, sent)
        # what failed is not to be waited for
        a.sql("DELETE FROM federation.federated_message_queue "
              "WHERE status = 'failed'")
        test_several(network, a, b, c)
        test_rotation(network, a, b, number)
    with net.Net(servers=2, lines=["queue receipts 0"]) as network:
        test_none(*network.servers)
    with net.Net(servers=2, lines=["queue receipts 2s", "queue payloads 0"
                                   ]) as network:
        test_pruned(*network.servers)


tap.main(test)
