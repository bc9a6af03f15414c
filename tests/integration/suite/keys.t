#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# Keys of a running suite: rotated and revoked by fed-signer certify and
# fedctl reload while messages go both ways, also with files that were made
# where the identity key is; bad files change nothing; all that was accepted
# is delivered once; the log of signatures is one chain. The other server, and
# one that has nothing to say, learn of a revocation at once, and a thief of
# the old key gets the 401.

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "..", "lib"))
import net  # noqa: E402
import peer  # noqa: E402
import tap  # noqa: E402
from siglog import Log  # noqa: E402

# No sweep and no ping helps where something is to happen at once.
LINES = ["retry minimum 100ms", "retry maximum 2s", "queue sweep 30s",
         "health interval 1h"]
CHILDREN = ("fed-listener", "fed-signer", "fed-sender", "fed-queued")


class Load(threading.Thread):
    """Messages both ways until it is stopped."""

    def __init__(self, a, b):
        super().__init__(daemon=True)
        self.a, self.b = a, b
        self.sent = {a.onion: [], b.onion: []}  # by destination
        self.ending = False
        self.start()

    def run(self):
        number = 0
        while not self.ending:
            number += 1
            for one, other in ((self.a, self.b), (self.b, self.a)):
                self.sent[other.onion].append(
                    one.enqueue(other.onion, {"n": number}))
            time.sleep(0.01)

    def count(self):
        """{onion: (sent, delivered, received once)} when all has come."""
        self.ending = True
        self.join()
        found = {}
        for one, other in ((self.a, self.b), (self.b, self.a)):
            sent = self.sent[other.onion]
            net.wait(lambda: all(one.delivered(n) for n in sent), 60, 0.2)
            ids = [row[0] for row in other.inbox()]
            found[other.onion] = (
                len(sent), sum(one.delivered(n) for n in sent),
                sum(ids.count(n) == 1 for n in sent))
        return found


class Keys:
    """The key files of a server."""

    def __init__(self, node):
        self.node = node
        self.signer = node.network.programs["fed-signer"]
        self.path = node["keys"]

    def certify(self, *options, path=None):
        subprocess.run([self.signer, "certify", "-k", path or self.path,
                        *options], check=True, stdin=subprocess.DEVNULL)

    def read(self, name):
        with open(os.path.join(self.path, name), "rb") as file:
            return file.read()

    def put(self, name, data):
        """In the place of the other, whole, with its owner and mode."""
        path = os.path.join(self.path, name)
        shutil.copy2(path, path + ".new")
        shutil.chown(path + ".new", os.stat(path).st_uid,
                     os.stat(path).st_gid)
        with open(path + ".new", "wb") as file:
            file.write(data)
        os.rename(path + ".new", path)

    def presented(self):
        return peer.Presented(
            b"".join(self.read("certificate").splitlines(True)))


def reloads(node, text, status=0, option=None):
    found, out, error = node.fedctl("reload")
    said = out if status == 0 else error
    return tap.ok(found == status and text in said and
                  (status == 0 or said.count("\n") == 1),
                  "fedctl reload: %s" % text) or tap.diag(
                      "%d %r %r" % (found, out, error))


def known(node, of):
    """(highest serial, minSerial) that node knows of the other."""
    return tuple(node.sql("""SELECT p.highest_serial, p.min_serial
        FROM federation.peers p JOIN federation.federation_servers s
        ON s.id = p.server_id WHERE s.onion_address = %s""", of.onion)[0])


def test_same(a, b, keys):
    before = a.network.processes(a.number)
    reloads(a, "the key files are those in use")
    tap.equal(a.network.processes(a.number), before, "nothing was begun")


def test_bad(a, b, keys):
    other = Keys(b)
    good = {name: keys.read(name) for name in ("certificate", "signing.key")}
    lines = good["certificate"].splitlines(True)
    half = keys.path + ".half"
    shutil.copytree(keys.path, half)
    keys.certify("-r", path=half)
    with open(os.path.join(half, "certificate"), "rb") as file:
        later = file.read()
    before = a.network.processes(a.number)
    for what, name, data, text in (
            ("half a certificate", "certificate",
             good["certificate"][:150], "are bad"),
            ("a certificate without a key", "certificate", later, "not a pair"),
            ("a key without a certificate", "signing.key", bytes(32),
             "not a pair"),
            ("a signature of nobody", "certificate", b"".join(
                lines[:9]) + b"A" * 86 + b"==\n", "are bad"),
            ("an empty file", "certificate", b"", "not safe"),
            ("a key that is too long", "signing.key", bytes(33),
             "not safe")):
        keys.put(name, data)
        reloads(a, text, 65)
        tap.equal(a.network.processes(a.number), before, what +
                  ": the same processes")
        keys.put(name, good[name])
    for name in good:
        keys.put(name, other.read(name))
    reloads(a, "another server's", 65)
    for name in good:
        keys.put(name, good[name])
    tap.equal(a.network.processes(a.number), before, "the same processes")
    shutil.rmtree(half)


def waits_new(a, before):
    """Whether all processes but fedd are others, and it says it is ready."""
    def new():
        now = a.network.processes(a.number)
        return all(name in now and now[name] != before[name]
                   for name in CHILDREN)
    return net.wait(new, 20)


def test_rotation(a, b, keys):
    first = keys.presented()
    for options, how in ((("-r",), "fedctl"), ((), "SIGHUP"),
                         (("-r",), "fedctl")):
        serial = keys.presented().serial
        before = a.network.processes(a.number)
        keys.certify(*options)
        if how == "fedctl":
            reloads(a, "new and in use")
        else:
            os.kill(before["fedd"], signal.SIGHUP)
        tap.ok(waits_new(a, before), "rotated by %s: four other processes" %
               how)
        tap.equal(a.network.processes(a.number)["fedd"], before["fedd"],
                  "fedd stays")
        tap.ok(net.wait(lambda: "identity server=" in a.log() and
                        known(b, a)[0] == keys.presented().serial, 30),
               "the other server knows the new certificate") or tap.diag(
                   "%s %s" % (known(b, a), keys.presented().serial))
        tap.ok(keys.presented().serial > serial, "its serial is above")
    tap.equal(known(b, a)[1], first.min_serial, "nothing was revoked by it")


def thief(identity, node):
    """The status that its message gets from the node."""
    client = peer.Client.of(node)
    client.handshake(peer.Identity())  # learns its certificate
    return client.message(identity, {"stolen": 1}).response.status


def stolen(keys):
    """A thief with the signing key in use: no identity key, and the
    certificate as it is."""
    made = peer.Identity(signing_seed=keys.read("signing.key"))
    made.address = keys.node.onion
    shown, encoded = keys.presented(), keys.read("certificate")

    class Fixed:
        def key_id(self):
            return shown.key_id

        def encode(self):
            return encoded
    made.certificate = Fixed()
    return made


def test_revocation(a, b, c, keys):
    """c knows a by a handshake, and has nothing to do with it since."""
    old = stolen(keys)
    tap.equal(thief(old, b), 200, "the key in use is good for messages")
    before = a.network.processes(a.number)
    away = keys.path + ".away"
    shutil.copytree(keys.path, away)
    os.rename(os.path.join(keys.path, "identity.key"), away + ".key")
    keys.certify("-r", "-m", path=away)
    for name in ("signing.key", "certificate"):
        with open(os.path.join(away, name), "rb") as file:
            keys.put(name, file.read())
    new = keys.presented()
    tap.equal(new.min_serial, new.serial, "made elsewhere: a certificate "
              "that revokes")
    reloads(a, "new and in use")
    tap.ok(waits_new(a, before), "four other processes")
    for node, name in ((b, "the server that it talks with"),
                       (c, "one that it has nothing to say to")):
        tap.ok(net.wait(lambda: known(node, a) == (new.serial, new.serial),
                        20), name + " knows at once") or tap.diag(
                            "%s %s" % (known(node, a), new.serial))
        tap.equal(thief(old, node), 401, "and the old key gets the 401")
    os.rename(away + ".key", os.path.join(keys.path, "identity.key"))
    shutil.rmtree(away)


def test_audit(a):
    status, found = Log(a).audit()
    tap.equal((status, found["partial"]), (0, "0"),
              "the log of signatures is one chain")
    tap.ok(int(found["lines"]) > 100, "%s lines" % found["lines"])


def test():
    with net.Net(servers=3, lines=LINES) as network:
        a, b, c = network.servers
        keys = Keys(a)
        tap.equal(a.fedctl("handshake", c.onion)[0], 0, "a knows c")
        test_same(a, b, keys)
        load = Load(a, b)
        try:
            for part in (test_bad, test_rotation):
                part(a, b, keys)
            test_revocation(a, b, c, keys)
        finally:
            count = load.count()
        for onion, (sent, delivered, once) in count.items():
            tap.ok(sent > 50 and sent == delivered == once,
                   "%d sent, %d delivered, %d received once" %
                   (sent, delivered, once))
        dead = a.value("""SELECT count(*)
            FROM federation.federated_message_queue
            WHERE status NOT IN ('delivered')""")
        tap.equal(dead, 0, "no dead letter")
        test_audit(a)


tap.main(test)
