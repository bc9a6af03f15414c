#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# fed-signer with a test in the place of fedd and fed-queued: what it signs and
# over which text, what it refuses, what it dies of and whom it names then, how
# it outlives fed-queued, the key files that it is given, and where the key is
# in its memory (read as root, with another process's rights denied).

import base64
import hashlib
import os
import re
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import uuid

import nacl.exceptions
import nacl.signing

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "..", "lib"))
import ipc  # noqa: E402
import procfs  # noqa: E402
import tap  # noqa: E402

SIGNER = ipc.program("fed-signer")
SANITIZED = b"libasan" in subprocess.run(
    ["ldd", SIGNER], stdout=subprocess.PIPE, check=True).stdout
ROOT = os.geteuid() == 0
VERSION = "tor-chat-federation-v1"
TYPES = ("ack", "handshake", "message", "room_invite", "room_join",
         "room_leave", "room_state", "server_sync", "user_lookup")
ORIGIN, TYPE, TIME, RATE, CERTIFICATE = range(1, 6)  # refusals
DESTINATION = bytes(nacl.signing.SigningKey(b"d" * 32).verify_key)
work = None
keys = None


def onion(key):
    check = hashlib.sha3_256(b".onion checksum" + key + b"\3").digest()[:2]
    return base64.b32encode(key + check + b"\3").decode().lower() + ".onion"


def base(data):
    return base64.b64encode(data).decode()


class Keys:
    """A directory of keys, and what is in it."""

    def __init__(self, name, clock=None):
        self.path = os.path.join(work, name)
        command = [SIGNER, "generate", "-k", self.path]
        environment = dict(os.environ)
        if clock:
            command = ["faketime", clock] + command
            # A sanitizer wants to be the first library; faketime is.
            environment["ASAN_OPTIONS"] = "verify_asan_link_order=0"
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL,
                       env=environment)
        identity, self.seed = self.read("identity.key"), self.read(
            "signing.key")
        self.server = bytes(nacl.signing.SigningKey(identity).verify_key)
        self.verify_key = nacl.signing.SigningKey(self.seed).verify_key
        self.certificate = self.read("certificate")
        text = self.certificate.rsplit(b"\n", 2)[0]
        self.key_id = hashlib.sha256(text).digest()

    def file(self, name):
        return os.path.join(self.path, name)

    def read(self, name):
        with open(self.file(name), "rb") as file:
            return file.read()


def start(settings=None, key=None, certificate=None, go=True, **more):
    """key, certificate: paths or descriptors instead of the good ones."""
    opened = []
    for given, name in ((key, "signing.key"), (certificate, "certificate")):
        if not isinstance(given, int):
            given = os.open(given or keys.file(name), os.O_RDONLY)
        opened.append(given)
    child = ipc.start_child(
        SIGNER, ipc.SIGNER, settings or {},
        {ipc.SIGNING_KEY: opened[0], ipc.CERTIFICATE: opened[1]},
        [ipc.QUEUED], **more)
    for descriptor in opened:
        os.close(descriptor)
    if go:
        child.go()
    return child


def queued_of(child):
    """Its channel, once it has said who it is."""
    channel = child.peers[ipc.QUEUED]
    if channel.receive().type != ipc.IDENTITY:
        raise ValueError("identity comes first")
    return channel


def request(kind="message", origin=None, timestamp=None, items=None,
            id=None, payload=b"{}", mark=0):
    """The data of a request; items make it a batch."""
    data = ipc.blob(kind.encode()) + (id or uuid.UUID(int=5)).bytes
    data += (keys.server if origin is None else origin) + DESTINATION
    data += struct.pack("<qq", int(time.time()) if timestamp is None
                        else timestamp, mark)
    if items is None:
        return data + hashlib.sha256(payload).digest()
    return data + struct.pack("<I", len(items)) + b"".join(
        i.bytes + digest for i, digest in items)


def text_of(kind, timestamp, last, id=uuid.UUID(int=5)):
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(timestamp))
    return "\n".join([VERSION + "/envelope", kind, str(id),
                      onion(keys.server), onion(DESTINATION), stamp,
                      keys.key_id.hex()] + last).encode()


def holds(signature, text):
    try:
        keys.verify_key.verify(text, signature)
    except nacl.exceptions.BadSignatureError:
        return False
    return True


def identity():
    child = start()
    message = child.peers[ipc.QUEUED].receive()
    tap.equal(message.type, ipc.IDENTITY, "identity comes first")
    tap.equal(message.data, ipc.identity(keys.server, keys.certificate,
                                         keys.key_id), "and is ours")
    tap.equal(child.stop(), 0, "it ends with fedd")


def signatures():
    child = start()
    queued = queued_of(child)
    now = int(time.time())
    for number, kind in enumerate(TYPES):
        queued.send(ipc.SIGN_ENVELOPE, request(kind, timestamp=now),
                    id=number + 7, peer=number)
        answer = queued.receive()
        text = text_of(kind, now, [base(hashlib.sha256(b"{}").digest())])
        tap.ok((answer.type, answer.id, answer.peer) ==
               (ipc.SIGNATURE, number + 7, number) and
               holds(answer.data, text), kind + ": signed")
    for count in (1, 2, 63, 64):
        items = [(uuid.uuid4(), os.urandom(32)) for _ in range(count)]
        queued.send(ipc.SIGN_BATCH, request("batch", timestamp=now,
                                            items=items))
        answer = queued.receive()
        text = text_of("batch", now, ["%s %s" % (i, base(digest))
                                      for i, digest in items])
        tap.ok(answer.type == ipc.SIGNATURE and holds(answer.data, text),
               "batch of %d: signed" % count)
    child.stop()


def refusals():
    child = start()
    queued = queued_of(child)
    now = int(time.time())
    items = [(uuid.uuid4(), b"d" * 32)]
    cases = [
        (TYPE, ipc.SIGN_ENVELOPE, request("notice"), "a notice"),
        (TYPE, ipc.SIGN_ENVELOPE, request("certificate"), "a certificate"),
        (TYPE, ipc.SIGN_ENVELOPE, request("batch"), "a batch as envelope"),
        (TYPE, ipc.SIGN_BATCH, request("message", items=items),
         "an envelope as batch"),
        (TYPE, ipc.SIGN_ENVELOPE, request("z" * 32), "an unknown type"),
        (ORIGIN, ipc.SIGN_ENVELOPE, request(origin=DESTINATION),
         "another origin"),
        (TIME, ipc.SIGN_ENVELOPE, request(timestamp=now - 310), "too old"),
        (TIME, ipc.SIGN_ENVELOPE, request(timestamp=now + 310), "too new"),
        (TIME, ipc.SIGN_BATCH,
         request("batch", items=items, timestamp=0), "a batch of 1970"),
    ]
    for reason, kind, data, name in cases:
        queued.send(kind, data, id=99)
        answer = queued.receive()
        tap.equal((answer.type, answer.id, answer.data),
                  (ipc.SIGN_REFUSED, 99, bytes([reason])),
                  "refused: " + name)
    logged = child.log().count("signer refused=")
    tap.ok(1 <= logged <= 3, "and logged, once a second at the most")
    for timestamp in (now - 290, now + 290):
        queued.send(ipc.SIGN_ENVELOPE, request(timestamp=timestamp))
        tap.equal(queued.receive().type, ipc.SIGNATURE, "within the window")
    child.stop()


def rates():
    child = start({"signatures_per_second": 5})
    queued = queued_of(child)
    for number in range(20):
        queued.send(ipc.SIGN_ENVELOPE, request(), id=number)
    answers = [queued.receive() for _ in range(20)]
    signed = [a for a in answers if a.type == ipc.SIGNATURE]
    tap.equal([a.id for a in answers], list(range(20)), "all are answered")
    tap.ok(5 <= len(signed) <= 6, "five at once")
    tap.ok(all(a.data == bytes([RATE]) for a in answers
               if a.type == ipc.SIGN_REFUSED), "the others: rate")
    time.sleep(1.1)
    queued.send(ipc.SIGN_ENVELOPE, request())
    tap.equal(queued.receive().type, ipc.SIGNATURE, "a second later again")
    child.stop()


def many():
    """Thousands at once: in order, and quick."""
    count = 2000 if SANITIZED else 20000
    child = start()
    queued = queued_of(child)
    data = request()
    whole = b"".join(
        ipc.HEADER.pack(ipc.SIGN_ENVELOPE, 0, len(data), number, 0) + data
        for number in range(count))
    begun = time.monotonic()
    got = 0
    queued.sock.setblocking(False)
    view, answers = memoryview(whole), bytearray()
    size = ipc.HEADER.size + 64
    while got < count * size and time.monotonic() - begun < 60:
        try:
            if view:
                view = view[queued.sock.send(view):]
        except BlockingIOError:
            pass
        try:
            part = queued.sock.recv(1 << 20)
            answers += part
            got += len(part)
        except BlockingIOError:
            if not view:
                time.sleep(0.001)
    seconds = time.monotonic() - begun
    ids = [ipc.HEADER.unpack_from(answers, at)[3]
           for at in range(0, len(answers), size)]
    tap.equal(ids, list(range(count)), "%d requests, in order" % count)
    tap.diag("%d signatures a second" % (count / seconds))
    tap.ok(SANITIZED or count / seconds > 1000, "over 1,000 a second")
    child.stop()


def deaf():
    """Answers that nobody reads stop the requests, not the memory."""
    child = start()
    queued = queued_of(child)
    before = child.memory()
    data = request()
    one = ipc.HEADER.pack(ipc.SIGN_ENVELOPE, 0, len(data), 3, 0) + data
    queued.sock.setblocking(False)
    sent, last = 0, time.monotonic()
    while time.monotonic() - last < 0.5 and sent < 50000000:
        try:
            sent += queued.sock.send((one * 100)[sent % len(one):])
            last = time.monotonic()
        except BlockingIOError:
            time.sleep(0.01)
    tap.ok(sent < 10000000, "it stops reading")
    if not SANITIZED:
        tap.ok(child.memory() - before < 4 << 20, "memory stays bounded")
    queued.sock.setblocking(True)
    rest = -sent % len(one)
    queued.sock.settimeout(10)
    expected = (sent + rest) // len(one)
    finished = not rest
    answers = 0
    while answers < expected:
        if not finished:
            try:
                queued.sock.send(one[-rest:], socket.MSG_DONTWAIT)
                finished = True
            except BlockingIOError:
                pass
        if queued.receive().type != ipc.SIGNATURE:
            break
        answers += 1
    tap.equal(answers, expected, "and answers all when they are read")
    child.stop()


def outlives():
    child = start()
    old = queued_of(child)
    old.send(ipc.SIGN_ENVELOPE, request())
    old.receive()
    data = request()
    for name in ("closes", "dies within a message", "is replaced",
                 "leaves answers unread"):
        if name == "closes":
            old.close()
        elif name == "dies within a message":
            old.raw((ipc.HEADER.pack(ipc.SIGN_ENVELOPE, 0, len(data), 1, 0) +
                     data)[:-3])
            old.close()
        elif name == "leaves answers unread":
            for _ in range(50):
                old.send(ipc.SIGN_ENVELOPE, data)
            time.sleep(0.2)
            old.close()
        time.sleep(0.2)
        tap.ok(child.alive(), "fed-queued %s: it lives" % name)
        mine, theirs = ipc.pair()
        child.parent.send(ipc.CHANNEL, bytes([ipc.QUEUED]),
                          descriptor=theirs)
        theirs.close()
        new = ipc.Channel(mine)
        tap.equal(new.receive().type, ipc.IDENTITY,
                  "identity comes first on the new channel")
        new.send(ipc.SIGN_ENVELOPE, request())
        tap.equal(new.receive().type, ipc.SIGNATURE, "and it signs")
        if name == "is replaced":
            try:
                old.receive()
                tap.ok(False, "the old channel is closed")
            except ipc.Closed:
                tap.ok(True, "the old channel is closed")
        old = new
    if ROOT:  # others may not look
        count = len(procfs.descriptors(child.pid))
        tap.ok(count <= 8, "no descriptor is left over (%d)" % count)
    child.peers[ipc.QUEUED] = old
    tap.equal(child.stop(), 0, "it ends with fedd")


def dies(name, who, act):
    """It must exit with 1 and name who did it."""
    child = start()
    queued = queued_of(child)
    act(child.parent, queued)
    status = child.wait()
    if not tap.ok(status == 1 and ("peer=%s " % who) in child.log(),
                  "%s: dies and names %s" % (name, who)):
        tap.diag("status %r" % (status,))
        tap.diag(child.log())
    child.stop()


def malformed_by_queued():
    good = request()
    batch = request("batch", items=[(uuid.uuid4(), b"d" * 32)])

    def sends(kind, data, **more):
        return lambda parent, queued: queued.send(kind, data, **more)

    permitted = (ipc.SIGN_ENVELOPE, ipc.SIGN_BATCH)
    for kind in list(range(70)) + [255, 256, 32767, 65535]:
        if kind not in permitted:
            dies("type %d" % kind, "fed-queued", sends(kind, b""))
    for data, text in ((good[:-1], "a byte short"),
                       (good + b"x", "a byte more"),
                       (b"", "empty"), (b"\0" * len(good), "zeros"),
                       (b"\xff" * len(good), "ones"),
                       (request("Message"), "type in upper case"),
                       (request("a\0b"), "type with NUL"),
                       (request("z" * 33), "type of 33"),
                       (request(""), "no type"),
                       (request(timestamp=-1), "time below 0"),
                       (request(timestamp=2**63 - 1), "time beyond all")):
        dies("envelope, " + text, "fed-queued", sends(ipc.SIGN_ENVELOPE, data))
    item = (uuid.uuid4(), b"d" * 32)
    for data, text in ((batch[:-1], "a byte short"),
                       (batch + b"x", "a byte more"),
                       (request("batch", items=[]), "no items"),
                       (request("batch", items=[item] * 65), "65 items"),
                       (good, "an envelope's data")):
        dies("batch, " + text, "fed-queued", sends(ipc.SIGN_BATCH, data))
    for flags in (1, 2, 0x8000, 0xffff):
        dies("flags %#x" % flags, "fed-queued",
             sends(ipc.SIGN_ENVELOPE, good, flags=flags))
    dies("a descriptor", "fed-queued",
         sends(ipc.SIGN_ENVELOPE, good, descriptor=0))
    dies("a descriptor without flag", "fed-queued",
         sends(ipc.SIGN_ENVELOPE, good, descriptor=0, flags=0))
    dies("a length of 4 GiB", "fed-queued", lambda parent, queued: queued.raw(
        ipc.HEADER.pack(ipc.SIGN_ENVELOPE, 0, 0xffffffff, 0, 0)))
    dies("garbage", "fed-queued",
         lambda parent, queued: queued.raw(bytes(range(255, 0, -1))))


def malformed_by_fedd():
    def sends(kind, data=b"", **more):
        return lambda parent, queued: parent.send(kind, data, **more)

    null = os.open("/dev/null", os.O_RDWR)
    for kind, data, more in (
            (ipc.SETUP_DONE, b"", {}), (ipc.SIGN_ENVELOPE, request(), {}),
            (ipc.DESCRIPTOR, bytes([ipc.SIGNING_KEY]), {"descriptor": null}),
            (ipc.DESCRIPTOR, bytes([ipc.SIGNATURES_LAST]),
             {"descriptor": null}),
            (ipc.DESCRIPTOR, bytes([ipc.SIGNATURES]), {}),
            (ipc.DESCRIPTOR, bytes([6]), {"descriptor": null}),
            (ipc.CHANNEL, bytes([ipc.LISTENER]), {"descriptor": null}),
            (ipc.CHANNEL, bytes([ipc.SENDER]), {"descriptor": null}),
            (ipc.CHANNEL, bytes([77]), {"descriptor": null}),
            (ipc.CHANNEL, bytes([ipc.QUEUED]), {}),
            (ipc.CHANNEL, b"", {"descriptor": null}),
            (ipc.GO, struct.pack("<Iq6i", 1, 1, *([0] * 6)), {})):
        dies("type %d %r" % (kind, data[:1]), "fedd",
             sends(kind, data, **more))
    os.close(null)


def signals():
    child = start()
    queued = queued_of(child)
    for _ in range(200):
        os.kill(child.pid, signal.SIGHUP)
        os.kill(child.pid, signal.SIGPIPE)
    os.kill(child.pid, signal.SIGSTOP)
    queued.send(ipc.SIGN_ENVELOPE, request())
    tap.ok(queued.quiet(0.2), "stopped")
    os.kill(child.pid, signal.SIGCONT)
    tap.equal(queued.receive().type, ipc.SIGNATURE, "and it goes on")
    for name in ("SIGTERM", "SIGINT"):
        if name == "SIGINT":
            child = start()
            queued_of(child)
        os.kill(child.pid, getattr(signal, name))
        tap.equal(child.wait(), 0, name + ": ends with 0")
        tap.ok("signer stop reason=signal" in child.log(), "and says so")
        child.stop()
    child = start(go=False)
    while child.parent.receive(20).type != ipc.READY:
        continue
    os.kill(child.pid, signal.SIGTERM)
    tap.equal(child.wait(), 0, "SIGTERM before GO: ends with 0")
    child.stop()


def dead_start(name, text, **given):
    child = start(go=False, **given)
    try:
        ready = child.parent.receive(20)
    except (ipc.Closed, ConnectionResetError):
        ready = None
    status = child.wait()
    if not tap.ok(ready is None and status == 1 and text in child.log(),
                  name + ": does not start"):
        tap.diag((ready, status))
        tap.diag(child.log())
    child.stop()


def key_files():
    def made(name, data, mode=0o600):
        path = os.path.join(work, name)
        with open(path, "wb") as file:
            file.write(data)
        os.chmod(path, mode)
        return path

    for length in (0, 31, 33, 65):
        dead_start("key of %d bytes" % length, "is not 32 bytes",
                   key=made("key", b"k" * length))
    for mode in (0o644, 0o640, 0o660, 0o700):
        dead_start("key of mode %o" % mode, "mode must be 0600",
                   key=made("key", keys.seed, mode))
    path = made("key", keys.seed)
    os.link(path, path + ".2")
    dead_start("key with two names", "another name", key=path)
    os.unlink(path + ".2")
    os.chmod(path, 0o400)
    child = start(key=path)
    tap.ok(child.alive(), "mode 0400 is as good")
    child.stop()
    if ROOT:
        os.chown(path, 61998, 61998)
        dead_start("key of another user", "another user", key=path)
    dead_start("a directory as key", "not a regular file", key=work)
    reading, writing = os.pipe()
    os.close(writing)
    dead_start("a pipe as key", "not a regular file", key=reading)
    dead_start("another key", "is for another signing.key",
               key=made("other", b"o" * 32))
    good = keys.certificate
    for name, data in (("empty", b""), ("short", good[:-1]),
                       ("long", good + b"\n"), ("huge", good * 9),
                       ("binary", bytes(range(256)))):
        dead_start(name + " certificate", "code=CERTIFICATE_MALFORMED",
                   certificate=made("bad", data, 0o644))
    lines = good.split(b"\n")
    lines[2] = b"%d" % (int(lines[2]) + 1)
    dead_start("forged certificate", "code=SIGNATURE",
               certificate=made("bad", b"\n".join(lines), 0o644))
    offset = os.open(keys.file("signing.key"), os.O_RDONLY)
    os.lseek(offset, 0, os.SEEK_END)
    child = start(key=offset)
    tap.ok(child.alive(), "a descriptor at the end of the key is as good")
    child.stop()


def out_of_date():
    global keys
    kept = keys
    for name, clock, code in (
            ("expired", "-92 days", "CERTIFICATE_EXPIRED"),
            ("early", "+1 days +1 hours", "CERTIFICATE_NOT_YET")):
        keys = Keys(name, clock)
        child = start()
        queued = queued_of(child)
        tap.ok(child.logged("code=" + code), code + ": a warning")
        queued.send(ipc.SIGN_ENVELOPE, request())
        answer = queued.receive()
        tap.equal((answer.type, answer.data),
                  (ipc.SIGN_REFUSED, bytes([CERTIFICATE])), "and refusals")
        child.stop()
    keys = Keys("grace", "-90 days -12 hours")
    child = start()
    queued = queued_of(child)
    queued.send(ipc.SIGN_ENVELOPE, request())
    tap.equal(queued.receive().type, ipc.SIGNATURE,
              "within the grace it signs, as peers still take it")
    child.stop()
    keys = kept


def confined():
    child = start()
    queued_of(child)
    status = procfs.status(child.pid)
    tap.equal((status["Seccomp"], status["NoNewPrivs"]), ("2", "1"),
              "seccomp and no_new_privs")
    if not SANITIZED:  # which lets nobody lock memory
        tap.ok(int(status["VmLck"].split()[0]) > 0, "memory is locked")
    tap.equal(status["CapEff"].strip("0"), "", "no capability")
    if ROOT:
        tap.equal(set(status["Uid"].split()), {str(61000 + ipc.SIGNER)},
                  "its own user")
    owner = os.stat("/proc/%d/mem" % child.pid).st_uid
    tap.equal(owner, 0, "not dumpable: its files in /proc are root's")
    tap.equal(procfs.limit(child.pid, "Max core file size"), ("0", "0"),
              "no core")
    child.stop()


def unlocked():
    limit = {resource.RLIMIT_MEMLOCK: (0, 0)}
    child = start(limits=limit)
    queued = queued_of(child)
    queued.send(ipc.SIGN_ENVELOPE, request())
    tap.equal(queued.receive().type, ipc.SIGNATURE,
              "without locked memory it signs all the same")
    if ROOT and not SANITIZED:
        tap.ok("memory=unlocked" in child.log(), "and warns")
    child.stop()


def mappings(pid):
    """Address range and flags of each mapping."""
    current = None
    with open("/proc/%d/smaps" % pid) as file:
        for line in file:
            found = re.match(r"([0-9a-f]+)-([0-9a-f]+) r", line)
            if found:
                current = [int(x, 16) for x in found.groups()]
            elif re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
                current = None
            elif line.startswith("VmFlags:") and current:
                yield current[0], current[1], line.split()[1:]


def places(pid, needle):
    """Flags of the mappings that hold the bytes, once for each place."""
    with open("/proc/%d/mem" % pid, "rb", buffering=0) as memory:
        for begin, end, flags in mappings(pid):
            try:
                memory.seek(begin)
                data = memory.read(end - begin)
            except OSError:  # the kernel's own pages
                continue
            for _ in range(data.count(needle)):
                yield flags


def secret_in_memory():
    if not ROOT or SANITIZED:
        return
    child = start()
    queued = queued_of(child)
    for number in range(200):
        queued.send(ipc.SIGN_ENVELOPE, request(), id=number)
        queued.receive()
    queued.send(ipc.SIGN_BATCH, request("batch", items=[
        (uuid.uuid4(), b"d" * 32)] * 64))
    queued.receive()
    found = list(places(child.pid, keys.seed))
    tap.equal(len(found), 1, "the seed is in memory once")
    tap.ok(all("lo" in flags and "dd" in flags for flags in found),
           "locked, and left out of dumps")
    expanded = hashlib.sha512(keys.seed).digest()
    scalar = bytes([expanded[0] & 0xf8]) + expanded[1:31] + \
        bytes([expanded[31] & 0x7f | 0x40])
    tap.equal([len(list(places(child.pid, part)))
               for part in (expanded[:32], expanded[32:], scalar)],
              [0, 0, 0], "what is made of it to sign is wiped")
    child.stop()


def libraries():
    needed = subprocess.run(["readelf", "-d", SIGNER], check=True, text=True,
                            stdout=subprocess.PIPE).stdout
    found = re.findall(r"\(NEEDED\).*\[(lib\w+)", needed)
    forbidden = [name for name in found
                 if re.match("lib(pq|event|jansson|curl|ssl)", name)]
    tap.ok(len(found) >= 3 and "libsodium" in found, "libraries are listed")
    tap.equal(forbidden, [], "none that the signer must not have")


def test():
    global work, keys
    work = tempfile.mkdtemp(prefix="torfed-signer.")
    keys = Keys("keys")
    try:
        for part in (identity, signatures, refusals, rates, many, deaf,
                     outlives, malformed_by_queued, malformed_by_fedd,
                     signals, key_files, out_of_date, confined, unlocked,
                     secret_in_memory, libraries):
            part()
    finally:
        shutil.rmtree(work)


tap.main(test)
