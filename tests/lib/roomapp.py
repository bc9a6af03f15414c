# SPDX-License-Identifier: ISC
"""A chat server's side of rooms on whole suites: what it calls, what it is
told, and whether servers agree."""

import json
import os
import shutil

import net
import psycopg2

SECONDS = 20


class App:
    """A chat server's side: what it calls, and what it was told."""

    def __init__(self, node):
        self.node = node
        self.told = []      # events of rooms
        self.messages = []  # (room, sender, content)

    def call(self, function, *arguments, user="app"):
        marks = ", ".join(["%s"] * len(arguments))
        return self.node.sql("SELECT federation.%s(%s)" % (function, marks),
                             *arguments, user=user)[0][0]

    def refused(self, function, *arguments):
        """The SQLSTATE that it fails with."""
        try:
            self.call(function, *arguments)
        except psycopg2.Error as error:
            return error.pgcode
        return None

    def receive(self):
        rows = self.node.sql(
            "WITH c AS (SELECT * FROM federation.inbox_claim(1024)) "
            "SELECT inbox_id, origin, type, payload FROM c", user="app")
        if rows:
            self.call("inbox_acknowledge", [row[0] for row in rows])
        for _, origin, kind, payload in rows:
            said = json.loads(bytes(payload))
            if kind == "room":
                self.told.append(said)
            elif kind == "message" and "globalRoomId" in said:
                self.messages.append((
                    said["globalRoomId"], said["senderId"] + "@" + origin,
                    said["encryptedContent"]))

    def wait(self, event, room=None, seconds=SECONDS, **more):
        """The first event of that kind that was not waited for yet."""
        def look():
            self.receive()
            for said in self.told:
                if said["event"] == event and room in (None, said["room"]) \
                        and all(said.get(name) == value
                                for name, value in more.items()):
                    self.told.remove(said)
                    return said
            return None
        found = net.wait(look, seconds)
        if not found:
            raise RuntimeError("not told of %s %s but of %s" % (
                event, more, self.told))
        return found

    def members(self, room):
        return [row[0] for row in self.node.sql(
            "SELECT member FROM federation.room_membership WHERE room = %s "
            "ORDER BY 1", room, user="app")]

    def chain(self, room):
        return self.node.sql(
            "SELECT encode(sha256(signing_text), 'hex') FROM "
            "federation.room_state_events e JOIN federation.federated_rooms r "
            "ON r.id = e.room_id WHERE r.global_room_id = %s AND signature IS "
            "NOT NULL ORDER BY number", room)

    def address(self, handle):
        return handle + "@" + self.node.onion


def agree(room, *apps, seconds=SECONDS):
    """All have the same chain and members."""
    return net.wait(lambda: len({str(a.chain(room)) for a in apps}) == 1 and
                    len({str(a.members(room)) for a in apps}) == 1, seconds)


def invite(home, inviter, handle, app, room):
    """Asked, shown, accepted, joined."""
    home.call("room_invite", room, inviter, app.address(handle), b"key")
    shown = app.wait("invitation", room, invitee=handle)
    app.call("room_accept", shown["invitation"])
    app.wait("joined", room, member=app.address(handle))
    home.wait("joined", room, member=app.address(handle))
    return shown


def place(app, name):
    """A directory of a server's."""
    host = dict(part.split("=", 1)
                for part in app.node.database.split())["host"]
    return os.path.join(os.path.dirname(host), name)


def copy(app, to, back=False):
    """The data of a server that is stopped, to a backup or back."""
    data = place(app, "data")
    if back:
        shutil.rmtree(data)
        data, to = to, data
    shutil.copytree(data, to, symlinks=True)
    for path, _, files in os.walk(to):
        for name in ["."] + files:
            whole = os.path.join(path, name)
            there = os.path.join(data, os.path.relpath(whole, to))
            status = os.lstat(there)
            os.lchown(whole, status.st_uid, status.st_gid)
