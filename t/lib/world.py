"""A private mail world in a scratch directory: Dovecot and Postfix on
loopback with their own CA, PostgreSQL, a GnuPG home per person, and the
daemon under test.  Used by the integration tests and by contrib/try.

Everything that is started is ended by pid; a failing test keeps its scratch
directory.  Needs root: the mail servers start as root, the daemon leaves it.
"""
import atexit
import base64
import contextlib
import email
import email.policy
import imaplib
import json
import os
import pwd
import re
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import uuid

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("MELDPUNT_BUILD", TOP)
KEYS = os.path.join(TOP, "t", "corpus", "keys")
DAEMON_USER = "nobody"
MAIL_USER = "mail"
PEOPLE = {"security": "security@example.org", "sanne": "sanne@example.org",
          "joris": "joris@example.org", "alice": "alice@example.net",
          "bob": "bob@example.com", "nightowl": "nightowl@example.com"}
PG_BIN = sorted((os.path.join("/usr/lib/postgresql", d, "bin") for d in
                 os.listdir("/usr/lib/postgresql")), key=lambda p: int(p.split("/")[4]))[-1]


def wait_for(look, seconds=20, what="something"):
    """Waits until look() is true and gives its answer; fails loudly."""
    end = time.monotonic() + seconds
    while True:
        answer = look()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"no {what} within {seconds} s")
        time.sleep(0.02)


def run(*argv, **more):
    more.setdefault("check", True)
    more.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run(argv, capture_output=True, **more)


def free_ports(n):
    socks = [socket.socket() for _ in range(n)]
    for s in socks:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in socks]
    for s in socks:
        s.close()
    return ports


worlds = []


class Person:
    """Somebody with a GnuPG home and a mailbox in the world."""

    def __init__(self, world, name, address, key="corpus"):
        self.world, self.name, self.address = world, name, address
        self.home = os.path.join(world.dir, "people", name)
        os.makedirs(self.home, mode=0o700)
        self.fpr = None
        if key == "corpus":
            self.fpr = self.read_key(name + ".sec.asc")
        elif key == "new":
            self.fpr = self.make_key()
        atexit.register(self.end_agent)

    def gpg(self, *args, data=b"", check=True):
        return subprocess.run(("gpg", "--homedir", self.home, "--batch", "--quiet",
                               "--trust-model", "always", "--no-auto-key-locate") + args,
                              input=data, capture_output=True, check=check)

    def read_key(self, file):
        out = self.gpg("--status-fd", "1", "--import", os.path.join(KEYS, file)).stdout
        return re.search(rb"IMPORT_OK \d+ ([0-9A-F]{40})", out).group(1).decode()

    def make_key(self, kind="future-default"):
        batch = ["--status-fd", "1", "--passphrase", "", "--pinentry-mode", "loopback"]
        who = f"{self.name.title()} <{self.address}>"
        out = self.gpg(*batch, "--quick-generate-key", who, kind, "default" if "-" in kind else "sign", "1y").stdout
        fpr = re.search(rb"KEY_CREATED \S ([0-9A-F]{40})", out).group(1).decode()
        if "-" not in kind:
            self.gpg(*batch, "--quick-add-key", fpr, kind, "encr", "1y")
        return fpr

    def public_key(self, armor=True):
        return self.gpg(*(["--armor"] if armor else []), "--export-options", "export-minimal",
                        "--export", self.fpr).stdout

    def end_agent(self):
        run("gpgconf", "--homedir", self.home, "--kill", "all", check=False)

    # what is in this person's mailbox
    def mails(self):
        folder = os.path.join(self.world.dir, "mail", self.name, "new")
        found = []

        def arrival(name):  # seconds.MmicrosecondsP...
            return [int(n) for n in re.findall(r"\d+", name)[:2]]

        for f in sorted(os.listdir(folder), key=arrival) if os.path.isdir(folder) else []:
            with open(os.path.join(folder, f), "rb") as stream:
                found.append(stream.read())
        return found

    def wait_for_mails(self, n, seconds=20):
        return wait_for(lambda: (m := self.mails()) and len(m) >= n and m, seconds,
                        f"{n} mails for {self.name} (has {len(self.mails())})")

    # a mail as this person reads it: (protected header, text, parts)
    def open(self, raw):
        outer = email.message_from_bytes(raw, policy=email.policy.default)
        inside = raw
        status = b""
        if outer.get_content_type() == "multipart/encrypted":
            armor = outer.get_payload(1).get_payload(decode=True)
            done = self.gpg("--status-fd", "2", "--decrypt", data=armor)
            inside, status = done.stdout, done.stderr
        inner = email.message_from_bytes(inside, policy=email.policy.default)
        body = inner.get_body(("plain",))
        return Opened(outer, inner, body.get_content() if body else "", status.decode())


class Opened:
    def __init__(self, outer, inner, text, status):
        self.outer, self.inner, self.text, self.status = outer, inner, text, status
        self.good_signature = "GOODSIG" in status

    @property
    def encrypted(self):
        return self.outer.get_content_type() == "multipart/encrypted"


class World:
    def __init__(self, database="embedded", people=tuple(PEOPLE), configure=True, **options):
        self.dir = tempfile.mkdtemp(prefix="meldpunt-t-")
        os.chmod(self.dir, 0o755)
        self.options = options
        self.database = database
        self.daemon = None
        self.pids = []
        self.log_path = os.path.join(self.dir, "daemon.log")
        self.state = os.path.join(self.dir, "state")
        self.conf_path = os.path.join(self.dir, "meldpunt.conf")
        self.keep = False
        self.expected_warnings = []
        worlds.append(self)
        atexit.register(self.end)
        (self.imap_port, self.imaps_port, self.smtp_port, self.submission_port,
         self.smtps_port, self.pg_port) = free_ports(6)
        self.make_ca()
        self.start_dovecot()
        self.start_postfix()
        self.people = {}
        for name in people:
            self.people[name] = Person(self, name, PEOPLE[name], "corpus" if configure else "new")
        if database == "server":
            self.start_postgres()
        if configure:
            self.make_state()
            self.write_conf()
        for port in (self.imaps_port, self.smtp_port, self.smtps_port):
            wait_for(lambda: self.is_open(port), 10, f"server on port {port}")

    def __getattr__(self, name):
        people = self.__dict__.get("people", {})
        if name in people:
            return people[name]
        raise AttributeError(name)

    @staticmethod
    def is_open(port):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        return False

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def write(self, name, text, mode=0o644, user=None):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, mode)
        if user:
            entry = pwd.getpwnam(user)
            os.chown(path, entry.pw_uid, entry.pw_gid)
        return path

    # -- servers ---------------------------------------------------------
    def make_ca(self, name="localhost"):
        d = self.path("tls")
        os.makedirs(d, exist_ok=True)
        ext = self.write("tls/ext", "subjectAltName=DNS:localhost\n"
                         "basicConstraints=CA:false\nextendedKeyUsage=serverAuth\n")
        ca = ["-subj", "/CN=test CA", "-addext", "basicConstraints=critical,CA:true"]
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-keyout", d + "/ca.key", "-out", d + "/ca.pem", "-days", "30", *ca)
        run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", d + "/mail.key", "-out", d + "/mail.csr", "-subj", "/CN=" + name)
        run("openssl", "x509", "-req", "-in", d + "/mail.csr", "-CA", d + "/ca.pem", "-CAkey",
            d + "/ca.key", "-CAcreateserial", "-out", d + "/mail.pem", "-days", "30",
            "-extfile", ext)

    def users(self):
        return list(PEOPLE) + ["bounces", "security2"]

    def start_dovecot(self):
        d = self.dir
        passwd = "".join(f"{u}:{{PLAIN}}pw-{u}\n" for u in self.users())
        self.write("passwd", passwd)
        for u in self.users():
            for sub in ("", "/new", "/cur", "/tmp"):
                os.makedirs(f"{d}/mail/{u}{sub}", exist_ok=True)
        run("chown", "-R", f"{MAIL_USER}:{MAIL_USER}", d + "/mail")
        extra = self.options.get("dovecot", "")
        self.write("dovecot.conf", f"""
base_dir = {d}/run/dovecot
state_dir = {d}/run/dovecot-state
log_path = {d}/dovecot.log
instance_name = t-{self.imap_port}
protocols = imap lmtp
listen = 127.0.0.1
default_internal_user = dovecot
default_login_user = dovenull
first_valid_uid = 1
mail_uid = {MAIL_USER}
mail_gid = {MAIL_USER}
mail_location = maildir:{d}/mail/%n
mail_fsync = never
mailbox_idle_check_interval = 1 secs
ssl = yes
ssl_cert = <{d}/tls/mail.pem
ssl_key = <{d}/tls/mail.key
ssl_dh =
disable_plaintext_auth = no
auth_mechanisms = plain login xoauth2
auth_failure_delay = 0
mail_max_userip_connections = 100
recipient_delimiter = +
lda_mailbox_autocreate = yes
postmaster_address = postmaster@example.org
hostname = localhost
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%n {d}/passwd
}}
userdb {{
  driver = static
  args = uid={MAIL_USER} gid={MAIL_USER} home={d}/mail/%n/home allow_all_users=no
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
service imap-login {{
  inet_listener imap {{
    address = 127.0.0.1
    port = {self.imap_port}
  }}
  inet_listener imaps {{
    address = 127.0.0.1
    port = {self.imaps_port}
    ssl = yes
  }}
  process_min_avail = 1
  service_count = 0
}}
service lmtp {{
  unix_listener {d}/run/lmtp {{
    mode = 0666
  }}
}}
service auth {{
  unix_listener {d}/run/sasl {{
    mode = 0666
  }}
}}
{extra}
""")
        os.makedirs(d + "/run/dovecot", exist_ok=True)
        os.makedirs(d + "/run/dovecot-state", exist_ok=True)
        self.dovecot_up()

    def dovecot_up(self):
        subprocess.run(["dovecot", "-c", self.path("dovecot.conf")], check=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)

    def dovecot_down(self):
        self.kill_pidfile("run/dovecot/master.pid", signal.SIGTERM)

    def kill_pidfile(self, name, number):
        with contextlib.suppress(OSError, ValueError):
            with open(self.path(name)) as f:
                pid = int(f.readline())
            os.kill(pid, number)
            wait_for(lambda: not os.path.exists(f"/proc/{pid}"), 10, f"end of {name}")

    def start_postfix(self):
        d = self.path("pf")
        for sub in ("etc", "spool", "data"):
            os.makedirs(f"{d}/{sub}", exist_ok=True)
        shutil.chown(d + "/data", "postfix")
        boxes = " ".join(f"{a}={u}" for u, a in PEOPLE.items())
        boxes += " bounces@reporter.test=x security2@example.com=x"
        self.write("pf/etc/main.cf", f"""
compatibility_level = 3.6
queue_directory = {d}/spool
data_directory = {d}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
multi_instance_enable = no
shlib_directory = /usr/lib/postfix
meta_directory = /etc/postfix
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = localhost
mydestination =
local_recipient_maps =
local_transport = error:5.1.1 no local mail
default_transport = error:5.7.1 this world has no outside
virtual_mailbox_domains = example.org example.net example.com reporter.test
virtual_mailbox_maps = inline:{{ {boxes} }}
virtual_transport = lmtp:unix:{self.dir}/run/lmtp
lmtp_destination_concurrency_limit = 4
mynetworks = 127.0.0.0/8
alias_maps =
alias_database =
smtpd_relay_restrictions = permit_sasl_authenticated, permit_mynetworks, reject
smtpd_recipient_restrictions = check_recipient_access inline:{{ {{tempfail@reporter.test = 450 4.2.1 try again later}} {{reject@reporter.test = 550 5.7.1 go away}} }} reject_unlisted_recipient
smtpd_sasl_type = dovecot
smtpd_sasl_path = {self.dir}/run/sasl
smtpd_tls_cert_file = {self.dir}/tls/mail.pem
smtpd_tls_key_file = {self.dir}/tls/mail.key
smtpd_tls_security_level = may
smtpd_tls_auth_only = yes
message_size_limit = {self.options.get("smtp_size", 104857600)}
mailbox_size_limit = 0
virtual_mailbox_limit = 0
recipient_delimiter = +
maillog_file = {self.dir}/postfix.log
maillog_file_prefixes = {self.dir}
smtpd_client_connection_rate_limit = 0
smtpd_client_connection_count_limit = 0
smtpd_error_sleep_time = 0
in_flow_delay = 0
""")
        services = "".join(f"{name} unix {rest}\n" for name, rest in (
            ("pickup", "n - n 60 1 pickup"), ("cleanup", "n - n - 0 cleanup"),
            ("qmgr", "n - n 300 1 qmgr"), ("tlsmgr", "- - n 1000? 1 tlsmgr"),
            ("rewrite", "- - n - - trivial-rewrite"), ("bounce", "- - n - 0 bounce"),
            ("defer", "- - n - 0 bounce"), ("trace", "- - n - 0 bounce"),
            ("proxymap", "- - n - - proxymap"), ("smtp", "- - n - - smtp"),
            ("lmtp", "- - n - - lmtp"), ("error", "- - n - - error"),
            ("retry", "- - n - - error"), ("anvil", "- - n - 1 anvil"),
            ("scache", "- - n - 1 scache"), ("verify", "- - n - 1 verify"),
            ("flush", "n - n 1000? 0 flush")))
        auth = "-o smtpd_sasl_auth_enable=yes -o smtpd_relay_restrictions=permit_sasl_authenticated,reject"
        self.write("pf/etc/master.cf", f"""
127.0.0.1:{self.smtp_port} inet n - n - - smtpd
127.0.0.1:{self.submission_port} inet n - n - - smtpd {auth} -o smtpd_tls_security_level=encrypt
127.0.0.1:{self.smtps_port} inet n - n - - smtpd {auth} -o smtpd_tls_wrappermode=yes
{services}postlog unix-dgram n - n - 1 postlogd
""")
        old = time.time() - 60  # Postfix waits while its files are young
        for f in ("main.cf", "master.cf"):
            os.utime(f"{d}/etc/{f}", (old, old))
        for sub, mode in (("active", 0o700), ("bounce", 0o700), ("corrupt", 0o700), ("defer", 0o700),
                          ("deferred", 0o700), ("flush", 0o700), ("hold", 0o700),
                          ("incoming", 0o700), ("private", 0o700), ("saved", 0o700),
                          ("trace", 0o700)):
            os.makedirs(f"{d}/spool/{sub}", mode=mode, exist_ok=True)
            shutil.chown(f"{d}/spool/{sub}", "postfix")
        for sub, mode in (("maildrop", 0o730), ("public", 0o710)):
            os.makedirs(f"{d}/spool/{sub}", exist_ok=True)
            shutil.chown(f"{d}/spool/{sub}", "postfix", "postdrop")
            os.chmod(f"{d}/spool/{sub}", mode)
        os.makedirs(f"{d}/spool/pid", exist_ok=True)
        self.postfix_up()

    def postfix_up(self):
        subprocess.run(["/usr/lib/postfix/sbin/master", "-c", self.path("pf/etc"), "-w"],
                       check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)

    def postfix_down(self):
        self.kill_pidfile("pf/spool/pid/master.pid", signal.SIGTERM)

    def start_postgres(self):
        d = self.path("pg")
        os.makedirs(d)
        shutil.chown(d, "postgres")
        as_pg = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
        run(*as_pg, PG_BIN + "/initdb", "-D", d + "/data", "-A", "trust", "-U", "postgres",
            "--no-sync", "-E", "UTF8", "--locale=C.UTF-8", cwd="/")
        self.postgres_up()

    def postgres_up(self):
        d = self.path("pg")
        log = open(d + ".log", "ab")
        more = [f"{k}={v}" for k, v in self.options.get("pg_env", {}).items()]
        proc = subprocess.Popen(["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "env", *more,
                                 PG_BIN + "/postgres", "-D", d + "/data", "-k", d, "-p",
                                 str(self.pg_port), "-c", "listen_addresses=127.0.0.1",
                                 "-c", "max_connections=60"],
                                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/")
        self.pg = proc
        wait_for(lambda: run("psql", "-h", d, "-p", str(self.pg_port), "-U", "postgres", "-c",
                             "select 1", check=False).returncode == 0, 20, "PostgreSQL")
        os.chmod(d, 0o755)

    def postgres_down(self, number=signal.SIGINT):
        self.pg.send_signal(number)
        self.pg.wait(30)

    # -- the daemon ------------------------------------------------------
    def make_state(self):
        entry = pwd.getpwnam(DAEMON_USER)
        home = self.state + "/gnupg"
        os.makedirs(home, mode=0o700)
        keeper = Person.__new__(Person)
        keeper.home, keeper.world = home, self
        kind = self.options.get("mailbox_key")
        if kind:
            box = self.people["security"]
            box.fpr = box.make_key(kind)
            keeper.gpg("--import", data=box.gpg("--export-secret-keys", box.fpr).stdout)
        for f in ("sanne.pub.asc", "joris.pub.asc") if kind else ("security.sec.asc", "sanne.pub.asc", "joris.pub.asc"):
            keeper.read_key(f)
        keeper.end_agent()
        run("chown", "-R", f"{entry.pw_uid}:{entry.pw_gid}", self.state)
        os.chmod(self.state, 0o700)

    @property
    def conninfo(self):
        if self.database == "server":
            return f"host=127.0.0.1 port={self.pg_port} dbname=postgres"
        return self.database

    def write_conf(self, **change):
        o = dict(self.options, **change)
        self.write("imap.pw", "pw-security\n", 0o600)
        imap = o.get("imap", f'port = {self.imaps_port}; tls = "implicit"; password_file = "{self.dir}/imap.pw";')
        smtp = o.get("smtp", f'port = {self.smtps_port}; tls = "implicit"; password_file = "{self.dir}/imap.pw";')
        keys = self.people
        extra = o.get("conf", "")
        limits = o.get("limits", "acks_per_sender = 0; acks_in_total = 0;")
        if "MELDPUNT_SANITIZERS" in os.environ:  # they cost some six times the processor time
            limits += ' reader_cpu = "30s";'
        staff = "".join(f""" {{ name = "{n.title()}"; address = "{PEOPLE[n]}"; key = "{keys[n].fpr}"; roles = [ {r} ]; }},"""
                        for n, r in (("sanne", '"handler", "lead"'), ("joris", '"handler"')) if n in keys)
        self.write("meldpunt.conf", f"""
database = "{self.conninfo}";
state_dir = "{self.state}";
user = "{DAEMON_USER}";
workers = {o.get("workers", 2)};
mailboxes = ( {{
  name = "vgz"; prefix = "VGZ"; address = "security@example.org";
  display_name = "Example Security Team";
  policy_url = "https://example.org/security-policy";
  key = "{keys["security"].fpr}";
  imap = {{ host = "{o.get("host", "localhost")}"; ca_file = "{self.dir}/tls/ca.pem"; user = "security"; {imap} }};
  smtp = {{ host = "localhost"; ca_file = "{self.dir}/tls/ca.pem"; user = "security"; {smtp} }};
}} );
staff = ( {staff.rstrip(",")}{o.get("staff", "")} );
limits = {{ {limits} }};
{extra}
""")

    def start(self, *args, conf=None, wait=True):
        log = open(self.log_path, "ab")
        at = os.path.getsize(self.log_path)
        proc = subprocess.Popen([BUILD + "/meldpuntd", "-c", conf or self.conf_path, *args],
                                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/")
        # what has ended is no longer ours: its pid may be another's
        self.pids = [p for p in self.pids if p.poll() is None] + [proc]
        self.daemon = proc
        if wait:
            wait_for(lambda: ": ready" in self.log()[at:] or proc.poll() is not None, 60,
                     "ready daemon")
            assert proc.poll() is None, "the daemon ended: " + self.log()[at:]
        return proc

    def stop(self, number=signal.SIGTERM, seconds=30):
        if self.daemon:
            if self.daemon.poll() is None:
                self.daemon.send_signal(number)
            self.daemon.wait(seconds)
            self.daemon = None

    def once(self, *args, check=True):
        log = open(self.log_path, "ab")
        done = subprocess.run([BUILD + "/meldpuntd", "-c", self.conf_path, "--once", *args],
                              stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/")
        if check:
            assert done.returncode == 0, f"--once ended with {done.returncode}: {self.log()[-2000:]}"
        return done.returncode

    def log(self):
        with contextlib.suppress(OSError), open(self.log_path, errors="replace") as f:
            return f.read()
        return ""

    def meldpunt(self, *args, check=True, data=None):
        return subprocess.run([BUILD + "/meldpunt", "-c", self.conf_path, *args], cwd="/",
                              input=data, capture_output=True, check=check)

    def json(self, *args):
        return json.loads(self.meldpunt(*args, "--json").stdout)

    def cases(self):
        return self.json("cases")

    def case(self, number, *args):
        return self.json("show", number, *args)

    def sql(self, text):
        if self.database == "server":
            login = ["-h", self.path("pg"), "-p", str(self.pg_port), "-U", "postgres"]
            env = dict(os.environ)
        else:
            with open(self.state + "/database.passwords") as f:
                password = re.search(r"^admin (\S+)", f.read(), re.M).group(1)
            login = ["-h", self.state + "/socket", "-U", "meldpunt_admin"]
            env = dict(os.environ, PGPASSWORD=password)
        done = subprocess.run(["psql", *login, "-d", "postgres", "-qAtX", "-v", "ON_ERROR_STOP=1",
                               "-c", text], env=dict(env, PGOPTIONS="-c search_path=meldpunt"), capture_output=True, cwd="/")
        if done.returncode:
            raise AssertionError(done.stderr.decode())
        return done.stdout.decode().strip()

    def processes(self, role=None):
        """pids of the daemon's processes, by role"""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                with open(f"/proc/{pid}/cmdline", "rb") as f:
                    argv = f.read().split(b"\0")
                with open(f"/proc/{pid}/stat") as f:
                    parent = int(f.read().rsplit(")", 1)[1].split()[1])
                if os.path.basename(argv[0]) != b"meldpuntd":
                    continue
                name = argv[1].decode() if len(argv) > 2 and argv[1] in (
                    b"fetcher", b"worker", b"sender", b"reader") else "supervisor"
                if self.ours(int(pid), parent) and role in (None, name):
                    found.append(int(pid))
        return found

    def ours(self, pid, parent):
        while pid > 1:
            if any(p.pid == pid for p in self.pids):
                return True
            with contextlib.suppress(OSError):
                with open(f"/proc/{pid}/stat") as f:
                    pid = int(f.read().rsplit(")", 1)[1].split()[1])
                continue
            return False
        return False

    def check_log(self, *secrets):
        """No word of a report in any log, no warning that nobody expected."""
        for name in ("daemon.log", "pg.log"):
            path = self.path(name)
            if not os.path.exists(path):
                continue
            with open(path, errors="replace") as f:
                text = f.read()
            for secret in secrets:
                assert secret not in text, f"{name} holds {secret!r}"
        for line in self.log().splitlines():
            if ("warning" in line or "error" in line.lower()) and \
                    not any(re.search(w, line) for w in self.expected_warnings):
                raise AssertionError("unexpected in the log: " + line)

    # -- mail ------------------------------------------------------------
    def deliver(self, raw, sender="someone@example.net", to="security@example.org"):
        """As another mail server would: over SMTP."""
        with smtplib.SMTP("127.0.0.1", self.smtp_port) as s:
            s.sendmail(sender, [to], raw)

    def drop(self, raw, user="security", folder=""):
        """Straight into the maildir: for many, or for what SMTP would change."""
        base = self.path("mail", user) + (f"/.{folder}" if folder else "")
        name = f"{time.time():.6f}.{uuid.uuid4().hex}.t"
        entry = pwd.getpwnam(MAIL_USER)
        with open(f"{base}/tmp/{name}", "wb") as f:
            f.write(raw)
        os.chown(f"{base}/tmp/{name}", entry.pw_uid, entry.pw_gid)
        os.rename(f"{base}/tmp/{name}", f"{base}/new/{name}")

    def imap(self, user="security"):
        context = ssl.create_default_context(cafile=self.path("tls/ca.pem"))
        box = imaplib.IMAP4_SSL("localhost", self.imaps_port, ssl_context=context)
        box.login(user, "pw-" + user)
        return box

    def folder_count(self, folder, user="security"):
        box = self.imap(user)
        kind, data = box.select(f'"{folder}"', readonly=True)
        box.logout()
        return int(data[0]) if kind == "OK" else None

    def report(self, person="alice", text="Hello, there is a hole.", subject="A hole",
               attach_key=True, sign=True, encrypt=True, extra=(), outer=None, message_id=None,
               headers=()):
        """A report as a mail client would build it (RFC 3156)."""
        p = self.people[person]
        inner = self.entity(text, subject, p if attach_key else None, extra)
        mid = message_id or f"<{uuid.uuid4()}@{p.address.split('@')[1]}>"
        head = [f"From: {person.title()} <{p.address}>", "To: security@example.org",
                f"Subject: {outer if outer is not None else '...' if encrypt else subject}",
                f"Message-ID: {mid}", f"Date: {email.utils.formatdate()}", *headers,
                "MIME-Version: 1.0"]
        if not encrypt:
            return "\r\n".join(head).encode() + b"\r\n" + inner
        args = ["--armor", "--encrypt", "--recipient", self.security_fpr()]
        if sign:
            args = ["--sign", *args]
        armor = p.gpg(*args, data=inner).stdout
        return encrypted_message(head, armor)

    def answer(self, person, raw, text, quote=True, **more):
        """An answer to a mail of ours, as that person's client would send it."""
        mail = self.people[person].open(raw)
        mid = mail.outer["Message-ID"]
        subject = more.pop("subject", "Re: " + str(mail.inner["Subject"] or mail.outer["Subject"]))
        if quote:
            text += "\n\nOn Monday, Security wrote:\n" + "".join(
                "> " + line + "\n" for line in mail.text.splitlines())
        more.setdefault("attach_key", False)
        more.setdefault("headers", [f"In-Reply-To: {mid}", f"References: {mid}"])
        return self.report(person, text, subject, **more)

    def new_case(self, person="alice", **more):
        """A report's number, and its acknowledgment's and its notice's raw mail."""
        who = self.people[person]
        mid = f"<{uuid.uuid4()}@example.net>"
        self.deliver(self.report(person, message_id=mid, **more), who.address)

        def found(somebody, header, words):
            """The first mail that says so; others may come in between."""
            for raw in somebody.mails():
                if words in str(email.message_from_bytes(raw)[header]):
                    return raw

        ack = wait_for(lambda: found(who, "In-Reply-To", mid), what="the acknowledgment")
        number = str(email.message_from_bytes(ack)["Subject"]).split("]")[0][1:]
        return number, ack, wait_for(lambda: found(self.sanne, "Subject", number), what="the notice")

    def security_fpr(self):
        if "security" not in self.people:
            return self.mailbox_fpr
        fpr = self.people["security"].fpr
        for p in self.people.values():
            if not getattr(p, "knows_us", False):
                p.gpg("--import", data=self.people["security"].public_key())
                p.knows_us = True
        return fpr

    def entity(self, text, subject, key_of, extra):
        b = "=-" + uuid.uuid4().hex
        head = f'Content-Type: multipart/mixed; boundary="{b}"; protected-headers="v1"\r\n'
        head += f"Subject: {email.header.Header(subject, 'utf-8').encode()}\r\n\r\n"
        part = f"--{b}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        out = head.encode() + part.encode() + text.replace("\n", "\r\n").encode() + b"\r\n"
        if key_of:
            out += (f"--{b}\r\nContent-Type: application/pgp-keys; name=key.asc\r\n"
                    "Content-Disposition: attachment; filename=key.asc\r\n\r\n").encode()
            out += key_of.public_key().replace(b"\n", b"\r\n")
        for name, kind, data in extra:
            out += (f"--{b}\r\nContent-Type: {kind}; name=\"{name}\"\r\nContent-Disposition: attachment; "
                    f"filename=\"{name}\"\r\nContent-Transfer-Encoding: base64\r\n\r\n").encode()
            out += base64.encodebytes(data).replace(b"\n", b"\r\n")
        return out + f"--{b}--\r\n".encode()

    # -- the end ---------------------------------------------------------
    def end(self):
        if self.__dict__.get("ended"):
            return
        self.ended = True
        for proc in self.pids:
            if proc.poll() is None:
                proc.terminate()
        for proc in self.pids:
            with contextlib.suppress(subprocess.TimeoutExpired):
                proc.wait(30)
            if proc.poll() is None:
                proc.kill()
        self.dovecot_down()
        self.postfix_down()
        if self.__dict__.get("pg") and self.pg.poll() is None:
            self.pg.send_signal(signal.SIGQUIT)
            self.pg.wait(30)
        for person in self.__dict__.get("people", {}).values():
            person.end_agent()
        if not self.keep:
            shutil.rmtree(self.dir, ignore_errors=True)


def encrypted_message(head, armor):
    b = "=-" + uuid.uuid4().hex
    text = "\r\n".join(head) + "\r\n" + f"""Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary="{b}"

--{b}
Content-Type: application/pgp-encrypted

Version: 1

--{b}
Content-Type: application/octet-stream; name="encrypted.asc"

""".replace("\n", "\r\n")
    return text.encode() + armor.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") + f"\r\n--{b}--\r\n".encode()
