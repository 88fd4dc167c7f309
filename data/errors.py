"""The two ways a command can fail: the input was wrong, or the work failed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence


class ModelworthError(Exception):
    """Something the person at the keyboard can be told in one or two lines; exit status 1."""

    exit_status = 1

    def __init__(self, message: str) -> None:
        super().__init__("\n".join(one_line(line, 600) for line in message.split("\n")))


class InputError(ModelworthError):
    """The input was wrong; exit status 2.

    Attributes:
        where: file, field path, flag or address of the fault.
        found: what stands there.
        allowed: what may stand there; it follows the words "must be".
        advice: what to do instead, where "must be" would bend the sentence.
    """

    exit_status = 2

    def __init__(
        self, where: str, found: object, allowed: str | None = None, *, advice: str | None = None
    ) -> None:
        self.where, self.found, self.advice = where, found, advice
        self.allowed = allowed if allowed is not None else (advice or "")
        remedy = advice if allowed is None else f"must be {allowed}"
        super().__init__(f"{_shown(where)}: {_shown(found)}\n  {one_line(remedy or '', 600)}")

    def at(self, where: str) -> InputError:
        """The same error, said of another place: a file's name before the field's."""
        allowed = None if self.advice is not None else self.allowed
        return InputError(where, self.found, allowed, advice=self.advice)


class SetAsideWarning(UserWarning):
    """A record that can't be read was left out."""


class JoinedError(InputError):
    """Several faults of one input; it speaks of each, and otherwise stands for the first."""

    def __init__(self, errors: Sequence[InputError]) -> None:
        self.errors = tuple(errors)
        self.where, self.found = errors[0].where, errors[0].found
        self.allowed, self.advice = errors[0].allowed, errors[0].advice
        ModelworthError.__init__(self, "\n".join(map(str, errors)))


def together(errors: Iterable[InputError]) -> InputError:
    """All errors as one, each said once."""
    single = [
        one
        for error in errors
        for one in (error.errors if isinstance(error, JoinedError) else (error,))
    ]
    each = list({str(error): error for error in single}.values())
    return each[0] if len(each) == 1 else JoinedError(each)


def without_secrets(text: str) -> str:
    """The text, its addresses without users and passwords, wherever they stand in it."""
    return re.sub(r"://.*@", "://***@", re.sub(r"(?i)(password\s*=\s*)[^\s&]+", r"\1***", text))


def _shown(found: object) -> str:
    """`found` as one short line without secrets."""
    return one_line(without_secrets(found if isinstance(found, str) else repr(found)))


def one_line(text: str, longest: int = 200) -> str:
    """The text as one line that can't disturb a terminal."""
    start = text if len(text) <= longest else text[: longest - 3] + "..."
    return "".join(character if character.isprintable() else " " for character in start)
