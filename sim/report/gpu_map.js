// GPUs of some nodes at a moment that a slider chooses.

const modeNames = {
  whole: "whole GPU", share: "share of a GPU", mig: "MIG instance", time_slice: "time slice", mps: "MPS", time_sliced_mig: "time-sliced MIG",
};
const cellWidth = 40, cellHeight = 22;

class GpuMap {
  constructor(map, span_s) {
    this.map = map;
    this.span_s = span_s;
    this.unit = timeUnit(span_s);
    this.cells = [];
    this.selected = 0;
    this.readParts();
    this.step = this.busiestStep();
  }

  // Columns -> parts; first steps come as differences.
  readParts() {
    const m = this.map;
    let step = 0;
    this.parts = m.gpu.map((gpu, i) => {
      step += m.step[i];
      return { gpu, from: step, to: step + m.steps_long[i], start_s: m.start_s[i], long_s: m.long_s[i], start: m.start[i], size: m.size[i],
        mode: m.modes[m.mode[i]], job: m.job[i] };
    });
  }

  busiestStep() {
    const changes = new Array(this.map.steps + 1).fill(0);
    for (const part of this.parts) {
      changes[part.from] += 1;
      changes[part.to] -= 1;
    }
    let count = 0, most = -1, best = 0;
    changes.slice(0, this.map.steps).forEach((change, step) => {
      count += change;
      if (count > most) [most, best] = [count, step];
    });
    return best;
  }

  section() {
    const m = this.map;
    const gpus = m.nodes.reduce((sum, node) => sum + node[2], 0);
    const some = gpus < m.all_gpus ? `${number(gpus)} of ${number(m.all_gpus)} GPUs, on nodes spread evenly over the cluster. ` : "";
    const short = m.left_out > 0 ? `What began and ended between two positions of the slider is not drawn (${number(m.left_out)} times here). ` : "";
    const section = card("GPU map", some + "A box is a GPU; what jobs hold of its width is in colour. Jobs that were evicted or moved "
      + "stand at their last place only, and of a job with several replicas one is drawn. " + short + "Point at a GPU, or use the arrow keys on the map.", { wide: true });
    this.slider = el("input", { type: "range", min: 0, max: m.steps - 1, value: this.step, "aria-label": "Time of the GPU map", id: "map-time" });
    this.output = el("output", { for: "map-time" });
    this.play = el("button", { type: "button" }, "Play");
    this.details = el("div", { class: "details", "aria-live": "polite" });
    section.append(el("div", { class: "controls" }, this.play, this.slider, this.output), this.legend(), this.grid(), this.details);
    this.slider.addEventListener("input", () => this.show(Number(this.slider.value)));
    this.play.addEventListener("click", () => this.togglePlay());
    this.show(this.step);
    return section;
  }

  legend() {
    const legend = el("div", { class: "legend" });
    const used = new Set(this.parts.map((part) => part.mode));
    for (const mode of this.map.modes.filter((name) => used.has(name) && name !== "mig")) {
      legend.append(legendItem(modeNames[mode], `var(--mode-${mode})`));
    }
    if (used.has("mig")) {
      legend.append(legendItem("small MIG instance", this.migColour(0.125)), legendItem("large MIG instance", this.migColour(1)));
    }
    legend.append(legendItem("free", "var(--idle)"));
    return legend;
  }

  grid() {
    this.host = el("div", { class: "map", role: "group", tabindex: 0 });
    this.map.nodes.forEach(([name, model, gpus], node) => {
      const columns = Math.min(gpus, 8);
      const box = el("div", { class: "gpus" });
      box.style.gridTemplateColumns = `repeat(${columns}, ${cellWidth}px)`;
      const label = el("div", { class: "node-name" }, el("b", {}, name), " " + model);
      label.style.maxWidth = Math.max(3, columns) * (cellWidth + 3) + "px";
      for (let i = 0; i < gpus; ++i) {
        const cell = svg("svg", { viewBox: `0 0 ${cellWidth} ${cellHeight}`, "aria-hidden": "true" });
        const index = this.cells.length;
        cell.addEventListener("pointerenter", () => this.select(index));
        cell.addEventListener("click", () => this.select(index));
        this.cells.push({ cell, node, gpu: i, parts: [] });
        box.append(cell);
      }
      this.host.append(el("div", {}, label, box));
    });
    this.host.addEventListener("keydown", (event) => {
      const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 8, ArrowUp: -8 }[event.key];
      if (by === undefined) return;
      event.preventDefault();
      this.select(Math.max(0, Math.min(this.cells.length - 1, this.selected + by)));
    });
    return this.host;
  }

  time(step) {
    return this.map.steps > 1 ? (this.span_s * step) / (this.map.steps - 1) : 0;
  }

  timeText(seconds) {
    return number(seconds / this.unit.seconds, this.unit.seconds === 1 ? 0 : 2) + " " + this.unit.short;
  }

  show(step) {
    this.step = step;
    for (const cell of this.cells) cell.parts = [];
    const jobs = new Set();
    for (const part of this.parts) {
      if (part.from <= step && step < part.to) {
        this.cells[part.gpu].parts.push(part);
        jobs.add(part.job);
      }
    }
    this.cells.forEach((cell) => this.draw(cell));
    const busy = this.cells.filter((cell) => cell.parts.length > 0).length;
    const text = this.timeText(this.time(step));
    this.output.value = `${text}: ${number(busy)} of ${plural(this.cells.length, "GPU")} in use`;
    this.slider.setAttribute("aria-valuetext", text);
    this.host.setAttribute("aria-label", `GPUs at ${this.output.value}, by ${plural(jobs.size, "job")}`);
    this.describe();
  }

  draw(cell) {
    const units = this.map.nodes[cell.node][3] || 1;
    const whole = Math.max(1000, cell.parts.reduce((sum, part) => sum + (part.start < 0 ? part.size : 0), 0));
    let left = 0;
    const rectangles = cell.parts.map((part) => {
      let x = left, width = (part.size / whole) * cellWidth, y = 0, height = cellHeight;
      if (part.start < 0) {
        left += width;
      } else {
        x = (part.start / units) * cellWidth;
        width = (part.size / units) * cellWidth;
        // Tenants that take turns on one instance share its place.
        const same = cell.parts.filter((other) => other.start === part.start && other.size === part.size);
        height = cellHeight / same.length;
        y = same.indexOf(part) * height;
      }
      const rectangle = svg("rect", { x: x + 0.5, y: y + 0.5, width: Math.max(1, width - 1), height: Math.max(1, height - 1), rx: 1.5 });
      rectangle.style.fill = part.mode === "mig" ? this.migColour(part.size / units) : `var(--mode-${part.mode})`;
      return rectangle;
    });
    cell.cell.replaceChildren(...rectangles);
  }

  migColour(fraction) {
    return `hsl(var(--mig) calc(var(--mig-light) + ${fraction} * (var(--mig-dark) - var(--mig-light))))`;
  }

  select(index) {
    this.cells[this.selected]?.cell.classList.remove("selected");
    this.selected = index;
    this.cells[index].cell.classList.add("selected");
    this.describe();
  }

  describe() {
    const cell = this.cells[this.selected];
    if (!cell) return;
    const [name, model, , units] = this.map.nodes[cell.node];
    const what = (part) => (part.start < 0 ? percent(part.size / 1000) : `${part.size} of ${units} units from ${part.start}`);
    const lines = cell.parts.map((part) => el("li", {}, `${part.job}: ${modeNames[part.mode]}, ${what(part)}, since ${this.timeText(part.start_s)}, `
      + (part.long_s < 0 ? "runs at the end" : `for ${duration(part.long_s)}`)));
    this.details.replaceChildren(el("strong", {}, `${name} GPU ${cell.gpu}`), ` ${model}, at ${this.timeText(this.time(this.step))}: `
      + (lines.length === 0 ? "free" : ""), el("ul", {}, ...lines.slice(0, 12)), lines.length > 12 ? `and ${lines.length - 12} more` : "");
  }

  togglePlay() {
    if (this.timer) {
      clearInterval(this.timer);
      this.timer = null;
    } else {
      this.timer = setInterval(() => {
        this.slider.value = (this.step + 1) % this.map.steps;
        this.show(Number(this.slider.value));
      }, 100);
    }
    this.play.textContent = this.timer ? "Pause" : "Play";
  }
}
