#!/usr/bin/env python3
"""Messages of real clients and other OpenPGP programs: each is read as it was meant."""
import os
import sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from tap import contains, equal, promise, run
from world import TOP, World, email, encrypted_message, wait_for

CORPUS = os.path.join(TOP, "t", "corpus")
with open(os.path.join(CORPUS, "expect.tsv")) as f:
    ROWS = [line.rstrip("\n").split("\t") for line in f][1:]
CIPHERTEXTS = {  # file: protection, what the reporter reads, what staff read
    "openpgpjs6-seipd2-ocb.asc": ("undecryptable", "RFC 9580", "newer OpenPGP format"),
    "rnp-aead-ocb.asc": ("encrypted", "", ""),
    "truncated.asc": ("undecryptable", "damaged on the way", "damaged"),
    "wrong-recipient.asc": ("undecryptable", "not encrypted to our current key", "not encrypted to our key"),
}
w = World()
found = {}


def read(*names):
    with open(os.path.join(CORPUS, *names), "rb") as f:
        return f.read()


def message_of(mid):
    return found[mid]["messages"][0]


@promise("all of them become cases")
def _():
    for row in ROWS:
        w.drop(read("mails", row[0]))
    for name in CIPHERTEXTS:
        head = ["From: Alice <alice@example.net>", "To: security@example.org", "Subject: ...",
                f"Message-ID: <{name}@x>", "Date: Tue, 24 Nov 2026 10:00:00 +0000", "MIME-Version: 1.0"]
        w.drop(encrypted_message(head, read("ciphertexts", name)))
    w.start()
    w.security_fpr()
    n = len(ROWS) + len(CIPHERTEXTS)
    wait_for(lambda: w.sql("select count(*) from inbound where state <> 'new'") == str(n), 60, "all messages")
    for case in w.cases():
        full = w.case(case["number"], "--identity")
        found[full["messages"][0]["message_id"]] = full
    equal(len(found), n)


def expect(row):
    file, protection, signature, subject, attachments, body = row

    @promise(f"{file} is {protection}, signature {signature}")
    def _():
        mid = email.message_from_bytes(read("mails", file))["Message-ID"].strip().strip("<>")
        message = message_of(mid)
        equal((message["protection"], message["signature"]), (protection, signature))
        equal(" ".join(message["subject"].split()), " ".join(subject.split()))
        equal("|".join(a["name"] for a in message["attachments"]), attachments)
        contains(message["body"], body)


for r in ROWS:
    expect(r)


def expect_ciphertext(name):
    protection, told, staff = CIPHERTEXTS[name]

    @promise(f"{name} is {protection}" + (" and each side is told why" if told else ""))
    def _():
        case = found[f"{name}@x"]
        equal(case["messages"][0]["protection"], protection)
        assert case["answer_due_at"] and case["deadlines"]
        if not told:
            return contains(case["description"], "IDOR gevonden")
        acks = [w.alice.open(m) for m in w.alice.wait_for_mails(len(CIPHERTEXTS))]
        (ack,) = [a for a in acks if case["number"] in a.outer["Subject"]]
        contains(" ".join(ack.text.split()), told)
        wait_for(lambda: any(case["number"] in n.text and staff in n.text
                             for n in map(w.sanne.open, w.sanne.mails())), what="notice")


for c in CIPHERTEXTS:
    expect_ciphertext(c)


@promise("clear text beside a sealed part is never shown as the report")
def _():
    armor = w.alice.gpg("--armor", "--encrypt", "--recipient", w.security_fpr(), data=b"the sealed words").stdout
    w.drop(b"From: alice@example.net\r\nTo: security@example.org\r\nMessage-ID: <mix@x>\r\nSubject: s\r\n\r\n"
           b"clear words before\r\n" + armor + b"\r\nclear words after\r\n")
    wait_for(lambda: any(c["description"].startswith("the sealed") for c in w.cases()), what="case")
    (case,) = [c for c in w.cases() if c["description"].startswith("the sealed")]
    assert "clear words" not in case["description"]
    equal([a["name"] for a in case["messages"][0]["attachments"]], ["clear-text.txt", "clear-text.txt"])
    equal({a["protected"] for a in case["messages"][0]["attachments"]}, {False})


@promise("nothing of any of them is in a log")
def _():
    w.check_log("IDOR", "Zorgzoeker", "nightowl", "severity high")


run()
