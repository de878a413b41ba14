"""Event logs as traces: what was asked for and how long it ran, without the decisions."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from typing import Any

from .errors import make_error

_HEALTH = {"ready": "up", "down": "down", "draining": "drain"}
_NODE_FIELDS = ("cpu_milli", "memory_mib", "labels", "replicas")


class _Log:
    """What the lines of a log have said so far."""

    def __init__(self) -> None:
        self.nodes: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.jobs: dict[str, dict[str, Any]] = {}
        self.requests: dict[int, dict[str, Any]] = {}
        self.gang_of: dict[str, str] = {}
        self.started: dict[str, int] = {}
        self.ran_ns: dict[str, int] = defaultdict(int)

    def take(self, entry: dict[str, Any]) -> None:
        kind = entry["type"]
        if kind == "node_added":
            self.nodes.append(_node(entry))
        elif kind == "health_changed":
            event = {"target": "node", "target_id": entry["node"]}
            health = _HEALTH[entry["health"]]
            self.events.append({"time_s": _seconds(entry["t"]), **event, "event": health})
        elif kind == "request":
            self.requests[entry["id"]] = entry["request"]
        elif kind == "pod_submitted" and entry["pod"] not in self.jobs:
            request = self.requests[entry["request"]]
            submit = {"submit_s": _seconds(entry["t"])}
            self.jobs[entry["pod"]] = {"id": entry["pod"], "kind": "pod", **submit, **request}
        elif kind == "decision" and len(entry["pods"]) > 1:
            self.gang_of.update(dict.fromkeys(entry["pods"], entry["pods"][0]))
        elif kind == "pod_started":
            self.started[entry["pod"]] = entry["t"]
        elif kind in ("pod_finished", "pod_evicted") and entry["pod"] in self.started:
            # Who is evicted begins anew: the last run is how long it takes.
            self.ran_ns[entry["pod"]] = entry["t"] - self.started.pop(entry["pod"])

    def job(self, pod: str) -> dict[str, Any] | None:
        """The row of a pod; None for one that never ran: how long it would have is not known."""
        row = dict(self.jobs[pod])
        if pod in self.gang_of:
            row["gang_id"] = self.gang_of[pod]
        if pod in self.started:
            return row  # still runs at the end, and stays
        if self.ran_ns[pod] == 0:
            return None
        return {**row, "duration_s": _seconds(self.ran_ns[pod])}


def trace_lines(path: str) -> str:
    """The trace of a log in GTF's JSON lines (docs/formats/gtf.md)."""
    if not os.path.exists(path):
        raise make_error("not_found", "no such file", path)
    log = _Log()
    number = 0
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                entry = json.loads(line)
                if number == 1 and entry["type"] != "header":
                    raise KeyError("header")
                log.take(entry)
            except (KeyError, TypeError, ValueError) as problem:
                raise make_error(
                    "data_loss",
                    f"no line of an event log: {type(problem).__name__} {problem}",
                    path,
                    number,
                    "docs/formats/event-log.md says what one holds",
                ) from problem
    if number == 0:
        raise make_error("data_loss", "an empty file is no event log", path)
    rows = [log.job(pod) for pod in log.jobs]
    jobs = [row for row in rows if row is not None]
    header = {"type": "header", "gtf": 1, "source": "event log"}
    header["pods_that_never_ran"] = str(len(rows) - len(jobs))
    lines = [header]
    lines += [{"type": "node", **node} for node in log.nodes]
    lines += [{"type": "job", **job} for job in jobs]
    lines += [{"type": "event", **event} for event in log.events]
    return "".join(json.dumps(line) + "\n" for line in lines)


def _node(entry: dict[str, Any]) -> dict[str, Any]:
    node = {"id": entry["node"], "num_gpu": len(entry["gpus"])}
    node |= {name: entry[name] for name in _NODE_FIELDS if name in entry}
    if entry["gpus"]:
        node["gpu_model"] = entry["gpus"][0]["model"]
    if entry["sharing"] != "any":
        node["sharing"] = entry["sharing"]
    return node


def _seconds(time_ns: int) -> str:
    """Exact."""
    return f"{time_ns // 10**9}.{time_ns % 10**9:09d}"
