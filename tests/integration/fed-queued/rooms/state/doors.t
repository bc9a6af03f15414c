#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""One door for state events: each variety of an event, well-formed or not,
brought by each carrier there is - an item of room_state, a document of
server_sync, evidence, an invitation - is taken by all of them or by none, so
that members do not part."""

import json
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
from peer import b64, canonical, sha256  # noqa: E402

LARGEST = 32768


class Event:
    """Number 4 of a chain: an invitation of ben's, as text and payload in
    bytes. said: the payload; written: its bytes, when not canonical."""

    def __init__(self, chain, ben, written=None, change=None, text=None,
                 signer=None, named=None):
        said = {"expires": peer.time_text(int(time.time()) + 3600),
                "invitee": ben, "inviter": "ann@" + chain.home.address,
                "nonce": b64(os.urandom(16))}
        if change:
            change(said)
        self.payload = written(said) if written else canonical(said)
        lines = chain.text("invite", said).split(b"\n")
        lines[7] = b64(sha256(named or self.payload)).encode()
        self.text = b"\n".join(lines) + (text or b"")
        self.signature = (signer or chain.home).signing.sign(self.text)

    def travelling(self):
        return {"payload": json.loads(self.payload),
                "signature": b64(self.signature), "text": b64(self.text)}

    def document(self, home):
        return {"certificate": certificate(home),
                "payloads": [b64(self.payload)],
                "signature": b64(self.signature), "text": b64(self.text)}


def nested(depth):
    """A member beside the known ones: containers that make the payload's
    nest so deep."""
    def change(said):
        value = []
        for _ in range(depth - 2):
            value = [value]
        said["more"] = value
    return change


def padded(size):
    def change(said):
        said["more"] = ""
        said["more"] = "x" * (size - len(canonical(said)))
    return change


def reordered(said):
    return json.dumps(dict(reversed(list(sorted(said.items())))),
                      separators=(",", ":")).encode()


VARIETIES = [
    ("good", True, {}),
    ("with a member that is not known", True,
     {"change": lambda said: said.update(more=1)}),
    ("as deep as it may be", True, {"change": nested(5)}),
    ("deeper", False, {"change": nested(6)}),
    ("as deep as JSON may be", False, {"change": nested(8)}),
    ("as large as it may be", True, {"change": padded(LARGEST)}),
    ("larger", False, {"change": padded(LARGEST + 1)}),
    ("signed with spaces", False,
     {"written": lambda said: json.dumps(said, sort_keys=True).encode()}),
    ("signed in another order", False, {"written": reordered}),
    ("signed with an escape", False,
     {"written": lambda said: canonical(said).replace(
         b'"inviter":"a', b'"inviter":"\\u0061')}),
    ("signed with LF behind it", False,
     {"written": lambda said: canonical(said) + b"\n"}),
    ("signed with a name twice", False,
     {"written": lambda said: canonical(said)[:-1] +
      b',"nonce":"' + said["nonce"].encode() + b'"}'}),
    ("that is an array", False, {"written": lambda said: b"[]"}),
    ("without a member", False, {"change": lambda said: said.pop("expires")}),
    ("with a member of another form", False,
     {"change": lambda said: said.update(nonce="AAAA")}),
    ("that another hash names", False, {"named": b"{}"}),
    ("whose text has LF behind it", False, {"text": b"\n"}),
    ("signed by another", False, {"signer": peer.Identity()}),
]


class Bench:
    def __init__(self, network):
        self.server, = network.servers
        self.client = peer.Client.of(self.server)
        self.ben = "ben@" + self.server.onion
        self.server.sql("SELECT federation.user_publish('ben', 'key')",
                        user="app")
        self.home = peer.Identity()
        self.client.handshake(self.home)
        self.server.fedctl("server", "trust", self.home.address, "3")

    def room(self):
        """A room of home's at number 3, which bob is in."""
        chain, bob = Chain(self.home), "bob@" + self.server.onion
        self.server.sql(
            "WITH r AS (INSERT INTO federation.federated_rooms (room_id, "
            "origin_server_id, is_local_origin, global_room_id) "
            "SELECT %s, federation.room_server(%s), false, %s RETURNING id) "
            "INSERT INTO federation.room_states (room_id, asked) "
            "SELECT id, true FROM r", chain.room[:36], self.home.address,
            chain.room)
        chain.create("ann")
        event = chain.invite("ann@" + self.home.address, bob)
        chain.join(bob, event["payload"]["nonce"])
        self.send("room_state", chain.payload(chain.events))
        return chain

    def send(self, kind, payload):
        return self.client.send(self.home, self.home.envelope(
            self.server.onion, kind, payload,
            id=str(uuid.uuid4()))).result

    def state(self, chain):
        return self.server.sql(
            "SELECT s.number, s.disputed FROM federation.room_states s JOIN "
            "federation.federated_rooms r ON r.id = s.room_id WHERE "
            "r.global_room_id = %s", chain.room)[0]

    def by_item(self, chain, event):
        self.send("room_state", chain.payload([event.travelling()]))
        return self.state(chain) == (4, 0)

    def by_document(self, chain, event):
        self.send("server_sync", {"documents": [event.document(self.home)]})
        return self.state(chain) == (4, 0)

    def by_evidence(self, chain, event):
        other = Event(chain, self.ben)
        self.send("server_sync", {"evidence": [
            [event.document(self.home), other.document(self.home)]]})
        return self.state(chain) == (3, 4)

    def by_invitation(self, chain, event):
        self.send("room_invite", chain.invitation(event.travelling()))
        return self.server.value(
            "SELECT count(*) FROM federation.room_invited WHERE "
            "global_room_id = %s", chain.room) == 1


def test():
    lines = ["retry minimum 50ms", "retry maximum 100ms", "queue sweep 1s"]
    with net.Net(servers=1, trust="none", lines=lines) as network:
        bench = Bench(network)
        carriers = (bench.by_item, bench.by_document, bench.by_evidence,
                    bench.by_invitation)
        for name, good, variety in VARIETIES:
            found = []
            for carrier in carriers:
                chain = bench.room()
                found.append(carrier(chain, Event(chain, bench.ben,
                                                  **variety)))
            tap.equal(found, [good] * len(carriers), "an event %s: %s" % (
                name, "taken by each" if good else "by none"))


tap.main(test)
