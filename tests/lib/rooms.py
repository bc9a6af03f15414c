# SPDX-License-Identifier: ISC
"""Rooms as rows, made by the owner of a database: what tests of messages need
of a room's state without the events that would have made it."""

import base64
import hashlib
import os
import re
import subprocess
import uuid

import peer
from pgcluster import ROOT

ZERO = bytes(32)
EVENT = """INSERT INTO federation.room_state_events (room_id, number, kind,
    key_id, signing_text, payload, signature, received_at)
    VALUES (%s, %s, 'rename', '', '', '{}', '', now() - %s * interval '1 s')"""


# What fed-queued tells at its start: rooms/limits_tell.c.
LIMITS = """SELECT federation.room_limits_set(ROW(4096, 4096, 16384, 45056,
    256, 518400, 601200, 1209600, 60, 100, 64, 4, 57344, 3888000, 64)
    ::federation.room_limits_row)"""


def b64(data):
    return base64.b64encode(data).decode()


def run(connection, statement, *values):
    cursor = connection.cursor()
    cursor.execute(statement, values or None)
    return cursor.fetchall() if cursor.description else None


class Room:
    """A room in one database. members: {name@address: (joined, left)}."""

    def __init__(self, owner, home, members, number=1, **state):
        self.owner = owner
        self.uuid = str(uuid.uuid4())
        self.id = self.uuid + "@" + home
        server = self.server(home)
        self.row = run(owner, "INSERT INTO federation.federated_rooms "
                       "(room_id, origin_server_id, is_local_origin, "
                       "global_room_id) VALUES (%s, %s, %s, %s) RETURNING id",
                       self.uuid, server, server is None, self.id)[0][0]
        run(owner, "INSERT INTO federation.room_states (room_id, number) "
            "VALUES (%s, %s)", self.row, number)
        if state:
            self.set(**state)
        for member, (joined, left) in members.items():
            self.member(member, joined, left)

    def server(self, address):
        found = run(self.owner, "SELECT id FROM federation.federation_servers "
                    "WHERE onion_address = %s", address)
        return found[0][0] if found else None

    def member(self, member, joined, left=None):
        run(self.owner, "INSERT INTO federation.room_members VALUES "
            "(%s, %s, %s, %s, %s)", self.row, member,
            self.server(member.split("@")[1]), joined, left)

    def left(self, number, ago=0):
        """The event by which somebody left was applied so long ago."""
        run(self.owner, EVENT, self.row, number, ago)

    def set(self, **values):
        """Columns of the state, by another worker."""
        run(self.owner, "UPDATE federation.room_states SET version = "
            "version + 1, " + ", ".join(name + " = %s" for name in values) +
            " WHERE room_id = %s", *values.values(), self.row)

    def request(self, kind, member, state="new"):
        run(self.owner, "INSERT INTO federation.room_asked (room_id, kind, "
            "member, state) VALUES (%s, %s, %s, %s)", self.row, kind, member,
            state)

    def sql(self, statement, *values):
        """Rows; the room's id in the tables is the first value."""
        return run(self.owner, statement, self.row, *values)


class Voice:
    """What one server says in a room: messages in a stream, chained."""

    def __init__(self, room, sender, epoch=1, lane=2, state=1):
        self.room, self.sender = room, sender
        self.epoch, self.lane, self.state = epoch, lane, state
        self.sequence, self.tip = 0, ZERO

    def skip(self, count, tip=ZERO):
        """Numbers that go elsewhere; tip: the last one's digest."""
        self.sequence += count
        self.tip = tip
        return self

    def say(self, text="hello", number=None, **members):
        """(id, payload) of the next message; members replace its own."""
        self.sequence += 1
        payload = dict({
            "encryptedContent": b64(text.encode()), "epoch": self.epoch,
            "globalRoomId": self.room.id, "lane": self.lane,
            "messageType": "text", "previous": b64(self.tip),
            "senderId": self.sender, "sequence": self.sequence,
            "stateNumber": self.state}, **members)
        number = number or str(uuid.uuid4())
        self.tip = peer.item_digest("message", number, payload)
        return number, payload

    def many(self, count):
        return [self.say("%d" % n) for n in range(count)]


class Talk:
    """tests/lib/room_talk: fed-queued's code beside the database."""

    def __init__(self, cluster, address):
        program = os.path.join(ROOT, os.environ.get("TORFED_BUILD", "build"),
                               "tests", "lib", "room_talk")
        self.process = subprocess.Popen(
            [program, cluster.conninfo("_fedqueued"), address], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL)
        self.synced = []
        self.stored = 0

    def begin(self, *lines):
        self.process.stdin.write("".join(line + "\n" for line in lines))
        self.process.stdin.flush()

    def end(self):
        """Verdicts, once all is written; then synced and stored are set."""
        verdicts, self.synced = [], []
        while True:
            line = self.process.stdout.readline().split()
            if not line:
                raise RuntimeError("room_talk has gone away")
            if line[0] == "done":
                self.stored = int(line[1])
                return verdicts
            if line[0] == "sync":
                self.synced.append(line[1])
            elif line == ["failed"]:
                verdicts.append("failed")
            else:
                verdicts.append((line[0], line[1]) + tuple(
                    int(word) for word in line[2:]))

    def take_begin(self, room, origin, said, via=None):
        self.begin("take %s %s %s %d" % (via or origin, origin, room,
                                         len(said)),
                   *[number + " " + peer.canonical(payload).decode()
                     for number, payload in said])

    def take(self, room, origin, *said, via=None):
        self.take_begin(room, origin, said, via)
        return self.end()

    def do(self, command):
        self.begin(command)
        return self.end()

    def close(self):
        self.process.stdin.close()
        self.process.wait(30)


class Statements:
    """Which prepared statements the daemon's code runs meanwhile, in order:
    round trips are counted, not timed."""

    def __init__(self, cluster, prefix):
        self.cluster, self.prefix, self.ran = cluster, prefix, []

    def _level(self, level):
        self.cluster.configure(log_statement=level)
        self.cluster.reload()
        owner = self.cluster.connect()
        while run(owner, "SHOW log_statement")[0][0] != level:
            pass
        owner.close()

    def __enter__(self):
        self._level("all")
        self.begun = os.path.getsize(self.cluster.log)
        return self

    def __exit__(self, *_):
        with open(self.cluster.log, "rb") as log:
            log.seek(self.begun)
            text = log.read().decode(errors="replace")
        self.ran = [name for name in re.findall(r"execute (\w+): ", text)
                    if name.startswith(self.prefix)]
        self._level("none")


def digest(payload):
    return hashlib.sha256(payload).digest()
