#!/usr/bin/env python3
"""The Debian package under a real systemd, in namespaces of its own: install, configure,
start, reload, credentials, watchdog, kill, upgrade, remove, purge.

Not part of check: it needs a kernel with overlay and cgroup2, and root with all
capabilities.  "make service" runs it."""
import glob
import json
import os
import shutil
import subprocess
import sys
import time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from tap import contains, equal, promise, run
from world import TOP, World, wait_for

w = World(people=("sanne", "alice"), configure=False)
CGROUP = next(line.split()[1] for line in open("/proc/mounts", encoding="ascii") if line.split()[2] == "cgroup2")
CONTROL = os.path.join(CGROUP, os.path.basename(w.dir))
ROOT = w.path("machine")
# units of the host that have no place in the machine
WITHOUT = ("sys-kernel-debug.mount sys-kernel-tracing.mount sys-fs-fuse-connections.mount dev-hugepages.mount "
           "systemd-journald-audit.socket systemd-modules-load.service systemd-update-utmp.service systemd-remount-fs.service")
BOOT = f"""set -e
mount -t tmpfs -o mode=755 machine {ROOT}
mkdir {ROOT}/upper {ROOT}/work {ROOT}/root
root={ROOT}/root
mount -t overlay -o lowerdir=/,upperdir={ROOT}/upper,workdir={ROOT}/work overlay $root
mount -t proc proc $root/proc
mount -t sysfs -o ro sysfs $root/sys
mount -t cgroup2 cgroup2 $root/sys/fs/cgroup
for place in run tmp dev; do mount -t tmpfs -o mode=755 $place $root/$place; done
chmod 1777 $root/tmp
mkdir $root/dev/pts $root/dev/shm
mount -t tmpfs -o mode=1777 shm $root/dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts $root/dev/pts
ln -s pts/ptmx $root/dev/ptmx
ln -s /proc/self/fd $root/dev/fd
for device in null zero full random urandom tty; do
	touch $root/dev/$device
	mount --bind /dev/$device $root/dev/$device
done
rm -f $root/etc/systemd/system/*.target.wants/* $root/usr/sbin/policy-rc.d
for unit in {WITHOUT}; do ln -sf /dev/null $root/etc/systemd/system/$unit; done
mkdir $root/opt/in
cp {w.dir}/in/* $root/opt/in/
mkdir $root/old
cd $root
pivot_root . old
cd /
umount -l /old
mount --make-rshared /
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --unit=multi-user.target --log-target=journal
"""


def inside(*argv, check=True):
    done = subprocess.run(["nsenter", "-t", str(machine), "-a", "--root", "--wd", "env", "-i", "container=test",
                           "DEBIAN_FRONTEND=noninteractive", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", *argv],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0 or not check, f"{argv}: {done.stdout[-1500:]}{done.stderr[-1500:]}"
    return done.stdout.strip()


def active():
    return inside("systemctl", "is-active", "meldpunt", check=False)


def show(what):
    return inside("systemctl", "show", "-p", what, "--value", "meldpunt")


def install():
    inside("sh", "-c", "dpkg -i /opt/in/meldpunt_*.deb")


def journal(*fields):
    return [json.loads(line) for line in inside("journalctl", "-u", "meldpunt", "-o", "json", "--no-pager", *fields).splitlines()]


def report(n):
    w.drop(f"From: Bob <bob@example.com>\r\nTo: security@example.org\r\nSubject: hole {n}\r\nMessage-ID: <s{n}@example.com>\r\n\r\n"
           f"A hole at https://example.org/{n}\r\n".encode())
    wait_for(lambda: len(json.loads(inside("meldpunt", "cases", "--json"))) == n, 30, f"case {n}")


@promise("installed, it waits for its configuration")
def _():
    global machine, launcher
    tree = w.path("tree")
    shutil.copytree(TOP, tree, ignore=shutil.ignore_patterns("build-*", ".git", "autom4te.cache", "__pycache__"))
    subprocess.run(["dpkg-buildpackage", "-us", "-uc", "-b"], cwd=tree, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                   env=dict(os.environ, DEB_BUILD_OPTIONS="nocheck"))
    w.write("in/imap.password", "pw-security\n", 0o600)
    w.write("in/sanne.asc", w.sanne.public_key().decode())
    shutil.copy(w.path("tls/ca.pem"), w.path("in"))
    for deb in glob.glob(w.path("meldpunt_*.deb")):
        shutil.copy(deb, w.path("in"))
    os.makedirs(ROOT)
    os.makedirs(CONTROL)
    script = w.write("boot.sh", BOOT)
    with open(w.path("boot.log"), "wb") as log:
        launcher = subprocess.Popen(["unshare", "--fork", "--pid", "--mount", "--uts", "--ipc", "--cgroup", "sh", script], stdin=subprocess.DEVNULL,
                                    stdout=log, stderr=log, start_new_session=True,
                                    preexec_fn=lambda: open(CONTROL + "/cgroup.procs", "w", encoding="ascii").write(str(os.getpid())))
    machine = int(wait_for(lambda: subprocess.run(["pgrep", "-P", str(launcher.pid)], capture_output=True, text=True).stdout, 10, "a machine"))
    wait_for(lambda: inside("systemctl", "is-system-running", check=False) in ("running", "degraded"), 30, "a running machine")
    install()
    equal(active(), "inactive")
    equal(inside("systemctl", "is-enabled", "meldpunt"), "enabled")
    inside("systemctl", "start", "meldpunt")  # the condition holds it back, without a failure
    equal((active(), show("ConditionResult")), ("inactive", "no"))


@promise("init and start: everything works behind the unit's walls, and doctor is green")
def _():
    inside("sh", "-c", "cp /opt/in/ca.pem /opt/in/imap.password /etc/meldpunt/")
    inside("meldpunt", "init", "--mailbox=demo", "--prefix=CVD", "--address=security@example.org", "--policy-url=https://example.org/p",
           "--imap-host=localhost", f"--imap-port={w.imaps_port}", "--imap-user=security", "--imap-password-file=/etc/meldpunt/imap.password",
           f"--smtp-port={w.smtps_port}", "--ca-file=/etc/meldpunt/ca.pem", "--staff=Sanne <sanne@example.org> /opt/in/sanne.asc")
    inside("systemctl", "start", "meldpunt")
    equal(active(), "active")
    doctor = inside("meldpunt", "doctor")
    assert "fail" not in doctor and "warn" not in doctor, doctor
    report(1)
    exposure = inside("systemd-analyze", "security", "--no-pager", "meldpunt").splitlines()[-1]
    assert float(exposure.split(":")[1].split()[0]) <= 1.1, exposure


@promise("the journal has case, mailbox, role and event as fields, from every process")
def _():
    number = json.loads(inside("meldpunt", "cases", "--json"))[0]["number"]
    wait_for(lambda: {e["ROLE"] for e in journal("CASE=" + number)} >= {"worker", "sender"}, 20, "lines of the case")
    lines = [e for e in journal() if e.get("CASE")]
    equal({e["MAILBOX"] for e in lines}, {"demo"})
    assert {"case-opened", "letter-sent"} <= {e["EVENT"] for e in lines}, lines
    assert any(e.get("ROLE") == "fetcher" and e.get("MAILBOX") == "demo" for e in journal())


@promise("reload keeps the process; a credential replaces the readable password file")
def _():
    before = show("MainPID")
    inside("systemctl", "reload", "meldpunt")
    wait_for(lambda: any("configuration reloaded" in e["MESSAGE"] for e in journal()), 20, "the reload")
    equal(show("MainPID"), before)
    inside("sh", "-c", "chown root:root /etc/meldpunt/imap.password; chmod 600 /etc/meldpunt/imap.password; "
           "mkdir -p /etc/systemd/system/meldpunt.service.d; printf '[Service]\\nLoadCredential=imap.password:/etc/meldpunt/imap.password\\n'"
           " >/etc/systemd/system/meldpunt.service.d/secrets.conf; systemctl daemon-reload; systemctl restart meldpunt")
    report(2)


@promise("it comes back after kill -9 and after hanging")
def _():
    for signal in ("KILL", "STOP"):
        before = show("MainPID")
        inside("kill", "-" + signal, before)
        wait_for(lambda: active() == "active" and show("MainPID") not in ("0", before), 90, f"another process after {signal}")
    report(3)


@promise("a faulty configuration is not tried again and again")
def _():
    inside("sh", "-c", "cp /etc/meldpunt/meldpunt.conf /tmp/good; echo 'nonsense = 1;' >>/etc/meldpunt/meldpunt.conf")
    inside("systemctl", "restart", "meldpunt", check=False)
    time.sleep(3)
    equal((active(), show("ExecMainStatus")), ("failed", "78"))
    inside("sh", "-c", "cp /tmp/good /etc/meldpunt/meldpunt.conf; systemctl restart meldpunt")


@promise("figures are written by the timer's service; upgrade and removal keep the cases, a purge ends them")
def _():
    inside("sh", "-c", "mkdir -p /var/lib/prometheus/node-exporter; systemctl start meldpunt-metrics")
    contains(inside("cat", "/var/lib/prometheus/node-exporter/meldpunt.prom"), 'meldpunt_open_cases{mailbox="demo"} 3')
    install()
    wait_for(lambda: active() == "active", 20, "the upgraded service")
    report(4)
    inside("dpkg", "--remove", "meldpunt")
    equal(inside("pgrep", "-c", "-x", "meldpuntd", check=False), "0")
    install()
    wait_for(lambda: active() == "active", 20, "the service")
    report(5)
    inside("dpkg", "--purge", "meldpunt")
    for place in ("/var/lib/meldpunt", "/etc/meldpunt", "/etc/systemd/system/multi-user.target.wants/meldpunt.service"):
        equal(inside("sh", "-c", f"test -e {place} || echo gone"), "gone", place)


def power_off():
    inside("systemctl", "poweroff", check=False)
    launcher.wait(30)
    for folder, _, _ in os.walk(CONTROL, topdown=False):
        os.rmdir(folder)


try:
    run()
finally:
    power_off()
