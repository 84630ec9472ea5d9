#!/usr/bin/env python3
"""Slips of staff and tricks of strangers: what must not go out does not, what
was decided is said, and clocks run on when a case is taken up again."""
import os
import sys
import uuid
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from tap import contains, equal, promise, run
from world import World, email, encrypted_message, wait_for

w = World()
w.start()
SECRET = "The password of the lab is swordfish, keep it inside."
ANSWER = "severity high\nfix-date +14d\nreply\nThank you, confirmed.\n.\n"


new_case = w.new_case


def order(notice, text, person="sanne"):
    """The confirmation of an order mail."""
    who = w.people[person]
    before = len(who.mails())
    w.deliver(w.answer(person, notice, text), who.address)
    return who.open(who.wait_for_mails(before + 1)[-1]).text


def to_reporter(act, who=None):
    """What the reporter got because of it."""
    who = who or w.alice
    before = len(who.mails())
    act()
    return who.open(who.wait_for_mails(before + 1)[-1]).text


def nothing_to_alice(act):
    before = len(w.alice.mails())
    act()
    new_case("bob", text="a mark behind it")
    equal(len(w.alice.mails()), before)


def answered(number):
    return wait_for(lambda: w.case(number)["answered_at"], what="the answer")


def pending(number):
    return {(d["clock"], d["step"]) for d in w.case(number)["deadlines"] if not d["fired_at"] and not d["cancelled_at"]}


@promise("words without their closing dot go to nobody but their author, whatever stands beside them")
def _():
    number, _, notice = new_case()
    to_reporter(lambda: order(notice, ANSWER))
    answered(number)
    order(notice, f"note\n{SECRET}\n.")
    for orders in (f"status fixing\nreply\n{SECRET}\nAsk bob: nightowl@example.com\n", f"fix-date +40d\nask\n{SECRET}\n"):
        text = to_reporter(lambda: order(notice, orders))
        assert "swordfish" not in text and "nightowl" not in text, text
    text = to_reporter(lambda: order(notice, "reply\nProper words.\n.\nask\nUnfinished words\n"))
    contains(text, "Proper words.")
    assert "Unfinished" not in text
    equal(w.sql(f"select count(*) from drafts d join cases c on c.id = d.case_id where number = '{number}'"
                " and sent_at is null"), "3")


@promise("what became of the case is said above the words that go with it")
def _():
    number, _, notice = new_case()
    text = to_reporter(lambda: order(notice, "close not-a-vulnerability\nreply\nThanks for writing to us.\n."))
    contains(text, "no vulnerability" if "no vulnerability" in text else "geen kwetsbaarheid")
    contains(text, "Thanks for writing to us.")
    assert "Onze beoordeling" not in text and "Our assessment" not in text, text
    answered(number)
    number, _, notice = new_case()
    contains(order(notice, "close not-a-vulnerability\nask\nWhy?\n."), "wacht op geen antwoord")
    equal(w.case(number)["state"], "received")
    to_reporter(lambda: order(notice, ANSWER))
    answered(number)
    text = to_reporter(lambda: order(notice, "fix-date +60d\nask\nDoes that suit you?\n."))
    assert "datum" in text or "date" in text, text
    text = to_reporter(lambda: order(notice, "status fixed\nreply\nPlease have a look.\n."))
    assert "solved" in text or "opgelost" in text or "verholpen" in text, text


@promise("a range of spam is one of numbers, not of moments")
def _():
    numbers = [new_case()[0] for _ in range(4)]
    notice = new_case()[2]
    # the second was stored last: its number is older than its id
    w.sql(f"""begin; update cases set number = 'X' where number = '{numbers[1]}';
        update cases set number = '{numbers[1]}' where number = '{numbers[3]}';
        update cases set number = '{numbers[3]}' where number = 'X'; commit""")
    contains(order(notice, f"close spam {numbers[0]}..{numbers[1]}"), "2 ")
    equal([w.case(n)["resolution"] for n in numbers], ["spam", "spam", None, None])
    contains(order(notice, f"close spam {numbers[2]}..X-2026-0009"), "X-2026-0009")


@promise("a sentence that begins like a name is no signature")
def _():
    number, _, notice = new_case()
    text = to_reporter(lambda: order(notice, "reply\nSee the advisory.\nVan product B niet.\nSanne says the opposite.\n"
                                             "So: turn it off!\nforce x\n.\n"))
    for line in ("Van product B niet.", "Sanne says the opposite.", "turn it off!"):
        contains(text, line)
    text = to_reporter(lambda: order(notice, "reply\nSee the advisory again.\n\nSanne de Vries\n.\n"))
    assert "Vries" not in text


@promise("a draft that a colleague's letter overtook is held; the same words can be sent again later")
def _():
    number, _, notice = new_case()
    token = [t for t in order(notice, "Any news from your side?").split() if t.startswith("D-")][0].strip(".,:()")
    to_reporter(lambda: order(notice, "reply\nPlease do not publish before March.\n.", "joris"))
    contains(order(notice, f"send {token}"), "joris@example.org")
    to_reporter(lambda: order(notice, f"send {token}\nforce it is fine"))
    again = [t for t in order(notice, "Any news from your side?").split() if t.startswith("D-")][0].strip(".,:()")
    to_reporter(lambda: order(notice, f"send {again}\nforce once more"))


@promise("an operator's note is kept, and an operator's reply needs its dot")
def _():
    number, _, _ = new_case()
    done = w.meldpunt("order", number, "-f", "-", data=b"note\nkept\n.\n", check=False)
    equal(done.returncode, 0)
    done = w.meldpunt("order", number, "-f", "-", data=b"severity low\nreply\nno dot\n", check=False)
    equal(done.returncode, 65)
    equal(w.case(number)["severity"], None)


@promise("a legal clock starts once, survives the reporter's withdrawal, and spam that was none")
def _():
    number, ack, notice = new_case()
    order(notice, "clock gdpr")
    limit = w.sql("select max(fires_at) from deadlines where clock = 'legal'")
    contains(order(notice, "clock gdpr\nseverity high"), "loopt al")
    equal(w.sql("select max(fires_at) from deadlines where clock = 'legal'"), limit)
    to_reporter(lambda: w.deliver(w.answer("alice", ack, "withdraw"), "alice@example.net"))
    assert ("legal", "gdpr") in pending(number), pending(number)
    order(notice, "close spam")
    assert ("legal", "gdpr") not in pending(number)
    order(notice, "status received")
    assert ("legal", "gdpr") in pending(number) and ("answer", "end") in pending(number)
    equal(w.case(number)["state"], "received")


@promise("a fix that was none has its date to keep again")
def _():
    number, _, notice = new_case()
    to_reporter(lambda: order(notice, ANSWER))
    answered(number)
    to_reporter(lambda: order(notice, "status fixed"))
    assert ("fix-date", "passed") not in pending(number)
    to_reporter(lambda: order(notice, "status fixing"))
    assert ("fix-date", "passed") in pending(number)


@promise("who got no acknowledgment gets no late mail by itself")
def _():
    raw = w.report("alice", text="from a machine")
    n = len(w.cases())
    w.deliver(b"Auto-Submitted: auto-generated\r\n" + raw, "alice@example.net")
    number = wait_for(lambda: len(w.cases()) > n and max(c["number"] for c in w.cases()), what="the case")

    def late():
        w.sql("update deadlines d set fires_at = now() - interval '1 minute' from cases c where c.id = d.case_id and"
              f" number = '{number}' and step = 'end'")
        wait_for(lambda: ("answer", "end") not in pending(number), what="the limit")

    nothing_to_alice(late)


@promise("an answer from another address ends the waiting; a new address alone costs no pinned key")
def _():
    number, ack, notice = new_case()
    to_reporter(lambda: order(notice, "ask\nWhich version?\n."))
    assert w.sql(f"select waiting_since from cases where number = '{number}'")
    raw = w.answer("alice", ack, "Version 7, and I write from here now.").replace(b"alice@example.net", b"bob@example.com", 1)
    w.deliver(raw, "bob@example.com")
    wait_for(lambda: w.sql(f"select waiting_since from cases where number = '{number}'") == "", what="the end of waiting")
    message = w.sql(f"select max(m.id) from messages m join cases c on c.id = m.case_id where number = '{number}'"
                    " and direction = 'in'")
    order(notice, f"reporter accept {message}")
    w.sql("update reporter_changes set effective_at = now() - interval '1 hour'")
    w.sql("update deadlines set fires_at = now() - interval '1 hour' where clock = 'reporter'")
    wait_for(lambda: w.sql("select address from meldpunt_private.reporters r join cases c on c.reporter = r.id where"
                           f" number = '{number}'") == "bob@example.com", what="the new address")
    equal(w.sql("select fingerprint, pinned_at is not null from meldpunt_private.reporters r join cases c"
                f" on c.reporter = r.id where number = '{number}'"), f"{w.alice.fpr}|t")


@promise("what was signed once is not carried out again in another wrapping")
def _():
    number, ack, notice = new_case()
    raw = w.answer("sanne", notice, f"case {number}\nreply\nOnce only.\n.", quote=False)
    text = to_reporter(lambda: w.deliver(raw, "sanne@example.org"))
    contains(text, "Once only.")
    armor = raw[raw.index(b"-----BEGIN PGP MESSAGE"):raw.index(b"-----END PGP MESSAGE-----") + 26]
    for n in (1, 2):
        wrapped = f'Subject: junk {n}\r\nContent-Type: text/plain; protected-headers="v1"\r\n\r\n'.encode() + armor
        sealed = w.bob.gpg("--armor", "--encrypt", "--recipient", w.security.fpr, data=wrapped).stdout
        head = ["From: Sanne <sanne@example.org>", "To: security@example.org", f"Message-ID: <again{n}@x>",
                "Subject: again", "In-Reply-To: " + str(email.message_from_bytes(notice)["Message-ID"]), "MIME-Version: 1.0",
                "Content-Type: text/plain"]
        n_inbound = int(w.sql("select count(*) from inbound where state <> 'new'"))

        def act():
            w.deliver(encrypted_message(head[:-1], sealed), "sanne@example.org")
            wait_for(lambda: int(w.sql("select count(*) from inbound where state <> 'new'")) > n_inbound, what="its end")
        nothing_to_alice(act)
    contains(str(w.case(number)["events"]), "order-refused")


@promise("an address that refused all that was ever written to it is answered on record")
def _():
    w.deliver(w.report("alice", "nobody there", headers=[]).replace(b"<alice@example.net>", b"<reject@reporter.test>"),
              "reject@reporter.test")
    number = wait_for(lambda: w.sql("select number from cases c join meldpunt_private.reporters r on r.id = c.reporter"
                                    " where address = 'reject@reporter.test'"), what="the case")
    notice = wait_for(lambda: next((m for m in w.sanne.mails() if number in str(email.message_from_bytes(m)["Subject"])), None),
                      what="the notice")
    order(notice, ANSWER)
    answered(number)
    contains(str(w.case(number)["events"]), "answered-on-record")
    assert ("answer", "end") not in pending(number)


@promise("a delivery report in whatever language reopens the answer; who is away does not; the same one again is nothing new")
def _():
    w.sql("update mailboxes set subaddress_seen_at = now()")
    number, _, notice = new_case()
    to_reporter(lambda: order(notice, ANSWER))
    answered(number)
    raw = w.alice.mails()[-1]
    path = str(email.message_from_bytes(raw)["Return-Path"]).strip("<>")
    contains(path, "+bounce.")

    def report(subject, mid, *head, body="Content-Type: text/plain\r\n\r\nabsent\r\n"):
        lines = ["Return-Path: <>", "From: Mail System <MAILER-DAEMON@example.net>", f"To: {path}", f"Subject: {subject}",
                 f"Message-ID: <{mid}@x>", "Date: Tue, 24 Nov 2026 10:00:00 +0000", *head, "MIME-Version: 1.0"]
        before = int(w.sql("select count(*) from inbound where state <> 'new'"))
        w.drop(("\r\n".join(lines) + "\r\n" + body).encode(), user="security")
        wait_for(lambda: int(w.sql("select count(*) from inbound where state <> 'new'")) > before, what="the end of the report")

    report("Automatic reply: undeliverable until monday", "away", "Auto-Submitted: auto-replied")
    assert w.case(number)["answered_at"]
    status = ('Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nNon.\r\n--b\r\n'
              "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.net\r\n\r\n"
              "Final-Recipient: rfc822; alice@example.net\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--b--\r\n")
    report("Message non distribuable", "fr", body=status)
    wait_for(lambda: not w.case(number)["answered_at"], what="the clock to go on")
    failed = len([e for e in w.case(number)["events"] if e["what"] == "answer-failed"])
    report("Message non distribuable", "fr2", body=status)
    equal(len([e for e in w.case(number)["events"] if e["what"] == "answer-failed"]), failed)


@promise("an order that a list handed on is carried out; one that cannot be read is answered")
def _():
    number, _, notice = new_case()
    before = len(w.sanne.mails())
    raw = b"Precedence: list\r\nList-Id: <security.example.org>\r\n" + w.answer("sanne", notice, "severity low")
    w.deliver(raw, "sanne@example.org")
    w.sanne.wait_for_mails(before + 1)
    equal(w.case(number)["severity"], "low")
    before = len(w.sanne.mails())
    armor = w.sanne.gpg("--armor", "--encrypt", "--recipient", w.sanne.fpr, data=b"severity high\n").stdout
    w.deliver(encrypted_message(["From: sanne@example.org", "To: security@example.org", "Message-ID: <wrong@x>", "Subject: x",
                                 "MIME-Version: 1.0"], armor), "sanne@example.org")
    w.sanne.wait_for_mails(before + 1)
    contains(w.sanne.open(w.sanne.mails()[-1]).text, "ontsleuteld")


@promise("a reporter's mail that cannot be read is answered, and another's hand is named to staff")
def _():
    number, ack, notice = new_case()
    text = to_reporter(lambda: w.deliver(encrypted_message(
        ["From: alice@example.net", "To: security@example.org", f"Message-ID: <{uuid.uuid4()}@x>", "Subject: x",
         "In-Reply-To: " + str(email.message_from_bytes(ack)["Message-ID"]), "MIME-Version: 1.0"],
        w.alice.gpg("--armor", "--encrypt", "--recipient", w.alice.fpr, data=b"x").stdout), "alice@example.net"))
    assert "current key" in text or "huidige sleutel" in text, text
    before = len(w.sanne.mails())
    raw = w.report(
        "bob", "Please ignore my report.", "Re: x", headers=["In-Reply-To: " + str(email.message_from_bytes(ack)["Message-ID"])])
    w.deliver(raw.replace(b"bob@example.com", b"alice@example.net", 1), "alice@example.net")
    w.sanne.wait_for_mails(before + 1)
    wait_for(lambda: "andere sleutel" in w.sanne.open(w.sanne.mails()[-1]).text, what="the remark")


@promise("no word of it is in any log")
def _():
    w.expected_warnings += ["orders refused"]
    w.check_log("swordfish", "alice@", "sanne@", "Vries")


run()
