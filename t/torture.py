#!/usr/bin/env python3
"""Each process is killed as it enters a system call, one call after the other, while a
report goes from the mailbox to its acknowledgment; and answers to COMMIT get
lost.  No report is lost, none becomes two cases, and the only letters that are sent
twice are those of a killed sender, with their Message-ID.

MELDPUNT_TORTURE is the number of calls tried of each process, or "all"; arguments
are the processes to try."""
import contextlib
import email
import os
import random
import socket
import struct
import subprocess
import sys
import threading
import time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from tap import equal, promise, run
from world import BUILD, World, free_ports, wait_for

SAMPLE = os.environ.get("MELDPUNT_TORTURE", "5")
KILLER = os.path.join(BUILD, "t", "kill-at")
w = World("server", workers=1)
w.expected_warnings = ["ended by signal", "ended with status", "tried again", "died", "database", "no connection", "COMMIT",
                       "waiting", "reader"]
w.meldpunt("migrate", "--as=postgres")
w.security_fpr()
sent, seen = 0, {}


def one_more():
    global sent
    sent += 1
    w.drop(w.report("alice", f"hole number {sent}", f"number {sent}"))


def ids():
    """How often each acknowledgment has come, by Message-ID."""
    folder = w.path("mail", "alice", "new")
    for name in os.listdir(folder):
        if name not in seen:
            with open(os.path.join(folder, name), "rb") as f:
                seen[name] = email.message_from_bytes(f.read())["Message-ID"]
    counted = {}
    for mid in seen.values():
        counted[mid] = counted.get(mid, 0) + 1
    return counted


def under_killer(role, when):
    done = subprocess.run([KILLER, role, str(when), BUILD + "/meldpuntd", "-c", w.conf_path, "--once"], cwd="/",
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    with open(w.log_path, "a", encoding="utf-8") as log:
        log.write("".join(line + "\n" for line in done.stderr.splitlines() if not line.isdigit()))
    return int(done.stderr.splitlines()[-1])


def state(first=""):
    return w.sql(first + "select (select count(*) from cases), (select count(*) from outbound where state in ('queued', 'sending')),"
                 " (select count(*) from inbound where state = 'new'), (select count(*) from inbound)")


# the waits before a retry have passed
LATER = ("UPDATE inbound SET next_try_at = now() WHERE state = 'new'; UPDATE outbound SET next_try_at = now(),"
         " claimed_at = claimed_at - interval '1 minute' WHERE state IN ('queued', 'sending'); ")


def settle(what):
    """A daemon that nobody kills finishes what is there."""
    for patience in range(8):
        if state(LATER) == f"{sent}|0|0|{sent}":
            return
        time.sleep(max(0, patience - 2))
        w.once(check=False)
    equal(state(), f"{sent}|0|0|{sent}", what)


def calls_to_try(role):
    one_more()
    count = under_killer(role, 0)
    settle(role)
    if SAMPLE == "all":
        return range(1, count + 1)
    return sorted(random.sample(range(1, count + 1), int(SAMPLE)))


@promise("killed at any system call, each process leaves what the next one finishes, once")
def _():
    repeated = 0
    for role in sys.argv[1:] or ("fetcher", "worker", "reader", "sender", "supervisor"):
        calls = calls_to_try(role)
        print(f"# {role}: calls {list(calls)[:10]}{' ...' if len(calls) > 10 else ''}", flush=True)
        for when in calls:
            one_more()
            under_killer(role, when)
            settle(f"{role} killed at call {when}")
            counted = wait_for(lambda: len(found := ids()) >= sent and found, 10, f"{role}, call {when}: the acknowledgment")
            equal(len(counted), sent, f"{role} killed at call {when}: acknowledgments")
            again = sum(counted.values()) - sent
            assert again == repeated or (again == repeated + 1 and role in ("sender", "supervisor")), (role, when, counted)
            repeated = again
    print(f"# {sent} reports, {repeated} acknowledgments repeated")


class Forgetful(threading.Thread):
    """A way to the database that loses some answers to COMMIT, and the connection with them."""

    def __init__(self, target):
        super().__init__(daemon=True)
        (self.port,) = free_ports(1)
        self.target, self.lost, self.share = target, 0, 0.0
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.start()

    def run(self):
        while True:
            client, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    @staticmethod
    def exactly(sock, n):
        data = b""
        while len(data) < n:
            part = sock.recv(n - len(data))
            if not part:
                raise ConnectionError
            data += part
        return data

    def answers(self, server, client, mute):
        try:
            while data := server.recv(65536):
                if not mute.is_set():
                    client.sendall(data)
        except OSError:
            pass
        self.part(server, client)

    @staticmethod
    def part(*sockets):
        for s in sockets:
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)  # also wakes whoever waits on it
            s.close()

    def serve(self, client):
        server = socket.create_connection(("127.0.0.1", self.target))
        mute = threading.Event()
        threading.Thread(target=self.answers, args=(server, client, mute), daemon=True).start()
        try:
            length = self.exactly(client, 4)  # the start packet has no type
            server.sendall(length + self.exactly(client, struct.unpack("!I", length)[0] - 4))
            while True:
                head = self.exactly(client, 5)
                body = self.exactly(client, struct.unpack("!I", head[1:])[0] - 4)
                if b"COMMIT" in body[:40] and random.random() < self.share:
                    self.lost += 1
                    mute.set()
                    server.sendall(head + body)
                    time.sleep(.05)  # it is committed, and nobody hears of it
                    raise ConnectionError
                server.sendall(head + body)
        except OSError:
            self.part(client, server)


@promise("answers to COMMIT that get lost lose nothing and double nothing")
def _():
    global sent
    way = Forgetful(w.pg_port)
    with open(w.conf_path) as f:
        conf = f.read()
    w.write("meldpunt.conf", conf.replace(w.conninfo, f"host=127.0.0.1 port={way.port} dbname=postgres sslmode=disable"))
    before = sum(ids().values()) - len(ids())
    w.start()
    way.share = .15
    for _ in range(20 if SAMPLE != "all" else 200):
        one_more()
    wait_for(lambda: w.sql("select count(*) from cases") == str(sent), 120 + sent, "all cases")
    way.share = 0
    wait_for(lambda: state() == f"{sent}|0|0|{sent}", 60, "the end of work")
    counted = wait_for(lambda: len(found := ids()) >= sent and found, 20, "all acknowledgments")
    equal(len(counted), sent, "acknowledgments")
    again = sum(counted.values()) - len(counted) - before
    print(f"# {way.lost} answers lost, {again} acknowledgments repeated")
    assert way.lost > 3
    equal(max(counted.values()) <= 2, True, "none came three times")


@promise("no word of it is in any log")
def _():
    w.stop()
    w.check_log("hole number", "alice@")


run()
