#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Invitations and requests in rooms, as functions of the database: what
becomes of the request when its item is given up, is tried again or arrives; how
long both stay; and limits when two workers are at it."""

import json
import os
import sys
import threading
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "..", "lib"))
import peer  # noqa: E402
import tap  # noqa: E402
from pgcluster import Cluster  # noqa: E402
from rooms import LIMITS  # noqa: E402
from sqlhelp import code, one, rows  # noqa: E402

SELF, HOME, OTHER = (peer.onion_address(peer.Key().public) for _ in range(3))
WISHES = ("SELECT kind, state, code, settled_at IS NULL FROM "
          "federation.room_asked WHERE id = %s")
WRITE = ("SELECT federation.room_invitation_write(%s, %s, ROW(%s, %s, 'bob', "
         "%s, 'AAAA', '{}', extract(epoch FROM now())::bigint + 60, %s), %s, "
         "%s, %s, %s, %s)")


class World:
    def __init__(self, cluster):
        self.cluster = cluster
        self.owner = cluster.connect().cursor()
        self.daemon = cluster.connect(user="_fedqueued").cursor()
        self.daemon.execute("SELECT federation.self_set(%s, 'c', 1)",
                            (SELF,))
        self.daemon.execute(LIMITS)
        self.servers = {}
        for address in (HOME, OTHER):
            self.servers[address] = one(
                self.owner, "INSERT INTO federation.federation_servers "
                "(onion_address, public_key, trust_level) VALUES (%s, %s, 2) "
                "RETURNING id", address, peer.onion_key(address).hex())
        self.room = self.new_room()
        self.row = one(self.owner, "INSERT INTO federation.federated_rooms "
                       "(room_id, origin_server_id, is_local_origin, "
                       "global_room_id) VALUES (%s, %s, false, %s) "
                       "RETURNING id", self.room[:36], self.servers[HOME],
                       self.room)

    @staticmethod
    def new_room():
        return str(uuid.uuid4()) + "@" + HOME

    def request(self, kind, state="asked", **columns):
        columns = dict(columns, kind=kind, state=state, room_id=self.row)
        return one(self.owner, "INSERT INTO federation.room_asked (%s) "
                   "VALUES (%s) RETURNING id" % (
                       ", ".join(columns), ", ".join(["%s"] * len(columns))),
                   *columns.values())

    def ask(self, kind, number, payload="{}", server=HOME):
        """The item that asks for it."""
        one(self.owner, "SELECT federation.room_enqueue(%s, %s, %s, %s)",
            self.servers[server], kind, payload, number)

    def end(self, number, status, error=None):
        self.owner.execute(
            "UPDATE federation.federated_message_queue SET status = %s, "
            "last_error = %s WHERE message_id = %s", (status, error, number))

    def state(self, request):
        return rows(self.owner, WISHES, request)[0]

    def told(self):
        """What is new in the inbox."""
        found = [json.loads(bytes(p)) for p, in rows(
            self.owner, "DELETE FROM federation.inbox RETURNING payload")]
        return found


def requests(world):
    for kind in ("join", "leave", "invite"):
        request = world.request(kind)
        world.ask("room_" + kind, request)
        world.end(request, "sending")
        tap.equal((world.state(request)[1], world.told()), ("asked", []),
                  "%s: asked, and on its way" % kind)
        world.end(request, "failed", "NOT_MEMBER")
        tap.equal((world.state(request), world.told()), (
            (kind, "refused", "NOT_MEMBER", False), [{
                "event": "refused", "room": world.room, "request": request,
                "kind": kind, "code": "NOT_MEMBER"}]),
            kind + ": refused, and told")
        world.end(request, "pending")
        tap.equal((world.state(request), world.told()),
                  ((kind, "asked", None, True), []),
                  kind + ": put back, it is asked again")
        world.end(request, "delivered")
        tap.equal((world.state(request)[1], world.told()), ("asked", []),
                  kind + ": accepted, the home's event will tell")
        late = world.request(kind)
        world.ask("room_" + kind, late)
        world.end(late, "failed", None)
        tap.equal((world.state(late)[2], len(world.told())),
                  ("CANCELLED", 1), kind + ": cancelled")
        world.end(late, "delivered")
        tap.equal((world.state(late), world.told()),
                  ((kind, "asked", None, True), []),
                  kind + ": it did arrive")
    request = world.request("join")
    world.ask("room_join", request)
    world.owner.execute("UPDATE federation.room_asked SET state = 'done' "
                        "WHERE id = %s", (request,))
    world.end(request, "failed", "EXPIRED")
    tap.equal((world.state(request)[1], world.told()), ("done", []),
              "what is done already is not refused")
    request = world.request("join")
    world.ask("message", request)
    world.end(request, "failed", "EXPIRED")
    tap.equal((world.state(request)[1], world.told()), ("asked", []),
              "a message of that id is none of its")


def shown(world):
    """An invitation that could not be shown; its item has another id."""
    nonce = os.urandom(16)
    inviter = "ann@" + SELF
    request = world.request("invite", "done", nonce=nonce, inviter=inviter)
    others = world.request("invite", "done", nonce=nonce, inviter="eve@" + SELF)
    number = str(uuid.uuid4())
    world.ask("room_invite", number, json.dumps({"event": {"payload": {
        "inviter": inviter, "nonce": peer.b64(nonce)}}}), OTHER)
    world.end(number, "failed", "INVITE_UNKNOWN")
    tap.equal((world.state(request), world.state(others)[1], world.told()), (
        ("invite", "refused", "INVITE_UNKNOWN", False), "done", [{
            "event": "refused", "room": world.room, "request": request,
            "kind": "invite", "code": "INVITE_UNKNOWN"}]),
        "an invitation that could not be shown is told")
    world.end(number, "pending")
    tap.equal((world.state(request), world.told()),
              (("invite", "done", None, False), []), "and tried again")


def upkeep(world):
    world.owner.execute("DELETE FROM federation.room_asked")
    for state in ("new", "asked", "done", "refused"):
        for days in (44, 46):
            request = world.request("join", state)
            if state in ("done", "refused"):
                world.owner.execute(
                    "UPDATE federation.room_asked SET settled_at = now() - "
                    "%s * interval '1 day' WHERE id = %s", (days, request))
    one(world.daemon, "SELECT federation.prune(%s, '30 d', '7 d', 1000)",
        str(uuid.uuid4()))
    tap.equal(rows(world.owner, "SELECT state, count(*) FROM "
                   "federation.room_asked GROUP BY 1 ORDER BY 1"),
              [("asked", 2), ("done", 1), ("new", 2), ("refused", 1)],
              "requests that are settled go after 45 days")


def write(cursor, showing="pending", most=(None, 10, 100), room=None,
          number=None):
    return one(cursor, WRITE, room or World.new_room(), OTHER,
               os.urandom(16), os.urandom(32), "ann@" + OTHER, showing,
               number or str(uuid.uuid4()), bytes(32), *most)


def presence(world):
    member = ("INSERT INTO federation.room_members (room_id, member, "
              "server_id, state_joined, state_left) VALUES (%s, %s, %s, 1, "
              "%s)")

    def present(address):
        return one(world.daemon, "SELECT federation.room_present(%s, %s)",
                   world.room, address)
    tap.equal(present(OTHER), False, "a server without a member")
    world.owner.execute(member, (world.row, "old@" + OTHER,
                                 world.servers[OTHER], 2))
    tap.equal(present(OTHER), False, "with one who left")
    world.owner.execute(member, (world.row, "new@" + OTHER,
                                 world.servers[OTHER], None))
    tap.equal((present(OTHER), present(HOME)), (True, False),
              "with one who is there")


def limits(world):
    shown_now = "SELECT count(*) FROM federation.room_invited"
    told = shown_now + " WHERE told"
    tap.equal((write(world.daemon), one(world.owner, told)), (True, 0),
              "there is no bob: it is kept, and not shown")
    world.owner.execute("DELETE FROM federation.room_invited")
    publish = "SELECT federation.user_publish('bob', 'key', hidden => %s)"
    one(world.owner, publish, False)
    first, second = (world.cluster.connect(user="_fedqueued")
                     for _ in range(2))
    first.autocommit = False
    tap.equal(write(first.cursor(), most=(None, 1, 100)), True,
              "the last place")
    answers = []
    other = threading.Thread(target=lambda: answers.append(
        write(second.cursor(), most=(None, 1, 100))))
    other.start()
    first.commit()
    other.join(30)
    tap.equal((answers, one(world.owner, shown_now)), ([False], 1),
              "two workers do not both take it")
    tap.equal((write(world.daemon, most=(None, 10, 1)),
               one(world.owner, told)), (True, 1),
              "nor is more shown to an invitee, but kept")
    tap.equal([write(world.daemon, most=most) for most in (
        (2, None, None), (3, 2, None), (3, None, None))],
        [False, False, True], "open and waiting ones are counted")
    due = "SELECT * FROM federation.room_invited_due(%s, %s)"
    tap.equal([len(rows(world.daemon, due, *most)) for most in (
        (1, 9), (2, 9), (2, 1))], [0, 2, 1],
        "two of them can be shown when there is room")
    shows = "SELECT federation.room_invited_tell(%s, 'pending', %s)"
    (row, *levels), other = rows(world.daemon, due, 2, 9)
    tap.equal(levels, [2, 2], "with the levels of origin and home")
    tap.equal([one(world.daemon, shows, row, most) for most in (1, 2, 2)],
              [False, True, False], "one is shown, once")
    one(world.owner, publish, True)
    tap.equal((one(world.daemon, shows, other[0], 9),
               rows(world.daemon, due, 9, 9)), (False, []),
              "and none to one who is hidden")
    one(world.owner, publish, False)
    world.owner.execute("DELETE FROM federation.room_invited")
    number = str(uuid.uuid4())
    tap.equal([write(world.daemon, number=number) for _ in range(2)],
              [True, False], "an id is written once")
    world.owner.execute("UPDATE federation.federation_servers SET "
                        "trust_level = 0 WHERE id = %s",
                        (world.servers[OTHER],))
    tap.equal(write(world.daemon), False, "nothing of a stranger is")
    world.owner.execute("UPDATE federation.federation_servers SET "
                        "trust_level = 3 WHERE id = %s",
                        (world.servers[OTHER],))
    world.told()


def expiry(world):
    """The application is told of invitations that nobody joined with."""
    world.owner.execute("DELETE FROM federation.room_asked")
    chain = ("INSERT INTO federation.room_invites (room_id, nonce, number, "
             "expires_at, used, inviter, invitee) VALUES (%s, %s, 5, now(), "
             "%s, 'ann', %s)")
    member = ("INSERT INTO federation.room_members (room_id, member, "
              "state_joined, state_left) VALUES (%s, %s, %s, %s)")
    requests = {}
    for name, state, rest, stays in (
            ("nobody", "done", (), None), ("joined", "done", (6, None), 6),
            ("left", "done", (6, 7), 6), ("back", "done", (6, 6), None),
            ("before", "done", (3, 4), None),
            ("other", "done", (6, None), None), ("refused", "refused", (), 0),
            ("asked", "asked", (), 0), ("later", "done", (), 0)):
        nonce, guest = os.urandom(16), name + "@" + OTHER
        requests[name] = world.request("invite", state, nonce=nonce,
                                       member=guest,
                                  inviter="ann@" + SELF)
        world.owner.execute(
            "UPDATE federation.room_asked SET expires_at = now() + "
            "%s * interval '1 s', settled_at = CASE WHEN state IN ('done', "
            "'refused') THEN now() END WHERE id = %s",
            (9 if name == "later" else -1, requests[name]))
        world.owner.execute(chain, (world.row, nonce, stays or 0, guest))
        if rest:
            world.owner.execute(member, (world.row, guest, *rest))
    world.told()
    prune = "SELECT federation.prune_rooms(%s)"
    tap.equal([one(world.owner, prune, most) for most in (2, 9)],
              [True, False], "a few at a time")
    told = {one["request"]: one for one in world.told()}
    tap.equal(sorted(name for name, request in requests.items()
                     if request in told),
              ["asked", "before", "nobody"],
              "nobody joined, it was taken back, or the home never made it")
    tap.equal(told[requests["asked"]], {
        "event": "refused", "room": world.room, "request": requests["asked"],
        "kind": "invite", "code": "EXPIRED"}, "which it was")
    tap.equal(told[requests["nobody"]], {
        "event": "expired", "room": world.room, "request": requests["nobody"],
        "member": "nobody@" + OTHER, "inviter": "ann@" + SELF},
        "whose it was")
    tap.equal(dict(rows(world.owner, "SELECT split_part(member, '@', 1), "
                        "state FROM federation.room_requests WHERE "
                        "kind = 'invite'")), {
        "nobody": "expired", "before": "expired", "joined": "done",
        "left": "done", "back": "done", "other": "done",
        "refused": "refused", "asked": "refused", "later": "done"},
        "the view shows it")
    world.owner.execute("UPDATE federation.room_asked SET expires_at = "
                        "now() - interval '1 s' WHERE id = %s",
                        (requests["later"],))
    one(world.owner, prune, 9)
    one(world.owner, prune, 9)
    tap.equal([t["request"] for t in world.told()], [requests["later"]], "once")
    number = str(uuid.uuid4())
    nonce = one(world.owner, "SELECT nonce FROM federation.room_asked "
                "WHERE id = %s", requests["later"])
    world.ask("room_invite", number, json.dumps({"event": {"payload": {
        "inviter": "ann@" + SELF, "nonce": peer.b64(bytes(nonce))}}}), OTHER)
    world.end(number, "failed", "INVITE_EXPIRED")
    tap.equal((world.state(requests["later"])[1], world.told()),
              ("expired", []), "an item that is given up after that is not")
    world.owner.execute("DELETE FROM federation.room_members")
    world.owner.execute("DELETE FROM federation.room_invites")


def counts(world):
    """What a server may not learn does not make room for more."""
    world.owner.execute("DELETE FROM federation.room_invited")
    count = ("SELECT c.open, c.waiting FROM federation.room_invited_counts(%s) "
             "c")

    def now():
        return rows(world.owner, count, world.servers[OTHER])[0]
    for state in ("quarantine", "pending", "accepted", "declined", "void"):
        write(world.owner, room=world.room)
        world.owner.execute("UPDATE federation.room_invited SET state = %s "
                            "WHERE state = 'pending'", (state,))
        if state == "pending":
            tap.equal(now(), (2, 2), "both wait")
            world.owner.execute("UPDATE federation.room_invited SET state = "
                                "'accepted' WHERE state = 'pending'")
    tap.equal(now(), (5, 1), "what became of the others cannot be seen")
    world.owner.execute(
        "INSERT INTO federation.room_invites (room_id, nonce, number, "
        "expires_at, used, inviter, invitee) SELECT %s, nonce, 1 + row_number"
        "() OVER (), expires_at, 0, inviter, %s FROM federation.room_invited",
        (world.row, "bob@" + SELF))
    tap.equal(now(), (5, 1), "in the room they are open")
    world.owner.execute(
        "INSERT INTO federation.room_members (room_id, member, state_joined, "
        "state_left) VALUES (%s, %s, 4, 4)", (world.row, "bob@" + SELF))
    tap.equal(now(), (3, 1), "two were taken back")
    world.owner.execute(
        "INSERT INTO federation.room_members (room_id, member, state_joined) "
        "VALUES (%s, %s, 7)", (world.row, "bob@" + SELF))
    tap.equal(now(), (0, 1), "and all of them when he is in")
    world.owner.execute("UPDATE federation.room_invited SET expires_at = "
                        "now() - interval '1 s'")
    tap.equal(now(), (0, 0), "none that has expired")
    for table in ("members", "invites", "invited"):
        world.owner.execute("DELETE FROM federation.room_" + table)
    world.told()


def locks(world):
    """No lock that any role can hold keeps the daemon waiting."""
    prune = "SELECT federation.prune(%s, '30 d', '7 d', 1000)"
    app = world.cluster.connect("fed_app").cursor()
    for name in ("room_invited", "prune"):
        app.execute("SELECT pg_advisory_lock(hashtext(%s))",
                    ("federation." + name,))
    world.daemon.execute("SET statement_timeout = '20s'")
    tap.equal(write(world.daemon), True, "an invitation is kept")
    request = world.request("join", "done")
    world.owner.execute("UPDATE federation.room_asked SET settled_at = "
                        "now() - interval '46 days' WHERE id = %s", (request,))
    one(world.daemon, prune, str(uuid.uuid4()))
    tap.equal(rows(world.owner, WISHES, request), [], "and pruning proceeds")
    world.daemon.execute("RESET statement_timeout")
    first = world.cluster.connect(user="_fedqueued")
    first.autocommit = False
    one(first.cursor(), prune, str(uuid.uuid4()))
    request = world.request("join", "done")
    world.owner.execute("UPDATE federation.room_asked SET settled_at = "
                        "now() - interval '46 days' WHERE id = %s", (request,))
    tap.equal((one(world.daemon, prune, str(uuid.uuid4())),
               len(rows(world.owner, WISHES, request))), (False, 1),
              "one worker at a time, and the other does not wait")
    first.rollback()
    world.told()


def automatic(world):
    room = world.new_room()
    joins = ("SELECT q.message_id, convert_from(q.encrypted_payload, 'UTF8') "
             "FROM federation.federated_message_queue q "
             "JOIN federation.room_asked w ON w.id = q.message_id "
             "JOIN federation.federated_rooms r ON r.id = w.room_id "
             "WHERE r.global_room_id = %s AND q.type = 'room_join'")
    tap.equal([write(world.daemon, "automatic", room=room)
               for _ in range(2)], [True, True], "two invitations to a room")
    found = rows(world.owner, joins, room)
    tap.equal(len(found), 1, "he asks to join once")
    payload = json.loads(found[0][1])
    tap.equal((found[0][1].encode() == peer.canonical(payload),
               payload["globalRoomId"], payload["userId"],
               len(peer.unb64(payload["nonce"]))), (True, room, "bob", 16),
              "in canonical form")
    tap.equal(rows(world.owner, "SELECT s.asked, s.number FROM "
                   "federation.room_states s JOIN federation.federated_rooms "
                   "r ON r.id = s.room_id WHERE r.global_room_id = %s",
                   room), [(True, 0)], "and the room's events are awaited")
    room = str(uuid.uuid4()) + "@" + SELF
    tap.equal(write(world.daemon, "automatic", room=room), True,
              "a room of our own")
    tap.equal((rows(world.owner, joins, room), rows(
        world.owner, "SELECT w.kind, w.state FROM federation.room_asked w "
        "JOIN federation.federated_rooms r ON r.id = w.room_id "
        "WHERE r.global_room_id = %s", room)), ([], [("join", "new")]),
        "is decided here")


def arguments(world):
    zero, empty = str(uuid.UUID(int=0)), b""
    for statement, values in (
            ("room_present(%s, %s)", ("", "")),
            ("room_present(NULL, NULL)", ()),
            ("room_item_received(%s, %s, %s, %s)", ("", zero, empty, empty)),
            ("room_item_received(NULL, NULL, NULL, NULL)", ()),
            ("room_invitation_facts(%s, %s, %s, %s, -9, %s, %s, true)",
             ("", "", empty, empty, "", zero)),
            ("room_invited_due(0, 0)", ()), ("room_invited_due(NULL, 1)", ()),
            ("room_invited_tell(%s, '', 1)", (zero,)),
            ("room_invitation_facts(%s)" % ", ".join(["NULL"] * 8), ()),
            ("room_invitation_write(%s, %s, ROW(%s, %s, %s, %s, %s, %s, -9, "
             "%s), %s, %s, -9, -9, -9)",
             ("", "", empty, empty, "", "", "", "", "", zero, empty))):
        tap.equal(code(world.daemon, "SELECT * FROM federation." + statement,
                       *values), "FD007", statement.split("(")[0] +
                  " refuses what has no form")
    for name in ("room_join_ask(text, text, bytea)", "prune_rooms(integer)"):
        tap.equal(one(world.owner, "SELECT has_function_privilege("
                      "'_fedqueued', %s, 'EXECUTE')", "federation." + name),
                  False, name + " is not the daemon's to call")


def test():
    with Cluster() as cluster:
        cluster.migrate()
        world = World(cluster)
        for part in (requests, shown, upkeep, presence, limits, expiry,
                     counts, locks, automatic, arguments):
            part(world)


tap.main(test)
