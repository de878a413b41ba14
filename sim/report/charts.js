// Line charts: one description each, drawn anew when the colours of the page change.

const charts = [];

// description: {x, xName, xLabel, xText, xTick, xTicks, yLabel, yText, yMax, steps, series: [{label, values, colour, dash}]}
// steps: a value holds since the point before (-1), up to the next one (1); else lines join the points.
function addChart(section, description) {
  const host = el("div", { class: "chart", role: "img", "aria-label": describeChart(description) });
  section.append(host);
  charts.push({ host, description, plot: null });
  return section;
}

function describeChart(d) {
  const last = d.series.map((s) => `${s.label} ends at ${d.yText(s.values[s.values.length - 1] ?? 0)}`);
  return `Line chart of ${d.yLabel} over ${d.xLabel}. ` + last.join(", ") + ".";
}

function axis(label, values, splits, extra) {
  return {
    label, labelFont: "13px system-ui, sans-serif", font: "12px system-ui, sans-serif", stroke: colour("muted"), labelSize: 22,
    grid: { stroke: colour("grid"), width: 1 }, ticks: { stroke: colour("line"), width: 1, size: 4 },
    ...(values ? { values: (plot, ticks) => ticks.map(values) } : {}), ...(splits ? { splits } : {}), ...extra,
  };
}

// Of ticks in their order those with room for their text.
function apart(plot, ticks) {
  let last = -Infinity;
  return ticks.filter((tick) => {
    const place = plot.valToPos(tick, "x");
    const fits = place - last >= 44;
    last = fits ? place : last;
    return fits;
  });
}

function drawChart(chart) {
  const d = chart.description;
  if (chart.plot) chart.plot.destroy();
  const yTop = (plot, least, most) => [0, Math.min(most > 0 ? 1.06 * most : 1, d.yMax ?? Infinity)];
  const paths = d.steps ? uPlot.paths.stepped({ align: d.steps }) : undefined;
  chart.plot = new uPlot({
    width: Math.max(240, chart.host.clientWidth), height: 240,
    // Room for half a tick label beyond the last value.
    padding: [10, 18, 0, 0],
    cursor: { y: false, points: { size: 7 } },
    scales: { x: { time: false }, y: { range: yTop } },
    axes: [
      axis(d.xLabel, d.xTick, d.xTicks && ((plot) => apart(plot, d.xTicks)), { size: 34, space: 60 }),
      axis(d.yLabel, brief, undefined, { space: 34, size: (plot, texts) => 16 + 7 * Math.max(3, ...(texts ?? []).map((text) => text.length)) }),
    ],
    series: [
      { label: d.xName, value: (plot, value) => (value == null ? "" : d.xText(value)) },
      ...d.series.map((s) => ({
        label: s.label, stroke: colour(s.colour), width: 1.75, dash: s.dash, paths, points: { show: d.x.length < 3 },
        value: (plot, value) => (value == null ? "" : d.yText(value)),
      })),
    ],
  }, [d.x, ...d.series.map((s) => s.values)], chart.host);
}

function drawCharts() {
  charts.forEach(drawChart);
}

function followWindow() {
  const resized = new ResizeObserver((entries) => {
    for (const entry of entries) {
      const chart = charts.find((c) => c.host === entry.target);
      const width = Math.max(240, Math.floor(entry.contentRect.width));
      if (chart.plot && chart.plot.width !== width) chart.plot.setSize({ width, height: 240 });
    }
  });
  charts.forEach((chart) => resized.observe(chart.host));
}
