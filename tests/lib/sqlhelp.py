# SPDX-License-Identifier: ISC
"""Small helpers of the tests that speak SQL."""

import base64
import hashlib
import select

import psycopg2


def address(key):
    """The onion address of 32 bytes (rend-spec-v3, section 6)."""
    checksum = hashlib.sha3_256(b".onion checksum" + key + b"\x03").digest()
    return base64.b32encode(key + checksum[:2] + b"\x03").decode().lower() + \
        ".onion"


def rows(cursor, statement, *values):
    cursor.execute(statement, values or None)
    return cursor.fetchall()


def one(cursor, statement, *values):
    """The one value of the one row."""
    (row,) = rows(cursor, statement, *values)
    return row[0]


def code(cursor, statement, *values):
    """The SQLSTATE of the error, or "" when there is none."""
    try:
        cursor.execute(statement, values or None)
    except psycopg2.Error as error:
        return error.pgcode or "no SQLSTATE"
    return ""


def notified(connection, seconds=5):
    """Channel and payload of what was notified, once something was."""
    if select.select([connection], [], [], seconds)[0]:
        connection.poll()
    found = [(n.channel, n.payload) for n in connection.notifies]
    del connection.notifies[:]
    return found
