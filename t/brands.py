#!/usr/bin/env python3
"""One daemon serves eight mailboxes: each with its own prefix, key, words, policy and
staff, and nothing of one reaches the other's people."""
import os
import signal
import sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from tap import contains, equal, promise, run
from world import DAEMON_USER, PEOPLE, Person, World, encrypted_message, run as sh, wait_for

BRANDS = [f"brand{i}" for i in range(1, 9)]
PEOPLE.update({name: f"{name}@example.org" for name in BRANDS})
w = World(people=("security", "sanne", "joris", "alice"))
w.expected_warnings = ["mailbox brand8 is not configured: "]
STAFF = {name: "sanne" if i < 4 else "joris" for i, name in enumerate(BRANDS)}
HOME = w.state + "/gnupg"


def mailbox(name):
    number = name[-1]
    server = f'host = "localhost"; ca_file = "{w.dir}/tls/ca.pem"; user = "{name}"; password_file = "{w.dir}/{name}.pw";'
    return f"""{{ name = "{name}"; prefix = "B{number}"; address = "{PEOPLE[name]}"; display_name = "Team {number}";
  policy_url = "https://{name}.example.org/policy"; key = "{w.people[name].fpr}"; templates = "{w.dir}/words-{name}";
  imap = {{ port = {w.imaps_port}; {server} }}; smtp = {{ port = {w.smtps_port}; {server} }}; }}"""


def configure(names):
    staff = ", ".join(f'{{ name = "{p.title()}"; address = "{PEOPLE[p]}"; key = "{w.people[p].fpr}"; roles = [ "handler", "lead" ];'
                      f' mailboxes = [ {", ".join(chr(34) + n + chr(34) for n in names if STAFF[n] == p)} ]; }}'
                      for p in ("sanne", "joris"))
    w.write("meldpunt.conf", f"""database = "embedded"; state_dir = "{w.state}"; user = "{DAEMON_USER}"; workers = 2;
limits = {{ acks_per_sender = 0; acks_in_total = 0; }};
mailboxes = ( {", ".join(map(mailbox, names))} ); staff = ( {staff} );""")


def report(name, text):
    head = [f"From: Alice <{PEOPLE['alice']}>", f"To: {PEOPLE[name]}", "Subject: ...", f"Message-ID: <{hash(text)}@example.net>",
            "MIME-Version: 1.0"]
    inner = w.entity(text, text, w.alice, ())
    armor = w.alice.gpg("--armor", "--sign", "--encrypt", "--recipient", w.people[name].fpr, data=inner).stdout
    return encrypted_message(head, armor)


def acknowledgments():
    """The newest acknowledgment of each mailbox, by its address."""
    mails = [w.alice.open(m) for m in w.alice.mails()]
    return {m.outer["From"].addresses[0].addr_spec: m for m in mails}


@promise("eight mailboxes are set up, and each has its fetcher and its sender")
def _():
    for name in BRANDS:
        person = w.people[name] = Person(w, name, PEOPLE[name], "new")
        secret = person.gpg("--export-secret-keys", person.fpr).stdout
        sh("setpriv", "--reuid", DAEMON_USER, "--clear-groups", "gpg", "--homedir", HOME, "--batch", "--import",
           input=secret, stdin=None, cwd="/")
        w.alice.gpg("--import", data=person.public_key())
        for staff in ("sanne", "joris"):
            w.people[staff].gpg("--import", data=person.public_key())
        w.write(name + ".pw", f"pw-{name}\n", 0o600)
        for language in ("nl", "en"):
            w.write(f"words-{name}/{language}/how-sealed.txt", f"These words are {name}'s own.\n")
    sh("gpgconf", "--homedir", HOME, "--kill", "gpg-agent")
    configure(BRANDS)
    equal(w.meldpunt("check", check=False).stdout.decode().count("fault"), 0)
    w.start()
    wait_for(lambda: len(w.processes("fetcher")) == len(w.processes("sender")) == 8, what="eight of each")


@promise("each acknowledges with its own number, name, key, policy and words, and tells its own staff alone")
def _():
    for name in BRANDS:
        w.drop(report(name, f"a hole at {name}"), user=name)
    wait_for(lambda: len(acknowledgments()) == 8, 60, "eight acknowledgments")
    for name in BRANDS:
        number = f"B{name[-1]}-2026-0001"
        ack = acknowledgments()[PEOPLE[name]]
        assert ack.encrypted and f"VALIDSIG {w.people[name].fpr}" in ack.status, ack.status
        equal(str(ack.outer["From"]), f"Team {name[-1]} <{PEOPLE[name]}>")
        for words in (number, f"https://{name}.example.org/policy", f"These words are {name}'s own."):
            contains(ack.text, words)
        for other in BRANDS:
            assert other == name or other not in ack.text, (name, other)
    for staff in ("sanne", "joris"):
        mine = [n for n in BRANDS if STAFF[n] == staff]
        mails = w.people[staff].wait_for_mails(len(mine))
        equal(sorted(w.people[staff].open(m).outer["From"].addresses[0].addr_spec for m in mails),
              [PEOPLE[n] for n in mine])


@promise("a case is known at its own mailbox only: what names it elsewhere is another case")
def _():
    w.drop(report("brand2", "more about B1-2026-0001"), user="brand2")
    wait_for(lambda: len(w.cases()) == 9, 40, "a ninth case")
    equal([c["mailbox"] for c in w.cases() if c["number"] == "B2-2026-0002"], ["brand2"])


@promise("staff of one mailbox have no say at another")
def _():
    mail = w.people["sanne"].open(w.people["sanne"].mails()[0])
    head = [f"From: Sanne <{PEOPLE['sanne']}>", f"To: {PEOPLE['brand8']}", "Subject: ...", "Message-ID: <order1@example.org>",
            "MIME-Version: 1.0"]
    inner = w.entity("case B8-2026-0001\nseverity high\n", "order", None, ())
    armor = w.people["sanne"].gpg("--armor", "--sign", "--encrypt", "--recipient", w.people["brand8"].fpr, data=inner).stdout
    assert mail.encrypted
    w.drop(encrypted_message(head, armor), user="brand8")
    wait_for(lambda: w.folder_count("INBOX", "brand8") == 0 and
             w.sql("select count(*) from inbound where state = 'new'") == "0", 40, "the end of work")
    equal(w.case("B8-2026-0001")["severity"], None)


@promise("a reload that takes a mailbox away and renames another loses nothing on the way")
def _():
    before = len(w.cases())
    for i in range(3):
        for name in BRANDS[:7]:
            w.drop(report(name, f"hole {i} during the reload at {name}"), user=name)
        if i == 1:
            configure(BRANDS[:7])
            with open(w.conf_path) as f:
                w.write("meldpunt.conf", f.read().replace('"Team 7"', '"The Seventh"'))
            w.daemon.send_signal(signal.SIGHUP)
    wait_for(lambda: len(w.cases()) == before + 21, 90, "21 cases more")
    wait_for(lambda: w.json("queue") == [], 60, "an empty queue")
    equal(len(w.processes("fetcher")), 7)
    w.drop(report("brand7", "hole after the reload"), user="brand7")
    wait_for(lambda: len(w.cases()) == before + 22, 40, "a case after the reload")
    wait_for(lambda: str(acknowledgments()[PEOPLE["brand7"]].outer["From"]).startswith("The Seventh"), 20, "the new name")


@promise("no word of any is in a log")
def _():
    w.stop()
    w.check_log("a hole at", "alice@", "during the reload")


run()
