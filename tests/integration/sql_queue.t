#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""How claims and looks go about long lanes of a long queue."""

import os
import re
import subprocess
import sys
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "lib"))
import tap  # noqa: E402
from pgcluster import Cluster, ROOT  # noqa: E402
from sqlhelp import address, one, rows  # noqa: E402

TOOL = os.path.join(ROOT, os.environ.get("TORFED_BUILD", "build"), "tests",
                    "lib", "statement")
QUEUE = "federation.federated_message_queue"
WORKER, CLAIM = str(uuid.uuid4()), str(uuid.uuid4())
cluster = None
owner = None   # a cursor with all rights


def server_new():
    """Address and id."""
    name = address(os.urandom(32))
    return name, one(owner, "INSERT INTO federation.federation_servers "
                     "(onion_address, public_key, trust_level) VALUES (%s, "
                     "repeat('0', 64), 2) RETURNING id", name)


def fill(server, count, **columns):
    """Rows; returns their ids."""
    names = "".join(", " + name for name in columns)
    values = "".join(", %s" for _ in columns)
    return [row[0] for row in rows(
        owner, "INSERT INTO " + QUEUE + " (message_id, "
        "destination_server_id, encrypted_payload" + names + ") SELECT "
        "gen_random_uuid(), %s, '{}'" + values +
        " FROM generate_series(1, %s) RETURNING id", server,
        *columns.values(), count)]


def statement(name, *parameters, explain=False):
    """Rows of one of fed-queued's statements, or its plan."""
    done = subprocess.run(
        [TOOL, cluster.conninfo("_fedqueued"),
         *(["-e"] if explain else []), name,
         *("\\N" if p is None else str(p) for p in parameters)],
        stdout=subprocess.PIPE, universal_newlines=True, check=True,
        timeout=120)
    if explain:
        return done.stdout
    return [line.split("\t") for line in done.stdout.splitlines()]


def claim_parameters(server, most=64, lease=60000):
    return (server, 2, CLAIM, WORKER, lease, "f", most, 100000, 7200000, 0)


# Plans

def removed(plan):
    """How many rows were read in vain."""
    return sum(int(n) for n in re.findall(
        r"Rows Removed by Filter: (\d+)", plan))


def claims_read_little():
    """From a lane that is most of a large table, behind all the others.
    Planned with and without its values."""
    _, big = server_new()
    small = [server_new()[1] for _ in range(20)]
    for server in small:
        fill(server, 5000)
    fill(big, 100000)
    fill(big, 100000, status="delivered", delivered_at="now")
    owner.execute("VACUUM (ANALYZE) " + QUEUE)
    for server, name in ((big, "a long lane"), (small[7], "a short one")):
        for mode in ("force_custom_plan", "force_generic_plan"):
            owner.execute("ALTER ROLE _fedqueued SET plan_cache_mode = " +
                          mode)
            plan = statement("claim", *claim_parameters(server),
                             explain=True)
            tap.ok("federated_message_queue_destination" in plan and
                   removed(plan) < 100, "%s: a claim reads little but what "
                   "it takes (%d rows)" % (name, removed(plan))) or \
                tap.diag(plan)
    owner.execute("ALTER ROLE _fedqueued RESET plan_cache_mode")
    tap.equal({row[0] for row in statement("work")},
              {str(s) for s in small + [big]}, "all lanes have work")


def test():
    global cluster, owner
    with Cluster() as cluster:
        cluster.migrate()
        owner = cluster.connect().cursor()
        claims_read_little()


tap.main(test)
