#!/usr/bin/env python3
"""The world around the daemon fails and comes back: nothing is lost, nothing
doubled, and no trouble of ours is blamed on a reporter."""
import os
import signal
import socket
import sys
import threading
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from tap import contains, equal, promise, run
from world import World, free_ports, run as command, wait_for

LIMITS = 'acks_per_sender = 0; acks_in_total = 0; openpgp_time = "2s"; network_time = "3s";'
w = World(database="server", limits=LIMITS)
w.expected_warnings = ["database: ", "IMAP: ", "SMTP: ", "connecting to localhost", "ended with status",
                       "ended by signal", "TLS with", "tried again later", "gpg-agent", "no answer",
                       "SMTP server", "rotated", "FATAL", "LOG:"]
w.meldpunt("migrate", "--as=postgres")
w.start()
w.security_fpr()
sent = {"alice": 0}


def one_more(seconds=30):
    """A report from alice goes all the way."""
    sent["alice"] += 1
    w.drop(w.report("alice", f"report {sent['alice']} of the outages", f"number {sent['alice']}"))
    w.alice.wait_for_mails(sent["alice"], seconds)
    equal(len(w.cases()), sent["alice"], "cases")
    equal(len(w.alice.mails()), sent["alice"], "acknowledgments")


def agent_pid():
    out = command("pgrep", "-f", f"gpg-agent --homedir {w.state}/gnupg --supervised").stdout.split()
    return int(out[0])


@promise("with everything up, a report goes all the way")
def _():
    one_more()


@promise("PostgreSQL away in the middle: the daemon waits, then goes on, doubling nothing")
def _():
    w.postgres_down()
    sent["alice"] += 1
    w.drop(w.report("alice", "while the database is away", "away"))
    wait_for(lambda: w.log().count("waiting for the database") >= 4, 20, "waiting roles")
    w.postgres_up()
    w.alice.wait_for_mails(sent["alice"], 30)
    one_more()


@promise("the database's connections killed again and again lose nothing")
def _():
    for _ in range(3):
        sent["alice"] += 1
        w.drop(w.report("alice", "cut", "cut"))
        w.sql("select pg_terminate_backend(pid) from pg_stat_activity where usename like 'meldpunt%'")
    w.alice.wait_for_mails(sent["alice"], 40)
    equal(len(w.cases()), sent["alice"])
    one_more()


@promise("IMAP away and back")
def _():
    w.dovecot_down()
    wait_for(lambda: "connecting to localhost" in w.log() or "IMAP:" in w.log(), 20, "complaint")
    w.dovecot_up()
    one_more(40)


@promise("SMTP away and back: the acknowledgment is late, not lost")
def _():
    w.postfix_down()
    sent["alice"] += 1
    w.drop(w.report("alice", "while SMTP is away", "smtp"))
    wait_for(lambda: len(w.cases()) == sent["alice"], what="case")
    wait_for(lambda: w.log().count("connecting to localhost port %d" % w.smtps_port) > 0, 20, "complaint")
    w.postfix_up()
    w.alice.wait_for_mails(sent["alice"], 60)


@promise("a 451 is tried again, byte for byte the same; a 550 is recorded and not tried again")
def _():
    fake = Fake451(w)
    wait_for(lambda: w.json("queue") == [], 60, "an empty queue")
    w.stop()
    w.write_conf(smtp=f'port = {fake.port}; tls = "none"; password_file = "{w.dir}/imap.pw";')
    w.start()
    w.drop(w.report("alice", "temporary failure", "451"))
    sent["alice"] += 1
    wait_for(lambda: len(fake.taken) >= 2 and sum("alice" in r for r, m in fake.offered) >= 2, 40, "letters after 451")
    to_alice = [m for r, m in fake.offered if "alice" in r]
    equal(len(to_alice), 2, "offers to alice")
    equal(to_alice[0], to_alice[1])
    fake.refuse = b"550 5.7.1 go away"
    w.drop(w.report("alice", "permanent failure", "550"))
    sent["alice"] += 1
    wait_for(lambda: any(q["state"] == "failed" for q in w.json("queue")), 20, "failed letters")
    failed = [q for q in w.json("queue") if q["state"] == "failed"]
    equal({(q["attempts"], q["reply_code"]) for q in failed}, {(1, 550)})
    w.stop()
    fake.close()
    w.write_conf()
    w.start()


class Fake451:
    """An SMTP server that refuses each letter once."""

    def __init__(self, world):
        self.taken, self.offered, self.refuse, self.seen = [], [], None, set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def close(self):
        self.listener.close()

    def serve(self):
        while True:
            try:
                c, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.talk, args=(c,), daemon=True).start()

    def talk(self, c):
        f = c.makefile("rb")
        say = lambda text: c.sendall(text + b"\r\n")
        say(b"220 fake ESMTP")
        rcpt = ""
        for line in f:
            verb = line[:4].upper()
            if verb == b"EHLO":
                assert line.strip() == b"EHLO example.org", line
                say(b"250-fake\r\n250-AUTH PLAIN\r\n250 SIZE 50000000")
            elif verb == b"MAIL":
                rcpt = ""
                say(b"250 ok")
            elif verb == b"RCPT":
                rcpt += line.decode()
                say(self.refuse or b"250 ok")
            elif verb == b"DATA":
                say(b"354 go")
                data = b""
                for row in f:
                    if row == b".\r\n":
                        break
                    data += row
                self.offered.append((rcpt, data))
                if rcpt not in self.seen:
                    self.seen.add(rcpt)
                    say(b"451 4.3.0 not now")
                else:
                    self.taken.append((rcpt, data))
                    say(b"250 taken")
            elif verb == b"QUIT":
                say(b"221 bye")
                break
            elif verb == b"AUTH":
                say(b"235 yes")
            else:
                say(b"250 ok")
        c.close()


@promise("gpg-agent killed: it is replaced and the report does not notice")
def _():
    n = len(w.alice.mails())
    os.kill(agent_pid(), signal.SIGKILL)
    w.drop(w.report("alice", "after the agent was killed", "agent"))
    sent["alice"] += 1
    w.alice.wait_for_mails(n + 1, 30)


@promise("gpg-agent hanging: the operation has a deadline, the agent is replaced, nobody is blamed")
def _():
    n = len(w.alice.mails())
    pid = agent_pid()
    os.kill(pid, signal.SIGSTOP)
    w.drop(w.report("alice", "while the agent hangs", "hang"))
    sent["alice"] += 1
    w.alice.wait_for_mails(n + 1, 60)
    assert agent_pid() != pid
    case = w.cases()[-1]
    equal((case["title"], case["messages"][0]["protection"]), ("hang", "encrypted+signed"))
    equal(w.json("quarantine", "list"), [])


@promise("a certificate for another name is refused, and the daemon says so and works on when it is right")
def _():
    w.stop()
    w.write_conf(host="127.0.0.1")
    w.start()
    wait_for(lambda: "TLS with 127.0.0.1" in w.log(), 20, "refusal")
    contains(w.log(), "The name in the certificate does not match")
    w.stop()
    w.write_conf()
    w.start()
    n = len(w.alice.mails())
    w.drop(w.report("alice", "right name again", "tls"))
    sent["alice"] += 1
    w.alice.wait_for_mails(n + 1, 30)


@promise("cases and reports are as many as each other, and no log tells what they said")
def _():
    equal(len(w.cases()), sent["alice"])
    w.check_log("of the outages", "while the", "alice@", "number 1")


run()
