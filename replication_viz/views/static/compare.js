// Was and now: what differs in the knobs, what that does to the numbers.

const MANY_ROWS = 8; // with more than these, what is equal is folded away

/** A value with its unit, or a dash where there is none. */
function valueText(value, unit = "") {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (typeof value !== "number") return String(value);
  if (unit === "ms") return span(value);
  const digits = Number.isInteger(value) ? count(value) : String(+value.toPrecision(3));
  return unit ? `${digits} ${unit}` : digits;
}

/** By how much a number moved, with its sign; empty where one of the two is no number. */
function changeText(was, now, unit = "") {
  if (typeof was !== "number" || typeof now !== "number") return "";
  if (was === now) return "=";
  return `${now > was ? "+" : "−"}${valueText(Math.abs(now - was), unit)}`;
}

class CompareTable {
  /** @param {Stage} stage */
  constructor(stage) {
    this.stage = stage;
    this.whole = false;
    this.root = html("section", "rv-compare");
    this.root.setAttribute("aria-label", "Was and now");
    this.root.hidden = true;
    stage.tools.place.before(this.root);
  }

  show() {
    const { stage } = this;
    const table = stage.was ? stage.bench.table : null;
    this.root.hidden = !table;
    const said = JSON.stringify([table, this.whole]);
    if (said === this.said) return;
    this.said = said;
    const focused = this.root.contains(document.activeElement);
    this.root.replaceChildren();
    if (!table) return;
    const knobs = table.knobs.map(({ label, was, now }) => ({ name: label, unit: "", was, now, note: "" }));
    const differs = ({ was, now }) => was !== now;
    const all = [...knobs, ...table.measures];
    const folded = all.length > MANY_ROWS && !this.whole;
    const grid = html("div", "rv-compare-grid", this.root);
    this.makeTable(grid, "Settings", knobs.filter((row) => !folded || differs(row)), "rv-compare-knobs", "The settings are the same.");
    this.makeTable(grid, "Measures over the whole run", table.measures.filter((row) => !folded || differs(row)), "rv-compare-measures", "The measures are the same.");
    if (all.length <= MANY_ROWS) return;
    const same = all.filter((row) => !differs(row)).length;
    if (!same) return;
    const more = html("button", "rv-tool", this.root);
    more.type = "button";
    keepKeys(more);
    more.setAttribute("aria-expanded", String(this.whole));
    more.textContent = this.whole ? "Show only what differs" : `Show all: ${counted(same, "more row")} that ${same === 1 ? "is" : "are"} equal`;
    more.onclick = () => {
      this.whole = !this.whole;
      this.show();
    };
    if (focused) more.focus({ preventScroll: true });
  }

  makeTable(parent, caption, rows, name, none) {
    const measures = name === "rv-compare-measures";
    const table = html("table", `rv-table ${name}`, parent);
    html("caption", "rv-compare-caption", table).textContent = rows.length ? caption : `${caption}: ${none.replace(/^The \w+ are/, "")}`;
    if (!rows.length) return;
    const head = html("tr", "", html("thead", "", table));
    for (const text of ["", "A · was", "B · now", ...(measures ? ["Change"] : [])]) {
      const cell = html(text ? "th" : "td", "", head);
      if (text) cell.scope = "col";
      cell.textContent = text;
    }
    const body = html("tbody", "", table);
    for (const row of rows) this.makeRow(body, row, measures);
  }

  makeRow(body, { name, unit, was, now, note }, measures) {
    const differs = was !== now;
    const line = html("tr", differs ? "rv-differs" : "", body);
    const head = html("th", "", line);
    head.scope = "row";
    head.textContent = name;
    if (note) html("span", "rv-compare-note", head).textContent = note;
    html("td", "rv-compare-was", line).textContent = valueText(was, unit);
    html("td", "rv-compare-now", line).textContent = valueText(now, unit);
    if (!measures) return;
    html("td", "rv-compare-change", line).textContent = changeText(was, now, unit);
  }

  arrange() {}

  draw() {}

  destroy() {
    this.root.remove();
  }
}
