#!/usr/bin/env python3
"""A whole conversation from mutt and neomutt in a terminal, with GPGME: the
reporter's and the staff member's own programs, keys and screens."""
import os
import pty
import select
import subprocess
import sys
import time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from tap import contains, equal, promise, run
from world import World, wait_for

w = World()
w.start()
w.security_fpr()


class Client:
    """One of the two programs, as one person has set it up."""

    def __init__(self, program, name):
        self.program, self.person = program, w.people[name]
        p = self.person
        subprocess.run(["gpg", "--homedir", p.home, "--batch", "--quiet", "--import-ownertrust"], check=True,
                       input=f"{w.security.fpr}:6:\n{p.fpr}:6:\n".encode())
        self.body = w.path(f"{name}.body")
        # as somebody types above what the program has put there
        editor = w.write(f"{name}.editor", f'#!/bin/sh\ncat {self.body} "$1" > {self.body}.new && cat {self.body}.new > "$1"\n'
                         'touch -d "+1 minute" "$1"\n', 0o755)
        self.rc = w.write(f"{name}.muttrc", f"""set spoolfile = "{w.dir}/mail/{name}"
set folder = "{w.dir}/mail/{name}"
set mbox_type = Maildir
set from = "{p.address}"
set realname = "{name.title()}"
set smtp_url = "smtp://127.0.0.1:{w.smtp_port}/"
set ssl_starttls = no
set ssl_force_tls = no
set crypt_use_gpgme = yes
set crypt_autosign = yes
set crypt_replyencrypt = yes
set crypt_replysign = yes
set pgp_default_key = {p.fpr}
set pgp_self_encrypt = yes
set editor = "{editor}"
set fast_reply = yes
set include = yes
set copy = no
set record = ""
set sleep_time = 0
set wait_key = no
set header_cache = ""
set pipe_decode = yes
set sort = date-received
unset mark_old
""")

    def run(self, typed, *args):
        """The program in a terminal of its own; typed: (what it shows, what is typed then), in this order."""
        env = dict(os.environ, GNUPGHOME=self.person.home, TERM="xterm", HOME=w.path("people"), LC_ALL="C.UTF-8")
        main, side = pty.openpty()
        proc = subprocess.Popen([self.program, "-n", "-F", self.rc, *args], stdin=side, stdout=side, stderr=side, env=env,
                                start_new_session=True, cwd="/")
        os.close(side)
        seen, at, todo, end = b"", 0, list(typed), time.monotonic() + 40
        while proc.poll() is None and time.monotonic() < end:
            if select.select([main], [], [], 0.2)[0]:
                try:
                    seen += os.read(main, 65536)
                except OSError:
                    break
                continue
            # it waits for somebody to type
            if b"([yes]/no)" in seen[at:]:
                at = len(seen)
                os.write(main, b"n")
            elif todo and todo[0][0].encode() in seen[at:]:
                at = len(seen)
                os.write(main, todo.pop(0)[1].encode())
        try:
            proc.wait(5)
        except subprocess.TimeoutExpired:
            proc.kill()
            raise AssertionError(f"{self.program} does not end: {seen[-1500:]!r}") from None
        finally:
            os.close(main)

    def write(self, text):
        with open(self.body, "w") as f:
            f.write(text)

    def compose(self, subject, text):
        self.write(text)
        key = w.write(f"{self.person.name}.asc", self.person.public_key().decode())
        asks = [("To: ", "\r")] if self.program == "mutt" else []
        self.run([*asks, ("Security", "y")], "-e", "set crypt_autoencrypt", "-s", subject, "-a", key, "--",
                 "security@example.org")

    def reply(self, text):
        """To the newest mail."""
        self.write(text)
        self.run([("q:Quit", "*r"), ("Security", "y"), ("ail sent", "q")], "-R")

    def read(self):
        """The newest mail as the program shows it, decrypted and verified."""
        out = w.path(f"{self.person.name}.shown")
        self.run([("q:Quit", f"*|cat > {out}\r"), ("q:Quit", "q")], "-R")
        with open(out, errors="replace") as f:
            return f.read()


def conversation(reporter, staff):
    alice, sanne = reporter.person, staff.person
    before, notices = len(alice.mails()), len(sanne.mails())
    reporter.compose("A hole in the portal", "There is a hole in https://portal.example.org/x.\n\n-- \nalice\n")
    ack = alice.open(alice.wait_for_mails(before + 1)[-1])
    assert ack.encrypted and ack.good_signature
    number = str(ack.inner["Subject"]).split("]")[0][1:]
    contains(reporter.read(), number)
    message = w.case(number, "--identity")["messages"][0]
    equal((message["protection"], message["signature"], message["fingerprint"]), ("encrypted+signed", "good", alice.fpr))
    sanne.wait_for_mails(notices + 1)
    shown = staff.read()
    contains(shown, "hole in https://portal.example.org/x")
    contains(shown, "meldpunt-case: " + number)

    staff.reply("owner me\nask\nWhich version do you mean?\n.\n")
    contains(sanne.open(sanne.wait_for_mails(notices + 2)[-1]).text, "Which version")
    question = alice.open(alice.wait_for_mails(before + 2)[-1])
    assert question.encrypted and question.good_signature
    contains(reporter.read(), "Which version do you mean?")
    equal(w.case(number)["answered_at"], None)

    reporter.reply("Version seven, seen this morning.\n")
    follow = sanne.open(sanne.wait_for_mails(notices + 3)[-1])
    contains(follow.text, "Version seven")
    contains(staff.read(), "Version seven, seen this morning.")

    staff.reply("severity high\nfix-date +14d\nreply\nThank you, we can confirm it.\n.\n")
    contains(sanne.open(sanne.wait_for_mails(notices + 4)[-1]).text, "we can confirm it")
    answer = alice.open(alice.wait_for_mails(before + 3)[-1])
    contains(answer.text, "we can confirm it.")
    for secret in ("anne", "utt", "meldpunt-case"):
        assert secret not in answer.text and secret.encode() not in alice.mails()[-1].split(b"\n\n")[0], secret
    wait_for(lambda: w.case(number)["answered_at"], what="the answer to count")

    for n, (order, state) in enumerate((("status fixing", "fixing"), ("status fixed", "fixed"), ("close fixed", "closed"))):
        staff.reply(order + "\n")
        sanne.wait_for_mails(notices + 5 + n)
        alice.wait_for_mails(before + 4 + n)
        equal(w.case(number)["state"], state)
    contains(reporter.read(), number)


@promise("report, question, answer, fix and close, with neomutt for the reporter and mutt for staff")
def _():
    conversation(Client("neomutt", "alice"), Client("mutt", "sanne"))


@promise("and the other way round")
def _():
    conversation(Client("mutt", "alice"), Client("neomutt", "sanne"))


@promise("no word of it is in any log")
def _():
    w.check_log("portal", "alice@", "sanne@", "Version seven")


run()
