// The application servers: a box each, its connections in use as its fill, in rotation or drained as outline and words.

const FLEET_TOP = 9;

class FleetStrip {
  /** @param {object} run @param {SVGElement} root @param {object} at where things lie, as in `Scene` */
  constructor(run, root, at) {
    this.run = run;
    this.root = root;
    this.at = at;
    root.replaceChildren();
    put(root, "style", run.fleet ? "" : "display:none");
    if (!run.fleet) return;
    const { narrow, pad, width } = at;
    this.left = narrow ? pad : at.left;
    this.top = FLEET_TOP + (narrow ? 18 : 0);
    this.tall = 24;
    const gap = run.fleet.servers > 12 ? 2 : 10;
    this.wide = (at.right - this.left + gap) / run.fleet.servers - gap;
    const height = this.top + this.tall + 22;
    for (const [name, value] of [["viewBox", `0 0 ${width} ${height}`], ["width", width], ["height", height]]) {
      root.setAttribute(name, value);
    }
    const head = svg("text", { class: "rv-fleet-head", x: narrow ? pad : pad + 4, y: FLEET_TOP + (narrow ? 9 : 16) }, root);
    head.textContent = "Application servers";
    const beside = { x: narrow ? at.right : at.right + 18, y: narrow ? FLEET_TOP + 9 : this.top + 16, "text-anchor": narrow ? "end" : "start" };
    this.users = svg("text", { class: "rv-figure", ...beside }, root);
    this.rotation = svg("text", { class: "rv-note", x: narrow ? pad + 152 : pad + 4, y: narrow ? FLEET_TOP + 9 : FLEET_TOP + 33 }, root);
    this.boxes = run.fleet.pools.map((_, i) => this.makeBox(i, gap));
  }

  makeBox(i, gap) {
    const x = this.left + i * (this.wide + gap);
    const g = svg("g", { class: "rv-server" }, this.root);
    const { top: y, tall: height, wide: width } = this;
    svg("rect", { class: "rv-bar-track", x, y, width, height, rx: 5 }, g);
    const fill = svg("rect", { class: "rv-server-fill", x, y, width: 0, height, rx: 5 }, g);
    svg("rect", { class: "rv-server-edge", x, y, width, height, rx: 5 }, g);
    const name = svg("text", { class: "rv-server-name", x: x + 8, y: y + 16 }, g);
    const busy = svg("text", { class: "rv-server-busy", x: x + width - 8, y: y + 16, "text-anchor": "end" }, g);
    const below = svg("text", { class: "rv-server-note", x: x + 2, y: y + height + 15 }, g);
    if (width > 44) name.textContent = `app${i + 1}`;
    return { g, fill, busy, below };
  }

  draw({ fleet }, words) {
    if (!this.run.fleet) return;
    const { pool, servers: all } = this.run.fleet;
    fleet.servers.forEach(({ busy, queue, ready }, i) => {
      const box = this.boxes[i];
      const state = ready ? (queue ? "queues" : "ready") : "drained";
      put(box.g, "class", `rv-server rv-server-${state}`);
      put(box.fill, "width", (this.wide * busy) / pool);
      if (!words) return;
      say(box.busy, this.wide > 110 ? `${count(busy)} of ${count(pool)}` : this.wide > 74 ? count(busy) : "");
      const long = { ready: "✓ takes requests", queues: `${count(queue)} queue`, drained: "✕ drained" };
      const short = { ready: "✓", queues: `${count(queue)}`, drained: "✕" };
      say(box.below, this.wide > 112 ? long[state] : this.wide > (ready ? 30 : 12) ? short[state] : "");
    });
    if (!words) return;
    say(this.rotation, `${fleet.ready} of ${all} in rotation`);
    put(this.rotation, "class", fleet.ready < all ? "rv-note rv-risk" : "rv-note");
    say(this.users, fleet.away ? `${count(fleet.away)} users/s turned away` : "✓ no user turned away");
    put(this.users, "class", `rv-figure rv-${fleet.away ? "risk" : "safe"}`);
    put(this.root, "aria-label", `Application servers: ${fleet.ready} of ${all} in rotation, ${count(fleet.busy)} connections in use, ${count(fleet.queue)} requests queue`);
  }
}
