// The point nearest to the pointer (Plotly reports any SVG point within three pixels), and the pointer's
// present place (Plotly reports an earlier one when the pointer moves fast).

export function placeOf({ node }, { clientX, clientY }) {   // in units of the axes
  const { xaxis, yaxis } = node._fullLayout;
  const { x, y } = node.getBoundingClientRect();
  return [xaxis.p2l(clientX - x - xaxis._offset), yaxis.p2l(clientY - y - yaxis._offset)];
}

export function valuesAt({ node }, place) {     // the data at a place: on a logarithmic axis its power
  const { xaxis, yaxis } = node._fullLayout;
  return [xaxis, yaxis].map((axis, k) => axis.type === 'log' ? 10 ** place[k] : place[k]);
}

export function meant(chart, { points: [hit], event }) {
  const { _fullData: traces } = chart.node;
  if (!chart.message.tiles || traces[hit.curveNumber].type !== 'scatter') return hit;
  const { xaxis, yaxis } = hit;
  const box = chart.node.getBoundingClientRect();
  const [left, top] = [box.x + xaxis._offset, box.y + yaxis._offset];
  const pixels = (trace, i) => [left + xaxis.d2p(trace.x[i]), top + yaxis.d2p(trace.y[i])];
  let [nearest, least] = [hit, Infinity];
  traces.forEach((trace, curveNumber) => {
    const silent = trace.visible !== true || trace.hoverinfo === 'skip';
    if (silent || trace.type !== 'scatter' || trace.mode !== 'markers') return;
    for (let i = 0; i < trace.x.length; i++) {
      const [x, y] = pixels(trace, i);
      const distance = Math.hypot(x - event.clientX, y - event.clientY);
      if (distance < least) [nearest, least] = [{ curveNumber, pointNumber: i }, distance];
    }
  });
  const { curveNumber, pointNumber } = nearest;
  const trace = traces[curveNumber];
  const [was, is] = [pixels(traces[hit.curveNumber], hit.pointNumber), pixels(trace, pointNumber)];
  const one = (values) => typeof values === 'string' && values;   // one text for all points
  const of = (values) => one(values) || (values || undefined)?.[pointNumber];
  const { bbox: { x0, x1, y0, y1 } = {} } = hit;
  const [dx, dy] = [is[0] - was[0], is[1] - was[1]];
  return {
    ...hit, curveNumber, pointNumber, x: trace.x[pointNumber], y: trace.y[pointNumber],
    text: of(trace.text), customdata: of(trace.customdata),
    bbox: { x0: x0 + dx, x1: x1 + dx, y0: y0 + dy, y1: y1 + dy },
  };
}
