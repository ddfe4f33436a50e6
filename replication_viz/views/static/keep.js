// Share and keep: a text, a link and a cell that restore what is shown; files that the kernel makes.

const DOWNLOAD_LIVES_MS = 60_000; // a browser may still be asking its person where to put the file

/** A part of a share text, such as `t` of `rv1.…~t1300~vlogs`; undefined if it has none. */
function partOf(text, letter) {
  return text?.split("~").slice(1).find((part) => part.startsWith(letter))?.slice(letter.length);
}

/** What this page's address asks for. JupyterLab drops what stands after the path, so look at what it was opened with. */
function askedFor() {
  const places = [location.hash.slice(1), location.search.slice(1)];
  const [opened] = performance.getEntriesByType("navigation");
  if (opened?.name.includes("?")) places.push(opened.name.replace(/^[^?]*\?/, "").replace(/#.*/, ""));
  return places.map((place) => new URLSearchParams(place)).find((found) => found.has("rv")) ?? new URLSearchParams();
}

function addressText() {
  return askedFor().get("rv");
}

/** What an address asks for is done by one stage: the first that it is meant for. */
class Address {
  /** @param {Stage} stage */
  constructor(stage) {
    this.stage = stage;
    this.mine = false;
    this.take();
  }

  take() {
    const text = addressText();
    if (!text || (window.rvAddressTaken && !this.mine) || !this.isMeant()) return;
    this.mine = window.rvAddressTaken = true;
    if (this.stage.answers && text.startsWith("rv")) this.stage.ask({ do: "restore", text });
    else this.restore(text);
  }

  isMeant() {
    const wanted = askedFor().get("rvfor");
    return !wanted || wanted === this.stage.bench.name;
  }

  /** Show the moment, view and drawer that a text names; the run stays. */
  restore(text) {
    const { stage } = this;
    const moment = Number(partOf(text, "t") ?? NaN);
    const [view, drawer] = [partOf(text, "v"), partOf(text, "d")];
    if (moment >= 0) stage.choose("moment", moment);
    if (VIEWS.includes(view)) stage.choose("view", view);
    if (DRAWERS.some(({ name }) => name === drawer)) stage.choose("drawer", drawer);
  }

  show() {
    if (this.listens || this.stage.answers) return;
    this.listens = () => this.take();
    addEventListener("hashchange", this.listens);
  }

  arrange() {}

  draw() {}

  destroy() {
    removeEventListener("hashchange", this.listens);
  }
}

/** The parts of a share text that say what is shown of the run: moment, view, drawer. */
function shownParts(stage) {
  const parts = [`~t${+Math.min(stage.clock.t, stage.run.duration).toFixed(2)}`]; // the run compared with may last longer
  const [view, drawer] = [stage.now.view, stage.model.get("drawer")];
  if (view !== VIEWS[0]) parts.push(`~v${view}`);
  if (drawer && drawer !== "keep") parts.push(`~d${drawer}`);
  return parts.join("");
}

/** What a stage shows, as it is to be pasted somewhere. @type {Record<string, (stage: Stage) => string>} */
const SHARED_AS = {
  text: (stage) => (stage.bench.share ?? "") + shownParts(stage),
  cell: (stage) => `from replication_viz.panels import Lab\nLab.from_share("${SHARED_AS.text(stage)}")`,
  link: (stage) => {
    const { bench, answers } = stage;
    const meant = bench.name ? `&rvfor=${encodeURIComponent(bench.name)}` : "";
    if (answers) {
      // Not a workspace of one's own, and no token: the link is for somebody else.
      const path = location.pathname.replace(/\/lab\/workspaces\/[^/]+/, "/lab");
      return `${location.origin}${path}?rv=${SHARED_AS.text(stage)}${meant}`;
    }
    const choice = bench.choice === undefined ? "" : `~g${bench.choice}`;
    return `${location.href.replace(/#.*/, "")}#rv=${shownParts(stage)}${choice}${meant}`;
  },
};

class KeepDrawer {
  /** @param {Stage} stage @param {HTMLElement} body */
  constructor(stage, body) {
    this.stage = stage;
    this.busy = "";
    this.links = new Map(); // the address of a file, and the timer that ends it
    this.makeShare(html("div", "rv-keep-part", body));
    this.restoring = html("form", "rv-keep-part", body);
    this.makeRestore(this.restoring);
    const keeping = html("div", "rv-keep-part", body);
    this.files = html("div", "", keeping);
    this.made = this.status(keeping);
    this.answered = (content, buffers) => this.take(content, buffers);
    stage.model.on("msg:custom", this.answered);
  }

  makeShare(part) {
    const label = html("label", "rv-keep-label", part);
    html("span", "", label).textContent = "This run, at this moment, as a text";
    this.field = html("textarea", "rv-input rv-keep-text", label);
    Object.assign(this.field, { readOnly: true, rows: 2, spellcheck: false });
    this.field.onfocus = () => this.field.select();
    const row = html("div", "rv-keep-row", part);
    this.copies = {};
    for (const [name, words] of [["text", "Copy"], ["cell", "Copy as a cell"], ["link", "Copy link"]]) {
      this.copies[name] = this.button(row, words, () => this.copy(name));
    }
    keepKeys(this.field);
    this.copied = this.status(part);
  }

  makeRestore(form) {
    const label = html("label", "rv-keep-label", form);
    html("span", "", label).textContent = "A text that somebody gave you";
    const row = html("div", "rv-keep-row", form);
    this.pasted = html("input", "rv-input rv-keep-pasted", label);
    Object.assign(this.pasted, { type: "text", spellcheck: false, autocomplete: "off", placeholder: "rv1.…" });
    keepKeys(this.pasted);
    this.button(row, "Restore").type = "submit";
    form.onsubmit = (event) => {
      event.preventDefault();
      this.restore();
    };
    // JupyterLab keeps the browser from doing this by itself.
    this.pasted.onkeydown = (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      event.stopPropagation();
      this.restore();
    };
    this.restored = this.status(form);
  }

  /** A line that says what came of a button. */
  status(parent) {
    const line = html("p", "rv-keep-status", parent);
    line.setAttribute("role", "status");
    return line;
  }

  button(parent, words, act) {
    const button = html("button", "rv-tool rv-keep-button", parent);
    button.type = "button";
    button.textContent = words;
    button.onclick = act ?? null;
    keepKeys(button);
    return button;
  }

  // -- what the buttons do ------------------------------------------------------------------------------------------

  async copy(name) {
    const text = SHARED_AS[name](this.stage);
    try {
      await navigator.clipboard.writeText(text);
      say(this.copied, `Copied: ${{ text: "the text", cell: "a cell for a notebook", link: "a link" }[name]}.`);
    } catch {
      // The browser lets no page copy here, as on an address without https.
      this.field.value = text;
      this.field.focus();
      this.field.select();
      say(this.copied, "The browser does not let this page copy: it is selected in the field, press Ctrl+C.");
    }
  }

  restore() {
    const text = this.pasted.value.trim();
    this.restoringNow = text !== "";
    say(this.restored, text ? "" : "Paste a text first: it begins with rv1.");
    if (text) this.stage.ask({ do: "restore", text });
  }

  download(keep) {
    if (this.busy) return;
    say(this.made, `${keep.label}: being made …`);
    this.mark(keep.format);
    this.stage.ask({ do: "keep", format: keep.format });
  }

  /** An answer of the kernel: a file, or why there is none. */
  take({ did, format, name, type, text }, buffers) {
    if (did === "sorry" && this.restoringNow) {
      this.restoringNow = false;
      say(this.restored, text);
    } else if (did === "sorry" && this.busy) {
      say(this.made, text);
      this.mark("");
    } else if (did === "keep" && format === this.busy) {
      this.give(new Blob([buffers[0]], { type }), name);
      say(this.made, `${name} is in your downloads, ${sizeText(buffers[0].byteLength)}.`);
      this.mark("");
    }
  }

  /** Let the browser save a file. */
  give(blob, name) {
    const address = URL.createObjectURL(blob);
    this.links.set(address, setTimeout(() => this.forget(address), DOWNLOAD_LIVES_MS));
    const link = html("a", "", this.files);
    Object.assign(link, { href: address, download: name });
    link.click();
    link.remove();
  }

  forget(address) {
    URL.revokeObjectURL(address);
    clearTimeout(this.links.get(address));
    this.links.delete(address);
  }

  /** Say which file is being made, if any. @param {string} format */
  mark(format) {
    this.busy = format;
    for (const button of this.files.querySelectorAll("button")) {
      button.setAttribute("aria-busy", String(button.dataset.format === format));
      button.setAttribute("aria-disabled", String(format !== ""));
    }
  }

  // -- what is shown ------------------------------------------------------------------------------------------------

  show() {
    const { stage } = this;
    const keeps = stage.answers ? (stage.bench.keeps ?? []) : [];
    this.restoring.hidden = !stage.answers;
    this.copies.text.hidden = this.copies.cell.hidden = !stage.bench.share;
    const offered = JSON.stringify([keeps, stage.bench.share !== undefined]);
    if (this.offered !== offered) this.makeFiles(keeps);
    this.offered = offered;
    if (this.restoringNow) say(this.restored, "Restored.");
    this.restoringNow = false;
    this.drawText();
  }

  makeFiles(keeps) {
    this.files.replaceChildren();
    html("div", "rv-keep-label", this.files).textContent = "This run as a file";
    if (!keeps.length) {
      html("p", "rv-keep-note", this.files).textContent = this.stage.bench.share
        ? "Tables, pictures and films are made where runs are made: open it live with the cell above, in a notebook."
        : "The panel Lab in a notebook makes tables, pictures and films of its runs.";
      return;
    }
    const row = html("div", "rv-keep-row", this.files);
    for (const keep of keeps) {
      const button = this.button(row, keep.label, () => this.download(keep));
      button.dataset.format = keep.format;
      if (keep.note) button.title = keep.note;
    }
    const notes = [...new Set(keeps.map(({ note }) => note))].filter(Boolean);
    if (notes.length) html("p", "rv-keep-note", this.files).textContent = notes.join(" ");
    this.mark(this.busy);
  }

  /** The text of this moment; not while somebody is selecting in it. */
  drawText() {
    const { field, stage } = this;
    if (field.getRootNode().activeElement === field) return;
    const text = SHARED_AS[stage.bench.share ? "text" : "link"](stage);
    if (field.value !== text) field.value = text;
  }

  draw(t, words) {
    if (words) this.drawText();
  }

  destroy() {
    this.stage.model.off("msg:custom", this.answered);
    for (const address of [...this.links.keys()]) this.forget(address);
  }
}

/** How large a file is. @param {number} bytes */
function sizeText(bytes) {
  return bytes < 1_000_000 ? `${Math.max(1, Math.round(bytes / 1000))} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

DRAWERS.push({ name: "keep", label: "Share and keep", key: "k", make: (stage, body) => new KeepDrawer(stage, body) });
