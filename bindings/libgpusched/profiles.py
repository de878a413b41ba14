"""Job profiles: what was measured of a job alone on a whole GPU."""

from __future__ import annotations

import os
from typing import Any

from . import _core


def read_job_profiles(path: str | os.PathLike[str]) -> list[_core.JobProfile]:
    """The profiles of a file (docs/formats/job-profile.md).

    Raises InvalidArgumentError that names profile and field; NotFoundError without the file.
    """
    from .errors import make_error

    if not os.path.exists(path):
        raise make_error("not_found", "no such file", os.fspath(path))
    with open(path, encoding="utf-8") as file:
        return _core.job_profiles_from_json(file.read(), os.fspath(path))


def job_profile(**fields: Any) -> _core.JobProfile:
    """One profile from its fields, as in a file: ``job_profile(name="bert", kind="closed", ...)``.

    Raises InvalidArgumentError for a missing, unknown or wrong field.
    """
    import json

    text = json.dumps({"version": 1, "profiles": [fields]})
    return _core.job_profiles_from_json(text, "job_profile()")[0]
