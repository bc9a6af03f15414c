#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Runs the database layer's tests (tests/unit/fed-queued/db/db_test.c)
against a private PostgreSQL cluster. The tests call this program back, as
"db.t DIRECTORY VERB ARGUMENT...", to do to the cluster what they are to
survive."""

import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "..", "..", "lib"))
from pgcluster import Cluster, ROOT  # noqa: E402

FIXTURE = """
CREATE ROLE nothing LOGIN;
SET password_encryption = 'scram-sha-256';
ALTER ROLE _fedqueued PASSWORD 'pass word';
CREATE TABLE public.test (id int, value text,
    UNIQUE (id) DEFERRABLE INITIALLY DEFERRED);
GRANT SELECT, INSERT ON public.test TO _fedqueued;
"""


def sql(cluster, statement):
    connection = cluster.connect()
    connection.cursor().execute(statement)
    connection.close()


def control(directory, verb, *arguments):
    cluster = Cluster(directory)
    if verb == "sql":
        sql(cluster, *arguments)
    elif verb == "immediate":
        cluster.immediate()
    elif verb == "start":
        cluster.start()
    elif verb == "restart":
        # NAME=VALUE...: settings, in force with the restart
        cluster.configure(**dict(a.split("=", 1) for a in arguments))
        cluster.restart("immediate")
    elif verb == "password":
        # for everybody but the superuser
        with open(os.path.join(cluster.data, "pg_hba.conf"), "w") as hba:
            hba.write("local all postgres trust\n"
                      "local all all %s\n" % arguments)
        cluster.reload()
    else:
        sys.exit("unknown verb")


def main():
    if len(sys.argv) > 1:
        control(*sys.argv[1:])
        return 0
    program = os.path.join(ROOT, os.environ.get("TORFED_BUILD", "build"),
                           "tests", "unit", "fed-queued",
                           "db", "db_test")
    with Cluster() as cluster:
        cluster.migrate()
        sql(cluster, FIXTURE)
        environment = dict(
            os.environ, CMOCKA_MESSAGE_OUTPUT="TAP",
            TORFED_TEST_CONNINFO=cluster.conninfo("_fedqueued"),
            TORFED_TEST_SOCKETS=cluster.socket_directory,
            TORFED_TEST_CONTROL="%s %s" % (
                os.path.abspath(__file__), cluster.directory))
        return subprocess.run([program], env=environment,
                              check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
