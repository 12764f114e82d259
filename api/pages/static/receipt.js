// A receipt worked out by the browser itself (RFC 6962, C2SP): nothing is asked of the server, only its key is used.
'use strict';

(async () => {
  const place = document.querySelector('[data-receipt]');
  if (place === null) {
    return;
  }
  const say = (what) => {
    for (const sentence of place.querySelectorAll('[data-own]')) {
      sentence.hidden = sentence.dataset.own !== what;
    }
    place.classList.toggle('notice', what === 'wrong');
  };
  const subtle = window.crypto && window.crypto.subtle;
  if (!subtle) {
    say('cannot');
    return;
  }
  say('waits');
  const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const text = new TextEncoder();
  const join = (...parts) => Uint8Array.from(parts.flatMap((part) => [...part]));
  const base64 = (bytes) => btoa(String.fromCharCode(...bytes));
  const bytes = (encoded) => Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0));
  const same = (one, other) => base64(one) === base64(other);
  const hash = async (...parts) => new Uint8Array(await subtle.digest('SHA-256', join(...parts)));
  const check = (right) => {
    if (!right) {
      throw new RangeError('not right');
    }
  };

  // Base32 without padding; the bits that are left over must be nought, so that there is one way to write it.
  function unpacked(code) {
    const found = [];
    let [held, bits] = [0, 0];
    for (const letter of code) {
      const value = ALPHABET.indexOf(letter);
      check(value >= 0);
      held = ((held << 5) | value) & 0xfff;
      bits += 5;
      if (bits >= 8) {
        bits -= 8;
        found.push((held >> bits) & 0xff);
      }
    }
    check(bits < 5 && (held & ((1 << bits) - 1)) === 0);
    return Uint8Array.from(found);
  }

  // Version, name of the log, number of the leaf, size of the tree, hashes from the leaf up, key id, signature.
  function read(code) {
    const data = unpacked(code);
    let at = 2 + data[1];
    const number = () => {
      let found = 0n;
      for (let shift = 0n; ; shift += 7n) {
        check(at < data.length && shift < 63n);
        const byte = data[at++];
        found |= BigInt(byte & 127) << shift;
        if (byte < 128) {
          check(byte > 0 || shift === 0n);
          return found;
        }
      }
    };
    check(data[0] === 1 && at < data.length);
    const origin = new TextDecoder('utf-8', { fatal: true }).decode(data.slice(2, at));
    const [index, size] = [number(), number()];
    const [hashes, end] = [[], data.length - 68];
    for (; at + 32 <= end; at += 32) {
      hashes.push(data.slice(at, at + 32));
    }
    check(at === end && hashes.length > 0 && index < size);
    return { origin, index, size, leaf: hashes[0], path: hashes.slice(1), id: data.slice(end, end + 4), signature: data.slice(end + 4) };
  }

  // RFC 9162, 2.1.3.2: where the path leads; it must be just as long as the way up.
  async function rootOf({ index, size, leaf, path }) {
    let [step, last, reached] = [index, size - 1n, leaf];
    for (const sibling of path) {
      check(last > 0n);
      if (step & 1n || step === last) {
        reached = await hash([1], sibling, reached);
        while (step > 0n && !(step & 1n)) {
          [step, last] = [step >> 1n, last >> 1n];
        }
      } else {
        reached = await hash([1], reached, sibling);
      }
      [step, last] = [step >> 1n, last >> 1n];
    }
    check(last === 0n);
    return reached;
  }

  try {
    const receipt = read(place.dataset.receipt);
    if (place.dataset.line) {
      check(same(await hash([0], text.encode(place.dataset.line)), receipt.leaf));
    }
    const note = `${receipt.origin}\n${receipt.size}\n${base64(await rootOf(receipt))}\n`;
    const [, name, id, key] = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(place.dataset.key);
    const said = bytes(key);
    check(said.length === 33 && said[0] === 1 && name === receipt.origin);
    check(same((await hash(text.encode(`${name}\n`), said)).slice(0, 4), receipt.id));
    check([...receipt.id].map((byte) => byte.toString(16).padStart(2, '0')).join('') === id);
    let imported;
    try {
      imported = await subtle.importKey('raw', said.slice(1), { name: 'Ed25519' }, false, ['verify']);
    } catch {
      say('unsigned'); // a browser of before 2025
      return;
    }
    check(await subtle.verify({ name: 'Ed25519' }, imported, receipt.signature, text.encode(note)));
    say('right');
  } catch {
    say('wrong');
  }
})();
