// Buttons and keys. Each does one thing to the clock; a key does what its button does.

const ICONS = {
  play: "M7 4.5 v15 l12.5 -7.5 z",
  pause: "M7 5 h3.6 v14 h-3.6 z M13.4 5 h3.6 v14 h-3.6 z",
  back: "M15.5 5 l-8 7 l8 7 z",
  on: "M8.5 5 l8 7 l-8 7 z",
  previous: "M5.5 5 h2.4 v14 h-2.4 z M18.5 5 l-9 7 l9 7 z",
  next: "M16.1 5 h2.4 v14 h-2.4 z M5.5 5 l9 7 l-9 7 z",
  loop: "M7 7 h9 a3 3 0 0 1 3 3 v1.5 M17 17 h-9 a3 3 0 0 1 -3 -3 v-1.5 M9.5 4.2 l-2.8 2.8 l2.8 2.8 M14.5 14.2 l2.8 2.8 l-2.8 2.8",
  slower: "M6 10.9 h12 v2.2 h-12 z",
  faster: "M10.9 6 h2.2 v4.9 h4.9 v2.2 h-4.9 v4.9 h-2.2 v-4.9 h-4.9 v-2.2 h4.9 z",
};

/** name, accessible name, key as shown, key as `aria-keyshortcuts` writes it */
const BUTTONS = [
  ["previous", "Back to the previous mark", "⇧←", "Shift+ArrowLeft"],
  ["back", "Step back to the previous event", "←", "ArrowLeft"],
  ["play", "Play", "space", "Space"],
  ["on", "Step to the next event", "→", "ArrowRight"],
  ["next", "On to the next mark", "⇧→", "Shift+ArrowRight"],
  ["loop", "Loop", "L", "l"],
  ["slower", "Slower", "[", "["],
  ["faster", "Faster", "]", "]"],
];

/** Make an HTML element. @param {string} name @param {string} cls @param {Element} [parent] */
function html(name, cls, parent) {
  const element = document.createElement(name);
  element.className = cls;
  parent?.append(element);
  return element;
}

/** JupyterLab would otherwise take the arrow keys of whatever has the focus. @param {Element} element */
function keepKeys(element) {
  element.setAttribute("data-lm-suppress-shortcuts", "true");
}

class Controls {
  /** @param {Element} parent @param {(name: string) => void} act */
  constructor(parent, act) {
    this.buttons = {};
    const group = html("div", "rv-buttons", parent);
    for (const [name, label, key, shortcut] of BUTTONS) {
      if (name === "slower") this.speed = html("div", "rv-speed", parent);
      const button = html("button", `rv-button rv-do-${name}`, this.speed ?? group);
      button.type = "button";
      button.title = `${label} (${key})`;
      button.setAttribute("aria-label", label);
      button.setAttribute("aria-keyshortcuts", shortcut);
      keepKeys(button);
      const icon = svg("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, button);
      button.icon = svg("path", { d: ICONS[name] }, icon);
      button.onclick = () => act(name);
      this.buttons[name] = button;
      if (name === "slower") this.rate = html("span", "rv-rate", this.speed);
    }
    this.buttons.loop.setAttribute("aria-pressed", "false");
  }

  /** @param {Clock} clock @param {boolean} words */
  draw(clock, words) {
    const { play, loop } = this.buttons;
    put(play.icon, "d", clock.playing ? ICONS.pause : ICONS.play);
    put(play, "aria-label", clock.playing ? "Pause" : "Play");
    put(loop, "aria-pressed", String(clock.loop));
    if (words) say(this.rate, `1 s here = ${span(clock.rate)} there`);
  }
}

/** Return what a key means, or undefined. @param {KeyboardEvent} event */
function meaningOf(event) {
  if (event.target.closest("input, select, textarea, [role=menu]")) return undefined;
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") return event.shiftKey ? "redo" : "undo";
  if (event.ctrlKey || event.metaKey || event.altKey) return undefined;
  const onButton = event.target instanceof HTMLButtonElement;
  switch (event.key) {
    case " ":
      return onButton ? undefined : "play"; // a button with the focus is pressed by the space key anyway
    case "ArrowLeft":
    case "ArrowDown":
      return event.shiftKey ? "previous" : "back";
    case "ArrowRight":
    case "ArrowUp":
      return event.shiftKey ? "next" : "on";
    case "Home":
      return "start";
    case "End":
      return "end";
    case "PageDown":
      return "far-back";
    case "PageUp":
      return "far-on";
    case "[":
      return "slower";
    case "]":
      return "faster";
    case "l":
    case "L":
      return "loop";
    case "-":
      return "zoom-out";
    case "=":
    case "+":
      return "zoom-in";
    case "v":
      return "view";
    case "c":
      return "compare";
    case "p":
      return "projector";
    default:
      return DRAWERS.find(({ key }) => key === event.key)?.name;
  }
}
