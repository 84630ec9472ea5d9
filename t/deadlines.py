#!/usr/bin/env python3
"""The promise is kept: steps fire once, at the right people, also when they
were slept through.  Time passes by ageing rows."""
import glob
import os
import sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from tap import contains, equal, promise, run
from world import World, email, wait_for

w = World("server", staff=', { name = "Boss"; address = "bob@example.com"; roles = [ "management" ]; }', conf="clocks = { calendar = true; };")
w.expected_warnings = ["is tried again later: database: broken"]
w.meldpunt("migrate", "--as=postgres")
w.start()
SECRET = "the zebra hole"


def new_case():
    acks, notices = len(w.alice.mails()), len(w.sanne.mails())
    w.deliver(w.report("alice", SECRET, SECRET), "alice@example.net")
    w.alice.wait_for_mails(acks + 1)
    notice = w.sanne.wait_for_mails(notices + 1)[-1]
    number = w.sanne.open(notice).outer["Subject"].split("]")[0][1:]
    counts()
    return number, notice


def age(number, what="true", by="now() - interval '1 second'"):
    """Steps of the case are due now."""
    w.sql(f"update deadlines set fires_at = {by} where {what} and fired_at is null and cancelled_at is null"
          f" and case_id = (select id from cases where number = '{number}')")


def fired(number):
    return {(d["clock"], d["step"]) for d in w.case(number)["deadlines"] if d["fired_at"]}


def counts():
    """How many mails each has, once all that was queued has arrived."""
    people = ("sanne", "joris", "bob", "alice")

    def arrived():
        found = {p: len(w.people[p].mails()) for p in people}
        sent = {p: int(w.sql(f"select count(*) from outbound where recipient = '{w.people[p].address}'")) for p in people}
        return found == sent and found

    return wait_for(arrived, what="all mail to arrive")


def difference(before):
    after = counts()
    return {p: after[p] - before[p] for p in after if after[p] != before[p]}


@promise("without an owner all handlers are reminded, sealed, with what to do")
def _():
    number, _ = new_case()
    before = counts()
    age(number, "step = 'owner'")
    wait_for(lambda: ("answer", "owner") in fired(number), what="the step")
    equal(difference(before), {"sanne": 1, "joris": 1})
    mail = w.joris.open(w.joris.mails()[-1])
    assert mail.encrypted and mail.good_signature
    contains(mail.text, "meldpunt-case: " + number)
    contains(mail.text, SECRET)


@promise("with an owner only the owner is reminded, and after four idle working hours everybody")
def _():
    number, notice = new_case()
    w.deliver(w.answer("joris", w.joris.mails()[-1], "owner me"), "joris@example.org")
    wait_for(lambda: w.case(number)["owner"] == "joris@example.org", what="the owner")
    before = counts()
    age(number, "step = 'owner'")
    wait_for(lambda: ("answer", "owner") in fired(number), what="the step")
    equal(difference(before), {"joris": 1})
    w.sql("update cases set acted_at = now() - interval '9 days'")
    before = counts()
    age(number, "step = 'handlers'")
    wait_for(lambda: ("answer", "handlers") in fired(number), what="the step")
    equal(difference(before), {"sanne": 1, "joris": 1})


@promise("management hears number and dates only, in clear where it has no key")
def _():
    number, _ = new_case()
    before = counts()
    age(number, "step = 'management'")
    wait_for(lambda: ("answer", "management") in fired(number), what="the step")
    equal(difference(before), {"sanne": 1, "bob": 1})
    mail = w.bob.open(w.bob.mails()[-1])
    contains(mail.text, number)
    for secret in (SECRET, "alice", "zebra"):
        assert secret not in mail.text and secret not in str(mail.outer["Subject"])


@promise("what was slept through fires once, as missed: one mail each, one honest mail to the reporter")
def _():
    number, _ = new_case()
    w.stop()
    before = counts()
    w.sql("update cases set arrived_at = arrived_at - interval '8 days', answer_due_at = answer_due_at"
          f" - interval '8 days' where number = '{number}'")
    age(number, by="fires_at - interval '8 days'")
    w.start()
    wait_for(lambda: ("answer", "end") in fired(number), what="the end")
    equal(difference(before), {"sanne": 1, "joris": 1, "bob": 1, "alice": 1})
    contains(w.sanne.open(w.sanne.mails()[-1]).text, "NIET op tijd")
    late = w.alice.open(w.alice.mails()[-1])
    assert SECRET not in late.text
    case = w.case(number)
    equal((case["answered_at"], case["state"]), (None, "received"))
    (next_step,) = [d for d in case["deadlines"] if not d["fired_at"] and not d["cancelled_at"]]
    contains(next_step["step"], "overdue-")
    assert w.sql(f"select fires_at between now() and now() + interval '1 day' from deadlines where step like 'overdue-%'"
                 f" and case_id = (select id from cases where number = '{number}')") == "t"
    # repeated daily, without another mail to the reporter
    before = counts()
    age(number)
    wait_for(lambda: len(fired(number)) == 5, what="the day after")
    equal(difference(before), {"sanne": 1, "joris": 1, "bob": 1})


@promise("an answer ends it; silence afterwards is noticed, and the fix date too")
def _():
    number, notice = new_case()
    w.deliver(w.answer("sanne", notice, "owner me\nseverity high\nfix-date +20d\nreply\nThank you.\n."), "sanne@example.org")
    wait_for(lambda: w.case(number)["answered_at"], what="the answer to count")
    before = counts()
    age(number, "clock = 'progress'")
    wait_for(lambda: ("progress", "due") in fired(number), what="progress")
    equal(difference(before), {"sanne": 1})
    before = counts()
    age(number, "step = 'slip'")
    wait_for(lambda: ("progress", "slip") in fired(number), what="slip")
    equal(difference(before), {"sanne": 1, "alice": 1})
    before = counts()
    age(number, "clock = 'fix-date'")
    wait_for(lambda: ("fix-date", "passed") in fired(number), what="the fix date")
    equal(difference(before), {"sanne": 1})
    equal({s for c, s in fired(number) if c == "answer"}, set())


@promise("a legal clock tells lead and privacy, and two daemons fire a step once")
def _():
    number, notice = new_case()
    before = counts()
    w.deliver(w.answer("sanne", notice, "clock gdpr"), "sanne@example.org")
    wait_for(lambda: ("legal", "gdpr-start") in fired(number), what="the start")
    equal(difference(before), {"sanne": 2})
    events = [e["detail"] for e in w.case(number)["events"] if e["what"] == "deadline"]
    equal(len(events), len(set(events)))


@promise("a letter that is refused for good is told to staff")
def _():
    w.deliver(w.report("alice", "refused later", "x", headers=[]).replace(
        b"<alice@example.net>", b"<reject@reporter.test>"), "reject@reporter.test")
    wait_for(lambda: w.sql("select count(*) from deadlines where clock = 'delivery' and fired_at is not null") == "1",
             what="the delivery clock")
    wait_for(lambda: "bezorgd" in w.joris.open(w.joris.mails()[-1]).text, what="the mail about it")


@promise("the morning digest has a line for each case that needs staff, once, sealed")
def _():
    before = {p: len(w.people[p].mails()) for p in ("sanne", "joris")}
    w.sql("update mailboxes set morning_at = now() - interval '1 second'")
    w.sql("notify meldpunt_deadlines")
    for person, n in before.items():
        mail = w.people[person].open(w.people[person].wait_for_mails(n + 1)[-1])
        assert mail.encrypted
        contains(mail.text, "VGZ-")
        contains(mail.text, "TE LATE")
        (calendar,) = [p for p in mail.inner.walk() if p.get_content_type() == "text/calendar"]
        events = calendar.get_payload(decode=True).decode()
        contains(events, "BEGIN:VCALENDAR\r\n")
        contains(events, "SUMMARY:VGZ-")
        assert all(len(line) < 75 for line in events.split("\r\n")), events
        assert SECRET not in mail.text and "alice" not in mail.text
    equal(w.sql("select morning_at > now() and extract(isodow from morning_at at time zone 'Europe/Amsterdam') < 6"
                " from mailboxes"), "t")


@promise("the report counts what was kept and missed, without a word about anybody")
def _():
    w.sql("update cases set arrived_at = arrived_at - interval '40 days', answer_due_at = answer_due_at - interval '40 days'"
          " where answered_at is null")
    report = w.json("report")
    total = report["total"]
    equal(total["cases"], len(w.cases()))
    equal(total["answered"], 1)
    equal(total["in_time"] + total["missed"], total["cases"])
    equal(float(total["share"]), round(1 / total["cases"], 4))
    equal(sum(m["cases"] for m in report["months"]), total["cases"])
    assert "mailboxes" not in w.json("report", "--public")
    csv = w.meldpunt("report", "--csv").stdout.decode().splitlines()
    equal(len(csv), 3)
    page = w.meldpunt("report", "--html=-").stdout.decode()
    contains(page, "<svg")
    for secret in (SECRET, "alice", "sanne", "VGZ-", "http"):
        assert secret not in page, secret


@promise("a case of a mailbox that is configured no more, or whose letter cannot be stored, holds up nobody else's steps")
def _():
    gone, broken, good = new_case()[0], new_case()[0], new_case()[0]
    w.sql(f"update cases set mailbox = mailbox_enter('gone', 'GONE', 'gone@example.org') where number = '{gone}'")
    w.sql("create function broken() returns trigger language plpgsql as $$ begin if NEW.case_id = (select id from meldpunt.cases"
          f" where number = '{broken}') then raise 'broken'; end if; return NEW; end $$;"
          " create trigger broken before insert on letters for each row execute function broken()")
    for number, ago in ((gone, 3), (broken, 2), (good, 1)):
        w.sql(f"update deadlines set fires_at = now() - interval '{ago} minutes' where step = 'owner' and case_id ="
              f" (select id from cases where number = '{number}')")
    wait_for(lambda: ("answer", "owner") in fired(good), 8, "the step of the good one")
    wait_for(lambda: "is tried again later" in w.log(), what="the warning")
    assert ("answer", "owner") not in fired(gone) and ("answer", "owner") not in fired(broken)
    w.sql("drop trigger broken on letters")
    wait_for(lambda: ("answer", "owner") in fired(broken), 20, "the step, once it can be")


@promise("four days later by the clock of database and daemon, the right step has come to the right people")
def _():
    v = World(staff=', { name = "Boss"; address = "bob@example.com"; roles = [ "management" ]; }')
    v.start()
    v.deliver(v.report("alice", SECRET, SECRET), "alice@example.net")
    v.alice.wait_for_mails(1)
    v.joris.wait_for_mails(1)
    wait_for(lambda: v.json("queue") == [], what="an empty queue")
    v.stop()
    library = glob.glob("/usr/lib/*/faketime/libfaketime.so.1")[0]
    os.environ.update(LD_PRELOAD=library, FAKETIME="+4d")
    try:
        v.start()
    finally:
        del os.environ["LD_PRELOAD"], os.environ["FAKETIME"]
    contains(v.sanne.open(v.sanne.wait_for_mails(2)[-1]).text, "het einde is nabij")
    v.joris.wait_for_mails(2)
    equal(len(v.bob.mails()), 0)
    v.check_log(SECRET, "alice")
    v.stop()


@promise("no word of it is in any log")
def _():
    w.check_log(SECRET, "alice", "zebra")


run()
