#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# fed-queued on a real database, among siblings that lie: their messages are
# well-formed, and false. A fed-listener that forges, replays and mislabels, a
# fed-sender that invents answers, a fed-signer that signs wrongly, refuses or
# says nothing. Nothing is stored, delivered or acknowledged that should not
# be; whoever breaks the rules of a channel is named, and nothing else happens.

import os
import select
import socket
import struct
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "lib"))
import control  # noqa: E402
import hostile  # noqa: E402
import ipc  # noqa: E402
import peer  # noqa: E402
import pgcluster  # noqa: E402
import tap  # noqa: E402
import wire  # noqa: E402

SEED = os.environ.get("SEED") or "%d" % time.time()
ROOT = os.geteuid() == 0
SETTINGS = {"trust_automatic": 1, "retry_min_ms": 100, "retry_max_ms": 200,
            "sweep_ms": 100, "requests_pending": 64}
SIBLINGS = (ipc.LISTENER, ipc.SIGNER, ipc.SENDER)
WE = peer.Identity()
# Tables that say who runs, not what was said.
OWN = ("incarnations", "leases", "schema_version")


class Signer:
    """What a test makes of fed-signer: how(text) is a signature, or None for
    a refusal; "silent" says nothing."""

    def __init__(self, how=WE.signing.sign):
        self.how = how
        self.asked = 0

    def answer(self, channel, message):
        self.asked += 1
        if self.how == "silent":
            return
        signature = self.how(self.text(message))
        if signature is None:
            channel.send(ipc.SIGN_REFUSED, b"\4", id=message.id)
        else:
            channel.send(ipc.SIGNATURE, signature, id=message.id)

    @staticmethod
    def text(message):
        """The signing text, made of the typed fields."""
        reader = ipc.Reader(message.data)
        kind = reader.blob().decode()
        number, origin, destination = (reader.take(n) for n in (16, 32, 32))
        stamp, _mark = reader.number("q"), reader.number("q")
        header = {
            "type": kind, "id": str(peer.uuid.UUID(bytes=number)),
            "originServer": peer.onion_address(origin),
            "destinationServer": peer.onion_address(destination),
            "timestamp": peer.time_text(stamp),
            "keyId": WE.certificate.key_id()}
        if message.type == ipc.SIGN_ENVELOPE:
            return peer.signing_text(header, reader.take(32))
        head = peer.signing_text(header, b"").decode().rsplit("\n", 1)[0]
        return "\n".join([head] + [
            "%s %s" % (peer.uuid.UUID(bytes=reader.take(16)),
                       peer.b64(reader.take(32)))
            for _ in range(reader.number("I"))]).encode()


class Queued:
    """The process, with the test as all its siblings."""

    def __init__(self, cluster, **settings):
        self.cluster = cluster
        self.signer = Signer()
        self.control = socket.socket(socket.AF_UNIX)
        self.path = os.path.join(cluster.directory, "control")
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.control.bind(self.path)
        self.control.listen()
        start = {"root": cluster.socket_directory} if ROOT else {}
        self.child = ipc.start_child(
            ipc.program("fed-queued"), ipc.QUEUED, dict(SETTINGS, **settings),
            {ipc.CONTROL_SOCKET: self.control}, SIBLINGS, start=start,
            database=cluster.conninfo("_fedqueued")).go()
        self.channels = self.child.peers
        self.channels[ipc.SIGNER].send(ipc.IDENTITY, ipc.identity(
            WE.key.public, WE.certificate.encode(),
            bytes.fromhex(WE.certificate.key_id())))
        self.got = {ipc.LISTENER: [], ipc.SENDER: []}
        self.until(lambda: self.got[ipc.LISTENER])
        self.got[ipc.LISTENER].clear()
        if not self.child.logged("registered "):
            raise RuntimeError(self.child.log())

    def until(self, condition, seconds=10):
        """Answers as fed-signer and keeps what the others get. Whether the
        condition came."""
        deadline = time.monotonic() + seconds
        while not condition():
            left = deadline - time.monotonic()
            ready = select.select(
                [c.sock for c in self.channels.values()], [], [],
                max(0, min(left, 0.05)))[0]
            if left <= 0:
                return False
            for role, channel in self.channels.items():
                if channel.sock in ready:
                    self.take(role, channel)
                while self.whole(channel):
                    self.take(role, channel)
        return True

    @staticmethod
    def whole(channel):
        """Whether a message has been read already, behind another."""
        size = ipc.HEADER.size
        return len(channel.buffer) >= size and len(channel.buffer) >= \
            size + ipc.HEADER.unpack_from(channel.buffer)[2]

    def take(self, role, channel):
        message = channel.receive()
        if role == ipc.SIGNER:
            self.signer.answer(channel, message)
        else:
            self.got[role].append(message)

    def request(self, made, number=1, seconds=5, **more):
        """(status, body) of fed-queued's answer to a request."""
        self.push(made, number, **more)
        if not self.until(lambda: self.got[ipc.LISTENER], seconds):
            return None
        return self.answer(self.got[ipc.LISTENER].pop(0))

    def push(self, made, number=1, **more):
        self.channels[ipc.LISTENER].send(
            ipc.REQUEST, wire.request(made, **more), id=number)

    @staticmethod
    def answer(message):
        reader = ipc.Reader(message.data)
        status, _ = reader.number("H"), reader.number("I")
        return status, reader.blob()

    def sends(self, seconds=10):
        """The next request that fed-sender is to carry: (id, envelope)."""
        if not self.until(lambda: self.got[ipc.SENDER], seconds):
            return None, None
        message = self.got[ipc.SENDER].pop(0)
        reader = ipc.Reader(message.data)
        reader.take(32 + 4 + 1)
        return message.id, peer.decode(reader.blob())

    def sent(self, number, data):
        self.channels[ipc.SENDER].send(ipc.SENT, data, id=number)

    def stop(self):
        status = self.child.stop()
        self.control.close()
        return status


class Database:
    def __init__(self, cluster):
        self.connection = cluster.connect()

    def rows(self, statement, *arguments):
        with self.connection.cursor() as cursor:
            cursor.execute(statement, arguments)
            return cursor.fetchall() if cursor.description else None

    def value(self, statement, *arguments):
        return self.rows(statement, *arguments)[0][0]

    def counts(self):
        """Rows of each table."""
        tables = [row[0] for row in self.rows(
            """SELECT relname FROM pg_class WHERE relkind = 'r' AND
               relnamespace = 'federation'::regnamespace ORDER BY 1""")]
        return {name: self.value("SELECT count(*) FROM federation." + name)
                for name in tables if name not in OWN}

    def state(self, message_id):
        return self.rows("""SELECT status, attempts FROM
            federation.federated_message_queue WHERE message_id = %s""",
                         message_id)[0]


def known(queued):
    """A new server at level 1, by its handshake."""
    other = peer.Identity()
    deadline = time.monotonic() + 20
    while True:
        got = queued.request(other.envelope(
            WE.address, "handshake", other.handshake_payload()),
            shaken=other)
        if got and got[0] == 200:
            return other
        # It may be looking at the database still.
        if not got or got[0] != 503 or time.monotonic() > deadline:
            raise RuntimeError("handshake: %r" % (got,))
        time.sleep(0.05)


def results(body):
    return peer.decode(body)["payload"]["results"]


def test_forging_listener(cluster, database):
    queued = Queued(cluster)
    other, third = known(queued), peer.Identity()
    good = other.envelope(WE.address, "message", {"a": 1})
    before = database.counts()
    lies = [
        ("a signature of its own", dict(
            good, signature=peer.b64(third.signing.sign(
                peer.envelope_text(good))))),
        ("a signature of zeros", dict(good,
                                      signature=peer.b64(bytes(64)))),
        ("a signature that was bent", dict(
            good, signature=peer.b64(peer.malleable(
                peer.unb64(good["signature"]))))),
        ("another origin", dict(good, originServer=third.address)),
        ("ourselves as origin", dict(good, originServer=WE.address)),
        ("another destination",
         other.envelope(third.address, "message", {"a": 1})),
        ("another id", dict(good, id=str(peer.uuid.uuid4()))),
        ("another type", dict(good, type="room_invite")),
        ("another key", dict(good, keyId="0" * 64)),
        ("an older time", dict(good, timestamp=peer.time_text(
            int(time.time()) - 60))),
        ("a time outside the window", other.envelope(
            WE.address, "message", {"a": 1},
            timestamp=peer.time_text(int(time.time()) - 400))),
    ]
    for name, made in lies:
        got = queued.request(made)
        if name == "a time outside the window":  # its server says it itself
            got = got and (401, results(got[1])[0]["code"])
        tap.ok(got in ((401, b""), (401, "CLOCK_BEHIND")),
               "fed-listener forges %s" % name)
    for name, more, expected in (
            ("another payload", {"payload": b'{"a":2}'}, 401),
            ("a payload that is not canonical", {"payload": b'{"a": 1}'},
             401),
            ("a payload that is no JSON", {"payload": b"\0\xff"}, 401),
            ("256 KiB of payload", {"payload": b"[" * 262144}, 401),
            ("another path", {"path": True}, 400),
            ("a handshake where there is none", {"shaken": other}, 400)):
        got = queued.request(good, **more)
        tap.equal(got and got[0], expected, "fed-listener gives " + name)
    for name, shaken in (("another server's certificate", third),
                         ("a certificate of its own",
                          peer.Identity(other.key.seed))):
        made = other.envelope(WE.address, "handshake",
                              other.handshake_payload())
        got = queued.request(made, shaken=shaken)
        tap.equal(got and got[0], 401,
                  "fed-listener mislabels a handshake with " + name)
    tap.equal(database.counts(), before, "nothing was stored of these")
    test_replaying_listener(queued, database, other, good)


def test_replaying_listener(queued, database, other, good):
    statuses = []
    for number in range(20):
        got = queued.request(good, number)
        statuses += [results(got[1])[0]["status"]] if got else [None]
    tap.equal(statuses, ["accepted"] + ["duplicate"] * 19,
              "it replays a request: accepted once, then a duplicate")
    for made in (good, other.envelope(WE.address, "message", {"a": 2})):
        queued.push(made, 77)
    queued.until(lambda: len(queued.got[ipc.LISTENER]) == 2)
    answers = queued.got[ipc.LISTENER]
    tap.equal([m.id for m in answers], [77, 77],
              "two requests under one id: two answers under it")
    answers.clear()
    tap.equal(database.value("SELECT count(*) FROM federation.inbox"), 2,
              "each is in the inbox once")
    tap.equal(queued.stop(), 0, "it ends with fedd")


def test_flooding_listener(cluster, database):
    """Many at once, while fed-signer says nothing: of 64 places one server
    has half, the next half of the rest, and so on to the last; then nobody
    gets one. Memory is what 64 take."""
    queued = Queued(cluster)
    others = [known(queued) for _ in range(8)]
    memory = queued.child.memory()
    queued.signer.how = "silent"
    expected = [32, 16, 8, 4, 2, 1, 1, 0]
    for other, places in zip(others, expected):
        count = 300 if other is others[0] else 40
        for number in range(count):
            queued.push(other.envelope(WE.address, "message",
                                       {"n": number}), number)
        got = queued.got[ipc.LISTENER]
        queued.until(lambda: len(got) >= count - places, 20)
        answers = [queued.answer(m)[0] for m in got]
        tap.equal((set(answers), len(answers)), ({503}, count - places),
                  "of %d requests of one server at once %d wait" % (
                      count, places))
        got.clear()
    grown = queued.child.memory() - memory
    tap.ok(grown < 8 << 20, "memory stays bounded (%d KiB)" % (grown >> 10))
    for name in ("requests-per-server", "requests-under-way"):
        tap.ok(queued.child.logged("limit name=%s refused=" % name),
               "the log names the limiter " + name)
    tap.ok(queued.until(lambda: queued.signer.asked == 8 + 64, 5),
           "and 64 signatures are wanted")
    queued.stop()


def test_boasting_listener(cluster, _database):
    """Its figures are shown, and change nothing."""
    queued = Queued(cluster)
    other = known(queued)
    most = 2 ** 63 - 1
    channel = queued.channels[ipc.LISTENER]
    channel.send(ipc.LIMITS, struct.pack("<Q", most) * 4 *
                 len(ipc.limit_names()))
    got = queued.request(other.envelope(WE.address, "message", {"b": 1}))
    tap.equal(got and results(got[1]), [{"status": "accepted"}],
              "fed-listener boasts of its limits: all goes on")
    client = control.Client(queued.path)
    rows, end = client.ask(control.SHOW_LIMITS)
    shown = {row["limiter"]: row for _, row in rows}
    tap.equal((end.exit, shown["connections"]["used"],
               shown["connections"]["refused"]), (0, most, most),
              "fedctl is shown what it said")
    tap.equal((shown["items-known"]["taken"], shown["inbox"]["taken"] > 0),
              (1, True), "beside what fed-queued itself has counted")
    client.close()
    channel.send(ipc.LIMITS, struct.pack("<Q", most) * (
        4 * len(ipc.limit_names()) - 1) + struct.pack("<Q", most + 1))
    tap.equal(queued.child.wait(), 1, "a figure that there is not: death")
    tap.ok("fed-listener" in queued.child.log().splitlines()[-1],
           "and fed-listener is named")
    queued.stop()


def acknowledgement(request, identity, status="accepted", **members):
    payload = {"credit": 64, "results": [{"status": status}],
               "requestHash": peer.b64(peer.sha256(
                   peer.envelope_text(request)))}
    if request["type"] == "handshake":
        payload["answer"] = identity.handshake_payload()
    payload.update(members)
    return identity.envelope(WE.address, "ack", payload)


def told(request, identity, **members):
    """What fed-sender reports of that."""
    return wire.sent("OK", acknowledgement(request, identity, **members),
                     identity if request["type"] == "handshake" else None)


def inventions(other, third):
    """(what fed-sender reports, how it is made of the request)"""
    accepted = {"status": "accepted"}
    return (
        ("an answer that nobody signed", lambda r: wire.sent("OK", dict(
            acknowledgement(r, other), signature=peer.b64(bytes(64))))),
        ("a signature of another server", lambda r: wire.sent("OK", dict(
            acknowledgement(r, other),
            signature=acknowledgement(r, third)["signature"]))),
        ("the answer of another server", lambda r: told(r, third)),
        ("an answer to another request", lambda r: told(
            dict(r, id=str(peer.uuid.uuid4())), other)),
        ("an answer to an older request", lambda r: told(dict(
            r, timestamp=peer.time_text(
                peer.time_value(r["timestamp"]) - 1)), other)),
        ("a message in place of an answer", lambda r: wire.sent(
            "OK", other.envelope(WE.address, "message", {"a": 1}))),
        ("no results", lambda r: told(r, other, results=[])),
        ("a result too many", lambda r: told(r, other,
                                             results=[accepted] * 65)),
        ("status 200 and no answer", lambda r: wire.sent("ANSWER_HTTP")),
        ("that tor is down", lambda r: wire.sent("TOR_DOWN", status=0)))


def carried(queued, kind, other):
    """The next request of that kind; handshakes before it are answered as
    they should be."""
    while True:
        number, request = queued.sends()
        if number is None or request["type"] == kind:
            return number, request
        queued.sent(number, told(request, other))


def test_lying_sender(cluster, database):
    queued = Queued(cluster)
    other, third = known(queued), known(queued)
    message = database.value("SELECT federation.enqueue(%s, '{\"m\":1}')",
                             other.address)
    for kind in ("handshake", "message"):
        for name, make in inventions(other, third):
            number, request = carried(queued, kind, other)
            if not tap.ok(number is not None, "a %s to carry" % kind):
                tap.diag(queued.child.log())
                return
            queued.sent(number, make(request))
            queued.until(lambda: False, 0.05)
            status, attempts = database.state(message)
            tap.ok(status != "delivered" and attempts == 0, "fed-sender "
                   "invents %s: not delivered, and no attempt" % name)
    number, request = carried(queued, "message", other)
    queued.sent(number, told(request, other))
    tap.ok(queued.until(
        lambda: database.state(message)[0] == "delivered"),
        "the true answer: delivered")
    tap.equal(database.rows("""SELECT count(*) FROM federation.certificates c
        JOIN federation.federation_servers s ON s.id = c.server_id
        WHERE s.onion_address = %s""", third.address)[0][0], 1,
              "the third server was not touched")
    queued.sent(number, told(request, other))
    tap.equal(queued.child.wait(), 1, "the same answer again: it dies")
    tap.ok("fed-sender" in queued.child.log().splitlines()[-1],
           "and names fed-sender")
    queued.stop()


def test_lying_signer(cluster, database):
    queued = Queued(cluster)
    other = known(queued)
    made = other.envelope(WE.address, "message", {"s": 1})
    queued.signer.how = lambda text: None
    got = queued.request(made)
    tap.equal(got and got[0], 503, "fed-signer refuses: 503")
    inbox = database.value("SELECT count(*) FROM federation.inbox")
    queued.signer.how = WE.signing.sign
    got = queued.request(made)
    tap.equal(got and results(got[1]), [{"status": "duplicate"}],
              "it was committed: asked again, a duplicate")
    tap.equal(database.value("SELECT count(*) FROM federation.inbox"),
              inbox, "and is there once")
    queued.signer.how = "silent"
    queued.push(made)
    asked = queued.signer.asked
    queued.until(lambda: queued.signer.asked > asked)
    tap.ok(queued.child.alive() and not queued.got[ipc.LISTENER],
           "fed-signer says nothing: nothing is answered")
    for number in range(1, 50):
        try:
            queued.channels[ipc.SIGNER].send(ipc.SIGNATURE, bytes(64),
                                             id=number)
        except BrokenPipeError:
            break
    tap.equal(queued.child.wait(), 1, "it answers what was answered: death")
    tap.ok("fed-signer" in queued.child.log().splitlines()[-1],
           "and fed-signer is named")
    queued.stop()


def test_malformed(cluster, database):
    """Some of what channels.t says, where there is a database."""
    before = database.counts()
    for sender in SIBLINGS:
        sibling = hostile.Sibling(sender, ipc.QUEUED, SEED)
        cases = list(sibling.everything())
        for case in sibling.random.sample(cases, 4):
            queued = Queued(cluster)
            case.act(queued.channels[sender])
            status = queued.child.wait()
            tap.ok(status == 1 and hostile.NAMES[sender] in
                   queued.child.log().splitlines()[-1],
                   "%s: %s" % (hostile.NAMES[sender], case.name))
            queued.stop()
        sibling.close()
    tap.equal(database.counts(), before, "and not a row of that")


def test():
    tap.diag("seed %s" % SEED)
    with pgcluster.Cluster() as cluster:
        cluster.migrate()
        database = Database(cluster)
        for part in (test_forging_listener, test_flooding_listener,
                     test_boasting_listener,
                     test_lying_sender, test_lying_signer, test_malformed):
            part(cluster, database)
        database.connection.close()


tap.main(test)
