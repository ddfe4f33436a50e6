// What the space-time diagram is drawn with: a canvas, the theme's colours, and the few shapes that come again and again.

const HALO = 3.5;
const INKS = ["ground", "raised", "ink", "quiet", "hair", "leader", "flushed", "safe", "risk", "stale", "fault", "fault-ground", "down"];

class Ink {
  /** @param {HTMLCanvasElement} canvas @param {object} at where things lie @param {number} left where the drawing begins, px */
  constructor(canvas, at, left) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d");
    canvas.style.width = `${at.width}px`;
    canvas.style.height = `${at.height}px`;
    canvas.style.clipPath = `inset(0 0 0 ${left}px)`; // the names at the left can be clicked
    this.sharpen(at);
    this.colours();
  }

  /** As many pixels as the screen has, however far the page is zoomed. */
  sharpen({ width, height }) {
    const { canvas } = this;
    const zoom = canvas.getBoundingClientRect().width / width || 1;
    const density = Math.min((window.devicePixelRatio || 1) * zoom, 3);
    canvas.width = Math.round(width * density);
    canvas.height = Math.round(height * density);
    this.pen.setTransform(density, 0, 0, density, 0, 0);
  }

  /** Take the colours of the theme that holds now. */
  colours() {
    const style = getComputedStyle(this.canvas);
    this.colour = Object.fromEntries(INKS.map((name) => [name, style.getPropertyValue(`--rv-${name}`).trim()]));
    this.family = style.fontFamily;
  }

  /** @param {string} text @param {number} x @param {number} y @param {string} colour @param {string} font */
  write(text, x, y, colour, font = "11px", align = "left") {
    const { pen } = this;
    pen.font = `${font} ${this.family}`;
    pen.textAlign = align;
    pen.textBaseline = "alphabetic";
    pen.lineJoin = "round";
    pen.lineWidth = HALO;
    pen.strokeStyle = this.colour.ground;
    pen.strokeText(text, x, y);
    pen.fillStyle = colour;
    pen.fillText(text, x, y);
  }

  stroke(path, colour, width, dash = []) {
    const { pen } = this;
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.setLineDash(dash);
    pen.stroke(path);
    pen.setLineDash([]);
  }

  /** A word beside a moment, on the side where there is room. */
  mark(text, x, y, colour, right) {
    this.pen.font = `600 11px ${this.family}`;
    const fits = x + 10 + this.pen.measureText(text).width < right;
    this.write(fits ? `▴ ${text}` : `${text} ▴`, fits ? x - 4 : x + 4, y, colour, "600 11px", fits ? "left" : "right");
  }

  /** A packet with its count, or a ring with a tick. */
  token({ style, carries, text: own }, x, y, scale = 1) {
    const { pen, colour } = this;
    const tone = { wal: colour.leader, answer: colour.safe, reply: colour.quiet, mend: colour.stale }[style];
    const text = style === "wal" ? own ?? count(carries) : "";
    const half = scale * (style === "wal" ? 7 + 2.6 * text.length : 5.5);
    pen.beginPath();
    if (style === "wal") pen.roundRect(x - half, y - 7.5 * scale, 2 * half, 15 * scale, 4);
    else pen.arc(x, y, half, 0, 2 * Math.PI);
    pen.fillStyle = colour.ground;
    pen.fill();
    pen.strokeStyle = tone;
    pen.lineWidth = 1.5;
    pen.stroke();
    if (style === "wal") {
      pen.font = `700 ${(10.5 * scale).toFixed(1)}px ${this.family}`;
      pen.textAlign = "center";
      pen.textBaseline = "middle";
      pen.fillStyle = tone;
      pen.fillText(text, x, y + 0.5);
      return;
    }
    pen.beginPath();
    pen.moveTo(x - 2.7 * scale, y);
    pen.lineTo(x - 0.8 * scale, y + 2.2 * scale);
    pen.lineTo(x + 2.9 * scale, y - 2.3 * scale);
    pen.stroke();
  }

  dot({ style }, x, y) {
    const { pen, colour } = this;
    pen.beginPath();
    pen.arc(x, y, style === "wal" ? 3.2 : 2.4, 0, 2 * Math.PI);
    pen.fillStyle = style === "wal" ? colour.leader : colour.ground;
    pen.fill();
    pen.strokeStyle = { wal: colour.ground, answer: colour.safe, reply: colour.quiet, mend: colour.stale }[style];
    pen.lineWidth = 1.1;
    pen.stroke();
  }
}

/** From a point to a line between two points, px. */
function distance(x, y, a, b) {
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const way = Math.min(Math.max(((x - a.x) * dx + (y - a.y) * dy) / (dx * dx + dy * dy || 1), 0), 1);
  return Math.hypot(a.x + way * dx - x, a.y + way * dy - y);
}

/** The head of an arrow, added to a path. @param {Path2D} path */
function arrowHead(path, from, to) {
  const angle = Math.atan2(to.y - from.y, to.x - from.x);
  for (const turn of [-0.42, 0.42]) {
    path.moveTo(to.x, to.y);
    path.lineTo(to.x - 7 * Math.cos(angle + turn), to.y - 7 * Math.sin(angle + turn));
  }
}

/** @returns {Path2D} */
function tickAt(x, y) {
  const tick = new Path2D();
  tick.moveTo(x - 4, y);
  tick.lineTo(x - 1, y + 3);
  tick.lineTo(x + 4, y - 3.6);
  return tick;
}
