#!/usr/bin/env python3
"""The database: roles that reach only what is theirs, constraints that hold,
migrations, and an embedded cluster that comes and goes."""
import json
import os
import re
import signal
import subprocess
import sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from tap import contains, equal, promise, run
from world import World, wait_for

w = World(database="server")
e = World(people=("security", "sanne", "joris", "alice"))
w.expected_warnings = e.expected_warnings = ["schema", "PostgreSQL", "ended by signal", "ended with status", "database",
                                             "FATAL", "user"]


def as_role(role, sql):
    """What a role's login gets for a statement: (True, output) or (False, message)."""
    with open(w.state + "/database.passwords") as f:
        password = re.search(rf"^{role} (\S+)", f.read(), re.M).group(1)
    done = subprocess.run(["psql", "-h", "127.0.0.1", "-p", str(w.pg_port), "-U", "meldpunt_" + role, "-d", "postgres",
                           "-qAtX", "-v", "ON_ERROR_STOP=1", "-c", sql], capture_output=True, text=True, cwd="/",
                          env=dict(os.environ, PGPASSWORD=password))
    return done.returncode == 0, done.stdout.strip() or done.stderr.strip()


def refused(role, sql):
    good, text = as_role(role, sql)
    assert not good and "permission denied" in text, f"{role} may {sql}: {text}"


@promise("a daemon without its schema exits 78 and says what to do")
def _():
    w.start(wait=False).wait(30)
    equal(w.daemon.returncode, 78)
    contains(w.log(), 'run "meldpunt migrate"')


@promise("migrate says what it would do, does it, and can be run again")
def _():
    contains(w.meldpunt("migrate", "--as=postgres", "--dry-run").stdout.decode(), "would apply 001-base.sql")
    equal(w.sql("select to_regclass('meldpunt.cases')"), "")
    contains(w.meldpunt("migrate", "--as=postgres").stdout.decode(), "schema version")
    w.meldpunt("migrate", "--as=postgres")


@promise("check, migrate and config speak JSON as well, also of faults")
def _():
    def spoken(*argv, status=0):
        done = w.meldpunt(*argv, "--json", check=False)
        equal(done.returncode, status)
        return json.loads(done.stdout)

    equal({k: v for k, v in spoken("check").items() if k != "warnings"}, {"configuration": w.conf_path, "faults": []})
    equal(spoken("migrate", "--as=postgres", "--dry-run")["missing"], [])
    assert spoken("migrate", "--as=postgres")["schema_version"] > 10
    equal(spoken("config", "get", "mailboxes.prefix"), ["VGZ"])
    equal(spoken("config")["mailboxes.vgz.address"], "security@example.org")
    assert any(o["name"] == "limits.message" and o["default"] == '"30M"' for o in spoken("config", "--options"))
    with open(w.conf_path) as f:
        good = f.read()
    w.write("meldpunt.conf", good + "wrokers = 3;\nstaate_dir = 1;\n")
    equal(len(spoken("check", status=78)["faults"]), 2)
    w.write("meldpunt.conf", good)


@promise("passwords are kept as SCRAM verifiers, and differ")
def _():
    equal(w.sql("select count(distinct rolpassword), bool_and(rolpassword like 'SCRAM-SHA-256$%') from pg_authid "
                "where rolname like 'meldpunt%'"), "4|t")
    equal(os.stat(w.state + "/database.passwords").st_mode & 0o777, 0o600)


@promise("the fetcher reaches no case, no letter and no reporter")
def _():
    for table in ("cases", "messages", "letters", "outbound", "mac_keys", "meldpunt_private.reporters", "attachments"):
        refused("fetcher", f"select * from {table if '.' in table else 'meldpunt.' + table}")
    refused("fetcher", "select blob, sha256 from meldpunt.inbound")
    refused("fetcher", "select bytes from meldpunt.blobs")
    refused("fetcher", "update meldpunt.inbound set state = 'done'")
    refused("fetcher", "delete from meldpunt.inbound")


@promise("the sender reaches nothing but its functions")
def _():
    for table in ("cases", "messages", "letters", "outbound", "blobs", "inbound", "mac_keys", "events"):
        refused("sender", f"select * from meldpunt.{table}")
    refused("sender", "select meldpunt.case_json(1, true)")
    refused("sender", "select meldpunt.number_reserve(1, 'UTC')")
    equal(as_role("sender", "select meldpunt.outbound_recover(1::smallint)")[0], True)


@promise("nobody changes or deletes what happened, and nobody is anybody else")
def _():
    for role in ("fetcher", "worker", "sender", "admin"):
        refused(role, "update meldpunt.events set what = 'x'")
        refused(role, "delete from meldpunt.events")
        refused(role, "set role postgres")
        refused(role, "insert into meldpunt.migrations values (99, 'x')")
        good, text = as_role(role, "copy (select 1) to program 'true'")
        assert not good, role
    refused("worker", "update meldpunt.mac_keys set key = key")


@promise("rules that a reader must be able to trust are constraints")
def _():
    w.start()
    w.drop(w.report("alice", "constrained", "constrained"))
    wait_for(lambda: len(w.cases()) == 1, what="case")
    w.stop()
    for sql, name in (("update cases set answered_at = now()", "no answer was sent"),
                      ("update cases set state = 'closed'", "cases_check"),
                      ("update cases set severity = 'huge'", "severity"),
                      ("insert into cases select * from cases", ""),
                      ("update inbound set state = 'quarantined'", "inbound_check"),
                      ("delete from events", "append-only"), ("truncate events", "append-only"),
                      ("update blobs set bytes = repeat('x', 1048577)::bytea", "blobs")):
        try:
            w.sql(sql)
        except AssertionError as error:
            contains(str(error), name)
        else:
            raise AssertionError(f"accepted: {sql}")
    w.sql("update cases set state = 'closed', closed_at = now(), resolution = 'withdrawn', withdrawn_at = now()")
    w.sql("update cases set answered_at = now()")


@promise("a schema changed under the running daemon makes it stop with 78 and claim nothing")
def _():
    w.start()
    w.sql("insert into migrations (version, name) values (999, 'from the future')")
    w.drop(w.report("alice", "not for us", "not for us"))
    w.daemon.wait(30)
    equal(w.daemon.returncode, 78)
    equal(len(w.sql("select id from cases").split()), 1)
    w.daemon = None
    w.sql("delete from migrations where version = 999")
    w.start()
    wait_for(lambda: len(w.cases()) == 2, what="case")
    w.stop()


@promise("a string that names a user works, with a warning that roles are not separated")
def _():
    w.write_conf()
    with open(w.conf_path) as f:
        text = f.read()
    with open(w.conf_path, "w") as f:
        f.write(text.replace("dbname=postgres", "dbname=postgres user=postgres"))
    contains(w.meldpunt("check").stdout.decode(), "roles are not separated")
    w.start()
    w.drop(w.report("alice", "one user", "one user"))
    wait_for(lambda: len(w.cases()) == 3, what="case")
    w.stop()


@promise("the embedded database is made at the first start, listens on no port, and its socket is private")
def _():
    e.start()
    e.drop(e.report("alice", "embedded", "embedded"))
    wait_for(lambda: len(e.cases()) == 1, what="case")
    equal(e.sql("show listen_addresses"), "")
    equal(e.sql("show fsync") + e.sql("show synchronous_commit") + e.sql("show full_page_writes"), "ononon")
    equal(e.sql("show log_min_messages") + e.sql("show log_error_verbosity"), "fatalterse")
    equal(os.stat(e.state + "/socket").st_mode & 0o777, 0o700)
    contains(e.sql("select string_agg(auth_method, ' ') from pg_hba_file_rules"), "scram-sha-256")
    assert "trust" not in e.sql("select string_agg(auth_method, ' ') from pg_hba_file_rules")


def postmaster():
    with open(e.state + "/database/postmaster.pid") as f:
        return int(f.readline())


@promise("the embedded database killed: it is started again and the work goes on")
def _():
    os.kill(postmaster(), signal.SIGKILL)
    e.drop(e.report("alice", "after the kill", "after the kill"))
    wait_for(lambda: os.path.exists(e.state + "/database/postmaster.pid"), what="postmaster")
    wait_for(lambda: len(e.alice.mails()) == 2, 40, what="acknowledgment")


@promise("stopped, it is cleanly shut down; a command starts it for itself, two commands share it")
def _():
    e.stop()
    out = subprocess.run(["/usr/lib/postgresql/15/bin/pg_controldata", e.state + "/database"], capture_output=True,
                         text=True).stdout
    contains(out, "shut down")
    both = [subprocess.Popen([os.path.join(os.environ.get("MELDPUNT_BUILD", "."), "meldpunt"), "-c", e.conf_path,
                              "cases", "--json"], stdout=subprocess.PIPE, cwd=os.getcwd()) for _ in range(4)]
    for p in both:
        contains(p.communicate(timeout=60)[0].decode(), "VGZ-20")
        equal(p.returncode, 0)
    assert not os.path.exists(e.state + "/database/postmaster.pid")


@promise("data of another PostgreSQL is refused with 78 and the way out")
def _():
    path = e.state + "/database/PG_VERSION"
    with open(path) as f:
        version = f.read()
    with open(path, "w") as f:
        f.write("13\n")
    e.start(wait=False).wait(30)
    equal(e.daemon.returncode, 78)
    contains(e.log(), "meldpunt upgrade-database")
    with open(path, "w") as f:
        f.write(version)


@promise("upgrade-database takes all cases along, and leaves the old data")
def _():
    before = e.cases()
    contains(e.meldpunt("upgrade-database").stdout.decode(), "nothing to do")
    contains(e.meldpunt("upgrade-database", "--force").stdout.decode(), "upgraded from")
    equal(e.cases(), before)
    assert any(re.match(r"database\.\d+\.", name) for name in os.listdir(e.state))
    e.start()
    e.drop(e.report("alice", "after the upgrade", "after the upgrade"))
    wait_for(lambda: len(e.cases()) == len(before) + 1, what="case")
    equal(e.meldpunt("upgrade-database", "--force", check=False).returncode, 75)
    e.stop()


run()
