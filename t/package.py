#!/usr/bin/env python3
"""The Debian package builds without a word from lintian, has what belongs in it, and its
completion knows every command."""
import os
import shutil
import subprocess
import sys
import tempfile
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from tap import contains, equal, promise, run
from world import BUILD, TOP

place = tempfile.mkdtemp(prefix="meldpunt-t-")
tree = os.path.join(place, "meldpunt")


def sh(*argv, **more):
    done = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, **more)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@promise("it builds, and lintian finds nothing")
def _():
    shutil.copytree(TOP, tree, ignore=shutil.ignore_patterns("build-*", ".git", "autom4te.cache", "__pycache__"))
    sh("dpkg-buildpackage", "-us", "-uc", cwd=tree, env=dict(os.environ, DEB_BUILD_OPTIONS="nocheck"))
    changes = [n for n in os.listdir(place) if n.endswith(".changes")]
    equal(sh("lintian", "--allow-root", "--fail-on", "error,warning", *changes, cwd=place), "")


@promise("it has programs, unit, user, manuals and completion, and starts nothing before it is configured")
def _():
    (deb,) = [n for n in os.listdir(place) if n.startswith("meldpunt_") and n.endswith(".deb")]
    listing = sh("dpkg-deb", "--contents", deb, cwd=place)
    for path in ("usr/sbin/meldpuntd", "usr/bin/meldpunt", "usr/libexec/meldpunt/gpg-apart", "lib/systemd/system/meldpunt.service",
                 "lib/systemd/system/meldpunt-metrics.timer", "usr/lib/sysusers.d/meldpunt.conf", "usr/lib/tmpfiles.d/meldpunt.conf",
                 "usr/share/man/man8/meldpuntd.8.gz", "usr/share/man/man5/meldpunt.conf.5.gz", "usr/share/doc/meldpunt/operating.md",
                 "usr/share/bash-completion/completions/meldpuntd", "usr/share/zsh/vendor-completions/_meldpunt",
                 "usr/lib/nagios/plugins/check_meldpunt"):
        contains(listing, "./" + path)
    unit = sh("dpkg-deb", "--fsys-tarfile", deb, cwd=place, errors="replace")
    contains(unit, "ConditionPathExists=/etc/meldpunt/meldpunt.conf")
    contains(unit, "ExecStart=/usr/sbin/meldpuntd -c /etc/meldpunt/meldpunt.conf")


def complete(line):
    script = f"""
. /usr/share/bash-completion/bash_completion
. "{BUILD}/contrib/completion/meldpunt"
compopt() {{ :; }}
COMP_LINE='{line}' COMP_POINT={len(line)} COMP_WORDS=({line} {'""' if line.endswith(" ") else ""})
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_meldpunt
echo "${{COMPREPLY[*]}}"
"""
    return sh("bash", "-c", script).split()


@promise("bash completes commands, their words and options, options' names and orders")
def _():
    commands = [line.split()[0] for line in sh(BUILD + "/meldpunt", "--help").split("Commands:\n")[1].split("\n\n")[0].splitlines()]
    equal([w for w in complete("meldpunt ") if not w.startswith("-")], commands)
    equal(complete("meldpunt quar"), ["quarantine"])
    equal(complete("meldpunt quarantine re"), ["release"])
    equal(complete("meldpunt show --att"), ["--attachment="])
    equal(complete("meldpunt -c x config get alarms."), ["alarms.after", "alarms.addresses", "alarms.command"])
    equal(complete("meldpunt order CVD-2026-0001 seve"), ["severity"])


@promise("zsh takes its completion for sound")
def _():
    sh("zsh", "-n", f"{BUILD}/contrib/completion/_meldpunt")
    shutil.rmtree(place)


run()
