#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# A wait belongs to what it concerns: one room's or one message's trouble never
# holds the other traffic to its server, what an administrator does is felt at
# once, and a server that has no trust in us is waited for and not counted as
# refusing. A peer of the test's own answers what it likes; what came, and in
# which order, is what counts. Delays are hours where nothing is to come, so
# that whatever comes did not wait for them.

import os
import sys
import uuid

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "..", "..", "lib"))
import net  # noqa: E402
import peer  # noqa: E402
import tap  # noqa: E402

QUEUE = "federation.federated_message_queue"
HOUR = 3600
LINES = ["retry minimum 1h", "retry maximum 2h", "queue sweep 1s",
         "flush high 0", "flush normal 0", "health interval 0",
         "health self-probe 0"]


class Picky(peer.Server):
    """Answers each item by what its payload says: "why", a result that is
    given while the name of it stands in refused. As a receiver of rooms does
    it, what comes behind one that is put off is put off, too, in its room."""

    def __init__(self):
        super().__init__(behaviour=self.judge)
        self.refused = {}   # why: result
        self.came = []      # text of each item that was accepted
        self.seen = []      # of each item, as often as it came

    def judge(self, _, received):
        if not self.verify(received):
            return peer.http_answer(401, b"{}\n")
        if received.envelope["type"] == "handshake":
            return self.acknowledge(received, [{"status": "accepted"}])
        results, stopped = [], {}
        for _, _, payload in peer.items(received.envelope):
            text = payload["text"]
            self.seen.append(text)
            results.append(stopped.get(payload.get("room")) or
                           self.refused.get(payload.get("why")) or
                           {"status": "accepted"})
            if results[-1]["status"] == "retry" and "room" in payload:
                stopped[payload["room"]] = results[-1]
            if results[-1]["status"] == "accepted":
                self.came.append(text)
        return self.acknowledge(received, results)

    def met(self, node):
        self.join(node.network.directory)
        node.fedctl("server", "add", self.address)
        status, _, error = node.fedctl("handshake", self.address)
        if status:
            raise RuntimeError(error)
        node.fedctl("server", "trust", self.address, "2")


def later(code, seconds=HOUR):
    return {"code": code, "seconds": seconds, "status": "retry"}


def refusal(code):
    return {"code": code, "status": "rejected"}


def send(node, server, text, room=None, why=None, kind="message", count=1):
    """As the application and the functions of rooms do it; ids in order. Of
    many the texts have a number."""
    payload = '{"text":"%s"%s%s}' % (
        text + ("%s" if count > 1 else ""),
        ',"room":"%s"' % room if room else "",
        ',"why":"%s"' % why if why else "")
    rows = node.sql("INSERT INTO " + QUEUE + """ (message_id,
        destination_server_id, encrypted_payload, priority, type, line)
        SELECT gen_random_uuid(), s.id, convert_to(replace(%s, '%%s',
        n::text), 'UTF8'), %s, %s, %s FROM federation.federation_servers s,
        generate_series(1, %s) n WHERE s.onion_address = %s ORDER BY n
        RETURNING message_id""", payload, 1 if kind != "message" else 2, kind,
                    room, count, server.address)
    node.sql("NOTIFY federation_queue")
    return [str(row[0]) for row in rows]


def state(node, number):
    """Status, attempts, times that it waited by itself, reason."""
    return node.sql("SELECT status, attempts, postponed, last_error FROM " +
                    QUEUE + " WHERE message_id = %s", number)[0]


def comes(server, texts, seconds=30):
    wanted = set(texts)
    return bool(net.wait(lambda: wanted <= set(server.came), seconds))


def waits(node, number):
    return bool(net.wait(lambda: state(node, number)[2] > 0, 30))


def room_unknown(a, picky):
    """A room that the peer does not know yet, beside plain traffic and what
    would cure it."""
    room, other = str(uuid.uuid4()), str(uuid.uuid4())
    picky.refused = {"unknown": later("ROOM_UNKNOWN")}
    first, = send(a, picky, "r1", room, "unknown")
    tap.ok(waits(a, first), "a message of a room waits, for the peer does not "
           "know the room")
    number = a.enqueue(picky.address, {"text": "plain"})
    send(a, picky, "r2", room)
    send(a, picky, "o1", other)
    send(a, picky, "invitation", kind="room_invite")
    send(a, picky, "event", kind="room_state")
    tap.ok(comes(picky, ["plain", "o1", "invitation", "event"]),
           "a plain message, another room's, an invitation and an event do "
           "not")
    tap.ok(a.delivered(number), "and are delivered")
    tap.equal((state(a, first)[:2], picky.seen.count("r2")),
              (("pending", 0), 0),
              "nothing is counted; what is behind it was not sent")
    picky.refused = {}
    status, _, _ = a.fedctl("queue", "retry", first)
    tap.ok(status == 0 and comes(picky, ["r1", "r2"]),
           "an administrator has it retried: it goes, and what is behind it")
    tap.equal([t for t in picky.came if t in ("r1", "r2")], ["r1", "r2"],
              "in order")


def refused(a, picky):
    """One that is refused again and again, by a code that we do not know."""
    picky.refused = {"new": refusal("NEW_CODE")}
    bad, = send(a, picky, "bad", None, "new")
    tap.ok(waits(a, bad), "a message is refused by an unknown code")
    for n in range(3):
        a.fedctl("queue", "retry", bad)
        net.wait(lambda n=n: state(a, bad)[1] == n + 2, 30)
        send(a, picky, "after %d" % n)
    tap.ok(comes(picky, ["after 0", "after 1", "after 2"]),
           "refused four times, the messages after it go at once")
    tap.equal(state(a, bad), ("pending", 4, 1, "REFUSED"), "while it waits")
    room = str(uuid.uuid4())
    in_room, = send(a, picky, "bad in a room", room, "new")
    tap.ok(waits(a, in_room), "the same in a room")
    send(a, picky, "behind", room)
    send(a, picky, "beside")
    tap.ok(comes(picky, ["beside"]), "what is beside it goes")
    tap.ok("behind" not in picky.seen, "what is behind it waits")
    a.fedctl("queue", "cancel", in_room)
    tap.ok(comes(picky, ["behind"]), "and goes once it is cancelled")
    a.fedctl("queue", "retry", bad)
    tap.ok(net.wait(lambda: state(a, bad)[0] == "failed", 30),
           "the fifth refusal is the last")


def thousands(a, picky):
    """Thousands of one room, then one message."""
    picky.refused = {"unknown": later("ROOM_UNKNOWN")}
    room = str(uuid.uuid4())
    numbers = send(a, picky, "deep", room, "unknown", count=5000)
    tap.ok(waits(a, numbers[0]), "thousands of a room wait")
    before = len(picky.seen)
    send(a, picky, "shallow")
    tap.ok(comes(picky, ["shallow"]), "one message beside them passes")
    tap.equal(len(picky.seen) - before, 1, "with nothing else sent")
    held = a.value("SELECT count(*) FROM " + QUEUE + " WHERE postponed > 0 "
                   "AND line = %s", room)
    tap.ok(held <= 64, "of the room one request's worth was sent (%d)" % held)
    picky.refused = {}
    a.fedctl("queue", "retry", picky.address)
    texts = ["deep%d" % n for n in range(1, 5001)]
    tap.ok(comes(picky, texts, 120), "retried, all of them go")
    tap.equal([t for t in picky.came if t.startswith("deep")], texts,
              "each once, in order")


def crashes(network, a, picky):
    """Order within a room and lane, with refusals, losses and kills."""
    picky.refused = {}
    rooms = [str(uuid.uuid4()) for _ in range(4)]
    for n in range(60):
        for i, room in enumerate(rooms):
            send(a, picky, "k%d.%d" % (i, n), room,
                 "moody" if n % 7 == i else None)
        if n == 20:
            picky.refused = {"moody": later("STATE_UNKNOWN")}
            picky.faults = [lambda *_: None] * 2
        if n in (25, 45):
            network.kill(1, "fed-queued")
        if n == 35:
            a.sql("UPDATE federation.peers SET retry_at = NULL, woken = "
                  "woken + 1")
            a.sql("NOTIFY federation_servers")
    picky.refused = {}
    wanted = ["k%d.%d" % (i, n) for n in range(60) for i in range(4)]

    def settled():
        a.fedctl("queue", "retry", picky.address)
        return comes(picky, wanted, 1)

    tap.ok(net.wait(settled, 90), "refused, lost and killed, all arrive")
    for i in range(4):
        first = list(dict.fromkeys(t for t in picky.came
                                   if t.startswith("k%d." % i)))
        tap.equal(first, ["k%d.%d" % (i, n) for n in range(60)],
                  "those of room %d in their order" % i)


def untrusted(a, picky):
    """The server waits, and no message of it is refused."""
    picky.refused = {"level": refusal("UNTRUSTED")}
    number, = send(a, picky, "trust me", None, "level")
    for n in range(1, 8):
        net.wait(lambda n=n: picky.seen.count("trust me") == n, 30)
        net.wait(lambda: a.value("""SELECT retry_at > now() + interval '1 hour'
            FROM federation.peers p JOIN federation.federation_servers s
            ON s.id = p.server_id WHERE s.onion_address = %s""",
                                 picky.address), 30)
        if n < 7:
            a.fedctl("server", "retry", picky.address)
    tap.equal((picky.seen.count("trust me"), state(a, number)[:3]),
              (7, ("pending", 0, 0)), "UNTRUSTED seven times is no refusal; "
              "each retry is one request")
    picky.refused = {}
    tap.equal(peer.Client.of(a).handshake(picky.identity).result, "accepted",
              "its administrator trusts us: its server sends a handshake")
    tap.ok(comes(picky, ["trust me"]), "which wakes what waits there")


def handshakes(picky):
    return len(picky.wait(0, 0, "handshake"))


def within_a_minute(a, picky, told):
    """An item of a room may need more trust than messages do: it waits alone,
    and the handshake wakes it. In the other direction each rise of trust by
    our administrator tells the server so. What comes too soon after another is
    made up for."""
    picky.refused = {"joins": refusal("UNTRUSTED")}
    number, = send(a, picky, "join", None, "joins", kind="room_join")
    tap.ok(waits(a, number), "a join is not allowed to us yet")
    send(a, picky, "high", kind="room_state")
    send(a, picky, "normal")
    tap.ok(comes(picky, ["high", "normal"]), "what else there is goes")
    tap.equal(state(a, number)[:2], ("pending", 0), "and it was not refused")
    picky.refused = {}
    peer.Client.of(a).handshake(picky.identity)

    before = handshakes(told)
    a.fedctl("server", "trust", told.address, "0")
    a.fedctl("server", "trust", told.address, "1")
    tap.ok(net.wait(lambda: handshakes(told) == before + 1, 30),
           "a rise of trust sends a handshake")
    a.fedctl("server", "trust", told.address, "2")
    a.fedctl("server", "trust", told.address, "3")

    # The last handshake woke the peer's less than a minute ago.
    tap.ok(comes(picky, ["join"], 90), "woken by a handshake that came too "
           "soon, at the end of that minute")
    tap.ok(net.wait(lambda: handshakes(told) == before + 2, 90),
           "two more rises within a minute send one, at its end")
    a.fedctl("server", "trust", told.address, "2")
    send(a, told, "end")
    comes(told, ["end"])
    tap.equal(handshakes(told), before + 2, "a fall sends none")


def test():
    with net.Net(servers=1, lines=LINES) as network, Picky() as picky, \
            Picky() as trusting:
        a, = network.servers
        picky.met(a)
        trusting.met(a)
        room_unknown(a, picky)
        refused(a, picky)
        thousands(a, picky)
        crashes(network, a, picky)
        untrusted(a, trusting)
        within_a_minute(a, trusting, picky)


tap.main(test)
