// One sentence on a write at a moment: safe, waiting, at risk or gone, and why.

/** @param {object} life as `lifeOf` makes it @param {number} t ms @returns {{verdict: string, tone: string}} */
function verdictOf(life, t) {
  const { run, born, gone, committed, facts } = life;
  const it = `Write ${count(life.lsn)}`;
  const at = (moment) => momentText(run, moment);
  if (t < born) return { verdict: `${it} has not arrived yet: it comes at ${at(born)}.`, tone: "quiet" };
  if (t >= gone) {
    return { verdict: `${it} is gone: ${life.name(life.L)} crashed at ${at(gone)} before it was on its disk. Its client never had an answer.`, tone: "risk" };
  }
  const answered = committed <= t && !recovered(life);
  const was = answered ? `${it} was acknowledged at ${at(committed)}` : `${it} has no answer`;
  if (!facts.leaderUp) return orphan(life, t, was, answered);
  if (!(committed <= t)) return pending(life, t, it);
  return kept(life, t, answered ? was : `${it} was recovered at ${at(committed)}`);
}

/** Did a restart of the leader make it visible, with nobody left to hear of it? */
function recovered({ run, L, committed }) {
  return run.states.some(([node, , end, , up]) => node === L && !up && Math.abs(end - committed) <= run.tick * 1.01);
}

/** It waits for its answer. */
function pending(life, t, it) {
  const { run, born } = life;
  const waits = `${it} has waited ${span(t - born)} ${waitsForOne(life)}`;
  const reasons = answerReasons(life, t);
  const late = reasons.some(({ fault }) => fault) || (run.usual !== null && t - born > 2.5 * run.usual);
  return { verdict: `${waits}${reasons.length ? `, because ${joined(life, reasons)}` : ""}.`, tone: late ? "risk" : "ink" };
}

/** For whom it waits. */
function waitsForOne({ run, facts, lsn, L, epoch }) {
  const there = epoch.candidates.length;
  const onDisk = facts.flushed[L] >= lsn;
  if (onDisk && epoch.count > there) return `for ${counted(epoch.count, "replica")}, and ${there ? `only ${there}` : "none"} can answer`;
  return waitsFor(run, { ...facts, committed: lsn - 1 });
}

/** It has its answer, and the leader is up. */
function kept(life, t, was) {
  const held = heldBy(life, t);
  const L = life.name(life.L);
  if (!life.replicas.length) return { verdict: `${was} and is on ${L} alone: it is lost if ${L} dies.`, tone: "risk" };
  if (!held.length) {
    const why = joined(life, life.replicas.map((r) => absence(life, r, t)));
    return { verdict: `${was} and is on no replica that is up: it is lost if ${L} dies now, because ${why}.`, tone: "risk" };
  }
  const up = life.replicas.filter((r) => !downBetween(life.run, r, t, t));
  if (held.length === up.length) {
    const all = held.length === 1 ? `${life.name(held[0])}, the only replica that is up` : "every replica that is up";
    const verdict = life.replicas.length === 1 ? `${was} and is on ${life.name(held[0])}` : `${was} and is on ${held.length < life.replicas.length ? all : "every replica"}`;
    return { verdict: `${verdict}: it survives if ${L} dies now.`, tone: "safe" };
  }
  const who = listed(held.map(life.name));
  return { verdict: `${was} and is on ${who}: it survives if ${L} dies now and ${held.length === 1 ? who : "one of them"} is promoted.`, tone: "safe" };
}

/** The leader is down. */
function orphan(life, t, was, answered) {
  const { run, L } = life;
  const down = downBetween(run, L, t, t);
  const since = `${life.name(L)} has been down since ${momentText(run, down.t)}`;
  const held = heldBy(life, t);
  if (!held.length) {
    const why = joined(life, life.replicas.map((r) => absence(life, r, Math.min(t, down.t))));
    const because = why ? `, because ${why}` : "";
    return { verdict: `${was}; ${since}, and no replica that is up has it: it is lost unless ${life.name(L)} returns${because}.`, tone: "risk" };
  }
  const up = life.replicas.filter((r) => !downBetween(run, r, t, t));
  const who = listed(held.map(life.name));
  const fate = held.length === up.length ? "it survives whoever is promoted" : `it survives if ${held.length === 1 ? who : "one of them"} is promoted`;
  return { verdict: `${was}; ${since}, and ${who} ${held.length === 1 ? "has" : "have"} it: ${fate}.`, tone: answered ? "safe" : "ink" };
}

/** @typedef {{key: string, r: number, text: string | ((names: string, many: boolean) => string), fault?: boolean}} Reason */

/** Why a replica does not have it, or does not count. @returns {Reason} */
function absence(life, r, t) {
  const { run, L } = life;
  const down = downBetween(run, r, t, t);
  if (down) return { key: `down ${r}`, r, text: `${causeText(run, down, t)}${hasIt(life, r, t) ? " (the write is on its disk)" : ""}`, fault: true };
  if (!(life.flushed <= t)) return unflushed(life, L, life.born, t);
  const { source, all } = life.sendings.find((one) => one.r === r);
  if (!hasIt(life, source, t) && source !== L) return absence(life, source, t);
  if (!(life.onDisk(source) <= t)) return unflushed(life, source, life.born, t);
  const tried = all.filter(({ sent }) => sent <= t);
  const last = tried[tried.length - 1];
  if (last && !last.lost && last.arrived > t) {
    const slow = slowBetween(run, source, r, last.sent, last.sent);
    if (slow) return { key: slow.has, r, text: causeText(run, slow, t), fault: true };
    return { key: "under way", r, text: (names) => `it is still on its way to ${names}` };
  }
  const lost = last?.lost ? cutBetween(run, source, r, last.sent, last.arrived) ?? downBetween(run, r, last.sent, last.arrived) : undefined;
  if (lost) return { key: `${lost.has} ${lost.t}`, r, text: causeText(run, lost, t), fault: true };
  return unsentReason(life, r, t);
}

const CONNECTS = [MARK.DISCONNECT, MARK.RECONNECT, MARK.FALLEN, MARK.REBUILT];

/** Why it has not been sent to a replica. @returns {Reason} */
function unsentReason(life, r, t) {
  const { run, L } = life;
  const name = life.name(r);
  const { source } = life.sendings.find((one) => one.r === r);
  const found = downBetween(run, r, t, t) ?? cutBetween(run, source, r, t, t) ?? cutBetween(run, r, source, t, t);
  if (found) return { key: `${found.has} ${found.t}`, r, text: causeText(run, found, t), fault: true };
  const last = run.events.filter((e) => e.t <= t && e.nodes?.includes(r) && CONNECTS.includes(e.kind)).at(-1);
  if (last?.kind === MARK.FALLEN) return { key: `fallen ${r}`, r, text: `${name} needs log that ${life.name(L)} has removed`, fault: true };
  if (last?.kind === MARK.DISCONNECT) return { key: `off ${r}`, r, text: `${name} has not been connected since ${momentText(run, last.t)}`, fault: true };
  const broken = brokenBy(run, source, r, t);
  if (broken?.t <= t) return { key: `broken ${r}`, r, text: `the stream to ${name} is broken: ${causeText(run, broken, t)}`, fault: true };
  return { key: "busy", r, text: (names) => `the way to ${names} is still busy with earlier writes` };
}

/** What took the last message to a replica, if nothing has come through since. @returns {Cause | undefined} */
function brokenBy(run, source, r, t) {
  for (const flights of run.flights) {
    if (flights.kind !== FLIGHT.WAL || flights.source !== source || flights.target !== r) continue;
    const i = countUpTo(flights.sent, t) - 1;
    if (i < 0 || !flights.lost[i]) return undefined;
    return cutBetween(run, source, r, flights.sent[i], flights.arrived[i]) ?? downBetween(run, r, flights.sent[i], flights.arrived[i]);
  }
  return undefined;
}

/** Why a node has not flushed it. @returns {Reason} */
function unflushed(life, r, since, t) {
  const stall = stalledBetween(life.run, r, since, t);
  if (stall) return { key: `stall ${r}`, r, text: causeText(life.run, stall, t), fault: true };
  return { key: "unflushed", r, text: (names, many) => `${names} ${many ? "have" : "has"} not flushed it yet` };
}

/** Why those whose answers are missing have not been heard. @returns {Reason[]} */
function answerReasons(life, t) {
  const { run, L, epoch, lsn } = life;
  if (!(life.flushed <= t)) return stalledBetween(run, L, life.born, t) ? [unflushed(life, L, life.born, t)] : [];
  const off = epoch.count > epoch.candidates.length ? life.replicas.filter((r) => epoch.sync[r] === "not connected") : [];
  const missing = [...off, ...epoch.candidates.filter((r) => heard(run, r, epoch.level, t) < lsn)];
  return missing.map((r) => answerReason(life, r, t));
}

/** @returns {Reason} */
function answerReason(life, r, t) {
  const { run, epoch, L } = life;
  if (!hasIt(life, r, t)) return absence(life, r, t);
  const down = downBetween(run, r, t, t);
  if (down) return { key: `down ${r}`, r, text: causeText(run, down, t), fault: true };
  const since = (which) => life.reached(r, which)[0]?.[0] ?? Infinity;
  const [received, flushed] = [since(POSITION.RECEIVED), since(POSITION.FLUSHED)];
  if (epoch.level !== "remote_write" && flushed > t) return unflushed(life, r, received, t);
  if (epoch.level === "remote_apply" && since(POSITION.REPLAYED) > t) return unreplayed(life, r, flushed, t);
  const done = since(REACHED[epoch.level]);
  const replies = messagesOf(run, ANSWERS[epoch.level], r, L, life.lsn, done, t);
  const cut = replies.find((reply) => reply.lost);
  const cause = cut && (cutBetween(run, r, L, cut.sent, cut.arrived) ?? downBetween(run, L, cut.sent, cut.arrived));
  if (cause) return { key: `${cause.has} ${cause.t}`, r, text: causeText(run, cause, t), fault: true };
  const slow = slowBetween(run, r, L, done, t);
  if (slow) return { key: slow.has, r, text: causeText(run, slow, t), fault: true };
  return { key: "answer", r, text: (names, many) => (many ? `the answers of ${names} are on their way` : `${names}’s answer is on its way`) };
}

/** Why a replica that has it on disk has not replayed it. @returns {Reason} */
function unreplayed(life, r, flushed, t) {
  const slow = slowReplayBetween(life.run, r, flushed, t);
  if (slow) return { key: `replay ${r}`, r, text: causeText(life.run, slow, t), fault: true };
  const before = life.lsn - levelAt(life.run, r, POSITION.REPLAYED, t) - 1;
  if (before > 0) return { key: `behind ${r}`, r, text: `${life.name(r)} has ${counted(before, "write")} to replay before it` };
  return { key: "unreplayed", r, text: (names, many) => `${names} ${many ? "have" : "has"} not replayed it yet` };
}

/** Nodes by name, or how many where that would be a long list. @param {object} life @param {number[]} nodes */
function named(life, nodes) {
  return nodes.length > 4 ? counted(nodes.length, "replica") : listed(nodes.map(life.name));
}

/** Reasons as one clause; what holds for several replicas is said once. @param {object} life @param {Reason[]} reasons */
function joined(life, reasons) {
  const groups = new Map();
  for (const reason of reasons) groups.set(reason.key, [...(groups.get(reason.key) ?? []), reason]);
  const clauses = [...groups.values()].map((group) => {
    const { text } = group[0];
    return typeof text === "string" ? text : text(named(life, group.map(({ r }) => r)), group.length > 1);
  });
  return listed(clauses);
}
