"""Clusters as pictures: one box per GPU, what is on it inside. Inline SVG for notebooks."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from . import _core
from .errors import Error

if TYPE_CHECKING:
    from .simulator import State
    from .trace import Cluster

MOST_NODES = 40
WIDTH, HEIGHT, GAP, LABEL = 84, 22, 4, 150
COLOURS = ("#4e79a7", "#59a14f", "#f28e2b", "#b07aa1", "#e15759", "#76b7b2", "#edc948", "#9c755f")
IDLE, LINE = "#eeeeee", "#bbbbbb"


def of_cluster(cluster: Cluster) -> str:
    """Every GPU idle."""
    nodes = cluster.nodes
    rows: list[tuple[str, list[Any], str]] = [
        (name, [("", [])] * int(count), model or "")
        for name, count, model in zip(
            nodes["id"][:MOST_NODES], nodes["num_gpu"], nodes["gpu_model"], strict=False
        )
    ]
    return _picture(rows, nodes.num_rows, html.escape(repr(cluster)))


def of_state(state: State) -> str:
    """Every GPU with its shares and MIG instances, by pod."""
    placements = _placements(state)
    gpus: dict[str, list[tuple[str, list[Any]]]] = {}
    models: dict[str, str] = {}
    table = state.gpus
    for node, gpu, model in zip(table["node"], table["gpu"], table["model"], strict=True):
        if node not in gpus and len(gpus) == MOST_NODES:
            break
        gpus.setdefault(node, []).append((model, placements.get((node, int(gpu)), [])))
        models[node] = model
    rows = [(node, boxes, models[node]) for node, boxes in gpus.items()]
    return _picture(rows, state.nodes.num_rows, html.escape(repr(state)))


def _placements(state: State) -> dict[tuple[str, int], list[Any]]:
    found: dict[tuple[str, int], list[Any]] = {}
    table = state.placements
    names = ("node", "gpu", "pod", "share_milli", "start", "size", "profile")
    for node, gpu, *what in zip(*(table[name] for name in names), strict=True):
        found.setdefault((node, int(gpu)), []).append(what)
    return found


def _picture(rows: list[tuple[str, list[Any], str]], nodes: int, caption: str) -> str:
    widest = max((len(boxes) for _, boxes, _ in rows), default=0)
    parts = []
    for line, (name, boxes, model) in enumerate(rows):
        y = line * (HEIGHT + GAP)
        label = html.escape(f"{name} {model}")
        parts.append(
            f"<text x='{LABEL - 6}' y='{y + 15}' text-anchor='end'><title>{label}</title>"
            f"{html.escape(name[:22])}</text>"
        )
        for column, (gpu_model, placements) in enumerate(boxes):
            parts.append(_gpu(LABEL + column * (WIDTH + GAP), y, gpu_model, placements))
    height = max(len(rows), 1) * (HEIGHT + GAP)
    width = LABEL + widest * (WIDTH + GAP)
    more = f"; {len(rows)} of {nodes} nodes shown" if len(rows) < nodes else ""
    return (
        f"<p>{caption}{more}</p><svg xmlns='http://www.w3.org/2000/svg' width='{width}' "
        f"height='{height}' font-family='sans-serif' font-size='11'>{''.join(parts)}</svg>"
    )


def _gpu(x: float, y: float, model: str, placements: list[Any]) -> str:
    boxes = [
        f"<rect x='{x}' y='{y}' width='{WIDTH}' height='{HEIGHT}' fill='{IDLE}' stroke='{LINE}'/>"
    ]
    shared = 0.0
    for pod, share_milli, start, size, profile in placements:
        if size > 0:
            unit = WIDTH / _units(model)
            left, wide, what = start * unit, size * unit, profile or "instance"
        else:
            left, wide, what = shared, WIDTH * share_milli / 1000, f"{share_milli} milli"
            shared += wide
        colour = COLOURS[sum(pod.encode()) % len(COLOURS)]
        boxes.append(
            f"<rect x='{x + left:.1f}' y='{y}' width='{wide:.1f}' height='{HEIGHT}' "
            f"fill='{colour}' stroke='white'><title>{html.escape(f'{pod}: {what}')}</title></rect>"
        )
    return "".join(boxes)


def _units(model: str) -> int:
    try:
        return _core.GpuModel(model).placement_units or 8
    except Error:
        return 8
