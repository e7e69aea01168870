import { describe, expect, it } from "vitest";
import { parseOrigin, parsePublicUrl } from "../../../src/server/origins.ts";
import { trustedProxies } from "../../../src/server/trusted-proxies.ts";

describe("a public address", () => {
  it.each([
    ["https://Metropolis.example", "https://metropolis.example"],
    ["https://metropolis.example:443/met/", "https://metropolis.example/met"],
    ["HTTP://[2001:DB8::1]:8443/a/b", "http://[2001:db8::1]:8443/a/b"],
  ])("%s is %s", (text, url) => {
    expect(parsePublicUrl(text)).toBe(url);
  });

  it.each([
    ["metropolis.example", "is no address"],
    ["localhost:8000", "is no address"],
    ["", "is no address"],
    ["/met", "is no address"],
    ["wss://metropolis.example", "is no address"],
    ["https://", "is no address"],
    ["https:metropolis.example", "is no address"],
    ["https://a:b@metropolis.example", "user or password"],
    ["https://metropolis.example/?a=b", "query"],
    ["https://metropolis.example/#a", "fragment"],
  ])("%s is none", (text, problem) => {
    expect(() => parsePublicUrl(text)).toThrow(problem);
  });
});

describe("an origin", () => {
  it.each([
    ["*", "*"],
    ["null", "null"],
    ["https://Friend.example:443/", "https://friend.example"],
    ["http://localhost:3000", "http://localhost:3000"],
    ["chrome-extension://abcdef", "chrome-extension://abcdef"],
  ])("%s is written %s", (text, origin) => {
    expect(parseOrigin(text)).toBe(origin);
  });

  it.each(["friend.example", "https://friend.example/page", "https://friend.example?a", "", "https://a@b"])(
    "%s is none",
    (text) => {
      expect(() => parseOrigin(text)).toThrow("is no origin");
    },
  );
});

describe("trusted proxies", () => {
  it.each([
    { proxies: ["10.0.0.2"], yes: ["10.0.0.2", "::ffff:10.0.0.2"], no: ["10.0.0.3", "::1", "", undefined] },
    { proxies: ["10.1.0.0/16"], yes: ["10.1.255.255"], no: ["10.2.0.0"] },
    { proxies: ["2001:db8::/32"], yes: ["2001:db8:1::1"], no: ["2001:db9::1", "10.0.0.1"] },
    { proxies: ["loopback"], yes: ["127.0.0.1", "127.0.0.9", "::1", "::ffff:127.0.0.1"], no: ["10.0.0.1"] },
    { proxies: ["private"], yes: ["172.31.0.1", "192.168.1.1", "fd00::1"], no: ["172.32.0.1", "127.0.0.1"] },
    { proxies: ["0.0.0.0/0", "::/0"], yes: ["8.8.8.8", "2001:db8::1"], no: [undefined] },
    { proxies: [], yes: [], no: ["127.0.0.1"] },
  ])("$proxies", ({ proxies, yes, no }) => {
    const trust = trustedProxies(proxies);
    for (const address of yes) expect(trust(address), address).toBe(true);
    for (const address of no) expect(trust(address), address).toBe(false);
  });

  it.each(["nginx", "10.0.0.0/33", "::/129", "10.0.0.0/x", "10.0.0", "", "true"])("%s is none", (proxy) => {
    expect(() => trustedProxies([proxy])).toThrow("is no address of a proxy");
  });
});
