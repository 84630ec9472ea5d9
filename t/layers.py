#!/usr/bin/env python3
"""The house: what may include what, and headers that stand alone."""
import os
import re
import subprocess
import sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from tap import equal, promise, run

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RANK = {"base": 0, "model": 1, "edge": 2, "intake": 3, "desk": 3, "outbox": 3, "meldpuntd": 4, "meldpunt": 4}
# a foreign library's header -> the files that may include it
FOREIGN = {r"libetpan/": r"edge/(imap|imap_private|smtp|tls)\.[ch]", r"gnutls/": r"edge/tls\.c", r"gpgme\.h": r"edge/pgp(_loop|_private)?\.[ch]",
           r"libpq-fe\.h": r"edge/db\.c", r"libconfig\.h": r"edge/conf\.c", r"gmime/": r"edge/mime_(read|write)\.c",
           r"libxml/": r"edge/html\.c", r"libexttextcat/": r"edge/language\.c", r"seccomp\.h": r"edge/jail\.c",
           r"linux/landlock\.h": r"edge/jail\.c", r"iconv\.h": r"edge/mime_read\.c"}
FILES = []
for folder, _, names in os.walk(os.path.join(TOP, "src")):
    FILES += [os.path.relpath(os.path.join(folder, n), os.path.join(TOP, "src")) for n in names
              if n.endswith((".c", ".h")) and n != "resources.c"]


def includes(file):
    with open(os.path.join(TOP, "src", file)) as f:
        return re.findall(r'^#include ["<]([^">]+)[">]', f.read(), re.M)


@promise("a file includes only what stands below its layer, never a sibling layer")
def _():
    bad = []
    for file in FILES:
        layer = file.split("/")[0]
        for target in includes(file):
            other = target.split("/")[0]
            if other in RANK and other != layer and RANK[other] >= RANK[layer]:
                bad.append(f"{file} includes {target}")
    equal(bad, [])


@promise("a foreign library is used in its one file of edge/")
def _():
    bad = [f"{file} includes {target}" for file in FILES for target in includes(file)
           for header, place in FOREIGN.items() if re.match(header, target) and not re.fullmatch(place, file)]
    equal(bad, [])


@promise("every header compiles alone")
def _():
    flags = subprocess.run(["pkg-config", "--cflags", "gio-2.0", "gpgme", "libetpan"], capture_output=True,
                           check=True, text=True).stdout.split()
    for file in sorted(f for f in FILES if f.endswith(".h")):
        done = subprocess.run(["cc", "-std=gnu11", "-D_GNU_SOURCE", "-fsyntax-only", "-Wall", "-Werror",
                               "-I" + os.path.join(TOP, "src"), *flags, "-x", "c",
                               os.path.join(TOP, "src", file)], capture_output=True, text=True)
        assert done.returncode == 0, f"{file}: {done.stderr}"


@promise("no file has over 500 lines, no function over 60")
def _():
    bad = []
    for file in FILES:
        with open(os.path.join(TOP, "src", file)) as f:
            lines = f.read().splitlines()
        if len(lines) > 500:
            bad.append(f"{file} has {len(lines)} lines")
        start = None
        for n, line in enumerate(lines):
            if line == "{":
                start = n
            elif line == "}" and start is not None:
                if n - start - 1 > 60:
                    bad.append(f"{file}:{start} is a function of {n - start - 1} lines")
                start = None
    equal(bad, [])


@promise("nothing is left for later in the source")
def _():
    for file in FILES:
        with open(os.path.join(TOP, "src", file)) as f:
            found = re.search(r"\b(TODO|FIXME|XXX|HACK)\b", f.read())
        assert not found, f"{file}: {found}"


run()
