#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""fedctl db migrate and db version against a private PostgreSQL cluster."""

import hashlib
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
# As fedctl will be when there are migrations: built with those of LATER.
NEXT = os.path.join(ROOT, BUILD or "build", "tests", "lib", "next", "fedctl")
LATER = os.path.join(HERE, "migrations")
NAMES = sorted(os.listdir(LATER))
FAILURE = re.compile(rb"fedctl: ([A-Z][A-Z0-9_]*): [ -~]+\n")
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "ASAN_OPTIONS": "detect_leaks=0"}
FILES = pgcluster.schema_files()
NEWEST = 1


def start(*arguments, options=(), program=FEDCTL):
    return subprocess.Popen(
        [program, *options, "db", *arguments], stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT)


def fedctl(*arguments, options=(), program=FEDCTL):
    process = start(*arguments, options=options, program=program)
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

    def version(self, program=FEDCTL):
        done = fedctl("version", "--database", self.conninfo(),
                      options=["-j"], program=program)
        return json.loads(done[1])

    def migrate(self, *more, options=(), user=pgcluster.SUPERUSER,
                program=FEDCTL):
        return fedctl("migrate", "--database", self.conninfo(user), *more,
                      options=options, program=program)

    def later(self, directory, user=pgcluster.SUPERUSER):
        """By the program that has migrations."""
        return self.migrate("--directory", directory, user=user,
                            program=NEXT)

    def rows(self):
        return self.sql("SELECT version, checksum FROM "
                        "federation.schema_version ORDER BY version")

    def has(self, name):
        return self.sql("SELECT to_regclass('%s')" % name) != [(None,)]


def test_fresh(cluster):
    database = Database(cluster)
    tap.equal(database.version(), {"version": 0, "wanted": NEWEST},
              "a database without schema has version 0")
    done = database.migrate(options=["-j"])
    tap.equal((summary(done), json.loads(done[1])),
              (0, [{"version": 1, "migration": "base"}]),
              "the schema is applied")
    tap.equal(database.rows(), [(1, pgcluster.schema_checksum())],
              "and recorded, with its checksum")
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
              [["version", "migration"], ["1", "base"]],
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
              "each version was applied by one of them")


def test_newer(database):
    database.sql("INSERT INTO federation.schema_version (version, checksum) "
                 "VALUES (%d, repeat('0', 64))" % (NEWEST + 1))
    done = database.migrate()
    tap.equal(summary(done), (65, "DATABASE"), "a newer database: 65")
    tap.ok(b"newer" in done[2], "it says so")
    tap.equal(database.version()["version"], NEWEST + 1,
              "db version still tells")


def write(directory, name, text):
    with open(os.path.join(directory, name), "wb") as file:
        file.write(text)


class Tree:
    """A directory of the schema's files, with migrations or without."""

    def __init__(self, migrations=True):
        self.temporary = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.temporary.name, "sql")
        shutil.copytree(pgcluster.SQL, self.path)
        shutil.rmtree(os.path.join(self.path, "migrations"),
                      ignore_errors=True)
        if migrations:
            shutil.copytree(LATER, os.path.join(self.path, "migrations"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.temporary.cleanup()

    def read(self, name):
        with open(os.path.join(self.path, name), "rb") as file:
            return file.read()

    def write(self, name, text):
        os.makedirs(os.path.dirname(os.path.join(self.path, name)),
                    exist_ok=True)
        write(self.path, name, text)


def digest(name):
    with open(os.path.join(LATER, name), "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def test_one_transaction(cluster):
    """What fails in the middle of the base is undone whole."""
    database = Database(cluster)
    database.sql("CREATE ROLE fed_admin")
    database.sql("ALTER ROLE fed_admin CREATEDB")
    done = database.migrate()
    tap.equal(summary(done), (65, "DATABASE"), "a role that may too much: 65")
    tap.ok(b"roles.sql" in done[2], "the file is named")
    tap.equal(database.sql("SELECT to_regnamespace('federation')"),
              [(None,)], "what the files before it had done is undone")
    database.sql("ALTER ROLE fed_admin NOCREATEDB LOGIN")
    tap.equal(summary(database.migrate()), 0, "and then it is applied")


def test_migrations(cluster):
    """Migrations of the test's own: one that fails is undone whole."""
    database = Database(cluster)
    tap.equal(summary(database.migrate()), 0, "version 1, by its program")
    with Tree() as tree:
        tree.write("migrations/README", b"not a migration")
        tap.equal(database.version(NEXT), {"version": 1, "wanted": 4},
                  "a program with three migrations wants version 4")
        done = database.later(tree.path)
        tap.equal(summary(done), (65, "DATABASE"), "a migration that fails")
        tap.ok(b"0003_third.sql" in done[2], "the file is named")
        tap.equal(database.rows(), [(1, pgcluster.schema_checksum()),
                                    (2, digest("0002_second.sql"))],
                  "those before it stay, recorded with their checksums")
        tap.ok(database.has("federation.second") and
               not database.has("federation.third"),
               "what it had done is undone")
        tap.equal(database.sql(
            "SELECT proowner::regrole::text, proacl::text FROM pg_proc "
            "WHERE proname = 'second_count'"),
            [("fed_definer",
              "{fed_definer=X/fed_definer,fed_app=X/fed_definer}")],
            "a migration's function has the owner and the rights of others")
        database.sql("CREATE FUNCTION public.wanted() RETURNS int "
                     "LANGUAGE sql AS 'SELECT 3'")
        done = database.later(tree.path)
        tap.equal(summary(done), (65, "DATABASE"),
                  "a migration that ends its transaction is refused")
        tap.ok(b"0004_fourth.sql" in done[2], "it is named")
        tap.equal(database.rows()[2:], [(3, digest("0003_third.sql"))],
                  "and not recorded; the one before it, once mended, is")
        tap.equal(database.sql("SELECT a FROM federation.third"), [(3,)],
                  "and done")
        done = database.migrate()
        tap.equal(summary(done), (65, "DATABASE"),
                  "the program without migrations refuses the database")
        tap.ok(b"newer" in done[2], "as a newer one")


def test_migrations_anew(cluster):
    """All versions at once, by several."""
    database = Database(cluster)
    with Tree() as tree:
        many = [start("migrate", "--database", database.conninfo(),
                      "--directory", tree.path, program=NEXT)
                for _ in range(3)]
        ended = [p.communicate(timeout=120) for p in many]
        tap.equal([summary((p.returncode, *texts))
                   for p, texts in zip(many, ended)],
                  [(65, "DATABASE")] * 3,
                  "three at once: each fails at the one that fails")
        tap.equal(database.rows(), [(1, pgcluster.schema_checksum()),
                                    (2, digest("0002_second.sql"))],
                  "each version was applied once")


def test_ordinary_owner(cluster):
    """Migrations by a role that is no superuser."""
    database = Database(cluster)
    database.sql("CREATE ROLE keeper LOGIN; GRANT fed_definer TO keeper")
    database.sql('ALTER DATABASE "%s" OWNER TO keeper' % database.name)
    with Tree() as tree:
        done = database.later(tree.path, "keeper")
        tap.ok(b"0003_third.sql" in done[2],
               "an ordinary owner gets as far: %s" % done[2])
    tap.equal(database.sql(
        "SELECT proname, proowner::regrole::text FROM pg_proc WHERE "
        "pronamespace = 'federation'::regnamespace AND "
        "proowner <> 'fed_definer'::regrole"), [("owners_set", "keeper")],
        "fed_definer owns all but the owner's procedure")


def test_edited(cluster):
    """Files that are not those that the program was built with."""
    database = Database(cluster)

    def check(tree, named, name, program=FEDCTL):
        done = database.migrate("--directory", tree.path, program=program)
        tap.equal(summary(done), (65, "FILE"), "refused: " + name)
        tap.equal(done[2], b"fedctl: FILE: %s: is not the file that this "
                  b"program was built with\n" % named.encode(),
                  "it is named, in a sentence: " + named)

    with Tree(migrations=False) as tree:
        for file in FILES + ["order"]:
            text = tree.read(file)
            tree.write(file, text + b"\n")
            check(tree, file, file + ", a line more")
            tree.write(file, text)
        order = tree.read("order").split(b"\n")
        for n, name in ((0, "the first two"), (len(FILES) - 2, "the last two")):
            swapped = order[:n] + [order[n + 1], order[n]] + order[n + 2:]
            tree.write("order", b"\n".join(swapped))
            check(tree, "order", "order, %s swapped" % name)
        tree.write("order", b"\n".join(order[1:]))
        check(tree, "order", "order, without the first")
        tree.write("order", b"\n".join(order[:-2] + [b""]))
        check(tree, "order", "order, without the last")
        tree.write("order", b"")
        check(tree, "order", "order, empty")
        tree.write("order", b"\n".join(order[:-1]))
        check(tree, "order", "order, without the end of its last line")
        tree.write("order", b"\n".join(order))
        queue, inbox = tree.read("queue.sql"), tree.read("inbox.sql")
        tree.write("queue.sql", inbox)
        tree.write("inbox.sql", queue)
        check(tree, "queue.sql", "two files with each other's text")
        tree.write("inbox.sql", inbox)
        tree.write("queue.sql", queue.replace(b"\n", b"\0", 1))
        check(tree, "queue.sql", "a NUL")
        tree.write("queue.sql", queue.ljust(1024 * 1024))
        check(tree, "queue.sql", "1 MiB")
    with Tree() as tree:
        for file in NAMES:
            file = "migrations/" + file
            text = tree.read(file)
            tree.write(file, text.replace(b"a\tinteger", b"b\tinteger"))
            check(tree, file, file + ", a column's name", NEXT)
            tree.write(file, text)
    tap.equal(database.version()["version"], 0, "nothing was applied")


def test_other(cluster):
    """Databases that other files made."""
    database = Database(cluster)

    def refused(text, name, *more, program=FEDCTL):
        before = database.rows()
        done = database.migrate(*more, program=program)
        tap.equal(summary(done), (65, "DATABASE"), "refused: " + name)
        tap.equal(done[2], b"fedctl: DATABASE: %s\n" % text.encode(),
                  "in a sentence: " + name)
        tap.equal(database.rows(), before, "untouched: " + name)

    other = ("schema version %d was made of other files than this "
             "program's: checksum 000000000000..., not %.12s...")
    tap.equal(summary(database.migrate()), 0, "a database")
    with Tree() as tree:
        later = ("--directory", tree.path)
        database.later(tree.path)
        tap.equal(len(database.rows()), 2, "with a migration")
        database.sql("UPDATE federation.schema_version SET checksum = "
                     "repeat('0', 64) WHERE version = 2")
        refused(other % (2, digest("0002_second.sql")),
                "a migration's checksum", *later, program=NEXT)
        database.sql("UPDATE federation.schema_version SET checksum = "
                     "repeat('0', 64)")
        refused(other % (1, pgcluster.schema_checksum()),
                "the base's checksum", *later, program=NEXT)
        refused(other % (1, pgcluster.schema_checksum()),
                "the base's checksum of a newer database")
        tap.equal(database.version(), {"version": 2, "wanted": 1},
                  "db version still tells")
        database.sql("DELETE FROM federation.schema_version "
                     "WHERE version = 1")
        refused("the row of version 1 is missing from "
                "federation.schema_version", "a row missing", *later,
                program=NEXT)
        database.sql("DELETE FROM federation.schema_version")
        refused("the row of version 1 is missing from "
                "federation.schema_version", "all rows missing")


def test_former(cluster):
    """A database of the numbering before the first release."""
    database = Database(cluster)
    sentence = (b"fedctl: DATABASE: the schema is version 10 of the "
                b"numbering before the first release: make a new database\n")
    database.sql("CREATE SCHEMA federation; CREATE TABLE "
                 "federation.schema_version (version integer PRIMARY KEY, "
                 "applied_at timestamptz NOT NULL DEFAULT now()); "
                 "INSERT INTO federation.schema_version (version) "
                 "SELECT generate_series(1, 10)")
    done = database.migrate()
    tap.equal(summary(done), (65, "DATABASE"), "the former numbering: 65")
    tap.equal(done[2], sentence, "it says so")
    done = fedctl("version", "--database", database.conninfo())
    tap.equal((done[0], done[2]), (65, sentence), "so does db version")
    tap.equal(database.sql("SELECT count(*) FROM pg_class WHERE "
                           "relnamespace = 'federation'::regnamespace AND "
                           "relkind = 'r'"), [(1,)], "nothing was applied")
    tap.equal(database.sql("SELECT count(*), max(version) FROM "
                           "federation.schema_version"), [(10, 10)],
              "nothing was recorded")


def test_directories(cluster):
    database = Database(cluster)

    def check(tree, code, named, name, program=NEXT):
        done = database.migrate("--directory", tree.path, program=program)
        tap.equal(summary(done), (65, code), "directory: " + name)
        tap.ok(named.encode() in done[2], "it is named: " + name)

    def without(name):
        tree = Tree()
        os.unlink(os.path.join(tree.path, name))
        return tree

    with tempfile.TemporaryDirectory() as directory:
        tap.equal(summary(database.migrate("--directory", directory)),
                  (65, "FILE"), "directory: empty")
    for name in ("order", FILES[0], FILES[-1], "migrations/" + NAMES[0],
                 "migrations/" + NAMES[-1]):
        with without(name) as tree:
            check(tree, "FILE", name, "without " + name)
    for name in ("0002_twice.sql", "0005_more.sql", "x.sql"):
        with Tree() as tree:
            tree.write("migrations/" + name, b"SELECT 1;")
            check(tree, "FILE", name, "with a migration " + name)
    with Tree() as tree:
        check(tree, "FILE", NAMES[0], "with migrations of a newer program",
              program=FEDCTL)
    with Tree() as tree:
        tree.write(FILES[-1], b" " * (1024 * 1024 + 1))
        tap.equal(summary(database.later(tree.path)), (65, "TOO_LARGE"),
                  "directory: 1 MiB and 1")
    for path in ("/no/such/directory", "", "/etc/passwd"):
        tap.equal(summary(database.migrate("--directory", path)),
                  (65, "FILE"), "directory %r" % path)
    tap.equal(database.version()["version"], 0, "nothing was applied")


def checksums(base, later):
    return subprocess.run(
        [os.path.join(pgcluster.SQL, "checksums"), base, later],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        check=False)


def test_checksums():
    """What the build compiles in."""
    with Tree() as tree:
        later = os.path.join(tree.path, "migrations")
        done = checksums(tree.path, later)
        tap.equal(re.findall(r'"(.*?)", "([0-9a-f]{64})"', done.stdout),
                  [(name, hashlib.sha256(tree.read(name)).hexdigest())
                   for name in FILES] +
                  [("base", pgcluster.schema_checksum())] +
                  [(name, digest(name)) for name in NAMES],
                  "names and checksums, in order")
        by_hand = subprocess.run(
            ["sh", "-c", "sha256sum $(cat order) | sha256sum"],
            cwd=tree.path, stdout=subprocess.PIPE, text=True, check=True)
        tap.equal(by_hand.stdout.split()[0], pgcluster.schema_checksum(),
                  "the base's, by hand as torfed-sql(7) has it")
        tree.write("more.sql", b"")
        tap.equal(checksums(tree.path, later).returncode, 1,
                  "a file that order does not name")
        os.unlink(os.path.join(tree.path, "more.sql"))
        tree.write("order", tree.read("order") + b"queue.sql\n")
        tap.equal(checksums(tree.path, later).returncode, 1,
                  "a file that it names twice")
    for name in ("0002_twice.sql", "0006_gap.sql", "0005.sql", "x.sql"):
        with Tree() as tree:
            tree.write("migrations/" + name, b"")
            done = checksums(tree.path, os.path.join(tree.path,
                                                     "migrations"))
            tap.equal(done.returncode, 1, "a migration " + name)


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
        test_one_transaction(cluster)
        database = test_fresh(cluster)
        test_text(cluster)
        test_at_once(cluster)
        test_newer(database)
        test_migrations(cluster)
        test_migrations_anew(cluster)
        test_ordinary_owner(cluster)
        test_edited(cluster)
        test_other(cluster)
        test_former(cluster)
        test_directories(cluster)
        test_checksums()
        test_search_path(cluster)
        test_unreachable()
        test_own_tree()


tap.main(main)
