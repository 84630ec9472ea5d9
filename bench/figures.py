#!/usr/bin/env python3
"""The figures of bench/README.md, measured on real servers.
usage: bench/figures.py [latency|order|routing|backlog|floor|memory|large|bomb] ...   (default: all)"""
import os
import statistics
import subprocess
import sys
import threading
import time
import zlib
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "t", "lib"))
from world import World, encrypted_message, run, wait_for

BACKLOG = int(os.environ.get("MELDPUNT_BACKLOG", "1000"))
TEXT = ("I found a stored cross-site scripting hole in https://shop.example.org/search and tried it with my own "
        "account only. The server is 203.0.113.7.\n" * 20)


def accepted(w):
    return int(w.sql("select count(*) from outbound where kind = 'acknowledgment' and state = 'sent'"))


def latency():
    """Delivery in the mailbox until the SMTP server has accepted the acknowledgment."""
    w = World()
    w.start()
    times = []
    for i in range(25):
        raw = w.report("alice", TEXT, f"latency {i}")
        n = w.log().count("acknowledgment accepted")
        t = time.monotonic()
        w.drop(raw)
        wait_for(lambda: w.log().count("acknowledgment accepted") > n, 20, "acknowledgment")
        times.append(time.monotonic() - t)
        time.sleep(0.4)
    times = times[3:]
    w.end()
    print(f"latency: median {statistics.median(times):.3f} s, worst {max(times):.3f} s of {len(times)} "
          "(goal: median below 0.75 s)")


def order():
    """A signed order in the mailbox until the SMTP server has accepted the reporter's mail."""
    w = World()
    w.start()
    w.deliver(w.report("alice", TEXT, "order"), "alice@example.net")
    notice = w.sanne.wait_for_mails(1)[-1]
    w.alice.wait_for_mails(1)
    times = []
    for i in range(20):
        raw = w.answer("sanne", notice, f"reply\nWe are at it, part {i}.\n.")
        n = w.log().count("reply accepted")
        t = time.monotonic()
        w.drop(raw)
        wait_for(lambda: w.log().count("reply accepted") > n, 20, "the reply")
        times.append(time.monotonic() - t)
        time.sleep(0.4)
    times = times[3:]
    w.end()
    print(f"order: median {statistics.median(times):.3f} s, worst {max(times):.3f} s of {len(times)} "
          "(goal: median below 0.7 s)")


def follow_ups(w, thread, count):
    times = []
    for i in range(count):
        raw = w.report("alice", f"more {i}", "Re: routing", headers=[f"In-Reply-To: {thread}"], attach_key=False)
        n = w.log().count("follow-up") + w.log().count("encrypted+signed")
        t = time.monotonic()
        w.drop(raw)
        wait_for(lambda: w.log().count("follow-up") + w.log().count("encrypted+signed") > n, 20, "the follow-up")
        times.append(time.monotonic() - t)
        time.sleep(0.4)
    return statistics.median(times[2:])


def routing():
    """A follow-up, with few and with a million messages and letters in the database."""
    w = World("server")
    w.meldpunt("migrate", "--as=postgres")
    w.start()
    w.deliver(w.report("alice", TEXT, "routing"), "alice@example.net")
    thread = w.alice.open(w.alice.wait_for_mails(1)[-1]).outer["Message-ID"]
    few = follow_ups(w, thread, 12)
    w.sql("""insert into meldpunt_private.reporters (alias, address) select 'r' || n, 'a' || n || '@example.net'
        from generate_series(1, 50000) n""")
    w.sql("""insert into inbound (mailbox, folder, uidvalidity, uid, arrived_at, size, sha256, blob, state, outcome, rendering)
        select 1, 'INBOX', 9, n, now(), 10, sha256(n::text::bytea), 1, 'done', 'case', sha256(('r' || n)::bytea)
        from generate_series(1, 1000000) n""")
    w.sql("""insert into cases (number, mailbox, inbound, reporter, title, description, language, arrived_at, answer_due_at)
        select 'VGZ-1999-' || (n + 10000), 1, i.id, r.id, 't', 'd', 'nl', now(), now() + interval '5 days'
        from generate_series(1, 50000) n join inbound i on i.uid = n and i.uidvalidity = 9
        join meldpunt_private.reporters r on r.alias = 'r' || n""")
    w.sql("""insert into letters (mailbox, case_id, kind, message_id, blob, size)
        select 1, c.id, 'notice', n || c.number || '@example.org', 1, 1 from cases c, generate_series(1, 20) n
        where number like 'VGZ-1999%'""")
    w.sql("""insert into messages (case_id, direction, at, protection, signature, subject, body)
        select c.id, 'in', now(), 'clear', 'none', 's', 'words' from cases c, generate_series(1, 20) n
        where number like 'VGZ-1999%'""")
    w.sql("vacuum analyze")
    many = follow_ups(w, thread, 12)
    w.end()
    print(f"routing: a follow-up is filed {few:.3f} s after delivery with few messages, {many:.3f} s with 1,000,000 (goal: flat)")


def bare_rate(w, person, reports, seconds=20):
    """Two loops of plain gpg: decrypt and verify, then two times sign and encrypt."""
    home = w.path("bare")
    os.makedirs(home, mode=0o700, exist_ok=True)
    keys = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "t", "corpus", "keys")
    for name in (person + ".pub.asc", "sanne.pub.asc", "joris.pub.asc"):
        run("gpg", "--homedir", home, "--batch", "--quiet", "--import", os.path.join(keys, name))
    box = w.people["security"]
    subprocess.run(["gpg", "--homedir", home, "--batch", "--quiet", "--import"], check=True, capture_output=True,
                   input=box.gpg("--export-secret-keys", box.fpr).stdout)
    with open(w.path("cipher.asc"), "wb") as f:
        raw = reports[0]
        f.write(raw[raw.index(b"-----BEGIN PGP MESSAGE"):raw.index(b"-----END PGP MESSAGE-----") + 26])
    with open(w.path("plain.txt"), "w") as f:
        f.write(TEXT)
    gpg = ["gpg", "--homedir", home, "--batch", "--quiet", "--trust-model", "always", "--no-auto-key-locate"]
    seal = [*gpg, "--armor", "--local-user", box.fpr, "--sign", "--encrypt", "--compress-algo", "none", "-r"]
    plain = w.path("plain.txt")
    w.bare = [([*gpg, "--decrypt"], w.path("cipher.asc")), ([*seal, w.people[person].fpr], plain),
              ([*seal, w.people["sanne"].fpr, "-r", w.people["joris"].fpr], plain)]
    steps = "".join(f" {' '.join(argv)} <{words} >/dev/null 2>&1\n" for argv, words in w.bare)
    script = w.write("loop.sh", f"""end=$(($(date +%s) + {seconds})); n=0
while [ $(date +%s) -lt $end ]; do
{steps} n=$((n + 1))
done
echo $n
""")
    t = time.monotonic()
    loops = [subprocess.Popen(["bash", script], stdout=subprocess.PIPE) for _ in range(2)]
    done = sum(int(p.communicate()[0]) for p in loops)
    rate = done / (time.monotonic() - t)
    run("gpgconf", "--homedir", home, "--kill", "all", check=False)
    return rate


def bare_mail(w, seconds=20):
    """The same two loops, which also take each report from the IMAP server and hand the
    three letters to the SMTP server: what is left for a daemon that costs nothing itself."""
    script = w.write("mail.py", f"""
import imaplib, smtplib, subprocess, sys, time
box = imaplib.IMAP4("127.0.0.1", {w.imap_port}); box.login("security", "pw-security"); box.select("INBOX")
uids = box.uid("SEARCH", "ALL")[1][0].split()[int(sys.argv[1])::2]
out = smtplib.SMTP("127.0.0.1", {w.smtp_port}); out.ehlo()
letter = open("{w.dir}/letter.eml", "rb").read()
end = time.monotonic() + {seconds}
n = 0
while time.monotonic() < end and n < len(uids):
    uid = uids[n]
    box.uid("FETCH", uid, "(UID INTERNALDATE BODY.PEEK[])")
    for argv, words in {w.bare}:
        subprocess.run(argv, stdin=open(words), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for to in ("bob@example.com", "sanne@example.org", "joris@example.org"):
        out.sendmail("security@example.org", [to], letter)
    box.uid("MOVE", uid, "Processed")
    n += 1
print(n)
""")
    t = time.monotonic()
    loops = [subprocess.Popen([sys.executable, script, str(i)], stdout=subprocess.PIPE) for i in (0, 1)]
    done = sum(int(p.communicate()[0]) for p in loops)
    return done / (time.monotonic() - t)


def floor():
    """What the backlog's figure can be at most on these processors."""
    w = World()
    w.security_fpr()
    reports = make_reports(w, "bob")
    bare = bare_rate(w, "bob", reports)
    w.imap().create("Processed")
    with open(w.path("letter.eml"), "wb") as f:
        f.write(w.report("alice", TEXT, "a letter"))
    for raw in reports:
        w.drop(raw)
    rate = bare_mail(w)
    w.end()
    print(f"floor: {rate:.1f}/s with the mail servers' part, bare gpg {bare:.1f}/s, ratio {rate / bare:.2f}", flush=True)


def backlog():
    """A backlog of encrypted reports against the bare OpenPGP operations."""
    for person, kind, options in (("alice", "RSA-4096", {"mailbox_key": "rsa4096"}), ("bob", "Curve25519", {})):
        w = World(**options)
        w.security_fpr()
        reports = make_reports(w, person)
        bare = bare_rate(w, person, reports)
        for raw in reports:
            w.drop(raw)
        w.start(wait=False)
        wait_for(lambda: os.path.exists(w.state + "/socket/.s.PGSQL.5432"), 20, "database")
        wait_for(lambda: w.log().count("acknowledgment accepted") > 0, 60, "first acknowledgment")
        t, n = time.monotonic(), w.log().count("acknowledgment accepted")
        while w.log().count("acknowledgment accepted") < BACKLOG:
            time.sleep(.5)  # looking takes time of the same two processors
        rate = (BACKLOG - n) / (time.monotonic() - t)
        w.end()
        print(f"backlog of {BACKLOG}, keys {kind}: {rate:.1f} reports/s, bare gpg {bare:.1f}/s, "
              f"ratio {rate / bare:.2f} (goal: 0.7)", flush=True)


def make_reports(w, person):
    reports, threads = [], []

    def make(first):
        for i in range(first, BACKLOG, 2):
            reports.append(w.report(person, TEXT, f"backlog {i}"))

    for first in (0, 1):
        threads.append(threading.Thread(target=make, args=(first,)))
        threads[-1].start()
    for t in threads:
        t.join()
    return reports


def pss(pids):
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup") as f:
            total += sum(int(line.split()[1]) for line in f if line.startswith("Pss:"))
    return total / 1024


def memory():
    """Proportional memory of the idle daemon, without PostgreSQL and gpg-agent."""
    w = World()
    w.start()
    for i in range(4):
        w.drop(w.report("alice", TEXT, f"memory {i}"))
    wait_for(lambda: accepted(w) == 4, 20, "acknowledgments")
    time.sleep(2)
    parts = {r: round(pss(w.processes(r)), 1) for r in ("supervisor", "fetcher", "worker", "sender", "reader")}
    w.end()
    print(f"idle daemon: {sum(parts.values()):.1f} MiB PSS {parts} (goal: below 60 MiB)")


def peak_memory(w, until):
    """The most resident memory of any process while until() is false."""
    peak = {}
    while not until():
        for role in ("fetcher", "worker", "sender", "reader"):
            for pid in w.processes(role):
                try:
                    with open(f"/proc/{pid}/status") as f:
                        for line in f:
                            if line.startswith("VmHWM"):
                                peak[role] = max(peak.get(role, 0), int(line.split()[1]) // 1024)
                except OSError:
                    pass
    return peak


def large():
    """One report of 25 MB."""
    w = World()
    w.start()
    w.drop(w.report("alice", TEXT, "warm up"))
    w.sanne.wait_for_mails(1)
    raw = w.report("alice", TEXT, "large", extra=[("dump.bin", "application/octet-stream", os.urandom(17_500_000))])
    t = time.monotonic()
    w.drop(raw)
    done = {}

    def over():
        if "ack" not in done and w.log().count("acknowledgment accepted") == 2:
            done["ack"] = time.monotonic() - t
        return w.log().count("notice accepted") == 4

    peak = peak_memory(w, over)
    total = time.monotonic() - t
    w.end()
    size = len(raw) / 1e6
    print(f"report of {size:.1f} MB: acknowledged after {done.get('ack', total):.1f} s, notices after {total:.1f} s, "
          f"most memory {peak} MiB (goal: 5 s, {4 * size:.0f} MB)")


def bomb():
    """A small message that unpacks to 300 MB."""
    w = World()
    w.start()
    w.security_fpr()
    w.drop(w.report("alice", TEXT, "warm up"))
    w.alice.wait_for_mails(1)
    pack = zlib.compressobj(9, zlib.DEFLATED, -15)
    literal = b"\xcb\xff" + (300_000_006).to_bytes(4, "big") + b"b\0\0\0\0\0"
    data = pack.compress(literal + b"\0" * 300_000_000) + pack.flush()
    inner = b"\xc8\xff" + (len(data) + 1).to_bytes(4, "big") + b"\1" + data
    sealed = w.alice.gpg("--encrypt", "--recipient", w.security.fpr, "--no-literal", "--compress-algo", "none",
                         data=inner).stdout
    armor = w.alice.gpg("--enarmor", data=sealed).stdout.replace(b"PGP ARMORED FILE", b"PGP MESSAGE")
    raw = encrypted_message(["From: alice@example.net", "To: security@example.org", "Message-ID: <b@x>",
                             "MIME-Version: 1.0"], armor)
    t = time.monotonic()
    w.drop(raw)
    wait_for(lambda: "undecryptable" in w.log(), 20, "refusal")
    print(f"bomb of {len(raw) / 1000:.0f} kB to 300 MB: refused {time.monotonic() - t:.2f} s after delivery, about 0.5 s "
          "of it Dovecot's (goal: 1 s)")
    w.end()


for name in sys.argv[1:] or ("latency", "order", "routing", "backlog", "memory", "large", "bomb"):
    globals()[name]()
