/**
 * Bytes that are no HTTP, or HTTP that no client sends. Some are refused by the runtime, with a bare answer or none.
 */

export interface RawRequest {
  readonly what: string;
  readonly bytes: string | Uint8Array;
  /** 0 = the connection is closed without an answer. */
  readonly status: number;
  /** The code of our own answer; without = the runtime's. */
  readonly code?: string;
}

const HOST = "Host: localhost\r\n";
const AUTH = "Authorization: Bearer the-right-token\r\n";
const POST = `POST /api/v1/projects/p/agents/done/input HTTP/1.1\r\n${HOST}${AUTH}Content-Type: application/json\r\n`;
const BODY = '{"text":"x"}';
const MIB = Buffer.alloc(0x100000, " ");

export const rawRequests: readonly RawRequest[] = [
  { what: "a TLS hello", bytes: `\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03${"\0".repeat(100)}`, status: 400 },
  { what: "the preface of HTTP/2", bytes: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", status: 400 },
  { what: "a request without version", bytes: `GET /api/v1/health\r\n${HOST}\r\n`, status: 505 },
  { what: "an unknown version", bytes: `GET /api/v1/health HTTP/3.0\r\n${HOST}\r\n`, status: 505 },
  { what: "lines without CR", bytes: `GET /api/v1/health HTTP/1.1\nHost: localhost\n\n`, status: 505 },
  { what: "a space in the path", bytes: `GET /api/v1/pro jects HTTP/1.1\r\n${HOST}${AUTH}\r\n`, status: 505 },
  { what: "an unknown method", bytes: `BREW /api/v1/health HTTP/1.1\r\n${HOST}\r\n`, status: 0 },
  { what: "a method in small letters", bytes: `get /api/v1/health HTTP/1.1\r\n${HOST}\r\n`, status: 0 },
  {
    what: "TRACE",
    bytes: `TRACE /api/v1/projects HTTP/1.1\r\n${HOST}${AUTH}\r\n`,
    status: 405,
    code: "METHOD_NOT_ALLOWED",
  },
  {
    what: "OPTIONS",
    bytes: `OPTIONS /api/v1/projects HTTP/1.1\r\n${HOST}${AUTH}\r\n`,
    status: 405,
    code: "METHOD_NOT_ALLOWED",
  },
  {
    what: "the question of a browser whether a page may",
    bytes: `OPTIONS /api/v1/projects HTTP/1.1\r\n${HOST}Origin: https://evil.example\r\nAccess-Control-Request-Method: POST\r\n\r\n`,
    status: 403,
    code: "FORBIDDEN_ORIGIN",
  },
  { what: "OPTIONS of everything", bytes: `OPTIONS * HTTP/1.1\r\n${HOST}${AUTH}\r\n`, status: 400 },
  {
    what: "CONNECT",
    bytes: "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n",
    status: 403,
    code: "FORBIDDEN_HOST",
  },
  {
    what: "a websocket",
    bytes: `GET /api/v1/events HTTP/1.1\r\n${HOST}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n`,
    status: 401,
    code: "UNAUTHORIZED",
  },
  { what: "no Host", bytes: "GET /api/v1/health HTTP/1.1\r\n\r\n", status: 400 },
  { what: "no Host in HTTP/1.0", bytes: "GET /api/v1/health HTTP/1.0\r\n\r\n", status: 403, code: "FORBIDDEN_HOST" },
  { what: "an empty Host", bytes: "GET /api/v1/health HTTP/1.1\r\nHost:\r\n\r\n", status: 403, code: "FORBIDDEN_HOST" },
  {
    what: "two Hosts, the first one good",
    bytes: `GET /api/v1/health HTTP/1.1\r\n${HOST}Host: evil.example\r\n\r\n`,
    status: 403,
    code: "FORBIDDEN_HOST",
  },
  {
    what: "the same Host twice",
    bytes: `GET /api/v1/health HTTP/1.1\r\n${HOST}${HOST}\r\n`,
    status: 403,
    code: "FORBIDDEN_HOST",
  },
  {
    what: "a Host with a user",
    bytes: "GET /api/v1/health HTTP/1.1\r\nHost: localhost@evil.example\r\n\r\n",
    status: 403,
    code: "FORBIDDEN_HOST",
  },
  { what: "a space before a colon", bytes: "GET /api/v1/health HTTP/1.1\r\nHost : localhost\r\n\r\n", status: 400 },
  { what: "a folded header", bytes: `GET /api/v1/health HTTP/1.1\r\n${HOST}X: a\r\n b\r\n\r\n`, status: 400 },
  { what: "NUL in a header", bytes: `GET /api/v1/health HTTP/1.1\r\n${HOST}X: a\0b\r\n\r\n`, status: 400 },
  {
    what: "a header of 64 KiB",
    bytes: `GET /api/v1/health HTTP/1.1\r\n${HOST}X: ${"x".repeat(65_536)}\r\n\r\n`,
    status: 431,
  },
  {
    what: "2000 headers",
    bytes: `GET /api/v1/health HTTP/1.1\r\n${HOST}${Array.from({ length: 2000 }, (_, i) => `X${i}: 1\r\n`).join("")}\r\n`,
    status: 431,
  },
  { what: "a path of 64 KiB", bytes: `GET /api/v1/${"x".repeat(65_536)} HTTP/1.1\r\n${HOST}\r\n`, status: 431 },
  {
    what: "the right token twice",
    bytes: `GET /api/v1/projects HTTP/1.1\r\n${HOST}${AUTH}${AUTH}\r\n`,
    status: 401,
    code: "UNAUTHORIZED",
  },
  {
    what: "a wrong token beside the right one",
    bytes: `GET /api/v1/projects HTTP/1.1\r\n${HOST}Authorization: Bearer x\r\n${AUTH}\r\n`,
    status: 401,
    code: "UNAUTHORIZED",
  },
  {
    what: "a token that is no text",
    bytes: `GET /api/v1/projects HTTP/1.1\r\n${HOST}Authorization: Bearer \xff\xfe\r\n\r\n`,
    status: 401,
    code: "UNAUTHORIZED",
  },
  {
    what: "a path that climbs out",
    bytes: `GET /api/v1/projects/../../../etc/passwd HTTP/1.1\r\n${HOST}${AUTH}\r\n`,
    status: 404,
    code: "ROUTE_NOT_FOUND",
  },
  {
    what: "a path that climbs out, encoded",
    bytes: `GET /api/v1/projects/%2e%2e%2f%2e%2e%2fetc HTTP/1.1\r\n${HOST}${AUTH}\r\n`,
    status: 404,
    code: "PROJECT_NOT_FOUND",
  },
  {
    what: "a path that is no UTF-8",
    bytes: `GET /api/v1/projects/\xff HTTP/1.1\r\n${HOST}${AUTH}\r\n`,
    status: 404,
    code: "PROJECT_NOT_FOUND",
  },
  { what: "a length that is no number", bytes: `${POST}Content-Length: abc\r\n\r\n${BODY}`, status: 400 },
  { what: "a negative length", bytes: `${POST}Content-Length: -1\r\n\r\n${BODY}`, status: 400 },
  {
    what: "a length beyond all numbers",
    bytes: `${POST}Content-Length: 99999999999999999999\r\n\r\n${BODY}`,
    status: 400,
  },
  { what: "two lengths", bytes: `${POST}Content-Length: 12\r\nContent-Length: 2\r\n\r\n${BODY}`, status: 400 },
  {
    what: "a length and chunks",
    bytes: `${POST}Content-Length: 12\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    status: 400,
  },
  {
    what: "chunks announced in a way that others read differently",
    bytes: `${POST}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`,
    status: 400,
  },
  { what: "an unknown transfer encoding", bytes: `${POST}Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n`, status: 400 },
  {
    what: "a chunk of no size",
    bytes: `${POST}Transfer-Encoding: chunked\r\n\r\nzz\r\n${BODY}\r\n0\r\n\r\n`,
    status: 400,
  },
  {
    what: "a length just over the limit, told before the body",
    bytes: `${POST}Content-Length: 12582913\r\n\r\n`,
    status: 413,
    code: "TOO_LARGE",
  },
  { what: "a length far over the limit", bytes: `${POST}Content-Length: 999999999\r\n\r\n`, status: 413 },
  {
    what: "chunks over the limit",
    bytes: Buffer.concat([
      Buffer.from(`${POST}Transfer-Encoding: chunked\r\n\r\n`),
      ...Array.from({ length: 13 }, () => Buffer.concat([Buffer.from("100000\r\n"), MIB, Buffer.from("\r\n")])),
      Buffer.from("0\r\n\r\n"),
    ]),
    status: 413,
    code: "TOO_LARGE",
  },
];
