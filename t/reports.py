#!/usr/bin/env python3
"""Delivery reports find their letter, and no machine is ever answered."""
import glob
import os
import sys
import uuid
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from tap import contains, equal, promise, run
from world import TOP, World, email, wait_for

CORPUS = os.path.join(TOP, "t", "corpus")
w = World()
w.start()


def corpus(folder):
    return [(os.path.basename(f)[:-4], f) for f in sorted(glob.glob(os.path.join(CORPUS, folder, "*.eml")))]


def fill(file, letter="nothing@example.org", recipient="alice@example.net", number="VGZ-2026-9999"):
    new = f"{uuid.uuid4()}@example.net"
    with open(file) as f:
        text = f.read()
    for mark, value in (("@ID@", letter), ("@RCPT@", recipient), ("@NUMBER@", number), ("@NEW@", new),
                        ("@DATE@", email.utils.formatdate())):
        text = text.replace(mark, value)
    return new, text.replace("\n", "\r\n").encode()


def handled(mid):
    row = wait_for(lambda: w.sql("select state || ' ' || outcome || ' ' || coalesce(i.case_id, 0) from inbound i"
                                 " where id = (select max(id) from inbound) and state <> 'new'"
                                 f" and (select count(*) from inbound) = {handled.n}"), what="the message to be handled")
    return row.split()


handled.n = 0


def drop(raw):
    handled.n += 1
    w.drop(raw)
    return handled(None)


def letter_to_alice():
    """A case of alice and the Message-ID of its acknowledgment."""
    before = len(w.alice.mails())
    w.deliver(w.report("alice", f"hole {uuid.uuid4()}"), "alice@example.net")
    handled.n += 1
    mid = email.message_from_bytes(w.alice.wait_for_mails(before + 1)[-1])["Message-ID"].strip("<>")
    number = wait_for(lambda: w.sql(f"select c.number from letters l join cases c on c.id = l.case_id"
                                    f" join outbound o on o.letter = l.id and o.state = 'sent' where l.message_id = '{mid}'"),
                      what="the letter to be settled")
    return mid, number


def expect(name, file):
    failure = not name.startswith("ok-")

    @promise(f"{name}: tied to its letter, " + ("which has failed" if failure else "which has not failed"))
    def _():
        mid, number = letter_to_alice()
        equal(drop(fill(file, mid, number=number)[1])[:2], ["done", "delivery-report"])
        equal(w.sql(f"select o.state from outbound o join letters l on l.id = o.letter where message_id = '{mid}'"),
              "failed" if failure else "sent")
        assert ("letter-failed" in str(w.case(number)["deadlines"])) is False
        contains(str(w.case(number)["events"]), "delivery-report")


for row in corpus("reports"):
    expect(*row)


def silent(name, file):
    @promise(f"{name}: no automatic answer, and not lost")
    def _():
        mid, number = letter_to_alice()
        acks = w.sql("select count(*) from outbound where kind = 'acknowledgment'")
        state, outcome, case_id = drop(fill(file, mid, number=number)[1])
        with open(file) as f:
            equal((state, outcome), ("done", "note" if "@ID@" in f.read() else "case"))
        assert case_id != "0"
        equal(w.sql("select count(*) from outbound where kind = 'acknowledgment'"), acks)


for row in corpus("automatic"):
    silent(*row)


@promise("of a letter to several only the recipient that is named has not got it, and counts as away")
def _():
    mid, number = letter_to_alice()
    notice = email.message_from_bytes(w.joris.mails()[-1])["Message-ID"].strip("<>")
    wait_for(lambda: w.sql(f"select count(*) from outbound o join letters l on l.id = o.letter"
                           f" where message_id = '{notice}' and o.state = 'sent'") == "2", what="both")
    drop(fill(os.path.join(CORPUS, "reports", "postfix.eml"), notice, "joris@example.org", number)[1])
    equal(w.sql(f"select recipient from outbound o join letters l on l.id = o.letter"
                f" where message_id = '{notice}' and o.state = 'failed'"), "joris@example.org")
    equal(w.sql("select string_agg(address, ' ') from bouncing() where address like '%example.org'"), "joris@example.org")
    # a day without another ends it
    w.sql("update outbound set failed_at = failed_at - interval '25 hours' where failed_at is not null")
    equal(w.sql("select count(*) from bouncing()"), "0")


@promise("a letter's bounce address alone ties a report to it")
def _():
    w.sql("update mailboxes set subaddress_seen_at = now()")
    mid, number = letter_to_alice()
    address = wait_for(lambda: w.sql(f"select envelope_from from outbound o join letters l on l.id = o.letter"
                                     f" where case_id = (select id from cases where number = '{number}')"
                                     " and envelope_from like '%+bounce.%' limit 1"), what="a bounce address")
    token = address.split(".")[1]
    raw = (f"Return-Path: <>\r\nFrom: MAILER-DAEMON@x.example\r\nTo: {address}\r\nSubject: Returned mail\r\n"
           f"Message-ID: <{uuid.uuid4()}@x>\r\nDate: {email.utils.formatdate()}\r\n\r\nNo such user.\r\n").encode()
    equal(drop(raw)[:2], ["done", "delivery-report"])
    contains(w.sql(f"select string_agg(o.state, ' ') from outbound o join letters l on l.id = o.letter"
                   f" where left(message_id, 16) = '{token}'"), "failed")
    # a forged one is a stranger's case
    forged = address.split("@")[0][:-1] + ("a" if address.split("@")[0][-1] != "a" else "b") + "@example.org"
    equal(drop(raw.replace(address.encode(), forged.encode()).replace(b"x.example", b"y.example"))[:2], ["done", "case"])


@promise("no word of it is in any log")
def _():
    w.check_log("hole", "alice", "joris")


run()
