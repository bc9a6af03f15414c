# SPDX-License-Identifier: ISC
"""How fast one worker claims from a short and from a long queue."""

import pgcluster
from report import median, tool

NAMES = ("queue_1k", "queue_1m")
SETTINGS = {"shared_buffers": "256MB", "max_wal_size": "4GB",
            "autovacuum": "off"}


def populate(cluster, rows, destinations):
    """The rows lie mixed, as they would have come."""
    connection = cluster.connect()
    with connection.cursor() as cursor:
        cursor.execute("""TRUNCATE federation.federated_message_queue,
            federation.leases""")
        cursor.execute("""
            WITH n AS (SELECT number, md5('a' || number) ||
                md5('b' || number) AS hex
                FROM generate_series(1, %s) number)
            INSERT INTO federation.federation_servers
                (onion_address, public_key, trust_level)
            SELECT translate(left(hex, 56), '0189', 'ghij') || '.onion',
                hex, 2 FROM n
            ON CONFLICT DO NOTHING""", (destinations,))
        cursor.execute("""
            WITH s AS MATERIALIZED (SELECT id,
                row_number() OVER (ORDER BY created_at, id) - 1 AS number
                FROM federation.federation_servers)
            INSERT INTO federation.federated_message_queue
                (message_id, destination_server_id, encrypted_payload)
            SELECT gen_random_uuid(), s.id, %s
            FROM generate_series(1, %s) round, s
            WHERE s.number < %s ORDER BY round, s.number""",
            (b'{"encryptedContent":"' + 100 * b"a" + b'"}',
             rows // destinations, destinations))
        cursor.execute("VACUUM (ANALYZE) federation.federated_message_queue")
        cursor.execute("ANALYZE federation.federation_servers")
        cursor.execute("CHECKPOINT")
    connection.close()


def claims(cluster, most):
    count, rate = tool("claims", cluster.conninfo("_fedqueued"), most)
    if count != most:
        raise RuntimeError("%d of %d items claimed" % (count, most))
    return rate


def short(cluster):
    populate(cluster, 1000, 1000)
    return claims(cluster, 1000)


def measure_claims(result, cluster):
    rate = median(lambda: short(cluster), result.size(9, 5))
    result.line("queue_1k", rate, "claims/s")
    if not result.wants("queue_1m"):
        return
    result.say("a million rows are made")
    populate(cluster, 1000000, 10000)
    result.say("claims from a million rows")
    result.line("queue_1m", claims(cluster, result.size(30000, 10000)),
                "claims/s", rate)


def measure(result):
    if not result.wants(*NAMES):
        return
    with pgcluster.Cluster(settings=SETTINGS) as cluster:
        cluster.migrate()
        result.attempt({name: "claims/s" for name in NAMES}, measure_claims,
                       cluster)
