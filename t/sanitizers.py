#!/usr/bin/env python3
"""All promises once more by a build with address, undefined-behaviour and leak
sanitizers, which end a process at the first fault."""
import os
import subprocess
import sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from tap import promise, run
from world import BUILD, TOP

FOLDER = os.path.join(BUILD, "sanitizers")
# those that run no program of ours, or build one of their own
APART = {"layers.py", "documents.py", "fuzz.py", "valgrind.py", "sanitizers.py", "package.py",
         "torture.py"}  # whose ptrace is in the way of the leak sanitizer
ENVIRONMENT = dict(os.environ, MELDPUNT_BUILD=FOLDER, srcdir=TOP, ASAN_OPTIONS="detect_leaks=1:verify_asan_link_order=0",
                   MELDPUNT_MUTATIONS="120", MELDPUNT_KILLS="30", MELDPUNT_SANITIZERS="1")


def make(*argv, cwd=FOLDER):
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


@promise("the build with sanitizers has no warnings")
def _():
    os.makedirs(FOLDER, exist_ok=True)
    if not os.path.exists(os.path.join(FOLDER, "Makefile")):
        make(os.path.join(TOP, "configure"), "-q", "--enable-werror", "--enable-sanitizers")
    make("make", "-s", f"-j{os.cpu_count()}", "all", "build-tests")


def tests():
    done = subprocess.run(["make", "-s", "print-promises"], cwd=BUILD, capture_output=True, text=True, check=True)
    return [os.path.basename(p) for p in done.stdout.split()]


for test in tests():
    if test not in APART:
        @promise(f"{test} under the sanitizers")
        def _(test=test):
            done = subprocess.run([sys.executable, os.path.join(TOP, "t", test)], env=ENVIRONMENT, capture_output=True, text=True)
            bad = [line for line in done.stdout.splitlines() if line.startswith("not ok")]
            assert done.returncode == 0 and not bad, "\n".join(bad) + done.stdout[-3000:] + done.stderr[-1500:]


run()
