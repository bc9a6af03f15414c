# SPDX-License-Identifier: ISC
"""The messages between our processes, once more, so that a test can be any
process's parent and siblings:

    child = start_child("fed-listener/fed-listener", LISTENER,
                        settings={"connections": 4},
                        descriptors={LISTEN: socket}, peers=[QUEUED])
    child.go()                              # ready barrier passed
    child.peers[QUEUED].send(IDENTITY, identity(...))
    message = child.peers[QUEUED].receive()
    child.stop()
"""

import array
import collections
import os
import re
import resource
import select
import signal
import socket
import struct
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))

# enum role
FEDD, LISTENER, SIGNER, SENDER, QUEUED, CONTROL = range(6)
# enum descriptor
(LISTEN, CONTROL_SOCKET, SIGNING_KEY, CERTIFICATE, SIGNATURES,
 SIGNATURES_LAST) = range(6)
# enum message_type
(START, SETTINGS, DESCRIPTOR, CHANNEL, SETUP_DONE, READY, GO,
 KEYS) = range(1, 9)
SOCKS_WANTED, SOCKS, SOCKS_FAILED = range(20, 23)
RELOAD, RELOADED = 25, 26
(IDENTITY, SIGN_ENVELOPE, SIGN_BATCH, SIGNATURE, SIGN_REFUSED,
 SIGN_STATE) = range(30, 36)
REQUEST, RESPONSE, LIMITS = range(40, 43)
SEND, SENT, PROBE, PROBED = range(50, 54)
CONTROL_REQUEST, CONTROL_ROW, CONTROL_END = range(60, 63)

HEADER = struct.Struct("<HHIII")  # type, flags, length, id, peer
FLAG_DESCRIPTOR = 1
START_ROOT = 1

# What a child of ours gets where a test does not say otherwise.
DEFAULTS = {
    "proxy_line": 0, "answer_ping": 1, "answer_info": 1,
    "trust_automatic": 0, "log_servers": 0, "log_level": 3, "window_s": 300,
    "connections": 512, "connections_per_circuit": 16,
    "head_timeout_ms": 10000, "body_timeout_ms": 60000, "body_rate": 100,
    "idle_timeout_ms": 60000, "requests_per_circuit": 0,
    "failures_per_circuit": 0, "inbox_messages": 1000000,
    "requests_pending": 256, "items_per_minute": 0,
    "strangers_per_second": 0, "failures_per_second": 0, "attempts": 5,
    "lifetime_s": 1209600, "retry_min_ms": 15000, "retry_max_ms": 3600000,
    "sweep_ms": 30000, "lease_ms": 60000, "flush_high_ms": 0,
    "flush_normal_ms": 0, "flush_low_ms": 0, "durability_check": 1,
    "lookups_per_minute": 0, "lookup_answer_ms": 500,
    "lookup_lifetime_s": 600, "lookup_cache_s": 86400,
    "receipts_s": 2592000, "payloads_s": 604800,
    "health_interval_ms": 0, "health_self_probe_ms": 0,
    "sender_connections": 64, "sender_idle": 16, "sender_idle_ms": 60000,
    "connect_timeout_ms": 10000, "handshake_timeout_ms": 10000,
    "message_timeout_ms": 10000, "signatures_per_second": 0,
    "signatures_file_s": 86400, "signatures_kept_s": 2592000,
    "control_group": -1,
}


def settings_names():
    """The fields in the order of the struct."""
    with open(os.path.join(TOP, "common/ipc/settings.h")) as header:
        return re.findall(r"^\tint64_t (\w+);", header.read(), re.M)


def blob(data):
    return struct.pack("<I", len(data)) + data


class Reader:
    """Takes a message's fields off one by one."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, length):
        if self.at + length > len(self.data):
            raise ValueError("message too short")
        part = self.data[self.at:self.at + length]
        self.at += length
        return part

    def number(self, form):
        return struct.unpack("<" + form,
                             self.take(struct.calcsize("<" + form)))[0]

    def blob(self):
        return self.take(self.number("I"))

    def done(self):
        if self.at != len(self.data):
            raise ValueError("left-over bytes")


Message = collections.namedtuple("Message", "type id peer data descriptor")


class Closed(Exception):
    """The other end is gone."""


class Channel:
    """One end of a channel, on a stream socket."""

    def __init__(self, sock):
        self.sock = sock
        self.buffer = b""
        self.descriptors = []

    def fileno(self):
        return self.sock.fileno()

    def send(self, kind, data=b"", id=0, peer=0, descriptor=None,
             flags=None):
        """flags: instead of the right ones."""
        if flags is None:
            flags = FLAG_DESCRIPTOR if descriptor is not None else 0
        self.raw(HEADER.pack(kind, flags, len(data), id, peer) + data,
                 descriptor)

    def raw(self, data, descriptor=None):
        """Bytes as they are, and a descriptor with the first of them."""
        ancillary = []
        if descriptor is not None:
            number = getattr(descriptor, "fileno", lambda: descriptor)()
            ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                          array.array("i", [number]))]
        sent = self.sock.sendmsg([data], ancillary)
        if sent < len(data):
            self.sock.sendall(data[sent:])

    def _fill(self, deadline):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([self.sock], [], [], left)[0]:
            raise TimeoutError("no message")
        size = struct.calcsize("i")
        data, ancillary, _, _ = self.sock.recvmsg(
            65536, socket.CMSG_SPACE(size * 8))
        for level, kind, rights in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                numbers = array.array("i")
                numbers.frombytes(rights[:len(rights) // size * size])
                self.descriptors += numbers
        if not data:
            raise Closed()
        self.buffer += data

    def receive(self, timeout=10):
        deadline = time.monotonic() + timeout
        while len(self.buffer) < HEADER.size:
            self._fill(deadline)
        kind, flags, length, id, peer = HEADER.unpack_from(self.buffer)
        while len(self.buffer) < HEADER.size + length:
            self._fill(deadline)
        data = self.buffer[HEADER.size:HEADER.size + length]
        self.buffer = self.buffer[HEADER.size + length:]
        descriptor = None
        if flags & FLAG_DESCRIPTOR:
            descriptor = self.descriptors.pop(0)
        return Message(kind, id, peer, data, descriptor)

    def quiet(self, seconds=0.3):
        """Whether nothing comes for so long."""
        try:
            self.receive(seconds)
        except TimeoutError:
            return True
        return False

    def close(self):
        self.sock.close()


def pair():
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)


def program(name):
    """Where it was built: TORFED_BUILD names another directory than the
    ordinary one (a sanitizer build)."""
    build = os.environ.get("TORFED_BUILD")
    return os.path.join(TOP, build or "", name, name)


class Child:
    def __init__(self, path, role, parent, peers, log):
        self.path, self.role = path, role
        self.parent, self.peers = parent, peers
        self.log_path = log
        self.pid = 0
        self.status = None
        self.stepped = False  # fed-signer: it has the key files
        self.keys = None  # and what it said of them

    def start_message(self, **more):
        fields = dict(uid=0, gid=0, owner=os.getuid(), flags=0, root="",
                      unveil="")
        if os.getuid() == 0:
            fields.update(uid=61000 + self.role, gid=61000 + self.role,
                          flags=START_ROOT)
        fields.update(more)
        return struct.pack("<IIII", fields["uid"], fields["gid"],
                           fields["owner"], fields["flags"]) + \
            blob(fields["root"].encode()) + blob(fields["unveil"].encode())

    def settings_message(self, settings, database=""):
        values = dict(DEFAULTS, **settings)
        names = settings_names()
        if set(values) - set(names) or set(names) - set(values):
            raise ValueError("settings: %r" % (set(values) ^ set(names)))
        return b"".join(struct.pack("<q", values[name]) for name in names) + \
            blob(database.encode())

    def setup(self, settings, descriptors, ends, database="", start=None):
        self.parent.send(START, self.start_message(**(start or {})))
        self.parent.send(SETTINGS, self.settings_message(settings, database))
        later = (SIGNATURES, SIGNATURES_LAST)
        for which, descriptor in sorted(descriptors.items(),
                                        key=lambda item: item[0] in later):
            if which in later and self.role == SIGNER and not self.stepped:
                self.parent.send(SETUP_DONE)
                self.stepped = True
            self.parent.send(DESCRIPTOR, bytes([which]),
                             descriptor=descriptor)
        for role, end in ends.items():
            self.parent.send(CHANNEL, bytes([role]), descriptor=end)
        self.parent.send(SETUP_DONE)

    def go(self, timeout=20):
        """Through the ready barrier."""
        message = self.parent.receive(timeout)
        if self.role == SIGNER and message.type == KEYS:
            self.keys = message.data
            message = self.parent.receive(timeout)
        if message.type != READY:
            raise ValueError("not ready: %r" % (message,))
        self.parent.send(GO, struct.pack("<Iq6i", 1, int(time.time()),
                                         *([0] * 6)))
        return self

    def alive(self):
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = status
        return self.status is None

    def wait(self, timeout=10):
        """Its status (os.waitstatus_to_exitcode()), or None."""
        deadline = time.monotonic() + timeout
        while self.alive() and time.monotonic() < deadline:
            time.sleep(0.01)
        if self.status is None:
            return None
        return os.waitstatus_to_exitcode(self.status)

    def log(self):
        with open(self.log_path, "rb") as log:
            return log.read().decode("ascii")

    def logged(self, text, timeout=3):
        """Whether the log has it, now or soon."""
        deadline = time.monotonic() + timeout
        while text not in self.log():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    def memory(self):
        """Resident, in bytes."""
        with open("/proc/%d/statm" % self.pid) as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def processor_time(self):
        """Spent so far, in seconds."""
        with open("/proc/%d/stat" % self.pid) as stat:
            ticks = stat.read().rsplit(")", 1)[1].split()[11:13]
        return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")

    def limit(self, which, value):
        """setrlimit() for it while it runs, as its own user would."""
        with open("/proc/%d/status" % self.pid) as status:
            uid = int(re.search(r"^Uid:\t(\d+)", status.read(), re.M)[1])
        pid = os.fork()
        if pid == 0:
            try:
                if uid != os.getuid():
                    os.setresgid(uid, uid, uid)
                    os.setresuid(uid, uid, uid)
                resource.prlimit(self.pid, which, value)
                os._exit(0)
            finally:
                os._exit(1)
        if os.waitpid(pid, 0)[1] != 0:
            raise PermissionError("prlimit")

    def stop(self):
        """Ends it as fedd would: by closing the channel. Its status."""
        self.parent.close()
        for peer in self.peers.values():
            peer.close()
        status = self.wait(5)
        if status is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()
        os.unlink(self.log_path)
        return status


def run(child, end, log, limits):
    """In the new process."""
    try:
        os.setsid()
        end = os.dup2(os.dup(end), 200, inheritable=False)
        null = os.open("/dev/null", os.O_RDWR)
        log = os.dup(log)
        os.dup2(null, 0)
        os.dup2(null, 1)
        os.dup2(log, 2)
        os.dup2(end, 3)
        os.closerange(4, 1024)
        for which, value in limits.items():
            resource.setrlimit(which, value)
        environment = {name: value for name, value in os.environ.items()
                       if name in ("ASAN_OPTIONS", "UBSAN_OPTIONS")}
        os.execve(child.path, [child.path, "-l", "plain", "-v", "3"],
                  environment)
    except BaseException as error:
        os.write(2, repr(error).encode())
    os._exit(127)


def start_child(path, role, settings=None, descriptors=None, peers=(),
                database="", setup=True, limits=None, start=None):
    """Starts a program as fedd does. descriptors: by number of enum
    descriptor; peers: roles. setup False: nothing is sent. limits: for
    setrlimit()."""
    ours, theirs = pair()
    log, log_path = tempfile.mkstemp(prefix="torfed-log.")
    channels, ends = {}, {}
    descriptors = dict(descriptors or {})
    given = signatures() if role == SIGNER else {}
    for which, descriptor in given.items():
        descriptors.setdefault(which, descriptor)
    for peer in peers:
        mine, ends[peer] = pair()
        channels[peer] = Channel(mine)
    child = Child(path, role, Channel(ours), channels, log_path)
    child.pid = os.fork()
    if child.pid == 0:
        run(child, theirs.fileno(), log, limits or {})
    theirs.close()
    os.close(log)
    if setup:
        try:
            child.setup(settings or {}, descriptors, ends, database, start)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has ended already; how, the test looks at
    for descriptor in given.values():
        os.close(descriptor)
    for end in ends.values():
        end.close()
    return child


def signatures():
    """A log of signatures that begins, and that nobody reads."""
    descriptor, path = tempfile.mkstemp(prefix="torfed-signatures.")
    os.close(descriptor)
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_DSYNC)
    os.unlink(path)
    return {SIGNATURES: descriptor,
            SIGNATURES_LAST: os.open("/dev/null", os.O_RDONLY)}


# What travels on the channels.

def identity(server, certificate, key_id=b"\0" * 32, logged=0):
    return server + key_id + struct.pack("<q", logged) + blob(certificate)


def response(status, body=b"", retry_after=0):
    return struct.pack("<HI", status, retry_after) + blob(body)


def send(destination, body, generation=0, handshake=False):
    return destination + struct.pack("<IB", generation, handshake) + \
        blob(body)


Figures = collections.namedtuple("Figures", "used limit taken refused")


def limit_names():
    """Of fed-listener, in the order in which it reports them."""
    with open(os.path.join(TOP, "common/ipc/limit_names.h")) as header:
        text = header.read()
    part = re.search(r"#define LIMITS_LISTENER(.*?)\n\n", text, re.S)[1]
    return re.findall(r'X\([A-Z_]+, "([a-z-]+)"', part)


def read_limits(data):
    """{name: Figures}"""
    reader = Reader(data)
    found = {name: Figures(*(reader.number("Q") for _ in range(4)))
             for name in limit_names()}
    reader.done()
    return found


def probe(server, generation=0):
    return server + struct.pack("<I", generation)


def probed(code, status=0):
    return struct.pack("<HH", code_names().index(code), status)


Envelope = collections.namedtuple(
    "Envelope", "type id origin destination timestamp key_id signature "
    "handshake items payload")


def read_certificate(reader):
    reader.take(32 + 4 * 8 + 32)
    for _ in range(2):
        reader.number("B")
        reader.take(32)
    reader.take(64)


def read_handshake(reader):
    read_certificate(reader)
    for _ in range(3):
        reader.blob()
    return [reader.blob() for _ in range(reader.number("I"))]


def read_items(reader, count):
    """(type, id, payload) of each."""
    return [(reader.blob().decode(), reader.take(16), reader.blob())
            for _ in range(count)]


def read_envelope(reader):
    kind = reader.blob()
    id, origin, destination = (reader.take(n) for n in (16, 32, 32))
    timestamp = reader.number("q")
    key_id = reader.take(32)
    signature = reader.take(64)
    handshake = read_handshake(reader) if reader.number("B") else None
    count = reader.number("B")
    items = read_items(reader, count) if count else None
    payload = None if count else reader.blob()
    return Envelope(kind.decode(), id, origin, destination, timestamp,
                    key_id, signature, handshake, items, payload)


Request = collections.namedtuple("Request", "circuit handshake envelope")


def read_request(data):
    reader = Reader(data)
    request = Request(reader.number("Q"), bool(reader.number("B")),
                      read_envelope(reader))
    reader.done()
    return request


Sent = collections.namedtuple("Sent",
                              "code status retry_after started envelope")


def read_sent(data):
    reader = Reader(data)
    code, status, retry = (reader.number(form) for form in "HHI")
    started = bool(reader.number("B"))
    envelope = read_envelope(reader) if code == 0 else None
    reader.done()
    return Sent(code_names()[code], status, retry, started, envelope)


def code_names():
    with open(os.path.join(TOP, "common/proto/code.def")) as table:
        return re.findall(r"^CODE\((\w+),", table.read(), re.M)
