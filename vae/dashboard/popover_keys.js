// The body of a popover stands at the end of the document: Tab leads into it from its button, and from its
// end to what follows the button.
{
  const BUTTON = "[data-testid=stPopoverButton][aria-expanded=true]", BODY = "[data-testid=stPopoverBody]";
  const STOPS = "a[href], button, input, select, textarea, [tabindex]";
  const isStop = (node) => node.tabIndex >= 0 && !node.disabled && node.checkVisibility();
  const go = (event) => {
    const button = document.querySelector(BUTTON), body = document.querySelector(BODY);
    if (event.key !== "Tab" || !button || !body) return;
    const stops = [...body.querySelectorAll(STOPS)].filter(isStop), now = document.activeElement;
    if (!stops.length) return;
    if (now === button && !event.shiftKey) {
      event.preventDefault();
      stops[0].focus();
    } else if (now === stops[0] && event.shiftKey) {
      event.preventDefault();
      button.focus();
    } else if (now === stops.at(-1) && !event.shiftKey) button.focus();  // Tab goes on from here
  };
  if (!window.vaeLabPopovers) document.addEventListener("keydown", go, true);
  window.vaeLabPopovers = true;
}
