/**
 * Hosts and addresses as text: is it an IP address, does it lead to this machine? Without `node:net`, which would be
 * loaded at every start for these questions alone.
 */

const OCTET = "(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const V4 = new RegExp(`^${OCTET}(\\.${OCTET}){3}$`);

/** 0 = none. IPv6 without brackets; one with a zone (`fe80::1%eth0`) is none. */
export function isIP(text: string): 0 | 4 | 6 {
  if (V4.test(text)) return 4;
  return /^[0-9A-Fa-f:.]+$/.test(text) && text.includes(":") && URL.canParse(`http://[${text}]`) ? 6 : 0;
}

/** The host of a URL as it is compared: lower case, IPv6 without brackets. */
export function hostOf(url: string | URL): string {
  return new URL(url).hostname.replace(/^\[|\]$/g, "").toLowerCase();
}

/**
 * Does this host lead to the machine itself? Names and addresses in any spelling; whatever only looks like one
 * (`127.0.0.999`, `localhost.example.com`) does not.
 */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, "").toLowerCase();
  if (bare === "localhost" || bare === "localhost.") return true;
  switch (isIP(bare)) {
    case 0:
      return false;
    case 4:
      return bare.startsWith("127.");
    case 6:
      // The parser of URLs writes an address in one way: mapped ones in hexadecimal.
      return /^\[(::1|::ffff:7f[0-9a-f]{2}:[0-9a-f]{1,4})\]$/.test(new URL(`http://[${bare}]`).hostname);
  }
}
