# SPDX-License-Identifier: ISC
"""The protocol once more, independently: a server that tests play, written
from the specification with hashlib and PyNaCl, calling none of our programs.

    peer = Identity()                       # keys and certificate
    client = Client(socket_path)            # HTTP over the listener's socket
    exchange = client.handshake(peer, onion)
    exchange = client.message(peer, onion, {"text": "..."})
    exchange.status, exchange.results

    with Server(peer) as server:            # answers what others send to it
        server.join(directory)              # in the switchboard's map
"""

import base64
import calendar
import collections
import hashlib
import json
import os
import shutil
import socket
import tempfile
import threading
import time
import uuid

import nacl.bindings
import nacl.exceptions

PROTOCOL = "tor-chat-federation-v1"
DAY = 24 * 3600
SIZES = [kib * 1024 for kib in (8, 16, 32, 64, 128, 256)]
ORDER = 2 ** 252 + 27742317777372353535851937790883648493  # of the base point


# Encodings

def b64(data):
    return base64.b64encode(data).decode()


def unb64(text):
    """Strict: what decodes is what would be written."""
    data = base64.b64decode(text, validate=True)
    if b64(data) != text:
        raise ValueError("base64 with unused bits set")
    return data


def time_text(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def time_value(text):
    value = calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))
    if time_text(value) != text:
        raise ValueError("time %r" % text)
    return value


def canonical(value):
    """RFC 8785 within the protocol's narrowing."""
    if isinstance(value, bool) or value is None:
        return json.dumps(value).encode()
    if isinstance(value, int):
        return b"%d" % value
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).encode()
    if isinstance(value, list):
        return b"[" + b",".join(map(canonical, value)) + b"]"
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return b"{" + b",".join(canonical(name) + b":" +
                                canonical(value[name])
                                for name in names) + b"}"
    raise TypeError(type(value))


def pad(body):
    """With spaces to the next size."""
    for size in SIZES:
        if len(body) <= size:
            return body.ljust(size)
    raise ValueError("%d bytes fit no size" % len(body))


def sha256(data):
    return hashlib.sha256(data).digest()


# Onion addresses

def onion_checksum(key):
    return hashlib.sha3_256(b".onion checksum" + key + b"\x03").digest()[:2]


def onion_address(key):
    raw = key + onion_checksum(key) + b"\x03"
    return base64.b32encode(raw).decode().lower() + ".onion"


def onion_key(address):
    if len(address) != 62 or address.lower() != address:
        raise ValueError("address %r" % address)
    raw = base64.b32decode(address[:56].upper())
    if onion_address(raw[:32]) != address:
        raise ValueError("address %r" % address)
    return raw[:32]


# Keys

class Key:
    """An Ed25519 key from its seed."""

    def __init__(self, seed=None):
        self.seed = seed or os.urandom(32)
        self.public, self.secret = nacl.bindings.crypto_sign_seed_keypair(
            self.seed)

    def sign(self, text):
        signed = nacl.bindings.crypto_sign(text, self.secret)
        return signed[:64]


def verify(signature, text, public):
    try:
        nacl.bindings.crypto_sign_open(signature + text, public)
    except nacl.exceptions.BadSignatureError:
        return False
    return True


def malleable(signature):
    """The same signature with S + L in place of S."""
    s = int.from_bytes(signature[32:], "little") + ORDER
    return signature[:32] + s.to_bytes(32, "little")


# Certificates

class Certificate:
    """Fields may be set to anything before text() or encode()."""

    def __init__(self, identity, signing_key, serial=None, min_serial=None,
                 not_before=None, not_after=None, server=None, door="-",
                 client="-"):
        now = int(time.time())
        self.identity = identity
        self.server = server or onion_address(identity.public)
        self.signing_key = signing_key
        self.serial = now if serial is None else serial
        self.min_serial = self.serial if min_serial is None else min_serial
        self.not_before = now - 60 if not_before is None else not_before
        self.not_after = (self.not_before + 90 * DAY if not_after is None
                          else not_after)
        self.door = door
        self.client = client

    def text(self):
        return "\n".join([
            PROTOCOL + "/certificate", self.server, str(self.serial),
            str(self.min_serial), time_text(self.not_before),
            time_text(self.not_after), b64(self.signing_key), self.door,
            self.client]).encode()

    def encode(self, signature=None):
        signature = signature or self.identity.sign(self.text())
        return self.text() + b"\n" + b64(signature).encode() + b"\n"

    def key_id(self):
        return sha256(self.text()).hex()


class Presented:
    """A certificate that a server showed us, parsed and verified."""

    def __init__(self, data):
        lines = data.decode("ascii").split("\n")
        if len(lines) != 11 or lines[10] or lines[0] != (
                PROTOCOL + "/certificate"):
            raise ValueError("certificate's form")
        text = "\n".join(lines[:9]).encode()
        self.server = lines[1]
        self.serial, self.min_serial = int(lines[2]), int(lines[3])
        self.not_before, self.not_after = map(time_value, lines[4:6])
        self.signing_key = unb64(lines[6])
        self.key_id = sha256(text).hex()
        if not verify(unb64(lines[9]), text, onion_key(self.server)):
            raise ValueError("certificate's signature")
        if self.not_after - self.not_before > 90 * DAY:
            raise ValueError("certificate's lifetime")


# Envelopes

def signing_text(header, payload_hash):
    """header: the envelope's members by name."""
    return "\n".join([
        PROTOCOL + "/envelope", header["type"], header["id"],
        header["originServer"], header["destinationServer"],
        header["timestamp"], header["keyId"], b64(payload_hash)]).encode()


def item_digest(kind, number, payload):
    """What a batch's signature covers of one item."""
    return sha256("\n".join([PROTOCOL + "/item", kind, number, b64(
        sha256(canonical(payload)))]).encode())


def items(envelope):
    """[(id, type, payload)]: a batch's items, or the one message."""
    if envelope["type"] == "batch":
        return [(item["id"], item["type"], item["payload"])
                for item in envelope["payload"]["items"]]
    return [(envelope["id"], envelope["type"], envelope["payload"])]


def batch_text(envelope):
    header = signing_text(envelope, b"").decode().rsplit("\n", 1)[0]
    return "\n".join([header] + [
        number + " " + b64(item_digest(kind, number, payload))
        for number, kind, payload in items(envelope)]).encode()


def envelope_text(envelope):
    if envelope["type"] == "batch":
        return batch_text(envelope)
    return signing_text(envelope, sha256(canonical(envelope["payload"])))


class Identity:
    """A server's keys and certificate; makes signed envelopes."""

    def __init__(self, seed=None, signing_seed=None, **certificate):
        self.key = Key(seed)
        self.signing = Key(signing_seed)
        self.address = onion_address(self.key.public)
        self.certify(**certificate)

    def certify(self, **certificate):
        self.certificate = Certificate(self.key, self.signing.public,
                                       **certificate)
        return self.certificate

    def rotate(self, **certificate):
        self.signing = Key()
        return self.certify(**certificate)

    def handshake_payload(self, **more):
        return dict({"certificate": b64(self.certificate.encode()),
                     "protocols": [PROTOCOL]}, **more)

    def envelope(self, destination, kind, payload, **members):
        """A signed envelope as a dictionary. members replace what the
        signature covers."""
        envelope = {
            "destinationServer": destination, "id": str(uuid.uuid4()),
            "keyId": self.certificate.key_id(),
            "originServer": self.address, "payload": payload,
            "protocolVersion": PROTOCOL,
            "timestamp": time_text(int(time.time())), "type": kind}
        envelope.update(members)
        envelope["signature"] = b64(self.signing.sign(
            envelope_text(envelope)))
        return envelope


def encode(envelope, padded=True):
    body = canonical(envelope)
    return pad(body) if padded else body


def decode(body):
    envelope = json.loads(body)
    expected = {"destinationServer", "id", "keyId", "originServer", "payload",
                "protocolVersion", "signature", "timestamp", "type"}
    if set(envelope) != expected or envelope["protocolVersion"] != PROTOCOL:
        raise ValueError("envelope's members")
    return envelope


class BadAcknowledgement(Exception):
    pass


def check_acknowledgement(body, request, presented, origin, destination):
    """The payload of a signed acknowledgement of request, all checked: that
    origin signed it for destination and for this very request."""
    if len(body) not in SIZES:
        raise BadAcknowledgement("size %d" % len(body))
    envelope = decode(body)
    least = pad(canonical(envelope))
    if request["type"] == "user_lookup":  # may be padded further
        least = least.ljust(len(body))
    if least != body:
        raise BadAcknowledgement("not canonical and padded")
    if envelope["type"] != "ack":
        raise BadAcknowledgement("type " + envelope["type"])
    if envelope["originServer"] != origin:
        raise BadAcknowledgement("origin")
    if envelope["destinationServer"] != destination:
        raise BadAcknowledgement("destination")
    if envelope["keyId"] != presented.key_id:
        raise BadAcknowledgement("keyId")
    if abs(time_value(envelope["timestamp"]) - time.time()) > 300:
        raise BadAcknowledgement("timestamp")
    if not verify(unb64(envelope["signature"]), envelope_text(envelope),
                  presented.signing_key):
        raise BadAcknowledgement("signature")
    payload = envelope["payload"]
    if payload["requestHash"] != b64(sha256(envelope_text(request))):
        raise BadAcknowledgement("requestHash")
    if not 1 <= payload["credit"] <= 64:
        raise BadAcknowledgement("credit")
    return payload


# HTTP

class Response:
    def __init__(self, status, fields, body, raw_head):
        self.status = status
        self.fields = fields  # names in lower case
        self.body = body
        self.raw_head = raw_head


class ResponseError(Exception):
    pass


class Connection:
    """One connection to a listener's socket; or one that is there already."""

    def __init__(self, path, proxy_line=False, circuit=1, timeout=30,
                 connected=None):
        self.socket = connected
        if connected is None:
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.socket.settimeout(timeout)
            self.socket.connect(path)
        self.buffer = b""
        if proxy_line:
            self.send(b"PROXY TCP6 fc00:dead:beef:4dad::%x:%x ::1 37 80\r\n" %
                      (circuit >> 16, circuit & 0xffff))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def fill(self):
        data = self.socket.recv(1 << 16)
        if not data:
            raise ResponseError("end of file after %r" % self.buffer[:200])
        self.buffer += data

    def response(self):
        """Reads one answer."""
        while b"\r\n\r\n" not in self.buffer:
            self.fill()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        lines = head.decode("ascii").split("\r\n")
        version, status = lines[0].split(" ", 2)[:2]
        if version != "HTTP/1.1":
            raise ResponseError(lines[0])
        fields = {}
        for line in lines[1:]:
            name, value = line.split(": ", 1)
            if name.lower() in fields:
                raise ResponseError("twice: " + name)
            fields[name.lower()] = value
        length = int(fields["content-length"])
        while len(self.buffer) < length:
            self.fill()
        body, self.buffer = self.buffer[:length], self.buffer[length:]
        return Response(int(status), fields, body, head)

    def at_end(self, seconds=10):
        """Whether the other end closes within that time."""
        if self.buffer:
            return False
        self.socket.settimeout(seconds)
        try:
            return self.socket.recv(1) == b""
        except socket.timeout:
            return False
        except ConnectionResetError:
            return True


def request_bytes(method, path, host, body=None, fields=()):
    lines = ["%s %s HTTP/1.1" % (method, path), "Host: " + host]
    if body is not None:
        lines += ["Content-Type: application/json",
                  "Content-Length: %d" % len(body)]
    lines += fields
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b"")


class Exchange:
    """A request, its answer, and what a signed answer says."""

    def __init__(self, request, response):
        self.request = request
        self.response = response
        self.status = response.status
        self.payload = None

    @property
    def results(self):
        return self.payload["results"] if self.payload else None

    @property
    def result(self):
        """The one result as "accepted", "rejected UNTRUSTED" or the HTTP
        status of an unsigned answer."""
        if self.payload is None:
            return str(self.status)
        one, = self.results
        return " ".join(filter(None, (one["status"], one.get("code"))))


class Client:
    """Sends to one server. Learns its certificate by the first handshake and
    checks every signed answer."""

    def __init__(self, path, onion, proxy_line=False):
        self.path = path
        self.onion = onion
        self.proxy_line = proxy_line
        self.presented = None
        self.connection = None
        self.mutex = threading.Lock()

    @classmethod
    def of(cls, server):
        """From a server's entry in net.json."""
        return cls(server["listener"], server["onion"], server["proxy_line"])

    def connect(self, **options):
        return Connection(self.path, self.proxy_line, **options)

    def raw(self, data):
        """Sends bytes on a connection of its own; returns the answer."""
        with self.connect() as connection:
            connection.send(data)
            return connection.response()

    def post(self, path, body):
        """Over a connection that is kept alive."""
        data = request_bytes("POST", path, self.onion, body)
        with self.mutex:
            for attempt in range(2):
                fresh = self.connection is None
                if fresh:
                    self.connection = self.connect()
                try:
                    self.connection.send(data)
                    response = self.connection.response()
                    break
                except (ResponseError, OSError):
                    self.close()
                    if fresh or attempt:
                        raise
            if response.fields.get("connection", "").lower() == "close":
                self.close()
        return response

    def close(self):
        if self.connection:
            self.connection.close()
            self.connection = None

    def send(self, origin, envelope, path="/federation/message", body=None):
        """envelope: what was signed; body: what travels, when another."""
        if body is None:
            body = encode(envelope)
        exchange = Exchange(envelope, self.post(path, body))
        if exchange.status == 200:
            self.read(exchange, origin)
        return exchange

    def read(self, exchange, origin):
        answer = json.loads(exchange.response.body)["payload"].get("answer")
        if isinstance(answer, dict) and "certificate" in answer:
            self.presented = Presented(unb64(answer["certificate"]))
            if self.presented.server != self.onion:
                raise BadAcknowledgement("certificate's server")
        if self.presented is None:
            raise BadAcknowledgement("no certificate seen: handshake first")
        exchange.payload = check_acknowledgement(
            exchange.response.body, exchange.request, self.presented,
            self.onion, origin.address)

    def handshake(self, origin, payload=None, **members):
        envelope = origin.envelope(
            self.onion, "handshake", payload or origin.handshake_payload(),
            **members)
        return self.send(origin, envelope, "/federation/handshake")

    def batch(self, origin, messages, **members):
        """messages: [(id, type, payload)]."""
        return self.send(origin, origin.envelope(self.onion, "batch", {
            "items": [{"id": number, "payload": payload, "type": kind}
                      for number, kind, payload in messages]}, **members))

    def message(self, origin, payload, **members):
        return self.send(origin, origin.envelope(self.onion, "message",
                                                 payload, **members))


# A server that others send to

Received = collections.namedtuple("Received", "path head body envelope")


class Server:
    """Answers requests on a unix socket. behaviour(server, received) returns
    the bytes to send, (bytes, "close") to close the connection after them,
    or None to close it without; the default is honest(). A list of faults may
    be put before it, of which each answers one request that is no handshake:

        server.faults.append(lambda server, received: None)
    """

    def __init__(self, identity=None, behaviour=None):
        self.identity = identity or Identity()
        self.behaviour = behaviour or honest
        self.faults = []
        self.received = []
        self.known = {}     # address: Presented
        self.digests = {}   # (origin, id): digest
        self.changed = threading.Condition()
        self.directory = None
        self.joined = None
        self.closing = False

    def __enter__(self):
        self.directory = tempfile.mkdtemp(prefix="torfed-peer-", dir="/tmp")
        self.path = os.path.join(self.directory, "listener")
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(self.path)
        os.chmod(self.path, 0o600)
        self.listener.listen(64)
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.closing = True
        self.listener.close()
        if self.joined:
            self.leave()
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def address(self):
        return self.identity.address

    def join(self, directory):
        """Into the map of a network at directory (--net local)."""
        self.joined = os.path.join(directory, "switchboard.map")
        with open(self.joined, "a") as file:
            file.write("%s %s\n" % (self.address, self.path))

    def leave(self):
        try:
            with open(self.joined) as file:
                lines = [line for line in file
                         if not line.startswith(self.address)]
            with open(self.joined + ".new", "w") as file:
                file.writelines(lines)
            os.replace(self.joined + ".new", self.joined)
        except FileNotFoundError:
            pass
        self.joined = None

    def accept(self):
        while not self.closing:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,),
                             daemon=True).start()

    def serve(self, connection):
        buffer = b""
        with connection:
            while not self.closing:
                try:
                    received, buffer = self.read(connection, buffer)
                except OSError:
                    return
                if received is None:
                    return
                with self.changed:
                    self.received.append(received)
                    behaviour = self.behaviour
                    if self.faults and received.path.endswith("/message"):
                        behaviour = self.faults.pop(0)
                    self.changed.notify_all()
                answer = behaviour(self, received)
                if answer is None:
                    return
                closing = isinstance(answer, tuple)
                try:
                    connection.sendall(answer[0] if closing else answer)
                except OSError:
                    return
                if closing:
                    return

    @staticmethod
    def read(connection, buffer):
        while b"\r\n\r\n" not in buffer:
            data = connection.recv(1 << 16)
            if not data:
                return None, b""
            buffer += data
        head, buffer = buffer.split(b"\r\n\r\n", 1)
        lines = head.decode("ascii").split("\r\n")
        length = 0
        for line in lines[1:]:
            name, value = line.split(":", 1)
            if name.lower() == "content-length":
                length = int(value)
        while len(buffer) < length:
            data = connection.recv(1 << 16)
            if not data:
                return None, b""
            buffer += data
        body, buffer = buffer[:length], buffer[length:]
        try:
            envelope = decode(body)
        except ValueError:
            envelope = None
        return Received(lines[0].split(" ")[1], head, body, envelope), buffer

    def wait(self, count, seconds=30, kind=None):
        """The first count requests (of that type), or fewer when the time
        is over."""
        deadline = time.monotonic() + seconds
        with self.changed:
            while True:
                found = [r for r in self.received if kind is None or
                         (r.envelope and r.envelope["type"] == kind)]
                left = deadline - time.monotonic()
                if len(found) >= count or left <= 0:
                    return found
                self.changed.wait(left)

    def verify(self, received):
        """Whether a request that we got is what the protocol asks for."""
        envelope = received.envelope
        if envelope is None or encode(envelope) != received.body:
            return False
        if envelope["destinationServer"] != self.address:
            return False
        if envelope["type"] == "handshake":
            presented = Presented(unb64(envelope["payload"]["certificate"]))
            if presented.server != envelope["originServer"]:
                return False
            self.known[presented.server] = presented
        presented = self.known.get(envelope["originServer"])
        return (presented is not None and
                presented.key_id == envelope["keyId"] and
                abs(time_value(envelope["timestamp"]) - time.time()) < 300 and
                verify(unb64(envelope["signature"]), envelope_text(envelope),
                       presented.signing_key))

    def take(self, envelope):
        """Remembers the items; returns a good server's results."""
        results = []
        for number, kind, payload in items(envelope):
            digest = item_digest(kind, number, payload)
            with self.changed:
                known = self.digests.setdefault(
                    (envelope["originServer"], number), digest)
            if known != digest:
                results.append({"code": "ID_CONFLICT", "status": "rejected"})
            else:
                results.append({"status": "accepted" if known is digest
                                else "duplicate"})
        return results

    def acknowledge(self, received, results, **more):
        """A signed acknowledgement, whole with its head."""
        request = received.envelope
        payload = {"credit": 64, "results": results, "requestHash": b64(
            sha256(envelope_text(request)))}
        if request["type"] == "handshake":
            payload["answer"] = self.identity.handshake_payload()
        payload.update(more)
        return http_answer(200, encode(self.identity.envelope(
            request["originServer"], "ack", payload)))


REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized",
           404: "Not Found", 429: "Too Many Requests",
           500: "Internal Server Error", 503: "Service Unavailable"}


def http_answer(status, body, fields=()):
    lines = ["HTTP/1.1 %d %s" % (status, REASONS.get(status, "Other")),
             "Content-Type: application/json",
             "Content-Length: %d" % len(body)] + list(fields)
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def unsigned(status, fields=()):
    """A behaviour: an unsigned answer with that status."""
    return lambda server, received: http_answer(status, b"{}\n", fields)


def honest(server, received):
    """What a good server answers."""
    if not server.verify(received):
        return http_answer(401, b"{}\n")
    envelope = received.envelope
    if envelope["type"] == "handshake":
        return server.acknowledge(received, [{"status": "accepted"}])
    return server.acknowledge(received, server.take(envelope))
