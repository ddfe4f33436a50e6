// The same run with one thing changed: asked for, come or refused, and told to who listens.

/** What has been added to a list of faults, taken from it, or moved, in one sentence; empty if nothing. */
function faultNews(before, after) {
  const key = (fault) => JSON.stringify([fault.at, fault.until, fault.text]);
  const less = (these, those) => {
    const left = those.map(key);
    return these.filter((fault) => {
      const i = left.indexOf(key(fault));
      if (i >= 0) left.splice(i, 1);
      return i < 0;
    });
  };
  const [come, gone] = [less(after, before), less(before, after)];
  const told = ({ text, at }) => `${capital(text)} at ${inWords(at)}`;
  if (come.length === 1 && gone.length === 1) {
    if (come[0].at !== gone[0].at) return `${told(come[0])}, no longer at ${inWords(gone[0].at)}. Undo with Ctrl+Z.`;
    return `${told(come[0])}, ${come[0].until === null ? "until the end" : `until ${inWords(come[0].until)}`}. Undo with Ctrl+Z.`;
  }
  if (come.length === 1 && !gone.length) return `${told(come[0])}. Undo with Ctrl+Z.`;
  if (gone.length === 1 && !come.length) return `Removed: ${told(gone[0])}.`;
  if (come.length || gone.length) return `${counted(after.length, "fault")} in this run now.`;
  return "";
}

class Forks {
  /** @param {Stage} stage */
  constructor(stage) {
    this.stage = stage;
    this.asked = null;
    this.before = null;
    this.hear = (message) => message.did === "sorry" && this.refuse(message.text);
    stage.model.on("msg:custom", this.hear);
  }

  /**
   * Ask for the run with one thing changed.
   * @param {object} message
   * @param {{playOn?: boolean, refused?: (text: string) => void}} [then] whether the clock goes on once it is there; what
   *   happens if it cannot be
   */
  ask(message, { playOn = false, refused } = {}) {
    const { stage } = this;
    if (!stage.answers) return;
    stage.problem.hidden = true;
    this.asked = { playOn, refused: refused ?? ((text) => this.complain(text)) };
    stage.ask(message);
  }

  /** A run has come. @returns {boolean} whether the clock shall go on */
  come() {
    const playOn = this.asked?.playOn ?? false;
    this.asked = null;
    return playOn;
  }

  refuse(text) {
    const { asked } = this;
    this.asked = null;
    asked?.refused(text);
  }

  complain(text) {
    const { problem } = this.stage;
    problem.textContent = text;
    problem.hidden = false;
  }

  /** Tell what is new in the list of faults. */
  show() {
    const faults = this.stage.bench.faults ?? [];
    const news = this.before ? faultNews(this.before, faults) : "";
    this.before = faults;
    if (news) this.stage.news(news);
  }

  arrange() {}

  draw() {}

  destroy() {
    this.stage.model.off("msg:custom", this.hear);
  }
}
