# SPDX-License-Identifier: ISC
"""fedchat's clients without servers: in place of its store, lists in memory
that behave as the contract says. Whatever a server can do to its users a test
does by editing them."""

import collections
import os
import sys
import types
import uuid

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "examples", "fedchat"))

import commands  # noqa: E402
from client import Client  # noqa: E402
from home import Home  # noqa: E402

LEVEL = 2
SERVERS = {name: name * 56 + ".onion" for name in "abc"}


class World:
    def __init__(self):
        self.servers = {address: Server(self, address)
                        for address in SERVERS.values()}
        self.rooms = {}    # name: [member], whoever was first first
        self.lookups = []  # (server that asks, address), not answered yet

    def tell(self, room, event, to=None, **more):
        """An event, to every server with a member or to one."""
        told = {"event": event, "room": room, **more}
        for address in ({to} if to else self.with_member(room)):
            self.servers[address].arrive("room", payload=told)

    def with_member(self, room):
        return sorted({who.partition("@")[2] for who in self.rooms[room]})

    def change(self, room, event, member, **more):
        """Somebody joins or goes."""
        before = self.with_member(room)
        if event == "joined":
            self.rooms[room].append(member)
        else:
            self.rooms[room].remove(member)
        for address in sorted({*before, *self.with_member(room)}):
            self.tell(room, event, address, member=member, **more)

    def answer(self):
        """All look-ups are answered."""
        while self.lookups:
            asker, address = self.lookups.pop(0)
            handle, _, server = address.partition("@")
            user = self.servers[server].users.get(handle)
            if user is not None:
                self.servers[asker].cache[address] = user
            self.servers[asker].arrive("user", payload={
                "address": address, "event": "found" if user else "unknown"})


class Server:
    def __init__(self, world, address):
        self.world = world
        self.address = address
        self.users = {}    # handle: public key
        self.cache = {}    # name@server: public key
        self.log = []      # chat's tables
        self.shown = {}    # invitations: id: row

    def arrive(self, kind, **more):
        row = dict.fromkeys(("room", "sender", "message_id", "message_type",
                             "body", "payload"))
        row.update(more, number=len(self.log) + 1, type=kind)
        self.log.append(types.SimpleNamespace(**row))


class Store:
    """What the module store has, for one client of a server."""

    def __init__(self, server):
        self.server = server
        self.world = server.world

    def own_address(self):
        return self.server.address

    def publish(self, handle, public, _name):
        self.server.users[handle] = public

    def take(self):
        return False

    def last(self):
        return len(self.server.log)

    def news(self, seen, waiting):
        return [row for row in self.server.log
                if row.number > seen or row.number in waiting]

    def user(self, address):
        key = self.server.cache.get(address) if "@" in address \
            else self.server.users.get(address)
        return key and types.SimpleNamespace(
            public_key=key, trust_level=LEVEL, display_name=None)

    def lookup(self, address):
        if address in self.server.cache:
            return self.user(address)
        if (self.server.address, address) not in self.world.lookups:
            self.world.lookups.append((self.server.address, address))
        return None

    def create(self, creator, remember):
        room = "%s@%s" % (uuid.uuid4(), self.server.address)
        self.world.rooms[room] = ["%s@%s" % (creator, self.server.address)]
        remember(room)
        self.world.tell(room, "created")
        return room

    def invite(self, room, inviter, invitee, sealed, metadata):
        name, _, address = invitee.partition("@")
        row = types.SimpleNamespace(
            invitation=str(uuid.uuid4()), room=room, invitee=name,
            inviter="%s@%s" % (inviter, self.server.address), state="pending")
        self.world.servers[address].shown[row.invitation] = row
        self.world.tell(room, "invited", member=invitee, inviter=row.inviter)
        self.world.tell(room, "invitation", address, inviter=row.inviter,
                        invitee=name, invitation=row.invitation,
                        encryptedRoomKey=commands.b64(sealed),
                        metadata=metadata, showing="pending")
        return str(uuid.uuid4())

    def invitations(self, handle):
        return [row for row in self.server.shown.values()
                if row.invitee == handle and row.state == "pending"]

    def accept(self, invitation):
        row = self.server.shown[invitation]
        row.state = "accepted"
        self.world.change(row.room, "joined", "%s@%s" % (
            row.invitee, self.server.address))
        return str(uuid.uuid4())

    def decline(self, invitation):
        self.server.shown[invitation].state = "declined"

    def leave(self, room, member):
        self.world.change(room, "left", "%s@%s" % (member,
                                                   self.server.address))
        return str(uuid.uuid4())

    def remove(self, room, member):
        self.world.change(room, "removed", member)
        return str(uuid.uuid4())

    def members(self, room):
        return [types.SimpleNamespace(member=member, trust_level=LEVEL,
                                      external_server=not member.endswith(
                                          self.server.address),
                                      is_online=True)
                for member in self.world.rooms[room]]

    def send(self, room, sender, number, body, message_type):
        for address in self.world.with_member(room):
            self.world.servers[address].arrive(
                "message", room=room, message_id=number, body=body,
                message_type=message_type, sender=sender
                if address == self.server.address
                else "%s@%s" % (sender, self.server.address))

    def settled(self, _sender):
        return []

    def on_their_way(self, _sender):
        return False


class Person(Client):
    """A client and what it has shown."""

    def __init__(self, world, server, handle, directory):
        self.events = []
        self.taken = collections.Counter()
        store = Store(world.servers[SERVERS[server]])
        home = Home(os.path.join(directory, server + handle), handle)
        store.publish(handle, home.identity.public, None)
        super().__init__(store, home, self.events.append)

    def type(self, line):
        commands.perform(self, line)
        self.home.save()

    def read(self, *kinds):
        """[event] of these kinds since the last time, all that arrived
        included."""
        self.arrive()
        found = [e for e in self.events if e["event"] in kinds]
        self.events[:] = [e for e in self.events if e["event"] not in kinds]
        return found
