// The rows: all logs on one axis. SVG, so that text and bars are crisp and a test can read them.

const GRID_LINES = 14;

let scenes = 0;

class Scene {
  /** @param {object} run @param {SVGElement} root @param {number} width @param {boolean} [compact] with less room for each row
   *  @param {boolean} [tall] few rows stand far apart */
  constructor(run, root, width, compact = false, tall = false) {
    this.run = run;
    this.root = root;
    this.at = this.lay(width, compact, tall);
    this.id = `rv${++scenes}`;
    root.replaceChildren();
    root.setAttribute("viewBox", `0 0 ${width} ${this.at.height}`);
    root.setAttribute("width", width);
    root.setAttribute("height", this.at.height);
    this.defs();
    this.grid = this.makeGrid();
    this.rows = run.nodes.map((node, i) => this.makeRow(node, i));
    this.links = this.makeLinks();
    this.walls = run.walls.map((wall) => this.makeWall(wall));
    this.makeMarks();
    this.histories = run.terms ? new Histories(this) : null;
    this.measure = document.createElement("canvas").getContext("2d");
    this.family = getComputedStyle(root).fontFamily;
    this.widths = new Map();
  }

  lay(width, compact, tall) { return layOut(width, this.run.nodes.length, compact, tall, this.run.terms !== undefined); }

  makeLinks() { return new LinkSigns(this.run, this.root, this.at); }

  textWidth(text, size, weight = 600) {
    const key = `${weight} ${size} ${text}`;
    if (!this.widths.has(key)) {
      if (this.widths.size > 500) this.widths.clear();
      this.measure.font = `${weight} ${size}px ${this.family}`;
      this.widths.set(key, this.measure.measureText(text).width);
    }
    return this.widths.get(key);
  }

  defs() {
    const defs = svg("defs", {}, this.root);
    const hatch = svg("pattern", {
      id: `${this.id}-hatch`, width: 7, height: 7, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)",
    }, defs);
    svg("rect", { width: 7, height: 7, class: "rv-hatch-ground" }, hatch);
    svg("line", { x1: 0, y1: 0, x2: 0, y2: 7, class: "rv-hatch-line" }, hatch);
  }

  makeGrid() {
    const group = svg("g", { class: "rv-grid" }, this.root);
    return Array.from({ length: GRID_LINES }, () => ({
      line: svg("line", { y1: this.at.top - 2, y2: this.at.axis - 2 }, group),
      text: svg("text", { y: this.at.axis + 11, "text-anchor": "middle" }, group),
    }));
  }

  makeRow(node, i) {
    const { at } = this;
    const g = svg("g", { class: "rv-row", "data-node": node.name, role: "img" }, this.root);
    const middle = at.middle(i);
    const y = at.y(i);
    const icon = svg("g", { transform: `translate(${at.pad + 20} ${at.tight ? middle : middle - 4})` }, g);
    const row = {
      g, y, crown: svg("path", { d: CROWN, class: "rv-crown" }, icon),
      ring: svg("circle", { r: at.pitch < 30 ? 7 : 9, class: "rv-ring" }, icon),
      bolt: svg("path", { d: BOLT, class: "rv-bolt", transform: at.pitch < 30 ? "scale(.8)" : "" }, icon),
      cross: svg("path", { d: "M-6 -6 L6 6 M-6 6 L6 -6", class: "rv-cross" }, icon),
      pulse: svg("circle", { r: 9, class: "rv-pulse" }, icon),
    };
    const x = at.pad + (at.tight ? 42 : 48);
    const size = at.pitch < 30 ? 14 : 17;
    const three = at.narrow && !at.tight; // name, role, and place or fault, one below the other
    row.name = svg("text", { x, y: at.tight ? middle + 5 : three ? middle - 9 : middle - 2, class: "rv-name", style: `font-size:${size}px` }, g);
    row.name.textContent = node.name;
    const aside = at.tight ? x + 9 + node.name.length * size * 0.62 : x;
    row.sub = svg("text", { x: aside, y: at.tight ? middle + 4.5 : three ? middle + 7 : middle + 15, class: "rv-note", style: `font-size:${at.tight ? 11 : 12}px` }, g);
    row.pill = svg("g", { class: "rv-pill" }, g);
    row.pillX = three ? at.pad - 6 : aside - (at.tight ? 2 : 8);
    row.pillY = at.tight ? middle - 9 : three ? middle + 14 : middle + 4;
    row.place = svg("text", { x, y: middle + 22, class: "rv-note", visibility: three ? "visible" : "hidden" }, g);
    row.three = three;
    row.pillBox = svg("rect", { x: row.pillX, y: row.pillY, height: 18, rx: 9 }, row.pill);
    row.pillText = svg("text", { x: row.pillX + 9, y: row.pillY + 13 }, row.pill);

    const bars = svg("g", { class: "rv-bars" }, g);
    row.bars = bars;
    const bar = (kind, from, height) =>
      svg("rect", { x: at.left, y: y + from, width: 0, height, rx: 3, class: `rv-bar-${kind}` }, bars);
    row.track = bar("track", 0, at.bar);
    row.track.setAttribute("width", at.right - at.left);
    row.appended = bar("appended", 0, at.bar);
    row.flushed = bar("flushed", 0, at.bar);
    const low = Math.max(4, Math.round(at.bar * 0.34));
    row.replayed = bar("replayed", at.bar - low, low);
    // Where the leader's log begins, torn off, and the pin of a slot that holds it there.
    const torn = `M0 -3 ${"l-3 3 l3 3 ".repeat(Math.ceil((at.bar + 6) / 6))}`;
    row.edge = svg("path", { d: torn, class: "rv-log-edge", visibility: "hidden" }, g);
    row.pin = svg("g", { class: "rv-slot", visibility: "hidden" }, g);
    svg("path", { d: `M0 -1 V${at.bar} M-4.5 -6 a4.5 4.5 0 1 1 9 0 a4.5 4.5 0 1 1 -9 0` }, row.pin);
    svg("text", { x: 9, y: -2, class: "rv-halo" }, row.pin).textContent = "held by a slot";
    row.away = svg("text", { x: at.left + 8, y: y + at.bar / 2 + 4, class: "rv-away rv-halo" }, g);

    const beside = at.right + 18;
    if (at.narrow) {
      row.first = svg("text", { x: at.left, y: y + at.bar + 12, class: "rv-figure rv-halo" }, g);
      row.second = svg("text", { x: at.right, y: y + at.bar + 12, class: "rv-figure", "text-anchor": "end" }, g);
    } else if (at.pitch < 36) {
      row.first = svg("text", { x: beside, y: middle + 4, class: "rv-figure" }, g);
      row.second = svg("text", { x: beside + 70, y: middle + 4, class: "rv-figure" }, g);
      row.brief = true;
    } else {
      row.first = svg("text", { x: beside, y: middle - 4, class: "rv-figure" }, g);
      row.second = svg("text", { x: beside, y: middle + 13, class: "rv-figure" }, g);
    }
    return row;
  }

  makeWall(wall) {
    const { at } = this;
    const group = svg("g", { class: "rv-wall" }, this.root);
    const rows = [...wall.nodes].sort((a, b) => a - b);
    for (let i = 0; i < rows.length; ) {
      let end = i;
      while (rows[end + 1] === rows[end] + 1) end++;
      const y = at.top + rows[i] * at.pitch + 1.5;
      svg("rect", {
        x: at.pad - 14, y, width: at.width - 2 * at.pad + 28, height: (end - i + 1) * at.pitch - 3, rx: at.tight ? 8 : 12,
      }, group);
      if (i === 0) wall.pillAt = rows[0] === 0 ? y + (end - i + 1) * at.pitch - 3 : y;
      i = end + 1;
    }
    const pill = svg("g", { class: "rv-pill" }, group);
    const box = svg("rect", { y: wall.pillAt - 9, height: 18, rx: 9 }, pill);
    svg("path", { d: BOLT, class: "rv-bolt", transform: `translate(${at.width - at.pad - 6} ${wall.pillAt}) scale(.75)` }, pill);
    const text = svg("text", { x: at.width - at.pad - 16, y: wall.pillAt + 4, "text-anchor": "end" }, pill);
    return { group, box, text, pill, wall };
  }

  makeMarks() {
    const { at } = this;
    this.risk = svg("rect", { class: "rv-loss", fill: `url(#${this.id}-hatch)`, height: at.bar, rx: 3 }, this.root);
    this.riskText = svg("text", { class: "rv-risk-text rv-halo", "text-anchor": "end" }, this.root);
    this.bracket = svg("path", { class: "rv-bracket" }, this.root);
    this.bracketText = svg("text", { class: "rv-risk-text rv-halo" }, this.root);
    this.line = svg("line", { class: "rv-ack", y1: at.top - 12, y2: at.axis - 2 }, this.root);
    this.tick = svg("path", { class: "rv-ack", d: TICK }, this.root);
    this.ackText = svg("text", { class: "rv-ack-text rv-halo", y: at.top - 12 }, this.root);
    if (at.narrow) for (const row of this.rows) this.root.append(row.first, row.second); // they lie where the line goes
  }

  /** LSN to pixels at the moment of the facts. */
  x(facts, lsn) {
    return this.at.left + ((lsn - facts.left) / facts.writes) * (this.at.right - this.at.left);
  }

  /**
   * @param {object} facts
   * @param {boolean} words whether texts may change now: while playing, not 60 times a second
   * @param {boolean} fast whether the usual short waits are too short to be pointed at
   */
  draw(facts, words, fast) {
    this.drawGrid(facts);
    this.rows.forEach((row, i) => this.drawRow(row, i, facts, words));
    this.links.draw(facts);
    this.drawAcknowledged(facts, words, fast);
    this.drawRisk(facts, words);
    this.histories?.draw(facts, words);
    for (const wall of this.walls) this.drawWall(wall, facts);
  }

  drawGrid(facts) {
    const step = Math.max(1, nice(facts.writes / 8));
    let lsn = Math.ceil(facts.left / step) * step;
    for (const { line, text } of this.grid) {
      const x = this.x(facts, lsn);
      const shown = x <= this.at.right + 0.5;
      show(line, shown);
      show(text, shown);
      if (shown) {
        put(line, "x1", x);
        put(line, "x2", x);
        put(text, "x", x);
        say(text, lsn === 0 ? "write 0" : shortCount(lsn));
      }
      lsn += step;
    }
  }

  drawRow(row, i, facts, words) {
    const { at, run } = this;
    const first = i === facts.leader;
    const leads = first || facts.leads[i] === 1;
    const up = facts.up[i] === 1;
    const begin = first ? this.drawBegin(row, facts) : at.left;
    for (const [bar, lsn] of [[row.appended, facts.received[i]], [row.flushed, facts.flushed[i]], [row.replayed, facts.replayed[i]]]) {
      put(bar, "x", begin);
      put(bar, "width", Math.max(0, Math.min(this.x(facts, lsn), at.right) - begin));
    }
    if (!first) show(row.edge, false);
    put(row.g, "data-flushed", String(facts.flushed[i]));
    put(row.g, "data-replayed", String(facts.replayed[i]));
    put(row.g, "data-up", String(up));
    put(row.g, "class", `rv-row${up ? "" : " rv-down"}${leads ? " rv-leads" : ""}`);
    const label = this.drawSign(row, i, facts, leads, up);
    if (!words) return;

    const kind = this.drawRole(row, i, facts, leads, up, label);
    this.drawAway(row, i, facts);
    const apart = facts.histories > 1;
    say(row.first, apart ? `timeline ${facts.term[i]}` : `${row.brief ? "" : "flushed "}${count(facts.flushed[i])}`);
    const [tone, second] = this.secondLine(i, facts, first, up);
    say(row.second, row.brief ? second.replace(/reads | writes?/, "") : second);
    put(row.second, "class", `rv-figure rv-${tone}${at.narrow ? " rv-halo" : ""}`);
    put(row.g, "aria-label", `${run.nodes[i].name}, ${up ? kind : "down"}${label ? `, ${label}` : ""}${apart ? `, timeline ${facts.term[i]}` : ""}: `
      + `flushed ${facts.flushed[i]}, ${second}`);
  }

  /** Crown, ring, bolt or cross; and the pill with what ails a node. @returns {string} the pill's words */
  drawSign(row, i, facts, leads, up) {
    const { at, run } = this;
    const fault = run.spans.find((s) => s.until !== null && s.rows.includes(i) && facts.t >= s.t && facts.t < s.until);
    const fenced = leads && facts.fenced[i] ? "fenced" : "";
    const label = up ? fenced || (fault?.short ?? (at.tight && facts.cut[i] ? "cut off" : "")) : wordOf(run, i, facts.t) || "crashed";
    const crowned = up && leads && (label === "" || run.terms !== undefined);
    show(row.cross, !up);
    show(row.bolt, up && label !== "" && !crowned);
    show(row.crown, crowned);
    put(row.crown, "class", `rv-crown${isOld(facts, i) ? " rv-crown-old" : ""}${crowned && label && !serves(run, facts, i) ? " rv-crown-idle" : ""}`);
    show(row.ring, !crowned);
    put(row.ring, "class", `rv-ring${label && up ? " rv-faulty" : ""}`);
    show(row.pill, label !== "");
    if (label) {
      const room = at.label - row.pillX - 18;
      const fits = [label, label.split(": ").pop()].find((text) => this.textWidth(text, 11) <= room);
      say(row.pillText, fits ?? this.fitted(fault?.word ?? label, room, 11, 600));
      put(row.pillBox, "width", this.textWidth(row.pillText.textContent, 11) + 18);
    }
    return label;
  }

  /** What a node is, where there is room for it. @returns {string} in words */
  drawRole(row, i, facts, leads, up, label) {
    const { at, run } = this;
    const { sync } = facts.epoch;
    const place = run.nodes[i].place;
    const roles = !up ? [[""]] : run.terms ? roleWords(run, i, facts) : [[leads ? "leader" : sync[i] === "leader" ? "replica" : sync[i]]];
    const kind = inOneLine(roles[0]);
    show(row.sub, !(label !== "" && at.tight));
    put(row.sub, "class", `rv-note${up && isOld(facts, i) ? " rv-old" : ""}`);
    const both = !row.three && !(at.narrow && at.tight);
    if (row.three) {
      const room = at.label - row.pillX - 54;
      const [role, rest = place] = roles[0].length > 1 ? roles[0] : inTwoLines(roles[0][0], this.textWidth(roles[0][0], 12, 400) <= room);
      show(row.place, !label);
      put(row.place, "class", `rv-note${roles[0].length > 1 && isOld(facts, i) ? " rv-old" : ""}`);
      say(row.place, this.fitted(rest, at.label - at.pad - 48));
      say(row.sub, this.fitted(role, room));
      return kind;
    }
    if (!at.tight) {
      // With a pill below, the role moves up beside the name.
      put(row.sub, "y", at.middle(i) + (label ? -3 : 15));
      put(row.sub, "x", label ? at.pad + 58 + run.nodes[i].name.length * 10 : row.pillX + 8);
    }
    const room = (isOld(facts, i) ? at.left - 8 : at.label) - Number(row.sub.getAttribute("x"));
    const size = at.tight ? 11 : 12;
    const texts = roles.flatMap((parts) => [[inOneLine(parts), both ? place : ""].filter(Boolean).join(" · "), inOneLine(parts)]);
    say(row.sub, texts.find((text) => this.textWidth(text, size, isOld(facts, i) ? 600 : 400) <= room) ?? this.fitted(texts[texts.length - 1], room));
    return kind;
  }

  /** The leader's log begins where it has removed what was before. @returns {number} the left edge of its tape, px */
  drawBegin(row, facts) {
    const { at, run } = this;
    const x = Math.min(Math.max(this.x(facts, facts.begins), at.left), at.right);
    const seen = facts.begins > facts.left;
    show(row.edge, seen);
    if (seen) put(row.edge, "transform", `translate(${x.toFixed(1)} ${row.y})`);
    const lacks = Math.min(...run.nodes.map((_, i) => (i === facts.leader ? Infinity : facts.flushed[i])));
    const pinned = run.slots && lacks >= facts.begins && lacks >= facts.left && facts.flushed[facts.leader] - lacks > facts.writes / 12;
    show(row.pin, pinned);
    if (pinned) put(row.pin, "transform", `translate(${this.x(facts, lacks).toFixed(1)} ${row.y})`);
    return seen ? x : at.left;
  }

  /** Say what has fallen off the left edge. */
  drawAway(row, i, facts) {
    const seen = facts.replayed[i] >= facts.left;
    show(row.away, !seen);
    if (seen) return;
    const gone = facts.received[i] < facts.left;
    const behind = facts.top - (gone ? facts.received[i] : facts.replayed[i]);
    say(row.away, `◂ ${gone ? "" : i === facts.leader ? "acknowledged " : "replay is "}${counted(behind, "write")} behind`);
  }

  secondLine(i, facts, leads, up) {
    if (facts.doomed[i]) return ["risk", `${counted(facts.doomed[i], "write")} doomed`];
    if (!up) return ["quiet", "down"];
    if (isOld(facts, i)) return ["risk", serves(this.run, facts, i) ? "still acknowledges" : "takes no writes"];
    if (!leads && facts.received[i] < facts.begins) return ["risk", "its log is gone"];
    if (leads && facts.histories > 1) return ["safe", counted(facts.flushed[i] - facts.fork.lsn, "new write")];
    if (leads) return facts.waiting ? ["risk", `${count(facts.waiting)} waiting`] : ["safe", "all answered"];
    if (facts.replayed[i] >= facts.committed) return ["safe", "✓ reads fresh"];
    return ["stale", `▲ reads ${ageText(facts, facts.age[i])} old`];
  }

  /** Shorten a text to a width. */
  fitted(text, room, size = 12, weight = 400) {
    let shown = text;
    while (shown.length > 3 && this.textWidth(shown, size, weight) > room) shown = `${shown.slice(0, -2).trimEnd()}…`;
    return shown;
  }

  drawAcknowledged(facts, words, fast) {
    const { at } = this;
    const { run } = facts;
    const y = at.top - 16;
    const x = Math.max(this.x(facts, facts.committed), at.left);
    const gone = facts.committed < facts.left;
    const split = isSplit(facts);
    for (const part of [this.line, this.tick, this.ackText]) show(part, !split);
    for (const end of ["x1", "x2"]) put(this.line, end, x);
    put(this.line, "class", gone ? "rv-ack rv-gone" : "rv-ack");
    put(this.line, "y1", y + 4);
    put(this.tick, "transform", `translate(${Math.round(x * 10) / 10} ${y - 5})`);
    put(this.ackText, "y", y - 1);
    const ack = gone ? `◂ acknowledged up to ${count(facts.committed)}` : "acknowledged up to here";
    say(this.ackText, ack);
    const wide = this.textWidth(ack, 12);
    const leftwards = x - 10 - wide > at.pad;
    put(this.ackText, "text-anchor", leftwards ? "end" : "start");
    put(this.ackText, "x", leftwards ? x - 10 : x + 12);

    const leaderY = at.y(facts.leader);
    const from = x + 2;
    const to = Math.max(from + 2, Math.min(this.x(facts, facts.received[facts.leader]), at.right));
    const shown = facts.waiting > 0 && facts.leaderUp && ((!fast && !split) || waitsLong(run, facts));
    show(this.bracket, shown);
    put(this.bracket, "d", `M${from.toFixed(1)} ${leaderY - 2} v-6 H${to.toFixed(1)} v6`);
    show(this.bracketText, shown && (this.bracketText.said ?? "") !== "");
    if (!words) return;
    show(this.bracketText, shown);
    if (!shown) return;
    const verb = `${facts.waiting === 1 ? "waits" : "wait"} ${waitsFor(run, facts)}`;
    const room = at.narrow ? at.width - 2 * at.pad : at.width - 8 - from - 12;
    const texts = [`${counted(facts.waiting, "commit")} ${verb}`, `${count(facts.waiting)} ${verb}`];
    const text = texts.find((t) => this.textWidth(t, 12) <= room) ?? `${count(facts.waiting)} waiting`;
    say(this.bracketText, text);
    const needs = this.textWidth(text, 12);
    const most = at.width - (at.narrow ? at.pad : 8) - needs;
    const least = at.narrow ? at.pad : leftwards ? from + 12 : x + 24 + wide;
    put(this.bracketText, "x", Math.max(least, Math.min((from + to - needs) / 2, most)));
    put(this.bracketText, "y", at.narrow ? y - 19 : y - 1);
  }

  drawRisk(facts, words) {
    const { at, run } = this;
    const y = at.y(facts.leader);
    const from = Math.max(this.x(facts, facts.bestHead), at.left);
    const to = Math.max(from, this.x(facts, facts.committed));
    const told = facts.lost > 0 && facts.histories === 1;
    show(this.risk, told && to > from);
    show(this.riskText, told);
    if (!told) return;
    put(this.risk, "x", from);
    put(this.risk, "y", y);
    put(this.risk, "width", to - from);
    if (!words) return;
    const name = run.nodes[facts.leader].name;
    const text = facts.leaderUp ? `${count(facts.lost)} lost if ${name} dies now` : `${count(facts.lost)} lost unless ${name} returns`;
    say(this.riskText, text);
    const needs = this.textWidth(text, 12);
    put(this.riskText, "x", Math.max(at.pad + needs, Math.min(to - 9, at.right)));
    put(this.riskText, "y", y - (at.tight || run.terms ? 5 : 8));
  }

  drawWall({ group, box, text, pill, wall }, facts) {
    const shown = facts.t >= wall.t && facts.t < wall.until;
    put(group, "display", shown ? "inline" : "none");
    if (!shown) return;
    say(text, `network partition ${span(facts.t - wall.t)}`);
    const width = this.textWidth("network partition 999 min 99 s".slice(0, text.said.length + 1), 11) + 36;
    put(box, "x", this.at.width - this.at.pad + 6 - width);
    show(pill, !this.at.tight);
    put(box, "width", width);
  }

  /** Let a row's icon pulse once. */
  pulse(i) {
    const { pulse } = this.rows[i];
    pulse.classList.remove("rv-pulsing");
    void pulse.getBoundingClientRect();
    pulse.classList.add("rv-pulsing");
  }
}
