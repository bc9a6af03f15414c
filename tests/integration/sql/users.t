#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Users in the database: what is published and withdrawn, what the cache has,
what each outcome of a look-up leaves, and each error from both sides."""

import json
import os
import sys
import threading
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "..", "lib"))
import psycopg2  # noqa: E402
import tap  # noqa: E402
from pgcluster import Cluster  # noqa: E402
from sqlhelp import address, code, notified, one, rows  # noqa: E402

cluster = None
owner = None   # a cursor with all rights
app = None     # one of fed_app
daemon = None  # one of _fedqueued
WORKER = str(uuid.uuid4())
PUBLISH = "SELECT federation.user_publish(%s, %s, %s, %s, %s)"
LOOKUP = "SELECT * FROM federation.user_lookup(%s)"
FRESH = "SELECT * FROM federation.user_lookup(%s, '0')"
ANSWER = "SELECT * FROM federation.lookup_answer(%s, %s)"

GOOD_HANDLES = ("a", "0", "alice", "a.b_c-d", "9..9", "a" * 64)
BAD_HANDLES = {
    "empty": "", "null": None, "65 bytes": "a" * 65, "4 KiB": "a" * 4096,
    "upper case": "Alice", "leading dot": ".a", "leading dash": "-a",
    "leading underscore": "_a", "blank": "a b", "trailing blank": "a ",
    "line feed": "a\n", "tab": "\ta", "slash": "a/b", "quote": "a'b",
    "colon": "a:b", "plus": "a+b", "percent": "a%", "backslash": "a\\b",
    "composed accent": "\u00e9", "decomposed accent": "e\u0301",
    "Cyrillic a": "\u0430lice", "Greek omicron": "b\u03bfb",
    "full width": "\uff41", "mathematical": "\U0001d4b6",
    "dotless i": "al\u0131ce", "long s": "al\u017f",
    "right-to-left override": "\u202ealice", "isolate": "alice\u2066",
    "left-to-right mark": "a\u200eb", "mixed direction": "\u05d0b",
    "zero width space": "a\u200bb", "joiner": "a\u200db",
    "byte order mark": "\ufeffa", "soft hyphen": "a\u00adb",
    "variation": "a\ufe0f", "tag": "a\U000e0061", "noncharacter": "a\uffff"}
GOOD_NAMES = ("A", " ", "\u00c9milie", "\u05d0\u05dc\u05e3 and more",
              "\U0001f468\u200d\U0001f469\u200d\U0001f467", "n" * 128,
              "\u00e9" * 64, "'; DROP TABLE users; --", '"\\')
BAD_NAMES = {
    "empty": "", "129 bytes": "n" * 129, "65 of two bytes": "\u00e9" * 65,
    "a megabyte": "n" * 1000000, "line feed": "a\nb", "C0": "\x01",
    "unit separator": "\x1f", "DEL": "\x7f", "C1": "\u0085",
    "Arabic mark": "\u061c", "left-to-right mark": "\u200e",
    "right-to-left mark": "a\u200f", "line separator": "\u2028",
    "embedding": "\u202a", "override": "a\u202eb", "isolate": "\u2066",
    "pop isolate": "\u2069", "noncharacter": "\ufdd0",
    "last of the plane": "\uffff", "of another plane": "\U0001ffff",
    "of the last": "a\U0010fffe"}


def publish(handle, key=b"k", name=None, avatar=None, hidden=False):
    return one(app, PUBLISH, handle, key, name, avatar, hidden)


def answer(handle, allowed=True):
    found = rows(daemon, ANSWER, handle, allowed)
    return [(e, bytes(k), n, a and bytes(a)) for e, k, n, a in found]


def server_new(level=2):
    """A server at that level; returns its address and id."""
    name = address(os.urandom(32))
    return name, one(owner, "INSERT INTO federation.federation_servers "
                     "(onion_address, public_key, trust_level) VALUES "
                     "(%s, repeat('0', 64), %s) RETURNING id", name, level)


def claim(server, lease="1 min", worker=WORKER):
    return rows(daemon, "SELECT id::text, handle FROM "
                "federation.lookup_claim(%s, %s, %s)", worker, server, lease)


def settle(lookup, outcome, epoch=None, key=None, name=None, avatar=None,
           worker=WORKER, failed=None, proof=b"proof"):
    return one(daemon, "SELECT federation.lookup_settle(%s, %s, %s, %s, "
               "'1 hour', %s, %s, %s, %s, %s)", worker, lookup, outcome,
               failed, epoch, key, name, avatar, proof)


def event(lookup):
    """The payload of the inbox row that a look-up became."""
    (found,) = rows(owner, "SELECT type, payload, trust_level FROM "
                    "federation.inbox WHERE message_id = %s", lookup)
    text = bytes(found[1]).decode()
    payload = json.loads(text)
    if found[0] != "user" or text != json.dumps(
            payload, sort_keys=True, separators=(",", ":")):
        raise RuntimeError("event %r" % (found,))
    return payload


def find(user, server, epoch, key, **more):
    """Looks a user up afresh, to that outcome; returns the event."""
    rows(app, FRESH, user)
    ((lookup, _),) = claim(server)
    settle(lookup, "found", epoch, key, **more)
    payload = event(lookup)
    if payload.pop("address") != user:
        raise RuntimeError("address")
    return payload


def shown(user, columns):
    found = rows(app, "SELECT %s FROM federation.users WHERE address = %%s" %
                 columns, user)
    return [tuple(bytes(v) if isinstance(v, memoryview) else v for v in row)
            for row in found]


# Publishing

def publish_handles():
    for handle in GOOD_HANDLES:
        tap.ok(publish(handle) > 0, "handle %s is published" % handle[:20])
        tap.equal(len(answer(handle)), 1, "and answered")
    for name, handle in BAD_HANDLES.items():
        tap.equal([code(app, PUBLISH, handle, b"k", None, None, False),
                   code(app, "SELECT federation.user_withdraw(%s)", handle),
                   code(daemon, ANSWER, handle, True)],
                  ["FD020"] * 3, "no handle: " + name)
    tap.equal(code(app, "SELECT federation.user_publish(E'a\\000b', 'k')"),
              "22021", "a NUL is no text at all")


def publish_values():
    for size, expected in ((0, "FD021"), (1, ""), (2048, ""),
                           (2049, "FD021"), (1000000, "FD021")):
        tap.equal(code(app, PUBLISH, "v", b"k" * size, None, None, False),
                  expected, "a key of %d bytes" % size)
    tap.equal(code(app, PUBLISH, "v", None, None, None, False), "FD021",
              "no key")
    for size, expected in ((0, "FD023"), (1, ""), (16384, ""),
                           (16385, "FD023"), (1000000, "FD023")):
        tap.equal(code(app, PUBLISH, "v", b"k", None, b"a" * size, False),
                  expected, "an avatar of %d bytes" % size)
    tap.equal(code(app, PUBLISH, "v", b"k", None, None, None), "FD007",
              "hidden: null")
    for name in GOOD_NAMES:
        publish("v", name=name)
        tap.equal(answer("v")[0][2], name, "name %r" % name[:12])
    for why, name in BAD_NAMES.items():
        tap.equal(code(app, PUBLISH, "v", b"k", name, None, False), "FD022",
                  "no name: " + why)
    tap.equal(answer("v")[0][2], GOOD_NAMES[-1],
              "what was refused changed nothing")


def publish_epochs():
    today = one(owner, "SELECT extract(epoch FROM now())::bigint / 86400")
    first = publish("e", b"one")
    tap.equal(first, today, "the first key's epoch is the day")
    tap.equal(publish("e", b"one", "Name", b"avatar"), first,
              "another name: the same epoch")
    tap.equal(publish("e", b"two"), first + 1, "another key: a higher one")
    tap.equal(publish("e", b"one"), first + 2, "the first key again, too")
    tap.equal(answer("e"), [(first + 2, b"one", None, None)],
              "what is not given is taken back")
    owner.execute("UPDATE federation.local_users SET key_epoch = 5 "
                  "WHERE handle = 'e'")
    tap.equal(publish("e", b"three"), today,
              "after a restored backup no epoch is given away twice")
    tap.ok(one(app, "SELECT federation.user_withdraw('e')"), "withdrawn")
    tap.equal(one(app, "SELECT federation.user_withdraw('e')"), False,
              "once")
    tap.equal(one(app, "SELECT federation.user_withdraw('nobody')"), False,
              "who was never published was not withdrawn")
    tap.equal(answer("e"), [], "he is not found")
    tap.equal(rows(owner, "SELECT public_key, display_name, avatar FROM "
                   "federation.local_users WHERE handle = 'e'"),
              [(None, None, None)], "and nothing of him is kept")
    tap.equal(publish("e", b"three"), today + 1,
              "published again, with a higher epoch")
    owner.execute("UPDATE federation.local_users SET key_epoch = 5000000 "
                  "WHERE handle = 'e'")
    tap.equal(publish("e", b"four"), 5000001,
              "nor does it go back with the clock")


def publish_answers():
    publish("h", b"key", "Name", b"avatar")
    tap.equal(len(answer("h")), 1, "published: found")
    tap.equal(answer("h", False), [], "not by those who may not look up")
    publish("h", b"key", "Name", b"avatar", True)
    tap.equal(answer("h"), [], "hidden: not found")
    tap.equal(shown("h", "server, public_key, external_server, state"),
              [(None, b"key", False, "hidden")],
              "the application sees him as hidden")
    publish("h", b"key")
    tap.equal(shown("h", "server, display_name, trust_level, state"),
              [(None, None, None, "published")], "and as published")
    tap.equal(answer("a")[0][1] and answer("A".lower())[0][1], b"k",
              "by the exact handle")


def publish_race():
    """Many keys at once: as many epochs, each once."""
    epochs = []

    def one_of_many(number):
        connection = cluster.connect("fed_app")
        epochs.append(one(connection.cursor(), PUBLISH, "race",
                          b"%d" % number, None, None, False))
        connection.close()

    threads = [threading.Thread(target=one_of_many, args=(n,))
               for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tap.equal(len(set(epochs)), 12, "twelve keys at once: twelve epochs")


# Looking up

def lookup_errors():
    server, _ = server_new()
    blocked, _ = server_new(-1)
    for name, user, expected in (
            ("no @", "alice", "FD020"), ("empty", "", "FD020"),
            ("null", None, "FD020"), ("no handle", "@" + server, "FD020"),
            ("upper case", "Alice@" + server, "FD020"),
            ("a blank before", " alice@" + server, "FD020"),
            ("a server not known", "alice@" + address(os.urandom(32)),
             "FD001"),
            ("no server", "alice@", "FD001"),
            ("no onion", "alice@example.org", "FD001"),
            ("two @", "alice@a@" + server, "FD001"),
            ("upper case of the server", "alice@" + server.upper(), "FD001"),
            ("a dot behind", "alice@" + server + ".", "FD001"),
            ("a megabyte", "a" * 1000000, "FD020"),
            ("a blocked server", "alice@" + blocked, "FD002")):
        tap.equal(code(app, LOOKUP, user), expected, "look-up: " + name)
        if expected != "FD002":
            tap.equal(code(app, "SELECT federation.user_forget(%s)", user),
                      expected, "forget: " + name)
    for name, handle in BAD_HANDLES.items():
        if handle is not None:
            tap.equal(code(app, LOOKUP, handle + "@" + server), "FD020",
                      "look-up: " + name)
    for age, expected in (("-1 s", "FD007"), ("0", ""), ("1 year", ""),
                          (None, "")):
        tap.equal(code(app, "SELECT federation.user_lookup(%s, %s)",
                       "alice@" + server, age), expected,
                  "max_age %s" % age)


def lookup_waits():
    server, key = server_new(0)
    user = "alice@" + server
    listener = cluster.connect("_fedqueued")
    listener.cursor().execute("LISTEN federation_users")
    tap.equal(rows(app, LOOKUP, user), [], "nothing is known: asked for")
    tap.equal(notified(listener), [("federation_users", "")],
              "and the daemon is told")
    rows(app, LOOKUP, user)
    rows(app, FRESH, user)
    tap.equal(notified(listener, 0.3), [], "once while it waits")
    tap.equal(one(owner, "SELECT count(*) FROM federation.user_lookups "
                  "WHERE server_id = %s", key), 1, "as one request")
    listener.close()
    connection = cluster.connect("fed_app", autocommit=False)
    rows(connection.cursor(), LOOKUP, "bob@" + server)
    connection.rollback()
    connection.close()
    tap.equal(one(owner, "SELECT count(*) FROM federation.user_lookups "
                  "WHERE server_id = %s", key), 1,
              "rolled back: not asked for")
    for number in range(99):
        rows(app, LOOKUP, "user%d@%s" % (number, server))
    tap.equal(code(app, LOOKUP, "more@" + server), "FD024",
              "100 wait for the server: no more of them")
    tap.equal(code(app, LOOKUP, user), "", "what waits may be asked for")
    other, _ = server_new()
    tap.equal(code(app, LOOKUP, "alice@" + other), "",
              "nor is another server kept from it")


def lookup_claims():
    server, key = server_new()
    rows(app, LOOKUP, "a@" + server)
    rows(app, LOOKUP, "b@" + server)
    tap.ok((key,) in rows(daemon, "SELECT * FROM federation.lookup_work("
                          "'1 hour')"), "the server has work")
    other = str(uuid.uuid4())
    owner.execute("INSERT INTO federation.incarnations (id, name) VALUES "
                  "(%s, 'one'), (%s, 'two')", (WORKER, other))
    first, = claim(key)
    tap.equal(first[1], "a", "the oldest first")
    second, = claim(key, worker=other)
    tap.equal(second[1], "b", "another worker gets the next")
    tap.equal(claim(key, worker=str(uuid.uuid4())), [],
              "a third gets none")
    tap.equal(settle(first[0], "unknown", worker=other), "late",
              "and settles none of others")
    tap.equal(claim(key), [first], "a worker gets its own again")
    owner.execute("DELETE FROM federation.incarnations WHERE id = %s",
                  (other,))
    rows(daemon, "SELECT federation.lookup_later(%s, %s, 0)", WORKER,
         first[0])
    other = str(uuid.uuid4())
    tap.equal(claim(key) + claim(key, worker=other), [first, second],
              "what was let go, and what a dead worker had")
    owner.execute("UPDATE federation.user_lookups SET lease_until = "
                  "now() - interval '1 s' WHERE server_id = %s", (key,))
    third, = claim(key, worker=other)
    rows(daemon, "SELECT federation.lookup_later(%s, %s, 30000)", other,
         third[0])
    tap.equal((claim(key), (key,) in rows(
        daemon, "SELECT * FROM federation.lookup_work('1 hour')")),
        ([], False), "asked to come later, nothing of the server's is due")
    owner.execute("UPDATE federation.user_lookups SET next_attempt_at = "
                  "now(), requested_at = now() - interval '1 hour', "
                  "lease_until = NULL WHERE id = %s", (third[0],))
    rows(daemon, "SELECT federation.lookup_work('59 min')")
    tap.equal(event(third[0]), {
        "address": "%s@%s" % (third[1], server), "code": "EXPIRED",
        "event": "failed"}, "past its lifetime it has failed")
    owner.execute("UPDATE federation.user_lookups SET requested_at = "
                  "now() + interval '1 day' WHERE server_id = %s", (key,))
    owner.execute("UPDATE federation.user_lookups SET lease_until = "
                  "now() - interval '1 s' WHERE server_id = %s", (key,))
    rows(daemon, "SELECT federation.lookup_work('1 hour')")
    tap.equal(one(owner, "SELECT count(*) FROM federation.user_lookups "
                  "WHERE server_id = %s", key), 0,
              "so has what a clock set back put into the future")
    owner.execute("DELETE FROM federation.incarnations")


def lookup_bounds():
    server, key = server_new()
    rows(app, LOOKUP, "a@" + server)
    for lease, expected in (("0", "FD007"), ("-1 s", "FD007"), (None, "FD007"),
                            ("1 hour", "FD007"), ("59 min", "")):
        tap.equal(code(daemon, "SELECT federation.lookup_claim(%s, %s, %s)",
                       WORKER, key, lease), expected, "lease %s" % lease)
    for delay, expected in ((-1, "FD007"), (None, "FD007"), (0, ""),
                            (86400000, ""), (86400001, "FD007")):
        tap.equal(code(daemon, "SELECT federation.lookup_later(%s, %s, %s)",
                       WORKER, str(uuid.uuid4()), delay), expected,
                  "delay %s" % delay)
    good = ["found", None, "1 h", 1, b"k", None, None, b"p"]
    for name, place, value in (
            ("outcome", 0, "maybe"), ("no outcome", 0, None),
            ("no epoch", 3, None), ("epoch 0", 3, 0), ("no key", 4, None),
            ("an empty key", 4, b""), ("a large key", 4, b"k" * 2049),
            ("no proof", 7, None), ("no time to keep it", 2, "0"),
            ("failed without a code", 0, "failed")):
        values = list(good)
        values[place] = value
        tap.equal(code(daemon, "SELECT federation.lookup_settle(%s, %s, "
                       + ", ".join(["%s"] * 8) + ")", WORKER,
                       str(uuid.uuid4()), *values), "FD007",
                  "settle: " + name)


def outcome_found():
    server, key = server_new(3)
    user = "alice@" + server
    tap.equal(find(user, key, 7, b"key", name="Al", avatar=b"png"),
              {"event": "found", "keyEpoch": 7}, "found: the event")
    found = rows(app, LOOKUP, user)
    names = [column.name for column in app.description]
    row = dict(zip(names, found[0]))
    tap.equal({n: bytes(v) if isinstance(v, memoryview) else v
               for n, v in row.items() if not n.endswith("_at")},
              {"address": user, "handle": "alice", "server": server,
               "display_name": "Al", "public_key": b"key", "key_epoch": 7,
               "avatar": b"png", "trust_level": 3, "external_server": True,
               "state": "current", "previous_key": None,
               "previous_epoch": None}, "and the row, at once")
    tap.equal(one(app, "SELECT count(*) FROM federation.user_lookup(%s, "
                  "'1 hour')", user), 1, "not older than an hour")
    tap.equal(one(owner, "SELECT count(*) FROM federation.user_lookups "
                  "WHERE server_id = %s", key), 0, "nobody was asked")
    tap.equal(rows(app, FRESH, user), [], "it is to be fresh: asked")
    ((lookup, _),) = claim(key)
    settle(lookup, "failed", failed="UNTRUSTED")
    tap.equal(event(lookup), {"address": user, "code": "UNTRUSTED",
                              "event": "failed"}, "failed: the event")
    tap.equal(shown(user, "state"), [("current",)],
              "what is known stays known")
    owner.execute("UPDATE federation.federated_users SET cache_expires_at = "
                  "now() WHERE local_id = %s", (user,))
    tap.equal(shown(user, "state, public_key"), [("expired", b"key")],
              "expired: shown as that")
    tap.equal(rows(app, LOOKUP, user), [], "and asked for")
    ((lookup, _),) = claim(key)
    settle(lookup, "unknown")
    tap.equal(event(lookup), {"address": user, "event": "unknown"},
              "unknown: the event")
    tap.equal(shown(user, "state, public_key"), [("gone", b"key")],
              "gone: shown as that")
    tap.equal(find(user, key, 7, b"key"), {"event": "found", "keyEpoch": 7},
              "found again")
    tap.equal(shown(user, "state, display_name, avatar"),
              [("current", None, None)], "without what is not shown any more")
    owner.execute("UPDATE federation.federation_servers SET trust_level = -1 "
                  "WHERE id = %s", (key,))
    tap.equal((code(app, LOOKUP, user), shown(user, "trust_level")),
              ("FD002", [(-1,)]), "his server is blocked")


def outcome_keys():
    server, key = server_new()
    user = "bob@" + server
    find(user, key, 7, b"one", proof=b"first")
    tap.equal(find(user, key, 9, b"one"), {"event": "found", "keyEpoch": 9},
              "a higher epoch with the same key is no change")
    tap.equal(find(user, key, 10, b"two", proof=b"second"),
              {"event": "key", "keyEpoch": 10, "previousEpoch": 9,
               "previousKey": "b25l", "publicKey": "dHdv"},
              "another key: the event has both")
    tap.equal(shown(user, "public_key, key_epoch, previous_key, "
                    "previous_epoch, key_changed_at IS NOT NULL"),
              [(b"two", 10, b"one", 9, True)], "so has the view")
    for epoch, value, kind in ((10, b"three", "KEY_CONFLICT"),
                               (9, b"two", "KEY_ROLLBACK"),
                               (9, b"three", "KEY_ROLLBACK")):
        tap.equal(find(user, key, epoch, value, proof=b"third"),
                  {"code": kind, "event": "contradiction", "keyEpoch": epoch,
                   "knownEpoch": 10, "knownKey": "dHdv", "publicKey":
                   "dHdv" if value == b"two" else "dGhyZWU="},
                  "epoch %d, %s: a contradiction" % (epoch, kind))
    tap.equal(shown(user, "public_key, key_epoch, state, contradicted_at "
                    "IS NOT NULL"), [(b"two", 10, "current", True)],
              "what is known stays, and is marked")
    tap.equal(rows(owner, "SELECT kind, convert_from(first, 'UTF8'), "
                   "convert_from(second, 'UTF8') FROM federation.evidence "
                   "WHERE server_id = %s ORDER BY id", key),
              [("KEY_CONFLICT", "second", "third"),
               ("KEY_ROLLBACK", "second", "third"),
               ("KEY_ROLLBACK", "second", "third")],
              "both answers are kept as evidence")
    tap.equal(find(user, key, 11, b"three")["event"], "key",
              "a higher epoch ends it")
    find(user, key, 5, b"zero")
    tap.ok(one(app, "SELECT federation.user_forget(%s)", user), "forgotten")
    tap.equal(one(app, "SELECT federation.user_forget(%s)", user), False,
              "once")
    tap.equal((shown(user, "1"), find(user, key, 5, b"zero")),
              ([], {"event": "found", "keyEpoch": 5}),
              "then what is found is believed")


def outcome_evidence_bounded():
    server, key = server_new()
    user = "eve@" + server
    find(user, key, 1, b"a")
    for number in range(101):
        find(user, key, 1, b"%d" % number)
    tap.equal(one(owner, "SELECT count(*) FROM federation.evidence WHERE "
                  "server_id = %s", key), 100,
              "a server cannot fill the table of evidence")


def outcome_bell():
    server, key = server_new()
    rows(app, LOOKUP, "a@" + server)
    ((lookup, _),) = claim(key)
    listener = cluster.connect("fed_app")
    listener.cursor().execute("LISTEN federation_inbox")
    settle(lookup, "unknown")
    tap.equal(notified(listener), [("federation_inbox", "")],
              "the inbox' bell tells of it")
    listener.close()
    found = rows(app, "SELECT message_id::text, origin, type, trust_level, "
                 "external_server FROM federation.inbox_claim(1024)")
    tap.ok((lookup, server, "user", 2, True) in found,
           "and inbox_claim hands it out")
    tap.equal(settle(lookup, "unknown"), "late", "it is settled once")


def lookup_race():
    """The same user, new, from two look-ups settled at once: one row."""
    server, key = server_new()
    user = "race@" + server
    find(user, key, 1, b"k")
    owner.execute("SELECT federation.user_forget(%s)", (user,))
    failures = []

    def ask(_):
        connection = cluster.connect("fed_app")
        for _ in range(20):
            try:
                rows(connection.cursor(), FRESH, user)
            except psycopg2.Error as error:
                failures.append(error)
        connection.close()

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tap.equal((failures, one(owner, "SELECT count(*) FROM "
                             "federation.user_lookups WHERE server_id = %s",
                             key)), ([], 1), "asked six times at once: once")


def test():
    global cluster, owner, app, daemon
    with Cluster() as cluster:
        cluster.migrate()
        owner = cluster.connect().cursor()
        app = cluster.connect("fed_app").cursor()
        daemon = cluster.connect("_fedqueued").cursor()
        publish_handles()
        publish_values()
        publish_epochs()
        publish_answers()
        publish_race()
        lookup_errors()
        lookup_waits()
        lookup_claims()
        lookup_bounds()
        outcome_found()
        outcome_keys()
        outcome_evidence_bounded()
        outcome_bell()
        lookup_race()


if __name__ == "__main__":
    tap.main(test)
