"""The demonstration behind contrib/try: a report goes all the way, and each
side's view of it is shown.  Exit 0 only if each was really seen."""
import os
import subprocess
import sys
import time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "t", "lib"))
from world import BUILD, DAEMON_USER, World, email, encrypted_message, wait_for, worlds

KEEP = "--keep" in sys.argv[1:]
if set(sys.argv[1:]) - {"--keep"}:
    sys.exit("usage: contrib/try [--keep]")
REPORT = """Dear security team,

I found a stored cross-site scripting hole in the search page of your shop:

  https://shop.example.org/search?q=%3Csvg/onload=alert(1)%3E

Every visitor of a saved search runs the script. I tried it with my own account
only and stopped there. The server is 203.0.113.7.

CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N

Please tell me when you expect a fix. My key is attached.

Regards,
Alice
"""


def title(text):
    print(f"\n\033[1m== {text} ==\033[0m\n" if sys.stdout.isatty() else f"\n== {text} ==\n", flush=True)


def set_up():
    w = World(people=("sanne", "joris", "alice"), configure=False)
    w.write("imap.pw", "pw-security\n", 0o600)
    argv = [BUILD + "/meldpunt", "-c", w.conf_path, "init", "--mailbox=demo", "--prefix=CVD",
            "--address=security@example.org", "--display-name=Example Security Team",
            "--policy-url=https://example.org/responsible-disclosure", "--imap-host=localhost",
            f"--imap-port={w.imaps_port}", "--imap-user=security", f"--imap-password-file={w.dir}/imap.pw",
            f"--smtp-port={w.smtps_port}", f"--ca-file={w.dir}/tls/ca.pem", f"--state-dir={w.state}",
            f"--user={DAEMON_USER}"]
    for name in ("sanne", "joris"):
        key = w.path(name + ".asc")
        with open(key, "wb") as f:
            f.write(w.people[name].public_key())
        argv.append(f"--staff={name.title()} <{w.people[name].address}> {key}")
    done = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        sys.exit("meldpunt init failed: " + done.stderr)
    print(done.stdout, end="")
    return w


def send_report(w):
    """As a mail client would: encrypted to the mailbox, signed, key enclosed."""
    conf = w.meldpunt("config").stdout.decode()
    w.mailbox_fpr = conf.split('mailboxes.key = "')[1].split('"')[0]
    public = subprocess.run(["setpriv", "--reuid", DAEMON_USER, "gpg", "--homedir", w.state + "/gnupg", "--batch",
                             "--no-autostart", "--armor", "--export", w.mailbox_fpr], capture_output=True,
                            check=True, cwd="/").stdout
    for person in w.people.values():
        person.gpg("--import", data=public)
    w.deliver(w.report("alice", REPORT, "Stored XSS in the shop's search"), "alice@example.net")


def show_mail(mail):
    subject = mail.inner["Subject"] or mail.outer["Subject"]
    print(f"From:    {mail.outer['From']}\nSubject: {subject}   (in clear: {mail.outer['Subject']})")
    print(f"OpenPGP: {'encrypted' if mail.encrypted else 'NOT encrypted'}, "
          f"{'good signature' if mail.good_signature else 'NO good signature'}\n")
    print(mail.text.rstrip())


def look_around(w):
    title("Everything is left running")
    print(f"""scratch directory  {w.dir}
configuration      {w.conf_path}
log                {w.log_path}

{BUILD}/meldpunt -c {w.conf_path} cases
{BUILD}/meldpunt -c {w.conf_path} show {w.cases()[0]['number']} --identity
""")
    for name in ("alice", "sanne"):
        p = w.people[name]
        rc = w.write(f"{name}.muttrc", f"""set spoolfile = "{w.dir}/mail/{name}"
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
""")
        print(f"as the {'reporter' if name == 'alice' else 'staff'} {name}:  GNUPGHOME={p.home} mutt -n -F {rc}")
    pids = " ".join(str(pid) for pid in end_pids(w))
    print(f"\nto end it:  kill {pids}; rm -rf {w.dir}")


def end_pids(w):
    pids = [w.daemon.pid]
    for name in ("run/dovecot/master.pid", "pf/spool/pid/master.pid"):
        with open(w.path(name)) as f:
            pids.append(int(f.readline()))
    return pids


def main():
    start = time.monotonic()
    title("A mailbox, its key, two handlers and a database: meldpunt init")
    w = set_up()
    w.start()
    send_report(w)
    (acknowledgment,) = w.alice.wait_for_mails(1)
    (notice,) = w.sanne.wait_for_mails(1)
    w.joris.wait_for_mails(1)
    (case,) = w.cases()

    title(f"The case: meldpunt show {case['number']}")
    shown = w.meldpunt("show", case["number"]).stdout.decode()
    print(shown.rstrip())
    title("The acknowledgment, as the reporter reads it")
    ack = w.alice.open(acknowledgment)
    show_mail(ack)
    title("The notice, as staff read it")
    seen = w.sanne.open(notice)
    show_mail(seen)

    assert case["title"] == "Stored XSS in the shop's search" and "Every visitor" in case["description"], case
    assert case["messages"][0]["protection"] == "encrypted+signed", case
    assert ack.encrypted and ack.good_signature and case["number"] in ack.text and "Every visitor" not in ack.text
    assert seen.encrypted and seen.good_signature and "Every visitor" in seen.text
    print(f"\nAll of it was seen, {time.monotonic() - start:.1f} s after the start.")
    if KEEP:
        look_around(w)
        w.ended = True  # nothing is ended or removed
        sys.stdout.flush()
        os._exit(0)
    w.end()


try:
    main()
except (AssertionError, subprocess.CalledProcessError) as e:
    for world in worlds:
        world.keep = True
        print(f"kept for a look: {world.dir}", file=sys.stderr)
    sys.exit(f"contrib/try: not everything was seen: {e}")
