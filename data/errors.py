"""The two ways a command can fail: the input was wrong, or the work failed."""

from __future__ import annotations


class ModelworthError(Exception):
    """Something the person at the keyboard can be told in one or two lines; exit status 1."""

    exit_status = 1


class InputError(ModelworthError):
    """The input was wrong; exit status 2.

    Attributes:
        where: file, field path, flag or address of the fault.
        found: what stands there.
        allowed: what may stand there.
    """

    exit_status = 2

    def __init__(self, where: str, found: object, allowed: str) -> None:
        self.where, self.found, self.allowed = where, found, allowed
        super().__init__(f"{where}: {_shown(found)}\n  must be {allowed}")


def _shown(found: object) -> str:
    """`found` as one short line that can't disturb a terminal."""
    text = found if isinstance(found, str) else repr(found)
    line = "".join(character if character.isprintable() else " " for character in text)
    return line if len(line) <= 200 else line[:197] + "..."
