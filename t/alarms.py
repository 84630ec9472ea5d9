#!/usr/bin/env python3
"""Operators hear what has been failing, also when the database, the mail server or
a key is what fails, and hear when it works again."""
import email
import os
import subprocess
import sys
import time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from tap import contains, equal, promise, run
from world import World, wait_for

w = World(database="server", limits='acks_per_sender = 0; acks_in_total = 0; openpgp_time = "2s"; network_time = "3s";')
TOLD = w.path("told")
w.write("told", "", 0o666)
w.write_conf(conf=f"""alarms = {{ after = "2s"; addresses = [ "bob@example.com" ];
  command = "echo $MELDPUNT_STATE $MELDPUNT_WHAT $MELDPUNT_NAME: $MELDPUNT_ALARM >> {TOLD}"; }};""")
w.expected_warnings = ["database: ", "IMAP: ", "SMTP: ", "connecting to localhost", "ended with status", "OpenPGP",
                       "tried again later", "SMTP server", "FATAL", "LOG:", "alarm: ", "mail server"]
w.meldpunt("migrate", "--as=postgres")
w.start()
w.security_fpr()
bob = w.people["bob"]


def told():
    with open(TOLD, encoding="utf-8") as f:
        return f.read().splitlines()


def subjects():
    return [str(email.header.make_header(email.header.decode_header(
        email.message_from_bytes(m)["Subject"]))).split(": ", 1)[1] for m in bob.mails()]


def trouble(down, up, line, words, mail_while_down=True):
    """It fails, is told once by both ways, works again, and that is told."""
    lines, mails = len(told()), len(bob.mails())
    down()
    wait_for(lambda: len(told()) > lines, 20, "the command")
    equal(told()[lines:], [f"failing {line}"])
    if mail_while_down:
        bob.wait_for_mails(mails + 1, 20)
        equal(subjects()[mails:], [words])
    time.sleep(3)
    equal(len(told()), lines + 1, "it is told once")
    up()
    wait_for(lambda: len(told()) > lines + 1, 150, "the command")
    equal(told()[lines + 1:], [f"recovered {line}"])
    bob.wait_for_mails(mails + 2, 60)
    equal(subjects()[mails:], [words, "voorbij: " + words])


@promise("the database is away: operators are mailed without it, and again when it is back")
def _():
    trouble(w.postgres_down, w.postgres_up, "database : the database cannot be reached",
            "de database is niet bereikbaar")


@promise("the mail says since when and what to do, is content-free, and comes from no person")
def _():
    mail = email.message_from_bytes(bob.mails()[0])
    text = mail.get_payload(decode=True).decode()
    contains(text, "Dat is zo sinds ")
    contains(text, "meldpunt doctor")
    equal((mail["Auto-Submitted"], mail["To"], mail["Return-Path"]), ("auto-generated", "bob@example.com", "<>"))


@promise("the mailbox cannot be read")
def _():
    def up():
        w.dovecot_up()  # it delivers the operators' mail as well, which Postfix has kept
        wait_for(lambda: w.is_open(w.imaps_port))
        subprocess.run(["postqueue", "-c", w.path("pf/etc"), "-f"], check=True)
    trouble(w.dovecot_down, up, "imap vgz: mailbox vgz cannot be read",
            "mailbox vgz kan niet gelezen worden", mail_while_down=False)


@promise("the mail server takes nothing: the command tells at once, the mail as soon as it can")
def _():
    def down():
        w.postfix_down()
        w.drop(w.report("alice", "words of a report", "title of a report"))
    trouble(down, w.postfix_up, "smtp vgz: mailbox vgz cannot send", "mailbox vgz kan niet verzenden",
            mail_while_down=False)
    w.alice.wait_for_mails(1, 60)


@promise("the mailbox's key cannot be used")
def _():
    secret = w.state + "/gnupg/private-keys-v1.d"

    def down():
        os.rename(secret, secret + ".away")
        w.drop(w.report("alice", "words of a report", "title of a report"))

    def up():  # the next use tells that it works
        os.rename(secret + ".away", secret)
        w.drop(w.report("alice", "words of a report", "title of a report"))
    fpr = w.people["security"].fpr
    trouble(down, up, f"key {fpr}: key {fpr} cannot be used",
            f"sleutel {fpr} is niet bruikbaar")


@promise("no word of a report is in an alarm")
def _():
    for mail in bob.mails():
        for word in (b"words of a report", b"title of a report", b"alice"):
            assert word not in email.message_from_bytes(mail).as_bytes(), word
    w.stop()
    w.check_log("words of a report", "title of a report")


run()
