#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# fedchat on two servers: a room is made, a user of the other server invited,
# both write, she is removed and reads no more; ticks, scripts, a restart.

import json
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "..", "lib"))
import net  # noqa: E402
import tap  # noqa: E402
from chatclient import FEDCHAT, SCHEMA, Chat, Missing  # noqa: E402

TITLE = "Zebras of Grevy"
LINES = ["log level debug", "retry minimum 100ms", "retry maximum 500ms",
         "queue sweep 1s", "rate lookups 0", "lookup answer 100ms",
         "sender idle 0"]


def together(a, b, directory):
    """Alice on A and bob on B, both in one room."""
    alice = Chat("alice", a.app_database, directory)
    bob = Chat("bob", b.app_database, directory)
    tap.equal(alice.address, "alice@" + a.onion, "a client knows who it is")
    alice.type("/create " + TITLE)
    alice.wait("created", room=TITLE)
    alice.type("/invite nobody@" + b.onion)
    tap.ok(alice.wait("error")["text"].endswith("nobody is known by that "
                                                "name"), "nobody")
    alice.type("/invite " + bob.address)
    found = bob.wait("invitation", room=TITLE, sender=alice.address)
    tap.equal(found["badges"], ["External", "verified"],
              "an invitation, with its title, from a verified server")
    bob.type("/accept " + found["invitation"][:8])
    bob.wait("joined", member=bob.address)
    alice.wait("joined", member=bob.address)
    tap.ok(True, "both see that bob is in")
    return alice, bob


def test_conversation(alice, bob):
    alice.type("good morning \u05d0 \U0001f600")
    found = bob.wait("message", sender=alice.address)
    tap.equal((found["text"], found["room"]),
              ("good morning \u05d0 \U0001f600", TITLE), "bob reads alice")
    sent = alice.wait("sent")
    tap.ok(alice.wait("delivered", id=sent["id"]), "alice sees two ticks")
    bob.type("and to \x1b[2J you")
    tap.equal(alice.wait("message", sender=bob.address)["text"],
              "and to \ufffd[2J you", "alice reads bob, without his escapes")
    alice.type("/members")
    tap.equal([(m["member"], m["badges"], m["online"]) for m in (
        alice.wait("member", member=one.address) for one in (alice, bob))],
              [(alice.address, [], True),
               (bob.address, ["External", "verified"], True)], "members")


def test_restart(a, alice, bob):
    tap.equal(alice.close(), 0, "a client ends")
    bob.type("while you were away")
    bob.wait("delivered", id=bob.wait("sent", text="while you were away")
             ["id"])
    alice.open()
    tap.equal(alice.wait("message", sender=bob.address)["text"],
              "while you were away", "and goes on where it was")


def plain(node, texts):
    """Those of texts that are in a dump of its database."""
    dump = subprocess.run(["pg_dump", "--dbname", node.database],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          check=True).stdout
    return [text for text in texts if text.encode() in dump or
            text.encode().hex().encode() in dump]


def test_removal(alice, bob):
    alice.type("/remove " + bob.address)
    tap.equal(alice.wait("rekeyed", room=TITLE)["epoch"], 2,
              "a removal changes the key")
    bob.wait("removed", member=bob.address)
    alice.type("he is gone")
    alice.wait("sent", text="he is gone")
    bob.type("am I?")
    tap.ok(bob.wait("error"), "who is out writes no more")
    try:
        bob.wait("message", seconds=0)
        tap.ok(False, "nor reads")
    except Missing:
        tap.ok(True, "nor reads")


def test_script(a, directory):
    """wait, and the exit status of one that is in vain."""
    def run(script):
        result = subprocess.run(
            [sys.executable, FEDCHAT, "--batch", "--database",
             a.app_database, "--user", "script", "--home",
             os.path.join(directory, "script")], input=script,
            stdout=subprocess.PIPE, universal_newlines=True, timeout=60,
            check=False)
        return result.returncode, [json.loads(line)["event"] for line in
                                   result.stdout.splitlines()]
    tap.equal(run("/create Notes\nwait created\nto myself\nwait delivered\n"
                  "/leave\nwait left\n"),
              (0, ["ready", "asked", "created", "sent", "delivered",
                   "left"]), "a script")
    tap.equal(run("wait message 0.1\n"), (1, ["ready", "timeout"]),
              "one that waits in vain ends with 1")


def main():
    with net.Net(lines=LINES) as network, \
            tempfile.TemporaryDirectory() as directory:
        a, b = network.servers
        for node in (a, b):
            with open(SCHEMA) as file:
                node.sql(file.read())
        alice, bob = together(a, b, directory)
        test_conversation(alice, bob)
        test_restart(a, alice, bob)
        tap.equal([plain(node, (TITLE, "good morning", "while you were away"))
                   for node in (a, b)], [[], []],
                  "no database has any of it in plain text")
        test_removal(alice, bob)
        tap.equal([alice.close(), bob.close()], [0, 0], "both end")
        test_script(a, directory)


tap.main(main)
