// Draw every chart in the reader's colour scheme. Print uses the light one and the width of an A4
// page, because the browser has no layout of the paper before it prints.
const charts = JSON.parse(document.getElementById("charts").textContent);
const dark = matchMedia("(prefers-color-scheme: dark)");
const PAPER = { whole: 680, half: 326 };

function draw(paper) {
  charts.forEach((pair, k) => {
    const place = document.getElementById(`chart${k}`);
    const { data, layout } = structuredClone(pair[dark.matches && !paper ? 1 : 0]);
    if (paper) layout.width = place.closest(".pair") ? PAPER.half : PAPER.whole;
    Plotly.react(place, data, layout, { responsive: !paper, displayModeBar: false });
  });
  document.body.dataset.drawn = dark.matches && !paper ? "dark" : "light";
}

draw(false);
dark.addEventListener("change", () => draw(false));
addEventListener("beforeprint", () => draw(true));
addEventListener("afterprint", () => draw(false));
