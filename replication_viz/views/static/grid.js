// A page with precomputed runs: sliders that choose among them, without a kernel.

/**
 * @param {object} state of the model, without a run
 * @param {{knobs: {id: string, values: string[]}[], runs: {payload: string, bench: object, settings: string, cell: string}[]}} grid
 *   the runs in the order of the table: the last knob turns fastest
 */
function placeGrid(state, { knobs, runs }) {
  const first = indexIn(addressText(), runs);
  const { model } = placeStage({ ...state, payload: runs[first].payload, bench: runs[first].bench });
  runs[first].bytes = model.get("payload");
  const sliders = knobs.map(({ id }) => document.getElementById(id));
  const rows = [...document.querySelectorAll(".rv-outcomes tbody tr")];
  const follow = (name, text) => {
    for (const element of document.querySelectorAll(`[data-follows="${name}"]`)) element.textContent = text;
  };
  const chosen = () => knobs.reduce((index, { values }, i) => index * values.length + Number(sliders[i].value), 0);
  const choose = (index) => {
    let rest = index;
    for (let i = knobs.length - 1; i >= 0; i--) {
      const { values } = knobs[i];
      sliders[i].value = String(rest % values.length);
      rest = Math.floor(rest / values.length);
    }
    show();
  };
  const show = () => {
    const index = chosen();
    const run = runs[index];
    knobs.forEach(({ id, values }, i) => {
      const value = values[Number(sliders[i].value)];
      sliders[i].setAttribute("aria-valuetext", value);
      document.querySelector(`output[for="${id}"]`).textContent = value;
    });
    rows.forEach((row, i) => {
      if (i === index) row.setAttribute("aria-current", "true");
      else row.removeAttribute("aria-current");
    });
    run.bytes ??= bytesOf(run.payload);
    model.set("bench", run.bench);
    model.set("payload", run.bytes);
    follow("settings", run.settings);
    follow("cell", run.cell);
    document.body.dataset.run = String(index);
  };
  for (const slider of sliders) {
    slider.disabled = false;
    slider.addEventListener("input", show);
  }
  rows.forEach((row, i) => row.addEventListener("click", () => choose(i)));
  addEventListener("hashchange", () => choose(indexIn(addressText(), runs)));
  choose(first);
}

/** Which run an address asks for: the first, if it does not say. */
function indexIn(text, runs) {
  const wanted = Number(partOf(text, "g") ?? 0);
  return Number.isInteger(wanted) && wanted >= 0 && wanted < runs.length ? wanted : 0;
}
