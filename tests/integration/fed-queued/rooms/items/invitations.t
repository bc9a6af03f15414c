#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Items of rooms, sent to a running server by servers that the test plays:
invitations shown, as good and as bad as they come, requests to the wrong
server, payloads without their form; each has its code, alone and in a batch,
nothing is half done, and what comes with it proceeds."""

import json
import os
import sys
import threading
import time
import uuid

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "..", "..", "..", "lib"))
import net  # noqa: E402
import peer  # noqa: E402
import psycopg2  # noqa: E402
import tap  # noqa: E402
from chain import Chain, certificate  # noqa: E402
from peer import DAY, Certificate, Identity, Key, time_text  # noqa: E402
from pgcluster import ROOT  # noqa: E402

SHOWN = ("SELECT state, invitee, inviter, room_key, metadata FROM "
         "federation.room_invited WHERE global_room_id = %s")


def result(one):
    return " ".join(filter(None, (one["status"], one.get("code"))))


class Bench:
    """The server under test, which has the users bob and, hidden, carol."""

    def __init__(self, network):
        self.server, = network.servers
        self.client = peer.Client.of(self.server)
        self.onion = self.server.onion
        self.bob = "bob@" + self.onion
        for handle, hidden in (("bob", False), ("carol", True)):
            self.server.sql("SELECT federation.user_publish(%s, 'key', "
                            "hidden => %s)", handle, hidden, user="app")

    def trust(self, identity, level):
        status, _, error = self.server.fedctl(
            "server", "trust", identity.address, str(level))
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

    def send(self, origin, kind, payload, number=None):
        number = number or str(uuid.uuid4())
        return self.client.send(origin, origin.envelope(
            self.onion, kind, payload, id=number)).result

    def show(self, origin, chain, event, number=None, **more):
        return self.send(origin, "room_invite",
                         chain.invitation(event, **more), number)

    def batch(self, origin, *said):
        """said: (type, payload); the results."""
        return [result(one) for one in self.client.batch(origin, [
            (str(uuid.uuid4()), kind, payload)
            for kind, payload in said]).results]

    def told(self, chain):
        """What the application was told of a room."""
        return [json.loads(bytes(p)) for p, in self.server.sql(
            "SELECT payload FROM federation.inbox WHERE type = 'room' "
            "AND convert_from(payload, 'UTF8')::jsonb->>'room' = %s "
            "ORDER BY inbox_id", chain.room)]

    def states(self, chain):
        return [row[0] for row in self.server.sql(SHOWN, chain.room)]

    def invited(self, home, inviter=None, invitee=None, **more):
        """A room of home's, and its invitation of bob by ann."""
        chain = Chain(home)
        chain.create("ann")
        event = chain.invite("ann@" + (inviter or home).address,
                             invitee or self.bob, **more)
        return chain, event


def test_shown(bench):
    friend = bench.friend()
    chain, event = bench.invited(friend)
    number = str(uuid.uuid4())
    tap.equal(bench.show(friend, chain, event, number,
                         metadata={"title": "T\u00fcr", "n": 1}),
              "accepted", "an invitation from level 2")
    tap.equal(bench.server.sql(SHOWN, chain.room),
              [("pending", "bob", "ann@" + friend.address, "AAAA",
                '{"n":1,"title":"T\u00fcr"}')], "waits for the invitee")
    told, = bench.told(chain)
    tap.equal(uuid.UUID(told.pop("invitation")).version, 4, "is told")
    tap.equal(told, {
        "event": "invitation", "room": chain.room, "invitee": "bob",
        "inviter": "ann@" + friend.address, "encryptedRoomKey": "AAAA",
        "expires": event["payload"]["expires"], "showing": "pending",
        "metadata": {"title": "T\u00fcr", "n": 1}}, "with all that it holds")
    tap.equal(bench.show(friend, chain, event, number,
                         metadata={"title": "T\u00fcr", "n": 1}),
              "duplicate", "the same item again")
    tap.equal(bench.show(friend, chain, event), "duplicate",
              "the same event in another item")
    tap.equal(bench.show(friend, chain, event, number, metadata={}),
              "rejected ID_CONFLICT", "the same item with other content")
    tap.equal(bench.server.sql(
        "SELECT kind FROM federation.evidence WHERE message_id = %s",
        number), [("ID_CONFLICT",)], "which is kept as evidence")
    tap.equal((len(bench.told(chain)), len(bench.states(chain))), (1, 1),
              "and shown once")


def test_levels(bench):
    known, trusted = bench.friend(1), bench.friend(3)
    chain, event = bench.invited(known)
    tap.equal((bench.show(known, chain, event), bench.states(chain),
               bench.told(chain)),
              ("accepted", ["quarantine"], []),
              "from level 1: for the admin, and nobody is told")
    number = bench.server.value(
        "SELECT invitation FROM federation.room_invitations WHERE room = %s",
        chain.room)
    bench.server.sql("SELECT federation.invitation_release(%s)", number,
                     user="owner")
    tap.equal((bench.states(chain), bench.told(chain)[0]["showing"]),
              (["pending"], "pending"), "released, it is told")
    chain, event = bench.invited(Identity(), trusted)
    tap.equal((bench.show(trusted, chain, event), bench.states(chain)),
              ("accepted", ["pending"]),
              "from level 3, and the home is not known: for the invitee")
    chain, event = bench.invited(bench.friend(1), trusted)
    tap.equal((bench.show(trusted, chain, event), bench.states(chain)),
              ("accepted", ["pending"]), "and where it is at level 1")


def test_automatic(bench, directory):
    """At level 3 the server asks to join at once, and is refused."""
    with peer.Server() as home:
        home.join(directory)
        refusal = [{"code": "INVITE_VOID", "status": "rejected"}]
        home.faults = [lambda _, received: home.acknowledge(
            received, refusal)]
        bench.server.fedctl("server", "add", home.address)
        if bench.server.fedctl("handshake", home.address)[0]:
            raise RuntimeError("no handshake")
        bench.client.handshake(home.identity)
        bench.trust(home.identity, 3)
        chain, event = bench.invited(home.identity)
        tap.equal((bench.show(home.identity, chain, event),
                   bench.states(chain)), ("accepted", ["accepted"]),
                  "from level 3: accepted at once")
        asked = [r for r in home.wait(1, kind="room_join")]
        tap.equal([r.envelope["payload"] for r in asked],
                  [{"globalRoomId": chain.room, "userId": "bob",
                    "nonce": event["payload"]["nonce"]}],
                  "and the home is asked to let him in")
        tap.ok(home.verify(asked[0]), "with a good signature")
        told = net.wait(lambda: len(bench.told(chain)) == 2 and
                        bench.told(chain), 20)
        tap.equal(told and [told[0]["showing"], told[1]],
                  ["automatic", {
                      "event": "refused", "room": chain.room,
                      "kind": "join", "code": "INVITE_VOID",
                      "request": asked[0].envelope["id"]}],
                  "what the home refuses is told")
        request = ("SELECT id::text, kind, member, state, code, settled_at IS "
                "NULL FROM federation.room_asked")
        tap.equal(bench.server.sql(request), [
            (asked[0].envelope["id"], "join", bench.bob, "refused",
             "INVITE_VOID", False)], "and the request is settled")
        status, _, error = bench.server.fedctl(
            "queue", "requeue", asked[0].envelope["id"])
        tap.equal(status, 0, "an admin has it tried again " + error)
        tap.equal(len(home.wait(2, kind="room_join")), 2, "it is asked again")
        tap.equal(bench.server.sql(request)[0][3:], ("asked", None, True),
                  "and the request is open")


def test_bad(bench):
    friend, other = bench.friend(), bench.friend()
    now = int(time.time())

    def shows(name, expected, made, origin=friend, **more):
        chain, event = made
        tap.equal((bench.show(origin, chain, event, **more),
                   len(bench.states(chain)), len(bench.told(chain))),
                  (expected, *((1, 1) if expected == "accepted" else
                               (0, 0))), "%s: %s" % (name, expected))

    shows("a lifetime of 7 days", "accepted", bench.invited(
        friend, at=now, expires=now + 7 * DAY))
    shows("of a second more", "rejected INVITE_EXPIRED", bench.invited(
        friend, at=now, expires=now + 7 * DAY + 1))
    shows("one that has expired", "rejected INVITE_EXPIRED", bench.invited(
        friend, at=now - 3600, expires=now - 60))
    shows("one that ends before it begins", "rejected INVITE_EXPIRED",
          bench.invited(friend, at=now + 120, expires=now + 60))
    for name, handle in (("nobody", "eve"), ("one who is hidden", "carol")):
        asker = bench.friend()
        shows("for " + name, "rejected INVITE_UNKNOWN", bench.invited(
            asker, invitee=handle + "@" + bench.onion), asker)
    shows("for a user of another server", "rejected INVITE_UNKNOWN",
          bench.invited(friend, invitee="bob@" + other.address))
    shows("of another server's user", "rejected SPEAKER",
          bench.invited(friend, other))
    shows("shown by another server", "rejected SPEAKER",
          bench.invited(friend), other)

    chain, event = bench.invited(friend)
    forged = Identity()
    for name, made in (
            ("another server's signature", dict(event, signature=peer.b64(
                other.signing.sign(peer.unb64(event["text"]))))),
            ("a signature that was bent", dict(event, signature=peer.b64(
                peer.malleable(peer.unb64(event["signature"]))))),
            ("an unknown key", chain.event(
                "invite", event["payload"], signer=forged,
                key_id=forged.certificate.key_id())),
            ("another server's key", chain.event(
                "invite", event["payload"], signer=other,
                key_id=other.certificate.key_id()))):
        shows(name, "rejected NOT_HOME", (chain, made))
    shows("another server's certificate and key", "rejected NOT_HOME",
          (chain, chain.event("invite", event["payload"], signer=other,
                              key_id=other.certificate.key_id())),
          certificate=certificate(other))
    ours = Chain(Identity())
    ours.room = str(uuid.uuid4()) + "@" + bench.onion
    shows("a room of this very server", "rejected NOT_HOME", (
        ours, ours.event("invite", event["payload"], number=2,
                         previous=bytes(31) + b"\1")))
    shows("the good one", "accepted", (chain, event))


def test_certificates(bench):
    """Events outlive the certificates that they were signed with."""
    now = int(time.time())
    friend = bench.friend()
    home = Identity(serial=now - 92 * DAY, not_before=now - 92 * DAY)
    for name, at, expected in (
            ("within its grace", now - DAY - 60, "accepted"),
            ("beyond it", now - DAY + 60, "rejected NOT_HOME")):
        chain, event = bench.invited(home, friend, at=at)
        tap.equal(bench.show(friend, chain, event), expected,
                  "signed with a certificate that has expired, " + name)
    ahead = Identity(serial=now + DAY + 600)
    chain, event = bench.invited(ahead, friend)
    tap.equal(bench.show(friend, chain, event), "rejected NOT_HOME",
              "a serial too far ahead")
    # What the server has seen of the home is contradicted.
    home = bench.friend()
    known = home.certificate
    home.rotate(serial=known.serial)
    chain, event = bench.invited(home, friend)
    tap.equal(bench.show(friend, chain, event), "rejected NOT_HOME",
              "a serial that was another certificate's")
    tap.ok(net.wait(lambda: bench.server.sql(
        "SELECT 1 FROM federation.evidence WHERE kind = "
        "'CERTIFICATE_CONFLICT'"), 10), "which is evidence")
    # One that it knows needs not come along, and one may be the newer.
    home = bench.friend()
    chain, event = bench.invited(home, friend)
    old = certificate(home)
    home.rotate(serial=home.certificate.serial + 1)
    tap.equal(bench.show(friend, chain, event, certificate=certificate(
        home)), "accepted", "one that is known beside another")
    chain, event = bench.invited(home, friend)
    tap.equal(bench.show(friend, chain, event, certificate=old),
              "rejected NOT_HOME", "one that is not known beside another")
    tap.equal(bench.show(friend, chain, event), "accepted",
              "one that is not known, with the event")


def test_used(bench):
    friend = bench.friend()
    chain, event = bench.invited(friend)
    tap.equal(bench.show(friend, chain, event), "accepted", "shown")
    for state in ("quarantine", "pending", "accepted", "declined", "void"):
        bench.server.sql("UPDATE federation.room_invited SET state = %s "
                         "WHERE global_room_id = %s", state, chain.room)
        tap.equal((bench.show(friend, chain, event), bench.states(chain)),
                  ("duplicate", [state]),
                  "again in another item, when it is " + state)
    bench.server.sql("UPDATE federation.room_invited SET expires_at = now() - "
                     "interval '1 s' WHERE global_room_id = %s", chain.room)
    tap.equal(bench.show(friend, chain, event), "duplicate",
              "and when it has expired")
    bench.server.sql("SELECT federation.user_withdraw('bob')", user="app")
    tap.equal(bench.show(friend, chain, event), "duplicate",
              "or bob is there no more")
    bench.server.sql("SELECT federation.user_publish('bob', 'key')",
                     user="app")
    # The home signed one nonce twice.
    second = chain.invite("ann@" + friend.address, bench.bob,
                          nonce=peer.unb64(event["payload"]["nonce"]))
    tap.equal((bench.show(friend, chain, second), bench.states(chain)),
              ("rejected STATE_INVALID", ["void"]),
              "another event with its nonce")


class Watch:
    """What the database is made to do for invitations: calls of functions,
    and rows written."""

    FUNCTIONS = ("SELECT funcname, calls FROM pg_stat_user_functions WHERE "
                 "funcname IN ('room_invitation_facts', "
                  "'room_invitation_write', "
                 "'room_invited_tell', 'room_tell', 'room_join_ask', "
                 "'room_item_received', 'room_enqueue')")
    TABLES = ("SELECT relname, n_tup_ins, n_tup_upd, n_tup_del FROM "
              "pg_stat_user_tables WHERE schemaname = 'federation' AND "
              "relname IN ('room_invited', 'received_ids', 'inbox', "
              "'evidence', 'room_asked', 'federated_message_queue', "
              "'federated_rooms', 'local_users')")

    def __init__(self, bench):
        self.bench = bench
        connection = psycopg2.connect(bench.server.database)
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("ALTER SYSTEM SET track_functions = 'all'")
            cursor.execute("SELECT pg_reload_conf()")
        connection.close()
        # Functions count from the next command on.
        self.before = {}
        self.since(None)

    def now(self):
        found = {("calls", name): calls for name, calls in
                 self.bench.server.sql(self.FUNCTIONS)}
        for name, *rows in self.bench.server.sql(self.TABLES):
            found[("rows", name)] = tuple(rows)
        return found

    def since(self, facts):
        """What came since the last time, when so many were judged."""
        def settled():
            now = self.now()
            name = ("calls", "room_invitation_facts")
            if facts is not None and now.get(name, 0) < \
                    self.before.get(name, 0) + facts:
                return None
            return now
        now, before = net.wait(settled, 30), self.before
        self.before = now
        return {key: tuple(a - b for a, b in zip(value, before.get(
            key, (0,) * len(value)))) if key[0] == "rows" else
            value - before.get(key, 0) for key, value in now.items()}


def strip(exchange):
    """All of an answer but what names the request."""
    return (exchange.status, len(exchange.response.body),
            {k: v for k, v in exchange.payload.items()
             if k != "requestHash"})


def test_names(bench):
    """A server at level 1 tries to tell 20 users from 20 names of nobody: by
    answers, their order and size, and by what is done for them."""
    users = ["user%d" % n for n in range(20)]
    names = ["name%d" % n for n in range(20)]
    for handle in users:
        bench.server.sql("SELECT federation.user_publish(%s, 'key')", handle,
                         user="app")
    bench.server.sql("SELECT federation.user_publish(%s, 'key', hidden => "
                     "true)", names[0], user="app")
    watch = Watch(bench)
    # Calls are counted in sessions' own time: one round to begin with.
    friend = bench.friend(1)
    bench.show(friend, *bench.invited(friend))
    watch.since(1)

    def ask(chain, event, origin, number=None):
        return strip(bench.client.send(origin, origin.envelope(
            bench.onion, "room_invite", chain.invitation(event),
            id=number or str(uuid.uuid4()))))

    class Prober:
        """One of four peers, who asks for ten names and more."""

        def __init__(self, handles, more):
            self.origin = bench.friend(1)
            self.made = [bench.invited(
                self.origin, invitee=h + "@" + bench.onion)
                for h in handles + more]

        def ten(self, first=0, count=10):
            return [ask(*made, self.origin)
                    for made in self.made[first:first + count]]

        def batch(self):
            exchange = bench.client.batch(self.origin, [
                (str(uuid.uuid4()), "room_invite",
                 chain.invitation(event)) for chain, event in self.made])
            return strip(exchange)

    exist = [Prober(users[:10], users[10:12]),
             Prober(users[10:], users[:2])]
    nobody = [Prober(names[:10], names[10:12]),
              Prober(names[10:], names[:2])]
    said, done = [], []
    for probers in (exist, nobody):
        said.append([prober.ten() for prober in probers])
        done.append(watch.since(20))
    tap.equal(said[0], said[1], "20 users and 20 names: the same answers")
    tap.equal(said[0][0][0][2]["results"], [{"status": "accepted"}],
              "each accepted")
    tap.equal(done[0], done[1], "as many calls, and as many rows")
    tap.equal([done[0].get(("calls", name), 0) for name in (
        "room_invitation_facts", "room_invitation_write", "room_tell")],
        [20, 20, 0], "two calls for each, and nobody is told")
    tap.equal((done[0]["rows", "room_invited"], done[0]["rows", "received_ids"],
               done[0]["rows", "inbox"]),
              ((20, 0, 0), (20, 0, 0), (0, 0, 0)), "and two rows")
    said = [[p.ten(10, 2) for p in probers] for probers in (exist, nobody)]
    tap.equal((said[0], said[0][0][0][2]["results"][0]["code"]),
              (said[1], "INVITE_LIMIT"), "the eleventh of each must wait")
    # Of the users' all but two are decided about; and two names are users.
    bench.server.sql(
        "UPDATE federation.room_invited SET state = CASE WHEN invitee LIKE "
        "'user_' THEN 'accepted' WHEN invitee LIKE 'user1_' THEN 'declined' "
        "ELSE 'void' END WHERE invitee LIKE 'user%%' AND invitee NOT IN "
        "('user1', 'user11')")
    watch.since(4)
    said, done = [], []
    for probers in (exist, nobody):
        said.append([p.batch() for p in probers])
        done.append(watch.since(24))
    tap.equal(said[0], said[1], "all again, under other ids, when users have "
              "accepted, declined and were rejected: the same answers")
    tap.equal([r.get("code", r["status"]) for r in said[0][0][2]["results"]],
              ["duplicate"] * 10 + ["INVITE_LIMIT"] * 2,
              "each is known, and the eleventh waits still")
    tap.equal(done[0], done[1], "as many calls, and as many rows")
    # The same ids again, and with other content.
    number = str(uuid.uuid4())
    late = [bench.friend(1) for _ in range(2)]
    for more in ({}, {}, {"metadata": {"n": 1}}):
        answers = []
        for origin, handle in zip(late, ("user3", "name3")):
            made = getattr(origin, "made", None) or bench.invited(
                origin, invitee=handle + "@" + bench.onion)
            origin.made = made
            answers.append(strip(bench.client.send(origin, origin.envelope(
                bench.onion, "room_invite", made[0].invitation(
                    made[1], **more), id=number))))
        tap.equal(answers[0], answers[1], "one id: " + result(
            answers[0][2]["results"][0]))
    bench.server.sql("DELETE FROM federation.room_invited")


def test_lookups(bench):
    """From level 2 on it is told, and paid for with a look-up."""
    friend = bench.friend(2)
    eve, fay = ("%s@%s" % (name, bench.onion) for name in ("eve", "fay"))
    made = [bench.invited(friend, invitee=who) for who in (
        eve, eve, fay, bench.bob, bench.bob)]
    tap.equal(bench.batch(friend, *[("room_invite", c.invitation(e))
                                    for c, e in made[:3]]),
              ["rejected INVITE_UNKNOWN", "accepted", "accepted"],
              "one is told, then no look-up is left")
    tap.equal([bench.states(chain) for chain, _ in made[:3]],
              [[], ["pending"], ["pending"]], "and they are kept")
    envelope = friend.envelope(bench.onion, "user_lookup", {"handle": "bob"})
    tap.equal(bench.client.send(friend, envelope).result, "retry RATE",
              "a look-up comes after that")
    tap.equal(bench.show(friend, *made[3]), "accepted", "bob's is, too")
    told = net.wait(lambda: bench.told(made[3][0]), 20)
    tap.equal([t["showing"] for t in told], ["pending"],
              "and is shown somewhat later")
    number = bench.server.sql("SELECT id FROM federation.room_invited WHERE "
                              "global_room_id = %s", made[1][0].room)[0][0]
    tap.equal((bench.told(made[1][0]), bench.server.sql(
        "SELECT 1 FROM federation.room_invitations WHERE invitation = %s",
        number)), ([], []), "eve is nobody, and nobody sees hers")
    tap.equal(bench.show(friend, *made[1]), "duplicate", "asked again")
    bench.server.sql("SELECT federation.user_publish('eve', 'key')",
                     user="app")
    told = net.wait(lambda: bench.told(made[1][0]), 20)
    tap.equal([(t["event"], t["invitee"], t["showing"]) for t in told],
              [("invitation", "eve", "pending")],
              "eve is published, and sees it")
    tap.equal(bench.told(made[2][0]), [], "not fay")
    hasty, said = bench.friend(2), []
    made = [bench.invited(hasty, invitee=fay) for _ in range(8)]
    clients = [peer.Client.of(bench.server) for _ in made]
    for client in clients:
        client.handshake(hasty)
    threads = [threading.Thread(target=lambda c=client, m=one: said.append(
        c.send(hasty, hasty.envelope(bench.onion, "room_invite",
                                     m[0].invitation(m[1]))).result))
               for client, one in zip(clients, made)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    tap.equal(sorted(said), ["accepted"] * 7 + ["rejected INVITE_UNKNOWN"],
              "eight at the same time, and one look-up")
    bench.server.sql("SELECT federation.user_withdraw('eve')", user="app")
    bench.server.sql("DELETE FROM federation.room_invited")


def test_limits(bench):
    friend = bench.friend()
    rooms = [bench.invited(friend) for _ in range(12)]
    bench.server.sql("DELETE FROM federation.room_invited")
    said = [("room_invite", chain.invitation(event))
            for chain, event in rooms]
    tap.equal(bench.batch(friend, *said[:11]),
              ["accepted"] * 10 + ["retry INVITE_LIMIT"],
              "10 of a server wait, and the next must")
    other = bench.friend()
    chain, event = bench.invited(other)
    tap.equal(bench.show(other, chain, event), "accepted",
              "another server's do not")
    bench.server.sql("UPDATE federation.room_invited SET state = 'declined' "
                     "WHERE global_room_id = %s", rooms[0][0].room)
    tap.equal(bench.batch(friend, *said[10:]),
              ["accepted", "retry INVITE_LIMIT"],
              "one is declined: one more is shown")
    bench.server.sql(
        "INSERT INTO federation.room_invited (global_room_id, nonce, "
        "event_hash, invitee, inviter, room_key, metadata, state, "
        "expires_at) SELECT 'room' || n, %s, %s, 'bob', 'ann', '', '{}', "
        "'pending', now() + interval '1 hour' FROM generate_series(1, 88) n",
        bytes(16), bytes(32))
    more = [bench.invited(other) for _ in range(2)]
    tap.equal(bench.batch(other, *[("room_invite", c.invitation(e))
                                   for c, e in more]),
              ["accepted", "retry INVITE_LIMIT"],
              "100 for an invitee wait, and the next must")
    # Those that have expired are void, and wait no longer.
    bench.server.sql("UPDATE federation.room_invited SET expires_at = "
                     "now() - interval '1 s'")
    tap.equal(bench.show(other, *more[1]), "accepted",
              "what has expired does not count")
    bench.server.sql("UPDATE federation.room_invited SET expires_at = now() - "
                     "interval '46 days' WHERE global_room_id LIKE 'room%%'")
    for most, more in ((50, True), (1000, False)):
        tap.equal(bench.server.value("SELECT federation.prune_rooms(%s)",
                                     most), more,
                  "upkeep, at most %d rows of a kind" % most)
    tap.equal(bench.server.sql(
        "SELECT state, count(*) FROM federation.room_invited "
        "GROUP BY 1 ORDER BY 1"),
        [("declined", 1), ("pending", 1), ("void", 12)],
        "they are void, and gone after 45 days")


def test_speakers(bench):
    friend, known = bench.friend(), bench.friend(1)
    away = str(uuid.uuid4()) + "@" + friend.address
    here = str(uuid.uuid4()) + "@" + bench.onion
    ask = {"expires": time_text(int(time.time()) + 3600),
           "globalRoomId": away, "invitee": bench.bob, "inviterId": "ann",
           "nonce": peer.b64(bytes(16))}
    join = {"globalRoomId": away, "nonce": None, "userId": "ann"}
    leave = {"globalRoomId": away, "userId": "ann"}
    for name, kind, payload in (("an invitation", "room_invite", ask),
                                ("to join", "room_join", join),
                                ("to leave", "room_leave", leave)):
        tap.equal(bench.send(friend, kind, payload), "rejected NOT_HOME",
                  "asked for %s in the asker's own room" % name)
    tap.equal(bench.send(known, "room_join", dict(join, globalRoomId=here)),
              "rejected UNTRUSTED", "level 1 gets into no new room")
    tap.equal(bench.send(friend, "room_join", dict(
        join, userId="ann@" + friend.address)),
        "rejected PAYLOAD_MALFORMED", "no server names another's user")


def test_form(bench):
    """Every payload that the protocol's page says is refused."""
    friend = bench.friend(3)
    with open(os.path.join(ROOT, "man", "federation.vectors")) as file:
        rows = json.load(file)["refusedRooms"]
    kinds = {"roomInvite": "room_invite", "roomInviteRequest": "room_invite",
             "roomJoin": "room_join", "roomLeave": "room_leave",
             "roomState": "room_state", "roomMessage": "message"}
    # A message without a room is one to a user, and taken.
    said = [(row, kinds[row["name"]], json.loads(row["payload"]))
            for row in rows
            if (row["name"], row["why"]) != ("roomMessage",
                                             "no globalRoomId")]
    for first in range(0, len(said), 30):
        portion = said[first:first + 30]
        got = bench.batch(friend, *[(k, p) for _, k, p in portion])
        for one, (row, _, _) in zip(got, portion):
            tap.equal(one, "rejected PAYLOAD_MALFORMED",
                      "%s: %s" % (row["name"], row["why"]))


def test_types(bench):
    """An item of each type in a batch, as the protocol's page has it."""
    friend = bench.friend()
    with open(os.path.join(ROOT, "man", "federation.vectors")) as file:
        vector = json.load(file)["batchTypes"]
    chain, event = bench.invited(friend)
    member = {"globalRoomId": chain.room, "userId": "ann"}
    made = {"message": {"n": 1}, "room_invite": chain.invitation(event),
            "room_state": chain.payload(chain.events),
            "room_join": dict(member, nonce=None), "room_leave": member}
    items = json.loads(vector["canonicalPayload"])["items"]
    tap.equal(len(set(item["type"] for item in items)), 12, "12 types")
    said = [(item["type"], made.get(item["type"], item["payload"]))
            for item in items]
    for order in (1, -1):
        got = bench.batch(friend, *said[::order])[::order]
        for item, one, expected in zip(items, got, vector["results"]):
            if order == -1 and item["type"] == "room_invite":
                expected = "duplicate"
            tap.equal(one, expected, "in a batch: " + item["type"])
    said.reverse()
    tap.equal([bench.send(friend, kind, payload) for kind, payload in said
               if kind in made and kind != "room_invite"],
              [outcome for item, outcome in zip(items, vector["results"])
               if item["type"] in made and item["type"] != "room_invite"]
              [::-1], "and alone")


def test_batch(bench):
    """Whatever is wrong with one item, the others proceed."""
    friend = bench.friend()
    good, bad = bench.invited(friend), bench.invited(friend, invitee="eve@" +
                                                     bench.onion)
    away = str(uuid.uuid4()) + "@" + friend.address
    talk = {"encryptedContent": "AAAA", "epoch": 1, "globalRoomId": away,
            "lane": 1, "messageType": "text", "previous": peer.b64(bytes(32)),
            "senderId": "ann", "sequence": 1, "stateNumber": 1}
    before = len(bench.server.inbox())
    tap.equal(bench.batch(
        friend, ("message", {"n": 1}), ("room_state", {}),
        ("message", talk), ("room_invite", bad[0].invitation(bad[1])),
        ("room_invite", good[0].invitation(good[1])),
        ("room_leave", {"globalRoomId": away, "userId": "ann"}),
        ("message", dict(talk, sequence=0)), ("nonsense", {}),
        ("message", dict(talk, globalRoomId=7)), ("message", {"n": 2})), [
            "accepted", "rejected PAYLOAD_MALFORMED",
            "rejected ROOM_UNKNOWN", "rejected INVITE_UNKNOWN", "accepted",
            "rejected NOT_HOME", "rejected PAYLOAD_MALFORMED",
            "rejected TYPE_UNKNOWN", "rejected PAYLOAD_MALFORMED",
            "accepted"], "ten of all kinds, each with its own answer")
    tap.equal([(t, p.get("n"), p.get("event")) for _, _, t, p in
               bench.server.inbox()[before:] if t == "message"],
              [("message", 1, None), ("message", 2, None)],
              "the messages are there, in their order")
    tap.equal((bench.states(good[0]), bench.states(bad[0])),
              (["pending"], []), "and the good invitation alone")


def test():
    lines = ["retry minimum 50ms", "retry maximum 100ms", "queue sweep 1s",
             "rate lookups 1"]
    with net.Net(servers=1, trust="none", lines=lines) as network:
        bench = Bench(network)
        before = network.processes(1)
        for part in (test_shown, test_levels, test_bad, test_certificates,
                     test_names, test_lookups, test_used, test_speakers,
                     test_form, test_types, test_batch, test_limits):
            part(bench)
        test_automatic(bench, network.directory)
        tap.equal(network.processes(1), before,
                  "the same processes as at the beginning")


tap.main(test)
