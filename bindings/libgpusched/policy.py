"""How to choose: policies by name, and policies written in Python."""

from __future__ import annotations

from typing import Any

from . import _core
from .errors import refuse


class Policy:
    """A policy: one of the table by its name, or a subclass with a method :meth:`score`.

    ``Policy("fgd", resolution=100)`` is what the command line calls ``fgd:resolution=100``;
    :func:`policies` lists names and parameters. Raises NotFoundError for an unknown name or
    parameter, InvalidArgumentError for a value that is not allowed.

    A subclass places shares, whole GPUs and CPU-only jobs by the costs that its ``score`` returns;
    MIG instances go where the best-fit rule puts them. It needs not call ``super().__init__()``.
    """

    #: Scores hold until a node changes. True: until the next arrival, for policies that learn.
    rescore_on_arrival = False

    def __init__(self, name: str = "", **parameters: Any) -> None:
        if self._is_own():
            return
        if not isinstance(name, str):
            raise TypeError(f"the name of a policy is str, not {type(name).__name__}")
        self._name, _, text = name.partition(":")
        self._parameters = dict(item.partition("=")[::2] for item in text.split(",") if item)
        self._parameters.update({key: str(value) for key, value in parameters.items()})
        _core.check_policy(self._name, self._parameters)

    @property
    def name(self) -> str:
        """Its name in the table; of a subclass the name of the class."""
        return type(self).__name__ if self._is_own() else self._name

    @property
    def parameters(self) -> dict[str, str]:
        """Those that were given, as text."""
        return dict(getattr(self, "_parameters", {}))

    def score(self, view: _core.NodesView) -> Any:
        """Costs of the nodes in ``view`` for ``view.request``; smaller is better.

        Returns an array of shape ``(len(view),)``, or ``(len(view), GPUs)`` to choose among the
        GPUs of a node as well; with one cost per node a share goes to the tightest GPU that takes
        it. Costs are finite, at most 1e12 in size, and compared in millionths; equal ones are
        decided by the order of the nodes.

        Called for nodes whose state changed since this kind of request was last seen, all of which
        take it: the answer must depend on ``view`` alone (or set ``rescore_on_arrival``). What it
        raises ends the run and reaches its caller.
        """
        raise NotImplementedError

    def __repr__(self) -> str:
        if self._is_own():
            return f"<{self.name}>"
        parameters = "".join(f", {key}={value!r}" for key, value in self.parameters.items())
        return f"Policy({self.name!r}{parameters})"

    def _text(self) -> str:
        """As the command line takes it."""
        pairs = ",".join(f"{key}={value}" for key, value in self.parameters.items())
        return self.name + (f":{pairs}" if pairs else "")

    def _settings(self) -> dict[str, Any]:
        return {
            "policy": self.name,
            "policy_parameters": self.parameters,
            "policy_object": self if self._is_own() else None,
        }

    def _is_own(self) -> bool:
        return type(self).score is not Policy.score


def policies() -> dict[str, dict[str, str]]:
    """The table of policies by name, each with its parameters and their defaults."""
    return {name: parameters for name, _, parameters in _core.policies()}


def as_policy(policy: str | Policy) -> Policy:
    """A policy from its name; others stay."""
    if isinstance(policy, Policy):
        return policy
    if isinstance(policy, str):
        return Policy(policy)
    if isinstance(policy, type) and issubclass(policy, Policy):
        raise TypeError(f"give an instance: {policy.__name__}()")
    raise TypeError(f"a policy is a name or a Policy, not {type(policy).__name__}")


def check_word(name: str, word: str | None, known: tuple[str, ...]) -> None:
    """Refuses what is neither None nor one of the known words."""
    if word is not None and word not in known:
        raise refuse(f"{name} {word!r} is unknown", f"Known: {', '.join(known)}")
