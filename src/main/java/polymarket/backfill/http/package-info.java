/** Which callers a server on loopback accepts. */
package polymarket.backfill.http;
