// Time is the only thing that moves things. The clock owns the moment; everything else is drawn from it.

const SLOW_SECONDS = 2.4; // at the first pace after the start and after each fault
const LETTING_GO_SECONDS = 5;
const BRAKING_SECONDS = 1.2;
const WHOLE_RUN_SECONDS = 24;

/** Milliseconds of the run in one second here, at each moment: slow at the start and at faults, then letting go. */
class Pace {
  /** @param {object[]} runs what is shown together; faults of each slow the clock down */
  constructor(runs) {
    this.slow = Math.min(...runs.map((run) => run.pace));
    this.fast = Math.max(this.slow, ...runs.map((run) => run.duration / WHOLE_RUN_SECONDS));
    const growth = Math.log(this.fast / this.slow);
    this.rise = growth / LETTING_GO_SECONDS;
    this.fall = growth / BRAKING_SECONDS;
    const struck = (run) => [...run.spans, ...run.events.filter((event) => event.fault)].map(({ t }) => t);
    this.points = [0, ...runs.flatMap(struck)];
    this.points = [...new Set(this.points)].sort((a, b) => a - b);
  }

  at(t) {
    const i = countUpTo(this.points, t);
    const since = t - this.points[Math.max(i - 1, 0)] - this.slow * SLOW_SECONDS;
    const letting = this.slow + this.rise * Math.max(since, 0);
    const braking = i < this.points.length ? this.slow + this.fall * (this.points[i] - t) : Infinity;
    return Math.min(this.fast, letting, braking);
  }
}

/** Tells its listeners of each new moment; two pictures may share one clock. */
class Clock {
  constructor() {
    this.t = 0;
    this.duration = 1;
    this.playing = false;
    this.loop = false;
    this.factor = 1;
    this.visible = true;
    this.pace = { at: () => 1 };
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    this.listeners = new Set();
    this.frame = 0;
    this.before = 0;
    this.tick = this.tick.bind(this);
  }

  /** Milliseconds of the run in one second here. */
  get rate() {
    return this.pace.at(this.t) * this.factor;
  }

  /** @param {object[]} runs */
  setRuns(runs) {
    this.duration = Math.max(...runs.map((run) => run.duration));
    this.pace = new Pace(runs);
    this.t = Math.min(this.t, this.duration);
    this.changed();
  }

  seek(t) {
    this.t = Math.min(Math.max(t, 0), this.duration);
    this.changed();
  }

  play(playing = true) {
    if (playing && this.t >= this.duration) this.t = 0;
    this.playing = playing;
    this.before = 0;
    this.changed();
  }

  show(visible) {
    this.visible = visible;
    this.before = 0;
    this.changed();
  }

  /** Draw soon. However often this is said before the next frame, there is one drawing. */
  changed() {
    if (!this.frame && this.visible) this.frame = requestAnimationFrame(this.tick);
  }

  tick(now) {
    this.frame = 0;
    if (this.playing) this.advance(now);
    for (const listener of this.listeners) listener(this.t);
    if (this.playing) this.changed();
  }

  advance(now) {
    let seconds = this.before ? Math.min((now - this.before) / 1000, 0.1) : 0;
    if (this.still.matches) {
      // Steps instead of glides: two a second.
      if (this.before && now - this.before < 500) return;
      seconds = this.before ? 0.5 : 0;
    }
    this.before = now;
    const goal = this.t + this.rate * seconds;
    const next = this.pace.points?.[countUpTo(this.pace.points, this.t)] ?? Infinity;
    this.t = Math.min(goal, next); // a fault is never jumped over
    if (this.t < this.duration) return;
    this.t = this.loop ? 0 : this.duration;
    this.playing = this.loop;
  }

  stop() {
    cancelAnimationFrame(this.frame);
    this.visible = this.playing = false;
    this.listeners.clear();
  }
}
