// The sections of the page, in the order in which they are read.

const data = JSON.parse(document.getElementById("data").textContent);
const summary = data.summary;
const gpus = data.models.reduce((sum, [, count]) => sum + count, 0);
const wait = summary.wait_s ?? {};

function head() {
  const about = Object.fromEntries(data.about);
  document.title = `${data.title} - gpusched report`;
  document.getElementById("title").textContent = data.title;
  const models = data.models.map(([model, count]) => `${number(count)} ${model}`).join(", ");
  const trace = about.name ?? about.generator ?? about.source;
  document.getElementById("about").textContent = [
    about.policy && `Policy ${about.policy}`,
    trace && `trace ${trace}` + (about.parameters ? ` (${about.parameters.replaceAll("|", ", ")})` : ""),
    about.seed && `seed ${about.seed}`,
    gpus > 0 ? `${plural(gpus, "GPU")} on ${plural(data.map.all_nodes, "node")}: ${models}` : "no GPUs",
    `${duration(summary.span_s)} until the last event`,
  ].filter(Boolean).join(" \u00b7 ");
  document.getElementById("made").textContent = `Made by gpusched-sim ${data.version} from the results of one run. Holds all its data; asks for nothing.`;
}

function figure(name, value, more) {
  return el("div", { class: "figure" }, el("dt", {}, name), el("dd", { class: "value" }, value), el("dd", { class: "more" }, more));
}

function figures() {
  const outcomes = ["finished", "running", "waiting", "rejected", "infeasible", "abandoned", "lost"]
    .filter((name) => summary[name] > 0).map((name) => `${number(summary[name])} ${name}`);
  const list = el("dl", { class: "figures" },
    figure("Jobs", number(summary.jobs), outcomes.join(", ")),
    figure("Accepted", percent(summary.acceptance, 2), `${percent(summary.acceptance_by_size, 2)} by size`),
    figure("GPU allocation", percent(summary.gpu_allocation), `${percent(summary.final_gpu_allocation ?? 0)} at the end`),
    figure("Active GPUs", brief(summary.active_gpus), `${percent(summary.utilisation_active)} of these allocated`));
  if (!data.given_order) {
    list.append(figure("Wait, p95", duration(wait.p95 ?? 0), `p50 ${duration(wait.p50 ?? 0)}, p99 ${duration(wait.p99 ?? 0)}, mean ${duration(wait.mean ?? 0)}`));
  }
  if (summary.fragment_gpus > 0) {
    list.append(figure("Fragmented", `${brief(summary.fragment_gpus)} GPUs`, `${percent(summary.fragment_ratio)} of the free ones`));
  }
  if (summary.unusable_slices > 0) {
    list.append(figure("Unusable slices", brief(summary.unusable_slices), "free, but of no use to the mix"));
  }
  if (summary.evictions > 0) {
    list.append(figure("Evictions", number(summary.evictions), `${number(summary.preemptions)} by preemption`));
  }
  if (summary.reshapes > 0) {
    list.append(figure("Moves", number(summary.reshapes), `${number(summary.reshapes_failed)} failed, ${plural(summary.reshape_restarts, "pod")} lost time`));
  }
  if (summary.cluster_cost > 0) {
    list.append(figure("Cost", money(summary.cluster_cost), `${money(summary.allocated_cost)} held by jobs, ${percent(summary.allocated_cost / summary.cluster_cost)}`));
  }
  if (summary.execution) {
    list.append(figure("Goodput per GPU", number(summary.execution.goodput, 3), `${percent(summary.execution.slo_attainment)} of jobs that ran got their SLO`));
  }
  const section = card("Summary", "Means are over time, up to the last arrival.", { wide: true });
  section.append(list);
  return section;
}

function money(value) {
  return brief(value) + (data.currency ? ` ${data.currency}` : "");
}

// What all charts over time have in common.
function overTime() {
  const unit = timeUnit(summary.span_s);
  return { x: data.timeline.time_s.map((t) => t / unit.seconds), xName: "time", xLabel: `time of the trace, ${unit.name}`,
    xText: (value) => `${number(value, 2)} ${unit.short}`, steps: -1 };
}

function demandChart() {
  const t = data.timeline;
  // After the last arrival the cluster only drains.
  const last = t.arrived.findIndex((value) => value === t.arrived[t.arrived.length - 1]) + 1;
  const share = (values) => values.slice(0, last).map((value) => (100 * value) / gpus);
  const cut = Math.max(...t.offered) > 1.5 * gpus ? " What is above 150 % is cut off." : "";
  const section = card("Allocation over arrived demand", "How full the cluster gets as demand adds up. Dashed: what would run if every job started when it came and stayed as long as the trace says." + cut);
  return addChart(section, { x: share(t.arrived), xName: "arrived", xLabel: "demand that arrived so far, % of all GPUs", xText: (v) => `${brief(v)} %`,
    yLabel: "% of all GPUs", yText: (v) => `${number(v, 1)} %`, yMax: 150, series: [
      { label: "allocated", values: t.allocated.slice(0, last).map((v) => 100 * v), colour: "c1" },
      { label: "demanded", values: share(t.offered), colour: "c6", dash: [6, 4] },
      ...(summary.fragment_gpus > 0 ? [{ label: "fragmented", values: share(t.fragment), colour: "c2" }] : []),
    ] });
}

function utilisationChart() {
  const t = data.timeline;
  const section = card("Utilisation over time", "Active GPUs hold anything at all; how full these are tells packing from spreading.");
  return addChart(section, { ...overTime(), yLabel: "%", yText: (v) => `${number(v, 1)} %`, yMax: 106, series: [
    { label: "allocated of all GPUs", values: t.allocated.map((v) => 100 * v), colour: "c1" },
    { label: "active GPUs", values: t.active.map((v) => (100 * v) / gpus), colour: "c6", dash: [6, 4] },
    { label: "allocated of active GPUs", values: t.allocated.map((v, i) => (t.active[i] > 0 ? (100 * v * gpus) / t.active[i] : null)), colour: "c3" },
    ...(summary.mig_allocation > 0 && t.mig.some((v, i) => v !== t.allocated[i])
      ? [{ label: "allocated of MIG slices", values: t.mig.map((v) => 100 * v), colour: "c4" }] : []),
  ] });
}

function costChart() {
  const t = data.timeline;
  // What jobs held, at the mean price of a GPU in use: ends at the exact sum of the summary.
  const held = [];
  let sum = 0;
  t.time_s.forEach((time, i) => held.push(sum += t.allocated[i] * (time - (t.time_s[i - 1] ?? 0))));
  const section = card("Cost over time", "All GPUs of the cluster, and the part that jobs held: exact at the end, before it at the mean price of a GPU in use.");
  return addChart(section, { ...overTime(), steps: 0, yLabel: data.currency ? `cost so far, ${data.currency}` : "cost so far", yText: money, series: [
    { label: "cluster", values: t.time_s.map((time) => (summary.cluster_cost * time) / summary.span_s), colour: "c6", dash: [6, 4] },
    { label: "held by jobs", values: held.map((value) => (sum > 0 ? (summary.allocated_cost * value) / sum : 0)), colour: "c1" },
  ] });
}

function fragmentChart() {
  const t = data.timeline;
  const section = card("Fragmentation over time", "Free capacity that the expected mix of requests cannot use, by FGD's measure, in GPUs; against all that is free.");
  return addChart(section, { ...overTime(), yLabel: "GPUs", yText: brief, series: [
    { label: "fragmented", values: t.fragment, colour: "c2" },
    { label: "free", values: t.allocated.map((v) => gpus * Math.max(0, 1 - v)), colour: "c6", dash: [6, 4] },
  ] });
}

function sliceChart() {
  const section = card("Unusable MIG slices over time", "Free placement units that the profiles in demand cannot use, as expected over the mix.");
  return addChart(section, { ...overTime(), yLabel: "placement units", yText: brief, series: [{ label: "unusable", values: data.timeline.unusable, colour: "c2" }] });
}

function queueChart() {
  const section = card("Jobs over time", "How many run, and how many wait for a place.");
  return addChart(section, { ...overTime(), yLabel: "jobs", yText: (v) => number(v), series: [
    { label: "running", values: data.timeline.running, colour: "c1" },
    { label: "waiting", values: data.timeline.queued, colour: "c5" },
  ] });
}

const kindNames = { all: "all jobs", cpu: "without GPU", share: "share of a GPU", whole: "one whole GPU", several: "several GPUs", mig: "MIG instances" };

function waitSection() {
  const { wait_s, curves } = data.waiting;
  const started = curves.length > 0 ? curves[0].jobs : 0;
  const never = summary.jobs - started;
  if (data.given_order) return card("Waiting time", "Jobs came one by one in a given order: there are no waiting times.");
  if (wait_s.length < 2) return card("Waiting time", started > 0 ? `${plural(started, "job")} started, and waited ${duration(wait_s[0])}.` : "No job started.");
  const section = card("Waiting time", `Share of the ${plural(started, "job")} that started which had waited no longer.` + (never > 0 ? ` ${number(never)} never started.` : ""));
  // Logarithmic, but with a place for those that did not wait.
  const place = (seconds) => Math.log10(1 + seconds);
  const names = new Map([[0, "0 s"], [1, "1 s"], [10, "10 s"], [60, "1 min"], [600, "10 min"], [3600, "1 h"], [21600, "6 h"], [86400, "1 d"], [864000, "10 d"],
    [8640000, "100 d"]].map(([seconds, name]) => [place(seconds), name]));
  const colours = ["c1", "c2", "c3", "c4", "c5", "c6"];
  return addChart(section, { x: wait_s.map(place), xName: "waited up to", xLabel: "waiting time, logarithmic", xText: (v) => duration(10 ** v - 1),
    xTick: (v) => names.get(v), xTicks: [...names.keys()], steps: 1, yLabel: "% of jobs", yText: (v) => `${number(v, 1)} %`, yMax: 103,
    series: curves.map((curve, i) => ({ label: curve.kind === "all" ? kindNames.all : `${kindNames[curve.kind]} (${number(curve.jobs)})`,
      values: curve.share.map((v) => 100 * v), colour: colours[i], dash: i === 0 ? undefined : [4 + 2 * i, 3] })) });
}

function reasonSection() {
  const section = card("Why jobs waited", "The reason that held for most nodes (MIG: GPUs) when a job was last refused: before it started, or for good.");
  if (data.reasons.length === 0) {
    section.append(el("p", {}, "No job waited for a place, and none was refused."));
    return section;
  }
  const most = Math.max(...data.reasons.map((row) => row.started + row.without_place));
  section.append(el("div", { class: "legend" }, legendItem("never got a place, or lost it", "var(--c5)"), legendItem("started later", "var(--c1)")),
    table(["reason", "no place", "started later", "mean wait", ""], data.reasons.map((row) => [
      row.sentence || row.name, number(row.without_place), number(row.started), row.started > 0 ? duration(row.wait_s / row.started) : "",
      bar([[row.without_place / most, "c5"], [row.started / most, "c1"]])]), "Reasons why jobs waited"));
  return section;
}

function kindSection() {
  const section = card("Accepted by kind of request", "Pods that started at least once, of those that arrived: shares, whole GPUs by their number, MIG profiles.");
  const rows = Object.entries(summary.acceptance_by_kind ?? {}).map(([kind, row]) => {
    const part = row.arrived > 0 ? row.accepted / row.arrived : 0;
    return [kind, number(row.arrived), number(row.accepted), percent(part), bar([[part, "c3"]])];
  });
  section.append(table(["kind", "arrived", "accepted", "", ""], rows, "Acceptance by kind of request"));
  return section;
}

function executionSection(execution) {
  const section = card("Work within its promises", "Share of the offered work that ran within its SLO, by class, and how jobs were started.");
  const served = Object.entries(execution.served ?? {}).filter(([name]) => execution.offered?.[name] > 0);
  const tables = el("div", { class: "tables" });
  section.append(tables);
  tables.append(table(["class", "offered, GPUs per GPU", "served", ""], served.map(([name, part]) => [
    name, number(execution.offered[name], 3), percent(part), bar([[part, "c3"]])]), "Served work by class"));
  const starts = Object.entries(execution.starts ?? {});
  const all = starts.reduce((sum, [, count]) => sum + count, 0) || 1;
  tables.append(table(["started as", "jobs", "", ""], starts.map(([mode, count]) => [
    modeNames[mode] ?? mode, number(count), percent(count / all), bar([[count / all, "c4"]])]), "Starts by mode"));
  return section;
}

function build() {
  head();
  const sections = [figures()];
  if (gpus > 0) sections.push(demandChart(), utilisationChart());
  sections.push(queueChart(), waitSection(), reasonSection(), kindSection());
  if (summary.fragment_gpus > 0) sections.push(fragmentChart());
  if (summary.unusable_slices > 0) sections.push(sliceChart());
  if (summary.cluster_cost > 0) sections.push(costChart());
  if (summary.execution) sections.push(executionSection(summary.execution));
  if (data.map.nodes.length > 0) sections.push(new GpuMap(data.map, summary.span_s).section());
  if (data.comparison) sections.push(comparisonSection(data.comparison));
  // A narrow card at the end of a row takes the row.
  let narrow = 0;
  sections.forEach((section, i) => {
    narrow = section.classList.contains("wide") ? 0 : narrow + 1;
    if (narrow % 2 === 1 && (sections[i + 1]?.classList.contains("wide") ?? true)) section.classList.add("wide");
  });
  document.getElementById("main").append(...sections);
  drawCharts();
  followWindow();
  // Charts are pictures: other colours need other pictures. Paper is white whatever the screen is.
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawCharts);
  addEventListener("beforeprint", () => { document.documentElement.classList.add("paper"); drawCharts(); });
  addEventListener("afterprint", () => { document.documentElement.classList.remove("paper"); drawCharts(); });
}

build();
