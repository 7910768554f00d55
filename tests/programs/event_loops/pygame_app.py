"""A game's loop: what an event calls, and a loop over frames."""

import os
import sys
import threading

os.environ.update(SDL_VIDEODRIVER="dummy", SDL_AUDIODRIVER="dummy", PYGAME_HIDE_SUPPORT_PROMPT="1")
import pygame
import work

LINE = pygame.USEREVENT + 1


def say(*words):
    print(*words, flush=True)


def read_lines():
    for line in sys.stdin:
        pygame.event.post(pygame.event.Event(LINE, line=line))


def next_line():
    """The line of the next frame that has one."""
    while True:
        screen.fill((0, 0, 0))
        pygame.display.flip()
        clock.tick(500)
        event = pygame.event.poll()
        if event.type == LINE:
            return event.line


pygame.init()
screen = pygame.display.set_mode((64, 64))
clock = pygame.time.Clock()
threading.Thread(target=read_lines, daemon=True).start()
say("ready")
while True:
    line = next_line()
    if line == "go\n":
        work.called(say)
    elif line == "run\n":
        work.running(next_line, say)
    else:
        break
