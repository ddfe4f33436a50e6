// Beside the ring: the operation at hand in words, its sets, whether they meet, and what the sizes promise.

/** What an operation is, in a few words. @param {object} run @param {number} op */
function opName(run, op) {
  const { ops } = run.ring;
  const version = ops.version[op] > 0 ? ` v${count(ops.version[op])} to` : " to";
  const key = `key ${count(ops.key[op])}`;
  if (ops.kind[op] === OP.WRITE) return `Write${version} ${key}`;
  return ops.kind[op] === OP.DELETE ? `Delete of ${key}${ops.version[op] > 0 ? ` (v${count(ops.version[op])})` : ""}` : `Read of ${key}`;
}

/** How many answers an operation waits for, in words. */
function waitWords(run, op, t) {
  const { ring } = run;
  if (ring.level) return `${ring.level}: waits for ${ring.waits[run.nodes[ring.ops.node[op]].place]}`;
  const { w, r } = quorumsAt(run, Math.min(t, ring.ops.begun[op]));
  return isWrite(ring.ops, op) ? `W = ${w}` : `R = ${r}`;
}

/** Who has answered what so far. */
function heardWords(run, op, t) {
  const { ops } = run.ring;
  const answers = answersTo(run, op, t);
  if (!answers.length) return ops.told[op] <= t + SAME ? "refused at once: too few copies in reach" : "nobody has answered yet";
  const told = ({ source, version }) => `${run.nodes[source].name}${isWrite(ops, op) ? "" : ` ${version ? `v${count(version)}` : "has nothing"}`}`;
  return `${isWrite(ops, op) ? "stored by" : "answers:"} ${answers.map(told).join(", ")}`;
}

/** What became of an operation by a moment. @returns {[string, string]} words and their tone */
function resultWords(run, op, t) {
  const { ops } = run.ring;
  if (!(ops.told[op] <= t + SAME)) return ["under way", "ink"];
  const took = span(ops.told[op] - ops.begun[op]);
  if (ops.outcome[op] === OUTCOME.FAILED) return [answersTo(run, op, t).length ? `failed after ${took}: too few answers` : `refused: too few copies in reach`, "risk"];
  if (ops.outcome[op] === OUTCOME.UNKNOWN) return [`no answer after ${took}: it may be stored, or not`, "risk"];
  if (isWrite(ops, op)) return [`acknowledged after ${took}`, "safe"];
  const shown = ops.version[op] > 0 ? `v${count(ops.version[op])}` : "nothing";
  if (ops.judged[op] === JUDGED.STALE) return [`returned ${shown}: stale, v${count(ops.wanted[op])} had been acknowledged`, "stale"];
  if (ops.judged[op] === JUDGED.BACK) return [`returned ${shown}: an earlier read had seen a newer version`, "stale"];
  return [`returned ${shown} after ${took}`, "safe"];
}

/** Whether the two sets meet, in a sentence; empty while there are not two of them. @returns {[string, string]} and its tone */
function overlapWords(run, facts) {
  const { write, read, writeSet, readSet, t } = facts;
  if (write < 0 || read < 0 || !writeSet || !readSet) return ["", "ink"];
  const { ops } = run.ring;
  const version = `v${count(ops.version[write])}`;
  const both = writeSet & readSet;
  const names = namesIn(run, both);
  const acknowledged = ops.told[write] <= ops.begun[read] + SAME && ops.outcome[write] === OUTCOME.OK;
  if (both && !acknowledged) return [`${names} ${inSet(both).length > 1 ? "are" : "is"} in both; ${version} had not been acknowledged when the read began.`, "ink"];
  if (both) return [`${names} ${inSet(both).length > 1 ? "are" : "is"} in both: this read cannot miss ${version}.`, "safe"];
  const open = ops.told[read] > t + SAME || Number.isNaN(ops.told[read]);
  if (open) return [`No node is in both so far: ${version} can still be missed.`, "stale"];
  const came = ops.version[read] >= ops.version[write] ? ` It did not: ${version} had reached ${namesIn(run, sawBy(run, read, ops.version[write]), "or")} by then.` : "";
  return [`No node is in both: this read can miss ${version}.${came}`, "stale"];
}

/** Who answered a read with a version or a newer one. */
function sawBy(run, read, version) {
  return answersTo(run, read, Infinity).reduce((set, m) => (m.version >= version ? set | (1 << m.source) : set), 0);
}

/** What W and R promise, in a sentence. */
function promiseWords(run, t) {
  const { copies: n, level, meets } = run.ring;
  if (level) return meets ? `${level}: any two sets share a node.` : `${level}: sets of one datacentre share a node; those of two need not.`;
  const { w, r } = quorumsAt(run, t);
  if (w + r > n && run.ring.sloppy) return `W + R = ${w + r} > N = ${n}, but the quorum is sloppy: where others stand in, two sets may share no node.`;
  if (w + r > n) return `W + R = ${w + r} > N = ${n}: any two such sets share a node.`;
  return `W + R = ${w + r} ≤ N = ${n}: drawn at random, ${(100 * missShare(n, w, r)).toFixed(0)} % of such pairs share none.`;
}

class RingSide {
  /** @param {object} run @param {HTMLElement} parent @param {object} at as `layOutRing` gives it */
  constructor(run, parent, at) {
    this.run = run;
    this.root = html("div", `rv-side${at.narrow ? " rv-side-narrow" : ""}${at.compact ? " rv-side-compact" : ""}`, parent);
    Object.assign(this.root.style, { left: `${at.side}px`, width: `${at.width - at.side - at.pad}px`, height: `${at.height}px` });
    this.title = html("div", "rv-side-title", this.root);
    this.about = html("div", "rv-side-about", this.root);
    this.result = html("div", "rv-side-result", this.root);
    this.sets = Object.fromEntries(["write", "read"].map((name) => {
      const line = html("div", "rv-side-set", this.root);
      const key = svg("svg", { viewBox: "0 0 30 14", width: 30, height: 14, "aria-hidden": "true" }, line);
      svg("rect", { x: 2, y: 2, width: 26, height: 10, rx: 5, class: `rv-set rv-set-${name}` }, key);
      return [name, { line, text: html("span", "", line) }];
    }));
    this.overlap = html("div", "rv-side-overlap", this.root);
    this.promise = html("div", "rv-side-promise", this.root);
    this.makeLegend();
  }

  makeLegend() {
    const { run } = this;
    const present = new Set(run.flights.map(({ kind }) => kind));
    const legend = html("div", "rv-side-legend", this.root);
    legend.setAttribute("aria-hidden", "true");
    const paths = {
      [SENT.STORE]: "M4 3 H24 V13 H4 Z", [SENT.STORED]: "M14 1.5 a6.5 6.5 0 1 0 .1 0 M11 8 l2.2 2.4 l4 -4.6", [SENT.ASK]: "M14 1 a7 7 0 1 0 .1 0",
      [SENT.ANSWER]: "M9 3 H19 a5 5 0 0 1 0 10 H9 a5 5 0 0 1 0 -10 Z", [SENT.REPAIR]: "M3 8 L9 2 H19 L25 8 L19 14 H9 Z", [SENT.HINT]: "M5 2 h18 v12 h-18 z M5 2 l9 7 l9 -7",
      [SENT.SYNC]: "M8 3 h12 v10 h-12 z M11 6.5 h6 M11 9.5 h6",
    };
    for (const [kind, name] of RING_KINDS) {
      if (!present.has(kind)) continue;
      const item = html("span", "", legend);
      const icon = svg("svg", { viewBox: "0 0 28 16", width: 24, height: 14, class: `rv-ring-key rv-ring-key-${RING_TONES[kind]}` }, item);
      svg("path", { d: paths[kind], ...(kind === SENT.ASK ? { "stroke-dasharray": "3 2" } : {}) }, icon);
      item.append(name);
    }
    for (const [cls, path, name] of [["rv-mark-fresh", "M8 8 l4 4.4 l7.6 -9", "newest"], ["rv-mark-stale", "M14 2.5 l6 10.5 h-12 z", "older version"]]) {
      const item = html("span", "", legend);
      svg("path", { d: path, class: cls }, svg("svg", { viewBox: "0 0 28 16", width: 24, height: 14 }, item));
      item.append(name);
    }
  }

  draw(facts) {
    const { run } = this;
    const { op, t, write, read } = facts;
    if (op < 0) {
      say(this.title, "No request yet");
      for (const part of [this.about, this.result, this.overlap, this.sets.write.text, this.sets.read.text]) say(part, "");
      for (const { line } of Object.values(this.sets)) line.hidden = true;
      say(this.promise, promiseWords(run, t));
      return;
    }
    const { ops } = run.ring;
    const early = t < ops.begun[op] - SAME;
    say(this.title, opName(run, op));
    say(this.about, early ? `begins at ${momentText(run, ops.begun[op])}` : `at ${run.nodes[ops.node[op]].name} · ${waitWords(run, op, t)}`);
    const [result, tone] = early ? ["", "ink"] : resultWords(run, op, t);
    say(this.result, early ? "" : `${heardWords(run, op, t)} · ${result}`.replace(/^refused.* · refused/, "refused"));
    put(this.result, "class", `rv-side-result rv-said-tone-${tone}`);
    this.drawSet("write", write, facts.writeSet, t);
    this.drawSet("read", read, facts.readSet, t);
    const [overlap, overlapTone] = overlapWords(run, facts);
    say(this.overlap, overlap);
    put(this.overlap, "class", `rv-side-overlap rv-said-tone-${overlapTone}`);
    say(this.promise, promiseWords(run, t));
  }

  drawSet(name, op, set, t) {
    const { run } = this;
    const { line, text } = this.sets[name];
    line.hidden = op < 0 || !set;
    if (line.hidden) return;
    const { ops } = run.ring;
    const of = name === "write" && ops.version[op] > 0 ? ` of v${count(ops.version[op])}` : "";
    const done = ops.told[op] <= t + SAME ? "" : " so far";
    say(text, `${name} set${of}${done}: ${namesIn(run, set)}`);
  }
}
