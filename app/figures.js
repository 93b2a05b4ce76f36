// What the pages' own drawings (.lw-rows) cannot do alone: be saved as a picture; and Plotly, which other pages draw
// with, read while nothing else happens. Served by the dashboard itself as a module: a browser runs it once.

const SCALE = 2;
const MARGIN = 16;
const CALM_MS = 300;

function paint(drawing) {
  const frame = drawing.getBoundingClientRect();
  const canvas = document.createElement('canvas');
  canvas.width = SCALE * (frame.width + 2 * MARGIN);
  canvas.height = SCALE * (frame.height + 2 * MARGIN);
  const pen = canvas.getContext('2d');
  pen.scale(SCALE, SCALE);
  pen.fillStyle = getComputedStyle(document.querySelector('.stApp')).backgroundColor;
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.translate(MARGIN - frame.left, MARGIN - frame.top);
  for (const part of drawing.querySelectorAll('*')) {
    const look = getComputedStyle(part);
    pen.globalAlpha = Number(look.opacity);
    box(pen, part.getBoundingClientRect(), look);
    for (const words of part.childNodes) if (words.nodeType === Node.TEXT_NODE) lines(pen, words, look);
  }
  return canvas;
}

function box(pen, place, look) {
  pen.fillStyle = look.backgroundColor;
  pen.beginPath();
  pen.roundRect(place.left, place.top, place.width, place.height, Math.min(parseFloat(look.borderRadius) || 0, place.width / 2));
  pen.fill();
  const width = parseFloat(look.borderLeftWidth);
  if (!width) return;
  pen.strokeStyle = look.borderLeftColor;
  pen.lineWidth = width;
  pen.setLineDash(look.borderLeftStyle === 'dotted' ? [2, 3] : []);
  pen.beginPath();
  pen.moveTo(place.left + width / 2, place.top);
  pen.lineTo(place.left + width / 2, place.bottom);
  pen.stroke();
}

// A text as the page breaks it into lines.
function lines(pen, words, look) {
  const range = document.createRange();
  const found = new Map();
  for (let at = 0; at < words.length; at += 1) {
    range.setStart(words, at);
    range.setEnd(words, at + 1);
    const place = range.getBoundingClientRect();
    const line = found.get(place.top) || {left: place.left, middle: place.top + place.height / 2, text: ''};
    found.set(place.top, {...line, text: line.text + words.data[at]});
  }
  pen.font = `${look.fontWeight} ${look.fontSize} ${look.fontFamily}`;
  pen.fillStyle = look.color;
  pen.textBaseline = 'middle';
  for (const line of found.values()) pen.fillText(line.text, line.left, line.middle);
}

addEventListener('click', (click) => {
  const button = click.target.closest('[data-lw-picture]');
  if (!button) return;
  const name = button.dataset.lwPicture;
  const drawing = [...document.querySelectorAll('[data-lw-drawing]')].find((one) => one.dataset.lwDrawing === name);
  if (!drawing) return;
  paint(drawing.querySelector('.lw-rows')).toBlob((picture) => {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(picture);
    link.download = `${name}.png`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  });
});

// Once the first page stands and the browser has nothing to do, the library of the other pages is read: on a machine that
// is never idle, after ten seconds.
function whenCalm() {
  const busy = '[data-stale=true], [data-test-script-state=running], [data-test-script-state=initial]';
  if (!document.querySelector('h1.lw-headline') || document.querySelector(busy)) setTimeout(whenCalm, CALM_MS);
  else (window.requestIdleCallback || setTimeout)(() => import('PLOTLY').catch(() => {}), { timeout: 10000 });
}
setTimeout(whenCalm, CALM_MS);
