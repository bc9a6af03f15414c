#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# The benchmark's own parts: a load that is accepted and one that is not, the
# limits, a worker's claims, and the form of the lines.

import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "lib")]
import claim_figures  # noqa: E402
import local_figures  # noqa: E402
import net  # noqa: E402
import pgcluster  # noqa: E402
import report  # noqa: E402
import tap  # noqa: E402


def refused(work):
    """Whether a tool ends with an error."""
    try:
        work()
    except subprocess.CalledProcessError:
        return True
    return False


def test_load(b):
    sender = local_figures.Peer(b)
    tap.ok(sender.load(10, "-c", 3) > 0, "single messages, all in the inbox")
    tap.ok(sender.load(130, "-b", 64, "-c", 2) > 0,
           "batches, the last one not full")
    b.fedctl("server", "trust", sender.identity.address, "0")
    tap.ok(refused(lambda: sender.load(1)), "a server that refuses: an error")
    tap.equal(b.value("SELECT count(*) FROM federation.inbox"), 0,
              "and nothing arrived")


def test_limits(b):
    tap.ok(report.tool("limit", "crypto", 1)[1] > 0, "signatures a second")
    tap.ok(local_figures.insert_limit(b, 130) > 0, "rows a second")
    tap.equal(b.value("SELECT count(*) FROM federation.inbox"), 0,
              "the limit's rows are gone")
    tap.ok(refused(lambda: report.tool("limit", "insert", b.database, "x", 1,
                                       1, 1)), "no server's id: an error")


def test_claims():
    with pgcluster.Cluster(settings=claim_figures.SETTINGS) as cluster:
        cluster.migrate()
        claim_figures.populate(cluster, pgcluster.DATABASE, 60, 20)
        tap.ok(claim_figures.claims(cluster, pgcluster.DATABASE, 50) > 0,
               "claims over more than one look")
        done, _ = report.tool("claims", cluster.conninfo("_fedqueued"), 50)
        tap.equal(done, 10, "until nothing is left")


def test_lines():
    tap.equal([report.percentile(range(1, 101), n) for n in (50, 99)],
              [50, 99], "percentiles")
    tap.equal(len(report.payload()), report.PAYLOAD, "a payload's size")
    bench = os.path.join(HERE, "bench")
    tap.equal(subprocess.run([bench, "speed"], check=False,
                             stderr=subprocess.DEVNULL).returncode, 64,
              "a figure that is none")
    result = subprocess.run(
        [bench, "memory_idle", "restart"], check=False, timeout=300,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        universal_newlines=True, env=dict(os.environ, QUICK="1"))
    tap.equal(result.returncode, 0, "bench of two figures")
    lines = [line.split("\t") for line in result.stdout.splitlines()]
    tap.equal([line[0] for line in lines], ["memory_idle", "restart"],
              "has a line for each")
    tap.ok(all(len(line) == 5 and
               re.match(r"^([0-9]+(\.[0-9]+)?|-)$", line[1]) and
               line[3:] == ["-", "-"] for line in lines), "of five fields")


def test():
    with net.Net(servers=1) as network:
        test_load(network.servers[0])
        test_limits(network.servers[0])
    test_claims()
    test_lines()


tap.main(test)
