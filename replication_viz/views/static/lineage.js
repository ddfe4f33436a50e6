// Which log holds a write where logs fork, and what forks, demotions and rewinds mean for it. Pure, like `fate.js`.

/** The spells in which a node's log is one that holds a write up to there. @returns {[number, number][]} ms, in order of time */
function spellsWith(run, node, term, lsn) {
  const spells = [];
  for (const [which, begin, end, , , itsTerm] of run.states) {
    if (which !== node || commonOf(run, itsTerm, term) < lsn) continue;
    const last = spells[spells.length - 1];
    const until = end >= run.duration ? Infinity : end;
    if (last && last[1] >= begin - run.tick) last[1] = until;
    else spells.push([begin, until]);
  }
  return spells;
}

/** The parts of a position's lives in which it is this write that it holds. */
function livesWith(run, node, which, { term, lsn }) {
  const lives = livesOf(run, node, which, lsn);
  if (!run.terms) return lives;
  const spells = spellsWith(run, node, term, lsn);
  return lives.flatMap(([begin, end]) => spells.map(([from, to]) => [Math.max(begin, from), Math.min(end, to)]))
    .filter(([begin, end]) => end > begin);
}

/** The timelines that have a write of this number, the newest first. @returns {Fork[]} */
function timelinesWith(run, lsn) {
  const has = (fork) => {
    const { t, v } = run.steps[fork.node * POSITIONS + POSITION.APPENDED];
    return lsn > fork.lsn && v.some((upto, i) => upto >= lsn && t[i] >= fork.t && t[i] <= fork.end);
  };
  return forksOf(run).filter(has).reverse();
}

/** On which timeline a write is meant, if none is named: that of the newest leader at a moment, else any that has it. */
function meantBy(run, facts, lsn, term) {
  if (term) return forksOf(run).find((fork) => fork.term === term);
  const newest = writerOf(run, facts.term[facts.leader], lsn);
  const all = timelinesWith(run, lsn);
  return all.includes(newest) ? newest : all[0] ?? newest;
}

/** The first promotion after which the log that counts lacks a write; undefined if it is never left out. @returns {Fork | undefined} */
function leftOutBy({ run, term, lsn }) {
  return forksOf(run).find((fork) => fork.term > term && commonOf(run, fork.term, term) < lsn);
}

/** When the last copy of a write is discarded, ms; infinite while there is one. */
function discardedAt(life) {
  const ends = life.run.nodes.flatMap((_, node) => life.reached(node, POSITION.FLUSHED).map(([, end]) => end));
  return ends.length ? Math.max(...ends) : NaN;
}

/** Promotions with or without the write, its leader's way out, copies that are thrown away. @returns {FateLine[]} */
function forkLines(life) {
  const { run, term, lsn, L, born, name } = life;
  if (!run.terms) return [];
  const lines = [];
  const without = leftOutBy(life);
  const kept = forksOf(run).find((fork) => fork.term > term && fork.t >= born && fork !== without && commonOf(run, fork.term, term) >= lsn);
  if (kept) lines.push(fateLine(kept.t, kept.node, "promoted", `is promoted, and has it: timeline ${kept.term} goes on from write ${count(kept.lsn)}`, "safe"));
  if (!without) return lines;
  const cut = cutOff(life, without);
  if (cut) lines.push(fateLine(cut.t, L, "cut", cut.text, "fault"));
  const when = without.t < born ? ", before this write came" : ", without it";
  lines.push(fateLine(without.t, without.node, "forked", `is promoted${when}: timeline ${without.term} begins after write ${count(without.lsn)}`, "risk"));
  for (const { t, kind, text, nodes } of run.events) {
    if (kind !== MARK.DEMOTED || !nodes.includes(L) || t < Math.max(born, without.t) || t > endOfReign(life) + run.tick) continue;
    lines.push(fateLine(t, L, "demoted", text.replace(`${name(L)} `, "").replace(/\.$/, ""), "fault"));
  }
  run.nodes.forEach((_, node) => {
    for (const [, end] of life.reached(node, POSITION.FLUSHED)) {
      const back = run.events.find((e) => [MARK.REWOUND, MARK.REBUILT].includes(e.kind) && e.nodes.includes(node) && Math.abs(e.t - end) <= 2 * run.tick);
      if (!back) continue;
      const how = back.kind === MARK.REWOUND ? `is rewound to write ${count(without.lsn)}` : "is set up anew from the new leader";
      lines.push(fateLine(end, node, "discarded", `${how}: the write is discarded here`, "risk"));
    }
  });
  return lines;
}

function endOfReign({ run, term }) {
  return forksOf(run).find((fork) => fork.term === term).end;
}

/** What kept a leader from those who left it. */
function cutOff({ run, L, born, name }, fork) {
  const cause = cutBetween(run, L, fork.node, Math.min(born, fork.t), fork.t);
  if (cause) return { t: cause.t, text: cause.was, since: causeText(run, cause, fork.t) };
  const [asleep] = spansOn(run, L, MARK.FROZEN, fork.t, fork.t);
  if (asleep) return { t: asleep.t, text: "is frozen, and does not know it", since: `${name(L)} was frozen from ${momentText(run, asleep.t)} on` };
  const down = downBetween(run, L, fork.t, fork.t);
  return down ? { t: down.t, text: "is down", since: causeText(run, down, fork.t) } : undefined;
}

/** One sentence on a write where logs fork. @returns {{verdict: string, tone: string}} */
function verdictOfFork(life, t) {
  const { run, lsn, term, committed, born, gone, name, L, facts } = life;
  const without = leftOutBy(life);
  const now = writerOf(run, facts.term[facts.leader], lsn);
  if (t < born || t >= gone || (now.term === term && L === facts.leader)) return verdictOf(life, t);
  const it = `Write ${count(lsn)} of timeline ${term}`;
  const answered = committed <= t && !run.terms.unheard?.[term]?.includes(lsn);
  const was = answered ? `was acknowledged by ${name(L)} at ${momentText(run, committed)}` : `was taken by ${name(L)} and has no answer`;
  if (!without || without.t > t) return survived(life, t, it, was);
  const cut = cutOff(life, without);
  const why = `${name(without.node)} had been promoted at ${momentText(run, without.t)} without it${cut ? `: ${cut.since}` : ""}`;
  const ended = discardedAt(life);
  if (ended <= t) return { verdict: `${it} ${was} and is gone: discarded at ${momentText(run, ended)}, because ${why}.`, tone: "risk" };
  const holders = run.nodes.map((_, node) => node).filter((node) => life.reached(node, POSITION.FLUSHED).some(([begin, end]) => begin <= t && t < end));
  const where = holders.length ? `is on ${listed(holders.map(name))} only` : "is on no disk";
  return { verdict: `${it} ${was}, and is doomed: it ${where}, and the log that counts now does not have it, because ${why}.`, tone: "risk" };
}

/** Another leader has taken over, and has it. */
function survived(life, t, it, was) {
  const { facts, name, run } = life;
  const leader = facts.leader;
  const has = (node) => life.reached(node, POSITION.RECEIVED).concat(life.reached(node, POSITION.FLUSHED)).some(([begin, end]) => begin <= t && t < end);
  if (leader === life.L) return verdictOf(life, t);
  const others = run.nodes.map((_, node) => node).filter((node) => node !== leader && facts.up[node] && has(node));
  const also = others.length ? `, and is on ${named(life, others)}, too` : "";
  return { verdict: `${it} ${was} and came through: ${name(leader)} leads now and has it${also}.`, tone: "safe" };
}

/** The same number on other timelines. */
function otherWrites({ run, lsn, term }) {
  if (!run.terms) return "";
  const others = timelinesWith(run, lsn).filter((fork) => fork.term !== term).map((fork) => `timeline ${fork.term}`);
  return others.length ? `There is another write ${count(lsn)}, on ${listed(others)}.` : "";
}
