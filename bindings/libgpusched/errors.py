"""Exceptions. Each keeps what the C++ error says apart: code, message, file, line, remedy."""

from __future__ import annotations

import operator

__all__ = [
    "AlreadyExistsError",
    "DataLossError",
    "Error",
    "InternalError",
    "InvalidArgumentError",
    "IoError",
    "NotFoundError",
    "UnsupportedError",
]


class Error(Exception):
    """What libgpusched refuses, and what to do about it.

    Attributes: ``code`` (str, "invalid_argument" and the like), ``message`` (names the offending
    value), ``file`` (str, empty without), ``line`` (from 1; 0 without), ``remedy`` (str, may be
    empty).
    """

    code = "error"
    message = ""
    file = ""
    line = 0
    remedy = ""


class InvalidArgumentError(Error, ValueError):
    """A value is malformed or out of range."""

    code = "invalid_argument"


class NotFoundError(Error, LookupError):
    """A file, name or entity does not exist."""

    code = "not_found"


class AlreadyExistsError(Error, ValueError):
    """A name or id is used twice."""

    code = "already_exists"


class UnsupportedError(Error, ValueError):
    """Understood, but not possible here, such as MIG on a model that has none."""

    code = "unsupported"


class DataLossError(Error, ValueError):
    """A file is cut off or contradicts itself."""

    code = "data_loss"


class IoError(Error, OSError):
    """The operating system refused."""

    code = "io"


class InternalError(RuntimeError):
    """A bug in libgpusched; please report it."""


_BY_CODE = {
    cls.code: cls
    for cls in (
        InvalidArgumentError,
        NotFoundError,
        AlreadyExistsError,
        UnsupportedError,
        DataLossError,
        IoError,
    )
}


def make_error(code: str, message: str, file: str = "", line: int = 0, remedy: str = "") -> Error:
    """The exception of that code, not raised."""
    where = f"{file}:{line}: " if file and line else f"{file}: " if file else ""
    error = _BY_CODE.get(code, Error)(where + message + (f". {remedy}" if remedy else ""))
    error.message, error.file, error.line, error.remedy = message, file, line, remedy
    return error


def whole(name: str, value: object) -> int:
    """The value as int; TypeError for what is no whole number."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{name} is int, not {type(value).__name__}")
    return operator.index(value)


def refuse(message: str, remedy: str = "") -> Error:
    """An InvalidArgumentError, to be raised."""
    return make_error("invalid_argument", message, remedy=remedy)
