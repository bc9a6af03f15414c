#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# Peers that answer wrong: never, half, garbage, late, closing, with a bad
# signature, with an acknowledgement of something else, with every status. No
# message is lost, settled or failed by it, and once the peer is honest it has
# each once. Only a signed refusal counts, and only for the item it names.

import json
import os
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "lib"))
import net  # noqa: E402
import peer  # noqa: E402
import tap  # noqa: E402

LINES = ["retry minimum 50ms", "retry maximum 200ms", "queue sweep 1s",
         "timeout message 1s", "timeout handshake 1s", "queue attempts 3"]
REPEATS = 1
STATUSES = (100, 204, 301, 307, 400, 401, 403, 404, 405, 408, 411, 413, 415,
            418, 429, 431, 500, 502, 503, 505, 599)
STATE = """SELECT status, attempts, last_error
    FROM federation.federated_message_queue WHERE message_id = %s"""


def signed(change):
    """An honest answer of which change(envelope) alters a member."""
    def behaviour(server, received):
        answer = peer.honest(server, received)
        head, body = answer.split(b"\r\n\r\n", 1)
        envelope = json.loads(body)
        server.digests.clear()  # it was not taken
        change(server, envelope)
        body = peer.encode(envelope)
        return peer.http_answer(200, body)
    return behaviour


def resigned(change):
    """The same, and the signature holds."""
    def then(server, envelope):
        change(envelope)
        envelope["signature"] = peer.b64(server.identity.signing.sign(
            peer.envelope_text(envelope)))
    return signed(then)


def wrong_signature(_server, envelope):
    raw = bytearray(peer.unb64(envelope["signature"]))
    raw[5] ^= 1
    envelope["signature"] = peer.b64(bytes(raw))


def put(name, value):
    def change(envelope):
        envelope[name] = value
    return change


def put_payload(name, value):
    def change(envelope):
        envelope["payload"][name] = value
    return change


def hang(seconds):
    def behaviour(_server, _received):
        time.sleep(seconds)
    return behaviour


def half(server, received):
    answer = peer.honest(server, received)
    server.digests.clear()
    return answer[:len(answer) // 2], "close"


def late(server, received):
    """Takes it, and answers when nobody waits any more."""
    answer = peer.honest(server, received)
    time.sleep(1.5)
    return answer


def taken_and_closed(server, received):
    peer.honest(server, received)


FAULTS = [
    ("it never answers", hang(5)),
    ("it answers half", half),
    ("it closes", lambda server, received: None),
    ("it takes the message and closes", taken_and_closed),
    ("it takes the message and answers late", late),
    ("it answers and closes", lambda server, received: (
        peer.honest(server, received), "close")),
    ("it answers garbage", lambda server, received:
        (os.urandom(3000), "close")),
    ("it answers without a length", lambda server, received:
        (b"HTTP/1.1 200 OK\r\n\r\n", "close")),
    ("it answers with no JSON", lambda server, received:
        peer.http_answer(200, b" " * 8192)),
    ("it answers more than it announced", lambda server, received:
        peer.http_answer(503, b"{}\n") + b"HTTP/1.1 200 OK\r\n"),
    ("its head never ends", lambda server, received:
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5000, "close")),
    ("its body never ends", lambda server, received:
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n" +
         b" " * (1 << 20), "close")),
    ("its signature is bad", signed(wrong_signature)),
    ("another key signed", signed(
        lambda server, envelope: envelope.update(signature=peer.b64(
            peer.Key().sign(peer.envelope_text(envelope)))))),
    ("it acknowledges another request", resigned(put_payload(
        "requestHash", peer.b64(bytes(32))))),
    ("it acknowledges to another server", resigned(put(
        "destinationServer", peer.Identity().address))),
    ("it acknowledges in another's name", resigned(put(
        "originServer", peer.Identity().address))),
    ("it acknowledges more than was sent", resigned(put_payload(
        "results", [{"status": "accepted"}] * 65))),
    ("it acknowledges nothing", resigned(put_payload("results", []))),
    ("its result is no known one", resigned(put_payload(
        "results", [{"status": "perhaps"}]))),
    ("its answer is no acknowledgement", resigned(put("type", "message"))),
] + [("it answers %d" % status, peer.unsigned(status)) for status in STATUSES]


def taken(other, node):
    return {number for origin, number in other.digests}


def faults(node, other):
    """Some messages meet each fault; all arrive when it is over."""
    sent = []
    for name, behaviour in FAULTS:
        other.faults += [behaviour] * REPEATS
        numbers = [node.enqueue(other.address, {"text": name})
                   for _ in range(3)]
        sent += numbers
        arrived = net.wait(lambda: all(map(node.delivered, numbers)), 15)
        states = [node.sql(STATE, number)[0] for number in numbers]
        missing = set(numbers) - taken(other, node)
        tap.ok(arrived and not missing and not other.faults and
               all(state[1] == 0 for state in states),
               "%s: later, uncharged, and delivered when it is honest" % name)
        if not arrived or missing or other.faults:
            tap.diag("%s missing=%d faults left=%d" % (
                states, len(missing), len(other.faults)))
        del other.faults[:]
    order = [number for r in other.received if r.envelope and
             r.envelope["type"] != "handshake"
             for number, _, _ in peer.items(r.envelope)]
    first = list(dict.fromkeys(order))
    tap.equal(first, sent, "each first came in the order of the lane")


def refuse(code, chosen):
    """Rejects the items that chosen(payload) picks, and takes the others."""
    def behaviour(server, received):
        if not server.verify(received):
            return peer.http_answer(401, b"{}\n")
        envelope = received.envelope
        if envelope["type"] == "handshake":
            return server.acknowledge(received, [{"status": "accepted"}])
        results = server.take(envelope)
        for place, (_, _, payload) in enumerate(peer.items(envelope)):
            if chosen(payload):
                results[place] = {"code": code, "status": "rejected"}
        return server.acknowledge(received, results)
    return behaviour


def refusals(node, other):
    """One bad item is rejected alone."""
    for code, attempts in (("PAYLOAD_MALFORMED", None), ("STORAGE", 3)):
        other.behaviour = refuse(code, lambda payload: payload["bad"])
        numbers = [node.enqueue(other.address, {"bad": n == 2, "n": n})
                   for n in range(5)]
        good = [number for n, number in enumerate(numbers) if n != 2]

        def settled():
            # What an administrator would do about a long back-off.
            node.sql("""UPDATE federation.peers SET retry_at = NULL""")
            return (all(map(node.delivered, good)) and
                    node.sql(STATE, numbers[2])[0][0] == "failed")
        done = net.wait(settled, 20, 0.2)
        state = node.sql(STATE, numbers[2])[0]
        tap.ok(done and state[2] == code, "%s: one item is a dead letter "
               "with that reason, its siblings are delivered: %s" % (
                   code, state))
        if attempts:
            tap.equal(state[1], attempts, "%s: after so many refusals" % code)
    other.behaviour = peer.honest


def test():
    with net.Net(servers=1, lines=LINES) as network, peer.Server() as other:
        node, = network.servers
        other.join(network.directory)
        node.fedctl("handshake", other.address)
        node.fedctl("server", "trust", other.address, "2")
        faults(node, other)
        refusals(node, other)
        tap.equal(network.processes(1).keys() & {"fed-queued", "fed-sender"},
                  {"fed-queued", "fed-sender"}, "the suite runs")
        tap.ok("generation number=2" not in node.log(),
               "and no process of it ever ended")


tap.main(test)
