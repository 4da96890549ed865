// Plotly itself, loaded once for a page, and the question whether the browser draws with WebGL.

let found;
export function webgl() {                       // the test is as slow as a drawing: run it once
  if (found !== undefined) return found;
  const context = document.createElement('canvas').getContext('webgl');
  context?.getExtension('WEBGL_lose_context')?.loseContext();   // a page may hold only a few contexts
  return found = !!context;
}

let loading = null;
export function library(url) {
  return loading ??= new Promise((resolve, reject) => {
    const theirs = window.Plotly;               // st.plotly_chart loads another version: keep it
    const script = document.createElement('script');
    script.src = new URL(url, location.origin);
    script.onload = () => {
      const ours = window.Plotly;
      if (theirs) window.Plotly = theirs;
      resolve(ours);
    };
    script.onerror = () => {
      loading = null;                           // the next update tries again
      script.remove();
      reject(new Error(`${script.src} could not be loaded`));
    };
    document.head.append(script);
  });
}
