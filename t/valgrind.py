#!/usr/bin/env python3
"""The unit tests under valgrind: no invalid access, nothing lost for good."""
import os
import subprocess
import sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from tap import equal, promise, run
from world import BUILD, TOP

for unit in sorted(n[:-2] for n in os.listdir(os.path.join(TOP, "t")) if n.startswith("unit-") and n.endswith(".c")):
    @promise(f"{unit} is clean under valgrind")
    def _(unit=unit):
        done = subprocess.run(["valgrind", "-q", "--error-exitcode=9", "--leak-check=full", "--errors-for-leak-kinds=definite",
                               os.path.join(BUILD, "t", unit)], capture_output=True, text=True,
                              env=dict(os.environ, G_SLICE="always-malloc", srcdir=TOP))
        equal(done.returncode, 0, done.stderr[-3000:])


run()
