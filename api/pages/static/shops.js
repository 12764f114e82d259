// The button that asks the browser where she is, and opens the page again with it, rounded to about a hundred metres.
'use strict';

const button = document.querySelector('[data-locates]');
if (button !== null && 'geolocation' in navigator && isSecureContext) {
  button.hidden = false;
  button.addEventListener('click', () => {
    button.disabled = true;
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => {
        const place = new URLSearchParams({
          latitude: coords.latitude.toFixed(3),
          longitude: coords.longitude.toFixed(3),
        });
        location.replace(`${location.pathname}?${place}`);
      },
      () => {
        button.disabled = false;
        document.getElementById(button.dataset.locates).hidden = false;
      },
      { maximumAge: 60000, timeout: 15000 },
    );
  });
}
