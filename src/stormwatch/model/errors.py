"""Errors that explain themselves: what went wrong, where, and what to do about it."""


class StormwatchError(Exception):
    """A failure that the software can explain; faces print it as one sentence and exit with 1.

    `what` says what went wrong, `where` names the file, line, record or setting, `remedy` says what to do.
    """

    def __init__(self, what: str, *, where: str | None = None, remedy: str | None = None) -> None:
        self.what = what
        self.where = where
        self.remedy = remedy
        super().__init__(str(self))

    def __reduce__(self) -> tuple[object, ...]:
        """For a process that works for another: an error made of its one sentence would lose the rest."""
        return _made_again, (type(self), self.what, self.where, self.remedy)

    def __str__(self) -> str:
        place = f" ({self.where})" if self.where else ""
        advice = f"; {self.remedy}" if self.remedy else ""
        return f"{self.what}{place}{advice}"


def _made_again(kind: type[StormwatchError], what: str, where: str | None, remedy: str | None) -> StormwatchError:
    return kind(what, where=where, remedy=remedy)


class InvalidInput(StormwatchError):
    """What was handed in cannot be read as what it claims to be."""


class WrongUsage(InvalidInput):
    """An option or argument of a command has a value that cannot be one; the command line ends with 2."""


class NotFound(StormwatchError):
    """The named thing does not exist in this installation."""


class Conflict(StormwatchError):
    """The thing changed, or is in a state that does not allow the move."""


class Forbidden(StormwatchError):
    """The person or token may not do this."""


class FactorNeeded(Forbidden):
    """The person may do this, once they have given the code of their second factor anew."""


class TooManyAttempts(Forbidden):
    """Somebody guessed too often; `wait_us` is how long no further attempt is looked at."""

    wait_us: int = 0


class IntegrityError(StormwatchError):
    """Stored data does not match its checksum, key or commitment."""
