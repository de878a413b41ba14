"""
What of libgpusched is written in C++. Private: the package libgpusched wraps it.
"""
from __future__ import annotations
import collections.abc
import numpy
import numpy.typing
import typing
import typing_extensions
__all__: list[str] = ['Episode', 'GpuModel', 'JobProfile', 'MigLattice', 'MigProfile', 'NodesView', 'Request', 'ReshapePlan', 'Result', 'Simulation', 'Snapshot', 'Table', 'Trace', 'build', 'check_policy', 'compare_with_bound', 'compare_with_optimum', 'compat_names', 'estimate', 'explain', 'generators', 'gpu_models', 'job_profiles_from_json', 'plan', 'plan_metrics', 'plan_reshape', 'policies', 'report', 'version']
class Table:
    @staticmethod
    def from_columns(columns: dict) -> Table:
        ...
    def arrow_array(self) -> tuple[typing_extensions.CapsuleType, typing_extensions.CapsuleType]:
        ...
    def arrow_schema(self) -> typing_extensions.CapsuleType:
        ...
    def arrow_stream(self) -> typing_extensions.CapsuleType:
        ...
    def codes(self, name: str) -> numpy.ndarray:
        ...
    def values(self, name: str) -> typing.Any:
        ...
    def words(self, name: str) -> list:
        ...
    @property
    def columns(self) -> list[str]:
        ...
    @property
    def rows(self) -> int:
        ...
class MigLattice:
    """
    All states of one GPU cut by MIG, and what leads from one to the next. State 0 is the empty GPU;
    placements are numbered by shape, then start.
    """
    def __repr__(self) -> str:
        ...
    def after_create(self, state: typing.SupportsInt | typing.SupportsIndex, placement: typing.SupportsInt | typing.SupportsIndex) -> int | None:
        """
        The next state, or None where it does not fit.
        """
    def after_destroy(self, state: typing.SupportsInt | typing.SupportsIndex, placement: typing.SupportsInt | typing.SupportsIndex) -> int | None:
        """
        The next state, or None where it is not there.
        """
    def creatable_count(self, state: typing.SupportsInt | typing.SupportsIndex) -> int:
        """
        How many (shape, start) can still be created.
        """
    def is_maximal(self, state: typing.SupportsInt | typing.SupportsIndex) -> bool:
        """
        True when nothing more can be created.
        """
    def placed(self, state: typing.SupportsInt | typing.SupportsIndex) -> list[int]:
        """
        Numbers of the placements that the state holds.
        """
    @property
    def occupancy(self) -> numpy.typing.NDArray[numpy.uint16]:
        """
        uint16 of shape (state_count,): occupied units by state, bit i = unit i.
        """
    @property
    def placements(self) -> list[tuple[int, int, int]]:
        """
        Tuples (shape, start, size).
        """
    @property
    def shapes(self) -> list[tuple[int, int, list[int]]]:
        """
        Tuples (compute slices, memory units, legal starts), ascending.
        """
    @property
    def state_count(self) -> int:
        ...
    @property
    def units(self) -> int:
        ...
class MigProfile:
    """
    One MIG profile of one GPU model. Read only.
    """
    def __repr__(self) -> str:
        ...
    @property
    def compute_slices(self) -> int:
        ...
    @property
    def max_instances(self) -> int | None:
        """
        Per GPU.
        """
    @property
    def memory_mib(self) -> int | None:
        ...
    @property
    def memory_units(self) -> int:
        """
        Size of a placement, in placement units.
        """
    @property
    def name(self) -> str:
        """
        NVIDIA's name, "1g.10gb+me".
        """
    @property
    def sm_count(self) -> int | None:
        ...
    @property
    def starts(self) -> list[int]:
        """
        Legal first units, ascending; empty when unknown.
        """
class GpuModel:
    """
    A row of the GPU catalogue: GpuModel("H100-80GB-SXM5"), any alias will do. Read only.
    """
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __hash__(self) -> int:
        ...
    def __init__(self, name: str) -> None:
        ...
    def __repr__(self) -> str:
        ...
    @property
    def aliases(self) -> list[str]:
        ...
    @property
    def architecture(self) -> str:
        ...
    @property
    def compute_slices(self) -> int:
        """
        0: no MIG.
        """
    @property
    def confidence(self) -> str:
        ...
    @property
    def lattice(self) -> MigLattice:
        """
        Its MIG geometry. UnsupportedError where the model has no MIG or no known placements.
        """
    @property
    def memory_mib(self) -> int | None:
        ...
    @property
    def name(self) -> str:
        ...
    @property
    def placement_units(self) -> int:
        ...
    @property
    def profiles(self) -> list[MigProfile]:
        """
        Empty: no MIG.
        """
    @property
    def sm_count(self) -> int | None:
        ...
    @property
    def source(self) -> str:
        ...
class JobProfile:
    """
    What was measured of a job that ran alone on a whole GPU. Read only; shares are 0 to 1.
    """
    def __eq__(self, arg0: typing.Any) -> bool:
        ...
    def __hash__(self) -> int:
        ...
    def __repr__(self) -> str:
        ...
    def to_json(self) -> str:
        ...
    @property
    def dram_active(self) -> float:
        ...
    @property
    def duty_cycle(self) -> float:
        ...
    @property
    def engine_active(self) -> float:
        ...
    @property
    def gpu_model(self) -> str:
        ...
    @property
    def kind(self) -> str:
        ...
    @property
    def memory_peak_mib(self) -> int:
        ...
    @property
    def mps_demand(self) -> float | None:
        ...
    @property
    def name(self) -> str:
        ...
    @property
    def request_load(self) -> float | None:
        ...
    @property
    def revision(self) -> int:
        ...
    @property
    def service_time_ms(self) -> float | None:
        ...
    @property
    def slice_speeds(self) -> dict[str, float]:
        ...
    @property
    def sm_active(self) -> float | None:
        ...
    @property
    def source(self) -> str:
        ...
class Trace:
    @staticmethod
    def from_csv(text: str, name: str) -> Trace:
        ...
    @staticmethod
    def from_lines(text: str, name: str) -> Trace:
        ...
    @staticmethod
    def from_shorthand(text: str) -> Trace:
        ...
    @staticmethod
    def generate(name: str, parameters: collections.abc.Mapping[str, str], seed: typing.SupportsInt | typing.SupportsIndex) -> Trace:
        ...
    @staticmethod
    def read(spec: str) -> Trace:
        ...
    @staticmethod
    def read_jobs(spec: str) -> Trace:
        ...
    @staticmethod
    def read_nodes(spec: str) -> Trace:
        ...
    def jobs(self) -> Table:
        ...
    def nodes(self) -> Table:
        ...
    def on_cluster(self, cluster: Trace) -> Trace:
        ...
    def to_lines(self) -> str:
        ...
    def with_prices(self, prices: collections.abc.Mapping[str, typing.SupportsFloat | typing.SupportsIndex]) -> Trace:
        ...
    def write(self, format: str, path: str) -> None:
        ...
    @property
    def event_count(self) -> int:
        ...
    @property
    def job_count(self) -> int:
        ...
    @property
    def metadata(self) -> dict[str, str]:
        ...
    @property
    def node_count(self) -> int:
        ...
    @property
    def profiles(self) -> list[JobProfile]:
        ...
    @property
    def report(self) -> tuple[int, int, dict[str, int], dict[str, int], list[str]]:
        ...
class Request:
    """
    What one pod asks for. Read only.
    """
    def __eq__(self, other: typing.Any) -> bool:
        ...
    def __hash__(self) -> int:
        ...
    @property
    def cpu_milli(self) -> int:
        ...
    @property
    def gpu_memory_mib(self) -> int:
        """
        0: not stated.
        """
    @property
    def gpu_milli(self) -> int:
        """
        Share of each device in thousandths; 1000: whole.
        """
    @property
    def job_class(self) -> str:
        ...
    @property
    def job_profile(self) -> str:
        ...
    @property
    def max_slowdown(self) -> float:
        """
        0: not stated.
        """
    @property
    def memory_mib(self) -> int:
        ...
    @property
    def mig_profile(self) -> str:
        """
        Empty: no MIG instance.
        """
    @property
    def mode(self) -> str:
        ...
    @property
    def num_gpu(self) -> int:
        """
        Devices or MIG instances; 0: CPU only.
        """
    @property
    def priority(self) -> int:
        ...
class NodesView:
    """
    The nodes that a policy scores: states of nodes that take the request, each one once.
    
    Arrays by node have the shape (len(view),), arrays by GPU (len(view), most GPUs of a node), -1 behind a node's
    last GPU. Good only during the call of score().
    """
    def __len__(self) -> int:
        ...
    @property
    def cpu_free_milli(self) -> numpy.typing.NDArray[numpy.int64]:
        """
        By node.
        """
    @property
    def fits(self) -> numpy.typing.NDArray[numpy.int64]:
        """
        By GPU: 1 where the requested share fits.
        """
    @property
    def gpu_free_milli(self) -> numpy.typing.NDArray[numpy.int64]:
        """
        By GPU: thousandths that shares and whole requests can still take.
        """
    @property
    def gpu_memory_free_mib(self) -> numpy.typing.NDArray[numpy.int64]:
        """
        By GPU.
        """
    @property
    def gpu_model(self) -> numpy.typing.NDArray[numpy.int64]:
        """
        By node: index into gpu_models(); -1 without GPUs.
        """
    @property
    def memory_free_mib(self) -> numpy.typing.NDArray[numpy.int64]:
        """
        By node.
        """
    @property
    def mig_occupancy(self) -> numpy.typing.NDArray[numpy.int64]:
        """
        By GPU: occupied placement units, bit i = unit i.
        """
    @property
    def request(self) -> Request:
        ...
class Result:
    def curve(self) -> Table:
        ...
    def decisions(self) -> Table:
        ...
    def demand(self) -> Table:
        ...
    def jobs(self) -> Table:
        ...
    def summary_json(self) -> str:
        ...
    def timeline(self) -> Table:
        ...
    def write(self, directory: str, policy: str) -> None:
        ...
class Simulation:
    def __init__(self, trace: Trace, settings: dict) -> None:
        ...
    def finish(self) -> Result:
        ...
    def play(self, most: typing.SupportsInt | typing.SupportsIndex, progress: typing.Any) -> int:
        ...
    def state(self) -> tuple:
        ...
    @property
    def arrivals(self) -> int:
        ...
    @property
    def arrived(self) -> int:
        ...
    @property
    def now_s(self) -> float:
        ...
class Episode:
    def __init__(self, trace: Trace, settings: dict, most_choices: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    def advance(self, answer: typing.SupportsInt | typing.SupportsIndex) -> bool:
        ...
    def finish(self) -> Result:
        ...
    def observation(self, most_gpus: typing.SupportsInt | typing.SupportsIndex) -> dict:
        ...
    def question(self) -> dict:
        ...
    @property
    def allocation(self) -> float:
        """
        Share of GPU time allocated so far.
        """
    @property
    def arrivals(self) -> int:
        ...
    @property
    def arrived(self) -> int:
        ...
    @property
    def started(self) -> int:
        """
        Jobs.
        """
class Snapshot:
    @staticmethod
    def generate(seed: typing.SupportsInt | typing.SupportsIndex, gpus: typing.SupportsInt | typing.SupportsIndex | None, jobs: typing.SupportsInt | typing.SupportsIndex | None) -> Snapshot:
        ...
    @staticmethod
    def record(trace: Trace, settings: dict, at_s: typing.SupportsFloat | typing.SupportsIndex, reject_cost: typing.SupportsFloat | typing.SupportsIndex, move_cost: typing.SupportsFloat | typing.SupportsIndex) -> Snapshot:
        ...
    def lp(self) -> str:
        ...
    @property
    def job_count(self) -> int:
        ...
    @property
    def node_count(self) -> int:
        ...
class ReshapePlan:
    def mig_parted(self, node: str) -> tuple[str, list, list]:
        ...
    def to_json(self) -> str:
        ...
    @property
    def after(self) -> list:
        ...
    @property
    def before(self) -> list:
        ...
    @property
    def elapsed(self) -> dict:
        ...
    @property
    def interrupted_pods(self) -> int:
        ...
    @property
    def lost_gpu(self) -> dict:
        ...
    @property
    def moved_pods(self) -> int:
        ...
    @property
    def steps(self) -> list:
        ...
def build() -> str:
    ...
def check_policy(text: str, parameters: collections.abc.Mapping[str, str]) -> None:
    ...
def compare_with_bound(trace: Trace, settings: dict, policies: collections.abc.Sequence[str], solver: str, time_limit_s: typing.SupportsFloat | typing.SupportsIndex, library: typing.Any) -> str:
    ...
def compare_with_optimum(snapshot: Snapshot, policies: collections.abc.Sequence[str], sequence: str, seed: typing.SupportsInt | typing.SupportsIndex, solver: str, time_limit_s: typing.SupportsFloat | typing.SupportsIndex, library: typing.Any) -> str:
    ...
def compat_names() -> list[str]:
    ...
def estimate(values: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex]) -> tuple[float, float]:
    """
    Mean and half width of its 95 % confidence interval (Student's t).
    """
def explain(trace: Trace, settings: dict, job: str, at_s: typing.SupportsFloat | typing.SupportsIndex, what_if: dict) -> tuple:
    ...
def generators() -> list:
    ...
def gpu_models() -> list[GpuModel]:
    ...
def job_profiles_from_json(text: str, file: str) -> list[JobProfile]:
    ...
def plan(asked: dict, first: Trace, recipe: tuple[str, collections.abc.Mapping[str, str]] | None, settings: dict, progress: typing.Any) -> tuple:
    ...
def plan_metrics() -> list:
    ...
def plan_reshape(model: str, layout: str, pinned: str, idle: str, mig_enabled: bool, need: str | None, target: str, drains: bool, most_moves: typing.SupportsInt | typing.SupportsIndex | None) -> ReshapePlan:
    ...
def policies() -> list:
    ...
def report(page: str, directory: str, title: str, comparison: str) -> str:
    ...
version: str = '0.1.0'
