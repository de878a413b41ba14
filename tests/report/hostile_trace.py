"""Writes a small trace whose names try to leave the page's data: hostile_trace.py FOLDER"""

import csv
import pathlib
import sys

HOSTILE = ['</script><img src=x onerror="window.hostile=1">', "<!--<script>", "'\"><svg/onload=window.hostile=2>", "&lt;b&gt;", "\u202egnp.exe"]

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
with open(folder / "nodes.csv", "w", encoding="utf-8", newline="") as file:
    file.write("#gtf_version: 1\n#name: </script><script>window.hostile=3</script>\n#currency: <i>\n")
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(["id", "gpu_model", "num_gpu", "cpu_milli", "memory_mib", "price_per_hour"])
    rows.writerow([HOSTILE[0], "H100-80GB-SXM5", 8, 192000, 2097152, 2950000])
    rows.writerow([HOSTILE[2], "T4", 2, 64000, 262144, 350000])
with open(folder / "jobs.csv", "w", encoding="utf-8", newline="") as file:
    file.write("#gtf_version: 1\n")
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(["id", "kind", "submit_s", "duration_s", "cpu_milli", "memory_mib", "num_gpu", "gpu_milli"])
    for i in range(60):
        rows.writerow([f"{HOSTILE[i % len(HOSTILE)]} {i}", "pod", 60 * i, 1800, 1000, 1024, 1 + i % 3, 1000])
