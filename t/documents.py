#!/usr/bin/env python3
"""What the documents say is true: manual pages, sample configuration and
README against the option table and the programs' help."""
import os
import re
import subprocess
import sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
from tap import contains, equal, promise, run

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("MELDPUNT_BUILD", TOP)


def read(*names):
    with open(os.path.join(TOP, *names)) as f:
        return f.read()


def output(*argv):
    return subprocess.run([os.path.join(BUILD, argv[0]), *argv[1:]], capture_output=True, text=True).stdout


OPTIONS = [line.split("\t") for line in output("meldpunt", "config", "--options").splitlines()]


@promise("the manual pages are clean for mandoc")
def _():
    pages = [os.path.join(TOP, "man", n) for n in sorted(os.listdir(os.path.join(TOP, "man")))]
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", *pages], capture_output=True, text=True)
    equal(done.stdout + done.stderr, "")


@promise("meldpunt.conf(5) has every option of the table, in order, with its default and its help")
def _():
    page = read("man", "meldpunt.conf.5")
    equal(re.findall(r"^\.It Va (\w+)$", page, re.M), [name.rsplit(".", 1)[-1] for name, _, _ in OPTIONS])
    entries = re.split(r"^\.It Va ", page, flags=re.M)[1:]
    for (name, preset, text), entry in zip(OPTIONS, entries):
        wanted = {"-": "Required.", "[ ]": "Default: an empty list."}.get(
            preset, ".Li " + preset.replace('"', "\\(dq") + " .")
        contains(entry, wanted, name)
        contains(" ".join(entry.split()), " ".join(text.split()).split(". ")[0].rstrip("."), name)


@promise("the sample configuration has every option, and its defaults are the table's")
def _():
    sample = read("etc", "meldpunt.conf")
    for name, preset, _ in OPTIONS:
        option = name.rsplit(".", 1)[-1]
        assert re.search(rf"^[ #]*{option} = .*;$", sample, re.M), f"{name} is not in the sample"
        shown = re.findall(rf"^ *# *{option} = (.*);$", sample, re.M)
        assert not shown or preset in ("-", '""') or preset in shown, (name, preset, shown)


@promise("the sample configuration has no faults, commented out or not")
def _():
    sample = read("etc", "meldpunt.conf")
    whole = re.sub(r"^( *)#( *[a-z_}].*[={;,(]\s*|\s*};)$", r"\1\2", sample, flags=re.M)
    assert "answer_owner" in whole and "#workers" not in whole
    for text in (sample, whole):
        path = "/tmp/meldpunt-sample-%d.conf" % os.getpid()
        with open(path, "w") as f:
            f.write(text)
        done = subprocess.run([os.path.join(BUILD, "meldpuntd"), "-c", path, "--check"], capture_output=True, text=True)
        os.unlink(path)
        equal(done.returncode, 0, done.stderr)


@promise("meldpunt(1) explains every command, and every command explains itself")
def _():
    page = read("man", "meldpunt.1")
    commands = re.findall(r"^  ([\w-]+) +\S", output("meldpunt", "--help").split("Options:")[0], re.M)
    assert len(commands) >= 8, commands
    for command in commands:
        assert re.search(rf"^\.It Cm {command}\b", page, re.M), f"{command} is not in meldpunt(1)"
        contains(output("meldpunt", command, "--help"), "Usage:")


@promise("meldpunt-orders(7) has the grammar that the parser works from")
def _():
    page = read("man", "meldpunt-orders.7")
    lines = output("meldpunt", "config", "--orders").splitlines()
    assert len(lines) >= 40, lines
    for usage, text in zip(lines[0::2], lines[1::2]):
        contains(page, f".It Cm {usage.strip()}\n{text.strip()[0].upper()}{text.strip()[1:]}.\n", usage)


@promise("meldpuntd(8) explains every flag")
def _():
    page = read("man", "meldpuntd.8")
    for flag in re.findall(r"--([a-z]+)", output("meldpuntd", "--help")):
        if flag != "help" and flag != "help-all":
            contains(page, "Fl -" + flag)


@promise("README and src/README name what is there")
def _():
    for path in ("contrib/try", "contrib/check", "HACKING.md", "NEWS.md", "src/README.md"):
        contains(read("README.md"), path)
        assert os.path.exists(os.path.join(TOP, path)), path
    text = read("src", "README.md")
    for folder in ("base", "model", "edge", "intake", "desk", "outbox", "meldpuntd", "meldpunt"):
        contains(text, f"`{folder}/`")
    files = {f.rsplit(".", 1)[0] for _, _, names in os.walk(os.path.join(TOP, "src")) for f in names}
    statements = set(re.findall(r"CREATE FUNCTION (\w+)", "".join(read("sql", f) for f in os.listdir(os.path.join(TOP, "sql")))))
    functions = set(re.findall(r"`([a-z]+_[a-z_]+)`", text)) - files - statements
    source = "".join(read("src", d, f) for d in os.listdir(os.path.join(TOP, "src"))
                     if os.path.isdir(os.path.join(TOP, "src", d)) for f in os.listdir(os.path.join(TOP, "src", d))
                     if f.endswith((".c", ".h")))
    for name in functions:
        contains(source, f"\n{name}(", "the source")


@promise("the systemd unit is sound, and rated 1.1 or lower")
def _():
    unit = os.path.join(BUILD, "contrib", "systemd", "meldpunt.service")
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=11", unit], capture_output=True, text=True)
    equal(done.returncode, 0)
    contains(done.stdout, "Overall exposure level")
    assert "ignoring" not in done.stderr, done.stderr


@promise("both programs know their version")
def _():
    for program in ("meldpunt", "meldpuntd"):
        assert re.fullmatch(program + r" \d+\.\d+\.\d+\n", output(program, "--version")), program


run()
