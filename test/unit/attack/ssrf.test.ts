/**
 * Attack table: a webhook of a project or an agent must not make us ask where the caller cannot reach. Forms of
 * addresses by which filters were got around elsewhere; what a name resolves to is looked at again when it is sent
 * (the worker's tests do that), with the same table of addresses.
 */
import { describe, expect, test } from "bun:test";
import { webhook } from "../../../src/api/schemas.ts";
import { check } from "../../../src/lib/check.ts";
import { hostOf } from "../../../src/lib/ip.ts";
import { isNobodysAddress, mayReceive } from "../../../src/webhook/hosts.ts";

const TARGETS = { url: "https://hooks.example/in", allowedHosts: ["Allowed.example"] };

/** As the API judges it: the shape first, then the host. */
function accepted(url: string): boolean {
  return check(webhook, { url }).ok && mayReceive(TARGETS, hostOf(url));
}

const REFUSED = [
  "http://169.254.169.254/latest/meta-data/",
  "http://[fd00:ec2::254]/latest/",
  "http://[::ffff:169.254.169.254]/",
  "http://[::ffff:a9fe:a9fe]/",
  "http://2852039166/",
  "http://0xa9fea9fe/",
  "http://0251.0376.0251.0376/",
  "http://169.254.43518/",
  "http://metadata.google.internal/",
  "http://10.0.0.1/",
  "http://192.168.1.1/",
  "http://172.16.0.1/",
  "http://0.0.0.0/",
  "http://0/",
  "http://[::]/",
  "http://127.0.0.1.evil.example/",
  "http://localhost.evil.example/",
  "http://hooks.example.evil.example/",
  "http://evil.example/?hooks.example",
  "http://hooks.example@evil.example/",
  "http://hooks.example%2f@evil.example/",
  "http://evil.example#@hooks.example/",
  "http://evil.example\\@hooks.example/",
  "http://xhooks.example/",
  "http://allowed.example.evil.example/",
  "http://[::ffff:10.0.0.1]/",
  "http://224.0.0.1/",
  "http://255.255.255.255/",
  "file:///etc/passwd",
  "ftp://127.0.0.1/",
  "gopher://127.0.0.1:25/",
  "data:text/plain,x",
  "javascript:alert(1)",
  "unix:///run/x.sock",
  "//evil.example/",
  "hooks.example",
  "http://",
  "http:///x",
  "http://a b/",
  "",
];

describe("refused as a webhook", () => {
  test.each(REFUSED)("%p", (url) => expect(accepted(url)).toBe(false));
});

describe("taken as a webhook: loopback in all its forms, the configured host, an allowed one", () => {
  const taken = [
    "http://127.0.0.1:8080/x",
    "http://localhost/",
    "http://[::1]:1/",
    "http://127.1/",
    "http://2130706433/",
    "http://hooks.example/other?x=1",
    "https://HOOKS.example:8443/",
    "https://allowed.example/",
  ];
  test.each(taken)("%p", (url) => expect(accepted(url)).toBe(true));
});

describe("no name may lead to", () => {
  const nobodys = [
    "169.254.169.254",
    "169.254.0.1",
    "::ffff:169.254.169.254",
    "::ffff:a9fe:a9fe",
    "64:ff9b::a9fe:a9fe",
    "fd00:ec2::254",
    "100.100.100.200",
    "fe80::1",
    "febf::1",
    "0.0.0.0",
    "0.1.2.3",
    "::",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "ff02::1",
  ];
  test.each(nobodys)("%s", (address) => expect(isNobodysAddress(address)).toBe(true));
  test.each(["10.0.0.1", "192.168.1.1", "8.8.8.8", "127.0.0.1", "::1", "2001:db8::1"])(
    "but to %s, where the name was allowed on purpose",
    (address) => expect(isNobodysAddress(address)).toBe(false),
  );
});
