/**
 * The sandbox: a local stand-in for the public APIs, with their shapes, page rules, limits, quirks
 * and faults. It knows the right answer to every question it can be asked, so that a run against it
 * can be judged exactly. It shares no code with the jobs.
 *
 * <p>All sources are on one port of 127.0.0.1: {@code /goldsky/positions-subgraph/0.0.7/gn}, {@code
 * /goldsky/orderbook-subgraph/0.0.1/gn}, {@code /gamma}, {@code /data-api}, {@code /clob}, {@code
 * /polygon}, {@code /sqd}, {@code /hypersync}. {@code docs/SANDBOX.md} describes them, the economy,
 * faults, damage and truth. Beside them:
 *
 * <ul>
 *   <li>{@code GET /_sandbox/stats}, {@code POST /_sandbox/reset}, {@code GET /_sandbox/options}
 *   <li>{@code POST /_sandbox/limits} with {@code {"scale": 10}} (0 counts without enforcing)
 *   <li>{@code POST /_sandbox/head} with {@code {"block": N}}: the newest block that is shown
 *   <li>{@code POST /_sandbox/rpc} with {@code {"style": "free"}}: how the Polygon node limits
 *       ranges and sizes
 *   <li>{@code POST /_sandbox/faults} with one fault or a list, {@code GET} for those that are on,
 *       {@code DELETE} to take all away. A fault is {@code {"kind": "429", "source": "goldsky",
 *       "rate": 0.05, "retryAfter": "2"}}; kind is one of {@link
 *       polymarket.backfill.sandbox.Faults#KINDS}; source is a source's name or its beginning ("*"
 *       by default); match is a piece of the path or query; rate, count, skip and seconds say which
 *       requests; retryAfter is seconds, "date", "date:7" or "none"; status is for html, poison and
 *       outage (503 instead of resets); millis is for slow; rows for truncate; ids for poison (or
 *       any other kind); message is the error's text.
 *   <li>{@code GET} or {@code POST /_sandbox/truth/NAME}, one JSON object a line: {@code payouts}
 *       (?source=goldsky, data-api, chain), {@code conditions}, {@code markets} (rows as Gamma
 *       serves them), {@code wallets}, {@code positions} (as version 2 serves them), {@code fills},
 *       {@code own-trades}, {@code logs?from=BLOCK&to=BLOCK}, {@code chain}, {@code balances},
 *       {@code custodians}, {@code eras}; a body of ids (a JSON array, or one a line) narrows
 *       payouts, fills and positions.
 * </ul>
 */
package polymarket.backfill.sandbox;
