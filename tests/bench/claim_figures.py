# SPDX-License-Identifier: ISC
"""How fast one worker claims from a short and from a long queue."""

import statistics

import pgcluster
from report import tool

NAMES = ("queue_1k", "queue_1m")
SHORT, LONG = "short", "long"  # databases
SETTINGS = {"shared_buffers": "256MB", "max_wal_size": "4GB",
            "checkpoint_timeout": "30min", "autovacuum": "off",
            "maintenance_work_mem": "256MB"}
QUEUE = "federation.federated_message_queue"

SQL_SERVERS = """
    WITH n AS (SELECT number, md5('a' || number) || md5('b' || number) AS hex
        FROM generate_series(1, %s) number)
    INSERT INTO federation.federation_servers
        (onion_address, public_key, trust_level)
    SELECT translate(left(hex, 56), '0189', 'ghij') || '.onion', hex, 2 FROM n
    ON CONFLICT DO NOTHING"""
# The rows lie mixed, as they would have come.
SQL_ROWS = """
    INSERT INTO federation.federated_message_queue
        (message_id, destination_server_id, encrypted_payload)
    SELECT gen_random_uuid(), s.id, %s
    FROM generate_series(1, %s) round, federation.federation_servers s
    ORDER BY round, s.onion_address"""
# Beside the primary key: [(drop, make)].
SQL_INDEXES = """
    SELECT 'ALTER TABLE {0} DROP CONSTRAINT ' || quote_ident(conname),
        'ALTER TABLE {0} ADD CONSTRAINT ' || quote_ident(conname) || ' ' ||
        pg_get_constraintdef(oid)
    FROM pg_constraint WHERE conrelid = '{0}'::regclass AND contype = 'u'
    UNION ALL
    SELECT 'DROP INDEX ' || indexrelid::regclass, pg_get_indexdef(indexrelid)
    FROM pg_index WHERE indrelid = '{0}'::regclass AND NOT indisprimary
    AND NOT EXISTS (SELECT 1 FROM pg_constraint
        WHERE conindid = indexrelid AND contype = 'u')""".format(QUEUE)


def populate(cluster, dbname, rows, destinations):
    """All rows have just come: there was no checkpoint since, behind which
    each page would be logged whole once more."""
    connection = cluster.connect(dbname=dbname)
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE %s, federation.leases" % QUEUE)
        cursor.execute(SQL_SERVERS, (destinations,))
        # A million rows one by one into each index would take a minute, and
        # half of that again for the check of each row's destination.
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(SQL_INDEXES)
        indexes = cursor.fetchall()
        for drop, _ in indexes:
            cursor.execute(drop)
        cursor.execute(SQL_ROWS, (b'{"encryptedContent":"%s"}' % (100 * b"a"),
                                  rows // destinations))
        for _, make in indexes:
            cursor.execute(make)
        cursor.execute("VACUUM (ANALYZE) " + QUEUE)
        cursor.execute("ANALYZE federation.federation_servers")
    connection.close()


def claims(cluster, dbname, most):
    count, rate = tool("claims", cluster.conninfo("_fedqueued", dbname), most)
    if count != most:
        raise RuntimeError("%d of %d items claimed" % (count, most))
    return rate


def measure_claims(result, cluster, quiet):
    """In turns, since both end in commits, and disks have moods."""
    short, long = [], []
    if result.wants("queue_1m"):
        result.say("a million rows are made")
        populate(cluster, LONG, 1000000, 10000)
    quiet()
    result.say("claims")
    for _ in range(result.size(5, 2)):
        for _ in range(3):
            populate(cluster, SHORT, 1000, 1000)
            short.append(claims(cluster, SHORT, 1000))
        if result.wants("queue_1m"):
            long.append(claims(cluster, LONG, 10000))
    result.line("queue_1k", statistics.median(short), "claims/s")
    if long:
        result.line("queue_1m", statistics.median(long), "claims/s",
                    statistics.median(short))


def measure(result, quiet):
    """quiet returns once nothing else is under way."""
    if not result.wants(*NAMES):
        return
    with pgcluster.Cluster(settings=SETTINGS) as cluster:
        cluster.migrate(SHORT)
        cluster.migrate(LONG)
        result.attempt({name: "claims/s" for name in NAMES}, measure_claims,
                       cluster, quiet)
