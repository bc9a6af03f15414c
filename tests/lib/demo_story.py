# SPDX-License-Identifier: ISC
"""What happens in the demo once three servers trust each other: a room, its
conversation, an absence, a removal, impostors. Each sentence is counted once
for each who is to read it."""

import base64
import os
import subprocess
import time
import uuid

import net
import peer
import pgcluster
import psycopg2
from demo_attach import Attached
from scenario import Distant

EACH = 4  # sentences of each in a conversation
TITLE = "The old mill"
PLACES = ("library", "harbour", "old mill", "station", "bakery")
INDENT = 4 * " "
SECONDS = 60  # for one thing to arrive
steps = 0


class Failed(Exception):
    pass


def say(text=""):
    """A line of a step."""
    print(INDENT + text, flush=True)


def step(text):
    global steps
    steps += 1
    lines = text.replace("\n", "\n" + INDENT)
    print("\n%-*s%s" % (len(INDENT), "%d." % steps, lines), flush=True)


class Server:
    """An entry of net.json, with its database."""

    def __init__(self, entry):
        self.entry = entry
        self.onion = entry["onion"]
        self.control = entry["control"]

    def rows(self, statement, *arguments):
        """As the database's owner."""
        connection = psycopg2.connect(self.entry["database"])
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(statement, arguments)
                return cursor.fetchall() if cursor.description else None
        finally:
            connection.close()


class Story:
    def __init__(self, demo):
        self.demo = demo
        self.people = []
        self.sent = []      # [(text, reader's name, message id)]
        self.delivered = 0  # of them, in the readers' databases
        self.decrypted = 0  # of them, shown by their clients as written
        self.room = None
        self.number = 0

    def tell(self):
        self.servers = [Server(entry) for entry in self.demo.net["servers"]]
        self.meet()
        self.gather()
        self.conversation()
        self.absence()
        self.removal()
        self.impostors()
        self.attached()
        self.acknowledged()
        self.dumps()

    def close(self):
        for person in self.people:
            if person.process.poll() is None:
                person.close()

    # The count

    def lost(self):
        return len(self.sent) - self.decrypted

    def whole(self):
        return bool(self.sent) and self.lost() == 0 and \
            self.delivered == len(self.sent)

    def summary(self):
        return "demo: %d sent, %d delivered, %d decrypted, %d lost" % (
            len(self.sent), self.delivered, self.decrypted, self.lost())

    # What people do

    def write(self, writer, readers):
        """One sentence. Readers are the others who are in the room."""
        self.number += 1
        text = "%s says, number %d: meet me behind the %s" % (
            writer.name, self.number, PLACES[self.number % len(PLACES)])
        writer.type(text)
        sent = writer.wait("sent", SECONDS, text=text)
        self.sent += [(text, reader.name, sent["id"]) for reader in readers]
        return text

    def read(self, reader, texts):
        """Waits until all of these have been read, in any order."""
        for text in texts:
            found = reader.wait("message", SECONDS, text=text, room=TITLE)
            if "unverified" in found["badges"]:
                raise Failed("%s cannot tell who wrote" % reader.name)
            self.decrypted += 1
        ids = [number for text, name, number in self.sent
               if name == reader.name and text in texts]
        self.delivered += self.rows(
            reader, "SELECT count(*) FROM chat.messages "
            "WHERE message_id = ANY (%s::uuid[])", ids)[0][0]

    def rows(self, person, statement, *arguments):
        """Of the database of that person's server."""
        return self.servers[self.people.index(person)].rows(statement,
                                                            *arguments)

    # The steps

    def meet(self):
        step("Users: each client makes its key, and its server publishes "
             "it. Others look\nthem up by name and address, and see:")
        self.people = [self.demo.chat(n) for n in range(len(self.servers))]
        for person in self.people:
            other = self.people[self.people.index(person) - 1]
            person.type("/whois " + other.address)
            found = person.wait("whois", SECONDS, member=other.address)
            if found["fingerprint"] == "-":
                raise Failed("%s was not found" % other.name)
            say("%-6s sees %-6s %s %s" % (
                person.name, found["name"], found["fingerprint"],
                " ".join("[%s]" % badge for badge in found["badges"])))

    def gather(self):
        alice, *others = self.people
        step("A room, at home on %s's server. Invitations carry its key, "
             "sealed for who\nis invited, and its title under that key." %
             alice.name)
        alice.type("/create " + TITLE)
        alice.wait("created", SECONDS, room=TITLE)
        for other in others:
            alice.type("/invite " + other.address)
            found = other.wait("invitation", SECONDS, room=TITLE,
                               sender=alice.address)
            other.type("/accept " + found["invitation"])
            other.wait("joined", SECONDS, member=other.address)
            alice.wait("joined", SECONDS, member=other.address)
            say("%s has joined \"%s\"" % (other.name, TITLE))
        alice.type("/rooms")
        self.room = alice.wait("room", room=TITLE)["name"]
        bob, carol = others
        bob.wait("joined", SECONDS, member=carol.address)

    def everybody(self, people, count):
        """A conversation; returns the first sentence."""
        told = {person: [] for person in people}
        for number in range(count):
            for person in people:
                others = [one for one in people if one is not person]
                text = self.write(person, others)
                for other in others:
                    told[other].append(text)
        for person, texts in told.items():
            self.read(person, texts)
        return told[people[-1]][0]

    def conversation(self):
        step("Messages: encrypted by the clients (libsodium), handed over by "
             "SQL, carried by\nthe suite: %d from each to the two others." %
             EACH)
        started = time.monotonic()
        first = self.everybody(self.people, EACH)
        body, = self.servers[0].rows(
            "SELECT body FROM chat.messages WHERE id = %s",
            [n for text, _, n in self.sent if text == first][0])[0]
        say("\"%s\"" % first)
        say("travels as %s..." % bytes(body)[17:41].hex())
        say("%d read in %.1f s" % (self.decrypted,
                                   time.monotonic() - started))

    def absence(self):
        alice, bob, carol = self.people
        step("%s's server is switched off: tor, PostgreSQL and suite. The "
             "others go on,\nand what she misses waits." % carol.name)
        carol.close()
        self.demo.fednet("stop", "--server", "3")
        missed = [self.write(person, [other, carol])
                  for person, other in ((alice, bob), (bob, alice))
                  for _ in range(EACH)]
        self.read(bob, missed[:EACH])
        self.read(alice, missed[EACH:])
        say("%d written, the two of them have read each other's" %
            len(missed))
        self.demo.fednet("start", "--server", "3")
        started = time.monotonic()
        carol.open()
        self.read(carol, missed)
        say("switched on: she has caught up with all %d after %.1f s" % (
            len(missed), time.monotonic() - started))

    def removal(self):
        alice, bob, carol = self.people
        step("%s removes %s: the room gets another key, sealed for those who "
             "stay." % (alice.name, carol.name))
        alice.type("/remove " + carol.address)
        alice.wait("rekeyed", SECONDS, room=TITLE)
        bob.wait("rekeyed", SECONDS, room=TITLE)
        carol.wait("removed", SECONDS, member=carol.address)
        before = self.stored(carol)
        self.everybody([alice, bob], EACH)
        say("%s and %s go on under key 2; %s's server was sent %d of it" % (
            alice.name, bob.name, carol.name, self.stored(carol) - before))
        if self.stored(carol) != before:
            raise Failed("%s still gets messages" % carol.name)

    def stored(self, person):
        return self.rows(person, "SELECT count(*) FROM chat.messages")[0][0]

    def impostors(self):
        step("Impostors. Whoever runs a server can put into its queue what "
             "he likes, and\nsend what he likes over tor:")
        alice, bob, carol = self.people
        for server, name, what in (
                (2, carol.name, "%s, who was removed, still writes"),
                (1, alice.name, "%s's name on a message of another server")):
            say("%s: %s" % (what % name, self.forge(
                self.servers[server], self.servers[0], name)))
        one, two, three = self.servers
        mallory = peer.Identity()
        answer = Distant(two, three).message(mallory, self.payload(
            two, alice.name), originServer=one.onion)
        if answer.status != 401:
            raise Failed("an envelope of somebody else's was answered %d" %
                         answer.status)
        say("%s's address on an envelope, without her key: %d" % (
            alice.name, answer.status))
        for person in (alice, bob):
            if [e for e in person.events if e["event"] == "message"]:
                raise Failed("%s was shown a forgery" % person.name)

    def payload(self, server, name):
        """A room message such as that server would send next."""
        state, = server.rows("""
            SELECT s.number FROM federation.room_states s
            JOIN federation.federated_rooms r ON r.id = s.room_id
            WHERE r.global_room_id = %s""", self.room)
        last = server.rows("""
            SELECT i.epoch, i.sequence, i.digest FROM federation.room_items i
            WHERE i.origin = %s AND i.lane = 2 AND i.sequence IS NOT NULL
            ORDER BY i.epoch DESC, i.sequence DESC LIMIT 1""", server.onion)
        epoch, sequence, digest = last[0]
        return {"encryptedContent": base64.b64encode(os.urandom(64)).decode(),
                "epoch": epoch, "globalRoomId": self.room, "lane": 2,
                "messageType": "text", "previous":
                base64.b64encode(bytes(digest)).decode(), "senderId": name,
                "sequence": sequence + 1, "stateNumber": state[0]}

    def forge(self, server, target, name):
        """Puts a message into a server's queue, past its own checks, and
        returns the code with which the target refused it."""
        number = str(uuid.uuid4())
        server.rows("""
            INSERT INTO federation.federated_message_queue (message_id,
                destination_server_id, encrypted_payload)
            SELECT %s, s.id, %s FROM federation.federation_servers s
            WHERE s.onion_address = %s""", number,
                    peer.canonical(self.payload(server, name)), target.onion)
        server.rows("NOTIFY federation_queue")
        found = net.wait(lambda: [code for status, code in server.rows("""
            SELECT status, last_error FROM federation.federated_message_queue
            WHERE message_id = %s""", number) if status != "pending" and
                                  status != "sending"], SECONDS)
        if not found or found[0] is None:
            raise Failed("a forgery was not refused")
        return found[0]

    def attached(self):
        step("A chat server that knows nothing of torfed: fedctl db attach "
             "puts triggers on\nits tables of rooms and messages, and the "
             "rows that it writes travel.")
        self.close()
        dora, emil = [Attached(name, server, self.demo.fedctl, SECONDS)
                      for name, server in zip(("dora", "emil"),
                                              self.servers)]
        room, name = dora.make()
        dora.invite(name, emil)
        joined = emil.accept()
        dora.wait("SELECT 1 FROM federation.rooms WHERE room = %s "
                  "AND members = 2", name)
        for here, there, one, other in ((room, joined, dora, emil),
                                        (joined, room, emil, dora)):
            texts = ["%s writes row %d" % (one.name, number + 1)
                     for number in range(EACH)]
            self.sent += [(text, other.name, one.write(here, text))
                          for text in texts]
            read = other.read(there, EACH)
            self.delivered += len(read)
            self.decrypted += sum(text in read for text in texts)
            say("%s inserts %d rows, %s selects %d of %s" % (
                one.name, EACH, other.name, len(read), one.name))
            if read != texts:
                raise Failed("%s does not read what %s wrote" % (
                    other.name, one.name))
        for one in (dora, emil):
            one.close()

    def acknowledged(self):
        """The senders know: every item is settled by a signed answer."""
        left = net.wait(lambda: not sum(server.rows(
            "SELECT count(*) FROM federation.federated_message_queue "
            "WHERE status IN ('pending', 'sending')")[0][0]
            for server in self.servers), SECONDS)
        if not left:
            raise Failed("something is not acknowledged")
        say("all others acknowledged, each with a receipt signed by the "
            "reader's server")

    def dumps(self):
        step("What the servers know: dumps of all databases, searched for "
             "every sentence.")
        texts = {text for text, _, _ in self.sent}
        for person, server in zip(self.people, self.servers):
            dump = subprocess.run(
                [os.path.join(pgcluster.binaries(), "pg_dump"),
                 "--dbname", server.entry["database"]],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                check=True).stdout
            plain = sum(holds(dump, text.encode())
                        for text in texts | {TITLE})
            sealed = [bytes(body) for body, in server.rows(
                "SELECT body FROM chat.messages WHERE message_type = 'text'")]
            found = sum(holds(dump, body) for body in sealed)
            say("%-6s %d KiB: %d of %d sentences, %d ciphertexts" % (
                person.name, len(dump) // 1024, plain, len(texts), found))
            if plain:
                raise Failed("plaintext in the database of %s's server" %
                             person.name)
            if not found or found != len(sealed):
                raise Failed("the search finds %d of %d ciphertexts" % (
                    found, len(sealed)))


def holds(dump, data):
    """Whether the dump holds these bytes, as text or as bytea."""
    return data in dump or data.hex().encode() in dump
