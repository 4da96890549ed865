// Charts in three dimensions: axes, selected points, clicks and keys.

const [FEW, LARGE] = [50, 9];                   // up to 50 selected points are drawn 9 pixels wide
const DRAG = 4;                                 // pixels that the pointer may move in a click
export const NO_WEBGL = 'The 3-D view needs WebGL, which this browser does not offer. Switch on hardware '
  + 'acceleration in its settings, or choose a projection that is not 3-D.';
const TYPES = { f4: Float32Array, f8: Float64Array, i1: Int8Array, u1: Uint8Array, i2: Int16Array, i4: Int32Array };

export const deep = (chart) => !!chart.message.figure.layout.scene;

export function sceneOf(scene, theme) {         // three calm axes without walls
  const { border, text } = theme;
  const calm = {
    showbackground: false, gridcolor: border, zerolinecolor: border, linecolor: border, color: text,
    showspikes: false,
  };
  const axes = ['xaxis', 'yaxis', 'zaxis'].map((name) => [name, { ...calm, ...scene[name] }]);
  return { ...scene, ...Object.fromEntries(axes) };
}

function numbersOf(values) {                    // from Plotly's base64, or a plain list
  if (!values?.bdata) return values;
  const bytes = Uint8Array.from(atob(values.bdata), (c) => c.charCodeAt(0));
  return new TYPES[values.dtype](bytes.buffer);
}

export function markSpace(chart, data) {        // fade all points, and draw the selected ones over them
  const { rows } = chart.view;
  if (!rows) return;
  for (const [k, trace] of [...data].entries()) {
    const places = [...chart.index[k] ?? []].flatMap((row, i) => (rows.has(row) ? [i] : []));
    const part = (values) => {
      const all = numbersOf(values);
      if (!all?.length || typeof all === 'string') return all;
      return places.length ? places.map((i) => all[i]) : [null];   // the legend needs a point
    };
    const { x, y, z, marker } = trace;
    trace.legendgroup = trace.name;
    data.push({
      ...trace, x: part(x), y: part(y), z: part(z), text: undefined, hoverinfo: 'skip',
      uid: `${trace.uid ?? k}-selected`,
      marker: { ...marker, color: part(marker.color), size: rows.size > FEW ? marker.size + 2 : LARGE, opacity: 1, showscale: false },
    });
    trace.showlegend = false;
    trace.marker = { ...marker, opacity: 0.08 };
  }
}

export function press(chart, event, chosen) {   // Plotly takes a drag that begins on a point for a click
  const { hovered } = chart;
  if (!deep(chart) || hovered === null || event.button) return;
  const released = (up) => {
    const far = Math.hypot(up.clientX - event.clientX, up.clientY - event.clientY);
    if (far < DRAG) chosen(hovered, event.shiftKey);
  };
  addEventListener('pointerup', released, { capture: true, once: true });
}

export function turned(camera, across, up, zoom) {   // the camera after steps of the arrow keys, + and -
  const { x, y, z } = camera.eye;
  const [far, flat] = [zoom * Math.hypot(x, y, z), Math.hypot(x, y)];
  const angle = Math.atan2(y, x) + 0.15 * across;
  const rise = Math.min(1.5, Math.max(-1.5, Math.atan2(z, flat) + 0.15 * up));
  const eye = {
    x: far * Math.cos(rise) * Math.cos(angle), y: far * Math.cos(rise) * Math.sin(angle),
    z: far * Math.sin(rise),
  };
  return { ...camera, eye, up: { x: 0, y: 0, z: 1 } };
}
