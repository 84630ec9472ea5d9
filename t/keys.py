#!/usr/bin/env python3
"""Keys are listed, published and renewed, and no report is lost over it."""
import os
import re
import signal
import sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from tap import contains, equal, promise, run
from world import DAEMON_USER, World, run as command, wait_for

w = World()
w.expected_warnings = ["nothing fills", "pubring.kbx: ", "ended by signal"]
w.start()
OLD = w.security_fpr()


@promise("the list says whose they are, until when, and whether they can be used")
def _():
    found = {k["owner"]: k for k in w.json("keys")}
    equal(set(found), {"security@example.org", "sanne@example.org", "joris@example.org"})
    box = found["security@example.org"]
    equal((box["use"], box["fingerprint"], box["state"]), ("mailbox", OLD, "good"))
    contains(w.meldpunt("keys").stdout.decode(), OLD)
    equal(w.meldpunt("keys", "lsit", check=False).returncode, 64)


@promise("the exported key is the public one alone")
def _():
    key = w.meldpunt("keys", "export").stdout
    contains(w.bob.gpg("--show-keys", "--with-colons", data=key).stdout.decode(), OLD)
    assert b"PRIVATE" not in key
    done = w.meldpunt("keys", "export", "nosuch", check=False)
    equal(done.returncode, 78)
    contains(done.stderr.decode(), "nosuch")


@promise("the Web Key Directory has the file that gpg asks for")
def _():
    folder = w.path("www")
    text = w.meldpunt("keys", "wkd", f"--directory={folder}").stdout.decode()
    asked = w.bob.gpg("--with-wkd-hash", "--list-keys", OLD).stdout.decode()
    name = re.search(r"([a-z0-9]{32})@example.org", asked).group(1)
    contains(text, name)
    for tree in ("", "example.org/"):
        base = f"{folder}/.well-known/openpgpkey/{tree}"
        assert os.path.exists(base + "policy")
        with open(base + "hu/" + name, "rb") as f:
            contains(w.bob.gpg("--show-keys", "--with-colons", data=f.read()).stdout.decode(), OLD)


@promise("security.txt has what RFC 9116 asks for, and is signed")
def _():
    text = w.meldpunt("keys", "security-txt", "--canonical=https://example.org/.well-known/security.txt").stdout
    plain = w.bob.gpg("--status-fd", "2", "--decrypt", data=text)
    contains(plain.stderr.decode(), "VALIDSIG " + OLD)
    for line in ("Contact: mailto:security@example.org", "Expires: 20", f"Encryption: openpgp4fpr:{OLD}",
                 "Policy: https://", "Canonical: https://", "Preferred-Languages: nl, en"):
        contains(plain.stdout.decode(), line)


@promise("a renewed key is certified by the old one, signs from the reload on, and the old one still reads")
def _():
    text = w.meldpunt("keys", "rotate").stdout.decode()
    new = re.search(r'key = "([0-9A-F]{40})"', text).group(1)
    with open(w.conf_path) as f:
        conf = f.read()
    w.write("meldpunt.conf", conf.replace(OLD, new))
    w.daemon.send_signal(signal.SIGHUP)
    wait_for(lambda: "configuration reloaded" in w.log(), what="the reload")
    exported = w.meldpunt("keys", "export").stdout
    contains(exported.decode(), "BEGIN PGP PUBLIC KEY")
    w.alice.gpg("--import", data=exported)
    certified = w.alice.gpg("--list-sigs", "--with-colons", new).stdout.decode()
    assert OLD[-16:] in certified, certified
    before = len(w.alice.mails())
    w.deliver(w.report("alice", "hole after the change, to the old key"), "alice@example.net")
    mail = w.alice.open(w.alice.wait_for_mails(before + 1)[-1])
    assert mail.good_signature
    contains(mail.status, new)
    contains(w.case(w.cases()[0]["number"])["description"], "hole after")


@promise("a mailbox's own templates are used, and a faulty one is named and costs no letter")
def _():
    folder = w.path("templates")
    for language in ("nl", "en"):
        os.makedirs(f"{folder}/{language}")
        w.write(f"templates/{language}/status.txt", "Our own words\n\nAbout ${number}: ${what}.\n")
        w.write(f"templates/{language}/acknowledgment.txt", "Faulty\n\n${nosuch}\n")
    with open(w.conf_path) as f:
        w.write("meldpunt.conf", f.read().replace("  policy_url", f'  templates = "{folder}"; policy_url'))
    done = w.meldpunt("check", check=False)
    contains((done.stdout + done.stderr).decode(), "acknowledgment.txt: nothing fills ${nosuch}")
    before = w.log().count("configuration reloaded")
    w.daemon.send_signal(signal.SIGHUP)
    wait_for(lambda: w.log().count("configuration reloaded") > before, what="the reload")
    n = len(w.alice.mails())
    w.deliver(w.report("alice", "hole with other words"), "alice@example.net")
    ack = w.alice.wait_for_mails(n + 1)[-1]
    assert "Faulty" not in str(w.alice.open(ack).inner["Subject"])
    w.deliver(w.answer("alice", ack, "status"), "alice@example.net")
    mail = w.alice.open(w.alice.wait_for_mails(n + 2)[-1])
    contains(str(mail.inner["Subject"]), "Our own words")
    contains(mail.text, "About VGZ-")


@promise("a key with a passphrase works with the passphrase from a credential, also after its agent has died")
def _():
    w.stop()
    keys = [k["fingerprint"] for k in w.json("keys") if k["owner"] == "security@example.org"]
    for key in keys:
        command("setpriv", "--reuid", DAEMON_USER, "--clear-groups", "gpg", "--homedir", w.state + "/gnupg", "--batch",
                "--pinentry-mode", "loopback", "--passphrase", "correct horse", "--change-passphrase", key, cwd="/")
    command("gpgconf", "--homedir", w.state + "/gnupg", "--kill", "gpg-agent")
    os.makedirs(w.path("credentials"))
    w.write("credentials/vgz.passphrase", "correct horse\n", 0o600)
    os.environ["CREDENTIALS_DIRECTORY"] = w.path("credentials")
    with open(w.conf_path) as f:
        w.write("meldpunt.conf", f.read().replace(" policy_url", ' passphrase_file = "vgz.passphrase"; policy_url'))
    w.start()
    doctor = w.meldpunt("doctor", "--no-canary", check=False).stdout.decode()
    contains(doctor, "signs, encrypts and decrypts")
    contains(doctor, "warn  passphrase: ")
    n = len(w.alice.mails())
    w.deliver(w.report("alice", "hole behind a passphrase"), "alice@example.net")
    assert w.alice.open(w.alice.wait_for_mails(n + 1)[-1]).encrypted
    os.kill(int(command("pgrep", "-f", f"gpg-agent --homedir {w.state}/gnupg --supervised").stdout.split()[0]), signal.SIGKILL)
    w.deliver(w.report("alice", "hole behind a passphrase again"), "alice@example.net")
    assert w.alice.open(w.alice.wait_for_mails(n + 2)[-1]).encrypted


@promise("a keyring that is away for a moment, or that nobody may read, ends no daemon and holds up no report")
def _():
    ring = w.state + "/gnupg/pubring.kbx"
    n = len(w.alice.mails())
    os.rename(ring, ring + ".away")
    for pid in w.processes("worker"):
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: "pubring.kbx: No such file" in w.log(), what="a worker without keys")
    os.rename(ring + ".away", ring)
    w.deliver(w.report("alice", "hole after a pause"), "alice@example.net")
    w.alice.wait_for_mails(n + 1)
    before = os.stat(ring)
    os.chown(ring, 0, 0)
    os.chmod(ring, 0o600)
    os.utime(ring)
    w.deliver(w.report("alice", "hole in a closed place"), "alice@example.net")
    w.alice.wait_for_mails(n + 2)
    os.chown(ring, before.st_uid, before.st_gid)
    equal(w.daemon.poll(), None)


@promise("no word of it is in any log")
def _():
    w.check_log("hole", "alice@")


run()
