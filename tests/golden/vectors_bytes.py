# SPDX-License-Identifier: ISC
"""Vectors that need no server: canonical JSON, addresses, signatures, and
heads of HTTP requests with the status that answers them."""

import base64
import hashlib
import os
import sys

from nacl import bindings

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import peer as p  # noqa: E402

KIB = 1024


# Canonical JSON (RFC 8785 within the protocol's narrowing)

def nested(depth, opening=b"[", closing=b"]"):
    return opening * depth + closing * depth


def members(count):
    return b"{" + b",".join(b'"m%02d":0' % n for n in range(count)) + b"}"


def elements(count):
    return b"[" + b",".join([b"0"] * count) + b"]"


def good_json():
    """(why, input, canonical form)"""
    yield "an empty object", b"{}", b"{}"
    yield "white space of all four kinds", b" \t\r\n{ \"a\" :\n1 }", b'{"a":1}'
    yield "spaces behind it", b"{}   ", b"{}"
    for number in (b"0", b"-1", b"9007199254740991", b"-9007199254740991"):
        yield "number " + number.decode(), b"[" + number + b"]", \
            b"[" + number + b"]"
    yield "true, false and null", b"[ true,false ,null]", b"[true,false,null]"
    yield "depth 8", nested(8), nested(8)
    yield "depth 8 of objects", nested(8, b'{"a":', b"}").replace(
        b":}", b":0}"), nested(8, b'{"a":', b"}").replace(b":}", b":0}")
    yield "64 members", members(64), members(64)
    yield "256 elements", elements(256), elements(256)
    yield "sorted by UTF-16: U+1F600 is before U+FB33", \
        '{"\ufb33":1,"\U0001f600":2}'.encode(), \
        '{"\U0001f600":2,"\ufb33":1}'.encode()
    yield "the order of RFC 8785, section 3.2.3", \
        ('{"\u20ac":1,"\\r":2,"\ufb33":3,"1":4,"\U0001f600":5,"\u0080":6,'
         '"\u00f6":7}').encode(), \
        ('{"\\r":2,"1":4,"\u0080":6,"\u00f6":7,"\u20ac":1,"\U0001f600":5,'
         '"\ufb33":3}').encode()
    yield "a name that begins another", b'{"ab":1,"a":2,"":3}', \
        b'{"":3,"a":2,"ab":1}'
    yield "upper case is before lower case", b'{"a":1,"B":2}', \
        b'{"B":2,"a":1}'
    yield "objects in objects are sorted, arrays are not", \
        b'{"b":[{"d":1,"c":2},3,1],"a":0}', b'{"a":0,"b":[{"c":2,"d":1},3,1]}'
    yield "escapes that need none", b'["\\u0041\\/\\u00e9"]', \
        '["A/\u00e9"]'.encode()
    yield "escapes that stay", b'["\\"\\\\\\b\\f\\n\\r\\t"]', \
        b'["\\"\\\\\\b\\f\\n\\r\\t"]'
    yield "other control characters, in lower case", \
        b'["\\u000B\\u001F\\u0001"]', b'["\\u000b\\u001f\\u0001"]'
    yield "DEL, U+2028 and U+2029 as they are", \
        '["\x7f\\u2028\\u2029"]'.encode(), '["\x7f\u2028\u2029"]'.encode()
    yield "a surrogate pair", b'["\\ud83d\\ude00"]', '["\U0001f600"]'.encode()
    yield "the last character of plane 16", b'["\\udbff\\udffd"]', \
        '["\U0010fffd"]'.encode()
    yield "no normalisation", '["e\u0301\u00e9"]'.encode(), \
        '["e\u0301\u00e9"]'.encode()


def bad_json():
    """(why, input, code)"""
    yield "nothing", b"", "JSON"
    yield "spaces alone", b"  ", "JSON"
    for text in (b"1", b'"a"', b"null"):
        yield "no container: " + text.decode(), text, "JSON_TOP"
    for number in (b"1.0", b"1.5", b"1e2", b"1E0", b"-0", b"0.0",
                   b"9007199254740992", b"-9007199254740992",
                   b"123456789012345678901234567890", b"01", b"-01", b"1e400",
                   b"-"):
        yield "number " + number.decode(), b"[" + number + b"]", None
    for number in (b"+1", b".5", b"NaN", b"Infinity", b"0x1"):
        yield "number " + number.decode(), b"[" + number + b"]", "JSON"
    yield "depth 9", nested(9), "JSON_DEPTH"
    yield "depth 9 of objects", nested(9, b'{"a":', b"}").replace(
        b":}", b":0}"), "JSON_DEPTH"
    yield "65 members", members(65), "JSON_MEMBERS"
    yield "257 elements", elements(257), "JSON_ELEMENTS"
    yield "a name twice", b'{"a":1,"a":1}', "JSON_DUPLICATE"
    yield "a name twice, once escaped", b'{"a":1,"\\u0061":2}', \
        "JSON_DUPLICATE"
    yield "a name twice, deep inside", b'[{"b":{"a":1,"c":2,"a":3}}]', \
        "JSON_DUPLICATE"
    for why, text in (
            ("U+0000", b'["\\u0000"]'),
            ("U+0000 in a name", b'{"\\u0000":1}'),
            ("a noncharacter, U+FFFE", '["\ufffe"]'.encode()),
            ("a noncharacter, U+FFFF, escaped", b'["\\uffff"]'),
            ("a noncharacter, U+FDD0", '["\ufdd0"]'.encode()),
            ("a noncharacter beyond the BMP, U+1FFFE",
             '["\U0001fffe"]'.encode()),
            ("a noncharacter beyond the BMP, U+10FFFF, escaped",
             b'["\\udbff\\udfff"]'),
            ("a high surrogate alone", b'["\\ud83d"]'),
            ("a low surrogate alone", b'["\\ude00"]'),
            ("surrogates in the wrong order", b'["\\ude00\\ud83d"]'),
            ("a surrogate in UTF-8", b'["\xed\xa0\xbd"]'),
            ("UTF-8 that is too long", b'["\xc0\xaf"]'),
            ("UTF-8 above U+10FFFF", b'["\xf4\x90\x80\x80"]'),
            ("a byte that UTF-8 has not", b'["\xff"]'),
            ("UTF-8 cut off", b'["\xe2\x82"]')):
        yield why, text, "JSON_ENCODING"
    for why, text in (
            ("a control character as it is", b'["\x01"]'),
            ("LF in a string", b'["a\nb"]'),
            ("an escape that is none", b'["\\x41"]'),
            ("an escape cut off", b'["\\u12"]'),
            ("a byte order mark", b"\xef\xbb\xbf{}"),
            ("a comma too many", b"[1,]"),
            ("no comma", b'{"a":1 "b":2}'),
            ("no colon", b'{"a" 1}'),
            ("a name without quotes", b"{a:1}"),
            ("single quotes", b"['a']"),
            ("a comment", b"[/**/]"),
            ("a container that does not end", b'{"a":[1'),
            ("a form feed as white space", b"[\x0c1]"),
            ("True", b"[True]")):
        yield why, text, "JSON"
    for why, text in (("something behind it", b"{}x"),
                      ("a second value behind it", b"{} {}")):
        yield why, text, "JSON_TRAILING"


def canonical_json():
    rows = [{"why": why, "input": p.b64(data), "canonical": form.decode()}
            for why, data, form in good_json()]
    return rows + [
        {"why": why, "input": p.b64(data), "code": code or "JSON_NUMBER",
         "outcome": "400"} for why, data, code in bad_json()]


# Addresses

def address_of(raw):
    return base64.b32encode(raw).decode().lower() + ".onion"


def addresses(alice):
    good = alice.address
    key = alice.key.public
    raw = key + p.onion_checksum(key) + b"\x03"

    def keyed(key):
        return address_of(key + p.onion_checksum(key) + b"\x03")
    other = hashlib.sha3_256(b".onion checksum" + key + b"\x02").digest()[:2]
    rows = [{"why": "alice's", "address": good, "publicKey": key.hex()}]
    for why, address, code in (
            ("nothing", "", "ADDRESS_EMPTY"),
            ("the suffix alone", ".onion", "ADDRESS_LENGTH"),
            ("no suffix", good[:56], "ADDRESS_SUFFIX"),
            ("another suffix", good[:56] + ".onio0", "ADDRESS_SUFFIX"),
            ("suffix in upper case", good[:56] + ".ONION", "ADDRESS_SUFFIX"),
            ("upper case", good[:56].upper() + ".onion",
             "ADDRESS_CHARACTER"),
            ("a digit that base32 has not", "1" + good[1:],
             "ADDRESS_CHARACTER"),
            ("a character less", good[1:], "ADDRESS_LENGTH"),
            ("a character more", "a" + good, "ADDRESS_LENGTH"),
            ("a sub-domain", "www." + good, "ADDRESS_LENGTH"),
            ("a port", good + ":80", "ADDRESS_SUFFIX"),
            ("a trailing dot", good + ".", "ADDRESS_SUFFIX"),
            ("a space before it", " " + good, "ADDRESS_LENGTH"),
            ("version 2's form", "expyuzz4wqqyqhjn.onion",
             "ADDRESS_LENGTH"),
            ("version 2 with its own checksum",
             address_of(key + other + b"\x02"), "ADDRESS_VERSION"),
            ("version 4", address_of(raw[:34] + b"\x04"), "ADDRESS_VERSION"),
            ("one bit of the key", address_of(
                bytes([raw[0] ^ 1]) + raw[1:]), "ADDRESS_CHECKSUM"),
            ("one bit of the checksum", address_of(
                raw[:32] + bytes([raw[32] ^ 1]) + raw[33:]),
             "ADDRESS_CHECKSUM"),
            ("a key of order 4", keyed(bytes(32)), "ADDRESS_KEY"),
            ("the neutral element as key", keyed(b"\x01" + bytes(31)),
             "ADDRESS_KEY"),
            ("a key that is no point", keyed(b"\x02" + bytes(31)),
             "ADDRESS_KEY"),
            ("a key that is not canonical", keyed(
                b"\xee" + b"\xff" * 30 + b"\x7f"), "ADDRESS_KEY"),
            ("a key of mixed order", keyed(bindings.crypto_core_ed25519_add(
                key, ORDER_8[0])), "ADDRESS_KEY")):
        rows.append({"why": why, "address": address, "code": code,
                     "outcome": "400"})
    return rows


# Ed25519

L = p.ORDER
P = 2 ** 255 - 19
ORDER_8 = [bytes.fromhex(text) for text in (
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")]
SMALL = [("1", b"\x01" + bytes(31)), ("2", (P - 1).to_bytes(32, "little")),
         ("4", bytes(32)), ("4, the other", bytes(31) + b"\x80"),
         ("8", ORDER_8[0]), ("8, another", ORDER_8[1])]
NEUTRAL = SMALL[0][1]


def expanded(key):
    """The secret scalar of a key, and the prefix that makes its nonces."""
    data = hashlib.sha512(key.seed).digest()
    scalar = int.from_bytes(data[:32], "little")
    return scalar & ~7 & (1 << 255) - 1 & ~(1 << 255) | 1 << 254, data[32:]


def base_times(scalar):
    return bindings.crypto_scalarmult_ed25519_base_noclamp(
        (scalar % L).to_bytes(32, "little"))


def challenge(*parts):
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(),
                          "little") % L


def signature_of(point, s):
    return point + s.to_bytes(32, "little")


def mixed(key, text, point, public):
    """A signature that holds with the cofactor: with another R or another
    public key, each a point of small order away."""
    scalar, prefix = expanded(key)
    nonce = challenge(prefix, text)
    r = bindings.crypto_core_ed25519_add(base_times(nonce), point) \
        if point else base_times(nonce)
    return signature_of(r, (nonce + challenge(r, public, text) * scalar) % L)


def ed25519(key):
    """Signatures of alice's signing key, and what only looks like one."""
    text, public = b"tor-chat-federation-v1", key.public
    good = key.sign(text)
    r, s = good[:32], int.from_bytes(good[32:], "little")
    scalar, _ = expanded(key)
    rows = []

    def add(why, signature, code=None, of=public, message=text):
        row = {"why": why, "publicKey": of.hex(), "message": p.b64(message),
               "signature": signature.hex()}
        rows.append(dict(row, code=code, outcome="401") if code else row)

    add("good", good)
    add("of the empty text", key.sign(b""), message=b"")
    add("of 1023 bytes", key.sign(b"a" * 1023), message=b"a" * 1023)
    for why, seed, message in (
            ("RFC 8032, test 1",
             "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
             ""),
            ("RFC 8032, test 2",
             "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
             "72"),
            ("RFC 8032, test 3",
             "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
             "af82")):
        other, message = p.Key(bytes.fromhex(seed)), bytes.fromhex(message)
        add(why, other.sign(message), of=other.public, message=message)
    for why, signature in (
            ("S + L", signature_of(r, s + L)),
            ("S + 8 L", signature_of(r, s + 8 * L)),
            ("S is L", signature_of(r, L)),
            ("S is 0", signature_of(r, 0)),
            ("S with its highest bit set", signature_of(r, s | 1 << 255)),
            ("S of ones", r + b"\xff" * 32),
            ("R and S changed over", good[32:] + good[:32]),
            ("one bit of R", bytes([r[0] ^ 1]) + good[1:]),
            ("one bit of S", signature_of(r, s ^ 1)),
            ("the sign of R", r[:31] + bytes([r[31] ^ 0x80]) + good[32:]),
            ("minus S", signature_of(r, L - s)),
            ("zeros", bytes(64)),
            ("R is no point", b"\x02" + bytes(31) + good[32:]),
            ("R is mixed: it holds with the cofactor alone",
             mixed(key, text, ORDER_8[0], public))):
        add(why, signature, "SIGNATURE")
    for why, point in SMALL:
        # With the neutral element as R it would hold, by the equation alone.
        h = challenge(point, public, text)
        add("R of order " + why, signature_of(point, h * scalar % L),
            "SIGNATURE")
    odd = (P + 1).to_bytes(32, "little")  # the neutral element once more
    add("R that is not canonical", signature_of(
        odd, challenge(odd, public, text) * scalar % L), "SIGNATURE")
    add("another text", good, "SIGNATURE", message=b"text")
    add("another key", good, "SIGNATURE",
        of=p.Key(p.sha256(b"another")).public)
    for why, point in SMALL:
        add("public key of order " + why, signature_of(NEUTRAL, 0),
            "KEY_INVALID", of=point)
    for why, encoded in (
            ("p, which is y = 0", P.to_bytes(32, "little")),
            ("p + 1, which is y = 1", odd),
            ("y = 1 with the sign of -0", b"\x01" + bytes(30) + b"\x80")):
        add("public key that is not canonical: " + why,
            signature_of(NEUTRAL, 0), "KEY_INVALID", of=encoded)
    add("public key that is no point", good, "KEY_INVALID",
        of=b"\x02" + bytes(31))
    away = bindings.crypto_core_ed25519_add(public, ORDER_8[0])
    add("public key of mixed order: it holds with the cofactor",
        mixed(key, text, None, away), "KEY_INVALID", of=away)
    return rows


# HTTP: bytes to status

def http(bob, message, handshake):
    """Whole requests to bob's server, which knows alice's: the status of the
    answer, and whether the connection stays."""
    rows = []
    host = "Host: %s\r\n" % bob.address

    def add(why, outcome, data, closes=None):
        if closes is None:
            closes = outcome in (400, 411, 413, 417, 431, 505)
        rows.append({
            "why": why, "outcome": str(outcome), "closes": closes,
            "bytes": p.b64(data if isinstance(data, bytes)
                           else data.encode("latin-1"))})

    def post(body, path="message", kind="application/json", length=None,
             more="", method="POST", version="1.1", first=host):
        return "%s /federation/%s HTTP/%s\r\n%s%s%s%s\r\n%s" % (
            method, path, version, first,
            "Content-Type: %s\r\n" % kind if kind else "",
            "" if length is False else "Content-Length: %s\r\n" % (
                len(body.encode()) if length is None else length), more, body)

    def get(path="ping", more="", first=host, method="GET", version="1.1"):
        return "%s /federation/%s HTTP/%s\r\n%s%s\r\n" % (
            method, path, version, first, more)

    add("ping", 200, get())
    add("info", 200, get("info"))
    add("a message", 200, post(message).encode())
    add("a handshake", 200, post(handshake, "handshake").encode())
    add("charset=utf-8", 200, post(
        message, kind="application/json; charset=utf-8").encode())
    add("names of fields and the type in other cases", 200, post(
        message, kind="Application/JSON", more="CONNECTION: Keep-Alive\r\n"
    ).encode())
    add("Connection: close", 200, get(more="Connection: close\r\n"), True)
    for value in ("keep-alive,", ", ,keep-alive", ",", ""):
        add("Connection with empty elements: %r" % value, 200,
            get(more="Connection:%s\r\n" % value))
    add("Connection with an empty element and close", 200,
        get(more="Connection: ,close\r\n"), True)
    add("spaces and tabs around a value", 200, get(more="X: \t y \t\r\n"))
    add("Content-Length: 0 with GET", 200, get(more="Content-Length: 0\r\n"))
    add("16 fields", 200, get(more="X: y\r\n" * 15))
    add("17 fields", 431, get(more="X: y\r\n" * 16))
    add("a head of 4097 bytes", 431, get(
        more="X: %s\r\n" % ("y" * (4097 - len(get()) - 5))))
    add("no Host", 400, get(first=""))
    add("Host twice", 400, get(first=host * 2))
    add("another Host", 400, get(first="Host: localhost\r\n"))
    add("Host with a port", 400, get(first=host.replace("\r", ":80\r")))
    add("Host in upper case", 400, get(first=host.upper()))
    add("Content-Length twice", 400, post(
        "{}", more="Content-Length: 2\r\n"))
    for length in ("+2", "-2", "02", "0x2", "2, 2", "", "2.0",
                   "99999999999"):
        add("Content-Length: %r" % length, 400, post("{}", length=length))
    add("Content-Length above 262144", 413, post("", length=262145))
    add("no Content-Length", 411, post("", length=False))
    for value in ("chunked", "identity", ""):
        add("Transfer-Encoding: %r" % value, 400, post(
            "{}", more="Transfer-Encoding: %s\r\n" % value))
    add("Transfer-Encoding without Content-Length", 400, post(
        "0\r\n\r\n", length=False, more="Transfer-Encoding: chunked\r\n"))
    add("Upgrade", 400, get(more="Upgrade: h2c\r\n"))
    for value in ("upgrade", "close, TE", "Host"):
        add("Connection: " + value, 400, get(
            more="Connection: %s\r\n" % value))
    add("Expect", 417, post("{}", more="Expect: 100-continue\r\n"))
    add("Expect with another value", 417, post("{}", more="Expect: x\r\n"))
    add("Expect on a path that is none", 417, post(
        "{}", "nothing", more="Expect: 100-continue\r\n"))
    add("Expect with a method that is not allowed", 417, post(
        "{}", method="PUT", more="Expect: 100-continue\r\n"))
    add("Content-Encoding", 415, post(
        "{}", more="Content-Encoding: gzip\r\n"))
    for kind in ("text/plain", "application/json; charset=latin1",
                 "application/json; charset=utf-8; a=b", ""):
        add("Content-Type: %r" % kind, 415, post("{}", kind=kind))
    for path in ("", "ping/", "ping?", "Ping", "%70ing", "../federation/ping"):
        add("GET of a path that is none: %r" % path, 404, get(path))
    add("POST to a path that is none", 404, post("{}", "nothing"))
    add("GET of message", 405, get("message"))
    add("POST to ping", 405, post("{}", "ping"))
    add("PUT with a body", 405, post("{}", method="PUT"))
    add("PUT without a body", 405, get("message", method="PUT"))
    add("DELETE with a body", 405, post("{}", method="DELETE"))
    add("OPTIONS", 405, get("message", method="OPTIONS"))
    add("a method that nobody knows, with a body", 405, post(
        "{}", method="FETCH"))
    add("a method in lower case", 405, get(method="get"))
    add("GET with a body", 400, get(more="Content-Length: 2\r\n") + "{}")
    add("GET of message with a body", 400, get(
        "message", more="Content-Length: 2\r\n") + "{}")
    add("HTTP/1.0", 505, get(version="1.0"))
    add("HTTP/2.0", 505, get(version="2.0"))
    add("HTTP/0.9", 400, "GET /federation/ping\r\n\r\n")
    add("absolute-form", 400, "GET http://%s/federation/ping HTTP/1.1\r\n%s"
        "\r\n" % (bob.address, host))
    add("asterisk-form", 400, "OPTIONS * HTTP/1.1\r\n%s\r\n" % host)
    add("an empty line first", 400, "\r\n" + get())
    add("bare LF", 400, get().replace("\r", ""))
    add("bare CR", 400, get(more="X: y\rz\r\n"))
    add("a folded line", 400, get(more="X: y\r\n z\r\n"))
    add("a space before the colon", 400, get(more="X : y\r\n"))
    add("a field without a name", 400, get(more=": y\r\n"))
    add("NUL", 400, get(more="X: \0\r\n"))
    add("a byte above 127", 400, get(more="X: \xff\r\n"))
    add("a request behind a request that is not answered yet", 400,
        post("{}").encode() + get().encode())
    add("a body that is no envelope", 400, post("{}"))
    add("an empty body", 400, post(""))
    add("a message on the handshake's path", 400, post(
        message, "handshake").encode())
    add("a handshake on the other path", 400, post(handshake).encode())
    for why, more in (("a letter", "x"), ("LF", "\n"), ("a tab", "\t")):
        add("%s behind the envelope" % why, 400,
            post(message + more).encode())
    return rows
