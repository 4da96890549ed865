// Sliders and choices of a lesson. A movement is sent at once, the next one when the page has
// answered, so that the picture follows the pointer as fast as the server can draw it.

const LOOK = 250;                               // ms between two looks at a page that lacks something
const STATES = new WeakMap();                   // root element → state

function send(state) {
  state.moved = performance.now();
  if (state.waiting) { state.late = true; return; }
  state.waiting = true;
  state.sent += 1;
  state.component.setStateValue('moved', { number: state.sent, values: { ...state.values } });
  clearTimeout(state.timer);
  state.timer = setTimeout(() => answered(state), 1000);   // a lost answer must not block the next
}

function answered(state) {
  clearTimeout(state.timer);
  state.waiting = false;
  if (state.late) { state.late = false; send(state); }
}

const places = (step) => (String(step).split('.')[1] ?? '').length;
const written = (control, value) => Number(value).toFixed(places(control.step)).replace('-', '\u2212');

function element(tag, attributes = {}, text = '') {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.textContent = text;
  return made;
}

function slider(state, control) {
  const row = element('label', { class: 'slider', style: `--ink: ${control.colour}` });
  const input = element('input', {
    type: 'range', min: control.low, max: control.high, step: control.step, 'data-name': control.name,
  });
  const output = element('output');
  input.value = state.values[control.name];
  output.textContent = written(control, input.value);
  input.addEventListener('input', () => {
    output.textContent = written(control, input.value);
    state.values[control.name] = Number(input.value);
    send(state);
  });
  row.append(element('b', {}, control.symbol), element('span', {}, control.label), input, output);
  return row;
}

function choice(state, control) {
  const row = element('div', { class: 'choice', role: 'radiogroup', 'aria-label': control.label, style: `--ink: ${control.colour}` });
  row.append(element('b', {}, control.symbol), element('span', {}, control.label));
  const group = element('div', { class: 'options' });
  for (const [name, label] of control.options) {
    const option = element('label');
    const input = element('input', { type: 'radio', name: `${state.id}-${control.name}`, value: name, 'data-name': control.name });
    input.checked = state.values[control.name] === name;
    input.addEventListener('change', () => {
      state.values[control.name] = name;
      send(state);
    });
    option.append(input, element('span', {}, label));
    group.append(option);
  }
  row.append(group);
  return row;
}

function build(state, data) {
  state.values = { ...data.values };
  const rows = data.controls.map((control) => (control.options ? choice : slider)(state, control));
  state.box.replaceChildren(...rows);
  state.shape = JSON.stringify(data.controls);
}

function refresh(state, data) {                 // values that changed on the server
  for (const input of state.box.querySelectorAll('input')) {
    const value = data.values[input.dataset.name];
    if (input.type === 'radio') input.checked = input.value === value;
    else if (Number(input.value) !== value) {
      input.value = value;
      const control = data.controls.find(({ name }) => name === input.dataset.name);
      input.nextElementSibling.textContent = written(control, value);
    }
  }
  state.values = { ...data.values };
}

function look(state) {                          // again, unless a control moves
  if (!state.box.isConnected) clearInterval(state.looks);
  else if (!state.waiting && performance.now() - state.moved > LOOK) {
    state.component.setStateValue('look', Math.round(performance.now()));
  }
}

export default function (component) {
  const { parentElement: root, data } = component;
  const state = STATES.get(root) ?? { sent: 0, moved: -Infinity, id: Math.random().toString(36).slice(2) };
  STATES.set(root, state);
  state.component = component;
  state.box = root.querySelector('.vae-controls');
  if (state.shape !== JSON.stringify(data.controls)) build(state, data);
  else if (data.number >= state.sent && !state.late) refresh(state, data);
  if (data.number >= state.sent) answered(state);
  state.sent = Math.max(state.sent, data.number);
  clearInterval(state.looks);
  if (data.open) state.looks = setInterval(look, LOOK, state);
}
