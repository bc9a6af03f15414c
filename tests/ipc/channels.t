#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# fed-listener, fed-sender and fed-queued, with a test in the place of fedd and
# of each sibling, that says everything on their channels that must not be
# said: every type, lengths beyond the table's, flags, descriptors too many and
# too few, halves of messages, noise, messages out of turn. Whoever receives
# that names the sender in its log and exits, and says nothing to anybody else.
# (fed-signer has this in signer.t, fedd in fedd.t, control clients in
# control.t.)

import os
import shutil
import socket
import struct
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "lib"))
import hostile  # noqa: E402
import ipc  # noqa: E402
import peer  # noqa: E402
import tap  # noqa: E402
import wire  # noqa: E402

SEED = os.environ.get("SEED") or "%d" % time.time()
NAMES = hostile.NAMES
PEERS = {ipc.LISTENER: [ipc.QUEUED], ipc.SENDER: [ipc.QUEUED],
         ipc.SIGNER: [ipc.QUEUED],
         ipc.QUEUED: [ipc.LISTENER, ipc.SIGNER, ipc.SENDER]}
WE, OTHER = peer.Identity(), peer.Identity()
work = None


def listening(name):
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.bind(os.path.join(work, name))
    made.listen()
    return made


def identity(of):
    return ipc.identity(of.key.public, of.certificate.encode(),
                        bytes.fromhex(of.certificate.key_id()))


def request():
    return wire.request(OTHER.envelope(WE.address, "message", {"a": 1}))


# What each would take, at the right moment.
VALID = {
    (ipc.QUEUED, ipc.LISTENER): {ipc.IDENTITY: identity(WE),
                                 ipc.RESPONSE: ipc.response(401)},
    (ipc.QUEUED, ipc.SENDER): {ipc.SEND: ipc.send(OTHER.key.public,
                                                  b"{}"),
                               ipc.PROBE: ipc.probe(WE.key.public)},
    (ipc.LISTENER, ipc.QUEUED): {ipc.REQUEST: request()},
    (ipc.SIGNER, ipc.QUEUED): {ipc.IDENTITY: identity(WE),
                               ipc.SIGN_REFUSED: b"\1"},
    (ipc.SENDER, ipc.QUEUED): {ipc.SENT: wire.sent("TOR_DOWN",
                                                   status=0),
                               ipc.PROBED: ipc.probed("OK", 200)},
    (ipc.FEDD, ipc.SENDER): {ipc.SOCKS_FAILED: struct.pack("<I", 111)},
}


class Subjects:
    """Starts the receivers. There is no database for fed-queued: what is
    malformed must not wait for one."""

    def __init__(self):
        self.listener = listening("listener")
        self.control = listening("control")
        self.keys = [tempfile.TemporaryFile() for _ in range(2)]
        self.signatures = ipc.signatures()

    def descriptors(self, role):
        return {ipc.LISTENER: {ipc.LISTEN: self.listener},
                ipc.QUEUED: {ipc.CONTROL_SOCKET: self.control},
                ipc.SIGNER: {ipc.SIGNING_KEY: self.keys[0],
                             ipc.CERTIFICATE: self.keys[1],
                             **self.signatures},
                ipc.SENDER: {}}[role]

    def database(self, role):
        return ("host=%s user=u dbname=d" % work if role == ipc.QUEUED
                else "")

    def start(self, role, **more):
        child = ipc.start_child(ipc.program(NAMES[role]), role, {},
                                self.descriptors(role), PEERS[role],
                                database=self.database(role), **more)
        return child

    def close(self):
        for one in [self.listener, self.control] + self.keys:
            one.close()
        for one in self.signatures.values():
            os.close(one)


def channel_of(child, sender):
    return child.parent if sender == ipc.FEDD else child.peers[sender]


def said(channel):
    """All that came on a channel whose other end has been closed."""
    found = []
    try:
        while True:
            found.append(channel.receive(5))
    except (ipc.Closed, ConnectionResetError):
        return found


def last_error(child):
    errors = [line for line in child.log().splitlines() if " error: " in line]
    return errors[-1] if errors else ""


def dies(child, sender, name, act, reason=hostile.MEANING, quiet=True):
    """It exits with 1, and its last words name who it was and why."""
    act(channel_of(child, sender))
    status = child.wait()
    error = last_error(child)
    name = "%s to %s: %s" % (NAMES[sender], NAMES[child.role], name)
    good = status == 1 and NAMES[sender] in error.split("error: ")[-1] and \
        reason in error
    others = []
    if quiet and status is not None:
        others = [m for role, c in [(ipc.FEDD, child.parent)] +
                  list(child.peers.items()) if role != sender
                  for m in said(c)]
    if not tap.ok(good and not others, name):
        tap.diag("status %r, said %r, seed %s" % (status, others, SEED))
        tap.diag(child.log())
    child.stop()


def test_graph():
    """The table allows what is written here, and nothing else."""
    found = hostile.table()
    tap.equal({edge: set(kinds) for edge, kinds in found.items()},
              hostile.GRAPH, "who may say what to whom")
    tap.equal({kind for kinds in found.values()
               for kind, one in kinds.items() if one.descriptor},
              hostile.CARRIES, "what carries a descriptor")
    small = [(edge, kind) for edge, kinds in found.items()
             for kind, one in kinds.items() if one.most > 8192]
    large = {(ipc.LISTENER, ipc.QUEUED), (ipc.QUEUED, ipc.LISTENER),
             (ipc.QUEUED, ipc.SENDER), (ipc.SENDER, ipc.QUEUED)}
    tap.equal({edge for edge, _ in small}, large,
              "who may say much at once")


def test_malformed(subjects, sender, receiver):
    sibling = hostile.Sibling(sender, receiver, SEED,
                              VALID.get((sender, receiver)))
    try:
        for case in sibling.everything():
            child = subjects.start(receiver).go()
            dies(child, sender, case.name, case.act, case.reason)
    finally:
        sibling.close()


def sends(*messages):
    """Each (type, data) or (type, data, id)."""
    def act(channel):
        for message in messages:
            try:
                channel.send(*message)
            except (BrokenPipeError, ConnectionResetError):
                return
    return act


def test_out_of_turn(subjects):
    """Well-formed, but not now."""
    go = struct.pack("<Iq6i", 2, int(time.time()), *([0] * 6))
    for role in (ipc.LISTENER, ipc.SENDER, ipc.QUEUED):
        child = subjects.start(role).go()
        dies(child, ipc.FEDD, "GO twice", sends((ipc.GO, go)))
        child = subjects.start(role).go()
        dies(child, ipc.FEDD, "the setup is over", sends((ipc.SETUP_DONE,)))
        child = subjects.start(role).go()
        dies(child, ipc.FEDD, "START again",
             sends((ipc.START, child.start_message())))
    ours, mine = ipc.identity, identity(WE)
    send = VALID[ipc.QUEUED, ipc.SENDER][ipc.SEND]
    for sender, role, name, messages in (
            (ipc.QUEUED, ipc.LISTENER, "an answer to no request",
             [(ipc.RESPONSE, ipc.response(200, b"{}"))]),
            (ipc.QUEUED, ipc.LISTENER, "another server's identity",
             [(ipc.IDENTITY, mine), (ipc.IDENTITY, identity(OTHER))]),
            (ipc.QUEUED, ipc.SENDER, "a body of no bytes",
             [(ipc.SEND, ipc.send(OTHER.key.public, b""))]),
            (ipc.SENDER, ipc.QUEUED, "an answer to no request",
             [(ipc.SENT, wire.sent("TOR_DOWN", status=0))]),
            (ipc.SENDER, ipc.QUEUED, "an answer to no probe",
             [(ipc.PROBED, ipc.probed("OK", 200))]),
            (ipc.SENDER, ipc.QUEUED, "a failure of no probe",
             [(ipc.PROBED, ipc.probed("TOR_DOWN"))]),
            (ipc.SENDER, ipc.QUEUED, "a probe with a status and a failure",
             [(ipc.PROBED, ipc.probed("TOR_DOWN", 200))]),
            (ipc.SENDER, ipc.QUEUED, "a probe without a status",
             [(ipc.PROBED, ipc.probed("OK"))]),
            (ipc.SENDER, ipc.QUEUED, "a probe with a signed code",
             [(ipc.PROBED, ipc.probed("UNTRUSTED"))]),
            (ipc.SENDER, ipc.QUEUED, "an answer of 0 to no request",
             [(ipc.SENT, wire.sent("OK", OTHER.envelope(
                 WE.address, "ack", {"credit": 1})), 0)]),
            (ipc.SIGNER, ipc.QUEUED, "a signature that nobody wanted",
             [(ipc.SIGNATURE, bytes(64))]),
            (ipc.SIGNER, ipc.QUEUED, "a refusal that nobody wanted",
             [(ipc.SIGN_REFUSED, b"\1")]),
            (ipc.SIGNER, ipc.QUEUED, "a certificate that is none",
             [(ipc.IDENTITY, ours(WE.key.public, b"certificate"))]),
            (ipc.SIGNER, ipc.QUEUED, "a certificate of another server",
             [(ipc.IDENTITY, ours(OTHER.key.public,
                                  WE.certificate.encode()))])):
        child = subjects.start(role).go()
        dies(child, sender, name, sends(*messages))
    child = subjects.start(ipc.QUEUED).go()
    dies(child, ipc.SIGNER, "another server's identity", sends(
        (ipc.IDENTITY, mine), (ipc.IDENTITY, identity(OTHER))), quiet=False)
    probe = VALID[ipc.QUEUED, ipc.SENDER][ipc.PROBE]
    child = subjects.start(ipc.SENDER).go()
    dies(child, ipc.QUEUED, "two probes at once", sends(
        (ipc.PROBE, probe, 7), (ipc.PROBE, probe, 8)), quiet=False)
    child = subjects.start(ipc.SENDER).go()
    child.peers[ipc.QUEUED].send(ipc.SEND, send, id=7)
    tap.equal(child.parent.receive().type, ipc.SOCKS_WANTED,
              "fed-sender asks for one SOCKS connection")
    dies(child, ipc.FEDD, "two answers to one request", sends(
        (ipc.SOCKS_FAILED, struct.pack("<I", 111)),
        (ipc.SOCKS_FAILED, struct.pack("<I", 111))), quiet=False)


def start_settings(child, **more):
    return child.settings_message(more)


def test_setup(subjects):
    """fedd itself, before the child has entered its sandbox."""
    null = os.open("/dev/null", os.O_RDWR)
    pair = ipc.pair()
    for role in PEERS:
        def begin(channel, child, start=None, settings=None):
            channel.send(ipc.START, child.start_message(**(start or {})))
            channel.send(ipc.SETTINGS, child.settings_message(
                settings or {}, subjects.database(role)))

        def given(channel):
            for which, one in subjects.descriptors(role).items():
                channel.send(ipc.DESCRIPTOR, bytes([which]), descriptor=one)

        def channels(channel, descriptor=None):
            for one in PEERS[role]:
                channel.send(ipc.CHANNEL, bytes([one]),
                             descriptor=descriptor or pair[0])

        allowed = set(PEERS[role])
        cases = [
            ("SETTINGS first", lambda c, x: c.send(
                ipc.SETTINGS, x.settings_message({}))),
            ("START twice", lambda c, x: (
                c.send(ipc.START, x.start_message()),
                c.send(ipc.START, x.start_message()))),
            ("unknown start flags", lambda c, x: begin(
                c, x, start={"flags": 4 | ipc.START_ROOT})),
            ("a root that is no absolute path", lambda c, x: begin(
                c, x, start={"root": "empty"})),
            ("settings beyond their bounds", lambda c, x: begin(
                c, x, settings={"answer_ping": 2})),
            ("negative settings", lambda c, x: begin(
                c, x, settings={"connections": -1})),
            ("SETUP_DONE with nothing given", lambda c, x: (
                begin(c, x), c.send(ipc.SETUP_DONE))),
            ("GO in its place", lambda c, x: (
                begin(c, x), c.send(ipc.GO, bytes(36)))),
            ("channels that are no sockets", lambda c, x: (
                begin(c, x), given(c), channels(c, null),
                c.send(ipc.SETUP_DONE))),
            ("a channel twice", lambda c, x: (
                begin(c, x), given(c), channels(c), channels(c))),
            ("end before all is there", lambda c, x: (
                begin(c, x), given(c), c.send(ipc.SETUP_DONE))),
            ("a descriptor after the channels", lambda c, x: (
                begin(c, x), channels(c), c.send(
                    ipc.DESCRIPTOR, b"\0", descriptor=null))),
        ]
        for other in range(8):
            if other not in allowed:
                cases.append((
                    "an edge to %s" % (NAMES + ("7", "8"))[other],
                    lambda c, x, other=other: (begin(c, x), given(c), c.send(
                        ipc.CHANNEL, bytes([other]), descriptor=pair[0]))))
        for which in range(6):
            if which not in subjects.descriptors(role):
                cases.append((
                    "descriptor %d" % which,
                    lambda c, x, which=which: (begin(c, x), c.send(
                        ipc.DESCRIPTOR, bytes([which]), descriptor=null))))
        if role != ipc.QUEUED:
            cases.append(("the database's password", lambda c, x: (
                c.send(ipc.START, x.start_message()),
                c.send(ipc.SETTINGS, x.settings_message({}, "password=x")))))
        if os.geteuid() == 0:
            cases += [
                ("no user to become", lambda c, x: (
                    begin(c, x, start={"uid": 0}), given(c), channels(c),
                    c.send(ipc.SETUP_DONE))),
                ("to stay root", lambda c, x: (
                    begin(c, x, start={"flags": 0}), given(c), channels(c),
                    c.send(ipc.SETUP_DONE)))]
        for name, act in cases:
            child = subjects.start(role, setup=False)
            test_dead(child, name, act)
    os.close(null)
    for end in pair:
        end.close()


def test_dead(child, name, act):
    try:
        act(child.parent, child)
    except (BrokenPipeError, ConnectionResetError):
        pass
    status = child.wait()
    name = "fedd to %s, setup: %s" % (NAMES[child.role], name)
    if not tap.ok(status == 1 and last_error(child) and
                  not said(child.parent), name + ": dies, is not ready"):
        tap.diag((status, child.log()))
    child.stop()


def test_slow(subjects):
    """A byte at a time is slow, not wrong, and holds up nobody else."""
    child = subjects.start(ipc.QUEUED).go()
    data = request()
    whole = hostile.header(ipc.REQUEST, len(data), id=9) + data
    slow = child.peers[ipc.LISTENER]
    for at in range(len(whole) - 1):
        slow.raw(whole[at:at + 1])
    tap.ok(slow.quiet(0.2), "fed-queued waits for the last byte")
    child.peers[ipc.SIGNER].send(ipc.IDENTITY, identity(WE))
    tap.equal(slow.receive().type, ipc.IDENTITY, "and listens to others")
    spent = child.processor_time()
    time.sleep(0.5)
    tap.ok(child.processor_time() - spent < 0.1, "and does not spin")
    slow.raw(whole[-1:])
    answer = slow.receive()
    tap.equal((answer.type, answer.id, answer.data[:2]),
              (ipc.RESPONSE, 9, struct.pack("<H", 503)),
              "then it answers: without a database, 503")
    tap.equal(child.stop(), 0, "and ends with fedd")
    child = subjects.start(ipc.LISTENER).go()
    for name, data in (("our identity", identity(WE)),
                       ("again", identity(WE))):
        whole = hostile.header(ipc.IDENTITY, len(data)) + data
        for at in range(len(whole)):
            child.peers[ipc.QUEUED].raw(whole[at:at + 1])
        time.sleep(0.1)
        tap.ok(child.alive(), "fed-listener takes " + name)
    tap.equal(child.stop(), 0, "and ends with fedd")


def test():
    global work
    tap.diag("seed %s" % SEED)
    work = tempfile.mkdtemp(prefix="torfed-channels.")
    os.chmod(work, 0o755)
    subjects = Subjects()
    try:
        test_graph()
        test_slow(subjects)
        test_setup(subjects)
        test_out_of_turn(subjects)
        for sender, receiver in (
                (ipc.QUEUED, ipc.LISTENER), (ipc.FEDD, ipc.LISTENER),
                (ipc.QUEUED, ipc.SENDER), (ipc.FEDD, ipc.SENDER),
                (ipc.LISTENER, ipc.QUEUED), (ipc.SIGNER, ipc.QUEUED),
                (ipc.SENDER, ipc.QUEUED), (ipc.FEDD, ipc.QUEUED)):
            test_malformed(subjects, sender, receiver)
    finally:
        subjects.close()
        shutil.rmtree(work)


tap.main(test)
