// Pointing at a coloured term of a formula or of the text lights the parts of the picture in its
// colour: a symbol has one colour everywhere, so the others fade. Pointing at a part of the picture
// lights its terms. The keyboard reaches a formula with Tab and its colours with the arrow keys.

window.vaeLightName = __NAME__;                 // of a formula, in the reader's language
if (!window.vaeLight) {
  window.vaeLight = true;
  const PLACE = '[class*="st-key-learn_picture"]';
  const PARTS = ['.trace', '.contour', '.hm', '.shapelayer > *', '.annotation'].join(', ');
  const FORMULA = '.katex-display';
  const TERM = '.katex-html [style*="color"]';
  const FAINT = '0.15';
  const REACH = [[0, 0], [4, 0], [-4, 0], [0, 4], [0, -4]];   // px around the pointer
  const FRESH = 500;                            // ms for which the list of parts is used
  let lit = { formula: null, colour: '' }, marked = [], faded = [];
  let painted = { until: 0, list: [] };

  const picture = () => document.querySelector(`${PLACE} .js-plotly-plot`);
  const colourOf = (term) => getComputedStyle(term).color;
  const colours = (formula) => [...new Set([...formula.querySelectorAll(TERM)].map(colourOf))];

  const isOf = (part, colour) => [part, ...part.querySelectorAll('*')].some((element) => {
    const { stroke, fill } = getComputedStyle(element);
    return stroke === colour || fill === colour;
  });

  function clear() {
    for (const term of marked) term.classList.remove('vae-lit');
    for (const part of faded) part.style.opacity = '';
    [lit, marked, faded] = [{ formula: null, colour: '' }, [], []];
  }

  function light(formula, colour) {
    if (formula === lit.formula && colour === lit.colour) return;
    clear();
    if (!formula || !picture()) return;
    lit = { formula, colour };
    mark(formula, colour);
    const parts = [...picture().querySelectorAll(PARTS)];
    const others = parts.filter((part) => !isOf(part, colour));
    if (others.length === parts.length) return;  // the picture has no such part
    faded = others;
    for (const part of faded) part.style.opacity = FAINT;
  }

  function mark(place, colour) {
    marked = [...place.querySelectorAll(TERM)].filter((term) => colourOf(term) === colour
      && !(term.parentElement.matches(TERM) && colourOf(term.parentElement) === colour));
    for (const term of marked) term.classList.add('vae-lit');
  }

  function inks() {                             // elements of the picture in the colour of a term, the front first
    if (performance.now() < painted.until) return painted.list;
    const known = new Set(colours(document.querySelector('[data-testid="stMain"]')));
    const elements = [...picture().querySelectorAll(PARTS)].reverse()
      .flatMap((part) => [part, ...part.querySelectorAll('path, rect, text')]);
    const list = elements.flatMap((element) => {
      const { stroke, fill } = getComputedStyle(element);
      return [{ element, colour: stroke, isLine: true }, { element, colour: fill, isLine: false }];
    }).filter(({ element, colour }) => known.has(colour) && (element.getTotalLength || element.localName === 'text'));
    painted = { until: performance.now() + FRESH, list };
    return list;
  }

  function isAt({ element, isLine }, x, y) {
    if (element.localName === 'text') {
      const { left, right, top, bottom } = element.getBoundingClientRect();
      return x >= left && x <= right && y >= top && y <= bottom;
    }
    const inside = element.getScreenCTM()?.inverse();
    if (!inside) return false;
    const at = ([right, down]) => new DOMPoint(x + right, y + down).matrixTransform(inside);
    return isLine ? REACH.some((way) => element.isPointInStroke(at(way))) : element.isPointInFill(at([0, 0]));
  }

  function lightTerms(x, y) {                   // of the part of the picture at this place of the window
    const all = inks(), [words, lines] = [({ element }) => element.localName === 'text', ({ isLine }) => isLine];
    const found = [words, lines, () => true].map((kind) => all.filter(kind).find((one) => isAt(one, x, y))).find(Boolean);
    if (lit.formula === null && found?.colour === lit.colour) return;
    clear();
    if (!found) return;
    lit = { formula: null, colour: found.colour };
    mark(document.querySelector('[data-testid="stMain"]'), found.colour);
  }

  const isFormula = (element) => Boolean(element?.matches?.(FORMULA));
  document.addEventListener('pointerover', ({ target }) => {
    if (target.closest?.(PLACE)) return;
    const term = target.closest?.(TERM);
    if (term) light(term.closest(FORMULA) ?? term.closest('.katex'), colourOf(term));
    else if (!isFormula(document.activeElement)) clear();
  });
  let isDue = false;
  document.addEventListener('pointermove', ({ target, clientX, clientY }) => {
    if (isDue || !target.closest?.(PLACE) || isFormula(document.activeElement) || !picture()) return;
    isDue = true;
    requestAnimationFrame(() => {
      isDue = false;
      if (picture()) lightTerms(clientX, clientY);
    });
  });
  document.addEventListener('focusin', ({ target }) => {
    if (isFormula(target)) light(target, colours(target)[0]);
  });
  document.addEventListener('focusout', ({ target }) => { if (isFormula(target)) clear(); });
  document.addEventListener('keydown', (event) => {
    const way = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!way || !isFormula(event.target)) return;
    const all = colours(event.target), at = all.indexOf(lit.colour);
    light(event.target, all[(at + way + all.length) % all.length]);
    event.preventDefault();
  });

  const prepare = () => {
    if (lit.formula && !lit.formula.isConnected) clear();
    if (!picture()) return;
    for (const formula of document.querySelectorAll(`[data-testid="stMain"] ${FORMULA}`)) {
      if (formula.ariaLabel === window.vaeLightName || !formula.querySelector(TERM)) continue;
      Object.assign(formula, { tabIndex: 0, role: 'group', ariaLabel: window.vaeLightName });
    }
  };
  new MutationObserver(prepare).observe(document.body, { childList: true, subtree: true });
  prepare();
}
