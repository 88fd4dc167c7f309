const charts = JSON.parse(document.getElementById("charts").textContent);
const settings = { actions: false, ast: true, renderer: "svg", tooltip: { theme: "custom" } };
const draw = async (place) => {
  place.dataset.drawn = "soon";
  await vegaEmbed(place, charts[place.dataset.chart], settings);
  place.dataset.drawn = "yes";
};
const drawAll = (root) => root.querySelectorAll("[data-chart]:not([data-drawn])").forEach(draw);
// What is folded has no width to draw in: its charts wait until it is opened.
document.querySelectorAll("details").forEach((part) =>
  part.addEventListener("toggle", () => part.open && drawAll(part)));
document.querySelectorAll("main > section, details[open]").forEach(drawAll);
const openTarget = () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const part = target && target.closest("details");
  if (part) { part.open = true; target.scrollIntoView(); }
};
addEventListener("hashchange", openTarget);
openTarget();
addEventListener("beforeprint", () =>
  document.querySelectorAll("details").forEach((part) => { part.open = true; }));
