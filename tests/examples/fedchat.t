#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# fedchat's clients among themselves, no servers between them: who can read
# what, and what a server that lies achieves. And what its screen lets through.

import os
import pty
import subprocess
import sys
import tempfile
import uuid

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "lib"))
import tap  # noqa: E402
from chatworld import SERVERS, Person, World  # noqa: E402
import screen  # noqa: E402
import sealing  # noqa: E402
from home import Home  # noqa: E402

TITLE = "Zebras"


def texts(person):
    return [(e["sender"].split("@")[0], e["text"])
            for e in person.read("message")]


def settle(world, *people):
    """Everybody reads, and all look-ups are answered, until nothing is new."""
    before = None
    while before != (now := [len(s.log) for s in world.servers.values()]):
        before = now
        for person in people:
            person.arrive()
        world.answer()
    for person in people:
        person.arrive()


def gathered(directory, names="abc"):
    """A world, and alice, bob ... on servers of their own, in one room."""
    world = World()
    people = [Person(world, server, handle, directory) for server, handle in
              zip(names, ("alice", "bob", "carol"))]
    first, others = people[0], people[1:]
    first.type("/create " + TITLE)
    for other in others:
        first.type("/invite " + other.me)
        settle(world, *people)
        other.type("/accept")
        settle(world, *people)
    for person in people:
        person.events.clear()
    return world, people


def test_conversation(directory):
    world, (alice, bob, carol) = gathered(directory)
    room, = world.rooms
    tap.equal([p.home.rooms[room].title for p in (alice, bob, carol)],
              [TITLE] * 3, "the title came with the invitation")
    alice.type("good morning")
    bob.type("and to you")
    settle(world, alice, bob, carol)
    tap.equal([texts(p) for p in (alice, bob, carol)],
              [[("bob", "and to you")], [("alice", "good morning")],
               [("alice", "good morning"), ("bob", "and to you")]],
              "each reads the others")
    stored = b"".join(bytes(row.body) for server in world.servers.values()
                      for row in server.log if row.type == "message")
    tap.ok(b"morning" not in stored and TITLE.encode() not in stored,
           "servers do not")
    told = carol.events
    alice.type("again")
    carol.arrive()
    tap.equal(told[-1]["badges"], ["External", "verified"], "badges")
    bob.home = Home(os.path.join(directory, "bbob"))
    alice.type("after a restart")
    tap.equal(texts(bob), [("alice", "again"), ("alice", "after a restart")],
              "a client that starts again goes on where it was")


def test_commands(directory):
    world, (alice, bob) = gathered(directory, "ab")

    def problem(line):
        alice.type(line)
        return [e["text"] for e in alice.read("error")]
    tap.equal(problem("/dance"), ["no such command; there is /help"],
              "an unknown command")
    tap.equal(problem("/invite"), ["what is missing: USER"],
              "a command without what it needs")
    tap.equal(problem("/accept"), ["no such invitation"],
              "no invitation to accept")
    tap.equal(problem("/room nowhere"), ["no such room"], "no such room")
    alice.type("/invite nobody@" + SERVERS["b"])
    world.answer()
    tap.equal([e["text"] for e in alice.read("error")],
              ["nobody@%s: nobody is known by that name" % SERVERS["b"]],
              "nobody by that name")
    alice.type("/members")
    tap.equal([(e["member"], e["trust"]) for e in alice.read("member")],
              [(alice.me, "ours"), (bob.me, "verified")], "members")
    alice.type("/create Elsewhere")
    alice.type("/rooms")
    tap.equal([(e["room"], e["current"], e["members"]) for e in
               alice.read("room")], [(TITLE, False, 2), ("Elsewhere", True,
                                                         1)], "rooms")
    alice.type("/room " + TITLE)
    alice.type("here")
    tap.equal(texts(bob), [("alice", "here")], "a room is chosen by title")
    alice.type("/help")
    tap.ok(len(alice.read("help")) > 10, "help")


def test_decline(directory):
    world, (alice, bob) = gathered(directory, "ab")
    carol = Person(world, "c", "carol", directory)
    alice.type("/invite " + carol.me)
    settle(world, alice, bob, carol)
    carol.type("/invitations")
    tap.equal([(e["room"], e["inviter"]) for e in carol.read("pending")],
              [(TITLE, alice.me)], "an invitation is listed")
    carol.type("/decline")
    carol.type("/invitations")
    tap.equal(carol.read("pending"), [], "a declined one is not")
    tap.equal(carol.home.rooms, {}, "and its key is forgotten")


def test_removal(directory):
    world, people = gathered(directory)
    alice, bob, carol = people
    room, = world.rooms
    old = carol.home.rooms[room]
    alice.type("/remove " + carol.me)
    settle(world, *people)
    tap.equal([p.read("rekeyed")[0]["epoch"] for p in (alice, bob)], [2, 2],
              "a removal changes the key for those who stay")
    tap.ok(room not in carol.home.rooms, "she who is removed is out")
    alice.type("without her")
    bob.type("indeed")
    settle(world, *people)
    tap.equal((texts(alice), texts(bob)), ([("bob", "indeed")],
                                           [("alice", "without her")]),
              "they go on")
    # Even if she were given everything that was sent, with all she ever had.
    found = []
    for row in world.servers[SERVERS["b"]].log:
        if row.type != "message" or row.message_type != "text":
            continue
        try:
            found.append(sealing.decrypt(
                old.keys, room, bob.address(row.sender), None,
                row.message_id, row.body))
        except sealing.MissingKey:
            pass
    tap.equal(found, [], "and her keys read none of it")


def test_leave(directory):
    world, people = gathered(directory)
    alice, bob, carol = people
    room, = world.rooms
    alice.type("/leave")
    settle(world, *people)
    tap.equal([p.home.rooms[room].key().epoch for p in (bob, carol)], [2, 2],
              "when somebody leaves, whoever is there longest makes the key")
    tap.ok(bob.read("rekeyed")[0]["sender"] == bob.me, "that is bob")
    carol.type("bye")
    tap.equal(texts(bob), [("carol", "bye")], "they go on")


def test_late_joiner(directory):
    """Invited under the first key, joined under the second."""
    world, (alice, bob) = gathered(directory, "ab")
    room, = world.rooms
    carol = Person(world, "c", "carol", directory)
    alice.type("/invite " + carol.me)
    settle(world, alice, bob, carol)
    alice.type("/remove " + bob.me)
    settle(world, alice, bob, carol)
    carol.type("/accept")
    settle(world, alice, carol)
    tap.equal(carol.home.rooms[room].key().epoch, 2,
              "the present key is given to who joins with an older one")
    alice.type("welcome")
    settle(world, alice, carol)
    tap.equal(texts(carol), [("alice", "welcome")], "and opens what follows")


def altered(data, at=-1):
    data = bytearray(data)
    data[at] ^= 1
    return bytes(data)


def test_lies(directory):
    world, people = gathered(directory)
    alice, bob, carol = people
    room, = world.rooms
    carol.type("I am known")
    settle(world, *people)
    alice.type("five zebras")
    server = world.servers[SERVERS["b"]]
    row = server.log[-1]
    bob.arrive()
    bob.events.clear()

    def told(**changes):
        copy = dict(vars(row), message_id=str(uuid.uuid4()))
        copy.update(changes)
        server.arrive(copy.pop("type"), **{n: v for n, v in copy.items()
                                           if n != "number"})
        return [e["text"] for e in bob.read("untrue")]
    tap.equal(told(body=altered(row.body), message_id=row.message_id),
              ["altered"], "a bit is turned")
    tap.equal(told(sender=carol.me, message_id=row.message_id),
              ["signature is wrong"], "another's name on it")
    tap.equal(told(), ["signature is wrong"], "told once more as another")
    tap.equal(told(body=b"hello"), ["not fedchat's"], "no ciphertext at all")
    tap.equal(told(message_type="room_key", body=bob.me.encode() + b"\n" +
                   bytes(120)), ["sealed for somebody else"],
              "a room key that is none")
    forged = sealing.RoomKey(9)
    mallory = sealing.Identity(sealing.new_seed())
    sealed = forged.seal(mallory, room, bob.me, bob.home.identity.public)
    tap.equal(told(message_type="room_key", body=bob.me.encode() + b"\n" +
                   sealed), ["signature is wrong"],
              "a room key that a server made up")
    key = alice.home.rooms[room].key()
    elsewhere = key.seal(alice.home.identity, "elsewhere", bob.me,
                         bob.home.identity.public)
    tap.equal(told(message_type="room_key", body=bob.me.encode() + b"\n" +
                   elsewhere), ["signature is wrong"], "of another room")
    sealed = sealing.RoomKey(2 ** 52).seal(
        carol.home.identity, room, bob.me, bob.home.identity.public)
    tap.equal(told(sender=carol.me, message_type="room_key",
                   body=bob.me.encode() + b"\n" + sealed),
              ["leaves no room for keys that follow"],
              "a member's key that no other could take the place of")
    server.arrive("room", payload={
        "event": "invitation", "room": room, "invitee": "bob",
        "inviter": carol.me, "encryptedRoomKey": "?", "showing": "pending"})
    tap.equal([e["text"] for e in bob.read("untrue")], ["malformed"],
              "an invitation that is none")
    tap.equal(bob.read("message"), [], "nothing of it is shown as a message")
    tap.equal(bob.home.rooms[room].key().epoch, 1, "nor taken for a key")


def test_waiting(directory):
    """Messages come before what they need."""
    world, people = gathered(directory)
    alice, bob, carol = people
    room, = world.rooms
    carol.type("who am I?")
    tap.equal(texts(bob), [], "nothing is shown of whose key is asked for")
    world.answer()
    tap.equal(texts(bob), [("carol", "who am I?")], "then it is")
    key = sealing.RoomKey(2)
    for person in (alice, carol):
        person.home.rooms[room].add(key)
    carol.type("under another key")
    tap.equal(texts(bob), [], "nothing of what cannot be read yet")
    bob.home = Home(os.path.join(directory, "bbob"))
    tap.equal(texts(bob), [], "also after a restart")
    alice.share(alice.home.rooms[room], key, bob.me)
    tap.equal(texts(bob), [("carol", "under another key")], "then it is")
    world.servers[SERVERS["b"]].cache.clear()
    bob.home.known.pop(carol.me)
    del world.servers[SERVERS["c"]].users["carol"]
    carol.type("nobody knows me")
    bob.arrive()
    world.answer()
    bob.arrive()
    shown, = bob.read("message")
    tap.equal(shown["badges"][-1], "unverified",
              "who is not shown by his server is marked")


def test_another_key(directory):
    world, (alice, bob) = gathered(directory, "ab")
    thief = sealing.Identity(sealing.new_seed()).public
    server = world.servers[SERVERS["b"]]
    server.cache[alice.me] = thief
    server.arrive("user", payload={
        "address": alice.me, "event": "key", "publicKey":
        sealing.b64(thief)})
    tap.equal([e["fingerprint"] for e in bob.read("key_changed")],
              [sealing.fingerprint(thief)], "another key is told")
    alice.type("still me")
    shown, = bob.read("message")
    tap.equal((shown["text"], shown["badges"][-1]),
              ("still me", "another key"), "the one that is known stays")
    bob.type("/trust " + alice.me)
    tap.equal([e["fingerprint"] for e in bob.read("whois")],
              [sealing.fingerprint(thief)], "until it is said to be his")


def test_two_of_one_server(directory):
    world, (alice, bob) = gathered(directory, "aa")
    alice.type("neighbour")
    tap.equal(texts(bob), [("alice", "neighbour")],
              "two users of one server need no other")
    tap.equal(bob.badges(alice.me), [], "and have no badges")


def test_files(directory):
    gathered(directory, "ab")
    path = os.path.join(directory, "aalice", "state.json")
    tap.equal(os.stat(path).st_mode & 0o777, 0o600, "the file is private")
    tap.equal(os.listdir(os.path.dirname(path)), ["state.json"],
              "and alone")


def test_screen(_directory):
    for what, text, shown in (
            ("escape sequences", "a\x1b[2Jb\x9b1m", "a\ufffd[2Jb\ufffd1m"),
            ("line ends", "a\r\nb\u2028c", "a\ufffd b\ufffdc"),
            ("changes of direction", "a\u202eb\u2066c\u200f\u061c",
             "a\ufffdb\ufffdc\ufffd\ufffd"),
            ("invisible characters", "a\u200bb\ufeff\U000e0041",
             "a\ufffdb\ufffd\ufffd"),
            ("unassigned ones and surrogates", "\ud800\U000f0000",
             "\ufffd\ufffd"),
            ("heaps of accents", "z" + "\u0300" * 50, "z" + "\u0300" * 4),
            ("emoji and scripts", "שלום 👩\u200d🚀 नमस्ते",
             "שלום 👩\u200d🚀 नमस्ते")):
        tap.equal(screen.harmless(text), shown, what)
    tap.equal(screen.clean({"text": ["\x1b"], "n": 1}),
              {"text": ["\ufffd"], "n": 1}, "wherever they are")


TYPING = """
import screen, sys
terminal = screen.Terminal()
print("ready", flush=True)
terminal.show({"event": "message", "room": "r", "text": "\\x1b[2Jhello",
               "sender": "bob@" + "b" * 56 + ".onion", "badges": ["External"]})
lines = []
while lines is not None:
    lines = terminal.read()
    print(lines, flush=True)
terminal.close()
"""


def test_terminal(_directory):
    """What is shown on one, and what is typed there."""
    outer, inner = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", TYPING], stdin=inner, stdout=inner,
        close_fds=True, cwd=os.path.dirname(screen.__file__))
    os.close(inner)
    shown = b""

    def until(text):
        nonlocal shown
        while text.encode() not in shown:
            shown += os.read(outer, 4096)
    until("> ")
    tap.ok(b"[r] bob@bbbbbbbb\xe2\x80\xa6 [External]: \xef\xbf\xbd[2Jhello"
           in shown, "a message, its sender short, its escapes harmless")
    for typed, lines in (("abd\x7fc\n", "['abc']"), ("wrong\x15right\n",
                                                   "['right']"),
                         ("\u05d0\n", "['\u05d0']"),
                         ("\x01\x1b\n", "['']"), ("\x04", "None")):
        os.write(outer, typed.encode())
        until(lines)
        tap.ok(True, "typed %r: %s" % (typed, lines))
    tap.equal(child.wait(10), 0, "and it ends")
    os.close(outer)


def main():
    for name, test in sorted(globals().items()):
        if name.startswith("test_"):
            with tempfile.TemporaryDirectory() as directory:
                test(directory)


tap.main(main)
