// What a page offers beyond plain HTML: it works without, so these buttons appear only when this file runs.
'use strict';

for (const sentence of document.querySelectorAll('[data-without-script]')) {
  sentence.hidden = true;
}

for (const button of document.querySelectorAll('[data-prints]')) {
  button.hidden = false;
  button.addEventListener('click', () => window.print());
}

for (const button of document.querySelectorAll('[data-shows]')) {
  const fields = button.dataset.shows.split(' ').map((id) => document.getElementById(id));
  button.hidden = false;
  button.addEventListener('click', () => {
    const shown = fields[0].type === 'password';
    for (const field of fields) {
      field.type = shown ? 'text' : 'password';
    }
    button.setAttribute('aria-pressed', String(shown));
  });
}

// Parts of a page that change by themselves: the page is asked for again, and what differs takes the old part's place.
for (const part of document.querySelectorAll('[data-fresh]')) {
  const again = async () => {
    try {
      const answer = await fetch(location.href);
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
      const newer = page.getElementById(part.id);
      if (newer === null) {
        location.reload(); // closed, or signed out: the whole page says so
        return;
      }
      for (const name in part.dataset) {
        part.dataset[name] = newer.dataset[name];
      }
      if (newer.innerHTML !== part.innerHTML) {
        part.replaceChildren(...newer.childNodes);
      }
    } catch {
      // No network for a moment: the next time.
    }
    setTimeout(again, part.dataset.fresh * 1000);
  };
  setTimeout(again, part.dataset.fresh * 1000);
}

// Old hands press twice: a form is sent once. Whoever comes back to the page may send it again.
let sent = false;
document.addEventListener('submit', (event) => {
  if (sent) {
    event.preventDefault();
  }
  sent = true;
});
window.addEventListener('pageshow', () => {
  sent = false;
});
