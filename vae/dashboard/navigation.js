// Mark the link of the current page, and let a link opened in a new tab carry the run.
(([title, number]) => {
  const row = ".st-key-navigation", links = () => document.querySelectorAll(`${row} a`);
  const carry = ({ target }) => {  // the run that the address names at this moment
    const link = target.closest?.(`${row} a`);
    if (!link) return;
    const url = new URL(link.getAttribute("href").split("?")[0] || "./", location);
    const run = new URLSearchParams(location.search).get("run");
    if (run) url.searchParams.set("run", run);
    link.href = url;
  };
  const leave = (event) => {  // a new tab or window is the browser's matter
    const wanted = event.ctrlKey || event.metaKey || event.shiftKey;
    if (wanted && event.target.closest?.(`${row} a`)) event.stopPropagation();
  };
  const mark = () => {
    if (window.vaeLabPage !== title) return;
    if (links().length < number) { requestAnimationFrame(mark); return; }
    for (const link of links()) {
      if (link.textContent.trim() !== title) { link.removeAttribute("aria-current"); continue; }
      link.setAttribute("aria-current", "page");
      link.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
    const landmark = document.querySelector(row);
    landmark.setAttribute("role", "navigation");
    landmark.setAttribute("aria-label", "Pages");
  };
  window.vaeLabPage = title;
  mark();
  if (window.vaeLabNavigates) return;
  window.vaeLabNavigates = true;
  for (const kind of ["pointerover", "focusin"]) document.addEventListener(kind, carry);
  document.addEventListener("click", leave, true);
})
