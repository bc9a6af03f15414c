#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""templates.py DIRECTORY: the clusters that a whole run of tests copies, made
once; see pgcluster.py."""

import os
import subprocess
import sys

import pgcluster

FEDCTL = os.path.join(pgcluster.ROOT, "fedctl", "fedctl")
SQL = os.path.join(pgcluster.ROOT, "sql")


def main(directory):
    fresh = pgcluster.Cluster(os.path.join(directory, pgcluster.FRESH))
    fresh.create()
    os.environ[pgcluster.TEMPLATES] = directory
    migrated = pgcluster.Cluster(os.path.join(directory, pgcluster.MIGRATED),
                                 fsync=False)
    migrated.create()
    migrated.start()
    try:
        migrated.create_database()
        subprocess.run([FEDCTL, "db", "migrate", "--database",
                        migrated.conninfo(), "--directory", SQL],
                       stdout=subprocess.DEVNULL, check=True)
    finally:
        migrated.stop()


main(*sys.argv[1:])
