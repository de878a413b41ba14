// browser_test.cjs FOLDER NAME...: checks FOLDER/NAME.html and writes FOLDER/NAME-{light,dark,narrow}.png.
"use strict";

const fs = require("fs");
const path = require("path");
const { pathToFileURL } = require("url");
const { chromium } = require("playwright-core");

const [folder, ...names] = process.argv.slice(2);
const looks = {
  light: { colorScheme: "light", viewport: { width: 1280, height: 900 } },
  dark: { colorScheme: "dark", viewport: { width: 1280, height: 900 } },
  narrow: { colorScheme: "light", viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true },
};

async function checkPage(browser, name, look, findings) {
  const context = await browser.newContext({ ...looks[look], reducedMotion: "reduce" });
  const page = await context.newPage();
  const say = (text) => findings.push(`${name}, ${look}: ${text}`);
  const address = pathToFileURL(path.resolve(folder, `${name}.html`)).href;
  page.on("console", (message) => say(`console: ${message.text()}`));
  page.on("pageerror", (error) => say(`error: ${error.message}`));
  page.on("request", (request) => request.url() !== address && !request.url().startsWith("data:") && say(`asks for ${request.url()}`));
  await page.goto(address);
  await page.waitForSelector(".chart canvas");
  const seen = await page.evaluate(() => ({
    hostile: window.hostile, images: document.images.length, scripts: document.scripts.length, charts: document.querySelectorAll(".chart").length,
    canvases: document.querySelectorAll(".chart canvas").length, cells: document.querySelectorAll(".gpus svg").length,
    parts: document.querySelectorAll(".gpus rect").length, tooWide: document.documentElement.scrollWidth - window.innerWidth, title: document.title,
    unlabelled: [...document.querySelectorAll("input, select, .chart, .map, .intervals")]
      .filter((e) => !e.getAttribute("aria-label") && !(e.id && document.querySelector(`label[for=${e.id}]`))).length,
  }));
  if (seen.hostile !== undefined || seen.images > 0) say("a name in the data was taken for markup");
  if (seen.scripts !== 3) say(`${seen.scripts} script elements`);
  if (seen.charts < 4 || seen.canvases !== seen.charts) say(`${seen.canvases} of ${seen.charts} charts are drawn`);
  if (seen.cells === 0 || seen.parts === 0) say(`the map has ${seen.cells} GPUs and ${seen.parts} parts`);
  if (seen.tooWide > 0) say(`${seen.tooWide} pixels wider than the window`);
  if (seen.unlabelled > 0) say(`${seen.unlabelled} elements without a label`);
  if (name === "hostile" && !seen.title.startsWith("</script><img")) say(`title is ${seen.title}`);
  await page.screenshot({ path: path.join(folder, `${name}-${look}.png`), fullPage: true });
  await checkKeys(page, say);
  await context.close();
}

// The slider by keyboard, the map by arrow keys.
async function checkKeys(page, say) {
  await page.focus("#map-time");
  await page.keyboard.press("Home");
  const before = await page.textContent("output");
  await page.keyboard.press("End");
  const after = await page.textContent("output");
  if (!before.startsWith("0") || before === after) say(`the slider stays at ${after}`);
  await page.focus(".map");
  await page.keyboard.press("ArrowRight");
  if ((await page.locator("svg.selected").count()) !== 1) say("arrow keys choose no GPU");
}

async function main() {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox"] });
  const findings = [];
  for (const name of names) {
    for (const look of Object.keys(looks)) await checkPage(browser, name, look, findings);
    const size = fs.statSync(path.join(folder, `${name}.html`)).size;
    if (size > 5e6) findings.push(`${name}: ${size} bytes`);
  }
  await browser.close();
  console.log(findings.join("\n") || `${names.length} pages as expected, each light, dark and narrow; pictures are in ${folder}`);
  return findings.length > 0 ? 1 : 0;
}

main().then((code) => process.exit(code));
