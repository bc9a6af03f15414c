#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""A home that has revoked its key, and the thief who has that key: state
events under it, of every time and by every hand, count only where the home
vouches for them; nothing else is taken, freezes a room or is evidence."""

import os
import sys
import time
import uuid

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "..", "..", "..", "lib"))
import net  # noqa: E402
import peer  # noqa: E402
import tap  # noqa: E402
from chain import Chain, certificate  # noqa: E402
from peer import b64, sha256, unb64  # noqa: E402
from statebench import Bench  # noqa: E402


class Thief:
    """What it has of a home: the signing key and its certificate."""

    def __init__(self, home):
        self.signing, self.certificate = home.signing, home.certificate
        self.address = home.address

    def event(self, chain, kind, payload, **more):
        return chain.event(kind, payload, signer=self,
                           key_id=self.certificate.key_id(), **more)


def robbed(bench):
    """A home whose key was stolen, its room, and the thief."""
    home = bench.friend()
    chain = bench.asked(home)
    if bench.events(home, chain, *chain.events) != "accepted":
        raise RuntimeError("room")
    return home, chain, Thief(home)


def revoke(bench, home):
    """Another key, and the one before is worth nothing."""
    serial = home.certificate.serial + 1
    home.rotate(serial=serial, min_serial=serial)
    result = bench.client.handshake(home).result
    if result != "accepted":
        raise RuntimeError("handshake: " + result)


def both(chain, thief, *events):
    return chain.payload(list(events), certificate(thief),
                         certificate(chain.home))


def test_hands(bench):
    """By everybody but the home, whatever time it bears."""
    home, chain, thief = robbed(bench)
    outsider, friend = bench.friend(1), bench.friend(2)
    revoke(bench, home)
    for when, at in (("now", None), ("before", int(time.time()) - 3600)):
        for kind, payload in (
                ("rename", {"metadata": "AAAB"}), ("close", {}),
                ("remove", {"member": bench.bob})):
            for name, carrier in (("at level 1", outsider),
                                  ("at level 2", friend)):
                tap.equal(
                    (bench.send(carrier, both(chain, thief, thief.event(
                        chain, kind, payload, at=at))), bench.number(chain)),
                    ("retry UNVOUCHED", (3, 0)),
                    "%s, signed %s, from a server %s" % (kind, when, name))
    other = thief.event(chain, "rename", {"metadata": "AAAB"}, number=3)
    tap.equal((bench.send(outsider, both(chain, thief, other)),
               bench.number(chain)), ("retry UNVOUCHED", (3, 0)),
              "in the place of one that we have: nothing is in dispute")
    tap.equal(bench.send(outsider, both(chain, thief, *chain.events)),
              "duplicate",
              "what is stored under the old key is known")
    tap.equal(thief_says(bench, thief, chain), 401,
              "and the thief itself is heard by nobody")
    event = chain.add("rename", {"metadata": "AAAC"})
    tap.equal((bench.events(outsider, chain, event), bench.number(chain)),
              ("accepted", (4, 0)),
              "under the new key the home's next event, from any hand")


def thief_says(bench, thief, chain):
    envelope = peer.Identity.envelope(
        thief, bench.onion, "room_state",
        both(chain, thief, thief.event(chain, "close", {})))
    return bench.client.send(thief, envelope).status


def test_vouched(bench):
    """What the home signed under the old key before it was stolen."""
    home, chain, thief = robbed(bench)
    outsider = bench.friend(1)
    old = [chain.add("rename", {"metadata": b64(b"%d" % n)})
           for n in range(3)]
    revoke(bench, home)
    tap.equal((bench.send(outsider, both(chain, thief, *old)),
               bench.number(chain)), ("retry UNVOUCHED", (3, 0)),
              "a run under the old key alone")
    new = chain.add("rename", {"metadata": "AAAB"})
    foreign = thief.event(chain, "rename", {"metadata": "AAAD"}, number=7,
                          previous=sha256(unb64(old[2]["text"])))
    forged = dict(new, signature=foreign["signature"])
    tap.equal((bench.send(outsider, both(chain, thief, *old, forged)),
               bench.number(chain)), ("retry UNVOUCHED", (3, 0)),
              "one that ends in an event that the home did not sign")
    tap.equal((bench.send(outsider, both(chain, thief, *old[:2], new)),
               bench.number(chain)), ("retry UNVOUCHED", (3, 0)),
              "one with a hole")
    tap.equal((bench.send(home, both(chain, thief, old[0])),
               bench.number(chain)), ("accepted", (4, 0)),
              "what the home carries itself")
    tap.equal((bench.send(outsider, both(chain, thief, *old, new)),
               bench.number(chain)), ("accepted", (7, 0)),
              "a run that ends in an event under the new key")


def test_stored(bench):
    """What the thief was quick enough to have taken gives way to the chain
    that the home vouches for, and members are what they were: whatever time
    the thief wrote."""
    home, chain, thief = robbed(bench)
    outsider = bench.friend(1)
    own = chain.event("rename", {"metadata": "AAAB"})
    later = int(time.time()) + 600
    stolen = [thief.event(chain, "remove", {"member": bench.bob}, at=later)]
    stolen.append(thief.event(
        chain, "close", {}, number=5, at=later,
        previous=sha256(unb64(stolen[0]["text"]))))
    tap.equal((bench.send(outsider, chain.payload(stolen)),
               bench.number(chain), bench.members(chain)),
              ("accepted", (5, 0), []), "before anybody knew it was taken")
    chain.events.append(own)
    chain.tip = sha256(unb64(own["text"]))
    revoke(bench, home)
    new = chain.add("rename", {"metadata": "AAAC"})
    tap.equal(bench.send(outsider, both(chain, thief, new)),
              "retry STATE_GAP", "the home's next event names another")
    tap.equal((bench.number(chain), bench.members(chain)),
              ((0, 0), []), "what nobody vouches for is cut off")
    tap.equal((bench.send(outsider, both(chain, thief, *chain.events)),
               bench.number(chain), bench.members(chain)),
              ("accepted", (5, 0), sorted(["ann@" + home.address, bench.bob])),
              "and the chain taken, with its members")
    tap.equal(bench.server.value(
        "SELECT count(*) FROM federation.room_evidence e JOIN "
        "federation.federated_rooms r ON r.id = e.room_id WHERE "
        "r.global_room_id = %s", chain.room), 0, "nothing of it is evidence")
    tap.equal([p["number"] for _, _, t, p in bench.server.inbox()
               if t == "room" and p["event"] == "undone" and
               p["room"] == chain.room], [0], "the application is told")


def test_invitation(bench):
    """Shown by the inviter's server, and by the home, which vouches for it."""
    home, chain, thief = robbed(bench)
    inviter = bench.friend(2)
    bench.server.sql("SELECT federation.user_publish('gus', 'key')",
                     user="app")
    gus = "gus@" + bench.onion
    old = chain.invite("ann@" + home.address, gus)
    shown = chain.invitation(old)
    revoke(bench, home)
    tap.equal(bench.batch(inviter, ("room_invite", shown)),
              ["rejected INVITE_VOID"], "an invitation under the old key")
    stolen = thief.event(chain, "invite", dict(
        old["payload"], nonce=b64(os.urandom(16))), at=int(time.time()) - 60)
    tap.equal(bench.batch(inviter, (
        "room_invite", dict(shown, event=stolen))),
        ["rejected INVITE_VOID"], "and one that the thief made")
    tap.equal(bench.server.value("SELECT count(*) FROM "
                                 "federation.room_invited"),
              0, "neither is shown")
    tap.equal(bench.batch(home, ("room_invite", shown)), ["accepted"],
              "the home itself shows it")


def test():
    lines = ["retry minimum 50ms", "retry maximum 100ms", "queue sweep 1s"]
    with net.Net(servers=1, trust="none", lines=lines) as network:
        bench = Bench(network)
        before = network.processes(1)
        for part in (test_hands, test_vouched, test_stored,
                     test_invitation):
            part(bench)
        tap.equal(network.processes(1), before,
                  "the same processes as at the beginning")


tap.main(test)
