// A ring on a chart at a place that moves, without a drawing by Plotly; and the place of a click.

export const NAMED = new Map();                 // key → the chart with that key
const STEP = 0.02;                              // of an axis: the way of the ring for one arrow key
const MARKS = new Map();                        // key → [revision, place or null]
const AIMS = new Map();                         // key → function of revision and place

export function mark(key, revision, place) {    // `place` in units of the axes; null: no ring
  MARKS.set(key, [revision, place]);
  if (NAMED.has(key)) stand(NAMED.get(key));
}

export function marked({ message }) {           // the place of the ring; undefined: no ring on this figure
  const [revision, place] = MARKS.get(message.key) ?? [];
  return revision === message.revision ? place ?? undefined : undefined;
}

export function stand(chart) {                  // put the ring where its place is drawn now
  const { node, ring } = chart;
  const place = marked(chart);
  const { xaxis, yaxis } = node._fullLayout ?? {};
  const known = place && xaxis && yaxis;
  const [x, y] = known ? [xaxis.l2p(place[0]), yaxis.l2p(place[1])] : [-1, -1];
  const seen = x >= 0 && y >= 0 && x <= xaxis._length && y <= yaxis._length;
  ring.style.display = seen ? 'block' : 'none';
  if (seen) ring.style.transform = `translate(${x + xaxis._offset}px, ${y + yaxis._offset}px)`;
}

export function steer(chart, across, up) {       // an arrow key moves the ring, at first from the middle
  const { node: { _fullLayout: { xaxis, yaxis } }, message: { key, revision } } = chart;
  const moved = (axis, at, way) => {
    const [low, high] = axis.range.map(axis.r2l);
    const [least, most] = [Math.min(low, high), Math.max(low, high)];
    return Math.min(Math.max((at ?? (low + high) / 2) + way * STEP * (high - low), least), most);
  };
  const [x, y] = marked(chart) ?? [];
  mark(key, revision, [moved(xaxis, x, across), moved(yaxis, y, up)]);
}

export const onAim = (key, call) => AIMS.set(key, call);

export function offAim(key, call) {
  if (AIMS.get(key) === call) AIMS.delete(key);
}

export const aim = ({ message: { key, revision } }, place) => AIMS.get(key)?.(revision, place);
