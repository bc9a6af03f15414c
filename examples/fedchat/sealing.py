# SPDX-License-Identifier: ISC
"""What fedchat's users keep secret from all servers: text, titles and room
keys.

A user has one Ed25519 key pair; its X25519 form opens sealed boxes. A room has
keys. Each is known to those who were members when it was made; messages are
written with the one of the highest epoch. A key is named by its hash, so that
two keys that are made at once under one epoch stay two.

    message   1 | key name (16) | secretbox(signature (64) | text)
    room key  sealedbox(epoch (8, big-endian) | key (32) | signature (64))

A signature covers everything that says what it is for: whoever passes on a
message or a key cannot give it another room, author, reader or id."""

import base64
import struct

import nacl.encoding
import nacl.exceptions
import nacl.hash
import nacl.public
import nacl.secret
import nacl.signing
import nacl.utils

NAME_SIZE = 16
SIGNATURE_SIZE = 64
VERSION = b"\x01"
KEY_FORM = struct.Struct(">Q32s64s")
EPOCHS = 2 ** 53


class Refused(Exception):
    """Something is not what it says it is; the text names the reason."""


class MissingKey(Exception):
    """Written with a room key that we do not have, or not yet."""


def b64(data):
    return base64.b64encode(data).decode()


def unb64(text):
    return base64.b64decode(text, validate=True)


def digest(data, size):
    return nacl.hash.blake2b(data, digest_size=size,
                             encoder=nacl.encoding.RawEncoder)


def fingerprint(public):
    """For people to compare: 8 groups of 4 hexadecimal digits."""
    text = digest(public, 16).hex()
    return " ".join(text[i:i + 4] for i in range(0, 32, 4))


def statement(kind, *parts):
    """The bytes that are signed. Each part has its length before it, so that
    no part can be taken for another."""
    parts = ["fedchat " + kind, *parts]
    return b"".join(b"%d:%b" % (len(p), p) for p in (
        part if isinstance(part, bytes) else str(part).encode()
        for part in parts))


class Identity:
    """A user's key pair. seed: 32 bytes."""

    def __init__(self, seed):
        self.signing = nacl.signing.SigningKey(seed)
        self.public = bytes(self.signing.verify_key)

    def sign(self, *parts):
        return self.signing.sign(statement(*parts)).signature

    def unseal(self, data):
        try:
            key = self.signing.to_curve25519_private_key()
            return nacl.public.SealedBox(key).decrypt(data)
        except (nacl.exceptions.CryptoError, ValueError, TypeError):
            raise Refused("sealed for somebody else") from None


def new_seed():
    return nacl.utils.random(32)


def verify(public, signature, *parts):
    try:
        nacl.signing.VerifyKey(public).verify(statement(*parts), signature)
    except (nacl.exceptions.CryptoError, ValueError, TypeError):
        raise Refused("signature is wrong") from None


class RoomKey:
    """key: 32 bytes. epoch: 1 at the room's creation."""

    def __init__(self, epoch, key=None):
        self.epoch = epoch
        self.key = key or nacl.utils.random(nacl.secret.SecretBox.KEY_SIZE)
        self.name = digest(self.key, NAME_SIZE)
        self.box = nacl.secret.SecretBox(self.key)

    def order(self):
        """Among keys with one epoch, everybody chooses the same one."""
        return self.epoch, self.name

    def seal(self, identity, room, reader, reader_public):
        """For one reader (name@address), signed by identity."""
        signature = identity.sign("key", room, reader, self.epoch, self.key)
        try:
            public = nacl.signing.VerifyKey(reader_public)
            box = nacl.public.SealedBox(public.to_curve25519_public_key())
        except (nacl.exceptions.CryptoError, ValueError, TypeError,
                RuntimeError):
            raise Refused("the public key is none of fedchat's") from None
        return bytes(box.encrypt(KEY_FORM.pack(self.epoch, self.key,
                                               signature)))

    def hide(self, text):
        """A title, under this key."""
        return bytes(self.box.encrypt(text.encode()))

    def show(self, data):
        """The title, or None when this key did not encrypt it."""
        try:
            return self.box.decrypt(data).decode()
        except (nacl.exceptions.CryptoError, ValueError, TypeError):
            return None


def unseal_key(identity, room, reader, author_public, data):
    """The room key that an author sealed for us. author_public None: the
    author's key could not be found out, and the signature is not checked."""
    plain = identity.unseal(data)
    if len(plain) != KEY_FORM.size:
        raise Refused("not a room key")
    epoch, key, signature = KEY_FORM.unpack(plain)
    if not 0 < epoch < EPOCHS:
        raise Refused("not a room key")
    if author_public is not None:
        verify(author_public, signature, "key", room, reader, epoch, key)
    return RoomKey(epoch, key)


def encrypt(identity, room_key, room, author, message_id, text):
    text = text.encode()
    signature = identity.sign("message", room, author, message_id,
                              room_key.name, text)
    return VERSION + room_key.name + bytes(
        room_key.box.encrypt(signature + text))


def decrypt(keys, room, author, author_public, message_id, data):
    """The text. keys: {name: RoomKey} of the room."""
    if data[:1] != VERSION or len(data) < 1 + NAME_SIZE:
        raise Refused("not fedchat's")
    name = data[1:1 + NAME_SIZE]
    if name not in keys:
        raise MissingKey
    try:
        plain = keys[name].box.decrypt(data[1 + NAME_SIZE:])
        signature, text = plain[:SIGNATURE_SIZE], plain[SIGNATURE_SIZE:]
        shown = text.decode()
    except (nacl.exceptions.CryptoError, ValueError, TypeError):
        raise Refused("altered") from None
    if author_public is not None:
        verify(author_public, signature, "message", room, author, message_id,
               name, text)
    return shown
