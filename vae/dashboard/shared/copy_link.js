// "Copy link": copy the address, which holds the view; else show it in a field.
if (!window.vaeLabCopies) {
  const copy = async ({ target }) => {
    const button = target.closest?.(".vae-copy-link");
    if (!button) return;
    try {
      await navigator.clipboard.writeText(location.href);
    } catch {  // no clipboard: the page is not served by https or from this machine
      prompt("The link to this view:", location.href);
      return;
    }
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy link"; }, 1500);
  };
  document.addEventListener("click", copy);
  window.vaeLabCopies = true;
}
