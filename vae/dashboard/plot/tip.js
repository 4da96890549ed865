// The card beside the pointer: the picture of the point under it, and its label.

import { meant } from './near.js';
import { rowOf } from './rows.js';
import { deep } from './space.js';
import { write } from './text.js';

export function hover(chart, event) {
  const point = meant(chart, event);
  const row = rowOf(chart, point);
  if (deep(chart) && row === chart.hovered) return;   // a scene repeats the event at every frame
  if (!chart.message.tiles || row === undefined) return leave(chart);
  chart.hovered = row;
  chart.hit = event.points;
  chart.near = point;
  const words = [point.text, point.customdata].find((given) => typeof [given].flat()[0] === 'string');
  const label = [words ?? `#${row}`].flat().join(' · ');
  const show = (picture) => {
    if (chart.hovered !== row) return;          // the pointer has moved on
    chart.picture.style.display = picture ? 'block' : 'none';
    if (picture) chart.picture.src = picture;
    write(chart.caption, label);
    chart.tip.style.display = 'block';
    place(chart, point.bbox);
  };
  const image = new Image();                    // picture and label appear together, or the label alone
  image.onload = () => show(image.src);
  image.onerror = () => show(null);
  image.src = new URL(chart.message.tiles.replace('{i}', row), `${location.origin}/`);
}

function place(chart, { x0, x1, y0, y1 }) {
  const { offsetWidth: width, offsetHeight: height } = chart.tip;
  const fits = x1 + 10 + width <= chart.root.clientWidth;
  const x = Math.max(0, fits ? x1 + 10 : x0 - 10 - width);
  const y = Math.min(Math.max(0, (y0 + y1 - height) / 2), chart.node.clientHeight - height);
  chart.tip.style.transform = `translate(${Math.round(x)}px, ${Math.round(y)}px)`;
}

export function glide(chart, event) {           // Plotly takes neighbouring points for one
  if (!chart.hit || deep(chart)) return;
  const pointed = { points: chart.hit, event };
  if (rowOf(chart, meant(chart, pointed)) !== chart.hovered) hover(chart, pointed);
}

export function leave(chart) {
  chart.hovered = chart.hit = chart.near = null;
  chart.tip.style.display = 'none';
}
