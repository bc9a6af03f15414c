#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# A user published on one server and looked up from another, by SQL at both
# ends: found, kept for a time without traffic, changed, hidden, withdrawn; a
# server that is away, a daemon that is killed meanwhile. Nothing of it shows
# in a log.

import glob
import os
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "..", "..", "lib"))
import net  # noqa: E402
import psycopg2  # noqa: E402
import tap  # noqa: E402
from wiretap import PASS, Wiretap  # noqa: E402

HANDLE, NAME = "zebra.handle", "Zebra of Grevy"
LINES = ["log level debug", "retry minimum 100ms", "retry maximum 500ms",
         "queue sweep 1s", "rate lookups 0", "lookup answer 100ms",
         "lookup lifetime 15s", "lookup cache 5s", "sender idle 0"]
LOOKUP = "SELECT * FROM federation.user_lookup(%s)"
FRESH = "SELECT * FROM federation.user_lookup(%s, '0')"


class World:
    def __init__(self, network, tapped):
        self.network = network
        self.a, self.b = network.servers
        self.tapped = tapped
        self.seen = 0
        self.user = "%s@%s" % (HANDLE, self.b.onion)

    def publish(self, key, **more):
        names = "".join(", %s => %%s" % name for name in more)
        return self.b.value("SELECT federation.user_publish(%s, %s" + names +
                            ")", HANDLE, key, *more.values(), user="app")

    def lookup(self, statement=LOOKUP, user=None):
        return self.a.sql(statement, user or self.user, user="app")

    def event(self, seconds=30):
        """The next event in A's inbox, or None."""
        rows = net.wait(lambda: self.a.inbox()[self.seen:], seconds)
        if not rows:
            return None
        self.seen += 1
        _, origin, kind, payload = rows[0]
        if kind != "user" or not payload.pop("address").endswith(origin):
            return kind, payload
        return payload

    def fresh(self):
        rows = self.lookup(FRESH)
        return rows or self.event()

    def shown(self, columns):
        found = self.a.sql("SELECT %s FROM federation.users WHERE address = "
                           "%%s" % columns, self.user, user="app")
        return [tuple(bytes(v) if isinstance(v, memoryview) else v
                      for v in row) for row in found]

    def asked(self):
        """Look-ups that B's listener has met."""
        return sum(b'"type":"user_lookup"' in r for r in self.tapped.requests)


def test_found(world):
    tap.equal(world.lookup(), [], "nothing is known yet")
    tap.equal(world.event(), {"event": "unknown"}, "nor published")
    avatar = os.urandom(16384)
    key = os.urandom(2048)
    epoch = world.publish(key, display_name=NAME, avatar=avatar)
    tap.equal(world.lookup(), [], "published: asked for")
    tap.equal(world.event(), {"event": "found", "keyEpoch": epoch}, "found")
    tap.equal(world.shown("handle, server, display_name, public_key, "
                          "key_epoch, avatar, trust_level, external_server, "
                          "state"),
              [(HANDLE, world.b.onion, NAME, key, epoch, avatar, 2, True,
                "current")], "all of it arrived, to the largest size")
    asked = world.asked()
    tap.equal(asked, 2, "two requests travelled")
    for _ in range(5):
        found = world.lookup()
    tap.equal((len(found), world.asked()), (1, asked),
              "the cache has it: no traffic")
    tap.equal((world.fresh(), world.asked()),
              ({"event": "found", "keyEpoch": epoch}, asked + 1),
              "asked to be fresh: traffic")


def test_expiry(world):
    asked = world.asked()
    tap.ok(net.wait(lambda: world.shown("state") == [("expired",)], 20),
           "after its time it has expired")
    tap.equal((world.lookup(), (world.event() or {}).get("event"),
               world.asked()), ([], "found", asked + 1),
              "and is asked for again")
    tap.equal(world.shown("state"), [("current",)], "then it is current")


def test_key_change(world):
    before, = world.shown("public_key, key_epoch")
    epoch = world.publish(b"another key", display_name=NAME)
    tap.equal(world.shown("public_key, key_epoch"), [before],
              "a key published does not change what is kept")
    event = world.fresh()
    tap.equal({n: v for n, v in event.items() if not n.endswith("Key")},
              {"event": "key", "keyEpoch": epoch,
               "previousEpoch": before[1]}, "the change is an event")
    tap.equal(world.shown("public_key, key_epoch, previous_key, "
                          "previous_epoch"),
              [(b"another key", epoch, before[0], before[1])],
              "and shown with what was before")
    tap.equal(world.fresh(), {"event": "found", "keyEpoch": epoch},
              "once")


def test_withdrawn(world):
    world.publish(b"another key", hidden=True)
    tap.equal(world.fresh(), {"event": "unknown"}, "hidden: unknown")
    tap.equal(world.shown("state"), [("gone",)], "shown as gone")
    world.publish(b"another key")
    tap.equal(world.fresh()["event"], "found", "and found again")
    world.b.sql("SELECT federation.user_withdraw(%s)", HANDLE, user="app")
    tap.equal(world.fresh(), {"event": "unknown"}, "withdrawn: unknown")
    epoch = world.publish(b"a third key")
    tap.equal(world.fresh()["keyEpoch"], epoch,
              "published again: found, by another key")


def test_trust(world):
    a, b = world.a, world.b
    b.fedctl("server", "trust", a.onion, "1")
    tap.ok(net.wait(lambda: world.fresh() == {"event": "unknown"}, 10, 0.2),
           "at level 1 nobody is found")
    b.fedctl("server", "trust", a.onion, "0")
    tap.ok(net.wait(lambda: world.fresh() == {"event": "failed",
                                              "code": "UNTRUSTED"}, 10, 0.2),
           "at level 0 the look-up fails, with its code")
    b.fedctl("server", "trust", a.onion, "2")
    tap.ok(net.wait(lambda: world.fresh()["event"] == "found", 10, 0.2),
           "at level 2 he is found")


def test_away(world):
    network, a = world.network, world.a
    network.kill(2, "fed-listener")
    tap.equal(world.fresh()["event"], "found",
              "a fed-listener killed: found all the same")
    for name in ("fed-queued", "fed-sender", "fed-signer"):
        world.lookup(FRESH)
        network.kill(1, name)
        tap.equal((world.event() or {}).get("event"), "found",
                  "our %s killed meanwhile: found" % name)
    world.lookup(FRESH)
    network.kill(2, "postgres")
    time.sleep(0.3)
    network.start(2, "postgres")
    tap.equal((world.event() or {}).get("event"), "found",
              "their database killed and started: found")
    network.freeze(2, "fed-queued")
    world.lookup(FRESH)
    time.sleep(0.5)
    network.thaw(2, "fed-queued")
    tap.equal((world.event() or {}).get("event"), "found",
              "their daemon frozen and thawed: found")
    tap.equal((world.event(1), a.value("SELECT count(*) FROM "
                                       "federation.user_lookups")),
              (None, 0), "one event for each, and nothing waits")


def test_lifetime(world):
    """A server that is nowhere, and one that takes long to be known."""
    nowhere = "42b24jbhlcqnve4jmgppeoernwi2noxhwvbdwebx47wrjv3lv2kbw7id.onion"
    world.a.fedctl("server", "add", nowhere)
    user = "alice@" + nowhere
    tap.equal(world.lookup(user=user), [], "a server that is nowhere: asked")
    tap.equal(world.event(60), {"event": "failed", "code": "EXPIRED"},
              "after its lifetime the look-up has failed")


def test_transaction(world):
    """Rolled back, nothing is asked; and several at once are all answered."""
    asked = world.asked()
    connection = psycopg2.connect(world.a.app_database)
    with connection.cursor() as cursor:
        cursor.execute(FRESH, (world.user,))
    connection.rollback()
    tap.equal((world.event(1), world.asked()), (None, asked),
              "rolled back: nothing is asked")
    with connection, connection.cursor() as cursor:
        for number in range(20):
            cursor.execute(LOOKUP, ("user%d@%s" % (number, world.b.onion),))
    connection.close()
    events = [world.event() for _ in range(20)]
    tap.equal((events, world.asked()), ([{"event": "unknown"}] * 20,
                                        asked + 20),
              "twenty asked at once: twenty answers")


def test_silence(world):
    """Handle and name of a user in what the suites and databases wrote."""
    found = []
    for path in glob.glob(os.path.join(world.network.directory, "**",
                                       "*log*"), recursive=True):
        if not os.path.isfile(path):
            continue
        with open(path, errors="replace") as file:
            text = file.read().lower()
        found += [path for word in ("zebra", "grevy", "user0@")
                  if word in text]
    tap.ok("look-up server=" in world.a.log(), "the log was read")
    tap.equal(found, [], "no log has a handle or a name")


def test():
    with net.Net(servers=2, lines=LINES) as network:
        with Wiretap(network.servers[1]) as tapped:
            tapped.policy = lambda request: PASS
            world = World(network, tapped)
            test_found(world)
            test_expiry(world)
            test_key_change(world)
            test_withdrawn(world)
            test_trust(world)
            test_transaction(world)
        test_away(world)
        test_lifetime(world)
        test_silence(world)


tap.main(test)
