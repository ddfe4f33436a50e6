// What is true at a moment: positions, what a crash would take, who waits, who reads stale. Nothing is drawn here.

/** @param {object} run @returns {object} room for the facts of one moment, filled again for each frame */
function makeFacts(run) {
  const n = run.nodes.length;
  return {
    run, t: 0, leader: 0, leaderUp: true, committed: 0, waiting: 0, oldest: 0, latency: NaN, lost: 0, best: -1, bestHead: 0,
    stale: 0, replicas: 0, worst: -1, worstAge: 0, left: 0, writes: 1, begins: 0, epoch: run.epochs[0],
    received: new Int32Array(n), flushed: new Int32Array(n), replayed: new Int32Array(n), age: new Float64Array(n),
    up: new Uint8Array(n), cut: new Uint8Array(n), leads: new Uint8Array(n), fenced: new Uint8Array(n), term: new Int32Array(n),
    shared: new Float64Array(n).fill(Infinity), doomed: new Int32Array(n), histories: 1, fork: null, top: 0,
  };
}

/** Fill the facts for a moment. @param {object} run @param {number} t ms @param {object} facts */
function factsAt(run, t, facts) {
  const n = run.nodes.length;
  facts.run = run;
  facts.t = t;
  facts.epoch = lastBegun(run.epochs, t);
  facts.leader = 0;
  let term = -1;
  for (const [node, begin, end, leads, up, itsTerm, fenced] of run.states) {
    if (t < begin || (t >= end && end < run.duration)) continue;
    facts.up[node] = up ? 1 : 0;
    facts.leads[node] = leads ? 1 : 0;
    facts.fenced[node] = fenced ? 1 : 0;
    facts.term[node] = itsTerm;
    if (leads && itsTerm > term) {
      facts.leader = node;
      term = itsTerm;
    }
  }
  const L = facts.leader;
  facts.leaderUp = facts.up[L] === 1;
  facts.committed = levelAt(run, L, POSITION.COMMITTED, t);
  facts.begins = levelAt(run, L, POSITION.OLDEST, t);
  facts.stale = facts.replicas = facts.lost = 0;
  facts.best = facts.worst = -1;
  facts.bestHead = facts.worstAge = 0;
  for (let node = 0; node < n; node++) {
    const leads = node === L || facts.leads[node] === 1;
    facts.received[node] = levelAt(run, node, leads ? POSITION.APPENDED : POSITION.RECEIVED, t);
    facts.flushed[node] = levelAt(run, node, POSITION.FLUSHED, t);
    facts.replayed[node] = levelAt(run, node, leads ? POSITION.COMMITTED : POSITION.REPLAYED, t);
  }
  sharedAt(run, facts);
  for (let node = 0; node < n; node++) {
    facts.age[node] = 0;
    if (node === L || facts.leads[node] || !facts.up[node]) continue;
    facts.replicas++;
    const head = Math.min(facts.received[node], facts.shared[node]);
    if (facts.best < 0 || head > facts.bestHead) {
      facts.best = node;
      facts.bestHead = head;
    }
    const shows = Math.min(facts.replayed[node], facts.shared[node]);
    if (shows < facts.committed) {
      facts.age[node] = t - reachedAt(run, L, POSITION.COMMITTED, shows + 1, t);
      facts.stale++;
      if (facts.worst < 0 || facts.age[node] > facts.worstAge) {
        facts.worst = node;
        facts.worstAge = facts.age[node];
      }
    }
  }
  facts.lost = Math.max(0, facts.committed - facts.bestHead);
  facts.waiting = Math.max(0, facts.received[L] - facts.committed);
  facts.oldest = facts.waiting ? t - reachedAt(run, L, POSITION.APPENDED, facts.committed + 1, t) : 0;
  if (!(facts.oldest >= 0)) facts.oldest = 0;
  facts.latency = run.grid ? sampledLatency(run, t) : exactLatency(run, facts);
  facts.cut.fill(0);
  for (const wall of run.walls) {
    if (t >= wall.t && t < wall.until) for (const node of wall.nodes) facts.cut[node] = 1;
  }
  windowAt(run, facts);
  if (run.fleet) facts.fleet = fleetAt(run, t);
  return facts;
}

/** How old what a replica reads is; of a sample that is known up to its step only. */
function ageText({ run }, age) {
  return age < run.grid ? `< ${rough(run.grid)}` : rough(age);
}

/** How long the latest commit took. */
function exactLatency(run, { t, leader: L, committed }) {
  const answered = committed ? reachedAt(run, L, POSITION.COMMITTED, committed, t) : NaN;
  return answered - reachedAt(run, L, POSITION.APPENDED, committed, answered);
}

/** The same from the curve, where positions are too coarse to tell. */
function sampledLatency(run, t) {
  const { values } = run.curves[0];
  let i = Math.min(Math.floor((t / run.duration) * run.bins), run.bins - 1);
  while (i >= 0 && Number.isNaN(values[i])) i--;
  return i < 0 ? NaN : values[i];
}

/** Each application server: connections in use, requests in its queue, whether it gets any; and the sums. */
function fleetAt({ fleet, curves, bins, duration }, t) {
  const servers = fleet.pools.map(({ busy, queue }) => {
    const i = Math.min(Math.floor((t / duration) * (busy.length - 1) + 1e-6), busy.length - 1);
    return { busy: busy[i], queue: queue[i], ready: true };
  });
  for (const [at, server, back] of fleet.turns) if (at <= t) servers[server].ready = back === 1;
  const sum = (what) => servers.reduce((total, server) => total + what(server), 0);
  const away = curves.find((curve) => curve.unit === "/s");
  const bin = Math.min(Math.ceil((t / duration) * bins - 1e-6), bins) - 1;
  return {
    servers, busy: sum((s) => s.busy), queue: sum((s) => s.queue), ready: sum((s) => (s.ready ? 1 : 0)),
    away: bin < 0 ? 0 : away.values[bin],
  };
}

/** The window on the log: from LSN `left`, as many writes wide as `writes`. */
function windowAt(run, facts) {
  const at = (Math.min(facts.t, run.duration) / run.duration) * (run.view - 1);
  const i = Math.min(Math.floor(at), run.view - 2);
  const between = (column) => column[i] + (column[i + 1] - column[i]) * (at - i);
  facts.writes = 2 ** between(run.octaves);
  // The head that is followed is smooth; the true one must stay in view.
  const head = Math.max(between(run.head) + 0.06 * facts.writes, facts.top + 0.015 * facts.writes);
  facts.left = Math.max(0, head - facts.writes);
}

/** @template T @param {T[]} sorted with a time `t` each @returns {T} */
function lastBegun(sorted, t) {
  let i = 0;
  while (i + 1 < sorted.length && sorted[i + 1].t <= t) i++;
  return sorted[i];
}

/** The reply that counts at each level of `synchronous_commit`. */
const ANSWERS = { remote_write: FLIGHT.WROTE, on: FLIGHT.FLUSHED, remote_apply: FLIGHT.REPLAYED };

/** Return up to which LSN the leader has heard from a replica that it did what the level asks for. */
function heard(run, node, level, t) {
  for (const flights of run.flights) {
    if (flights.source !== node || flights.kind !== ANSWERS[level]) continue;
    for (let i = countUpTo(flights.sent, t) - 1; i >= 0; i--) {
      if (!flights.lost[i] && flights.arrived[i] <= t) return flights.to[i];
    }
  }
  return 0;
}

/** Return for whom the oldest waiting commit waits, in words. */
function waitsFor(run, facts) {
  const { epoch } = facts;
  const next = facts.committed + 1;
  const L = facts.leader;
  if (facts.flushed[L] < next) return `for ${run.nodes[L].name}’s disk`;
  if (!epoch.count) return "for the answer";
  const missing = epoch.candidates.filter((node) => heard(run, node, epoch.level, facts.t) < next);
  const needed = epoch.count - (epoch.candidates.length - missing.length);
  if (epoch.count > epoch.candidates.length) return `for ${epoch.count} of ${counted(epoch.candidates.length, "replica")}`;
  const names = missing.map((node) => run.nodes[node].name);
  if (needed <= 0) return "for the acknowledgement";
  if (needed === names.length && needed < 4) return `for ${listed(names)}`;
  if (names.length > 3) return `for ${needed} of ${names.length} replicas`;
  return needed === 1 ? `for ${listed(names, "or")}` : `for ${needed} of ${listed(names)}`;
}

/** Is this wait longer than what a commit usually takes? */
function waitsLong(run, facts) {
  return facts.waiting > 0 && facts.oldest > (run.usual === null ? 0 : 2.5 * run.usual);
}

/**
 * The three numbers. Each answers its question at this moment; an aside stands where there is room for it, a brief label where not.
 * @type {Record<string, (run: object, facts: object) =>
 *   {label: string, number: string, tone: string, note: string, aside?: string, brief?: string}>}
 */
const CARDS = {
  loss(run, facts) {
    const label = facts.leaderUp ? `If ${run.nodes[facts.leader].name} died now` : `${run.nodes[facts.leader].name} is down`;
    if (facts.best < 0) {
      const note = run.nodes.length > 1 ? "no replica is up" : "there is no replica";
      return { label, number: `${count(facts.lost)} lost`, tone: facts.lost ? "risk" : "safe", note };
    }
    const good = run.nodes.flatMap((node, i) =>
      i !== facts.leader && facts.up[i] && facts.received[i] >= Math.min(facts.committed, facts.bestHead) ? [node.name] : []);
    const more = good.length > 4 ? [good[0], `${good.length - 1} others`] : good;
    const note = `promote ${listed(more, "or")}`;
    return { label, number: `${count(facts.lost)} lost`, tone: facts.lost ? "risk" : "safe", note };
  },
  commit(run, facts) {
    const usual = run.usual === null ? "" : `usually ${span(run.usual)}`;
    if (!facts.leaderUp) return { label: "A commit", number: "refused", tone: "risk", note: "no leader" };
    if (waitsLong(run, facts)) {
      const label = "A commit has waited";
      return { label, aside: usual, number: span(facts.oldest), tone: "risk", note: waitsFor(run, facts) };
    }
    if (!(facts.latency >= 0)) return { label: "A commit takes", number: "–", tone: "ink", note: "none yet" };
    const slow = run.usual !== null && facts.latency > 2.5 * run.usual;
    return { label: "The last commit took", number: span(facts.latency), tone: slow ? "risk" : "ink", note: usual };
  },
  stale(run, facts) {
    const label = "Replicas that read stale";
    if (!facts.replicas) return { label, number: "–", tone: "ink", note: "no replica to read from" };
    const number = `${facts.stale} of ${facts.replicas}`;
    if (!facts.stale) return { label, number, tone: "safe", note: "all reads are fresh" };
    const note = `${run.nodes[facts.worst].name} is ${ageText(facts, facts.worstAge)} behind`;
    return { label, number, tone: "stale", note };
  },
  pool(run, { fleet }) {
    const label = "Connection pools";
    const number = `${count(fleet.busy)} of ${count(run.fleet.pool * run.fleet.servers)}`;
    if (!fleet.ready) return { label, number, tone: "risk", note: "all drained" };
    if (fleet.queue) return { label, number, tone: "risk", note: `${count(fleet.queue)} queue` };
    const full = fleet.busy === run.fleet.pool * run.fleet.servers;
    return { label, number, tone: full ? "risk" : "ink", note: full ? "none is free" : "no request queues" };
  },
};
