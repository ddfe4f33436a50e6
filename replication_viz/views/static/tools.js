// The row of tools below the clock's buttons: another view, drawers, undo and redo, compare, projector.

class Tools {
  /** @param {Stage} stage @param {HTMLElement} parent */
  constructor(stage, parent) {
    this.stage = stage;
    const bar = html("div", "rv-tools", parent);
    bar.setAttribute("role", "toolbar");
    bar.setAttribute("aria-label", "Tools");
    this.buttons = {};
    const left = html("div", "rv-tool-group", bar);
    this.make(left, "view", "Space–time", "v", "aria-pressed");
    for (const { name, label, key } of DRAWERS) this.make(left, name, label, key, "aria-expanded");
    const right = html("div", "rv-tool-group", bar);
    this.make(right, "undo", "Undo", "Control+z");
    this.make(right, "redo", "Redo", "Control+Shift+z");
    this.make(right, "compare", "Compare", "c", "aria-pressed");
    this.make(right, "projector", "Projector", "p", "aria-pressed");
    this.place = html("div", "rv-drawer", parent);
    this.place.hidden = true;
    this.drawers = {};
    this.open = null;
  }

  make(parent, name, label, key, state) {
    const button = html("button", `rv-tool rv-tool-${name}`, parent);
    button.type = "button";
    button.textContent = label;
    button.title = `${label} (${key.replace("Control", "Ctrl").toUpperCase()})`;
    button.setAttribute("aria-keyshortcuts", key);
    if (state) button.setAttribute(state, "false");
    keepKeys(button);
    button.onclick = () => this.act(name);
    this.buttons[name] = button;
  }

  /** Do what a button or key says. @param {string} name */
  act(name) {
    const { stage } = this;
    const { bench } = stage;
    if (this.buttons[name]?.disabled) return;
    if (name in { undo: 0, redo: 0 }) stage.ask({ do: name });
    else if (name === "compare") stage.ask({ do: "compare", on: !stage.was });
    else if (name === "projector") this.project(!stage.model.get("projector"));
    else if (name === "view") stage.choose("view", stage.now.view === VIEWS[0] ? VIEWS[1] : VIEWS[0]);
    else if (DRAWERS.some((drawer) => drawer.name === name)) {
      stage.choose("drawer", stage.model.get("drawer") === name ? "" : name);
    }
  }

  /** Large type, and the whole screen where the browser gives it: with the knobs, if there are any. */
  project(on) {
    const { stage } = this;
    stage.choose("projector", on);
    const whole = stage.root.closest(".rv-lab") ?? stage.root;
    if (on) whole.requestFullscreen?.().catch(() => {}); // refused: large type in the page then
    else if (document.fullscreenElement === whole) document.exitFullscreen();
  }

  /** The runs or the bench have changed. */
  show() {
    const { stage, buttons } = this;
    const { bench } = stage;
    for (const name of ["undo", "redo"]) {
      buttons[name].hidden = !stage.answers;
      buttons[name].disabled = !bench[name];
      buttons[name].setAttribute("aria-label", bench[name] ? `${buttons[name].textContent}: ${bench[name]}` : buttons[name].textContent);
    }
    buttons.compare.hidden = !stage.answers;
    buttons.compare.setAttribute("aria-pressed", String(stage.was !== null));
    requestAnimationFrame(() => nameKnobs(stage.root.closest(".rv-lab")));
    if (!stage.run) return;
    for (const drawer of Object.values(this.drawers)) drawer.show();
    for (const { name, label, count: holds } of DRAWERS) {
      const held = holds?.(stage);
      if (holds) say(buttons[name], held ? `${label} · ${held}` : label);
    }
  }

  /** The view, the drawer or the width may have changed. */
  arrange() {
    const { stage, buttons } = this;
    buttons.view.setAttribute("aria-pressed", String(stage.now.view !== VIEWS[0]));
    buttons.projector.setAttribute("aria-pressed", String(stage.model.get("projector") === true));
    const wanted = stage.model.get("drawer");
    const found = DRAWERS.find(({ name }) => name === wanted);
    for (const { name } of DRAWERS) {
      buttons[name].setAttribute("aria-expanded", String(name === found?.name));
      if (this.drawers[name]) this.drawers[name].body.hidden = name !== found?.name;
    }
    this.place.hidden = !found;
    this.open = found ? (this.drawers[found.name] ??= this.build(found)) : null;
  }

  build({ name, label, make }) {
    const body = html("section", `rv-drawer-${name}`, this.place);
    body.setAttribute("aria-label", label);
    const drawer = make(this.stage, body);
    drawer.body = body;
    drawer.show();
    return drawer;
  }

  draw(t, words) {
    this.open?.draw(t, words);
  }

  destroy() {
    for (const drawer of Object.values(this.drawers)) drawer.destroy?.();
  }
}

/**
 * Give the knobs of a panel names and values for who listens: the sliders of ipywidgets have none of their own.
 * @param {Element | null} panel
 */
function nameKnobs(panel) {
  for (const knob of panel?.querySelectorAll(".widget-hslider") ?? []) {
    const handle = knob.querySelector(".noUi-handle");
    if (!handle) continue;
    handle.setAttribute("aria-label", knob.querySelector(".widget-label")?.textContent ?? "knob");
    handle.setAttribute("aria-valuetext", knob.querySelector(".widget-readout")?.textContent ?? "");
  }
}
