// Pointing at a coloured term of a formula or of the text lights the parts of the picture in its
// colour: a symbol has one colour everywhere, so the others fade. The keyboard reaches a formula
// with Tab and its colours with the arrow keys.

window.vaeLightName = __NAME__;                 // of a formula, in the reader's language
if (!window.vaeLight) {
  window.vaeLight = true;
  const PLACE = '[class*="st-key-learn_picture"]';
  const PARTS = ['.trace', '.contour', '.hm', '.shapelayer > *', '.annotation'].join(', ');
  const FORMULA = '.katex-display';
  const TERM = '.katex-html [style*="color"]';
  const FAINT = '0.15';
  let lit = { formula: null, colour: '' }, marked = [], faded = [];

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
    marked = [...formula.querySelectorAll(TERM)].filter((term) => colourOf(term) === colour
      && !(term.parentElement.matches(TERM) && colourOf(term.parentElement) === colour));
    for (const term of marked) term.classList.add('vae-lit');
    const parts = [...picture().querySelectorAll(PARTS)];
    const others = parts.filter((part) => !isOf(part, colour));
    if (others.length === parts.length) return;  // the picture has no such part
    faded = others;
    for (const part of faded) part.style.opacity = FAINT;
  }

  const isFormula = (element) => Boolean(element?.matches?.(FORMULA));
  document.addEventListener('pointerover', ({ target }) => {
    const term = target.closest?.(TERM);
    if (term) light(term.closest(FORMULA) ?? term.closest('.katex'), colourOf(term));
    else if (!isFormula(document.activeElement)) clear();
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
