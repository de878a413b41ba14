"""Layout changes, tried out: plan_reshape() and its ReshapePlan."""

from __future__ import annotations

from typing import Any

from . import _core
from .errors import refuse, whole
from .policy import check_word
from .table import Table

ACTUATIONS = ("per-instance", "drain-gpu")


class ReshapePlan:
    """How to change the MIG instances of one GPU, and what that costs. Changes nothing; a value.

    ``steps`` (str each, in order), ``before`` and ``after`` (instances, "3g.40gb@4"),
    ``moved_pods`` (that start again, here or elsewhere), ``interrupted_pods`` (of these, that stop
    before their new place is there), ``elapsed_s``, ``lost_gpu_s`` (GPU seconds that pods lose).
    docs/reshape.md has the costs of single steps and their sources.
    """

    __slots__ = ("_data",)

    def __init__(self, data: _core.ReshapePlan) -> None:
        self._data = data

    @property
    def steps(self) -> list[str]:
        """In order, as text; kinds are in ``to_json()``."""
        return [text for _, text in self._data.steps]

    @property
    def before(self) -> list[str]:
        """Instances now, by start."""
        return self._data.before

    @property
    def after(self) -> list[str]:
        """Instances after the last step, by start."""
        return self._data.after

    @property
    def moved_pods(self) -> int:
        """Pods that start again."""
        return self._data.moved_pods

    @property
    def interrupted_pods(self) -> int:
        """Pods that stop before their new place is there."""
        return self._data.interrupted_pods

    @property
    def elapsed_s(self) -> float:
        """Seconds, one step after the other."""
        return float(sum(self._data.elapsed.values()))

    @property
    def lost_gpu_s(self) -> float:
        """GPU seconds in which pods do not run."""
        return float(sum(self._data.lost_gpu.values()))

    @property
    def costs(self) -> Table:
        """A row per term: term, elapsed_s, lost_gpu_s."""
        elapsed, lost = self._data.elapsed, self._data.lost_gpu
        return Table(
            {
                "term": [name.removesuffix("_s") for name in elapsed],
                "elapsed_s": list(elapsed.values()),
                "lost_gpu_s": list(lost.values()),
            }
        )

    def to_json(self) -> str:
        """As ``gpusched-sim reshape --format json`` prints it (docs/reshape.md)."""
        return self._data.to_json()

    def mig_parted(self, *, node: str = "node-0") -> str:
        """The mig-parted configuration (YAML) of a plan that drains the GPU, old geometry included.

        Raises UnsupportedError for a plan of single instances, which MIG manager cannot carry out.
        """
        return str(self._data.mig_parted(node)[0])

    def label_steps(self, *, node: str = "node-0", undo: bool = False) -> list[dict[str, str]]:
        """What to set on the node and what to wait for: node, label, value, wait_label, wait_value.

        MIG manager neither cordons the node nor evicts pods: do both before.
        """
        return list(self._data.mig_parted(node)[2 if undo else 1])

    def __str__(self) -> str:
        lines = [f"{number:4}. {text}" for number, text in enumerate(self.steps, 1)]
        return "\n".join(
            [
                f"from: {' '.join(self.before) or 'empty'}",
                *lines,
                f"to:   {' '.join(self.after) or 'empty'}",
            ]
        )

    def __repr__(self) -> str:
        return (
            f"<ReshapePlan: {len(self.steps)} steps, {self.moved_pods} pods start again, "
            f"{self.elapsed_s:.1f} s>"
        )


def plan_reshape(
    model: str | _core.GpuModel,
    *,
    layout: str = "",
    need: str | None = None,
    target: str | None = None,
    pinned: str = "",
    idle: str = "",
    mig_enabled: bool = True,
    actuation: str = "per-instance",
    most_moves: int | None = None,
) -> ReshapePlan:
    """The cheapest way to make room for an instance, or to reach a layout, on one GPU.

    ``layout``: instances as PROFILE@START, joined by commas ("1g@0,1g@1,3g.40gb@4"); each holds a
    pod that may move, but those of ``pinned`` and ``idle``. Either ``need``, the profile that is
    to find room ("4g"), or ``target``, the layout to reach. ``actuation``: "per-instance"
    (driver, DRA) or "drain-gpu" (mig-parted). ``most_moves``: pods that may start again.

    Raises NotFoundError for an unknown model or profile, InvalidArgumentError for a layout that is
    none, UnsupportedError where there is no plan, with the reason.
    """
    check_word("actuation", actuation, ACTUATIONS)
    if (need is None) == (target is None):
        raise refuse("give either need or target")
    if most_moves is not None and whole("most_moves", most_moves) < 0:
        raise refuse(f"most_moves {most_moves} is negative")
    for name, value in _texts(layout=layout, need=need, target=target, pinned=pinned, idle=idle):
        raise TypeError(f"{name} is str, not {type(value).__name__}")
    name = model.name if isinstance(model, _core.GpuModel) else model
    return ReshapePlan(
        _core.plan_reshape(
            name,
            layout,
            pinned,
            idle,
            bool(mig_enabled),
            need,
            target or "",
            actuation == "drain-gpu",
            most_moves,
        )
    )


def _texts(**values: Any) -> list[tuple[str, Any]]:
    """Those that are neither str nor None."""
    return [(name, v) for name, v in values.items() if v is not None and not isinstance(v, str)]
