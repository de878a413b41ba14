// Elements and numbers. Text goes in as text nodes only: names in the data come from anybody.

function el(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

function svg(tag, attributes, text) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
}

function number(value, digits = 0) {
  return Number(value).toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

// Three significant digits, no fraction of large numbers.
function brief(value) {
  const size = Math.abs(value);
  return number(value, size === 0 || size >= 100 || Number.isInteger(value) ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3);
}

function percent(fraction, digits = 1) {
  return number(100 * fraction, digits) + " %";
}

function duration(seconds) {
  for (const [unit, length] of [["d", 86400], ["h", 3600], ["min", 60]]) {
    if (seconds >= (unit === "d" ? 2 : 1.5) * length) return brief(seconds / length) + " " + unit;
  }
  return brief(seconds) + " s";
}

// The unit in which a span is read best, for an axis.
function timeUnit(span_s) {
  if (span_s > 4 * 86400) return { name: "days", short: "d", seconds: 86400 };
  if (span_s > 3 * 3600) return { name: "hours", short: "h", seconds: 3600 };
  if (span_s > 300) return { name: "minutes", short: "min", seconds: 60 };
  return { name: "seconds", short: "s", seconds: 1 };
}

function plural(count, word) {
  return number(count) + " " + word + (count === 1 ? "" : "s");
}

function card(title, note, options = {}) {
  const section = el("section", { class: "card" + (options.wide ? " wide" : "") }, el("h2", {}, title));
  if (note) section.append(el("p", { class: "note" }, note));
  return section;
}

function table(head, rows, aria) {
  const row = (cells, tag) => el("tr", {}, ...cells.map((cell, i) => el(tag, tag === "th" ? { scope: "col" } : { class: i > 0 ? "nowrap" : "" }, cell)));
  return el("div", { class: "scroll" },
    el("table", { "aria-label": aria }, el("thead", {}, row(head, "th")), el("tbody", {}, ...rows.map((cells) => row(cells, "td")))));
}

// Parts of one bar, as [fraction, colour variable].
function bar(parts) {
  const element = el("span", { class: "bar", "aria-hidden": "true" });
  for (const [fraction, name] of parts) {
    const piece = el("span");
    piece.style.width = 100 * Math.max(0, Math.min(1, fraction)) + "%";
    piece.style.background = `var(--${name})`;
    element.append(piece);
  }
  return element;
}

function legendItem(text, background) {
  const swatch = el("span", { class: "swatch" });
  swatch.style.background = background;
  return el("span", {}, swatch, text);
}
