#!/usr/bin/env python3
"""Hostile messages by the thousands, mutations of the corpus inside and outside of
seals: every one ends as a case, part of one, a delivery report or in quarantine;
no process but a reader dies, and memory stays what it was.

MELDPUNT_MUTATIONS says how many, MELDPUNT_SEED repeats a run."""
import os
import random
import re
import sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from tap import equal, promise, run
from world import TOP, World, encrypted_message, wait_for

COUNT = int(os.environ.get("MELDPUNT_MUTATIONS", "240"))
SEED = int(os.environ.get("MELDPUNT_SEED", "0")) or random.SystemRandom().randrange(1 << 32)
BATCH = 120
WARM = min(600, COUNT // 2)
r = random.Random(SEED)
w = World(limits="acks_per_sender = 0; acks_in_total = 0;")
w.expected_warnings = ["message "]
w.start()
w.security_fpr()


def corpus():
    found = []
    for root, _, files in sorted(os.walk(os.path.join(TOP, "t", "corpus"))):
        for name in sorted(files):
            if name.endswith(".eml"):
                with open(os.path.join(root, name), "rb") as f:
                    found.append(f.read())
    return found


SEEDS = corpus()
NOISE = [b"\0", b"\xff\xfe", b"\r", b"\n\n", b"=?utf-8?q?=00?=", b"\x1b]0;x\x07", "\u202e\u2066".encode(), b"%s%n%x", b"';--",
         b"-----BEGIN PGP MESSAGE-----\r\n", b"-----END PGP MESSAGE-----\r\n", b"-----BEGIN PGP SIGNED MESSAGE-----\r\n",
         b"-----BEGIN PGP PUBLIC KEY BLOCK-----\r\n", b"Content-Type: multipart/encrypted\r\n", b"[GNUPG:] GOODSIG 1 x\r\n",
         b"Content-Transfer-Encoding: base64\r\n", b"charset=utf-7", b"filename*0*=x''%00", b"Content-Type: message/rfc822\r\n\r\n",
         b"meldpunt-case: VGZ-2026-0001 aaaaaaaaaaaaaaaa\r\n", b"(" * 3000, b"a:b,c;" * 500, b"<" * 2000, b"A" * 70000]


def flip(m):
    m = bytearray(m)
    for _ in range(r.randint(1, 30)):
        m[r.randrange(len(m))] = r.randrange(256)
    return bytes(m)


def cut(m):
    a, b = sorted(r.randrange(len(m) + 1) for _ in range(2))
    return r.choice((m[:a], m[:a] + m[b:], m[:b] + m[a:], m[a:]))


def inject(m):
    at = r.randrange(len(m) + 1)
    return m[:at] + r.choice(NOISE) + m[at:]


def lines(m):
    rows = m.split(b"\n")
    for _ in range(r.randint(1, 5)):
        i, j = r.randrange(len(rows)), r.randrange(len(rows))
        what = r.randrange(4)
        if what == 0:
            rows[i], rows[j] = rows[j], rows[i]
        elif what == 1:
            rows.insert(i, rows[j])
        elif what == 2 and len(rows) > 2:
            del rows[i]
        else:
            rows[i] = rows[i] * r.randint(2, 40)
    return b"\n".join(rows)


def splice(m):
    other = r.choice(SEEDS)
    return m[:r.randrange(len(m) + 1)] + other[r.randrange(len(other)):]


def nest(m):
    for _ in range(r.randint(1, 60)):
        b = b"b%d" % r.randrange(10**6)
        m = r.choice((b"Content-Type: message/rfc822\r\n\r\n" + m,
                      b"Content-Type: multipart/mixed; boundary=" + b + b"\r\n\r\n--" + b + b"\r\n" + m + b"\r\n--" + b + b"--\r\n"))
    return b"From: deep@example.net\r\nMIME-Version: 1.0\r\n" + m


def swap_words(m):
    words = (b"quoted-printable", b"base64", b"7bit", b"8bit", b"x-uuencode", b"multipart/signed", b"multipart/encrypted",
             b"multipart/report", b"multipart/alternative", b"text/plain", b"text/html", b"application/pgp-encrypted",
             b"application/pgp-signature", b"application/pgp-keys", b"message/delivery-status", b"utf-8", b"iso-2022-jp", b"us-ascii")
    return re.sub(re.escape(r.choice(words)), r.choice(words), m, flags=re.I)


def ends(m):
    return r.choice((m.replace(b"\r\n", b"\n"), m.replace(b"\r\n", b"\r"), m.replace(b"\n", b"\r\r\n"), m + m))


MUTATORS = (flip, flip, cut, inject, inject, lines, splice, nest, swap_words, ends)


def mutate(m):
    for _ in range(r.randint(1, 4)):
        m = r.choice(MUTATORS)(m)[:300_000] or b"x"
    return m


def sealed(n):
    """The mutation stands inside a good seal."""
    body = r.choice(SEEDS).partition(b"\r\n\r\n")[2]
    inner = mutate(r.choice((w.entity(f"hole {n}", f"title {n}", w.alice, ()), r.choice(SEEDS), body or b"x")))
    args = ["--armor", *(["--sign"] if r.random() < .5 else []), "--encrypt", "--recipient", w.security.fpr]
    head = ["From: Alice <alice@example.net>", "To: security@example.org", "Subject: ...", f"Message-ID: <m{n}@example.net>",
            "MIME-Version: 1.0"]
    return encrypted_message(head, w.alice.gpg(*args, data=inner).stdout)


def hostile(n):
    m = sealed(n) if r.random() < .25 else mutate(r.choice(SEEDS))
    return m if m.strip() else b"From: nobody@example.net\r\n\r\n"


def memory():
    """Anonymous memory of all processes but readers, in kB: what others map is not theirs."""
    total = 0
    for role in ("supervisor", "fetcher", "worker", "sender"):
        for pid in w.processes(role):
            with open(f"/proc/{pid}/smaps_rollup") as f:
                total += int(re.search(r"^Anonymous: +(\d+)", f.read(), re.M).group(1))
    return total


def settle(total):
    wait_for(lambda: w.folder_count("INBOX") == 0 and
             w.sql("select count(*) filter (where state <> 'new'), count(*) from inbound") == f"{total}|{total}",
             60 + BATCH, f"{total} messages settled")


@promise(f"{COUNT} hostile messages: each ends as something, and only readers die")
def _():
    print(f"# seed {SEED}")
    done, before = 0, 0
    while done < COUNT:
        for n in range(min(BATCH, COUNT - done)):
            w.drop(hostile(done + n))
        done += min(BATCH, COUNT - done)
        settle(done)
        if done <= WARM or not before:  # until every kind of work has been done once
            before = memory()
        if done % 600 == 0:
            print(f"# {done}: {memory()} kB ({before} kB)", flush=True)
    ends_as = dict(line.split("|") for line in w.sql(
        "select coalesce(outcome, state), count(*) from inbound group by 1").splitlines())
    print(f"# {ends_as}")
    equal(sum(map(int, ends_as.values())), COUNT)
    equal(w.sql("select count(*) from inbound where state = 'done' and outcome in ('case', 'follow-up') and case_id is null"), "0")
    equal(w.sql("select count(*) from inbound i where state = 'quarantined' and not exists"
                " (select from cases c where c.id = i.case_id)"), "0", "a bare case stands behind each in quarantine")
    equal(w.sql("select count(*) from cases c where answer_due_at is null or not exists"
                " (select from deadlines d where d.case_id = c.id and d.clock = 'answer')"), "0", "every case has its clock")
    equal([line for line in w.log().splitlines() if "ended by signal" in line or "ended with status" in line], [])
    assert memory() < before * 1.1, f"{memory()} kB, after {WARM} {before} kB"


@promise("no word of them is in a log")
def _():
    w.stop()
    w.check_log("alice@", "Hello, there")


run()
