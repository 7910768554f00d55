"""``python -m hotsplice`` is the ``hotsplice`` command with this interpreter."""

import os
import sys
import sysconfig


def find_binary() -> str:
    """The program that came with this package, else the one that a checkout has built."""
    given = os.environ.get("HOTSPLICE_BINARY")
    if given:
        return given
    package = os.path.dirname(os.path.abspath(__file__))
    checkout = os.path.dirname(os.path.dirname(os.path.dirname(package)))
    places = [sysconfig.get_path("scripts"), os.path.dirname(sys.executable)]
    places += [os.path.join(checkout, "target", profile) for profile in ("release", "debug")]
    # Another Python than the one that it was installed with may have loaded it, from lib/python3.12/site-packages.
    places.append(os.path.join(os.path.dirname(checkout), "bin"))
    for place in places:
        program = os.path.join(place, "hotsplice")
        if os.access(program, os.X_OK):
            return program
    sys.exit(f"hotsplice: the program is in none of {', '.join(places)}; install the package again")


def main() -> None:
    package = os.path.dirname(os.path.abspath(__file__))
    os.environ.setdefault("HOTSPLICE_AGENT_DIR", package)
    arguments = sys.argv[1:]
    if arguments[:1] == ["run"]:
        arguments = ["run", "--python", sys.executable, *arguments[1:]]
    program = find_binary()
    os.execv(program, ["hotsplice", *arguments])


if __name__ == "__main__":
    main()
