// The memory of what a person did to a chart: its zoom, its tool, its buttons, its legend, its rows.
//
// Plotly has a memory of its own (uirevision). It forgets when the element is built anew, on a change of
// page for instance, and it does not see the figure's buttons. So there is this one memory, put into
// every figure before it is drawn, and Plotly's is not used.

const VIEWS = new Map();                        // key and revision → what the person did
const MOST_VIEWS = 64;

export function viewOf({ key, revision }) {
  const name = JSON.stringify([key, revision]);
  const none = { camera: null, turning: null, dragmode: null, rows: null };
  const view = VIEWS.get(name) ?? { axes: {}, visible: {}, menus: {}, ...none };
  VIEWS.delete(name);                           // last used comes last
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
    const own = typeOf(message.figure.layout, axis);    // what the figure said when it was touched
    view.axes[axis] = { own, type: full[axis].type, range };
  }
  if ('dragmode' in change) view.dragmode = full.dragmode;
  if (change['scene.camera']) view.camera = structuredClone(change['scene.camera']);
  view.turning = change['scene.dragmode'] ?? view.turning;
}

export function lookAgain(chart) {              // the last frames of a turn come after Plotly tells of it
  const scene = chart.node._fullLayout?.scene?._scene;
  if (!scene?.getCamera || !chart.view.camera || chart.shown !== chart.view) return;
  chart.view.camera = structuredClone(scene.getCamera());
}

export function rememberLegend(chart) {
  if (chart.drawing) return;
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
    // A control has switched this axis between linear and log: its old range means nothing now.
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
