// A figure in the page's theme: colours, fonts, grids.

import { sceneOf } from './space.js';

const COLOURS = JSON.parse('__COLOURS__');      // name → [light, dark]; inserted by the server
const CLASSES = 10;
export const TOOLS = Number('__TOOLS__');    // px above the plot, for the tool bar; inserted by the server
export const AXIS = /^[xy]axis\d*$/;

export function themeOf(root) {
  const style = getComputedStyle(root);
  const value = (name) => style.getPropertyValue(`--st-${name}`).trim();
  const theme = {
    font: value('font'), text: value('text-color'), border: value('border-color'),
    accent: value('primary-color'), background: value('background-color'),
    surface: value('secondary-background-color'),
  };
  theme.shade = isDark(theme.background) ? 1 : 0;   // the column of COLOURS
  return theme;
}

export const penOf = ({ text, accent, shade }) => (   // for drawings on a canvas
  { muted: `${text}80`, accent, channels: Array.from({ length: CLASSES }, (_, k) => COLOURS[`class${k}`][shade]) });

function isDark(colour) {
  const pen = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  pen.fillStyle = colour;                       // a canvas reads every CSS notation
  pen.fillRect(0, 0, 1, 1);
  const [r, g, b] = pen.getImageData(0, 0, 1, 1).data;
  return 0.2126 * r + 0.7152 * g + 0.0722 * b < 128;
}

function ink(text, shade) {                     // 'var(--kl/0.2)' or 'token:kl/0.2' → a colour
  const found = /^(?:token:|var\(--)(\w+)(?:\/([\d.]+))?\)?$/.exec(text);
  const colour = found && COLOURS[found[1]]?.[shade];
  if (!colour) return text.replace(/var\(--(\w+)\)/g, (all, name) => COLOURS[name]?.[shade] ?? all);
  if (!found[2]) return colour;
  const [r, g, b] = [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));
  return `rgba(${r},${g},${b},${found[2]})`;
}

function classScale(shade) {                    // ten flat steps instead of a gradient
  return Array.from({ length: CLASSES }, (_, k) => {
    const colour = COLOURS[`class${k}`][shade];
    return [[k / CLASSES, colour], [(k + 1) / CLASSES, colour]];
  }).flat();
}

const isClassScale = (scale) => /^(token:|var\(--)classes\)?$/.test(scale?.[0]?.[1] ?? scale);

export function inked(value, shade) {           // a copy with the theme's colours in place of names
  if (typeof value === 'string') return ink(value, shade);
  if (Array.isArray(value)) {
    const numbers = typeof value[0] === 'number' && typeof value[1] !== 'string';   // else a stop of a colour scale
    return numbers ? value : value.map((item) => inked(item, shade));
  }
  if (!value || typeof value !== 'object' || value.bdata) return value;
  const copy = {};
  for (const [name, item] of Object.entries(value)) copy[name] = inked(item, shade);
  if (isClassScale(value.colorscale)) {
    copy.colorscale = classScale(shade);
    copy.cmin ??= -0.5;
    copy.cmax ??= CLASSES - 0.5;
    copy.showscale ??= false;
  }
  return copy;
}

function dressedAxis(axis, theme, unified) {
  const { border } = theme;
  const calm = {
    automargin: true, gridcolor: border, zerolinecolor: border, linecolor: border,
    tickfont: { color: COLOURS.muted[theme.shade], size: 11 },
    ticks: 'outside', ticklen: 4, tickcolor: 'rgba(0,0,0,0)',   // invisible: they keep labels off the axis
  };
  // Any setting of spikes turns them on, so only where one line follows the pointer.
  const spikes = unified ? { spikecolor: border, spikethickness: -1 } : {};
  return { ...calm, ...spikes, ...axis };
}

export function dressed(layout, theme, message) {   // with the page's font, grid and background
  const clear = 'rgba(0,0,0,0)';
  const muted = COLOURS.muted[theme.shade];
  const result = {
    margin: { l: 8, r: 12, t: 28, b: 8 },
    dragmode: 'zoom',
    hovermode: 'closest',
    colorway: Array.from({ length: CLASSES }, (_, k) => COLOURS[`class${k}`][theme.shade]),
    ...layout,
    paper_bgcolor: theme.background,            // not transparent: Plotly derives contrasts from it
    plot_bgcolor: theme.background,
    autosize: true,
    height: message.height - TOOLS,
    clickanywhere: message.clickable,
    newshape: { line: { color: theme.accent, width: 2 }, fillcolor: clear },
    selections: [],                             // the rows stay selected, without the outline: points may move
    font: { color: theme.text, family: theme.font, size: 12, ...layout.font },
    legend: { bgcolor: clear, ...layout.legend },
    hoverlabel: {
      bgcolor: theme.surface, bordercolor: theme.border, font: { color: theme.text },
      ...layout.hoverlabel,
    },
    modebar: { bgcolor: clear, color: muted, activecolor: theme.accent, ...layout.modebar },
  };
  if (layout.scene) return { ...result, scene: sceneOf(layout.scene, theme) };
  const names = new Set(['xaxis', 'yaxis', ...Object.keys(layout).filter((name) => AXIS.test(name))]);
  for (const name of names) {
    const unified = name.startsWith('x') && /unified/.test(layout.hovermode);
    result[name] = dressedAxis(layout[name], theme, unified);
  }
  result.updatemenus = layout.updatemenus?.map((menu) => (
    { bgcolor: theme.background, bordercolor: theme.border, ...menu }));
  return result;
}
