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


def sealed(body, *more, who="bob"):
    """A PGP/MIME message around it, from Content-Type on."""
    return encrypted_message([], seal(body, *more, who=who)).split(b"MIME-Version: 1.0\r\n")[-1].lstrip()


def clearsign(data):
    return w.bob.gpg("--clear-sign", data=data).stdout


KEY = "Autocrypt: addr=bob@example.com; keydata=" + base64.b64encode(w.bob.public_key(armor=False)).decode()


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


@promise("an armor in one text part displaces no words of another, outside and inside of a seal")
def _():
    report, for_bob = part("text/plain", WORDS * 12), part("text/plain", seal(b"x", to=w.bob.fpr))
    for order in ((report, for_bob), (for_bob, report)):
        is_report(taken(multi("mixed", *order)))
    quoted = part("text/plain", clearsign(b"An advisory of somebody else.\r\n"))
    is_report(taken(multi("mixed", report, quoted)), words="An advisory of somebody else")
    # a few words beside what is sealed are kept beside the report
    is_report(taken(multi("mixed", part("text/plain", "Dear all, see below.\r\n"), part("text/plain", seal(WORDS.encode())))),
              "encrypted", names=["clear-text.txt"])
    # a second message in the same mail is opened as a file
    second = part("text/plain", seal(b"the second part of it\r\n"))
    case = is_report(taken(multi("mixed", part("text/plain", seal(WORDS.encode())), second)), "encrypted", names=["encrypted"])
    contains(content(case, "encrypted").decode(), "the second part of it")
    # under a seal it is a file, or a quotation
    report = part("text/plain", WORDS)
    for order in ((report, for_bob), (for_bob, report)):
        is_report(taken(sealed(multi("mixed", *order), "--sign"), KEY), "encrypted+signed", "good", names=["encrypted.asc"])


@promise("who signs and seals what another signed is the one who signed")
def _():
    key = "Autocrypt: addr=alice@example.net; keydata=" + base64.b64encode(w.alice.public_key(armor=False)).decode()
    quoted = part("text/plain", clearsign(b"An advisory of Bob.\r\n"))
    bob = part("application/pgp-keys", w.bob.public_key())
    for inside in (multi("mixed", part("text/plain", WORDS), quoted, bob), multi("mixed", quoted, bob)):
        case = taken(sealed(multi("mixed", inside, part("application/pgp-keys", w.alice.public_key())), "--sign", who="alice"), key)
        case = w.case(case["number"], "--identity")
        equal((case["messages"][0]["signature"], case["messages"][0]["fingerprint"]), ("good", w.alice.fpr))
        assert case["reporter"]["fingerprint"] != w.bob.fpr or not case["reporter"]["pinned"]


@promise("a signature over text that shows an armor to somebody else stays one")
def _():
    armor = seal(b"x", to=w.bob.fpr).decode()
    is_report(taken(part("text/plain", clearsign((WORDS * 12 + "\r\n" + armor).encode())), KEY), "signed", "good")


@promise("a note beside a sealed file that cannot be read is no report: the reporter is told")
def _():
    other = part('application/octet-stream; name="report.asc"', seal(b"x", to=w.bob.fpr))
    case = taken(multi("mixed", part("text/plain", "My report is attached, encrypted.\r\n"), other))
    equal(case["messages"][0]["protection"], "undecryptable")
    contains([a["name"] for a in case["messages"][0]["attachments"]], "clear-text.txt")


@promise("what is wrong with an attached mail is no reason to refuse the report it is attached to")
def _():
    mail = b"From: a@example.net\r\nSubject: spam\r\nContent-Type: text/plain\r\nContent-Type: text/html\r\n\r\nbuy\r\n"
    is_report(taken(multi("mixed", part("text/plain", WORDS), part("message/rfc822", mail))))
    long = mail + b"line\r\n" * 15000
    is_report(taken(multi("mixed", part("text/plain", WORDS), part(
        "message/rfc822", base64.encodebytes(long), "Content-Transfer-Encoding: base64"))))


@promise("a content type that says nothing is text")
def _():
    for kind in ("text", "", "nonsense", "text; charset=utf-8"):
        is_report(taken(part(kind, WORDS)), names=[])


@promise("armors with odd heads are read")
def _():
    armor = seal(WORDS.encode()).decode()
    for head in ("Comment:\n\n", "Version:X\n\n", "\nVersion: 1\n\n", "\n \nComment: a\nCharset: utf-8\n\n\n"):
        is_report(taken(part("text/plain", armor.replace("MESSAGE-----\n\n", "MESSAGE-----\n" + head, 1))), "encrypted")


@promise("an armor that a shell of Windows wrote is opened")
def _():
    for data in (seal(WORDS.encode()).decode().encode("utf-16"), b"\xef\xbb\xbf" + seal(WORDS.encode())):
        file = part('application/octet-stream; name="report.asc"', base64.encodebytes(data), "Content-Transfer-Encoding: base64")
        is_report(taken(multi("mixed", part("text/plain", "See the file."), file)), "encrypted")


@promise("a plain text that only says that there is another is not the report; words about an armor do not hide it")
def _():
    html = part("text/html", "<p>" + (WORDS * 10).replace("\r\n", "<br>") + "</p>")
    is_report(taken(multi("alternative", part("text/plain", "This mail is in HTML."), html)))
    mention = part("text/html", "<p>dies on<br>-----BEGIN PGP MESSAGE-----<br>only</p>")
    is_report(taken(multi("alternative", part("text/plain", WORDS * 10), mention)))


@promise("two parts are not signed because their envelope says so")
def _():
    case = taken(multi("signed", part("text/plain", WORDS), part("text/html", "<p>More words</p>")))
    is_report(case, "clear", "none")


@promise("a sender in an internationalized domain gets an answer")
def _():
    head = ["From: Alice <alice@xn--bcher-kva.example.net>", "To: security@example.org", "Subject: idn", "Message-ID: <idn@x>",
            "Date: Tue, 24 Nov 2026 10:00:00 +0000", "MIME-Version: 1.0"]
    global n
    n += 1
    w.drop("\r\n".join(head).encode() + b"\r\n" + part("text/plain", WORDS))
    wait_for(lambda: w.sql("select count(*) from inbound where state <> 'new'") == str(n), 30, "the end of the message")
    equal(w.sql("select recipient from outbound where kind = 'acknowledgment' order by id desc limit 1"),
          "alice@xn--bcher-kva.example.net")


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


@promise("a part with a wrong boundary, or none, is read or shown; nothing of it vanishes")
def _():
    banner = part("text/plain", "[EXTERNAL] This mail comes from outside.\r\n")
    body = (b"\r\n\r\n--z\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n\r\n--z\r\n"
            b"Content-Type: application/octet-stream\r\n\r\n" + seal(WORDS.encode()) + b"\r\n--z--\r\n")
    for boundary in (b"", b'; boundary="other"'):
        is_report(taken(multi("mixed", banner, b'Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"' +
                              boundary + body)), "encrypted")
    is_report(taken(multi("mixed", banner, b"Content-Type: multipart/mixed\r\n\r\n" + WORDS.encode())))


@promise("charsets are their supersets, and one odd byte costs one letter")
def _():
    for charset, raw, words in (("gb2312", "漏洞在登录页面".encode("gbk") + b"\xff end", "漏洞在登录页面"),
                                ("Shift_JIS", "脆弱性①があります".encode("cp932"), "脆弱性①があります"),
                                ("iso-8859-1", b"\x93quoted\x94 \x80 10", "“quoted” € 10"),
                                ("iso-2022-kr", "취약점".encode("iso2022_kr"), "취약점")):
        body = f"Content-Type: text/plain; charset={charset}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n".encode() + raw + b"\r\n"
        is_report(taken(body), words=words)


@promise("a sealed entity is one whatever fields stand in its header; a quoted HTTP answer is none")
def _():
    inner = (b'From: a@example.com\r\nImportance: high\r\nSubject: inner\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed;'
             b' boundary="q"\r\n\r\n--q\r\nContent-Type: text/plain\r\n\r\n' + WORDS.encode() +
             b'\r\n--q\r\nContent-Type: text/plain\r\nContent-Disposition: attachment; filename="x.txt"\r\n\r\nx\r\n--q--\r\n')
    is_report(taken(part("text/plain", seal(inner))), "encrypted", names=["x.txt"])
    case = is_report(taken(part("text/plain", seal(b"Server: nginx\r\nContent-Type: text/html\r\n\r\n" + WORDS.encode()))),
                     "encrypted")
    contains(case["description"], "Server: nginx")


@promise("a text in clear behind an empty seal is not under it; a subject outside a signature is not signed")
def _():
    empty = w.bob.gpg("--no-literal", "--encrypt", "--recipient", w.security.fpr, data=b"\xca\x03PGP").stdout
    clear = b"\xcb" + bytes([17]) + b"b\0\0\0\0\0CLEAR WORDS"
    armor = w.bob.gpg("--enarmor", data=empty + clear).stdout.replace(b"PGP ARMORED FILE", b"PGP MESSAGE")
    case = taken(part("text/plain", armor))
    equal((case["messages"][0]["protection"], case["description"]), ("undecryptable", ""))
    forged = b'Subject: FORGED\r\nContent-Type: text/plain; protected-headers="v1"\r\n\r\n' + clearsign(WORDS.encode())
    case = is_report(taken(part("text/plain", seal(forged)), KEY), "encrypted+signed", "good")
    assert "FORGED" not in case["title"], case["title"]


@promise("no signature costs the end of a long line")
def _():
    block = clearsign(b"a" * 30000 + b"\n")  # of which gpg signs the beginning, and takes no more for it afterwards
    assert b"aaa\n" in block
    case = taken(part("text/plain", block.replace(b"aaa\n", b"aaa the end\n", 1)), KEY)
    contains(case["description"], " the end")
    equal(case["messages"][0]["signature"], "bad")


@promise("several keys in one file, words above them, a binary one under any name")
def _():
    stranger = w.alice.public_key()
    for body in (b"My keys:\r\n\r\n" + stranger + w.bob.public_key(), b"pub ed25519\r\n" + w.bob.public_key()):
        case = taken(multi("mixed", part("text/plain", seal(WORDS.encode(), "--sign")),
                           part('application/octet-stream; name="k.asc"', body)))
        equal(case["messages"][0]["signature"], "good")
    binary = base64.encodebytes(w.bob.public_key(armor=False))
    inner = multi("mixed", part("text/plain", WORDS), part('application/octet-stream; name="bob.gpg"', binary,
                                                           "Content-Transfer-Encoding: base64"))
    case = taken(part("text/plain", seal(inner, "--sign")))
    equal(case["messages"][0]["signature"], "good")
    equal(w.json("show", case["number"], "--identity")["reporter"]["fingerprint"], w.bob.fpr)


@promise("no word of it is in any log")
def _():
    w.check_log("duif", "bob@", "Impact")


run()
