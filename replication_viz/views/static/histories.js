// Logs that fork, over the rows: where one history became two, what is new, what is doomed, and each leader's acknowledgements.

const FORK_LINES = 4; // the newest ones
const HISTORIES = ["no history", "one history", "two histories", "three histories", "four histories"];

class Histories {
  /** @param {Scene} scene */
  constructor(scene) {
    const { at, root, run } = scene;
    this.scene = scene;
    this.rows = scene.rows.map((row) => this.makeRow(row));
    this.lines = Array.from({ length: FORK_LINES }, () => svg("line", { class: "rv-fork", y1: at.top - 12, y2: at.axis - 2 }, root));
    this.before = svg("text", { class: "rv-fork-text rv-halo", y: at.top - 3, "text-anchor": "end" }, root);
    this.after = svg("text", { class: "rv-fork-text rv-halo", y: at.top - 3 }, root);
    this.acks = run.nodes.map((_, i) => this.makeAck(at.y(i), root));
  }

  makeRow({ bars, y }) {
    const { at, id } = this.scene;
    const low = Math.max(4, Math.round(at.bar * 0.34));
    const bar = (kind, from, height) => svg("rect", { y: y + from, height, rx: 3, class: `rv-bar-${kind}` }, bars);
    return {
      fresh: bar("fresh", 0, at.bar),
      seen: bar("fresh-replayed", at.bar - low, low),
      doomed: svg("rect", { y: y + 0.5, height: at.bar - 1, rx: 3, class: "rv-doomed", fill: `url(#${id}-hatch)` }, bars),
    };
  }

  makeAck(y, root) {
    const { at } = this.scene;
    const g = svg("g", { class: "rv-own-ack" }, root);
    svg("line", { class: "rv-ack", y1: y - 3, y2: y + at.bar + 3 }, g);
    svg("path", { class: "rv-ack", d: TICK, transform: `translate(0 ${y - 8}) scale(.85)` }, g);
    const text = at.tight ? null : svg("text", { class: "rv-ack-text rv-halo", y: y - 4, x: -9, "text-anchor": "end" }, g);
    if (text) text.textContent = "acknowledged";
    return { g, text };
  }

  /** @param {object} facts @param {boolean} words */
  draw(facts, words) {
    const split = facts.histories > 1;
    this.rows.forEach((row, i) => this.drawRow(row, i, facts, split));
    this.acks.forEach((ack, i) => this.drawAck(ack, i, facts));
    this.drawForks(facts, words, split);
  }

  drawRow({ fresh, seen, doomed }, i, facts, split) {
    const { scene } = this;
    const { at } = scene;
    const place = (lsn) => Math.min(Math.max(scene.x(facts, lsn), at.left), at.right);
    const bar = (rect, from, to) => {
      const [a, b] = [place(from), place(to)];
      show(rect, b > a);
      put(rect, "x", a);
      put(rect, "width", Math.max(0, b - a));
    };
    const apart = facts.doomed[i] > 0;
    const fork = facts.fork?.lsn ?? Infinity;
    bar(fresh, fork, split && !apart ? facts.flushed[i] : 0);
    bar(seen, fork, split && !apart ? facts.replayed[i] : 0);
    bar(doomed, facts.shared[i], apart ? facts.shared[i] + facts.doomed[i] : 0);
    put(doomed, "data-writes", String(facts.doomed[i]));
  }

  /** Two leaders, two acknowledged positions: one on each log. */
  drawAck({ g, text }, i, facts) {
    const { at } = this.scene;
    const x = this.scene.x(facts, facts.replayed[i]);
    const shown = isSplit(facts) && facts.leads[i] === 1 && facts.up[i] === 1 && x >= at.left;
    show(g, shown);
    if (!shown) return;
    put(g, "transform", `translate(${x.toFixed(1)} 0)`);
    put(g, "data-lsn", String(facts.replayed[i]));
    if (text) put(text, "visibility", x - 100 > at.left ? "inherit" : "hidden");
  }

  drawForks(facts, words, split) {
    const { scene } = this;
    const { at, run } = scene;
    const begun = forksOf(run).filter(({ parent, t }) => parent && t <= facts.t).slice(-FORK_LINES).reverse();
    this.lines.forEach((line, i) => {
      const x = begun[i] ? scene.x(facts, begun[i].lsn) : -1;
      show(line, x >= at.left && x <= at.right);
      put(line, "class", i ? "rv-fork rv-fork-past" : "rv-fork");
      put(line, "x1", x);
      put(line, "x2", x);
    });
    const x = begun[0] ? scene.x(facts, begun[0].lsn) : -1;
    const seen = x >= at.left && x <= at.right;
    show(this.after, seen);
    show(this.before, seen && x - 84 > at.left - 60);
    put(this.before, "x", x - 8);
    put(this.after, "x", x + 8);
    if (!words || !begun[0]) return;
    say(this.before, split ? HISTORIES[1] : `timeline ${begun[0].parent}`);
    say(this.after, split ? HISTORIES[facts.histories] ?? "many histories" : `timeline ${begun[0].term}`);
    put(this.after, "class", `rv-fork-text rv-halo${split ? " rv-risk" : ""}`);
  }
}
