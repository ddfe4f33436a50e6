// What a window of time holds: messages, flushes, steps of a position, stale reads. Nothing is drawn here.

const MOST_MESSAGES = 240; // more than that and only every k-th is drawn
const CROWDED = 160; // from so many on lines are thinner and carry no numbers
const CALM = 110; // messages in the window at first, if it then still shows a whole trip
const TRIPS = [5, 1.3]; // commits' round trips in the window: wished, at least
const TRANSITS = [2, 1.15]; // the slowest link's ways, in the same manner

const DIAGRAM_LEGEND = [
  ["rv-key-write", "M10 2 V10", "write"],
  ["rv-key-wal", "M1 2 L19 10 M14 10.4 L19 10 L16.2 5.8", "log"],
  ["rv-key-answer", "M1 10 L19 2 M6 3 l2.4 2.6 l4.4 -5", "answer that counts"],
  ["rv-key-reply", "M1 10 L19 2", "other answer"],
  ["rv-key-flush", "M2 3 H19 V9 H2 Z", "flush"],
  ["rv-key-commit", "M5 6 l3.6 3.8 l6.4 -8.4", "acknowledged"],
  ["rv-key-lost", "M1 1.5 L10 6 M6.5 2.5 L13.5 9.5 M6.5 9.5 L13.5 2.5", "lost"],
];

/** How much time a window shows at first, ms: a few round trips, fewer where that would be a thicket. */
function naturalSpan(run) {
  const transits = run.flights.map(({ sent, arrived }) => {
    const sorted = arrived.map((t, i) => t - sent[i]).sort();
    return sorted.length ? sorted[sorted.length >> 1] : 0;
  });
  const [wished, least] = [0, 1].map((i) => Math.max(2 * run.pace * TRIPS[i], TRANSITS[i] * Math.max(0, ...transits)));
  const messages = run.flights.reduce((sum, { sent }) => sum + sent.length, 0);
  return Math.min(Math.max(least, Math.min(wished, (CALM * run.duration) / messages)), run.duration);
}

/** Where on its way the cross of a lost message stands: between two lines, never on one. */
function lostAt(source, target) {
  const gaps = Math.abs(target - source);
  return (Math.floor((gaps - 1) / 2) + 0.5) / gaps;
}

/** Rows as stretches of neighbours. @param {number[]} rows @returns {[number, number][]} first and last of each */
function neighbours(rows) {
  const sorted = [...rows].sort((a, b) => a - b);
  return sorted.flatMap((row, i) => {
    if (sorted[i - 1] === row - 1) return [];
    let end = i;
    while (sorted[end + 1] === sorted[end] + 1) end++;
    return [[row, sorted[end]]];
  });
}

/** @typedef {{kind: number, style: "wal" | "answer" | "reply", source: number, target: number, sent: number, arrived: number,
 *   lost: boolean, to: number, carries: number}} Message */

/** The messages and stale reads of a window. */
class InWindow {
  constructor() {
    this.messages = [];
    this.reads = [];
    this.spells = null;
  }

  /** @param {object} facts @param {number} from @param {number} to ms */
  take(facts, from, to) {
    const { run } = facts;
    const ranges = run.flights.map((flights) => [countBelow(flights.sent, from - flights.longest), countUpTo(flights.sent, to)]);
    this.total = this.lost = this.underWay = 0;
    run.flights.forEach((flights, g) => this.tally(flights, ranges[g], facts.t, from));
    this.every = Math.max(1, Math.ceil(this.total / MOST_MESSAGES));
    this.crowded = this.total > CROWDED;
    this.messages = run.flights.flatMap((flights, g) => this.chosen(flights, ranges[g], facts, from));
    if (this.spells?.run !== run) this.spells = { run, reads: staleSpells(run).flatMap(({ reads }) => reads) };
    this.reads = this.spells.reads.filter((read) => read.t >= from && read.t <= to);
  }

  tally({ sent, arrived, lost }, [begin, end], t, from) {
    for (let i = begin; i < end; i++) {
      if (arrived[i] < from) continue;
      this.total++;
      this.lost += lost[i];
      if (sent[i] <= t && arrived[i] > t) this.underWay++;
    }
  }

  /** @returns {Message[]} */
  chosen(flights, [begin, end], { epoch }, from) {
    const { kind, source, target, sent, arrived, lost, to, carries } = flights;
    const counts = kind === (ANSWERS[epoch.level] ?? FLIGHT.FLUSHED) && epoch.candidates.includes(source);
    const style = flights.op ? RING_STYLES[kind] : kind === FLIGHT.WAL || kind >= FLIGHT.PASSED_ON ? "wal" : counts ? "answer" : "reply";
    const extra = (i) => (flights.op ? { op: flights.op[i], text: to[i] ? `v${count(to[i])}` : "–" } : flights.number ? { text: count(flights.number[i]) } : {});
    const found = [];
    for (let i = begin; i < end; i++) {
      if (arrived[i] < from || i % this.every) continue;
      found.push({ kind, style, source, target, sent: sent[i], arrived: arrived[i], lost: lost[i] === 1, to: to[i], carries: carries[i], ...extra(i) });
    }
    return found;
  }
}

/** The same message, though taken in another frame. */
function isSame(a, b) {
  return b !== undefined && b !== null && a.kind === b.kind && a.source === b.source && a.target === b.target && a.sent === b.sent && a.to === b.to;
}

/** The steps of a position in a window; `rises` unless a crash took it back. @returns {{t: number, v: number, rises: boolean}[]} */
function stepsIn(run, node, which, from, to) {
  const { t, v } = run.steps[node * POSITIONS + which];
  const found = [];
  for (let i = countBelow(t, from); i < t.length && t[i] <= to; i++) found.push({ t: t[i], v: v[i], rises: !i || v[i] > v[i - 1] });
  return found;
}

/** The flushes of a node's disk in a window. One begins when the one before has ended and something is there to be flushed. */
function flushesIn(run, node, from, to) {
  const { t, v } = run.steps[node * POSITIONS + POSITION.FLUSHED];
  const leads = (at) => run.states.findLast(([which, begin]) => which === node && begin <= at)?.[3];
  const found = [];
  for (let i = countBelow(t, from); i < t.length; i++) {
    const [before, upto] = i ? [t[i - 1], v[i - 1]] : [0, 0];
    const come = run.steps[node * POSITIONS + (leads(t[i]) ? POSITION.APPENDED : POSITION.RECEIVED)];
    const first = come.v.length ? firstAbove(come, upto, t[i]) : t[i];
    const begin = Math.max(before, first);
    if (begin > to) break;
    found.push({ begin, end: t[i] });
  }
  return found;
}

/** When a position first stood above an LSN, looking back from a moment. */
function firstAbove({ t, v }, lsn, until) {
  let i = countUpTo(t, until) - 1;
  while (i > 0 && v[i - 1] > lsn) i--;
  return i >= 0 ? t[i] : until;
}

/** A time on the diagram's axis: as many digits as its steps need. */
function stepText(t, step, duration) {
  const digits = (ms) => Math.max(0, Math.ceil(-Math.log10(ms) - 1e-9));
  if (duration <= 120_000) {
    if (step >= 1000) return axisTime(Math.round(t), duration);
    const [whole, rest] = t.toFixed(digits(step)).split(".");
    return `${count(Number(whole))}${rest ? `.${rest}` : ""} ms`;
  }
  if (step >= 60_000 && duration < 3_600_000) return axisTime(Math.round(t), duration);
  const [minutes, seconds] = [Math.floor(t / 60_000 + 1e-9), (t % 60_000) / 1000];
  const fixed = seconds.toFixed(digits(step / 1000)).padStart(digits(step / 1000) ? 3 + digits(step / 1000) : 2, "0");
  const two = String(minutes % 60).padStart(2, "0");
  if (duration < 3_600_000) return `${two}:${fixed}`;
  return `${Math.floor(minutes / 60)}:${two}${step >= 60_000 ? "" : `:${fixed}`}`;
}

function messageText(run, { kind, source, target, sent, arrived, lost, to, carries }) {
  const [from, there] = [run.nodes[source].name, run.nodes[target].name];
  const writes = carries > 1 ? `writes ${count(to - carries + 1)}–${count(to)}` : `write ${count(to)}`;
  const said = { [FLIGHT.WROTE]: "written", [FLIGHT.FLUSHED]: "flushed", [FLIGHT.REPLAYED]: "replayed" }[kind];
  const what = kind === FLIGHT.WAL ? writes : `${said} up to ${count(to)}`;
  const end = lost ? "lost on the way" : `arrives ${momentText(run, arrived)}`;
  return `${from} → ${there}: ${what} · sent ${momentText(run, sent)}, ${end}`;
}
