// Numbers and times as text.

const NARROW_SPACE = "\u202f";

/** Group a whole number by thousands with commas, as Python writes it. @param {number} n */
function count(n) {
  return String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** @param {number} n @param {string} one @param {string} [many] */
function counted(n, one, many = `${one}s`) {
  return `${count(n)} ${n === 1 ? one : many}`;
}

/** A length of time in the unit that suits it, two or three digits. @param {number} ms */
function span(ms) {
  if (ms < 0.095) return ms <= 0 ? "0 ms" : `${Math.max(1, Math.round(ms * 1000))} µs`;
  if (ms < 0.95) return `${ms.toFixed(2)} ms`;
  if (ms < 9.95) return `${ms.toFixed(1)} ms`;
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 9_995) return `${(ms / 1000).toFixed(2)} s`;
  if (ms < 99_950) return `${(ms / 1000).toFixed(1)} s`;
  const both = (high, one, low, other) => (low ? `${high} ${one} ${low} ${other}` : `${high} ${one}`);
  if (ms < 7_200_000) return both(Math.floor(ms / 60_000), "min", Math.floor((ms % 60_000) / 1000), "s");
  return both(Math.floor(ms / 3_600_000), "h", Math.floor((ms % 3_600_000) / 60_000), "min");
}

/** The same in fewer words, where a part of a minute says nothing. @param {number} ms */
function rough(ms) {
  if (ms < 600_000) return span(ms);
  return ms < 7_200_000 ? `${Math.round(ms / 60_000)} min` : `${(ms / 3_600_000).toFixed(1)} h`;
}

/** A position on an axis, short: 1.2 M. @param {number} n */
function shortCount(n) {
  if (n < 100_000) return count(n);
  const [unit, name] = n < 1e6 ? [1e3, "k"] : n < 1e9 ? [1e6, "M"] : [1e9, "G"];
  return `${+(n / unit).toFixed(3)}${NARROW_SPACE}${name}`;
}

/** The clock: fixed digits, so that nothing jumps. @param {number} ms @param {number} duration */
function clockText(ms, duration) {
  if (duration <= 100) return `${ms.toFixed(2)} ms`;
  if (duration <= 120_000) {
    const tenths = Math.round(ms * 10);
    return `${count(Math.floor(tenths / 10))}.${tenths % 10} ms`;
  }
  const seconds = Math.floor(ms / 1000);
  const two = (n) => String(n).padStart(2, "0");
  const rest = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}.${Math.floor((ms % 1000) / 100)}`;
  return duration < 3_600_000 ? rest : `${Math.floor(seconds / 3600)}:${rest}`;
}

/** A time on the axis. @param {number} ms @param {number} duration */
function axisTime(ms, duration) {
  if (ms === 0) return "0";
  if (duration < 1000) return `${+ms.toFixed(3)} ms`;
  if (duration < 120_000) return `${+(ms / 1000).toFixed(3)} s`;
  if (duration < 18_000_000) return `${+(ms / 60_000).toFixed(2)} min`;
  return `${+(ms / 3_600_000).toFixed(2)} h`;
}

/** The next of 1, 2, 5, 10, … @param {number} x */
function nice(x) {
  const power = 10 ** Math.floor(Math.log10(x));
  const lead = x / power;
  return (lead <= 1 ? 1 : lead <= 2 ? 2 : lead <= 5 ? 5 : 10) * power;
}

/** A step between time labels: 1, 2, 5, 10 below a minute, then 15 s, 30 s, 1 min and so on. */
function niceTime(ms) {
  if (ms <= 10_000) return nice(ms);
  const steps = [15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200];
  return 1000 * (steps.find((s) => s * 1000 >= ms) ?? 86_400);
}

/** Names as a list in a sentence. @param {string[]} names */
function listed(names, word = "and") {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} ${word} ${names[names.length - 1]}`;
}
