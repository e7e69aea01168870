/**
 * The two Python programs of a judgement. The candidate's process knows the model's code, and no test; the checker's
 * knows the test, and of the code nothing but what its calls return, as plain values. Descriptor 3 brings what the other
 * says, descriptor 4 takes what this one says: JSON, a line a message. Both read from their standard input what to run.
 */

/** Ends a process by itself that its parent did not end, and bounds what it takes. Exits with 97 where that fails. */
export const limitsFailed = 97;

const limits = `
import json, os, sys
given = json.load(sys.stdin)
try:
    import resource, signal
    # As a namespace's first process it ignores what it does not handle.
    signal.signal(signal.SIGALRM, lambda *_: os._exit(1))
    signal.alarm(given["seconds"] + 1)
    for name, limit in (
        ("AS", given["memory"]),
        ("CPU", given["seconds"]),
        ("FSIZE", 1 << 24),
        ("NOFILE", 64),
        ("CORE", 0),
        ("NPROC", 0),
    ):
        resource.setrlimit(getattr(resource, "RLIMIT_" + name), (limit, limit))
except (ImportError, AttributeError, OSError, ValueError):
    os._exit(${limitsFailed})
if hasattr(sys, "set_int_max_str_digits"):
    sys.set_int_max_str_digits(0)
hear = os.fdopen(3, "r", encoding="ascii")
say = os.fdopen(4, "w", encoding="ascii")
`;

/**
 * Values as JSON: Python's own numbers, strings and None as they are, all else as {type: parts}. Of an object of a class
 * that the code defined goes only what it holds by its built-in base; of any other, its class's name.
 */
const wire = `
def pack(value):
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return value if type(value) is kind else base_value(kind, value)
    if value is None:
        return None
    for kind in (list, tuple, set, frozenset):
        if isinstance(value, kind):
            return {kind.__name__: [pack(part) for part in kind.__iter__(value)]}
    if isinstance(value, dict):
        return {"dict": [[pack(key), pack(part)] for key, part in dict.items(value)]}
    if isinstance(value, (bytes, bytearray)):
        return {type(value).__name__ if type(value) in (bytes, bytearray) else "bytes": bytes(value).hex()}
    if isinstance(value, complex):
        return {"complex": [value.real, value.imag]}
    if isinstance(value, range):
        return {"range": [value.start, value.stop, value.step]}
    if hasattr(value, "dtype") and hasattr(value, "item"):
        return pack(value.item())
    if hasattr(type(value), "__next__"):
        return {"iterator": [pack(part) for part in value]}
    return {"object": type(value).__name__}


def base_value(kind, value):
    return {int: int.__add__, float: float.__add__, str: str.__add__}[kind](value, kind())


class Opaque:
    """A value that is equal to no other, since it cannot be carried over."""

    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return "<" + self.name + ">"


def unpack(value):
    if not isinstance(value, dict):
        return value
    ((kind, parts),) = value.items()
    if kind == "dict":
        return {unpack(key): unpack(part) for key, part in parts}
    if kind in ("bytes", "bytearray"):
        return {"bytes": bytes, "bytearray": bytearray}[kind].fromhex(parts)
    if kind == "object":
        return Opaque(str(parts))
    make = {
        "list": list, "tuple": tuple, "set": set, "frozenset": frozenset, "iterator": iter,
        "complex": lambda both: complex(*both), "range": lambda ends: range(*ends),
    }[kind]
    return make([unpack(part) for part in parts])
`;

/** Answers calls of the function `entry_point` that \`program\` defines: its result, and its arguments as it left them. */
export const candidateSource = `${limits}${wire}
import asyncio, inspect
names = {"__name__": "__main__"}
exec(compile(given["program"], "program.py", "exec"), names)
function = names[given["entry_point"]]
for line in hear:
    arguments, named = unpack(json.loads(line))
    try:
        result = function(*arguments, **named)
        if inspect.iscoroutine(result):
            reply = {"awaitable": pack(asyncio.run(result))}
        else:
            reply = {"result": pack(result)}
    except Exception as error:
        kinds = [kind.__name__ for kind in type(error).__mro__ if kind.__module__ == "builtins"]
        reply = {"raised": kinds[0], "message": str(error)}
    reply["arguments"] = pack(arguments)
    print(json.dumps(reply), file=say, flush=True)
`;

/** Runs the test's check() on the other process's function. Exits with 0 where no assertion fails. */
export const checkerSource = `${limits}${wire}
import builtins


def candidate(*arguments, **named):
    print(json.dumps(pack((arguments, named))), file=say, flush=True)
    line = hear.readline()
    if not line:
        os._exit(1)
    reply = json.loads(line)
    for before, after in zip(arguments, unpack(reply["arguments"])):
        leave(before, after)
    if "raised" in reply:
        kind = getattr(builtins, reply["raised"], None)
        is_error = isinstance(kind, type) and issubclass(kind, Exception)
        raise (kind if is_error else Exception)(str(reply["message"]))
    if "awaitable" in reply:
        return settled(unpack(reply["awaitable"]))
    return unpack(reply["result"])


async def settled(value):
    return value


def leave(before, after):
    """Makes an argument what the function left of it."""
    if type(before) is not type(after) or before == after:
        return
    if isinstance(before, (list, bytearray)):
        before[:] = after
    elif isinstance(before, (dict, set)):
        before.clear()
        before.update(after)


names = {"__name__": "__main__"}
for beginning in (given["prompt"] + "\\n    pass\\n", given["prompt"]):
    try:
        # Tests use what a prompt defines beside its function.
        exec(compile(beginning, "prompt.py", "exec"), names)
        break
    except SyntaxError:
        pass
names[given["entry_point"]] = candidate
exec(compile(given["test"], "test.py", "exec"), names)
names["check"](candidate)
os._exit(0)
`;
