// What every picture is drawn with: SVG elements, attributes set only where they change, the signs, where things lie.

const SVG = "http://www.w3.org/2000/svg";
const CROWN = "M-14 8 l3.5 -12 l5.5 6.5 l5 -9.5 l5 9.5 l5.5 -6.5 l3.5 12 z";
const BOLT = "M1.5 -8 l-6 9.5 h4.6 l-2 7.5 l7.4 -11 h-4.6 l1.6 -6 z";
const TICK = "M-5 0 l3.6 3.8 l6.4 -8.4";

/** Make an element. @param {string} name @param {object} attributes @param {Element} [parent] */
function svg(name, attributes = {}, parent) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  parent?.append(element);
  return element;
}

/** Set an attribute if it differs: an unchanged picture costs nothing. */
function put(element, name, value) {
  const text = typeof value === "number" ? String(Math.round(value * 10) / 10) : value;
  const known = (element.known ??= {});
  if (known[name] === text) return;
  known[name] = text;
  element.setAttribute(name, text);
}

function say(element, text) {
  if (element.said === text) return;
  element.said = text;
  element.textContent = text;
}

function show(element, shown) {
  put(element, "visibility", shown ? "visible" : "hidden");
}

/** Where things lie, in pixels. @param {number} width @param {number} rows @param {boolean} compact @param {boolean} tall few rows far apart
 *  @param {boolean} wordy whether what a node is takes more words */
function layOut(width, rows, compact, tall = false, wordy = false) {
  const narrow = width < 800;
  const pad = narrow ? 16 : 24;
  const room = compact ? (narrow ? 168 : 148) : narrow ? 300 : 250;
  const most = (narrow ? 70 : 64) * (tall && !compact ? Math.min(1.75, Math.max(1, 4 / rows)) : 1);
  const pitch = Math.min(most, Math.max(narrow ? 34 : 24.8, Math.floor(room / rows)));
  const bar = Math.round(Math.min(26, Math.max(12, pitch * 0.42)));
  const top = narrow ? 56 : 40;
  const left = !narrow ? (wordy ? 254 : 220) : pitch < 52 ? 200 : 164;
  return {
    width, narrow, pad, pitch, bar, rows,
    left,
    label: left - 27, // names and roles end here, so that the sign of a link has its place before the bar
    right: narrow ? width - pad : width - 206,
    top,
    axis: top + rows * pitch + 2,
    height: top + rows * pitch + 16,
    tight: pitch < 52,
    /** Top of a row's bar: with the numbers below it where there is no room beside. */
    y: (row) => top + row * pitch + (narrow ? Math.max(2, (pitch - bar - 16) / 2) : (pitch - bar) / 2),
    /** Middle of a row. */
    middle: (row) => top + row * pitch + pitch / 2,
  };
}

/** Break a text that does not fit at its first space, if it has one. @returns {string[]} one line or two */
function inTwoLines(text, fits) {
  const at = fits ? -1 : text.indexOf(" ");
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}
