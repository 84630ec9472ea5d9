#!/usr/bin/env python3
"""Reports of every shape: what is sealed beside or inside of what, clients
that get headers and armors wrong, charsets, S/MIME."""
import base64
import os
import sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from tap import contains, equal, promise, run
from world import World, encrypted_message, wait_for

w = World()
w.start()
w.security_fpr()
n = 0
WORDS = "There is a hole in https://duif.example.org/login, found this morning.\r\n"


def part(kind, body, *more):
    body = body.encode() if isinstance(body, str) else body
    return "\r\n".join([f"Content-Type: {kind}", *more]).encode() + b"\r\n\r\n" + body


def multi(kind, *parts):
    return (f'Content-Type: multipart/{kind}; boundary="=b{len(parts)}{kind[:2]}"\r\n\r\n'.encode() +
            b"".join(f"\r\n--=b{len(parts)}{kind[:2]}\r\n".encode() + p for p in parts) +
            f"\r\n--=b{len(parts)}{kind[:2]}--\r\n".encode())


def seal(data, *more, to=None, who="bob"):
    return w.people[who].gpg("--armor", "--encrypt", "--recipient", to or w.security.fpr, *more, data=data).stdout


def clearsign(data):
    return w.bob.gpg("--clear-sign", data=data).stdout


def taken(body, *headers):
    """The case that a mail with this body (from Content-Type on) becomes."""
    global n
    n += 1
    head = ["From: Bob <bob@example.com>", "To: security@example.org", f"Subject: number {n}", f"Message-ID: <shape{n}@x>",
            "Date: Tue, 24 Nov 2026 10:00:00 +0000", *headers, "MIME-Version: 1.0"]
    w.drop("\r\n".join(head).encode() + b"\r\n" + body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    wait_for(lambda: w.sql("select count(*) from inbound where state <> 'new'") == str(n), 30, "the end of the message")
    number = w.sql("select c.number from inbound i join cases c on c.id = i.case_id order by i.id desc limit 1")
    return w.case(number)


def is_report(case, protection="clear", signature="none", words="duif.example.org", names=None):
    message = case["messages"][0]
    equal((message["protection"], message["signature"]), (protection, signature))
    contains(case["description"], words)
    if names is not None:
        equal(sorted(a["name"] for a in message["attachments"]), sorted(names))
    return case


def content(case, name):
    n = [a["name"] for a in case["messages"][0]["attachments"]].index(name) + 1
    return w.meldpunt("show", case["number"], f"--attachment={n}").stdout


@promise("several encrypted attachments are all opened, each under its own name")
def _():
    files = [part(f'application/octet-stream; name="{name}"', seal(data),
                  f'Content-Disposition: attachment; filename="{name}"')
             for name, data in (("one.bin.gpg", b"\0\1one"), ("two.bin.pgp", b"\0\1two"))]
    case = is_report(taken(multi("mixed", part("text/plain", WORDS), *files)), names=["one.bin", "two.bin"])
    equal((content(case, "one.bin"), content(case, "two.bin")), (b"\0\1one", b"\0\1two"))
    # as FlowCrypt does it: an armor as the text, files beside it
    case = is_report(taken(multi("mixed", part("text/plain", seal(WORDS.encode())), *files)), "encrypted",
                     names=["one.bin", "two.bin"])
    # they may be copied from anybody: replies wait for a look
    equal(w.sql(f"select held from cases where number = '{case['number']}'"), "t")


@promise("a sealed text file beside a greeting is the report; a file that is not for us is an attachment")
def _():
    text = part('application/octet-stream; name="report.txt.asc"', seal(WORDS.encode()))
    is_report(taken(multi("mixed", part("text/plain", "See the file."), text)), "encrypted", names=["clear-text.txt"])
    other = part('application/octet-stream; name="poc.gpg"', seal(b"x", to=w.bob.fpr, who="bob"))
    before = w.sql("select count(*) from outbound where kind = 'notice'")
    case = is_report(taken(multi("mixed", part("text/plain", WORDS), other)), names=["poc.gpg"])
    wait_for(lambda: w.sql("select count(*) from outbound where kind = 'notice' and state = 'sent'") > before, what="the notice")
    wait_for(lambda: "niet met onze sleutel" in w.sanne.open(w.sanne.mails()[-1]).text, what="the remark")
    assert case


@promise("what is sealed once more inside a seal never displaces the report")
def _():
    inner = [part('application/octet-stream; name="poc.gpg"', seal(b"x", to=w.bob.fpr)),
             part('application/octet-stream; name="log.txt.gpg"', seal(b"log words"))]
    case = is_report(taken(encrypted_message([], seal(multi("mixed", part("text/plain", WORDS), *inner))).split(
        b"MIME-Version: 1.0\r\n")[-1].lstrip()), "encrypted", names=["poc.gpg", "log.txt"])
    equal(content(case, "log.txt"), b"log words")


@promise("a report in clear that shows an armor, or only names it, stays readable")
def _():
    words = WORDS * 12
    is_report(taken(part("text/plain", words + "\r\nlog:\r\n\r\n" + seal(b"x", to=w.bob.fpr).decode() + "\r\nend of it\r\n")),
              words="end of it")
    is_report(taken(part("text/plain", "The parser dies on\r\n\r\n-----BEGIN PGP MESSAGE-----\r\n\r\nwith " + WORDS)))
    is_report(taken(part("text/plain", "The parser dies on\r\n\r\n-----BEGIN PGP SIGNED MESSAGE-----\r\n\r\nwith " + WORDS)))


@promise("an armor without its checksum is read, whatever its length")
def _():
    for i in range(3):
        armor = seal((WORDS + "x" * i).encode())
        bare = b"".join(line + b"\n" for line in armor.splitlines() if not line.startswith(b"="))
        is_report(taken(part("text/plain", bare)), "encrypted")
        part_ = WORDS.encode() + b"x" * i
        is_report(taken(encrypted_message([], bare).split(b"MIME-Version: 1.0\r\n")[-1].lstrip()), "encrypted")
        assert part_


@promise("a multipart whose boundary cannot be read is taken apart all the same")
def _():
    whole = encrypted_message([], seal(WORDS.encode())).split(b"MIME-Version: 1.0\r\n")[-1].lstrip()
    head, body = whole.split(b"\r\n\r\n", 1)
    boundary = body[body.index(b"--") + 2:].split(b"\r\n")[0].split(b"\n")[0].decode()
    for kind in (f'multipart/encrypted; protocol="application/pgp-encrypted"\r\n\tboundary="{boundary}"',
                 f'multipart/encrypted; protocol="application/pgp-encrypted" boundary="{boundary}"',
                 'multipart/encrypted; protocol="application/pgp-encrypted"',
                 'multipart/encrypted; protocol="application/pgp-encrypted"; boundary="another"'):
        is_report(taken(f"Content-Type: {kind}\r\n\r\n".encode() + body), "encrypted")
    # and if there is nothing to find, staff read it as it came
    is_report(taken(b"Content-Type: multipart/mixed\r\n\r\n" + WORDS.encode()))


@promise("a damaged cleartext signature costs no text")
def _():
    signed = clearsign(WORDS.encode())
    cut = signed[:signed.index(b"-----BEGIN PGP SIGNATURE")]
    lines = signed.splitlines(keepends=True)
    block = [i for i, line in enumerate(lines) if b"BEGIN PGP SIGNATURE" in line][0]
    broken = b"".join(lines[:block + 2]) + b"!!!! nothing at all !!!!\n" + lines[-1]
    is_report(taken(part("text/plain", cut)))
    is_report(taken(part("text/plain", broken)), "clear", "bad")


@promise("a cleartext signature is about the bytes that came, in whatever charset")
def _():
    key = "Autocrypt: addr=bob@example.com; keydata=" + base64.b64encode(w.bob.public_key(armor=False)).decode()
    text = ("Eén gat. " + WORDS).encode("latin-1")
    is_report(taken(part("text/plain; charset=iso-8859-1", clearsign(text), "Content-Transfer-Encoding: 8bit"), key),
              "signed", "good", "Eén gat.")
    is_report(taken(part("text/plain; charset=utf-8; format=flowed", clearsign(("A line that goes on \r\nhere. " + WORDS).encode())),
                    key), "signed", "good")
    # stuffed after it was signed, as Alpine does
    stuffed = clearsign(("From here on:\r\n  indented\r\n" + WORDS).encode()).replace(b"\n  indented", b"\n   indented")
    is_report(taken(part("text/plain; charset=utf-8; format=flowed", stuffed), key), "signed", "good", "  indented")
    is_report(taken(part("text/plain; charset=utf-8; format=flowed", stuffed.replace(b"indented", b"intended")), key), "clear", "bad")
    is_report(taken(part("text/plain; charset=utf-8", clearsign(("soft\u00adhyphen\u200b " + WORDS).encode()),
                         "Content-Transfer-Encoding: 8bit"), key), "signed", "good")
    is_report(taken(part("application/pgp; format=text; x-action=sign", clearsign(WORDS.encode())), key), "signed", "good")


@promise("a sealed text in Latin-1 keeps its letters")
def _():
    is_report(taken(part("text/plain; charset=iso-8859-1", seal(("Eén gat. " + WORDS).encode("latin-1")))), "encrypted",
              words="Eén gat.")


@promise("S/MIME is told apart: signed is not bad, encrypted is not readable")
def _():
    case = taken(b'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; boundary="s"\r\n\r\n--s\r\n' +
                 part("text/plain", WORDS) + b"\r\n--s\r\n" +
                 part('application/pkcs7-signature; name="smime.p7s"', base64.encodebytes(b"\x30\x80x"),
                      "Content-Transfer-Encoding: base64") + b"\r\n--s--\r\n")
    is_report(case, names=["smime.p7s"])
    case = taken(part('application/pkcs7-mime; smime-type=enveloped-data; name="smime.p7m"', base64.encodebytes(b"\x30\x80xyz"),
                      "Content-Transfer-Encoding: base64"))
    equal(case["messages"][0]["protection"], "undecryptable")


@promise("of alternatives the plain one is read, unless the armor is in the other")
def _():
    html = part("text/html", f"<p>{WORDS}</p><p>rich words</p>")
    picture = part('image/png; name="a.png"', base64.encodebytes(b"\x89PNG"), "Content-Transfer-Encoding: base64")
    case = is_report(taken(multi("alternative", part("text/plain", WORDS), multi("related", html, picture))), names=["a.png"])
    assert "rich words" not in case["description"]
    armor = seal(WORDS.encode()).decode().replace("\n", "<br>\n")
    is_report(taken(multi("alternative", part("text/plain", "This mail is encrypted."), part("text/html", f"<p>{armor}</p>"))),
              "encrypted")


@promise("words around an armor inside of what was only signed are opened with it")
def _():
    inner = part("text/plain", "Hi\r\n\r\n" + seal(WORDS.encode()).decode() + "\r\nBob\r\n").replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    signature = w.bob.gpg("--armor", "--detach-sign", data=inner).stdout
    case = taken(b'Content-Type: multipart/signed; micalg=pgp-sha512; protocol="application/pgp-signature"; boundary="s"'
                 b"\r\n\r\n--s\r\n" + inner + b"\r\n--s\r\nContent-Type: application/pgp-signature\r\n\r\n" + signature + b"\r\n--s--\r\n")
    is_report(case, "encrypted")


@promise("labels at the start of a sealed text are no header, and one part of any text type is the text")
def _():
    text = "Impact: high\nContent-Type: what the server says\n\n" + WORDS
    case = is_report(taken(part("text/plain", seal(text.encode()))), "encrypted")
    contains(case["description"], "what the server says")
    for kind in ("text/markdown", "text/x-whatever", 'text/plain; name="report.txt"'):
        is_report(taken(part(kind, WORDS)))
    is_report(taken(part("text/plain", WORDS, 'Content-Disposition: attachment; filename="report.txt"')))


@promise("an encrypted attachment costs a signed mail neither its text nor its signature, nor does a quoted signed text")
def _():
    key = "Autocrypt: addr=bob@example.com; keydata=" + base64.b64encode(w.bob.public_key(armor=False)).decode()
    for to in (w.security.fpr, w.bob.fpr):
        inner = multi("mixed", part("text/plain", WORDS), part('application/octet-stream; name="x.txt.gpg"', seal(b"more", to=to)))
        inner = inner.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        signature = w.bob.gpg("--armor", "--detach-sign", data=inner).stdout
        case = taken(b'Content-Type: multipart/signed; micalg=pgp-sha512; protocol="application/pgp-signature"; boundary="s"'
                     b"\r\n\r\n--s\r\n" + inner + b"\r\n--s\r\nContent-Type: application/pgp-signature\r\n\r\n" + signature +
                     b"\r\n--s--\r\n", key)
        is_report(case, "signed", "good", names=["x.txt" if to == w.security.fpr else "x.txt.gpg"])
    is_report(taken(part("text/plain", WORDS * 5 + "\r\nThey say:\r\n\r\n" + clearsign(b"an advisory\n").decode())), names=[])


@promise("lines made to look like the start of a quotation cost no time")
def _():
    text = "hello\r\n" + ("On " + "1" * 800 + ":x\r\n") * 4800
    is_report(taken(part("text/plain", text)), words="hello")


@promise("no word of it is in any log")
def _():
    w.check_log("duif", "bob@", "Impact")


run()
