// The stage: a trace in, a picture that moves out. Nothing here needs a kernel: a model is only asked and told.

const SLOWEST = 1 / 64;
const FASTEST = 64;
const WORDS_EVERY_MS = 120; // while playing; a number that changes 60 times a second is not read
const WORDS_AT_SPEED_MS = 300;
const PROJECTOR = 1.5; // how much larger all is for a lecture hall
const SHARPEN_AFTER_MS = 80;
const UNANSWERED_MS = 2_000; // then it asks again
const SHARPEST = 8; // so many times the first pace a window in full is worth asking for
const NARROWEST = 600; // in less room the whole picture shrinks

class Stage {
  constructor(model, el) {
    this.model = model;
    this.clock = new Clock();
    this.loads = 0;
    this.version = 0;
    this.wordsAt = 0;
    this.was = null; // the picture to compare with, if there is one
    this.undo = [];
    this.build(el);
    this.clock.listeners.add((t) => this.draw(t));
    this.listen();
    this.clock.t = model.get("moment") ?? 0;
    this.load();
  }

  // For whoever looks in from outside: the parts of the picture of the run of now.
  get run() { return this.now.run; }
  get facts() { return this.now.facts; }
  get scene() { return this.now.scene; }
  get packets() { return this.now.packets; }
  get timeline() { return this.now.timeline; }
  get canvas() { return this.now.canvas; }

  /** What the panel says of itself: faults, what can be undone, what is compared. Empty on a page without a kernel. */
  get bench() { return this.model.get("bench") ?? {}; }
  /** Whether somebody answers: without a kernel the picture plays, and cannot be run anew. */
  get answers() { return this.bench.live === true; }

  // -- the page -----------------------------------------------------------------------------------------------------

  build(el) {
    const root = html("div", "rv-stage", el);
    root.setAttribute("role", "group");
    root.tabIndex = -1;
    keepKeys(root);
    Object.assign(root.dataset, { ready: "false", version: "0" });
    this.body = html("div", "rv-body", root);
    this.pictures = html("div", "rv-pictures", this.body);
    this.now = this.makePicture();
    const bar = html("div", "rv-bar", this.body);
    this.controls = new Controls(bar, (name) => this.act(name));
    this.caption = html("div", "rv-caption", bar);
    this.captionTime = html("span", "rv-caption-time", this.caption);
    this.captionText = html("span", "rv-caption-text", this.caption);
    this.tools = new Tools(this, this.body);
    this.menu = new Menu(this);
    this.targets = new Targets(this, (target) => this.menu.open(target));
    this.forks = new Forks(this);
    this.parts = [this.menu, this.targets, this.forks, new Flags(this), new CompareTable(this), new Address(this)];
    this.live = html("div", "rv-unseen", root);
    this.live.setAttribute("aria-live", "polite");
    this.problem = html("div", "rv-problem", this.body);
    this.problem.setAttribute("role", "alert");
    this.problem.hidden = true;
    root.stage = this; // for tests
    this.root = root;
    this.follower = new Follower(this);
    this.parts.push(this.follower);
  }

  makePicture() {
    return new Picture(this.pictures, {
      hold: () => this.hold(),
      scrub: (t) => {
        this.clock.seek(t);
        this.tell();
      },
      release: () => this.release(),
    });
  }

  /** Stand still for as long as a hand is on something. */
  hold() {
    this.resume = this.clock.playing;
    if (this.resume) this.clock.play(false);
  }

  release() {
    if (this.resume) this.clock.play();
    this.resume = false;
  }

  listen() {
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
    on(document, "fullscreenchange", () => {
      // Escape leaves the full screen, and with it the projector mode that asked for it.
      if (document.fullscreenElement) this.full = document.fullscreenElement.contains(this.root);
      else if (this.full) {
        this.full = false;
        this.choose("projector", false);
      }
    });
    on(matchMedia("(prefers-color-scheme: dark)"), "change", themed);

    const hear = (name, listener) => {
      this.model.on(`change:${name}`, listener);
      this.undo.push(() => this.model.off(`change:${name}`, listener));
    };
    hear("payload", () => this.load());
    hear("was", () => this.load());
    hear("moment", () => {
      const moment = this.model.get("moment");
      if (Math.abs(moment - this.clock.t) > 1e-6) this.clock.seek(moment);
    });
    hear("playing", () => {
      if (this.model.get("playing") !== this.clock.playing) this.clock.play(this.model.get("playing"));
    });
    hear("bench", () => this.showBench());
    const answered = (content, buffers) => this.answered(content, buffers);
    this.model.on("msg:custom", answered);
    this.undo.push(() => this.model.off("msg:custom", answered));
    for (const name of ["view", "drawer", "projector"]) hear(name, () => this.arrange());
  }

  // -- the run ------------------------------------------------------------------------------------------------------

  /** Show the model's traces. Of several loads at once the last one stays; a picture is whole or as it was. */
  async load() {
    const mine = ++this.loads;
    const payloads = [this.model.get("payload"), this.model.get("was")].filter((bytes) => bytes?.byteLength);
    let runs;
    try {
      runs = await Promise.all(payloads.map(decodeRun));
    } catch (error) {
      this.problem.textContent = `This run cannot be shown: ${error.message}.`;
      this.problem.hidden = false;
      return;
    }
    if (mine !== this.loads || this.gone) return;
    const [run, before] = runs;
    this.problem.hidden = true;
    this.version++;
    this.now.show(run);
    this.pair(before);
    this.root.setAttribute("aria-label", `${run.title}: ${run.setting}`);
    this.arrange();
    const wanted = this.forks.come() || (this.version === 1 && this.model.get("playing"));
    this.clock.setRuns(runs);
    this.showBench();
    if (wanted) this.clock.play();
  }

  showBench() {
    this.tools.show();
    if (this.run) for (const part of this.parts) part.show();
  }

  /** Show a second picture above this one, or no longer. @param {object} [run] */
  pair(run) {
    if (!run) {
      this.was?.destroy();
      this.was = null;
    } else {
      this.was ??= this.makePicture();
      this.pictures.prepend(this.was.root);
      this.was.show(run);
    }
    this.root.classList.toggle("rv-pair", this.was !== null);
    say(this.now.badge, this.was ? "B · now" : "");
    put(this.now.times, "aria-label", this.was ? "Moment of both runs, at B, now" : "Moment of the run");
    if (!this.was) return;
    say(this.was.badge, "A · was");
    put(this.was.times, "aria-label", "Moment of both runs, at A, was");
  }

  /** Lay everything out for the width that there is. */
  arrange() {
    const room = this.root.clientWidth;
    if (!this.run || room < 1) return;
    const projector = this.model.get("projector") === true;
    const zoom = Math.min(projector ? PROJECTOR : 1, room / NARROWEST);
    put(this.body, "style", zoom === 1 ? "" : `zoom:${zoom.toFixed(4)}`);
    const width = Math.min(980, Math.floor(room / zoom));
    this.root.classList.toggle("rv-narrow", width < 800);
    this.root.classList.toggle("rv-projector", projector);
    const wanted = this.model.get("view");
    const view = VIEWS.includes(wanted) ? wanted : VIEWS[0];
    const until = this.was ? Math.max(...this.all.map(({ run }) => run.duration)) : 0;
    const changed = this.all.map((picture) => picture.arrange(width, view, until, picture === this.was));
    if (changed.includes(true)) this.event = null;
    this.tools.arrange();
    for (const part of this.parts) part.arrange();
    this.clock.changed();
  }

  /** The pictures that are shown. */
  get all() {
    return this.was ? [this.was, this.now] : [this.now];
  }

  retheme() {
    for (const picture of this.all) {
      picture.packets?.colours();
      picture.spacetime?.colours();
    }
    this.clock.changed();
  }

  // -- what keys and buttons do -------------------------------------------------------------------------------------

  act(name) {
    const { clock, run } = this;
    if (!run) return;
    const marks = () => [0, ...run.events.map((event) => event.t), clock.duration];
    const before = (sorted) => sorted.reduce((found, t) => (t < clock.t - 1e-9 && t > found ? t : found), 0);
    const after = (sorted) => sorted.reduce((found, t) => (t > clock.t + 1e-9 && t < found ? t : found), clock.duration);
    const acts = {
      play: () => clock.play(!clock.playing),
      back: () => this.go(this.step(-1)),
      on: () => this.go(this.step(1)),
      previous: () => this.go(before(marks())),
      next: () => this.go(after(marks())),
      start: () => this.go(0),
      end: () => this.go(clock.duration),
      "far-back": () => this.go(clock.t - clock.duration / 20),
      "far-on": () => this.go(clock.t + clock.duration / 20),
      loop: () => (clock.loop = !clock.loop),
      slower: () => (clock.factor = Math.max(SLOWEST, clock.factor / 2)),
      faster: () => (clock.factor = Math.min(FASTEST, clock.factor * 2)),
      "zoom-in": () => this.follower.zoom(1 / ZOOM_STEP),
      "zoom-out": () => this.follower.zoom(ZOOM_STEP),
    };
    if (acts[name]) acts[name]();
    else this.tools.act(name);
    clock.changed();
    this.tell();
  }

  /** Stand still at a moment. */
  go(t) {
    this.clock.play(false);
    this.clock.seek(t);
    this.tell();
  }

  /** Ask the kernel for something; what it answers arrives as another state of the model. */
  ask(message) {
    if (this.answers) this.model.send(message);
  }

  /** Follow a write or a read through picture and story; null: no longer. @param {Followed | null} what */
  follow(what) {
    this.follower.follow(what);
  }

  /** Open the story at the events of one node. @param {string} name */
  filterStory(name) {
    this.follower.openStory(name);
  }

  /** Set a trait of the model, as a person's choice. */
  choose(name, value) {
    this.model.set(name, value);
    this.model.save_changes();
  }

  /** The moment of the next or previous event: a position steps, a message arrives. */
  step(direction) {
    const { clock } = this;
    const run = this.now.runAt(clock.t);
    if (!Object.hasOwn(run, "moments")) {
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

  /** Once the clock rests, or goes slowly, where only a sample is at hand: ask for all of it. */
  sharpen(t) {
    if (this.model.get("live") !== true || this.asking) return;
    if (this.clock.playing && this.clock.rate > SHARPEST * this.run.pace) return;
    const picture = this.all.find((shown) => shown.isSample(t));
    if (!picture) return;
    const of = picture === this.now ? "now" : "was";
    this.asking = setTimeout(() => {
      if (picture.isSample(this.clock.t)) this.model.send({ do: "window", of, at: this.clock.t });
      this.asking = setTimeout(() => (this.asking = 0), UNANSWERED_MS);
    }, SHARPEN_AFTER_MS);
  }

  async answered({ did, of }, buffers) {
    const picture = of === "was" ? this.was : this.now;
    if (did !== "window" || !picture?.run) return;
    clearTimeout(this.asking);
    this.asking = 0;
    await picture.zoomIn(buffers[0]);
    if (!this.gone) this.clock.changed();
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
    if (this.was) topologyOf(run).together?.(this.was, this.now, t);
    for (const picture of this.all) picture.draw(t, words, fast);
    this.controls.draw(clock, words);
    this.drawCaption(t);
    this.tools.draw(t, words);
    for (const part of this.parts) part.draw(t, words);
    this.sharpen(t);
    if (this.told !== clock.playing) {
      this.told = clock.playing;
      this.tell();
    }
    const data = {
      ready: "true", version: this.version, moment: +t.toFixed(3), playing: clock.playing, committed: facts.committed,
      leaderFlushed: facts.flushed[facts.leader], lost: facts.lost, waiting: facts.waiting, stale: facts.stale,
      leaders: run.nodes.filter((_, i) => serves(run, facts, i)).length, doomed: Math.max(...facts.doomed), flightsInView: this.now.flying, view: this.now.view, sample: this.now.isSample(t),
      ...topologyOf(run).data(run, facts),
    };
    for (const [name, value] of Object.entries(data)) {
      if (root.dataset[name] !== String(value)) root.dataset[name] = value;
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
    this.announceSoon(event.text);
    if (cameUpon) this.now.pulse(event);
  }

  /** Say what the clock came upon, once half a second brought nothing newer. */
  announceSoon(text) {
    clearTimeout(this.announcing);
    this.announcing = setTimeout(() => {
      this.announce(this.fresh || text);
      this.fresh = "";
    }, 500);
  }

  /** Say what has been changed in the run: instead of what the clock came upon at the same time. */
  news(text) {
    this.fresh = text;
    this.announceSoon(text);
  }

  /** Say something to who listens instead of looking. */
  announce(text) {
    say(this.live, text);
  }

  destroy() {
    this.gone = true;
    this.clock.stop();
    for (const timer of [this.telling, this.announcing, this.asking]) clearTimeout(timer);
    for (const undo of this.undo) undo();
    this.undo = [];
    for (const part of [this.tools, ...this.parts]) part.destroy();
    this.root.remove();
  }
}

/** What anywidget calls; an exported page calls it with a model of its own. */
function render({ model, el }) {
  const stage = new Stage(model, el);
  return () => stage.destroy();
}

export default { render };
