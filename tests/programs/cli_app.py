# A command line's subcommand fails when half of its work is done.
import argparse


def convert(words):
    written = []
    for word in words:
        written.append(word.upper())
    return f"{'/'.join(written)} {len(words) / 0}"


def main(arguments=None):
    parser = argparse.ArgumentParser()
    parser.add_argument("words", nargs="*", default=["one", "two"])
    print("done", convert(parser.parse_args(arguments).words), flush=True)


main()
