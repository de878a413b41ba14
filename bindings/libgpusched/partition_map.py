"""Clusters as pictures: one box per GPU, what is on it inside. Inline SVG for notebooks."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import _core
from .errors import Error
from .trace import Cluster

if TYPE_CHECKING:
    from .simulator import State

MOST_NODES = 40
WIDTH, HEIGHT, GAP, LABEL = 84, 22, 4, 150
COLOURS = ("#4e79a7", "#59a14f", "#f28e2b", "#b07aa1", "#e15759", "#76b7b2", "#edc948", "#9c755f")
IDLE, LINE = "#eeeeee", "#bbbbbb"


@dataclass(frozen=True)
class Piece:
    """Part of a GPU that a pod holds; left and wide are shares of the whole GPU."""

    pod: str
    what: str
    left: float
    wide: float

    @property
    def colour(self) -> str:
        """The same for a pod wherever it is."""
        return COLOURS[sum(self.pod.encode()) % len(COLOURS)]


@dataclass(frozen=True)
class Row:
    """A node, and of each of its GPUs what is on it."""

    node: str
    model: str
    gpus: list[list[Piece]]


def of_cluster(cluster: Cluster) -> str:
    """Every GPU idle."""
    return _picture(rows_of(cluster), cluster.num_nodes, html.escape(repr(cluster)))


def of_state(state: State) -> str:
    """Every GPU with its shares and MIG instances, by pod."""
    return _picture(rows_of(state), state.nodes.num_rows, html.escape(repr(state)))


def rows_of(thing: State | Cluster) -> list[Row]:
    """The first nodes that have GPUs, at most MOST_NODES; of a cluster every GPU is idle."""
    rows: dict[str, Row] = {}
    for node, model, pieces in _gpus(thing):
        if node not in rows and len(rows) == MOST_NODES:
            break
        rows.setdefault(node, Row(node, model, [])).gpus.append(pieces)
    return list(rows.values())


def _gpus(thing: State | Cluster) -> Iterator[tuple[str, str, list[Piece]]]:
    if isinstance(thing, Cluster):
        table = thing.nodes
        for name, count, model in zip(
            table["id"], table["num_gpu"], table["gpu_model"], strict=True
        ):
            for _ in range(int(count)):
                yield name, model, []
        return
    placements = _placements(thing)
    table = thing.gpus
    for node, gpu, model in zip(table["node"], table["gpu"], table["model"], strict=True):
        yield node, model, _pieces(model, placements.get((node, int(gpu)), []))


def _placements(state: State) -> dict[tuple[str, int], list[Any]]:
    found: dict[tuple[str, int], list[Any]] = {}
    table = state.placements
    names = ("node", "gpu", "pod", "share_milli", "start", "size", "profile")
    for node, gpu, *what in zip(*(table[name] for name in names), strict=True):
        found.setdefault((node, int(gpu)), []).append(what)
    return found


def _pieces(model: str, placements: list[Any]) -> list[Piece]:
    pieces = []
    shared = 0.0
    for pod, share_milli, start, size, profile in placements:
        if size > 0:
            units = _units(model)
            pieces.append(Piece(pod, profile or "instance", start / units, size / units))
        else:
            pieces.append(Piece(pod, f"{share_milli} milli", shared, share_milli / 1000))
            shared += share_milli / 1000
    return pieces


def _picture(rows: list[Row], nodes: int, caption: str) -> str:
    widest = max((len(row.gpus) for row in rows), default=0)
    parts = []
    for line, row in enumerate(rows):
        y = line * (HEIGHT + GAP)
        label = html.escape(f"{row.node} {row.model}")
        parts.append(
            f"<text x='{LABEL - 6}' y='{y + 15}' text-anchor='end'><title>{label}</title>"
            f"{html.escape(row.node[:22])}</text>"
        )
        for column, pieces in enumerate(row.gpus):
            parts.append(_gpu(LABEL + column * (WIDTH + GAP), y, pieces))
    height = max(len(rows), 1) * (HEIGHT + GAP)
    width = LABEL + widest * (WIDTH + GAP)
    more = f"; {len(rows)} of {nodes} nodes shown" if len(rows) < nodes else ""
    return (
        f"<p>{caption}{more}</p><svg xmlns='http://www.w3.org/2000/svg' width='{width}' "
        f"height='{height}' font-family='sans-serif' font-size='11'>{''.join(parts)}</svg>"
    )


def _gpu(x: float, y: float, pieces: list[Piece]) -> str:
    boxes = [
        f"<rect x='{x}' y='{y}' width='{WIDTH}' height='{HEIGHT}' fill='{IDLE}' stroke='{LINE}'/>"
    ]
    for piece in pieces:
        title = html.escape(f"{piece.pod}: {piece.what}")
        boxes.append(
            f"<rect x='{x + WIDTH * piece.left:.1f}' y='{y}' width='{WIDTH * piece.wide:.1f}' "
            f"height='{HEIGHT}' fill='{piece.colour}' stroke='white'>"
            f"<title>{title}</title></rect>"
        )
    return "".join(boxes)


def _units(model: str) -> int:
    try:
        return _core.GpuModel(model).placement_units or 8
    except Error:
        return 8
