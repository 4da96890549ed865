// Rows of the data set: which row a point shows, and sets of rows as they travel.

const bytesOf = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
export const rowsOf = (base64) => new Uint32Array(bytesOf(base64).buffer);

export function bitset(rows) {                  // one bit a row, lowest bit first, as base64
  let last = 0;
  for (const row of rows) last = Math.max(last, row);
  const bits = new Uint8Array((last >> 3) + 1);
  for (const row of rows) bits[row >> 3] |= 1 << (row & 7);
  let text = '';
  for (const byte of bits) text += String.fromCharCode(byte);
  return btoa(text);
}

export function rowOf(chart, point) {           // undefined for a trace without rows
  return chart.index ? chart.index[point.curveNumber]?.[point.pointNumber] : point.pointNumber;
}

export function lengthOf(values) {              // of a list or of Plotly's base64
  if (!values?.bdata) return values?.length ?? 0;
  return bytesOf(values.bdata).length / Number(values.dtype.slice(1));
}
