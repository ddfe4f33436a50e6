// The menu of a node or a link: which faults fit there, which can be ended, what the story says of it.

const MENU_WIDEST = 460;
const LINK_FAULTS = ["cut_link", "link_delay"];

/** A moment that the picture can show: on the grid of its ticks, never before what it shows. */
function onTheGrid(t, run) {
  return Math.min(Math.ceil(t / run.tick - 1e-6) * run.tick, run.duration);
}

/** A time in a sentence, without needless digits. @param {number} ms */
function inWords(ms) {
  const [whole, rest] = String(+ms.toFixed(2)).split(".");
  return `${count(Number(whole))}${rest ? `.${rest}` : ""} ms`;
}

/** Put names into an offer that stands for any place. */
function filledIn(value, names) {
  if (typeof value === "string") return value.replace(/\$(node|leader|replica|one|other)\b/g, (place) => names[place] ?? place);
  if (Array.isArray(value)) return value.map((part) => filledIn(part, names));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, filledIn(part, names)]));
}

/** Whether a fault is in force at a moment. */
function underWay(fault, t) {
  return fault.spell && !fault.waits && t >= fault.at && (fault.until === null || t < fault.until);
}

/** Whether a fault of the bench happens at a target. */
function touches(fault, target, leader) {
  const { places } = fault;
  const ofLink = LINK_FAULTS.includes(fault.kind);
  if (target.kind === "node") return !ofLink && places.includes(target.name);
  if (ofLink) return places.includes(leader) && places.includes(target.name);
  return fault.kind === "partition" && places.includes(leader) !== places.includes(target.name);
}

class Menu {
  /** @param {Stage} stage */
  constructor(stage) {
    this.stage = stage;
    this.target = null;
    this.outside = (event) => {
      if (!this.box.contains(event.target) && event.target.closest?.(".rv-target") !== this.target.button) this.close(false);
    };
  }

  /** What can be done at a target now. @returns {{title: string, note: string, items: object[]}} */
  contents(target) {
    const { stage } = this;
    const { run } = stage.now;
    const { t } = stage.clock;
    const { title: what, place, state, names, touches } = topologyOf(run).state(stage, target, t);
    const title = `${what} at ${clockText(t, run.duration)}`;
    const story = DRAWERS.some(({ name }) => name === "story")
      ? [{ label: "Show its events in the story", hint: "", group: "story", act: () => this.showStory(target) }]
      : [];
    if (!stage.answers) return { title, note: "A fault needs a running kernel: open the notebook to try it.", items: story };
    if (t >= run.duration) return { title, note: "The run is over here: go back in time to change it.", items: story };
    const { offers = {}, faults = [] } = stage.bench;
    const adds = (offers[place] ?? []).filter(({ when }) => !when || when === "any" || when === state).map((offer) => {
      const { label, hint, fault } = filledIn(offer, names);
      return { label, hint, group: "add", ask: { do: "add", fault: { ...fault, at_ms: t } } };
    });
    const ends = faults.flatMap((fault, i) => {
      if (!underWay(fault, t) || !touches(fault)) return [];
      return [{ label: `End: ${fault.text}`, hint: "", group: "end", ask: { do: "end", fault: i, at_ms: t } }];
    });
    return { title, note: "", items: [...adds, ...ends, ...story] };
  }

  open(target) {
    const again = this.target === target;
    if (this.target) this.close(true);
    if (again) return;
    const { stage } = this;
    stage.hold();
    stage.clock.seek(onTheGrid(stage.clock.t, stage.run));
    stage.tell();
    this.t = stage.clock.t;
    topologyOf(stage.run).factsAt(stage.now.runAt(this.t), Math.min(this.t, stage.run.duration), stage.now.facts);
    this.target = target;
    this.word = "";
    this.build(this.contents(target));
    this.place(target);
    target.button.setAttribute("aria-expanded", "true");
    (this.items[0] ?? this.box).focus({ preventScroll: true });
    this.box.scrollIntoView({ block: "nearest" });
    document.addEventListener("pointerdown", this.outside, true);
  }

  build({ title, note, items }) {
    const { stage } = this;
    this.box = html("div", "rv-menu", stage.now.canvas.parentElement);
    this.box.tabIndex = -1;
    keepKeys(this.box);
    const head = html("div", "rv-menu-title", this.box);
    head.textContent = title;
    if (note) html("div", "rv-menu-note", this.box).textContent = note;
    const list = html("div", "rv-menu-items", this.box);
    list.setAttribute("role", "menu");
    list.setAttribute("aria-label", note ? `${title}. ${note}` : title);
    this.items = items.map((item, i) => this.makeItem(item, list, i > 0 && item.group !== items[i - 1].group));
    this.box.addEventListener("keydown", (event) => this.walk(event));
    this.box.addEventListener("focusout", (event) => {
      const next = event.relatedTarget;
      if (next && !this.box.contains(next) && next !== this.target?.button) this.close(false);
    });
  }

  makeItem({ label, hint, ask, act }, list, apart) {
    const item = html("button", `rv-menu-item${apart ? " rv-menu-apart" : ""}`, list);
    item.type = "button";
    item.tabIndex = -1;
    item.setAttribute("role", "menuitem");
    item.setAttribute("aria-label", hint ? `${label}: ${hint}` : label);
    keepKeys(item);
    html("span", "rv-menu-label", item).textContent = label;
    if (hint) html("span", "rv-menu-hint", item).textContent = hint;
    item.onpointermove = () => item !== document.activeElement && item.focus({ preventScroll: true });
    item.onclick = () => {
      if (ask) this.choose(ask);
      else act();
    };
    return item;
  }

  /** Beside its target, inside the stage. All lengths are those of a stage that is not zoomed. */
  place({ box }) {
    const { stage } = this;
    const scene = stage.now.canvas.parentElement.getBoundingClientRect();
    const zoom = scene.width / stage.now.width;
    const edge = stage.root.getBoundingClientRect();
    const above = (edge.top - scene.top) / zoom + 8;
    const below = (edge.bottom - scene.top) / zoom - 8;
    const beside = box.left + box.width + 6;
    Object.assign(this.box.style, { maxWidth: `${Math.min(MENU_WIDEST, stage.now.width - beside - 8)}px`, maxHeight: `${below - above}px` });
    const tall = this.box.getBoundingClientRect().height / zoom;
    Object.assign(this.box.style, { left: `${beside}px`, top: `${Math.max(above, Math.min(box.top - 6, below - tall))}px` });
  }

  walk(event) {
    const { items } = this;
    const here = items.indexOf(document.activeElement);
    const go = (i) => items[(i + items.length) % items.length]?.focus();
    const keys = {
      ArrowDown: () => go(here + 1),
      ArrowUp: () => go(here < 0 ? items.length - 1 : here - 1),
      Home: () => go(0),
      End: () => go(items.length - 1),
      Escape: () => this.close(true),
      Tab: () => this.close(true), // the key itself then goes on from the target
    };
    const byLetter = event.key.length === 1 && event.key !== " " && !event.ctrlKey && !event.metaKey && !event.altKey;
    if (!keys[event.key] && !byLetter) return;
    event.stopPropagation();
    if (event.key !== "Tab") event.preventDefault();
    if (keys[event.key]) keys[event.key]();
    else this.typed(event.key, here);
  }

  /** Go to the next item that begins with what is being typed. */
  typed(letter, here) {
    const now = performance.now();
    this.word = now - (this.typedAt ?? 0) < 700 ? this.word + letter.toLowerCase() : letter.toLowerCase();
    this.typedAt = now;
    const from = this.word.length > 1 ? here : here + 1;
    const order = this.items.map((_, i) => this.items[(from + i + this.items.length) % this.items.length]);
    order.find((item) => item.textContent.toLowerCase().startsWith(this.word))?.focus();
  }

  choose(message) {
    const { stage } = this;
    const playOn = stage.resume;
    this.close(true, false);
    stage.forks.ask(message, { playOn });
  }

  showStory({ name }) {
    const { stage } = this;
    this.close(true, false);
    stage.choose("drawer", "story");
    stage.filterStory?.(name);
  }

  /** @param {boolean} giveBack whether the focus goes to the target again @param {boolean} [release] whether the clock may play on */
  close(giveBack, release = true) {
    const { target } = this;
    if (!target) return;
    this.target = null; // first: what loses the focus now must not close again
    document.removeEventListener("pointerdown", this.outside, true);
    target.button.setAttribute("aria-expanded", "false");
    if (giveBack) target.button.focus({ preventScroll: true });
    this.box.remove();
    this.box = null;
    this.items = [];
    if (release) this.stage.release();
    else this.stage.resume = false;
  }

  /** A menu speaks of one moment: when the clock moves on, it is over. */
  draw(t) {
    if (this.target && t !== this.t) this.close(false, false);
  }

  arrange() {}

  /** The run or the bench is another one. */
  show() {
    this.close(this.box?.contains(document.activeElement) ?? false, false);
  }

  destroy() {
    this.close(false, false);
  }
}
