#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""The contract of rooms (sql/rooms) as a chat server calls it, without a
daemon: what each call leaves for fed-queued, each error, both sides of each
bound."""

import json
import os
import sys
import uuid

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "..", "lib"))
import peer  # noqa: E402
import rooms  # noqa: E402
import psycopg2  # noqa: E402
import tap  # noqa: E402
from pgcluster import Cluster  # noqa: E402

SELF, HOME, OTHER, STRANGER, BLOCKED = (
    peer.onion_address(peer.Key().public) for _ in range(5))


class World:
    def __init__(self, cluster):
        self.owner = cluster.connect().cursor()
        self.app = cluster.connect("fed_app").cursor()
        self.admin = cluster.connect("fed_admin").cursor()
        self.daemon = cluster.connect("_fedqueued").cursor()

    def rows(self, statement, *values, cursor=None):
        cursor = cursor or self.owner
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else []

    def call(self, function, *values, cursor=None, **named):
        marks = ["%s"] * len(values) + [n + " => %s" for n in named]
        return self.rows("SELECT federation.%s(%s)" % (
            function, ", ".join(marks)), *values, *named.values(),
            cursor=cursor or self.app)[0][0]

    def code(self, function, *values, cursor=None, **named):
        try:
            self.call(function, *values, cursor=cursor, **named)
        except psycopg2.Error as error:
            return error.pgcode
        return ""

    def request(self, request):
        return self.rows("SELECT kind, member, state FROM "
                         "federation.room_asked WHERE id = %s", request)[0]

    def queued(self):
        """What waits for servers, taken away."""
        found = self.rows(
            "SELECT s.onion_address, q.type, q.message_id::text, "
            "convert_from(q.encrypted_payload, 'UTF8')::json FROM "
            "federation.federated_message_queue q JOIN "
            "federation.federation_servers s ON s.id = "
            "q.destination_server_id ORDER BY q.id")
        self.rows("DELETE FROM federation.federated_message_queue")
        return found

    def room(self, home=SELF, members=(), **state):
        """One that exists."""
        name = "%s@%s" % (uuid.uuid4(), home)
        server = None if home == SELF else self.rows(
            "SELECT federation.room_server(%s)", home)[0][0]
        row = self.rows(
            "INSERT INTO federation.federated_rooms (room_id, "
            "origin_server_id, is_local_origin, global_room_id) VALUES "
            "(%s, %s, %s, %s) RETURNING id", name[:36], server,
            server is None, name)[0][0]
        self.rows("INSERT INTO federation.room_states (room_id, number) "
                  "VALUES (%s, 9)", row)
        for column, value in state.items():
            self.rows("UPDATE federation.room_states SET " + column +
                      " = %s WHERE room_id = %s", value, row)
        for member in members:
            self.rows("INSERT INTO federation.room_members VALUES (%s, %s, "
                      "federation.room_server(split_part(%s, '@', 2)), 1)",
                      row, member, member)
        return name

    def invitation(self, room, state="pending", ends="1 day"):
        return self.rows(
            "INSERT INTO federation.room_invited (global_room_id, nonce, "
            "event_hash, invitee, inviter, room_key, metadata, state, "
            "expires_at) VALUES (%s, uuid_send(gen_random_uuid()), %s, "
            "'ann', %s, 'a2V5', '{}', %s, now() + %s::interval) "
            "RETURNING id", room, bytes(32), "eve@" + OTHER, state,
            ends)[0][0]


def test_before(world):
    tap.equal([world.code(*call) for call in (
        ("own_address",), ("room_create", "ann"),
        ("room_send", "%s@%s" % (uuid.uuid4(), SELF), "ann", b"x"))],
        ["FD030"] * 3, "before the daemon has run")
    world.rows("SELECT federation.self_set(%s, 'c', 1)", SELF,
               cursor=world.daemon)
    world.rows(rooms.LIMITS, cursor=world.daemon)
    tap.equal(world.call("own_address"), SELF, "then the address is known")
    for address, level in ((HOME, 2), (OTHER, 2), (STRANGER, 1),
                           (BLOCKED, -1)):
        world.call("server_add", address, cursor=world.admin)
        world.call("server_set_trust", address, level, cursor=world.admin)


def test_create(world):
    room = world.call("room_create", "ann")
    tap.equal((room[36:], world.rows(
        "SELECT kind, member, require_invite, enabled, servers, state FROM "
        "federation.room_asked")),
        ("@" + SELF, [("create", "ann@" + SELF, True, True, None, "new")]),
        "a room is a request")
    tap.equal(world.rows("SELECT room, own, state, number, members FROM "
                         "federation.rooms", cursor=world.app),
              [(room, True, "waiting", 0, 0)], "and shown as one")
    number = str(uuid.uuid4())
    tap.equal(world.call("room_create", "ann", number, False, False,
                         [OTHER, HOME]), number + "@" + SELF, "with all")
    tap.equal(world.rows("SELECT servers FROM federation.room_asked "
                         "ORDER BY number DESC LIMIT 1"),
              [(sorted([HOME, OTHER]),)], "servers in their order")
    for name, expected, values in (
            ("again", "FD033", ("ann", number)),
            ("no version 4 UUID", "FD008", ("ann", str(uuid.uuid1()))),
            ("no handle", "FD020", ("Ann",)),
            ("no handle at all", "FD020", (None,)),
            ("a handle too long", "FD020", ("a" * 65,)),
            ("somebody elsewhere", "FD020", ("ann@" + OTHER,)),
            ("null", "FD007", ("ann", None, None)),
            ("a server twice", "FD052", ("ann", None, True, True,
                                         [HOME, HOME])),
            ("a null among them", "FD052", ("ann", None, True, True,
                                            [None])),
            ("no address", "FD052", ("ann", None, True, True, ["x"])),
            ("an address that is none", "FD009", (
                "ann", None, True, True, ["a" * 56 + ".onion"])),
            ("257 servers", "FD052", ("ann", None, True, True,
                                      [HOME] * 257))):
        tap.equal(world.code("room_create", *values), expected,
                  "create: " + name)
    tap.equal(world.code("room_create", "a" * 64), "", "64 are a handle")
    many = [peer.onion_address(peer.Key().public) for _ in range(2)]
    tap.equal(world.code("room_create", "ann", None, True, True, many), "",
              "servers that nobody knows yet")


def test_state(world):
    own = world.room(SELF, ["ann@" + SELF])
    for function, values, kind, member in (
            ("room_remove", ("eve@" + OTHER,), "remove", "eve@" + OTHER),
            ("room_remove", ("bob",), "remove", "bob@" + SELF),
            ("room_allow_servers", (None,), "allowed_servers", None),
            ("room_allow_servers", ([],), "allowed_servers", None),
            ("room_rename", (b"x" * 16384,), "rename", None),
            ("room_federate", (False,), "federation", None),
            ("room_close", (), "close", None)):
        request = world.call(function, own, *values)
        tap.equal(world.request(request), (kind, member, "new"), function)
    tap.equal(world.rows(
        "SELECT kind, state FROM federation.room_requests WHERE room = %s "
        "AND kind = 'close'", own, cursor=world.app), [("close", "waiting")],
        "what was asked for is shown")
    foreign = world.room(HOME, ["ann@" + SELF])
    closed = world.room(SELF, ["ann@" + SELF], closed=3)
    frozen = world.room(SELF, ["ann@" + SELF], disputed=3)
    nowhere = "%s@%s" % (uuid.uuid4(), SELF)
    for function, values in (
            ("room_remove", ("bob",)), ("room_allow_servers", (None,)),
            ("room_rename", (b"x",)), ("room_federate", (True,)),
            ("room_close", ())):
        tap.equal([world.code(function, room, *values) for room in (
            foreign, closed, frozen, nowhere, "x", None)],
            ["FD037", "FD035", "FD036", "FD032", "FD031", "FD031"],
            function + ": not of these rooms")
    tap.equal((world.code("room_rename", own, b""),
               world.code("room_rename", own, b"x" * 16385),
               world.code("room_federate", own, None),
               world.code("room_remove", own, "Bob"),
               world.code("room_remove", own, "bob@x"),
               world.code("room_remove", own, "bob@" + "a" * 56 + ".onion")),
              ("FD053", "FD053", "FD007", "FD020", "FD020", "FD009"),
              "arguments out of their bounds")


def test_invite(world):
    own = world.room(SELF, ["ann@" + SELF, "bob@" + SELF])
    foreign = world.room(HOME, ["ann@" + SELF])
    request = world.call("room_invite", own, "ann", "eve@" + OTHER, b"key")
    tap.equal(world.rows(
        "SELECT kind, member, inviter, room_key, invite_metadata, state, "
        "octet_length(nonce), expires_at BETWEEN now() + interval '143 hours' "
        "AND now() + interval '145 hours' FROM federation.room_asked "
        "WHERE id = %s", request),
        [("invite", "eve@" + OTHER, "ann@" + SELF, "a2V5", "{}", "new", 16,
          True)], "an invitation into a room of ours is a request")
    request = world.call("room_invite", foreign, "ann", "carol", b"key",
                         json.dumps({"title": "\u05d0", "n": 1}))
    (server, kind, number, payload), = world.queued()
    tap.equal((server, kind, number, payload["globalRoomId"],
               payload["invitee"], payload["inviterId"],
               len(peer.unb64(payload["nonce"]))),
              (HOME, "room_invite", request, foreign, "carol@" + SELF,
               "ann", 16), "another home is asked, under the request's id")
    tap.equal(world.rows("SELECT invite_metadata FROM federation.room_asked "
                         "WHERE id = %s", request),
              [('{"n": 1, "title": "\u05d0"}',)], "metadata is kept as it is")
    good = {"room": own, "inviter": "ann", "invitee": "eve@" + OTHER,
            "room_key": b"k"}
    for name, expected, more in (
            ("no member invites", "FD034", {"inviter": "mallory"}),
            ("a member is invited", "FD038", {"invitee": "bob"}),
            ("of a blocked server", "FD002", {"invitee": "x@" + BLOCKED}),
            ("no key", "FD040", {"room_key": b""}),
            ("4096 bytes", "", {"room_key": b"x" * 4096}),
            ("a key too long", "FD040", {"room_key": b"x" * 4097}),
            ("no key at all", "FD040", {"room_key": None}),
            ("metadata that is a list", "FD041", {"metadata": "[]"}),
            ("a fraction", "FD041", {"metadata": '{"a":[{"b":1.5}]}'}),
            ("1.0", "FD041", {"metadata": '{"a":1.0}'}),
            ("2^53-1", "", {"metadata": '{"a":9007199254740991}'}),
            ("2^53", "FD041", {"metadata": '{"a":9007199254740992}'}),
            ("null metadata", "FD041", {"metadata": None}),
            ("4096 bytes of it", "",
             {"metadata": json.dumps({"a": "x" * 4087})}),
            ("more of it", "FD041",
             {"metadata": json.dumps({"a": "x" * 4088})}),
            ("ended", "FD042", {"expires": "2020-01-01T00:00:00Z"}),
            ("far away", "FD042", {"expires": "infinity"})):
        tap.equal(world.code("room_invite", **dict(good, **more)), expected,
                  "invite: " + name)
    for hours, expected in ((166, ""), (168, "FD042")):
        ends = world.rows("SELECT now() + %s * interval '1 hour'", hours)[0][0]
        tap.equal(world.code("room_invite", **dict(good, expires=ends)),
                  expected, "invite: for %d hours" % hours)
    tap.equal([world.code("room_invite", **dict(good, room=room)) for room in (
        world.room(SELF, ["ann@" + SELF], closed=2),
        world.room(SELF, ["ann@" + SELF], disputed=2),
        "%s@%s" % (uuid.uuid4(), SELF), "x", None)],
        ["FD035", "FD036", "FD032", "FD031", "FD031"],
        "not into these rooms")
    world.queued()


def test_answer(world):
    room = "%s@%s" % (uuid.uuid4(), HOME)
    shown = world.invitation(room)
    tap.equal(world.rows(
        "SELECT room, invitee, inviter, state, home_trust_level FROM "
        "federation.room_invitations", cursor=world.app),
        [(room, "ann", "eve@" + OTHER, "pending", 2)], "an invitation waits")
    request = world.call("room_accept", shown)
    (server, kind, number, payload), = world.queued()
    tap.equal((server, kind, number, payload["globalRoomId"],
               payload["userId"], payload["nonce"] is None),
              (HOME, "room_join", request, room, "ann", False),
              "accepted: the home is asked with its nonce")
    tap.equal((world.request(request), world.call("room_accept", shown),
               world.code("room_decline", shown), world.queued()),
              (("join", "ann@" + SELF, "asked"), request, "FD045", []),
              "once; again it is the same request")
    second = world.invitation(room)
    tap.equal([world.call("room_accept", second) for _ in range(2)],
              [request] * 2, "so it is with another invitation there")
    for state, ends in (("done", "1 day"), ("done", "-1 s")):
        world.rows("UPDATE federation.room_asked SET state = %s "
                   "WHERE id = %s", state, request)
        world.rows("UPDATE federation.room_invited SET expires_at = now() + "
                   "%s::interval WHERE id = %s", ends, shown)
        tap.equal([world.call("room_accept", one)
                   for one in (shown, second)] + world.queued(),
                  [request] * 2, "when it is done, and expires in " + ends)
    world.rows("UPDATE federation.room_asked SET state = 'refused' "
               "WHERE id = %s", request)
    tap.equal(world.code("room_accept", shown), "FD046",
              "it was refused, and the invitation has expired")
    again = world.call("room_accept", second)
    tap.equal((again == request, world.request(again), len(world.queued())),
              (False, ("join", "ann@" + SELF, "asked"), 1),
              "or has not: he asks again")
    world.rows("UPDATE federation.room_invited SET state = 'void'")
    hidden = world.invitation(room)
    world.rows("UPDATE federation.room_invited SET told = false WHERE id = %s",
               hidden)
    tap.equal((world.code("room_accept", hidden),
               world.code("room_decline", hidden), world.rows(
                   "SELECT 1 FROM federation.room_invitations WHERE "
                   "invitation = %s", hidden, cursor=world.app)),
              ("FD043", "FD043", []), "one that waits for somebody is none")
    world.rows("DELETE FROM federation.room_invited WHERE id = %s", hidden)
    untrusted = world.invitation("%s@%s" % (uuid.uuid4(), STRANGER))
    tap.equal((world.code("room_accept", untrusted), world.rows(
        "SELECT state FROM federation.room_invited WHERE id = %s",
        untrusted)), ("FD047", [("pending",)]),
        "of a home that is not verified: goes on waiting")
    world.call("server_set_trust", STRANGER, 2, cursor=world.admin)
    tap.equal(world.code("room_accept", untrusted), "", "until it is")
    world.call("server_set_trust", STRANGER, 1, cursor=world.admin)
    declined = world.invitation(room)
    tap.equal((world.call("room_decline", declined),
               world.call("room_decline", declined),
               world.code("room_accept", declined)), (True, False, "FD045"),
              "declined, again, and accepted too late")
    tap.equal([world.code(function, invitation) for function in
               ("room_accept", "room_decline") for invitation in (
                   world.invitation(room, "quarantine"),
                   world.invitation(room, "pending", "-1 s"),
                   world.invitation(room, "void"), str(uuid.uuid4()), None)],
              ["FD044", "FD046", "FD045", "FD043", "FD043"] * 2,
              "not these")
    world.queued()


def test_membership(world):
    room = "%s@%s" % (uuid.uuid4(), HOME)
    request = world.call("room_join", room, "ann")
    (server, kind, number, payload), = world.queued()
    tap.equal((server, kind, number, payload),
              (HOME, "room_join", request, {
                  "globalRoomId": room, "nonce": None, "userId": "ann"}),
              "a room elsewhere is asked to be joined")
    tap.equal((world.call("room_join", room, "ann"), world.queued()),
              (request, []), "once")
    mine = world.room(SELF, ["bob@" + SELF])
    tap.equal(world.request(world.call("room_join", mine, "ann")),
              ("join", "ann@" + SELF, "new"), "our own")
    tap.equal([world.code("room_join", *values) for values in (
        (mine, "bob"), ("%s@%s" % (uuid.uuid4(), STRANGER), "ann"),
        ("%s@%s" % (uuid.uuid4(), "a" * 56 + ".onion"), "ann"),
        ("%s@%s" % (uuid.uuid4(), SELF), "ann"), (mine, "Ann"),
        ("x", "ann"), (None, None))],
        ["FD038", "FD047", "FD047", "FD032", "FD020", "FD031", "FD020"],
        "not these")
    there = world.room(HOME, ["ann@" + SELF])
    tap.equal(world.code("room_join", there, "ann"), "FD038",
              "nor who is in")
    joined = world.rows(
        "INSERT INTO federation.room_asked (room_id, kind, member, state) "
        "SELECT id, 'join', %s, 'done' FROM federation.federated_rooms "
        "WHERE global_room_id = %s RETURNING id::text", "ann@" + SELF,
        there)[0][0]
    tap.equal((world.call("room_join", there, "ann"), world.queued()),
              (joined, []), "but by asking again for what is so since")
    request = world.call("room_leave", there, "ann")
    (server, kind, number, payload), = world.queued()
    tap.equal((server, kind, number, payload),
              (HOME, "room_leave", request, {"globalRoomId": there,
                                             "userId": "ann"}),
              "the home is told who leaves")
    tap.equal((world.call("room_leave", there, "ann"), world.queued(),
               world.code("room_send", there, "ann", b"x")),
              (request, [], "FD034"), "once; and he sends nothing more")
    tap.equal([world.code("room_leave", *values) for values in (
        (there, "eve"), (world.room(SELF), "ann"), ("x", "ann"),
        (there, None))], ["FD034", "FD034", "FD031", "FD020"], "not these")
    tap.equal(world.rows(
        "SELECT member, external_server, joined FROM "
        "federation.room_membership WHERE room = %s", there,
        cursor=world.app), [("ann@" + SELF, False, 1)],
        "members are shown")
    world.rows("UPDATE federation.room_asked SET state = 'done' WHERE id = "
               "%s", request)
    world.rows("UPDATE federation.room_members m SET state_left = 2 FROM "
               "federation.federated_rooms r WHERE r.id = m.room_id AND "
               "r.global_room_id = %s", there)
    tap.equal((world.call("room_leave", there, "ann"), world.queued()),
              (request, []), "who has left asks again: the same request")
    world.rows("UPDATE federation.room_states s SET closed = 3 FROM "
               "federation.federated_rooms r WHERE r.id = s.room_id AND "
               "r.global_room_id = %s", there)
    tap.equal((world.call("room_leave", there, "ann"), world.queued()),
              (request, []), "also when it is closed by then")
    world.rows("UPDATE federation.room_states s SET closed = 0 FROM "
               "federation.federated_rooms r WHERE r.id = s.room_id AND "
               "r.global_room_id = %s", there)
    back = world.call("room_join", there, "ann")
    tap.equal((back == joined, world.queued()[0][2]), (False, back),
              "to join once more is another one")
    tap.equal(world.call("room_leave", there, "ann") == request, False,
              "and so it is to leave then")
    world.queued()


def test_send(world):
    room = world.room(SELF, ["ann@" + SELF, "eve@" + OTHER])
    number = world.call("room_send", room, "ann", b"x")
    tap.equal(world.rows(
        "SELECT origin, sender, status, lane, convert_from(content, 'UTF8'), "
        "message_type, metadata FROM federation.room_items "
        "WHERE message_id = %s", number),
        [(SELF, "ann", "new", 2, "x", "text", None)],
        "a message waits for its place")
    tap.equal(world.rows("SELECT destination, state FROM "
                         "federation.room_delivery WHERE message_id = %s",
                         number, cursor=world.app), [(None, "pending")],
              "and is shown")
    number = str(uuid.uuid4())
    full = {"room": room, "sender": "ann", "content": b"y",
            "message_type": "room_key", "message_id": number,
            "metadata": '{"a":1}', "priority": 1}
    tap.equal([world.call("room_send", **full) for _ in range(2)],
              [number] * 2, "the same again")
    for name, more in (("content", {"content": b"z"}),
                       ("type", {"message_type": "text"}),
                       ("metadata", {"metadata": None}),
                       ("priority", {"priority": 2}),
                       ("room", {"room": world.room(
                           SELF, ["ann@" + SELF])})):
        tap.equal(world.code("room_send", **dict(full, **more)), "FD006",
                  "another " + name + " under its id")
    tap.equal(world.rows("SELECT count(*) FROM federation.room_items WHERE "
                         "message_id = %s", number), [(1,)], "is one row")
    taken = world.call("enqueue", HOME, '{"a":1}')
    tap.equal(world.code("room_send", room, "ann", b"x", message_id=taken),
              "FD006", "an id of another message")
    made = world.call("room_create", "ann")
    tap.equal((world.code("room_send", made, "ann", b"x"),
               world.code("room_send", made, "bob", b"x")), ("", "FD034"),
              "whoever makes a room may write at once, nobody else")
    good = {"room": room, "sender": "ann", "content": b"x"}
    for name, expected, more in (
            ("no content", "FD050", {"content": b""}),
            ("null", "FD050", {"content": None}),
            ("44 KiB", "", {"content": bytes(45056),
                            "metadata": json.dumps({"a": "x" * 4087})}),
            ("more", "FD050", {"content": bytes(45057)}),
            ("no type", "FD051", {"message_type": None}),
            ("an empty one", "FD051", {"message_type": ""}),
            ("32 characters", "", {"message_type": "a" * 32}),
            ("33", "FD051", {"message_type": "a" * 33}),
            ("upper case", "FD051", {"message_type": "Text"}),
            ("UUIDv1", "FD008", {"message_id": str(uuid.uuid1())}),
            ("priority 0", "FD005", {"priority": 0}),
            ("priority 3", "", {"priority": 3}),
            ("priority 4", "FD005", {"priority": 4}),
            ("metadata", "FD041", {"metadata": "1"}),
            ("not a member", "FD034", {"sender": "bob"}),
            ("member elsewhere", "FD020", {"sender": "eve@" + OTHER}),
            ("direction turned", "FD020", {"sender": "a\u202eb"}),
            ("a room that is none", "FD031", {"room": "x"})):
        tap.equal(world.code("room_send", **dict(good, **more)), expected,
                  "send: " + name)


def test_quota(world):
    """While the daemon does not come to them, as many wait as may."""
    room = world.room(SELF, ["ann@" + SELF])
    world.call("set_quota", 3, cursor=world.admin)
    tap.equal([world.code("room_send", room, "ann", b"x")
               for _ in range(4)], [""] * 4, "more than the quota, for now")
    world.rows("UPDATE federation.room_items SET since = now() - "
               "interval '2 minutes' WHERE message_id IN (SELECT "
               "message_id FROM federation.room_items i JOIN "
               "federation.federated_rooms r ON r.id = i.room_id WHERE "
               "r.global_room_id = %s)", room)
    tap.equal(world.code("room_send", room, "ann", b"x"), "FD010",
              "not when it stands still")
    world.rows("DELETE FROM federation.room_items WHERE id IN (SELECT i.id "
               "FROM federation.room_items i JOIN federation.federated_rooms "
               "r ON r.id = i.room_id WHERE r.global_room_id = %s LIMIT 2)",
               room)
    tap.equal([world.code("room_send", room, "ann", b"x") for _ in range(2)],
              ["", "FD010"], "up to the quota")
    world.call("set_quota", 100000, cursor=world.admin)


def test_inbox(world):
    for number in range(4):
        world.rows("SELECT federation.room_tell(NULL, 'r', 'created', %s)",
                   json.dumps({"number": number}))

    def claim():
        return [row[0] for row in world.rows(
            "SELECT inbox_id FROM federation.inbox_claim(2, '1 s')",
            cursor=world.app)]

    first, second = claim(), claim()
    tap.equal((len(first), len(second), claim()), (2, 2, []), "all are leased")
    tap.equal(world.call("inbox_extend", first, "1 hour"), 2, "extended")
    tap.equal((world.call("inbox_release", second),
               world.call("inbox_release", second)), (2, 0),
              "given back, once")
    tap.equal((claim(), claim()), (second, []), "the next has them, in order")
    world.rows("UPDATE federation.inbox SET lease_until = now() - "
               "interval '1 s' WHERE inbox_id = ANY (%s)", second)
    tap.equal(world.call("inbox_extend", second, "1 hour"), 0,
              "a lease that has ended is not extended")
    world.call("inbox_acknowledge", first)
    tap.equal((world.call("inbox_extend", first, "1 hour"),
               world.call("inbox_release", first)), (0, 0),
              "nor what is acknowledged")
    tap.equal([world.code(*call) for call in (
        ("inbox_extend", None, "1 s"), ("inbox_extend", [1], "0 s"),
        ("inbox_extend", [1], "25 hours"), ("inbox_extend", [1], None),
        ("inbox_extend", [1], "24 hours"), ("inbox_release", None))],
        ["FD007"] * 4 + ["", "FD007"], "bounds")


def test_admin(world):
    room = "%s@%s" % (uuid.uuid4(), HOME)
    world.rows("DELETE FROM federation.inbox")
    shown = world.invitation(room, "quarantine")
    tap.equal((world.call("invitation_release", shown, cursor=world.admin),
               world.call("invitation_release", shown, cursor=world.admin)),
              (True, False), "out of quarantine, once")
    due = ("SELECT count(*) FROM federation.room_invited_due(100, 64)")
    tap.equal((world.rows("SELECT 1 FROM federation.inbox"),
               world.code("room_accept", shown),
               world.rows(due, cursor=world.daemon)),
              ([], "FD043", [(0,)]), "it waits for a user of that name")
    world.call("user_publish", "ann", b"key", hidden=True)
    tap.equal(world.rows(due, cursor=world.daemon), [(0,)],
              "whom one may see")
    world.call("user_publish", "ann", b"key")
    tap.equal(world.rows(due, cursor=world.daemon), [(1,)],
              "who is published then")
    world.rows("SELECT federation.room_invited_tell(%s, 'pending', 100)", shown,
               cursor=world.daemon)
    (payload,), = world.rows("SELECT convert_from(payload, 'UTF8')::json "
                             "FROM federation.inbox")
    tap.equal((payload["event"], payload["invitation"], payload["showing"],
               payload["encryptedRoomKey"]),
              ("invitation", str(shown), "pending", "a2V5"),
              "the application is told")
    tap.equal(world.code("room_accept", shown), "", "it can be accepted")
    rejected = world.invitation(room, "quarantine")
    tap.equal((world.call("invitation_reject", rejected, cursor=world.admin),
               world.code("room_accept", rejected)), (True, "FD045"),
              "or never")
    tap.equal((world.code("invitation_release", None, cursor=world.admin),
               world.code("invitation_reject", str(uuid.uuid4()),
                          cursor=world.admin),
               world.code("invitation_release", shown)),
              ("FD043", "FD043", "42501"), "not these")
    tap.equal(world.rows("SELECT address, trust_level, external_server FROM "
                         "federation.servers WHERE address = %s", HOME,
                         cursor=world.app), [(HOME, 2, True)],
              "servers are shown")


def test():
    with Cluster() as cluster:
        cluster.migrate()
        world = World(cluster)
        for part in (test_before, test_create, test_state, test_invite,
                     test_answer, test_membership, test_send, test_quota,
                     test_inbox, test_admin):
            part(world)


tap.main(test)
