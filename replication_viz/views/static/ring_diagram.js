// A run without a leader as a space-time diagram: names at the left, requests as bars on their coordinator's line.

const RING_STYLES = {
  [SENT.STORE]: "wal", [SENT.STORED]: "answer", [SENT.ASK]: "reply", [SENT.ANSWER]: "answer", [SENT.REPAIR]: "mend", [SENT.HINT]: "mend", [SENT.SYNC]: "reply",
};
const RING_LEGEND = [
  ["rv-key-flush", "M2 3 H19 V9 H2 Z", "request, at its coordinator"],
  ["rv-key-wal", "M1 2 L19 10 M14 10.4 L19 10 L16.2 5.8", "write"],
  ["rv-key-answer", "M1 10 L19 2 M6 3 l2.4 2.6 l4.4 -5", "answer"],
  ["rv-key-reply", "M1 10 L19 2", "read request"],
  ["rv-key-mend", "M1 10 L19 2", "repair, hint"],
  ["rv-key-lost", "M1 1.5 L10 6 M6.5 2.5 L13.5 9.5 M6.5 9.5 L13.5 2.5", "lost"],
];

/** The names at the left of the diagram: rows as logs have them, without a crown. */
class RingRows extends Scene {
  constructor(...parts) {
    super(...parts);
    this.root.querySelector(".rv-links").remove();
    this.links = { draw() {} }; // any two nodes have one
  }

  drawAcknowledged() {}
  drawRisk() {}
  drawGrid() {}

  drawRow(row, i, facts, words) {
    const up = facts.up[i] === 1;
    put(row.g, "data-up", String(up));
    put(row.g, "class", `rv-row${up ? "" : " rv-down"}`);
    const label = this.drawSign(row, i, facts, false, up);
    if (!words) return;
    show(row.sub, !(label !== "" && this.at.tight));
    const version = facts.versions[i] && facts.op >= 0 ? `v${count(facts.versions[i])} of key ${count(facts.key)}` : "";
    say(row.sub, this.run.nodes[i].place || (up ? version : ""));
    if (!this.at.tight && !row.three) put(row.sub, "y", this.at.middle(i) + (label ? -3 : 15));
    if (!this.at.tight && !row.three) put(row.sub, "x", label ? this.at.pad + 58 + this.run.nodes[i].name.length * 10 : row.pillX + 8);
    put(row.g, "aria-label", `${this.run.nodes[i].name}, ${label || (up ? "up" : "down")}${version ? `: ${version}` : ""}`);
  }

  leave() {}
}

class RingDiagram extends SpaceTime {
  get legend() { return RING_LEGEND; }

  messageText(one) {
    const { run } = this;
    const version = one.to > 0 ? `v${count(one.to)}` : "nothing";
    const name = RING_KINDS.find(([kind]) => kind === one.kind)?.[1] ?? "message";
    const what = one.kind === SENT.SYNC ? `compares ${counted(one.to, "hash", "hashes")}` : one.kind === SENT.ASK ? "read request" : `${name} ${version}`;
    const end = one.lost ? "lost on the way" : `arrives ${momentText(run, one.arrived)}`;
    return `${run.nodes[one.source].name} → ${run.nodes[one.target].name}: ${what} · sent ${momentText(run, one.sent)}, ${end}`;
  }

  /** What a click on a message follows. */
  followOf(message) {
    return message.op >= 0 ? { kind: "op", op: message.op } : null;
  }

  /** Requests in the window as bars, from their begin until their client is told. */
  drawFlushes() {
    const { run, facts } = this;
    const { ops } = run.ring;
    const { pen, colour } = this.ink;
    const begin = countBelow(ops.begun, this.from - 4 * run.pace * 4);
    for (let i = begin; i < ops.count && ops.begun[i] <= this.to; i++) {
      const told = Number.isNaN(ops.told[i]) ? run.duration : ops.told[i];
      if (told < this.from) continue;
      const [a, b] = [Math.max(this.x(ops.begun[i]), this.left - 2), Math.min(this.x(told), this.right + 8)];
      const y = this.y(ops.node[i]);
      const bad = ops.judged[i] >= JUDGED.STALE ? colour.stale : ops.outcome[i] !== OUTCOME.OK && told <= run.duration ? colour.risk : "";
      const bar = new Path2D();
      bar.roundRect(a, y - 5, Math.max(b - a, 2), 10, 3);
      pen.globalAlpha = i === facts.op ? 1 : 0.5;
      pen.fillStyle = bad || (isWrite(ops, i) ? colour.flushed : colour.safe);
      pen.fill(bar);
      if (i === facts.op) this.ink.stroke(bar, colour.ink, 2);
      pen.globalAlpha = 1;
      if (!bad || told < this.from || told > this.to) continue;
      const stale = ops.judged[i] >= JUDGED.STALE;
      const sign = new Path2D();
      sign.addPath(new Path2D(stale ? "M0 -6 l5.5 10 h-11 z" : "M-4.5 -4.5 L4.5 4.5 M-4.5 4.5 L4.5 -4.5"), new DOMMatrix().translate(this.x(told), y));
      pen.fillStyle = colour.stale;
      if (stale) pen.fill(sign);
      this.ink.stroke(sign, stale ? colour.ground : colour.risk, stale ? 1.2 : 2.4);
    }
  }

  drawCommits() {}

  /** The messages of the operation at hand, heavy; which versions go where. */
  drawFollowed() {
    const { facts } = this;
    const { hover } = this.pointer;
    const heavy = new Path2D();
    for (const message of this.shown.messages) {
      if (!isSame(message, hover?.message) && (message.op < 0 || message.op !== facts.op)) continue;
      const { from, to } = this.ends(message);
      heavy.moveTo(from.x, from.y);
      heavy.lineTo(to.x, to.y);
    }
    this.ink.stroke(heavy, this.ink.colour.ink, 2.4);
    const { ops } = this.run.ring;
    if (facts.op < 0 || ops.begun[facts.op] < this.from || ops.begun[facts.op] > this.to) return;
    this.ink.write(opName(this.run, facts.op), Math.max(this.x(ops.begun[facts.op]), this.left + 2), this.y(ops.node[facts.op]) - 9, this.ink.colour.ink, "700 11px");
  }
}
