// A press is answered at once: its button or link looks pressed until the script has run.
{
  const PRESSED = ["stButton", "stDownloadButton", "stPopover", "stPageLink"]
    .map((name) => `[data-testid=${name}] :is(button:enabled, a)`).join();
  const LEAST = 150, SLOW = 500, MOST = 5000;  // ms: in sight, until the script must have begun, at most
  const isRunning = () =>
    document.querySelector("[data-testid=stApp]")?.dataset.testScriptState === "running";
  const press = ({ target }) => {
    const node = target.closest?.(PRESSED);
    if (!node) return;
    const start = performance.now();
    let begun = false;
    const wait = () => {
      const spent = performance.now() - start, running = isRunning();
      begun ||= running;
      const over = begun ? !running && spent > LEAST : spent > SLOW;
      if (over || spent > MOST) delete node.dataset.pressed;
      else setTimeout(wait, 50);
    };
    node.dataset.pressed = "";
    wait();
  };
  if (!window.vaeLabPresses) document.addEventListener("click", press, true);
  window.vaeLabPresses = true;
}
