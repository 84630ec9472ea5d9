#!/usr/bin/env python3
"""Fuzzing for a moment; contrib/fuzz does it for longer."""
import os
import subprocess
import sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from tap import promise, run
from world import BUILD, TOP

SECONDS = os.environ.get("MELDPUNT_FUZZ", "5")


@promise(f"no fuzz target finds anything within {SECONDS} s")
def _():
    done = subprocess.run([os.path.join(TOP, "contrib", "fuzz"), SECONDS], capture_output=True, text=True,
                          env=dict(os.environ, FUZZ_BUILD=os.path.join(BUILD, "fuzz")))
    for line in done.stdout.splitlines():
        if line.startswith("fuzz-"):
            print("# " + line)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]


run()
