// Write fonts and the icon sprite to where Django serves them; with --check only say whether they are current.
import { mkdirSync, readFileSync, existsSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const target = join(here, "..", "journeys", "static", "journeys");
const checking = process.argv.includes("--check");

// Latin and Latin extended; other scripts fall to the system's fonts.
const FACES = [
  { family: "inter", name: "Inter Variable", style: "normal", weights: "100 900" },
  { family: "newsreader", name: "Newsreader Variable", style: "normal", weights: "200 800" },
  { family: "newsreader", name: "Newsreader Variable", style: "italic", weights: "200 800" },
];
const SUBSETS = ["latin", "latin-ext"];
const ICONS = [
  "activity", "calendar", "calendar-days", "calendar-heart", "check", "chevron-down", "chevron-right",
  "circle-alert", "clipboard-list", "clock", "ellipsis", "external-link", "file-pen", "file-text", "flag",
  "git-branch", "inbox", "life-buoy", "list-checks", "log-out", "mail", "message-square-text", "pause", "play",
  "rotate-ccw", "route", "search", "skip-forward", "split", "square-check", "star", "tag", "user-round", "users",
  "users-round", "webhook", "x", "zap",
];

const stale = [];

function put(path, content) {
  const wanted = Buffer.from(content);
  if (existsSync(path) && readFileSync(path).equals(wanted)) return;
  stale.push(path);
  if (checking) return;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, wanted);
}

function unicodeRange(family, subset) {
  const css = readFileSync(join(here, "node_modules", "@fontsource-variable", family, "opsz.css"), "utf8");
  const block = css.split("@font-face").find((part) => part.includes(`${family}-${subset}-opsz-normal.woff2`));
  return block.match(/unicode-range: ([^;]+);/)[1];
}

const faces = [];
for (const { family, name, style, weights } of FACES) {
  for (const subset of SUBSETS) {
    const source = join(here, "node_modules", "@fontsource-variable", family, "files", `${family}-${subset}-opsz-${style}.woff2`);
    const file = `${family}-${subset}-${style}.woff2`;
    put(join(target, "fonts", file), readFileSync(source));
    faces.push(`@font-face {
  font-family: "${name}";
  font-style: ${style};
  font-weight: ${weights};
  font-display: swap;
  src: url("fonts/${file}") format("woff2");
  unicode-range: ${unicodeRange(family, subset)};
}
`);
  }
  put(join(target, "fonts", `LICENSE-${family}.txt`), readFileSync(join(here, "node_modules", "@fontsource-variable", family, "LICENSE")));
}
put(join(target, "fonts.css"), `/* Made by frontend/build.js. Inter and Newsreader, SIL Open Font License (fonts/LICENSE-*.txt). */\n${faces.join("")}`);

const icons = ICONS.map((name) => {
  const svg = readFileSync(join(here, "node_modules", "lucide-static", "icons", `${name}.svg`), "utf8");
  const body = svg.slice(svg.indexOf(">", svg.indexOf("<svg")) + 1, svg.lastIndexOf("</svg>")).replace(/\s+/g, " ").trim();
  return `<symbol id="i-${name}" viewBox="0 0 24 24">${body}</symbol>`;
});
const marks = readFileSync(join(here, "marks.svg"), "utf8").split("\n").filter((line) => line.startsWith("<symbol"));
put(
  join(target, "icons.svg"),
  `<svg xmlns="http://www.w3.org/2000/svg">\n<!-- Made by frontend/build.js. Icons (i-) from Lucide, ISC License; marks (m-) are our own. -->\n${[...icons, ...marks].join("\n")}\n</svg>\n`,
);

if (checking && stale.length) {
  console.error(`Not current, run npm run build: ${stale.join(", ")}`);
  process.exit(1);
}
console.log(stale.length ? `Written: ${stale.length} files.` : "Everything is current.");
