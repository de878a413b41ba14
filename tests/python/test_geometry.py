"""GPU models, MIG lattices, job profiles."""

import pytest

import libgpusched as gs

PROFILE = {
    "name": "bert",
    "kind": "closed",
    "gpu_model": "H100-80GB-SXM5",
    "engine_active": {"mean": 0.8},
    "dram_active": {"mean": 0.4},
    "memory_peak_mib": 12000,
}


def test_models():
    models = gs.gpu_models()
    assert len(models) > 20 and len({model.name for model in models}) == len(models)
    h100 = gs.GpuModel("NVIDIA H100 80GB HBM3")
    assert h100.name == "H100-80GB-SXM5" and h100 == gs.GpuModel("h100-80gb-sxm5")
    assert repr(h100) == 'GpuModel("H100-80GB-SXM5")' and hash(h100) == hash(gs.GpuModel(h100.name))
    profiles = {profile.name: profile for profile in h100.profiles}
    assert profiles["3g.40gb"].starts == [0, 4] and profiles["1g.10gb"].max_instances == 7
    with pytest.raises(gs.NotFoundError, match="Known models: A30"):
        gs.GpuModel("H1000")
    with pytest.raises(TypeError):
        gs.GpuModel(3)
    with pytest.raises(AttributeError):
        h100.name = "mine"


def test_lattice():
    lattice = gs.GpuModel("H100-80GB-SXM5").lattice
    assert (lattice.units, len(lattice.shapes), len(lattice.placements)) == (8, 6, 18)
    assert lattice.occupancy.shape == (lattice.state_count,) and lattice.occupancy[0] == 0
    state = 0
    for number, (_, start, size) in enumerate(lattice.placements):
        state = lattice.after_create(0, number)
        assert lattice.occupancy[state] == ((1 << size) - 1) << start
        assert lattice.placed(state) == [number]
        assert lattice.after_destroy(state, number) == 0
        assert lattice.after_create(state, number) is None
    whole = next(i for i, (shape, _, _) in enumerate(lattice.placements) if shape == 5)
    full = lattice.after_create(0, whole)
    assert lattice.is_maximal(full) and lattice.creatable_count(full) == 0
    assert lattice.creatable_count(0) == len(lattice.placements)
    for call in (lambda: lattice.placed(-1), lambda: lattice.is_maximal(lattice.state_count)):
        with pytest.raises(gs.InvalidArgumentError, match="is not in 0"):
            call()
    with pytest.raises(gs.UnsupportedError, match="MIG on T4"):
        gs.GpuModel("T4").lattice  # noqa: B018


def test_job_profiles(tmp_path):
    profile = gs.job_profile(**PROFILE)
    assert (profile.name, profile.kind, profile.engine_active) == ("bert", "closed", 0.8)
    assert profile.service_time_ms is None and profile.slice_speeds == {}
    (tmp_path / "p.json").write_text(profile.to_json())
    assert gs.read_job_profiles(tmp_path / "p.json") == [profile]
    for change, text in (({"engine_active": {"mean": 1.5}}, "1.5"), ({"colour": 1}, "colour")):
        with pytest.raises(gs.Error, match=text):
            gs.job_profile(**{**PROFILE, **change})
    with pytest.raises(gs.NotFoundError):
        gs.read_job_profiles(tmp_path / "q.json")
