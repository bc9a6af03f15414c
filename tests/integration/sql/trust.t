#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Trust by SQL, tombstones, and the triggers that ring and keep time."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "..", "lib"))
import tap  # noqa: E402
from pgcluster import Cluster, ROOT  # noqa: E402
from sqlhelp import address, code, notified, one, rows  # noqa: E402

cluster = None
owner = None   # a cursor with all rights
admin = None   # one of a role that is a member of fed_admin
ADD = "SELECT federation.server_add(%s)"
TRUST = "SELECT federation.server_set_trust(%s, %s)"
GOOD = "2gzyxa5ihm7nsggfxnu52rck2vv4rvmdlkiu3zzui5du4xyclen53wid.onion"


def addresses():
    key = bytes.fromhex(
        "d1b38b83a83b3ed918c5bb69dd444ad56bc8d5835a914de73447474e5f02591b")
    tap.equal(address(key), GOOD, "a published address")
    tap.equal(bytes(one(owner, "SELECT federation.onion_key(%s)", GOOD)),
              key, "is decoded")
    keys = [os.urandom(32) for _ in range(40)] + [b"\0" * 32, b"\xff" * 32]
    found = [one(owner, "SELECT federation.onion_key(%s)", address(k))
             for k in keys]
    tap.equal([bytes(f) for f in found if f], keys,
              "as are %d others" % len(keys))
    golden = os.path.join(ROOT, "tests", "golden", "onion")
    with open(os.path.join(golden, "valid.txt")) as file:
        texts = [line.strip() + ".onion" for line in file]
    tap.ok(all(one(owner, "SELECT federation.onion_key(%s)", text)
               for text in texts), "%d addresses of others" % len(texts))
    with open(os.path.join(golden, "invalid.txt")) as file:
        texts = [line.split("\t")[0] + ".onion" for line in file
                 if "version" in line or "checksum" in line]
    tap.ok(texts and not any(
        one(owner, "SELECT federation.onion_key(%s)", text)
        for text in texts), "%d that are none" % len(texts))
    wrong = 0
    for place in range(56):
        letter = "b" if GOOD[place] != "b" else "c"
        text = GOOD[:place] + letter + GOOD[place + 1:]
        wrong += one(owner, "SELECT federation.onion_key(%s)", text) is None
    tap.equal(wrong, 56, "another letter anywhere is noticed")


def add_refuses():
    for name, text in (
            ("null", None), ("empty", ""), ("without .onion", GOOD[:56]),
            ("upper case", GOOD.upper()), ("trailing dot", GOOD + "."),
            ("line feed", GOOD + "\n"), ("leading space", " " + GOOD),
            ("sub-domain", "a." + GOOD), ("too long", "a" + GOOD),
            ("too short", GOOD[1:]), ("digit one", "1" + GOOD[1:]),
            ("version 2", "expyuzz4wqqyqhjn.onion"),
            ("injection", "'; DROP SCHEMA federation CASCADE; --")):
        tap.equal(code(admin, ADD, text), "FD009", "server_add: " + name)
    tap.equal(one(owner, "SELECT count(*) FROM federation.audit"), 0,
              "what is refused leaves no trace")


def add_and_trust():
    server = one(admin, ADD, GOOD)
    tap.equal(rows(owner, "SELECT s.id, public_key, trust_level, is_trusted,"
                   " verified_at, kept FROM federation.federation_servers s "
                   "JOIN federation.peers p ON p.server_id = s.id"),
              [(server, "d1b38b83a83b3ed918c5bb69dd444ad56bc8d5835a914de7344"
                "7474e5f02591b", 0, False, None, True)],
              "server_add makes a server at level 0 that is kept")
    tap.equal(one(admin, ADD, GOOD), server, "a second time it is found")
    for level, expected in ((-2, "FD007"), (-1, ""), (0, ""), (1, ""),
                            (2, ""), (3, ""), (4, "FD007"), (None, "FD007")):
        tap.equal(code(admin, TRUST, GOOD, level), expected,
                  "level %s" % level)
        if not expected:
            tap.equal(rows(owner, "SELECT trust_level, is_trusted, "
                           "verified_at IS NOT NULL FROM "
                           "federation.federation_servers"),
                      [(level, level >= 2, level >= 2)],
                      "level %s: trusted and verified or not" % level)
    verified = one(owner, "SELECT verified_at FROM "
                   "federation.federation_servers")
    admin.execute(TRUST, (GOOD, 2))
    tap.equal(one(owner, "SELECT verified_at FROM "
                  "federation.federation_servers"), verified,
              "verified once, the time stays")
    for text in (None, "", address(os.urandom(32)), GOOD.upper()):
        tap.equal(code(admin, TRUST, text, 2), "FD001",
                  "trust for %s" % text)
    tap.equal(rows(owner, "SELECT actor, action, onion_address, detail FROM "
                   "federation.audit ORDER BY id"),
              [("panel", "add", GOOD, None)] +
              [("panel", "trust", GOOD, str(n))
               for n in (-1, 0, 1, 2, 3, 2)],
              "the audit names who did what")


def trust_keeps():
    """A stranger that an admin touches is kept, and tried at once."""
    name = address(os.urandom(32))
    server = one(owner, "INSERT INTO federation.federation_servers "
                 "(onion_address, public_key) VALUES (%s, repeat('0', 64)) "
                 "RETURNING id", name)
    owner.execute("INSERT INTO federation.peers (server_id, retry_at, "
                  "retry_count) VALUES (%s, now(), 7)", (server,))
    admin.execute(TRUST, (name, 0))
    tap.equal(rows(owner, "SELECT kept, retry_at, retry_count FROM "
                   "federation.peers WHERE server_id = %s", server),
              [(True, None, 0)], "an admin's touch keeps, ends back-off")


HANDSHAKE = """
WITH s AS (INSERT INTO federation.federation_servers
	(onion_address, public_key, trust_level)
	VALUES (%s, repeat('0', 64), %s) RETURNING id, trust_level),
    p AS (INSERT INTO federation.peers (server_id, highest_serial,
	min_serial) SELECT id, %s, %s FROM s
	RETURNING kept, highest_serial, min_serial)
SELECT trust_level, kept, highest_serial, min_serial FROM s, p"""
FORGET = """
WITH v AS (SELECT id FROM federation.federation_servers
	WHERE onion_address = %s),
    c AS (DELETE FROM federation.certificates c USING v
	WHERE c.server_id = v.id),
    p AS (DELETE FROM federation.peers p USING v WHERE p.server_id = v.id)
DELETE FROM federation.federation_servers s USING v WHERE s.id = v.id"""
TOMB = ("SELECT trust_level, kept, highest_serial, min_serial FROM "
        "federation.tombstones WHERE onion_address = %s")


def delete_apart(cursor, name):
    cursor.execute("DELETE FROM federation.peers USING "
                   "federation.federation_servers s WHERE server_id = s.id "
                   "AND onion_address = %s", (name,))
    cursor.execute("DELETE FROM federation.federation_servers WHERE "
                   "onion_address = %s", (name,))


def delete_at_once(cursor, name):
    cursor.execute(FORGET, (name,))


def tombstones():
    """Each trust level, deleted in either way as the daemon would."""
    daemon = cluster.connect("_fedqueued").cursor()
    for delete in (delete_apart, delete_at_once):
        for level in range(-1, 4):
            name = address(os.urandom(32))
            what = "%s, level %d" % (delete.__name__, level)
            daemon.execute(HANDSHAKE, (name, 0, 20, 10))
            owner.execute("UPDATE federation.federation_servers SET "
                          "trust_level = %s WHERE onion_address = %s",
                          (level, name))
            delete(daemon, name)
            tap.equal(rows(owner, TOMB, name), [(level, level != 0, 20, 10)],
                      what + ": leaves a tombstone")
            tap.equal(rows(daemon, HANDSHAKE, name, 1, 15, 5),
                      [(min(level, 0), level != 0, 20, 10)],
                      what + ": blocked stays, no trust comes back, serials "
                      "do not fall")
            delete(daemon, name)
            tap.equal(rows(daemon, HANDSHAKE, name, 3, 30, 25),
                      [(min(level, 0), level != 0, 30, 25)],
                      what + ": but they rise")


def tombstones_by_admin():
    name = address(os.urandom(32))
    admin.execute(ADD, (name,))
    admin.execute(TRUST, (name, -1))
    delete_apart(owner, name)
    admin.execute(ADD, (name,))
    tap.equal(one(owner, "SELECT trust_level FROM federation."
                  "federation_servers WHERE onion_address = %s", name), -1,
              "added again by an admin, blocked stays blocked")
    tap.equal(code(admin, TRUST, name, 2), "",
              "until an admin says otherwise")


def servers_in_use():
    """Nothing cascades to a queued message or to a key."""
    for table, insert in (
            ("queue", "INSERT INTO federation.federated_message_queue "
             "(message_id, destination_server_id, encrypted_payload) "
             "VALUES (gen_random_uuid(), %s, '{}')"),
            ("certificates", "INSERT INTO federation.certificates (key_id, "
             "server_id, serial, certificate) VALUES "
             "(sha256(random()::text::bytea), %s, 1, '')"),
            ("inbox", "INSERT INTO federation.inbox (message_id, server_id, "
             "type, payload, trust_level) VALUES (gen_random_uuid(), %s, "
             "'message', '{}', 1)")):
        server = one(owner, "INSERT INTO federation.federation_servers "
                     "(onion_address, public_key) VALUES (%s, "
                     "repeat('0', 64)) RETURNING id", address(os.urandom(32)))
        owner.execute(insert, (server,))
        tap.equal(code(owner, "DELETE FROM federation.federation_servers "
                       "WHERE id = %s", server), "23503",
                  "a server in use by %s is not deleted" % table)
    tap.equal(one(owner, "SELECT count(*) FROM pg_constraint WHERE "
                  "contype = 'f' AND confdeltype NOT IN ('a', 'r')"), 0,
              "no foreign key cascades or forgets")


def tombstones_bounded():
    owner.execute("DELETE FROM federation.tombstones WHERE NOT kept")
    owner.execute("INSERT INTO federation.tombstones SELECT "
                  "lpad(n::text, 62, 'x'), false, 0, n, n, "
                  "now() - interval '1 day' + n * interval '1 s' "
                  "FROM generate_series(1, 4095) n")
    kept = one(owner, "SELECT count(*) FROM federation.tombstones WHERE kept")
    for count, oldest, what in ((4096, 1, "4096 of untouched strangers stay"),
                                (4096, 2, "one more drops the oldest")):
        name = address(os.urandom(32))
        owner.execute(HANDSHAKE, (name, 0, 9999, 1))
        delete_apart(owner, name)
        tap.equal(rows(owner, "SELECT count(*), min(highest_serial) FROM "
                       "federation.tombstones WHERE NOT kept"),
                  [(count, oldest)], what)
    tap.equal(one(owner, "SELECT count(*) FROM federation.tombstones WHERE "
                  "kept"), kept, "those that an admin touched all stay")


def bells():
    listener = cluster.connect("_fedqueued")
    listener.cursor().execute("LISTEN federation_servers")
    name = address(os.urandom(32))
    bell = [("federation_servers", "")]
    where = " WHERE onion_address = '%s'" % name
    peer = (" WHERE server_id = (SELECT id FROM federation."
            "federation_servers%s)" % where)
    servers = "federation.federation_servers"
    for what, statement, expected in (
            ("a new server", "INSERT INTO %s (onion_address, public_key) "
             "VALUES ('%s', repeat('0', 64))" % (servers, name), bell),
            ("a trust level", "UPDATE %s SET trust_level = 2%s" % (
                servers, where), bell),
            ("the same again", "UPDATE %s SET trust_level = 2%s" % (
                servers, where), []),
            ("a time", "UPDATE %s SET last_seen = now(), is_online = true%s"
             % (servers, where), []),
            ("a certificate", "INSERT INTO federation.certificates SELECT "
             "sha256(''), id, 1, '' FROM %s%s" % (servers, where), bell),
            ("a peer's row", "INSERT INTO federation.peers (server_id) "
             "SELECT id FROM %s%s" % (servers, where), []),
            ("a back-off", "UPDATE federation.peers SET retry_at = now()" +
             peer, []),
            ("a serial", "UPDATE federation.peers SET highest_serial = 5" +
             peer, bell),
            ("a revocation", "UPDATE federation.peers SET min_serial = 5" +
             peer, bell),
            ("a certificate that goes", "DELETE FROM federation.certificates"
             + peer, bell),
            ("a server that goes", "DELETE FROM federation.peers" + peer +
             "; DELETE FROM " + servers + where, bell)):
        owner.execute(statement)
        tap.equal(notified(listener, 5 if expected else 0.2), expected,
                  "%s rings %s" % (what, "once" if expected else "no bell"))
    listener.close()


def untold():
    """Who is to be told of a revocation."""
    def found(serial, minimum):
        return sorted(name for name, in rows(
            owner, "SELECT s.onion_address FROM "
            "federation.servers_untold(%s, %s, 1) u JOIN "
            "federation.federation_servers s ON s.id = u.server",
            serial, minimum))

    def server(level, told, shaken=True, room=False):
        name = address(os.urandom(32))
        number = one(owner, "INSERT INTO federation.federation_servers "
                     "(onion_address, public_key, trust_level, "
                     "last_handshake) VALUES (%s, repeat('0', 64), %s, "
                     "CASE WHEN %s THEN now() END) RETURNING id", name,
                     level, shaken)
        owner.execute("INSERT INTO federation.peers (server_id, told_serial)"
                      " VALUES (%s, %s)", (number, told))
        if room:
            owner.execute("INSERT INTO federation.federated_rooms (room_id, "
                          "global_room_id, origin_server_id, "
                          "is_local_origin) VALUES "
                          "(gen_random_uuid(), %s, %s, false)",
                          (name, number))
        return name

    owner.execute("SELECT federation.self_set(%s, 'c', 1)",
                  (address(os.urandom(32)),))
    known, shown = server(1, 100), server(3, 0)
    shared = server(0, 100, room=True)
    for level, told, shaken in ((0, 100, True), (-1, 100, True),
                                (2, 0, False), (2, 200, True)):
        server(level, told, shaken)
    tap.equal(found(100, 100), [], "a first certificate revokes nothing")
    tap.equal(found(200, 100), [], "nor does a rotation")
    tap.equal(found(200, 200), sorted([known, shown, shared]),
              "a revocation: who had a handshake, is known or shares a room, "
              "and is not known to have the new certificate")
    tap.equal(found(300, 200), sorted([known, shown, shared]),
              "also after a further rotation")


def times():
    name = address(os.urandom(32))
    owner.execute("INSERT INTO federation.federation_servers (onion_address,"
                  " public_key, updated_at) VALUES (%s, repeat('0', 64), "
                  "'2020-01-01')", (name,))
    owner.execute("UPDATE federation.federation_servers SET server_name = "
                  "'x', updated_at = '2020-01-01' WHERE onion_address = %s",
                  (name,))
    tap.ok(one(owner, "SELECT updated_at > now() - interval '1 minute' FROM "
               "federation.federation_servers WHERE onion_address = %s",
               name), "a server's updated_at follows each change")
    owner.execute("INSERT INTO federation.federated_rooms (room_id, "
                  "global_room_id, updated_at) VALUES (gen_random_uuid(), "
                  "'x', '2020-01-01')")
    owner.execute("UPDATE federation.federated_rooms SET "
                  "federation_enabled = false")
    tap.ok(one(owner, "SELECT updated_at > now() - interval '1 minute' FROM "
               "federation.federated_rooms"), "and a room's")


def test():
    global cluster, owner, admin
    with Cluster() as cluster:
        cluster.migrate()
        owner = cluster.connect().cursor()
        owner.execute("CREATE ROLE panel LOGIN IN ROLE fed_admin")
        admin = cluster.connect("panel").cursor()
        addresses()
        add_refuses()
        add_and_trust()
        trust_keeps()
        tombstones()
        tombstones_by_admin()
        servers_in_use()
        tombstones_bounded()
        bells()
        times()
        untold()


if __name__ == "__main__":
    tap.main(test)
