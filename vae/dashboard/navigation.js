// Mark the link of the current page, let a link opened in a new tab carry the run, and lead the link
// "Skip to main content" past the row, which is Streamlit's first part of that content.
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
  const skip = (event) => {
    if (!event.target.closest?.("[data-testid=stSkipToContent]")) return;
    event.preventDefault();
    event.stopPropagation();
    let place = document.querySelector(`[data-testid=stLayoutWrapper]:has(> ${row})`);
    const holds = 'a[href], button, input, summary, [tabindex="0"]';
    do place = place?.nextElementSibling;
    while (place && !(place.checkVisibility() && place.querySelector(holds)));
    if (place) place.tabIndex = -1;  // Tab goes on with its first control
    place?.focus();
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
  for (const act of [leave, skip]) document.addEventListener("click", act, true);
})
