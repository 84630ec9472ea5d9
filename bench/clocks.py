#!/usr/bin/env python3
"""Reports over 100,000 cases, and a million pending deadlines: what they cost.
As root, on a quiet machine; MELDPUNT_BUILD names the build."""
import os
import sys
import time
TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TOP, "t", "lib"))
from world import World, wait_for

N = int(os.environ.get("MELDPUNT_CASES", "100000"))


def fill(w):
    """Cases of a year; 1 in 50 was never answered."""
    w.sql(f"""insert into meldpunt_private.reporters (alias, address)
        select 'r' || n, 'a' || n || '@example.net' from generate_series(1, {N}) n""")
    w.sql(f"""insert into inbound (mailbox, folder, uidvalidity, uid, arrived_at, size, sha256, blob, state, outcome)
        select 1, 'INBOX', 9, n, now() - random() * interval '364 days', 10, sha256(n::text::bytea), 1, 'done', 'case'
        from generate_series(1, {N}) n""")
    w.sql("alter table cases disable trigger answered")
    w.sql(f"""insert into cases (number, mailbox, inbound, reporter, title, description, severity, fix_date, language,
            arrived_at, answer_due_at, answered_at, state, resolution, closed_at)
        select 'VGZ-1999-' || (n + 10000), 1, i.id, r.id, 't', 'd', 'high', current_date, 'nl', i.arrived_at,
            i.arrived_at + interval '5 days',
            case when n % 50 <> 0 then i.arrived_at + random() * interval '5.2 days' end,
            case when n % 3 = 0 then 'closed' else 'received' end, case when n % 3 = 0 then 'fixed' end,
            case when n % 3 = 0 then i.arrived_at + random() * interval '60 days' end
        from generate_series(1, {N}) n join inbound i on i.uid = n and i.uidvalidity = 9
        join meldpunt_private.reporters r on r.alias = 'r' || n""")
    w.sql("alter table cases enable trigger answered")
    w.sql("""insert into deadlines (case_id, clock, step, fires_at)
        select c.id, 'answer', s, now() + interval '1 year' from cases c,
        unnest(array['owner','lead','management','end','a','b','c','d','e','f']) s where c.number like 'VGZ-1999%'""")
    w.sql("vacuum analyze")


def acknowledge(w, n):
    t = time.time()
    w.deliver(w.report("bob", f"report {n}", "x"), "bob@example.com")
    w.bob.wait_for_mails(n)
    return time.time() - t


w = World("server")
w.meldpunt("migrate", "--as=postgres")
w.start()
print(f"acknowledgment, empty database: {acknowledge(w, 1):.2f} s")
wait_for(lambda: w.json("queue") == [])
w.stop()
fill(w)
for option in ("--json", "--html=/dev/null", "--csv"):
    t = time.time()
    w.meldpunt("report", option)
    print(f"report {option} over {N} cases: {time.time() - t:.2f} s")
w.start()
print(f"acknowledgment, {10 * N} deadlines pending: {acknowledge(w, 2):.2f} s")
wait_for(lambda: w.json("queue") == [])
newest = "(select max(id) from cases)"
w.sql(f"update deadlines set fires_at = now() + interval '2 seconds' where case_id = {newest} and step = 'owner'")
wait_for(lambda: w.sql(f"select fired_at is not null from deadlines where case_id = {newest} and step = 'owner'") == "t")
print("a step fired after its time by", w.sql(
    f"select fired_at - fires_at from deadlines where case_id = {newest} and step = 'owner'"))
