# SPDX-License-Identifier: ISC
"""A private PostgreSQL cluster for tests and for the harness.

It lives in a short directory of its own, listens on a unix socket there and
nowhere else, and is made by the distribution's own programs. PostgreSQL
refuses to run as root: then the server runs under an unprivileged account.
All is derived from the directory, so that another process can take over:

    with Cluster() as cluster:              # created, started, removed
        cluster.migrate()                   # database "federation", schema
        connection = cluster.connect(user="fed_app")

    cluster = Cluster("/tmp/pg.x")          # one that another process made
    cluster.immediate()
"""

import glob
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time

import psycopg2

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
# Names the directory of what templates.py made for a whole run of tests, to be
# copied: FRESH is a cluster as initdb leaves it, MIGRATED one with the database
# and its schema. Without it each cluster is made anew.
TEMPLATES = "TORFED_TEST_TEMPLATES"
FRESH, MIGRATED = "fresh", "migrated"
DATABASE = "federation"
SUPERUSER = "postgres"
# Small, since several run side by side on a small machine.
SETTINGS = {
    "listen_addresses": "''",
    "unix_socket_permissions": "0777",
    "max_connections": "50",
    "shared_buffers": "16MB",
    "dynamic_shared_memory_type": "posix",
    "logging_collector": "off",
    "log_min_messages": "warning",
    "log_timezone": "UTC",
    "timezone": "UTC",
    "max_wal_size": "256MB",
    "min_wal_size": "32MB",
}


def binaries():
    """The newest installed version's folder of programs."""
    def version(path):
        return [int(n) for n in re.findall(r"\d+", path)]
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres"),
                   key=version)
    if found:
        return os.path.dirname(found[-1])
    postgres = shutil.which("postgres")
    if not postgres:
        raise RuntimeError("PostgreSQL's server programs are not installed")
    return os.path.dirname(os.path.realpath(postgres))


def account():
    """Who runs the server: None for ourselves, else a passwd entry."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("no unprivileged account to run PostgreSQL under")


def template(name):
    """Path of a cluster's data to copy; None when there is none for us."""
    path = os.path.join(os.environ.get(TEMPLATES, ""), name, "data")
    return path if os.access(path, os.R_OK) else None


def migrations():
    """Paths of the numbered migrations, in order."""
    return sorted(glob.glob(os.path.join(
        ROOT, "sql", "[0-9][0-9][0-9][0-9]_*.sql")))


class Cluster:
    """One cluster. directory: where it is, or None for a new temporary one
    (removed by remove() and at the end of a with statement)."""

    def __init__(self, directory=None, fsync=True, settings=None):
        self.fsync = fsync
        self.settings = dict(settings or {})
        self.account = account()
        self.bin = binaries()
        if directory is None:
            directory = tempfile.mkdtemp(prefix="pg.", dir="/tmp")
        self.directory = os.path.abspath(directory)
        self.data = os.path.join(self.directory, "data")
        # Others may pass through to the socket, for daemons under user ids
        # of their own, but only once they are inside self.directory (0700).
        self.socket_directory = os.path.join(self.directory, "s")
        self.socket = os.path.join(self.socket_directory, ".s.PGSQL.5432")
        self.log = os.path.join(self.directory, "log")

    def __enter__(self):
        try:
            self.create()
            self.start()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, *_):
        self.remove()

    def _run(self, program, *arguments, check=True, timeout=120):
        environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC",
                       "HOME": self.directory}
        identity = {}
        if self.account:
            identity = {"user": self.account.pw_uid,
                        "group": self.account.pw_gid, "extra_groups": []}
        # Output to a file: the server inherits it and outlives us, so a pipe
        # would never end.
        with tempfile.TemporaryFile() as output:
            result = subprocess.run(
                [os.path.join(self.bin, program), *arguments],
                stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, cwd="/", env=environment,
                timeout=timeout, check=False, **identity)
            output.seek(0)
            text = output.read().decode(errors="replace")
        if check and result.returncode:
            raise RuntimeError("%s: exit %d\n%s%s" % (
                program, result.returncode, text, self.log_tail()))
        return result.returncode

    def log_tail(self, size=4000):
        try:
            with open(self.log, errors="replace") as log:
                return log.read()[-size:]
        except OSError:
            return ""

    def create(self, like=FRESH):
        """initdb, or a copy of a template, and configuration."""
        os.makedirs(self.directory, mode=0o700, exist_ok=True)
        os.makedirs(self.socket_directory, exist_ok=True)
        os.chmod(self.socket_directory, 0o755)
        if self.account:
            for path in (self.directory, self.socket_directory):
                os.chown(path, self.account.pw_uid, self.account.pw_gid)
        found = template(like)
        if found:
            shutil.copytree(found, self.data)
            if self.account:
                self._give_data()
        else:
            self._run("initdb", "-D", self.data, "-U", SUPERUSER, "-A",
                      "trust", "-E", "UTF8", "--locale=C", "--no-sync",
                      "--no-instructions")
            with open(os.path.join(self.data, "pg_hba.conf"), "w") as hba:
                hba.write("local all all trust\n")
        self.configure()

    def _give_data(self):
        for place, _folders, files in os.walk(self.data):
            for path in [place] + [os.path.join(place, f) for f in files]:
                os.chown(path, self.account.pw_uid, self.account.pw_gid)

    def configure(self, **settings):
        """Writes the settings anew; in force at the next start or reload."""
        self.settings.update(settings)
        lines = dict(SETTINGS)
        lines["unix_socket_directories"] = "'%s'" % self.socket_directory
        lines["fsync"] = "on" if self.fsync else "off"
        lines.update(self.settings)
        path = os.path.join(self.data, "postgresql.auto.conf")
        with open(path, "w") as configuration:
            for name, value in lines.items():
                configuration.write("%s = %s\n" % (name, value))

    def start(self):
        """Starts it and waits until it takes connections."""
        if self.pid() is None:
            self._clear_lock()
        self._run("pg_ctl", "-D", self.data, "-l", self.log, "-w", "-t", "60",
                  "-s", "start")

    def _clear_lock(self):
        # A killed postmaster that nobody has reaped still has its process
        # id, and PostgreSQL would take it for a live one.
        deadline = time.monotonic() + 30
        while self._processes() and time.monotonic() < deadline:
            time.sleep(0.02)
        for path in (os.path.join(self.data, "postmaster.pid"),
                     self.socket + ".lock"):
            try:
                os.unlink(path)
            except FileNotFoundError:
                pass

    def _processes(self):
        """Process ids that work in the data directory."""
        found = []
        for entry in glob.glob("/proc/[0-9]*/cwd"):
            try:
                if os.readlink(entry) == os.path.realpath(self.data):
                    found.append(int(entry.split("/")[2]))
            except OSError:
                continue
        return found

    def stop(self, mode="fast", check=True):
        """mode: smart, fast or immediate (as a crash)."""
        return self._run("pg_ctl", "-D", self.data, "-w", "-t", "60", "-s",
                         "-m", mode, "stop", check=check)

    def immediate(self):
        self.stop("immediate")

    def restart(self, mode="fast"):
        self.stop(mode)
        self.start()

    def reload(self):
        self._run("pg_ctl", "-D", self.data, "-s", "reload")

    def pid(self):
        """The postmaster's, or None when it does not run."""
        try:
            with open(os.path.join(self.data, "postmaster.pid")) as file:
                pid = int(file.readline())
            with open("/proc/%d/stat" % pid) as file:
                state = file.read().rpartition(")")[2].split()[0]
        except (OSError, ValueError, IndexError):
            return None
        return None if state in "ZX" else pid

    def kill(self):
        """SIGKILL to the postmaster; its children notice and exit."""
        pid = self.pid()
        if pid:
            os.kill(pid, signal.SIGKILL)

    def remove(self):
        """Stops the server and removes the directory."""
        if self.pid():
            self.stop("immediate", check=False)
        shutil.rmtree(self.directory, ignore_errors=True)

    def conninfo(self, user=SUPERUSER, dbname=DATABASE):
        """A libpq connection string."""
        return "host=%s dbname=%s user=%s" % (
            self.socket_directory, dbname, user)

    def connect(self, user=SUPERUSER, dbname=DATABASE, autocommit=True):
        connection = psycopg2.connect(self.conninfo(user, dbname))
        connection.autocommit = autocommit
        return connection

    def has_database(self, dbname=DATABASE):
        connection = self.connect(dbname="postgres")
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s",
                           (dbname,))
            found = cursor.fetchone() is not None
        connection.close()
        return found

    def create_database(self, dbname=DATABASE, owner=SUPERUSER):
        connection = self.connect(dbname="postgres")
        with connection.cursor() as cursor:
            cursor.execute('CREATE DATABASE "%s" OWNER "%s"' % (
                dbname, owner))
        connection.close()

    def migrate(self, dbname=DATABASE, create=True, last=None):
        """The migrations (up to number last), each in a transaction; each
        enters its own number in federation.schema_version."""
        if create:
            self.create_database(dbname)
        connection = self.connect(dbname=dbname, autocommit=False)
        for path in migrations():
            if last is not None and int(os.path.basename(path)[:4]) > last:
                break
            with open(path) as file, connection.cursor() as cursor:
                cursor.execute(file.read())
            connection.commit()
        connection.close()
