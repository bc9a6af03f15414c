#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""fedctl db attach on two chat databases that know nothing of torfed: one with
the example's tables, one with serial keys, other names and text. What is
written into them federates; detach leaves their rows."""

import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "lib"))
import net  # noqa: E402
import psycopg2  # noqa: E402
import tap  # noqa: E402

SQL = os.path.join(HERE, "..", "..", "..", "sql")
LINES = ["retry minimum 100ms", "retry maximum 500ms", "queue sweep 1s"]
OTHER = """
CREATE SCHEMA "my chat";
CREATE TABLE "my chat".channels (channel serial PRIMARY KEY, topic text,
    "by" text, private boolean NOT NULL DEFAULT false);
CREATE TABLE "my chat".posts (post bigserial PRIMARY KEY,
    channel integer NOT NULL REFERENCES "my chat".channels ON DELETE CASCADE,
    author varchar(200) NOT NULL,
    said text NOT NULL CHECK (said <> 'forbidden'), kind text, at timestamptz);
GRANT USAGE ON SCHEMA "my chat" TO fed_app;
GRANT ALL ON ALL TABLES IN SCHEMA "my chat" TO fed_app;
GRANT ALL ON ALL SEQUENCES IN SCHEMA "my chat" TO fed_app;
"""
COLUMNS = ("--room-id", "channel", "--room-creator", "by", "--room-title",
           "topic", "--message-id", "post", "--message-room", "channel",
           "--message-sender", "author", "--message-body", "said",
           "--message-type", "kind", "--message-time", "at")


class Chat:
    def __init__(self, network, node):
        self.fedctl = network.programs["fedctl"]
        self.node = node

    def db(self, *arguments):
        """(exit status, standard output, standard error)."""
        result = subprocess.run(
            [self.fedctl, "db", *arguments, "--database", self.node.database,
             "--directory", SQL], stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=60, check=False)
        return result.returncode, result.stdout, result.stderr

    def sql(self, statement, *arguments, user="app"):
        return self.node.sql(statement, *arguments, user=user)

    def code(self, statement, *arguments):
        try:
            self.sql(statement, *arguments)
        except psycopg2.Error as error:
            return error.pgcode
        return None


def test_refused(a, b):
    for name, arguments, text in (
            ("no such table", ("--rooms", "nothing", "--messages",
                               "chat.messages"), "no such table"),
            ("no such column", ("--rooms", "chat.rooms", "--messages",
                                "chat.messages", "--message-body", "x"),
             "no such column"),
            ("a column of another type",
             ("--rooms", "chat.rooms", "--messages", "chat.messages",
              "--message-body", "sent_at"), "type"),
            ("a table as a statement", ("--rooms", "chat.rooms; DROP SCHEMA "
                                        "chat", "--messages", "chat.messages"),
             "")):
        status, _, error = a.db("attach", *arguments)
        tap.ok(status != 0 and text in error, name) or tap.diag(error)
    status, _, error = b.db("attach", "--rooms", '"my chat".channels',
                            "--messages", '"my chat".posts', "--room-id",
                            "channel", "--message-id", "post",
                            "--message-room", "channel", "--message-sender",
                            "author", "--message-body", "kind")
    tap.ok(status != 0 and "said" in error,
           "a column that must not be null and is not mapped") or \
        tap.diag(error)
    tap.equal(a.sql("SELECT to_regnamespace('federation_attach')::text",
                    user="owner"), [(None,)], "nothing was done")


def test_attach(a, b):
    arguments = ("--rooms", "chat.rooms", "--messages", "chat.messages",
                 "--room-creator", "creator", "--room-title", "title",
                 "--message-type", "message_type")
    status, text, error = a.db("attach", *arguments, "--dry-run")
    tap.ok(status == 0 and text.startswith("BEGIN;\n") and not
           re.search("@[a-z_]+@", text), "a dry run prints SQL") or \
        tap.diag(error + text)
    tap.equal(a.sql("SELECT to_regnamespace('federation_attach')::text",
                    user="owner"), [(None,)], "and does nothing")
    tap.equal(a.db("attach", *arguments)[::2], (0, ""), "attached")
    tap.equal(b.db("attach", "--rooms", '"my chat".channels', "--messages",
                   '"my chat".posts', *COLUMNS)[::2], (0, ""),
              "one with other names, too")
    tap.ok(a.db("attach", *arguments)[0] != 0, "not twice")


def join(a, b):
    """A row in a's rooms is a room; bob of b joins it."""
    a.sql("INSERT INTO chat.rooms (creator, title) VALUES ('ann', 'Mill')")
    room = a.sql("SELECT room FROM federation.rooms")[0][0]
    b.sql("SELECT federation.user_publish('bob', 'key')")
    a.sql("SELECT federation.room_invite(%s, 'ann', %s, 'key')", room,
          "bob@" + b.node.onion)
    found = net.wait(lambda: b.sql(
        "SELECT invitation FROM federation.room_invitations"))
    tap.ok(found, "an invitation is left to whoever claims it")
    b.sql("SELECT federation.room_accept(%s)", found[0][0])
    tap.equal(net.wait(lambda: b.sql(
        'SELECT channel, topic, "by" FROM "my chat".channels')),
        [(1, room, None)], "a room that is joined is a row")
    return room


def test_messages(a, b, room):
    net.wait(lambda: a.sql("SELECT members FROM federation.rooms") == [(2,)])
    a.sql("INSERT INTO chat.messages (room_id, sender, body, state) "
          "SELECT id, 'ann', 'hello', 'sent' FROM chat.rooms")
    tap.equal(net.wait(lambda: b.sql(
        'SELECT channel, author, said, kind, at IS NOT NULL FROM '
        '"my chat".posts')), [(1, "ann@" + a.node.onion, "hello", "text",
                               True)], "what is written there is a row here")
    b.sql("INSERT INTO \"my chat\".posts (channel, author, said, kind) "
          "VALUES (1, 'bob', 'good day', 'greeting')")
    tap.equal(net.wait(lambda: a.sql(
        "SELECT sender, convert_from(body, 'UTF8'), message_type "
        "FROM chat.messages "
        "WHERE sender LIKE '%%@%%'")),
        [("bob@" + b.node.onion, "good day", "greeting")],
        "and the other way")
    tap.equal(b.code("INSERT INTO \"my chat\".posts (channel, author, said) "
                     "VALUES (1, 'eve', 'x')"), "FD034",
              "who is not in the room writes nothing")
    b.sql('INSERT INTO "my chat".channels (topic) VALUES (\'local\')')
    b.sql("INSERT INTO \"my chat\".posts (channel, author, said) "
          "VALUES (2, 'eve', 'x')")
    tap.equal(b.sql("SELECT count(*) FROM federation.room_delivery"), [(1,)],
              "a room without creator stays here")
    tap.equal([n.sql("SELECT count(*) FROM federation.inbox WHERE type = "
                     "'message' AND acknowledged_at IS NULL", user="owner")
               for n in (a, b)], [[(0,)]] * 2, "all is acknowledged")


def test_failures(a, b):
    """A row that the chat's tables refuse."""
    for text in ("forbidden", "later"):
        a.sql("INSERT INTO chat.messages (room_id, sender, body, state) "
              "SELECT id, 'ann', %s, 'sent' FROM chat.rooms",
              text.encode())
    tap.equal(net.wait(lambda: b.sql(
        "SELECT sqlstate FROM federation_attach.failures", user="owner")),
        [("23514",)], "what cannot be written is told")
    tap.ok(net.wait(lambda: b.sql("SELECT 1 FROM \"my chat\".posts WHERE "
                                  "said = 'later'")),
           "and what follows goes on")
    tap.equal(b.sql("SELECT federation_attach.retry()", user="owner"),
              [(0,)], "again, in vain")
    b.sql('ALTER TABLE "my chat".posts DROP CONSTRAINT posts_said_check',
          user="owner")
    tap.equal(b.sql("SELECT federation_attach.retry()", user="owner"),
              [(1,)], "again, with success")
    tap.equal(b.sql("SELECT count(*) FROM \"my chat\".posts WHERE "
                    "said = 'forbidden'"), [(1,)], "it is there, once")
    tap.equal(b.sql("SELECT count(*) FROM federation_attach.failures",
                    user="owner"), [(0,)], "and told no more")


def test_detach(a, b):
    rows = b.sql('SELECT count(*) FROM "my chat".posts')
    tap.equal(b.db("detach", "--dry-run")[0], 0, "a dry run")
    tap.equal([n.db("detach")[::2] for n in (a, b)], [(0, "")] * 2,
              "detached")
    tap.equal(b.sql('SELECT count(*) FROM "my chat".posts'), rows,
              "the rows stay")
    b.sql("INSERT INTO \"my chat\".posts (channel, author, said) "
          "VALUES (1, 'eve', 'x')")
    tap.equal(b.sql("SELECT count(*) FROM pg_trigger WHERE tgname = "
                    "'federation_attach'", user="owner"), [(0,)],
              "and nothing else")
    tap.ok(b.db("detach")[0] != 0, "not twice")


def test():
    with net.Net(lines=LINES) as network:
        a, b = (Chat(network, node) for node in network.servers)
        with open(os.path.join(SQL, "chat", "schema.sql")) as file:
            a.sql(file.read().replace("BEGIN;\n", "").replace("COMMIT;\n", ""),
                  user="owner")
        b.sql(OTHER, user="owner")
        test_refused(a, b)
        test_attach(a, b)
        room = join(a, b)
        test_messages(a, b, room)
        test_failures(a, b)
        test_detach(a, b)


tap.main(test)
