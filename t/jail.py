#!/usr/bin/env python3
"""What each process of the running daemon can do beyond its work: nothing.  A debugger
makes it try."""
import glob
import os
import subprocess
import sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from tap import equal, promise, run
from world import BUILD, World

w = World()
w.start()
w.drop(w.report("alice", "so that all have begun their work"))
w.alice.wait_for_mails(1)
KEYS = w.state + "/gnupg/private-keys-v1.d"
SECRETS = [w.state + "/database.passwords", os.path.join(KEYS, os.listdir(KEYS)[0]), w.state + "/gnupg/pubring.kbx", w.conf_path,
           w.state + "/database/PG_VERSION", "/etc/shadow"]
NEW = w.state + "/made"
PROGRAM = w.write("program", "#!/bin/sh\n")
os.chmod(PROGRAM, 0o755)


def tries(pid, call, path=""):
    done = subprocess.run([os.path.join(BUILD, "t", "call-in"), str(pid), call, path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def refused(role, pid, *calls):
    for call, *path in calls:
        answer = tries(pid, call, *path)
        assert answer in ("EPERM", "EACCES"), f"{role} {pid}: {call} {path}: {answer}"


def files(*calls):
    return [(call, path) for call in calls for path in SECRETS]


def status_of(pid, field):
    with open(f"/proc/{pid}/status") as f:
        return next(line.split()[1] for line in f if line.startswith(field + ":"))


def readers(waiting):
    """Those that wait for a message, or the zygotes that they are forked from."""
    own = set(w.processes("reader"))
    return [p for p in own if (int(status_of(p, "PPid")) in own) == waiting]


@promise("a reader opens no file and no socket, starts nothing, signals nobody")
def _():
    assert readers(True)
    for pid in readers(True):
        refused("reader", pid, *files("read", "write"), ("read", "/etc/passwd"), ("create", NEW), ("truncate", NEW), ("unlink", NEW),
                ("chmod", w.state), ("unix",), ("inet",), ("inet6",), ("netlink",), ("connect", w.state + "/gnupg/S.gpg-agent"),
                ("execve", "/bin/true"), ("fork",), ("kill",), ("ptrace",))


@promise("fetcher and sender, once they talk, open no socket, start nothing and reach nobody's files")
def _():
    for role in ("fetcher", "sender"):
        for pid in w.processes(role):
            refused(role, pid, *files("read", "write", "truncate", "chmod"), ("create", NEW), ("unlink", w.conf_path), ("unix",),
                    ("inet",), ("inet6",), ("packet",), ("connect", w.state + "/gnupg/S.gpg-agent"),
                    ("connect", w.state + "/socket/.s.PGSQL.5432"), ("execve", "/bin/true"), ("kill",), ("ptrace",))
            if "MELDPUNT_SANITIZERS" not in os.environ:  # the leak sanitizer looks for leaks from a thread
                refused(role, pid, ("fork",))


@promise("a worker has no network, and neither private keys nor passwords nor the configuration's secrets")
def _():
    for role, pids in (("worker", w.processes("worker")), ("zygote", readers(False))):
        assert pids
        for pid in pids:
            refused(role, pid, *files("read", "write", "truncate"), ("create", NEW), ("create", "/tmp/made"),
                    ("create", "/dev/shm/made"), ("unlink", w.conf_path), ("execve", PROGRAM), ("inet",), ("inet6",),
                    ("packet",), ("netlink",), ("ptrace",))
            equal(tries(pid, "read", "/etc/passwd"), "0", "what gpg needs")


@promise("a worker writes in its own directory, and in no other worker's")
def _():
    # the way to our agent stands in each
    homes = [os.path.dirname(f) for f in glob.glob("/dev/shm/meldpunt-*/worker-*/S.gpg-agent") if w.state in open(f).read()]
    equal(len(homes), 2)
    for pid in w.processes("worker"):
        equal(sorted(tries(pid, "write", h + "/gpg.conf") for h in homes), ["0", "EACCES"])
    for shared in glob.glob("/dev/shm/PostgreSQL.*"):
        refused("worker", w.processes("worker")[0], ("read", shared), ("write", shared))


@promise("all of them work on")
def _():
    w.drop(w.report("alice", "after all that"))
    w.alice.wait_for_mails(2)
    w.sanne.wait_for_mails(2)
    equal(len(w.cases()), 2)
    assert not os.path.exists(NEW)


run()
