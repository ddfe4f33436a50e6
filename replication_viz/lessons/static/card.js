// A lesson's card: draws `state` (a Face, see card.py) and sends the reader's answer or button back.
// Only textContent is ever set, so no text of a lesson or a reader can become markup.

/** @param {string} tag @param {Record<string, any>} [props] @param {(Node | string)[]} [children] */
function make(tag, props = {}, children = []) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

/** Text with `code` between backticks. @param {string} text */
function rich(text) {
  return text.split(/`([^`]+)`/).map((part, i) => (i % 2 ? make("code", {}, [part]) : part));
}

/** JupyterLab takes arrows and Enter away from controls unless the focused element forbids it. */
const OWN_KEYS = { "data-lm-suppress-shortcuts": "true" };
let count = 0;

function render({ model, el }) {
  const root = make("div", { className: "rv-lesson", role: "group" });
  const says = make("div", { className: "rv-says", role: "status", "aria-live": "polite", tabIndex: -1 });
  const controls = make("div");
  const titleId = `rv-lesson-${++count}`;
  el.append(root);

  const send = (kind, value) => model.send({ kind, value });

  function form(spec) {
    const submit = make("button", { type: "submit", ...OWN_KEYS }, ["Commit"]);
    const fields = [];
    if (spec.choices.length) {
      const options = spec.choices.map((choice) =>
        make("label", { className: "rv-choice" }, [
          make("input", { type: "radio", name: titleId, value: choice, ...OWN_KEYS }),
          make("span", {}, [choice]),
        ]),
      );
      fields.push(make("fieldset", { "aria-labelledby": titleId }, options));
    } else {
      fields.push(
        make("input", {
          type: "text", inputMode: "decimal", autocomplete: "off", spellcheck: false,
          placeholder: spec.example, "aria-labelledby": titleId, ...OWN_KEYS,
        }),
      );
      if (spec.unit) fields.push(make("span", { className: "rv-unit" }, [spec.unit]));
    }
    const node = make("form", { noValidate: true }, [...fields, submit]);
    node.addEventListener("submit", (event) => {
      event.preventDefault();
      event.stopPropagation();
      const chosen = node.querySelector('input[type="text"], input:checked');
      send("answer", chosen ? chosen.value : "");
    });
    // JupyterLab swallows the browser's own submitting with Enter.
    node.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.isComposing || event.target === submit) return;
      event.preventDefault();
      node.requestSubmit();
    });
    return node;
  }

  function draw() {
    const { label, title, lines, form: spec, buttons, table, signs } = model.get("state");
    const hadFocus = root.contains(document.activeElement);
    const typed = root.querySelector('input[type="text"]')?.value;
    const chosen = root.querySelector("input:checked")?.value;
    says.replaceChildren(
      ...lines.map(({ text, tone }) =>
        make("p", { className: `rv-line rv-${tone}` }, [
          ...(signs[tone] ? [make("span", { className: "rv-sign", "aria-hidden": "true" }, [signs[tone]])] : []),
          make("span", {}, rich(text)),
        ]),
      ),
    );
    controls.replaceChildren();
    if (spec) controls.append(form(spec));
    if (buttons.length) {
      const row = buttons.map(([id, caption]) => {
        const button = make("button", { type: "button", ...OWN_KEYS }, [caption]);
        button.addEventListener("click", () => send("press", id));
        return button;
      });
      controls.append(make("div", { className: "rv-row" }, row));
    }
    root.setAttribute("aria-labelledby", titleId);
    root.dataset.lines = String(lines.length);
    root.dataset.open = String(Boolean(spec));
    root.replaceChildren(
      make("div", { className: "rv-label" }, [label]),
      make("div", { className: "rv-title", id: titleId }, rich(title)),
      ...(spec ? [controls, says] : [says, controls]),
    );
    if (table.length) {
      const [head, ...body] = table.map((row, i) =>
        make("tr", {}, row.map((cell) => make(i ? "td" : "th", {}, rich(cell)))),
      );
      root.append(make("table", {}, [make("thead", {}, [head]), make("tbody", {}, body)]));
    }
    const field = root.querySelector('input[type="text"]');
    if (field && typed !== undefined) field.value = typed; // a refused answer is not lost
    for (const radio of root.querySelectorAll('input[type="radio"]')) radio.checked = radio.value === chosen;
    if (hadFocus) (field ?? root.querySelector("input:checked, input[type=radio]") ?? says).focus();
  }

  model.on("change:state", draw);
  draw();
  return () => model.off("change:state", draw);
}

export default { render };
