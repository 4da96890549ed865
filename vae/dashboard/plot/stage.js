// A chart on the stage: as high as the window, with letters, lines and points for the last row.

import { TOOLS } from './theme.js';

const LEAST = 1.2, MOST = 1.55, WIDTH = 520;    // scale of letters, lines and points; px at scale 1
const BELOW = 60, LOWEST = 320;                 // px above and below a chart, and of the lowest one
const LENGTHS = { margin: ['l', 'r', 't', 'b'], line: ['width'] };
const ANYWHERE = ['size', 'xshift', 'yshift', 'standoff', 'itemwidth', 'borderpad', 'thickness'];

const staged = () => document.querySelector('.st-key-stage_on') !== null;

const isPhone = () => innerWidth < 700;         // held in a hand: charts as on the page

export const follows = ({ message }) => staged() || message.around > 0;   // the height of the window

export function heightOf({ message: { height, around } }) {
  if (staged() && !isPhone()) return Math.max(innerHeight - BELOW, LOWEST);
  const room = around && !isPhone() ? Math.max(innerHeight - around, LOWEST) : height;
  return Math.min(height, room) - TOOLS;
}

export function enlarger(width) {               // → a function that enlarges a part of a figure
  const scale = Math.min(MOST, Math.max(LEAST, width / WIDTH));
  return staged() && !isPhone() ? (part) => enlarged(part, scale) : (part) => part;
}

function enlarged(part, scale, parent = '') {   // a copy with larger lengths
  if (!part || typeof part !== 'object' || part.bdata || ArrayBuffer.isView(part)) return part;
  if (Array.isArray(part)) return part.map((item) => (typeof item === 'object' ? enlarged(item, scale, parent) : item));
  const names = [...ANYWHERE, ...(LENGTHS[parent] ?? [])];
  return Object.fromEntries(Object.entries(part).map(([name, value]) => (
    [name, names.includes(name) && typeof value === 'number' ? scale * value : enlarged(value, scale, name)])));
}
