// From the message of wire.py to a run: typed arrays, a group for each position and each link.

/**
 * @typedef {{t: Float64Array, v: Int32Array}} Steps  a position: from t[i] on it is v[i]
 * @typedef {{kind: number, source: number, target: number, sent: Float64Array, arrived: Float64Array,
 *   to: Int32Array, carries: Int32Array, lost: Uint8Array, longest: number}} Flights
 */

const POSITION = { APPENDED: 0, RECEIVED: 1, FLUSHED: 2, REPLAYED: 3, COMMITTED: 4, OLDEST: 5, FROM_1: 10 };
const POSITIONS = 15; // FROM_1 to FROM_5: how far a leader has applied the log of another one
const FLIGHT = { WAL: 0, WROTE: 1, FLUSHED: 2, REPLAYED: 3, PASSED_ON: 11 }; // from there on: the log of another leader
const NO_STEPS = { t: new Float64Array(0), v: new Int32Array(0) };

/** Unpack a zlib stream; straight through a writer, since a Blob's way round costs milliseconds. */
async function inflate(packed) {
  const inflater = new DecompressionStream("deflate");
  const writer = inflater.writable.getWriter();
  const written = Promise.all([writer.write(packed), writer.close()]);
  written.catch(() => {}); // a damaged stream is told by the reader
  const parts = [];
  const reader = inflater.readable.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) parts.push(part.value);
  const plain = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let end = 0;
  for (const part of parts) {
    plain.set(part, end);
    end += part.length;
  }
  return plain;
}

/** Unpack a message. @param {DataView | Uint8Array} message @returns {Promise<[object, () => Float64Array]>} the header, and
 *  what gives one column after the other */
async function unpack(message) {
  // A copy: a view's offset need not be a multiple of four.
  const bytes = new Uint8Array(message.buffer.slice(message.byteOffset, message.byteOffset + message.byteLength));
  if (String.fromCharCode(...bytes.subarray(0, 4)) !== "RVS1") throw new Error("this is no message for the stage");
  const plain = await inflate(bytes.subarray(4));
  const size = new DataView(plain.buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(plain.subarray(4, 4 + size)));
  const columns = unshuffle(plain.subarray(4 + size), head.columns);
  let next = 0;
  return [head, () => columns[next++]];
}

/** Read positions and messages, a group for each. */
function takeTables(head, take, nodes) {
  const ms = (column) => column.map((ticks) => ticks * head.tick);
  const steps = new Array(nodes * POSITIONS).fill(NO_STEPS);
  for (const [node, which] of head.levels) steps[node * POSITIONS + which] = { t: ms(take()), v: Int32Array.from(take()) };
  const flights = head.flights.map(([kind, source, target]) => {
    const sent = ms(take());
    const arrived = ms(take()).map((transit, i) => sent[i] + transit);
    const to = Int32Array.from(take());
    const packed = take();
    const carries = Int32Array.from(packed, (value) => Math.floor(value / 2));
    const lost = Uint8Array.from(packed, (value) => value % 2);
    return withLongest({ kind, source, target, sent, arrived, to, carries, lost });
  });
  return { steps, flights };
}

function withLongest(flights) {
  flights.longest = flights.arrived.reduce((most, end, i) => Math.max(most, end - flights.sent[i]), 0);
  return flights;
}

/** @param {DataView | Uint8Array} message @returns {Promise<object>} the run */
async function decodeRun(message) {
  const [run, take] = await unpack(message);
  Object.assign(run, takeTables(run, take, run.nodes.length));
  for (const curve of run.curves) {
    curve.values = take().map((hundredths) => (hundredths < 0 ? NaN : hundredths / 100));
    curve.top = curve.values.reduce((most, value) => (value > most ? value : most), 0);
  }
  run.head = take().map((value) => value / 16);
  run.octaves = take().map((value) => value / 1024);
  if (run.fleet) run.fleet.pools = Array.from({ length: run.fleet.servers }, () => ({ busy: take(), queue: take() }));
  if (run.ring) takeRing(run, take);
  if (run.tapes) takeTapes(run, take);
  return run;
}

/**
 * Read a window of a run of which only a sample is at hand: all that happened from `from` to `to`, the sample around it.
 * @param {DataView | Uint8Array} message @param {object} run @returns {Promise<object>} like a run
 */
async function decodeWindow(message, run) {
  const [head, take] = await unpack(message);
  const { steps, flights } = takeTables(head, take, run.nodes.length);
  const { from, to } = head;
  const detail = Object.create(run);
  detail.steps = run.steps.map((sample, i) => spliced(sample, steps[i], "t", from, to));
  const same = (a) => (b) => a.kind === b.kind && a.source === b.source && a.target === b.target;
  detail.flights = run.flights.map((sample) => {
    const exact = flights.find(same(sample));
    return exact ? withLongest({ ...sample, ...spliced(sample, exact, "sent", Math.min(from, exact.sent[0]), to) }) : sample;
  });
  detail.flights.push(...flights.filter((exact) => !run.flights.some(same(exact))));
  return Object.assign(detail, { from, to, grid: 0, notes: [] });
}

/** Columns of a sample, with those of an exact stretch in the place of what the sample has there. */
function spliced(sample, exact, time, from, to) {
  const begin = countBelow(sample[time], from);
  const end = countUpTo(sample[time], to);
  const result = {};
  for (const [name, column] of Object.entries(exact)) {
    if (!ArrayBuffer.isView(column)) continue;
    const joined = new column.constructor(begin + column.length + sample[name].length - end);
    joined.set(sample[name].subarray(0, begin));
    joined.set(column, begin);
    joined.set(sample[name].subarray(end), begin + column.length);
    result[name] = joined;
  }
  return result;
}

/** Undo the byte shuffle and the differences. @param {Uint8Array} planes @param {number[]} lengths */
function unshuffle(planes, lengths) {
  const n = planes.length / 4;
  let at = 0;
  return lengths.map((length) => {
    const column = new Float64Array(length);
    let sum = 0;
    for (let i = 0; i < length; i++, at++) {
      sum += planes[at] | (planes[at + n] << 8) | (planes[at + 2 * n] << 16) | (planes[at + 3 * n] << 24);
      column[i] = sum;
    }
    return column;
  });
}

/** Return how many of the sorted values are at most x. @param {ArrayLike<number>} sorted @param {number} x */
function countUpTo(sorted, x) {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const mid = (low + high) >> 1;
    if (sorted[mid] <= x) low = mid + 1;
    else high = mid;
  }
  return low;
}

/** Return how many of the sorted values are less than x. */
function countBelow(sorted, x) {
  let n = countUpTo(sorted, x);
  while (n && sorted[n - 1] >= x) n--;
  return n;
}

/** Return a position at a moment. */
function levelAt(run, node, which, t) {
  const steps = run.steps[node * POSITIONS + which];
  const i = countUpTo(steps.t, t);
  return i ? steps.v[i - 1] : 0;
}

/** Return when a position last rose to an LSN, up to a moment; NaN if it did not. Positions fall at a crash. */
function reachedAt(run, node, which, lsn, t) {
  const steps = run.steps[node * POSITIONS + which];
  steps.falls ??= [...steps.v.keys()].filter((i) => i && steps.v[i] < steps.v[i - 1]);
  let end = countUpTo(steps.t, t);
  for (let f = steps.falls.length; f >= 0; f--) {
    const begin = f ? steps.falls[f - 1] : 0;
    if (begin >= end) continue;
    if (begin && steps.v[begin] >= lsn) {
      end = begin;
      continue;
    }
    let low = begin;
    let high = end;
    while (low < high) {
      const mid = (low + high) >> 1;
      if (steps.v[mid] >= lsn) high = mid;
      else low = mid + 1;
    }
    return low < end ? steps.t[low] : NaN;
  }
  return NaN;
}
