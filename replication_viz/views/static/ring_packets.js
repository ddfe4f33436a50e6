// Messages between the nodes of a ring, on a canvas over it: those of the operation at hand large, all others as dots.

const RING_LANE = 6; // px that a message keeps to the right of the line between two nodes, so that answers pass requests
const RING_TONES = {
  [SENT.STORE]: "leader", [SENT.STORED]: "safe", [SENT.ASK]: "safe", [SENT.ANSWER]: "safe", [SENT.REPAIR]: "stale", [SENT.HINT]: "fault",
  [SENT.SYNC]: "quiet",
};
/** Each kind as it is drawn and called, in the order of the legend. */
const RING_KINDS = [
  [SENT.STORE, "write"], [SENT.STORED, "stored"], [SENT.ASK, "read"], [SENT.ANSWER, "answer"], [SENT.REPAIR, "repair"], [SENT.HINT, "hint"],
  [SENT.SYNC, "comparison"],
];

/** One message as a token: a shape and a colour for each kind. @param {CanvasRenderingContext2D} pen */
function ringToken(pen, colour, kind, x, y, text = "") {
  const tone = colour[RING_TONES[kind]];
  pen.fillStyle = colour.ground;
  pen.strokeStyle = tone;
  pen.lineWidth = 1.9;
  const path = new Path2D();
  if (kind === SENT.STORED) path.arc(x, y, 6.5, 0, 2 * Math.PI);
  else if (kind === SENT.ASK) path.arc(x, y, 7.5, 0, 2 * Math.PI);
  else if (kind === SENT.HINT) path.rect(x - 9, y - 6, 18, 12);
  else if (kind === SENT.SYNC) path.rect(x - 6, y - 5, 12, 10);
  else {
    pen.font = pen.font.replace(/^\d+ [\d.]+px/, "700 10.5px");
    const half = Math.max(10, 5 + pen.measureText(text).width / 2);
    if (kind === SENT.REPAIR) path.addPath(new Path2D(`M${x - half - 4} ${y} L${x - half + 3} ${y - 8} H${x + half - 3} L${x + half + 4} ${y} L${x + half - 3} ${y + 8} H${x - half + 3} Z`));
    else path.roundRect(x - half, y - 7.5, 2 * half, 15, kind === SENT.STORE ? 3 : 7.5);
  }
  if (kind === SENT.ASK) pen.setLineDash([3, 2]);
  pen.fill(path);
  pen.stroke(path);
  pen.setLineDash([]);
  const inner = new Path2D();
  if (kind === SENT.STORED) inner.addPath(new Path2D(`M${x - 3} ${y} l2.2 2.4 l4 -4.6`));
  if (kind === SENT.HINT) inner.addPath(new Path2D(`M${x - 9} ${y - 6} l9 7 l9 -7`));
  if (kind === SENT.SYNC) inner.addPath(new Path2D(`M${x - 3} ${y - 1.5} h6 M${x - 3} ${y + 1.5} h6`));
  pen.lineWidth = 1.6;
  pen.stroke(inner);
  pen.fillStyle = tone;
  if (kind === SENT.ASK) pen.fillText("?", x, y + 0.5);
  else if (text) pen.fillText(text, x, y + 0.5);
}

class RingPackets {
  /** @param {HTMLCanvasElement} canvas @param {RingScene} scene */
  constructor(canvas, scene) {
    this.canvas = canvas;
    this.scene = scene;
    this.pen = canvas.getContext("2d");
    const { width, height } = scene.at;
    const density = Math.min(window.devicePixelRatio || 1, 3);
    canvas.width = Math.round(width * density);
    canvas.height = Math.round(height * density);
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
    this.pen.setTransform(density, 0, 0, density, 0, 0);
    this.colours();
  }

  /** Take the colours of the theme that holds now. */
  colours() {
    const style = getComputedStyle(this.canvas);
    this.colour = Object.fromEntries(INKS.map((name) => [name, style.getPropertyValue(`--rv-${name}`).trim()]));
    this.font = `700 10.5px ${style.fontFamily}`;
  }

  /** Draw what is under way. @returns {number} how many messages */
  draw(facts) {
    const { pen, scene } = this;
    pen.clearRect(0, 0, scene.at.width, scene.at.height);
    Object.assign(pen, { lineCap: "round", lineJoin: "round", textAlign: "center", textBaseline: "middle", font: this.font });
    const large = [];
    let flying = 0;
    for (const flights of facts.run.flights) {
      for (let i = countUpTo(flights.sent, facts.t) - 1; i >= 0 && flights.sent[i] >= facts.t - flights.longest; i--) {
        if (flights.arrived[i] <= facts.t) continue;
        flying++;
        const isOwn = flights.op[i] >= 0 && (flights.op[i] === facts.op || flights.op[i] === facts.write);
        if (isOwn || this.mends(flights, i, facts)) large.push([flights, i]);
        else this.dot(flights, i, facts);
      }
    }
    for (const [flights, i] of large) this.drawOne(flights, i, facts);
    return flying;
  }

  /** Does it bring the key at hand to a node that lacks it? */
  mends({ kind, to }, i, { key, run }) {
    return (kind === SENT.REPAIR || kind === SENT.HINT) && run.ring.keyOf.get(to[i]) === key;
  }

  /** Where a message is, px, and which part of its way it has gone. */
  place({ source, target, sent, arrived, lost }, i, { t }) {
    const { spots, r } = this.scene.at;
    const way = (t - sent[i]) / (arrived[i] - sent[i]);
    const [a, b] = [spots[source], spots[target]];
    const long = Math.hypot(b.x - a.x, b.y - a.y) || 1;
    const [ux, uy] = [(b.x - a.x) / long, (b.y - a.y) / long];
    const gone = r + (long - 2 * r) * (lost[i] ? Math.min(way, 0.5) : way);
    return { way, x: a.x + ux * gone - uy * RING_LANE, y: a.y + uy * gone + ux * RING_LANE };
  }

  drawOne(flights, i, facts) {
    const { pen, colour } = this;
    const { way, x, y } = this.place(flights, i, facts);
    if (flights.lost[i] && way >= 0.5) {
      pen.globalAlpha = Math.max(0.15, 2 - 2 * way);
      pen.strokeStyle = colour.risk;
      pen.lineWidth = 2.4;
      pen.stroke(new Path2D(`M${x - 5} ${y - 5} L${x + 5} ${y + 5} M${x + 5} ${y - 5} L${x - 5} ${y + 5}`));
      pen.globalAlpha = 1;
      return;
    }
    const { kind } = flights;
    const carries = kind === SENT.STORE || kind === SENT.ANSWER || kind === SENT.REPAIR;
    ringToken(pen, colour, kind, x, y, carries ? (flights.to[i] ? `v${count(flights.to[i])}` : "–") : "");
  }

  dot(flights, i, facts) {
    const { pen, colour } = this;
    const { x, y } = this.place(flights, i, facts);
    pen.globalAlpha = 0.55;
    pen.fillStyle = colour[RING_TONES[flights.kind]];
    pen.beginPath();
    if (flights.kind === SENT.STORE || flights.kind === SENT.REPAIR || flights.kind === SENT.HINT) pen.rect(x - 2.6, y - 2.6, 5.2, 5.2);
    else pen.arc(x, y, 2.6, 0, 2 * Math.PI);
    pen.fill();
    pen.globalAlpha = 1;
  }

  /** The operation whose message is at a place; -1 where there is none. */
  hit(facts, x, y) {
    for (const flights of facts.run.flights) {
      for (let i = countUpTo(flights.sent, facts.t) - 1; i >= 0 && flights.sent[i] >= facts.t - flights.longest; i--) {
        if (flights.arrived[i] <= facts.t || flights.op[i] < 0) continue;
        const here = this.place(flights, i, facts);
        if (Math.hypot(x - here.x, y - here.y) <= 11) return flights.op[i];
      }
    }
    return -1;
  }
}
