// The chain of what became of a write: a number to ask for, a verdict, a line for each step. Clicking a line goes there.

/** What may be followed at a moment, each only while there is one. `of` gives what is followed, or null. */
const SHORTCUTS = [
  {
    label: "would be lost now", name: "Follow a write that would be lost now",
    of: (run, facts) => (facts.lost ? { kind: "write", lsn: facts.bestHead + 1 } : null),
  },
  {
    label: "oldest waiting", name: "Follow the oldest waiting write",
    of: (run, facts) => (facts.waiting ? { kind: "write", lsn: facts.committed + 1 } : null),
  },
  {
    label: "newest acknowledged", name: "Follow the newest acknowledged write",
    of: (run, facts) => (facts.committed ? { kind: "write", lsn: facts.committed } : null),
  },
  {
    label: "acknowledged, then lost", name: "Follow an acknowledged write that the newest leader does not have",
    of: (run, facts) => (facts.fork && sidesAt(run, facts).first ? { kind: "write", ...sidesAt(run, facts).first } : null),
  },
  { label: "a stale read", name: "Follow a stale read", of: (run, facts) => latestStaleRead(run, facts.t) },
  ...RING_SHORTCUTS,
  ...TAPE_SHORTCUTS,
];

/** The last stale read up to a moment. */
function latestStaleRead(run, t) {
  const reads = staleSpells(run).flatMap((spell) => spell.reads).filter((read) => read.t <= t);
  const read = reads.reduce((last, one) => (last && last.t >= one.t ? last : one), undefined);
  return read ? { kind: "read", read } : null;
}

/** One stop of the tab key in a list of buttons; arrows go from one to the next. */
class Roving {
  /** @param {HTMLElement} box @param {string} selector */
  constructor(box, selector) {
    this.box = box;
    this.selector = selector;
    box.addEventListener("keydown", (event) => this.walk(event));
    box.addEventListener("focusin", ({ target }) => target.matches(selector) && this.rest(target));
  }

  get buttons() {
    return [...this.box.querySelectorAll(this.selector)].filter((button) => !button.closest("[hidden]"));
  }

  /** Give the one stop to a button. */
  rest(chosen) {
    for (const button of this.box.querySelectorAll(this.selector)) put(button, "tabindex", button === chosen ? "0" : "-1");
  }

  /** See that there is a stop; `wanted` has it unless the focus is elsewhere in the list. */
  settle(wanted) {
    const { buttons } = this;
    if (!buttons.length || buttons.includes(document.activeElement)) return;
    this.rest(buttons.includes(wanted) ? wanted : buttons[0]);
  }

  walk(event) {
    const { buttons } = this;
    const here = buttons.indexOf(event.target);
    if (here < 0 || event.shiftKey || event.ctrlKey || event.metaKey || event.altKey) return;
    const goal = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (goal === undefined) return;
    event.preventDefault();
    event.stopPropagation(); // elsewhere they step the clock
    buttons[Math.min(Math.max(goal, 0), buttons.length - 1)].focus();
  }
}

/** Bring a part of a scrolling box into view without moving the page; no other part is cut at the top.
 *  @param {HTMLElement} box @param {HTMLElement} part @param {number} [head] px that stick to the top */
function keepInView(box, part, head = 0) {
  const room = box.clientHeight - head;
  const from = part.offsetTop - head;
  const least = from + 1.8 * part.offsetHeight - room;
  if (from >= box.scrollTop && least <= box.scrollTop) return;
  const wanted = from < box.scrollTop ? from - part.offsetHeight : least;
  const first = [...part.parentElement.children].find((one) => !one.hidden && one.offsetTop - head >= Math.min(wanted, from));
  box.scrollTop = first.offsetTop - head;
}

/** A plain button of the story. */
function storyButton(parent, cls, text, act) {
  const button = html("button", cls, parent);
  button.type = "button";
  button.textContent = text;
  keepKeys(button);
  button.onclick = act;
  return button;
}

class Chain {
  /** @param {Stage} stage @param {HTMLElement} parent */
  constructor(stage, parent) {
    this.stage = stage;
    this.root = html("div", "rv-fate", parent);
    this.makeBar();
    this.verdict = html("p", "rv-verdict", this.root);
    this.box = html("div", "rv-chain-box", this.root);
    this.list = html("ol", "rv-chain", this.box);
    this.note = html("p", "rv-fate-note", this.root);
    this.roving = new Roving(this.list, "button");
    this.items = [];
    this.key = null;
  }

  makeBar() {
    const bar = html("form", "rv-fate-bar", this.root);
    const label = html("label", "rv-fate-label", bar);
    this.asks = html("span", "", label);
    this.field = html("input", "rv-field", label);
    Object.assign(this.field, { type: "text", inputMode: "numeric", size: 6, autocomplete: "off" });
    keepKeys(this.field);
    this.clear = storyButton(bar, "rv-chip rv-clear", "✕ stop", () => this.stage.follow(null));
    this.clear.setAttribute("aria-label", "Stop following");
    this.clear.setAttribute("aria-keyshortcuts", "Escape");
    this.clear.title = "Stop following (Esc)";
    this.sides = html("span", "rv-sides", bar);
    this.sides.setAttribute("role", "group");
    this.sides.setAttribute("aria-label", "In which run");
    this.side = Object.fromEntries([["was", "A"], ["now", "B"]].map(([of, text]) =>
      [of, storyButton(this.sides, "rv-chip", text, () => this.choose({ ...this.stage.follower.what, of }))]));
    bar.onsubmit = (event) => {
      event.preventDefault();
      const lsn = Number(this.field.value.replace(/\D/g, ""));
      if (this.picture.run.ring) this.chooseOperation(lsn);
      else if (lsn > 0) this.choose({ kind: "write", lsn });
    };
    const chips = html("div", "rv-shortcuts", this.root);
    this.shortcuts = SHORTCUTS.map(({ label: text, name, of }) => {
      const button = storyButton(chips, "rv-chip", text, () => {
        const { run, facts } = this.picture;
        const what = of(run, facts);
        if (what) this.choose(what);
      });
      button.setAttribute("aria-label", name);
      return { button, of };
    });
  }

  get picture() {
    return this.stage.follower.picture;
  }

  /** Follow the operation of a row of `Trace.ops`, if it is one of those that are shown. */
  chooseOperation(row) {
    const op = this.picture.run.ring.ops.row.indexOf(row);
    if (op >= 0) this.choose({ kind: "op", op });
    else say(this.verdict, `There is no operation ${count(row)} in this picture.`);
  }

  /** Follow something in the run that is asked. */
  choose(what) {
    const of = what.of ?? this.stage.follower.what?.of ?? "now";
    const { picture } = this;
    if (what.kind === "read" && of !== (picture === this.stage.was ? "was" : "now")) return this.stage.follow(null);
    if (what.kind) this.stage.follow({ ...what, of });
    return undefined;
  }

  /** @param {number} t @param {boolean} words */
  draw(t, words) {
    if (!words) return;
    const { stage } = this;
    const { what } = stage.follower;
    const { facts } = this.picture;
    for (const { button, of } of this.shortcuts) button.hidden = of(this.picture.run, facts) === null;
    this.sides.hidden = !stage.was || what?.kind === "read" || !what;
    for (const [of, button] of Object.entries(this.side)) put(button, "aria-pressed", String((what?.of ?? "now") === of));
    this.clear.hidden = !what;
    const run = this.picture.runAt(t);
    const key = what ? [stage.version, facts.t, what.kind, stage.follower.lsn, what.term, what.read?.t, what.op, what.of, run.from].join() : "";
    if (key === this.key) return;
    this.key = key;
    const fresh = this.what !== what;
    this.what = what;
    say(this.asks, run.ring ? "Hold operation " : "Follow write ");
    if (fresh) this.field.value = what ? String(run.ring ? run.ring.ops.row[what.op] : stage.follower.lsn) : "";
    const fate = what ? FATES[what.kind](run, what, facts.t) : null;
    this.show(fate, run, facts.t);
    if (fresh && fate) stage.news(fate.verdict);
  }

  /** @param {Fate | null} fate */
  show(fate, run, t) {
    say(this.verdict, fate ? fate.verdict : run.ring ? "Ask for an operation by its number, or click one in the story, or a message: the ring then stays with it." : "Ask for a write by its number, or click its place in a log, or a message in the space–time diagram.");
    put(this.verdict, "class", `rv-verdict ${fate ? `rv-said-${fate.tone}` : "rv-said-none"}`);
    const lines = fate?.lines ?? [];
    while (this.items.length < lines.length) this.items.push(this.makeItem());
    this.items.forEach((item, i) => this.drawItem(item, lines[i], run, t));
    say(this.note, fate?.note ?? "");
    this.note.hidden = !fate?.note;
    this.box.hidden = !lines.length;
    const here = lines.filter((line) => line.t <= t + 1e-9).length - 1;
    const item = lines.length ? this.items[Math.max(here, 0)] : undefined;
    if (item) keepInView(this.box, item.li);
    this.roving.settle(item?.when);
  }

  makeItem() {
    const li = html("li", "rv-link-line", this.list);
    const item = { li, t: 0 };
    item.when = storyButton(li, "rv-when", "", () => this.stage.go(item.t));
    item.node = html("span", "rv-where", li);
    item.text = html("span", "rv-told", li);
    return item;
  }

  drawItem(item, line, run, t) {
    item.li.hidden = !line;
    if (!line) return;
    item.t = line.t;
    const later = line.t > t + 1e-9;
    put(item.li, "class", `rv-line rv-said-${line.tone}${later ? " rv-later" : ""}`);
    put(item.li, "data-what", line.what);
    put(item.li, "data-t", String(+line.t.toFixed(4)));
    say(item.when, clockText(line.t, run.duration));
    put(item.when, "aria-label", `${momentText(run, line.t)}${later ? ", still to come" : ""}: go there`);
    say(item.node, run.nodes[line.node].name);
    say(item.text, line.text);
  }
}
