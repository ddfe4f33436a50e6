// A run with several leaders at a moment: who has which writes, what collides, what is counted. Nothing is drawn here.
// The place of a write on the axis is its number: the order in which all leaders took theirs.

const LAST_TIES = 400; // arcs of the past that are looked through for those in view

/** What `tapes_wire.py` adds to a message, taken in its order. */
function takeTapes(run, take) {
  const ms = (column) => column.map((ticks) => (ticks < 0 ? NaN : ticks * run.tick));
  const { tapes } = run;
  const [number, node, lsn, key] = [take(), take(), take(), take()];
  const [made, answered, gone] = [ms(take()), ms(take()), ms(take())];
  const [ahead, logical] = [take().map((units) => units * tapes.stamp), take()];
  const writes = { number, node, lsn, key, made, answered, gone, ahead, logical, count: number.length };
  const place = new Map([...number].map((one, i) => [one, i]));
  const ties = { t: ms(take()), a: take(), b: take(), lost: take() };
  const losses = { t: ms(take()), write: take(), kept: take() };
  const conflicts = { t: ms(take()), n: take() };
  const discarded = { t: ms(take()), n: take(), later: take() };
  const differing = { t: ms(take()), n: take() };
  const lossOf = new Map([...losses.write].map((one, i) => [one, i]));
  const logs = run.nodes.map((_, leader) => {
    const own = [...number.keys()].filter((i) => node[i] === leader);
    const kept = own.filter((i) => Number.isNaN(gone[i])); // what a crash took was never sent, and its LSN is given again
    return { own, made: own.map((i) => made[i]), lsn: kept.map((i) => lsn[i]), number: kept.map((i) => number[i]), index: kept };
  });
  Object.assign(tapes, { writes, place, ties, losses, lossOf, logs, conflicts, discarded, differing });
  for (const flights of run.flights) {
    const origin = originOf(flights);
    flights.number = Int32Array.from(flights.to, (upto) => numberOf(run, origin, upto));
  }
}

/** Whose log a message carries; of an answer that of who asks. */
function originOf({ kind, source, target }) {
  if (kind >= FLIGHT.PASSED_ON) return kind - FLIGHT.PASSED_ON;
  return kind === FLIGHT.WAL ? source : target;
}

/** The number of the last write of a leader's log up to an LSN; 0 for none. */
function numberOf(run, leader, lsn) {
  const log = run.tapes.logs[leader];
  const i = countUpTo(log.lsn, lsn);
  return i ? log.number[i - 1] : 0;
}

/** Up to which LSN a leader has a leader's log on its disk. */
function appliedAt(run, node, origin, t) {
  return levelAt(run, node, node === origin ? POSITION.FLUSHED : POSITION.FROM_1 + origin, t);
}

/** How far a leader's clock is ahead of true time, ms. */
function clockAt(run, node, t) {
  return run.tapes.clocks[node].reduce((ahead, [begin, by]) => (begin <= t ? by : ahead), 0);
}

function clockWords(ahead) {
  return ahead ? `clock ${span(Math.abs(ahead))} ${ahead > 0 ? "ahead" : "behind"}` : "";
}

/** @param {object} run @returns {object} room for the facts of one moment */
function makeTapesFacts(run) {
  const n = run.nodes.length;
  return Object.assign(makeFacts(run), {
    applied: run.nodes.map(() => new Int32Array(n)), shown: run.nodes.map(() => new Int32Array(n)), lacks: new Int32Array(n),
    took: new Int32Array(n), clock: new Float64Array(n), conflicts: 0, discarded: 0, later: 0, differing: 0, followed: null,
  });
}

/** @param {object} run @param {number} t ms @param {object} facts */
function tapesFactsAt(run, t, facts) {
  Object.assign(facts, { run, t, epoch: lastBegun(run.epochs, t), leader: 0 });
  const { tapes } = run;
  for (const [node, begin, end, , up] of run.states) {
    if (t >= begin && (t < end || end >= run.duration)) facts.up[node] = up ? 1 : 0;
  }
  facts.leaderUp = facts.up[0] === 1;
  facts.cut.fill(0);
  for (const wall of run.walls) if (t >= wall.t && t < wall.until) for (const node of wall.nodes) facts.cut[node] = 1;
  run.nodes.forEach((_, node) => {
    facts.flushed[node] = levelAt(run, node, POSITION.FLUSHED, t);
    facts.received[node] = levelAt(run, node, POSITION.APPENDED, t);
    facts.took[node] = facts.received[node];
    facts.clock[node] = clockAt(run, node, t);
  });
  run.nodes.forEach((_, node) => {
    facts.lacks[node] = 0;
    run.nodes.forEach((__, origin) => {
      facts.applied[node][origin] = appliedAt(run, node, origin, t);
      facts.shown[node][origin] = numberOf(run, origin, facts.applied[node][origin]);
      if (origin !== node) facts.lacks[node] += Math.max(0, facts.flushed[origin] - facts.applied[node][origin]);
    });
  });
  const count = ({ t: times, n }) => {
    const i = countUpTo(times, t);
    return i ? n[i - 1] : 0;
  };
  facts.conflicts = count(tapes.conflicts);
  facts.discarded = count(tapes.discarded);
  facts.later = count({ t: tapes.discarded.t, n: tapes.discarded.later });
  facts.differing = count(tapes.differing);
  const made = countUpTo(tapes.writes.made, t);
  facts.top = made ? tapes.writes.number[made - 1] : 0;
  windowAt(run, facts);
  return facts;
}

/** The arcs in view, the newest last. @returns {number[]} */
function tiesInView(run, { t, left, writes, followed }) {
  const { ties } = run.tapes;
  const found = [];
  const seen = (number) => number > left && number <= left + writes;
  const upto = countUpTo(ties.t, t);
  for (let i = Math.max(0, upto - LAST_TIES); i < upto; i++) if (seen(ties.a[i]) && seen(ties.b[i])) found.push(i);
  const own = found.filter((i) => ties.a[i] === followed || ties.b[i] === followed);
  return own.length ? [...found.filter((i) => !own.includes(i)), ...own] : found;
}

/** What became of two writes that collide, in a few words. */
function tieWords(run, i) {
  const { ties, writes, place, data, resolve } = run.tapes;
  const [a, b, lost] = [ties.a[i], ties.b[i], ties.lost[i]];
  const key = count(writes.key[place.get(a)]);
  if (data === "unique_name") return `name ${key} given twice: to accounts ${count(a)} and ${count(b)}`;
  if (lost) return `write ${count(lost)}, the ${lost === b ? "later" : "earlier"} one, was thrown away`;
  if (resolve === "siblings") return `writes ${count(a)} and ${count(b)} to row ${key}: siblings`;
  if (resolve === "crdt") return `writes ${count(a)} and ${count(b)} to row ${key}: merged`;
  return `writes ${count(a)} and ${count(b)} to row ${key} collide`;
}

/** @returns {object} what tests and assistive technology may read of a moment */
function tapesData(run, facts) {
  return {
    conflicts: facts.conflicts, discarded: facts.discarded, later: facts.later, differing: facts.differing,
    lacks: [...facts.lacks].join(" "), head: facts.top, tie: tiesInView(run, facts).map((i) => `${run.tapes.ties.a[i]}-${run.tapes.ties.b[i]}`).pop() ?? "",
  };
}

Object.assign(CARDS, {
  conflicts(run, { conflicts }) {
    const twice = run.tapes.data === "unique_name";
    const label = twice ? "Names given twice so far" : "Conflicts so far";
    const [some, none] = twice ? ["no merge repairs that", "no two leaders gave the same one"] : ["pairs unaware of each other", "no two writes have collided"];
    return { label, number: count(conflicts), tone: conflicts ? (twice ? "risk" : "stale") : "safe", note: conflicts ? some : none };
  },
  discarded(run, { discarded, later }) {
    const label = "Acknowledged, then silently discarded";
    const keeps = run.tapes.resolve === "siblings" || run.tapes.resolve === "crdt";
    const note = discarded ? `${count(later)} of them ${later === 1 ? "was" : "were"} the later write` : keeps ? "nothing is thrown away" : "none so far";
    return { label, brief: "Silently discarded", number: count(discarded), tone: discarded ? "risk" : "safe", note };
  },
  differing(run, { differing, lacks }) {
    const missing = lacks.reduce((sum, one) => sum + one, 0);
    const note = missing ? `${counted(missing, "write")} still on the way` : differing ? "all writes have arrived" : "all leaders show the same";
    return { label: "Rows that differ between leaders", brief: "Rows that differ", number: count(differing), tone: differing ? "stale" : "safe", note };
  },
});
