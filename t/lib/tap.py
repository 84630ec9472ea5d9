"""Promises as TAP lines.  A test file decorates functions with @promise and
ends with run(); there is no way to skip."""
import sys
import traceback

_promises = []


def promise(sentence):
    def keep(function):
        _promises.append((sentence, function))
        return function
    return keep


def run(*worlds):
    print(f"1..{len(_promises)}", flush=True)
    failed = 0
    for n, (sentence, function) in enumerate(_promises, 1):
        try:
            function()
            print(f"ok {n} - {sentence}", flush=True)
        except BaseException as e:  # an interrupt is a failure too
            failed += 1
            print(f"not ok {n} - {sentence}", flush=True)
            print(f"# {sys.argv[0]}: {sentence}", file=sys.stderr)
            for line in "".join(traceback.format_exception(e)).splitlines():
                # prove shows what goes to standard error
                print("# " + line, file=sys.stderr, flush=True)
            if isinstance(e, KeyboardInterrupt):
                break
    import world
    for w in list(world.worlds):
        if failed:
            w.keep = True
            print(f"# kept: {w.dir}", file=sys.stderr, flush=True)
        w.end()
    sys.exit(1 if failed else 0)


def equal(found, wanted, what=""):
    assert found == wanted, f"{what}: found {found!r}, wanted {wanted!r}"


def contains(text, part, what="text"):
    assert part in text, f"{what} has no {part!r}: {text[:3000]!r}"
