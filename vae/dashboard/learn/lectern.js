// A lesson on the stage shows one paragraph of a step at a time, as large as its column allows.
// The arrow keys, Page Up and Page Down (the keys of a presenter's remote) and the buttons turn to
// the next paragraph, after the last one to the next step.

if (!window.vaeLectern) {
  window.vaeLectern = true;
  const LARGEST = 2.4, LEAST = 0.6, STEP = 0.05;   // zoom of the words
  const BUTTONS = 1.1;                          // zoom of the row of buttons, which keeps its place
  const BELOW = 68;                             // px below the words, for the buttons
  const WAYS = { ArrowRight: 1, PageDown: 1, ArrowLeft: -1, PageUp: -1 };
  const TEXT = '.st-key-learn_text [data-testid="stMarkdownContainer"]';
  const COLUMN = '[data-testid="stColumn"]:has(.st-key-learn_text) > [data-testid="stVerticalBlock"]';
  const TAKERS = 'input, textarea, [role="combobox"], .katex-display, .vae-plot-aimed';
  const ROW = '.st-key-learn_steps', HEADER = '.st-key-learn_header';
  const style = document.head.appendChild(document.createElement('style'));
  let step = '', at = 0, isBack = false, size = 1, fitted = '', passes = false, due = 0;

  const PARTS = [TEXT, COLUMN, ROW, HEADER];
  const one = (selector) => document.querySelector(selector);
  const isStage = () => one('.st-key-stage_on') !== null;
  const isOn = () => isStage() && PARTS.every((part) => one(part));   // a redraw brings them one by one
  const count = () => one(TEXT).childElementCount;

  function write(paragraph, zoom) {
    style.textContent = `${TEXT} > :not(:nth-child(${paragraph + 1})) { display: none; }
      ${COLUMN} { zoom: ${zoom}; }
      ${ROW} { zoom: ${BUTTONS / zoom}; }
      ${ROW} [data-testid="stMarkdown"] p::after { content: ' · ${paragraph + 1}/${count()}'; }`;
  }

  const isCut = ({ scrollWidth, clientWidth }) => scrollWidth > clientWidth + 4;   // a zoom rounds them

  function fits() {                             // the words of the present paragraph and zoom
    const column = one(COLUMN);
    const parts = [...column.children].filter((part) => !part.querySelector(ROW) && !part.matches(ROW));
    const bottom = Math.max(...parts.map((part) => part.getBoundingClientRect().bottom));
    return bottom <= innerHeight - BELOW && !isCut(column)
      && ![...column.querySelectorAll('.katex-display')].some(isCut);
  }

  function fit() {                              // the largest zoom at which no paragraph is cut
    const all = Array.from({ length: count() }, (_, k) => k);
    let [low, high] = [0, Math.round((LARGEST - LEAST) / STEP)];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2), zoom = LEAST + STEP * middle;
      const isFine = all.every((paragraph) => { write(paragraph, zoom); return fits(); });
      [low, high] = isFine ? [middle, high] : [low, middle - 1];
    }
    size = LEAST + STEP * low;
  }

  function arrange() {
    due = 0;
    if (!isStage()) style.textContent = fitted = '';
    if (!isOn()) return;
    const now = `${one(HEADER).innerText}${one(ROW).innerText}`;
    if (now !== step) at = isBack ? count() - 1 : 0;
    [step, isBack] = [now, now === step && isBack];
    at = Math.min(at, count() - 1);
    const shape = [step, innerWidth, innerHeight, one(COLUMN).childElementCount].join('|');
    const isNew = shape !== fitted;
    write(at, size);
    if (isNew || !fits()) fit();
    fitted = shape;
    write(at, size);
    sizes.observe(one(COLUMN));
  }

  const later = () => { due ||= requestAnimationFrame(arrange); };
  const sizes = new ResizeObserver(later);

  function turn(way) {                          // → whether there is such a paragraph in this step
    if (at + way < 0 || at + way >= count()) return false;
    at += way;
    arrange();
    return true;
  }

  function press(way) {
    if (turn(way)) return;
    isBack = way < 0;
    const button = one(way > 0 ? '.st-key-learn_next button, .st-key-learn_steps a' : '.st-key-learn_back button');
    passes = true;
    button?.click();
    passes = false;
  }

  addEventListener('keydown', (event) => {
    const way = WAYS[event.key];
    if (!way || !isOn() || event.ctrlKey || event.altKey || event.metaKey) return;
    const isArrow = event.key.startsWith('Arrow');
    const [target] = event.composedPath();
    if (isArrow && target.closest?.(TAKERS)) return;
    event.preventDefault();
    event.stopPropagation();
    press(way);
  }, true);
  addEventListener('click', (event) => {
    if (passes || !isOn()) return;
    const way = event.target.closest?.('.st-key-learn_next button') ? 1
      : event.target.closest?.('.st-key-learn_back button') ? -1 : 0;
    if (!way) return;
    if (turn(way)) event.stopPropagation();
    else isBack = way < 0;
  }, true);
  addEventListener('resize', later);
  new MutationObserver(later).observe(document.body, { childList: true, subtree: true });
  later();
}
