// Cover the page from the press on Train until the server's notice covers it.
{
  const cover = (event) => {
    if (!event.target.closest?.(".st-key-train button:enabled")) return;
    const { dataset } = document.body, end = performance.now() + 3000;
    const wait = () => {
      if (document.querySelector(".vae-starting") || performance.now() > end) delete dataset.starting;
      else requestAnimationFrame(wait);
    };
    dataset.starting = "";
    wait();
  };
  if (!window.vaeLabStarts) document.addEventListener("click", cover, true);
  window.vaeLabStarts = true;
}
