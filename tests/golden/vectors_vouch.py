# SPDX-License-Identifier: ISC
"""Vectors of what a receiver makes of a revoked certificate, of invitations
that it is shown, and of heads: by federation(7), "Revoked certificates",
"Invitations" and "Heads"."""

import copy
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import peer as p  # noqa: E402
import vectors_rooms  # noqa: E402

ZERO = bytes(32)
RUN_MAX = 64


def revoking(alice, now):
    """Alice's server after it has revoked its first certificate."""
    later = copy.copy(alice)
    later.signing = p.Key(p.sha256(b"alice new signing"))
    later.certify(serial=now, not_before=now - p.DAY)
    return later


def event(server, number, previous, kind, payload, at):
    """A state event of a room of the server's, as it travels; its hash."""
    text = "\n".join([
        p.PROTOCOL + "/state", vectors_rooms.UUID + server.address,
        str(number), p.b64(previous), kind, p.time_text(at),
        server.certificate.key_id(),
        p.b64(p.sha256(p.canonical(payload)))]).encode()
    return {"payload": payload, "text": p.b64(text),
            "signature": p.b64(server.signing.sign(text))}, p.sha256(text)


# Runs of events

class Run:
    """Events from the first, each signed under one of two certificates."""

    def __init__(self, old, new, now):
        self.sides, self.now = {"o": old, "n": new}, now
        self.events, self.hashes = [], [ZERO]

    def add(self, letters):
        for letter in letters:
            number = len(self.events) + 1
            one, digest = event(
                self.sides[letter], number, self.hashes[-1],
                "rename" if number > 1 else "create",
                {"metadata": "AAAA"} if number > 1 else {
                    "allowedServers": None, "federation": True,
                    "creator": "alice@" + self.sides["o"].address,
                    "requireInviteForJoin": True}, self.now)
            self.events.append(one)
            self.hashes.append(digest)
        return self


def counted(letters):
    """How many of a run count: up to the last under the new certificate."""
    return letters.rfind("n") + 1


def vouching(alice, bob, now):
    """Items of the type room_state; the letters say under which certificate
    each event is, the revoked one or the new one."""
    new, rows = revoking(alice, now), []
    carol = p.onion_address(p.Key(p.sha256(b"carol identity")).public)

    def add(why, letters, taken=None, outcome=None, via=carol, seen=True,
            change=None, have=0, first=1):
        run = Run(alice, new, now).add(letters)
        shown = run.events[first - 1:]
        if change:
            change(shown)
        if taken is None:
            taken = max(counted(letters) - have, 0)
        rows.append({
            "why": why, "via": via, "seen": seen, "have": have,
            "taken": taken, "outcome": outcome or (
                "accepted" if have + taken == len(letters)
                else "retry UNVOUCHED"),
            "payload": p.canonical({
                "certificates": [
                    p.b64(one.certificate.encode())
                    for one, letter in ((alice, "o"), (new, "n"))
                    if letter in letters],
                "events": shown}).decode()})

    def hole(events):
        del events[2]

    def elsewhere(events):
        run = Run(alice, new, now).add("ooo")
        events[-1] = event(new, 4, run.hashes[1], "rename",
                           {"metadata": "AAAA"}, now)[0]

    def forged(events):
        events[-1] = dict(events[-1], signature=events[0]["signature"])
    add("a run under a revoked certificate alone", "ooo")
    add("the same, carried by the home itself", "ooo", 3, via=alice.address)
    add("the same, before the revocation was seen", "ooo", 3, seen=False)
    add("the same, of which all is there already", "ooo", 0, "duplicate",
        have=3)
    add("the same, of which the last is new", "ooo", 0, have=2)
    add("one that ends under the new one", "ooon")
    add("events under the new one alone", "nnn")
    add("what lies behind the last under the new one", "oonoo")
    add("under the new one, the revoked one, the new one", "nonon")
    add("with a hole before the event under the new one", "ooon", 0,
        change=hole, outcome="retry UNVOUCHED")
    add("whose last names another predecessor", "ooon", 0,
        change=elsewhere, outcome="retry UNVOUCHED")
    add("whose last has another signature", "ooon", 0, change=forged,
        outcome="retry UNVOUCHED")
    add("64 events, the last of them under the new one",
        "o" * (RUN_MAX - 1) + "n")
    add("64 events, the 65th of which would be under the new one",
        "o" * RUN_MAX)
    add("65 events, the last of them under the new one",
        "o" * RUN_MAX + "n", 0, "rejected PAYLOAD_MALFORMED")
    add("the event of the new key alone, with what is stored before it",
        "ooon", 1, "accepted", have=3, first=4)
    del bob
    return rows


# Evidence, one side of which may be under the revoked certificate

def evidence(alice, bob, now):
    new, rows = revoking(alice, now), []
    old_serial = alice.certificate.serial
    payload = {"metadata": "AAAA"}

    def side(server, number, previous=ZERO, metadata="AAAA"):
        one, digest = event(server, number, previous or p.sha256(b"before"),
                            "rename", dict(payload, metadata=metadata), now)
        return {"canonicalPayload": p.canonical(one["payload"]).decode(),
                "signature": one["signature"],
                "signingText": p.unb64(one["text"]).decode()}, digest

    def add(why, kind, pair, serials, disputed, named=(), carried=False,
            minimum=None):
        rows.append({
            "why": why, "kind": kind, "first": pair[0], "second": pair[1],
            "serials": serials, "disputed": disputed, "carried": carried,
            "minSerial": now if minimum is None else minimum,
            "named": [p.b64(digest) for digest in named]})
    before = p.sha256(b"before")
    first, digest = side(alice, 5, before)
    other, _ = side(new, 5, before, "AAAB")
    behind, _ = side(new, 6, p.sha256(b"another"))
    both = (first, side(alice, 5, before, "AAAB")[0])
    mixed, old, fresh = [old_serial, now], [old_serial] * 2, [now, now]
    add("two events of one number, one under a revoked certificate",
        "state", (first, other), mixed, 0)
    add("the same, changed over", "state", (other, first), mixed[::-1], 0)
    add("the same, before the revocation was seen", "state", (first, other),
        mixed, 5, minimum=old_serial)
    add("the same, shown by the home itself", "state", (first, other), mixed,
        5, carried=True)
    add("the same, of which what the home vouches for names the one",
        "state", (first, other), mixed, 5, [p.sha256(b"head"), digest])
    add("two under a revoked certificate", "state", both, old, 0)
    add("two under a revoked certificate, one of which is named", "state",
        both, old, 0, [digest])
    add("two under the new certificate", "state",
        (side(new, 5, before)[0], other), fresh, 5)
    add("an event that names another predecessor than the one under a "
        "revoked certificate", "state", (first, behind), mixed, 0)
    add("the same, of which the other is named", "state", (first, behind),
        mixed, 5, [digest])
    evidence_messages(bob, add, alice, mixed, old)
    return rows


def evidence_messages(bob, add, alice, mixed, old):
    stream = vectors_rooms.Stream(
        bob, vectors_rooms.UUID + alice.address, "")
    before = p.sha256(b"before")
    digest = stream.add(7, before)
    stream.add(7, before, content="AAAB")
    stream.add(8, p.sha256(b"another"))
    one, two, next_one = ({name: row[name] for name in ("id", "payload")}
                          for row in stream.rows)
    add("two contents of one number, one under a revoked certificate",
        "message", (one, two), mixed, 0)
    add("the same, of which the one is named", "message", (one, two), mixed,
        7, [digest])
    add("the same, both under it and shown by the origin itself", "message",
        (one, two), old, 7, carried=True)
    add("a number that names another before it than the one under a revoked "
        "certificate", "message", (one, next_one), mixed, 0)


# Invitations that are shown

def invitations(alice, bob, now):
    """Bob's server has the users bob and carl."""
    rows, new = [], revoking(alice, now)
    carol = p.Identity(p.sha256(b"carol identity"),
                       p.sha256(b"carol signing"), serial=now - p.DAY,
                       not_before=now - p.DAY)
    a, b = "alice@" + alice.address, "bob@" + bob.address

    def made(number=1, lasts=7 * p.DAY, at=now, home=alice, invitee=b,
             inviter=a, key=b"key", metadata=None, **more):
        one, _ = event(home, 1 + number, p.sha256(b"before"), "invite", {
            "expires": p.time_text(at + lasts), "invitee": invitee,
            "inviter": inviter, "nonce": vectors_rooms.nonce(number)}, at)
        return dict({"certificate": p.b64(home.certificate.encode()),
                     "encryptedRoomKey": p.b64(key), "event": one,
                     "metadata": metadata or {}}, **more)

    def add(why, outcome, payload, before=(), level=2, via=alice.address,
            seen=False):
        rows.append({
            "why": why, "outcome": outcome, "level": level, "via": via,
            "seen": seen, "before": [
                p.canonical(one).decode() for one in before],
            "payload": p.canonical(payload).decode()})
    malformed, expired = "rejected PAYLOAD_MALFORMED", \
        "rejected INVITE_EXPIRED"
    for level in (1, 2, 3):
        add("from level %d" % level, "accepted", made(), level=level)
    for why, outcome, payload in (
            ("a key of 1 byte", "accepted", made(key=b"k")),
            ("a key of 4096 bytes", "accepted", made(key=bytes(4096))),
            ("a key of 4097 bytes", malformed, made(key=bytes(4097))),
            ("metadata of 4096 bytes", "accepted",
             made(metadata={"a": "b" * (4096 - 8)})),
            ("metadata of 4097 bytes", malformed,
             made(metadata={"a": "b" * (4097 - 8)})),
            ("7 days and a second", expired, made(lasts=7 * p.DAY + 1)),
            ("8 days", expired, made(lasts=8 * p.DAY)),
            ("it ends when it begins", expired, made(lasts=0)),
            ("it ends now", "accepted", made(at=now - 60, lasts=60)),
            ("it has ended", expired, made(at=now - 60, lasts=59)),
            ("another server's user", "rejected INVITE_UNKNOWN",
             made(invitee="carol@" + carol.address)),
            ("nobody there", "rejected INVITE_UNKNOWN",
             made(invitee="nobody@" + bob.address)),
            ("the inviter is another server's", "rejected SPEAKER",
             made(inviter="carol@" + carol.address)),
            ("the receiver's own room, which has no such event",
             "rejected INVITE_UNKNOWN", made(home=bob))):
        add(why, outcome, payload)
    add("nobody there, from level 1: it must not tell", "accepted",
        made(invitee="nobody@" + bob.address), level=1)
    add("another signature", "rejected NOT_HOME", dict(made(), event=dict(
        made()["event"], signature=made(2)["event"]["signature"])))
    add("another server's certificate", "rejected NOT_HOME", made(
        certificate=p.b64(carol.certificate.encode()), home=new))
    invitations_before(add, made, bob)
    for why, outcome, via, inviter, home, seen in (
            ("the revocation has not been seen", "accepted", carol, None,
             alice, False),
            ("shown by another server", "rejected INVITE_VOID", carol, None,
             alice, True),
            ("shown by the home", "accepted", alice, a, alice, True),
            ("under the new one, by another server", "accepted", carol, None,
             new, True)):
        add("under a revoked certificate: " + why, outcome, made(
            inviter=inviter or "carol@" + carol.address, home=home),
            via=via.address, seen=seen)
    return rows


def invitations_before(add, made, bob):
    """What was shown before counts."""
    add("the same again, with another key", "duplicate", made(key=b"other"),
        [made()])
    add("another event with its nonce", "rejected STATE_INVALID",
        made(lasts=60), [made()])
    ten = [made(number) for number in range(1, 11)]
    for level in (1, 2):
        add("the tenth that waits, from level %d" % level, "accepted",
            ten[9], ten[:9], level)
        add("the eleventh, from level %d" % level, "retry INVITE_LIMIT",
            made(11, invitee="carl@" + bob.address), ten, level)
        add("the eleventh, which is one of the ten, from level %d" % level,
            "duplicate", ten[3], ten, level)
    add("the eleventh, to nobody, from level 1", "retry INVITE_LIMIT",
        made(11, invitee="nobody@" + bob.address), ten, 1)


# Heads

def heads():
    """What a server asks for that has ours, and is shown theirs. at, tip:
    what it has under their sequence (number) and highest."""
    rows, most = [], 2 ** 53 - 1

    def digest(text):
        return p.b64(p.sha256(text.encode()))

    def add(kind, why, ours, theirs, asks):
        full = {"disputed": 0, "number": 0, "hash": p.b64(ZERO), "at": None} \
            if kind == "state" else {
                "sequence": 0, "highest": 0, "forked": 0, "at": None,
                "tip": None}
        rows.append({
            "kind": kind, "why": why, "ours": dict(full, **ours), "theirs": {
                name: value for name, value in dict(full, **dict(
                    {} if kind == "state" else {
                        "digest": p.b64(ZERO), "tip": p.b64(ZERO)},
                    **theirs)).items() if name != "at"},
            "asks": [{"from": first, "to": last, "want": want}
                     for first, last, want in asks]})

    def state(*row):
        add("state", *row)

    def stream(*row):
        add("stream", *row)

    def told(number, **more):
        return dict({"number": number, "hash": digest("event")}, **more)
    same, other = digest("event"), digest("another")
    state("nothing on either side", {}, {}, [])
    state("as many", dict(number=5, at=same), told(5), [])
    state("they have less", dict(number=9, at=same), told(5), [])
    state("they have more", dict(number=5), told(9), [(6, 9, "items")])
    state("64 more", dict(number=5), told(69), [(6, 69, "items")])
    state("65 more: 64 at a time", dict(number=5), told(70),
          [(6, 69, "items")])
    state("as far as there are numbers", {}, told(most), [(1, 64, "items")])
    state("another event of one number", dict(number=5, at=other), told(5),
          [(5, 5, "proof")])
    state("another event of a number before", dict(number=9, at=other),
          told(5), [(5, 5, "proof")])
    state("they have evidence", dict(number=5, at=same),
          told(5, disputed=6), [(6, 6, "evidence")])
    state("they have evidence of a lower number",
          dict(number=9, disputed=8, at=same), told(3, disputed=4),
          [(4, 4, "evidence")])
    state("they have evidence of a higher number",
          dict(number=9, disputed=4, at=same), told(3, disputed=8), [])
    state("an event in dispute, of which they do not know",
          dict(number=9, disputed=6, at=same), told(7), [(6, 6, "proof")])
    state("more, of a room that is frozen", dict(number=6, disputed=6),
          told(9), [(6, 6, "proof")])
    heads_streams(stream, digest, most)
    return rows


def heads_streams(stream, digest, most):
    item, tip, other = digest("item"), digest("tip"), digest("another")

    def told(sequence, highest=None, **more):
        return dict({"sequence": sequence, "highest": highest or sequence,
                     "digest": item, "tip": tip if highest else item}, **more)

    def here(sequence, highest=None, **more):
        return dict({"sequence": sequence, "highest": highest or sequence},
                    **more)
    stream("nothing on either side", {}, {}, [])
    stream("as many", here(5, at=item, tip=item), told(5), [])
    stream("they have more", here(5), told(9), [(6, 9, "items")])
    stream("256 more", here(5), told(261), [(6, 261, "items")])
    stream("257 more: 256 at a time", here(5), told(262),
           [(6, 261, "items")])
    stream("they have more behind a gap of their own", here(5, at=item),
           told(5, 9), [(6, 9, "items")])
    stream("their tip is as far as there are numbers", here(0),
           told(0, most, digest=p.b64(ZERO)), [(1, 256, "items")])
    stream("they have less, and more behind a gap", here(7, at=item),
           told(5, 9), [(8, 9, "items")])
    stream("the same gap", here(5, 9, at=item, tip=tip), told(5, 9), [])
    stream("they have the gap that we have", here(5, 9), told(9),
           [(6, 9, "items")])
    stream("another item of their last contiguous number",
           here(5, at=other), told(5), [(5, 5, "proof")])
    stream("another item of their highest number",
           here(9, at=item, tip=other), told(5, 9), [(9, 9, "proof")])
    stream("digests that they do not know", here(5, at=item, tip=item),
           told(5, digest=p.b64(ZERO), tip=p.b64(ZERO)), [])
    stream("items that we do not have: declared", here(9), told(5, 9), [])
    stream("they have evidence", here(5, at=item), told(5, forked=6),
           [(6, 6, "evidence")])
    stream("they have evidence of a higher number",
           here(9, forked=4, at=item), told(3, forked=8), [])
    stream("another item behind the number that is known to be in dispute",
           here(9, forked=4, at=other), told(7), [])
    stream("more, of a stream that has ended", here(5, forked=6), told(9),
           [])
    stream("more, of a stream that ends further on", here(3, forked=6),
           told(9), [(4, 5, "items")])
