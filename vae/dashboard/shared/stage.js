// Tell the charts of a change, zoom the pictures that are no charts, and let Esc leave the stage.
(([isOn, pictures]) => {
  const LARGEST = 4, MARGIN = 40;  // of a zoom; px above and below a picture
  const REPLAY = 1.5;  // zoom of the time machine, whose map then takes the height that is left
  const fitting = (node) => {
    const { width, height } = node.getBoundingClientRect();
    return Math.min(LARGEST, innerWidth * 0.95 / width, (innerHeight - MARGIN) / height);
  };
  const zoom = (node) => {
    if (node.querySelector(".vae-plot")) return;
    Object.assign(node.style, { zoom: "", width: "", marginInline: "" });
    if (!isOn || !node.querySelector("img, canvas")) return;
    const isReplay = node.querySelector(".vae-replay") !== null;
    if (!isReplay) Object.assign(node.style, { width: "max-content", marginInline: "auto" });
    const factor = isReplay ? REPLAY : fitting(node);
    node.style.zoom = innerWidth < 700 ? 1 : Math.max(1, Math.floor(8 * factor) / 8);
  };
  const fit = () => document.querySelectorAll(pictures).forEach(zoom);
  const leave = ({ key }) => {
    if (key === "Escape") document.querySelector(".st-key-stage_on button")?.click();
  };
  removeEventListener("keydown", window.vaeLabLeave);
  removeEventListener("resize", window.vaeLabFit);
  [window.vaeLabLeave, window.vaeLabFit] = [leave, fit];
  addEventListener("keydown", leave);
  window.vaeLabStage?.disconnect();
  window.vaeLabStage = new ResizeObserver(fit);  // pictures may still arrive
  if (isOn) {
    addEventListener("resize", fit);
    window.vaeLabStage.observe(document.querySelector("[data-testid=stMainBlockContainer] > *"));
  }
  fit();
  dispatchEvent(new Event("vae-stage"));
})
