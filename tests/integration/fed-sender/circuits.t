#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# Circuits: each destination has SOCKS credentials of its own, which stay the
# same while it can be reached; after a failed introduction or rendezvous and
# after time-outs the next attempt takes others, so that tor builds a fresh
# circuit, and after other failures it does not. Handshakes and probes are no
# exception. A server that is heard meanwhile is tried again at once.

import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "..", "lib"))
import net  # noqa: E402
import peer  # noqa: E402
import tap  # noqa: E402
from sockstap import HOLD, SILENT, Sockstap  # noqa: E402

LINES = ["retry minimum 50ms", "retry maximum 200ms", "queue sweep 1s",
         "timeout connect 500ms", "timeout message 500ms",
         "timeout handshake 500ms", "health interval 0",
         "health self-probe 0", "sender idle 0"]
# tor's answer, or what it does; whether a fresh circuit is called for
FAILURES = (
    ("F2, introduction failed", 0xf2, True),
    ("F3, rendezvous failed", 0xf3, True),
    ("F7, introduction timed out", 0xf7, True),
    ("06, time to live expired", 0x06, True),
    ("no answer of tor's", HOLD, True),
    ("no answer of the server's", SILENT, True),
    ("F0, no descriptor", 0xf0, False),
    ("F1, a descriptor that is invalid", 0xf1, False),
    ("05, refused", 0x05, False),
    ("01, general failure", 0x01, False))


def once(action, host):
    """A policy: the first connection to host meets it."""
    left = [action]
    return lambda asked: left.pop() if asked.host == host and left else None


def fails_once(node, tapped, host, action, act):
    """Credentials of the attempt that failed, and of the next."""
    del tapped.asked[:]
    tapped.policy = once(action, host)
    act()
    return tapped.wait(2, host)


def messages(node, tapped, other):
    users = set()
    for name, action, fresh in FAILURES:
        numbers = []
        asked = fails_once(
            node, tapped, other.address, action, lambda: numbers.append(
                node.enqueue(other.address, {"text": name})))
        users.update(one.user for one in asked)
        tap.ok(len(asked) >= 2 and
               (asked[0].password != asked[1].password) == fresh,
               "a message meets %s: %s credentials" % (
                   name, "other" if fresh else "the same"))
        tap.ok(net.wait(lambda: node.delivered(numbers[0]), 20),
               "  and is delivered")
        asked = tapped.of(other.address)
        node.enqueue(other.address, {"text": "and another"})
        later = tapped.wait(len(asked) + 1, other.address)
        tap.equal(later[-1], asked[-1],
                  "  the next message takes what has worked")
    tap.equal(len(users), 1, "always under the same name")
    return users


def handshakes(node, tapped, other):
    """fedctl's and those of pings."""
    for command in (["handshake"], ["server", "ping"]):
        for name, action, fresh in FAILURES:
            del tapped.asked[:]
            tapped.policy = once(action, other.address)
            status, _, _ = node.fedctl(*command, other.address)
            again, _, errors = node.fedctl(*command, other.address)
            asked = tapped.of(other.address)
            tap.ok((status, again) == (1, 0) and len(asked) == 2 and
                   (asked[0].password != asked[1].password) == fresh,
                   "%s meets %s: %s credentials" % (
                       " ".join(command), name,
                       "other" if fresh else "the same"))
            if again:
                tap.diag(errors)


def strangers(node, tapped, directory):
    """Each server is met for the first time."""
    for name, action, fresh in FAILURES:
        with peer.Server() as stranger:
            stranger.join(directory)
            tapped.policy = once(action, stranger.address)
            first = node.fedctl("handshake", stranger.address)[0]
            again = node.fedctl("handshake", stranger.address)[0]
            asked = tapped.of(stranger.address)
            tap.ok((first, again) == (1, 0) and len(asked) == 2 and
                   (asked[0].password != asked[1].password) == fresh,
                   "a first handshake meets %s: %s credentials" % (
                       name, "other" if fresh else "the same"))


def returns():
    """A connection is not made, and meanwhile the server is heard: it is there,
    and is tried again at once, over a fresh circuit."""
    with net.Net(servers=2, lines=[
            "retry minimum 1h", "queue sweep 1s", "timeout connect 3s",
            "health interval 0", "health self-probe 0",
            "sender idle 0"]) as network:
        node, other = network.servers
        with Sockstap(node) as tapped:
            tapped.policy = once(HOLD, other.onion)
            first = node.enqueue(other.onion, {"text": "there?"})
            tapped.wait(1, other.onion)
            back = other.enqueue(node.onion, {"text": "here"})
            # Once a minute at most: the handshakes of trust have woken it.
            asked = tapped.wait(2, other.onion, 90)
            tap.ok(len(asked) == 2 and
                   asked[0].password != asked[1].password,
                   "a server is heard while it is connected to in vain: it is "
                   "tried again, with other credentials")
            tap.ok(net.wait(lambda: node.delivered(first) and
                            other.delivered(back), 10),
                   "  both messages are delivered")
            log = node.log()
            tap.ok("code=TIMEOUT_CONNECT" in log and "offline" not in log,
                   "  it never counts as away") or tap.diag(log)


def test():
    with net.Net(servers=1, lines=LINES) as network, \
            peer.Server() as other, peer.Server() as third:
        node, = network.servers
        for one in (other, third):
            one.join(network.directory)
            node.fedctl("handshake", one.address)
            node.fedctl("server", "trust", one.address, "2")
        with Sockstap(node) as tapped:
            users = messages(node, tapped, other)
            node.enqueue(third.address, {"text": "elsewhere"})
            asked = tapped.wait(1, third.address)
            tap.ok(asked and asked[0].user not in users,
                   "another server: another name")
            handshakes(node, tapped, other)
            strangers(node, tapped, network.directory)
            tap.ok(not tapped.of(node.onion), "no probe of ourselves: it is "
                   "switched off")
    returns()


tap.main(test)
