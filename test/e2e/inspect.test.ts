/** The inspector as the built daemon serves it: its headers, its caching, its weight; nothing of it from elsewhere. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pageWeight } from "../../nix/page-weight.ts";
import type { Box } from "../support/binary.ts";
import { makeBox } from "../support/binary.ts";

const BUNDLE = join(import.meta.dir, "../../.build/page");
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; manifest-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

let box: Box;
let url = "";
beforeAll(async () => {
  box = await makeBox({}, {}, "a-token-that-the-files-do-not-need");
  url = (await box.start()).url;
});
afterAll(() => box.close());

const get = (path: string, headers: Record<string, string> = {}) =>
  fetch(`${url}${path}`, { headers, redirect: "manual" });

/** Every file that the page's HTML names. */
async function named(): Promise<string[]> {
  const html = await (await get("/inspect")).text();
  return [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path = ""]) => path);
}

test("the root leads to the inspector, which needs no token itself", async () => {
  const root = await get("/");
  expect([root.status, root.headers.get("location")]).toEqual([302, "/inspect"]);
  expect((await get("/inspect")).status).toBe(200);
  expect((await get("/api/v1/agents")).status).toBe(401);
});

test("every file of the page goes out with the policy and the other guarding headers", async () => {
  for (const path of ["/inspect", "/inspect/app.webmanifest", "/inspect/icon-512.png", ...(await named())]) {
    const { status, headers } = await get(path);
    expect([path, status]).toEqual([path, 200]);
    expect(headers.get("content-security-policy")).toBe(POLICY);
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("referrer-policy")).toBe("no-referrer");
    expect(headers.get("cross-origin-opener-policy")).toBe("same-origin");
    expect(headers.get("cache-control")).toBe("no-cache");
  }
});

test("a file that is known already is answered 304, packed or not", async () => {
  for (const encoding of ["gzip", "identity"]) {
    const first = await get("/inspect", { "accept-encoding": encoding });
    expect(first.headers.get("content-encoding")).toBe(encoding === "gzip" ? "gzip" : null);
    const etag = first.headers.get("etag") ?? "";
    const second = await get("/inspect", { "accept-encoding": encoding, "if-none-match": `"other", W/${etag}` });
    expect([second.status, await second.text(), second.headers.get("etag")]).toEqual([304, "", etag]);
    expect((await get("/inspect", { "if-none-match": '"other"' })).status).toBe(200);
  }
});

test("the first load stays light: scripts below 72 KB, styles below 14 KB, 30 KB together when packed", async () => {
  const paths = await named();
  const sizes = { js: 0, css: 0, packed: 0 };
  for (const path of paths) {
    const bytes = new Uint8Array(await (await get(path)).arrayBuffer());
    sizes[path.endsWith(".css") ? "css" : "js"] += bytes.length;
    sizes.packed += Bun.gzipSync(bytes).length;
  }
  expect(paths.every((path) => path.startsWith("/inspect/"))).toBe(true);
  expect(sizes.js).toBeLessThanOrEqual(72 * 1024);
  expect(sizes.css).toBeLessThanOrEqual(14 * 1024);
  expect(sizes.packed).toBeLessThanOrEqual(30 * 1024);
});

test("what came to the page later (changes, nights, the fleet) stays below 40 KB, scripts and styles", async () => {
  const weight = await pageWeight();
  expect(weight?.later).toBeGreaterThan(10 * 1024); // it is found at all
  expect(weight?.later).toBeLessThanOrEqual(40 * 1024);
  expect(weight?.first).toBeLessThanOrEqual(86 * 1024);
});

test("the manifest makes it installable, with icons from here", async () => {
  const manifest = (await (await get("/inspect/app.webmanifest")).json()) as { icons: { src: string; type: string }[] };
  expect(manifest).toMatchObject({ start_url: "/inspect", display: "standalone" });
  for (const { src, type } of manifest.icons) {
    const icon = await get(src);
    expect([icon.status, icon.headers.get("content-type")]).toEqual([200, type]);
  }
});

test("no file of the bundle names another origin", () => {
  const origins = readdirSync(BUNDLE)
    .filter((name) => /\.(js|css|html)\.page$/.test(name))
    .flatMap((name) => readFileSync(join(BUNDLE, name), "utf8").match(/https?:\/\/[^"'`\s)]+/g) ?? []);
  // The name of SVG's namespace is no address: nothing is fetched from it.
  expect(origins.filter((origin) => origin !== "http://www.w3.org/2000/svg")).toEqual([]);
});
