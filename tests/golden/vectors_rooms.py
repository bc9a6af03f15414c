# SPDX-License-Identifier: ISC
"""Vectors of rooms: chains that keep and break each rule, streams, and pairs
that are evidence or none. The rules stand here once more, written from the
table in federation(7)."""

import copy
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import peer as p  # noqa: E402

UUID = "6b1f2d0c-8a44-4b7e-9d3f-2c5e7a9b1d60@"
ZERO = bytes(32)
INVITE_S = 7 * p.DAY
SERVERS_MAX = 256


METADATA_MAX = 16384
LISTED_MAX = 256


def nonce(number):
    return p.b64(bytes([number] * 16))


def server(number):
    return p.onion_address(p.Key(p.sha256(b"server %d" % number)).public)


def formed(kind, payload):
    """The limits of an event's payload, which is whole otherwise."""
    listed = payload.get("allowedServers") or []
    return (kind != "rename" or
            len(p.unb64(payload["metadata"])) <= METADATA_MAX) and \
        len(listed) <= LISTED_MAX and len(set(listed)) == len(listed)


class Room:
    """A room as one server knows it."""

    def __init__(self, home, now):
        self.home, self.now = home, now
        self.number, self.time, self.closed = 0, 0, False
        self.members = {}      # user: number of its last joining
        self.left = {}         # user: number of the last end, or taking back
        self.invitations = {}  # nonce: [number, invitee, expires, used]
        self.allowed, self.federation, self.required = None, True, False
        self.texts = {}        # number: text
        self.disputed = 0
        self.before = {0: []}  # number: members after it

    def admitted(self, user):
        server = user.split("@")[1]
        return server == self.home or self.federation and (
            self.allowed is None or server in self.allowed)

    def servers(self):
        return {user.split("@")[1] for user in self.members} - {self.home}

    def rule(self, kind, time, v):
        """The code that the home answers, or None."""
        if (self.number == 0) != (kind == "create") or time < self.time:
            return "STATE_INVALID"
        if self.closed and kind != "key":
            return "ROOM_CLOSED"
        if kind == "create" and v["creator"].split("@")[1] != self.home:
            return "SPEAKER"
        if kind == "invite":
            return self.rule_invite(time, v)
        if kind == "join":
            return self.rule_join(time, v)
        if kind == "leave" and v["member"] not in self.members:
            return "NOT_MEMBER"
        if kind == "remove" and v["member"] not in self.members and not any(
                invitee == v["member"] and not used and
                number > self.left.get(invitee, 0)
                for number, invitee, _, used in self.invitations.values()):
            return "NOT_MEMBER"
        return None

    def rule_invite(self, time, v):
        if v["inviter"] not in self.members:
            return "NOT_MEMBER"
        if v["invitee"] in self.members:
            return "STATE_INVALID"
        if not self.admitted(v["invitee"]):
            return "SERVER_EXCLUDED"
        if not time < p.time_value(v["expires"]) <= time + INVITE_S:
            return "INVITE_EXPIRED"
        return "INVITE_USED" if v["nonce"] in self.invitations else None

    def rule_join(self, time, v):
        user = v["member"]
        if user in self.members:
            return "STATE_INVALID"
        if not self.admitted(user):
            return "SERVER_EXCLUDED"
        if len(self.servers() | {user.split("@")[1]} - {self.home}) > \
                SERVERS_MAX:
            return "ROOM_FULL"
        if v["nonce"] is None:
            return "INVITE_REQUIRED" if self.required else None
        number, invitee, expires, used = self.invitations.get(
            v["nonce"], (0, None, 0, False))
        if invitee != user:
            return "INVITE_UNKNOWN"
        if used:
            return "INVITE_USED"
        if number < self.left.get(user, 0):
            return "INVITE_VOID"
        return "INVITE_EXPIRED" if time > expires else None

    def end(self, users):
        for user in list(users):
            del self.members[user]
            self.left[user] = self.number

    def effect(self, kind, time, v):
        self.number += 1
        self.time = time
        if kind in ("create", "join"):
            self.members[v.get("creator") or v["member"]] = self.number
        if kind == "create":
            self.required = v["requireInviteForJoin"]
        if kind in ("create", "allowed_servers"):
            self.allowed = v["allowedServers"]
        if kind in ("create", "federation"):
            self.federation = v["federation" if kind == "create"
                                else "enabled"]
        if kind == "invite":
            self.invitations[v["nonce"]] = [
                self.number, v["invitee"], p.time_value(v["expires"]), False]
        if kind == "join" and v["nonce"]:
            self.invitations[v["nonce"]][3] = True
        if kind in ("leave", "remove") and v["member"] in self.members:
            self.end([v["member"]])
        elif kind == "remove":
            self.left[v["member"]] = self.number
        if kind in ("allowed_servers", "federation"):
            self.end([user for user in self.members
                      if not self.admitted(user)])
        if kind == "close":
            self.closed = True
            self.end(self.members)
        self.before[self.number] = sorted(self.members)

    def dispute(self, number):
        self.disputed = min(self.disputed or number, number)

    def take(self, number, previous, kind, time, v, text):
        """What a receiver says, and the code of the rule that is broken."""
        if number <= self.number:
            if self.texts[number] == text:
                return "duplicate", None
            self.dispute(number)
            return "rejected STATE_CONFLICT", None
        if self.disputed:
            return "rejected ROOM_FROZEN", None
        if number > self.number + 1:
            return "retry STATE_GAP", None
        if previous != p.sha256(self.texts[self.number]):
            self.dispute(self.number)
            return "rejected STATE_CONFLICT", None
        code = self.rule(kind, time, v)
        if code:
            self.dispute(number)
            return "rejected STATE_INVALID", code
        if time > self.now + p.DAY:
            return "retry STATE_AHEAD", None
        self.texts[number] = text
        self.effect(kind, time, v)
        return "accepted", None

    def standing(self):
        """The members after the last event that stands."""
        return self.before[self.disputed - 1 if self.disputed and
                           self.disputed <= self.number else self.number]


class Chain:
    """Events of a room of alice's, and what a receiver makes of each."""

    def __init__(self, alice, now, why, **create):
        self.alice, self.now, self.why = alice, now, why
        self.room_id = UUID + alice.address
        self.room = Room(alice.address, now)
        self.room.texts[0] = None
        self.rows = []
        self.number, self.previous = 0, ZERO
        self.brief = False
        self.create(**create)

    def create(self, **members):
        self.add("create", **dict({
            "allowedServers": None, "creator": "alice@" + self.alice.address,
            "federation": True, "requireInviteForJoin": True}, **members))

    def add(self, kind, code=None, outcome=None, after=0, number=None,
            previous=None, follows=True, **payload):
        """after: seconds after the vectors' time; code and outcome: what is
        expected, where it is not "accepted"."""
        number = number or self.number + 1
        previous = previous or self.previous
        text = "\n".join([
            p.PROTOCOL + "/state", self.room_id, str(number),
            p.b64(previous), kind, p.time_text(self.now + after),
            self.alice.certificate.key_id(),
            p.b64(p.sha256(p.canonical(payload)))]).encode()
        if number == 1:
            self.room.texts.setdefault(0, None)
        got, rule = self.take(number, previous, kind, self.now + after,
                              payload, text)
        expected = outcome or ("rejected STATE_INVALID" if code
                               else "accepted")
        assert (got, rule) == (expected, code), (self.why, kind, got, rule)
        row = {"canonicalPayload": p.canonical(payload).decode(),
               "signingText": text.decode(), "outcome": got,
               "signature": p.b64(self.alice.signing.sign(text))}
        if rule:
            row["code"] = rule
        if not self.brief:
            row["members"] = self.room.standing()
        self.rows.append(row)
        if follows and got == "accepted":
            self.number, self.previous = number, p.sha256(text)
        return self

    def take(self, number, previous, kind, time, payload, text):
        if not formed(kind, payload):
            return "rejected PAYLOAD_MALFORMED", None
        if number == 1 and self.room.number == 0:
            code = self.room.rule(kind, time, payload)
            if code:
                self.room.dispute(1)
                return "rejected STATE_INVALID", code
            self.room.texts[1] = text
            self.room.effect(kind, time, payload)
            return "accepted", None
        return self.room.take(number, previous, kind, time, payload, text)

    def invite(self, who, number, lasts=INVITE_S, inviter=None, **more):
        return self.add("invite", expires=p.time_text(
            self.now + more.get("after", 0) + lasts), invitee=who,
            inviter=inviter or "alice@" + self.alice.address,
            nonce=nonce(number), **more)

    def join(self, who, number=None, **more):
        return self.add("join", member=who,
                        nonce=number and nonce(number), **more)

    def leave(self, who, **more):
        return self.add("leave", member=who, **more)

    def remove(self, who, **more):
        return self.add("remove", member=who, **more)

    def servers(self, addresses, **more):
        return self.add("allowed_servers", allowedServers=addresses, **more)

    def row(self):
        return {"why": self.why, "events": self.rows}


def chains(alice, bob, now):
    made = []
    carol = p.onion_address(p.Key(p.sha256(b"carol identity")).public)
    a, b, c = ("alice@" + alice.address, "bob@" + bob.address,
               "carol@" + carol)
    dave = "dave@" + alice.address

    def chain(why, **create):
        made.append(Chain(alice, now, why, **create))
        return made[-1]

    chain_creation(chain, a, b)
    chain_close(chain, a, b)
    chain_invite(chain, alice, bob, a, b, c, dave)
    chain_join(chain, bob, a, b, c)
    chain_void(chain, a, b, c)
    chain_ends(chain, alice, bob, a, b, c)
    chain_order(chain, a, b)
    chain_full(chain, a)
    chain_limits(chain)
    return [one.row() for one in made]


def chain_creation(chain, a, b):
    one = chain("the creator is a user of the home", creator=a)
    del one
    refused = chain("the creator is another server's")
    refused.room = Room(refused.alice.address, refused.now)
    refused.room.texts[0] = None
    refused.rows, refused.number, refused.previous = [], 0, ZERO
    refused.add("create", "SPEAKER", allowedServers=None, creator=b,
                federation=True, requireInviteForJoin=True)
    chain("times may be equal").add("rename", metadata="AAAA").add(
        "rename", metadata="")
    chain("a time goes back").add("rename", metadata="AAAA", after=60).add(
        "rename", "STATE_INVALID", metadata="AAAA", after=59)
    chain("what changes nothing is good").servers(None).add(
        "federation", enabled=True).servers([]).servers([]).add("key")


def chain_close(chain, a, b):
    chain("key may follow close").add("close").add("key").add("key")
    for kind, payload in (
            ("invite", None), ("join", {"member": b, "nonce": None}),
            ("leave", {"member": a}), ("remove", {"member": a}),
            ("allowed_servers", {"allowedServers": None}),
            ("rename", {"metadata": "AAAA"}),
            ("federation", {"enabled": True}), ("close", {})):
        one = chain("%s after close" % kind, requireInviteForJoin=False)
        one.add("close")
        if payload is None:
            one.invite(b, 1, code="ROOM_CLOSED")
        else:
            one.add(kind, "ROOM_CLOSED", **payload)


def chain_invite(chain, alice, bob, a, b, c, dave):
    chain("an invitation of 7 days").invite(b, 1)
    for why, lasts in (("7 days and a second", INVITE_S + 1),
                       ("8 days", 8 * p.DAY), ("no time", 0),
                       ("less than none", -1)):
        chain("an invitation of " + why).invite(
            b, 1, lasts, code="INVITE_EXPIRED")
    chain("an invitation by one who is no member").invite(
        c, 1, inviter=b, code="NOT_MEMBER")
    chain("an invitation by one who was invited alone").invite(b, 1).invite(
        c, 2, inviter=b, code="NOT_MEMBER")
    chain("an invitation by one who has left").invite(b, 1).join(
        b, 1).leave(b).invite(c, 2, inviter=b, code="NOT_MEMBER")
    chain("an invitation by a member of another server").invite(b, 1).join(
        b, 1).invite(c, 2, inviter=b)
    chain("an invitation of a member").invite(b, 1).join(b, 1).invite(
        b, 2, code="STATE_INVALID")
    chain("an invitation while federation is off", federation=False).invite(
        dave, 1).invite(b, 2, code="SERVER_EXCLUDED")
    chain("an invitation beside the list of servers",
          allowedServers=[bob.address]).invite(b, 1).invite(dave, 2).invite(
              c, 3, code="SERVER_EXCLUDED")
    chain("an invitation under an empty list", allowedServers=[]).invite(
        b, 1, code="SERVER_EXCLUDED")
    chain("federation off weighs more than the list",
          allowedServers=[bob.address], federation=False).invite(
              b, 1, code="SERVER_EXCLUDED")
    chain("a nonce twice").invite(b, 1).invite(c, 1, code="INVITE_USED")
    chain("a nonce twice, once used").invite(b, 1).join(b, 1).leave(
        b).invite(b, 1, code="INVITE_USED")
    del alice


def chain_join(chain, bob, a, b, c):
    chain("a join without an invitation, where none is required",
          requireInviteForJoin=False).join(b)
    chain("a join with an invitation, where none is required",
          requireInviteForJoin=False).invite(b, 1).join(b, 1)
    chain("a join without an invitation, where one is required").invite(
        b, 1).join(b, code="INVITE_REQUIRED")
    chain("a join of a member").invite(b, 1).join(b, 1).join(
        b, code="STATE_INVALID")
    chain("a join of a member by a second invitation").invite(b, 1).invite(
        b, 2).join(b, 1).join(b, 2, code="STATE_INVALID")
    chain("a join by a nonce that no invitation has").join(
        b, 9, code="INVITE_UNKNOWN")
    chain("the same, where none is required",
          requireInviteForJoin=False).join(b, 9, code="INVITE_UNKNOWN")
    chain("a join by somebody else's invitation").invite(b, 1).join(
        c, 1, code="INVITE_UNKNOWN")
    chain("a join while federation is off", requireInviteForJoin=False).add(
        "federation", enabled=False).join(b, code="SERVER_EXCLUDED")
    chain("a join of one whose server the list has lost").invite(
        b, 1).servers([]).join(b, 1, code="SERVER_EXCLUDED")
    chain("a join at the end of the invitation").invite(
        b, 1, lasts=60).join(b, 1, after=60)
    chain("a join after the end of the invitation").invite(
        b, 1, lasts=60).join(b, 1, after=61, code="INVITE_EXPIRED")
    chain("a second join by one invitation").invite(b, 1).join(b, 1).leave(
        b).join(b, 1, code="INVITE_USED")
    del bob, a


def chain_void(chain, a, b, c):
    chain("a join by an invitation from before the leaving").invite(
        b, 1).invite(b, 2).join(b, 1).leave(b).join(
            b, 2, code="INVITE_VOID")
    chain("a join by an invitation from before the removal").invite(
        b, 1).invite(b, 2).join(b, 1).remove(b).join(
            b, 2, code="INVITE_VOID")
    chain("a join by an invitation that was taken back").invite(
        b, 1).remove(b).join(b, 1, code="INVITE_VOID")
    chain("an invitation after the leaving").invite(b, 1).join(b, 1).leave(
        b).invite(b, 2).join(b, 2)
    chain("one who left joins where no invitation is required",
          requireInviteForJoin=False).join(b).leave(b).join(b)
    chain("leave of one who is no member").leave(b, code="NOT_MEMBER")
    chain("leave of one who was invited").invite(b, 1).leave(
        b, code="NOT_MEMBER")
    chain("leave twice").invite(b, 1).join(b, 1).leave(b).leave(
        b, code="NOT_MEMBER")
    chain("remove of one who is no member").remove(c, code="NOT_MEMBER")
    chain("remove of an invitation that has expired").invite(
        b, 1, lasts=60).remove(b, after=61)
    chain("remove of an invitation twice").invite(b, 1).remove(b).remove(
        b, code="NOT_MEMBER")
    chain("remove of one who has left").invite(b, 1).join(b, 1).leave(
        b).remove(b, code="NOT_MEMBER")
    del a


def chain_ends(chain, alice, bob, a, b, c):
    def full(why):
        return chain(why, requireInviteForJoin=False).join(b).join(c)
    full("a list ends the membership of others").servers([bob.address])
    full("an empty list leaves the home's users").servers([])
    full("no list ends none").servers(None)
    full("federation off").add("federation", enabled=False).add(
        "federation", enabled=True)
    full("the home's own user is removed").remove(a).remove(b).leave(c)
    full("close").add("close")
    del alice


def chain_order(chain, a, b):
    def room(why):
        return chain(why, requireInviteForJoin=False).join(b)
    one = room("the same event again")
    one.add("join", outcome="duplicate", number=2, follows=False,
            previous=p.sha256(one.room.texts[1]), member=b, nonce=None)
    one = room("another event of a number that is there")
    one.add("rename", outcome="rejected STATE_CONFLICT", number=2,
            previous=p.sha256(one.room.texts[1]), metadata="AAAA")
    one.add("rename", outcome="rejected ROOM_FROZEN", metadata="AAAA")
    one = room("another event of the first number")
    one.add("create", outcome="rejected STATE_CONFLICT", number=1,
            previous=ZERO, allowedServers=None, creator=a, federation=False,
            requireInviteForJoin=True)
    one = room("an event that names another predecessor")
    one.add("rename", outcome="rejected STATE_CONFLICT",
            previous=p.sha256(b"another"), metadata="AAAA")
    one.add("rename", outcome="rejected ROOM_FROZEN", metadata="AAAA")
    room("a number left out").add(
        "rename", outcome="retry STATE_GAP", number=4,
        previous=p.sha256(b"unknown"), metadata="AAAA")
    room("nothing after an event that breaks a rule").join(
        b, code="STATE_INVALID").add(
            "rename", outcome="rejected ROOM_FROZEN", number=4,
            metadata="AAAA")
    room("24 hours ahead of the receiver").add(
        "rename", metadata="AAAA", after=p.DAY)
    room("more than 24 hours ahead of the receiver").add(
        "rename", outcome="retry STATE_AHEAD", metadata="AAAA",
        after=p.DAY + 1)
    room("ahead, and breaks a rule: no clock decides that").join(
        b, code="STATE_INVALID", after=p.DAY + 1)


def chain_full(chain, a):
    one = chain("members at 256 servers beside the home: one too many",
                requireInviteForJoin=False)
    one.brief = True
    for number in range(SERVERS_MAX):
        one.join("u@" + server(number))
    one.join("v@" + one.rows[-1]["canonicalPayload"].split("@")[1][:62])
    one.join("dave@" + one.alice.address)
    one.join("u@" + server(256), code="ROOM_FULL")
    del a


def chain_limits(chain):
    """What does not have its form is as if it had not come."""
    malformed = "rejected PAYLOAD_MALFORMED"
    for size, outcome in ((0, "accepted"), (METADATA_MAX, "accepted"),
                          (METADATA_MAX + 1, malformed)):
        chain("metadata of %d bytes" % size).add(
            "rename", outcome=outcome, metadata=p.b64(bytes(size))).add(
                "rename", metadata="AAAA")
    for count, outcome in ((LISTED_MAX, "accepted"),
                           (LISTED_MAX + 1, malformed)):
        chain("a list of %d servers" % count).servers(
            [server(number) for number in range(count)],
            outcome=outcome).add("key")
    chain("a list with a server twice").servers(
        [server(0), server(1), server(0)], outcome=malformed).add("key")


# Streams

class Stream:
    """Messages of bob's server in that room, and what a receiver says."""

    def __init__(self, bob, room, why):
        self.bob, self.room, self.why, self.rows = bob, room, why, []
        self.epochs = []  # of which lane 2 is known, and nothing in it

    def add(self, sequence, previous, outcome="accepted", content="AAAA",
            id=None, **members):
        payload = dict({
            "encryptedContent": content, "epoch": 1, "globalRoomId":
            self.room, "lane": 2, "messageType": "text",
            "previous": p.b64(previous), "senderId": "bob",
            "sequence": sequence, "stateNumber": 3}, **members)
        id = id or "%08x-77aa-4c0e-9b1d-5d4c3b2a1f0e" % len(self.rows)
        digest = p.item_digest("message", id, payload)
        self.rows.append({
            "id": id, "payload": p.canonical(payload).decode(),
            "digest": digest.hex(), "outcome": outcome})
        return digest

    def row(self):
        row = {"why": self.why, "items": self.rows}
        return dict(row, epochs=self.epochs) if self.epochs else row


def streams(alice, bob, now):
    room, made = UUID + alice.address, []
    conflict = "rejected SEQUENCE_CONFLICT"
    malformed = "rejected PAYLOAD_MALFORMED"

    def stream(why, numbers=0):
        made.append(Stream(bob, room, why))
        digest = ZERO
        for number in range(numbers):
            digest = made[-1].add(number + 1, digest)
        return made[-1], digest

    stream("numbers 1 to 5", 5)
    one, digest = stream("the same again", 2)
    row = one.rows[1]
    one.rows.append(dict(row, outcome="duplicate"))
    one, digest = stream("another content of number 2", 1)
    one.add(2, digest)
    one.add(2, digest, conflict, content="AAAB")
    one.add(3, digest, conflict)
    one, digest = stream("number 2 whose previous is zeros", 1)
    one.add(2, ZERO, conflict)
    one, digest = stream("number 1 whose previous is not zeros")
    one.add(1, p.sha256(b"before"), conflict)
    one, digest = stream("number 3 whose previous is not number 2's", 2)
    one.add(3, p.sha256(b"another"), conflict)
    one, digest = stream("number 3 before number 2", 1)
    second = copy.copy(one)
    second.rows = []
    between = second.add(2, digest, id="00000005-77aa-4c0e-9b1d-5d4c3b2a1f0e")
    one.add(3, between)
    one.rows += second.rows
    one, digest = stream("number 3 before a number 2 that it does not name",
                         1)
    one.add(3, p.sha256(b"another"))
    one.add(2, digest, conflict)
    one, digest = stream("1024 numbers behind a gap: at once", 1)
    digest = one.add(1025, p.sha256(b"1024"))
    one.add(1026, digest, "retry SEQUENCE_AHEAD")
    one, digest = stream("another lane and another epoch begin at 1", 2)
    one.add(1, ZERO, lane=1)
    one.add(1, ZERO, epoch=2)
    stream_epochs(stream, now)
    one, digest = stream("metadata of 16385 bytes: no limit of its own")
    one.add(1, ZERO, metadata={"a": "b" * (16385 - 8)})
    for why, members in (
            ("sequence 0", {"sequence": 0}), ("lane 0", {"lane": 0}),
            ("lane 4", {"lane": 4}), ("epoch 0", {"epoch": 0}),
            ("stateNumber 0", {"stateNumber": 0}),
            ("previous of 31 bytes", {"previous": bytes(31)}),
            ("a sender at a server", {"senderId": "bob@" + bob.address}),
            ("a sender in upper case", {"senderId": "Bob"}),
            ("a room without a home", {"globalRoomId": UUID[:-1]}),
            ("an empty encryptedContent", {"encryptedContent": ""}),
            ("encryptedContent without padding", {"encryptedContent": "AAA"}),
            ("encryptedContent with unused bits set",
             {"encryptedContent": "AB=="}),
            ("the same, of two bytes", {"encryptedContent": "AAB="}),
            ("an empty messageType", {"messageType": ""}),
            ("a messageType of 33 characters", {"messageType": "t" * 33}),
            ("a messageType in upper case", {"messageType": "Text"}),
            ("metadata that is null", {"metadata": None})):
        one, digest = stream("not a message: " + why)
        one.add(**dict({"sequence": 1, "previous": ZERO,
                        "outcome": malformed}, **members))
    return [one.row() for one in made]


def stream_epochs(stream, now):
    """Of one origin the 64 highest epochs are kept, whatever their lanes."""
    expired, ahead = "rejected EXPIRED", "retry SEQUENCE_AHEAD"

    def known(why, first, last):
        one, _ = stream(why)
        one.epochs = list(range(first, last + 1))
        return one
    one = known("65 epochs: the lowest is left behind", 2, 64)
    digest = one.add(1, ZERO, epoch=1)
    one.add(1, ZERO, epoch=65)
    one.add(2, digest, expired, epoch=1)
    one.add(1, ZERO, expired, epoch=1, content="AAAB")
    one.rows.append(dict(one.rows[0], outcome="duplicate"))
    one.add(1, ZERO, epoch=2)
    one = known("an epoch below 64 others", 2, 65)
    one.add(1, ZERO, expired, epoch=1)
    one.add(1, ZERO, epoch=2)
    known("an epoch below 63 others", 2, 64).add(1, ZERO, epoch=1)
    one = known("64 epochs, one of them in three lanes", 2, 64)
    for lane in (1, 3):
        one.add(1, ZERO, epoch=64, lane=lane)
    one.add(1, ZERO, epoch=1)
    one, _ = stream("an epoch 24 hours ahead of the clock")
    one.add(1, ZERO, epoch=now + p.DAY)
    for why, epoch in (("24 hours and a second", now + p.DAY + 1),
                       ("as far as there are numbers", 2 ** 53 - 1)):
        one, digest = stream("an epoch %s ahead of the clock" % why)
        one.add(1, ZERO, ahead, epoch=epoch)
        one.add(1, ZERO, epoch=now)


# Evidence

def evidence(all_chains, all_streams):
    """Pairs of what one server signed: the number in dispute, or 0."""
    rows = []

    def chain(why):
        return next(row["events"] for row in all_chains if row["why"] == why)

    def stream(why):
        return next(row["items"] for row in all_streams if row["why"] == why)

    def add(why, kind, first, second, disputed):
        names = ("signingText", "signature", "canonicalPayload") \
            if kind == "state" else ("id", "payload")
        rows.append({"why": why, "kind": kind, "disputed": disputed, "first":
                     {n: first[n] for n in names}, "second":
                     {n: second[n] for n in names}})
    two = chain("another event of a number that is there")
    far = chain("an event that names another predecessor")
    good = chain("times may be equal")
    add("two events of one number", "state", two[1], two[2], 2)
    add("the same, changed over", "state", two[2], two[1], 2)
    add("an event that names another predecessor", "state", far[1], far[2], 2)
    add("an event and the one that follows", "state", good[0], good[1], 0)
    add("one event twice", "state", good[1], good[1], 0)
    add("events that are two numbers apart", "state", good[0], good[2], 0)
    add("an event that breaks a rule contradicts none", "state",
        *chain("leave twice")[-2:], 0)
    two = stream("another content of number 2")
    far = stream("number 3 whose previous is not number 2's")
    good = stream("numbers 1 to 5")
    add("two contents of one number", "message", two[1], two[2], 2)
    add("a number that names another before it", "message", far[1], far[2], 2)
    add("a number and the one that follows", "message", good[0], good[1], 0)
    add("one content twice", "message", good[1], good[1], 0)
    add("numbers that are two apart", "message", good[0], good[2], 0)
    return rows
