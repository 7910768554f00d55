"""Runs inside the process under test: imports modules and runs a case's code on request, one JSON object a line."""

import ast
import importlib
import importlib.util
import inspect
import json
import os
import re
import sys
import traceback
import types


def describe(module):
    """What can be seen of a module from outside: compared between a patched process and one started fresh."""
    return {
        name: describe_value(value, module) for name, value in sorted(vars(module).items()) if not name.startswith("__")
    }


def plain(text):
    return re.sub(r"0x[0-9a-f]+", "0x…", text)


def describe_value(value, module, depth=0):
    if isinstance(value, types.FunctionType):
        return describe_function(value)
    if isinstance(value, type) and value.__module__ == module.__name__ and depth < 3:
        return describe_class(value, module, depth)
    if isinstance(value, (staticmethod, classmethod)):
        return [type(value).__name__, describe_value(value.__func__, module, depth)]
    if isinstance(value, property):
        return [
            "property",
            *(describe_value(part, module, depth) for part in (value.fget, value.fset, value.fdel)),
        ]
    if isinstance(value, types.ModuleType):
        return f"module {value.__name__}"
    try:
        if isinstance(value, (set, frozenset)):
            return f"{type(value).__name__} of {sorted(map(repr, value))}"
        return plain(repr(value))
    except Exception as error:
        return f"repr raises {type(error).__name__}"


def describe_function(function):
    code = function.__code__
    try:
        signature = plain(str(inspect.signature(function)))
    except ValueError as error:
        signature = str(error)
    try:
        source = inspect.getsource(function)
    except OSError as error:
        source = f"no source: {error}"
    return {
        "name": function.__name__,
        "qualname": function.__qualname__,
        "module": function.__module__,
        "doc": function.__doc__,
        "signature": signature,
        "annotations": plain(repr(inspect.get_annotations(function))),
        "defaults": plain(repr(function.__defaults__)),
        "kwdefaults": plain(repr(function.__kwdefaults__)),
        "line": code.co_firstlineno,
        "flags": code.co_flags,
        "free": sorted(code.co_freevars),
        "source": source,
    }


def describe_class(owner, module, depth):
    # `__static_attributes__` is a hint that the compiler leaves for itself; the others are the interpreter's own.
    skipped = {
        "__dict__",
        "__weakref__",
        "__module__",
        # Asked for below: where they are kept differs.
        "__annotations__",
        "__annotate_func__",
        "__annotations_cache__",
        "__static_attributes__",
        # Asked for below: some are made when they are (dataclasses, from 3.15 on).
        "__doc__",
        "_abc_impl",
    }
    members = {
        name: describe_value(value, module, depth + 1)
        for name, value in sorted(vars(owner).items())
        if name not in skipped
    }
    try:
        annotations = plain(repr(inspect.get_annotations(owner)))
    except Exception as error:
        annotations = type(error).__name__
    return {
        "name": owner.__qualname__,
        "bases": [base.__qualname__ for base in owner.__bases__],
        "mro": [base.__qualname__ for base in owner.__mro__],
        "metaclass": type(owner).__qualname__,
        "doc": owner.__doc__,
        "annotations": annotations,
        "members": members,
    }


def explain(error, source):
    """The failing statement with the values of its parts."""
    line = next(
        (frame.lineno for frame in reversed(traceback.extract_tb(error.__traceback__)) if frame.filename == "<case>"),
        None,
    )
    statement = source.splitlines()[line - 1] if line else ""
    text = "".join(traceback.format_exception_only(type(error), error)).strip()
    return f"line {line}: {statement}\n  {text}\n" + "".join(traceback.format_tb(error.__traceback__)[-3:])


class Process:
    def __init__(self):
        self.names = {}

    def packages(self, folder, **_):
        sys.path.insert(0, folder)

    def load(self, folder, module, **_):
        if folder not in sys.path:
            sys.path.insert(0, folder)
        importlib.invalidate_caches()
        self.names[module] = {
            "module": importlib.import_module(module),
            "process": self,
        }
        return None

    def run(self, module, source, **_):
        names = self.names[module]
        # Statement by statement, so that an assertion that fails shows what it compared.
        for statement in ast.parse(source, "<case>").body:
            try:
                exec(compile(ast.Module([statement], []), "<case>", "exec"), names)
            except BaseException as error:
                shown = explain(error, source)
                if isinstance(statement, ast.Assert) and isinstance(statement.test, ast.Compare):
                    left = ast.unparse(statement.test.left)
                    try:
                        shown += f"  where {left} is {eval(left, names)!r}\n"
                    except Exception as failure:
                        shown += f"  where {left} raises {failure!r}\n"
                return shown
        return None

    def describe(self, module, **_):
        return describe(self.names[module]["module"])

    def describe_in_child(self, folder, module, packages):
        """What a process shows that has loaded nothing but this module: a child that is forked before anything is."""
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                if packages:
                    self.packages(packages)
                self.load(folder, module)
                answer = {"result": self.describe(module)}
            except BaseException:
                answer = {"error": traceback.format_exc()}
            with os.fdopen(writing, "w") as pipe:
                json.dump(answer, pipe)
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            text = pipe.read()
        _, status = os.waitpid(child, 0)
        answer = json.loads(text) if text else {"error": f"the child ended with status {status}"}
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["result"]


def main():
    process = Process()
    reply = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {"result": getattr(process, request.pop("do"))(**request)}
        except BaseException:
            answer = {"error": traceback.format_exc()}
        reply.write(json.dumps(answer) + "\n")
        reply.flush()


if __name__ == "__main__":
    main()
