// Tells the kernel which theme holds here, and when another one does.

function render({ model, el }) {
  const tell = () => {
    if (!el.isConnected) return;
    const theme = getComputedStyle(el).colorScheme.includes("dark") ? "dark" : "light";
    if (model.get("theme") === theme) return;
    model.set("theme", theme);
    model.save_changes();
  };
  const shown = new IntersectionObserver(tell); // it may be made long before it is on the page
  shown.observe(el);
  const changed = new MutationObserver(tell);
  for (const root of [document.documentElement, document.body]) changed.observe(root, { attributes: true });
  const system = matchMedia("(prefers-color-scheme: dark)");
  system.addEventListener("change", tell);
  return () => {
    shown.disconnect();
    changed.disconnect();
    system.removeEventListener("change", tell);
  };
}

export default { render };
