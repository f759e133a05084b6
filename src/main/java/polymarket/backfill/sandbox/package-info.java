/**
 * The sandbox: a local stand-in for the public APIs, with their shapes, page rules, limits, quirks and faults. It knows the
 * right answer to every question it can be asked, so that a run against it can be judged exactly. It shares no code with
 * the jobs.
 */
package polymarket.backfill.sandbox;
