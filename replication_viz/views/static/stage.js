// The stage: a trace in, a picture that moves out. Nothing here needs a kernel: a model is only asked and told.

const SLOWEST = 1 / 64;
const FASTEST = 64;
const WORDS_EVERY_MS = 120; // while playing; a number that changes 60 times a second is not read
const WORDS_AT_SPEED_MS = 300;

class Stage {
  constructor(model, el) {
    this.model = model;
    this.clock = new Clock();
    this.run = null;
    this.facts = null;
    this.loads = 0;
    this.version = 0;
    this.wordsAt = 0;
    this.build(el);
    this.clock.listeners.add((t) => this.draw(t));
    this.listen();
    this.clock.t = model.get("moment") ?? 0;
    this.load();
  }

  // -- the page -----------------------------------------------------------------------------------------------------

  build(el) {
    const root = html("div", "rv-stage", el);
    root.setAttribute("role", "group");
    root.tabIndex = -1;
    keepKeys(root);
    Object.assign(root.dataset, { ready: "false", version: "0" });
    const head = html("div", "rv-head", root);
    this.title = html("div", "rv-title", head);
    this.setting = html("div", "rv-setting", head);
    this.time = html("div", "rv-clock", head);
    const scene = html("div", "rv-scene", root);
    this.rows = svg("svg", { class: "rv-rows", role: "group", "aria-label": "The nodes’ logs" }, scene);
    this.canvas = html("canvas", "rv-packets", scene);
    this.canvas.setAttribute("aria-hidden", "true");
    this.servers = svg("svg", { class: "rv-fleet", role: "img" }, root);
    this.cards = html("div", "rv-cards", root);
    const strip = html("div", "rv-strip", root);
    this.times = svg("svg", { class: "rv-timeline", role: "slider", tabindex: 0, "aria-label": "Moment of the run" }, strip);
    this.playhead = html("div", "rv-playhead", strip);
    keepKeys(this.times);
    const bar = html("div", "rv-bar", root);
    this.controls = new Controls(bar, (name) => this.act(name));
    this.caption = html("div", "rv-caption", bar);
    this.captionTime = html("span", "rv-caption-time", this.caption);
    this.captionText = html("span", "rv-caption-text", this.caption);
    this.live = html("div", "rv-unseen", root);
    this.live.setAttribute("aria-live", "polite");
    this.problem = html("div", "rv-problem", root);
    this.problem.setAttribute("role", "alert");
    this.problem.hidden = true;
    root.stage = this; // for tests, and for a second picture that shares the clock
    this.root = root;
  }

  listen() {
    this.undo = [];
    const on = (target, type, listener) => {
      target.addEventListener(type, listener);
      this.undo.push(() => target.removeEventListener(type, listener));
    };
    on(this.root, "keydown", (event) => {
      const meaning = meaningOf(event);
      if (!meaning) return;
      event.preventDefault();
      event.stopPropagation();
      this.act(meaning);
    });
    const scrub = (event) => {
      const box = this.times.getBoundingClientRect();
      this.clock.seek(this.timeline.timeAt(((event.clientX - box.left) * this.width) / box.width));
      this.tell();
    };
    on(this.times, "pointerdown", (event) => {
      if (!this.run || event.button) return;
      this.times.setPointerCapture(event.pointerId);
      this.resume = this.clock.playing;
      if (this.resume) this.clock.play(false);
      scrub(event);
    });
    on(this.times, "pointermove", (event) => this.times.hasPointerCapture(event.pointerId) && scrub(event));
    on(this.times, "lostpointercapture", () => {
      if (this.resume) this.clock.play();
      this.resume = false;
    });

    const observe = (observer, target, options) => {
      observer.observe(target, options);
      this.undo.push(() => observer.disconnect());
    };
    observe(new ResizeObserver(() => this.arrange()), this.root);
    observe(new IntersectionObserver(([entry]) => this.clock.show(entry.isIntersecting)), this.root);
    const themed = () => this.retheme();
    const attributes = { attributes: true, attributeFilter: ["data-jp-theme-light", "data-jp-theme-name", "data-theme", "class"] };
    observe(new MutationObserver(themed), document.body, attributes);
    observe(new MutationObserver(themed), document.documentElement, attributes);
    on(matchMedia("(prefers-color-scheme: dark)"), "change", themed);

    const hear = (name, listener) => {
      this.model.on(`change:${name}`, listener);
      this.undo.push(() => this.model.off(`change:${name}`, listener));
    };
    hear("payload", () => this.load());
    hear("moment", () => {
      const moment = this.model.get("moment");
      if (Math.abs(moment - this.clock.t) > 1e-6) this.clock.seek(moment);
    });
    hear("playing", () => {
      if (this.model.get("playing") !== this.clock.playing) this.clock.play(this.model.get("playing"));
    });
  }

  // -- the run ------------------------------------------------------------------------------------------------------

  /** Show the model's trace. Of several that come at once the last one stays. */
  async load() {
    const mine = ++this.loads;
    let run;
    try {
      run = await decodeRun(this.model.get("payload"));
    } catch (error) {
      this.problem.textContent = `This run cannot be shown: ${error.message}.`;
      this.problem.hidden = false;
      return;
    }
    if (mine !== this.loads || !this.undo) return;
    this.problem.hidden = true;
    this.run = run;
    this.facts = makeFacts(run);
    this.version++;
    say(this.title, run.title);
    say(this.setting, run.setting);
    this.setting.title = run.setting;
    this.root.setAttribute("aria-label", `${run.title}: ${run.setting}`);
    this.width = 0;
    this.arrange();
    const wanted = this.version === 1 && this.model.get("playing");
    this.clock.setRun(run);
    if (wanted) this.clock.play();
  }

  /** Lay everything out for the width that there is. */
  arrange() {
    const width = Math.min(980, Math.floor(this.root.clientWidth));
    if (!this.run || width < 1 || width === this.width) return;
    this.width = width;
    this.root.classList.toggle("rv-narrow", width < 800);
    this.scene = new Scene(this.run, this.rows, width);
    this.packets = new Packets(this.run, this.canvas, this.scene);
    this.fleet = new FleetStrip(this.run, this.servers, this.scene.at);
    this.timeline = new Timeline(this.run, this.times, this.playhead, width);
    this.makeCards();
    this.event = null;
    this.clock.changed();
  }

  makeCards() {
    this.cards.replaceChildren();
    this.shown = (this.run.cards).map((name) => {
      const card = html("div", "rv-card", this.cards);
      const label = html("div", "rv-card-label", card);
      const line = html("div", "rv-card-line", card);
      return { name, card, label, number: html("span", "rv-card-number", line), note: html("span", "rv-card-note", line) };
    });
  }

  retheme() {
    this.packets?.colours();
    this.clock.changed();
  }

  // -- what keys and buttons do -------------------------------------------------------------------------------------

  act(name) {
    const { clock, run } = this;
    if (!run) return;
    const marks = () => [0, ...run.events.map((event) => event.t), run.duration];
    const before = (sorted) => sorted.reduce((found, t) => (t < clock.t - 1e-9 && t > found ? t : found), 0);
    const after = (sorted) => sorted.reduce((found, t) => (t > clock.t + 1e-9 && t < found ? t : found), run.duration);
    const go = (t) => {
      clock.play(false);
      clock.seek(t);
    };
    const acts = {
      play: () => clock.play(!clock.playing),
      back: () => go(this.step(-1)),
      on: () => go(this.step(1)),
      previous: () => go(before(marks())),
      next: () => go(after(marks())),
      start: () => go(0),
      end: () => go(run.duration),
      "far-back": () => go(clock.t - run.duration / 20),
      "far-on": () => go(clock.t + run.duration / 20),
      loop: () => (clock.loop = !clock.loop),
      slower: () => (clock.factor = Math.max(SLOWEST, clock.factor / 2)),
      faster: () => (clock.factor = Math.min(FASTEST, clock.factor * 2)),
    };
    acts[name]();
    clock.changed();
    this.tell();
  }

  /** The moment of the next or previous event: a position steps, a message arrives. */
  step(direction) {
    const { run, clock } = this;
    if (!run.moments) {
      const all = [...run.steps.map((s) => s.t), ...run.flights.map((f) => f.arrived), run.events.map((e) => e.t)];
      const sorted = Float64Array.from(all.flatMap((times) => [...times])).sort();
      run.moments = sorted.filter((t, i) => t <= run.duration && (!i || t - sorted[i - 1] > 1e-9));
    }
    if (direction > 0) return run.moments[countUpTo(run.moments, clock.t + 1e-9)] ?? run.duration;
    return run.moments[countUpTo(run.moments, clock.t - 1e-9) - 1] ?? 0;
  }

  /** Tell the model where the clock stands: once it rests, not while it moves. */
  tell() {
    clearTimeout(this.telling);
    this.telling = setTimeout(() => {
      const { t, playing } = this.clock;
      if (!playing) this.model.set("moment", t);
      this.model.set("playing", playing);
      this.model.save_changes();
    }, 250);
  }

  // -- one frame ----------------------------------------------------------------------------------------------------

  draw(t) {
    if (!this.run || !this.scene) return;
    const { run, facts, clock, root } = this;
    const began = performance.now();
    // Once the clock lets go, what holds for a few milliseconds of the run only would just flicker.
    const fast = clock.playing && clock.rate > 6 * run.pace;
    const words = !clock.playing || began - this.wordsAt > (fast ? WORDS_AT_SPEED_MS : WORDS_EVERY_MS);
    if (words) this.wordsAt = began;
    factsAt(run, t, facts);
    this.scene.draw(facts, words, fast);
    const flying = this.packets.draw(facts);
    this.fleet.draw(facts, words);
    this.timeline.draw(facts, words);
    this.controls.draw(clock, words);
    say(this.time, clockText(t, run.duration));
    this.drawCaption(t);
    if (words) this.drawCards();
    if (this.was !== clock.playing) {
      this.was = clock.playing;
      this.tell();
    }
    const data = {
      ready: "true", version: this.version, moment: +t.toFixed(3), playing: clock.playing, committed: facts.committed,
      leaderFlushed: facts.flushed[facts.leader], lost: facts.lost, waiting: facts.waiting, stale: facts.stale,
      flightsInView: flying,
    };
    for (const [name, value] of Object.entries(data)) {
      if (root.dataset[name] !== String(value)) root.dataset[name] = value;
    }
    this.cost = performance.now() - began;
  }

  drawCards() {
    for (const { name, card, label, number, note } of this.shown) {
      const now = CARDS[name](this.run, this.facts);
      const { narrow } = this.scene.at;
      say(label, now.aside && !narrow ? `${now.label} (${now.aside})` : now.label);
      say(number, now.number);
      say(note, now.aside && narrow ? `${now.note} · ${now.aside}` : now.note);
      put(card, "class", `rv-card rv-tone-${now.tone}`);
    }
  }

  /** The latest thing worth noticing; when the clock comes upon one it pulses once. */
  drawCaption(t) {
    const event = lastBegun(this.run.events, t);
    if (event === this.event) return;
    const cameUpon = this.clock.playing && this.event && event.t > this.event.t;
    this.event = event;
    say(this.captionTime, event.t > 0 ? axisTime(Math.round(event.t * 10) / 10, this.run.duration) : "");
    say(this.captionText, event.text);
    put(this.caption, "class", `rv-caption${event.fault ? " rv-caption-fault" : ""}`);
    clearTimeout(this.announcing);
    this.announcing = setTimeout(() => say(this.live, event.text), 500);
    if (!cameUpon) return;
    const rows = this.run.spans.filter((s) => s.t === event.t).flatMap((s) => s.rows);
    for (const row of rows) this.scene.pulse(row);
  }

  destroy() {
    this.clock.stop();
    clearTimeout(this.telling);
    clearTimeout(this.announcing);
    for (const undo of this.undo) undo();
    this.undo = null;
    this.root.remove();
  }
}

/** What anywidget calls; an exported page calls it with a model of its own. */
function render({ model, el }) {
  const stage = new Stage(model, el);
  return () => stage.destroy();
}

export default { render };
