#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""fedctl db migrate and db version against a private PostgreSQL cluster."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.realpath(os.path.join(HERE, "..", "..", ".."))
sys.path.insert(0, os.path.join(HERE, "..", "..", "lib"))
import pgcluster  # noqa: E402
import tap  # noqa: E402

BUILD = os.environ.get("TORFED_BUILD")
FEDCTL = os.path.join(ROOT, BUILD or "", "fedctl", "fedctl")
FAILURE = re.compile(rb"fedctl: ([A-Z][A-Z0-9_]*): [ -~]+\n")
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "ASAN_OPTIONS": "detect_leaks=0"}
FILES = [os.path.basename(path) for path in pgcluster.migrations()]
NEWEST = len(FILES)


def start(*arguments, options=()):
    return subprocess.Popen(
        [FEDCTL, *options, "db", *arguments], stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT)


def fedctl(*arguments, options=()):
    process = start(*arguments, options=options)
    output, errors = process.communicate(timeout=120)
    return process.returncode, output, errors


def summary(result):
    status, output, errors = result
    if status == 0:
        return 0 if not errors else ("noise", errors)
    match = FAILURE.fullmatch(errors)
    if output or not match:
        return ("noise", status, output, errors)
    return (status, match.group(1).decode())


class Database:
    """One of its own in the cluster."""

    count = 0

    def __init__(self, cluster):
        Database.count += 1
        self.name = "test%d" % Database.count
        self.cluster = cluster
        cluster.create_database(self.name)

    def conninfo(self, user=pgcluster.SUPERUSER):
        return self.cluster.conninfo(user=user, dbname=self.name)

    def sql(self, statement):
        connection = self.cluster.connect(dbname=self.name)
        with connection.cursor() as cursor:
            cursor.execute(statement)
            rows = cursor.fetchall() if cursor.description else None
        connection.close()
        return rows

    def version(self):
        done = fedctl("version", "--database", self.conninfo(),
                      options=["-j"])
        return json.loads(done[1])

    def migrate(self, *more, options=(), user=pgcluster.SUPERUSER):
        return fedctl("migrate", "--database", self.conninfo(user), *more,
                      options=options)


def test_fresh(cluster):
    database = Database(cluster)
    tap.equal(database.version(), {"version": 0, "wanted": NEWEST},
              "a database without schema has version 0")
    done = database.migrate(options=["-j"])
    tap.equal((summary(done), json.loads(done[1])), (0, [
        {"version": i + 1, "migration": name}
        for i, name in enumerate(FILES)]), "every migration is applied")
    tap.equal(database.sql("SELECT version FROM federation.schema_version "
                           "ORDER BY version"),
              [(i + 1,) for i in range(NEWEST)], "and recorded")
    tap.equal(database.version(), {"version": NEWEST, "wanted": NEWEST},
              "db version says so")
    done = database.migrate()
    tap.equal((summary(done), done[1]), (0, b""), "again: nothing to do")
    done = database.migrate(options=["-j"])
    tap.equal(json.loads(done[1]), [], "and an empty array as JSON")
    tap.equal(summary(fedctl("version", "--database",
                             database.conninfo("fed_app"))),
              (77, "NOT_ALLOWED"), "a role that may not read it: 77")
    return database


def test_text(cluster):
    database = Database(cluster)
    done = database.migrate()
    lines = done[1].decode().splitlines()
    tap.equal([line.split() for line in lines],
              [["version", "migration"]] +
              [[str(i + 1), name] for i, name in enumerate(FILES)],
              "in text: a table of what was applied")
    tap.equal(fedctl("version", "--database", database.conninfo())[1],
              b"version=%d\nwanted=%d\n" % (NEWEST, NEWEST),
              "db version in text")


def test_at_once(cluster):
    database = Database(cluster)
    many = [start("migrate", "--database", database.conninfo(),
                  options=["-j"]) for _ in range(4)]
    applied, good = [], True
    for process in many:
        output, errors = process.communicate(timeout=120)
        good = good and process.returncode == 0 and not errors
        applied += [item["version"] for item in json.loads(output or "[]")]
    tap.ok(good, "four at once: all succeed")
    tap.equal(sorted(applied), list(range(1, NEWEST + 1)),
              "each migration was applied by one of them")


def test_newer(database):
    database.sql("INSERT INTO federation.schema_version (version) "
                 "VALUES (%d)" % (NEWEST + 1))
    done = database.migrate()
    tap.equal(summary(done), (65, "DATABASE"), "a newer database: 65")
    tap.ok(b"newer" in done[2], "it says so")
    tap.equal(database.version()["version"], NEWEST + 1,
              "db version still tells")


def write(directory, name, text):
    with open(os.path.join(directory, name), "wb") as file:
        file.write(text)


FIRST = (b"CREATE SCHEMA federation; CREATE TABLE federation.schema_version "
         b"(version integer PRIMARY KEY, applied_at timestamptz NOT NULL "
         b"DEFAULT now());")


def test_steps(cluster):
    """Migrations of the test's own: one that fails is undone whole."""
    database = Database(cluster)
    with tempfile.TemporaryDirectory() as directory:
        write(directory, "0001_first.sql", FIRST)
        write(directory, "0002_second.sql",
              b"CREATE TABLE federation.x (a int);\nSELECT nonsense();")
        write(directory, "README", b"not a migration")
        write(directory, "0003.sql", b"nor this")
        done = database.migrate("--directory", directory)
        tap.equal(summary(done), (65, "DATABASE"), "a migration that fails")
        tap.ok(b"0002_second.sql" in done[2], "the file is named")
        tap.equal(database.version()["version"], 1,
                  "those before it stay, recorded without its help")
        tap.equal(database.sql("SELECT to_regclass('federation.x')"),
                  [(None,)], "what it had done is undone")
        write(directory, "0002_second.sql", b"CREATE TABLE "
              b"federation.x (a int);")
        done = database.migrate("--directory", directory, options=["-j"])
        tap.equal(json.loads(done[1]),
                  [{"version": 2, "migration": "0002_second.sql"}],
                  "once mended it is applied, alone")
        write(directory, "0003_third.sql", b"CREATE TABLE federation.y "
              b"(a int); COMMIT; CREATE TABLE federation.z (a int);")
        done = database.migrate("--directory", directory)
        tap.equal(summary(done), (65, "DATABASE"),
                  "a migration that ends its transaction is refused")
        tap.equal(database.version()["version"], 2, "and not recorded")


def test_directories(cluster):
    database = Database(cluster)

    def check(files, code, name):
        with tempfile.TemporaryDirectory() as directory:
            for file, text in files.items():
                write(directory, file, text)
            tap.equal(summary(database.migrate("--directory", directory)),
                      (65, code), "directory: " + name)

    check({}, "FILE", "empty")
    check({"0002_x.sql": b"SELECT 1;"}, "FILE", "without the first")
    check({"0001_x.sql": FIRST, "0003_x.sql": b"SELECT 1;"}, "FILE",
          "with a gap")
    check({"0001_x.sql": FIRST, "0001_y.sql": b"SELECT 1;"}, "FILE",
          "with a number twice")
    check({"0001_x.sql": b" " * (1024 * 1024 + 1)}, "TOO_LARGE",
          "1 MiB and 1")
    check({"0001_x.sql": b"SELECT 1;\0SELECT 2;"}, "FILE", "with a NUL")
    for path in ("/no/such/directory", "", "/etc/passwd"):
        tap.equal(summary(database.migrate("--directory", path)),
                  (65, "FILE"), "directory %r" % path)
    tap.equal(database.version()["version"], 0, "nothing was applied")
    with tempfile.TemporaryDirectory() as directory:
        write(directory, "0001_x.sql", FIRST.ljust(1024 * 1024))
        tap.equal(summary(database.migrate("--directory", directory)), 0,
                  "directory: 1 MiB")


def test_search_path(cluster):
    """Functions that somebody left in a schema of the search path."""
    database = Database(cluster)
    database.sql("""CREATE SCHEMA evil;
        CREATE FUNCTION evil.max(int) RETURNS int LANGUAGE sql AS 'SELECT 99';
        CREATE FUNCTION evil.now() RETURNS timestamptz LANGUAGE plpgsql AS
        'BEGIN RAISE EXCEPTION ''evil''; END'""")
    database.sql('ALTER DATABASE "%s" SET search_path = evil, pg_catalog' %
                 database.name)
    tap.equal(summary(database.migrate()), 0,
              "other schemas' functions are not called")


def test_unreachable():
    for conninfo in ("host=/no/such/directory user=x dbname=y",
                     "host=/no/such/directory user=x dbname=y "
                     "password=hunter2", "nonsense"):
        done = fedctl("version", "--database", conninfo)
        tap.equal(summary(done), (69, "DATABASE"), "no database: %s" %
                  conninfo)
        tap.ok(b"hunter2" not in done[2], "no password in the message")


def test_own_tree():
    """Somewhere else, without --directory: found beside the program, if the
    package is not installed."""
    with tempfile.TemporaryDirectory() as directory:
        os.mkdir(os.path.join(directory, "fedctl"))
        os.mkdir(os.path.join(directory, "sql"))
        program = os.path.join(directory, "fedctl", "fedctl")
        shutil.copy(FEDCTL, program)
        installed = os.path.isdir("/usr/share/torfed/sql")
        done = subprocess.run(
            [program, "db", "migrate", "--database", "host=/no user=x"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
            env=ENVIRONMENT)
        tap.equal(summary((done.returncode, done.stdout, done.stderr)),
                  (69, "DATABASE") if installed else (65, "FILE"),
                  "the tree's own directory, here empty, is looked at first")


def main():
    with pgcluster.Cluster(fsync=False) as cluster:
        database = test_fresh(cluster)
        test_text(cluster)
        test_at_once(cluster)
        test_newer(database)
        test_steps(cluster)
        test_directories(cluster)
        test_search_path(cluster)
        test_unreachable()
        test_own_tree()


tap.main(main)
