// Nodes and links of a ring as things to click; what tests and assistive technology may read of it.

/** @param {Picture} picture @returns {TargetSpot[]} */
function ringTargets({ run, scene }) {
  const { at } = scene;
  if (!at.spots) return logTargets({ run, scene }).filter(({ kind }) => kind === "node");
  const around = ({ x, y }, half) => ({ left: x - half, top: y - half, width: 2 * half, height: 2 * half });
  const nodes = run.nodes.map(({ name }, row) => ({ kind: "node", name, row, box: around(at.spots[row], at.r + 2) }));
  const links = scene.links.map(({ a, b, x, y }) =>
    ({ kind: "link", name: `${run.nodes[a].name} – ${run.nodes[b].name}`, row: a, peer: b, box: around({ x, y }, at.narrow ? 9 : 10) }));
  return [...nodes, ...links];
}

/** What a node or a link of a ring is at a moment. @returns {TargetState} */
function ringTarget(stage, { kind, name, row, peer }, t) {
  const { facts, run } = stage.now;
  if (kind === "link") {
    const [one, other] = [run.nodes[row].name, run.nodes[peer].name];
    const { out, back } = linkAt(run, row, peer, t);
    const ofBoth = ({ places }) => places.includes(one) && places.includes(other);
    return {
      title: `Link ${name}`, says: `link ${name}: ${linkWords(run, row, peer, t)}`, place: "link",
      state: [out, back].some((way) => way.state === "cut") ? "down" : "up", names: { $one: one, $other: other },
      touches: (fault) => (LINK_FAULTS.includes(fault.kind) ? ofBoth(fault) : fault.kind === "partition" && fault.places.includes(one) !== fault.places.includes(other)),
    };
  }
  const wrong = run.spans.filter((s) => s.until !== null && s.rows.includes(row) && s.kind !== MARK.LINK && t >= s.t && t < s.until).map(({ short }) => short);
  if (facts.cut[row]) wrong.push("cut off");
  return {
    title: name, says: `${name}, ${facts.up[row] ? ["up", ...wrong].join(", ") : "down"}: faults`, place: "peer", state: facts.up[row] ? "up" : "down",
    names: { $node: name }, touches: (fault) => !LINK_FAULTS.includes(fault.kind) && fault.places.includes(name),
  };
}

/** @returns {object} what is shown at a moment, as texts and numbers */
function ringData(run, facts) {
  const { ops } = run.ring;
  const names = (set) => inSet(set).map((i) => run.nodes[i].name).join(" ");
  const row = (op) => (op < 0 ? -1 : ops.row[op]);
  return {
    operation: row(facts.op), writeOf: row(facts.write), readOf: row(facts.read), key: facts.key, newest: facts.newest,
    writeSet: names(facts.writeSet), readSet: names(facts.readSet), reads: facts.reads, failed: facts.failed, asked: facts.asked,
  };
}
