#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Rooms on three suites under faults: processes killed while all three talk and
members come and go, the home away, databases put back to a backup. In the end
all have one chain and the same members, and each message was shown once to
everybody who was in the room."""

import base64
import collections
import os
import random
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "lib"))
import net  # noqa: E402
import tap  # noqa: E402
from roomapp import App, agree, copy, invite, place  # noqa: E402

SEED = int(os.environ.get("SEED", "1"))
ROUNDS = 40
SECONDS = 90
LINES = ["retry minimum 50ms", "retry maximum 500ms", "queue sweep 1s",
         "flush normal 100ms", "sender idle-time 500ms"]
PROCESSES = ("fed-listener", "fed-signer", "fed-sender", "fed-queued", "fedd")
NAMES = ("ann", "bob", "cid")


class World:
    def __init__(self, network):
        self.network = network
        self.apps = [App(node) for node in network.servers]
        self.random = random.Random(SEED)
        self.said = collections.defaultdict(list)  # name: texts
        for app, name in zip(self.apps, NAMES):
            app.call("user_publish", name, b"key")
            app.call("user_publish", "guest", b"key")
        a, b, c = self.apps
        self.room = a.call("room_create", "ann")
        a.wait("created", self.room)
        invite(a, "ann", "bob", b, self.room)
        invite(a, "ann", "cid", c, self.room)

    def say(self, index):
        name = NAMES[index]
        text = "%s %d" % (name, len(self.said[name]))
        self.apps[index].call("room_send", self.room, name, text.encode())
        self.said[name].append(text)

    def shown(self, index):
        """What a server's application was shown, by who said it, in order."""
        self.apps[index].receive()
        found = collections.defaultdict(list)
        for room, sender, content in self.apps[index].messages:
            if room == self.room:
                found[sender.partition("@")[0]].append(
                    base64.b64decode(content).decode())
        return found

    def all_shown(self, indexes=(0, 1, 2), seconds=SECONDS):
        """Everybody is shown all that the others said; then once each."""
        def complete():
            return all(set(self.said[name]) <= set(self.shown(i)[name])
                       for i in indexes for name in NAMES
                       if NAMES[i] != name)
        return net.wait(complete, seconds, 0.2)

    def twice(self):
        return [text for i in range(3)
                for texts in self.shown(i).values()
                for text, count in collections.Counter(texts).items()
                if count > 1]

    def kill(self):
        number = self.random.randint(1, 3)
        process = self.random.choice(PROCESSES)
        try:
            self.network.kill(number, process)
        except Exception:  # it was dead already
            return
        if process == "fedd":
            self.network.start(number)

    def guest(self, step):
        """Somebody else comes and goes, as the home decides."""
        a, c = self.apps[0], self.apps[2]
        if step % 2 == 0:
            a.call("room_invite", self.room, "ann", c.address("guest"), b"k")
        else:
            a.call("room_remove", self.room, c.address("guest"))


def test_kills(world):
    for step in range(ROUNDS):
        for index in range(3):
            world.say(index)
        if step % 3 == 0:
            world.kill()
        if step % 8 == 4:
            world.guest(step // 8)
        time.sleep(0.1)
    tap.ok(world.all_shown(), "%d messages are shown to the others, through "
           "%d kills" % (3 * ROUNDS, (ROUNDS + 2) // 3)) or tap.diag(
               str({i: {n: len(set(world.said[n]) - set(world.shown(i)[n]))
                        for n in NAMES if n != NAMES[i]} for i in range(3)}))
    tap.equal(world.twice(), [], "each once")
    tap.ok(agree(world.room, *world.apps, seconds=SECONDS),
           "and all have one chain and the same members")


def test_away(world):
    """The home is away: the others go on, and it catches up."""
    world.network.stop(1)
    for _ in range(5):
        world.say(1)
        world.say(2)
    tap.ok(world.all_shown((1, 2)), "a room goes on without its home")
    world.apps[2].call("room_leave", world.room, "cid")
    world.network.start(1)
    tap.ok(world.all_shown((0,)), "which is shown what it missed")
    world.apps[0].wait("left", world.room, SECONDS,
                       member=world.apps[2].address("cid"))
    tap.ok(agree(world.room, *world.apps, seconds=SECONDS),
           "and sequences what was asked for meanwhile")
    invite(world.apps[0], "ann", "cid", world.apps[2], world.room)


def test_restored(world, number, scratch):
    """A database put back to a backup: what it had signed since is not signed
    again otherwise, and all that it forgot it learns."""
    app, index = world.apps[number - 1], number - 1
    epoch = app.node.value("SELECT epoch FROM federation.self")
    world.network.stop(number)
    backup = os.path.join(scratch, str(number))
    copy(app, backup)
    world.network.start(number)
    other = NAMES[(index + 1) % 3]
    since = len(world.said[other])
    for step in range(3):
        world.say(index)
        world.say((index + 1) % 3)
        if number == 1:
            world.apps[0].call("room_rename", world.room, b"%d" % step)
    others = tuple(i for i in range(3) if i != index)
    tap.ok(world.all_shown(others), "messages and events after the backup")
    tap.ok(agree(world.room, *world.apps, seconds=SECONDS), "known to all")
    chain = world.apps[others[0]].chain(world.room)
    world.network.stop(number)
    copy(app, backup, True)
    app.told.clear()
    known = app.messages
    app.messages = []
    world.network.start(number)
    if number == 1:  # wanted before it has asked anybody
        world.apps[0].call("room_rename", world.room, b"early")
    tap.ok(net.wait(lambda: "restored by=log" in app.node.log(), SECONDS),
           "server %d knows by its log of signatures that it was restored" %
           number)
    tap.ok(net.wait(lambda: app.chain(world.room)[:len(chain)] == chain,
                    SECONDS),
           "restored, server %d learns the chain it forgot" % number)
    tap.ok(net.wait(lambda: app.node.value(
        "SELECT epoch FROM federation.self") > epoch, SECONDS),
        "and begins a new epoch")
    tap.ok(net.wait(lambda: set(world.said[other][since:]) <=
                    set(world.shown(index)[other]), SECONDS, 0.2),
           "it is shown again what others had said since")
    app.messages += known
    world.say(index)
    tap.ok(world.all_shown(others), "what it says then is shown")
    if number == 1:
        world.apps[0].call("room_rename", world.room, b"after")
        tap.ok(net.wait(lambda: len(world.apps[1].chain(world.room)) ==
                        len(chain) + 2, SECONDS),
               "and what it decides follows what it had signed before")
    tap.ok(agree(world.room, *world.apps, seconds=SECONDS),
           "all have one chain and the same members")
    tap.equal([a.node.value("SELECT count(*) FROM federation.room_evidence")
               for a in world.apps], [0, 0, 0], "nobody contradicted himself")


def test_anew(world):
    """A server made anew: the same address and keys, an empty database and no
    log of signatures. What it says is no contradiction."""
    home, other, app = world.apps
    home.call("room_remove", world.room, app.address("cid"))
    app.wait("removed", world.room, SECONDS, member=app.address("cid"))
    tap.ok(agree(world.room, home, other, seconds=SECONDS), "he was removed")
    world.network.stop(3, "fedd")
    tables = [name for name, in app.node.sql(
        "SELECT c.oid::regclass::text FROM pg_class c WHERE c.relkind = 'r' "
        "AND c.relnamespace = 'federation'::regnamespace AND c.relname NOT IN "
        "('schema_version', 'limits', 'pruning')")]
    app.node.sql("TRUNCATE %s CASCADE" % ", ".join(tables))
    directory = place(app, "signatures")
    for name in os.listdir(directory):
        os.unlink(os.path.join(directory, name))
    world.network.start(3)
    for peer in (home, other):
        app.node.sql("SELECT federation.server_add(%s)", peer.node.onion)
        app.node.fedctl("server", "trust", peer.node.onion, "2")
    app.call("user_publish", "cid", b"key")
    app.told.clear()
    world.shown(0)
    invite(home, "ann", "cid", app, world.room)
    tap.ok(agree(world.room, *world.apps, seconds=SECONDS), "he is in again")
    for _ in range(3):
        world.say(2)
    tap.ok(world.all_shown((0, 1)), "made anew, what it says is shown")
    tap.equal([a.node.value("SELECT count(*) FROM federation.room_evidence")
               for a in world.apps], [0, 0, 0], "and contradicts nothing")
    tap.ok(agree(world.room, *world.apps, seconds=SECONDS),
           "all have one chain and the same members")


def test():
    scratch = None
    with net.Net(servers=3, lines=LINES) as network:
        scratch = os.path.join(network.directory, "backups")
        os.mkdir(scratch)
        world = World(network)
        test_kills(world)
        test_away(world)
        test_restored(world, 2, scratch)
        test_restored(world, 1, scratch)
        test_anew(world)


tap.main(test)
