// What became of a write or a read, from its birth on: a line for each thing that happened to it, a verdict first.
// Pure: a run, a number and a moment in, texts out. `follow.js` shows them.

/**
 * @typedef {{t: number, node: number, what: string, text: string, tone: string}} FateLine  `what` names the step for who counts
 * @typedef {{verdict: string, tone: string, lines: FateLine[], note: string}} Fate
 */

const DONE = { remote_write: "written", on: "flushed", remote_apply: "replayed" };
const REACHED = { remote_write: POSITION.RECEIVED, on: POSITION.FLUSHED, remote_apply: POSITION.REPLAYED };

const SAMPLE_NOTE = "This run is too busy to be held in full here: times and messages are those of a sample.";

/** What a follower may follow. Each takes a run, what is followed and a moment (ms), and returns a `Fate`. */
const FATES = {
  write: (run, { lsn, term }, t) => (run.tapes ? fateOfTape(run, lsn, t) : fateOf(run, lsn, t, term)),
  read: (run, { read }) => fateOfRead(run, read),
};

/** What became of a write, as it stands at a moment. @param {object} run @param {number} lsn @param {number} t ms
 *  @param {number} [term] its timeline, where there are several @returns {Fate} */
function fateOf(run, lsn, t, term) {
  const life = lifeOf(run, lsn, t, term);
  if (!life) {
    const logs = run.terms ? run.nodes.map((_, node) => node) : [0];
    const last = logs.flatMap((node) => [...run.steps[node * POSITIONS + POSITION.APPENDED].v]).reduce((most, v) => Math.max(most, v), 0);
    const verdict = last ? `There is no write ${count(lsn)}: the last one of this run is ${count(last)}.` : "Nothing is written in this run.";
    return { verdict, tone: "quiet", lines: [], note: "" };
  }
  const lines = [...onLeader(life), ...life.replicas.flatMap((r) => onReplica(life, r)), ...sendings(life), ...answers(life), ...crashes(life), ...forkLines(life)];
  lines.sort(inOrder);
  const sampled = isSampled(run, life.born, Math.min(lines[lines.length - 1].t, run.duration));
  const note = [otherWrites(life), sampled ? SAMPLE_NOTE : ""].filter(Boolean).join(" ");
  return { ...(run.terms ? verdictOfFork(life, t) : verdictOf(life, t)), lines, note };
}

/** From whom a replica gets its log. */
function feederOf(run, r, leader) {
  const streams = run.flights.filter(({ kind, target, sent }) => kind === FLIGHT.WAL && target === r && sent.length);
  return streams.reduce((most, one) => (one.sent.length > (most?.sent.length ?? 0) ? one : most), undefined)?.source ?? leader;
}

/** What is known of a write: when it was born, when it reached what. NaN: it did not. */
function lifeOf(run, lsn, t, wanted) {
  const facts = factsAt(run, Math.min(t, run.duration), makeFacts(run));
  const own = run.terms && lsn >= 1 ? meantBy(run, facts, lsn, wanted) : null;
  const L = own ? own.node : facts.leader;
  const term = own?.term;
  const inReign = ([begin]) => !own || (begin >= own.t - run.tick && begin < own.end);
  const lives = lsn >= 1 ? livesOf(run, L, POSITION.APPENDED, lsn).filter(inReign) : [];
  if (!lives.length) return null;
  const begun = lives.filter(([begin]) => begin <= t);
  const index = Math.max(begun.length - 1, 0); // a number that a crash took may be given again
  const [born, gone] = lives[index];
  const end = lives[index + 1]?.[0] ?? Infinity;
  const reached = (node, which) =>
    livesWith(run, node, which, { term, lsn }).filter(([begin]) => begin >= born - run.tick && begin < end);
  const life = { run, lsn, term, t, facts, L, born, gone, end, reached, replicas: [], name: (node) => run.nodes[node].name };
  life.committed = reached(L, POSITION.COMMITTED)[0]?.[0] ?? NaN;
  life.epoch = lastBegun(run.epochs, Number.isNaN(life.committed) ? Math.min(t, run.duration) : life.committed);
  life.replicas = run.nodes.map((_, node) => node).filter((node) => node !== L);
  life.onDisk = (node) => reached(node, POSITION.FLUSHED)[0]?.[0] ?? NaN;
  life.flushed = life.onDisk(L);
  const has = (node, at) => !own || commonOf(run, run.states.findLast(([which, begin]) => which === node && begin <= at)[5], term) >= lsn;
  const feeders = (r) => (own ? [L, ...life.replicas.filter((one) => one !== r)] : [feederOf(run, r, L)]);
  life.sendings = life.replicas.flatMap((r) => feeders(r).map((source) =>
    ({ r, source, all: messagesOf(run, FLIGHT.WAL, source, r, lsn, born, end).filter(({ sent }) => has(source, sent)) })));
  if (own) life.sendings = life.sendings.filter(({ source, all }) => source === L || all.length);
  return life;
}

/** What happens in one tick, in the order in which it happens. */
const ORDER = ["appended", "flushed", "held", "sent", "lost", "received", "on disk", "replayed", "forwarded", "unheard", "heard", "acknowledged", "cut", "promoted", "forked", "demoted", "discarded"];

function inOrder(a, b) {
  const rank = ({ what }) => (ORDER.includes(what) ? ORDER.indexOf(what) : ORDER.length);
  return Math.round(1000 * a.t) - Math.round(1000 * b.t) || rank(a) - rank(b); // sums of ticks differ in the last digits
}

const fateLine = (t, node, what, text, tone = "ink") => ({ t, node, what, text, tone });

/** "in one flush with writes 815–819" */
function together(from, to, what) {
  if (to <= from) return `in a ${what} of its own`;
  return to - from === 1 ? `in one ${what}: writes ${count(from)} and ${count(to)}` : `in one ${what}: writes ${count(from)}–${count(to)}`;
}

/** Which writes one flush took to the disk. */
function flushText(run, node, lsn, t) {
  const { t: times, v } = run.steps[node * POSITIONS + POSITION.FLUSHED];
  let i = Math.max(countBelow(times, t), 0);
  while (i < v.length - 1 && v[i] < lsn) i++;
  return together((i ? v[i - 1] : 0) + 1, v[i], "flush");
}

function onLeader(life) {
  const { run, L, born, flushed, committed, gone } = life;
  const lines = [fateLine(born, L, "appended", "arrives and is appended to the log")];
  if (flushed >= born) {
    const stall = stalledBetween(run, L, born, flushed);
    const why = stall ? `, late: ${causeText(run, stall, flushed)}` : "";
    lines.push(fateLine(flushed, L, "flushed", `on disk, ${flushText(run, L, life.lsn, flushed)}${why}`, stall ? "fault" : "ink"));
  }
  if (committed >= born) lines.push(fateLine(committed, L, "acknowledged", ...answerText(life)));
  const gives = run.terms && gone >= endOfReign(life) - run.tick ? "steps down" : "crashes";
  if (gone < Infinity) lines.push(fateLine(gone, L, "gone", `${gives} before it is on disk: gone`, "risk"));
  return lines;
}

/** How the answer came, and its tone. */
function answerText(life) {
  const { run, L, born, committed } = life;
  const near = (t) => Math.abs(t - committed) <= run.tick * 1.01;
  if (run.states.some(([node, , end, , up]) => node === L && !up && near(end))) {
    return [`${life.name(L)} recovers it from its disk: visible now, but its client never had an answer`, "ink"];
  }
  const waited = `after ${span(committed - born)}`;
  const change = run.spans.find((s) => s.kind === MARK.CHANGE && near(s.t));
  if (change) return [`acknowledged ${waited}, because an operator stepped in: ${change.text}`, "fault"];
  const dropped = run.events.find((e) => e.kind === MARK.DISCONNECT && near(e.t));
  if (dropped) return [`acknowledged ${waited}, because nobody waits for ${life.name(dropped.nodes[0])} any more: ${dropped.text}`.replace(/\.$/, ""), "fault"];
  const whose = run.fleet ? "the application server has its answer" : "its client has its answer";
  return [`acknowledged: ${whose} ${waited}`, "safe"];
}

function onReplica(life, r) {
  const { run, lsn } = life;
  const lines = [];
  for (const [begin, end] of life.reached(r, POSITION.RECEIVED)) {
    lines.push(fateLine(begin, r, "received", "received"));
    if (end < Infinity && !(end >= leavesAt(life, r))) lines.push(fateLine(end, r, "dropped", "crashes before it is on disk: gone there", "risk"));
  }
  const received = lines.at(0)?.t ?? life.born;
  const flushed = life.onDisk(r);
  const [replayed] = life.reached(r, POSITION.REPLAYED)[0] ?? [NaN];
  if (flushed >= life.born) {
    const stall = stalledBetween(run, r, received, flushed);
    const why = stall ? `, late: ${causeText(run, stall, flushed)}` : "";
    lines.push(fateLine(flushed, r, "on disk", `on disk, ${flushText(run, r, lsn, flushed)}${why}`, stall ? "fault" : "ink"));
  }
  if (replayed >= life.born) {
    const slow = slowReplayBetween(run, r, flushed, replayed);
    const why = slow ? `, late: ${causeText(run, slow, replayed)}` : "";
    lines.push(fateLine(replayed, r, "replayed", `replayed: reads here see it${why}`, slow ? "fault" : "ink"));
  }
  return lines;
}

/** Each message that carries it; what is sent to several replicas at once is one line. */
function sendings(life, replicas = life.replicas) {
  const { run } = life;
  const lines = new Map();
  const say = (t, source, r, what, text, tone) => {
    const key = `${t} ${source} ${what} ${text("…")}`;
    const known = lines.get(key) ?? { t, source, what, text, tone, to: [] };
    known.to.push(r);
    lines.set(key, known);
  };
  for (const { r, source, all } of life.sendings.filter((one) => replicas.includes(one.r))) {
    const ready = life.onDisk(source);
    const slip = all.length ? all[0].sent - ready : Infinity;
    if (ready >= life.born && slip > 2 * run.tick && !isSampled(run, life.born, ready)) {
      const why = unsentReason(life, r, ready);
      say(ready, source, r, "held", (to) => `not sent to ${to} yet: ${joined(life, [why])}`, why.fault ? "risk" : "ink");
    }
    for (const { sent, arrived, lost, from, to } of all) {
      if (!lost) {
        const slow = slowBetween(run, source, r, sent, sent);
        const late = slow ? `, slowly: ${causeText(run, slow, sent)}` : "";
        say(sent, source, r, source === life.L ? "sent" : "forwarded", (who) => `sent to ${who}, ${together(from, to, "message")}${late}`, slow ? "fault" : "ink");
        continue;
      }
      const why = lostReason(run, source, r, sent, arrived);
      say(sent, source, r, "lost", (who) => `sent to ${who} and lost on the way: ${why}`, "risk");
    }
  }
  return [...lines.values()].map(({ t, source, what, text, tone, to }) => ({ ...fateLine(t, source, what, text(named(life, to)), tone), to }));
}

/** Why a message was lost on its way. */
function lostReason(run, source, target, sent, arrived) {
  const cause = cutBetween(run, source, target, sent, arrived) ?? downBetween(run, target, sent, arrived);
  return cause ? causeText(run, cause, sent) : `the connection to ${run.nodes[target].name} had ended`;
}

/** The replies that the acknowledgement rule counts, until it is met; and those that were lost meanwhile. */
function answers(life) {
  const { run, L, lsn, epoch, committed, end, born } = life;
  if (!epoch.count) return [];
  const until = committed >= born ? committed + run.tick : end;
  const heard = [];
  const lost = [];
  for (const r of epoch.candidates) {
    const [done] = life.reached(r, REACHED[epoch.level])[0] ?? [NaN];
    if (!(done >= born)) continue;
    const replies = messagesOf(run, ANSWERS[epoch.level], r, L, lsn, done, until);
    const arrived = replies.find((reply) => !reply.lost && reply.arrived <= until);
    if (arrived) heard.push({ r, t: arrived.arrived });
    const gone = replies.find((reply) => reply.lost && !(arrived?.sent < reply.sent));
    if (gone) lost.push({ r, ...gone });
  }
  heard.sort((a, b) => a.t - b.t);
  return [
    ...heard.slice(0, epoch.count).map(({ r, t }, i) =>
      fateLine(t, L, "heard", `hears that ${life.name(r)} has ${DONE[epoch.level]} it: ${i + 1} of ${epoch.count}`, "safe")),
    ...lost.map(({ r, sent, arrived }) =>
      fateLine(sent, r, "unheard", `says that it has ${DONE[epoch.level]} it; ${life.name(L)} never hears that: ${lostReason(run, r, L, sent, arrived)}`, "risk")),
  ];
}

/** What each crash after its birth means for it. */
function crashes(life) {
  const { run, L, born, gone, end, flushed } = life;
  const lines = [];
  for (const [node, begin, until, , up] of run.states) {
    if (up || wordOf(run, node, begin) || begin < born || begin >= Math.min(end, run.duration)) continue;
    if (node === L && begin < gone - run.tick) lines.push(fateLine(begin, L, "crash", crashText(life, begin), heldBy(life, begin).length ? "fault" : "risk"));
    if (node === L && until < run.duration && flushed <= begin) lines.push(fateLine(until, L, "back", "up again, with it on its disk"));
    if (node !== L && levelAt(run, node, POSITION.FLUSHED, begin) >= life.lsn && life.reached(node, POSITION.FLUSHED).length) {
      lines.push(fateLine(begin, node, "away", "crashes; the write stays on its disk", "fault"));
    }
  }
  return lines;
}

/** When a replica's disk no longer holds it, ms: then its log was cut back. */
function leavesAt(life, r) {
  return life.reached(r, POSITION.FLUSHED)[0]?.[1] ?? Infinity;
}

/** The replicas that are up and have received it. */
function heldBy(life, t) {
  return life.replicas.filter((r) => !downBetween(life.run, r, t, t) && hasIt(life, r, t));
}

function hasIt(life, r, t) {
  return life.reached(r, POSITION.RECEIVED).some(([begin, end]) => begin <= t && t < end);
}

function crashText(life, t) {
  const { run, L } = life;
  const held = heldBy(life, t);
  const without = life.replicas.filter((r) => !held.includes(r) && !downBetween(run, r, t, t));
  const ends = (r) => `${life.name(r)}’s log ends at ${count(levelAt(run, r, POSITION.RECEIVED, t))}`;
  const told = without.length > 3 ? `${without.length} other logs end before it` : listed(without.map(ends));
  const gone = without.length === 1 ? `gone if ${life.name(without[0])} is promoted` : "gone if one of these is promoted";
  if (!held.length && !without.length) return `crashes, and no replica is up: gone unless ${life.name(L)} returns`;
  if (!held.length) return `crashes; ${told}: gone whoever is promoted`;
  const has = `${listed(held.map(life.name))} ${held.length === 1 ? "has" : "have"} it`;
  return without.length ? `crashes; ${has}; ${told}: ${gone}` : `crashes; ${has}: safe whoever is promoted`;
}
