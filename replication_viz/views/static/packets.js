// Messages under way, on a canvas over the rows: each at its own LSN, moving at the speed of its link.

const CROWD = 28; // from so many on one link on packets are small and carry no number: nobody could read it

class Packets {
  /** @param {HTMLCanvasElement} canvas @param {Scene} scene */
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
    this.crowded = false;
  }

  /** Take the colours of the theme that holds now. */
  colours() {
    const style = getComputedStyle(this.canvas);
    const names = ["ground", "leader", "safe", "quiet", "risk"];
    this.colour = Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--rv-${name}`).trim()]));
    this.font = `700 10px ${style.fontFamily}`;
  }

  /** Draw what is under way. @returns {number} how many messages */
  draw(facts) {
    const { pen, scene } = this;
    const { width, height } = scene.at;
    pen.clearRect(0, 0, width, height);
    pen.lineCap = "round";
    pen.lineJoin = "round";
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.font = this.font;
    let drawn = 0;
    const answer = ANSWERS[facts.epoch.level] ?? FLIGHT.FLUSHED;
    for (const flights of facts.run.flights) {
      const node = flights.kind === FLIGHT.WAL ? flights.target : flights.source;
      const counts = flights.kind === answer && facts.epoch.candidates.includes(node) && (!facts.fork || flights.target === facts.leader);
      const sent = countUpTo(flights.sent, facts.t);
      this.crowded = sent - countUpTo(flights.arrived, facts.t) > CROWD; // a link keeps the order
      for (let i = sent - 1; i >= 0; i--) {
        if (flights.sent[i] < facts.t - flights.longest) break;
        if (flights.arrived[i] <= facts.t) continue;
        this.drawOne(flights, i, facts, counts);
        drawn++;
      }
    }
    return drawn;
  }

  /** Where a message is: px, and which part of its way it has gone. */
  place(flights, i, facts) {
    const { at } = this.scene;
    const way = (facts.t - flights.sent[i]) / (flights.arrived[i] - flights.sent[i]);
    const down = flights.target > flights.source;
    const from = at.y(flights.source) + (down ? at.bar : 0);
    const to = at.y(flights.target) + (down ? 0 : at.bar);
    const y = from + (to - from) * (flights.lost[i] ? Math.min(way, 0.5) : way);
    return { way, y, x: Math.min(this.scene.x(facts, flights.to[i]), at.right + 8) };
  }

  /** The LSN up to which the message at a place goes; null where there is none. */
  hit(facts, x, y) {
    for (const flights of facts.run.flights) {
      for (let i = countUpTo(flights.sent, facts.t) - 1; i >= 0 && flights.sent[i] >= facts.t - flights.longest; i--) {
        if (flights.arrived[i] <= facts.t) continue;
        const here = this.place(flights, i, facts);
        if (Math.abs(y - here.y) <= 8 && x <= here.x + 6 && x >= here.x - 20) return flights.to[i];
      }
    }
    return null;
  }

  drawOne(flights, i, facts, counts) {
    const { pen, scene, colour } = this;
    const { at } = scene;
    const lost = flights.lost[i] === 1;
    const { way, x, y } = this.place(flights, i, facts);
    if (x < at.left) return; // left of the window: the row says in words how far behind it is
    if (lost && way >= 0.5) {
      pen.globalAlpha = Math.max(0.15, 2 - 2 * way);
      pen.strokeStyle = colour.risk;
      pen.lineWidth = 2.4;
      pen.beginPath();
      pen.moveTo(x - 5, y - 5);
      pen.lineTo(x + 5, y + 5);
      pen.moveTo(x + 5, y - 5);
      pen.lineTo(x - 5, y + 5);
      pen.stroke();
      pen.globalAlpha = 1;
    } else if (flights.kind === FLIGHT.WAL) this.packet(x, y, flights.carries[i], facts, flights.to[i] > facts.shared[flights.source]);
    else this.reply(x, y, counts);
  }

  /** A slice of the log: as wide as its writes, its right end at its last one; `doomed` if of a log that is left behind. */
  packet(x, y, carries, facts, doomed) {
    const { pen, scene, colour } = this;
    const text = count(carries);
    const own = (carries / facts.writes) * (scene.at.right - scene.at.left);
    const wide = Math.max(own, this.crowded ? 5 : 14 + 6 * text.length);
    const half = this.crowded ? 3 : 7;
    const left = Math.max(scene.at.left, x - wide);
    pen.beginPath();
    pen.roundRect(left, y - half, wide, 2 * half, this.crowded ? 2 : 4);
    pen.fillStyle = colour.ground;
    pen.fill();
    pen.strokeStyle = doomed ? colour.risk : colour.leader;
    pen.lineWidth = this.crowded ? 1.3 : 1.8;
    pen.stroke();
    if (this.crowded) return;
    pen.fillStyle = doomed ? colour.risk : colour.leader;
    pen.fillText(text, left + wide / 2, y + 0.5);
  }

  reply(x, y, counts) {
    const { pen, colour } = this;
    pen.beginPath();
    pen.arc(x, y, counts ? 6 : 4.5, 0, 2 * Math.PI);
    pen.fillStyle = colour.ground;
    pen.fill();
    pen.strokeStyle = counts ? colour.safe : colour.quiet;
    pen.lineWidth = counts ? 2 : 1.6;
    pen.stroke();
    pen.beginPath();
    const s = counts ? 1 : 0.7;
    pen.moveTo(x - 2.8 * s, y);
    pen.lineTo(x - 0.8 * s, y + 2.2 * s);
    pen.lineTo(x + 3 * s, y - 2.4 * s);
    pen.stroke();
  }
}
