// Why a write or an answer is late or gone: the faults under way then, in words. Nothing is drawn here.

/** What a mark is about, as `MarkKind` numbers it. */
const MARK = {
  CRASH: 0, RESTART: 1, DISK: 2, REPLAY: 3, PARTITION: 4, LINK: 5, CHANGE: 6, DISCONNECT: 7, RECONNECT: 8, BLOCKED: 9,
  POOL: 10, DRAIN: 11, RETURN: 12, QUERY: 13, CANCELLED: 14, SLOT: 15, FALLEN: 16, FULL: 17, FETCH: 18, REBUILT: 19,
  STATEMENT: 20, ARCHIVE: 21, FROZEN: 22, SUSPECTED: 23, FENCED: 24, PROMOTED: 25, DEMOTED: 26, REWOUND: 27,
  STRANDED: 28, FOLLOWED: 29, HINTED: 30, HANDED: 31, HINTS_LOST: 32, HINTS_OVER: 33, RESURRECTED: 34, TIMEOUT: 35,
  UNAVAILABLE: 36, CONFLICT: 40, DISCARDED: 41, CONVERGED: 42, CLOCK: 43, GIVEN_TWICE: 44,
  FELL_BACK: 45, WAITS_AGAIN: 46,
};

/** @typedef {{t: number, until: number, has: string, was: string}} Cause  what was wrong, while it lasts and afterwards */

/** A moment as the texts name it. @param {object} run @param {number} t ms */
function momentText(run, t) {
  return clockText(t, run.duration).replace(/(\.0+)? ms$/, "\u00a0ms");
}

/** @param {object} run @param {Cause} cause @param {number} t when it is said */
function causeText(run, { t: begin, until, has, was }, t) {
  if (t < until) return `${has} since ${momentText(run, begin)}`;
  return `${was} from ${momentText(run, begin)} to ${momentText(run, until)}`;
}

/** When something ends; what lasts until the end of the run has no end. */
function endOf(run, until) {
  return until >= run.duration ? Infinity : until;
}

/** Is there a moment in both intervals? */
function overlaps(run, fault, from, to) {
  return fault.t <= to && endOf(run, fault.until) > from;
}

/** @param {Cause[]} causes @returns {Cause | undefined} the one that struck first */
function firstCause(causes) {
  return causes.reduce((first, cause) => (first && first.t <= cause.t ? first : cause), undefined);
}

/** What cut the way from one node to another at some time between two moments. @returns {Cause | undefined} */
function cutBetween(run, source, target, from, to) {
  const name = (node) => run.nodes[node].name;
  const links = run.links.filter((l) => l.slower === null && l.source === source && l.target === target && overlaps(run, l, from, to));
  const walls = run.walls.filter((w) => w.nodes.includes(source) !== w.nodes.includes(target) && overlaps(run, w, from, to));
  const arrow = `the link ${name(source)} → ${name(target)}`;
  return firstCause([
    ...links.map(({ t, until }) => ({ t, until: endOf(run, until), has: `${arrow} has been cut`, was: `${arrow} was cut` })),
    ...walls.map(({ t, until, nodes }) => {
      const off = `cut off ${listed(nodes.map(name))}`;
      return { t, until: endOf(run, until), has: `a network partition has ${off}`, was: `a network partition ${off}` };
    }),
  ]);
}

/** What slowed the way down. @returns {Cause | undefined} */
function slowBetween(run, source, target, from, to) {
  const slow = run.links.filter((l) => l.slower !== null && l.source === source && l.target === target && overlaps(run, l, from, to));
  const arrow = `the link ${run.nodes[source].name} → ${run.nodes[target].name}`;
  return firstCause(slow.map(({ t, until, slower }) => (
    { t, until: endOf(run, until), has: `${arrow} has been ${span(slower)} slower`, was: `${arrow} was ${span(slower)} slower` })));
}

/** When the node was down. @returns {Cause | undefined} */
function downBetween(run, node, from, to) {
  const { name } = run.nodes[node];
  const down = run.states.filter(([which, t, until, , up]) => which === node && !up && overlaps(run, { t, until }, from, to));
  return firstCause(down.map(([, t, until]) => ({ t, until: endOf(run, until), has: `${name} has been down`, was: `${name} was down` })));
}

/** The faults of one kind on a node. @param {number} kind of `MARK` */
function spansOn(run, node, kind, from, to) {
  return run.spans.filter((s) => s.kind === kind && s.nodes.includes(node) && overlaps(run, s, from, to));
}

/** When a flush took long. @returns {Cause | undefined} */
function stalledBetween(run, node, from, to) {
  const disk = `${run.nodes[node].name}’s disk`;
  const stalls = spansOn(run, node, MARK.DISK, from, to);
  return firstCause(stalls.map(({ t, until }) => ({ t, until: endOf(run, until), has: `${disk} has stalled`, was: `${disk} stalled` })));
}

/** When a replica replayed slowly, or not at all. @returns {Cause | undefined} */
function slowReplayBetween(run, node, from, to) {
  const replay = `${run.nodes[node].name}’s replay`;
  const said = ({ kind, text }) => {
    if (kind === MARK.QUERY) return ["has had to wait for a long query", "had to wait for a long query"];
    return text.endsWith("still") ? ["has stood still", "stood still"] : ["has been slow", "was slow"];
  };
  const found = [MARK.REPLAY, MARK.QUERY].flatMap((kind) => spansOn(run, node, kind, from, to));
  return firstCause(found.map((fault) => {
    const [has, was] = said(fault);
    return { t: fault.t, until: endOf(run, fault.until), has: `${replay} ${has}`, was: `${replay} ${was}` };
  }));
}

/** From when to when a position was at least at an LSN. @returns {[number, number][]} ms, the last end infinite */
function livesOf(run, node, which, lsn) {
  const { t, v } = run.steps[node * POSITIONS + which];
  const lives = [];
  let begin = NaN;
  for (let i = 0; i < v.length; i++) {
    if (v[i] >= lsn && Number.isNaN(begin)) begin = t[i];
    else if (v[i] < lsn && !Number.isNaN(begin)) {
      lives.push([begin, t[i]]);
      begin = NaN;
    }
  }
  if (!Number.isNaN(begin)) lives.push([begin, Infinity]);
  return lives;
}

/** The messages of one kind on one way that cover an LSN, in order of sending. `until` bounds the sending.
 *  @returns {{sent: number, arrived: number, lost: boolean, from: number, to: number}[]} */
function messagesOf(run, kind, source, target, lsn, since, until = Infinity) {
  const found = [];
  for (const flights of run.flights) {
    if (flights.kind !== kind || flights.source !== source || flights.target !== target) continue;
    for (let i = countBelow(flights.sent, since - run.tick); i < flights.sent.length && flights.sent[i] <= until; i++) {
      const [to, carries] = [flights.to[i], flights.carries[i]];
      if (to < lsn || (kind === FLIGHT.WAL && to - carries >= lsn)) continue;
      found.push({ sent: flights.sent[i], arrived: flights.arrived[i], lost: flights.lost[i] === 1, from: to - carries + 1, to });
    }
  }
  return found;
}

/** Whether what happened between two moments is known from a sample only. */
function isSampled(run, from, to) {
  if (run.from === undefined) return run.notes.length > 0;
  return Object.getPrototypeOf(run).notes.length > 0 && (from < run.from || to > run.to);
}
