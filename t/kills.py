#!/usr/bin/env python3
"""Processes killed at random moments: every report one case and one acknowledgment,
whatever dies.  MELDPUNT_KILLS says how many are killed, with as many reports
(default 60; `make torture` takes more)."""
import collections
import os
import random
import signal
import sys
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
ROLES = ("fetcher", "worker", "sender", "reader", "supervisor")
killed = collections.Counter()


def kill_something():
    """One of each in its turn: chance alone may spare one.  A killed role comes back with a growing delay."""
    for role in sorted(ROLES, key=lambda r: (killed[r] * (5 if r == "supervisor" else 1), random.random())):
        for pid in random.sample(found := w.processes(role), len(found)):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
            killed[role] += 1
            if role == "supervisor":
                w.daemon.wait()
                w.start(wait=False)
            return


def all_done(n):
    """The waits before a retry are made short."""
    w.sql("update inbound set next_try_at = least(next_try_at, now() + interval '1 second') where state = 'new';"
          " update outbound set next_try_at = least(next_try_at, now() + interval '1 second') where state = 'queued'")
    return w.sql("select (select count(*) from inbound where state <> 'new'),"
                 " (select count(*) from outbound where state not in ('sent', 'failed', 'unsure'))") == f"{n}|0"


def settle(n, seconds):
    def done():
        time.sleep(1)
        try:
            return all_done(n)
        except AssertionError:  # the database is being started
            return False
    wait_for(done, seconds, "end of the work")


@promise(f"kill -9 of any process at random moments, {N} times while {N} reports come in (seed {SEED})")
def _():
    w.start()
    for i in range(N):
        w.drop(w.report("alice", f"killed report {i}", f"report {i}"))
        time.sleep(random.uniform(0.02, 0.3))
        kill_something()
    while sum(killed.values()) < N:
        kill_something()
    settle(N, 300 + N // 4)
    print("# killed:", dict(killed))
    assert all(killed[r] for r in ROLES), killed


@promise("a message whose readers happened to be killed twice waits in quarantine, and a release makes up for it")
def _():
    waiting = w.json("quarantine", "list")
    for item in waiting:
        equal(item["reason"], "the parser died over it twice")
        assert killed["reader"] >= 2
        w.meldpunt("quarantine", "release", str(item["id"]))
    print(f"# {len(waiting)} were released")
    settle(N, 60 + len(waiting))


@promise("afterwards there is one case and one acknowledgment for each report")
def _():
    cases = w.cases()
    titles = collections.Counter(c["title"] for c in cases)
    equal(len(cases), N, "cases")
    equal(max(titles.values()), 1, "cases of one title")
    mails = [email.message_from_bytes(m) for m in w.alice.mails()]
    by_case = collections.defaultdict(set)
    for m in mails:
        by_case[m["Subject"]].add(m["Message-ID"])
    # whose sender was killed twice in the midst of it: nobody knows, and staff are told
    unsure = {q["case"] for q in w.json("queue") if (q["kind"], q["state"], q["attempts"]) == ("acknowledgment", "unsure", 2)}
    missing = {c["number"] for c in cases if not any(c["number"] in s for s in by_case)}
    assert missing <= unsure, missing - unsure
    print(f"# {len(unsure)} acknowledgments are unsure, {len(missing)} of them have not come")
    equal(len(by_case) + len(missing), N, "acknowledged cases")
    equal({len(ids) for ids in by_case.values()}, {1}, "Message-IDs of one case's acknowledgments")
    print(f"# {len(mails) - len(by_case)} acknowledgments were repeated, {killed['sender']} senders killed")
    assert len(mails) - len(by_case) <= killed["sender"] + killed["supervisor"]
    equal(w.json("quarantine", "list"), [])


@promise("nothing of any report is in any log")
def _():
    w.check_log("killed report", "alice@")


run()
