// A run without a leader at a moment: the operation at hand, its sets, what each node holds, what is counted. Nothing is drawn.

const OP = { WRITE: 0, READ: 1, DELETE: 3 };
const OUTCOME = { OK: 0, FAILED: 1, UNKNOWN: 2 };
const JUDGED = { NOTHING: 0, FRESH: 1, STALE: 2, BACK: 3 };
const SENT = { STORE: 4, STORED: 5, ASK: 6, ANSWER: 7, REPAIR: 8, HINT: 9, SYNC: 10 };
const HOLDING = { STORED: 6, HINTED: 7 };
const SAME = 1e-6; // ms: sums of ticks differ in the last digits

/** What `ring_wire.py` adds to a message, taken in its order. */
function takeRing(run, take) {
  const ms = (column) => column.map((ticks) => ticks * run.tick);
  const [row, begun, lasted, kind, result, key, node, version, wanted, homes, asked] = Array.from({ length: 11 }, take);
  const ops = { row, kind, key, node, version, wanted, homes, asked, count: row.length };
  ops.begun = ms(begun);
  ops.told = begun.map((ticks, i) => (lasted[i] < 0 ? NaN : (ticks + lasted[i]) * run.tick));
  ops.outcome = result.map((packed) => packed % 4);
  ops.judged = result.map((packed) => Math.floor(packed / 4));
  const [from, at] = [ms(take()), take()];
  const { ring } = run;
  Object.assign(ring, { ops, programme: { t: from, op: at }, stored: new Map(), hinted: new Map() });
  ring.keyOf = new Map();
  ring.writer = new Map();
  ring.ofKey = new Map();
  for (let i = 0; i < ops.count; i++) {
    if (!ring.ofKey.has(key[i])) ring.ofKey.set(key[i], []);
    ring.ofKey.get(key[i]).push(i);
    if (!isWrite(ops, i) || version[i] < 1) continue;
    ring.keyOf.set(version[i], key[i]);
    ring.writer.set(version[i], i);
  }
  ring.shelves = run.nodes.map(() => ({ t: [], n: [] }));
  for (const [which, holder] of ring.held) takeHoldings(run, which === HOLDING.STORED ? ring.stored : ring.hinted, holder, ms(take()), take());
  ring.counts = ["fresh", "failed"].map(() => ({ t: ms(take()), of: take(), hits: take() }));
  takeMessages(run);
}

/** What a node holds: by key, when it held which version; negative: not any more. */
function takeHoldings(run, byKey, holder, t, v) {
  const shelf = run.ring.shelves[holder];
  const there = new Map();
  for (let i = 0; i < t.length; i++) {
    const key = run.ring.keyOf.get(Math.abs(v[i]));
    if (!byKey.has(key)) byKey.set(key, run.nodes.map(() => ({ t: [], v: [] })));
    const steps = byKey.get(key)[holder];
    steps.t.push(t[i]);
    steps.v.push(v[i]);
    if (byKey !== run.ring.hinted) continue;
    if (v[i] > 0) there.set(key, v[i]);
    else if (there.get(key) === -v[i]) there.delete(key);
    shelf.t.push(t[i]);
    shelf.n.push(there.size);
  }
}

/** Messages by operation. What a node sends to itself is known and not drawn. */
function takeMessages(run) {
  const place = new Map([...run.ring.ops.row].map((row, i) => [row, i]));
  run.ring.sent = Array.from({ length: run.ring.ops.count }, () => []);
  for (const flights of run.flights) {
    flights.op = Int32Array.from(flights.carries, (carried) => place.get(carried - 1) ?? -1);
    flights.op.forEach((op, i) => {
      if (op < 0) return;
      const { kind, source, target } = flights;
      run.ring.sent[op].push({ kind, source, target, sent: flights.sent[i], arrived: flights.arrived[i], lost: flights.lost[i] === 1, version: flights.to[i] });
    });
  }
  for (const sent of run.ring.sent) sent.sort((a, b) => a.sent - b.sent || a.arrived - b.arrived);
  run.flights = run.flights.filter(({ source, target }) => source !== target);
}

function isWrite(ops, i) {
  return ops.kind[i] !== OP.READ;
}

/** @param {object} run @returns {object} room for the facts of one moment */
function makeRingFacts(run) {
  const n = run.nodes.length;
  return Object.assign(makeFacts(run), {
    op: -1, due: -1, followed: null, same: null, kept: null, write: -1, read: -1, key: -1, newest: 0, writeSet: 0, readSet: 0, homes: 0,
    versions: new Int32Array(n), gone: new Uint8Array(n), spare: new Int32Array(n), hints: new Int32Array(n), marks: new Array(n).fill(""),
    reads: 0, failed: 0, asked: 0,
  });
}

/** Fill the facts for a moment. The operation at hand is the one that is followed, or kept by who draws, or that of the programme. */
function ringFactsAt(run, t, facts) {
  const { ring } = run;
  Object.assign(facts, { run, t });
  for (const [node, begin, end, , up] of run.states) {
    if (t >= begin && (t < end || end >= run.duration)) facts.up[node] = up ? 1 : 0;
  }
  facts.cut.fill(0);
  for (const wall of run.walls) if (t >= wall.t && t < wall.until) for (const node of wall.nodes) facts.cut[node] = 1;
  const { programme, ops } = ring;
  facts.due = programme.op[countUpTo(programme.t, t + SAME) - 1] ?? -1;
  facts.op = facts.followed ?? facts.same ?? facts.kept ?? facts.due;
  [facts.write, facts.read] = pairOf(run, facts.op, t);
  facts.key = facts.op < 0 ? -1 : ops.key[facts.op];
  facts.homes = facts.op < 0 ? 0 : ops.homes[facts.op];
  facts.writeSet = facts.write < 0 ? 0 : answeredBy(run, facts.write, t);
  facts.readSet = facts.read < 0 ? 0 : answeredBy(run, facts.read, t);
  facts.newest = newestTold(run, facts.key, t);
  const [held, kept] = [ring.stored.get(facts.key), ring.hinted.get(facts.key)];
  for (let node = 0; node < run.nodes.length; node++) {
    const version = versionAt(held?.[node], t);
    facts.versions[node] = Math.max(version, 0);
    facts.gone[node] = version < 0 ? 1 : 0;
    facts.spare[node] = Math.max(versionAt(kept?.[node], t), 0);
    const shelf = ring.shelves[node];
    facts.hints[node] = shelf.n[countUpTo(shelf.t, t) - 1] ?? 0;
    const isHome = ((facts.homes >> node) & 1) === 1;
    facts.marks[node] = !isHome || !facts.newest ? "" : Math.abs(version) >= facts.newest ? "fresh" : "stale";
  }
  const [fresh, failed] = ring.counts.map(({ t: times, of, hits }) => {
    const i = countUpTo(times, t + SAME) - 1;
    return i < 0 ? [0, 0] : [of[i], hits[i]];
  });
  [facts.reads, facts.stale] = fresh;
  [facts.asked, facts.failed] = failed;
  return facts;
}

/** Of two runs that are compared, let the one before show the operation that the other shows, if it has it. */
function ringTogether(was, now, t) {
  if (!was.run.ring || !now.run.ring) return;
  const { programme } = now.run.ring;
  const op = now.facts.followed ?? now.facts.kept ?? programme.op[countUpTo(programme.t, t + SAME) - 1] ?? -1;
  const like = op < 0 ? -1 : likeOperation(was.run.ring, operationIn(now.run.ring, op));
  was.facts.same = like < 0 ? null : like;
}

/** The version that a step of a holding says at a moment; 0 for none yet, negative for what is no longer held. */
function versionAt(steps, t) {
  const i = steps ? countUpTo(steps.t, t) : 0;
  return i ? steps.v[i - 1] : 0;
}

/** Which write and which read are shown with an operation: with a read the write that it should see, or the newer one that it
 *  saw; with a write the latest read of its key that began after it was acknowledged. @returns {[number, number]} */
function pairOf(run, op, t) {
  const { ops, ofKey, writer } = run.ring;
  if (op < 0) return [-1, -1];
  if (isWrite(ops, op)) {
    const later = ofKey.get(ops.key[op]).findLast((i) => !isWrite(ops, i) && ops.begun[i] >= ops.told[op] - SAME && ops.begun[i] <= t + SAME);
    return [op, later ?? -1];
  }
  const seen = ops.told[op] <= t + SAME ? ops.version[op] : 0;
  return [writer.get(Math.max(ops.wanted[op], seen)) ?? -1, op];
}

/** The answers to an operation that had come by a moment, before its client was told; in order of coming. */
function answersTo(run, op, t) {
  const { ops, sent } = run.ring;
  const kind = isWrite(ops, op) ? SENT.STORED : SENT.ANSWER;
  const until = Math.min(t, ops.told[op] >= 0 ? ops.told[op] : Infinity) + SAME;
  return sent[op].filter((m) => m.kind === kind && !m.lost && m.arrived <= until).sort((a, b) => a.arrived - b.arrived);
}

/** The same as a set: a bit for each node. */
function answeredBy(run, op, t) {
  return answersTo(run, op, t).reduce((set, { source }) => set | (1 << source), 0);
}

/** The newest acknowledged version of a key. */
function newestTold(run, key, t) {
  const { ops, ofKey } = run.ring;
  let newest = 0;
  for (const i of ofKey.get(key) ?? []) {
    if (ops.begun[i] > t) break;
    if (isWrite(ops, i) && ops.outcome[i] === OUTCOME.OK && ops.told[i] <= t + SAME) newest = Math.max(newest, ops.version[i]);
  }
  return newest;
}

/** The numbers of the nodes in a set. @param {number} set @returns {number[]} */
function inSet(set) {
  return Array.from({ length: 12 }, (_, i) => i).filter((i) => (set >> i) & 1);
}

function namesIn(run, set, word = "and") {
  return listed(inSet(set).map((i) => run.nodes[i].name), word);
}

/** W and R as they hold at a moment. @returns {{w: number, r: number}} */
function quorumsAt(run, t) {
  const [, w, r] = run.ring.quorums.findLast(([begin]) => begin <= t) ?? run.ring.quorums[0];
  return { w, r };
}

/** How often r copies drawn at random are none of w: C(n−w, r) / C(n, r). */
function missShare(n, w, r) {
  let share = 1;
  for (let i = 0; i < r; i++) share *= Math.max(0, n - w - i) / (n - i);
  return share;
}

Object.assign(CARDS, {
  fresh(run, { stale, reads }) {
    const label = "Stale reads so far";
    const number = `${count(stale)} of ${count(reads)}`;
    if (!reads) return { label, number, tone: "ink", note: "nothing to miss yet" };
    if (!stale) return { label, number, tone: "safe", note: "each saw the newest" };
    return { label, number, tone: "stale", note: `${((100 * stale) / reads).toFixed(1)} % of them` };
  },
  copies(run, facts) {
    const { key, newest, homes, marks } = facts;
    const of = inSet(homes).length;
    if (!newest) return { label: "Copies that hold it", number: "–", tone: "ink", note: key < 0 ? "no request yet" : `key ${count(key)}: nothing acknowledged` };
    const late = inSet(homes).filter((node) => marks[node] === "stale").map((node) => run.nodes[node].name);
    const label = `Copies of key ${count(key)} that hold v${count(newest)}`;
    const brief = `Copies that hold v${count(newest)}`;
    const number = `${of - late.length} of ${of}`;
    const down = inSet(homes).filter((node) => !facts.up[node] && marks[node] === "fresh").map((node) => run.nodes[node].name);
    if (!late.length) return { label, brief, number, tone: "safe", note: down.length ? `${listed(down)} ${down.length > 1 ? "are" : "is"} down` : "all are up to date" };
    return { label, brief, number, tone: "stale", note: `${late.length > 3 ? `${late.length} nodes` : listed(late)} ${late.length > 1 ? "lack" : "lacks"} it` };
  },
  failed(run, { failed, asked }) {
    const label = "Requests that failed so far";
    const number = `${count(failed)} of ${count(asked)}`;
    if (!failed) return { label, number, tone: asked ? "safe" : "ink", note: asked ? "all had their answer" : "none has ended yet" };
    return { label, number, tone: "risk", note: "refused, or timed out" };
  },
});
