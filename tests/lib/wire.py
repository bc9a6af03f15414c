# SPDX-License-Identifier: ISC
"""What travels between fed-listener, fed-queued and fed-sender, made of the
envelopes of tests/lib/peer.py as dictionaries."""

import struct
import uuid

import ipc
import peer


def certificate(identity):
    """Of a peer.Identity."""
    made = identity.certificate
    return peer.onion_key(made.server) + struct.pack(
        "<QQqq", made.serial, made.min_serial, made.not_before,
        made.not_after) + made.signing_key + (b"\0" + bytes(32)) * 2 + \
        identity.key.sign(made.text())


def handshake(identity, name="", description="", version="",
              protocols=(peer.PROTOCOL,)):
    data = certificate(identity)
    for text in (name, description, version):
        data += ipc.blob(text.encode())
    return data + struct.pack("<I", len(protocols)) + b"".join(
        ipc.blob(text.encode()) for text in protocols)


def items(made):
    """A batch's, as fed-listener cuts them from the canonical bytes."""
    found = made["payload"]["items"]
    return struct.pack("<B", len(found)) + b"".join(
        ipc.blob(one["type"].encode()) + uuid.UUID(one["id"]).bytes +
        ipc.blob(peer.canonical(one["payload"])) for one in found)


def envelope(made, shaken=None, payload=None):
    """shaken: the identity of a handshake; payload: other bytes than the
    envelope's."""
    data = ipc.blob(made["type"].encode()) + uuid.UUID(made["id"]).bytes
    data += peer.onion_key(made["originServer"])
    data += peer.onion_key(made["destinationServer"])
    data += struct.pack("<q", peer.time_value(made["timestamp"]))
    data += bytes.fromhex(made["keyId"]) + peer.unb64(made["signature"])
    data += b"\1" + handshake(shaken) if shaken else b"\0"
    if made["type"] == "batch":
        return data + items(made)
    return data + b"\0" + ipc.blob(peer.canonical(made["payload"])
                                   if payload is None else payload)


def request(made, shaken=None, circuit=1, payload=None, path=None):
    """As fed-listener sends it; path: whether it came by /handshake."""
    if path is None:
        path = made["type"] == "handshake"
    return struct.pack("<QB", circuit, path) + envelope(made, shaken, payload)


def sent(code, made=None, shaken=None, status=200, retry_after=0,
         started=True):
    """As fed-sender answers; code by its name."""
    data = struct.pack("<HHIB", ipc.code_names().index(code), status,
                       retry_after, started)
    return data + (envelope(made, shaken) if made else b"")
