#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""fedctl receipt verify: receipts made by the tests' own implementation, and
everything about one that can be wrong."""

import json
import os
import re
import subprocess
import sys
import tempfile
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.realpath(os.path.join(HERE, "..", "..", ".."))
sys.path.insert(0, os.path.join(HERE, "..", "..", "lib"))
import peer  # noqa: E402
import tap  # noqa: E402
from peer import b64, sha256  # noqa: E402

BUILD = os.environ.get("TORFED_BUILD")
FEDCTL = os.path.join(ROOT, BUILD or "", "fedctl", "fedctl")
FAILURE = re.compile(rb"fedctl: ([A-Z][A-Z0-9_]*): [ -~]+\n")
NOW = 1893456000  # 2030-01-01T00:00:00Z
AT = peer.time_text(NOW)
OURS = peer.Identity(serial=NOW, not_before=NOW)
THEIRS = peer.Identity(serial=NOW, not_before=NOW)
OTHER = peer.Identity(serial=NOW, not_before=NOW)
ACCEPTED, DUPLICATE = {"status": "accepted"}, {"status": "duplicate"}
RETRY = {"code": "RATE", "seconds": 30, "status": "retry"}
REJECTED = {"code": "ID_CONFLICT", "status": "rejected"}
PAYLOAD = {"text": "\u00e9", "n": 1}


def batch(*payloads):
    return OURS.envelope(THEIRS.address, "batch", {"items": [
        {"id": str(uuid.uuid4()), "type": "message", "payload": payload}
        for payload in payloads]}, timestamp=AT)


def single():
    return OURS.envelope(THEIRS.address, "message", PAYLOAD, timestamp=AT)


def receipt(request, index=0, results=None, signer=THEIRS, payload_hash=True,
            ack_payload=None, ack=None, **members):
    """A document; members replace its own (None: left out)."""
    number, kind, payload = peer.items(request)[index]
    if results is None:
        results = [ACCEPTED] * len(peer.items(request))
    text = peer.envelope_text(request)
    if ack_payload is None:
        ack_payload = {"credit": 64, "requestHash": b64(sha256(text)),
                       "results": results}
    header = dict({"timestamp": AT}, **(ack or {}))
    answer = signer.envelope(OURS.address, "ack", ack_payload, **header)
    document = {
        "receipt": peer.PROTOCOL + "/receipt", "id": number, "type": kind,
        "requestText": text.decode(),
        "ackText": peer.envelope_text(answer).decode(),
        "ackSignature": answer["signature"],
        "ackPayload": b64(peer.canonical(ack_payload)),
        "certificate": b64(signer.certificate.encode())}
    if payload_hash:
        document["payloadHash"] = b64(sha256(peer.canonical(payload)))
    document.update(members)
    return {name: value for name, value in document.items()
            if value is not None}


def run(document, *arguments, stdin=True):
    data = document if isinstance(document, bytes) else \
        json.dumps(document).encode()
    with tempfile.NamedTemporaryFile(prefix="receipt.", dir="/tmp") as file:
        file.write(data)
        file.flush()
        return subprocess.run(
            [FEDCTL, "-j", "receipt", "verify", *arguments,
             "-" if stdin else file.name], input=data if stdin else b"",
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60,
            check=False, env={"PATH": "/usr/bin:/bin",
                              "ASAN_OPTIONS": "detect_leaks=0"})


def good(document, name, *arguments, stdin=True):
    done = run(document, *arguments, stdin=stdin)
    tap.equal((done.returncode, done.stderr), (0, b""), name)
    return json.loads(done.stdout or b"{}")


def bad(document, code, name, *arguments):
    done = run(document, *arguments)
    match = FAILURE.fullmatch(done.stderr)
    tap.equal((done.returncode, match and match.group(1).decode(),
               done.stdout), (65, code, b""), "%s: %s" % (code, name))


def test_good():
    request = single()
    hash_hex = sha256(peer.canonical(PAYLOAD)).hex()
    digest = peer.item_digest("message", request["id"], PAYLOAD).hex()
    expected = {
        "server": THEIRS.address, "result": "accepted", "timestamp": AT,
        "originServer": OURS.address, "id": request["id"], "digest": digest,
        "type": "message", "payloadHash": hash_hex,
        "keyId": THEIRS.certificate.key_id()}
    tap.equal(good(receipt(request), "a single message"), expected,
              "says who committed what, and when")
    tap.equal(good(receipt(request), "from a file", stdin=False), expected,
              "the same")
    found = good(receipt(request, results=[DUPLICATE]), "a duplicate")
    tap.equal(found["result"], "duplicate", "is shown as one")
    many = batch(*[{"n": n} for n in range(64)])
    for index in (0, 31, 63):
        results = [RETRY] * 64
        results[index] = ACCEPTED
        found = good(receipt(many, index, results),
                     "item %d of 64, alone accepted" % index)
        tap.equal((found["id"], found["digest"]), (
            peer.items(many)[index][0],
            peer.item_digest("message", peer.items(many)[index][0],
                             {"n": index}).hex()), "with its digest")
    found = good(receipt(many, 5, payload_hash=False), "without the payload")
    tap.ok("payloadHash" not in found and "type" not in found,
           "nothing is said of a type that nothing proves")
    extra = dict(ACCEPTED, note=1)
    good(receipt(request, results=[extra]), "a result with a member more")


def test_payload():
    many = batch({"n": 1}, {"n": 2})
    with tempfile.NamedTemporaryFile(prefix="payload.", dir="/tmp") as file:
        file.write(b' { "n" : 2 } ')
        file.flush()
        option = ("--payload", file.name)
        for with_hash in (True, False):
            found = good(receipt(many, 1, payload_hash=with_hash),
                         "with the payload, in any spacing", *option)
            tap.equal((found["type"], found["payloadHash"]), (
                "message", sha256(b'{"n":2}').hex()), "and its hash")
        bad(receipt(many, 0), "RECEIPT_PAYLOAD", "another's payload", *option)
        bad(receipt(many, 1, payload_hash=False, type="room_join"),
            "RECEIPT_PAYLOAD", "another type", *option)
    bad(receipt(many), "FILE", "both from standard input", "--payload", "-")
    bad(receipt(many), "FILE", "no such payload", "--payload", "/nonexistent")


def test_certificate():
    request = single()
    for name, signer, code in (
            ("by the other identity's key", OTHER, "RECEIPT_REQUEST"),
            ("expired by then", peer.Identity(
                THEIRS.key.seed, serial=NOW, not_before=NOW - 91 * peer.DAY,
                not_after=NOW - 2 * peer.DAY), "CERTIFICATE_EXPIRED"),
            ("not yet valid then", peer.Identity(
                THEIRS.key.seed, serial=NOW, not_before=NOW + 2 * peer.DAY),
             "CERTIFICATE_NOT_YET"),
            ("serial far ahead", peer.Identity(
                THEIRS.key.seed, serial=NOW + 2 * peer.DAY, not_before=NOW),
             "CERTIFICATE_SERIAL")):
        bad(receipt(request, signer=signer), code, name)
    text = OTHER.certificate.encode()
    bad(receipt(request, certificate=b64(text)), "CERTIFICATE_SERVER",
        "another server's certificate")
    newer = peer.Identity(THEIRS.key.seed, serial=NOW + 1, not_before=NOW)
    bad(receipt(request, certificate=b64(newer.certificate.encode())),
        "KEY_UNKNOWN", "another of its certificates")
    forged = THEIRS.certificate.encode(signature=OTHER.key.sign(
        THEIRS.certificate.text()))
    bad(receipt(request, certificate=b64(forged)), "SIGNATURE",
        "the certificate's signature")
    bad(receipt(request, certificate=b64(text[:-1])),
        "CERTIFICATE_MALFORMED", "a certificate cut short")
    bad(receipt(request, certificate=b64(b"x" * 641)), "RECEIPT_FORM",
        "a certificate too long")


def test_acknowledgement():
    request = single()
    document = receipt(request)
    signature = peer.unb64(document["ackSignature"])
    for name, value, code in (
            ("flipped", bytes([signature[0] ^ 1]) + signature[1:],
             "SIGNATURE"),
            ("with S + L", peer.malleable(signature), "SIGNATURE"),
            ("of 63 bytes", signature[:-1], "SIGNATURE_MALFORMED"),
            ("of 65 bytes", signature + b"x", "SIGNATURE_MALFORMED")):
        bad(dict(document, ackSignature=b64(value)), code,
            "a signature " + name)
    later = document["ackText"].replace(AT, peer.time_text(NOW + 1))
    bad(dict(document, ackText=later), "SIGNATURE", "another time")
    for name, text in (
            ("a line feed more", document["ackText"] + "\n"),
            ("a line less", document["ackText"].rsplit("\n", 1)[0]),
            ("another domain", document["ackText"].replace(
                "/envelope", "/item")),
            ("upper case", document["ackText"].replace(
                THEIRS.address, THEIRS.address.upper())),
            ("nothing", "")):
        bad(dict(document, ackText=text), "RECEIPT_FORM",
            "acknowledgement's text: " + name)
    bad(receipt(request, ack={"type": "message"}), "RECEIPT_FORM",
        "a message of theirs is no acknowledgement")
    bad(receipt(request, ack={"destinationServer": OTHER.address}),
        "RECEIPT_REQUEST", "an acknowledgement to somebody else")
    bad(receipt(single(), requestText=peer.envelope_text(request).decode()),
        "RECEIPT_ITEM", "another request's text")
    swapped = peer.envelope_text(request).decode().replace(
        AT, peer.time_text(NOW + 1))
    bad(dict(document, requestText=swapped), "RECEIPT_REQUEST",
        "requestHash is of another text")
    other = OURS.envelope(OTHER.address, "message", PAYLOAD, timestamp=AT)
    bad(receipt(other), "RECEIPT_REQUEST", "a request to another server")


def test_results():
    request, many = single(), batch({"n": 1}, {"n": 2}, {"n": 3})
    for result in (RETRY, REJECTED, {"status": "Accepted"}, {},
                   {"code": "accepted", "status": "retry", "seconds": 1}):
        bad(receipt(request, results=[result]), "RECEIPT_RESULT",
            "a result of %r" % (result,))
    bad(receipt(many, 1, [ACCEPTED, REJECTED, ACCEPTED]), "RECEIPT_RESULT",
        "only its neighbours were accepted")
    good(receipt(many, 1, [REJECTED, ACCEPTED, RETRY]),
         "its neighbours were not")
    for name, results in (
            ("one too few", [ACCEPTED] * 2), ("one too many", [ACCEPTED] * 4),
            ("none", []), ("no list", ACCEPTED), ("text", ["accepted"] * 3)):
        bad(receipt(many, 0, results), "RECEIPT_FORM", "results: " + name)
    payload = peer.canonical({"credit": 64, "requestHash": b64(
        sha256(peer.envelope_text(request))), "results": [ACCEPTED]})
    bad(receipt(request, ackPayload=b64(payload.replace(b"64", b"63"))),
        "RECEIPT_PAYLOAD", "another payload than the one signed")
    bad(receipt(request, ack_payload={"credit": 64, "results": [ACCEPTED]}),
        "RECEIPT_REQUEST", "no requestHash")


def test_item():
    request, many = single(), batch({"n": 1}, {"n": 2})
    strange = str(uuid.uuid4())
    bad(receipt(request, id=strange), "RECEIPT_ITEM", "a message not sent")
    bad(receipt(many, id=strange), "RECEIPT_ITEM", "an item not sent")
    bad(receipt(request, type="room_join"), "RECEIPT_ITEM", "another type")
    bad(receipt(many, type="room_join"), "RECEIPT_ITEM", "of an item, too")
    wrong = b64(sha256(b"{}"))
    bad(receipt(request, payloadHash=wrong), "RECEIPT_ITEM", "another hash")
    bad(receipt(many, payloadHash=wrong), "RECEIPT_ITEM", "of an item, too")
    bad(receipt(request, payload_hash=False), "RECEIPT_ITEM",
        "a single message's hash is always there")
    number = peer.items(many)[0][0]
    twice = batch({"n": 1}, {"n": 2})
    for item in twice["payload"]["items"]:
        item["id"] = number
    bad(receipt(twice), "RECEIPT_FORM", "an id twice in a batch")
    bad(receipt(batch(*[{"n": n} for n in range(65)])), "RECEIPT_FORM",
        "65 items")


def test_form():
    document = receipt(single())
    for name in document:
        expected = "RECEIPT_ITEM" if name == "payloadHash" else \
            "SIGNATURE_MALFORMED" if name == "ackSignature" else \
            "RECEIPT_FORM"
        bad({n: v for n, v in document.items() if n != name},
            expected if name == "payloadHash" else "RECEIPT_FORM",
            "without " + name)
        bad(dict(document, **{name: 1}), "RECEIPT_FORM" if name !=
            "ackSignature" else expected, name + " is a number")
    for name in ("ackPayload", "certificate", "payloadHash"):
        bad(dict(document, **{name: document[name] + "="}), "RECEIPT_FORM",
            name + " is not base64")
    bad(dict(document, more=1), "RECEIPT_FORM", "a member more")
    bad(dict(document, receipt="tor-chat-federation-v2/receipt"),
        "RECEIPT_FORM", "another version")
    bad(dict(document, id=document["id"].upper()), "RECEIPT_FORM",
        "an id in upper case")
    bad(b"", "JSON", "nothing")
    bad(b"[]", "RECEIPT_FORM", "an array")
    bad(b"{", "JSON", "half an object")
    data = json.dumps(document).encode()
    bad(data[:-1] + b"," + data[1:], "JSON_DUPLICATE", "every name twice")
    bad(data + b"x", "JSON_TRAILING", "something behind it")
    size = 1024 * 1024
    good(data.ljust(size), "1 MiB with spaces")
    bad(data.ljust(size + 1), "TOO_LARGE", "a byte more")


def test_bits():
    """No character of what is signed can change."""
    document = receipt(batch({"n": 1}, {"n": 2}))
    survived = 0
    for name in ("requestText", "ackText", "ackPayload", "certificate"):
        text = document[name]
        for at in range(0, len(text), 7):
            changed = "A" if text[at] != "A" else "B"
            done = run(dict(document, **{
                name: text[:at] + changed + text[at + 1:]}))
            if done.returncode != 65 or done.stdout:
                survived += 1
                tap.diag("%s at %d: %r" % (name, at, done))
    tap.equal(survived, 0, "no change of a character goes unseen")


def test():
    test_good()
    test_payload()
    test_certificate()
    test_acknowledgement()
    test_results()
    test_item()
    test_form()
    test_bits()


if __name__ == "__main__":
    tap.main(test)
