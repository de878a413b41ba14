#!/usr/bin/env python3
"""Compares the MIG rows of the GPU catalogue with a geometry table in JSON, for who edits either.

    catalog_against_reference.py GEOMETRY.json    prints every difference, exits 1 on any

The table holds {"gpus": [{"id", "profiles": [{"name", "placement_starts", ...}]}]} with null for unknown numbers; text
after " (" in an id is a remark. Catalogue rows that the table does not have are left alone. Compiles a dump of the
catalogue with $CXX (default g++).
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

# Field of the catalogue -> field of the table.
MODEL_FIELDS = {"architecture": "architecture", "memory_mib": "memory_mib_nominal", "sm_count": "sm_total",
                "sm_count_in_mig": "sm_total_in_mig", "compute_slices": "compute_slices",
                "placement_units": "placement_units_total", "confidence": "confidence", "source": "sources"}
PROFILE_FIELDS = {"compute_slices": "compute_slices", "memory_units": "placement_size", "starts": "placement_starts",
                  "memory_mib": "memory_mib", "max_instances": "max_instances", "sm_count": "sm_count",
                  "copy_engines": "copy_engines", "nvdec": "nvdec", "nvenc": "nvenc", "jpeg": "jpeg", "ofa": "ofa",
                  "confidence": "confidence", "source": "sources"}

# Values that every type of a row prints as; an unknown number and an empty list print as nothing, like null below.
DUMP = r"""
#include <iostream>
#include "gpusched/model/gpu_catalog.hpp"
using namespace gpusched;
std::string text(std::string_view v) { return std::string(v); }
std::string text(int v) { return v == 0 ? "" : std::to_string(v); }
std::string text(Confidence v) { return v == Confidence::high ? "high" : v == Confidence::medium ? "medium" : "low"; }
template <typename T> std::string text(const std::optional<T>& v) { return v ? std::to_string(*v) : ""; }
std::string text(const std::vector<std::int16_t>& v) {
  std::string all;
  for (int x : v) all += (all.empty() ? "" : " ") + std::to_string(x);
  return all;
}
int main() {
  for (const GpuModel& m : gpu_catalog()) {
    std::cout << "model\t" << m.name MODEL << "\n";
    for (const MigProfile& p : m.profiles) std::cout << "profile\t" << p.name PROFILE << "\n";
  }
}
"""


def dump_catalog(root: Path) -> dict[str, tuple[dict, dict]]:
    columns = {variable: "".join(f' << "\\t" << text({variable}.{field})' for field in fields)
               for variable, fields in (("m", MODEL_FIELDS), ("p", PROFILE_FIELDS))}
    with tempfile.TemporaryDirectory() as folder:
        source, program = Path(folder, "dump.cpp"), Path(folder, "dump")
        source.write_text(DUMP.replace("MODEL", columns["m"]).replace("PROFILE", columns["p"]))
        core = root / "libgpusched"
        units = [*core.glob("src/model/gpu_catalog*.cpp"), *core.glob("src/base/*.cpp")]
        subprocess.run([os.environ.get("CXX", "g++"), "-std=c++20", f"-I{core}/include", f"-I{core}/src", source, *units,
                        "-o", program], check=True)
        lines = subprocess.run([program], check=True, capture_output=True, text=True).stdout.splitlines()
    rows: dict[str, tuple[dict, dict]] = {}
    for kind, name, *values in (line.split("\t") for line in lines):
        if kind == "model":
            model, profiles = dict(zip(MODEL_FIELDS, values)), {}
            rows[name] = (model, profiles)
        else:
            profiles[name] = dict(zip(PROFILE_FIELDS, values))
    return rows


def expected_text(row: dict, field: str) -> str:
    value = row[field]
    if value is None:
        return ""
    if isinstance(value, list):
        return " ".join(map(str, value))
    return str(value).split()[0].split("-")[0] if field == "confidence" else str(value)


def compare(where: str, found: dict, row: dict, fields: dict) -> list[str]:
    return [f"{where}: {ours} is {found[ours] or 'unknown'}, the table has {expected_text(row, theirs) or 'unknown'}"
            for ours, theirs in fields.items() if found[ours] != expected_text(row, theirs)]


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    catalog = dump_catalog(Path(__file__).resolve().parents[2])
    differences = []
    for gpu in json.loads(Path(sys.argv[1]).read_text())["gpus"]:
        name = gpu["id"].split(" (")[0]
        if name not in catalog:
            differences.append(f"{name}: not in the catalogue")
            continue
        model, profiles = catalog[name]
        differences += compare(name, model, gpu, MODEL_FIELDS)
        if list(profiles) != [profile["name"] for profile in gpu["profiles"]]:
            differences.append(f"{name}: other profiles, or another order: {', '.join(profiles)}")
        for profile in gpu["profiles"]:
            if profile["name"] in profiles:
                differences += compare(f"{name} {profile['name']}", profiles[profile["name"]], profile, PROFILE_FIELDS)
    print("\n".join(differences) or "the catalogue agrees with the table")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
