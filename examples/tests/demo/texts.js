// Every text that the page shows: where it stands, how large it is, and its contrast with what is behind it
// (https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio).

const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });

// Any colour of CSS as [red, green, blue, alpha], all but alpha up to 255.
function colour(css) {
  canvas.clearRect(0, 0, 1, 1);
  canvas.fillStyle = css;
  canvas.fillRect(0, 0, 1, 1);
  const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
  return [red, green, blue, alpha / 255];
}

function over(front, back) {
  const mix = (i) => front[i] * front[3] + back[i] * (1 - front[3]);
  return [mix(0), mix(1), mix(2), 1];
}

// What is behind an element: its own background over those of its ancestors, over the page's canvas.
function background(element) {
  const scheme = getComputedStyle(document.documentElement).colorScheme;
  const dark = scheme.includes("dark") && matchMedia("(prefers-color-scheme: dark)").matches;
  const layers = [];
  for (let at = element; at; at = at.parentElement) layers.push(colour(getComputedStyle(at).backgroundColor));
  return layers.reverse().reduce((back, front) => over(front, back), dark ? [18, 18, 18, 1] : [255, 255, 255, 1]);
}

function luminance(rgb) {
  const [red, green, blue] = rgb.slice(0, 3).map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one, other) {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

const texts = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let node = walker.nextNode(); node; node = walker.nextNode()) {
  const element = node.parentElement;
  const words = node.textContent.trim();
  if (!words || !element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
  const range = document.createRange();
  range.selectNodeContents(node);
  const box = range.getBoundingClientRect();
  if (box.width < 2 || box.height < 2) continue;
  const style = getComputedStyle(element);
  const svg = element instanceof SVGElement;
  const back = background(element);
  let opacity = 1;
  for (let at = element; at; at = at.parentElement) opacity *= getComputedStyle(at).opacity;
  const ink = colour(svg ? style.fill : style.color);
  ink[3] *= opacity;
  texts.push({
    words,
    left: box.left,
    right: box.right,
    size: parseFloat(style.fontSize) * (svg ? element.getScreenCTM().a : 1),
    ink: over(ink, back).map(Math.round).join(),
    back: back.map(Math.round).join(),
    contrast: contrast(over(ink, back), back),
  });
}
return texts;
