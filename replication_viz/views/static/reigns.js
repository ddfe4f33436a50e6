// Who leads when, on the timeline: a band for each node that ever does. Where two lie side by side, there were two leaders.

const BAND = 13; // px
const BAND_GAP = 3;

/** Each spell of leadership, cut where its meaning changes. @returns {{node: number, begin: number, end: number, is: string}[]} */
function reignsOf(run) {
  const found = [];
  for (const [node, begin, end, leads, up, term, fenced] of run.states) {
    if (!leads || !up || end <= begin) continue;
    const next = forksOf(run).find((fork) => fork.term > term)?.t ?? Infinity;
    const asleep = run.spans.filter(({ kind, nodes, until }) => kind === MARK.FROZEN && nodes.includes(node) && until > begin);
    const awake = (at) => !asleep.some(({ t, until }) => at >= t && at < until);
    const cuts = [begin, ...[next].filter((at) => awake(at) && !fenced), ...asleep.flatMap(({ t, until }) => [t, until]), end].filter((t) => t >= begin && t <= end);
    cuts.sort((a, b) => a - b);
    cuts.slice(1).forEach((until, i) => {
      const since = cuts[i];
      if (until <= since) return;
      const sleeps = asleep.some((one) => since >= one.t && since < one.until);
      found.push({ node, begin: since, end: until, is: fenced ? "fenced" : sleeps ? "asleep" : since >= next ? "old" : "whole" });
    });
  }
  return found;
}

const REIGN_WORDS = { whole: "leads", old: "still serves, though a newer leader is there", fenced: "is fenced: it takes no writes", asleep: "is frozen" };

/** Draw the bands below a timeline's axis. @returns {number} how tall they are, px */
function drawReigns(timeline, top) {
  const { run, root } = timeline;
  const leaders = [...new Set(forksOf(run).map(({ node }) => node))].sort((a, b) => a - b);
  const tall = leaders.length * (BAND + BAND_GAP);
  const y = (node) => top + leaders.indexOf(node) * (BAND + BAND_GAP);
  const g = svg("g", { class: "rv-reigns" }, root);
  for (const [begin, end] of run.terms.two) {
    const [a, b] = [timeline.x(begin), timeline.x(end)];
    svg("rect", { class: "rv-two", x: a, y: TIME_TOP, width: Math.max(b - a, 2), height: top + tall - TIME_TOP }, g);
  }
  const reigns = reignsOf(run);
  for (const { node, begin, end, is } of reigns) {
    const x = timeline.x(begin);
    const band = svg("rect", { class: `rv-reign rv-reign-${is}`, x, y: y(node), width: Math.max(1.5, timeline.x(end) - x), height: BAND, rx: 2.5 }, g);
    svg("title", {}, band).textContent = `${run.nodes[node].name} ${REIGN_WORDS[is]}`;
  }
  nameReigns(timeline, reigns, y, g);
  const [first] = run.terms.two;
  if (!first) return tall;
  const fork = forksOf(run).findLast(({ t }) => t <= first[0] + Math.max(run.grid, run.tick));
  const text = `two leaders: ${span(totalOf(run.terms.two, run.duration))}`;
  if (timeline.x(first[0]) - 8 - 6.6 * text.length < timeline.left) return tall;
  svg("text", { class: "rv-reign-two", x: timeline.x(first[0]) - 8, y: y(fork.node) + 10.5, "text-anchor": "end" }, g).textContent = text;
  return tall;
}

/** Crown and name at the begin of each spell in which nothing but its meaning changes, where there is room. */
function nameReigns(timeline, reigns, y, g) {
  let last = null;
  for (const { node, begin, end, is } of reigns) {
    const goesOn = last?.node === node && last.is === is && Math.abs(last.end - begin) < timeline.run.tick;
    const { name } = timeline.run.nodes[node];
    last = { node, end, is, named: goesOn && last.named };
    if (last.named || timeline.x(end) - timeline.x(begin) < 26 + 7 * name.length) continue;
    last.named = true;
    svg("path", { class: `rv-reign-crown rv-reign-name-${is}`, d: CROWN, transform: `translate(${timeline.x(begin) + 12} ${y(node) + 7.5}) scale(.5)` }, g);
    const long = { whole: name, old: `${name}, still serving`, fenced: `${name}, fenced`, asleep: `${name}, frozen` }[is];
    const fits = timeline.x(end) - timeline.x(begin) > 26 + 6.6 * long.length;
    svg("text", { class: `rv-reign-name rv-reign-name-${is}`, x: timeline.x(begin) + 23, y: y(node) + 10.5 }, g).textContent = fits ? long : name;
  }
}

/** In the space-time diagram: who leads, as a heavy line, at risk once a newer leader is there; a crown where it begins. */
function drawReignLines(spacetime) {
  const { run, ink } = spacetime;
  const { colour, pen } = ink;
  const crowns = new Path2D();
  for (const { node, begin, end, is } of reignsOf(run)) {
    if (begin > spacetime.to || end < spacetime.from) continue;
    const y = spacetime.y(node);
    const line = new Path2D();
    line.moveTo(Math.max(spacetime.x(begin), spacetime.left), y);
    line.lineTo(Math.min(spacetime.x(end), spacetime.right), y);
    const sleeps = is === "fenced" || is === "asleep";
    ink.stroke(line, sleeps ? colour.fault : is === "old" ? colour.risk : colour.leader, 4, sleeps ? [3, 4] : undefined);
    const crown = new DOMMatrix().translate(spacetime.x(begin), y - 1).scale(0.8);
    if (begin > 0 && begin >= spacetime.from && is === "whole") crowns.addPath(new Path2D(CROWN), crown);
  }
  pen.fillStyle = colour.leader;
  pen.fill(crowns);
  ink.stroke(crowns, colour.ground, 1);
}
