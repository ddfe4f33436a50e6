// Several leaders: their space-time diagram, what can be clicked, and what the story says of a write that was thrown away.

const TAPE_LEGEND = [
  ["rv-key-write", "M10 2 V10", "write"],
  ["rv-key-wal", "M1 2 L19 10 M14 10.4 L19 10 L16.2 5.8", "log, named by its last write"],
  ["rv-key-reply", "M1 10 L19 2", "where it stands"],
  ["rv-key-flush", "M2 3 H19 V9 H2 Z", "flush"],
  ["rv-key-lost", "M1 1.5 L10 6 M6.5 2.5 L13.5 9.5 M6.5 9.5 L13.5 2.5", "lost, discarded"],
];

/** The names at the left of the diagram. */
class TapeRows extends Scene {
  makeLinks() { return { draw() {} }; }
  drawAcknowledged() {}
  drawRisk() {}
  drawGrid() {}

  drawRow(row, i, facts, words) {
    const up = facts.up[i] === 1;
    put(row.g, "data-up", String(up));
    put(row.g, "class", `rv-row${up ? "" : " rv-down"}`);
    const label = this.drawSign(row, i, facts, true, up);
    if (!words) return;
    const about = clockWords(facts.clock[i]) || this.run.nodes[i].place;
    const room = this.at.label - this.at.pad - 44;
    const brief = about.replace(/^clock /, "");
    say(row.sub, this.fitted(this.textWidth(about, 12, 400) <= room ? about : brief, room));
    show(row.sub, label === "");
    put(row.g, "aria-label", `${this.run.nodes[i].name}, leader, ${label || (up ? "up" : "down")}${about ? `, ${about}` : ""}`);
  }
}

class TapeDiagram extends SpaceTime {
  get legend() { return TAPE_LEGEND; }

  messageText(one) {
    const { run } = this;
    const [from, there, whose] = [one.source, one.target, originOf(one)].map((node) => run.nodes[node].name);
    const number = count(numberOf(run, originOf(one), one.to));
    const writes = one.carries > 1 ? `${counted(one.carries, "write")} of ${whose}, up to write ${number}` : `write ${number} of ${whose}`;
    const what = one.kind === FLIGHT.REPLAYED ? `has ${run.nodes[one.target].name}’s log up to write ${number}` : writes;
    return `${from} → ${there}: ${what} · sent ${momentText(run, one.sent)}, ${one.lost ? "lost on the way" : `arrives ${momentText(run, one.arrived)}`}`;
  }

  followOf(message) {
    const number = numberOf(this.run, originOf(message), message.to);
    return message.kind === FLIGHT.REPLAYED || !number ? null : { kind: "write", lsn: number };
  }

  /** Each leader's writes as strokes above its line, with their numbers where there is room. */
  drawCommits() {
    const { run, facts } = this;
    const { writes, logs } = run.tapes;
    const { colour, pen } = this.ink;
    const strokes = new Path2D();
    logs.forEach((log, node) => {
      let free = -Infinity;
      const y = this.y(node);
      for (let k = countBelow(log.made, this.from); k < log.own.length && log.made[k] <= this.to; k++) {
        const x = this.x(log.made[k]);
        strokes.moveTo(x, y - 5);
        strokes.lineTo(x, y - 11);
        const text = count(writes.number[log.own[k]]);
        const half = 3.4 * text.length + 3;
        if (x - half < free) continue;
        pen.globalAlpha = log.made[k] > facts.t ? 0.4 : 1;
        this.ink.write(text, x, y - 14, colour.ink, "600 11px", "center");
        free = x + half;
      }
    });
    pen.globalAlpha = 1;
    this.ink.stroke(strokes, colour.quiet, 1.2);
  }

  /** Where and when writes were found to collide: the first of those near each other in words. */
  drawMarks() {
    const { run, at } = this;
    const { ties, writes, place } = run.tapes;
    const { colour } = this.ink;
    const free = new Map();
    for (let i = countBelow(ties.t, this.from); i < ties.t.length && ties.t[i] <= this.to; i++) {
      const node = writes.node[place.get(ties.lost[i] || ties.b[i])];
      const x = this.x(ties.t[i]);
      if (x < (free.get(node) ?? -Infinity)) continue;
      const text = ties.lost[i] ? `${count(ties.lost[i])} thrown away` : `${count(ties.a[i])} and ${count(ties.b[i])} collide`;
      this.ink.mark(text, x, this.y(node) + Math.min(20, at.pitch * 0.36), ties.lost[i] ? colour.risk : colour.stale, this.right);
      free.set(node, x + 22 + 6.6 * text.length);
    }
  }

  /** The messages that carry the write that is followed, heavy. */
  drawFollowed() {
    const { run, facts } = this;
    const { hover } = this.pointer;
    const { writes, place } = run.tapes;
    const heavy = new Path2D();
    const followed = place.get(facts.followed);
    for (const message of this.shown.messages) {
      const carries = followed !== undefined && message.kind !== FLIGHT.REPLAYED && originOf(message) === writes.node[followed]
        && message.to >= writes.lsn[followed] && message.to - message.carries < writes.lsn[followed];
      if (!carries && !isSame(message, hover?.message)) continue;
      const { from, to } = this.ends(message);
      heavy.moveTo(from.x, from.y);
      heavy.lineTo(to.x, to.y);
    }
    this.ink.stroke(heavy, this.ink.colour.ink, 2.6);
  }
}

/** @param {Picture} picture @returns {TargetSpot[]} */
function tapeTargets({ run, scene }) {
  const { at } = scene;
  if (!at.tapes) return logTargets({ run, scene }).filter(({ kind }) => kind === "node");
  const nodes = run.nodes.map(({ name }, row) => {
    const tall = Math.min(at.pitch - 2, 54);
    return { kind: "node", name, row, box: { left: at.pad - 10, top: at.middle(row) - tall / 2, width: at.label - at.pad + 4, height: tall } };
  });
  const links = run.tapes.links.map(([a, b]) => {
    const { x, y } = at.gutter(a, b);
    return { kind: "link", name: `${run.nodes[a].name} – ${run.nodes[b].name}`, row: a, peer: b, box: { left: x - 10, top: y - 10, width: 20, height: 20 } };
  });
  return [...nodes, ...links];
}

/** What a leader or the link between two is at a moment: as in a ring, and what its clock shows. @returns {TargetState} */
function tapeTarget(stage, target, t) {
  const found = ringTarget(stage, target, t);
  if (target.kind === "link") return found;
  const clock = clockWords(stage.now.facts.clock[target.row]);
  return { ...found, says: clock ? found.says.replace(/: faults$/, `, ${clock}: faults`) : found.says };
}

// -- why a write is gone ------------------------------------------------------------------------------------------------

/** What the story tells beyond the marks: other writes that were thrown away, and a way to ask why. @returns {StoryRow[]} */
function tapeRows(run) {
  const { losses, writes, place } = run.tapes;
  const told = new Set(run.events.map(({ kind, text }) => (kind === MARK.DISCARDED ? discardedIn(text) : 0)));
  return Array.from(losses.write, (number, i) => {
    if (told.has(number)) return null;
    const [lost, kept] = [place.get(number), place.get(losses.kept[i])];
    const names = [lost, kept].map((one) => run.nodes[writes.node[one]].name);
    const later = writes.made[lost] > writes.made[kept];
    const text = `Write ${count(number)} of ${names[0]} had been acknowledged and is thrown away for write ${count(losses.kept[i])} of ${names[1]}${later ? ", though it was the later one" : ""}.`;
    return {
      t: onTheGrid(losses.t[i], run), text, group: "loss", nodes: [writes.node[lost]], where: names[0], network: false,
      follow: { kind: "write", lsn: number, go: losses.t[i] }, offer: "Why?",
    };
  }).filter(Boolean);
}

/** The number of the write that a mark says is discarded. */
function discardedIn(text) {
  return Number(/write (\d+) of \S+ is discarded/.exec(text)?.[1] ?? 0);
}

const TAPE_SHORTCUTS = [
  { label: "last discarded", name: "Follow the last write that was thrown away", of: (run, { t }) => lastOf(run.tapes?.losses, t, ({ write }, i) => write[i]) },
  { label: "last conflict", name: "Follow the later write of the last conflict", of: (run, { t }) => lastOf(run.tapes?.ties, t, ({ b }, i) => b[i]) },
];

function lastOf(events, t, number) {
  const i = events ? countUpTo(events.t, t) - 1 : -1;
  return i < 0 ? null : { kind: "write", lsn: number(events, i) };
}

/** A leader's timestamp of a write, as its clock showed it. */
function stampText(run, i) {
  const { writes, resolve } = run.tapes;
  const wall = Math.round((writes.made[i] + writes.ahead[i]) * 10) / 10;
  const text = `${wall < 0 ? "−" : ""}${count(Math.floor(Math.abs(wall)))}.${Math.round(Math.abs(wall) * 10) % 10} ms`;
  return resolve === "hlc" ? `${text}, ${count(writes.logical[i])}` : text;
}

/** What became of a write of one of several leaders. @param {object} run @param {number} number @param {number} t ms @returns {Fate} */
function fateOfTape(run, number, t) {
  const { tapes } = run;
  const { writes, place, ties } = tapes;
  const i = place.get(number);
  if (i === undefined) return { verdict: `There is no write ${count(number)} in this picture.`, tone: "quiet", lines: [], note: "" };
  const node = writes.node[i];
  const name = (one) => run.nodes[one].name;
  const lines = [fateLine(writes.made[i], node, "taken", `takes write ${count(number)} to row ${count(writes.key[i])}, stamp ${stampText(run, i)}`)];
  const clock = clockAt(run, node, writes.made[i]);
  if (clock) lines.push(fateLine(writes.made[i], node, "clock", `its ${clockWords(clock)}: true time is ${momentText(run, writes.made[i])}`, "fault"));
  if (writes.gone[i] >= 0) lines.push(fateLine(writes.gone[i], node, "lost", "crashes before the write is on disk: nobody was told it is safe", "risk"));
  if (writes.answered[i] >= 0) lines.push(fateLine(writes.answered[i], node, "answered", "has it on disk and acknowledges it", "safe"));
  run.nodes.forEach((_, other) => {
    if (other === node || writes.gone[i] >= 0) return;
    const at = reachedAt(run, other, POSITION.FROM_1 + node, writes.lsn[i], run.duration);
    if (at >= 0) lines.push(fateLine(at, other, "applied", `has it from ${name(node)}, ${span(at - writes.made[i])} after it was made`));
  });
  for (let k = 0; k < ties.t.length; k++) {
    const other = ties.a[k] === number ? ties.b[k] : ties.b[k] === number ? ties.a[k] : 0;
    const j = place.get(other);
    if (!other || j === undefined) continue;
    lines.push(fateLine(ties.t[k], writes.node[j], "meets", `it meets write ${count(other)} of ${name(writes.node[j])}, taken at ${momentText(run, writes.made[j])}, stamp ${stampText(run, j)}`, "stale"));
  }
  const verdict = verdictOfTape(run, i, t);
  if (verdict.loss >= 0 && tapes.losses.t[verdict.loss] >= 0) {
    const j = place.get(tapes.losses.kept[verdict.loss]);
    lines.push(fateLine(tapes.losses.t[verdict.loss], node, "discarded", `thrown away: the greater stamp wins, ${stampText(run, j)} of write ${count(writes.number[j])} against ${stampText(run, i)}; nobody is told`, "risk"));
  }
  lines.sort((a, b) => a.t - b.t);
  return { verdict: verdict.text, tone: verdict.tone, lines, note: "" };
}

/** @returns {{text: string, tone: string, loss: number}} */
function verdictOfTape(run, i, t) {
  const { writes, losses, lossOf, place } = run.tapes;
  const [number, node] = [writes.number[i], run.nodes[writes.node[i]].name];
  const it = `Write ${count(number)}, taken on ${node} at ${momentText(run, writes.made[i])}`;
  const loss = lossOf.get(number) ?? -1;
  if (t < writes.made[i] - 1e-6) return { text: `${it}: still to come.`, tone: "quiet", loss };
  if (writes.gone[i] <= t) return { text: `${it}: gone with the crash, and not acknowledged.`, tone: "quiet", loss };
  if (loss >= 0 && losses.t[loss] <= t + 1e-6) {
    const j = place.get(losses.kept[loss]);
    const later = writes.made[i] > writes.made[j];
    const text = `${it}, was thrown away for write ${count(writes.number[j])}, taken on ${run.nodes[writes.node[j]].name} at ${momentText(run, writes.made[j])}: `
      + `stamp ${stampText(run, j)} is greater than ${stampText(run, i)}.${later ? ` In truth it was the later one, by ${span(writes.made[i] - writes.made[j])}.` : ""}`;
    return { text, tone: "risk", loss };
  }
  const has = run.nodes.filter((_, other) => appliedAt(run, other, writes.node[i], t) >= writes.lsn[i]).length;
  const where = has === run.nodes.length ? "all leaders have it" : `${count(has)} of ${counted(run.nodes.length, "leader")} have it`;
  return { text: `${it}: ${writes.answered[i] <= t ? "acknowledged" : "not yet on disk"}; ${where}.`, tone: writes.answered[i] <= t ? "safe" : "quiet", loss };
}
