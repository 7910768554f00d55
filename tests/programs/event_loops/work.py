def word():
    return "old"


def called(say):
    say("called", word())


def running(read, say):
    while read() != "end\n":
        say("running", word())
    say("left")


async def awaiting(read, say):
    while await read() != "end\n":
        say("running", word())
    say("left")


def counted(lines, say):
    for _ in lines:
        say("running", word())
    say("left")
