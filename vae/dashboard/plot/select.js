// Clicks and selections: their effect on the chart, and their report to Python.

import { aim, marked } from './marker.js';
import { meant, placeOf, valuesAt } from './near.js';
import { bitset, lengthOf, rowOf } from './rows.js';
import { deep } from './space.js';

export const DOUBLE_CLICK = 300;                // ms between the two clicks of a double click, at most

export function click(chart, event) {
  const { clickable, pickable, revision } = chart.message;
  const point = event.points?.length && (chart.near ?? meant(chart, event));   // the point of the card
  const row = point ? rowOf(chart, point) : undefined;
  if (pickable && row !== undefined && !deep(chart)) pick(chart, row, event.event.shiftKey);
  if (!clickable) return;
  if (point) {
    const { curveNumber: trace, x, y } = point;
    chart.component.setTriggerValue('click', { revision, trace, row: row ?? null, x, y });
  } else if (event.xvals) {
    const place = placeOf(chart, event.event), [x, y] = valuesAt(chart, place);
    aim(chart, place);
    clearTimeout(chart.clicked);                // wait: a double click may follow
    chart.clicked = setTimeout(() => {
      if (performance.now() - chart.doubled < 2 * DOUBLE_CLICK) return;
      chart.component.setTriggerValue('click', { revision, trace: null, row: null, x, y });
    }, DOUBLE_CLICK + 20);
  }
}

export function enter(chart) {                  // the Enter key: a click on the place of the ring
  const { clickable, revision } = chart.message, place = marked(chart);
  if (!clickable || !place) return;
  const [x, y] = valuesAt(chart, place);
  chart.component.setTriggerValue('click', { revision, trace: null, row: null, x, y });
}

export function select(chart, points) {
  if (chart.drawing) return;                    // a drawing raises the event as well
  const rows = new Set(points.map((point) => rowOf(chart, point)));
  rows.delete(undefined);
  const had = chart.view.rows;
  chart.view.rows = rows.size ? rows : null;
  if (rows.size || had) report(chart);
  if (!rows.size) chart.request();               // an empty selection dims no point
}

export function pick(chart, row, add) {         // a click selects or deselects; with Shift it adds
  const { view } = chart;
  const alone = view.rows?.has(row) && (add || view.rows.size === 1);
  const rows = new Set(add ? view.rows : []);
  if (alone) rows.delete(row);
  else rows.add(row);
  view.rows = rows.size ? rows : null;
  report(chart);
  chart.request();
}

export function report(chart) {
  const { view, message } = chart;
  chart.reported = view;
  const sent = view.rows && { revision: message.revision, bits: bitset(view.rows) };
  chart.component.setStateValue('selected', sent);
}

export function mark(chart, data) {             // put the selection into the traces
  const { rows } = chart.view;
  if (!rows) return;
  data.forEach((trace, curveNumber) => {
    const count = chart.index ? chart.index[curveNumber].length : lengthOf(trace.x);
    const numbers = Array.from({ length: count }, (_, pointNumber) => pointNumber);
    const isIn = (pointNumber) => rows.has(rowOf(chart, { curveNumber, pointNumber }));
    if (count) trace.selectedpoints = numbers.filter(isIn);
  });
}
