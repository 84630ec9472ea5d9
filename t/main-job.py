#!/usr/bin/env python3
"""The main job: from a mail to a case, an acknowledgment and a notice."""
import os
import re
import sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from tap import contains, equal, promise, run
from world import World, email, wait_for

SECRET = "zebra-crossing-secret"
w = World()
w.start()
first = {}


@promise("an encrypted report becomes a case with all that it says")
def _():
    text = (f"Dear team,\n\nI found a stored XSS ({SECRET}) in https://zoeker.example.org/?q=1 and on\n"
            "the host db.example.org (203.0.113.7, network 198.51.100.0/24). hxxps://evil[.]example/x\n"
            "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N\n\nPlease tell me when it will be fixed.\n-- \nAlice\n"
            "https://alice.example.net\n")
    w.deliver(w.report("alice", text, "Stored XSS ✓", extra=[("poc ë.bin", "application/octet-stream", b"\0\1\2" * 50)]),
              "alice@example.net")
    w.alice.wait_for_mails(1)
    (case,) = w.cases()
    first.update(case)
    equal(re.fullmatch(r"VGZ-20\d\d-0001", case["number"]) is not None, True, "number")
    equal((case["state"], case["mailbox"], case["title"], case["language"]),
          ("received", "vgz", "Stored XSS ✓", "en"))
    contains(case["description"], SECRET)
    assets = {(a["kind"], a["value"]) for a in case["assets"]}
    for wanted in (("url", "https://zoeker.example.org/?q=1"), ("host", "db.example.org"),
                   ("ip", "203.0.113.7"), ("network", "198.51.100.0/24"), ("url", "https://evil.example/x")):
        assert wanted in assets, (wanted, assets)
    assert not any("alice.example.net" in value for _, value in assets), assets
    message = case["messages"][0]
    equal((message["direction"], message["protection"], message["signature"]), ("in", "encrypted+signed", "good"))
    equal([a["name"] for a in message["attachments"]], ["key.asc", "poc ë.bin"])
    equal(message["attachments"][1]["size"], 150)


@promise("who reported is shown only with --identity, and that leaves an event")
def _():
    case = w.case(first["number"])
    equal((case["reporter"]["fingerprint"], case["messages"][0]["message_id"]), (None, None))
    assert "alice" not in str(case["reporter"]).lower()
    named = w.case(first["number"], "--identity")
    equal((named["reporter"]["address"], named["reporter"]["fingerprint"]), ("alice@example.net", w.alice.fpr))
    equal(named["messages"][0]["fingerprint"], w.alice.fpr)
    assert any(e["what"] == "identity-shown" for e in w.case(first["number"])["events"])


@promise("the answer is due five days after arrival, and the steps of the clock stand")
def _():
    case = w.case(first["number"])
    steps = {d["step"]: d["fires_at"] for d in case["deadlines"]}
    equal(sorted(steps), ["end", "lead", "management", "owner"])
    equal(steps["end"], case["answer_due_at"])
    equal(w.sql("select answer_due_at - arrived_at from cases"), "5 days")


@promise("the reporter gets an acknowledgment, sealed, signed and in the thread")
def _():
    (raw,) = w.alice.mails()
    mail = w.alice.open(raw)
    assert mail.encrypted and mail.good_signature
    number = first["number"]
    equal(mail.outer["Subject"], f"[{number}] [...]")
    equal(mail.inner["Subject"], f"[{number}] Acknowledgment of your report")
    equal((mail.outer["Auto-Submitted"], mail.outer["Return-Path"]), ("auto-replied", "<>"))
    for part in (number, "https://example.org/security-policy", "no legal action", "Answer before"):
        contains(mail.text, part)
    assert SECRET not in mail.text and "XSS" not in mail.text, "the report is quoted"
    named = w.case(number, "--identity")
    equal(mail.outer["In-Reply-To"].strip("<>"), named["messages"][0]["message_id"])
    contains(mail.outer["References"], mail.outer["Message-ID"])
    keys = [p for p in mail.inner.walk() if p.get_content_type() == "application/pgp-keys"]
    equal(len(keys), 1, "our key")
    contains(w.alice.gpg("--show-keys", data=keys[0].get_payload(decode=True)).stdout.decode(), w.security.fpr)
    assert "hp" in mail.inner["Content-Type"] and mail.outer["Autocrypt"]


@promise("staff get one notice each, sealed, with the report indented and the case line")
def _():
    for person in (w.sanne, w.joris):
        (raw,) = person.wait_for_mails(1)
        mail = person.open(raw)
        assert mail.encrypted and mail.good_signature
        equal(mail.outer["Subject"], f"[{first['number']}] [...]")
        contains(mail.text, f"  | I found a stored XSS ({SECRET})")
        contains(mail.text, f"  meldpunt-case: {first['number']} ")
        contains(mail.text, "encrypted+signed")
        contains(mail.text, "Antwoord vóór")
        kinds = {p.get_filename(): p.get_content_type() for p in mail.inner.walk() if p.get_filename()}
        equal(kinds["poc ë.bin"], "application/octet-stream")
        assert SECRET.encode() not in raw


@promise("an attachment comes back byte for byte, and never onto a screen")
def _():
    out = w.meldpunt("show", first["number"], "--attachment=2").stdout
    equal(out, b"\0\1\2" * 50)


@promise("the message has moved to done_folder and left INBOX")
def _():
    wait_for(lambda: w.folder_count("Processed") == 1 and w.folder_count("INBOX") == 0, 10, "moved message")


@promise("a report opens one case however often the mailbox offers it")
def _():
    raw = w.report("bob", "Twice the same.", "Twice")
    w.drop(raw)
    w.drop(raw)
    wait_for(lambda: w.sql("select count(*) from inbound where state = 'done'") == "3", what="both copies")
    # the same message as another server would render it
    w.drop(raw.replace(b"MIME-Version: 1.0", b"X-Spam: no\r\nMIME-Version: 1.0"))
    wait_for(lambda: w.sql("select count(*) from inbound where state = 'done'") == "4", what="third copy")
    equal(w.sql("select string_agg(outcome, ' ' order by id) from inbound"), "case case again again")
    equal(len(w.bob.wait_for_mails(1)), 1)


@promise("an unencrypted report is welcome; without a key the answer is content-free and signed")
def _():
    w.deliver(w.report("nightowl", "Beste team, ik heb een lek gevonden in mijn.example.org en zou graag horen wat u "
                       "daarmee gaat doen en wanneer het is opgelost.", "Lek gevonden", attach_key=False,
                       encrypt=False), "nightowl@example.com")
    (raw,) = w.nightowl.wait_for_mails(1)
    mail = w.nightowl.open(raw)
    assert not mail.encrypted
    equal(mail.outer.get_content_type(), "multipart/signed")
    assert len(raw) < 9000, len(raw)
    assert "Lek" not in raw.decode() and "nightowl <" not in raw.decode(), "content in clear"
    contains(mail.text, "stuur dan uw openbare sleutel")
    signed = raw.split(b"\r\n\r\n", 1)[1] if b"\r\n\r\n" in raw else raw.split(b"\n\n", 1)[1]
    w.security_fpr()
    boundary = mail.outer.get_boundary().encode()
    body = signed.replace(b"\r\n", b"\n").split(b"--" + boundary + b"\n")[1][:-1].replace(b"\n", b"\r\n")
    with open(w.path("s.asc"), "wb") as f:
        f.write(mail.outer.get_payload(1).get_payload(decode=True))
    equal(w.nightowl.gpg("--verify", w.path("s.asc"), "-", data=body, check=False).returncode, 0, "signature")
    case = w.cases()[-1]
    equal((case["messages"][0]["protection"], case["language"]), ("clear", "nl"))


@promise("a reporter's answer in the thread joins the case, and staff get it")
def _():
    ack = w.alice.open(w.alice.mails()[0])
    raw = w.report("alice", "One more thing: it works without login too.", "Re: [...]",
                   headers=[f"In-Reply-To: {ack.outer['Message-ID']}", f"References: {ack.outer['Message-ID']}"])
    w.deliver(raw, "alice@example.net")
    wait_for(lambda: len(w.case(first["number"])["messages"]) == 3, what="follow-up")
    equal(len(w.alice.mails()), 1, "mails to alice")
    texts = [w.sanne.open(m).text for m in w.sanne.wait_for_mails(4)]
    assert any("without login" in t for t in texts)


@promise("a machine's mail opens a case but is not answered")
def _():
    before = len(w.cases())
    for header in ("Auto-Submitted: auto-generated", "List-Id: <l.example.net>", "Precedence: bulk"):
        w.deliver(w.report("nightowl", "x" + header, encrypt=False, attach_key=False,
                           headers=[header]), "nightowl@example.com")
    w.deliver(w.report("nightowl", "null", encrypt=False, attach_key=False), "")
    wait_for(lambda: len(w.cases()) == before + 4, what="four cases")
    wait_for(lambda: len(w.sanne.mails()) == 8, what="notices")
    equal(len(w.nightowl.mails()), 1, "mails to nightowl")


@promise("meldpuntd --once handles what is there and exits 0; commands work while the daemon is down")
def _():
    w.stop()
    before = len(w.cases())
    w.drop(w.report("bob", "for once"))
    w.once()
    equal(len(w.cases()), before + 1)
    equal(len(w.bob.mails()), 2)
    equal(w.json("queue"), [])


@promise("no word of a report is in any log, and no warning that nobody expects")
def _():
    w.check_log(SECRET, "alice", "Stored XSS", "nightowl@", "poc", "Lek gevonden")
    for folder, _, files in os.walk(w.state):
        for f in files:
            assert not f.endswith((".tmp", ".core")), f


run()
