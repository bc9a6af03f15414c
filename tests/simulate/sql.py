#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""sql.py [-t] [-j JOBS] SEEDS [FROM]: the simulator's histories, through the
real SQL as well (tests/simulate/sql/mirror.h), in a PostgreSQL cluster of its
own. Output and exit status are the simulator's, of several processes. -t: as a
test (TAP), with each fault below put into the schema, to see that it is found.

sql.py -f FAULT 1: one fault; status 0 when it is found.

The schema is that of sql/, but with the world's clock in place of now()."""

import argparse
import os
import re
import subprocess
import sys
import threading

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
# pylint: disable=wrong-import-position
import pgcluster  # noqa: E402

BUILD = os.environ.get("TORFED_BUILD", os.path.join(ROOT, "build"))
SIMULATE = os.path.join(BUILD, "tests", "simulate", "simulate")
MIRROR = os.path.join(ROOT, "tests", "simulate", "sql", "mirror.sql")
SERVERS = 5
PREFIX = "sim%d_"  # of the databases of a job
CLOCKS = re.compile(r"(?<![.\w])(now|clock_timestamp|transaction_timestamp|"
                    r"statement_timestamp)\(\)")
# Whatever else tells the time.
OTHER_CLOCKS = re.compile(r"(?<!sim\.)\bnow\(\)|\b(clock|transaction|statement)"
                          r"_timestamp\b|\bcurrent_(date|time|timestamp)\b|"
                          r"\blocaltime|\btimeofday\b|'now'", re.I)
CLOCK = """
CREATE SCHEMA sim;
CREATE FUNCTION sim.now() RETURNS timestamptz LANGUAGE sql STABLE AS $$
	SELECT to_timestamp(coalesce(nullif(current_setting('sim.now', true),
	    ''), '0')::bigint)
$$;
GRANT USAGE ON SCHEMA sim TO PUBLIC;
"""
# Faults, to see that each is found. Most are a trigger (table, when, what it
# does), so that none depends on how a function is written; some are a function
# that tells something else.
TRIGGERS = {
    "member-end": ("room_members", "UPDATE", "NEW.state_left := NULL"),
    "member-joined": ("room_members", "INSERT",
                      "NEW.state_joined := NEW.state_joined + 1"),
    "version": ("room_states", "UPDATE", "NEW.version := OLD.version"),
    "dispute": ("room_states", "UPDATE", "NEW.disputed := OLD.disputed"),
    "answered": ("room_states", "UPDATE", "NEW.answered := OLD.answered"),
    "invitation-used": ("room_invites", "UPDATE", "NEW.used := 0"),
    "shown": ("room_invited", "UPDATE", "NEW.state := OLD.state"),
    "wish": ("room_asked", "UPDATE", "NEW.state := OLD.state"),
    "learned": ("room_state_events", "UPDATE",
                "NEW.received_at := OLD.received_at - interval '2 hours'"),
    "gap": ("room_streams", "INSERT OR UPDATE", "NEW.gap_since := NULL"),
    "fork": ("room_streams", "UPDATE", "NEW.forked := 0"),
    "held": ("room_items", "INSERT", "NEW.status := 'taken'"),
    "again": ("room_items", "UPDATE", "IF OLD.status = 'refused' THEN"
              " NEW.again := false; END IF"),
    "stated": ("room_stated", "INSERT", "RETURN NULL"),
    "judged": ("room_items", "UPDATE", "NEW.flags := OLD.flags"),
    "void": ("room_voids", "INSERT", "RETURN NULL"),
    "evidence": ("room_evidence", "INSERT", "RETURN NULL"),
    "queue": ("federated_message_queue", "INSERT",
              "IF NEW.type = 'message' THEN RETURN NULL; END IF"),
    "epoch": ("self", "UPDATE", "NEW.epoch := OLD.epoch"),
}
FUNCTIONS = {
    "leaving": ("room_leaves(room uuid, member text,"
                " before timestamptz DEFAULT NULL)", "boolean",
                "SELECT false"),
    "last": ("room_last(number bigint, disputed bigint)", "bigint",
             "SELECT $1"),
    "member-at": ("sync_member(room uuid, server uuid, number bigint)",
                  "boolean", "SELECT EXISTS (SELECT 1"
                  " FROM federation.room_members m WHERE m.room_id = $1"
                  " AND m.server_id IS NOT DISTINCT FROM $2)"),
    "digest": ("room_digest(room uuid, origin text, epoch bigint,"
               " lane integer, number bigint)", "bytea",
               "SELECT i.digest FROM federation.room_items i"
               " WHERE i.room_id = $1 AND i.origin = $2 AND i.epoch = $3"
               " AND i.lane = $4 AND i.sequence = $5"),
}
FAULTS = sorted([*TRIGGERS, *FUNCTIONS])
SEEDS_FAULT = 60  # within which each is found


def schema():
    """The statements that make the schema with the world's clock."""
    text = [CLOCK]
    for name in pgcluster.schema_files():
        with open(os.path.join(pgcluster.SQL, name)) as file:
            text.append(CLOCKS.sub("sim.now()", file.read()))
    with open(MIRROR) as file:
        text.append(file.read())
    return "\n".join(text)


def clocks_left(cursor):
    """Names of what still tells another time."""
    cursor.execute("""
        SELECT p.proname, p.prosrc FROM pg_proc p
        JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE n.nspname = 'federation'
        UNION ALL SELECT c.relname || '.' || a.attname,
            pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d
        JOIN pg_class c ON c.oid = d.adrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.adnum
        WHERE n.nspname = 'federation'
        UNION ALL SELECT v.viewname, v.definition FROM pg_views v
        WHERE v.schemaname = 'federation'""")
    return [name for name, text in cursor.fetchall()
            if OTHER_CLOCKS.search(re.sub(r"--.*", "", text))]


def fault_put(cursor, fault):
    """A fault, into a database that has the schema; returns what ends it."""
    if fault in TRIGGERS:
        table, event, does = TRIGGERS[fault]
        cursor.execute("""
            CREATE FUNCTION sim.fault() RETURNS trigger
            LANGUAGE plpgsql AS $$ BEGIN %s; RETURN NEW; END $$;
            CREATE TRIGGER fault BEFORE %s ON federation.%s
                FOR EACH ROW EXECUTE FUNCTION sim.fault()""" % (
                    does, event, table))
        return "DROP FUNCTION sim.fault() CASCADE"
    name, returns, body = FUNCTIONS[fault]
    cursor.execute("SELECT pg_get_functiondef(p.oid) FROM pg_proc p"
                   " JOIN pg_namespace n ON n.oid = p.pronamespace"
                   " WHERE n.nspname = 'federation' AND p.proname = %s",
                   [name.partition("(")[0]])
    before, = cursor.fetchone()
    cursor.execute("CREATE OR REPLACE FUNCTION federation.%s RETURNS %s "
                   "LANGUAGE sql STABLE SECURITY DEFINER SET search_path = "
                   "pg_catalog, pg_temp AS $$ %s $$" % (name, returns, body))
    return before


def install(cluster):
    """The database that those of all servers are copies of."""
    cluster.create_database()
    connection = cluster.connect(autocommit=False)
    with connection.cursor() as cursor:
        cursor.execute(schema())
        left = clocks_left(cursor)
        if left:
            sys.exit("these tell another time: %s" % " ".join(left))
        # Addresses and certificates are the simulator's.
        output = subprocess.run([SIMULATE, "-k"], stdout=subprocess.PIPE,
                                check=True, text=True).stdout
        for line in output.splitlines():
            cursor.execute("INSERT INTO sim.servers VALUES (%s, %s, %s, "
                           "decode(%s, 'hex'), decode(%s, 'hex'), "
                           "decode(%s, 'hex'), decode(%s, 'hex'))",
                           line.split())
    connection.commit()
    connection.close()


def databases(cluster, jobs):
    """One for each server of each job."""
    connection = cluster.connect(dbname="postgres")
    with connection.cursor() as cursor:
        for job in range(jobs):
            for server in range(SERVERS):
                cursor.execute('CREATE DATABASE "%s%d" TEMPLATE "%s"' % (
                    PREFIX % job, server, pgcluster.DATABASE))
    connection.close()


def simulate(cluster, prefix, *arguments):
    """Starts the simulator on the databases of that prefix."""
    return subprocess.Popen(
        [SIMULATE, "-d", "%s:%s" % (cluster.socket_directory, prefix),
         *[str(argument) for argument in arguments]],
        stdout=subprocess.PIPE, text=True)


def equal(cluster, jobs, seeds, first):
    """Runs the seeds in several processes; what each printed, and whether all
    was well."""
    running = []
    for job in range(jobs):
        count = seeds // jobs + (job < seeds % jobs)
        if count > 0:
            running.append(simulate(cluster, PREFIX % job, count, first))
        first += count
    output = "".join(process.communicate()[0] for process in running)
    return output, all(process.returncode == 0 for process in running)


def found(cluster, job, fault):
    """Whether a fault is found, as a difference; and what was printed."""
    ends = []
    for server in range(SERVERS):
        connection = cluster.connect(dbname=(PREFIX % job) + str(server))
        with connection.cursor() as cursor:
            ends.append((connection, fault_put(cursor, fault)))
    process = simulate(cluster, PREFIX % job, "-q", SEEDS_FAULT)
    output = process.communicate()[0]
    for connection, end in ends:
        with connection.cursor() as cursor:
            cursor.execute(end)
        connection.close()
    return output, process.returncode == 1 and re.search(
        r"^seed \d+: sql: ", output, re.M) is not None


def found_all(cluster, jobs):
    """The results of all faults, in their order."""
    results = {}

    def work(job):
        for fault in FAULTS[job::jobs]:
            results[fault] = found(cluster, job, fault)
    workers = [threading.Thread(target=work, args=[job])
               for job in range(jobs)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return [results[fault] for fault in FAULTS]


def tap(cluster, jobs, seeds):
    """The test in the check."""
    print("1..%d" % (1 + len(FAULTS)))
    results = [equal(cluster, jobs, seeds, 1), *found_all(cluster, jobs)]
    names = ["%d seeds" % seeds, *["found: " + fault for fault in FAULTS]]
    for number, (name, (output, good)) in enumerate(zip(names, results), 1):
        if not good:
            print(re.sub("^", "# ", output.rstrip(), flags=re.M))
        print("%s %d - %s" % ("ok" if good else "not ok", number, name))


def main():
    """See above."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-f", dest="fault", choices=FAULTS)
    parser.add_argument("-j", dest="jobs", type=int, default=2)
    parser.add_argument("-t", dest="tap", action="store_true")
    parser.add_argument("seeds", type=int)
    parser.add_argument("first", type=int, nargs="?", default=1)
    options = parser.parse_args()
    settings = {"autovacuum_naptime": "5s", "synchronous_commit": "off",
                "jit": "off", "max_connections": "60"}
    with pgcluster.Cluster(fsync=False, settings=settings) as cluster:
        install(cluster)
        databases(cluster, options.jobs)
        if options.tap:
            tap(cluster, options.jobs, options.seeds)
            return
        if options.fault:
            output, good = found(cluster, 0, options.fault)
        else:
            output, good = equal(cluster, options.jobs, options.seeds,
                                 options.first)
        print(output, end="")
        sys.exit(0 if good else 1)


main()
