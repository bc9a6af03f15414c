#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""fedctl's offline commands against public test data and against the tests'
own implementation of the protocol; every exit code."""

import base64
import glob
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
import peer  # noqa: E402
import tap  # noqa: E402

BUILD = os.environ.get("TORFED_BUILD")
FEDCTL = os.path.join(ROOT, BUILD or "", "fedctl", "fedctl")
FAILURE = re.compile(rb"fedctl: ([A-Z][A-Z0-9_]*): [ -~]+\n")
KIB = 1024
NOW = 1893456000  # 2030-01-01T00:00:00Z
AT = peer.time_text(NOW)
DAY = peer.DAY


class Result:
    def __init__(self, done):
        self.status = done.returncode
        self.output = done.stdout
        self.errors = done.stderr
        match = FAILURE.fullmatch(done.stderr)
        self.code = match.group(1).decode() if match else None

    def summary(self):
        """What a test expects: 0, or (exit code, CODE)."""
        if self.status == 0:
            return 0 if self.errors == b"" else ("noise", self.errors)
        if self.output or self.code is None:
            return ("noise", self.status, self.output, self.errors)
        return (self.status, self.code)


def fedctl(*arguments, data=b"", timeout=60):
    return Result(subprocess.run(
        [FEDCTL, *arguments], input=data, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, timeout=timeout, check=False,
        env={"PATH": "/usr/bin:/bin", "ASAN_OPTIONS": "detect_leaks=0"}))


def good(arguments, name, data=b""):
    result = fedctl(*arguments, data=data)
    tap.equal(result.summary(), 0, name)
    return result


def bad(arguments, status, code, name, data=b""):
    tap.equal(fedctl(*arguments, data=data).summary(), (status, code), name)


def table(mismatches, name):
    tap.equal(mismatches[:5], [], name)


def golden(*parts):
    return os.path.join(HERE, *parts)


def read(path):
    with open(path, "rb") as file:
        return file.read()


# Onion addresses

def onion_lines(name):
    with open(golden("onion", name)) as file:
        return [line.rstrip("\n").split("\t") for line in file if line.strip()]


def test_onion_corpus():
    wrong = []
    lines = onion_lines("valid.txt")
    for (address,) in lines:
        address += ".onion"
        result = fedctl("-j", "onion", "check", address)
        expected = {"address": address,
                    "publicKey": peer.onion_key(address).hex()}
        if result.summary() or json.loads(result.output) != expected:
            wrong.append((address, result.summary()))
    table(wrong, "onion check: %d valid addresses" % len(lines))
    wrong = []
    lines = onion_lines("invalid.txt")
    for address, reason in lines:
        code = "ADDRESS_" + reason.split()[0].upper()
        got = fedctl("onion", "check", address + ".onion").summary()
        if got != (65, code):
            wrong.append((address, reason, got))
    table(wrong, "onion check: %d invalid addresses" % len(lines))


def test_onion_rules():
    address = next(line[0] for line in onion_lines("valid.txt")
                   if line[0][0].isalpha()) + ".onion"
    for text, code in (
            ("", "ADDRESS_EMPTY"),
            (address.upper(), None), (address[0].upper() + address[1:], None),
            (" " + address, None), (address + " ", None),
            (address + "\n", None), (address + ".", None),
            (address + ":80", None), ("www." + address, None),
            ("http://" + address, None), (address[:-6], None),
            (address[1:], None), ("a" + address, None),
            (address.replace(".onion", ".ONION"), None),
            (address.replace(address[0], "1", 1), "ADDRESS_CHARACTER"),
            ("expyuzz4wqqyqhjn.onion", None), ("example.com", None)):
        result = fedctl("onion", "check", text).summary()
        name = "onion check refuses %r" % text
        if code:
            tap.equal(result, (65, code), name)
        else:
            tap.ok(result != 0 and result[0] == 65 and
                   result[1].startswith("ADDRESS_"), name)
    # A point that is none of the prime-order subgroup: y = 0 has order 4.
    bad(["onion", "check", peer.onion_address(bytes(32))], 65, "ADDRESS_KEY",
        "onion check refuses a key of small order")
    result = good(["onion", "check", address], "onion check in text")
    tap.equal(result.output.decode(), "address=%s\npublicKey=%s\n" % (
        address, peer.onion_key(address).hex()), "onion check's two lines")


# Canonical JSON

class Refused(Exception):
    pass


def strict_integer(text):
    if text == "-0" or abs(int(text)) > 2 ** 53 - 1:
        raise Refused(text)
    return int(text)


def refuse(text):
    raise Refused(text)


def pairs(items):
    found = dict(items)
    if len(found) != len(items) or len(items) > 64:
        raise Refused("members")
    return found


def check_text(text):
    for character in text:
        point = ord(character)
        if point == 0 or 0xd800 <= point <= 0xdfff or (
                point & 0xfffe == 0xfffe) or 0xfdd0 <= point <= 0xfdef:
            raise Refused("character")


def check_value(value, depth):
    if isinstance(value, str):
        check_text(value)
    elif isinstance(value, (dict, list)):
        if depth == 8 or len(value) > 256:
            raise Refused("depth or elements")
        if isinstance(value, dict):
            for name in value:
                check_text(name)
            value = value.values()
        for item in value:
            check_value(item, depth + 1)


def model(data):
    """The canonical form by Python's parser, or None where the protocol's
    narrowing refuses."""
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=pairs,
                           parse_int=strict_integer, parse_float=refuse,
                           parse_constant=refuse)
        if not isinstance(value, (dict, list)):
            return None
        check_value(value, 0)
        return peer.canonical(value)
    except (Refused, ValueError, RecursionError):
        return None


def canonical(data):
    return fedctl("json", "canonical", data=data)


def test_json_suite():
    wrong, accepted, refused = [], 0, 0
    for path in sorted(glob.glob(golden("jsontestsuite", "test_parsing",
                                        "*.json"))):
        data = read(path)
        name = os.path.basename(path)
        expected = None if name.startswith("n_") else model(data)
        result = canonical(data)
        if expected is None:
            refused += 1
            if result.status != 65 or not isinstance(result.summary(), tuple):
                wrong.append((name, result.summary()))
        else:
            accepted += 1
            if result.summary() != 0 or result.output != expected:
                wrong.append((name, result.summary(), result.output))
    tap.ok(accepted > 30 and refused > 180,
           "JSONTestSuite: %d accepted, %d refused" % (accepted, refused))
    table(wrong, "json canonical on JSONTestSuite")


def test_json_payload():
    """The same files as an envelope's payload."""
    wrong = []
    identity = peer.Identity(not_before=NOW - DAY, serial=NOW - DAY)
    with tempfile.NamedTemporaryFile() as certificate:
        certificate.write(identity.certificate.encode())
        certificate.flush()
        for path in sorted(glob.glob(golden("jsontestsuite", "test_parsing",
                                            "*.json"))):
            data = read(path)
            expected = model(b'{"p":%s}' % data)
            # Of the object's own depth one level is used up.
            form = model(data)
            if form is None or not form.startswith(b"{"):
                expected = None
            envelope = identity.envelope(
                peer.Identity().address, "message", {}, timestamp=AT)
            payload = form if expected is not None else data
            envelope["signature"] = peer.b64(identity.signing.sign(
                peer.signing_text(envelope, peer.sha256(payload))))
            body = json.dumps(envelope).encode().replace(
                b'"payload": {}', b'"payload": ' + data)
            result = fedctl("envelope", "verify", "--certificate",
                            certificate.name, "--at", AT, data=body)
            if (result.summary() == 0) != (expected is not None):
                wrong.append((os.path.basename(path), result.summary()))
    table(wrong, "JSONTestSuite as an envelope's payload")


def test_jcs():
    wrong = []
    files = sorted(os.listdir(golden("jcs", "testdata", "input")))
    accepted = 0
    for name in files:
        data = read(golden("jcs", "testdata", "input", name))
        expected = read(golden("jcs", "testdata", "output", name))
        hexadecimal = read(golden("jcs", "testdata", "outhex",
                                  name.replace(".json", ".txt")))
        tap.equal(bytes.fromhex(hexadecimal.decode()), expected,
                  "JCS: %s agrees with itself" % name)
        result = canonical(data)
        if model(data) is None:  # other numbers than integers
            if result.summary() != (65, "JSON_NUMBER"):
                wrong.append((name, result.summary()))
            continue
        accepted += 1
        if result.summary() != 0 or result.output != expected:
            wrong.append((name, result.summary(), result.output))
    tap.ok(accepted >= 3, "JCS: %d of %d within the narrowing" % (
        accepted, len(files)))
    table(wrong, "json canonical on the JCS corpus")


def nested(depth):
    return b"[" * depth + b"]" * depth


def test_json_limits():
    many = b"{%s}" % b",".join(b'"%d":0' % i for i in range(65))
    few = b"{%s}" % b",".join(b'"%d":0' % i for i in range(64))
    for data, code, name in (
            (nested(8), None, "depth 8"), (nested(9), "JSON_DEPTH", "depth 9"),
            (nested(2048), "JSON_DEPTH", "depth 2048"),
            (nested(100000), "JSON_DEPTH", "depth 100,000"),
            (few, None, "64 members"), (many, "JSON_MEMBERS", "65 members"),
            (b"[%s0]" % (b"0," * 255), None, "256 elements"),
            (b"[%s0]" % (b"0," * 256), "JSON_ELEMENTS", "257 elements"),
            (b"[9007199254740991]", None, "2^53-1"),
            (b"[9007199254740992]", "JSON_NUMBER", "2^53"),
            (b"[-9007199254740991]", None, "-(2^53-1)"),
            (b"[-9007199254740992]", "JSON_NUMBER", "-2^53"),
            (b"[1.0]", "JSON_NUMBER", "1.0"), (b"[1e2]", "JSON_NUMBER", "1e2"),
            (b"[-0]", "JSON_NUMBER", "-0"),
            (b'{"a":1,"\\u0061":2}', "JSON_DUPLICATE", "a name twice"),
            (b'["\\u0000"]', "JSON_ENCODING", "U+0000"),
            (b'["\\ud800"]', "JSON_ENCODING", "lone surrogate"),
            (b'["\xff"]', "JSON_ENCODING", "not UTF-8"),
            (b'["\\ufdd0"]', "JSON_ENCODING", "noncharacter"),
            (b'"x"', "JSON_TOP", "a string at the top"),
            (b"[] []", "JSON_TRAILING", "two values"),
            (b"[]" + b" " * (256 * KIB - 2), None, "256 KiB"),
            (b"[]" + b" " * (256 * KIB - 1), "TOO_LARGE", "256 KiB and 1"),
            (b"", "JSON", "nothing"), (b"{", "JSON", "half")):
        got = canonical(data).summary()
        tap.equal(got, (65, code) if code else 0,
                  "json canonical: %s" % name)
    result = good(["json", "canonical"], "json canonical sorts and strips",
                  b' { "b" : [ 1 , "\\u00e9\\/" ] , "a" : null }\n')
    tap.equal(result.output, '{"a":null,"b":[1,"é/"]}'.encode(),
              "json canonical writes the bytes and no line feed")
    result = good(["-j", "json", "canonical"], "json canonical with -j",
                  b"[ 1 ]")
    tap.equal(result.output, b"[1]", "-j changes nothing there")


# Signatures

def signature(key, value, message=b"", options=()):
    return fedctl(*options, "signature", "verify", "--public-key", key,
                  "--signature", value, data=message)


def test_wycheproof():
    with open(golden("wycheproof", "ed25519_test.json")) as file:
        groups = json.load(file)["testGroups"]
    wrong, count = [], 0
    for group in groups:
        for test in group["tests"]:
            count += 1
            result = signature(group["publicKey"]["pk"], test["sig"],
                               bytes.fromhex(test["msg"]))
            if test["result"] == "valid":
                matches = result.summary() == 0
            else:
                matches = result.summary() in (
                    (65, "SIGNATURE"), (65, "SIGNATURE_MALFORMED"))
            if not matches:
                wrong.append((test["tcId"], test["result"],
                              result.summary()))
    tap.equal(count, 151, "Wycheproof: 151 tests")
    table(wrong, "signature verify agrees with Wycheproof")


# y of the points of small order, with the encodings beyond the field.
P = 2 ** 255 - 19
ORDER_8 = 0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826
SMALL = (0, 1, P - 1, P, P + 1, ORDER_8, P - ORDER_8)


def small_keys():
    for y in SMALL:
        for sign in (0, 1):
            yield (y | sign << 255).to_bytes(32, "little")


def test_keys():
    key = peer.Key(bytes(range(32)))
    message = b"a message"
    value = key.sign(message).hex()
    public = key.public.hex()
    tap.equal(signature(public, value, message).summary(), 0,
              "signature verify: good")
    tap.equal(signature(public, value, message).output, b"signature=valid\n",
              "its line")
    tap.equal(json.loads(signature(public, value, message, ["-j"]).output),
              {"signature": "valid"}, "its JSON")
    tap.equal(signature(public.upper(), value.upper(), message).summary(), 0,
              "hexadecimal in capitals")
    for got, code in (
            (signature("", value), "KEY_MALFORMED"),
            (signature(public[1:], value), "KEY_MALFORMED"),
            (signature(public[2:], value), "KEY_MALFORMED"),
            (signature(public + "00", value), "KEY_MALFORMED"),
            (signature("g" + public[1:], value), "KEY_MALFORMED"),
            (signature(" " + public[1:], value), "KEY_MALFORMED"),
            (signature(public, ""), "SIGNATURE_MALFORMED"),
            (signature(public, value[1:]), "SIGNATURE_MALFORMED"),
            (signature(public, value[2:]), "SIGNATURE_MALFORMED"),
            (signature(public, value + "00"), "SIGNATURE_MALFORMED"),
            (signature(public, "x" * 128), "SIGNATURE_MALFORMED"),
            (signature(public, "1" * 100000), "SIGNATURE_MALFORMED"),
            (signature(public, value, b"another"), "SIGNATURE"),
            (signature(peer.Key().public.hex(), value, message), "SIGNATURE"),
            (signature(public, peer.malleable(bytes.fromhex(value)).hex(),
                       message), "SIGNATURE")):
        tap.equal(got.summary(), (65, code), "signature verify: " + code)
    wrong = []
    keys = list(small_keys())
    for public in keys:
        got = signature(public.hex(), "00" * 64).summary()
        if got != (65, "KEY_INVALID"):
            wrong.append((public.hex(), got))
    table(wrong, "signature verify: %d keys of small order or not canonical" %
          len(keys))
    # A good point plus the point of order 2: -x, -y has the same order times 2.
    y = P - (int.from_bytes(key.public, "little") & (2 ** 255 - 1))
    sign = 1 - (key.public[31] >> 7)
    mixed = (y | sign << 255).to_bytes(32, "little").hex()
    tap.equal(signature(mixed, value, message).summary(),
              (65, "KEY_INVALID"), "signature verify: a key of mixed order")
    tap.equal(signature("ff" * 32, value, message).summary(),
              (65, "KEY_INVALID"), "signature verify: y beyond the field")
    large = bytes(1024 * KIB)
    value = key.sign(large).hex()
    public = key.public.hex()
    tap.equal(signature(public, value, large).summary(), 0,
              "a message of 1 MiB")
    tap.equal(signature(public, value, large + b"x").summary(),
              (65, "TOO_LARGE"), "a message of 1 MiB and 1")


# Certificates

class Scratch:
    """Files in a directory that goes away."""

    def __init__(self):
        self.directory = tempfile.TemporaryDirectory()

    def file(self, data, name="certificate"):
        path = os.path.join(self.directory.name, name)
        with open(path, "wb") as file:
            file.write(data)
        return path


def make_identity(**more):
    fields = {"not_before": NOW - 10 * DAY, "not_after": NOW + 10 * DAY,
              "serial": NOW - 10 * DAY, "min_serial": NOW - 20 * DAY}
    fields.update(more)
    return peer.Identity(**fields)


def verify_certificate(scratch, data, at=AT):
    return fedctl("certificate", "verify", "--at", at, scratch.file(data))


def test_certificate_good(scratch):
    identity = make_identity(door=peer.Identity().address,
                             client=peer.b64(b"x" * 32))
    certificate = identity.certificate
    path = scratch.file(certificate.encode())
    result = good(["-j", "certificate", "verify", path, "--at", AT],
                  "certificate verify: good")
    tap.equal(json.loads(result.output), {
        "server": identity.address, "serial": NOW - 10 * DAY,
        "minSerial": NOW - 20 * DAY,
        "notBefore": peer.time_text(NOW - 10 * DAY),
        "notAfter": peer.time_text(NOW + 10 * DAY),
        "signingKey": identity.signing.public.hex(),
        "door": certificate.door, "clientKey": (b"x" * 32).hex(),
        "keyId": certificate.key_id()}, "its fields")
    good(["certificate", "verify", "--at=" + AT, "-"],
         "certificate verify: standard input", certificate.encode())
    now = int(time.time())
    path = scratch.file(peer.Identity(serial=now).certificate.encode())
    good(["certificate", "verify", path], "certificate verify: now")


def test_certificate_times(scratch):
    data = make_identity().certificate.encode()
    for offset, expected in (
            (-11 * DAY, 0), (-11 * DAY - 1, (65, "CERTIFICATE_NOT_YET")),
            (11 * DAY, 0), (11 * DAY + 1, (65, "CERTIFICATE_EXPIRED"))):
        got = verify_certificate(scratch, data,
                                 peer.time_text(NOW + offset)).summary()
        # The serial is 24 h ahead at the lower end, as far as it may be.
        tap.equal(got, expected, "certificate verify %+d s" % offset)
    for text in ("", "now", "2030-01-01", "2030-02-29T00:00:00Z",
                 "2030-01-01T00:00:00", "1893456000", AT + " "):
        tap.equal(verify_certificate(scratch, data, text).summary(),
                  (65, "TIME"), "--at %r" % text)


def test_certificate_bad(scratch):
    identity = make_identity()
    certificate = identity.certificate
    data = certificate.encode()
    other = make_identity().certificate.encode()
    for made, code, name in (
            (b"", "CERTIFICATE_MALFORMED", "empty"),
            (data[:-1], "CERTIFICATE_MALFORMED", "without its last LF"),
            (data + b"\n", "CERTIFICATE_MALFORMED", "with one LF more"),
            (data.replace(b"\n", b"\r\n"), "CERTIFICATE_MALFORMED", "CR"),
            (data.replace(b"-v1/", b"-v2/"), "CERTIFICATE_MALFORMED", "v2"),
            (b"\0" * 640, "CERTIFICATE_MALFORMED", "640 NULs"),
            (b"x" * 640, "CERTIFICATE_MALFORMED", "640 bytes"),
            (b"x" * 641, "TOO_LARGE", "641 bytes"),
            (certificate.encode(bytes(64)), "SIGNATURE", "no signature"),
            (certificate.text() + b"\n" + other.split(b"\n")[9] + b"\n",
             "SIGNATURE", "another's signature"),
            (certificate.encode(peer.malleable(
                identity.key.sign(certificate.text()))), "SIGNATURE",
             "S + L")):
        tap.equal(verify_certificate(scratch, made).summary(), (65, code),
                  "certificate verify: " + name)
    for fields, expected, name in (
            ({"not_after": NOW + 80 * DAY}, 0, "90 days"),
            ({"not_after": NOW + 80 * DAY + 1},
             (65, "CERTIFICATE_LIFETIME"), "90 days and 1 s"),
            ({"serial": NOW + DAY}, 0, "serial 24 h ahead"),
            ({"serial": NOW + DAY + 1}, (65, "CERTIFICATE_SERIAL"),
             "serial 24 h and 1 s ahead"),
            ({"min_serial": NOW - 10 * DAY}, 0, "minSerial = serial"),
            ({"min_serial": NOW - 10 * DAY + 1}, None,
             "minSerial > serial")):
        made = make_identity(**fields).certificate.encode()
        got = verify_certificate(scratch, made).summary()
        if expected is None:
            tap.ok(got in ((65, "CERTIFICATE_SERIAL"),
                           (65, "CERTIFICATE_MALFORMED")), name)
        else:
            tap.equal(got, expected, "certificate verify: " + name)
    made = make_identity()
    made.certificate.signing_key = bytes(32)
    tap.equal(verify_certificate(
        scratch, made.certificate.encode()).summary(),
        (65, "KEY_INVALID"), "certificate verify: signing key of small order")
    for path in ("/no/such/file", "/", ""):
        bad(["certificate", "verify", path], 65, "FILE",
            "certificate verify %r" % path)


# Envelopes

def verify_envelope(scratch, identity, body, at=AT):
    path = scratch.file(identity.certificate.encode())
    return fedctl("envelope", "verify", "--certificate", path, "--at", at,
                  data=body)


def sign(identity, envelope):
    envelope["signature"] = peer.b64(
        identity.signing.sign(peer.envelope_text(envelope)))
    return envelope


def test_envelope_good(scratch):
    identity = make_identity()
    destination = peer.Identity().address
    payload = {"b": [1, "é"], "a": None}
    envelope = identity.envelope(destination, "message", payload, timestamp=AT)
    path = scratch.file(identity.certificate.encode())
    result = good(["-j", "envelope", "verify", "--certificate", path, "--at",
                   AT], "envelope verify: good", peer.encode(envelope))
    canonical_payload = peer.canonical(payload)
    tap.equal(json.loads(result.output), {
        "type": "message", "id": envelope["id"],
        "originServer": identity.address, "destinationServer": destination,
        "timestamp": AT, "keyId": identity.certificate.key_id(),
        "payloadBytes": len(canonical_payload),
        "payloadHash": peer.sha256(canonical_payload).hex()}, "its fields")
    for body, name in (
            (peer.encode(envelope, False), "unpadded"),
            (json.dumps(envelope, indent=3).encode(), "other spacing"),
            (json.dumps(dict(reversed(list(envelope.items())))).encode(),
             "other order"),
            (json.dumps(envelope).encode().replace(b'"a"', b'"\\u0061"'),
             "other escapes")):
        tap.equal(verify_envelope(scratch, identity, body).summary(), 0,
                  "envelope verify: " + name)


def test_envelope_members(scratch):
    identity = make_identity()
    envelope = identity.envelope(peer.Identity().address, "message", {},
                                 timestamp=AT)
    wrong = []
    for name in envelope:
        less = {key: value for key, value in envelope.items() if key != name}
        other = dict(envelope, **{name: 1})
        for body in (less, other, dict(envelope, more=1)):
            got = verify_envelope(scratch, identity,
                                  json.dumps(body).encode()).summary()
            if got == 0 or got[0] != 65 or not got[1].startswith("ENVELOPE_"):
                wrong.append((name, got))
    table(wrong, "envelope verify: members missing, surplus, of other type")
    for name, value, code in (
            ("type", "Message", "ENVELOPE_TYPE"),
            ("type", "a" * 33, "ENVELOPE_TYPE"),
            ("id", str(uuid.uuid1()), "ENVELOPE_ID"),
            ("id", envelope["id"].upper(), "ENVELOPE_ID"),
            ("timestamp", "2030-01-01 00:00:00Z", "ENVELOPE_TIMESTAMP"),
            ("keyId", envelope["keyId"].upper(), "ENVELOPE_KEY_ID"),
            ("signature", envelope["signature"][:-1], "ENVELOPE_SIGNATURE"),
            ("signature", "", "ENVELOPE_SIGNATURE"),
            ("protocolVersion", "tor-chat-federation-v2", "ENVELOPE_VERSION"),
            ("originServer", "example.com", None),
            ("destinationServer", envelope["destinationServer"].upper(),
             None)):
        if name == "keyId" and value == envelope["keyId"]:
            continue  # digits only
        got = verify_envelope(scratch, identity, json.dumps(
            dict(envelope, **{name: value})).encode()).summary()
        if code:
            tap.equal(got, (65, code), "envelope verify: " + code)
        else:
            tap.ok(got != 0 and got[1].startswith("ADDRESS_"), name)


def test_envelope_signature(scratch):
    identity = make_identity()
    destination = peer.Identity().address
    envelope = identity.envelope(destination, "message", {"n": 1},
                                 timestamp=AT)

    def check(made, code, name, signer=identity, at=AT):
        body = made if isinstance(made, bytes) else json.dumps(made).encode()
        got = verify_envelope(scratch, signer, body, at).summary()
        tap.equal(got, (65, code) if code else 0, "envelope verify: " + name)

    wrong = []
    for name, value in (
            ("type", "handshake"), ("id", str(uuid.uuid4())),
            ("destinationServer", peer.Identity().address),
            ("timestamp", peer.time_text(NOW + 1)), ("payload", {"n": 2}),
            ("payload", {"n": 1, "m": 1}),
            ("signature", peer.b64(bytes(64))),
            ("signature", peer.b64(peer.malleable(base64.b64decode(
                envelope["signature"]))))):
        got = verify_envelope(scratch, identity, json.dumps(
            dict(envelope, **{name: value})).encode()).summary()
        if got != (65, "SIGNATURE"):
            wrong.append((name, got))
    table(wrong, "envelope verify: every signed member counts")
    check(dict(envelope, keyId="0" * 64), "KEY_UNKNOWN", "other key id")
    check(envelope, "CERTIFICATE_SERVER", "another server's certificate",
          make_identity())
    rotated = make_identity()
    rotated.key, rotated.address = identity.key, identity.address
    rotated.certify(not_before=NOW - DAY, serial=NOW)
    check(envelope, "KEY_UNKNOWN", "another certificate of the server",
          rotated)
    for offset, code in ((300, None), (301, "TIME_WINDOW"), (-300, None),
                         (-301, "TIME_WINDOW")):
        check(envelope, code, "%+d s" % offset, at=peer.time_text(
            NOW + offset))
    check(envelope, "CERTIFICATE_EXPIRED", "expired certificate",
          at=peer.time_text(NOW + 11 * DAY + 1))
    body = peer.encode(envelope, False)
    check(body.ljust(256 * KIB), None, "256 KiB")
    check(body.ljust(256 * KIB + 1), "TOO_LARGE", "256 KiB and 1")
    check(body + b"\n", "JSON_TRAILING", "a line feed at the end")
    check(b"", "JSON", "nothing")
    overhead = len(peer.canonical({"d": ""}))
    for size, code in ((64 * KIB, None), (64 * KIB + 1, "PAYLOAD_TOO_LARGE")):
        made = identity.envelope(destination, "message",
                                 {"d": "x" * (size - overhead)}, timestamp=AT)
        check(made, code, "payload of %d bytes" % size)


def item_digest(item):
    return peer.sha256("\n".join([
        peer.PROTOCOL + "/item", item["type"], item["id"],
        peer.b64(peer.sha256(peer.canonical(item["payload"])))]).encode())


def batch(identity, destination, items):
    """A signed batch, whatever its items are."""
    envelope = identity.envelope(destination, "batch", {"items": items},
                                 timestamp=AT)
    lines = [peer.PROTOCOL + "/envelope", "batch", envelope["id"],
             identity.address, destination, AT, envelope["keyId"]]
    lines += ["%s %s" % (item["id"], peer.b64(item_digest(item)))
              for item in items]
    envelope["signature"] = peer.b64(
        identity.signing.sign("\n".join(lines).encode()))
    return envelope


def make_items(count):
    return [{"id": str(uuid.uuid4()), "type": "message",
             "payload": {"n": i, "s": "]}\"é"}} for i in range(count)]


def test_envelope_batch(scratch):
    identity = make_identity()
    destination = peer.Identity().address

    def check(envelope, code, name):
        got = verify_envelope(scratch, identity,
                              json.dumps(envelope).encode()).summary()
        tap.equal(got, (65, code) if code else 0, "batch: " + name)

    check(batch(identity, destination, make_items(1)), None, "1 item")
    check(batch(identity, destination, make_items(64)), None, "64 items")
    check(batch(identity, destination, make_items(65)), "PAYLOAD_MALFORMED",
          "65 items")
    check(batch(identity, destination, []), "PAYLOAD_MALFORMED", "no item")
    items = make_items(3)
    made = batch(identity, destination, items)
    made["payload"]["items"][1]["payload"]["n"] = 7
    check(made, "SIGNATURE", "an item changed")
    made = batch(identity, destination, items)
    made["payload"]["items"].reverse()
    check(made, "SIGNATURE", "another order")
    check(batch(identity, destination, [items[0], items[0]]),
          "PAYLOAD_MALFORMED", "an id twice")
    check(batch(identity, destination, [dict(items[0], more=1)]),
          "PAYLOAD_MALFORMED", "a member more")
    check(batch(identity, destination, [dict(items[0], type="X")]),
          "PAYLOAD_MALFORMED", "a type that is none")
    check(batch(identity, destination, [dict(items[0], payload=[])]),
          "PAYLOAD_MALFORMED", "a payload that is no object")
    made = batch(identity, destination, items)
    made["payload"]["more"] = 1
    check(made, "PAYLOAD_MALFORMED", "more than items")
    made["payload"] = {"items": {}}
    check(made, "PAYLOAD_MALFORMED", "items no array")
    made["payload"] = {"items": [1, "x", [], None]}
    check(made, "PAYLOAD_MALFORMED", "items no objects")
    made = batch(identity, destination, items)
    made["signature"] = peer.b64(identity.signing.sign(peer.signing_text(
        made, peer.sha256(peer.canonical(made["payload"])))))
    check(made, "SIGNATURE", "signed as an envelope")


# The rest

def test_usage():
    for arguments in (
            [], ["nonsense"], ["-x"], ["show"], ["onion"], ["onion", "check"],
            ["onion", "check", "a", "b"], ["status", "x"],
            ["certificate", "verify"], ["certificate", "verify", "--at"],
            ["certificate", "verify", "--nonsense", "x", "f"],
            ["envelope", "verify"], ["signature", "verify"],
            ["signature", "verify", "--public-key", "zz"], ["-s"],
            ["server", "trust"], ["json", "canonical", "x"],
            ["\033[31m"], ["db"], ["db", "migrate", "x"]):
        bad(arguments, 64, "USAGE", "usage: %r" % (arguments,))
    for arguments in (["--help"], ["-h"], ["help"], ["-j", "help"],
                      ["signature", "verify", "--help"]):
        result = good(arguments, "help: %r" % (arguments,))
        tap.ok(b"usage: fedctl" in result.output, "it prints the usage")
    result = good(["-j", "version"], "version")
    tap.equal(list(json.loads(result.output)), ["version"], "version as JSON")


def test_output_full():
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [FEDCTL, "json", "canonical"], input=b"[]", stdout=full,
            stderr=subprocess.PIPE, check=False)
    tap.equal((done.returncode, done.stderr[:16]), (1, b"fedctl: INTERNAL"),
              "an output that is full is a failure")


def main():
    scratch = Scratch()
    test_onion_corpus()
    test_onion_rules()
    test_json_suite()
    test_json_payload()
    test_jcs()
    test_json_limits()
    test_wycheproof()
    test_keys()
    test_certificate_good(scratch)
    test_certificate_times(scratch)
    test_certificate_bad(scratch)
    test_envelope_good(scratch)
    test_envelope_members(scratch)
    test_envelope_signature(scratch)
    test_envelope_batch(scratch)
    test_usage()
    test_output_full()


tap.main(main)
