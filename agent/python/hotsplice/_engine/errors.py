"""What can go wrong, as numbered codes (the list is in the channel's ``codes.rs``)."""


class EngineError(Exception):
    """A request that can't be served; nothing has been changed."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Refusal(Exception):
    """One edit that can't be applied; the transaction is held back."""

    def __init__(self, code: str, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.line = line


class Unforeseen(Exception):
    """A dry run does not run this: the program might notice."""


class OtherThread(Exception):
    """A value would belong to the agent's thread: the former one is kept, and that is reported."""


class Stop(Exception):
    """An edit is refused: the others of the patch need not be tried."""


class TimeLimit(BaseException):
    """Raised in the agent's thread by its watchdog when an evaluation takes too long."""


class FormerCode(BaseException):
    """Raised in what is evaluated for a patch where it is about to run code that the patch replaces."""
