#!/usr/bin/env python3
"""The primary of a replicated PostgreSQL dies and its standby takes over:
nothing is lost, nothing happens twice."""
import os
import shutil
import signal
import subprocess
import sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from tap import equal, promise, run
from world import PG_BIN, World, free_ports, run as sh, wait_for

REPORTS = int(os.environ.get("MELDPUNT_REPORTS", "30"))
AS_PG = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
w = World("server")
w.expected_warnings = ["database", "tried again", "no connection", "ended with status", "a deadline", "waiting"]
w.meldpunt("migrate", "--as=postgres")
(standby_port,) = free_ports(1)
standby = w.path("pg") + "/standby"


def start_standby():
    """A copy that follows the primary; the primary waits for it at every commit."""
    sh(*AS_PG, PG_BIN + "/pg_basebackup", "-h", w.path("pg"), "-p", str(w.pg_port), "-U", "postgres", "-D", standby, "-R",
       "-X", "stream", "-C", "-S", "standby", cwd="/")
    log = open(standby + ".log", "ab")
    proc = subprocess.Popen([*AS_PG, PG_BIN + "/postgres", "-D", standby, "-k", w.path("pg"), "-p", str(standby_port),
                             "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=60"],
                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/")
    w.pids.append(proc)
    w.sql("alter system set synchronous_standby_names = '*'")
    w.sql("select pg_reload_conf()")
    wait_for(lambda: w.sql("select count(*) from pg_stat_replication where sync_state = 'sync'") == "1", what="the standby")


@promise("the daemon finds the new primary by its string of two hosts")
def _():
    start_standby()
    with open(w.conf_path) as f:
        conf = f.read()
    w.write("meldpunt.conf", conf.replace(w.conninfo, f"host=127.0.0.1,127.0.0.1 port={w.pg_port},{standby_port} dbname=postgres "
                                          "target_session_attrs=read-write connect_timeout=5"))
    w.start()
    for i in range(REPORTS):
        w.drop(w.report("alice", f"hole number {i}", f"number {i}"))
    wait_for(lambda: int(w.sql("select count(*) from cases")) >= REPORTS // 3, 60, "the first cases")
    # a step is due in the middle of it all
    w.sql("update deadlines set fires_at = now() + interval '2 seconds' where step = 'owner' and case_id <= 3")
    w.postgres_down(signal.SIGQUIT)
    sh(*AS_PG, PG_BIN + "/pg_ctl", "promote", "-D", standby, "-w", cwd="/")
    w.pg_port = standby_port
    w.sql("alter system set synchronous_standby_names = ''")
    w.sql("select pg_reload_conf()")
    wait_for(lambda: w.sql("select count(*) from cases") == str(REPORTS), 120, "all cases")
    wait_for(lambda: w.json("queue") == [], 120, "an empty queue")


@promise("as many cases and acknowledgments as reports, and the step fired once")
def _():
    equal(w.sql("select count(*), count(distinct inbound) from cases"), f"{REPORTS}|{REPORTS}")
    acks = [m for m in w.alice.mails()]
    ids = {w.alice.open(m).outer["Message-ID"] for m in acks}
    equal(len(ids), REPORTS)
    assert len(acks) <= REPORTS + 1, "at most the one in flight is repeated, with its Message-ID"
    wait_for(lambda: w.sql("select count(*) from deadlines where step = 'owner' and fired_at is not null") == "3", what="the steps")
    equal(w.sql("select count(*) from events where what = 'deadline' and detail = 'answer owner'"), "3")
    equal(w.sql("select count(*) from letters where kind = 'escalation'"), "3")


@promise("no word of it is in any log")
def _():
    w.stop()
    w.check_log("hole number", "alice@")
    shutil.rmtree(standby, ignore_errors=True)


run()
