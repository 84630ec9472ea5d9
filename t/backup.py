#!/usr/bin/env python3
"""A machine burns down: from its backup and the mail server another one goes on,
and no report is lost or opened twice."""
import os
import shutil
import sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from tap import contains, equal, promise, run
from world import World, wait_for

w = World()
w.start()
w.security_fpr()
BACKUP = w.path("backup")


def reports(first, last):
    for i in range(first, last + 1):
        w.drop(w.report("alice", f"hole number {i}", f"Hole {i}"))
    wait_for(lambda: len(w.cases()) == last, 40, f"{last} cases")
    w.alice.wait_for_mails(last, 40)


@promise("a backup is made while the daemon works, and only into a new directory")
def _():
    reports(1, 3)
    text = w.meldpunt("backup", BACKUP).stdout.decode()
    contains(text, "configuration, keys and database")
    equal(sorted(os.listdir(BACKUP)), ["database.dump", "gnupg.tar", "meldpunt.conf"])
    equal(os.stat(BACKUP).st_mode & 0o777, 0o700)
    again = w.meldpunt("backup", BACKUP, check=False)
    equal(again.returncode, 78)
    contains(again.stderr.decode(), "is there already")
    for root, _, files in os.walk(BACKUP):
        for f in files:
            with open(os.path.join(root, f), "rb") as stream:
                assert b"hole number" not in stream.read() or f == "database.dump", f


@promise("an empty machine goes on from it: what was known is there, what came since is read from the mail server")
def _():
    reports(4, 5)
    numbers = {c["title"]: c["number"] for c in w.cases()}
    w.stop()
    shutil.rmtree(w.state)
    for root, dirs, files in os.walk(BACKUP):  # as root unpacks it there
        for f in dirs + files:
            os.chown(os.path.join(root, f), 0, 0)
    os.chown(BACKUP, 0, 0)
    text = w.meldpunt("restore", BACKUP).stdout.decode()
    contains(text, "database and keys: restored")
    contains(text, "messages back in INBOX")
    again = w.meldpunt("restore", BACKUP, check=False)
    equal(again.returncode, 78)
    contains(again.stderr.decode(), "empty")
    done = w.meldpunt("restore", BACKUP, "--mail-only").stdout.decode()  # may be done again
    contains(done, "0 messages back in INBOX")
    w.start()
    wait_for(lambda: len(w.cases()) == 5 and w.folder_count("INBOX") == 0, 40, "five cases")
    found = {c["title"]: c["number"] for c in w.cases()}
    equal(set(found), set(numbers))
    for title in ("Hole 1", "Hole 2", "Hole 3"):
        equal(found[title], numbers[title])
    known = set(numbers.values())
    for title in ("Hole 4", "Hole 5"):
        assert found[title] not in known, "a number that was told before stands for nothing else"
    wait_for(lambda: w.json("queue") == [], 40, "an empty queue")
    equal(len(w.alice.mails()), 7)


@promise("doctor is green there, and a thread from before the fire finds its case")
def _():
    doctor = w.meldpunt("doctor").stdout.decode()
    assert "fail" not in doctor and "warn" not in doctor, doctor
    first = w.alice.open(w.alice.mails()[0])
    w.deliver(w.answer("alice", w.alice.mails()[0], "more about hole number 1"), "alice@example.net")
    number = first.outer["Subject"].split("[")[1].split("]")[0]
    wait_for(lambda: sum(m["direction"] == "in" for m in w.case(number)["messages"]) == 2, what="the follow-up")
    equal(len(w.cases()), 5)


@promise("no word of it is in any log")
def _():
    w.check_log("hole number", "alice@")


run()
