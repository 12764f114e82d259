// Her pay code: what a till made of it shows as soon as it has, and a new code comes before this one is over.
'use strict';

let part = document.getElementById('code');
let since = performance.now();
const offline = document.getElementById('offline');

const left = () => Math.max(0, Math.ceil(part.dataset.seconds - (performance.now() - since) / 1000));

const count = () => {
  for (const words of part.querySelectorAll('[data-left]')) {
    words.textContent = words.dataset.left.replace('99', left());
  }
};

const look = async () => {
  const state = await (await fetch('/code/state')).text();
  if (state === part.dataset.state && (state !== 'live' || left() > 10)) {
    return;
  }
  const answer = await fetch(part.dataset.next || '/code?after=1');
  if (answer.redirected) { // to its receipt, or to the sign-in
    location.assign(answer.url);
    return;
  }
  const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
  const newer = page.getElementById('code');
  const opened = part.querySelector('details[open]') !== null;
  for (const digits of newer.querySelectorAll('details')) {
    digits.open = opened;
  }
  part.replaceWith(newer);
  part = newer;
  since = performance.now();
  count();
};

const again = async () => {
  if (!document.hidden) { // in her pocket no codes are made
    await look().then(() => { offline.hidden = true; }, () => { offline.hidden = left() > 0; });
  }
  setTimeout(again, 2000);
};

count();
setInterval(count, 1000);
setTimeout(again, 2000);
