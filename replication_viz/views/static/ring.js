// The ring: nodes on a circle, each with its version of the key at hand; write set and read set as hulls around them.

const KEPT_AT_SPEED_MS = 1_100; // of the reader's time: an operation that is gone sooner cannot be read
const SET_MARGIN = { write: 9, read: 15, wall: 20 };

class RingScene {
  /** @param {object} run @param {SVGElement} root @param {number} width @param {boolean} [compact] with less room */
  constructor(run, root, width, compact = false) {
    this.run = run;
    this.root = root;
    this.at = layOutRing(run, width, compact);
    this.links = ringLinks(this.at);
    root.replaceChildren();
    root.setAttribute("viewBox", `0 0 ${width} ${this.at.height}`);
    root.setAttribute("width", width);
    root.setAttribute("height", this.at.height);
    root.setAttribute("aria-label", "The nodes of the ring");
    this.measure = document.createElement("canvas").getContext("2d");
    this.family = getComputedStyle(root).fontFamily;
    this.makePlaces();
    this.mesh = this.links.map((link) => this.makeLink(link));
    this.walls = run.walls.map((wall) => ({ wall, path: svg("path", { class: "rv-ring-wall", d: hullPath(this.at, wall.nodes, this.at.r + SET_MARGIN.wall) }, root) }));
    this.sets = Object.fromEntries(["write", "read"].map((name) => [name, svg("path", { class: `rv-set rv-set-${name}`, visibility: "hidden" }, root)]));
    this.tag = svg("g", { class: "rv-client", visibility: "hidden" }, root);
    this.tagArrow = svg("path", {}, this.tag);
    this.tagText = svg("text", { class: "rv-halo" }, this.tag);
    this.nodes = run.nodes.map((node, i) => this.makeNode(node, i));
    this.side = new RingSide(run, root.parentElement, this.at);
    this.chosenAt = -Infinity;
  }

  textWidth(text, size, weight = 600) {
    this.measure.font = `${weight} ${size}px ${this.family}`;
    return this.measure.measureText(text).width;
  }

  /** An arc and a name for each datacentre, where there are several. */
  makePlaces() {
    const { at, run, root } = this;
    if (!at.several) return;
    const names = [...new Set(run.nodes.map(({ place }) => place))];
    for (const name of names) {
      const angles = at.angles.filter((_, i) => run.nodes[i].place === name);
      const [from, to] = [Math.min(...angles) - 0.17, Math.max(...angles) + 0.17];
      const far = at.r + 17;
      const points = Array.from({ length: 25 }, (_, i) => at.spot(from + ((to - from) * i) / 24, far));
      svg("path", { class: "rv-place-arc", d: `M${points.map(({ x, y }) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L")}` }, root);
      const middle = (from + to) / 2;
      const spot = at.spot(middle, far + 8);
      const sine = Math.sin(middle);
      const anchor = Math.abs(sine) < 0.4 ? "middle" : sine > 0 ? "start" : "end";
      const text = svg("text", { class: "rv-place-name", x: spot.x, y: spot.y + (Math.cos(middle) < -0.8 ? 12 : 4), "text-anchor": anchor }, root);
      text.textContent = name || "elsewhere";
    }
  }

  makeLink({ a, b, x, y }) {
    const { at, root, run } = this;
    const g = svg("g", { class: "rv-ring-link", "data-link": `${run.nodes[a].name} ${run.nodes[b].name}` }, root);
    const [from, to] = [at.spots[a], at.spots[b]];
    svg("line", { x1: from.x, y1: from.y, x2: to.x, y2: to.y }, g);
    const sign = svg("g", { transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})` }, g);
    return { g, a, b, cut: svg("path", { d: "M-5 -5 L5 5 M-5 5 L5 -5", visibility: "hidden" }, sign), slow: svg("path", { d: "M-6 0 h12 M0 -6 a6 6 0 1 0 .1 0 M0 -3.5 v3.5 l2.5 1.5", visibility: "hidden" }, sign) };
  }

  makeNode(node, i) {
    const { at, root } = this;
    const { x, y } = at.spots[i];
    const { r } = at;
    const g = svg("g", { class: "rv-peer", "data-node": node.name, role: "img", transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})` }, root);
    const both = svg("circle", { class: "rv-both", r: r + 1, visibility: "hidden" }, g);
    const circle = svg("circle", { class: "rv-peer-disc", r }, g);
    const half = (r * 0.66).toFixed(1);
    const cross = svg("path", { class: "rv-cross rv-peer-cross", d: `M-${half} -${half} L${half} ${half} M-${half} ${half} L${half} -${half}`, visibility: "hidden" }, g);
    const small = r < 22;
    const name = svg("text", { class: "rv-peer-name", y: small ? -3 : -5, "text-anchor": "middle", style: `font-size:${small ? 11 : 12}px` }, g);
    name.textContent = node.name;
    const version = svg("text", { class: "rv-peer-version", y: small ? 10 : 12, "text-anchor": "middle", style: `font-size:${small ? 12 : 14.5}px` }, g);
    const corner = svg("g", { transform: `translate(${(r * 0.72).toFixed(1)} ${(-r * 0.72).toFixed(1)})` }, g);
    const ground = svg("circle", { class: "rv-mark-ground", r: 8.5, visibility: "hidden" }, corner);
    const fresh = svg("path", { class: "rv-mark-fresh", d: "M-4.5 0 l3.2 3.4 l5.7 -7", visibility: "hidden" }, corner);
    const stale = svg("path", { class: "rv-mark-stale", d: "M0 -5.5 l6 10.5 h-12 z", visibility: "hidden" }, corner);
    const hint = svg("g", { class: "rv-shelf", visibility: "hidden", transform: `translate(${(-r * 0.78).toFixed(1)} ${(-r * 0.78).toFixed(1)})` }, g);
    svg("path", { d: "M-9 -6 h18 v12 h-18 z M-9 -6 l9 7 l9 -7" }, hint);
    const hints = svg("text", { x: -12, y: 4, class: "rv-halo", "text-anchor": "end" }, hint);
    const pulse = svg("circle", { class: "rv-pulse", r }, g);
    const pill = svg("g", { class: "rv-pill", visibility: "hidden" }, g);
    const pillBox = svg("rect", { y: r + 3, height: 17, rx: 8.5 }, pill);
    const pillText = svg("text", { y: r + 15.5, "text-anchor": "middle" }, pill);
    return { g, both, circle, name, version, ground, fresh, stale, hint, hints, cross, pulse, pill, pillBox, pillText };
  }

  /** @param {object} facts @param {boolean} words @param {boolean} fast */
  draw(facts, words, fast) {
    this.keep(facts, fast);
    const { at } = this;
    for (const link of this.mesh) this.drawLink(link, facts);
    for (const { wall, path } of this.walls) show(path, facts.t >= wall.t && facts.t < wall.until);
    this.drawSet("write", facts.writeSet, at.r + SET_MARGIN.write);
    this.drawSet("read", facts.readSet, at.r + SET_MARGIN.read);
    this.nodes.forEach((node, i) => this.drawNode(node, i, facts));
    this.drawClient(facts);
    if (words) this.side.draw(facts);
  }

  /** At speed an operation stays long enough to be read; else the programme says which one is at hand. */
  keep(facts, fast) {
    if (!fast) facts.kept = null;
    else if (performance.now() - this.chosenAt > KEPT_AT_SPEED_MS) {
      facts.kept = facts.due < 0 ? null : facts.due;
      this.chosenAt = performance.now();
    }
  }

  drawSet(name, set, r) {
    const path = this.sets[name];
    show(path, set !== 0);
    put(path, "d", set ? this.hullOf(set, r) : "");
    put(path, "data-set", inSet(set).map((i) => this.run.nodes[i].name).join(" "));
  }

  /** Hulls that were drawn before need no second thought. */
  hullOf(set, r) {
    this.hulls ??= new Map();
    const key = set * 100 + r;
    if (!this.hulls.has(key)) this.hulls.set(key, hullPath(this.at, inSet(set), r));
    return this.hulls.get(key);
  }

  drawLink({ g, a, b, cut, slow }, facts) {
    const { out, back } = linkAt(this.run, a, b, facts.t);
    const states = [out.state, back.state];
    const wall = this.run.walls.some(({ t, until, nodes }) => facts.t >= t && facts.t < until && nodes.includes(a) !== nodes.includes(b));
    const state = states.includes("cut") ? "cut" : states.includes("slow") ? "slow" : "whole";
    put(g, "class", `rv-ring-link rv-ring-link-${state}`);
    put(g, "data-state", state);
    show(cut, state === "cut" && !wall);
    show(slow, state === "slow");
  }

  drawNode(node, i, facts) {
    const { run } = this;
    const isHome = ((facts.homes >> i) & 1) === 1;
    const up = facts.up[i] === 1;
    const mark = facts.marks[i];
    const inBoth = ((facts.writeSet & facts.readSet) >> i) & 1;
    show(node.both, inBoth === 1);
    put(node.g, "class", `rv-peer${up ? "" : " rv-peer-down"}${isHome ? "" : " rv-peer-other"}${facts.cut[i] ? " rv-peer-cut" : ""}`);
    const spare = !isHome && facts.spare[i];
    const version = facts.versions[i];
    say(node.version, facts.gone[i] ? "gone" : version && (isHome || !spare) ? `v${count(version)}` : spare ? `v${count(spare)}` : isHome && facts.op >= 0 ? "–" : "");
    put(node.version, "class", `rv-peer-version${mark === "stale" ? " rv-stale" : spare ? " rv-spare" : ""}`);
    show(node.ground, mark !== "");
    show(node.fresh, mark === "fresh");
    show(node.stale, mark === "stale");
    show(node.cross, !up);
    show(node.hint, facts.hints[i] > 0);
    say(node.hints, facts.hints[i] ? count(facts.hints[i]) : "");
    const label = this.faultOf(i, facts);
    show(node.pill, label !== "");
    if (label) {
      say(node.pillText, label);
      const wide = this.textWidth(label, 11) + 16;
      put(node.pillBox, "x", -wide / 2);
      put(node.pillBox, "width", wide);
    }
    put(node.g, "data-up", String(up));
    put(node.g, "data-version", String(version));
    put(node.g, "data-hints", String(facts.hints[i]));
    put(node.g, "data-mark", mark);
    put(node.g, "data-both", String(inBoth === 1));
    put(node.g, "aria-label", `${run.nodes[i].name}${label ? `, ${label}` : up ? "" : ", down"}: ${this.holds(i, facts)}`);
  }

  /** What ails a node, in words. */
  faultOf(i, facts) {
    if (!facts.up[i]) return "down";
    const fault = this.run.spans.find((s) => s.until !== null && s.rows.includes(i) && s.kind !== MARK.LINK && facts.t >= s.t && facts.t < s.until);
    return fault?.short ?? (facts.cut[i] ? "cut off" : "");
  }

  /** What a node holds, in a sentence. */
  holds(i, facts) {
    const { key, versions, spare, hints, marks } = facts;
    if (facts.op < 0) return "nothing is asked for yet";
    const kept = hints[i] ? `, keeps ${counted(hints[i], "hint")} for others` : "";
    if (!((facts.homes >> i) & 1)) return `no copy of key ${count(key)}${spare[i] ? `, but v${count(spare[i])} in another’s place` : ""}${kept}`;
    const how = marks[i] === "stale" ? ", older than acknowledged" : marks[i] === "fresh" ? ", the newest acknowledged" : "";
    return `${versions[i] ? `v${count(versions[i])}` : "nothing"} of key ${count(key)}${how}${kept}`;
  }

  /** The client at the coordinator: what it asks for, and then what it is told. */
  drawClient(facts) {
    const { at, run } = this;
    const { ops } = run.ring;
    const node = facts.op < 0 ? -1 : ops.node[facts.op];
    const shown = node >= 0 && facts.t >= ops.begun[facts.op] - SAME;
    show(this.tag, shown);
    if (!shown) {
      put(this.tagArrow, "d", "");
      say(this.tagText, "");
      return;
    }
    const told = ops.told[facts.op] <= facts.t + SAME;
    const angle = at.angles[node];
    const beside = this.faultOf(node, facts) !== ""; // below it stands what ails it
    const [x, y] = beside ? [Math.sin(angle) < 0 ? -1 : 1, 0] : [Math.sin(angle), -Math.cos(angle)];
    const spot = at.spots[node];
    const [near, far] = [at.r + 6, at.r + (at.narrow ? 24 : 30)];
    const [a, b] = told ? [near, far] : [far, near];
    const from = { x: spot.x + x * a, y: spot.y + y * a };
    const to = { x: spot.x + x * b, y: spot.y + y * b };
    const path = `M${from.x.toFixed(1)} ${from.y.toFixed(1)} L${to.x.toFixed(1)} ${to.y.toFixed(1)}`;
    const turn = Math.atan2(to.y - from.y, to.x - from.x);
    const head = [-0.5, 0.5].map((by) => `M${to.x.toFixed(1)} ${to.y.toFixed(1)} l${(-7 * Math.cos(turn + by)).toFixed(1)} ${(-7 * Math.sin(turn + by)).toFixed(1)}`).join("");
    put(this.tagArrow, "d", `${path}${head}`);
    const [text, tone] = clientWords(run, facts, told);
    say(this.tagText, text);
    put(this.tag, "class", `rv-client rv-client-${tone}`);
    const wide = this.textWidth(text, 12);
    const end = { x: spot.x + x * (far + 5), y: spot.y + y * (far + 5) };
    const left = Math.abs(x) < 0.35 ? end.x - wide / 2 : x > 0 ? end.x : end.x - wide;
    put(this.tagText, "x", Math.min(Math.max(left, 4), at.side - wide - 4));
    put(this.tagText, "y", Math.min(Math.max(end.y + (y > 0.35 ? 10 : y < -0.35 ? -1 : 4), 11), at.height - 3));
  }

  /** Let a node pulse once. */
  pulse(i) {
    const { pulse } = this.nodes[i];
    pulse.classList.remove("rv-pulsing");
    void pulse.getBoundingClientRect();
    pulse.classList.add("rv-pulsing");
  }

  /** What a click at a place follows. @returns {object | null} */
  followAt(x, y, facts, packets) {
    const op = packets.hit(facts, x, y);
    return op < 0 ? null : { kind: "op", op };
  }

  leave() {
    this.side.root.remove();
    this.root.setAttribute("aria-label", "The nodes’ logs");
  }
}

/** What the client asks for or is told. @returns {[string, string]} and its tone */
function clientWords(run, { op }, told) {
  const { ops } = run.ring;
  const what = ops.kind[op] === OP.WRITE ? "write" : ops.kind[op] === OP.DELETE ? "delete" : "read";
  if (!told) return [isWrite(ops, op) && ops.version[op] > 0 ? `${what} v${count(ops.version[op])}` : what, "ink"];
  if (ops.outcome[op] === OUTCOME.FAILED) return ["failed", "risk"];
  if (ops.outcome[op] === OUTCOME.UNKNOWN) return ["no answer", "risk"];
  if (isWrite(ops, op)) return ["ok", "safe"];
  const version = ops.version[op] > 0 ? `v${count(ops.version[op])}` : "nothing";
  return [version, ops.judged[op] >= JUDGED.STALE ? "stale" : "safe"];
}
