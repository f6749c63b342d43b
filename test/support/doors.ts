/**
 * Forms in which somebody may try to come in who may not: tried on every route of both programs. What is added here is
 * tried everywhere.
 */

export interface Form {
  readonly what: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly query?: string;
}

/** None of these is `Authorization: Bearer <token>`, once. */
export function wrongCredentials(token: string): readonly Form[] {
  return [
    { what: "none", headers: {} },
    { what: "an empty header", headers: { authorization: "" } },
    { what: "the scheme alone", headers: { authorization: "Bearer" } },
    { what: "the scheme and a space", headers: { authorization: "Bearer " } },
    { what: "a wrong token", headers: { authorization: "Bearer wrong" } },
    { what: "the beginning of the right one", headers: { authorization: `Bearer ${token.slice(0, -1)}` } },
    { what: "the right one and more", headers: { authorization: `Bearer ${token}x` } },
    { what: "the right one in capitals", headers: { authorization: `Bearer ${token.toUpperCase()}` } },
    { what: "the right one without a scheme", headers: { authorization: token } },
    { what: "the right one as a password", headers: { authorization: `Basic ${btoa(`x:${token}`)}` } },
    { what: "the right one under another scheme", headers: { authorization: `Token ${token}` } },
    { what: "the right one twice", headers: { authorization: `Bearer ${token}, Bearer ${token}` } },
    { what: "the right one behind a tab", headers: { authorization: `Bearer\t${token}` } },
    { what: "the right one in quotes", headers: { authorization: `Bearer "${token}"` } },
    {
      what: "the right one in another header",
      headers: { "x-api-key": token, "proxy-authorization": `Bearer ${token}` },
    },
    {
      what: "the right one in a cookie",
      headers: { cookie: `token=${token}; Authorization=Bearer ${token}` },
    },
    { what: "the right one in the query", headers: {}, query: `?token=${token}&access_token=${token}` },
    {
      what: "a claim to come from inside",
      headers: { "x-forwarded-for": "127.0.0.1", "x-real-ip": "127.0.0.1", forwarded: "for=127.0.0.1" },
    },
    { what: "a method override", headers: { "x-http-method-override": "GET" } },
  ];
}

/** Names that a web page's owner may have pointed at this machine, and what is no name at all. */
export const FOREIGN_HOSTS: readonly string[] = [
  "evil.example",
  "127.0.0.1.evil.example",
  "localhost.evil.example",
  "evil.example:7070",
  "box.example.evil.example",
  "xbox.example",
  "localhost:7070:7070",
  "localhost, evil.example",
  "user@localhost",
  "[::1].evil.example",
  "[evil]",
  "2130706433",
  "0x7f000001",
  "127.1",
  "0177.0.0.1",
  "::1",
  "localhost#",
  "local host",
  "localhost/",
];

/** Of pages that did not come from `127.0.0.1:port`. */
export function foreignOrigins(port: number): readonly string[] {
  return [
    "null",
    "http://evil.example",
    `https://127.0.0.1:${port + 1}`,
    `http://127.0.0.1:${port + 1}`,
    "http://127.0.0.1",
    `http://localhost:${port}`,
    `http://127.0.0.1:${port}.evil.example`,
    `http://127.0.0.1:${port}@evil.example`,
    "file://",
    "chrome-extension://abc",
    "javascript:alert(1)",
    `127.0.0.1:${port}`,
    "",
  ];
}
