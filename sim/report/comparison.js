// Policies side by side: one measure as points with intervals, all of them as a table.

const measures = {
  acceptance: ["accepted jobs", "%", 100, 2], acceptance_by_size: ["accepted, by size", "%", 100, 2],
  gpu_allocation: ["GPU allocation", "%", 100, 2], fragment_gpus: ["fragmented GPUs", "GPUs", 1, 1],
  unusable_slices: ["unusable slices", "slices", 1, 1], active_gpus: ["active GPUs", "GPUs", 1, 1],
  wait_s_p50: ["wait p50", "s", 1, 0], wait_s_p99: ["wait p99", "s", 1, 0], evictions: ["evictions", "", 1, 1],
  goodput: ["goodput per GPU", "", 1, 3], balanced_goodput: ["balanced goodput", "", 1, 3], slo_attainment: ["SLO attainment", "%", 100, 1],
  unserved: ["never started", "%", 100, 1], window_wait_s_p95: ["wait p95 in the window", "s", 1, 0],
};

function measure(key) {
  const [label, unit, scale, digits] = measures[key] ?? [key.replaceAll("_", " "), "", 1, 3];
  return { label: unit ? `${label}, ${unit}` : label, scale, digits };
}

function comparisonSection(comparison) {
  const used = comparison.metrics.map((key, i) => i).filter((i) => comparison.policies.some((policy) => policy.mean[i] !== 0));
  const section = card("Policies side by side", comparison.seeds > 1
    ? `Mean of ${plural(comparison.seeds, "seed")}; lines and \u00b1 are the 95 % confidence interval (Student's t).`
    : "One seed: there is no interval.", { wide: true });
  const choice = el("select", { id: "measure" }, ...used.map((i) => el("option", { value: i }, measure(comparison.metrics[i]).label)));
  const host = el("div", {});
  const show = () => host.replaceChildren(intervalPlot(comparison, Number(choice.value)));
  choice.addEventListener("change", show);
  section.append(el("div", { class: "controls" }, el("label", { for: "measure" }, "Measure"), choice), host);
  if (used.length > 0) show();
  const head = ["policy", ...used.map((i) => measure(comparison.metrics[i]).label)];
  const rows = comparison.policies.map((policy) => [policy.name, ...used.map((i) => cellText(comparison, policy, i))]);
  section.append(el("h3", {}, "All measures"), table(head, rows, "Policies, all measures"));
  return section;
}

function cellText(comparison, policy, i) {
  const { scale, digits } = measure(comparison.metrics[i]);
  const half = comparison.seeds > 1 ? " \u00b1" + number(scale * policy.half_width[i], digits) : "";
  return number(scale * policy.mean[i], digits) + half;
}

// Round steps that cover the range about five times.
function roundTicks(least, most) {
  const rough = (most - least) / 5 || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
  const ticks = [];
  for (let tick = Math.ceil(least / step) * step; tick <= most + step * 1e-9; tick += step) ticks.push(tick);
  return ticks;
}

function intervalPlot(comparison, i) {
  const { label, scale } = measure(comparison.metrics[i]);
  const rows = comparison.policies.map((policy) => ({ name: policy.name, mean: scale * policy.mean[i], half: scale * policy.half_width[i],
    text: cellText(comparison, policy, i) }));
  rows.sort((a, b) => b.mean - a.mean);
  let least = Math.min(...rows.map((row) => row.mean - row.half));
  let most = Math.max(...rows.map((row) => row.mean + row.half));
  const margin = (most - least) * 0.04 || Math.abs(most) * 0.1 || 1;
  [least, most] = [Math.max(least >= 0 ? 0 : -Infinity, least - margin), most + margin];
  // As wide as it is shown, so that text keeps its size on a phone.
  const width = Math.min(1180, Math.max(320, document.documentElement.clientWidth - 60));
  const narrow = width < 600, rowHeight = narrow ? 38 : 22;
  const left = narrow ? 8 : 220, right = narrow ? 12 : 130, bottom = rows.length * rowHeight + 6;
  const x = (value) => left + ((value - least) / (most - least)) * (width - left - right);
  const plot = svg("svg", { class: "intervals", viewBox: `0 0 ${width} ${bottom + 40}`, role: "img", "aria-label": `${label} by policy, the highest first: `
    + rows.map((row) => `${row.name} ${row.text}`).join(", ") });
  plot.style.maxWidth = width + "px";
  for (const tick of roundTicks(least, most)) {
    plot.append(svg("line", { class: "rule", x1: x(tick), x2: x(tick), y1: 0, y2: bottom }),
      svg("text", { class: "axis", x: x(tick), y: bottom + 16, "text-anchor": "middle" }, brief(tick)));
  }
  plot.append(svg("text", { class: "axis", x: (left + width - right) / 2, y: bottom + 34, "text-anchor": "middle" }, label));
  rows.forEach((row, index) => {
    const y = index * rowHeight + (narrow ? 28 : 13);
    const name = row.name.length > 30 ? row.name.slice(0, 29) + "\u2026" : row.name;
    plot.append(narrow ? svg("text", { x: left, y: y - 10 }, name) : svg("text", { x: left - 10, y: y + 4, "text-anchor": "end" }, name),
      svg("line", { class: "whisker", x1: x(row.mean - row.half), x2: x(row.mean + row.half), y1: y, y2: y }),
      svg("circle", { cx: x(row.mean), cy: y, r: 4 }),
      svg("text", { class: "axis", x: width, y: narrow ? y - 10 : y + 4, "text-anchor": "end" }, row.text));
  });
  return plot;
}
