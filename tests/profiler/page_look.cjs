// page_look.cjs PAGE FOLDER: opens a page of `gpusched-profile report` in a headless Chromium, light, dark and narrow.
// No console message, no request, no script, nothing wider than the window; pictures go to FOLDER/suite-LOOK.png.
// NODE_PATH and CHROMIUM as tests/report/run sets them.
"use strict";

const path = require("path");
const { pathToFileURL } = require("url");
const { chromium } = require("playwright-core");

const [file, folder] = process.argv.slice(2);
const looks = {
  light: { colorScheme: "light", viewport: { width: 1280, height: 900 } },
  dark: { colorScheme: "dark", viewport: { width: 1280, height: 900 } },
  narrow: { colorScheme: "light", viewport: { width: 390, height: 844 } },
};

async function main() {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox"] });
  const address = pathToFileURL(path.resolve(file)).href;
  const findings = [];
  for (const [look, options] of Object.entries(looks)) {
    const page = await (await browser.newContext(options)).newPage();
    page.on("console", (message) => findings.push(`${look}: console: ${message.text()}`));
    page.on("pageerror", (error) => findings.push(`${look}: error: ${error.message}`));
    page.on("request", (request) => request.url() !== address && findings.push(`${look}: asks for ${request.url()}`));
    await page.goto(address);
    const seen = await page.evaluate(() => ({
      plots: document.querySelectorAll("svg[aria-label]").length, points: document.querySelectorAll("svg circle").length,
      scripts: document.scripts.length, tooWide: document.documentElement.scrollWidth - window.innerWidth,
    }));
    if (seen.plots < 2 || seen.points < 20) findings.push(`${look}: ${seen.plots} plots with ${seen.points} points`);
    if (seen.scripts > 0) findings.push(`${look}: ${seen.scripts} scripts`);
    if (seen.tooWide > 0) findings.push(`${look}: ${seen.tooWide} pixels wider than the window`);
    await page.screenshot({ path: path.join(folder, `suite-${look}.png`), fullPage: true });
  }
  await browser.close();
  findings.forEach((finding) => console.error(finding));
  console.log(`${Object.keys(looks).length} looks, ${findings.length} findings`);
  process.exit(findings.length ? 1 : 0);
}

main();
