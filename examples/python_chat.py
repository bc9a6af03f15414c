#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""What a chat server in Python does to federate, and no more: send to a room,
receive, acknowledge. It uses psycopg2, and is a member of the role fed_app:

    python_chat.py CONNINFO send ROOM HANDLE <ciphertext
    python_chat.py CONNINFO receive [COUNT]

send prints the message's id; receive prints what arrives, COUNT messages or for
ever. Encryption is the clients' work; here bytes are passed on as they are.

With psycopg 3: import psycopg; connect(conninfo, autocommit=True); "with
connection.transaction():" in place of "with connection:"; a bytea comes as
bytes; and in place of select and poll "for _ in connection.notifies(
timeout=30, stop_after=1)"."""

import base64
import json
import select
import sys

import psycopg2


def send(connection, room, sender, content):
    """A chat server stores its own row in the same transaction."""
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT federation.room_send(%s, %s, %s)",
                       (room, sender, content))
        return cursor.fetchone()[0]


def receive(connection, show):
    """Shows what is in the inbox, each message once: show and the
    acknowledgement are one transaction. Returns how many were shown. This
    example drops messages outside rooms, and what is told of rooms and
    users."""
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT inbox_id, origin, type, payload "
                       "FROM federation.inbox_claim()")
        rows = cursor.fetchall()
        shown = 0
        for _, origin, kind, payload in rows:
            said = json.loads(bytes(payload))
            if kind == "message" and "globalRoomId" in said:
                show(said["globalRoomId"],
                     "%s@%s" % (said["senderId"], origin),
                     base64.b64decode(said["encryptedContent"]))
                shown += 1
        cursor.execute("SELECT federation.inbox_acknowledge(%s)",
                       ([row[0] for row in rows],))
        return shown


def wait(connection, seconds=30):
    """Waits until something is notified. What another worker had claimed when
    it died is not notified again; so it waits for some seconds only."""
    with connection, connection.cursor() as cursor:
        cursor.execute("LISTEN federation_inbox")
    connection.poll()
    if not connection.notifies:
        select.select([connection], [], [], seconds)
    connection.poll()
    connection.notifies.clear()


def main(conninfo, command, *arguments):
    connection = psycopg2.connect(conninfo)
    if command == "send":
        room, sender = arguments
        print(send(connection, room, sender, sys.stdin.buffer.read()))
        return
    left = int(arguments[0]) if arguments else float("inf")
    while left > 0:
        left -= receive(connection, lambda *what: print(*what, flush=True))
        if left > 0:
            wait(connection)


main(*sys.argv[1:])
