// A code before the camera: read by the browser where it can, else by the server. After wedge.js, whose field it fills.
'use strict';

const scanButton = document.querySelector('[data-scans]');

if (scanButton && codeField) {
  const PATIENCE = 20000;
  const TRUST = 5000; // so long the browser is trusted to find a code, then the server looks too
  const EVERY = 350; // the server takes three a second
  const SIDE = 480;
  const PHOTO = 800;
  const MOST = 65536;
  const FAULTS = { NotAllowedError: 'denied', SecurityError: 'denied', NotFoundError: 'missing', NotReadableError: 'busy' };

  const video = document.getElementById('scan-video');
  const canvas = document.createElement('canvas');
  const photo = document.querySelector('input[name="photo"]');
  const pause = (time) => new Promise((resolve) => setTimeout(resolve, time));
  let look = 0; // which look for a code is under way; 0: none
  let looks = 0;
  let sound = null;

  function stop(said) {
    look = 0;
    const stream = video.srcObject;
    if (stream) {
      stream.getTracks().forEach((track) => track.stop());
    }
    video.srcObject = null;
    video.hidden = true;
    scanButton.textContent = scanButton.dataset.start;
    sayOfCode(said);
  }

  function beep() {
    if (navigator.vibrate) {
      navigator.vibrate(100);
    }
    if (sound) {
      const tone = sound.createOscillator();
      tone.connect(sound.destination);
      tone.frequency.value = 1200;
      tone.start();
      tone.stop(sound.currentTime + 0.1);
    }
  }

  function found(code) {
    stop('found');
    scanButton.disabled = true;
    beep();
    takeCode(code);
  }

  // The middle of what the camera sees, which is what the page shows.
  function draw() {
    const side = Math.min(video.videoWidth, video.videoHeight);
    const [left, top] = [(video.videoWidth - side) / 2, (video.videoHeight - side) / 2];
    canvas.width = canvas.height = SIDE;
    canvas.getContext('2d').drawImage(video, left, top, side, side, 0, 0, SIDE, SIDE);
  }

  const jpeg = (quality) => new Promise((resolve) => canvas.toBlob(resolve, 'image/jpeg', quality));

  // The code in the canvas, as the server reads it; throws a word for what is wrong.
  async function ask() {
    const token = codeField.form.elements._csrf_token.value;
    const headers = { 'Content-Type': 'image/jpeg', 'X-CSRFToken': token };
    let body = await jpeg(0.65);
    body = body.size > MOST ? await jpeg(0.3) : body;
    let answer;
    try {
      answer = await fetch(scanButton.dataset.scans, { method: 'POST', headers, body });
    } catch {
      throw 'offline';
    }
    if (answer.status === 429) {
      await pause(1000 * (Number(answer.headers.get('Retry-After')) || 1));
      return null;
    }
    if (!answer.ok) {
      throw answer.status < 500 ? 'ended' : 'offline';
    }
    return (await answer.json()).code;
  }

  // Whether the browser reads codes is known only when it has been tried: some say so and then throw.
  async function own() {
    try {
      const detector = new window.BarcodeDetector({ formats: ['qr_code', 'code_128'] });
      await seen(detector);
      return detector;
    } catch {
      return null;
    }
  }

  async function seen(detector) {
    const late = pause(2000).then(() => { throw 'late'; });
    const all = await Promise.race([detector.detect(canvas), late]);
    const codes = new Set(all.map((each) => plainCode(each.rawValue)).filter(isCode));
    return codes.size === 1 ? codes.values().next().value : null;
  }

  async function watch(me) {
    const begun = performance.now();
    let lost = 0;
    draw();
    let detector = await own();
    while (look === me) {
      const now = performance.now();
      if (now - begun > PATIENCE) {
        stop('nothing');
        return;
      }
      draw();
      let code = null;
      try {
        code = detector && await seen(detector);
      } catch {
        detector = null;
      }
      if (!code && (!detector || now - begun > TRUST)) {
        try {
          code = await ask();
          lost = 0;
        } catch (fault) {
          lost += 1;
          if (look === me && (fault === 'ended' || lost === 3)) {
            stop(fault);
          }
        }
      }
      if (look === me && code) {
        found(code);
        return;
      }
      await pause(Math.max(50, detector ? 0 : EVERY - (performance.now() - now)));
    }
  }

  scanButton.hidden = false;
  scanButton.addEventListener('click', async () => {
    if (look) {
      stop('');
      return;
    }
    if (!navigator.mediaDevices) { // a page that did not come by https
      sayOfCode('insecure');
      return;
    }
    const Sounds = window.AudioContext || window.webkitAudioContext;
    sound = sound || (Sounds ? new Sounds() : null);
    look = looks += 1;
    const me = look;
    scanButton.textContent = scanButton.dataset.stop;
    sayOfCode('looking');
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: { ideal: 'environment' } } });
      if (look !== me) { // it was stopped meanwhile
        stream.getTracks().forEach((track) => track.stop());
        return;
      }
      video.srcObject = stream;
      video.hidden = false;
      await video.play();
      await watch(me);
    } catch (fault) {
      if (look === me) {
        stop(FAULTS[fault.name] || 'busy');
      }
    }
  });
  // A photo is made smaller and read before anybody presses a button; where that fails, its form still sends it.
  if (photo && window.createImageBitmap) {
    photo.addEventListener('change', async () => {
      try {
        const image = await createImageBitmap(photo.files[0]);
        const scale = Math.min(1, PHOTO / Math.max(image.width, image.height));
        canvas.width = image.width * scale;
        canvas.height = image.height * scale;
        canvas.getContext('2d').drawImage(image, 0, 0, canvas.width, canvas.height);
        sayOfCode('looking');
        const code = await ask();
        if (code) {
          found(code);
        } else {
          stop('unread');
        }
      } catch (fault) {
        stop(fault === 'ended' || fault === 'offline' ? fault : '');
      }
    });
  }

  window.addEventListener('pagehide', () => stop(''));
  window.addEventListener('pageshow', () => {
    scanButton.disabled = false;
  });
}
