// A drawing pad with the resolution of the data. Python receives the picture when the pointer or
// the key is released. Where the browser can compute the model, its reconstruction and its place on
// the map follow each stroke.

const PADS = new WeakMap();                     // root element → pad

const decode = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const encode = (bytes) => btoa(String.fromCharCode(...bytes));

function ink(pad) {
  if (pad.erasing) return [0, 0, 0];
  if (pad.channels === 1) return [255];
  const hex = pad.at('.ink').value;
  return [1, 3, 5].map((k) => parseInt(hex.slice(k, k + 2), 16));
}

function show(pad) {
  const { width, height, channels, pixels } = pad;
  const picture = new ImageData(width, height);
  for (let i = 0; i < width * height; i += 1) {
    for (let c = 0; c < 3; c += 1) {
      picture.data[4 * i + c] = pixels[Math.min(c, channels - 1) * width * height + i];
    }
    picture.data[4 * i + 3] = 255;
  }
  pad.canvas.getContext('2d').putImageData(picture, 0, 0);
  see(pad);
}

function see(pad) {                             // once a frame
  pad.frame ??= requestAnimationFrame(() => {
    pad.frame = null;
    pad.follow?.(pad.pixels);
  });
}

async function learn(pad, live) {               // fetch the model
  const text = JSON.stringify(live);
  if (pad.live === text) return;
  Object.assign(pad, { live: text, follow: null });
  pad.at('.seen').hidden = !live;
  if (!live) return;
  const { follow } = await import(new URL('__MODULES__live.js', location.origin));
  const found = await follow(pad.at('.seen canvas'), live, 84);
  if (pad.live !== text) return;                // a newer model has arrived
  pad.follow = found;
  see(pad);
}

function dab(pad, x, y) {                       // x, y in data pixels; pixel edges are integers
  const radius = pad.at('.size').valueAsNumber / 2;
  const colour = ink(pad);
  const { width, height } = pad;
  for (let row = Math.max(0, Math.floor(y - radius - 1)); row < Math.min(height, y + radius + 1); row += 1) {
    for (let column = Math.max(0, Math.floor(x - radius - 1)); column < Math.min(width, x + radius + 1); column += 1) {
      const apart = Math.hypot(column + 0.5 - x, row + 0.5 - y);
      const cover = Math.min(1, Math.max(0, radius + 0.5 - apart));
      colour.forEach((value, c) => {
        const place = c * width * height + row * width + column;
        if (c < pad.channels) pad.pixels[place] += Math.round((value - pad.pixels[place]) * cover);
      });
    }
  }
}

function stroke(pad, x, y) {
  const [fromX, fromY] = pad.last ?? [x, y];
  const steps = Math.max(1, Math.ceil(4 * Math.hypot(x - fromX, y - fromY)));
  for (let k = 1; k <= steps; k += 1) {
    dab(pad, fromX + ((x - fromX) * k) / steps, fromY + ((y - fromY) * k) / steps);
  }
  pad.last = [x, y];
  show(pad);
}

function report(pad) {
  pad.last = null;
  pad.component.setStateValue('drawn', { revision: pad.revision, pixels: encode(pad.pixels) });
}

function ring(pad, x, y) {                      // outline of the brush at x, y
  const scale = pad.canvas.clientWidth / pad.width;
  const size = Math.max(1, pad.at('.size').valueAsNumber) * scale;
  Object.assign(pad.at('.ring').style, {
    width: `${size}px`, height: `${size}px`,
    transform: `translate(${x * scale - size / 2}px, ${y * scale - size / 2}px)`,
  });
}

function place(pad, event) {
  const box = pad.canvas.getBoundingClientRect();
  return [
    ((event.clientX - box.left) / box.width) * pad.width,
    ((event.clientY - box.top) / box.height) * pad.height,
  ];
}

function points(pad) {
  const { canvas } = pad;
  canvas.onpointerdown = (event) => {
    if (event.button) return;
    canvas.setPointerCapture(event.pointerId);
    pad.drawing = true;
    stroke(pad, ...place(pad, event));
  };
  canvas.onpointermove = (event) => {
    pad.cursor = place(pad, event);
    ring(pad, ...pad.cursor);
    if (!pad.drawing) return;
    const all = event.getCoalescedEvents?.() ?? [];
    (all.length ? all : [event]).forEach((each) => stroke(pad, ...place(pad, each)));
  };
  canvas.onpointerup = canvas.onpointercancel = () => {
    if (pad.drawing) report(pad);
    pad.drawing = false;
  };
}

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function keys(pad) {
  const { canvas } = pad;
  canvas.onkeydown = (event) => {
    if (event.key === ' ') {
      pad.pressing = true;
      stroke(pad, ...pad.cursor);
    } else if (STEPS[event.key]) {
      const ends = [pad.width, pad.height];
      pad.cursor = pad.cursor.map((v, k) =>
        Math.min(ends[k] - 0.5, Math.max(0.5, Math.floor(v) + 0.5 + STEPS[event.key][k])));
      if (pad.pressing) stroke(pad, ...pad.cursor);
    } else return;
    event.preventDefault();
    ring(pad, ...pad.cursor);
  };
  const done = () => {
    if (pad.pressing) report(pad);
    pad.pressing = false;
  };
  canvas.onkeyup = (event) => event.key === ' ' && done();
  canvas.onblur = done;
}

function buttons(pad) {
  for (const [name, erasing] of [['.brush', false], ['.eraser', true]]) {
    pad.at(name).onclick = () => {
      pad.erasing = erasing;
      pad.at('.brush').setAttribute('aria-pressed', String(!erasing));
      pad.at('.eraser').setAttribute('aria-pressed', String(erasing));
    };
  }
  pad.at('.clear').onclick = () => {
    pad.pixels.fill(0);
    show(pad);
    report(pad);
  };
  pad.at('.size').oninput = () => ring(pad, ...pad.cursor);
}

function create(root) {
  const pad = { at: (name) => root.querySelector(name), erasing: false };
  pad.canvas = pad.at('canvas');
  points(pad);
  keys(pad);
  buttons(pad);
  return pad;
}

export default (component) => {
  const root = component.parentElement.querySelector('.vae-pad');
  const { data } = component;
  if (!PADS.has(root)) PADS.set(root, create(root));
  const pad = PADS.get(root);
  pad.component = component;
  learn(pad, data.live).catch((error) => console.error('The model did not load', error));
  if (pad.revision === data.revision) return;
  const [channels, height, width] = data.shape;
  Object.assign(pad, { channels, height, width, revision: data.revision });
  Object.assign(pad, { pixels: decode(data.pixels), cursor: [width / 2, height / 2], last: null });
  Object.assign(pad.canvas, { width, height });
  Object.assign(pad.canvas.style, { width: `${width * data.scale}px`, height: `${height * data.scale}px` });
  Object.assign(pad.at('.size'), { max: Math.ceil(width / 3), value: Math.max(1, width / 12) });
  pad.at('.ink').hidden = channels === 1;
  show(pad);
  ring(pad, ...pad.cursor);
};
