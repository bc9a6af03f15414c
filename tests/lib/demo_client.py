# SPDX-License-Identifier: ISC
"""The tiniest chat client: a key pair, libsodium's authenticated boxes, and
the SQL contract. It encrypts and decrypts; the servers between two clients
see neither keys nor text."""

import base64
import json

import psycopg2
from nacl.public import Box, PrivateKey, PublicKey


class Client:
    """One user of one server. app_database: as role fed_app."""

    def __init__(self, name, onion, app_database):
        self.name = name
        self.onion = onion
        self.key = PrivateKey.generate()
        self.public = bytes(self.key.public_key)
        self.connection = psycopg2.connect(app_database)

    def send(self, other, text):
        """Returns (message id, ciphertext)."""
        box = Box(self.key, PublicKey(other.public))
        sealed = bytes(box.encrypt(text.encode()))
        payload = json.dumps({
            "encryptedContent": base64.b64encode(sealed).decode(),
            "messageType": "text", "recipientId": other.name,
            "senderId": self.name})
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute("SELECT federation.enqueue(%s, %s)",
                           (other.onion, payload))
            return str(cursor.fetchone()[0]), sealed

    def receive(self, public_keys):
        """Claims, decrypts and acknowledges what is there, in one
        transaction. public_keys: {(sender, onion): key}. Returns [(id,
        sender, onion, text or None when it does not decrypt)]."""
        found = []
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute("SELECT inbox_id, message_id, origin, payload "
                           "FROM federation.inbox_claim()")
            rows = cursor.fetchall()
            for _, number, onion, payload in rows:
                found.append((str(number),) + self.open(
                    onion, json.loads(bytes(payload)), public_keys))
            cursor.execute("SELECT federation.inbox_acknowledge(%s)",
                           ([row[0] for row in rows],))
        return found

    def open(self, onion, payload, public_keys):
        sender = payload.get("senderId")
        try:
            box = Box(self.key, PublicKey(public_keys[sender, onion]))
            sealed = base64.b64decode(payload["encryptedContent"])
            return sender, onion, box.decrypt(sealed).decode()
        except (KeyError, ValueError, TypeError) as error:
            return sender, onion, None
        except Exception as error:  # nacl.exceptions.CryptoError
            if type(error).__name__ != "CryptoError":
                raise
            return sender, onion, None

    def close(self):
        self.connection.close()
