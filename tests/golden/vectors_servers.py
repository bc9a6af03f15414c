# SPDX-License-Identifier: ISC
"""Vectors of what servers say to each other and must be refused: requests,
handshakes and their certificates, acknowledgements, look-ups, server_sync."""

import copy
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import peer as p  # noqa: E402

import vectors_bytes as data  # noqa: E402

HASH = p.b64(bytes(32))


def nested(depth):
    value = depth
    for _ in range(depth):
        value = {"n": value}
    return value


def item_id(number):
    return "%08x-3f0c-4d2a-8b61-7a5e9c0d1f23" % number


# Requests: the whole of what bob's server says, with alice's at level 2

def requests(alice, bob, now, vectors):
    rows = []

    def add(why, outcome, kind, payload, who=alice, to=None, at=now,
            level=2, **members):
        envelope = who.envelope(
            to or bob.address, kind, payload, timestamp=p.time_text(at),
            **dict({"id": item_id(len(rows))}, **members))
        row = {"why": why, "outcome": outcome, "envelope": p.encode(
            envelope, padded=False).decode()}
        if outcome.endswith("CLOCK_AHEAD") or outcome.endswith("BEHIND"):
            row["seconds"] = (abs(at - now) + 150) // 300 * 300
        if level != 2:
            row["level"] = level
        rows.append(row)

    text = {"encryptedContent": "AAAA"}

    def payload(name):
        return json.loads(vectors[name]["canonicalPayload"])
    add("a message", "accepted", "message", text)
    add("a message from level 1", "accepted", "message", text, level=1)
    add("an empty payload", "accepted", "message", {})
    add("an empty encryptedContent without a room: nobody looks at it",
        "accepted", "message", {"encryptedContent": ""})
    add("300 seconds ahead", "accepted", "message", text, at=now + 300)
    add("300 seconds behind", "accepted", "message", text, at=now - 300)
    add("a payload that nests 8 deep, itself being 1", "accepted", "message",
        nested(8))
    add("a payload of 65536 bytes", "accepted", "message", {
        "a": "b" * (65536 - 8)})
    add("a message from level 0", "rejected UNTRUSTED", "message", text,
        level=0)
    add("a look-up from level 0", "rejected UNTRUSTED", "user_lookup",
        {"handle": "bob"}, level=0)
    add("a type that nobody knows, from level 0", "rejected UNTRUSTED",
        "nonsense", {}, level=0)
    add("a blocked server", "401", "message", text, level=-1)
    add("301 seconds: the sender's clock is ahead of the receiver's",
        "retry CLOCK_AHEAD", "message", text, at=now + 301)
    add("301 seconds: the sender's clock is behind", "retry CLOCK_BEHIND",
        "message", text, at=now - 301)
    add("an hour ahead", "retry CLOCK_AHEAD", "message", text, at=now + 3600)
    add("a stranger whose clock is ahead", "401", "message", text,
        at=now + 301, level=0)
    add("for another server", "401", "message", text, to=alice.address)
    add("a payload of 65537 bytes", "rejected PAYLOAD_TOO_LARGE", "message", {
        "a": "b" * (65537 - 8)})
    add("a payload that nests 9 deep", "400", "message", nested(9))
    for kind in ("ack", "notice", "nonsense", "room_nothing"):
        add("%s as a request" % kind, "rejected TYPE_UNKNOWN", kind,
            payload("ack") if kind == "ack" else {})
    stranger = p.Identity(p.sha256(b"carol identity"),
                          p.sha256(b"carol signing"), serial=now - 86400,
                          not_before=now - 86400)
    add("a server that has not introduced itself", "401", "message", text,
        who=stranger)
    add("another server's key", "401", "message", text,
        keyId=stranger.certificate.key_id())
    add("another server's address", "401", "message", text,
        originServer=stranger.address)
    add("itself", "401", "message", text, who=bob)
    for why, handle in (
            ("upper case", "Bob"), ("nothing", ""), ("a dot first", ".bob"),
            ("65 characters", "b" * 65), ("an at sign", "bob@server"),
            ("a letter beyond ASCII", "b\u00f6b"), ("a space", "bob "),
            ("a number", 7), ("null", None)):
        add("look-up of a handle: " + why, "rejected PAYLOAD_MALFORMED",
            "user_lookup", {"handle": handle})
    add("look-up without a handle", "rejected PAYLOAD_MALFORMED",
        "user_lookup", {})
    add("look-up of 64 characters", "accepted", "user_lookup",
        {"handle": "b" * 64})
    add("look-up from level 1, which finds nobody", "accepted",
        "user_lookup", {"handle": "bob"}, level=1)
    return rows


# Handshakes and certificates

def handshakes(alice, bob, now):
    """Payloads of handshakes; the certificate is good."""
    rows = []

    def add(why, outcome, change):
        payload = alice.handshake_payload()
        change(payload)
        envelope = alice.envelope(
            bob.address, "handshake", payload, id=item_id(512 + len(rows)),
            timestamp=p.time_text(now))
        rows.append({"why": why, "outcome": outcome, "envelope": p.encode(
            envelope, padded=False).decode()})

    def put(**members):
        return lambda payload: payload.update(members)
    add("labels of 64 and 256 bytes, a version of 50", "accepted", put(
        name="n" * 64, description="d" * 256, version="v" * 50))
    add("8 protocols of 32 bytes, ours among them", "accepted", put(
        protocols=["p" * 32] * 7 + [p.PROTOCOL]))
    add("a member that nobody knows", "accepted", put(more=[1]))
    add("other protocols alone", "rejected VERSION", put(
        protocols=["tor-chat-federation-v2"]))
    for why, change in (
            ("no certificate", lambda v: v.pop("certificate")),
            ("no protocols", lambda v: v.pop("protocols")),
            ("protocols is empty", put(protocols=[])),
            ("9 protocols", put(protocols=[p.PROTOCOL] * 9)),
            ("an empty protocol name", put(protocols=[p.PROTOCOL, ""])),
            ("a protocol name of 33 bytes",
             put(protocols=[p.PROTOCOL, "p" * 33])),
            ("a protocol that is a number", put(protocols=[p.PROTOCOL, 1])),
            ("protocols is a string", put(protocols=p.PROTOCOL)),
            ("a name of 65 bytes", put(name="n" * 65)),
            ("a name of 64 characters in 128 bytes",
             put(name="\u00f6" * 64)),
            ("a name that is null", put(name=None)),
            ("a description of 257 bytes", put(description="d" * 257)),
            ("a version of 51 bytes", put(version="v" * 51)),
            ("a certificate that is null", put(certificate=None)),
            ("a certificate that is no base64", put(certificate="*")),
            ("a payload above 65536 bytes", put(more="m" * 65536))):
        add(why, "400", change)
    return rows


def certificates(alice, bob, now):
    """Each alone, and in a handshake to bob's server, which knows alice's."""
    rows = []
    known = alice.certificate.serial

    def add(why, outcome, code, signed=None, text=None, alone=None, **fields):
        fields = dict({"serial": known + 60, "min_serial": known,
                       "not_before": now - 86400}, **fields)
        made = p.Certificate(alice.key, alice.signing.public, **fields)
        whole = made.encode(signed and signed.sign(made.text()))
        if text:
            whole = text(whole)
        who = copy.copy(alice)
        who.certificate = made
        envelope = who.envelope(
            bob.address, "handshake", {
                "certificate": p.b64(whole), "protocols": [p.PROTOCOL]},
            id=item_id(768 + len(rows)), timestamp=p.time_text(now))
        row = {"why": why, "certificate": whole.decode("latin-1"),
               "outcome": outcome, "envelope": p.encode(
                   envelope, padded=False).decode()}
        if code:
            row["code"] = code
        if alone:  # good by itself, and refused for what is known
            row["alone"] = alone
        rows.append(row)

    day = p.DAY
    add("a later serial", "accepted", None)
    add("90 days", "accepted", None, not_after=now + 89 * day)
    add("ends a day ago: grace", "accepted", None, not_before=now - 50 * day,
        not_after=now - day)
    add("begins in a day: grace", "accepted", None, not_before=now + day)
    add("a serial 24 hours ahead", "accepted", None, serial=now + day)
    add("minSerial is the serial", "accepted", None, min_serial=known + 60)
    add("a second address and a client key", "accepted", None,
        door=bob.address, client=p.b64(p.sha256(b"client")))
    for why, code, fields in (
            ("expired", "CERTIFICATE_EXPIRED", {
                "not_before": now - 50 * day, "not_after": now - day - 1}),
            ("not yet valid", "CERTIFICATE_NOT_YET", {
                "not_before": now + day + 1}),
            ("a serial over 24 hours ahead", "CERTIFICATE_SERIAL", {
                "serial": now + day + 1}),
            ("minSerial above the serial", "CERTIFICATE_SERIAL", {
                "min_serial": known + 61}),
            ("over 90 days", "CERTIFICATE_LIFETIME", {
                "not_after": now + 89 * day + 1}),
            ("ends as it begins", "CERTIFICATE_LIFETIME", {
                "not_after": now - day}),
            ("ends before it begins", "CERTIFICATE_LIFETIME", {
                "not_after": now - 2 * day}),
            ("a signing key of order 4", "KEY_INVALID", {}),
            ("signed by the signing key", "SIGNATURE", {
                "signed": alice.signing}),
            ("signed by another server", "SIGNATURE", {"signed": bob.key}),
            ("a second address of small order", "KEY_INVALID", {
                "door": p.onion_address(bytes(32))})):
        if why.startswith("a signing key"):
            fields = {"text": None}
            made = p.Certificate(alice.key, bytes(32), serial=known + 60,
                                 min_serial=known, not_before=now - day)
            fields["text"] = lambda _, made=made: made.encode()
        add(why, "401", code, **fields)
    for why, fields in (
            ("a serial below the highest seen", {"serial": known - 1,
                                                 "min_serial": known - 1}),
            ("a known serial with other content", {
                "serial": known, "not_before": now - 86401})):
        add(why, "401", None, alone="accepted", **fields)

    def lines(change):
        def changed(whole):
            split = whole.decode().split("\n")
            change(split)
            return "\n".join(split).encode()
        return changed

    def line(number, value):
        return lines(lambda split: split.__setitem__(number, value))
    for why, text in (
            ("a line less", lines(lambda split: split.pop(8))),
            ("a line more", lines(lambda split: split.insert(8, "-"))),
            ("no LF at the end", lambda whole: whole[:-1]),
            ("LF more at the end", lambda whole: whole + b"\n"),
            ("CR LF", lambda whole: whole.replace(b"\n", b"\r\n")),
            ("another domain", line(0, p.PROTOCOL + "/envelope")),
            ("an address in upper case", line(1, alice.address.upper())),
            ("a serial with a zero first", line(2, "0%d" % known)),
            ("a serial with a sign", line(2, "+%d" % known)),
            ("a serial above 2^53-1", line(2, str(2 ** 53))),
            ("a time that is none", line(4, "2026-02-30T00:00:00Z")),
            ("a time with an offset", line(5, "2026-03-01T00:00:00+00:00")),
            ("a key of 31 bytes", line(6, p.b64(bytes(31)))),
            ("a key without padding", line(6, HASH.rstrip("="))),
            ("a key with unused bits set", line(6, HASH[:-2] + "B=")),
            ("no second address", line(7, "")),
            ("a client key of 33 bytes", line(8, p.b64(bytes(33)))),
            ("a signature of 63 bytes", line(9, p.b64(bytes(63))))):
        add(why, "400", "CERTIFICATE_MALFORMED", text=text)
    return rows


# Acknowledgements

def acknowledgements(alice, bob, now, vectors):
    """Answers of bob's server to alice's message; what does not count is as
    if there were no answer: the item is tried again."""
    rows = []

    def add(why, code, payload=None, who=bob, to=None, kind="ack", after=None,
            **members):
        good = {"credit": 64, "requestHash": vectors["message"]["requestHash"],
                "results": [{"status": "accepted"}]}
        good.update(payload or {})
        good = {name: value for name, value in good.items()
                if value is not ...}
        envelope = who.envelope(to or alice.address, kind, good, **dict(
            {"id": item_id(1024 + len(rows)),
             "timestamp": p.time_text(now)}, **members))
        envelope.update(after or {})
        row = {"why": why, "request": "message",
               "envelope": p.encode(envelope, padded=False).decode()}
        if code is None:
            result = good["results"][0]
            row["outcome"] = " ".join(filter(None, (
                result["status"], result.get("code"))))
        else:
            row.update(code=code, outcome="none")
        rows.append(row)

    def result(**members):
        return {"results": [members]}
    add("accepted", None)
    add("duplicate", None, result(status="duplicate"))
    add("rejected", None, result(status="rejected", code="ID_CONFLICT"))
    add("retry", None, result(status="retry", code="RATE", seconds=0))
    add("a code that nobody knows", None, result(
        status="rejected", code="NEWER"))
    add("members that nobody knows", None, {"more": 1, "results": [
        {"status": "accepted", "more": 1}]})
    add("a timestamp that is a day old", None, timestamp=p.time_text(
        now - p.DAY))
    add("of another request", "ANSWER_UNBOUND",
        {"requestHash": vectors["batch"]["requestHash"]})
    add("for another server", "ANSWER_UNBOUND", to=bob.address)
    add("of another server", "ANSWER_UNBOUND", who=alice,
        to=alice.address)
    add("of another type", "ANSWER_UNBOUND", kind="message")
    add("under a key that is not known", "KEY_UNKNOWN", keyId="0" * 64)
    add("with another signature", "ANSWER_SIGNATURE",
        after={"signature": p.b64(bytes(64))})
    add("changed after signing", "ANSWER_SIGNATURE",
        after={"id": item_id(4096)})
    for why, payload in (
            ("no credit", {"credit": ...}), ("credit 0", {"credit": 0}),
            ("credit 65", {"credit": 65}), ("credit \"1\"", {"credit": "1"}),
            ("no requestHash", {"requestHash": ...}),
            ("requestHash of 31 bytes", {"requestHash": p.b64(bytes(31))}),
            ("requestHash without padding", {
                "requestHash": HASH.rstrip("=")}),
            ("no results", {"results": ...}),
            ("no result", {"results": []}),
            ("two results of one item", {
                "results": [{"status": "accepted"}] * 2}),
            ("results is an object", {"results": {"status": "accepted"}}),
            ("a result that is a string", {"results": ["accepted"]}),
            ("no status", result(code="RATE")),
            ("a status that nobody knows", result(status="delivered")),
            ("rejected without a code", result(status="rejected")),
            ("a code that is a number", result(status="rejected", code=1)),
            ("retry without a code", result(status="retry", seconds=1)),
            ("retry without seconds", result(status="retry", code="RATE")),
            ("seconds below 0", result(status="retry", code="RATE",
                                       seconds=-1)),
            ("seconds in a string", result(status="retry", code="RATE",
                                           seconds="1"))):
        add(why, "ANSWER_JSON", payload)
    return rows


# Answers to look-ups

def lookup_answers(vectors):
    """The member answer of an acknowledgement to alice's look-up of bob."""
    good = json.loads(vectors["lookupAck"]["canonicalPayload"])["answer"]
    rows = [{"why": "bob", "answer": good, "outcome": "found"},
            {"why": "nobody", "answer": {}, "outcome": "nobody"}]

    def without(name):
        return {k: v for k, v in good.items() if k != name}
    rows.append({"why": "the optional members are missing", "outcome":
                 "found", "answer": {k: good[k] for k in (
                     "handle", "keyEpoch", "publicKey")}})
    for why, answer in [
            ("no " + name, without(name))
            for name in ("handle", "keyEpoch", "publicKey")] + [
                (why, dict(good, **members)) for why, members in (
                    ("another handle", {"handle": "bobby"}),
                    ("epoch 0", {"keyEpoch": 0}),
                    ("an epoch in a string", {"keyEpoch": "1"}),
                    ("an empty key", {"publicKey": ""}),
                    ("a key of 2049 bytes", {
                        "publicKey": p.b64(bytes(2049))}),
                    ("a key without padding", {"publicKey": "AAA"}),
                    ("an empty name", {"displayName": ""}),
                    ("a name of 129 bytes", {"displayName": "n" * 129}),
                    ("a name with LF", {"displayName": "a\nb"}),
                    ("a name with DEL", {"displayName": "a\x7fb"}),
                    ("a name with C1", {"displayName": "a\u0085b"}),
                    ("a name that turns the direction",
                     {"displayName": "a\u202eb"}),
                    ("a name with an isolate", {"displayName": "\u2066a"}),
                    ("a name with a line separator",
                     {"displayName": "a\u2028b"}),
                    ("an empty avatar", {"avatar": ""}),
                    ("an avatar of 16385 bytes", {
                        "avatar": p.b64(bytes(16385))}))]:
        rows.append({"why": why, "answer": answer, "outcome": "none",
                     "code": "PAYLOAD_MALFORMED"})
    return rows


# server_sync

def syncs(vectors):
    """Payloads of requests, but for those with answer: answers."""
    request = json.loads(vectors["sync"]["canonicalPayload"])
    voids = json.loads(vectors["syncVoids"]["canonicalPayload"])["answer"]
    brief = {"certificate": "e30=", "payloads": ["e30="], "text": "e30=",
             "signature": request["documents"][0]["signature"]}
    short = dict(request, documents=[brief])
    rows = []

    def add(why, change, base=short, answer=False, outcome=None):
        payload = copy.deepcopy(base)
        change(payload)
        if answer:
            payload = {"answer": payload}
        row = {"why": why, "payload": p.canonical(payload).decode(),
               "outcome": outcome or ("none" if answer else
                                      "rejected PAYLOAD_MALFORMED")}
        if answer:
            row["answer"] = True
        rows.append(row)

    def nothing(_):
        pass
    for why, base, answer in (("all members", request, False),
                              ("nothing", {}, False),
                              ("declarations", voids, True)):
        add(why, nothing, base, answer, "accepted")
    add("members that nobody knows", lambda v: v.update(more=1),
        outcome="accepted")
    for member in ("ask", "documents", "heads", "evidence"):
        add(member + " is an object", lambda v: v.update({member: {}}))
    for n, names in ((0, ("from", "globalRoomId", "to", "want")),
                     (1, ("epoch", "lane", "origin"))):
        for name in names:
            add("ask without " + name, lambda v: v["ask"][n].pop(name))
    for why, n, members in (
            ("from 0", 0, {"from": 0}), ("to below from", 0, {"to": 3}),
            ("65 events", 0, {"to": 4 + 64}),
            ("257 numbers of a stream", 1, {"to": 2 + 256}),
            ("lane 4", 1, {"lane": 4}), ("lane 0", 1, {"lane": 0}),
            ("epoch 0", 1, {"epoch": 0}),
            ("want is not known", 0, {"want": "all"}),
            ("proof of two numbers", 1, {"want": "proof", "to": 3}),
            ("evidence of two numbers", 0, {"want": "evidence", "to": 5}),
            ("origin is no address", 1, {"origin": "bob"}),
            ("a room that is none", 0, {"globalRoomId": "room"})):
        add("ask: " + why, lambda v: v["ask"][n].update(members))
    add("65 asks", lambda v: v.update(ask=[v["ask"][0]] * 65))
    for name in ("certificate", "signature", "text", "payloads"):
        add("document without " + name,
            lambda v: v["documents"][0].pop(name))
    add("document without payloads",
        lambda v: v["documents"][0].update(payloads=[]))
    add("document with 65 payloads",
        lambda v: v["documents"][0].update(payloads=["e30="] * 65))
    add("129 documents",
        lambda v: v.update(documents=[v["documents"][0]] * 129))
    add("evidence of one document",
        lambda v: v.update(evidence=[[v["documents"][0]]]))
    add("evidence of three documents",
        lambda v: v.update(evidence=[[v["documents"][0]] * 3]))
    for name in ("globalRoomId", "state", "streams"):
        add("head without " + name, lambda v: v["heads"][0].pop(name))
    for name in ("disputed", "hash", "number"):
        add("head's state without " + name,
            lambda v: v["heads"][0]["state"].pop(name))
    for name in ("digest", "epoch", "forked", "highest", "lane", "origin",
                 "sequence", "tip"):
        add("stream without " + name,
            lambda v: v["heads"][0]["streams"][0].pop(name))
    add("33 heads", lambda v: v.update(heads=[v["heads"][0]] * 33))
    add("voids in a request", lambda v: v.update(voids=voids["voids"]))
    for name in sorted(voids["voids"][0]):
        add("declaration without " + name,
            lambda v: v["voids"][0].pop(name), voids, True)
    add("ask in an answer", lambda v: v.update(ask=request["ask"]), voids,
        True)
    syncs_limits(add, request, short, voids)
    return rows


def syncs_limits(add, request, short, voids):
    """What there may be at most, and one more; what heads and declarations
    may not say of themselves."""
    most, refused = 2 ** 53 - 1, None
    for why, n, members, outcome in (
            ("64 events", 0, {"to": 4 + 63}, "accepted"),
            ("256 numbers of a stream", 1, {"to": 2 + 255}, "accepted"),
            ("number 2^53-1", 1, {"from": most, "to": most}, "accepted")):
        add("ask: " + why, lambda v: v["ask"][n].update(members),
            outcome=outcome)
    for why, outcome, change in (
            ("64 asks", "accepted",
             lambda v: v.update(ask=[v["ask"][0]] * 64)),
            ("document with 64 payloads", "accepted",
             lambda v: v["documents"][0].update(payloads=["e30="] * 64)),
            ("256 payloads of 128 documents", "accepted", lambda v: v.update(
                documents=[dict(v["documents"][0], payloads=["e30="] * 2)] *
                128)),
            ("257 payloads", refused, lambda v: v.update(
                documents=[dict(v["documents"][0], payloads=["e30="] * 2)] *
                127 + [dict(v["documents"][0], payloads=["e30="] * 3)])),
            ("32 heads", "accepted", lambda v: v.update(
                heads=[dict(v["heads"][0], streams=[])] * 32)),
            ("128 streams in two heads", "accepted", lambda v: v.update(
                heads=[dict(v["heads"][0], streams=v["heads"][0]["streams"] *
                            64)] * 2)),
            ("129 streams in two heads", refused, lambda v: v.update(
                heads=[dict(v["heads"][0], streams=v["heads"][0]["streams"] *
                            count) for count in (64, 65)]))):
        add(why, change, outcome=outcome)
    for why, outcome, members in (
            ("highest behind a gap", "accepted", {"highest": 1025}),
            ("highest is the last contiguous number", "accepted",
             {"sequence": 7, "highest": 7}),
            ("highest below the last contiguous number", refused,
             {"sequence": 7, "highest": 6}),
            ("nothing, and digests of zeros", "accepted",
             {"sequence": 0, "highest": 0, "digest": HASH, "tip": HASH}),
            ("a tip that is not known", "accepted",
             {"highest": 9, "tip": HASH}),
            ("a tip of 31 bytes", refused, {"tip": p.b64(bytes(31))}),
            ("a digest of 33 bytes", refused, {"digest": p.b64(bytes(33))}),
            ("sequence 2^53-1", "accepted",
             {"sequence": most, "highest": most}),
            ("sequence below 0", refused, {"sequence": -1}),
            ("forked at its first number", "accepted", {"forked": 1}),
            ("forked below 0", refused, {"forked": -1}),
            ("epoch 0", refused, {"epoch": 0}),
            ("lane 4", refused, {"lane": 4})):
        add("stream of a head: " + why,
            lambda v: v["heads"][0]["streams"][0].update(members), request,
            outcome=outcome)
    for why, outcome, state in (
            ("null: nothing is known", "accepted", None),
            ("number 0, and a hash of zeros", "accepted",
             {"disputed": 0, "hash": HASH, "number": 0}),
            ("an empty object", refused, {})):
        add("state of a head: " + why,
            lambda v: v["heads"][0].update(state=state), outcome=outcome)
    for why, outcome, members in (
            ("gone", "accepted", {"kind": "gone"}),
            ("of another kind", "none", {"kind": "lost"}),
            ("of 256 numbers", "accepted", {"last": 2 + 255}),
            ("of 257 numbers", "none", {"last": 2 + 256}),
            ("of the last 256 numbers there are", "accepted",
             {"first": most - 255, "last": most}),
            ("from number 0", "none", {"first": 0}),
            ("whose last is below its first", "none", {"last": 1}),
            ("of lane 0", "none", {"lane": 0}),
            ("of epoch 0", "none", {"epoch": 0})):
        add("declaration " + why, lambda v: v["voids"][0].update(members),
            voids, True, outcome)
    for count, outcome in ((64, "accepted"), (65, "none")):
        add("%d declarations" % count,
            lambda v: v.update(voids=v["voids"] * count), voids, True,
            outcome)
