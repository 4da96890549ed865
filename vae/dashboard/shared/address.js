// A choice replaces the entry of the browser's history: Back leads to the page, or the run, before.
if (!window.vaeLabHistory) {
  const { pushState, replaceState } = history;
  history.pushState = function (state, title, url) {
    const now = new URL(location), next = new URL(url ?? now, now);
    const runs = [now, next].map((place) => place.searchParams.get("run"));
    const stays = now.pathname === next.pathname && (!runs[0] || runs[0] === runs[1]);
    return (stays ? replaceState : pushState).call(this, state, title, url);
  };
  window.vaeLabHistory = true;
}
