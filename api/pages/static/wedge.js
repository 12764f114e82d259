// A code that is typed, or that a scanner gun types: wherever the cursor is, whatever input method is on.
'use strict';

const codeField = document.querySelector('input[name="code"]');
const codeSaid = document.getElementById('scan-said');

function sayOfCode(what) {
  codeSaid.textContent = what ? codeSaid.dataset[what] : '';
}

// Eighteen digits with one of our prefixes, of which the last checks the others (Luhn).
function isCode(text) {
  const total = Array.from(text).reverse().reduce((sum, digit, place) => {
    const each = digit * (1 + (place % 2));
    return sum + each - (each > 9 ? 9 : 0);
  }, 0);
  return /^7[679][0-9]{16}$/.test(text) && total % 10 === 0;
}

// As the server reads it: without groups, full-width digits as plain ones.
function plainCode(text) {
  return text.normalize('NFKC').replace(/[\s-]/g, '');
}

function takeCode(code) {
  codeField.value = code;
  if (codeField.form.requestSubmit) {
    codeField.form.requestSubmit();
  } else {
    codeField.form.submit();
  }
}

if (codeField && codeSaid) {
  // A wrong digit is found here: the till does not ask for a code that is none. An empty field is the server's affair.
  codeField.form.addEventListener('submit', (event) => {
    const code = plainCode(codeField.value);
    if (code && !isCode(code)) {
      event.preventDefault();
      event.stopPropagation(); // it was not sent, so it may be sent again
      sayOfCode('mistyped');
      codeField.focus();
      codeField.select();
    } else {
      codeField.value = code;
    }
  });

  // A gun is a keyboard that types some hundred keys a second and ends with Enter. What the keys are called on the
  // keyboard is the same under every input method; what they write is not.
  const GAP = 300;
  let run = '';
  let last = 0;
  let place = null; // where the cursor was, and what stood there
  document.addEventListener('keydown', (event) => {
    if (event.timeStamp - last > GAP || event.ctrlKey || event.altKey || event.metaKey) {
      run = '';
    }
    last = event.timeStamp;
    const digit = /^(?:Digit|Numpad)([0-9])$/.exec(event.code);
    if (digit) {
      if (!run) {
        place = { field: event.target, before: event.target.value };
      }
      run += digit[1];
    } else if (/^(?:Numpad)?Enter$/.test(event.code) && run.length >= 18) {
      event.preventDefault();
      event.stopPropagation();
      if (place.field !== codeField && place.before !== undefined) {
        place.field.value = place.before;
      }
      const code = run.slice(-18); // somebody may have typed a digit just before
      run = '';
      codeField.focus();
      takeCode(code);
    } else if (!/^Shift/.test(event.code)) {
      run = '';
    }
  }, true);
}
