#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# The examples for chat servers, as they stand: one sends to a room, the other
# receives, both ways; what is received is acknowledged.

import base64
import os
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "lib"))
import net  # noqa: E402
import tap  # noqa: E402

EXAMPLES = os.path.join(HERE, "..", "..", "..", "examples")
NODE_PATH = os.path.join(HERE, "..", "..", "lib", "node")
CONTENT = b"\0\xffopaque"
LINES = ["retry minimum 100ms", "retry maximum 500ms", "queue sweep 1s"]


def python(node, *arguments):
    return [sys.executable, os.path.join(EXAMPLES, "python_chat.py"),
            node.app_database, *arguments], {}


def javascript(node, *arguments):
    names = dict(part.split("=", 1) for part in node.app_database.split())
    return ["node", os.path.join(EXAMPLES, "javascript", "chat.js"),
            *arguments], {
                "PGHOST": names["host"], "PGDATABASE": names["dbname"],
                "PGUSER": names["user"], "NODE_PATH": NODE_PATH}


def start(command):
    arguments, environment = command
    return subprocess.Popen(arguments, stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE,
                            env=dict(os.environ, **environment))


def room_of_both(a, b):
    """Alice of A makes a room and invites bob of B, who joins."""
    b.value("SELECT federation.user_publish('bob', 'key')", user="app")
    room = a.value("SELECT federation.room_create('alice')", user="app")
    a.value("SELECT federation.room_invite(%s, 'alice', %s, %s)", room,
            "bob@" + b.onion, b"key", user="app")
    found = net.wait(lambda: b.sql(
        "SELECT invitation FROM federation.room_invitations "
        "WHERE invitee = 'bob'", user="app"))
    b.value("SELECT federation.room_accept(%s)", found[0][0], user="app")
    for node in (a, b):
        net.wait(lambda: node.value(
            "SELECT count(*) FROM federation.room_membership "
            "WHERE room = %s", room, user="app") == 2)
    return room


def test_pair(name, sender, receiver, room, shown):
    """sender, receiver: (example, node, handle)."""
    example, node, handle = sender
    other, there, _ = receiver
    receiving = start(other(there, "receive", "1"))
    sent, _ = start(example(node, "send", room, handle)).communicate(
        CONTENT, timeout=60)
    got, _ = receiving.communicate(timeout=60)
    tap.equal(got.decode().split(" ", 2),
              [room, "%s@%s" % (handle, node.onion), shown + "\n"],
              name + ": what was sent is received")
    tap.equal(there.value("SELECT count(*) FROM federation.inbox "
                          "WHERE message_id = %s AND acknowledged_at IS NULL",
                          sent.decode().strip()), 0, name + ": acknowledged")


def main():
    with net.Net(lines=LINES) as network:
        a, b = network.servers
        room = room_of_both(a, b)
        alice, bob = (a, "alice"), (b, "bob")
        encoded = base64.b64encode(CONTENT).decode()
        test_pair("Python to JavaScript", (python, *alice),
                  (javascript, *bob), room, encoded)
        test_pair("JavaScript to Python", (javascript, *bob),
                  (python, *alice), room, repr(CONTENT))


tap.main(main)
