// Which parts draw a run, by its topology. Clock, timeline, story, menus, drawers and pages are the same for all.

/**
 * What a topology brings along. A new one adds an entry to `TOPOLOGIES`, its numbers to `CARDS` (the run's header names three),
 * and its files to `assets.py`; a poster's like of it is in `poster.py`.
 * @typedef {object} Topology
 * @property {(run: object) => object} makeFacts  room for the facts of a moment, made once for a run
 * @property {(run: object, t: number, facts: object) => object} factsAt  fill it
 * @property {typeof Scene} Scene  what stands in the middle: like `Scene`, with `at`, `draw`, `pulse` and `leave`
 * @property {typeof Scene} Rows  the names at the left of the space-time diagram
 * @property {typeof Packets} Packets  messages on the canvas over the scene
 * @property {typeof SpaceTime} SpaceTime  the space-time diagram
 * @property {(run: object) => StoryRow[]} rows  what the story tells beyond the run's events
 * @property {(scene: object) => TargetSpot[]} targets  what can be clicked, and where
 * @property {(stage: Stage, target: object, t: number) => TargetState} state  what a target is at a moment
 * @property {(run: object, facts: object) => object} data  what tests and assistive technology may read of a moment
 * @property {(was: Picture, now: Picture, t: number) => void} [together]  before each frame of two runs that are compared
 *
 * @typedef {{key: string, kind: "node" | "link", name: string, row: number, box: object}} TargetSpot
 * @typedef {{title: string, says: string, place: string, state: "up" | "down", names: object, hidden?: boolean,
 *   touches: (fault: object) => boolean}} TargetState  `place` and `names` choose and fill what `offers.py` offers
 */

/** @type {Record<string, Topology>} */
const TOPOLOGIES = {
  single_leader: {
    makeFacts, factsAt, Scene, Rows: Scene, Packets, SpaceTime,
    rows: (run) => [...lossRows(run), ...staleRows(run)],
    targets: logTargets,
    state: logTarget,
    data: () => ({}),
  },
  leaderless: {
    makeFacts: makeRingFacts, factsAt: ringFactsAt, Scene: RingScene, Rows: RingRows, Packets: RingPackets, SpaceTime: RingDiagram,
    rows: ringRows,
    targets: ringTargets,
    state: ringTarget,
    data: ringData,
    together: ringTogether,
  },
  multi_leader: {
    makeFacts: makeTapesFacts, factsAt: tapesFactsAt, Scene: TapesScene, Rows: TapeRows, Packets: TapePackets, SpaceTime: TapeDiagram,
    rows: tapeRows,
    targets: tapeTargets,
    state: tapeTarget,
    data: tapesData,
  },
};

/** @param {object} run @returns {Topology} */
function topologyOf(run) {
  return TOPOLOGIES[run.topology] ?? TOPOLOGIES.single_leader;
}
