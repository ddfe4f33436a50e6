// The faults and changes of this run as a list: each can be moved in time and removed. On the timeline each is a flag to drag.

/** A fault's words as the beginning of a line; a node's name keeps its letter. @param {string} text */
function capital(text) {
  return /^(L|s\d+)\b/.test(text) ? text : text.slice(0, 1).toUpperCase() + text.slice(1);
}

/** What is wrong in this run, also where no kernel tells. @param {Stage} stage */
function faultsOf(stage) {
  if (stage.bench.faults) return stage.bench.faults;
  return stage.run.spans.map(({ t, until, text }) => ({ at: t, until, lasts: null, text, places: [], kind: "", waits: false, spell: until !== null }));
}

// -- the list ---------------------------------------------------------------------------------------------------------

/** The two times of a fault that a person may set: what they are called, what they may be, what is wrong otherwise. */
const TIMES = {
  at: {
    label: "begins at",
    wrong: (value, { duration }) => {
      if (value === null) return "A fault needs a time at which it begins.";
      if (value < 0) return "It cannot begin before the run does: at least 0 ms.";
      return value > duration ? `The run ends at ${inWords(duration)}: at most that.` : "";
    },
  },
  lasts: {
    label: "lasts",
    wrong: (value) => (value !== null && value <= 0 ? "It must last longer than 0 ms; empty: until the end." : ""),
  },
};

class FaultList {
  /** @param {Stage} stage @param {HTMLElement} body */
  constructor(stage, body) {
    this.stage = stage;
    this.lead = html("p", "rv-faults-lead", body);
    this.table = html("table", "rv-table rv-faults", body);
    html("caption", "rv-unseen", this.table).textContent = "What goes wrong in this run, in order of time";
    const head = html("tr", "", html("thead", "", this.table));
    for (const [name, text] of [["at", "At, ms"], ["what", "What happens"], ["lasts", "Lasts, ms"], ["until", ""], ["remove", ""]]) {
      const cell = html(text ? "th" : "td", `rv-faults-${name}`, head);
      cell.textContent = text;
      if (text) cell.scope = "col";
    }
    this.rows = html("tbody", "", this.table);
    this.said = "";
  }

  show() {
    const { stage } = this;
    const faults = faultsOf(stage);
    const editable = stage.answers;
    const said = JSON.stringify([faults, editable, stage.run.duration]);
    if (said === this.said) return;
    this.said = said;
    const focused = this.focused();
    this.table.hidden = !faults.length;
    say(this.lead, this.leadText(faults, editable));
    this.lead.hidden = !this.lead.textContent;
    this.lines = faults.map((fault, i) => ({ fault, i })).sort((a, b) => a.fault.at - b.fault.at || a.i - b.i);
    this.rows.replaceChildren(...this.lines.map((line) => this.makeRow(line, editable)));
    this.give(focused);
    this.draw(stage.clock.t, true);
  }

  leadText(faults, editable) {
    if (!editable) return faults.length ? "To change these, open the notebook: a new run needs a kernel." : "Nothing goes wrong in this run.";
    return faults.length ? "" : "Nothing goes wrong yet. Click a node or a link to break it.";
  }

  makeRow(line, editable) {
    const { stage } = this;
    const { fault, i } = line;
    const row = html("tr", "");
    row.dataset.fault = i;
    const words = capital(fault.text);
    const at = html("td", "rv-faults-at", row);
    const what = html("th", "rv-faults-what", row);
    what.scope = "row";
    const go = html("button", "rv-faults-go", what);
    go.type = "button";
    keepKeys(go);
    go.textContent = words;
    go.title = `Go to ${inWords(fault.at)}`;
    go.dataset.part = "go";
    go.onclick = () => stage.go(fault.at);
    const lasts = html("td", "rv-faults-lasts", row);
    const until = html("td", "rv-faults-until", row);
    until.textContent = this.untilText(fault);
    const remove = html("td", "rv-faults-remove", row);
    if (!editable) {
      at.textContent = inWords(fault.at).replace(/ ms$/, "");
      lasts.textContent = !fault.spell ? "–" : fault.lasts === null ? "" : inWords(fault.lasts).replace(/ ms$/, "");
      for (const cell of [at, lasts]) cell.classList.add("rv-faults-fixed");
      return row;
    }
    line.problem = html("div", "rv-faults-problem", what);
    line.problem.setAttribute("role", "alert");
    this.makeInput(at, line, "at", fault.at);
    if (fault.spell) this.makeInput(lasts, line, "lasts", fault.lasts);
    else lasts.textContent = "–";
    if (fault.fixed) {
      remove.textContent = "by the knob";
      return row;
    }
    const button = html("button", "rv-tool", remove);
    button.type = "button";
    keepKeys(button);
    button.textContent = "Remove";
    button.setAttribute("aria-label", `Remove: ${words} at ${inWords(fault.at)}`);
    button.dataset.part = "remove";
    button.onclick = () => stage.forks.ask({ do: "remove", fault: i });
    return row;
  }

  untilText({ waits, spell, until, at }) {
    if (waits) return "waits for more replicas";
    if (at >= this.stage.run.duration) return "after the end of this run";
    if (!spell || (until === null && this.stage.answers)) return ""; // its empty length says so
    return until === null ? "until the end" : `until ${inWords(until)}`;
  }

  makeInput(cell, line, part, value) {
    const input = html("input", "rv-input", cell);
    Object.assign(input, { type: "number", min: 0, step: "any", value: value ?? "", placeholder: part === "lasts" ? "the end" : "" });
    input.setAttribute("aria-label", `${capital(line.fault.text)}: ${TIMES[part].label}, ms${part === "lasts" ? "; empty: until the end" : ""}`);
    keepKeys(input);
    input.dataset.part = part;
    line[part] = input;
    input.onchange = () => this.apply(line, part); // by leaving it, by its arrows
    input.onkeydown = ({ key }) => {
      if (key === "Enter") this.apply(line, part); // in a notebook that key alone changes nothing
      if (key !== "Escape") return;
      input.value = value ?? "";
      this.complain(line, part, "");
    };
  }

  apply(line, part) {
    const { fault, i } = line;
    const read = (name) => (line[name].value === "" ? null : Number(line[name].value));
    const value = read(part);
    const unread = line[part].validity.badInput ? "This is not a number of milliseconds." : "";
    const problem = unread || TIMES[part].wrong(value, this.stage.run);
    if (!problem && value === line.asked?.[part]) return; // Enter, and then leaving it: once is enough
    this.complain(line, part, problem);
    if (problem || value === fault[part]) return;
    line.asked = { [part]: value };
    const { at, lasts } = { ...fault, ...line.asked };
    const refused = (text) => {
      line.asked = null;
      this.complain(line, part, text);
    };
    this.stage.forks.ask({ do: "move", fault: i, at_ms: at, lasts_ms: lasts }, { refused });
  }

  complain(line, part, text) {
    say(line.problem, text);
    if (text) line[part].setAttribute("aria-invalid", "true");
    else line[part].removeAttribute("aria-invalid");
  }

  /** What has the focus: its row and which part of it. */
  focused() {
    const element = document.activeElement;
    const row = element?.closest("tr");
    return row && this.rows.contains(row) ? { place: [...this.rows.children].indexOf(row), i: row.dataset.fault, part: element.dataset.part } : null;
  }

  /** Give the focus to the same part of the same fault; if that is gone, to the next one's. */
  give(focused) {
    if (!focused) return;
    const rows = [...this.rows.children];
    const gone = focused.part === "remove";
    const row = (!gone && rows.find(({ dataset }) => dataset.fault === focused.i)) || rows[Math.min(focused.place, rows.length - 1)];
    const part = row?.querySelector(`[data-part=${focused.part}]`) ?? row?.querySelector("[data-part]");
    (part ?? this.stage.tools.buttons.faults).focus({ preventScroll: true });
  }

  /** Mark what is in force. */
  draw(t, words) {
    if (!words || !this.lines) return;
    this.lines.forEach(({ fault }, i) => put(this.rows.children[i], "class", underWay(fault, t) ? "rv-in-force" : ""));
  }
}

DRAWERS.push({
  name: "faults",
  label: "Faults",
  key: "f",
  make: (stage, body) => new FaultList(stage, body),
  count: (stage) => faultsOf(stage).length,
});

// -- the flags on the timeline ----------------------------------------------------------------------------------------

/** A handle over the flag of each fault that can be moved: dragging it sideways moves the fault. The list is its like for keys. */
class Flags {
  /** @param {Stage} stage */
  constructor(stage) {
    this.stage = stage;
    this.root = html("div", "rv-flags", stage.now.times.parentElement);
    this.root.setAttribute("aria-hidden", "true");
  }

  show() {
    this.arrange();
  }

  arrange() {
    const { stage } = this;
    if (!stage.now.timeline) return;
    const { timeline, run } = stage.now;
    const movable = stage.answers ? stage.bench.faults ?? [] : [];
    this.root.replaceChildren();
    movable.forEach((fault, i) => {
      if (fault.waits || fault.at > run.duration) return;
      const handle = html("div", "rv-flag-handle", this.root);
      handle.dataset.fault = i;
      handle.title = `Drag to move: ${fault.text}`;
      svg("path", { class: "rv-bolt", d: BOLT, transform: "translate(10 9) scale(.8)" }, svg("svg", { width: 20, height: 18 }, handle));
      this.put(handle, timeline.x(fault.at));
      this.listen(handle, fault, i);
    });
  }

  put(handle, x) {
    handle.style.transform = `translateX(${x.toFixed(1)}px)`;
  }

  listen(handle, fault, i) {
    const { stage } = this;
    let from = 0;
    let at = fault.at;
    const label = html("span", "rv-flag-time", handle);
    handle.onpointerdown = (event) => {
      if (event.button) return;
      event.preventDefault();
      handle.setPointerCapture(event.pointerId);
      handle.classList.add("rv-dragged");
      from = event.clientX;
      at = fault.at;
      say(label, inWords(at));
    };
    handle.onpointermove = (event) => {
      if (!handle.hasPointerCapture(event.pointerId)) return;
      const { timeline, run, width } = stage.now;
      const scale = width / stage.now.times.getBoundingClientRect().width;
      const x = timeline.x(fault.at) + (event.clientX - from) * scale;
      const grain = nice(run.duration / width / 5);
      at = Math.abs(event.clientX - from) < 3 ? fault.at : Math.min(Math.round(timeline.timeAt(x) / grain) * grain, run.duration);
      at = +at.toFixed(2);
      this.put(handle, timeline.x(at));
      handle.classList.toggle("rv-flag-late", timeline.x(at) > width - 110);
      say(label, inWords(at));
    };
    handle.onlostpointercapture = () => {
      handle.classList.remove("rv-dragged");
      if (at === fault.at) this.put(handle, stage.now.timeline.x(at));
      else {
        const refused = (text) => {
          this.arrange();
          stage.forks.complain(text);
        };
        stage.forks.ask({ do: "move", fault: i, at_ms: at, lasts_ms: fault.lasts }, { refused });
      }
    };
  }

  draw() {}

  destroy() {
    this.root.remove();
  }
}
