# SPDX-License-Identifier: ISC
"""A chat server that knows nothing of torfed, for the demo: rows of its two
tables are all that it writes and reads. What its users encrypt with is
libsodium's boxes; only an invitation needs the contract, since tables of
rooms and messages have no place for one."""

import base64
import json
import os

import net
import psycopg2
from nacl.public import PrivateKey, PublicKey, SealedBox
from nacl.secret import SecretBox

ROOT = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..")
ATTACH = ("db", "attach", "--rooms", "chat.rooms", "--messages",
          "chat.messages", "--room-creator", "creator", "--room-title",
          "title", "--message-type", "message_type", "--directory",
          os.path.join(ROOT, "sql"))


class Attached:
    """A user, and the server that he chats at."""

    def __init__(self, name, server, fedctl, seconds):
        self.name = name
        self.server = server
        self.seconds = seconds  # for one thing to arrive
        self.secret = PrivateKey.generate()
        self.box = None
        result = fedctl(server.entry, *ATTACH, "--database",
                        server.entry["database"])
        if result.returncode:
            raise OSError("db attach: " + result.stderr.strip())
        self.connection = psycopg2.connect(server.entry["app_database"])
        self.sql("SELECT federation.user_publish(%s, %s)", name,
                 bytes(self.secret.public_key))

    @property
    def address(self):
        return "%s@%s" % (self.name, self.server.onion)

    def sql(self, statement, *arguments):
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute(statement, arguments)
            return cursor.fetchall() if cursor.description else []

    def wait(self, statement, *arguments):
        return net.wait(lambda: self.sql(statement, *arguments),
                        self.seconds) or []

    def make(self):
        """A room: one row. Returns (the row's id, torfed's name of it)."""
        self.box = SecretBox(os.urandom(SecretBox.KEY_SIZE))
        (room,), = self.sql("INSERT INTO chat.rooms (creator, title) "
                            "VALUES (%s, 'Attached') RETURNING id", self.name)
        return room, "%s@%s" % (room, self.server.onion)

    def invite(self, room, other):
        """With the room's key, sealed for the other's public key."""
        self.sql("SELECT federation.user_lookup(%s)", other.address)
        (public,), = self.wait("SELECT public_key FROM federation.users "
                               "WHERE address = %s", other.address)
        sealed = SealedBox(PublicKey(bytes(public))).encrypt(bytes(self.box))
        self.sql("SELECT federation.room_invite(%s, %s, %s, %s)", room,
                 self.name, other.address, sealed)

    def accept(self):
        """The invitation that waits; returns the row of the room."""
        invitation, = net.wait(lambda: [
            event for event in self.claim() if event["event"] ==
            "invitation" and event["invitee"] == self.name], self.seconds)
        self.box = SecretBox(SealedBox(self.secret).decrypt(
            base64.b64decode(invitation["encryptedRoomKey"])))
        self.sql("SELECT federation.room_accept(%s)",
                 invitation["invitation"])
        (room,), = self.wait("SELECT id FROM chat.rooms WHERE title = %s",
                             invitation["room"])
        return room

    def claim(self):
        return [json.loads(bytes(payload)) for kind, payload in self.sql(
            "SELECT type, payload FROM federation.inbox_claim()")
                if kind == "room"]

    def write(self, room, text):
        """A message: one row. Returns its id."""
        (number,), = self.sql(
            "INSERT INTO chat.messages (room_id, sender, body, state) "
            "VALUES (%s, %s, %s, 'sent') RETURNING id", room, self.name,
            bytes(self.box.encrypt(text.encode())))
        return number

    def read(self, room, count):
        """The texts of others in the room, once there are that many."""
        rows = net.wait(lambda: (lambda found: found if len(found) >= count
                                 else None)(self.sql(
                                     "SELECT body FROM chat.messages "
                                     "WHERE room_id = %s AND sender LIKE "
                                     "'%%@%%' ORDER BY number", room)),
                        self.seconds) or []
        return [self.box.decrypt(bytes(body)).decode() for body, in rows]

    def close(self):
        self.connection.close()
