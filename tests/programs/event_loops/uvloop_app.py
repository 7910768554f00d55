"""uvloop's event loop: a callback, and a coroutine that goes on."""

import asyncio
import sys

import uvloop
import work


def say(*words):
    print(*words, flush=True)


async def read():
    return await asyncio.to_thread(sys.stdin.readline)


async def main():
    say("ready")
    while True:
        line = await read()
        if line == "go\n":
            called = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_soon(lambda: called.set_result(work.called(say)))
            await called
        elif line == "run\n":
            await work.awaiting(read, say)
        else:
            return


loop = uvloop.new_event_loop()
loop.run_until_complete(main())
