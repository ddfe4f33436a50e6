// What is followed: one write or read, through both views. Who follows, and the pin that shows where it stands in the logs.

const ZOOM_STEP = 1.6;
const CLOSEST = 1 / 40; // of the usual width of the space-time diagram
const PIN_HALF = 4.5;

/**
 * @typedef {{kind: "write", lsn: number, term?: number, of?: "now" | "was"} | {kind: "read", read: StaleRead, of?: "now" | "was"}} Followed
 *   `of` says in which of two runs that are compared
 */

class Follower {
  /** @param {Stage} stage */
  constructor(stage) {
    this.stage = stage;
    /** @type {Followed | null} */
    this.what = null;
    this.zoomed = 1;
    this.pins = new Map();
    /** What a checker found, if the stage is to show that. */
    this.broken = html("p", "rv-broken");
    this.broken.hidden = true;
    stage.body.prepend(this.broken);
    const { root } = stage;
    root.addEventListener("click", (event) => this.clicked(event));
    root.addEventListener("rv-follow", ({ target, detail }) => stage.follow({ ...detail, of: this.pictureAt(target) === stage.was ? "was" : "now" }));
    root.addEventListener("rv-zoom", ({ detail }) => this.zoom(detail));
    root.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.what) return;
      event.stopPropagation();
      stage.follow(null);
    });
  }

  /** The write that is followed, or the one that a followed read missed. */
  get lsn() {
    return this.what?.lsn ?? this.what?.read?.missed ?? null;
  }

  /** The timeline of the write that is followed, where one was named. */
  get term() {
    return this.what?.term;
  }

  /** The picture whose run is asked. */
  get picture() {
    const { was, now } = this.stage;
    return this.what?.of === "was" && was ? was : now;
  }

  pictureAt(element) {
    return this.stage.all.find(({ root }) => root.contains(element)) ?? this.stage.now;
  }

  /** @param {Followed | null} what */
  follow(what) {
    this.what = what;
    if (what?.kind === "op") what.like = operationIn(this.picture.run.ring, what.op);
    if (what) this.openStory();
    if (what?.go >= 0) this.stage.go(what.go);
    this.arrange();
    this.stage.clock.changed();
  }

  /** Open the story's drawer. @param {string} [node] whose events it shows; by default those it shows anyway */
  openStory(node) {
    const { stage } = this;
    if (stage.model.get("drawer") !== "story") stage.choose("drawer", "story");
    if (node !== undefined) stage.tools.drawers.story?.filter(node);
  }

  /** A click on a message or a log follows the write that is there. */
  clicked({ target, clientX, clientY }) {
    const rows = target.closest?.(".rv-rows");
    if (!rows) return;
    const picture = this.pictureAt(rows);
    const { facts, packets, run, scene, spacetime } = picture;
    const of = picture === this.stage.was ? "was" : "now";
    const { at } = scene;
    const box = rows.getBoundingClientRect();
    const x = ((clientX - box.left) * at.width) / box.width;
    const y = ((clientY - box.top) * at.width) / box.width;
    if (scene.followAt) {
      const what = scene.followAt(x, y, facts, packets);
      if (what) this.stage.follow({ ...what, of });
      return;
    }
    if (spacetime || x < at.left || x > at.right + 8) return;
    const row = run.nodes.findIndex((_, i) => y >= at.y(i) - 2 && y <= at.y(i) + at.bar + 2);
    const there = Math.ceil(facts.left + ((x - at.left) / (at.right - at.left)) * facts.writes);
    const lsn = packets.hit(facts, x, y) ?? (row >= 0 ? there : 0);
    if (lsn < 1 || lsn > facts.top) return;
    const term = run.terms && row >= 0 ? { term: writerOf(run, facts.term[row], lsn).term } : {};
    this.stage.follow({ kind: "write", lsn, ...term, of });
  }

  /** Show more or less time in the space-time diagrams. @param {number} factor of the width, in ms */
  zoom(factor) {
    const { stage } = this;
    if (!stage.now.spacetime) return;
    const most = Math.max(1, stage.clock.duration / this.natural);
    this.zoomed = Math.min(Math.max(this.zoomed * factor, CLOSEST), most);
    this.arrange();
    stage.clock.changed();
  }

  /** The widest of the diagrams' own widths: compared runs share one scale. */
  get natural() {
    return Math.max(...this.stage.all.map(({ spacetime }) => spacetime?.natural ?? 0)) || 1;
  }

  arrange() {
    const { stage, lsn, term } = this;
    const width = this.natural * this.zoomed;
    for (const picture of stage.all) if (picture.run.ring) followOperation(picture, this.picture === picture ? this.what : null);
    for (const picture of stage.all) if (picture.run.tapes) picture.facts.followed = lsn;
    for (const { spacetime } of stage.all) if (spacetime) Object.assign(spacetime, { span: width, followed: lsn, followedTerm: term });
  }

  /** The run or the bench is another one: a read is not in it, a write's number still may be. */
  show() {
    this.showBroken();
    const { what, stage } = this;
    if (what?.kind === "op" || (what && this.picture.run.ring)) return this.showOperation();
    if (what?.kind !== "read") return;
    const { run } = this.picture;
    const same = (read) => read.t === what.read.t && read.node === what.read.node;
    const read = staleSpells(run).flatMap(({ reads }) => reads).find(same);
    if (read) what.read = read;
    else stage.follow(null);
  }

  /** The reason why a promise is broken stands above the picture, and what it is about is followed from the begin. */
  showBroken() {
    const { broken } = this.stage.bench;
    const why = broken ? `${broken.promise}: ${broken.why}` : "";
    if (this.broken.textContent === why) return;
    say(this.broken, why);
    this.broken.hidden = !why;
    if (broken?.follow) this.stage.follow(broken.follow);
  }

  /** An operation of the run before is followed on if the new run has one like it. */
  showOperation() {
    const { ring } = this.picture.run;
    const op = ring && this.what.like ? likeOperation(ring, this.what.like) : -1;
    if (op < 0) this.stage.follow(null);
    else Object.assign(this.what, { op });
    this.arrange();
  }

  draw() {
    const shown = this.stage.all;
    for (const picture of [...this.pins.keys()]) if (!shown.includes(picture)) this.pins.delete(picture);
    for (const picture of shown) {
      if (picture.spacetime || picture.run.ring || picture.run.tapes) continue;
      if (this.pins.get(picture)?.scene !== picture.scene) this.pins.set(picture, new Pin(picture.scene));
      this.pins.get(picture).draw(picture.facts, this.lsn, this.term);
    }
  }

  destroy() {
    this.pins.clear();
  }
}

/** A thin line across the rows at one LSN, a diamond on each log that has it, its number below. */
class Pin {
  /** @param {Scene} scene */
  constructor(scene) {
    this.scene = scene;
    const { at, root } = scene;
    this.g = svg("g", { class: "rv-pin", visibility: "hidden" }, root);
    this.line = svg("line", { y1: at.top - 4, y2: at.axis + 2 }, this.g);
    this.diamonds = scene.rows.map(({ y }) => {
      const middle = y + at.bar / 2;
      return svg("path", { d: `M0 ${middle - PIN_HALF} l${PIN_HALF} ${PIN_HALF} l${-PIN_HALF} ${PIN_HALF} l${-PIN_HALF} ${-PIN_HALF} z` }, this.g);
    });
    this.box = svg("rect", { y: at.axis, height: 13.5, rx: 6.5 }, this.g);
    this.text = svg("text", { y: at.axis + 10.8, "text-anchor": "middle" }, this.g);
  }

  /** @param {object} facts @param {number | null} lsn @param {number} [term] its timeline, where there are several */
  draw(facts, lsn, term) {
    const shown = lsn !== null && lsn <= facts.left + facts.writes;
    put(this.g, "visibility", shown ? "visible" : "hidden");
    put(this.g, "data-lsn", shown ? String(lsn) : "");
    if (!shown) return;
    const { scene } = this;
    const { at } = scene;
    const gone = lsn < facts.left;
    const x = gone ? at.left : scene.x(facts, lsn - 0.5);
    put(this.line, "transform", `translate(${x.toFixed(1)} 0)`);
    put(this.line, "class", gone ? "rv-pin-gone" : "");
    const { run } = facts;
    const own = run.terms && lsn !== null ? meantBy(run, facts, lsn, term).term : 0;
    this.diamonds.forEach((diamond, i) => {
      const other = run.terms !== undefined && commonOf(run, facts.term[i], own) < lsn;
      put(diamond, "visibility", !gone && !other && facts.received[i] >= lsn ? "inherit" : "hidden");
      put(diamond, "transform", `translate(${x.toFixed(1)} 0)`);
      put(diamond, "class", facts.flushed[i] >= lsn ? "rv-pin-flushed" : "");
    });
    say(this.text, gone ? `◂ ${count(lsn)}` : count(lsn));
    const wide = scene.textWidth(this.text.textContent, 11, 700) + 12;
    const middle = Math.min(Math.max(x, wide / 2 + 2), at.width - wide / 2 - 2);
    put(this.text, "x", middle);
    put(this.box, "x", middle - wide / 2);
    put(this.box, "width", wide);
  }
}
