// Stale reads: in spells as the message holds them, and what became of one of them. Pure, like `fate.js`.

/**
 * @typedef {{t: number, node: number, saw: number, missed: number, newest: number, key: number}} StaleRead
 * @typedef {{node: number, begin: number, end: number, count: number, reads: StaleRead[]}} Spell  not each read need be told
 */

/** @param {object} run @returns {Spell[]} in order of their begins */
function staleSpells(run) {
  const { spells, ...columns } = run.stale;
  let next = 0;
  return spells.map(([node, begin, end, total, told]) => {
    const reads = Array.from({ length: told }, (_, i) => {
      const { t, saw, missed, newest, key } = columns;
      return { t: t[next + i], node, saw: saw[next + i], missed: missed[next + i], newest: newest[next + i], key: key[next + i] };
    });
    next += told;
    return { node, begin, end, count: total, reads };
  });
}

/** What a stale read missed, and why. @param {object} run @param {StaleRead} read @returns {Fate} */
function fateOfRead(run, read) {
  const { t, node, saw, missed } = read;
  const name = run.nodes[node].name;
  const where = `Stale read on ${name} at ${momentText(run, t)}: it sees all up to write ${count(saw)}`;
  const life = lifeOf(run, missed, t);
  if (!life) return { verdict: `${where} and misses write ${count(missed)}.`, tone: "stale", lines: [], note: "" };
  const itself = fateLine(t, node, "read", `the read sees all up to write ${count(saw)}, and not write ${count(missed)} to the same key`, "stale");
  const lines = [...onLeader(life), ...sendings(life, [node]), ...onReplica(life, node), itself].sort(inOrder);
  const before = life.committed <= t ? `, acknowledged ${span(t - life.committed)} earlier,` : "";
  const verdict = `${where}, but not write ${count(missed)} to the same key${before} because ${joined(life, [unseen(life, node, t)])}.`;
  return { verdict, tone: "stale", lines, note: isSampled(run, life.born, t) ? SAMPLE_NOTE : "" };
}

/** Why a replica does not show a write. @returns {Reason} */
function unseen(life, r, t) {
  if (!hasIt(life, r, t)) return absence(life, r, t);
  const since = (which) => life.reached(r, which)[0]?.[0] ?? Infinity;
  const flushed = since(POSITION.FLUSHED);
  return flushed > t ? unflushed(life, r, since(POSITION.RECEIVED), t) : unreplayed(life, r, flushed, t);
}
