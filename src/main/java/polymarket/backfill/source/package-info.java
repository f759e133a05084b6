/** Requests to sources: turns and pace, HTTP answers and their limits, retries, cursors. */
package polymarket.backfill.source;
