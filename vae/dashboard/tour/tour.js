// Show the greeting until a press on one of its buttons is stored.
{
  const KEY = "vae-lab-greeting", page = document.documentElement.classList;
  const read = () => { try { return localStorage.getItem(KEY); } catch { return null; } };
  const dismiss = (event) => {
    if (!event.target.closest?.(".st-key-tour_greeting button")) return;
    try { localStorage.setItem(KEY, "dismissed"); } catch { /* shown again next time */ }
    page.remove("vae-newcomer");
  };
  page.toggle("vae-newcomer", !read());
  if (!window.vaeLabGreets) document.addEventListener("click", dismiss);
  window.vaeLabGreets = true;
}
