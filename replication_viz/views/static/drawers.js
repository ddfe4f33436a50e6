// Drawers: what opens below the picture. Each file that has one adds it here; the stage makes, shows and draws them.

/**
 * @typedef {object} Drawer
 * @property {() => void} show  the runs or the bench have changed: build anew
 * @property {(t: number, words: boolean) => void} draw  a frame, while the drawer is open
 * @property {() => void} [destroy]
 */

/**
 * `count` says how many things a drawer holds: the number stands on its button.
 * @type {{name: string, label: string, key: string, make: (stage: Stage, body: HTMLElement) => Drawer,
 *   count?: (stage: Stage) => number}[]}
 */
const DRAWERS = [];
