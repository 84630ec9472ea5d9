#!/usr/bin/env python3
"""meldpunt doctor: what works is ok, what does not is named with what to do;
and answers to the reply address, which it proves, join their case."""
import json
import os
import subprocess
import sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from tap import contains, equal, promise, run
from world import BUILD, World, email, wait_for

w = World()
w.expected_warnings = ["IMAP", "ended with status"]
w.start()


def doctor(*args):
    done = w.meldpunt("doctor", "--json", *args, check=False)
    return done.returncode, {(d["check"]): d for d in json.loads(done.stdout)}


@promise("before that, no mail of ours has a reply address with a number")
def _():
    w.deliver(w.report("alice", "first"), "alice@example.net")
    mail = email.message_from_bytes(w.alice.wait_for_mails(1)[-1])
    equal(mail["Reply-To"], None)


@promise("all is well: every check says ok, both canaries come back, and no case is opened")
def _():
    status, found = doctor()
    for check in ("configuration", "imap vgz", "smtp vgz", "database", "clock", "disk", "key vgz",
                  "canary vgz", "reply-address vgz"):
        equal(found[check]["verdict"], "ok", check)
    assert status in (0, 1), found
    equal(len(w.cases()), 1)
    text = w.meldpunt("doctor", "--no-canary", check=False).stdout.decode()
    contains(text, "ok    key vgz")


@promise("from then on an answer to the reply address joins its case without any thread")
def _():
    w.deliver(w.report("alice", "second"), "alice@example.net")
    mail = email.message_from_bytes(w.alice.wait_for_mails(2)[-1])
    number = mail["Subject"].split("]")[0][1:]
    contains(mail["Reply-To"], "security+" + number)
    address = mail["Reply-To"]
    w.deliver(w.report("bob", "from elsewhere", "no thread").replace(
        b"To: security@example.org", b"To: " + address.lower().encode()), "bob@example.com", address.lower())
    case = wait_for(lambda: (c := w.case(number)) and "from elsewhere" in str(c["messages"]) and c, what="follow-up")
    equal(len(case["messages"]), 3)
    # a guessed code joins nothing
    before = len(w.cases())
    w.deliver(w.report("bob", "guessed", "x").replace(
        b"To: security@example.org", f"To: security+{number}.aaaaaaaaaaaaaaaa@example.org".encode()), "bob@example.com")
    wait_for(lambda: len(w.cases()) == before + 1, what="a case of its own")


@promise("a forged canary is an ordinary message")
def _():
    before = len(w.cases())
    mid = w.sql("select message_id from letters where kind = 'canary' limit 1")
    w.deliver(w.report("bob", "no canary", message_id=f"<{mid}>").replace(
        b"<bob@example.com>", b"<security@example.org>"), "bob@example.com")
    wait_for(lambda: len(w.cases()) == before + 1, what="a case")


@promise("metrics say what monitoring asks, and the plugin its verdict")
def _():
    text = w.meldpunt("metrics").stdout.decode()
    figures = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    equal(figures['meldpunt_open_cases{mailbox="vgz"}'], str(len(w.cases())))
    equal(figures['meldpunt_overdue_answers{mailbox="vgz"}'], "0")
    assert 0 <= int(figures['meldpunt_last_canary_seconds{mailbox="vgz"}']) < 120
    assert 0 <= int(figures['meldpunt_last_fetch_seconds{mailbox="vgz"}']) < 120
    assert int(figures['meldpunt_fetcher_starts_total{mailbox="vgz"}']) >= 1
    assert int(figures['meldpunt_worker_starts_total{mailbox=""}']) >= 2
    contains(text, "# TYPE meldpunt_sender_starts_total counter\n")
    w.sql("update mailboxes set key_expires_at = now() + interval '10 days'")
    contains(w.meldpunt("metrics").stdout.decode(), 'meldpunt_key_expires_seconds{mailbox="vgz"} 864')
    w.sql("update mailboxes set key_expires_at = null")
    for line in text.splitlines():
        assert line.startswith(("# HELP meldpunt_", "# TYPE meldpunt_", "meldpunt_")), line
    plugin = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "contrib", "monitoring", "check_meldpunt")

    def verdict():
        done = subprocess.run([plugin, "-c", w.conf_path], capture_output=True, text=True,
                              env=dict(os.environ, PATH=BUILD + ":" + os.environ["PATH"]))
        return done.returncode, done.stdout.split(" ")[0]
    equal(verdict(), (0, "OK"))
    w.sql("update cases set arrived_at = arrived_at - interval '9 days', answer_due_at = answer_due_at - interval '9 days'")
    equal(verdict(), (2, "CRITICAL"))


@promise("what is broken is named, with exit status 2")
def _():
    w.dovecot_down()
    status, found = doctor("--no-canary")
    equal((status, found["imap vgz"]["verdict"], found["smtp vgz"]["verdict"]), (2, "fail", "ok"))
    w.stop()
    with open(w.path("imap.pw"), "w") as f:
        f.write("wrong\n")
    status, found = doctor("--no-canary")
    equal((status, found["smtp vgz"]["verdict"]), (2, "fail"))


run()
