#!/usr/bin/env python3
"""Attacks on trust: nothing ever shows more protection than it has, and the
text of one reporter comes back to no other."""
import base64
import os
import re
import subprocess
import sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from tap import contains, equal, promise, run
from world import World, encrypted_message, wait_for

SECRET = "the-words-of-alice"
w = World()
w.expected_warnings = ["tried again", "ended by signal 9", "cannot be used"]
w.start()
w.security_fpr()
n = 0


def armor(data, kind="MESSAGE"):
    text = base64.b64encode(data).decode()
    lines = "\n".join(text[i:i + 64] for i in range(0, len(text), 64))
    return f"-----BEGIN PGP {kind}-----\n\n{lines}\n-----END PGP {kind}-----\n".encode()


def binary(armored):
    return w.bob.gpg("--dearmor", data=armored).stdout


def head(mid, who="bob", extra=()):
    p = w.people[who]
    return [f"From: {who} <{p.address}>", "To: security@example.org", f"Message-ID: <{mid}@x>", *extra, "MIME-Version: 1.0"]


def autocrypt(who):
    return (f"Autocrypt: addr={w.people[who].address}; keydata=" +
            base64.b64encode(w.people[who].public_key(armor=False)).decode())


def sealed_by_alice(sign=False):
    """Alice's ciphertext, as somebody may have caught it on its way."""
    inner = b"Content-Type: text/plain\r\n\r\n" + SECRET.encode() + b"\r\n"
    args = ["--armor", "--encrypt", "--recipient", w.security.fpr]
    return w.alice.gpg(*(["--sign"] if sign else []), *args, data=inner).stdout


def taken(raw):
    global n
    n += 1
    w.drop(raw)
    wait_for(lambda: w.sql("select count(*) from inbound where state <> 'new'") == str(n), 30, "end of the message")
    number = w.sql("select c.number from inbound i join cases c on c.id = i.case_id order by i.id desc limit 1")
    return w.case(number, "--identity")


def is_safe(case, who="bob"):
    """No mail to the sender can hold the text: no key of theirs is pinned."""
    message = case["messages"][0]
    if SECRET in case["description"]:
        assert not case["reporter"]["pinned"] or case["reporter"]["fingerprint"] == w.alice.fpr, case["reporter"]
        assert not (message["signature"] == "good" and message["fingerprint"] == w.people[who].fpr), message
    for raw in w.people[who].mails():
        mail = w.people[who].open(raw)
        assert SECRET not in mail.text and SECRET.encode() not in raw


@promise("a stolen ciphertext behind a signature packet is neither decrypted as signed nor pinned to the thief")
def _():
    signature = binary(w.bob.gpg("--armor", "--sign", data=b"x").stdout)
    for prefix in (signature[:2 + signature[1]], signature):
        case = taken(encrypted_message(head(f"prefix{len(prefix)}", extra=[autocrypt("bob")]),
                                       armor(prefix + binary(sealed_by_alice()))))
        assert SECRET not in str(case["description"])
        assert case["messages"][0]["protection"] in ("undecryptable", "signed")
        is_safe(case)


@promise("a stolen ciphertext in a seal of one's own, with one's own key under it, pins nothing")
def _():
    for sign in (False, True):
        inner = (b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n' +
                 sealed_by_alice().replace(b"\n", b"\r\n") + b"\r\n--b\r\nContent-Type: application/pgp-keys\r\n\r\n" +
                 w.bob.public_key().replace(b"\n", b"\r\n") + b"\r\n--b--\r\n")
        cipher = w.bob.gpg("--armor", *(["--sign"] if sign else []), "--encrypt", "--recipient", w.security.fpr,
                           data=inner).stdout
        is_safe(taken(encrypted_message(head(f"own-seal{sign}", extra=[autocrypt("bob")]), cipher)))


@promise("a signature around a stolen ciphertext is no signature of its text")
def _():
    part = b"Content-Type: text/plain\r\n\r\n" + sealed_by_alice().replace(b"\n", b"\r\n")
    signature = w.bob.gpg("--armor", "--detach-sign", data=part).stdout.replace(b"\n", b"\r\n")
    raw = ("\r\n".join(head("signed-around", extra=[autocrypt("bob")])) +
           '\r\nContent-Type: multipart/signed; micalg=pgp-sha512; protocol="application/pgp-signature"; boundary="s"'
           "\r\n\r\n--s\r\n").encode() + part + b"\r\n--s\r\nContent-Type: application/pgp-signature\r\n\r\n" + \
        signature + b"\r\n--s--\r\n"
    case = taken(raw)
    equal((case["messages"][0]["protection"], case["messages"][0]["signature"]), ("encrypted", "none"))
    is_safe(case)


def packet(tag, body):
    return bytes([0xC0 | tag, 255]) + len(body).to_bytes(4, "big") + body


def framed(data):
    """The same packets, each with its length in front: nothing is signed of that."""
    out = b""
    while data:
        tag, body, i, last = data[0] & 63, b"", 1, False
        if not data[0] & 0x40:
            tag, octets = data[0] >> 2 & 15, 1 << (data[0] & 3)
            n, i, last = int.from_bytes(data[1:1 + octets], "big"), 1 + octets, True
            body, i = data[i:i + n], i + n
        while not last:
            n, last = data[i], True
            if n < 192:
                i += 1
            elif n < 224:
                n, i = ((n - 192) << 8) + data[i + 1] + 192, i + 2
            elif n == 255:
                n, i = int.from_bytes(data[i + 1:i + 5], "big"), i + 5
            else:
                n, i, last = 1 << (n & 31), i + 1, False
            body, i = body + data[i:i + n], i + n
        out, data = out + packet(tag, body), data[i:]
    return out


@promise("key packets beside a message put no stranger's words under its seal or signature")
def _():
    listing = w.bob.public_key(armor=False)
    first = framed(listing)
    key = first[:6 + int.from_bytes(first[2:6], "big")]
    junk = key + packet(13, b"FORGED WORDS <of nobody>")
    plain = b"the words that alice wrote herself, at some length\n"
    extra = [autocrypt("alice")]
    sealed = w.alice.gpg("--sign", "--encrypt", "--recipient", w.security.fpr, data=plain).stdout
    signed = w.alice.gpg("--sign", data=plain).stdout
    bare = w.alice.gpg("--sign", "--compress-algo", "none", data=plain).stdout
    clear = w.alice.gpg("--clearsign", data=plain).stdout
    block = clear[clear.index(b"-----BEGIN PGP SIGNATURE"):]
    forms = {"sealed": encrypted_message(head("junk-sealed", "alice", extra), armor(framed(sealed) + junk)),
             "signed": ("\r\n".join(head("junk-signed", "alice", extra)) + "\r\n\r\n").encode() + armor(signed + junk),
             "inside": encrypted_message(head("junk-inside", "alice", extra), w.bob.gpg(
                 "--armor", "--no-literal", "--encrypt", "--recipient", w.security.fpr, data=framed(bare) + junk).stdout),
             "clearsigned": ("\r\n".join(head("junk-clear", "alice", extra)) + "\r\n\r\n").encode() +
             clear.replace(block, armor(binary(block) + junk, "SIGNATURE"))}
    for name, raw in forms.items():
        case = taken(raw)
        assert "FORGED" not in str(case["description"]) and "FORGED" not in str(case["messages"]), name
        if name == "sealed":
            contains(case["description"], "alice wrote herself")


@promise("a pinned key gives way only to one from inside of what it signed")
def _():
    case = taken(w.report("alice", "hole with a key that stays"))
    ack = w.alice.open(wait_for(lambda: next((m for m in w.alice.mails() if case["number"].encode() in m), None),
                                what="the acknowledgment"))
    inner = (f"Content-Type: text/plain\r\n\r\nkey\r\n").encode()
    signature = w.alice.gpg("--armor", "--detach-sign", data=inner).stdout.replace(b"\n", b"\r\n")
    raw = ("\r\n".join(head("new-key", "alice", [f"In-Reply-To: {ack.outer['Message-ID']}",
                                                 autocrypt("bob").replace("bob@example.com", "alice@example.net")])) +
           '\r\nContent-Type: multipart/signed; micalg=pgp-sha512; protocol="application/pgp-signature"; boundary="s"'
           "\r\n\r\n--s\r\n").encode() + inner + b"\r\n--s\r\nContent-Type: application/pgp-signature\r\n\r\n" + \
        signature + b"\r\n--s--\r\n"
    case = taken(raw)
    equal(len(case["messages"]) > 1 and case["reporter"]["fingerprint"], w.alice.fpr)


@promise("what the reporter signed does not vouch for a key that a stranger has put around it")
def _():
    case = taken(w.report("alice", "hole with a key that stays again"))
    ack = w.alice.open(wait_for(lambda: next((m for m in w.alice.mails() if case["number"].encode() in m), None),
                                what="the acknowledgment"))
    words = b"Content-Type: text/plain\r\n\r\nkey\r\n"
    caught = w.alice.gpg("--armor", "--sign", "--encrypt", "--recipient", w.security.fpr, data=words).stdout
    inner = (b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: application/octet-stream\r\n\r\n' +
             caught.replace(b"\n", b"\r\n") + b"\r\n--b\r\nContent-Type: application/pgp-keys\r\n\r\n" +
             w.bob.public_key().replace(b"\n", b"\r\n") + b"\r\n--b--\r\n")
    signature = w.bob.gpg("--armor", "--detach-sign", data=inner).stdout.replace(b"\n", b"\r\n")
    thread = [f"In-Reply-To: {ack.outer['Message-ID']}", autocrypt("bob").replace("bob@example.com", "alice@example.net")]
    raw = ("\r\n".join(head("around-key", "alice", thread)) +
           '\r\nContent-Type: multipart/signed; micalg=pgp-sha512; protocol="application/pgp-signature"; boundary="s"'
           "\r\n\r\n--s\r\n").encode() + inner + b"\r\n--s\r\nContent-Type: application/pgp-signature\r\n\r\n" + \
        signature + b"\r\n--s--\r\n"
    equal(taken(raw)["reporter"]["fingerprint"], w.alice.fpr)
    sealed = w.bob.gpg("--armor", "--sign", "--encrypt", "--recipient", w.security.fpr, data=inner).stdout
    equal(taken(encrypted_message(head("around-key-2", "alice", thread), sealed))["reporter"]["fingerprint"], w.alice.fpr)


@promise("of several keys under a seal the one that names the sender counts, and one in clear that names another does not")
def _():
    def mixed(*keys):
        return (b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nhello there\r\n' +
                b"".join(b"--b\r\nContent-Type: application/pgp-keys\r\n\r\n" + w.people[k].public_key().replace(b"\n", b"\r\n")
                         for k in keys) + b"--b--\r\n")

    for i, keys in enumerate((("bob", "alice"), ("alice", "bob"))):
        cipher = w.bob.gpg("--armor", "--encrypt", "--recipient", w.security.fpr, data=mixed(*keys)).stdout
        equal(taken(encrypted_message(head(f"two-keys{i}"), cipher))["reporter"]["fingerprint"], w.bob.fpr)
    case = taken(("\r\n".join(head("evidence")) + "\r\n").encode() + mixed("alice"))
    equal(case["reporter"]["fingerprint"], None)


@promise("a stolen ciphertext as an addition to one's own case holds the replies to it")
def _():
    # a new text, of a report of alice that has been read
    text = b"Content-Type: text/plain\r\n\r\nalice alone knows that the second door of the third floor is open\r\n"
    stolen = w.alice.gpg("--armor", "--encrypt", "--recipient", w.security.fpr, data=text).stdout
    taken(encrypted_message(head("stolen-first", "alice"), stolen))
    mine = taken(w.report("bob", "a hole of my own, for cover"))
    ack = w.bob.open(wait_for(lambda: next((m for m in w.bob.mails() if mine["number"].encode() in m), None),
                              what="the acknowledgment"))
    case = taken(encrypted_message(head("stolen-second", "bob", [f"In-Reply-To: {ack.outer['Message-ID']}"]), stolen))
    equal(case["number"], mine["number"])
    equal(w.sql(f"select held from cases where number = '{mine['number']}'"), "t")


@promise("a stolen ciphertext with one's key outside of it gets content-free mail only")
def _():
    case = taken(encrypted_message(head("outside", extra=[autocrypt("bob")]), sealed_by_alice()))
    contains(case["description"], SECRET)
    equal(case["reporter"]["pinned"], False)
    is_safe(case)


@promise("Alice's own report pins her key")
def _():
    case = taken(w.report("alice", SECRET))
    equal((case["reporter"]["pinned"], case["reporter"]["fingerprint"]), (True, w.alice.fpr))


@promise("a signed part beside an unsigned one signs only itself")
def _():
    part = b"Content-Type: text/plain\r\n\r\nsigned words\r\n"
    signature = w.bob.gpg("--armor", "--detach-sign", data=part).stdout.replace(b"\n", b"\r\n")
    raw = ("\r\n".join(head("beside", extra=[autocrypt("bob")])) +
           '\r\nContent-Type: multipart/mixed; boundary="m"\r\n\r\n--m\r\nContent-Type: text/plain\r\n\r\nforged words\r\n'
           '--m\r\nContent-Type: multipart/signed; micalg=pgp-sha512; protocol="application/pgp-signature"; boundary="s"'
           "\r\n\r\n--s\r\n").encode() + part + b"\r\n--s\r\nContent-Type: application/pgp-signature\r\n\r\n" + \
        signature + b"\r\n--s--\r\n--m--\r\n"
    equal([taken(raw)["messages"][0][k] for k in ("protection", "signature")], ["clear", "none"])
    # what a gateway adds behind is no part of the text
    first = raw.replace(b"--m\r\nContent-Type: text/plain\r\n\r\nforged words\r\n", b"", 1).replace(b"beside@x", b"before@x").replace(
        b"\r\n--m--", b"\r\n--m\r\nContent-Type: text/plain\r\n\r\nforged words\r\n--m--")
    case = taken(first)
    equal((case["messages"][0]["signature"], case["description"].strip()), ("good", "signed words"))
    equal([a["name"] for a in case["messages"][0]["attachments"]], ["clear-text.txt"])


@promise("text around a clearsigned block is not part of what was signed")
def _():
    block = w.bob.gpg("--clear-sign", data=b"signed words\n").stdout
    case = taken("\r\n".join(head("around", extra=[autocrypt("bob")])).encode() + b"\r\n\r\nforged before\r\n" +
                 block.replace(b"\n", b"\r\n") + b"\r\nforged after\r\n")
    equal((case["messages"][0]["signature"], case["description"].strip()), ("good", "signed words"))


@promise("status lines in a file name or user id forge nothing")
def _():
    name = "x\n[GNUPG:] GOODSIG 03E87B87731F1A3FB1B9BA3C8479BA572C7FCA6B a\n[GNUPG:] VALIDSIG " + w.alice.fpr
    cipher = w.bob.gpg("--armor", "--set-filename", name, "--encrypt", "--recipient", w.security.fpr,
                       data=b"no signature at all").stdout
    message = taken(encrypted_message(head("status"), cipher))["messages"][0]
    equal((message["protection"], message["signature"], message["fingerprint"]), ("encrypted", "none", None))


@promise("our own key sent to us, and a key with a stranger's junk on it, stop nothing")
def _():
    own = w.people["security"].public_key()
    raw = w.report("bob", "with your own key", extra=[("yours.asc", "application/pgp-keys", own)], attach_key=False)
    os.kill(w.processes("worker")[0], 9)
    case = taken(raw)
    assert case["reporter"]["fingerprint"] != w.security.fpr
    poisoned = binary(own) + binary(w.bob.public_key())[200:]
    taken(w.report("bob", "poisoned", extra=[("p.asc", "application/pgp-keys", armor(poisoned, "PUBLIC KEY BLOCK"))]))
    case = taken(w.report("alice", "after that"))
    equal(case["messages"][0]["signature"], "good")
    ack = w.alice.open(w.alice.mails()[-1])
    key = [p for p in ack.inner.walk() if p.get_content_type() == "application/pgp-keys"][0]
    assert len(key.get_payload(decode=True)) < 2000


@promise("one reporter's key verifies no other reporter's mail")
def _():
    taken(w.report("alice", "alice with key"))
    case = taken(w.report("nightowl", "nightowl without", attach_key=False))
    equal(case["messages"][0]["signature"], "unknown-key")


@promise("however many write under Alice's address with keys of their own, hers is not forgotten")
def _():
    w.sql("insert into meldpunt_private.reporters (alias, address, key, fingerprint, pinned_at)"
          " select 'stranger ' || n, 'alice@example.net', sha256(n::text::bytea), n, now() from generate_series(1, 200) n")
    case = taken(w.report("alice", "alice without", attach_key=False))
    equal((case["messages"][0]["signature"], case["messages"][0]["fingerprint"]), ("good", w.alice.fpr))


@promise("two copies that come at once open one case")
def _():
    global n
    for i in range(4):
        raw = w.report("alice", f"copies {i}", f"copies {i}")
        w.drop(raw)
        w.drop(raw.replace(b"MIME-Version", b"X-Copy: 1\r\nMIME-Version"))
        n += 2
    wait_for(lambda: w.sql("select count(*) from inbound where state <> 'new'") == str(n), 30, "end of the messages")
    for i in range(4):
        equal(len([c for c in w.cases() if c["title"] == f"copies {i}"]), 1)


@promise("the same headers around other words are more to the case, not swallowed")
def _():
    first = w.report("alice", "first draft", "drafts", message_id="<draft@x>", headers=["X-A: 1"])
    case = taken(first)
    date = re.search(rb"Date: (.*)\r\n", first).group(1)
    other = re.sub(rb"Date: .*\r\n", b"Date: " + date + b"\r\n",
                   w.report("alice", "corrected draft", "drafts", message_id="<draft@x>"))
    case = taken(other)
    assert any("corrected draft" in m["body"] for m in case["messages"]), case["messages"]
    equal(len([c for c in w.cases() if c["title"] == "drafts"]), 1)


@promise("a mail that only claims to be a colleague's is no internal note")
def _():
    ack = w.alice.open(w.alice.mails()[-1]).outer["Message-ID"]
    raw = w.report("alice", "not a note", "x", encrypt=False, attach_key=False,
                   headers=[f"In-Reply-To: {ack}"]).replace(b"alice@example.net>\r\nTo", b"sanne@example.org>\r\nTo")
    case = taken(raw)
    (message,) = [m for m in case["messages"] if "not a note" in m["body"]]
    equal(message["direction"], "in")


@promise("a role's login cannot borrow the rights of our functions through a temporary table")
def _():
    with open(w.state + "/database.passwords") as f:
        passwords = dict(line.split() for line in f)
    for role in ("fetcher", "sender"):
        done = subprocess.run(["psql", "-h", w.state + "/socket", "-U", "meldpunt_" + role, "-d", "postgres", "-qAtX", "-c",
                               "create temporary table mailboxes (like meldpunt.mailboxes)"],
                              env=dict(os.environ, PGPASSWORD=passwords[role]), capture_output=True, text=True)
        contains(done.stderr, "permission denied")
    equal(w.sql("select count(*) from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname = 'meldpunt' "
                "and prosecdef and not array_to_string(proconfig, ',') like '%pg_temp%'"), "0")


@promise("handlers whose keys cannot be used get fixed words, the others the report")
def _():
    w.stop()
    with open(w.conf_path) as f:
        text = f.read()
    # a key of nobody: as if it had been removed
    w.write("meldpunt.conf", text.replace(w.joris.fpr, "0123456789" * 4))
    w.start()
    before = len(w.sanne.mails())
    taken(w.report("alice", "for those with a key"))
    wait_for(lambda: len(w.sanne.mails()) > before, what="notice to sanne")
    wait_for(lambda: any(b"sleutel" in m for m in w.joris.mails()), what="fixed words to joris")
    (fixed,) = [m for m in w.joris.mails() if b"multipart/signed" in m]
    assert b"for those" not in fixed and b"alice" not in fixed
    contains(w.sanne.open(w.sanne.mails()[-1]).text, "for those with a key")


@promise("nothing of all this is in a log")
def _():
    w.check_log(SECRET, "forged", "alice@", "bob@")


run()
