// The story as a table in step with the clock: the picture for who reads instead of looking.

/** Kinds of events in plain words, each with its sign; `kinds` as `MARK` numbers them, -1 what holds from the start. */
const STORY_KINDS = {
  fault: { label: "Fault", many: "Faults", path: BOLT, kinds: [MARK.CRASH, MARK.RESTART, MARK.DISK, MARK.REPLAY, MARK.PARTITION, MARK.LINK, MARK.FROZEN, MARK.CLOCK] },
  leader: { label: "Leadership", many: "Changes of leader", path: "M-7 5 l1.7 -8 l3 4 l2.3 -6 l2.3 6 l3 -4 l1.7 8 z", kinds: [MARK.SUSPECTED, MARK.FENCED, MARK.PROMOTED, MARK.DEMOTED, MARK.FOLLOWED] },
  fork: { label: "Fork", many: "Logs that forked", path: "M-6 0 H-1 L6 -5 M-1 0 L6 5", kinds: [MARK.STRANDED, MARK.REWOUND] },
  connection: { label: "Connection", many: "Connections", path: "M-7 -2.5 H5 M2 -5.5 L5.5 -2.5 M7 2.5 H-5 M-2 5.5 L-5.5 2.5", kinds: [MARK.DISCONNECT, MARK.RECONNECT] },
  waiting: { label: "Waiting", many: "Waiting", path: "M-5 -6.5 H5 L-5 6.5 H5 z", kinds: [MARK.BLOCKED, MARK.FELL_BACK, MARK.WAITS_AGAIN] },
  application: { label: "Application", many: "Application servers", path: "M-6 -5 h12 v4 h-12 z M-6 1 h12 v4 h-12 z", kinds: [MARK.POOL, MARK.DRAIN, MARK.RETURN] },
  query: { label: "Query", many: "Long queries", path: "M-2 -2 m-4 0 a4 4 0 1 0 8 0 a4 4 0 1 0 -8 0 M1 1 L6 6", kinds: [MARK.QUERY, MARK.CANCELLED] },
  log: { label: "Kept log", many: "Log that is kept", path: "M-6 -5 h12 v10 h-12 z M-6 0 h12", kinds: [MARK.SLOT, MARK.FALLEN, MARK.FULL, MARK.FETCH, MARK.REBUILT, MARK.ARCHIVE] },
  statement: { label: "Statement", many: "Statements", path: "M-5.5 -4.5 l4.5 4.5 l-4.5 4.5 M1 5 h6", kinds: [MARK.STATEMENT] },
  setting: { label: "Setting", many: "Settings", path: "M-6.5 -3.5 H6.5 M-6.5 3.5 H6.5 M-2 -6 v5 M2.5 1 v5", kinds: [-1, MARK.CHANGE] },
  hint: { label: "Hint", many: "Hinted writes", path: "M-6 -4 h12 v8 h-12 z M-6 -4 l6 5 l6 -5", kinds: [MARK.HINTED, MARK.HANDED, MARK.HINTS_LOST, MARK.HINTS_OVER] },
  refused: { label: "No answer", many: "Requests without an answer", path: "M-5.5 0 a5.5 5.5 0 1 0 11 0 a5.5 5.5 0 1 0 -11 0 M-4 4 L4 -4", kinds: [MARK.TIMEOUT, MARK.UNAVAILABLE] },
  conflict: { label: "Conflict", many: "Conflicts", path: "M-6 -5 L6 5 M-6 5 L6 -5 M0 -7 V7", kinds: [MARK.CONFLICT, MARK.DISCARDED, MARK.CONVERGED, MARK.RESURRECTED, MARK.GIVEN_TWICE] },
  loss: { label: "Loss", many: "Losses", path: "M-5 -5 L5 5 M-5 5 L5 -5", kinds: [] },
  other: { label: "Event", many: "Other events", path: "M-3 0 a3 3 0 1 0 6 0 a3 3 0 1 0 -6 0", kinds: [] },
  write: { label: "Write", many: "All other writes", path: "M-6 4 L4 -6 L6 -4 L-4 6 L-7 7 z", kinds: [] },
  read: { label: "Read", many: "All other reads", path: "M-7 0 q7 -8 14 0 q-7 8 -14 0 M-2 0 a2 2 0 1 0 4 0 a2 2 0 1 0 -4 0", kinds: [] },
  stale: { label: "Stale read", many: "Stale reads", path: "M0 -5.5 l6 11 h-12 z", kinds: [] },
};
const NETWORK = "network";
const NETWORK_KINDS = [MARK.PARTITION, MARK.LINK, MARK.DISCONNECT, MARK.RECONNECT];
const SPELL_OF = 20; // from more stale reads in a row on they are one line

/**
 * @typedef {{t: number, text: string, group: string, nodes: number[], where: string, network: boolean, follow?: Followed}} StoryRow
 */

/** The events of a run in order of time. @param {object} run @returns {StoryRow[]} */
function storyRows(run) {
  return [...eventRows(run), ...topologyOf(run).rows(run)].sort((a, b) => a.t - b.t);
}

function eventRows(run) {
  return run.events.map(({ t, text, kind, of = kind, nodes = [], server }) => {
    const group = Object.keys(STORY_KINDS).find((name) => STORY_KINDS[name].kinds.includes(of)) ?? "other";
    const names = [...new Set(nodes)].map((node) => run.nodes[node].name);
    const where = server >= 0 ? `app${server + 1}` : names.length > 3 ? `${names.length} nodes` : names.join(", ");
    const row = { t: onTheGrid(t, run), text, group, nodes, where: where || "all", network: NETWORK_KINDS.includes(of) };
    if (run.tapes && kind === MARK.DISCARDED) return { ...row, follow: { kind: "write", lsn: discardedIn(text) }, offer: "Why?" };
    const lost = kind === MARK.REWOUND ? discardedFrom(run, nodes[0], row.t) : null;
    return lost ? { ...row, follow: { kind: "write", ...lost }, offer: "Follow the first" } : row;
  });
}

/** The first of the writes that a rewind discards. @returns {{lsn: number, term: number} | null} */
function discardedFrom(run, node, t) {
  const before = factsAt(run, t - 2 * run.tick, makeFacts(run));
  return before.doomed[node] ? { lsn: before.shared[node] + 1, term: before.term[node] } : null;
}

/** What each crash of the leader takes. */
function lossRows(run) {
  const crashes = run.states.filter(([, begin, , leads, up]) => leads && !up && begin < run.duration);
  return crashes.filter(([node, begin]) => factsAt(run, begin, makeFacts(run)).leader === node).map(([node, begin]) => {
    const facts = factsAt(run, onTheGrid(begin, run), makeFacts(run));
    const [are, it] = facts.lost === 1 ? ["write is", "it"] : ["writes are", "the first"];
    const text = facts.lost
      ? `At this moment ${count(facts.lost)} acknowledged ${are} on no replica that is up.`
      : facts.best < 0 ? "No replica is up to take over." : "Every acknowledged write is on a replica that is up.";
    const row = { t: facts.t, text, group: "loss", nodes: [node], where: run.nodes[node].name, network: false };
    return facts.lost ? { ...row, follow: { kind: "write", lsn: facts.bestHead + 1 }, offer: `Follow ${it}` } : row;
  });
}

function staleRows(run) {
  return staleSpells(run).flatMap(({ node, begin, end, count: all, reads }) => {
    const where = run.nodes[node].name;
    const row = { group: "stale", nodes: [node], where, network: false };
    if (all > SPELL_OF || reads.length < all) {
      const text = `${counted(all, "stale read")} on ${where} until ${momentText(run, end)}.`;
      return [{ ...row, t: begin, text, follow: { kind: "read", read: reads[0] }, offer: "Follow the first" }];
    }
    return reads.map((read) => {
      const text = `A read sees all up to write ${count(read.saw)}, and not write ${count(read.missed)}.`;
      return { ...row, t: read.t, text, follow: { kind: "read", read }, offer: "Follow it" };
    });
  });
}

/** Two runs' events in one list; what both have is one row. @returns {(StoryRow & {runs: string})[]} */
function bothRows(was, now) {
  const rows = new Map();
  for (const [name, run] of [["A", was], ["B", now]]) {
    const seen = new Map();
    for (const row of storyRows(run)) {
      const text = `${row.t} ${row.text}`;
      seen.set(text, (seen.get(text) ?? 0) + 1);
      const key = `${text} ${seen.get(text)}`; // two rows of one run stay two
      if (rows.has(key)) Object.assign(rows.get(key), { runs: "A and B", follow: row.follow && { ...row.follow, of: "now" } });
      else rows.set(key, { ...row, runs: name, follow: row.follow && { ...row.follow, of: name === "A" ? "was" : "now" } });
    }
  }
  return [...rows.values()].sort((a, b) => a.t - b.t);
}

class Story {
  /** @param {Stage} stage @param {HTMLElement} body */
  constructor(stage, body) {
    this.stage = stage;
    this.node = "";
    this.kind = "";
    body.classList.add("rv-story");
    const events = html("div", "rv-events", body);
    this.filters = html("div", "rv-filters", events);
    this.box = html("div", "rv-events-box", events);
    this.table = html("table", "rv-events-table", this.box);
    this.roving = new Roving(this.table, ".rv-when");
    this.chain = new Chain(stage, body);
    this.known = [];
  }

  /** The runs may have changed; the table is made anew when it is next drawn. */
  show() {
    const runs = [this.stage.was?.run, this.stage.run];
    if (runs.every((run, i) => run === this.known[i])) return;
    this.known = runs;
    this.rows = null;
  }

  /** Show the events of one node only, or of all. @param {string} name of a node, "network" or "" */
  filter(name) {
    const known = [...this.stage.run.nodes.map((node) => node.name), NETWORK];
    this.node = known.includes(name) ? name : "";
    this.rows = null;
    this.stage.clock.changed();
  }

  make() {
    const { was, run } = this.stage;
    this.rows = was ? bothRows(was.run, run) : storyRows(run);
    this.makeFilters(run);
    this.makeTable(run, was !== null);
    this.now = undefined;
  }

  makeFilters(run) {
    const { filters } = this;
    const focused = filters.contains(document.activeElement) ? document.activeElement.dataset.filter : undefined;
    filters.replaceChildren();
    const nodes = html("div", "rv-filter", filters);
    nodes.setAttribute("role", "group");
    nodes.setAttribute("aria-label", "Events of");
    for (const name of ["", ...run.nodes.map((node) => node.name), NETWORK]) {
      const button = storyButton(nodes, "rv-chip", name || "all", () => this.filter(name));
      button.setAttribute("aria-pressed", String(name === this.node));
      button.dataset.filter = name;
      if (name === focused) button.focus();
    }
    const present = Object.keys(STORY_KINDS).filter((group) => this.rows.some((row) => row.group === group));
    if (!present.includes(this.kind)) this.kind = "";
    const select = html("select", "rv-field rv-kind", filters);
    select.setAttribute("aria-label", "Kind of events");
    keepKeys(select);
    for (const group of ["", ...present]) {
      select.append(new Option(group ? STORY_KINDS[group].many : "every kind", group, false, group === this.kind));
    }
    select.onchange = () => {
      this.kind = select.value;
      this.makeTable(this.stage.run, this.stage.was !== null);
      this.now = undefined;
      this.stage.clock.changed();
    };
  }

  makeTable(run, pair) {
    const { table, node, kind } = this;
    const row = run.nodes.findIndex(({ name }) => name === node);
    this.shown = this.rows.filter((event) =>
      (kind ? event.group === kind : !event.quiet) && (!node || (node === NETWORK ? event.network : event.nodes.includes(row))));
    table.replaceChildren();
    const caption = html("caption", "rv-unseen", table);
    const of = [kind && STORY_KINDS[kind].many.toLowerCase(), node && `of ${node === NETWORK ? "the network" : node}`].filter(Boolean);
    caption.textContent = `What happened${of.length ? `: ${of.join(" ")}` : ""}, in order of time`;
    const head = html("tr", "", html("thead", "", table));
    for (const name of ["Time", ...(pair ? ["Run"] : []), "Where", "What", "Kind"]) {
      const th = html("th", "", head);
      th.scope = "col";
      th.textContent = name;
    }
    const body = html("tbody", "", table);
    this.lines = this.shown.map((event) => this.makeRow(event, run, pair, body));
    if (this.shown.length) return;
    const empty = html("td", "rv-no-events", html("tr", "", body));
    empty.colSpan = pair ? 5 : 4;
    const place = node === NETWORK ? "on the network" : `on ${node}`;
    empty.textContent = kind || !node ? "Nothing of this kind happens in this run." : `Nothing happens ${place} in this run.`;
  }

  makeRow({ t, text, group, where, runs, follow, offer }, run, pair, body) {
    const { label, path } = STORY_KINDS[group];
    const line = html("tr", `rv-event rv-event-${group}`, body);
    const when = storyButton(html("td", "", line), "rv-when", clockText(t, run.duration), () => this.stage.go(t));
    when.setAttribute("aria-label", `${momentText(run, t)}: go there`);
    if (pair) html("td", "rv-runs", line).textContent = runs;
    html("td", "rv-where", line).textContent = where;
    const what = html("td", "rv-told", line);
    what.textContent = `${text} `;
    if (follow) {
      const button = storyButton(what, "rv-follow", offer, () => this.stage.follow(follow));
      button.setAttribute("aria-label", `${offer}: ${text}`);
    }
    const sign = html("td", "rv-kind-cell", line);
    const icon = svg("svg", { viewBox: "-9 -11 18 22", class: "rv-sign", "aria-hidden": "true" }, sign);
    svg("path", { d: path }, icon);
    sign.append(label);
    return { line, when, t };
  }

  /** @param {number} t @param {boolean} words */
  draw(t, words) {
    if (!this.rows) this.make();
    const { lines } = this;
    let now = -1;
    while (now + 1 < lines.length && lines[now + 1].t <= t + this.stage.run.tick) now++;
    if (now !== this.now) this.mark(now);
    this.chain.draw(t, words);
  }

  /** Mark the row that holds now; what is still to come is quieter. */
  mark(now) {
    this.now = now;
    this.lines.forEach(({ line }, i) => {
      line.classList.toggle("rv-later", i > now);
      if (i === now) line.setAttribute("aria-current", "true");
      else line.removeAttribute("aria-current");
    });
    const here = this.lines[Math.max(now, 0)];
    if (here) keepInView(this.box, here.line, this.table.tHead.offsetHeight);
    this.roving.settle(here?.when);
  }
}

DRAWERS.push({ name: "story", label: "Story", key: "s", make: (stage, body) => new Story(stage, body) });
