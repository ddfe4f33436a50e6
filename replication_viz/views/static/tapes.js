// One tape for each leader: its own log, and in thin lanes below how far it has applied each other one. Arcs join what collides.

const TAPE_PITCH = [0, 0, 108, 92, 80, 70];
const TAPE_LANE = [0, 0, 13, 11, 9.5, 8.5];
const TAPE_BAR = [0, 0, 24, 22, 20, 18];
const FULL_ARCS = 3; // the newest arcs are strong, the others faint
const MOST_ARCS = 24;
const LINES_FROM = 160; // from so many writes in view on each is a line, not a shape
/** The sign of a write of each leader, around its middle; `s` is half its size. */
const TAPE_SIGNS = [
  (x, y, s) => `M${x - s} ${y - s}h${2 * s}v${2 * s}h${-2 * s}z`,
  (x, y, s) => `M${x} ${y - 1.25 * s}l${1.25 * s} ${1.25 * s}l${-1.25 * s} ${1.25 * s}l${-1.25 * s} ${-1.25 * s}z`,
  (x, y, s) => `M${x - s} ${y}a${s} ${s} 0 1 0 ${2 * s} 0a${s} ${s} 0 1 0 ${-2 * s} 0z`,
  (x, y, s) => `M${x} ${y - 1.2 * s}l${1.2 * s} ${2.2 * s}h${-2.4 * s}z`,
  (x, y, s) => `M${x - 1.2 * s} ${y - 1.1 * s}h${2.4 * s}l${-1.2 * s} ${2.2 * s}z`,
];
const TAPE_TIES = {
  conflict: "M-4 -4 L4 4 M-4 4 L4 -4",
  lost: "M-4 -4 L4 4 M-4 4 L4 -4",
  siblings: "M-5 0 H-1 L5 -4.5 M-1 0 L5 4.5",
  merged: "M-5 -4.5 L1 0 H5 M-5 4.5 L1 0",
};

/** Where all lies in a picture of so many pixels. */
function layOutTapes(run, width, compact) {
  const n = run.nodes.length;
  const at = layOut(width, n, compact);
  const shrink = compact ? 0.74 : 1;
  const [pitch, lane, bar] = [TAPE_PITCH[n] * shrink, TAPE_LANE[n] * (compact ? 0.85 : 1), TAPE_BAR[n] * (compact ? 0.85 : 1)];
  const columns = Math.max(...run.tapes.links.map(([a, b]) => b - a));
  const label = at.narrow ? 152 : 218;
  const left = label + 16 * columns + 26;
  const top = at.narrow ? 46 : 30;
  const tape = bar + lane * (n - 1) + 2;
  const axis = top + n * pitch + 2;
  return {
    ...at, pitch, bar, lane, label, left, top, tape, axis, height: axis + 16, tight: pitch < 58, tapes: true,
    right: width - (at.narrow ? at.pad + 74 : 152),
    y: (row) => top + row * pitch + (pitch - tape) / 2,
    middle: (row) => top + row * pitch + pitch / 2 - 2,
    gutter: (a, b) => ({ x: label + 8 + 16 * (b - a - 1), y: top + ((a + b + 1) / 2) * pitch }),
  };
}

class TapesScene extends Scene {
  lay(width, compact) {
    return layOutTapes(this.run, width, compact);
  }

  makeLinks() {
    const { at, root, run } = this;
    this.mesh = run.tapes.links.map(([a, b]) => {
      const { x, y } = at.gutter(a, b);
      const g = svg("g", { class: "rv-tape-link", "aria-hidden": "true" }, root);
      svg("path", { class: "rv-tape-cord", d: `M${x} ${at.middle(a) + 10} V${y - 9} M${x} ${y + 9} V${at.middle(b) - 10}` }, g);
      const sign = svg("path", { transform: `translate(${x} ${y})` }, g);
      return { g, sign, a, b };
    });
    return { draw: (facts) => this.mesh.forEach((link) => this.drawLink(link, facts)) };
  }

  drawLink({ g, sign, a, b }, facts) {
    const { out, back } = linkAt(this.run, a, b, facts.t);
    const states = [out.state, back.state];
    const state = states.includes("cut") ? "cut" : states.includes("slow") ? "slow" : "whole";
    put(g, "class", `rv-tape-link rv-tape-link-${state}`);
    put(g, "data-state", state);
    put(sign, "d", { cut: "M-4.5 -4.5 L4.5 4.5 M-4.5 4.5 L4.5 -4.5", slow: "M0 -6 a6 6 0 1 0 .1 0 M0 -3.5 v3.5 l2.5 1.5", whole: "M-2.5 -3 l2.5 -3.5 l2.5 3.5 M0 -6 V6 M-2.5 3 l2.5 3.5 l2.5 -3.5" }[state]);
  }

  makeRow(node, i) {
    const { at, run } = this;
    const row = super.makeRow(node, i);
    for (const part of [row.bars, row.edge, row.pin, row.away]) part.remove();
    const y = at.y(i);
    const origins = [i, ...run.nodes.map((_, k) => k).filter((k) => k !== i)];
    row.lanes = origins.map((origin, place) => {
      const own = place === 0;
      const top = own ? y : y + at.bar + 2 + (place - 1) * at.lane;
      const high = own ? at.bar : at.lane - 2;
      const g = svg("g", { class: `rv-lane-of rv-origin-${origin + 1}`, "data-origin": run.nodes[origin].name }, row.g);
      svg("rect", { class: own ? "rv-bar-track" : "rv-tape-track", x: at.left, y: top, width: at.right - at.left, height: high, rx: own ? 3 : 2 }, g);
      const reach = svg("rect", { class: own ? "rv-tape-own" : "rv-tape-reach", x: at.left, y: top, width: 0, height: high, rx: own ? 3 : 2 }, g);
      const name = svg("text", { x: at.left - 6, y: top + high / 2 + 3.5, class: "rv-tape-from", "text-anchor": "end" }, g);
      name.textContent = own ? "own" : run.nodes[origin].name;
      if (!own && at.lane < 9.2) name.style.fontSize = "8.5px";
      const paths = Object.fromEntries(["solid", "hollow"].map((kind) => [kind, svg("path", { class: `rv-tape-${kind}` }, g)]));
      return { g, origin, own, middle: top + high / 2, half: own ? Math.min(5, high / 2 - 4) : Math.min(3.2, high / 2 - 0.5), high, reach, ...paths };
    });
    row.gone = svg("path", { class: "rv-tape-gone" }, row.g);
    row.hatch = svg("g", { fill: `url(#${this.id}-hatch)`, class: "rv-tape-hatch" }, row.g);
    if (at.narrow) {
      for (const text of [row.first, row.second]) Object.entries({ x: at.right + 8, "text-anchor": "start" }).forEach(([k, v]) => text.setAttribute(k, v));
      row.first.setAttribute("y", at.middle(i) - 4);
      row.second.setAttribute("y", at.middle(i) + 12);
    }
    return row;
  }

  makeMarks() {
    const { root } = this;
    this.arcs = svg("g", { class: "rv-arcs" }, root);
    this.arcPool = [];
    this.tieBox = svg("g", { class: "rv-tie-names" }, root);
    this.ends = [0, 1].map(() => svg("text", { class: "rv-tie-number rv-halo", "text-anchor": "middle" }, this.tieBox));
    this.tieText = svg("text", { class: "rv-tie-text rv-halo" }, this.tieBox);
    this.pin = svg("path", { class: "rv-tape-pin", visibility: "hidden" }, root);
  }

  draw(facts, words) {
    this.drawGrid(facts);
    this.rows.forEach((row, i) => this.drawRow(row, i, facts, words));
    this.links.draw(facts);
    this.drawTies(facts);
    this.drawPin(facts);
    for (const wall of this.walls) this.drawWall(wall, facts);
  }

  /** The middle of a write's place. */
  place(facts, number) {
    return this.x(facts, number - 0.5);
  }

  drawRow(row, i, facts, words) {
    const { at, run } = this;
    const up = facts.up[i] === 1;
    put(row.g, "data-up", String(up));
    put(row.g, "data-lacks", String(facts.lacks[i]));
    put(row.g, "data-took", String(facts.took[i]));
    put(row.g, "class", `rv-row${up ? "" : " rv-down"}`);
    for (const lane of row.lanes) this.drawLane(lane, i, facts);
    this.drawGone(row, i, facts);
    const label = this.drawSign(row, i, facts, true, up);
    if (!words) return;
    const clock = clockWords(facts.clock[i]);
    const about = clock || (up ? run.nodes[i].place : "");
    this.drawAbout(row, i, about, label);
    say(row.first, at.narrow ? `${count(facts.took[i])} own` : `took ${counted(facts.took[i], "write")}`);
    const [tone, second] = facts.lacks[i] ? ["stale", at.narrow ? `lacks ${count(facts.lacks[i])}` : `lacks ${count(facts.lacks[i])} of others`] : ["safe", at.narrow ? "✓ has all" : "✓ lacks nothing"];
    say(row.second, up ? second : "down");
    put(row.second, "class", `rv-figure rv-${up ? tone : "quiet"}`);
    put(row.g, "aria-label", `${run.nodes[i].name}, leader, ${up ? label || "up" : "down"}${clock ? `, ${clock}` : ""}: took ${counted(facts.took[i], "write")}, ${second}`);
  }

  /** What stands below the name: how wrong its clock is, or where it stands. */
  drawAbout(row, i, about, label) {
    const { at } = this;
    const wrong = about.startsWith("clock");
    for (const text of [row.sub, row.place]) put(text, "class", `rv-note${wrong ? " rv-tape-clock" : ""}`);
    const beside = at.pad + 58 + this.run.nodes[i].name.length * 10;
    const room = label && !row.three ? at.label - beside : at.label - at.pad - 46;
    const fits = (text) => this.textWidth(text, 12, wrong ? 600 : 400) <= room;
    const brief = about.replace(/^clock /, "");
    const [one, two = ""] = fits(about) ? [about] : row.three && wrong ? [about.replace(/ \S+$/, ""), about.split(" ").pop()] : [this.fitted(brief, room)];
    say(row.sub, one);
    say(row.place, two);
    show(row.place, two !== "" && !label);
    show(row.sub, !(label !== "" && (at.tight || !wrong)));
    if (at.tight || row.three) return;
    put(row.sub, "y", at.middle(i) + (label ? -3 : 15));
    put(row.sub, "x", label ? beside : row.pillX + 8);
  }

  /** Writes as signs: filled where they are on this leader's disk, hollow before. */
  drawLane(lane, row, facts) {
    const { at, run } = this;
    const { writes, logs } = run.tapes;
    const log = logs[lane.origin];
    const upto = lane.own ? facts.top : facts.shown[row][lane.origin];
    const end = this.x(facts, lane.own ? facts.top : this.reached(facts, row, lane.origin, upto));
    put(lane.reach, "width", Math.max(0, Math.min(end, at.right) - at.left));
    put(lane.g, "data-upto", String(upto));
    let [solid, hollow] = ["", ""];
    const sign = facts.writes > LINES_FROM ? (x, y, s) => `M${x} ${y - s}V${y + s}` : TAPE_SIGNS[lane.origin];
    const begun = countUpTo(log.made, facts.t);
    for (let k = begun - 1; k >= 0; k--) {
      const i = log.own[k];
      const number = writes.number[i];
      if (number <= facts.left) break;
      if (writes.gone[i] <= facts.t) continue;
      const has = writes.lsn[i] <= facts.applied[row][lane.origin];
      if (!has && !lane.own) continue;
      const x = +this.place(facts, number).toFixed(1);
      if (x < at.left + lane.half) break;
      const path = sign(x, lane.middle, lane.half);
      if (has) solid += path;
      else hollow += path;
    }
    put(lane.solid, "d", solid);
    put(lane.hollow, "d", hollow);
    put(lane.solid, "class", `rv-tape-solid${facts.writes > LINES_FROM ? " rv-tape-lines" : ""}`);
  }

  /** How far a lane reaches: up to the first write of that leader that is not applied; all are, if none is left. */
  reached(facts, row, origin, upto) {
    const log = this.run.tapes.logs[origin];
    const next = log.number[countUpTo(log.number, upto)] ?? Infinity;
    return next <= facts.top ? upto : facts.top;
  }

  /** What last-write-wins has thrown away, and what a crash took, hatched and crossed on its own tape. */
  drawGone(row, i, facts) {
    const { run, at } = this;
    const { writes, logs, losses, lossOf } = run.tapes;
    const log = logs[i];
    const { middle, high } = row.lanes[0];
    const wide = Math.max(4, Math.min(14, (at.right - at.left) / facts.writes));
    let [crosses, boxes, gone] = ["", "", 0];
    for (let k = countUpTo(log.made, facts.t) - 1; k >= 0; k--) {
      const at_ = log.own[k];
      if (writes.number[at_] <= facts.left) break;
      const loss = lossOf.get(writes.number[at_]);
      if (!(writes.gone[at_] <= facts.t) && !(loss !== undefined && losses.t[loss] <= facts.t + 1e-6)) continue;
      const x = this.place(facts, writes.number[at_]);
      boxes += `M${(x - wide / 2).toFixed(1)} ${middle - high / 2}h${wide.toFixed(1)}v${high}h${(-wide).toFixed(1)}z`;
      crosses += `M${(x - 4).toFixed(1)} ${middle - 5}l8 10m0 -10l-8 10`;
      gone++;
    }
    row.hatchPath ??= svg("path", {}, row.hatch);
    put(row.hatchPath, "d", boxes);
    put(row.gone, "d", crosses);
    put(row.g, "data-gone", String(gone));
  }

  arcOf(facts, a, b) {
    const { at, run } = this;
    const { writes, place } = run.tapes;
    const [one, other] = [a, b].map((number) => ({ number, row: writes.node[place.get(number)], x: this.place(facts, number) })).sort((p, q) => p.row - q.row);
    const [y1, y2] = [at.y(one.row) + at.bar, at.y(other.row)];
    if (one.row === other.row) return { one, other, y1: y2, y2, bow: [Math.min(one.x, other.x), y2 - 26, Math.max(one.x, other.x), y2 - 26] };
    const far = Math.max(one.x, other.x) + 16 + 5 * (other.row - one.row);
    return { one, other, y1, y2, bow: [far, y1 + (y2 - y1) * 0.32, far, y2 - (y2 - y1) * 0.32] };
  }

  drawTies(facts) {
    const { run } = this;
    const { ties } = run.tapes;
    const shown = tiesInView(run, facts).slice(-MOST_ARCS);
    while (this.arcPool.length < shown.length) {
      const g = svg("g", { class: "rv-arc" }, this.arcs);
      this.arcPool.push({ g, line: svg("path", {}, g), ground: svg("circle", { r: 7.5, class: "rv-arc-ground" }, g), sign: svg("path", { class: "rv-arc-sign" }, g) });
    }
    this.arcPool.forEach((arc, k) => {
      const i = shown[k];
      show(arc.g, i !== undefined);
      if (i === undefined) for (const part of [arc.line, arc.sign, arc.ground]) show(part, false);
      else this.drawTie(arc, i, facts, k >= shown.length - FULL_ARCS, k === shown.length - 1);
    });
    show(this.tieBox, shown.length > 0);
    for (const text of [...this.ends, this.tieText]) show(text, shown.length > 0);
    if (shown.length) this.nameTie(shown[shown.length - 1], facts);
    put(this.arcs, "data-count", String(shown.length));
    put(this.arcs, "data-newest", shown.length ? `${ties.a[shown[shown.length - 1]]}-${ties.b[shown[shown.length - 1]]}` : "");
  }

  drawTie(arc, i, facts, strong, newest) {
    const { ties, resolve, data } = this.run.tapes;
    const { one, other, y1, y2, bow } = this.arcOf(facts, ties.a[i], ties.b[i]);
    const kind = ties.lost[i] ? "lost" : data === "unique_name" ? "conflict" : resolve === "siblings" ? "siblings" : resolve === "crdt" ? "merged" : "conflict";
    put(arc.g, "class", `rv-arc rv-arc-${kind === "lost" || data === "unique_name" ? "lost" : "kept"}${strong ? "" : " rv-arc-old"}${newest ? " rv-arc-newest" : ""}`);
    put(arc.line, "d", `M${one.x.toFixed(1)} ${y1.toFixed(1)} C${bow.map((v) => v.toFixed(1)).join(" ")} ${other.x.toFixed(1)} ${y2.toFixed(1)}`);
    const x = (one.x + 3 * bow[0] + 3 * bow[2] + other.x) / 8;
    const y = (y1 + 3 * bow[1] + 3 * bow[3] + y2) / 8;
    for (const part of [arc.line, arc.sign, arc.ground]) show(part, part === arc.line || strong);
    put(arc.sign, "d", TAPE_TIES[kind]);
    put(arc.sign, "transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`);
    put(arc.ground, "transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`);
  }

  /** The newest arc in words: which writes, and which of them is gone. */
  nameTie(i, facts) {
    const { at, run } = this;
    const { ties } = run.tapes;
    const { one, other, y2 } = this.arcOf(facts, ties.a[i], ties.b[i]);
    const words = tieWords(run, i);
    const half = this.textWidth(words, 12) / 2;
    say(this.tieText, words);
    put(this.tieText, "x", Math.max(at.left + half, Math.min((one.x + other.x) / 2, at.width - at.pad - half)));
    put(this.tieText, "text-anchor", "middle");
    put(this.tieText, "y", at.y(0) - (one.row === 0 ? 20 : 8));
    put(this.tieText, "class", `rv-tie-text rv-halo${ties.lost[i] || run.tapes.data === "unique_name" ? " rv-tie-lost" : ""}`);
    [one, other].forEach((end, k) => {
      say(this.ends[k], count(end.number));
      put(this.ends[k], "x", end.x);
      put(this.ends[k], "y", k === 0 ? at.y(end.row) - 4 : y2 + at.bar + 11);
      put(this.ends[k], "class", `rv-tie-number rv-halo${ties.lost[i] === end.number ? " rv-tie-lost" : ""}`);
    });
    if (one.row === other.row) return;
    // The lower number stands where the lanes are: above its tape there is more room.
    put(this.ends[1], "y", y2 - 4);
    put(this.ends[1], "x", other.x - 13);
  }

  /** A line at the write that is followed. */
  drawPin(facts) {
    const number = facts.followed;
    const seen = number > facts.left && number <= facts.left + facts.writes;
    show(this.pin, seen);
    if (!seen) return;
    const x = this.place(facts, number).toFixed(1);
    put(this.pin, "d", `M${x} ${this.at.top - 6} V${this.at.axis - 2} M${x} ${this.at.top - 14} l5 5 l-5 5 l-5 -5 z`);
    put(this.pin, "data-write", String(number));
  }

  /** What a click at a place follows: a message's last write, or the write whose sign is there. */
  followAt(x, y, facts, packets) {
    const { at, run } = this;
    const hit = packets.hit(facts, x, y);
    if (hit) return { kind: "write", lsn: hit };
    const row = run.nodes.findIndex((_, i) => y >= at.y(i) - 4 && y <= at.y(i) + at.tape + 4);
    if (row < 0 || x < at.left || x > at.right) return null;
    const lane = this.rows[row].lanes.reduce((best, one) => (Math.abs(one.middle - y) < Math.abs(best.middle - y) ? one : best));
    const { number } = run.tapes.logs[lane.origin];
    const wanted = facts.left + ((x - at.left) / (at.right - at.left)) * facts.writes + 0.5;
    const near = number.filter((one) => one <= facts.top).reduce((best, one) => (Math.abs(one - wanted) < Math.abs(best - wanted) ? one : best), -Infinity);
    return Math.abs(near - wanted) < Math.max(1.2, facts.writes / 40) ? { kind: "write", lsn: near } : null;
  }
}

/** Messages between the tapes, each at its last write, in the colour and shape of the log it carries. */
class TapePackets extends Packets {
  colours() {
    super.colours();
    const style = getComputedStyle(this.canvas);
    this.origins = TAPE_SIGNS.map((_, i) => style.getPropertyValue(`--rv-origin-${i + 1}`).trim());
  }

  place(flights, i, facts) {
    const { at } = this.scene;
    const way = (facts.t - flights.sent[i]) / (flights.arrived[i] - flights.sent[i]);
    const down = flights.target > flights.source;
    const [from, to] = down ? [at.y(flights.source) + at.tape + 3, at.y(flights.target) - 6] : [at.y(flights.source) - 6, at.y(flights.target) + at.tape + 3];
    const y = from + (to - from) * (flights.lost[i] ? Math.min(way, 0.5) : way);
    return { way, y, x: Math.min(this.scene.place(facts, flights.number[i]), at.right + 8) };
  }

  hit(facts, x, y) {
    for (const flights of facts.run.flights) {
      if (flights.kind === FLIGHT.REPLAYED) continue;
      for (let i = countUpTo(flights.sent, facts.t) - 1; i >= 0 && flights.sent[i] >= facts.t - flights.longest; i--) {
        if (flights.arrived[i] <= facts.t) continue;
        const here = this.place(flights, i, facts);
        if (Math.abs(y - here.y) <= 9 && Math.abs(x - here.x) <= 10) return flights.number[i];
      }
    }
    return 0;
  }

  drawOne(flights, i, facts) {
    const { pen, scene, colour } = this;
    const { way, x, y } = this.place(flights, i, facts);
    if (x < scene.at.left) return;
    const path = new Path2D();
    if (flights.lost[i] && way >= 0.5) {
      path.addPath(new Path2D(`M${x - 5} ${y - 5} l10 10 m0 -10 l-10 10`));
      pen.globalAlpha = Math.max(0.15, 2 - 2 * way);
      pen.strokeStyle = colour.risk;
      pen.lineWidth = 2.4;
      pen.stroke(path);
      pen.globalAlpha = 1;
      return;
    }
    if (flights.kind === FLIGHT.REPLAYED) return this.reply(x, y, true);
    const tone = this.origins[originOf(flights)];
    const many = flights.carries[i] > 1 ? count(flights.carries[i]) : "";
    path.addPath(new Path2D(TAPE_SIGNS[originOf(flights)](x, y, many ? 8 : 5)));
    pen.fillStyle = many ? colour.ground : tone;
    pen.strokeStyle = many ? tone : colour.ground;
    pen.lineWidth = many ? 1.8 : 1.4;
    pen.fill(path);
    pen.stroke(path);
    pen.fillStyle = tone;
    if (many) pen.fillText(many, x, y + 0.5);
    return undefined;
  }
}
