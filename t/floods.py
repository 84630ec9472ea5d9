#!/usr/bin/env python3
"""Floods: every report is a case with its clock; acknowledgments keep to their
budgets, delayed and never dropped, and staff get one digest."""
import os
import sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from tap import contains, equal, promise, run
from world import World, wait_for

# one worker: two may both find the last place in a budget, and send one notice more
w = World(workers=1, limits='acks_per_sender = 3; acks_in_total = 0; digest_after = "2s";')


@promise("the fourth report of one sender within the hour is a case; its acknowledgment waits its turn")
def _():
    for i in range(6):
        w.drop(w.report("alice", f"flood {i}", f"flood {i}"))
    w.start()
    wait_for(lambda: len(w.cases()) == 6, 30, "six cases")
    assert all(c["answer_due_at"] and len(c["deadlines"]) == 4 for c in w.cases())
    w.alice.wait_for_mails(3)
    waiting = [q for q in w.json("queue") if q["kind"] == "acknowledgment"]
    equal(len(waiting), 3)
    equal(w.sql("select bool_and(due_at between now() + interval '58 minutes' and now() + interval '61 minutes') "
                "from outbound where state = 'queued' and kind = 'acknowledgment'"), "t")


@promise("another sender is acknowledged at once")
def _():
    w.drop(w.report("bob", "not a flood", "not a flood"))
    w.bob.wait_for_mails(1)


@promise("staff get single notices within the budget and one digest of the rest")
def _():
    texts = []

    def digest():
        texts[:] = [w.sanne.open(m).text for m in w.sanne.mails()]
        return [t for t in texts if "ontvangstbevestigingen" in t]

    (text,) = wait_for(digest, 30, "digest")
    late = w.sql("select string_agg(c.number, ' ') from cases c join letters l on l.case_id = c.id join outbound o on "
                 "o.letter = l.id where o.state = 'queued'").split()
    equal(len(late), 3)
    for number in late:
        contains(text, number)
    equal(len(texts), 5, "letters to sanne")
    equal(w.sql("select count(*) from cases where deferred"), "0")


@promise("when their hour has come the delayed acknowledgments go out, each once")
def _():
    w.sql("update outbound set next_try_at = now(), due_at = now() where state = 'queued'")
    w.alice.wait_for_mails(6)
    equal(w.json("queue"), [])


@promise("what gets no acknowledgment floods nobody either")
def _():
    before, n = len(w.sanne.mails()), len(w.cases())
    for i in range(9):
        w.drop(f"From: m{i}@machines.example\r\nPrecedence: bulk\r\nSubject: flood of {i}\r\nMessage-ID: <m{i}@x>\r\n\r\n"
               f"flood of machines {i}\r\n".encode())
    wait_for(lambda: len(w.cases()) == n + 9, 30, "the cases")
    wait_for(lambda: w.sql("select count(*) from cases where deferred") == "0", 30, "the digest")
    equal(len(w.sanne.wait_for_mails(before + 4)), before + 4, "three notices and a digest")
    w.check_log("flood 1", "flood of", "alice@")


run()
