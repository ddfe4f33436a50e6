// A stand-in for a live model on a page without a kernel: what anywidget's own offers, as far as the stage uses it.
function shimModel(state) {
  const listeners = {};
  return {
    get: (name) => state[name],
    set: (name, value) => {
      if (state[name] === value) return;
      state[name] = value;
      for (const listener of [...(listeners[`change:${name}`] ?? [])]) listener();
    },
    save_changes: () => {},
    send: () => {},
    on: (name, listener) => (listeners[name] ??= new Set()).add(listener),
    off: (name, listener) => listeners[name]?.delete(listener),
  };
}

/** The bytes in a text of base64. @param {string} [text] */
function bytesOf(text) {
  return text ? new DataView(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer) : undefined;
}

/** Put a stage into the first place on the page that has none. @param {object} state with the runs as base64 */
function placeStage(state) {
  const el = [...document.querySelectorAll(".rv-page")].find((place) => !place.dataset.taken);
  el.dataset.taken = "yes";
  el.replaceChildren();
  const model = shimModel({ ...state, payload: bytesOf(state.payload), was: bytesOf(state.was) });
  render({ model, el });
  return { model, el };
}
