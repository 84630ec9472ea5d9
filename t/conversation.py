#!/usr/bin/env python3
"""The conversation: staff order by signed mail, the reporter gets answers,
and nothing happens that nobody with authority ordered."""
import os
import sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from tap import contains, equal, promise, run
from world import World, email, wait_for

w = World()
w.start()


new_case = w.new_case


def order(notice, text, person="sanne", **more):
    """An order mail, and the mail that came back for it."""
    who = w.people[person]
    before = len(who.mails())
    w.deliver(w.answer(person, notice, text, **more), who.address)
    return who.open(who.wait_for_mails(before + 1)[-1])


ANSWER = "severity high\nowner me\nfix-date +14d\nreply\nThank you, we can confirm the problem.\n\nWe fix it soon.\n.\n"


@promise("an answer by mail: done, confirmed, sent sealed to the reporter, and the clock stops")
def _():
    number, ack, notice = new_case(text="hole one")
    done = order(notice, ANSWER + "Sanne\n-- \nSanne de Vries, 06-12345678\n")
    contains(done.text, "high")
    contains(done.text, w.alice.fpr)
    assert done.encrypted and done.good_signature
    mail = w.alice.open(w.alice.wait_for_mails(2)[-1])
    assert mail.encrypted and mail.good_signature
    contains(mail.text, "We fix it soon.")
    contains(mail.text, "hoog" if "hoog" in mail.text else "high")
    for secret in ("sanne", "Sanne", "06-12345678", "meldpunt-case", "Monday"):
        assert secret not in mail.text, secret
    equal(mail.outer["Auto-Submitted"], None)
    case = wait_for(lambda: (c := w.case(number)) and c["answered_at"] and c, what="the answer to count")
    equal((case["state"], case["severity"], case["owner"]), ("answered", "high", "sanne@example.org"))
    pending = {(d["clock"], d["step"]) for d in case["deadlines"] if not d["fired_at"] and not d["cancelled_at"]}
    equal(pending, {("fix-date", "soon"), ("fix-date", "passed"), ("progress", "due")})


@promise("severity and date alone are no answer; a question is none either")
def _():
    number, ack, notice = new_case(text="hole two")
    contains(order(notice, "severity: low\nfix-date=+7d").text, "ernst: low")
    before = len(w.alice.mails())
    order(notice, "ask\nWhich version is it?\n.")
    mail = w.alice.open(w.alice.wait_for_mails(before + 1)[-1])
    contains(mail.text, "Which version is it?")
    assert "low" not in mail.text and "laag" not in mail.text
    equal(w.case(number)["answered_at"], None)
    # the reporter answers the question, and the case waits no more
    w.deliver(w.answer("alice", w.alice.mails()[-1], "It is version 7."), "alice@example.net")
    wait_for(lambda: "version 7" in str(w.case(number)["messages"]), what="the follow-up")


@promise("orders are all or nothing, and the refusal says why")
def _():
    number, ack, notice = new_case(text="hole three")
    mails = len(w.alice.mails())
    for text, why in (("severity high\nfix-date 2020-01-01", "2020-01-01"),
                      ("severity hihg", "hihg"),
                      ("owner mallory@example.net", "mallory"),
                      ("severity low\nseverity high", "severity"),
                      ("close duplicate " + number, number),
                      ("status fixed", ""),
                      ("close wont-fix", "")):
        mail = order(notice, text)
        contains(mail.text, why)
        assert any(word in str(mail.inner["Subject"]) for word in ("NOT", "NIET")), mail.inner["Subject"]
    case = w.case(number)
    equal((case["severity"], case["fix_date"], case["owner"], case["state"]), (None, None, None, "received"))
    equal(len(w.alice.mails()), mails)


@promise("unsigned, wrongly signed, expired and replayed orders do nothing; the real person is told")
def _():
    number, ack, notice = new_case(text="hole four")
    before = len(w.sanne.mails())
    forged = w.answer("sanne", notice, "close spam", sign=False)
    w.deliver(forged, "sanne@example.org")
    # one mail says why; the words as those of a stranger go to colleagues,
    # not to who may be a machine that answers
    mails = w.sanne.wait_for_mails(before + 1)[before:]
    assert any(w.sanne.fpr in w.sanne.open(m).text for m in mails)
    # joris signs what says that it is from sanne
    other = w.answer("joris", w.joris.mails()[-1], "close spam").replace(
        b"From: Joris <joris@example.org>", b"From: Sanne <sanne@example.org>")
    w.deliver(other, "joris@example.org")
    wait_for(lambda: [e["what"] for e in w.case(number)["events"]].count("order-refused") == 2, what="both refused")
    good = w.answer("sanne", notice, "severity low")
    w.deliver(good, "sanne@example.org")
    wait_for(lambda: w.case(number)["severity"] == "low", what="severity")
    order(notice, "severity high")
    before = len(w.sanne.mails())
    w.deliver(good.replace(b"Message-ID: <", b"Message-ID: <again"), "sanne@example.org")
    w.sanne.wait_for_mails(before + 1)
    case = w.case(number)
    equal((case["severity"], case["state"]), ("high", "received"))
    equal(case["owner"], None)


@promise("free text is a draft: the preview is exact, and send with its token releases it once")
def _():
    number, ack, notice = new_case(text="hole five")
    order(notice, "severity high\nfix-date +3d")
    mails = len(w.alice.mails())
    preview = order(notice, "Dear reporter, we look at it.\nMore follows.")
    token = str(preview.inner["Subject"]).split("D-")[1].split(":")[0]
    contains(preview.text, "  | Dear reporter, we look at it.")
    equal(len(w.alice.mails()), mails)
    equal(w.case(number)["answered_at"], None)
    order(notice, f"send D-{token}")
    raw = w.alice.wait_for_mails(mails + 1)[-1]
    for line in w.alice.open(raw).text.strip().splitlines():
        contains(preview.text, line.strip())
    wait_for(lambda: w.case(number)["answered_at"], what="the answer to count")
    # other words: the same ones within a second would be a replay
    refused = order(notice, f"send D-{token}\n\nonce more", subject="Re: again")
    contains(refused.text, token)
    equal(len(w.alice.mails()), mails + 1)


@promise("a note goes to nobody, and a reply that quotes it is held")
def _():
    number, ack, notice = new_case(text="hole six")
    order(notice, "note\nThe password of the lab is swordfish, keep it inside.\n.")
    mails = len(w.alice.mails())
    held = order(notice, "severity low\nreply\nThe password of the lab is swordfish, keep it inside.\n.")
    assert "swordfish" not in held.text.split(">")[0]
    equal(w.case(number)["severity"], None)
    w.deliver(w.answer("alice", ack, "status", quote=False), "alice@example.net")
    order(notice, "show")
    order(notice, "severity low\nfix-date +9d\nreply\nAll is well.\n.")
    wait_for(lambda: w.case(number)["answered_at"], what="the answer")
    for raw in w.alice.mails():
        assert "swordfish" not in w.alice.open(raw).text


@promise("without a key of the reporter only fixed words go, and they count as the answer")
def _():
    number, ack, notice = new_case("nightowl", text="hole seven", attach_key=False, sign=False)
    done = order(notice, ANSWER)
    mail = w.nightowl.open(w.nightowl.wait_for_mails(2)[-1])
    assert not mail.encrypted
    assert "confirm the problem" not in mail.text
    assert "hole" not in mail.text
    contains(mail.text, number)
    assert "NOT" in done.text or "NIET" in done.text
    wait_for(lambda: w.case(number)["answered_at"], what="the answer to count")


@promise("closing tells the reporter, a duplicate says nothing of the other, spam says nothing at all")
def _():
    first, _, _ = new_case("bob", text="the original zebra hole", subject="Zebra hole")
    number, ack, notice = new_case(text="hole eight")
    mails = len(w.alice.mails())
    order(notice, f"close duplicate {first}")
    mail = w.alice.open(w.alice.wait_for_mails(mails + 1)[-1])
    assert first not in mail.text and "ebra" not in mail.text and "bob" not in mail.text
    case = wait_for(lambda: (c := w.case(number)) and c["answered_at"] and c, what="a reasoned close to count")
    equal((case["state"], case["resolution"]), ("closed", "duplicate"))
    number, ack, notice = new_case("bob", text="buy pills")
    mails = len(w.bob.mails())
    order(notice, "close spam")
    case = w.case(number)
    equal((case["state"], case["resolution"], bool(case["answered_at"])), ("closed", "spam", True))
    equal(len(w.bob.mails()), mails)


@promise("mails that come at once are carried out in their order")
def _():
    number, ack, notice = new_case(text="hole of many orders")
    mails = len(w.sanne.mails())
    words = ["low", "medium", "high", "critical", "none", "high", "low", "medium"]
    raw = [w.answer("sanne", notice, f"severity {s}\nnote\nNumber {n} of them all.\n.") for n, s in enumerate(words)]
    for r in raw:
        w.drop(r)
    w.sanne.wait_for_mails(mails + len(words))
    case = w.case(number)
    equal([e["detail"] for e in case["events"] if e["what"] == "severity"], words)


@promise("two cases in one mail, or none, are refused; case NUMBER binds")
def _():
    one, _, notice = new_case(text="hole nine")
    two, _, other = new_case(text="hole ten")
    mail = order(notice, f"case {two}\nseverity high")
    contains(mail.text, one)
    contains(mail.text, two)
    order(notice, f"case {two}\nseverity high", quote=False, subject="hello", headers=[])
    equal(w.case(two)["severity"], "high")
    before = len(w.sanne.mails())
    order(notice, "severity high", quote=False, subject="hello", headers=[])
    # nothing is lost: it opens a case, and the mail about it says what to write
    mails = w.sanne.wait_for_mails(before + 1)[before:]
    assert any("zaak NUMMER" in w.sanne.open(m).text for m in mails)
    equal(w.case(one)["severity"], None)


@promise("list, help and away need no case")
def _():
    _, _, notice = new_case(text="hole eleven")
    bare = {"quote": False, "subject": "hello", "headers": []}
    contains(order(notice, "list", **bare).text, "VGZ-")
    contains(order(notice, "help", **bare).text, "fix-date")
    order(notice, "away +3d", **bare)
    equal(w.sql("select count(*) from absences where address = 'sanne@example.org' and until > now()"), "1")


@promise("the reporter steers by words, signed where it matters; they never cause text to be sent")
def _():
    number, ack, notice = new_case(text="hole thirteen")
    mails, staff = len(w.alice.mails()), len(w.sanne.mails())

    def word(text, n, **more):
        w.deliver(w.answer("alice", ack, text, **more), "alice@example.net")
        mail = w.alice.open(w.alice.wait_for_mails(mails + n)[-1])
        assert "hole thirteen" not in mail.text and "A hole" not in mail.text
        return mail

    w.meldpunt("order", number, "severity", "critical")
    status = word("status", 1).text
    contains(status, number)
    # what staff have decided but not said is not told by the way
    assert "kritiek" not in status and "critical" not in status, status
    contains(word("help", 2).text, "withdraw" if "withdraw" in w.alice.open(w.alice.mails()[-1]).text else "intrekken")
    contains(word("language nl", 3).text, "taal")
    word("credit Alice in Wonderland", 4)
    equal(w.case(number, "--identity")["reporter"]["credit"], "Alice in Wonderland")
    # not signed by the pinned key: a question to staff
    w.deliver(w.answer("alice", ack, "withdraw", sign=False), "alice@example.net")
    w.sanne.wait_for_mails(staff + 2)
    equal(w.case(number)["state"], "received")
    # the old address hears, content-free, what a missing signature means
    contains(w.alice.open(w.alice.wait_for_mails(mails + 5)[-1]).text, "handtekening")
    word("withdraw", 6)
    case = w.case(number)
    equal((case["state"], case["resolution"], bool(case["answered_at"])), ("closed", "withdrawn", True))
    # more after the end: staff get it, the reporter hears that it came
    staff = len(w.sanne.mails())
    word("It is back, I fear.", 7)
    # a word counts once: who caught it may send it again
    caught = w.answer("alice", ack, "credit Mallory")
    w.deliver(caught, "alice@example.net")
    w.alice.wait_for_mails(mails + 8)
    word("credit none", 9)
    w.deliver(caught.replace(b"Message-ID: <", b"Message-ID: <again"), "mallory@example.com")
    w.sanne.wait_for_mails(staff + 4)
    equal(w.case(number, "--identity")["reporter"]["credit"], None)
    w.sanne.wait_for_mails(staff + 1)


@promise("a case named without proof is claimed, not joined; the reporter's own number joins")
def _():
    number, ack, notice = new_case(text="hole fourteen")
    w.deliver(w.report("bob", f"About {number}: tell me more", f"Re: [{number}]"), "bob@example.com")
    wait_for(lambda: [c for c in w.cases() if w.case(c["number"]).get("claims") == number], what="a case that claims")
    w.deliver(w.report("alice", f"Some more on {number}", "more"), "alice@example.net")
    wait_for(lambda: "Some more" in str(w.case(number)["messages"]), what="the follow-up")
    assert "tell me more" not in str(w.case(number)["messages"])


@promise("a letter that counted as the answer and bounces reopens the clock")
def _():
    number, ack, notice = new_case(text="hole twelve")
    mails = len(w.alice.mails())
    order(notice, ANSWER)
    raw = w.alice.wait_for_mails(mails + 1)[-1]
    wait_for(lambda: w.case(number)["answered_at"], what="the answer to count")
    mid = email.message_from_bytes(raw)["Message-ID"]
    w.deliver(f"""From: MAILER-DAEMON@example.net
To: security@example.org
Subject: Undelivered Mail Returned to Sender
Message-ID: <b1@example.net>
Date: {email.utils.formatdate()}
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

I am sorry.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net

Final-Recipient: rfc822; alice@example.net
Action: failed
Status: 5.1.1

--b
Content-Type: text/rfc822-headers

Message-ID: {mid}
--b--
""".replace("\n", "\r\n").encode(), "")
    case = wait_for(lambda: (c := w.case(number)) and not c["answered_at"] and c, what="the clock to be reopened")
    equal(case["state"], "received")
    pending = {d["step"] for d in case["deadlines"] if d["clock"] == "answer" and not d["fired_at"] and not d["cancelled_at"]}
    equal(pending, {"owner", "lead", "management", "end"})


@promise("a new address and key count only after a lead's word and 48 hours, and the old address is warned")
def _():
    number, ack, notice = new_case(text="hole sixteen")
    mails, others = len(w.alice.mails()), len(w.bob.mails())
    mid = w.alice.open(ack).outer["Message-ID"]
    w.deliver(w.report("bob", "I am alice and lost my key.", "Re: hole", headers=[f"In-Reply-To: {mid}"]), "bob@example.com")
    wait_for(lambda: "lost my key" in str(w.case(number)["messages"]), what="the message")
    message = w.sql(f"select max(id) from messages where case_id = (select id from cases where number = '{number}')")
    # joris is no lead: he can only propose
    before = len(w.joris.mails())
    w.deliver(w.answer("joris", w.joris.mails()[-1], f"case {number}\nreporter accept {message}", quote=False,
                       subject="x", headers=[]), "joris@example.org")
    w.joris.wait_for_mails(before + 1)
    # the old address has heard that somebody says so, and no more
    contains(w.alice.open(w.alice.wait_for_mails(mails + 1)[-1]).text, "sleutel kwijt")
    order(notice, f"reporter accept {message}")
    contains(str(w.alice.open(w.alice.wait_for_mails(mails + 2)[-1]).inner["Subject"]), number)
    order(notice, "reply\nStill to the old address.\n.")
    contains(w.alice.open(w.alice.wait_for_mails(mails + 3)[-1]).text, "Still to the old")
    # an objection from there stops it
    before = len(w.sanne.mails())
    w.deliver(w.answer("alice", ack, "No, I object."), "alice@example.net")
    contains(w.sanne.open(w.sanne.wait_for_mails(before + 1)[-1]).text, "gestopt")
    w.sql("update deadlines set fires_at = now() where clock = 'reporter' and cancelled_at is null")
    equal(w.sql("select count(*) from reporter_changes where effective_at is not null"), "0")
    order(notice, f"reporter accept {message}\nnote\nthey phoned\n.")
    equal(len(w.bob.mails()), others)
    w.sql("update deadlines set fires_at = now() where clock = 'reporter'; update reporter_changes set effective_at = now()")
    wait_for(lambda: w.case(number, "--identity")["reporter"]["address"] == "bob@example.com", what="the change")
    order(notice, "reply\nTo the new address.\n.")
    mail = w.bob.open(w.bob.wait_for_mails(others + 1)[-1])
    assert mail.encrypted
    contains(mail.text, "To the new address.")


@promise("the same content from a second reporter claims the first case, and replies to it are held")
def _():
    text = "hole seventeen, told at such length that nobody says it twice by chance"
    first, _, _ = new_case(text=text)
    number, ack, notice = new_case("bob", text=text)
    equal(w.case(number)["claims"], first)
    mails = len(w.bob.mails())
    order(notice, "reply\nHello.\n.")
    equal(len(w.bob.mails()), mails)
    order(notice, "force we know both\nreply\nHello.\n.")
    w.bob.wait_for_mails(mails + 1)
    # the reporter's own second copy is no claim
    again, _, _ = new_case(text=text)
    equal(w.case(again)["claims"], None)


@promise("who reports the same of the same system is hinted at as a likely duplicate")
def _():
    text = "The login form of https://duif.example.org/login?next= reflects its parameter unescaped, so scripting is possible"
    first, _, _ = new_case(text=text + " (found with a browser).")
    number, ack, notice = new_case("bob", text="Hello! On duif.example.org the login form reflects the next parameter"
                                   " unescaped; cross site scripting is possible.")
    contains(w.sanne.open(notice).text, f"misschien dubbel met {first}")
    other, ack, notice = new_case("bob", text="duif.example.org answers nobody over version six of the protocol")
    assert "misschien dubbel" not in w.sanne.open(notice).text
    done = order(notice, f"case {number}\nclose duplicate {first}", quote=False, headers=[], subject="x")
    contains(done.text, "duplicate")
    mail = w.bob.open(w.bob.mails()[-1])
    assert first not in mail.text


@promise("an answer finds its case when its thread or Message-ID was changed on the way, or only its subject is left")
def _():
    number, ack, notice = new_case(text="hole twenty-four")
    mid = w.alice.open(ack).outer["Message-ID"]
    ways = {"rewritten": ("AW: something", ["In-Reply-To: <rewritten@provider.example>",
                                            f"References: {mid} <rewritten@provider.example>"]),
            "subject": (f"[EXT] Antw: Betr: [{number}] your report", []),
            "forward": (f"Fwd: RE: [EXTERNAL] [{number}]", ["In-Reply-To: <gone@provider.example>"])}
    for name, (subject, headers) in ways.items():
        w.deliver(w.report("alice", f"words by {name}", subject, headers=headers), "alice@example.net")
        wait_for(lambda: f"words by {name}" in str(w.case(number)["messages"]), what=f"the follow-up by {name}")
    # a copied subject of somebody else, or under a forged name without the key, joins nothing
    w.deliver(w.report("bob", "words by bob", f"Re: [{number}]"), "bob@example.com")
    w.deliver(w.report("alice", "words by mallory", f"Re: [{number}]", sign=False, encrypt=False, attach_key=False), "m@example.com")
    wait_for(lambda: sum(w.case(c["number"]).get("claims") == number for c in w.cases()) == 2, what="two cases that claim it")
    assert "words by bob" not in str(w.case(number)) and "words by mallory" not in str(w.case(number))


@promise("follow-ups come to the owner first")
def _():
    number, ack, notice = new_case(text="hole eighteen")
    order(notice, "owner joris@example.org")
    before = len(w.joris.mails())
    w.deliver(w.report("alice", "More of it.", "Re: hole", headers=[
        f"In-Reply-To: {w.alice.open(ack).outer['Message-ID']}"]), "alice@example.net")
    mail = w.joris.open(w.joris.wait_for_mails(before + 1)[-1])
    assert str(mail.outer["To"]).startswith("joris@"), mail.outer["To"]
    contains(mail.text, "More of it.")


@promise("what was closed as spam is listed once, can be taken up again, and its clock goes on")
def _():
    number, ack, notice = new_case(text="hole nineteen")
    mails = len(w.alice.mails())
    order(notice, "close spam")
    equal(len(w.alice.mails()), mails)
    case = w.case(number)
    equal((case["state"], case["resolution"]), ("closed", "spam"))
    def morning():
        before = len(w.sanne.mails())
        w.sql("update mailboxes set morning_at = now(); notify meldpunt_deadlines")
        return w.sanne.open(w.sanne.wait_for_mails(before + 1)[-1]).text

    contains(morning(), "Als spam gesloten")
    # nothing else has to be said, perhaps; then there is no mail at all
    w.meldpunt("order", new_case(text="hole twenty")[0], "fix-date", "+1d")
    w.sql("update cases set fix_date = current_date - 1 where fix_date is not null and state <> 'closed'")
    assert "Als spam gesloten" not in morning()
    mails = len(w.alice.mails())
    done = order(notice, "status received")
    contains(done.text, "weer opgenomen")
    case = w.case(number)
    equal((case["state"], case["resolution"], case["answered_at"]), ("received", None, None))
    equal({d["step"] for d in case["deadlines"] if not d["fired_at"] and not d["cancelled_at"]},
          {"owner", "lead", "management", "end"})
    equal(len(w.alice.mails()), mails)
    contains(order(notice, "status received\n\nonce more").text, "als spam gesloten")


@promise("what was meant for colleagues does not go out for want of a dot, re-wrapped, or as a name at the end")
def _():
    number, ack, notice = new_case(text="hole twenty-one")
    mails = len(w.alice.mails())
    for text in ("reply\nHello.\n\nnote\nthe vault code is 7 7 7\n.", "reply\nHello.\nnote:\nthe vault code\n.",
                 "ask\nWhich version?\nseverity: high\n.", "reply\nSoon.\nfix-date +14d days\n."):
        contains(order(notice, text).text, "midden in de tekst")
    order(notice, "note\nour vendor calls this\nan old acquaintance of theirs\n.")
    for text in ("our  vendor calls this an old\nacquaintance of theirs", "He says: our vendor calls this an old thing."):
        contains(order(notice, f"force because\nreply\n{text}\n.").text, "interne notitie")
    contains(order(notice, "reply\nAsk Sanne de Vries of us, sanne@example.org, for more.\n.").text, "eigen naam")
    equal(len(w.alice.mails()), mails)
    done = order(notice, "reply\nOp 20 november 2026 schreef u ons over drie punten:\n\nIt is real, if\nverzonden met de "
                 "POST-methode.\nstatus soon.\n\nRegards,\nSanne de Vries\nsecurity officer\nsanne@example.org\n.")
    text = w.alice.open(w.alice.wait_for_mails(mails + 1)[-1]).text
    contains(text, "It is real, if")
    contains(text, "POST-methode.")
    assert "anne" not in text and "officer" not in text, text
    contains(done.text, "  | It is real, if")
    # few words are anybody's, a secret is not
    order(notice, "note\ninvestigating\n.")
    order(notice, "note\npw is hunter2\n.")
    contains(order(notice, "reply\nThe pw is hunter2, I hear.\n.").text, "interne notitie")
    contains(order(notice, "reply\nWe are investigating it.\n.").text, "  | We are investigating it.")


@promise("no way of closing or reviving stops the clock without an answer, nor is refused for ever")
def _():
    number, ack, notice = new_case(text="hole twenty-two")
    order(notice, f"severity high\nfix-date +9d\nclose spam {number}")
    case = w.case(number)
    equal((case["state"], case["resolution"]), ("closed", "spam"))
    contains(order(notice, "status fixing").text, "status received")
    order(notice, "status received")
    equal((w.case(number)["state"], w.case(number)["answered_at"]), ("received", None))
    number, ack, notice = new_case(text="hole twenty-three")
    order(notice, "close out-of-scope")
    wait_for(lambda: w.case(number)["answered_at"], what="the answer to count")
    contains(order(notice, "status fixing").text, "ernst")
    equal(w.case(number)["state"], "closed")
    contains(w.meldpunt("order", number, "case", "VGZ-2026-0001", check=False).stdout.decode(), "0001")


@promise("an operator orders on the command line: the same code, an event with the name")
def _():
    number, ack, notice = new_case(text="hole fifteen")
    mails = len(w.alice.mails())
    text = w.meldpunt("order", number, "severity", "high").stdout.decode()
    contains(text, "high")
    refused = w.meldpunt("order", number, "severity", "hihg", check=False)
    equal(refused.returncode, 65)
    contains(refused.stdout.decode(), "hihg")
    done = w.meldpunt("order", number, "--file=-", data=b"fix-date +5d\nreply\nFrom the operator.\n.\n")
    contains(done.stdout.decode(), w.alice.fpr)
    contains(w.alice.open(w.alice.wait_for_mails(mails + 1)[-1]).text, "From the operator.")
    case = wait_for(lambda: (c := w.case(number)) and c["answered_at"] and c, what="the answer to count")
    assert any(e["who"].startswith("operator ") and e["what"] == "replied" for e in case["events"])
    equal(w.meldpunt("order", "VGZ-1999-0001", "help", check=False).returncode, 65)


@promise("no word of it all is in any log")
def _():
    w.check_log("hole", "alice", "swordfish", "confirm the problem")


run()
