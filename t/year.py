#!/usr/bin/env python3
"""A simulated year of cases by the database's moved clock, with two daemons
that come and go: an independent model says which steps fire and whom they
tell, and both agree exactly.  MELDPUNT_YEAR=N: a whole year with N cases."""
import collections
import datetime
import glob
import os
import random
import signal
import sys
import time
import uuid
import zoneinfo
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from tap import equal, promise, run
from world import World, email, run as sh, wait_for

YEAR = int(os.environ.get("MELDPUNT_YEAR", "0"))
CASES = YEAR or 30
SEED = int(os.environ.get("MELDPUNT_SEED", "20261124"))
ZONE = zoneinfo.ZoneInfo("Europe/Amsterdam")
H, D = 3600, 86400
HANDLERS, LEAD, BOSS = ("sanne", "joris"), "sanne", "bob"
# official holidays on which nobody works, written down and not computed
HOLIDAYS = {"2025-12-25", "2025-12-26", "2026-01-01", "2026-04-05", "2026-04-06", "2026-04-27", "2026-05-05", "2026-05-14",
            "2026-05-24", "2026-05-25"}


def local(y, m, d, hour=0):
    return datetime.datetime(y, m, d, hour, tzinfo=ZONE).timestamp()


START, END = (local(2025, 11, 17, 10), local(2026, 11, 17, 10)) if YEAR else (local(2026, 3, 20, 10), local(2026, 4, 20, 10))


def working_days(around, days):
    """(from, until) of the working days around a moment, by the wall clock."""
    date = datetime.datetime.fromtimestamp(around, ZONE).date() - datetime.timedelta(days=days)
    found = []
    for _ in range(2 * days + 1):
        if date.weekday() < 5 and date.isoformat() not in HOLIDAYS:
            found.append((local(date.year, date.month, date.day, 9), local(date.year, date.month, date.day, 17)))
        date += datetime.timedelta(days=1)
    return found


def working_back(end, seconds):
    for start, stop in reversed(working_days(end, 20)):
        stop = min(stop, end)
        if stop <= start:
            continue
        if stop - start >= seconds:
            return stop - seconds
        seconds -= stop - start


def working_forward(begin, seconds):
    for start, stop in working_days(begin, 20):
        start = max(start, begin)
        if stop <= start:
            continue
        if stop - start >= seconds:
            return start + seconds
        seconds -= stop - start


class Case:
    """What DESIGN section 10 says of one case, and nothing else."""

    def __init__(self, arrived):
        end = arrived + 5 * D
        warn = working_back(end, 8 * H)
        self.pending = {("answer", "owner"): max(arrived, min(arrived + 3 * D, warn)),
                        ("answer", "lead"): max(arrived, min(arrived + 4 * D, warn)),
                        ("answer", "management"): end - 12 * H, ("answer", "end"): end}
        self.kept, self.owner, self.acted = {}, None, 0
        self.answered = self.waiting = self.closed = self.fixed = False
        self.date = None

    def drop(self, clock):
        for key in [k for k in self.pending if k[0] == clock]:
            if clock == "answer":
                self.kept[key] = self.pending[key]
            del self.pending[key]

    def heard(self, now, words=False):
        """The reporter heard from a person; words end our waiting for the reporter, a state or date does not."""
        self.waiting = self.waiting and not words
        if not self.waiting:
            self.drop("progress")
        if not self.closed and not self.waiting:
            self.pending["progress", "due"] = now + 14 * D

    def promise_date(self, date, now):
        """True if it is another date than the reporter knows."""
        moved, self.date = date != self.date, date
        self.drop("fix-date")
        day = local(date.year, date.month, date.day)
        after = date + datetime.timedelta(days=1)
        if day - 3 * D > now:
            self.pending["fix-date", "soon"] = day - 3 * D
        self.pending["fix-date", "passed"] = local(after.year, after.month, after.day)
        return moved

    def people(self, owner, handlers, lead, management):
        found = set()
        if owner:
            found |= {self.owner} if self.owner else set(HANDLERS)
        if handlers:
            found |= set(HANDLERS)
        return found | ({LEAD} if lead else set()) | ({BOSS} if management else set())

    def fire(self, now):
        """Steps that fire, who is told, and what the reporter hears."""
        due = {k: t for k, t in self.pending.items() if t <= now}
        for key in due:
            del self.pending[key]
        told, reporter = set(), []
        answer = {s: t for (c, s), t in due.items() if c == "answer"}
        told |= self.fire_answer(answer, now, reporter) if answer else set()
        for clock, step in due:
            if clock == "progress" and not self.closed and not self.waiting:
                slip = step == "slip"
                told |= self.people(True, False, slip, False)
                self.pending["progress", "due" if slip else "slip"] = now + (14 * D if slip else 3 * D)
                reporter += ["status"] if slip else []
            elif clock == "fix-date" and not self.closed and not self.fixed:
                told |= self.people(True, False, step == "passed", False)
            elif clock == "delivery":
                told |= self.people(True, False, False, False)
        return [f"{c} {s}" for c, s in due], told, reporter

    def fire_answer(self, due, now, reporter):
        over = [s for s in due if s == "end" or s.startswith("overdue")]
        idle = self.acted < working_back(now, 4 * H)
        late = [s for s in due if s in ("lead", "management")]
        if "end" in due:
            reporter.append("late")
        if over:
            last = max(over, key=lambda s: due[s])
            n, at = (int(last[8:]) if last != "end" else 0), due[last]
            while at <= now:
                n, at = n + 1, at + D
            self.pending["answer", f"overdue-{n}"] = at
        elif not late and "handlers" not in due and self.owner:
            self.pending["answer", "handlers"] = working_forward(now, 4 * H)
        if not over and not late and "handlers" in due and not idle:
            return set()
        return self.people("owner" in due or over, "handlers" in due and idle, late or over, "management" in due or over)


class Year:
    def __init__(self):
        self.random = random.Random(SEED)
        self.real = time.time()
        self.cases, self.events, self.letters = {}, 0, 0
        self.file = "/tmp/" + uuid.uuid4().hex
        self.set_clock(START)
        library = glob.glob("/usr/lib/*/faketime/libfaketime.so.1")[0]
        w = World("server", staff=', { name = "Boss"; address = "bob@example.com"; roles = [ "management" ]; }',
                  pg_env={"LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": self.file, "FAKETIME_NO_CACHE": "1",
                          "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"})
        w.expected_warnings = ["tried again", "ended by signal", "a deadline is", "message", "database", "no connection",
                               "ended with status", "digest"]
        w.meldpunt("migrate", "--as=postgres")
        sh("cp", "-a", w.state, w.state + "2")  # another host has its own copy
        with open(w.conf_path) as f:
            w.write("second.conf", f.read().replace(w.state, w.state + "2"), 0o644)
        self.w, self.confs, self.daemons = w, [w.conf_path, w.path("second.conf")], [None, None]
        w.start()
        self.daemons[0] = w.daemon
        self.start(1)

    def sql(self, text):
        """libfaketime is not safe in signal handlers: now and then a backend ends, and PostgreSQL starts over."""
        for _ in range(60):
            try:
                return self.w.sql(text)
            except AssertionError as error:
                if not any(sign in str(error) for sign in ("recovery mode", "terminat", "closed the connection", "shutting down")):
                    raise
                time.sleep(0.5)
        raise AssertionError("PostgreSQL does not come back")

    def set_clock(self, moment):
        with open(self.file + ".new", "w") as f:
            f.write(f"{moment - time.time():+.3f}\n")
        os.chmod(self.file + ".new", 0o644)
        os.rename(self.file + ".new", self.file)
        self.base = moment - time.time()

    def now(self):
        return self.base + time.time()

    def start(self, i):
        self.daemons[i] = self.w.start(conf=self.confs[i])

    def stop(self, i, number=signal.SIGTERM):
        if self.daemons[i]:
            self.daemons[i].send_signal(number)
            self.daemons[i].wait(60)
            self.daemons[i] = None
            if number == signal.SIGKILL:
                time.sleep(0.5)  # its children end by themselves

    def settle(self):
        quiet = ("select not exists (select from inbound where state = 'new')"
                 " and not exists (select from outbound where state in ('queued', 'sending'))"
                 " and not exists (select from operator_orders where done_at is null)"
                 " and not exists (select from deadlines where fires_at <= now() and fired_at is null and cancelled_at is null)"
                 " and (select count(*) from inbound) = {}")
        self.sql("notify meldpunt_deadlines; notify meldpunt_operator_orders; notify meldpunt_inbound")
        wait_for(lambda: self.sql(quiet.format(self.mails)) == "t", 120, "a quiet database")

    mails = 0

    # -- what happens to cases
    def arrive(self, n):
        before = self.now()
        for _ in range(n):
            self.w.drop(self.w.report("alice", f"Report {uuid.uuid4()}", "x", sign=False, encrypt=False, attach_key=False))
        self.mails += n
        self.settle()
        for row in self.sql("select number || ' ' || extract(epoch from arrived_at) from cases order by id").split("\n"):
            number, arrived = row.split() if row else (None, 0)
            if number and number not in self.cases:
                assert before - 5 < float(arrived) < self.now() + 5, (before, arrived)
                self.cases[number] = Case(float(arrived))

    def order(self, orders):
        rows = ", ".join(f"((select id from cases where number = '{n}'), $text${t}$text$, 'year')" for n, t in orders)
        self.sql(f"insert into operator_orders (case_id, text, actor) values {rows}")
        self.settle()
        equal(self.sql("select string_agg(result, '') from operator_orders where refused"), "")

    def act(self):
        """A random order for some of the open cases, and what the model makes of it."""
        orders = []
        for number, case in self.cases.items():
            if case.closed or self.random.random() > 0.12:
                continue
            text = self.choose(case)
            if text:
                orders.append((number, text))
        if orders:
            self.order(orders)

    def choose(self, case):
        now, kind = self.now(), self.random.random()
        case.acted = now
        if case.owner is None and kind < 0.3:
            case.owner = self.random.choice(HANDLERS)
            return f"owner {case.owner}@example.org"
        date = datetime.datetime.fromtimestamp(now, ZONE).date() + datetime.timedelta(days=self.random.randint(2, 60))
        if not case.answered and kind < 0.75:
            case.answered = True
            case.drop("answer")
            case.promise_date(date, now)
            case.heard(now, words=True)
            return f"severity high\nfix-date {date}\nreply\nThank you.\n."
        if not case.answered and kind < 0.85:
            case.answered = case.closed = True
            for clock in ("answer", "progress", "fix-date"):
                case.drop(clock)
            return "close out-of-scope"
        if not case.answered or kind < 0.25:
            case.waiting = True
            case.drop("progress")
            return "ask\nWhich version?\n."
        if kind < 0.5:
            case.heard(now, words=True)
            return "reply\nWe are at it.\n."
        if kind < 0.65 and not case.fixed:
            if case.promise_date(date, now):
                case.heard(now)
            return f"fix-date {date}"
        if kind < 0.8 and not case.fixed:
            case.fixed = True
            case.drop("fix-date")
            case.heard(now)
            return "status fixed"
        case.closed = True
        for clock in ("progress", "fix-date"):
            case.drop(clock)
        return "close fixed"

    def bounce(self):
        """An answer comes back: the clock goes on from where it stood."""
        found = self.sql("select c.number || ' ' || l.message_id from letters l join cases c on c.id = l.case_id"
                           " join outbound o on o.letter = l.id where l.answers and o.state = 'sent' and c.state in"
                           " ('answered') and (select count(*) from letters m where m.case_id = c.id and m.answers) = 1"
                           " order by l.id desc limit 20").split("\n")
        found = [f for f in found if f]
        if not found:
            return
        number, mid = self.random.choice(found).split()
        case = self.cases[number]
        raw = (f"Return-Path: <>\r\nFrom: MAILER-DAEMON@x.example\r\nTo: security@example.org\r\nSubject: Undeliverable\r\n"
               f"Message-ID: <{uuid.uuid4()}@x>\r\nDate: {email.utils.formatdate()}\r\n\r\nMessage-ID: <{mid}>\r\n").encode()
        self.mails += 1
        self.w.drop(raw)
        case.answered = False
        case.pending.update(case.kept)
        case.kept = {}
        letter = self.sql(f"select id from letters where message_id = '{mid}'")
        case.pending["delivery", f"letter-{letter}"] = self.now()
        self.settle()
        self.check()

    # -- time passes
    def jump(self):
        moment = self.now() + self.random.choice([1, 2, 3, 4] if YEAR else [0.2, 0.5, 0.8, 1, 1.5, 3]) * D * self.random.uniform(0.5, 1)
        # not so near to a step that seconds decide
        while any(abs(t - moment) < 900 for c in self.cases.values() for t in c.pending.values()):
            moment += 1800
        self.set_clock(moment)

    def check(self):
        now, steps, told, heard = self.now(), collections.Counter(), collections.Counter(), collections.Counter()
        for number, case in self.cases.items():
            fired, people, reporter = case.fire(now)
            steps.update(f"{number} {s}" for s in fired)
            told.update(f"{number} {self.w.people[p].address}" for p in people)
            heard.update(f"{number} {kind}" for kind in reporter)
        found = self.rows(f"select c.number || ' ' || e.detail from events e join cases c on c.id = e.case_id"
                          f" where e.what = 'deadline' and e.id > {self.events}")
        equal(found - steps, collections.Counter(), "fired, and should not have")
        equal(steps - found, collections.Counter(), "should have fired, and did not")
        found = self.rows(f"select c.number || ' ' || o.recipient from outbound o join letters l on l.id = o.letter"
                          f" join cases c on c.id = l.case_id where l.kind = 'escalation' and l.id > {self.letters}")
        equal(found - told, collections.Counter(), "told, and should not have been")
        equal(told - found, collections.Counter(), "should have been told, and were not")
        found = self.rows(f"select c.number || ' ' || l.kind from letters l join cases c on c.id = l.case_id"
                          f" where (l.kind = 'late' or l.kind = 'status' and l.author = '') and l.id > {self.letters}")
        equal(found, heard, "what reporters heard")
        self.mark()
        return sum(steps.values())

    def mark(self):
        self.events = int(self.sql("select coalesce(max(id), 0) from events"))
        self.letters = int(self.sql("select coalesce(max(id), 0) from letters"))

    def rows(self, sql):
        return collections.Counter(r for r in self.sql(sql).split("\n") if r)

    def trouble(self):
        """Daemons come and go."""
        i = self.random.randrange(2)
        if YEAR and self.random.random() < 0.7:
            return
        if self.daemons[i] is None:
            self.start(i)
        elif self.random.random() < 0.3:
            self.stop(i, self.random.choice([signal.SIGTERM, signal.SIGKILL]))

    def live(self):
        fired = 0
        while self.now() < END:
            left = (END - self.now()) / (END - START)
            due = CASES - len(self.cases) - int(CASES * left)
            if due > 0:
                self.arrive(min(due, CASES - len(self.cases)))
                fired += self.check()  # some are due as they come
            self.act()
            self.mark()
            if self.random.random() < 0.1:
                self.bounce()
            down = self.random.random() < 0.05
            for i in (0, 1) if down else ():
                self.stop(i)
            self.jump()
            if down or not any(self.daemons):
                self.start(self.random.randrange(2))
            self.settle()
            fired += self.check()
            self.trouble()
            if not any(self.daemons):
                self.start(0)
        return fired


@promise(f"{CASES} cases: every step fires once, at its people, whatever happens to the daemons")
def _():
    year = Year()
    try:
        fired = year.live()
        assert len(year.cases) > 0.9 * CASES, len(year.cases)  # the last jump may pass the end
        assert fired > CASES, fired
        print(f"# {fired} steps")
        equal(year.w.sql("select count(*) from outbound where state not in ('sent', 'failed')"), "0")
        year.w.check_log("Report ", "alice@")
    finally:
        for i in (0, 1):
            year.stop(i)
        os.unlink(year.file)


run()
