// Where the nodes of a ring stand, and rounded hulls around some of them. `ring_geometry.py` says the same for posters.

const PLACE_GAP = 0.55; // of the angle between two nodes: as much more between two places
const HULL_EDGE_STEPS = 14;
const HULL_TURN_STEPS = 8;
const MESH_NODES = 7; // with more nodes the links between all of them are too many to be drawn and pointed at

/** @typedef {{x: number, y: number}} Spot */

/** The angle of each node, clockwise from the top; nodes of one place stand together. @param {string[]} places @returns {number[]} */
function ringAngles(places) {
  const known = [...new Set(places)];
  const order = places.map((_, i) => i).sort((a, b) => known.indexOf(places[a]) - known.indexOf(places[b]) || a - b);
  const gaps = known.length > 1 ? known.length : 0;
  const step = (2 * Math.PI) / (places.length + gaps * PLACE_GAP);
  const angles = new Array(places.length).fill(0);
  let at = 0;
  order.forEach((node, i) => {
    if (i) at += step * (1 + (places[order[i - 1]] !== places[node] ? PLACE_GAP : 0));
    angles[node] = at;
  });
  if (!gaps) return places.length === 2 ? angles.map((angle) => angle - Math.PI / 2) : angles; // two stand side by side
  // The middle of the first place is at the left, so that two places stand left and right.
  const turn = -Math.PI / 2 - ((places.filter((place) => place === known[0]).length - 1) * step) / 2;
  return angles.map((angle) => angle + turn);
}

/** Where all lies in a picture of so many pixels. @param {object} run @param {number} width @param {boolean} compact */
function layOutRing(run, width, compact) {
  const at = layOut(width, run.nodes.length, compact);
  const nodes = run.nodes.length;
  const r = (nodes <= 5 ? 26 : nodes <= 8 ? 22 : 18) - (compact ? 3 : 0);
  const height = compact ? (at.narrow ? 236 : 226) : at.narrow ? 348 : 326;
  const area = at.narrow ? Math.min(340, width * 0.53) : 530;
  const several = new Set(run.nodes.map(({ place }) => place)).size > 1;
  const edge = several ? 34 : 16;
  const middle = { x: area / 2 + (at.narrow ? 4 : 6), y: height / 2 + 2 };
  const alone = nodes === 1 ? 0 : 1;
  const [rx, ry] = [alone * (area / 2 - r - (at.narrow ? 40 : 76)), alone * (height / 2 - r - edge - 12)];
  const angles = ringAngles(run.nodes.map(({ place }) => place));
  const spot = (angle, more = 0) => ({ x: middle.x + (rx + more) * Math.sin(angle), y: middle.y - (ry + more) * Math.cos(angle) });
  const spots = angles.map((angle) => spot(angle));
  return { ...at, height, area, r, rx, ry, middle, angles, spots, spot, side: area + (at.narrow ? 10 : 24), several, compact };
}

/** The outline of a rounded hull around some nodes, as a path; empty around none.
 *  @param {object} at as `layOutRing` gives it @param {number[]} members @param {number} r how far it runs from their middles */
function hullPath(at, members, r) {
  if (!members.length) return "";
  const turn = (angle) => ((angle % (2 * Math.PI)) + 2 * Math.PI) % (2 * Math.PI);
  const inside = [...members].sort((a, b) => turn(at.angles[a]) - turn(at.angles[b]));
  const others = at.spots.filter((_, i) => !members.includes(i));
  const outline = hullOf(inside.map((i) => at.spots[i]), others, at.middle, r, at.r + 5);
  return `M${outline.map(({ x, y }) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L")}Z`;
}

/** @param {Spot[]} members in their order around the ring @param {Spot[]} others an edge bends inwards to keep `clear` of them
 *  @param {Spot} middle @param {number} r @param {number} clear @returns {Spot[]} a closed line */
function hullOf(members, others, middle, r, clear) {
  const around = (spot, angle) => ({ x: spot.x + r * Math.cos(angle), y: spot.y + r * Math.sin(angle) });
  if (members.length === 1) return Array.from({ length: 40 }, (_, i) => around(members[0], (2 * Math.PI * i) / 40));
  const normal = (a, b) => Math.atan2(b.y - a.y, b.x - a.x) - Math.PI / 2;
  const edges = members.map((a, i) => bentEdge(a, members[(i + 1) % members.length], others, middle, r + clear));
  return edges.flatMap((edge, i) => {
    const before = edges[(i + edges.length - 1) % edges.length];
    const begin = normal(before[HULL_EDGE_STEPS - 1], before[HULL_EDGE_STEPS]);
    let sweep = normal(edge[0], edge[1]) - begin;
    sweep = ((sweep % (2 * Math.PI)) + 2 * Math.PI) % (2 * Math.PI);
    if (sweep > 1.9 * Math.PI) sweep = 0;
    const corner = Array.from({ length: HULL_TURN_STEPS + 1 }, (_, k) => around(edge[0], begin + (sweep * k) / HULL_TURN_STEPS));
    return [...corner, ...edge.slice(1, -1).map((spot, k) => around(spot, normal(edge[k], edge[k + 2])))];
  });
}

/** Spots on the way from a to b, bent towards the middle as far as others are in the way. */
function bentEdge(a, b, others, middle, clear) {
  const bend = Math.max(0, ...others.map((other) => lacksRoom(a, b, other, middle, clear)));
  const mid = { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
  const pull = Math.min((2 * bend) / (Math.hypot(middle.x - mid.x, middle.y - mid.y) || 1), 1.6);
  const control = { x: mid.x + (middle.x - mid.x) * pull, y: mid.y + (middle.y - mid.y) * pull };
  return Array.from({ length: HULL_EDGE_STEPS + 1 }, (_, i) => {
    const t = i / HULL_EDGE_STEPS;
    const [u, v, w] = [(1 - t) ** 2, 2 * t * (1 - t), t * t];
    return { x: u * a.x + v * control.x + w * b.x, y: u * a.y + v * control.y + w * b.y };
  });
}

/** How far the way from a to b must bend to keep clear of a spot on its outer side; 0 if it is clear. */
function lacksRoom(a, b, other, middle, clear) {
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const long = Math.hypot(dx, dy) || 1;
  const along = ((other.x - a.x) * dx + (other.y - a.y) * dy) / long ** 2;
  const off = ((other.x - a.x) * dy - (other.y - a.y) * dx) / long;
  const inner = ((middle.x - a.x) * dy - (middle.y - a.y) * dx) / long;
  if (along <= 0 || along >= 1 || (off * inner > 0 && Math.abs(inner) > 1e-6)) return 0;
  return Math.max(0, clear - Math.abs(off)) / Math.max(4 * along * (1 - along), 0.5);
}

/** The links that are drawn and can be pointed at, each with the spot of its sign: never two signs on one spot.
 *  @returns {{a: number, b: number, x: number, y: number}[]} */
function ringLinks(at) {
  const n = at.spots.length;
  if (n > MESH_NODES) return [];
  const found = [];
  for (let a = 0; a < n; a++) {
    for (let b = a + 1; b < n; b++) {
      const apart = Math.min(b - a, n - b + a);
      const share = n > 3 && 2 * apart === n ? 0.36 : n >= 6 && apart === 2 ? 0.42 : 0.5;
      const [from, to] = [at.spots[a], at.spots[b]];
      found.push({ a, b, x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share });
    }
  }
  return found;
}
