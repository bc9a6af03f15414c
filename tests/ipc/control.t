#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# Clients of the control socket that mean ill, against a running suite. A
# client's errors close that client and nothing else: whatever it does, others
# are answered, the same processes go on, and keep no descriptor of it. As root
# also: who may use the socket at all, and how many at once.

import os
import re
import socket
import struct
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "lib"))
import control  # noqa: E402
import hostile  # noqa: E402
import ipc  # noqa: E402
import net  # noqa: E402
import peer  # noqa: E402
import procfs  # noqa: E402
import tap  # noqa: E402

SEED = os.environ.get("SEED") or "%d" % time.time()
ROOT = os.geteuid() == 0
NAMES = ("fedd", "fed-listener", "fed-signer", "fed-sender", "fed-queued")
NOBODY = 65534
GROUP = 60777  # nobody's, but the configuration's
PLACES, RESERVED = 32, 8
ADDRESS = peer.Identity().address


def status(node, seconds=5):
    """Asked anew, as a client that means well."""
    client = control.Client(node.control, seconds)
    try:
        rows, end = client.ask(control.STATUS, timeout=seconds)
    finally:
        client.close()
    return rows[0][1] if end.exit == 0 else None


def processes(node):
    found = status(node)
    return {name: found[name] for name in NAMES + ("generation",)}


def closed(client, seconds=5):
    """Whether the daemon hangs up without another word."""
    try:
        client.receive(seconds)
    except (ipc.Closed, ConnectionResetError):
        return True
    except TimeoutError:
        pass
    return False


def send(client, *arguments, **more):
    try:
        client.send(*arguments, **more)
    except (BrokenPipeError, ConnectionResetError):
        pass


def test_malformed(node):
    sibling = hostile.Sibling(
        ipc.CONTROL, ipc.QUEUED, SEED,
        {ipc.CONTROL_REQUEST: control.request(control.STATUS)})
    for case in sibling.everything():
        client = control.Client(node.control)
        case.act(client)
        tap.ok(closed(client), "closed: " + case.name)
        client.close()
    sibling.close()
    tap.ok(status(node), "and others are answered")


def test_meaningless(node):
    """Framed well, and no request."""
    count = control.request(control.STATUS)[:2]
    for name, data in (
            ("verb 0", control.request(0)),
            ("verb 65535", control.request(65535)),
            ("more arguments than there are", count + struct.pack("<I", 1)),
            ("5 arguments", control.request(control.STATUS, *"abcde")),
            ("2^32-1 arguments", count + b"\xff" * 4),
            ("fewer arguments than there are",
             count + struct.pack("<I", 0) + ipc.blob(b"a")),
            ("an argument of 256 bytes",
             control.request(control.SERVER_ADD, b"a" * 256)),
            ("an argument with NUL",
             control.request(control.SERVER_ADD, b"a\0b")),
            ("an argument longer than the message",
             count + struct.pack("<II", 1, 2**32 - 1))):
        client = control.Client(node.control)
        send(client, ipc.CONTROL_REQUEST, data)
        tap.ok(closed(client), "closed: " + name)
        client.close()


def test_wrong(node):
    """Requests that are refused with a code; the client may go on."""
    client = control.Client(node.control)
    cases = [("no server", (control.SERVER_ADD,), 64),
             ("a server too many", (control.STATUS, "a"), 64),
             ("trust of nothing", (control.SERVER_TRUST, ADDRESS), 64)]
    for text in ("", "a" * 255, ADDRESS.upper(), ADDRESS + ".",
                 "x." + ADDRESS, ADDRESS[:-6], "'; DROP TABLE x; --",
                 "\u00e9", b"\xff\xfe", "%s%n", "\x1b[31m\r\n"):
        cases.append(("server %r" % (text,), (control.SERVER_ADD, text), 65))
    for level in ("4", "-2", "", "1 ", "+1", "99999999999999999999"):
        cases.append(("level %r" % level,
                      (control.SERVER_TRUST, ADDRESS, level), 65))
    for name, request, expected in cases:
        rows, end = client.ask(*request)
        tap.ok((rows, end.exit) == ([], expected) and
               re.fullmatch("[A-Z][A-Z0-9_]*", end.code) and
               re.fullmatch("[ -~]+", end.text), "refused: " + name)
    rows, end = client.ask(control.STATUS, id=2**32 - 1)
    tap.equal(end.exit, 0, "and the same client is answered")
    client.close()
    tap.equal(node.value("SELECT count(*) FROM "
                         "federation.federation_servers"), 0,
              "no server was made of these")


def test_impatient(node):
    """A question before the answer to the one before, a thousand at once."""
    client = control.Client(node.control)
    one = control.request(control.SHOW_SERVERS)
    frame = hostile.header(ipc.CONTROL_REQUEST, len(one)) + one
    try:
        client.raw(frame * 1000)
    except (BrokenPipeError, ConnectionResetError):
        pass
    answers = 0
    try:
        while True:
            client.receive(5)
            answers += 1
    except (ipc.Closed, ConnectionResetError):
        pass
    tap.ok(answers < 1000, "closed: a thousand questions at once")
    client.close()


def test_leaving(node):
    """Gone before the answer, or right after connecting."""
    for _ in range(200):
        client = control.Client(node.control)
        send(client, ipc.CONTROL_REQUEST,
             control.request(control.SHOW_SERVERS))
        client.close()
    for _ in range(200):
        control.Client(node.control).close()
    tap.ok(net.wait(lambda: status(node), 5),
           "400 that leave early: others are answered")


def test_slow(node):
    """A byte at a time, over a second; meanwhile others are answered."""
    data = control.request(control.STATUS)
    whole = hostile.header(ipc.CONTROL_REQUEST, len(data)) + data
    client = control.Client(node.control)
    quick = True
    for at in range(len(whole)):
        client.raw(whole[at:at + 1])
        begun = time.monotonic()
        quick = quick and status(node) and time.monotonic() - begun < 1
        time.sleep(0.02)
    tap.ok(quick, "a slow client holds up nobody")
    tap.equal(client.answer()[1].exit, 0, "and is answered itself")
    client.close()


def test_deaf(node):
    """Ten that ask for a long list and do not read it."""
    keys = [peer.Key().public for _ in range(3000)]
    node.sql("""INSERT INTO federation.federation_servers
        (onion_address, public_key, server_description)
        SELECT unnest(%s), unnest(%s), repeat('x', 200)""",
             [peer.onion_address(key) for key in keys],
             [key.hex() for key in keys])
    pid = status(node)["fed-queued"]
    before = int(procfs.status(pid)["VmRSS"].split()[0])
    deaf = [control.Client(node.control) for _ in range(10)]
    for client in deaf:
        client.send(ipc.CONTROL_REQUEST,
                    control.request(control.SHOW_SERVERS), id=1)
    tap.ok(all(status(node) for _ in range(20)), "10 deaf clients: others "
           "are answered")
    time.sleep(1)
    grown = int(procfs.status(pid)["VmRSS"].split()[0]) - before
    tap.ok(grown < 64 * 1024, "memory stays bounded (%d KiB)" % grown)
    rows, end = deaf[0].answer(timeout=20)
    tap.ok(end.exit == 0 and len(rows) >= 1000, "the whole list waits for "
           "one that reads in the end (%d)" % len(rows))
    for client in deaf:
        client.close()
    tap.ok(status(node), "they leave, and others are answered")


def first_answer(client, seconds=5):
    """(exit, code) of an end that comes unasked; None when nothing comes."""
    try:
        message = client.receive(seconds)
    except (TimeoutError, ipc.Closed, ConnectionResetError):
        return None
    return control.read_end(message.data)[:2]


def test_many(node):
    """A hundred; those beyond the places are told so."""
    clients = [control.Client(node.control) for _ in range(100)]
    refused = [first_answer(client) for client in clients[PLACES:]]
    tap.equal(set(refused), {(69, "BUSY")}, "%d are told that it is busy" %
              (100 - PLACES))
    tap.ok(clients[0].ask(control.STATUS)[1].exit == 0 and
           clients[PLACES - 1].ask(control.STATUS)[1].exit == 0,
           "%d have places" % PLACES)
    done = node.fedctl("status")
    tap.ok(done[0] == 69 and not done[1] and
           done[2].startswith("fedctl: BUSY: "), "fedctl says so")
    for client in clients:
        client.close()
    tap.ok(net.wait(lambda: node.fedctl("status")[0] == 0, 5),
           "they leave, and there are places again")


def as_user(uid, gid, groups, function):
    """What function() returns as that user: a small number."""
    child = os.fork()
    if child == 0:
        try:
            os.setgroups(groups)
            os.setresgid(gid, gid, gid)
            os.setresuid(uid, uid, uid)
            os._exit(function())
        except BaseException:
            os._exit(99)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def unasked(path):
    """The exit code that the daemon sends without being asked; 98 nothing,
    99 no connection."""
    client = control.Client(path)
    found = first_answer(client, 0.5)
    return 98 if found is None else found[0]


def fedctl(node, *arguments):
    return subprocess.run(
        [node.network.programs["fedctl"], "-s", node.control, *arguments],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, timeout=60, check=False).returncode


def use_group(network, node):
    """The control socket for a group too; the suite starts again."""
    network.stop(1)
    with open(node.config, "a") as file:
        file.write('control on "%s" group %d\n' % (node.control, GROUP))
    network.start(1)


USERS = (
    # who, user, group, other groups, may connect, may ask
    ("root", 0, 0, [], True, True),
    ("nobody", NOBODY, NOBODY, [], False, False),
    ("a member of the group", NOBODY, GROUP, [], True, True),
    ("a member by another group", NOBODY, NOBODY, [GROUP], True, True),
    ("a member of many groups", NOBODY, NOBODY,
     list(range(61000, 61100)) + [GROUP], True, True),
    ("another group", NOBODY, GROUP + 1, [GROUP - 1, 0xffff], False, False),
    ("fed-listener's user", None, None, [], False, False),
)


def test_users(node):
    listener = procfs.ids(status(node)["fed-listener"])
    for name, uid, gid, groups, connects, asks in USERS:
        if uid is None:
            uid, gid = listener[0][0], listener[1][0]
        got = as_user(uid, gid, groups,
                      lambda: fedctl(node, "status"))
        tap.equal(got, 0 if asks else 77, name + ": fedctl status")
        got = as_user(uid, gid, groups,
                      lambda: fedctl(node, "server", "add", ADDRESS))
        tap.equal(got, 0 if asks else 77, name + ": fedctl server add")
        got = as_user(uid, gid, groups, lambda: unasked(node.control))
        tap.equal(got, 98 if connects else 99, name + ": %s connect" %
                  ("may" if connects else "may not"))


def test_users_behind_the_mode(node):
    """Somebody made the socket accessible to all: the daemon looks, too."""
    mode = os.stat(node.control).st_mode & 0o7777
    tap.equal(oct(mode), oct(0o660), "the socket's mode")
    os.chmod(node.control, 0o666)
    try:
        for name, uid, gid, groups, _, asks in USERS:
            if uid is None:
                continue
            got = as_user(uid, gid, groups, lambda: unasked(node.control))
            tap.equal(got, 98 if asks else 77, name + ": %s" % (
                "waited for" if asks else "told 77 before it asks"))
            got = as_user(uid, gid, groups, lambda: fedctl(node, "status"))
            tap.equal(got, 0 if asks else 77, name + ": fedctl status")
        tap.ok("control refused uid=%d" % NOBODY in node.log(),
               "it is logged")
    finally:
        os.chmod(node.control, mode)


def hold(node, count):
    """As a member of the group: how many of so many have places; they are
    kept while root looks."""
    clients = [control.Client(node.control) for _ in range(count)]
    return clients, sum(first_answer(one, 0.05) is None for one in clients)


def test_reserve(node):
    """The group cannot shut root out."""
    def crowd():
        clients, places = hold(node, 60)
        os.write(ready[1], bytes([places]))
        os.read(done[0], 1)
        return len(clients) and 0

    ready, done = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os._exit(as_user(NOBODY, GROUP, [], crowd))
    places = os.read(ready[0], 1)
    tap.equal(places, bytes([PLACES - RESERVED]),
              "60 of the group: %d places" % (PLACES - RESERVED))
    own = [control.Client(node.control) for _ in range(RESERVED)]
    tap.ok(all(one.ask(control.STATUS)[1].exit == 0 for one in own),
           "%d are left for root" % RESERVED)
    tap.equal(first_answer(control.Client(node.control)), (69, "BUSY"),
              "and no more")
    for one in own:
        one.close()
    os.write(done[1], b"x")
    os.waitpid(child, 0)
    for end in ready + done:
        os.close(end)


def descriptors(before):
    """How many fed-queued has when nobody asks it anything."""
    counts = [0, 1]
    while len(set(counts[-5:])) > 1:  # the last client is leaving
        time.sleep(0.1)
        counts.append(len(procfs.descriptors(before["fed-queued"])))
    return counts[-1]


def test_end(node, before, count):
    tap.equal(processes(node), before, "the same processes, all the time")
    if ROOT:
        tap.equal(descriptors(before), count,
                  "fed-queued keeps no descriptor")


def test():
    tap.diag("seed %s" % SEED)
    with net.Net(servers=1, trust="none") as network:
        node = network.servers[0]
        if ROOT:
            use_group(network, node)
        before = processes(node)
        count = descriptors(before) if ROOT else 0
        for part in (test_malformed, test_meaningless, test_wrong,
                     test_impatient, test_leaving, test_slow, test_many):
            part(node)
        if ROOT:
            test_users(node)
            test_users_behind_the_mode(node)
            test_reserve(node)
        test_deaf(node)
        test_end(node, before, count)


tap.main(test)
