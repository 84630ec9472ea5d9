#!/usr/bin/env python3
"""Two daemons that know nothing of each other get into each other's mail, in clear and
sealed: each writes at most one letter to the other, and it is over."""
import os
import sys
import time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from tap import equal, promise, run
from world import DAEMON_USER, PEOPLE, Person, World, encrypted_message, run as sh, wait_for

PEOPLE["other"] = "other@example.com"
w = World(people=("security", "sanne", "joris", "alice"))
other = w.people["other"] = Person(w, "other", PEOPLE["other"], "new")


def second():
    """A daemon for the other mailbox, with database and keys of its own."""
    state = w.path("other-state")
    os.makedirs(state + "/gnupg", mode=0o700)
    home = Person.__new__(Person)
    home.home, home.world = state + "/gnupg", w
    home.gpg("--import", data=other.gpg("--export-secret-keys", other.fpr).stdout)
    home.gpg("--import", data=w.sanne.public_key())
    home.end_agent()
    sh("chown", "-R", DAEMON_USER, state)
    w.write("other.pw", "pw-other\n", 0o600)
    server = f'host = "localhost"; ca_file = "{w.dir}/tls/ca.pem"; user = "other"; password_file = "{w.dir}/other.pw";'
    return w.write("other.conf", f"""database = "embedded"; state_dir = "{state}"; user = "{DAEMON_USER}"; workers = 1;
mailboxes = ( {{ name = "other"; prefix = "OTH"; address = "{other.address}"; policy_url = "https://example.com"; key = "{other.fpr}";
  imap = {{ port = {w.imaps_port}; {server} }}; smtp = {{ port = {w.smtps_port}; {server} }}; }} );
staff = ( {{ name = "Sanne"; address = "sanne@example.org"; key = "{w.sanne.fpr}"; roles = [ "handler" ]; }} );""")


def between():
    """How many letters stand in each one's mailbox, read or not."""
    return [(w.folder_count("INBOX", user) or 0) + (w.folder_count("Processed", user) or 0) for user in ("security", "other")]


@promise("a forged report that names the other as sender is answered once, and the answer is not")
def _():
    global daemon
    w.security_fpr()
    w.start()
    daemon = w.start(conf=second())
    w.drop(b"From: Other <other@example.com>\r\nTo: security@example.org\r\nSubject: A hole\r\nMessage-ID: <f1@example.com>\r\n\r\n"
           b"A hole at https://example.org/x\r\n")
    wait_for(lambda: between() == [1, 1], 30, "the acknowledgment at the other")
    time.sleep(5)
    equal(between(), [1, 1])


@promise("so is one the other way round, sealed and with the forged sender's key")
def _():
    head = ["From: Team <security@example.org>", "To: other@example.com", "Subject: ...", "Message-ID: <f2@example.org>", "MIME-Version: 1.0"]
    w.alice.gpg("--import", data=other.public_key())
    inner = w.entity("A hole at https://example.com/y", "A hole", w.people["security"], ())
    armor = w.people["security"].gpg("--armor", "--recipient", other.fpr, "--encrypt", data=inner, check=False).stdout
    armor = armor or w.alice.gpg("--armor", "--recipient", other.fpr, "--encrypt", data=inner).stdout
    w.drop(encrypted_message(head, armor), user="other")
    wait_for(lambda: between() == [2, 2], 30, "the acknowledgment at the first")
    time.sleep(5)
    equal(between(), [2, 2])


@promise("no word of it is in any log")
def _():
    w.expected_warnings = ["acknowledgment"]
    daemon.terminate()
    daemon.wait(30)
    w.check_log("A hole at", "other@example.com")


run()
