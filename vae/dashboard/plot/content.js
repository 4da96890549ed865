// Content from addresses of the server, fetched once.

const CONTENTS = new Map();                     // address → promise of its content
const MOST_CONTENTS = 12;
const MOST_TIMES = 3;                           // that the same content is asked for again

export function content(url, read) {
  const found = CONTENTS.get(url) ?? fetch(new URL(url, location.origin)).then((answer) => {
    if (answer.status !== 200) throw Object.assign(new Error(`${url}: ${answer.status}`), { status: answer.status });
    return read(answer);
  });
  CONTENTS.delete(url);                         // the last one used is the last to go
  CONTENTS.set(url, found);
  found.catch(() => CONTENTS.delete(url));      // the next update tries again
  if (CONTENTS.size > MOST_CONTENTS) CONTENTS.delete(CONTENTS.keys().next().value);
  return found;
}

export const floats = async (answer) => new Float32Array(await answer.arrayBuffer());

export async function pixels(answer) {          // without colour management and scaling
  const how = { colorSpaceConversion: 'none', premultiplyAlpha: 'none' };
  const image = await createImageBitmap(await answer.blob(), how);
  const pen = new OffscreenCanvas(image.width, image.height).getContext('2d', { willReadFrequently: true });
  pen.drawImage(image, 0, 0);
  return pen.getImageData(0, 0, image.width, image.height).data;
}

export function missing(asker, component, error) {   // ask Python to serve the content again
  asker.missed = (asker.missed ?? 0) + 1;
  if (error.status !== 204 || asker.missed > MOST_TIMES) {
    return console.error('The decoded places did not load', error);
  }
  component.setTriggerValue('missing', { times: asker.missed });
}
