#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""The page's walk through a room, from the invitation to the leaving: what it
prints of alice's server is what the suite says, to the byte, and what it prints
of bob's is what this test, as bob's server, says and the suite takes."""

import json
import os
import re
import sys

sys.dont_write_bytecode = True
ROOT = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..",
                    "..", "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
import net  # noqa: E402
import peer  # noqa: E402
import tap  # noqa: E402

SECTION = r"\n\.Ss A room from invitation to leaving\n(.*?)\n\.S[hs] "


class Page:
    """The section's blocks, in turn. A name in angle brackets stands for the
    same text wherever it stands, but credit and hash, which are each
    answer's own."""

    def __init__(self):
        with open(os.path.join(ROOT, "man", "federation.7")) as file:
            text = re.search(SECTION, file.read(), re.S)[1]
        self.blocks = [block.split("\n", 1) for block in re.findall(
            r"^\.Bd -literal -offset indent\n(.*?)\n\.Ed$", text,
            re.M | re.S)]
        self.names = {}

    def match(self, title, text):
        """Whether text is what the next block says under that title."""
        head, body = self.blocks.pop(0)
        tap.equal(head, title, "the page goes on with: " + title)
        pattern, seen = "", set()
        if "\n" not in text:
            body = body.replace("\n", "")
        for literal, name in re.findall(r"([^<]*)(?:<(\w+)>)?", body):
            pattern += re.escape(literal)
            if not name:
                continue
            if name in self.names:
                pattern += re.escape(self.names[name])
            elif name in seen:
                pattern += "(?P=%s)" % name
            else:
                pattern += r'(?P<%s>[^"{}\[\],\n]+)' % name
                seen.add(name)
        found = re.fullmatch(pattern, text)
        if not tap.ok(found, "  and it is what was said"):
            tap.diag(pattern)
            tap.diag(text)
            return
        self.names.update({name: value for name, value in
                           found.groupdict().items()
                           if name not in ("credit", "hash")})

    def fill(self, title):
        """What the block says, its names filled in: what bob's server is to
        say."""
        head, body = self.blocks.pop(0)
        tap.equal(head, title, "the page goes on with: " + title)
        return re.sub(r"<(\w+)>", lambda m: self.names[m[1]],
                      body.replace("\n", ""))


def said(payload):
    return peer.canonical(payload).decode()


class World:
    def __init__(self, network, bob, page):
        self.alice, = network.servers
        self.bob, self.page = bob, page
        self.client = peer.Client.of(self.alice)
        self.events = {}
        self.page.names.update(alice=self.alice.onion, bob=bob.address)
        if self.client.handshake(bob.identity).result != "accepted":
            raise RuntimeError("handshake")
        self.alice.fedctl("server", "trust", bob.address, "2")

    def call(self, function, *values):
        return str(self.alice.value("SELECT federation.%s(%s)" % (
            function, ", ".join(["%s"] * len(values))), *values, user="app"))

    def items(self, kind):
        return [payload for received in self.bob.wait(0)
                if received.envelope for _, type, payload in
                peer.items(received.envelope) if type == kind]

    def heard(self, kind):
        """The first item of that type that bob's server got."""
        return net.wait(lambda: self.items(kind), 30)[0]

    def event(self, number):
        """The event of that number, when bob's server has it."""
        def look():
            for payload in self.items("room_state"):
                for event in payload["events"]:
                    text = peer.unb64(event["text"]).decode().split("\n")
                    self.events[int(text[2])] = (event, payload, text)
            return self.events.get(number)
        return net.wait(look, 30)

    def tell(self, kind, title):
        """Bob's server says what the page says, and alice's answers it."""
        payload = json.loads(self.page.fill(title))

        def ask():
            got = self.client.send(self.bob.identity, self.bob.identity
                                   .envelope(self.alice.onion, kind, payload))
            return got if got.result == "accepted" else None
        answer = net.wait(ask, 30)
        self.page.match("alice ack", said(answer.payload))
        tap.equal(answer.payload["requestHash"], peer.b64(peer.sha256(
            peer.envelope_text(answer.request))), "  for that request")


def walk(world):
    page = world.page
    room = world.call("room_create", "alice")
    page.names.update(room=room)
    world.call("room_invite", room, "alice", "bob@" + world.bob.address,
               b"\0\0\0")
    shown = world.heard("room_invite")
    page.match("alice room_invite", said(shown))
    page.match("alice event 2", peer.unb64(shown["event"]["text"]).decode())
    world.tell("room_join", "bob room_join")
    event, payload, text = world.event(3)
    page.match("alice room_state", said(dict(payload, events=[event])))
    page.match("alice event 3", "\n".join(text))
    tap.equal(text[3], peer.b64(peer.sha256("\n".join(
        world.event(2)[2]).encode())), "  which names event 2 by its hash")
    world.call("room_send", room, "alice", b"\0\0\0")
    page.match("alice message", said(world.heard("message")))
    world.tell("message", "bob message")
    world.tell("room_leave", "bob room_leave")
    page.match("alice event 4", "\n".join(world.event(4)[2]))
    page.match("alice payload 4", said(world.event(4)[0]["payload"]))
    tap.equal(page.blocks, [], "and that is the whole walk")


def main():
    with net.Net(servers=1, trust="none") as network, peer.Server() as bob:
        bob.join(network.directory)
        walk(World(network, bob, Page()))


tap.main(main)
