// The space-time diagram: a line for each node, time to the right, each message a slanted line from sender to receiver.
// `lamport.js` holds what is in the window; here it is drawn. Names and signs at the left are those of the rows.

const PLAYHEAD_AT = 0.7; // of the width
const LABEL_GAP = 24; // px between numbers on messages of one link
const TICK_GAP = 8; // px between commits that are marked

class SpaceTime {
  /** @param {object} run @param {HTMLElement} root @param {object} at where things lie, as in `Scene` */
  constructor(run, root, at) {
    this.run = run;
    this.at = at;
    this.left = at.left + 4;
    this.right = at.width - at.pad;
    this.natural = naturalSpan(run);
    this.span = this.natural; // ms in the window
    this.followed = null;
    this.shown = new InWindow();
    root.replaceChildren();
    this.canvas = html("canvas", "rv-diagram-canvas", root);
    this.canvas.setAttribute("role", "img");
    this.ink = new Ink(this.canvas, at, this.left - 2);
    this.makeHead(root);
    this.pointer = new Pointer(this, root);
  }

  /** Take the colours of the theme that holds now. */
  colours() {
    this.ink.colours();
  }

  makeHead(root) {
    const head = html("div", "rv-diagram-head", root);
    const left = this.at.narrow ? this.at.pad : this.left;
    Object.assign(head.style, { left: `${left}px`, width: `${this.right - left}px` });
    const legend = html("div", "rv-diagram-legend", head);
    for (const [cls, path, text] of this.legend) {
      const item = html("span", "", legend);
      const icon = svg("svg", { viewBox: "0 0 22 12", class: `rv-key ${cls}`, "aria-hidden": "true" }, item);
      svg("path", { d: path }, icon);
      item.append(text);
    }
    this.thinned = html("span", "rv-diagram-thinned", legend);
    const zoom = html("div", "rv-diagram-zoom", head);
    this.wide = html("span", "rv-diagram-wide", zoom);
    for (const [sign, label, key, factor] of [["−", "Show more time", "-", ZOOM_STEP], ["+", "Show less time", "=", 1 / ZOOM_STEP]]) {
      const button = storyButton(zoom, "rv-chip rv-zoom", sign, () => this.tell("rv-zoom", factor));
      button.setAttribute("aria-label", label);
      button.setAttribute("aria-keyshortcuts", key);
      button.title = `${label} (${key})`;
    }
  }

  tell(type, detail) {
    this.canvas.dispatchEvent(new CustomEvent(type, { detail, bubbles: true }));
  }

  /** What the shapes mean. */
  get legend() { return DIAGRAM_LEGEND; }

  /** What a message is, in words. */
  messageText(message) { return messageText(this.run, message); }

  /** What a click on a message follows; null for nothing. */
  followOf(message) { return { kind: "write", lsn: message.to }; }

  // -- where things are ---------------------------------------------------------------------------------------------

  x(t) {
    return this.left + ((t - this.from) / this.width) * (this.right - this.left);
  }

  y(node) {
    return this.at.y(node) + this.at.bar / 2;
  }

  /** Place the window around a moment: the playhead at its place, but nothing before the run or after it. */
  place(t) {
    const { duration } = this.run;
    this.width = Math.min(this.span, duration);
    this.from = Math.min(Math.max(t - PLAYHEAD_AT * this.width, 0), duration - this.width);
    this.to = this.from + this.width;
  }

  // -- one frame ----------------------------------------------------------------------------------------------------

  /** @param {object} facts @param {boolean} words @returns {number} how many messages are under way */
  draw(facts, words) {
    if (facts.t !== this.t) this.pointer.leave();
    Object.assign(this, { facts, t: facts.t });
    this.place(facts.t);
    const { at, shown } = this;
    const { pen } = this.ink;
    shown.take(facts, this.from, this.to);
    pen.clearRect(0, 0, at.width, at.height);
    pen.save();
    pen.beginPath();
    pen.rect(this.left - 2, 0, this.right - this.left + 10, at.height);
    pen.clip();
    this.drawFaults();
    this.drawAxis();
    this.drawNodes();
    this.drawMessages();
    this.drawFlushes();
    this.drawFollowed();
    this.nameFaults();
    this.drawMarks();
    this.fade();
    this.drawCommits();
    this.drawPlayhead();
    this.drawUnderWay();
    pen.restore();
    if (words) this.say();
    return shown.underWay;
  }

  /** What is still to come is quieter. */
  fade() {
    const { at } = this;
    const { pen, colour } = this.ink;
    const x = this.x(this.facts.t);
    pen.globalAlpha = 0.66;
    pen.fillStyle = colour.ground;
    pen.fillRect(x, 0, this.right + 8 - x, at.axis - 2);
    pen.globalAlpha = 1;
  }

  drawAxis() {
    const { at } = this;
    const { colour } = this.ink;
    const step = niceTime(this.width / ((this.right - this.left) / 84));
    const lines = new Path2D();
    for (let t = Math.ceil(this.from / step - 1e-9) * step; t <= this.to + 1e-9; t += step) {
      const x = this.x(t);
      lines.moveTo(x, at.top - 2);
      lines.lineTo(x, at.axis - 2);
      const align = x < this.left + 24 ? "left" : x > this.right - 24 ? "right" : "center";
      this.ink.write(stepText(t, step, this.run.duration), x, at.axis + 11, colour.quiet, "11px", align);
    }
    this.ink.stroke(lines, colour.hair, 1, [1.5, 5]);
  }

  /** Faults as bands on the line of the node that has them; a partition as a wall around who is cut off. */
  drawFaults() {
    const { at, run } = this;
    const { pen, colour } = this.ink;
    const half = at.pitch * 0.4;
    for (const { t, until, short, rows, kind } of run.spans) {
      if (until === null || t > this.to || until < this.from || kind === MARK.CRASH) continue;
      const [a, b] = [Math.max(this.x(t), this.left - 2), Math.min(this.x(until), this.right + 8)];
      for (const row of rows) {
        pen.fillStyle = colour["fault-ground"];
        pen.globalAlpha = 0.5;
        pen.fillRect(a, this.y(row) - half, b - a, 2 * half);
        pen.globalAlpha = 1;
      }
    }
    for (const { t, until, nodes } of run.walls) {
      if (t > this.to || until < this.from) continue;
      const wall = new Path2D();
      for (const [first, last] of neighbours(nodes)) {
        const top = this.y(first) - half - 1;
        wall.rect(this.x(t), top, this.x(until) - this.x(t), this.y(last) + half + 1 - top);
      }
      this.ink.stroke(wall, colour.fault, 1.8, [8, 5]);
    }
  }

  /** What the bands and walls are; a band that holds now and began earlier has its name at the left already. */
  nameFaults() {
    const { at, run, facts } = this;
    const { colour } = this.ink;
    if (at.pitch < 30) return;
    const name = (text, { t, until }, row) => {
      if (t > this.to || until < this.from) return;
      this.ink.write(text, Math.max(this.x(t), this.left) + 6, this.y(row) - at.pitch * 0.4 + 11, colour.fault, "600 11px");
    };
    for (const fault of run.spans) {
      if (fault.until === null || fault.kind === MARK.CRASH || (fault.t < this.from && fault.until > facts.t)) continue;
      for (const row of fault.rows) name(fault.short, fault, row);
    }
    for (const wall of run.walls) name("network partition", wall, Math.min(...wall.nodes));
  }

  /** A line for each node, with a gap and a cross while it is down; heavy while it leads, where that changes. */
  drawNodes() {
    const { run } = this;
    const { colour } = this.ink;
    const [up, down, cross] = [new Path2D(), new Path2D(), new Path2D()];
    for (const [node, begin, end, , isUp] of run.states) {
      if (begin > this.to || end < this.from) continue;
      const y = this.y(node);
      const path = isUp ? up : down;
      path.moveTo(Math.max(this.x(begin), this.left), y);
      path.lineTo(Math.min(this.x(end), this.right), y);
      if (!isUp) cross.addPath(new Path2D("M-6 -6 L6 6 M-6 6 L6 -6"), new DOMMatrix().translate(this.x(begin), y));
    }
    this.ink.stroke(down, colour.down, 1.2, [2, 6]);
    this.ink.stroke(up, colour.down, 1.8);
    if (run.terms) drawReignLines(this);
    this.ink.stroke(cross, colour.risk, 3);
  }

  drawFlushes() {
    const { run } = this;
    const { pen, colour } = this.ink;
    if (this.facts.run.grid) return; // a sample does not say when a flush begins
    pen.beginPath();
    for (let node = 0; node < run.nodes.length; node++) {
      for (const { begin, end } of flushesIn(this.facts.run, node, this.from, this.to)) {
        const a = Math.max(this.x(begin), this.left - 2);
        const b = Math.min(this.x(end), this.right + 8);
        pen.roundRect(a, this.y(node) - 4, Math.max(b - a, 1.6), 8, Math.min(3, (b - a) / 2));
      }
    }
    pen.fillStyle = colour.flushed;
    pen.fill();
  }

  /** The lines of all messages in the window, a stroke for each kind. */
  drawMessages() {
    const { shown } = this;
    const { colour } = this.ink;
    const paths = { wal: new Path2D(), reply: new Path2D(), answer: new Path2D(), mend: new Path2D(), lost: new Path2D() };
    const heads = { wal: new Path2D(), answer: new Path2D() };
    const crosses = new Path2D();
    for (const message of shown.messages) {
      const { from, to } = this.ends(message);
      const path = paths[message.lost ? "lost" : message.style];
      path.moveTo(from.x, from.y);
      path.lineTo(to.x, to.y);
      if (message.lost) {
        crosses.moveTo(to.x - 4.5, to.y - 4.5);
        crosses.lineTo(to.x + 4.5, to.y + 4.5);
        crosses.moveTo(to.x - 4.5, to.y + 4.5);
        crosses.lineTo(to.x + 4.5, to.y - 4.5);
      } else if (!shown.crowded && heads[message.style]) arrowHead(heads[message.style], from, to);
    }
    this.ink.stroke(paths.reply, colour.quiet, 0.9);
    this.ink.stroke(paths.answer, colour.safe, shown.crowded ? 0.9 : 1.3);
    this.ink.stroke(paths.wal, colour.leader, shown.crowded ? 1.1 : 1.7);
    this.ink.stroke(paths.mend, colour.stale, 1.5, [6, 2]);
    this.ink.stroke(paths.lost, colour.risk, 1.5, [5, 3]);
    this.ink.stroke(crosses, colour.risk, 2.2);
    this.ink.stroke(heads.wal, colour.leader, 1.4);
    this.ink.stroke(heads.answer, colour.safe, 1.3);
    if (!shown.crowded) this.drawNumbers();
  }

  /** Where a message's line begins and ends, px; a lost one ends on its way. */
  ends({ source, target, sent, arrived, lost }) {
    const from = { x: this.x(sent), y: this.y(source) };
    const to = { x: this.x(arrived), y: this.y(target) };
    if (!lost) return { from, to };
    const share = lostAt(source, target);
    return { from, to: { x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share } };
  }

  /** How many writes a message carries and which answers count, beside the replica's line where there is room. */
  drawNumbers() {
    const { shown, at } = this;
    const last = new Map();
    for (const message of shown.messages) {
      if (message.style === "reply" || message.lost || (message.sent <= this.facts.t && message.arrived > this.facts.t)) continue;
      const { from, to } = this.ends(message);
      const share = (0.5 * at.pitch) / Math.abs(to.y - from.y);
      const way = message.style === "wal" ? 1 - share : share;
      const x = from.x + (to.x - from.x) * way;
      const link = `${message.style} ${message.source} ${message.target}`;
      if (x < this.left || x > this.right || x - (last.get(link) ?? -Infinity) < LABEL_GAP) continue;
      last.set(link, x);
      this.ink.token(message, x, from.y + (to.y - from.y) * way, 0.8);
    }
  }

  /** What is between two lines right now, where the playhead crosses its way. */
  drawUnderWay() {
    const { t } = this.facts;
    for (const message of this.shown.messages) {
      if (message.sent > t || message.arrived <= t) continue;
      const way = (t - message.sent) / (message.arrived - message.sent);
      if (message.lost && way > lostAt(message.source, message.target)) continue;
      const [a, b] = [this.y(message.source), this.y(message.target)];
      if (this.shown.crowded) this.ink.dot(message, this.x(t), a + (b - a) * way);
      else this.ink.token(message, this.x(t), a + (b - a) * way);
    }
  }

  /** Answers as ticks above each leader's line, with the LSN up to which clients have theirs; arrivals as short strokes. */
  drawCommits() {
    const leaders = this.run.terms ? [...new Set(forksOf(this.run).map(({ node }) => node))] : [this.facts.leader];
    for (const node of leaders) this.drawCommitsOn(node);
  }

  drawCommitsOn(node) {
    const { facts, run } = this;
    const { pen, colour } = this.ink;
    const y = this.y(node);
    const begins = forksOf(run).filter((fork) => fork.node === node).map((fork) => fork.t); // taking over answers nobody
    const arrivals = new Path2D();
    for (const { t } of stepsIn(facts.run, node, POSITION.APPENDED, this.from, this.to)) {
      arrivals.moveTo(this.x(t), y - 5);
      arrivals.lineTo(this.x(t), y - 10);
    }
    let free = -Infinity;
    let tick = -Infinity;
    for (const { t, v, rises } of stepsIn(facts.run, node, POSITION.COMMITTED, this.from, this.to)) {
      const x = this.x(t);
      if (!rises || x < tick || begins.some((begin) => Math.abs(begin - t) <= run.tick)) continue;
      tick = x + TICK_GAP;
      const text = count(v);
      const half = 3.4 * text.length + 3;
      pen.globalAlpha = t > facts.t ? 0.4 : 1;
      this.ink.stroke(tickAt(x, y - 12), colour.safe, 2);
      if (x - half < free) continue;
      this.ink.write(text, x, y - 20, colour.safe, "600 11px", "center");
      free = x + half;
    }
    pen.globalAlpha = 1;
    if (!this.shown.crowded) this.ink.stroke(arrivals, colour.quiet, 1);
  }

  /** Moments worth a word, and stale reads as triangles on their node's line. */
  drawMarks() {
    const { run, at } = this;
    const { colour } = this.ink;
    const free = new Map();
    for (const { t, text, kind, fault, nodes } of run.events) {
      if (kind < 0 || fault || !nodes?.length || t < this.from || t > this.to) continue;
      const [x, y] = [this.x(t), this.y(nodes[0]) + Math.min(20, at.pitch * 0.36)];
      if (!run.terms) {
        this.ink.mark(text.replace(/\.$/, ""), x, y, kind === MARK.RECONNECT ? colour.safe : colour.risk, this.right);
        continue;
      }
      if (x < (free.get(nodes[0]) ?? -Infinity)) continue; // what came first is told here; the story has the rest
      const said = text.replace(`${run.nodes[nodes[0]].name} `, "").replace(/[.:,] .*$|\.$/, "");
      const tone = { [MARK.RECONNECT]: colour.safe, [MARK.FOLLOWED]: colour.safe, [MARK.PROMOTED]: colour.leader }[kind] ?? colour.risk;
      this.ink.mark(said, x, y, tone, this.right);
      free.set(nodes[0], x + 16 + 6.6 * said.length);
    }
    const reads = new Path2D();
    for (const read of this.shown.reads) {
      reads.addPath(new Path2D("M0 -6 l5.5 10 h-11 z"), new DOMMatrix().translate(this.x(read.t), this.y(read.node)));
    }
    this.ink.pen.fillStyle = colour.stale;
    this.ink.pen.fill(reads);
    this.ink.stroke(reads, colour.ground, 1.2);
  }

  drawPlayhead() {
    const { at } = this;
    const { colour } = this.ink;
    const x = this.x(this.facts.t);
    const line = new Path2D();
    line.moveTo(x, at.top - 14);
    line.lineTo(x, at.axis - 2);
    this.ink.stroke(line, colour.ink, 2);
  }

  /** The messages that carried the followed write, heavy; diamonds where it was born and where it was answered. */
  drawFollowed() {
    const { facts, followed } = this;
    const { hover } = this.pointer;
    const { colour, pen } = this.ink;
    const heavy = new Path2D();
    const carried = this.shown.messages.filter((m) => isSame(m, hover?.message) || (followed !== null && m.kind === FLIGHT.WAL && m.to >= followed && m.to - m.carries < followed));
    for (const message of carried) {
      const { from, to } = this.ends(message);
      heavy.moveTo(from.x, from.y);
      heavy.lineTo(to.x, to.y);
    }
    this.ink.stroke(heavy, colour.ink, 2.6);
    if (followed === null) return;
    const life = lifeOf(facts.run, followed, facts.t, this.followedTerm);
    if (!life) return;
    const diamonds = new Path2D();
    for (const [t, node] of [[life.born, life.L], ...life.replicas.map((r) => [life.reached(r, POSITION.RECEIVED)[0]?.[0] ?? NaN, r])]) {
      if (t >= this.from && t <= this.to) diamonds.addPath(new Path2D("M0 -6 l6 6 l-6 6 l-6 -6 z"), new DOMMatrix().translate(this.x(t), this.y(node)));
    }
    pen.fillStyle = colour.ink;
    pen.fill(diamonds);
    this.ink.stroke(diamonds, colour.ground, 1.2);
    if (life.born >= this.from && life.born <= this.to) this.ink.write(count(followed), this.x(life.born), this.y(life.L) + 19, colour.ink, "700 11px", "center");
  }

  // -- words --------------------------------------------------------------------------------------------------------

  say() {
    const { shown, run, facts, canvas } = this;
    say(this.thinned, shown.every > 1 ? `1 of ${shown.every} messages drawn` : "");
    say(this.wide, span(this.width));
    const what = [`${counted(shown.total, "message")}${shown.lost ? `, ${count(shown.lost)} of them lost` : ""}, ${shown.underWay} under way`];
    const answered = stepsIn(facts.run, facts.leader, POSITION.COMMITTED, this.from, this.to).filter(({ rises }) => rises);
    if (answered.length) what.push(`commits answered up to write ${count(answered[answered.length - 1].v)}`);
    const wrong = run.spans.filter((s) => s.until !== null && s.t <= this.to && s.until >= this.from).map(({ text }) => text);
    put(canvas, "aria-label", `Space–time diagram, ${momentText(run, this.from)} to ${momentText(run, this.to)}: ${[...what, ...wrong].join("; ")}. The story lists the events.`);
    put(canvas, "data-messages", String(shown.total));
    put(canvas, "data-under-way", String(shown.underWay));
    put(canvas, "data-from", String(+this.from.toFixed(3)));
    put(canvas, "data-to", String(+this.to.toFixed(3)));
  }
}
