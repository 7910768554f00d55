"""The cases: a title, cells and what holds then, or how the last cell ends."""

CASES = []


def case(title, cells, check):
    CASES.append((title, cells, check))
