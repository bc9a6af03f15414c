# SPDX-License-Identifier: ISC
"""fedchat's database: the tables of sql/chat/schema.sql, and torfed's contract
(the functions of torfed-sql(7)), as a member of the role fed_app. What arrives
is filed in the transaction that acknowledges it. Any client may do that; each
client then reads what is new to it."""

import contextlib
import json

import psycopg2
import psycopg2.extras

from sealing import b64, unb64

psycopg2.extras.register_uuid()

# Both tables are read in one statement, so that no number can be missed.
NEWS = """
    SELECT m.number, 'message' AS type, r.global_room_id AS room, m.sender,
	m.message_id, m.message_type, m.body, NULL::jsonb AS payload
    FROM chat.messages m JOIN chat.rooms r ON r.id = m.room_id
    WHERE m.number > %(seen)s OR m.number = ANY (%(waiting)s)
    UNION ALL
    SELECT e.number, e.type, e.payload ->> 'room', NULL, NULL, NULL, NULL,
	e.payload FROM chat.events e
    WHERE e.number > %(seen)s OR e.number = ANY (%(waiting)s)
    ORDER BY number LIMIT 500"""


class Faster(Exception):
    """Another client acknowledged first; what was filed is undone."""


class Store:
    def __init__(self, conninfo):
        self.connection = psycopg2.connect(conninfo)
        with self.work() as cursor:
            cursor.execute("LISTEN federation_inbox; LISTEN chat_news")

    def fileno(self):
        return self.connection.fileno()

    @contextlib.contextmanager
    def work(self, arriving=False):
        """A cursor within a transaction. arriving: chat's tables may get
        rows, and numbers are to be committed in their order."""
        with self.connection, self.connection.cursor(
                cursor_factory=psycopg2.extras.NamedTupleCursor) as cursor:
            if arriving:
                cursor.execute("LOCK TABLE chat.events IN EXCLUSIVE MODE")
            yield cursor

    def woken(self):
        """Whether something was notified since the last time."""
        self.connection.poll()
        notified = bool(self.connection.notifies)
        del self.connection.notifies[:]
        return notified

    def value(self, statement, *arguments):
        with self.work() as cursor:
            cursor.execute(statement, arguments)
            return cursor.fetchone()[0]

    def rows(self, statement, *arguments):
        with self.work() as cursor:
            cursor.execute(statement, arguments)
            return cursor.fetchall()

    def close(self):
        self.connection.close()

    # Arrivals

    def take(self):
        """Files what is in the inbox; false when nothing was there, or
        another client was faster."""
        with contextlib.suppress(Faster), self.work(arriving=True) as cursor:
            cursor.execute("SELECT * FROM federation.inbox_claim()")
            claimed = cursor.fetchall()
            for item in claimed:
                self.file(cursor, item, json.loads(bytes(item.payload)))
            cursor.execute("SELECT federation.inbox_acknowledge(%s)",
                           ([item.inbox_id for item in claimed],))
            if cursor.fetchone()[0] < len(claimed):
                raise Faster
            if claimed:
                cursor.execute("NOTIFY chat_news")
            return bool(claimed)
        return False

    def file(self, cursor, item, payload):
        room = payload.get("globalRoomId")
        if item.type != "message" or room is None:
            cursor.execute(
                "INSERT INTO chat.events (type, payload, trust_level) "
                "VALUES (%s, %s, %s)",
                (item.type, json.dumps(payload), item.trust_level))
            return
        cursor.execute(
            "INSERT INTO chat.messages (room_id, sender, message_id, "
            "message_type, body) VALUES (%s, %s, %s, %s, %s)",
            (self.room_row(cursor, room),
             "%s@%s" % (payload["senderId"], item.origin), item.message_id,
             payload["messageType"], unb64(payload["encryptedContent"])))

    def room_row(self, cursor, room, creator=None):
        cursor.execute(
            "INSERT INTO chat.rooms (global_room_id, creator) VALUES (%s, %s) "
            "ON CONFLICT (global_room_id) DO UPDATE SET creator = "
            "coalesce(rooms.creator, excluded.creator) RETURNING id",
            (room, creator))
        return cursor.fetchone()[0]

    def news(self, seen, waiting):
        """Rows beyond the number seen, and those with numbers in waiting."""
        with self.work() as cursor:
            cursor.execute(NEWS, {"seen": seen, "waiting": waiting})
            return cursor.fetchall()

    def last(self):
        """The highest number."""
        return self.value(
            "SELECT greatest((SELECT coalesce(max(number), 0) "
            "FROM chat.messages), (SELECT coalesce(max(number), 0) "
            "FROM chat.events))")

    # Users

    def publish(self, handle, public, name):
        with self.work() as cursor:
            cursor.execute(
                "INSERT INTO chat.users (handle, public_key, display_name) "
                "VALUES (%s, %s, %s) ON CONFLICT (handle) DO UPDATE SET "
                "public_key = excluded.public_key, "
                "display_name = excluded.display_name",
                (handle, public, name))
            cursor.execute("SELECT federation.user_publish(%s, %s, %s)",
                           (handle, public, name))

    def user(self, address):
        """The user's row of federation.users, or None. address: for our own
        users the handle."""
        found = self.rows("SELECT * FROM federation.users WHERE address = %s",
                          address)
        return found[0] if found else None

    def lookup(self, address):
        """The row of a user who is known. For any other user it asks the
        user's server, and returns None."""
        found = self.rows("SELECT * FROM federation.user_lookup(%s)", address)
        return found[0] if found else None

    # Rooms

    def own_address(self):
        return self.value("SELECT federation.own_address()")

    def create(self, creator, remember):
        """Makes a room; remember(room) is called before it is committed."""
        with self.work(arriving=True) as cursor:
            cursor.execute("SELECT federation.room_create(%s)", (creator,))
            room = cursor.fetchone()[0]
            self.room_row(cursor, room, creator)
            remember(room)
        return room

    def invite(self, room, inviter, invitee, sealed, metadata):
        """Returns the request's id; so do the three functions that follow."""
        return str(self.value(
            "SELECT federation.room_invite(%s, %s, %s, %s, %s)", room, inviter,
            invitee, sealed, json.dumps(metadata)))

    def accept(self, invitation):
        return str(self.value("SELECT federation.room_accept(%s)", invitation))

    def leave(self, room, member):
        return str(self.value("SELECT federation.room_leave(%s, %s)", room,
                              member))

    def remove(self, room, member):
        return str(self.value("SELECT federation.room_remove(%s, %s)", room,
                              member))

    def decline(self, invitation):
        self.value("SELECT federation.room_decline(%s)", invitation)

    def invitations(self, handle):
        return self.rows("SELECT * FROM federation.room_invitations "
                         "WHERE invitee = %s AND state IN ('pending', "
                         "'quarantine') ORDER BY received_at", handle)

    def members(self, room):
        """The members of the room; first the one who has been in it longest."""
        return self.rows("SELECT * FROM federation.room_membership "
                         "WHERE room = %s ORDER BY joined, member", room)

    def send(self, room, sender, number, body, message_type):
        """number: the message's id, a UUID as text."""
        with self.work(arriving=True) as cursor:
            cursor.execute("SELECT federation.room_send(%s, %s, %s, %s, %s)",
                           (room, sender, body, message_type, number))
            cursor.execute(
                "INSERT INTO chat.messages (id, room_id, sender, message_id, "
                "message_type, body, state) VALUES (%s, %s, %s, %s, %s, %s, "
                "'sent')", (number, self.room_row(cursor, room), sender,
                            number, message_type, body))
            cursor.execute("NOTIFY chat_news")

    def settled(self, sender):
        """The sender's messages that all servers have, or that some server
        never will have, each once. Rows: id, room, message_type, server (None:
        all have it), reason."""
        return self.rows("""
            WITH done AS (
                SELECT m.id, r.global_room_id AS room,
                    min(d.destination) FILTER (WHERE d.state = 'failed')
                        AS server,
                    min(d.reason) FILTER (WHERE d.state = 'failed') AS reason
                FROM chat.messages m JOIN chat.rooms r ON r.id = m.room_id
                LEFT JOIN federation.room_delivery d ON d.message_id = m.id
                WHERE m.state = 'sent' AND m.sender = %s
                GROUP BY m.id, r.global_room_id
                HAVING bool_and(d.state IN ('delivered', 'failed'))
                    OR NOT EXISTS (SELECT 1 FROM federation.room_membership e
                    WHERE e.room = r.global_room_id AND e.external_server))
            UPDATE chat.messages m SET state = CASE WHEN d.server IS NULL
                THEN 'delivered' ELSE 'failed' END
            FROM done d WHERE d.id = m.id
            RETURNING m.id, d.room, m.message_type, d.server, d.reason""",
                         sender)

    def on_their_way(self, sender):
        return self.value("SELECT EXISTS (SELECT 1 FROM chat.messages "
                          "WHERE state = 'sent' AND sender = %s)", sender)
