#!/usr/bin/env python3
"""Bad input: every message ends as a case with its clock running, or in
quarantine with a reason and a bare case; none stops the queue."""
import base64
import os
import struct
import sys
import time
import zlib
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from tap import contains, equal, promise, run
from world import World, encrypted_message, wait_for

w = World(limits="acks_per_sender = 0; acks_in_total = 0; message = \"3M\";")
w.start()
w.security_fpr()
count = 0


def head(mid, extra=()):
    return ["From: Alice <alice@example.net>", "To: security@example.org", f"Message-ID: <{mid}@x>",
            "Date: Tue, 24 Nov 2026 10:00:00 +0000", "MIME-Version: 1.0", *extra]


def taken(raw, seconds=20):
    """Drops a message and gives its row of inbound and its case."""
    global count
    count += 1
    w.drop(raw)
    wait_for(lambda: w.sql("select count(*) from inbound where state <> 'new'") == str(count), seconds,
             "end of the message")
    state, reason, number = w.sql("select state, reason, number from inbound order by id desc limit 1").split("|")
    return state, reason, w.case(number)


def has_clock(case):
    assert case["answer_due_at"] and len(case["deadlines"]) == 4, case


def packet(tag, body):
    return bytes([0xc0 | tag, 255]) + struct.pack(">I", len(body)) + body


def seal(plain, *args):
    """Encrypts OpenPGP packets or text with gpg itself."""
    return w.alice.gpg("--armor", "--encrypt", "--recipient", w.security.fpr, *args, data=plain).stdout


@promise("a message over the limit stays on the server in failed_folder; its header opens a bare case")
def _():
    state, reason, case = taken("\r\n".join(head("large", ["Subject: huge thing"])).encode() + b"\r\n\r\n" +
                                b"x" * 4_000_000)
    equal((state, reason), ("quarantined", "larger than limits.message"))
    has_clock(case)
    equal(case["messages"][0]["body"], "")
    wait_for(lambda: w.folder_count("Quarantine") == 1, 10, "message in failed_folder")
    (raw,) = w.alice.wait_for_mails(1)
    contains(w.alice.open(raw).text, "too large")
    assert int(w.sql("select sum(octet_length(bytes)) from blobs b join inbound i on i.blob = b.id")) < 300_000


@promise("a message without a body is a case")
def _():
    state, _, case = taken("\r\n".join(head("nobody", ["Subject: no body"])).encode() + b"\r\n")
    equal((state, case["title"], case["description"]), ("done", "no body", ""))


@promise("an empty message, and one that is only noise, are cases or quarantined, never lost")
def _():
    for raw in (b"\n", b"\0" * 500, os.urandom(5000)):
        _, _, case = taken(raw)
        has_clock(case)


@promise("NUL bytes, ESC and bidi controls in header and body reach nobody's screen")
def _():
    raw = "\r\n".join(head("nul", ["Subject: a\x1b[31m\u202eb", "Content-Transfer-Encoding: base64"])).encode()
    raw += b"\r\n\r\n" + base64.encodebytes(b"be\0fore \x1b[2J after \xe2\x80\xae end")
    _, _, case = taken(raw)
    shown = w.meldpunt("show", case["number"]).stdout
    for byte in (b"\0", b"\x1b", b"\xe2\x80\xae"):
        assert byte not in shown, byte
    contains(case["description"], "fore")
    contains(case["description"], "after")


@promise("a wrong charset, an unknown one or none still gives readable text")
def _():
    for charset, body, wanted in (("us-ascii", "één".encode(), "één"), ("utf-8", "één".encode("latin-1"), "één"),
                                  ("x-unknown", "één".encode("cp1252"), "één"), ("", "één".encode(), "één"),
                                  ("koi8-r", "дыра".encode("koi8-r"), "дыра"),
                                  ("iso-2022-jp", "脆弱性".encode("iso-2022-jp"), "脆弱性"),
                                  ("utf-16", base64.encodebytes("gat één".encode("utf-16")), "gat één")):
        kind = f"Content-Type: text/plain{'; charset=' + charset if charset else ''}"
        if charset == "utf-16":
            kind += "\r\nContent-Transfer-Encoding: base64"
        _, _, case = taken("\r\n".join(head("cs" + charset + str(len(body)), [kind])).encode() + b"\r\n\r\n" + body)
        contains(case["description"], wanted, charset)


@promise("10,000 header fields are refused with a reason, and the sender is told")
def _():
    before = len(w.alice.mails())
    state, reason, case = taken("\r\n".join(head("headers", [f"X-{i}: y" for i in range(10000)])).encode() +
                                b"\r\n\r\nhello")
    equal((state, reason), ("quarantined", "too many header fields"))
    has_clock(case)
    equal(len(w.alice.mails()), before, "mails: the header may not be looked at either")


@promise("parts nested 30,000 deep, and 20,000 messages in messages, are refused, and the sender is told")
def _():
    deep = "".join(f"--b{i}\r\nContent-Type: multipart/mixed; boundary=b{i + 1}\r\n\r\n" for i in range(30000))
    before = len(w.alice.mails())
    state, reason, case = taken("\r\n".join(head("deep", ["Content-Type: multipart/mixed; boundary=b0"])).encode() +
                                b"\r\n\r\n" + deep.encode())
    equal((state, reason), ("quarantined", "MIME parts nested too deep"))
    has_clock(case)
    w.alice.wait_for_mails(before + 1)
    messages = "Content-Type: message/rfc822\r\n\r\n" * 20000
    state, reason, case = taken("\r\n".join(head("msgs")).encode() + b"\r\n" + messages.encode())
    equal((state, reason), ("quarantined", "too many messages in the message"))


@promise("80,000 nested address groups and 100,000 parts are refused before they are parsed")
def _():
    state, reason, _ = taken(b"From: alice@example.net\r\nTo: " + b"a:" * 40000 + b"\r\n\r\nx")
    equal((state, reason), ("quarantined", "too many groups in an address field"))
    state, reason, _ = taken("\r\n".join(head("parts", ["Content-Type: multipart/mixed; boundary=b"])).encode() +
                             b"\r\n\r\n" + b"--b\r\n\r\n" * 100000)
    equal((state, reason), ("quarantined", "too many MIME parts"))


@promise("a ciphertext without integrity protection, or with a broken one, shows no byte of its text")
def _():
    good = w.alice.gpg("--encrypt", "--recipient", w.security.fpr, "--compress-algo", "none",
                       data=b"Content-Type: text/plain\r\n\r\n" + b"plain words " * 20000).stdout
    broken = bytearray(good)
    broken[len(broken) // 2] ^= 1
    no_mdc = w.alice.gpg("--encrypt", "--recipient", w.security.fpr, "--rfc2440", "--cipher-algo", "3DES",
                         "--disable-mdc", data=b"plain words", check=False).stdout
    for name, data in (("bitflip", bytes(broken)), ("cut", good[:len(good) // 2]), ("nomdc", no_mdc)):
        if not data:
            continue
        raw = encrypted_message(head(name), w.alice.gpg("--enarmor", data=data).stdout.replace(
            b"PGP ARMORED FILE", b"PGP MESSAGE"))
        state, _, case = taken(raw)
        equal((state, case["messages"][0]["protection"]), ("done", "undecryptable"))
        assert "plain words" not in str(case)
        has_clock(case)


@promise("15 kB that unpack to 300 MB are refused within a second or so")
def _():
    literal = b"b\0\0\0\0\0"
    body = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = body.compress(packet(11, literal + b"\0" * 300_000_000)) + body.flush()
    inner = packet(8, b"\1" + data)
    with open(w.path("bomb"), "wb") as f:
        f.write(inner)
    # gpg encrypts packets as they are with this option of its own
    sealed = w.alice.gpg("--encrypt", "--recipient", w.security.fpr, "--no-literal", "--compress-algo", "none",
                         data=inner).stdout
    assert len(sealed) < 400_000, len(sealed)
    t = time.monotonic()
    state, _, case = taken(encrypted_message(head("bomb"), w.alice.gpg("--enarmor", data=sealed).stdout.replace(
        b"PGP ARMORED FILE", b"PGP MESSAGE")))
    assert time.monotonic() - t < 10
    equal(case["messages"][0]["protection"], "undecryptable")
    has_clock(case)


@promise("header injection, SQL, format strings and paths in what a sender chose do nothing")
def _():
    evil = "x'; drop table cases; -- %s%n%n ${number} $(id) ../../etc/passwd"
    raw = w.report("alice", evil, evil, extra=[("../../../etc/" + evil.replace("/", "_"), "text/plain", b"x")],
                   message_id="<evil@x>", headers=["Reply-To: bob@example.com\r\n Bcc: bob@example.com"])
    state, _, case = taken(raw)
    equal((state, case["title"]), ("done", evil))
    for a in case["messages"][0]["attachments"]:
        assert "/" not in a["name"] and not a["name"].startswith("."), a
    equal(len(w.bob.mails()), 0)


@promise("quarantine can be listed, shown, released and discarded")
def _():
    rows = w.json("quarantine", "list")
    assert len(rows) >= 6 and all(r["reason"] and r["case"] for r in rows), rows
    by = {r["reason"]: r for r in rows}
    deep = by["MIME parts nested too deep"]
    contains(w.meldpunt("quarantine", "list").stdout.decode(), "nested too deep")
    raw = w.meldpunt("quarantine", "show", str(deep["id"]), "--raw").stdout
    contains(raw.decode(), "boundary=b0")
    w.meldpunt("quarantine", "release", str(deep["id"]))
    wait_for(lambda: w.sql(f"select state || claims from inbound where id = {deep['id']}") == "quarantined1",
             what="second try")
    w.meldpunt("quarantine", "discard", str(deep["id"]))
    equal(w.sql(f"select state from inbound where id = {deep['id']}"), "discarded")
    equal(w.meldpunt("quarantine", "release", "99999", check=False).returncode, 65)
    whats = [e["what"] for e in w.case(deep["case"])["events"]]
    assert "release" in whats and "discard" in whats, whats


@promise("a good message that was quarantined fills its bare case when it is released")
def _():
    global count
    w.stop()
    raw = w.report("alice", "Now it can be read.", "Released")
    w.drop(raw)
    count += 1
    w.start("--only=fetcher")
    wait_for(lambda: w.sql("update inbound set reader_deaths = 2 where state = 'new' returning id"), what="message")
    w.stop()
    w.once()
    (row,) = [r for r in w.json("quarantine", "list") if r["reason"] == "the parser died over it twice"]
    equal(w.case(row["case"])["title"], "")
    w.meldpunt("quarantine", "release", str(row["id"]))
    w.once()
    case = w.case(row["case"])
    equal((case["title"], case["messages"][0]["protection"]), ("Released", "encrypted+signed"))
    contains(case["description"], "Now it can be read")
    w.start()


@promise("a passphrase that is asked for inside our seal is the sender's affair: the case opens at once")
def _():
    hidden = w.alice.gpg("--symmetric", "--pinentry-mode", "loopback", "--passphrase", "x", data=b"a hole").stdout
    armor = seal(hidden, "--no-literal")
    state, reason, case = taken(encrypted_message(head("asks"), armor), 30)
    equal((state, reason), ("done", ""))
    has_clock(case)
    equal(case["messages"][0]["protection"], "undecryptable")


@promise("an address of thousands of characters is cut, and the report is a case like any other")
def _():
    raw = "\r\n".join(head("longurl", ["Subject: long", "Content-Type: text/plain; charset=utf-8"])).encode() + b"\r\n\r\n"
    raw += ("See https://www.example.org/?q=" + "%28" * 2000 + " and https://www.example.org/" + "\u00e9" * 1500 + "\r\n").encode()
    state, reason, case = taken(raw)
    equal((state, reason), ("done", ""))
    values = [a["value"] for a in case["assets"] if a["kind"] == "url"]
    equal([len(v.encode()) for v in values], [2000, 2000])


@promise("after all this the next report is handled as if nothing had been")
def _():
    state, _, case = taken(w.report("bob", "An ordinary report.", "Ordinary"))
    equal((state, case["title"]), ("done", "Ordinary"))
    w.bob.wait_for_mails(1)
    w.check_log("plain words", "drop table", "alice@")


run()
