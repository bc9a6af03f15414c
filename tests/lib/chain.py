# SPDX-License-Identifier: ISC
"""A room's state events, made and signed by a home that tests play:

    chain = Chain(home)                      # a peer.Identity
    chain.create("ann")
    event = chain.invite("ann@...", "bob@...")
    chain.payload(chain.events)              # of room_state
"""

import os
import time
import uuid

import peer
from peer import b64, canonical, sha256, time_text


def certificate(identity):
    return b64(identity.certificate.encode())


class Chain:
    """The events of one room. Anything may be given instead of what a good
    home would say."""

    def __init__(self, home):
        self.home = home
        self.room = str(uuid.uuid4()) + "@" + home.address
        self.events = []
        self.tip = bytes(32)

    def text(self, kind, payload, number=None, previous=None, room=None,
             at=None, key_id=None):
        return "\n".join([
            peer.PROTOCOL + "/state", room or self.room,
            str(number or len(self.events) + 1),
            b64(self.tip if previous is None else previous), kind,
            time_text(int(time.time()) if at is None else at),
            key_id or self.home.certificate.key_id(),
            b64(sha256(canonical(payload)))]).encode()

    def event(self, kind, payload, signer=None, **more):
        """One as it travels; it does not become the chain's."""
        text = self.text(kind, payload, **more)
        return {"payload": payload, "text": b64(text),
                "signature": b64((signer or self.home).signing.sign(text))}

    def add(self, kind, payload, **more):
        """The next event of the chain."""
        event = self.event(kind, payload, **more)
        self.events.append(event)
        self.tip = sha256(peer.unb64(event["text"]))
        return event

    def create(self, creator, **more):
        return self.add("create", {
            "allowedServers": None, "federation": True,
            "creator": creator + "@" + self.home.address,
            "requireInviteForJoin": True}, **more)

    def invite(self, inviter, invitee, expires=None, nonce=None, **more):
        return self.add("invite", {
            "expires": time_text(expires or int(time.time()) + 3600),
            "invitee": invitee, "inviter": inviter,
            "nonce": b64(nonce or os.urandom(16))}, **more)

    def join(self, member, nonce=None):
        """nonce: in base64."""
        return self.add("join", {"member": member, "nonce": nonce})

    def payload(self, events, *certificates):
        """Of room_state."""
        return {"certificates": list(certificates) or
                [certificate(self.home)], "events": events}

    def invitation(self, event, **more):
        """Of room_invite, shown."""
        return dict({"certificate": certificate(self.home),
                     "encryptedRoomKey": "AAAA", "event": event,
                     "metadata": {}}, **more)
