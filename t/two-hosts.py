#!/usr/bin/env python3
"""Two daemons share one database and one mailbox, as on two hosts.  One dies at once,
with all its processes, in the midst of work: the other takes over within ten
seconds, and as many cases and acknowledgments come out as reports went in."""
import contextlib
import os
import shutil
import signal
import sys
import time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from tap import equal, promise, run
from world import World, run as sh, wait_for

REPORTS = int(os.environ.get("MELDPUNT_REPORTS", "40"))
w = World("server")
w.expected_warnings = ["database", "tried again", "no connection", "ended with status"]
w.meldpunt("migrate", "--as=postgres")
sent = 0


def second_host():
    """Another state directory with the same keys and logins."""
    state = w.path("state2")
    sh("cp", "-a", w.state, state)
    with open(w.conf_path) as f:
        w.write("second.conf", f.read().replace(w.state, state))
    return w.path("second.conf")


def family(pid):
    """A process and all that descend from it."""
    found = [pid]
    for child in sh("pgrep", "-P", str(pid), check=False).stdout.split():
        found += family(int(child))
    return found


def drop(count):
    global sent
    for i in range(count):
        w.drop(w.report("alice", f"hole number {sent + i}", f"number {sent + i}"))
    sent += count


def cases():
    return int(w.sql("select count(*) from cases"))


@promise("the second stands by at the mailbox, and shares all other work")
def _():
    w.security_fpr()
    global first, second
    first = w.start()
    second = w.start(conf=second_host())
    wait_for(lambda: "standing by" in w.log(), 10, "the standby")
    drop(6)
    wait_for(lambda: cases() == 6, 30, "six cases")


@promise("the first dies with all its processes: within 10 s the other reads the mailbox")
def _():
    drop(REPORTS - 12)
    wait_for(lambda: cases() >= REPORTS // 3, 60, "a third of the cases")
    for pid in family(first.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    drop(6)
    end = time.monotonic() + 10
    wait_for(lambda: w.folder_count("INBOX") == 0, 10 + REPORTS // 10, "an empty INBOX")
    print(f"# the mailbox was empty {time.monotonic() - end + 10:.1f} s after the kill")
    first.wait()
    wait_for(lambda: cases() == REPORTS, 60 + REPORTS, "all cases")
    wait_for(lambda: w.json("queue") == [], 60 + REPORTS, "an empty queue")


@promise("as many cases and acknowledgments as reports")
def _():
    equal(w.sql("select count(*), count(distinct inbound) from cases"), f"{REPORTS}|{REPORTS}")
    acks = w.alice.mails()
    ids = {w.alice.open(m).outer["Message-ID"] for m in acks}
    equal(len(ids), REPORTS)
    assert len(acks) <= REPORTS + 1, "at most the one in flight is repeated, with its Message-ID"


@promise("no word of it is in any log")
def _():
    second.terminate()
    second.wait(30)
    w.check_log("hole number", "alice@")
    shutil.rmtree(w.path("state2"))


run()
