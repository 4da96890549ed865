// The view of a chart: zoom, tool, buttons, legend and selected rows, as the user has set them.
//
// Plotly's own memory (uirevision) is lost when the element is built anew, as on a change of page, and it
// ignores the figure's buttons. This module stores the view and puts it into every figure before a drawing.

const VIEWS = new Map();                        // key and revision → view
const MOST_VIEWS = 64;

export function viewOf({ key, revision }) {
  const name = JSON.stringify([key, revision]);
  const none = { camera: null, turning: null, dragmode: null, rows: null };
  const view = VIEWS.get(name) ?? { axes: {}, visible: {}, menus: {}, ...none };
  VIEWS.delete(name);                           // the last one used is the last to go
  VIEWS.set(name, view);
  if (VIEWS.size > MOST_VIEWS) VIEWS.delete(VIEWS.keys().next().value);
  return view;
}

const nameOf = (trace, i) => trace.name ?? String(i);
const typeOf = (layout, axis) => layout[axis]?.type ?? '-';

export function rememberLayout(chart, change) {        // after zoom, pan, a change of tool, a button
  if (chart.drawing) return;
  const { view, node, message } = chart;
  const full = node._fullLayout;
  for (const path of Object.keys(change)) {
    const [, axis] = /^([xy]axis\d*)\.(?:range|autorange|type)/.exec(path) ?? [];
    if (!axis || !full[axis]) continue;
    const range = full[axis].autorange ? null : [...full[axis].range];
    const own = typeOf(message.figure.layout, axis);    // the figure's type at the time of the change
    view.axes[axis] = { own, type: full[axis].type, range };
  }
  if ('dragmode' in change) view.dragmode = full.dragmode;
  if (change['scene.camera']) view.camera = structuredClone(change['scene.camera']);
  view.turning = change['scene.dragmode'] ?? view.turning;
}

export function lookAgain(chart) {              // a turn goes on after Plotly's event
  const scene = chart.node._fullLayout?.scene?._scene;
  if (!scene?.getCamera || !chart.view.camera || chart.shown !== chart.view) return;
  chart.view.camera = structuredClone(scene.getCamera());
}

export function rememberLegend(chart) {
  chart.node.data.forEach((trace, i) => {
    const own = chart.message.figure.data[i]?.visible ?? true;
    const now = trace.visible ?? true;
    if (now === own) delete chart.view.visible[nameOf(trace, i)];
    else chart.view.visible[nameOf(trace, i)] = now;
  });
}

export function restore(chart, data, layout) {
  const { view, message } = chart;
  for (const [axis, kept] of Object.entries(view.axes)) {
    // A control has switched this axis between linear and log: its old range is not valid.
    if (kept.own !== typeOf(message.figure.layout, axis)) { delete view.axes[axis]; continue; }
    const { range: _, ...rest } = layout[axis] ?? {};
    const place = kept.range ? { range: [...kept.range], autorange: false } : { autorange: true };
    layout[axis] = { ...rest, type: kept.type, ...place };
  }
  if (view.dragmode) layout.dragmode = view.dragmode;
  if (view.camera && layout.scene) layout.scene.camera = structuredClone(view.camera);
  if (view.turning && layout.scene) layout.scene.dragmode = view.turning;
  layout.updatemenus?.forEach((menu, i) => { menu.active = view.menus[i] ?? menu.active; });
  data.forEach((trace, i) => {
    trace.visible = view.visible[nameOf(trace, i)] ?? trace.visible ?? true;
  });
}
