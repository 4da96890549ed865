// A choice replaces the entry of the browser's history: Back leads to the page, or the run, before.
// It waits a moment, for the address of a new page can arrive before the page has its path.
if (!window.vaeLabHistory) {
  const { pushState, replaceState } = history, MOMENT = 300;  // ms
  let waiting;
  const stays = (next) => {
    const runs = [location, next].map((place) => new URLSearchParams(place.search).get("run"));
    return location.pathname === next.pathname && (!runs[0] || runs[0] === runs[1]);
  };
  history.pushState = function (state, title, url) {
    const next = new URL(url ?? location, location);
    clearTimeout(waiting);
    if (!stays(next)) { pushState.call(this, state, title, url); return; }
    waiting = setTimeout(() => {
      if (location.pathname === next.pathname) replaceState.call(this, state, title, url);
    }, MOMENT);
  };
  addEventListener("popstate", () => clearTimeout(waiting));
  window.vaeLabHistory = true;
}
