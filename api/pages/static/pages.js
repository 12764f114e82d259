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
