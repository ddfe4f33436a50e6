// What became of an operation without a leader: a verdict, then a line for each step. Pure, like `fate.js`.

/** What the story tells of the operations: what went wrong always, the others where their kind is asked for. @returns {StoryRow[]} */
function ringRows(run) {
  const { ops } = run.ring;
  return Array.from({ length: ops.count }, (_, op) => {
    const wrong = ops.outcome[op] !== OUTCOME.OK && ops.told[op] <= run.duration;
    const group = ops.judged[op] >= JUDGED.STALE ? "stale" : wrong ? "refused" : isWrite(ops, op) ? "write" : "read";
    const t = group === "stale" || group === "refused" ? ops.told[op] : ops.begun[op];
    const [result] = resultWords(run, op, run.duration);
    const node = ops.node[op];
    return {
      t: onTheGrid(Math.min(t, run.duration), run), text: `${opName(run, op)}: ${result}.`, group, nodes: [node], where: run.nodes[node].name, network: false,
      follow: { kind: "op", op, go: ops.told[op] >= 0 ? ops.told[op] : ops.begun[op] }, offer: "Hold it", quiet: group === "write" || group === "read",
    };
  });
}

/** What can be held at a moment, as buttons. */
const RING_SHORTCUTS = [
  { label: "this operation", name: "Hold the operation at hand", of: (run, facts) => (run.ring && facts.op >= 0 ? { kind: "op", op: facts.op } : null) },
  { label: "last stale read", name: "Hold the last stale read", of: (run, facts) => lastOperation(run, facts, (ops, i) => ops.judged[i] >= JUDGED.STALE) },
  { label: "last failure", name: "Hold the last request that failed", of: (run, facts) => lastOperation(run, facts, (ops, i) => ops.outcome[i] !== OUTCOME.OK) },
  { label: "next on its key", name: "Hold the next operation on its key, and go there", of: (run, facts) => nextOnKey(run, facts) },
];

function lastOperation(run, { t }, wanted) {
  if (!run.ring) return null;
  const { ops } = run.ring;
  let found = -1;
  for (let i = 0; i < ops.count && ops.begun[i] <= t; i++) if (ops.told[i] <= t + SAME && wanted(ops, i)) found = i;
  return found < 0 ? null : { kind: "op", op: found };
}

function nextOnKey(run, { op, followed }) {
  if (!run.ring || followed === null || op < 0) return null;
  const { ops, ofKey } = run.ring;
  const next = ofKey.get(ops.key[op]).find((i) => i > op);
  return next === undefined ? null : { kind: "op", op: next, go: ops.told[next] > 0 ? ops.told[next] : ops.begun[next] };
}

/** Let a picture stay with what is followed, or no longer. @param {Followed | null} what */
function followOperation({ facts }, what) {
  facts.followed = what?.kind === "op" ? what.op : null;
}

/** What makes an operation the same in another run: its number, its kind, its key. */
function operationIn({ ops }, op) {
  return { row: ops.row[op], kind: ops.kind[op], key: ops.key[op], begun: ops.begun[op] };
}

function likeOperation({ ops }, { kind, key, begun }) {
  return ops.begun.findIndex((t, i) => Math.abs(t - begun) < SAME && ops.kind[i] === kind && ops.key[i] === key);
}

/** What became of an operation, as it stands at a moment. @param {object} run @param {{op: number}} what @param {number} t ms @returns {Fate} */
function fateOfOperation(run, { op }, t) {
  const { ops } = run.ring;
  const [write, read] = pairOf(run, op, Math.max(t, ops.told[op] || 0));
  const lines = [...itsLines(run, op), ...(read === op && write >= 0 ? promiseLines(run, write, op) : [])];
  lines.sort((a, b) => Math.round(1000 * a.t) - Math.round(1000 * b.t) || a.rank - b.rank);
  const note = run.ring.thinned ? SAMPLE_NOTE : "";
  return { ...verdictOfOperation(run, op, write, t), lines, note };
}

function ringLine(t, node, what, text, tone = "ink", rank = 5) {
  return { ...fateLine(t, node, what, text, tone), rank };
}

/** Its own steps: asked, sent, answered, told, mended. */
function itsLines(run, op) {
  const { ops, sent } = run.ring;
  const [node, told] = [ops.node[op], ops.told[op]];
  const name = (i) => run.nodes[i].name;
  const lines = [ringLine(ops.begun[op], node, "begun", `${opName(run, op).replace(/^\w/, (c) => c.toLowerCase())} arrives; ${waitWords(run, op, ops.begun[op])}`, "ink", 0)];
  const to = sent[op].filter(({ kind, source, target }) => (kind === SENT.STORE || kind === SENT.ASK) && source === node && target !== node);
  if (to.length) lines.push(ringLine(to[0].sent, node, "sent", `sends it to ${listed(to.map((m) => name(m.target)))}`, "ink", 1));
  for (const m of to) if (m.lost) lines.push(ringLine(m.sent, node, "lost", `what goes to ${name(m.target)} is lost: ${lostReason(run, node, m.target, m.sent, m.arrived)}`, "risk", 2));
  const homes = inSet(ops.homes[op]);
  for (const home of homes) {
    if (to.some((m) => m.target === home) || home === node) continue;
    const down = downBetween(run, home, ops.begun[op], ops.begun[op]) ?? cutBetween(run, node, home, ops.begun[op], ops.begun[op]);
    if (down) lines.push(ringLine(ops.begun[op], node, "left out", `${name(home)} holds this key and is left out: ${causeText(run, down, ops.begun[op])}`, "fault", 2));
  }
  const own = isWrite(ops, op) ? SENT.STORED : SENT.ANSWER;
  for (const m of sent[op]) {
    if (m.kind === own) lines.push(answerLine(run, op, m, m.arrived > (told >= 0 ? told : Infinity) + SAME, homes.includes(m.source)));
    if (m.kind === SENT.REPAIR) lines.push(ringLine(m.sent, m.source, "repair", `sends v${count(m.version)} to ${name(m.target)}, which answered with an older version: read repair`, "safe", 6));
  }
  if (told >= 0) {
    const [result, tone] = resultWords(run, op, told);
    lines.push(ringLine(told, node, "told", result, tone, 4));
  }
  return lines;
}

function answerLine(run, op, m, late, isHome) {
  const { ops } = run.ring;
  const node = run.nodes[ops.node[op]].name;
  const who = m.source === ops.node[op] ? "itself" : run.nodes[m.source].name;
  const lost = m.lost ? `, and that is lost: ${lostReason(run, m.source, m.target, m.sent, m.arrived)}` : late ? ", too late to count" : "";
  if (isWrite(ops, op)) {
    const how = isHome ? "has stored it" : "has taken it in another’s place";
    return ringLine(m.arrived, ops.node[op], m.lost ? "lost" : "stored", `${node} hears that ${who === "itself" ? `it ${how} itself`.replace("has stored it itself", "has stored it itself") : `${who} ${how}`}${lost}`, m.lost ? "risk" : late ? "ink" : "safe", 3);
  }
  const version = m.version ? `v${count(m.version)}` : "nothing";
  return ringLine(m.arrived, ops.node[op], m.lost ? "lost" : "answer", `${who === "itself" ? "its own copy has" : `${who} answers`} ${version}${lost}`, m.lost ? "risk" : m.version < ops.wanted[op] ? "stale" : "ink", 3);
}

/** The write that a read should have seen: when it was acknowledged, by whom, and when the read's nodes had it. */
function promiseLines(run, write, read) {
  const { ops, stored } = run.ring;
  const version = ops.version[write];
  const lines = [];
  if (ops.outcome[write] === OUTCOME.OK && ops.told[write] <= ops.begun[read] + SAME) {
    const who = namesIn(run, answeredBy(run, write, Infinity));
    lines.push(ringLine(ops.told[write], ops.node[write], "promised", `v${count(version)} is acknowledged: ${who} ${inSet(answeredBy(run, write, Infinity)).length > 1 ? "have" : "has"} it`, "safe", 0));
  }
  for (const node of inSet(ops.homes[read])) {
    const steps = stored.get(ops.key[read])?.[node];
    const i = steps ? steps.v.findIndex((v) => v >= version) : -1;
    if (i >= 0 && steps.t[i] > ops.begun[read]) lines.push(ringLine(steps.t[i], node, "caught up", `has v${count(steps.v[i])} from now on`, "ink", 7));
  }
  return lines;
}

/** One sentence on an operation. @returns {{verdict: string, tone: string}} */
function verdictOfOperation(run, op, write, t) {
  const { ops } = run.ring;
  const it = `${opName(run, op)}, served by ${run.nodes[ops.node[op]].name} at ${momentText(run, ops.begun[op])}`;
  if (t < ops.begun[op] - SAME) return { verdict: `${it}: still to come.`, tone: "quiet" };
  const [result, tone] = resultWords(run, op, t);
  if (ops.judged[op] < JUDGED.STALE || !(ops.told[op] <= t + SAME)) return { verdict: `${it}: ${result}.`, tone: tone === "ink" ? "quiet" : tone };
  if (write < 0) return { verdict: `${it}: ${result}.`, tone };
  const [wrote, read] = [answeredBy(run, write, Infinity), answeredBy(run, op, Infinity)];
  const sets = `v${count(ops.version[write])} was with ${namesIn(run, wrote)}, the read heard ${namesIn(run, read)}`;
  if (ops.judged[op] === JUDGED.BACK) return { verdict: `${it}: ${result}. The newer one had not been acknowledged: a read may see it, and the next one not.`, tone };
  const both = wrote & read;
  const why = both ? `${namesIn(run, both)} was in both, and no longer held it` : "no node was in both";
  return { verdict: `${it}: ${result} ${span(ops.begun[op] - ops.told[write])} before. ${sets.replace(/^v/, "v")}; ${why}.`, tone };
}

Object.assign(FATES, { op: fateOfOperation });
