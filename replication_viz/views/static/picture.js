// One run as a picture: title, rows or space-time diagram, numbers, timeline. Two of them may share a clock.

/** What the middle of a picture may show, by name: each has `arrange(run, width)`, `draw(facts, words, fast)`. */
const VIEWS = ["logs", "space-time"];

class Picture {
  /**
   * @param {HTMLElement} parent
   * @param {{hold: () => void, scrub: (t: number) => void, release: () => void}} hand what dragging on the timeline does
   */
  constructor(parent, hand) {
    const root = html("div", "rv-picture", parent);
    const head = html("div", "rv-head", root);
    this.badge = html("div", "rv-badge", head);
    this.title = html("div", "rv-title", head);
    this.setting = html("div", "rv-setting", head);
    this.time = html("div", "rv-clock", head);
    const scene = html("div", "rv-scene", root);
    this.rows = svg("svg", { class: "rv-rows", role: "group", "aria-label": "The nodes’ logs" }, scene);
    this.canvas = html("canvas", "rv-packets", scene);
    this.canvas.setAttribute("aria-hidden", "true");
    this.diagram = html("div", "rv-diagram", scene);
    this.diagram.hidden = true;
    this.servers = svg("svg", { class: "rv-fleet", role: "img" }, root);
    this.cards = html("div", "rv-cards", root);
    const strip = html("div", "rv-strip", root);
    this.times = svg("svg", { class: "rv-timeline", role: "slider", tabindex: 0, "aria-label": "Moment of the run" }, strip);
    this.playhead = html("div", "rv-playhead", strip);
    keepKeys(this.times);
    this.root = root;
    this.run = null;
    this.detail = null; // the messages and positions of a short window, where the run holds a sample only
    this.width = 0;
    this.view = "logs";
    this.listen(hand);
  }

  listen(hand) {
    const { times } = this;
    const scrub = (event) => {
      const box = times.getBoundingClientRect();
      hand.scrub(this.timeline.timeAt(((event.clientX - box.left) * this.width) / box.width));
    };
    times.addEventListener("pointerdown", (event) => {
      if (!this.run || event.button) return;
      times.setPointerCapture(event.pointerId);
      hand.hold();
      scrub(event);
    });
    times.addEventListener("pointermove", (event) => times.hasPointerCapture(event.pointerId) && scrub(event));
    times.addEventListener("lostpointercapture", () => hand.release());
  }

  /** Take a run; `arrange` lays it out. */
  show(run) {
    this.run = run;
    this.detail = null;
    this.facts = topologyOf(run).makeFacts(run);
    this.plan = "";
    say(this.title, run.title);
    say(this.setting, run.setting);
    this.setting.title = run.setting;
    this.root.setAttribute("aria-label", `${run.title}: ${run.setting}`);
  }

  /** Whether at this moment a sample is drawn for want of the whole. */
  isSample(t) {
    return this.run.notes.length > 0 && !this.run.ring && !this.run.tapes && this.runAt(Math.min(t, this.run.duration)) === this.run;
  }

  /** Take a window of the run in full; an answer that came too late, for another run, is dropped. */
  async zoomIn(message) {
    const { run } = this;
    const detail = await decodeWindow(message, run);
    if (run === this.run) this.detail = detail;
  }

  /**
   * Lay everything out for the width that there is.
   * @param {number} width @param {string} view
   * @param {number} [until] ms; where two pictures share a time axis, how long it is. Then both take less room.
   * @param {boolean} [upper] whether another picture stands below, with the times on its axis
   * @returns {boolean} whether anything changed
   */
  arrange(width, view, until = 0, upper = false) {
    const plan = [width, view, until, upper].join();
    if (!this.run || plan === this.plan) return false;
    Object.assign(this, { plan, width, view });
    const logs = view === "logs";
    const parts = topologyOf(this.run);
    this.scene?.leave?.();
    this.scene = new (logs ? parts.Scene : parts.Rows)(this.run, this.rows, width, until > 0, !logs);
    this.packets = new parts.Packets(this.canvas, this.scene);
    this.fleet = new FleetStrip(this.run, this.servers, this.scene.at);
    this.timeline = new Timeline(this.run, this.times, this.playhead, width, until || this.run.duration, upper);
    this.rows.classList.toggle("rv-names-only", !logs);
    this.canvas.style.display = logs ? "" : "none";
    this.diagram.hidden = logs;
    this.spacetime = logs ? null : new parts.SpaceTime(this.run, this.diagram, this.scene.at);
    this.makeCards();
    return true;
  }

  makeCards() {
    this.cards.replaceChildren();
    this.shown = this.run.cards.map((name) => {
      const card = html("div", "rv-card", this.cards);
      const label = html("div", "rv-card-label", card);
      const line = html("div", "rv-card-line", card);
      return { name, card, label, number: html("span", "rv-card-number", line), note: html("span", "rv-card-note", line) };
    });
  }

  /** The run as it is known around a moment: in full where a window of it is at hand. */
  runAt(t) {
    const { detail } = this;
    return detail && t >= detail.from && t <= detail.to ? detail : this.run;
  }

  /**
   * @param {number} t ms
   * @param {boolean} words whether texts may change now: while playing, not 60 times a second
   * @param {boolean} fast whether the clock has let go
   */
  draw(t, words, fast) {
    const { facts, run } = this;
    topologyOf(run).factsAt(this.runAt(t), Math.min(t, run.duration), facts);
    this.scene.draw(facts, words, fast);
    this.flying = (this.spacetime ?? this.packets).draw(facts, words);
    this.fleet.draw(facts, words);
    this.timeline.draw(facts, words, t);
    say(this.time, t > run.duration ? `over at ${clockText(run.duration, run.duration)}` : clockText(t, run.duration));
    if (words) this.drawCards();
  }

  drawCards() {
    for (const { name, card, label, number, note } of this.shown) {
      const now = CARDS[name](this.facts.run, this.facts);
      const { narrow } = this.scene.at;
      say(label, now.aside && !narrow ? `${now.label} (${now.aside})` : narrow && now.brief ? now.brief : now.label);
      say(number, now.number);
      say(note, now.aside && narrow ? `${now.note} · ${now.aside}` : now.note);
      put(card, "class", `rv-card rv-tone-${now.tone}`);
    }
  }

  pulse(event) {
    const rows = this.run.spans.filter((s) => s.t === event.t).flatMap((s) => s.rows);
    for (const row of rows) this.scene.pulse(row);
  }

  destroy() {
    this.root.remove();
  }
}
