// Nodes and links as things to click: the sign of each link, and a button over each node and each link.

const LINK_ARROW = { stem: "M0 -6.5 V5", head: "M-2.8 2.6 L0 6.2 L2.8 2.6" };
const LINK_CUT = "M-3.2 -3.6 L3.2 3.6 M-3.2 3.6 L3.2 -3.6";

/**
 * What becomes of messages between the leader and a replica at a moment: "whole", "slow" or "cut", each way.
 * @param {object} run @param {number} leader @param {number} replica @param {number} t ms
 */
function linkAt(run, leader, replica, t) {
  const wall = run.walls.some(({ t: begin, until, nodes }) =>
    t >= begin && t < until && nodes.includes(leader) !== nodes.includes(replica));
  const way = (source, target) => {
    const wrong = run.links.filter((fault) => fault.source === source && fault.target === target && t >= fault.t && t < fault.until);
    if (wall || wrong.some(({ slower }) => slower === null)) return { state: "cut", slower: 0 };
    const slower = wrong.reduce((sum, fault) => sum + fault.slower, 0);
    return { state: slower ? "slow" : "whole", slower };
  };
  return { out: way(leader, replica), back: way(replica, leader) };
}

/** A link's state in words. @param {object} run @param {number} leader @param {number} replica @param {number} t */
function linkWords(run, leader, replica, t) {
  const { out, back } = linkAt(run, leader, replica, t);
  if (out.state === "cut" && back.state === "cut") return "cut both ways";
  const [from, to] = [run.nodes[leader].name, run.nodes[replica].name];
  const said = ({ state, slower }, way) => (state === "whole" ? [] : [state === "cut" ? `cut ${way}` : `${span(slower)} slower ${way}`]);
  return [...said(out, `${from} → ${to}`), ...said(back, `${to} → ${from}`)].join(", ") || "whole";
}

/** The links as signs before the bars: an arrow down for the log, one up for the answers. */
class LinkSigns {
  /** @param {object} run @param {SVGElement} root @param {object} at where things lie */
  constructor(run, root, at) {
    this.run = run;
    const group = svg("g", { class: "rv-links", "aria-hidden": "true" }, root);
    this.signs = run.nodes.map((_, i) => {
      const scale = at.pitch < 30 ? 0.8 : 1;
      const g = svg("g", { class: "rv-link", transform: `translate(${at.left - 14} ${at.y(i) + at.bar / 2}) scale(${scale})` }, group);
      const arrow = (x, turn) => {
        const way = svg("g", { transform: `translate(${x} 0) rotate(${turn})` }, g);
        return { way, stem: svg("path", {}, way), head: svg("path", { d: LINK_ARROW.head }, way) };
      };
      return { g, out: arrow(-4.5, 0), back: arrow(4.5, 180) };
    });
  }

  draw(facts) {
    this.signs.forEach(({ g, out, back }, i) => {
      const shown = i !== facts.leader && !isOld(facts, i);
      put(g, "display", shown ? "inline" : "none");
      show(g, shown);
      if (!shown) return;
      const link = linkAt(this.run, facts.leader, i, facts.t);
      for (const [arrow, { state }] of [[out, link.out], [back, link.back]]) {
        put(arrow.way, "class", `rv-way rv-way-${state}`);
        put(arrow.stem, "d", state === "cut" ? LINK_CUT : LINK_ARROW.stem);
        show(arrow.head, state !== "cut");
      }
      put(g, "data-out", link.out.state);
      put(g, "data-back", link.back.state);
    });
  }
}

/** One target for each node of a picture of logs and, but for the leader, one for its link. @returns {TargetSpot[]} */
function logTargets({ run, scene: { at } }) {
  return run.nodes.flatMap(({ name }, row) => {
    const tall = Math.min(at.pitch - 0.8, at.tight || at.narrow ? at.pitch : 54);
    const node = { left: at.pad - 10, top: at.middle(row) - tall / 2, width: at.label - at.pad + 8, height: tall };
    const high = Math.min(at.pitch - 0.8, Math.max(at.bar + 8, 26));
    const link = { left: at.left - 28, top: at.y(row) + at.bar / 2 - high / 2, width: 26, height: high };
    return [{ kind: "node", name, row, box: node }, { kind: "link", name, row, box: link }];
  });
}

/** What a node or a link of a picture of logs is at a moment. @returns {TargetState} */
function logTarget(stage, { kind, name, row }, t) {
  const { facts, run, scene } = stage.now;
  const leader = run.nodes[facts.leader].name;
  if (kind === "link") {
    const { out, back } = linkAt(run, facts.leader, row, t);
    return {
      title: `Link ${leader} – ${name}`, says: `link ${leader} – ${name}: ${linkWords(run, facts.leader, row, t)}`, place: "link",
      state: [out, back].some((way) => way.state === "cut") ? "down" : "up", names: { $leader: leader, $replica: name },
      hidden: row === facts.leader, touches: (fault) => touches(fault, { kind, name }, leader),
    };
  }
  const fault = scene.rows[row].pill.known?.visibility === "visible" ? scene.rows[row].pillText.textContent : "";
  const is = row === facts.leader ? "leader" : isOld(facts, row) ? "old leader" : "replica";
  return {
    title: name, says: `${name}, ${is}, ${facts.up[row] ? `up${fault ? `, ${fault}` : ""}` : "down"}: faults`, place: is === "replica" ? is : "leader",
    state: facts.up[row] ? "up" : "down", names: { $node: name }, touches: (fault) => touches(fault, { kind, name }, leader),
  };
}

/** A button over each node and each link of a picture: one stop of the tab key, up and down go from one to the next. */
class Targets {
  /** @param {Stage} stage @param {(target: object) => void} open */
  constructor(stage, open) {
    this.stage = stage;
    this.open = open;
    this.root = html("div", "rv-targets", stage.now.canvas.parentElement);
    this.root.setAttribute("role", "toolbar");
    this.root.setAttribute("aria-orientation", "vertical");
    this.root.setAttribute("aria-label", "Nodes and links");
    this.root.addEventListener("keydown", (event) => this.walk(event));
    this.all = [];
  }

  /** A target for each thing that can be clicked. They outlive a run, and so does the focus. */
  arrange() {
    const { now } = this.stage;
    const known = new Map(this.all.map((target) => [target.key, target]));
    this.all = topologyOf(now.run).targets(now).map(({ kind, name, box, ...more }) => {
      const key = `${kind} ${name}`;
      const target = known.get(key) ?? this.make(key, kind, name);
      known.delete(key);
      const { button } = target;
      Object.assign(button.style, Object.fromEntries(Object.entries(box).map(([side, size]) => [side, `${size}px`])));
      return Object.assign(target, { ...more, box });
    });
    for (const { button } of known.values()) button.remove();
    this.root.append(...this.all.map(({ button }) => button).filter((button, i) => this.root.children[i] !== button));
  }

  make(key, kind, name) {
    const button = html("button", `rv-target rv-target-${kind}`);
    button.type = "button";
    button.dataset.target = key;
    button.setAttribute("aria-label", key); // until its state is known
    button.setAttribute("aria-haspopup", "menu");
    button.setAttribute("aria-expanded", "false");
    keepKeys(button);
    const target = { key, kind, name, button };
    button.onclick = () => this.open(target);
    button.onfocus = () => this.rove(target);
    return target;
  }

  /** Give the one stop of the tab key to a target. */
  rove(target) {
    this.stop = target.key;
    this.drawStop();
  }

  drawStop() {
    const shown = this.all.filter(({ button }) => !button.hidden);
    const stop = shown.find(({ key }) => key === this.stop) ?? shown[0];
    for (const target of this.all) put(target.button, "tabindex", target === stop ? "0" : "-1");
  }

  walk(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || event.shiftKey || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation(); // elsewhere they step the clock
    const shown = this.all.filter(({ button }) => !button.hidden);
    const here = shown.findIndex(({ button }) => button === document.activeElement);
    shown[Math.min(Math.max(here + step, 0), shown.length - 1)]?.button.focus();
  }

  show() {}

  destroy() {
    this.root.remove();
  }

  /** @param {number} t @param {boolean} words */
  draw(t, words) {
    if (!words) return;
    const { facts, run } = this.stage.now;
    const { state } = topologyOf(run);
    for (const target of this.all) {
      const { hidden = false, says } = state(this.stage, target, facts.t);
      target.button.hidden = hidden;
      if (!hidden) put(target.button, "aria-label", says);
    }
    this.drawStop();
  }
}
