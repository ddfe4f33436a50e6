// Who leads when, and logs that fork: what `terms.py` tells of a run in which another node takes over, at a moment.

/** @typedef {{term: number, parent: number, lsn: number, node: number, t: number, end: number}} Fork  where a timeline begins */

/** The timelines of a run, in order of time; none where nobody takes over. @returns {Fork[]} */
function forksOf(run) {
  run.forks ??= (run.terms?.forks ?? []).map(([term, parent, lsn, node, t, end]) => ({ term, parent, lsn, node, t, end }));
  return run.forks;
}

/** Up to which LSN two timelines are the same. */
function commonOf(run, term, other) {
  let shared = Infinity;
  while (term !== other) {
    const newer = forksOf(run).find((fork) => fork.term === Math.max(term, other));
    if (!newer) return 0;
    shared = Math.min(shared, newer.lsn);
    [term, other] = [Math.min(term, other), newer.parent];
  }
  return shared;
}

/** In which term a write of a log was taken. @returns {Fork} */
function writerOf(run, term, lsn) {
  const forks = forksOf(run);
  let fork = forks.find((one) => one.term === term) ?? forks[0];
  while (fork.parent && lsn <= fork.lsn) fork = forks.find((one) => one.term === fork.parent);
  return fork;
}

/** How far each log is that of the newest timeline, which is doomed beyond. Fills the facts; `term` and `leads` are known. */
function sharedAt(run, facts) {
  facts.doomed.fill(0);
  facts.histories = 1;
  facts.fork = null;
  facts.top = facts.received[facts.leader];
  if (!run.terms) return;
  const newest = forksOf(run).findLast((fork) => fork.t <= facts.t);
  if (newest.parent) facts.fork = newest;
  const apart = new Set();
  run.nodes.forEach((_, i) => {
    facts.shared[i] = commonOf(run, facts.term[i], newest.term);
    const has = facts.leads[i] ? facts.flushed[i] : facts.received[i];
    facts.top = Math.max(facts.top, facts.received[i]);
    if (has <= facts.shared[i]) return;
    facts.doomed[i] = has - facts.shared[i];
    apart.add(facts.term[i]);
  });
  facts.histories += apart.size;
}

/** What a node is on its way to be, in words: being promoted, rewinding, stranded. */
function wordOf(run, node, t) {
  return run.terms?.words.find(([which, begin, end]) => which === node && t >= begin && t < end)?.[3] ?? "";
}

/** Does it lead, though a newer leader is there? */
function isOld(facts, i) {
  return facts.leads[i] === 1 && i !== facts.leader;
}

/** Does it take writes? */
function serves(run, facts, i) {
  const asleep = ({ kind, nodes, t, until }) => kind === MARK.FROZEN && nodes.includes(i) && facts.t >= t && facts.t < until;
  return facts.leads[i] === 1 && facts.up[i] === 1 && !facts.fenced[i] && !run.spans.some(asleep);
}

/** Are there two logs, or two who take writes? Then one line across all rows would say too much. */
function isSplit(facts) {
  return facts.histories > 1 || facts.leads.some((leads, i) => leads && facts.up[i] && i !== facts.leader);
}

/** What a node is now, in words: the longest first. @returns {string[][]} each a role of one or two parts */
function roleWords(run, i, facts) {
  const several = facts.fork !== null;
  const timeline = several && facts.histories === 1 ? [`timeline ${facts.term[i]}`] : [];
  const word = wordOf(run, i, facts.t);
  if (word) return [[word]];
  if (isOld(facts, i)) {
    if (!serves(run, facts, i)) return [["old leader"]];
    return [["old leader,", "still serving"], ["old leader"]];
  }
  if (i === facts.leader) return [[facts.histories > 1 ? "promoted" : "leader", ...timeline], ["leader"]];
  const { sync } = facts.epoch;
  if (!several) return [[sync[i] === "leader" ? "replica" : sync[i]]];
  const { node } = forksOf(run).find(({ term }) => term === facts.term[i]);
  const follows = facts.leads[node] && facts.up[node] ? `follows ${run.nodes[node].name}` : "follows nobody";
  const how = ["async", "leader", "not connected"].includes(sync[i]) ? [] : [sync[i]];
  return [[follows, ...how, ...timeline], [follows]];
}

/** Parts of a role in one line. */
function inOneLine(parts) {
  return parts.reduce((text, part) => text + (text.endsWith(",") ? " " : " · ") + part);
}

/** Up to which position the leader of a timeline has acknowledged at a moment. @param {Fork} fork */
function acknowledgedOn(run, fork, t) {
  return Math.max(levelAt(run, fork.node, POSITION.COMMITTED, Math.min(t, fork.end)), fork.lsn);
}

/** How many writes of a timeline between two positions somebody has an answer to: a leader may have woken up too late. */
function answersOn(run, fork, after, upto) {
  const unheard = run.terms.unheard?.[fork.term] ?? [];
  return Math.max(0, upto - after) - unheard.filter((lsn) => lsn > after && lsn <= upto).length;
}

/** Acknowledged writes: on the newest timeline since it forked off, and those that it lacks, still held or gone.
 *  @returns {{fresh: number, doomed: number, gone: number, holders: number[], first: {term: number, lsn: number} | null}} */
function sidesAt(run, facts) {
  const forks = forksOf(run).filter((fork) => fork.t <= facts.t);
  const newest = forks[forks.length - 1];
  const found = { fresh: answersOn(run, newest, newest.lsn, acknowledgedOn(run, newest, facts.t)), doomed: 0, gone: 0, holders: [], first: null };
  for (const fork of forks.slice(0, -1)) {
    const upto = acknowledgedOn(run, fork, facts.t);
    const from = Math.max(commonOf(run, fork.term, newest.term), fork.lsn);
    const lost = answersOn(run, fork, from, upto);
    if (!lost) continue;
    found.first = { term: fork.term, lsn: from + 1 };
    const has = (_, i) => Math.min(facts.received[i], commonOf(run, facts.term[i], fork.term)) >= upto;
    const holders = run.nodes.map((_, i) => i).filter((i) => has(null, i));
    found[holders.length ? "doomed" : "gone"] += lost;
    found.holders.push(...holders.filter((i) => !found.holders.includes(i)));
  }
  return found;
}

/** How long spells lasted altogether up to a moment, ms. @param {[number, number][]} spells */
function totalOf(spells, t) {
  return spells.reduce((sum, [begin, end]) => sum + Math.max(0, Math.min(end, t) - begin), 0);
}

function underWayIn(spells, t) {
  return spells.find(([begin, end]) => t >= begin && t < end);
}

Object.assign(CARDS, {
  sides(run, facts) {
    if (!facts.fork) return CARDS.loss(run, facts);
    const { fresh, doomed, gone, holders } = sidesAt(run, facts);
    const [leader, timeline] = [run.nodes[facts.leader].name, `timeline ${facts.term[facts.leader]}`];
    if (!doomed && !gone) return { label: "Acknowledged writes lost", number: "0", tone: "safe", note: `${timeline} of ${leader} has all` };
    if (!doomed) return { label: "Writes acknowledged, then discarded", brief: "Acknowledged, then gone", number: count(gone), tone: "risk", note: `${timeline} never had them` };
    const who = listed(holders.map((i) => run.nodes[i].name));
    const note = `${count(doomed)} vanish when ${who} ${holders.length > 1 ? "rejoin" : "rejoins"}`;
    const [label, brief] = [`${gone ? "A" : "Writes a"}cknowledged on both sides`, "Acknowledged, both sides"];
    return { label, brief, number: count(fresh + doomed), tone: "risk", note, ...(gone ? { aside: `${count(gone)} are gone` } : {}) };
  },
  leaders(run, facts) {
    const label = "Time with two leaders";
    const { two } = run.terms;
    const lasted = totalOf(two, facts.t);
    if (!lasted) return { label, number: "0 ms", tone: facts.fork ? "safe" : "ink", note: facts.fork ? "one took writes at a time" : "one leader" };
    const now = underWayIn(two, facts.t);
    return { label, number: span(lasted), tone: "risk", note: now ? "and both take writes now" : "one leader again" };
  },
  silence(run, facts) {
    const label = "Time without writes";
    const { silent } = run.terms;
    const lasted = totalOf(silent, facts.t);
    const now = underWayIn(silent, facts.t);
    if (!lasted) return { label, number: "0 ms", tone: "safe", note: "somebody always answered" };
    return { label, number: span(lasted), tone: "risk", note: now ? "nobody is answered" : "nobody was answered" };
  },
});
