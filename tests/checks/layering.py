#!/usr/bin/env python3
"""Checks who may include whom, and what the pure core may not use.

    layering.py SOURCE_DIR    checks a source tree; prints file:line: finding, exits 1 on any
    layering.py --self-test   plants one violation per rule in a temporary tree and expects each to be found
"""

import re
import sys
import tempfile
from pathlib import Path

# Left to right: a file includes only its own layer and those before it.
LAYERS = ["base", "model", "cluster", "perf", "filter", "score", "reshape", "policy", "engine", "kube", "io"]

# Third party -> folders whose files may include it. Public headers are in none of them.
CAGES = {
    "Eigen": (["Eigen/", "unsupported/Eigen/"], ["libgpusched/src/perf", "libgpusched/src/score"]),
    "Boost": (["boost/"], ["libgpusched/src/reshape", "extender/src/http"]),
    "nlohmann/json": (
        ["nlohmann/"],
        ["libgpusched/src/io", "sim/src", "sim/cli", "extender/src", "profiler/src", "profiler/cli", "tests", "bench"],
    ),
    "simdjson": (["simdjson"], ["extender/src"]),
    "OpenSSL": (["openssl/"], ["extender/src/http", "tests/extender"]),
    "libcurl": (["curl/"], ["extender/src/api"]),
    "spdlog": (["spdlog/"], ["extender/src", "extender/cli"]),
    "prometheus-cpp": (["prometheus/"], ["extender/src"]),
    "POSIX": (
        ["sys/socket.h", "netinet/", "arpa/inet.h", "unistd.h", "poll.h", "fcntl.h", "signal.h", "spawn.h", "sys/wait.h", "sys/prctl.h"],
        ["sim/src", "sim/cli", "extender/src", "extender/cli", "profiler/src", "profiler/cli", "tests", "bench"],
    ),
    "dynamic loading": (["dlfcn.h"], ["profiler/src", "profiler/suite", "tests"]),
    "zlib": (["zlib.h"], ["sim/src"]),
    "Linux": (["sys/mman.h"], ["libgpusched/src/base"]),
    "pybind11": (["pybind11/", "Python.h", "numpy/"], ["bindings/src"]),
    "CUDA": (["cuda", "mma.h", "cublas", "cooperative_groups"], ["profiler/suite"]),
    "CLI11": (["CLI/"], ["sim/cli", "extender/cli", "profiler/cli"]),
    "yaml-cpp": (["yaml-cpp/"], ["sim/cli", "extender/src"]),
    "GoogleTest": (["gtest/", "gmock/"], ["tests"]),
    "Google Benchmark": (["benchmark/"], ["bench"]),
}

ROOMS = ["libgpusched", "sim", "extender", "profiler", "bindings", "tests", "bench"]
SHELLS = ["sim", "extender", "profiler"]
# Shells that a room stands on: the Python module offers the simulator.
STANDS_ON = {"sim": ["sim"], "extender": ["extender"], "profiler": ["profiler"], "bindings": ["sim"]}

# What would make a decision depend on more than its input. Pattern -> why or what instead.
BANNED_INCLUDES = {
    "iostream": "the core does no I/O",
    "thread": "the core has no threads",
    "mutex": "the core has no threads",
    "future": "the core has no threads",
    "chrono": "time is int64 nanoseconds from the caller",
    "ctime": "time is int64 nanoseconds from the caller",
}
BANNED_CODE = [
    (r"\bstd::(?:random_)?shuffle\b", "differs between standard libraries; shuffle with our Philox generator"),
    (r"\bstd::\w+_distribution\b", "differs between standard libraries; draw with our Philox generator"),
    (r"\bstd::random_device\b", "is not reproducible; use our Philox generator"),
    (r"\bstd::chrono\b", "time is int64 nanoseconds from the caller"),
    (r"\b(?:system|steady|high_resolution)_clock\b", "time is int64 nanoseconds from the caller"),
    (r"(?<![\w.>])s?rand\s*\(", "is not reproducible; use our Philox generator"),
    (r"\bstd::(?:thread|jthread|async)\b", "the core has no threads"),
    (r"\bstd::(?:cout|cerr|clog|cin)\b", "the core does no I/O"),
    (r"\bv?(?:f|s|sn|d)?printf\s*\(", "depends on the locale or does I/O; use std::to_chars"),
]

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', re.MULTILINE)
TOKEN = re.compile(
    r'//(?:\\\n|[^\n])*'  # line comment
    r'|/\*.*?\*/'  # block comment
    r'|R"(?P<delimiter>[^()\\\s]{0,16})\(.*?\)(?P=delimiter)"'  # raw string
    r'|"(?:\\.|[^"\\\n])*"'  # string
    r"|(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])+'",  # character; not the digit separator of 1'000
    re.DOTALL,
)


def blank(text):
    """Spaces for everything but newlines, so that offsets and line numbers stay."""
    return re.sub(r"[^\n]", " ", text)


def without_comments(text):
    return TOKEN.sub(lambda m: blank(m[0]) if m[0].startswith("/") else m[0], text)


def code_only(text):
    """Neither comments nor literals nor includes."""
    text = INCLUDE.sub(lambda m: blank(m[0]), text)
    return TOKEN.sub(lambda m: blank(m[0]), text)


def layer_of(path):
    """Layer of a path inside libgpusched/, or None."""
    match = re.match(r"libgpusched/(?:include/gpusched|src)/([^/]+)/", path)
    return match[1] if match and match[1] in LAYERS else None


def check_file(root, path):
    """Yields (line, finding) for one file; path is relative to root, with forward slashes."""
    text = (root / path).read_text(encoding="utf-8")
    room = path.split("/", 1)[0]
    public = re.match(r"(?:libgpusched|sim|extender|profiler)/include/", path) is not None
    layer = layer_of(path)

    if room == "libgpusched" and layer is None:
        yield 1, f"not in a layer; layers are {', '.join(LAYERS)}"
        return

    uncommented = without_comments(text)
    for match in INCLUDE.finditer(uncommented):
        line = uncommented.count("\n", 0, match.start(2)) + 1
        quoted, target = match[1] == '"', match[2]

        caged = False
        for name, (prefixes, folders) in CAGES.items():
            if not target.startswith(tuple(prefixes)):
                continue
            caged = True
            if public:
                yield line, f"public header includes <{target}>: {name} must not show in the interface"
            elif not path.startswith(tuple(folder + "/" for folder in folders)):
                yield line, f"includes <{target}>: {name} is allowed only in {', '.join(folders)}"
        if caged:
            continue

        resolved = resolve(root, path, target, quoted)
        if room == "libgpusched":
            yield from ((line, finding) for finding in check_core_include(layer, target, quoted, resolved))
        elif room in STANDS_ON and resolved:
            command_lines = tuple(f"{shell}/cli/" for shell in STANDS_ON[room])
            if resolved.startswith(command_lines) and not path.startswith(f"{room}/cli/"):
                yield line, f"includes {target}: the library must not know its command line"
            if resolved.startswith(tuple(f"{shell}/" for shell in SHELLS if shell not in STANDS_ON[room])):
                yield line, f"includes {target}: shells do not know each other"
        if room in ["libgpusched", *STANDS_ON] and resolved and resolved.startswith(("tests/", "bench/")):
            yield line, f"includes {target}: the product must not know its tests"

    if room == "libgpusched":
        code = code_only(text)
        for pattern, reason in BANNED_CODE:
            for match in re.finditer(pattern, code):
                yield code.count("\n", 0, match.start()) + 1, f"{match[0].rstrip(' (')}: {reason}"


def resolve(root, path, target, quoted):
    """Path of an included file of ours relative to root, or None."""
    bases = ["libgpusched/include", "sim/include", "extender/include", "profiler/include"]
    if path.startswith(("libgpusched/", "sim/", "extender/", "profiler/")):
        bases.append(path.split("/", 1)[0] + "/src")
    if quoted:
        bases.insert(0, str(Path(path).parent))
    for base in bases:
        candidate = (root / base / target).resolve()
        if candidate.is_file() and candidate.is_relative_to(root):
            return candidate.relative_to(root).as_posix()
    return None


def check_core_include(layer, target, quoted, resolved):
    # A header that is generated, or not written yet, is judged by its name.
    name = resolved or f"libgpusched/include/{target}"
    if target.startswith("gpusched/") or resolved:
        target_layer = layer_of(name)
        if target_layer is None:
            yield f"includes {target}: not in a layer of libgpusched"
        elif LAYERS.index(target_layer) > LAYERS.index(layer):
            yield f"includes {target}: {layer} must not know {target_layer} (order: {' -> '.join(LAYERS)})"
    elif quoted:
        yield f'includes "{target}": no such file in libgpusched'
    elif target in BANNED_INCLUDES:
        yield f"includes <{target}>: {BANNED_INCLUDES[target]}"
    elif "/" in target or "." in target:
        yield f"includes <{target}>: neither the C++ standard library nor a known third party"


def check_tree(root):
    root = root.resolve()
    findings, files = [], 0
    for room in ROOMS:
        for file in sorted((root / room).rglob("*")):
            if file.suffix in (".hpp", ".cpp", ".h", ".cc", ".hh", ".ipp", ".cu", ".cuh") and file.is_file():
                files += 1
                path = file.relative_to(root).as_posix()
                findings += [f"{path}:{line}: {finding}" for line, finding in check_file(root, path)]
    return files, findings


CLEAN = {
    "libgpusched/include/gpusched/base/units.hpp": "#pragma once\n#include <cstdint>\n",
    "libgpusched/include/gpusched/io/log.hpp": '#pragma once\n#include "gpusched/base/units.hpp"\n',
    "libgpusched/src/perf/fit.cpp": '#include <Eigen/Dense>\n#include "gpusched/base/units.hpp"\n',
    "libgpusched/src/reshape/detail.hpp": "#pragma once\n#include <boost/graph/adjacency_list.hpp>\n",
    "libgpusched/src/reshape/plan.cpp": '#include "detail.hpp"\n#include "reshape/detail.hpp"\n',
    "libgpusched/src/io/log.cpp": '#include "gpusched/io/log.hpp"\n#include <nlohmann/json.hpp>\n',
    "libgpusched/src/base/talk.cpp": (
        '// #include <iostream>, std::shuffle\n/* rand()\n#include <thread>\n*/\n'
        'const char* s = "std::chrono printf( // ";\nconst char* r = R"(system_clock " rand()";\n'
        "int operand(int); int n = 1'000 + operand(1'0); char c = '\"';\n"
    ),
    "bindings/src/simulation.cpp": '#include <pybind11/pybind11.h>\n#include "gpusched/sim/simulator.hpp"\n',
    "sim/include/gpusched/sim/simulator.hpp": '#pragma once\n#include "gpusched/io/log.hpp"\n',
    "sim/src/run.cpp": '#include <chrono>\n#include <zlib.h>\n#include "gpusched/io/log.hpp"\n',
    "sim/cli/main.cpp": "#include <CLI/CLI.hpp>\n#include <iostream>\n#include <yaml-cpp/yaml.h>\n",
    "profiler/src/nvml/library.cpp": '#include <dlfcn.h>\n#include "gpusched/io/log.hpp"\n',
    "profiler/suite/gemm.cu": "#include <cuda_runtime.h>\n#include <mma.h>\n",
    "profiler/cli/main.cpp": "#include <CLI/CLI.hpp>\n#include <signal.h>\n",
    "tests/io/log_test.cpp": '#include <gtest/gtest.h>\n#include <nlohmann/json.hpp>\n#include "gpusched/io/log.hpp"\n',
    "bench/run_bench.cpp": "#include <benchmark/benchmark.h>\n",
}

# path, text, what the finding must say
PLANTED = [
    ("libgpusched/src/base/a.cpp", '#include "gpusched/io/log.hpp"', "base must not know io"),
    ("libgpusched/include/gpusched/filter/a.hpp", "#include <gpusched/score/v.hpp>", "filter must not know score"),
    ("libgpusched/src/cluster/a.cpp", '#include "gpusched/perf/v.hpp"', "cluster must not know perf"),
    ("libgpusched/src/perf/a.cpp", '#include "gpusched/filter/v.hpp"', "perf must not know filter"),
    ("libgpusched/src/base/a.cpp", '#include "../reshape/detail.hpp"', "base must not know reshape"),
    ("libgpusched/src/base/a.cpp", '#include "reshape/detail.hpp"', "base must not know reshape"),
    ("libgpusched/src/io/a.cpp", '#include "gpusched/sim/run.hpp"', "not in a layer"),
    ("libgpusched/src/io/a.cpp", '#include "../../../sim/src/run.cpp"', "not in a layer"),
    ("libgpusched/src/io/a.cpp", '#include "nowhere.hpp"', "no such file"),
    ("libgpusched/src/oops/a.cpp", "int a;", "not in a layer"),
    ("libgpusched/include/gpusched/a.hpp", "int a;", "not in a layer"),
    ("libgpusched/src/policy/a.cpp", "#include <Eigen/Core>", "Eigen is allowed only"),
    ("libgpusched/src/score/a.cpp", "#include <boost/graph/graph_traits.hpp>", "Boost is allowed only"),
    ("libgpusched/src/kube/a.cpp", "#include <nlohmann/json.hpp>", "nlohmann/json is allowed only"),
    ("libgpusched/include/gpusched/io/a.hpp", "#include <nlohmann/json_fwd.hpp>", "must not show in the interface"),
    ("libgpusched/include/gpusched/perf/a.hpp", "#include <Eigen/Core>", "must not show in the interface"),
    ("sim/include/gpusched/sim/a.hpp", "#include <nlohmann/json.hpp>", "must not show in the interface"),
    ("libgpusched/src/io/a.cpp", "#include <zlib.h>", "zlib is allowed only"),
    ("sim/src/a.cpp", "#include <CLI/CLI.hpp>", "CLI11 is allowed only"),
    ("tests/sim/a_test.cpp", "#include <yaml-cpp/yaml.h>", "yaml-cpp is allowed only"),
    ("libgpusched/src/io/a.cpp", "#include <spdlog/spdlog.h>", "spdlog is allowed only"),
    ("libgpusched/src/io/a.cpp", "#include <unistd.h>", "POSIX is allowed only"),
    ("libgpusched/src/io/a.cpp", "#include <sys/epoll.h>", "nor a known third party"),
    ("sim/src/a.cpp", "#include <dlfcn.h>", "dynamic loading is allowed only"),
    ("profiler/include/gpusched/profiler/a.hpp", "#include <dlfcn.h>", "must not show in the interface"),
    ("profiler/src/a.cpp", '#include "gpusched/sim/simulator.hpp"', "shells do not know each other"),
    ("profiler/src/suite/a.cpp", "#include <cuda_runtime.h>", "CUDA is allowed only"),
    ("profiler/suite/a.cu", "#include <nlohmann/json.hpp>", "nlohmann/json is allowed only"),
    ("profiler/src/a.cpp", '#include "../cli/main.cpp"', "must not know its command line"),
    ("extender/src/api/a.cpp", "#include <boost/beast/core.hpp>", "Boost is allowed only"),
    ("extender/src/a.cpp", '#include "../../sim/cli/main.cpp"', "shells do not know each other"),
    ("bindings/src/a.cpp", '#include "../../sim/cli/main.cpp"', "must not know its command line"),
    ("extender/src/a.cpp", '#include "gpusched/sim/simulator.hpp"', "shells do not know each other"),
    ("sim/src/a.cpp", "#include <pybind11/pybind11.h>", "pybind11 is allowed only"),
    ("sim/src/a.cpp", '#include "../../tests/io/log_test.cpp"', "must not know its tests"),
    ("sim/src/a.cpp", '#include "../cli/main.cpp"', "must not know its command line"),
    ("libgpusched/src/base/a.cpp", "#  include\t<iostream>", "no I/O"),
    ("libgpusched/src/base/a.cpp", "#include <thread>", "no threads"),
    ("libgpusched/src/base/a.cpp", "#include <chrono>", "nanoseconds"),
    ("libgpusched/src/base/a.cpp", "void f() { std::shuffle(a, b, g); }", "standard libraries"),
    ("libgpusched/src/base/a.cpp", "std::uniform_int_distribution<int> d;", "standard libraries"),
    ("libgpusched/src/base/a.cpp", "using Clock = std::chrono::nanoseconds;", "nanoseconds"),
    ("libgpusched/src/base/a.cpp", "auto t = system_clock::now();", "nanoseconds"),
    ("libgpusched/src/base/a.cpp", "int n = 1'000 + rand();", "not reproducible"),
    ("libgpusched/src/base/a.cpp", "int n = std::rand ();", "not reproducible"),
    ("libgpusched/src/base/a.cpp", "void f() { std::fprintf(stderr, \"\"); }", "locale"),
    ("libgpusched/src/base/a.cpp", "void f() { std::snprintf(b, 9, \"\"); }", "locale"),
    ("libgpusched/src/base/a.cpp", "void f() { std::cerr << 1; }", "no I/O"),
]


def self_test():
    def findings_of(files):
        with tempfile.TemporaryDirectory() as folder:
            for path, text in files.items():
                file = Path(folder, path)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text + "\n", encoding="utf-8")
            return check_tree(Path(folder))[1]

    failures = [f"clean tree: unexpected {finding}" for finding in findings_of(CLEAN)]
    for path, text, expected in PLANTED:
        # Line 3, behind a comment, so that the reported line is tested too.
        findings = findings_of({**CLEAN, path: "/* one\ntwo */\n" + text})
        line = 1 if expected == "not in a layer" and "include" not in text else 3
        if len(findings) != 1 or not findings[0].startswith(f"{path}:{line}: ") or expected not in findings[0]:
            failures.append(f"{path}: {text!r}: expected one finding with {expected!r}, got {findings}")
    for failure in failures:
        print(failure)
    print(f"layering self-test: {len(PLANTED)} planted violations, {len(failures)} failures")
    return 1 if failures else 0


def main(arguments):
    if arguments == ["--self-test"]:
        return self_test()
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        print(__doc__, file=sys.stderr)
        return 2
    files, findings = check_tree(Path(arguments[0]))
    for finding in findings:
        print(finding)
    print(f"layering: {files} files, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
