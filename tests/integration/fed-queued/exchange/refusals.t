#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# Bad input at the level of the protocol, sent by an independent
# implementation to a running server: each gets its fixed answer, what fails
# up to the signature gets one and the same, nothing is stored, and the daemon
# lives.

import copy
import hashlib
import json
import os
import sys
import time
import uuid

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "..", "..", "lib"))
import nacl.bindings  # noqa: E402
import net  # noqa: E402
import peer  # noqa: E402
import tap  # noqa: E402
from peer import DAY, Certificate, Identity, Key  # noqa: E402

HOUR = 3600
ORDER_8 = bytes.fromhex(
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")
BAD_KEYS = {
    "the neutral element": b"\x01" + bytes(31),
    "a key of order 2": b"\xec" + b"\xff" * 30 + b"\x7f",
    "a key of order 4": bytes(32),
    "a key of order 8": ORDER_8,
    "a key that is not canonical": b"\xee" + b"\xff" * 30 + b"\x7f",
    "a key of mixed order": nacl.bindings.crypto_core_ed25519_add(
        Key().public, ORDER_8),
    "a key that is no point": b"\x02" + bytes(31),
}


class Bench:
    """The server under test, and what it must not store."""

    def __init__(self, network):
        self.server, = network.servers
        self.client = peer.Client.of(self.server)
        self.onion = self.server.onion
        self.first_401 = None
        self.digests = None

    def census(self):
        """A digest of every table's content, but for those that the daemon
        writes by itself from time to time."""
        if self.digests is None:
            tables = self.server.sql("""SELECT table_name
                FROM information_schema.tables
                WHERE table_schema = 'federation'
                AND table_type = 'BASE TABLE'
                AND table_name NOT IN ('incarnations', 'pruning')""")
            self.digests = " UNION ALL ".join(
                "SELECT '%s', md5(coalesce(string_agg(t::text, chr(10) "
                "ORDER BY t::text), '')) FROM federation.%s t" %
                (name, name) for name, in tables)
        return dict(self.server.sql(self.digests))

    def stored(self):
        return self.server.value("SELECT count(*) FROM federation.inbox")

    def refuses(self, name, exchange, expected):
        """exchange() is answered with the unsigned status, and the database
        is as before."""
        before = self.census()
        try:
            response = exchange().response
        except (peer.BadAcknowledgement, peer.ResponseError) as error:
            tap.ok(False, "%s: %s" % (name, error))
            return
        good = tap.equal(response.status, expected, "%s: %d" % (name,
                                                                expected))
        if good and expected == 401:
            answer = (response.raw_head, response.body)
            if self.first_401 is None:
                self.first_401 = answer
            if answer != self.first_401:
                tap.equal(answer, self.first_401, name + ": the same bytes")
        after = self.census()
        if after != before:
            tap.equal(sorted(t for t in after if after[t] != before[t]), [],
                      name + ": nothing is stored")

    def result(self, name, exchange, expected, stored=0):
        """A signed answer with that verdict; so many new inbox rows."""
        before = self.stored()
        try:
            got = exchange().result
        except (peer.BadAcknowledgement, peer.ResponseError) as error:
            got = "no good answer: %s" % error
        tap.equal((got, self.stored() - before), (expected, stored),
                  "%s: %s" % (name, expected))

    def shape(self, name, envelope, body=None, path="/federation/message"):
        """Sends bytes as they are: 400, and the connection is closed."""
        body = peer.encode(envelope) if body is None else body
        before = self.census()
        with self.client.connect() as connection:
            connection.send(peer.request_bytes("POST", path, self.onion,
                                               body))
            try:
                status = connection.response().status
            except peer.ResponseError as error:
                status = str(error)
            closed = connection.at_end()
        tap.equal((status, closed, self.census() == before),
                  (400, True, True), "%s: 400, closed, nothing stored" % name)

    def trust(self, identity, level):
        status, _, error = self.server.fedctl(
            "server", "trust", identity.address, str(level))
        if status:
            raise RuntimeError(error)

    def block(self, identity):
        status, _, error = self.server.fedctl("server", "block",
                                              identity.address)
        if status:
            raise RuntimeError(error)

    def friend(self, level=2, **certificate):
        """A new peer with that trust level."""
        identity = Identity(**certificate)
        exchange = self.client.handshake(identity)
        if exchange.result != "accepted":
            raise RuntimeError("handshake: " + exchange.result)
        self.trust(identity, level)
        return identity


def resigned(identity, envelope, **members):
    """A copy with other members, signed again."""
    changed = copy.deepcopy(envelope)
    changed.update(members)
    changed["signature"] = peer.b64(identity.signing.sign(
        peer.envelope_text(changed)))
    return changed


def test_trust(bench):
    client = bench.client
    stranger = Identity()
    bench.refuses("message from a server never seen",
                  lambda: client.message(stranger, {}), 401)
    bench.result("handshake of a stranger",
                 lambda: client.handshake(stranger), "accepted")
    bench.result("message of a stranger", lambda: client.message(
        stranger, {}), "rejected UNTRUSTED")
    for level in (1, 2, 3):
        bench.trust(stranger, level)
        bench.result("message at level %d" % level, lambda: client.message(
            stranger, {"level": level}), "accepted", stored=1)
    bench.trust(stranger, 0)
    bench.result("message at level 0 again", lambda: client.message(
        stranger, {}), "rejected UNTRUSTED")
    bench.block(stranger)
    bench.refuses("message of a blocked server",
                  lambda: client.message(stranger, {}), 401)
    bench.refuses("handshake of a blocked server",
                  lambda: client.handshake(stranger), 401)


def test_direction(bench):
    client, friend, other = bench.client, bench.friend(), bench.friend()
    elsewhere = Identity().address

    def send(signer, **members):
        envelope = friend.envelope(bench.onion, "message", {})
        return lambda: client.send(friend, resigned(signer, envelope,
                                                    **members))

    bench.refuses("another server as destination",
                  send(friend, destinationServer=elsewhere), 401)
    bench.refuses("the sender itself as destination",
                  send(friend, destinationServer=friend.address), 401)
    bench.refuses("another peer as origin",
                  send(friend, originServer=other.address), 401)
    bench.refuses("another peer's key",
                  send(other), 401)
    bench.refuses("another peer as origin with its key id",
                  send(friend, originServer=other.address,
                       keyId=other.certificate.key_id()), 401)
    bench.refuses("an unknown server as origin",
                  send(friend, originServer=elsewhere), 401)
    bench.refuses("the receiver itself as origin",
                  send(friend, originServer=bench.onion), 401)
    bench.refuses("an unknown key id", send(friend, keyId="0" * 64), 401)
    bench.refuses("another peer's key id",
                  send(friend, keyId=other.certificate.key_id()), 401)
    wrong = friend.envelope(elsewhere, "handshake",
                            friend.handshake_payload())
    bench.refuses("a handshake for another server", lambda: client.send(
        friend, wrong, "/federation/handshake"), 401)


def test_signature(bench):
    client, friend = bench.client, bench.friend()
    good = friend.envelope(bench.onion, "message", {"a": 1})

    def send(**members):
        changed = copy.deepcopy(good)
        changed.update(members)
        return lambda: client.send(friend, changed)

    bench.refuses("payload changed", send(payload={"a": 2}), 401)
    bench.refuses("id changed", send(id=str(uuid.uuid4())), 401)
    bench.refuses("type changed", send(type="room_join"), 401)
    bench.refuses("timestamp changed", send(timestamp=peer.time_text(
        int(time.time()) + 2)), 401)
    raw = peer.unb64(good["signature"])
    for place in (0, 31, 32, 63):
        flipped = bytearray(raw)
        flipped[place] ^= 1
        bench.refuses("signature with byte %d changed" % place,
                      send(signature=peer.b64(bytes(flipped))), 401)
    bench.refuses("S not below L",
                  send(signature=peer.b64(peer.malleable(raw))), 401)
    bench.refuses("S with its top bits set",
                  send(signature=peer.b64(raw[:63] + bytes(
                      [raw[63] | 0xe0]))), 401)
    bench.refuses("signature of zeros",
                  send(signature=peer.b64(bytes(64))), 401)
    for name, key in BAD_KEYS.items():
        bench.refuses("R is " + name, send(signature=peer.b64(
            key + raw[32:])), 401)
    bench.refuses("R is neutral and S zero", send(signature=peer.b64(
        BAD_KEYS["the neutral element"] + bytes(32))), 401)
    bench.result("the unchanged envelope", send(), "accepted", stored=1)


def test_certificates(bench):
    client = bench.client
    now = int(time.time())

    def handshake(identity, **members):
        return lambda: client.handshake(identity, **members)

    span = {"not_before": now - 10 * DAY}
    bench.refuses("certificate expired 25 h ago", handshake(Identity(
        not_after=now - 25 * HOUR, **span)), 401)
    bench.result("certificate expired 23 h ago", handshake(Identity(
        not_after=now - 23 * HOUR, **span)), "accepted")
    bench.refuses("certificate valid in 25 h", handshake(Identity(
        not_before=now + 25 * HOUR)), 401)
    bench.result("certificate valid in 23 h", handshake(Identity(
        not_before=now + 23 * HOUR)), "accepted")
    bench.refuses("certificate valid for 90 days and a second", handshake(
        Identity(not_before=now, not_after=now + 90 * DAY + 1)), 401)
    bench.result("certificate valid for 90 days", handshake(Identity(
        not_before=now, not_after=now + 90 * DAY)), "accepted")
    bench.refuses("certificate that ends before it begins", handshake(
        Identity(not_before=now, not_after=now - 1)), 401)
    bench.refuses("serial 25 h ahead", handshake(Identity(
        serial=now + 25 * HOUR)), 401)
    bench.result("serial 23 h ahead", handshake(Identity(
        serial=now + 23 * HOUR)), "accepted")
    bench.refuses("minSerial above serial", handshake(Identity(
        serial=now, min_serial=now + 1)), 401)
    for name, key in BAD_KEYS.items():
        identity = Identity()
        identity.certificate = Certificate(identity.key, key)
        bench.refuses("signing key is " + name, handshake(identity), 401)

    identity = Identity()
    forged = identity.handshake_payload()
    forged["certificate"] = peer.b64(identity.certificate.encode(
        Key().sign(identity.certificate.text())))
    bench.refuses("certificate signed by another key",
                  lambda: client.handshake(identity, forged), 401)
    raw = identity.key.sign(identity.certificate.text())
    forged["certificate"] = peer.b64(identity.certificate.encode(
        peer.malleable(raw)))
    bench.refuses("certificate's S not below L",
                  lambda: client.handshake(identity, forged), 401)
    other = Identity()
    bench.refuses("another server's certificate", lambda: client.handshake(
        identity, other.handshake_payload()), 401)
    bench.refuses("key id is not the certificate's", handshake(
        identity, keyId=other.certificate.key_id()), 401)
    identity.signing = Key()
    bench.refuses("signed with another key than the certificate's",
                  handshake(identity), 401)


def test_handshakes(bench):
    """Labels at their limits, and beyond."""
    def send(**more):
        identity = Identity()
        return lambda: bench.client.handshake(
            identity, identity.handshake_payload(**more))

    longest = ["x" * 32] * 7 + [peer.PROTOCOL]
    for name, more in (
            ("name of 64 bytes", {"name": "\u00e9" * 32}),
            ("description of 256 bytes", {"description": "d" * 256}),
            ("version of 50 bytes", {"version": "1" * 50}),
            ("8 protocols of 32 bytes", {"protocols": longest}),
            ("empty labels", {"name": "", "description": "", "version": ""}),
            ("quotes and controls in labels", {"name": "'; \"\\\t\x1b[2J"}),
            ("a member that is not known", {"more": [1]})):
        bench.result("handshake with " + name, send(**more), "accepted")
    bench.result("handshake of another protocol", send(
        protocols=["tor-chat-federation-v2"]), "rejected VERSION")
    for name, more in (
            ("name of 65 bytes", {"name": "\u00e9" * 32 + "x"}),
            ("description of 257 bytes", {"description": "d" * 257}),
            ("version of 51 bytes", {"version": "1" * 51}),
            ("9 protocols", {"protocols": longest + ["y"]}),
            ("a protocol of 33 bytes", {"protocols": ["x" * 33]}),
            ("no protocol", {"protocols": []}),
            ("a name that is a number", {"name": 1}),
            ("protocols that are text", {"protocols": peer.PROTOCOL}),
            ("a certificate that is a number", {"certificate": 1}),
            ("an empty certificate", {"certificate": ""}),
            ("a certificate that is no base64", {"certificate": "%"})):
        bench.refuses("handshake with " + name, send(**more), 400)
    largest = 2 ** 53 - 1
    for name, more in (
            ("serial 2^53-1", {"serial": largest}),
            ("minSerial 2^53-1", {"min_serial": largest}),
            ("the year 9998", {"not_after": 253370764799}),
            ("the year 1970", {"not_before": 0, "not_after": 1})):
        identity = Identity(**more)
        bench.refuses("certificate with " + name,
                      lambda: bench.client.handshake(identity), 401)
    for name, more in (("serial 2^53", {"serial": largest + 1}),
                       ("serial -1", {"serial": -1}),
                       ("serial 01", {"serial": "01"}),
                       ("another server's form", {"server": "x.onion"}),
                       ("no client key", {"client": ""}),
                       ("a short client key", {"client": peer.b64(
                           bytes(31))})):
        identity = Identity(**more)
        bench.refuses("certificate with " + name,
                      lambda: bench.client.handshake(identity), 400)


def test_rotation(bench):
    client = bench.client
    now = int(time.time())
    friend = bench.friend(serial=now - 100)
    old_signing, old = friend.signing, friend.certificate

    def with_old(call):
        new_signing, new = friend.signing, friend.certificate
        friend.signing, friend.certificate = old_signing, old
        try:
            return call()
        finally:
            friend.signing, friend.certificate = new_signing, new

    message = lambda: client.message(friend, {})
    friend.rotate(serial=now - 50, min_serial=now - 100)
    bench.refuses("a certificate not shown yet", message, 401)
    bench.result("handshake with a newer certificate",
                 lambda: client.handshake(friend), "accepted")
    bench.result("message with the new key", message, "accepted", 1)
    bench.result("message with the old key, still valid",
                 lambda: with_old(message), "accepted", 1)

    # An unseen certificate below the highest serial replaces nothing.
    kept = friend.signing, friend.certificate
    friend.rotate(serial=now - 75, min_serial=now - 100)
    bench.refuses("an unseen certificate with a lower serial",
                  lambda: client.handshake(friend), 401)

    # A known serial with other content: evidence, and nothing else.
    friend.rotate(serial=now - 50, min_serial=now - 100)
    evidence = lambda: bench.server.value(
        "SELECT count(*) FROM federation.evidence "
        "WHERE kind = 'CERTIFICATE_CONFLICT'")
    before = bench.census()
    count = evidence()
    answer = client.handshake(friend).response
    tap.equal((answer.status, (answer.raw_head, answer.body)),
              (401, bench.first_401),
              "a known serial with other content: the same 401")
    net.wait(lambda: evidence() > count, 5)
    after = bench.census()
    tap.equal(([t for t in after if after[t] != before[t]],
               evidence() - count), (["evidence"], 1),
              "both certificates are kept as evidence, nothing else")
    friend.signing, friend.certificate = kept
    bench.result("the certificate known first still counts", message,
                 "accepted", 1)

    friend.rotate(serial=now - 20, min_serial=now - 20)
    bench.result("handshake that revokes all before",
                 lambda: client.handshake(friend), "accepted")
    bench.refuses("message with a revoked key",
                  lambda: with_old(message), 401)
    bench.refuses("handshake with a revoked certificate",
                  lambda: with_old(lambda: client.handshake(friend)), 401)
    bench.result("message with the key after revocation", message,
                 "accepted", 1)


def test_time(bench):
    client, friend = bench.client, bench.friend()
    stranger = Identity()
    client.handshake(stranger)

    def at(identity, offset):
        return lambda: client.message(identity, {}, timestamp=peer.time_text(
            int(time.time()) + offset))

    bench.result("290 s ahead", at(friend, 290), "accepted", 1)
    bench.result("290 s behind", at(friend, -290), "accepted", 1)
    bench.result("310 s ahead", at(friend, 310), "retry CLOCK_AHEAD")
    bench.result("310 s behind", at(friend, -310), "retry CLOCK_BEHIND")
    bench.result("years behind", at(friend, -10 * 365 * DAY),
                 "retry CLOCK_BEHIND")
    bench.refuses("a stranger 310 s ahead", at(stranger, 310), 401)
    bench.refuses("a stranger 310 s behind", at(stranger, -310), 401)
    late = client.message(friend, {}, timestamp=peer.time_text(
        int(time.time()) + 1000))
    tap.equal(late.results[0]["seconds"] % 300, 0,
              "what a peer is told of its clock is rounded to 5 minutes")


def test_replay(bench):
    client, friend, other = bench.client, bench.friend(), bench.friend()
    first = client.message(friend, {"n": 1})
    tap.equal(first.result, "accepted", "a message: accepted")
    send = lambda: client.send(friend, first.request)
    for _ in range(3):
        bench.result("the same bytes again", send, "duplicate")
    number = first.request["id"]
    bench.result("the same item, signed anew", lambda: client.message(
        friend, {"n": 1}, id=number, timestamp=peer.time_text(
            int(time.time()) - 5)), "duplicate")
    evidence = lambda: bench.server.sql(
        "SELECT message_id FROM federation.evidence "
        "WHERE kind = 'ID_CONFLICT'")
    bench.result("the same id with other content", lambda: client.message(
        friend, {"n": 2}, id=number), "rejected ID_CONFLICT")
    tap.ok(net.wait(lambda: (number,) in [(str(i),) for i, in evidence()], 5),
           "an id with two contents is kept as evidence")
    bench.result("the same id from another server", lambda: client.message(
        other, {"n": 1}, id=number), "accepted", 1)


def test_types(bench):
    client, friend = bench.client, bench.friend()

    def send(kind, payload, path="/federation/message"):
        return lambda: client.send(friend, friend.envelope(
            bench.onion, kind, payload), path)

    acknowledgement = {"credit": 64, "requestHash": peer.b64(bytes(32)),
                       "results": [{"status": "accepted"}]}
    bench.result("an acknowledgement as a request",
                 send("ack", acknowledgement), "rejected TYPE_UNKNOWN")
    bench.result("an unknown type", send("new_type", {}),
                 "rejected TYPE_UNKNOWN")
    bench.refuses("a message at the handshake's door",
                  send("message", {}, "/federation/handshake"), 400)
    bench.refuses("a handshake at the messages' door",
                  send("handshake", friend.handshake_payload()), 400)
    bench.refuses("an acknowledgement at the handshake's door",
                  send("ack", acknowledgement, "/federation/handshake"), 400)
    bench.refuses("a handshake without certificate", send(
        "handshake", {"protocols": [peer.PROTOCOL]},
        "/federation/handshake"), 400)
    bench.refuses("a handshake with half a certificate", send(
        "handshake", friend.handshake_payload(certificate=peer.b64(
            friend.certificate.encode()[:-20])), "/federation/handshake"),
        400)

    def sized(total):
        return {"text": "x" * (total - len('{"text":""}'))}
    bench.result("an item of 64 KiB", send("message", sized(65536)),
                 "accepted", 1)
    bench.result("an item of 64 KiB and a byte",
                 send("message", sized(65537)),
                 "rejected PAYLOAD_TOO_LARGE")


def bad_addresses(address):
    name = address[:56]
    key = peer.onion_key(address)
    raw = key + b"\0\0" + b"\x03"
    version_2 = key + hashlib.sha3_256(
        b".onion checksum" + key + b"\x02").digest()[:2] + b"\x02"
    base32 = lambda data: peer.base64.b32encode(data).decode().lower()
    found = {
        "in upper case": name.upper() + ".onion",
        "with the suffix in upper case": name + ".ONION",
        "with a sub-domain": "www." + address,
        "with a port": address + ":80",
        "with a trailing dot": address + ".",
        "with a wrong checksum": base32(raw) + ".onion",
        "of version 2 in 56 characters": base32(version_2) + ".onion",
        "of version 2": "expyuzz4wqqyqhjn.onion",
        "without suffix": name,
        "with another suffix": name + ".union",
        "empty": "",
        "with a space before": " " + address,
        "with a line feed after": address + "\n",
        "of a digit that base32 lacks": "1" + address[1:],
    }
    for what, bad in BAD_KEYS.items():
        found["that is " + what] = peer.onion_address(bad)
    return found


def test_addresses(bench):
    friend = bench.friend()
    good = friend.envelope(bench.onion, "message", {})
    for what, address in bad_addresses(friend.address).items():
        bench.shape("origin " + what, resigned(friend, good,
                                               originServer=address))
    for what, address in bad_addresses(bench.onion).items():
        bench.shape("destination " + what, resigned(
            friend, good, destinationServer=address))


def test_members(bench):
    client, friend = bench.client, bench.friend()
    good = friend.envelope(bench.onion, "message", {"a": 1})
    for member in sorted(good):
        less = dict(good)
        del less[member]
        bench.shape("without " + member, less)
        for kind, value in (("null", None), ("a number", 7), ("a list", [])):
            bench.shape("%s is %s" % (member, kind), dict(
                good, **{member: value}))
    bench.shape("an unknown member", dict(good, extra=1))
    bench.shape("payload is text", dict(good, payload="{}"))
    for name, value in (
            ("another version", "tor-chat-federation-v2"),
            ("no version", "")):
        bench.shape("protocolVersion: " + name,
                    resigned(friend, good, protocolVersion=value))
    for name, value in (
            ("upper case", good["id"].upper()), ("no hyphens",
                                                 uuid.uuid4().hex),
            ("version 1", str(uuid.uuid1())),
            ("version 7", good["id"][:14] + "7" + good["id"][15:]),
            ("another variant", good["id"][:19] + "c" + good["id"][20:]),
            ("braces", "{%s}" % good["id"])):
        bench.shape("id with " + name, resigned(friend, good, id=value))
    for value in ("2025-02-29T00:00:00Z", "2025-10-30T24:00:00Z",
                  "2025-10-30T12:00:00", "2025-10-30 12:00:00Z",
                  "2025-10-30T12:00:00+00:00", "2025-10-30T12:00:60Z",
                  "2025-10-30T12:00:00.0Z", "2025-13-01T00:00:00Z",
                  "9999-12-31T23:59:59Z", "-025-01-01T00:00:00Z",
                  "2025-10-30t12:00:00z", ""):
        bench.shape("timestamp %r" % value,
                    resigned(friend, good, timestamp=value))
    for value in ("", "Message", "mes sage", "message1", "m" * 33, "me-ssage",
                  "message\n"):
        bench.shape("type %r" % value, resigned(friend, good, type=value))
    bench.result("type of 32 characters", lambda: client.send(
        friend, resigned(friend, good, type="m" * 32)),
        "rejected TYPE_UNKNOWN")
    key_id = good["keyId"]
    for name, value in (("upper case", key_id[:-1] + "A"),
                        ("a digit less", key_id[1:]),
                        ("a digit more", key_id + "0"),
                        ("another letter", "g" + key_id[1:])):
        bench.shape("keyId with " + name, resigned(friend, good,
                                                   keyId=value))
    signature = good["signature"]
    for name, value in (
            ("without padding", signature.rstrip("=")),
            ("of 63 bytes", peer.b64(bytes(63))),
            ("of 65 bytes", peer.b64(bytes(65))),
            ("with unused bits set", signature[:-3] + "B=="
             if signature[-3] != "B" else signature[:-3] + "C=="),
            ("in the other alphabet", "-" * 86 + "=="),
            ("with a line feed", signature + "\n"), ("empty", "")):
        bench.shape("signature " + name, dict(good, signature=value))


def test_json(bench):
    client, friend = bench.client, bench.friend()
    good = friend.envelope(bench.onion, "message", {"a": 1})
    text = peer.encode(good, padded=False)
    payload = b'"payload":{"a":1}'
    cases = {
        "a member twice": text[:-1] + b',"type":"message"}',
        "a member twice, once escaped":
            text[:-1] + b',"typ\\u0065":"message"}',
        "payload twice": text.replace(payload, payload + b"," + payload),
        "cut short": text[:-1], "an array": b"[" + text + b"]",
        "two values": text + text, "a letter after it": text + b"x",
        "a line feed after it": text + b"\n", "NUL after it": text + b"\0",
        "a byte order mark": b"\xef\xbb\xbf" + text,
        "UTF-16": text.decode().encode("utf-16-le"),
        "single quotes": text.replace(b'"', b"'"),
        "a trailing comma": text[:-1] + b",}", "nothing but spaces": b" " * 64,
        "a comment": b"/**/" + text,
    }
    for what, value in (
            ("1.0", b"1.0"), ("1e2", b"1e2"), ("-0", b"-0"), ("01", b"01"),
            ("2^53", b"9007199254740992"), ("-2^53", b"-9007199254740992"),
            ("NaN", b"NaN"), ("1e400", b"1e400"), ("a NUL", b'"\\u0000"'),
            ("a lone surrogate", b'"\\ud800"'), ("a raw tab", b'"\t"'),
            ("bytes that are no UTF-8", b'"\xff"'),
            ("a noncharacter", b'"\\ufdd0"'),
            ("an overlong sequence", b'"\xc0\xaf"'),
            ("9 levels", b"[" * 8 + b"]" * 8),
            ("100,000 brackets", b"[" * 100000),
            ("257 elements", b"[" + b",".join([b"1"] * 257) + b"]"),
            ("65 members", b"{" + b",".join(
                b'"%d":1' % i for i in range(65)) + b"}")):
        cases["in the payload: " + what] = text.replace(
            payload, b'"payload":{"a":' + value + b"}")
    for name, body in cases.items():
        bench.shape(name, None, body=body)

    def within(value):
        return lambda: client.message(friend, {"a": value})
    depth = []
    for _ in range(6):
        depth = [depth]
    for name, value in (("8 levels", depth), ("256 elements", [1] * 256),
                        ("64 members", {str(i): 1 for i in range(64)}),
                        ("2^53-1", 2 ** 53 - 1), ("-(2^53-1)", 1 - 2 ** 53),
                        ("every plane", "\t\x7f\u00e9\u20ac\U0001f600")):
        bench.result("in the payload: " + name, within(value), "accepted", 1)

    names = list(good)
    spaced = json.dumps({name: good[name] for name in reversed(names)},
                        indent=3).encode()
    bench.result("another order and spacing of members",
                 lambda: client.send(friend, good, body=spaced), "accepted",
                 1)
    bench.result("the same, padded to no size", lambda: client.send(
        friend, good, body=text + b" " * 3), "duplicate")
    escaped = "".join("\\u%04x" % ord(c) for c in "message").encode()
    bench.result("the same with escapes", lambda: client.send(
        friend, good, body=text.replace(b'"message"', b'"' + escaped +
                                        b'"')), "duplicate")
    large = text.ljust(256 * 1024)
    bench.result("a body of 256 KiB", lambda: client.send(
        friend, good, body=large), "duplicate")
    bench.refuses("a body of 256 KiB and a byte", lambda: client.send(
        friend, good, body=large + b" "), 413)


def test_answers(bench, directory):
    """Acknowledgements that prove nothing settle nothing."""
    server = bench.server
    with peer.Server() as other:
        other.join(directory)
        server.fedctl("server", "add", other.address)
        status, _, error = server.fedctl("handshake", other.address)
        tap.equal(status, 0, "handshake with a peer that answers " + error)
        bench.trust(other.identity, 2)

        def accept(_, received):
            return other.acknowledge(received, [{"status": "accepted"}])

        kept = []

        def keep(_, received):
            kept.append(accept(_, received))
            return kept[0]

        def altered(**members):
            def behaviour(_, received):
                whole = accept(_, received)
                envelope = peer.decode(whole.split(b"\r\n\r\n", 1)[1])
                return peer.http_answer(200, peer.encode(resigned(
                    other.identity, envelope, **members)))
            return behaviour

        def unsigned_body(_, received):
            whole = accept(_, received)
            envelope = peer.decode(whole.split(b"\r\n\r\n", 1)[1])
            raw = bytearray(peer.unb64(envelope["signature"]))
            raw[40] ^= 4
            envelope["signature"] = peer.b64(bytes(raw))
            return peer.http_answer(200, peer.encode(envelope))

        other.faults = [keep]
        number = server.enqueue(other.address, {"n": 0})
        tap.ok(net.wait(lambda: server.delivered(number), 20),
               "a good acknowledgement settles")
        faults = {
            "an old acknowledgement": lambda _, received: kept[0],
            "one for another server": altered(
                destinationServer=Identity().address),
            "one of another server": altered(
                originServer=Identity().address),
            "one with a bad signature": unsigned_body,
            "one of another type": altered(type="message"),
            "an unknown key id": altered(keyId="0" * 64),
            "two results for one item": lambda _, received:
                other.acknowledge(received, [{"status": "accepted"}] * 2),
            "no result": lambda _, received: other.acknowledge(received, []),
            "the hash of another request": lambda _, received:
                other.acknowledge(received, [{"status": "accepted"}],
                                  requestHash=peer.b64(bytes(32))),
            "credit 0": lambda _, received: other.acknowledge(
                received, [{"status": "accepted"}], credit=0),
            "an unknown status": lambda _, received: other.acknowledge(
                received, [{"status": "maybe"}]),
            "an unsigned 200": peer.unsigned(200),
            "an unsigned 400": peer.unsigned(400),
            "an unsigned 404": peer.unsigned(404),
            "an unsigned 503": peer.unsigned(503),
            "an unsigned 500": peer.unsigned(500),
            "a closed connection": lambda _, received: None,
            "no HTTP": lambda _, received: b"\0" * 200,
            "half an answer and the end": lambda _, received: (
                accept(_, received)[:4000], "close"),
            "half an answer and silence": lambda _, received: accept(
                _, received)[:4000],
        }
        for name, fault in faults.items():
            seen = []

            def once(_, received, fault=fault, seen=seen):
                seen.append(server.sql(
                    "SELECT status, attempts FROM "
                    "federation.federated_message_queue WHERE message_id = "
                    "%s", received.envelope["id"]))
                return fault(_, received)

            def again(_, received, seen=seen):
                seen.append(server.sql(
                    "SELECT status, attempts FROM "
                    "federation.federated_message_queue WHERE message_id = "
                    "%s", received.envelope["id"]))
                return peer.honest(other, received)
            other.faults = [once, again]
            number = server.enqueue(other.address, {"name": name})
            good = net.wait(lambda: server.delivered(number), 30)
            tap.ok(good and len(seen) == 2 and
                   all(rows[0][0] == "sending" and rows[0][1] == 0
                       for rows in seen),
                   "%s: nothing is settled nor counted, sent again" % name)


def test():
    lines = ["retry minimum 50ms", "retry maximum 100ms", "queue sweep 1s",
             "timeout message 2s"]
    with net.Net(servers=1, trust="none", lines=lines) as network:
        bench = Bench(network)
        before = network.processes(1)
        for part in (test_trust, test_direction, test_signature,
                     test_certificates, test_handshakes, test_rotation,
                     test_time, test_replay, test_types, test_addresses,
                     test_members, test_json):
            part(bench)
        test_answers(bench, network.directory)
        tap.equal(network.processes(1), before,
                  "the same processes as at the beginning")


tap.main(test)
