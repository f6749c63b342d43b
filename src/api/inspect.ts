/**
 * The inspector's files, open without a token: they hold no data, and every call they make carries the token. Each goes
 * out with the headers that keep foreign code and foreign requests out of the page; nothing here may weaken them.
 */
import type { Route } from "../http/router.ts";
import { route } from "../http/router.ts";
import { object, optional, string } from "../lib/check.ts";
import { HarnessError } from "../lib/errors.ts";

export interface PageFile {
  /** Where it is served. */
  readonly address: string;
  readonly type: string;
  bytes(): Promise<Uint8Array<ArrayBuffer>>;
}

/** `require-trusted-types-for`: no text can become markup or code in the page, whatever its own code does. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

const HEADERS = {
  "Content-Security-Policy": CONTENT_SECURITY_POLICY,
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cache-Control": "no-cache",
  Vary: "Accept-Encoding",
};

/** Text shrinks to a third: worth it over a tunnel. Each file is read and packed once, when first asked for. */
interface Packed {
  readonly etag: string;
  readonly plain: Uint8Array<ArrayBuffer>;
  readonly gzipped: Uint8Array<ArrayBuffer>;
}

export function inspectRoutes(files: readonly PageFile[]): readonly Route[] {
  const root = route({
    method: "GET",
    path: "/",
    summary: "Leads to the inspector",
    auth: false,
    handler: () => new Response(null, { status: 302, headers: { Location: "/inspect", "Cache-Control": "no-cache" } }),
  });
  if (files.length === 0) return [root, missing()];
  return [root, ...files.map(served)];
}

function served({ address, type, bytes }: PageFile): Route {
  let packed: Promise<Packed> | undefined;
  return route({
    method: "GET",
    path: address,
    summary: "The inspector",
    auth: false,
    // Which box of a fleet the page is about: read by the page itself.
    query: object({ node: optional(string()) }),
    async handler({ req }) {
      const { etag, plain, gzipped } = await (packed ??= pack(bytes));
      const headers = { ...HEADERS, ETag: etag, "Content-Type": type };
      if (named(req.headers.get("if-none-match"), etag)) return new Response(null, { status: 304, headers });
      const takesGzip = /\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/.test(req.headers.get("accept-encoding") ?? "");
      return takesGzip
        ? new Response(gzipped, { headers: { ...headers, "Content-Encoding": "gzip" } })
        : new Response(plain, { headers });
    },
  });
}

async function pack(bytes: PageFile["bytes"]): Promise<Packed> {
  const plain = await bytes();
  return { etag: `"${Bun.hash(plain).toString(36)}"`, plain, gzipped: Bun.gzipSync(plain) };
}

/** Weak or not: the same bytes are meant. */
function named(header: string | null, etag: string): boolean {
  return header !== null && header.split(",").some((each) => each.trim().replace(/^W\//, "") === etag);
}

function missing(): Route {
  return route({
    method: "GET",
    path: "/inspect",
    summary: "The inspector",
    auth: false,
    handler() {
      throw new HarnessError(
        "NO_INSPECTOR",
        "the inspector is part of the built program only: run `make build`, then ./agent-harness serve",
      );
    },
  });
}
