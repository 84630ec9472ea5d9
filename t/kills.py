#!/usr/bin/env python3
"""Processes killed at any moment: every report one case and one
acknowledgment, whatever dies.  MELDPUNT_KILLS says how many reports (default
60; `make torture` takes more)."""
import collections
import os
import random
import signal
import sys
import threading
import time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from tap import equal, promise, run
from world import World, email, wait_for

N = int(os.environ.get("MELDPUNT_KILLS", "60"))
SEED = int(os.environ.get("MELDPUNT_SEED", "0")) or random.randrange(1 << 30)
random.seed(SEED)
w = World()
w.expected_warnings = ["ended by signal", "tried again", "IMAP: ", "database: ", "ended with status",
                       "the parser", "reader: ", "embedded database ended", "FATAL", "terminating", "SMTP: "]
killed = collections.Counter()


def kill_something(roles):
    # each in its turn, at random moments: chance alone may spare one
    role = min(roles, key=lambda r: (killed[r], random.random()))
    pids = w.processes(role)
    if pids:
        with_suppress_kill(random.choice(pids))
        killed[role] += 1


def with_suppress_kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def all_done(n):
    try:
        return w.sql("select count(*) from inbound where state <> 'new'") == str(n) and \
            w.sql("select count(*) from outbound where state not in ('sent', 'failed', 'unsure')") == "0"
    except AssertionError:
        return False


@promise(f"kill -9 of any process at random moments while {N} reports come in (seed {SEED})")
def _():
    w.start()
    reports = [w.report("alice", f"killed report {i}", f"report {i}") for i in range(N)]
    over = threading.Event()

    def shoot():
        while not over.is_set():
            time.sleep(random.uniform(0.02, 0.3))
            kill_something(["fetcher", "worker", "sender", "reader"])

    thread = threading.Thread(target=shoot, daemon=True)
    thread.start()
    for raw in reports:
        w.drop(raw)
        time.sleep(random.uniform(0, 0.05))
    wait_for(lambda: int(w.sql("select count(*) from inbound")) >= N, 300, "messages fetched")
    time.sleep(1)
    over.set()
    thread.join()
    wait_for(lambda: all_done(N), 300, "end of the work")
    print("# killed:", dict(killed))
    assert all(killed[r] for r in ("fetcher", "worker", "sender", "reader")), killed


@promise("kill -9 of the supervisor: a new daemon finishes the work")
def _():
    for i in range(3):
        w.drop(w.report("alice", f"orphan {i}", f"orphan {i}"))
        time.sleep(random.uniform(0.3, 0.9))
        w.daemon.kill()
        w.daemon.wait()
        w.start()
    wait_for(lambda: all_done(N + 3), 300, "end of the work")


@promise("afterwards there is one case and one acknowledgment for each report")
def _():
    cases = w.cases()
    titles = collections.Counter(c["title"] for c in cases)
    equal(len(cases), N + 3, "cases")
    equal(max(titles.values()), 1, "cases of one title")
    mails = [email.message_from_bytes(m) for m in w.alice.mails()]
    by_case = collections.defaultdict(set)
    for m in mails:
        by_case[m["Subject"]].add(m["Message-ID"])
    equal(len(by_case), N + 3, "acknowledged cases")
    equal({len(ids) for ids in by_case.values()}, {1}, "Message-IDs of one case's acknowledgments")
    print(f"# {len(mails) - len(by_case)} acknowledgments were repeated, {killed['sender']} senders killed")
    assert len(mails) - len(by_case) <= killed["sender"] + 3
    equal(w.json("quarantine", "list"), [])


@promise("nothing of any report is in any log")
def _():
    w.check_log("killed report", "orphan", "alice@")


run()
