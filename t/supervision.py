#!/usr/bin/env python3
"""The daemon as its operators meet it: systemd's datagrams, HUP, TERM,
restarts, privileges given up, and errors that say what to do."""
import glob
import os
import pwd
import re
import signal
import socket
import subprocess
import sys
import threading
import time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from tap import contains, equal, promise, run
from world import BUILD, DAEMON_USER, World, wait_for

w = World()
w.expected_warnings = ["ended by signal", "new configuration is refused", "ended with status", "unknown option"]


class Manager:
    """systemd's end of sd_notify: always reading."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        os.chmod(path, 0o777)
        self.seen = []
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        while True:
            self.seen.append(self.socket.recv(4096).decode())

    def wait(self, word):
        wait_for(lambda: any(word in s for s in list(self.seen)), 20, word)


manager = Manager(w.path("notify"))


def status_of(pid, field):
    with open(f"/proc/{pid}/status") as f:
        return re.search(rf"^{field}:\s+(.*)$", f.read(), re.M).group(1)


@promise("READY, STATUS and WATCHDOG reach the service manager")
def _():
    os.environ.update(NOTIFY_SOCKET=w.path("notify"), WATCHDOG_USEC="400000")
    w.start()
    del os.environ["NOTIFY_SOCKET"], os.environ["WATCHDOG_USEC"]
    manager.wait("READY=1")
    contains("".join(manager.seen), "STATUS=1 fetchers, 2 workers, 1 senders")
    manager.wait("WATCHDOG=1")


@promise("every role is a process of its own, runs as the daemon's user and has given up what it does not need")
def _():
    uid = str(pwd.getpwnam(DAEMON_USER).pw_uid)
    w.drop(w.report("alice", "so that all are connected"))
    w.alice.wait_for_mails(1)
    for role, count in (("supervisor", 1), ("fetcher", 1), ("worker", 2), ("sender", 1)):
        pids = w.processes(role)
        equal(len(pids), count, role)
        for pid in pids:
            equal(set(status_of(pid, "Uid").split()), {uid}, role)
            equal(status_of(pid, "NoNewPrivs"), "1", role)
            equal(status_of(pid, "CapEff"), "0000000000000000", role)
            with open(f"/proc/{pid}/limits") as f:
                assert re.search(r"Max core file size\s+0\s+0", f.read()), role
            # non-dumpable: its memory is out of reach of the others
            if "MELDPUNT_SANITIZERS" not in os.environ:  # the leak sanitizer has to look into itself
                equal(os.stat(f"/proc/{pid}/mem").st_uid, 0, role)
            if role != "supervisor":
                equal(status_of(pid, "Seccomp"), "2", role)
    readers = w.processes("reader")
    assert any(status_of(p, "Seccomp") == "2" for p in readers), "no jailed reader"


@promise("no password and no secret stands in any argument, environment or log")
def _():
    with open(w.state + "/database.passwords") as f:
        secrets = re.findall(r" (\S+)", f.read()) + ["pw-security"]
    for pid in w.processes():
        for name in ("cmdline", "environ"):
            with open(f"/proc/{pid}/{name}", "rb") as f:
                text = f.read().decode(errors="replace")
            for secret in secrets:
                assert secret not in text, (pid, name)
    for secret in secrets:
        assert secret not in w.log()


@promise("HUP with a faulty configuration keeps the old one; the fault is told with its line")
def _():
    pids = w.processes()
    with open(w.conf_path) as f:
        good = f.read()
    w.write("meldpunt.conf", good + "\nmailboxs = ();\n")
    w.daemon.send_signal(signal.SIGHUP)
    wait_for(lambda: "the new configuration is refused" in w.log(), what="refusal")
    contains(w.log(), 'unknown option "mailboxs", did you mean "mailboxes"?')
    equal(set(w.processes("worker")) <= set(pids), True)
    w.write("meldpunt.conf", good)


@promise("HUP with a good configuration brings it into force without losing a message")
def _():
    manager.seen.clear()
    with open(w.conf_path) as f:
        text = f.read()
    w.write("meldpunt.conf", text.replace("workers = 2", "workers = 1"))
    w.drop(w.report("alice", "while reloading"))
    w.daemon.send_signal(signal.SIGHUP)
    manager.wait("RELOADING=1")
    wait_for(lambda: len(w.processes("worker")) == 1, what="one worker")
    w.alice.wait_for_mails(2)
    w.write("meldpunt.conf", text)


@promise("a killed role is back at once, one that keeps dying with a growing delay")
def _():
    (before,) = w.processes("worker")
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: w.processes("worker") not in ([], [before]), 5, "new worker")
    starts = []
    for _ in range(4):
        (pid,) = wait_for(lambda: w.processes("worker"), 20, "worker")
        os.kill(pid, signal.SIGKILL)
        t = time.monotonic()
        wait_for(lambda: w.processes("worker") and w.processes("worker") != [pid], 20, "worker again")
        starts.append(time.monotonic() - t)
    assert starts[-1] > 2 * starts[0], starts


@promise("TERM finishes the message at hand and ends all processes, the database too")
def _():
    for i in range(4):
        w.drop(w.report("alice", f"before the end {i}"))
    wait_for(lambda: int(w.sql("select count(*) from inbound where outcome is not null")) > 2, what="work")
    manager.seen.clear()
    pids = w.processes()
    w.stop()
    manager.wait("STOPPING=1")
    wait_for(lambda: not any(os.path.exists(f"/proc/{p}") for p in pids), 5, "end of all processes")
    assert not os.path.exists(w.state + "/database/postmaster.pid")
    equal(subprocess.run(["pgrep", "-f", w.state], capture_output=True).stdout, b"")
    w.once()
    equal(w.sql and w.json("queue"), [])
    equal(len(w.cases()), 6)
    name = 5381
    for byte in w.state.encode():
        name = (33 * name + byte) % 2**32
    equal(glob.glob(f"/dev/shm/meldpunt-*-{name:08x}"), [], "a runtime directory that stays")


def fails(*argv):
    done = subprocess.run([os.path.join(BUILD, argv[0]), *argv[1:]], capture_output=True, text=True, cwd="/")
    return done.returncode, done.stderr


@promise("wrong usage is 64 and configuration trouble is 78, each with a message")
def _():
    for argv, status, text in (
            (("meldpuntd", "--nonsense"), 64, "see --help"), (("meldpuntd", "--only=cook"), 64, "unknown role"),
            (("meldpuntd", "worker"), 64, "started by the supervisor only"),
            (("meldpuntd", "-c", "/nonexistent"), 78, "No such file"),
            (("meldpuntd", "-c", "/nonexistent", "--check"), 78, "No such file"),
            (("meldpunt",), 64, ""), (("meldpunt", "frobnicate"), 64, "no command"),
            (("meldpunt", "-c", "/nonexistent", "cases"), 78, "No such file"),
            (("meldpunt", "show"), 64, "wrong number of arguments")):
        code, error = fails(*argv)
        equal(code, status, " ".join(argv))
        contains(error, text, " ".join(argv))


@promise("output that cannot be written is a failure, and who looks at recipients is on record")
def _():
    with open("/dev/full", "wb") as full:
        for command in (["cases"], ["cases", "--json"], ["queue", "--all"], ["metrics"]):
            done = subprocess.run([BUILD + "/meldpunt", "-c", w.conf_path, *command], stdout=full, stderr=subprocess.PIPE, cwd="/")
            equal((done.returncode, b"cannot be written" in done.stderr), (74, True), str(command))
    number = w.cases()[-1]["number"]
    w.json("queue", "--all", "--identity")
    contains([e["what"] for e in w.case(number)["events"]], "identity-shown")
    equal(w.meldpunt("order", "VGZ-1999-0001", "note x", check=False).returncode, 65)
    equal(w.meldpunt("quarantine", "release", "1abc", check=False).returncode, 64)
    equal(w.meldpunt("show", number, "--attachment=-1", check=False).returncode, 64)


@promise("check finds all faults at once")
def _():
    with open(w.conf_path) as f:
        text = f.read()
    bad = w.write("bad.conf", text.replace('tls = "implicit"', 'tls = "maybe"').replace("workers = 2", "workers = 99"))
    for program in (("meldpuntd", "-c", bad, "--check"), ("meldpunt", "-c", bad, "check")):
        code, error = fails(*program)
        equal(code, 78)
        contains(error, "workers must be between 0 and 64")
        contains(error, "tls must be implicit, starttls or none")
    os.chmod(w.path("imap.pw"), 0o644)
    code, error = fails("meldpunt", "-c", w.conf_path, "check")
    contains(error, "everybody can read it")
    os.chmod(w.path("imap.pw"), 0o600)
    equal(fails("meldpunt", "-c", w.conf_path, "check")[0], 0)
    contains(w.meldpunt("config", "-n").stdout.decode(), "workers = 2;")


@promise("init sets all up: configuration, key, staff's keys, database, logins")
def _():
    state, conf = w.path("init-state"), w.path("init.conf")
    keys = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus", "keys")
    argv = ["meldpunt", "-c", conf, "init", "--mailbox=new", "--prefix=NEW", "--address=security@example.org",
            "--policy-url=https://example.org/p", "--imap-host=localhost", f"--imap-port={w.imaps_port}",
            "--imap-user=security", f"--imap-password-file={w.dir}/imap.pw", f"--smtp-port={w.smtps_port}",
            f"--ca-file={w.dir}/tls/ca.pem", f"--state-dir={state}", f"--user={DAEMON_USER}",
            f"--staff=Sanne de Vries <sanne@example.org> {keys}/sanne.pub.asc"]
    # an attempt that fails half way is gone on from
    code, error = fails(*argv[:-1], "--staff=Sanne <sanne@example.org> /nowhere")
    contains(error, "/nowhere")
    done = subprocess.run([os.path.join(BUILD, argv[0]), *argv[1:]], capture_output=True, text=True, cwd="/",
                          stdin=subprocess.DEVNULL)
    equal(done.returncode, 0, done.stderr)
    for line in ("IMAP:          login accepted", "SMTP:          login accepted", "schema version"):
        contains(done.stdout, line)
    code, error = fails(*argv)
    contains(error, "exists already")
    old, kept = w.conf_path, w.state
    w.conf_path, w.state = conf, state
    w.drop(w.report("bob", "to the new one", encrypt=False))
    w.once()
    (case,) = w.cases()
    equal(case["number"][:4], "NEW-")
    w.bob.wait_for_mails(1)
    # of the same name, and certified by the old one
    new = re.search(r'key = "([0-9A-F]{40})"', w.meldpunt("keys", "rotate").stdout.decode()).group(1)
    assert new not in open(conf).read()
    w.conf_path, w.state = old, kept


@promise("a gpg-agent that a command left behind does not take the daemon's socket with it")
def _():
    w.stop()
    w.meldpunt("keys")  # gpg starts an agent for it
    assert subprocess.run(["pgrep", "-f", f"gpg-agent.*{w.state}/gnupg"], capture_output=True).stdout, "no agent was left"
    w.start()
    n = len(w.cases())
    for i in range(2):
        w.drop(w.report("alice", f"after the agent {i}"))
        wait_for(lambda: len(w.cases()) == n + i + 1, 20, "the case")
        equal(w.case(max(c["number"] for c in w.cases()))["messages"][0]["protection"], "encrypted+signed")
        time.sleep(2)  # an agent looks after its socket now and then
    assert os.path.exists(w.state + "/gnupg/S.gpg-agent")


@promise("a number in postmaster.pid that another program has by now costs no minute")
def _():
    postmaster = int(open(w.state + "/database/postmaster.pid").readline())
    for pid in (w.processes("supervisor")[0], postmaster):
        os.kill(pid, signal.SIGKILL)
    w.daemon.wait(30)
    wait_for(lambda: not os.path.exists(f"/proc/{postmaster}"), what="the server's end")
    sleeper = subprocess.Popen(["sleep", "100"], user=DAEMON_USER)  # whom the server would believe to be itself
    with open(w.state + "/database/postmaster.pid") as f:
        rest = f.read().split("\n", 1)[1]
    w.write("state/database/postmaster.pid", f"{sleeper.pid}\n{rest}", 0o600, DAEMON_USER)
    start = time.monotonic()
    w.start()
    assert time.monotonic() - start < 20, time.monotonic() - start
    sleeper.kill()
    sleeper.wait()


run()
