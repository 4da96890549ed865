// Keep the settings of this tab in a cookie for the connection, which a reload opens again.
((name, text) => {
  window.vaeLabKeeps = () => {
    const asset = document.querySelector('script[src*="/static/"]')?.src ?? "/";
    const base = new URL(asset, location).pathname.split("/static/")[0].replace(/\/$/, "");
    const month = 30 * 24 * 3600;
    document.cookie = `${name}=${text}; path=${base}/_stcore; max-age=${month}; samesite=strict`;
  };
  window.vaeLabKeeps();
  if (window.vaeLabRemembers) return;
  for (const kind of ["pagehide", "focus"]) addEventListener(kind, () => window.vaeLabKeeps());
  window.vaeLabRemembers = true;
})
