#!/usr/bin/env python3
"""IMAP as servers really are: without MOVE, UIDPLUS or IDLE, with STARTTLS,
with OAuth2, with other people in the mailbox, with a mailbox that is
restored.  Every message is taken once."""
import contextlib
import os
import re
import shutil
import sys
import time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from tap import contains, equal, promise, run
from world import BUILD, DAEMON_USER, MAIL_USER, World, run as command, wait_for

w = World(limits='acks_per_sender = 0; acks_in_total = 0; network_time = "5s";')
w.expected_warnings = ["IMAP: ", "stays in the folder", "ended with status", "ended by signal", "connecting to"]
OLD = int(os.environ.get("MELDPUNT_OLD", "1500"))
n = 0


def restart(dovecot="", **conf):
    w.stop()
    w.dovecot_down()
    w.options["dovecot"] = dovecot
    w.start_dovecot()
    w.write_conf(**conf)
    w.start()


def one_more(text="hello"):
    global n
    n += 1
    w.drop(w.report("bob", f"{text} {n}", f"{text} {n}"))
    wait_for(lambda: len(w.cases()) == n, 30, f"case {n}")


@contextlib.contextmanager
def no_room():
    """The server cannot write to done_folder: COPY and MOVE are refused."""
    folder = w.path("mail/security/.Processed/tmp")
    os.chmod(folder, 0o500)
    shutil.chown(folder, "root")
    yield
    os.chmod(folder, 0o700)
    shutil.chown(folder, MAIL_USER)


@promise("messages that wait at the first start are taken in order")
def _():
    global n
    for i in range(5):
        n += 1
        w.drop(w.report("bob", f"old {n}", f"old {n}"))
    w.start()
    wait_for(lambda: len(w.cases()) == n, 30, "cases")
    # fetched in order; two workers may open the cases in another
    equal(w.sql("select string_agg(c.title, '|' order by i.id) from cases c join inbound i on i.id = c.inbound"),
          "|".join(f"old {i}" for i in range(1, 6)))
    equal(w.folder_count("Processed"), n)


@promise("STARTTLS")
def _():
    restart(imap=f'port = {w.imap_port}; tls = "starttls"; password_file = "{w.dir}/imap.pw";',
            smtp=f'port = {w.submission_port}; tls = "starttls"; password_file = "{w.dir}/imap.pw";')
    one_more()


@promise("without MOVE: COPY and UID EXPUNGE, and nobody else's deleted message goes along")
def _():
    restart("protocol imap {\n imap_capability = IMAP4rev1 UIDPLUS IDLE LITERAL+\n}")
    wait_for(lambda: "lacks MOVE" in w.log(), 10, "word of what the server lacks")
    before = w.folder_count("Processed")
    one_more("copied")
    wait_for(lambda: w.folder_count("INBOX") == 0 and w.folder_count("Processed") == before + 1, 10, "moved message")


@promise("without UIDPLUS nothing is expunged, and what stays behind is taken once")
def _():
    restart("protocol imap {\n imap_capability = IMAP4rev1 IDLE LITERAL+\n}")
    one_more("stays")
    one_more("stays too")
    wait_for(lambda: w.sql("select count(*) from inbound where moved_at is not null") == "2", 10, "marks")
    equal(w.folder_count("INBOX"), 2, "messages left behind")
    before = w.folder_count("Processed")
    one_more("and another")
    equal(w.folder_count("Processed"), before + 1, "copies")
    box = w.imap()
    box.select("INBOX")
    box.expunge()
    box.logout()


@promise("without IDLE the folder is polled")
def _():
    restart("protocol imap {\n imap_capability = IMAP4rev1 UIDPLUS MOVE LITERAL+\n}",
            imap=f'port = {w.imaps_port}; password_file = "{w.dir}/imap.pw"; poll = "1s";')
    one_more("polled")


@promise("an OAuth2 token comes from token_command")
def _():
    # Dovecot takes any token that its passdb accepts as a password
    w.write("token", "#!/bin/sh\necho pw-security\n", 0o755)
    restart(imap=f'port = {w.imaps_port}; token_command = "{w.dir}/token";',
            dovecot="passdb {\n driver = static\n mechanisms = xoauth2\n args = nopassword=y\n}")
    try:
        one_more("token")
    except AssertionError:
        # without a token server Dovecot refuses: then it must be said
        contains(w.log(), "refused the login")
        raise


@promise("a flag that somebody set, and a message that somebody read, change nothing")
def _():
    global n
    restart()
    w.stop()
    n += 1
    w.drop(w.report("bob", "flagged", "flagged"))
    box = w.imap()
    box.select("INBOX")
    box.fetch("1", "(BODY[])")
    box.store("1", "+FLAGS", "\\Flagged \\Seen \\Answered")
    box.logout()
    w.start()
    wait_for(lambda: len(w.cases()) == n, 30, "case")


@promise("a mailbox that is wiped and restored, with new UIDs, opens nothing twice")
def _():
    w.stop()
    folder = w.path("mail", "security")
    # everything from Processed appears in INBOX again, as after a restore
    command("sh", "-c", f"cp {folder}/.Processed/cur/* {folder}/.Processed/new/* {folder}/new/ 2>/dev/null; "
            f"rm -f {folder}/dovecot*; chown -R mail:mail {folder}", check=False)
    offered = w.folder_count("INBOX")
    assert offered >= n - 3, offered
    w.start()
    wait_for(lambda: w.folder_count("INBOX") == 0, 30, "empty INBOX")
    wait_for(lambda: w.sql("select count(*) from inbound where state = 'new'") == "0", 30, "end of work")
    equal(len(w.cases()), n)
    equal(len(w.bob.mails()), n, "acknowledgments")


@promise("done_folder over quota: messages become cases once, and move when there is room")
def _():
    global n
    restart()
    with no_room():
        n += 1
        w.drop(w.report("bob", f"no room {n}", f"no room {n}"))
        wait_for(lambda: len(w.cases()) == n, 30, "the case")
        wait_for(lambda: "moving" in w.log().lower() or "move" in w.log().lower(), 10, "a complaint")
        equal(w.folder_count("INBOX"), 1)
    wait_for(lambda: w.folder_count("INBOX") == 0, 60, "an empty INBOX")
    equal(len(w.cases()), n)


@promise("done_folder over quota holds up none of many messages")
def _():
    global n
    with no_room():
        for i in range(120):  # more than are listed at a time
            n += 1
            w.drop(b"From: Bob <bob@example.com>\r\nSubject: many\r\nMessage-ID: <many%d@x>\r\n\r\nhole %d\r\n" % (i, i))
        wait_for(lambda: len(w.cases()) == n, 60, "all cases")
    wait_for(lambda: w.folder_count("INBOX") == 0, 60, "an empty INBOX")
    equal(len(w.cases()), n)


@promise("a message that the server cannot give out holds up no other")
def _():
    global n
    poison = w.path("mail/security/new", f"{time.time():.6f}.poison.t")
    with open(poison, "wb") as f:
        f.write(b"From: x@example.net\r\nSubject: x\r\n\r\nx\r\n")
    os.chmod(poison, 0)
    shutil.chown(poison, "root")
    for i in range(3):
        n += 1
        w.drop(w.report("bob", f"beside poison {i}", f"beside poison {i}"))
    # a fetcher that has just failed often is restarted after seconds
    wait_for(lambda: len(w.cases()) == n, 90, "the others")
    wait_for(lambda: "stays in the folder" in w.log(), 20, "the warning")
    one_more("later than the poison")
    for folder in ("new", "cur"):
        for name in os.listdir(w.path("mail/security", folder)):
            if "poison" in name:
                os.unlink(w.path("mail/security", folder, name))


@promise("old messages before imap.since are left alone, whatever their number and whoever takes some away")
def _():
    global n
    w.stop()
    folder = w.path("mail/security/cur")
    for i in range(OLD):
        name = f"{folder}/{1000000000 + i}.old{i}.t:2,S"
        with open(name, "wb") as f:
            f.write(b"From: old@example.net\r\nSubject: old\r\nMessage-ID: <old%d@x>\r\n\r\nold\r\n" % i)
        os.utime(name, (1000000000 + i, 1000000000 + i))
    command("chown", "-R", f"{MAIL_USER}:{MAIL_USER}", folder)
    restart(imap=f'port = {w.imaps_port}; tls = "implicit"; password_file = "{w.dir}/imap.pw"; since = "2020-01-01T00:00:00Z";')
    one_more("after the old ones")
    start = time.monotonic()
    one_more("and another")
    print(f"# with {OLD} old messages the next was a case after {time.monotonic() - start:.1f} s")
    for i in range(0, OLD, 3):
        os.remove(f"{folder}/{1000000000 + i}.old{i}.t:2,S")
    one_more("though some were taken away")
    w.stop()
    w.start()
    one_more("after a restart")
    equal(w.folder_count("INBOX"), OLD - (OLD + 2) // 3)


@promise("init asks once whether messages that are there already are reports")
def _():
    conf = w.path("init/meldpunt.conf")
    key = w.write("sanne.asc", w.sanne.public_key().decode())
    argv = [BUILD + "/meldpunt", "-c", conf, "init", "--mailbox=m", "--prefix=M", "--address=security@example.org",
            "--policy-url=https://example.org", "--imap-host=localhost", f"--imap-port={w.imaps_port}",
            "--imap-user=security", f"--imap-password-file={w.dir}/imap.pw", f"--smtp-port={w.smtps_port}",
            f"--ca-file={w.dir}/tls/ca.pem", f"--state-dir={w.dir}/state-init", f"--user={DAEMON_USER}",
            f"--staff=Sanne <sanne@example.org> {key}"]
    done = command(*argv, check=False, text=True)
    equal(done.returncode, 78)
    contains(done.stderr, "--start=all")
    assert not os.path.exists(conf)
    command(*argv, "--start=now")
    with open(conf) as f:
        since = re.search(r'since = "(.*?)"', f.read()).group(1)
    newest = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(1000000000 + max(i for i in range(OLD) if i % 3)))
    equal(since, newest)
    w.stop()
    for name in os.listdir(w.path("mail/security/cur")):
        os.remove(w.path("mail/security/cur", name))
    restart()


@promise("with two daemons on one mailbox the second stands by, and takes over when the first dies")
def _():
    first = w.daemon
    other = w.dir + "/other.conf"
    with open(w.conf_path) as f:
        text = f.read()
    with open(other, "w") as f:  # the same database, as on another host
        f.write(text.replace('database = "embedded"',
                             f'database = "host={w.state}/socket dbname=postgres"').replace(
                                 "workers = 2", "workers = 1"))
    second = w.start("--only=fetcher,sender", conf=other)
    wait_for(lambda: "standing by" in w.log(), 10, "standby")
    one_more("with two")
    fetchers = w.processes("fetcher")
    for pid in fetchers:
        with open(f"/proc/{pid}/stat") as f:
            if int(f.read().rsplit(")", 1)[1].split()[1]) == first.pid:
                os.kill(pid, 9)
    one_more("after the kill")
    second.terminate()
    second.wait(30)


@promise("no word of any of them is in a log")
def _():
    w.stop()
    w.check_log("stays too", "polled", "flagged", "bob@")


run()
