// A chart on the stage: as high as the window, with letters, lines and points for the last row.

import { TOOLS } from './theme.js';

const SCALE = 1.55;                             // of letters, lines and points
const BELOW = 60;                               // px above and below a chart
const LENGTHS = { margin: ['l', 'r', 't', 'b'], line: ['width'] };
const ANYWHERE = ['size', 'xshift', 'yshift', 'standoff', 'itemwidth', 'borderpad', 'thickness'];

export const staged = () => document.querySelector('.st-key-stage_on') !== null;

const isPhone = () => innerWidth < 700;         // held in a hand: charts as on the page

export const heightOf = ({ message }) => (
  staged() && !isPhone() ? Math.max(innerHeight - BELOW, 320) : message.height - TOOLS);

export function enlarged(part, parent = '') {   // a copy of a part of a figure with larger lengths
  if (isPhone() || !part || typeof part !== 'object' || part.bdata || ArrayBuffer.isView(part)) return part;
  if (Array.isArray(part)) return part.map((item) => (typeof item === 'object' ? enlarged(item, parent) : item));
  const names = [...ANYWHERE, ...(LENGTHS[parent] ?? [])];
  return Object.fromEntries(Object.entries(part).map(([name, value]) => (
    [name, names.includes(name) && typeof value === 'number' ? SCALE * value : enlarged(value, name)])));
}
