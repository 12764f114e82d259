// The till: counts in place, redeems without losing the answer, and says it aloud. Everything works without this file.
'use strict';

// --- goods

const goods = document.getElementById('goods');
if (goods) {
  const sum = document.getElementById('sum');
  const number = (input) => Math.max(0, parseInt(input.value, 10) || 0);
  const add = () => {
    let pieces = 0;
    let points = 0;
    for (const input of goods.querySelectorAll('[name^="n."]')) {
      const about = input.closest('[data-points]');
      pieces += number(input);
      points += number(input) * about.dataset.points;
    }
    const said = (points === 1 ? sum.dataset.one : sum.dataset.many).replace('@', points.toLocaleString('en'));
    sum.firstElementChild.textContent = sum.dataset.sum.replace('#', pieces).replace('@', said);
  };
  goods.addEventListener('click', (event) => {
    const button = event.target.closest('[name="plus"], [name="minus"]');
    if (button) {
      const input = button.parentElement.querySelector('input');
      event.preventDefault();
      input.value = Math.min(999, Math.max(0, number(input) + (button.name === 'plus' ? 1 : -1)));
      add();
    }
  });
  goods.addEventListener('input', (event) => {
    if (event.target.name !== 'q') {
      add();
    }
  });
}

// --- what it sounds like

const TUNES = { done: [660, 880], waiting: [660], cancelled: [660], asking: [330] };
let sounds = null;

function wake() {
  // A browser lets a page sound only after somebody has touched it.
  const Sounds = window.AudioContext || window.webkitAudioContext;
  if (Sounds && !sounds) {
    sounds = new Sounds();
  }
}

function sound(result) {
  if (result.dataset.say === undefined && result.dataset.face !== 'asking') {
    return;
  }
  if (sounds) {
    (TUNES[result.dataset.face] || [220, 165]).forEach((pitch, place) => {
      const tone = sounds.createOscillator();
      const volume = sounds.createGain();
      const begins = sounds.currentTime + place * 0.2;
      tone.frequency.value = pitch;
      volume.gain.value = 0.2;
      tone.connect(volume).connect(sounds.destination);
      tone.start(begins);
      tone.stop(begins + 0.18);
    });
  }
  if (window.speechSynthesis && result.dataset.say) {
    const said = new SpeechSynthesisUtterance(result.dataset.say);
    said.lang = document.documentElement.lang;
    window.speechSynthesis.speak(said);
  }
}

// --- what has become of it

const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

async function ask(address, options) {
  // No answer in time is a lost answer. What the server could not say (5xx) is one, too.
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), 8000);
  try {
    const answer = await fetch(address, { ...options, signal: patience.signal });
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
    return answer.status < 500 ? { address: answer.url, status: answer.status, page } : null;
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
  }
}

function put(part) {
  document.querySelector('main').replaceChildren(part);
  const result = document.getElementById('result');
  if (result) {
    result.querySelector('h1').focus();
    sound(result);
  }
}

function show(answer) {
  const parts = document.createDocumentFragment();
  parts.append(...answer.page.querySelector('main').childNodes);
  document.title = answer.page.title;
  for (const ways of document.querySelectorAll('nav.ways')) {
    ways.replaceWith(answer.page.querySelector('nav.ways') || '');
  }
  put(parts);
  for (const hint of document.querySelectorAll('main [data-without-script]')) {
    hint.hidden = true;
  }
  for (const button of document.querySelectorAll('main [data-prints]')) {
    button.hidden = false;
    button.addEventListener('click', () => window.print());
  }
  window.scrollTo(0, 0);
  guard();
  wait();
}

async function wait() {
  const result = document.getElementById('result');
  while (result && result.dataset.waits && result.isConnected) {
    await pause(2);
    const answer = await ask(result.dataset.waits);
    const newer = answer && answer.page.getElementById('result');
    if (newer && newer.dataset.face !== 'waiting' && result.isConnected) {
      show(answer);
    }
  }
}

// A quote is redeemed here, so that an answer that is lost can be asked for by its key.
function guard() {
  const redeem = document.getElementById('redeem');
  if (!redeem) {
    return;
  }
  const screen = (id) => document.importNode(document.getElementById(id).content, true);
  const screens = { asking: screen('asking'), never: screen('never') };
  const again = document.getElementById('again').content.textContent;
  const button = redeem.querySelector('button');

  const known = (answer) => {
    if (answer.address !== redeem.action && answer.page.getElementById('result')) {
      history.replaceState(null, '', answer.address);
    }
    show(answer);
  };
  const find = async () => {
    put(screens.asking.cloneNode(true));
    for (;;) {
      await pause(3);
      const answer = await ask(redeem.dataset.asks);
      if (answer && answer.status !== 404) {
        known(answer);
        return;
      }
      if (answer) {
        put(screens.never.cloneNode(true));
        button.textContent = again;
        button.disabled = false;
        document.querySelector('main').append(redeem);
        return;
      }
    }
  };
  redeem.addEventListener('submit', async (event) => {
    event.preventDefault();
    event.stopPropagation();
    if (!button.disabled) {
      button.disabled = true;
      wake();
      const answer = await ask(redeem.action, filled(redeem));
      if (answer) {
        known(answer);
      } else {
        find();
      }
    }
  });
}

const filled = (form) => ({ method: 'POST', body: new URLSearchParams(new FormData(form)) });

// A code is asked about without leaving the page, which may sound as long as it stays. A PIN is tried only once.
const scan = document.getElementById('scan');
if (scan) {
  window.addEventListener('submit', async (event) => {
    if (event.target !== scan || event.defaultPrevented || scan.elements.pin.value) {
      return;
    }
    event.preventDefault();
    wake();
    const answer = await ask(scan.action, filled(scan));
    if (answer && !answer.page.getElementById('result') && !answer.page.getElementById('redeem')) {
      scan.submit(); // nothing has happened yet, and the page that says what to mend is a whole one
      return;
    }
    window.dispatchEvent(new Event('pagehide')); // the camera rests
    if (answer) {
      show(answer);
    } else {
      const said = document.getElementById('scan-said');
      said.textContent = said.dataset.offline;
    }
    window.dispatchEvent(new Event('pageshow')); // and forms may be sent again
  });
}

// Whoever comes back to a quote sees what has become of it.
window.addEventListener('pageshow', (event) => {
  if (event.persisted && document.getElementById('redeem')) {
    location.reload();
  }
});

guard();
const first = document.getElementById('result');
if (first) {
  if (navigator.userActivation && navigator.userActivation.hasBeenActive) {
    wake();
  }
  sound(first);
  wait();
}
