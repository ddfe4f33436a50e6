// The run at a glance: curves, faults, marks, the playhead. Dragging on it is scrubbing.

const TIME_TOP = 34;
const TIME_FLOOR = 74;
const TIME_HEIGHT = 94;
const LANE_HEIGHT = 18; // below the axis: what becomes of the application servers, in its order
const LANE = {
  10: { words: "pools full", short: "full", tone: "risk", path: "M-4 -4 h8 v8 h-8 z" },
  11: { words: "drained", tone: "ink", path: "M-4 -4 L4 4 M-4 4 L4 -4" },
  12: { words: "back", tone: "safe", path: "M-5 0 l3.6 3.8 l6.4 -8.4" },
};
const LONGEST_GAP = 8; // bins without a value that a curve still bridges

class Timeline {
  /** @param {object} run @param {SVGElement} root @param {HTMLElement} head the playhead, a layer of its own: it moves at each frame
   *  @param {number} width
   *  @param {number} until how long the axis is, ms: another run on it may last longer
   *  @param {boolean} [upper] whether the times stand on the axis of a picture below */
  constructor(run, root, head, width, until, upper = false) {
    this.run = run;
    this.until = until;
    this.upper = upper;
    this.root = root;
    this.head = head;
    this.left = width < 800 ? 16 : 24;
    this.right = width - this.left;
    this.tall = TIME_HEIGHT + (run.fleet ? LANE_HEIGHT : upper ? -12 : 0);
    root.replaceChildren();
    root.setAttribute("aria-valuemin", 0);
    root.setAttribute("aria-valuemax", String(Math.round(until)));
    this.makeSpans();
    this.makeCurves();
    this.makeAxis();
    this.makeFlags();
    if (run.fleet) this.makeLane();
    this.reigns = run.terms ? drawReigns(this, this.tall + 1) + 4 : 0;
    this.tall += this.reigns;
    root.setAttribute("viewBox", `0 0 ${width} ${this.tall}`);
    root.setAttribute("width", width);
    root.setAttribute("height", this.tall);
  }

  x(t) {
    return this.left + (t / this.until) * (this.right - this.left);
  }

  /** Pixels from the element's left edge to ms. */
  timeAt(pixels) {
    const share = (pixels - this.left) / (this.right - this.left);
    return Math.min(Math.max(share, 0), 1) * this.until;
  }

  makeSpans() {
    for (const { t, until } of this.run.spans) {
      if (until === null) continue;
      const x = this.x(t);
      svg("rect", { class: "rv-span", x, y: TIME_TOP, width: Math.max(1, this.x(until) - x), height: TIME_FLOOR - TIME_TOP }, this.root);
    }
  }

  makeCurves() {
    const { curves, bins, duration } = this.run;
    const tops = {};
    for (const { unit, top } of curves) tops[unit] = Math.max(tops[unit] ?? 1e-9, top);
    let legend = this.left;
    for (const curve of [...curves].reverse()) {
      let path = "";
      let last = -Infinity;
      for (let i = 0; i < bins; i++) {
        if (Number.isNaN(curve.values[i])) continue;
        const x = this.x(((i + 0.5) / bins) * duration);
        const y = TIME_FLOOR - 2 - (curve.values[i] / tops[curve.unit]) * (TIME_FLOOR - TIME_TOP - 4);
        path += `${i - last > LONGEST_GAP ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(1)}`;
        last = i;
      }
      svg("path", { class: `rv-curve rv-curve-${curve.meaning}`, d: path }, this.root);
    }
    for (const curve of curves) {
      svg("path", { class: `rv-curve rv-curve-${curve.meaning}`, d: `M${legend} 9 h22` }, this.root);
      const text = svg("text", { class: `rv-legend rv-${curve.meaning}`, x: legend + 28, y: 13 }, this.root);
      const most = curve.unit === "ms" ? span(curve.top) : `${count(curve.top)} ${curve.unit === "/s" ? "a second" : ""}`.trimEnd();
      const long = curve.top > 0 ? `${curve.label}, up to ${most}` : `${curve.label}: none`;
      const fits = legend + 28 + long.length * 6.7 < this.right;
      text.textContent = fits ? long : curve.label;
      legend += 46 + text.textContent.length * 6.7;
    }
    const notes = this.coarseness(this.run.notes);
    if (!notes) return;
    const beside = legend + notes.length * 6 < this.right;
    const y = beside ? 13 : this.tall - 3 + 13;
    if (!beside) this.tall += 16;
    this.notes = svg("text", { class: "rv-legend rv-quiet", x: this.right, y, "text-anchor": "end" }, this.root);
    this.notes.textContent = notes;
  }

  makeAxis() {
    const { until: duration } = this;
    const end = this.x(this.run.duration);
    svg("line", { class: "rv-floor", x1: this.left, x2: end, y1: TIME_FLOOR, y2: TIME_FLOOR }, this.root);
    if (this.run.duration < duration) {
      svg("line", { class: "rv-over", x1: end, x2: end, y1: TIME_TOP, y2: TIME_FLOOR }, this.root);
      const words = { class: "rv-axis", x: Math.min(end + 8, this.right), y: TIME_FLOOR - 6, "text-anchor": end + 90 > this.right ? "end" : "start" };
      svg("text", words, this.root).textContent = "this run is over";
    }
    if (this.upper && !this.run.fleet) return;
    const step = niceTime(duration / ((this.right - this.left) / 110));
    for (let t = 0; t <= duration * 1.0001; t += step) {
      const x = this.x(t);
      svg("line", { class: "rv-floor", x1: x, x2: x, y1: TIME_FLOOR, y2: TIME_FLOOR + 4 }, this.root);
      const anchor = t === 0 ? "start" : x > this.right - 20 ? "end" : "middle";
      svg("text", { class: "rv-axis", x, y: TIME_FLOOR + 17, "text-anchor": anchor }, this.root).textContent = axisTime(t, duration);
    }
  }

  /** Faults as flags with a bolt, their words where there is room; other marks as small triangles. */
  makeFlags() {
    let free = this.left - 4;
    for (const { t, text, fault, kind } of this.run.events) {
      if (kind < 0 || kind in LANE) continue;
      const x = this.x(t);
      const g = svg("g", { class: fault ? "rv-flag" : "rv-mark" }, this.root);
      svg("title", {}, g).textContent = text;
      if (!fault) {
        svg("path", { d: `M${x} ${TIME_FLOOR} l-4 7 h8 z` }, g);
        continue;
      }
      svg("line", { x1: x, x2: x, y1: TIME_TOP - 4, y2: TIME_FLOOR }, g);
      if (x < free) continue;
      svg("path", { class: "rv-bolt", d: BOLT, transform: `translate(${x} ${TIME_TOP - 11}) scale(.8)` }, g);
      const words = text.replace(/\.$/, "");
      const wide = 20 + words.length * 6.3;
      if (x + wide > this.right && x - wide > free) {
        svg("text", { x: x - 9, y: TIME_TOP - 7, "text-anchor": "end" }, g).textContent = words;
        free = x + 10;
      } else if (x + wide <= this.right + 12) {
        svg("text", { x: x + 9, y: TIME_TOP - 7 }, g).textContent = words;
        free = x + wide;
      } else free = x + 10;
    }
  }

  /** Servers whose pool is full, that are drained, that are back: a sign for each, a word for each group. */
  makeLane() {
    const y = TIME_FLOOR + 29;
    const events = this.run.events.filter(({ kind }) => kind in LANE);
    let free = this.left;
    events.forEach(({ t, text, kind }, i) => {
      const { words, short, tone, path } = LANE[kind];
      const x = this.x(t);
      const g = svg("g", { class: `rv-lane rv-lane-${tone}` }, this.root);
      svg("title", {}, g).textContent = text;
      svg("path", { d: path, transform: `translate(${x.toFixed(1)} ${y})` }, g);
      const next = events[i + 1];
      if (next?.kind === kind) return;
      const begin = x + 9;
      const end = next ? this.x(next.t) - 6 : this.right + 12;
      const fits = [words, short].find((text) => text && begin >= free && begin + text.length * 6.6 <= end);
      if (!fits) return;
      svg("text", { x: begin, y: y + 4 }, g).textContent = fits;
      free = begin + fits.length * 6.6;
    });
  }

  /** How coarse the run is, and what of it is drawn. */
  coarseness(notes) {
    const { grain } = this.run;
    return [...(grain > 1 ? [`batches of ${count(grain)}`] : []), ...notes].join(" · ");
  }

  draw(facts, words, t) {
    if (this.notes) say(this.notes, this.coarseness(facts.run === this.run ? this.run.notes : ["all is drawn here"]));
    put(this.head, "style", `transform:translateX(${this.x(t).toFixed(1)}px)${this.reigns ? `;height:${this.tall - 30}px` : ""}`);
    if (!words) return;
    put(this.root, "aria-valuenow", String(Math.round(t)));
    put(this.root, "aria-valuetext", `${clockText(t, this.until)} of ${span(this.until)}`);
  }
}
