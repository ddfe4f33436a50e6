// What lies under the pointer in a space-time diagram: a message or a stale read says what it is, a click follows it.

const HIT = 7; // px from the pointer to a message

class Pointer {
  /** @param {SpaceTime} diagram @param {HTMLElement} root */
  constructor(diagram, root) {
    this.diagram = diagram;
    /** @type {{x: number, y: number, text: string, follow: object, message?: Message, read?: StaleRead} | null} */
    this.hover = null;
    this.tip = html("div", "rv-tip", root);
    this.tip.hidden = true;
    const { canvas } = diagram;
    canvas.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      diagram.tell("rv-zoom", event.deltaY > 0 ? ZOOM_STEP ** 0.5 : ZOOM_STEP ** -0.5);
    }, { passive: false });
    canvas.addEventListener("pointermove", (event) => this.point(event));
    canvas.addEventListener("pointerleave", () => this.point(null));
    canvas.addEventListener("click", (event) => {
      this.point(event);
      if (this.hover?.follow) diagram.tell("rv-follow", this.hover.follow);
    });
  }

  /** Find what lies under the pointer and say what it is. @param {MouseEvent | null} event */
  point(event) {
    const { diagram, tip } = this;
    const { canvas, at, facts } = diagram;
    if (!facts) return;
    let found = null;
    if (event) {
      const box = canvas.getBoundingClientRect();
      const scale = at.width / box.width;
      found = this.hit((event.clientX - box.left) * scale, (event.clientY - box.top) * scale);
    }
    if (found?.text === this.hover?.text) return;
    this.leave();
    if (found) {
      this.hover = found;
      canvas.style.cursor = "pointer";
      say(tip, found.text);
      Object.assign(tip.style, { left: `${Math.min(found.x + 10, at.width - 270)}px`, top: `${Math.max(found.y - 44, 0)}px` });
      tip.hidden = false;
    }
    diagram.draw(facts, true);
  }

  /** The pointer has left, or what it was at has moved on. */
  leave() {
    this.hover = null;
    this.diagram.canvas.style.cursor = "";
    this.tip.hidden = true;
  }

  hit(x, y) {
    const { diagram } = this;
    const { run, shown } = diagram;
    const read = shown.reads.find((one) => Math.hypot(diagram.x(one.t) - x, diagram.y(one.node) - y) < HIT + 1);
    if (read) {
      const text = `Stale read on ${run.nodes[read.node].name} at ${momentText(run, read.t)}: it misses write ${count(read.missed)}`;
      return { x, y, text, read, follow: { kind: "read", read } };
    }
    let best = HIT;
    let message = null;
    for (const one of shown.messages) {
      const { from, to } = diagram.ends(one);
      const far = distance(x, y, from, to);
      if (far >= best) continue;
      best = far;
      message = one;
    }
    return message && { x, y, text: diagram.messageText(message), message, follow: diagram.followOf(message) };
  }
}
